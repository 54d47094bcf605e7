package engine

import (
	"math"
	"slices"
	"sort"
	"time"

	"surgecast"
	"surgecast/capacity"
	"surgecast/model"
	"surgecast/risk"
)

// judge is where a site's episodes stand: its load, and each segment's errors.
type judge struct {
	Load      risk.Machine                `json:"load"`
	LoadSurge *surgecast.Surge            `json:"load_surge"`
	Fail      map[string]risk.Machine     `json:"fail"`
	FailSurge map[string]*surgecast.Surge `json:"fail_surge"`
	State     surgecast.State             `json:"state"` // as the last ledger row says
	Trail     capacity.Trail              `json:"trail"`
	Passed    time.Time                   `json:"passed"` // the act-by that has passed, where it first did; zero: none
	Told      told                        `json:"told"`   // to receivers of recommendation.changed
	Said      []risk.Said                 `json:"said"`   // the chances shown in the last hour
	Left      *risk.Left                  `json:"left"`   // the minute that raised the present alert by itself; nil: none did
}

// busy reports whether the last row's state is one in which the model must not take what it sees for
// the new normal.
func (j *judge) busy() bool { return busyState(j.State) }

func busyState(s surgecast.State) bool { return s == surgecast.StateAlert || s == surgecast.StateOver }

// validFor is how long a forecast and its recommendation may be repeated (DESIGN 8: /scale).
const validFor = capacity.DefaultValidFor

// gridPoints is how many capacities the stored risk grid has, besides the present one.
const gridPoints = 24

// judge forecasts at the track's new origin, says what it means, and adds what is to be committed.
func (e *Engine) judge(t *track, now time.Time, fed []surgecast.Fed, o *outcome) {
	before := slices.Clone(t.run.Lead1) // forecast writes the new one over it
	f := t.forecast(now, e.nameDrivers(t))
	f.Fed = fed
	risk.Assess(t.site, &f, now)
	if under := t.run.Judge.Load.UnderSince; t.run.Judge.Passed.Before(under) {
		t.run.Judge.Passed = time.Time{} // what it was for has come and gone
	}
	t.run.Judge.Passed = risk.HoldPassed(&f, t.run.Judge.Passed, now)
	whole := t.key.segment == surgecast.TotalSegment // a segment is judged, but units are the site's
	if whole {
		f.Recommendation = e.recommend(t, &f, now)
	}

	ev := risk.Observe(t.site, &f, now, t.run.Origin, t.days(), capacity.DefaultDwellMinutes)
	if n := len(t.run.Bounds); n > 0 {
		ev.Saturated = t.run.Bounds[n-1]
	}
	if len(fed) == 1 && len(before) == len(surgecast.Levels) && !math.IsNaN(fed[0].Value) {
		ev.Tail = below(before, fed[0].Value)
	}
	j := &t.run.Judge
	was := j.Load
	m, tr := risk.Next(was, ev)
	j.Load = finite(m)
	switch {
	case m.State != surgecast.StateAlert:
		j.Left = nil
	case tr != nil && risk.Impossible(ev):
		j.Left = &risk.Left{At: fed[0].Minute, RPM: fed[0].Value, Expected: before[slices.Index(surgecast.Levels[:], .5)]}
	}
	var fail failing
	if whole {
		fail = e.judgeErrors(t, &f, ev, now, o)
	}
	states := []surgecast.State{j.Load.State}
	if fail.segment != "" {
		states = append(states, surgecast.StateFailing)
	}
	f.State = risk.Worst(states...)
	j.State = f.State

	facts := t.facts(&f, now)
	facts.FailingSegment, facts.FailingSince, facts.ErrorShare, facts.UsualErrorShare = fail.segment, fail.since, fail.share, fail.usual
	risk.Conclude(facts)
	v := f.Verdict
	t.run.Verdict = &v
	j.Said = risk.Remember(j.Said, v, now)

	e.follow(t, &f, was, tr, now, o)
	if whole {
		e.announceUnits(t, &f, now, o)
		if t.run.Silent && now.Sub(t.run.Origin) <= announceWithin {
			e.announceReturn(t, &f, now, o)
		}
		rec := f.Recommendation
		t.run.Last = &rec
	}
	t.run.Silent = false
	o.forecast = &f
}

// forecast reads the model at the origin into a ledger row. names are what its drivers are called.
func (t *track) forecast(now time.Time, names []string) surgecast.SiteForecast {
	t.series.Forecast(&t.fc)
	c := t.site.Capacity
	f := surgecast.SiteForecast{
		ID: surgecast.NewID("fct_"), SiteID: t.key.site, Segment: t.key.segment,
		Origin: t.run.Origin, IssuedAt: now.UTC().Truncate(time.Microsecond), ValidUntil: now.Add(validFor).UTC().Truncate(time.Microsecond), StepSeconds: 60,
		LeadMinutes: surgecast.LeadMinutes[:], Levels: surgecast.Levels[:], QuantilesRPM: clone(t.fc.Q),
		HorizonMinutes: surgecast.HorizonMinutes[:], MaxQuantilesRPM: clone(t.fc.MaxQ),
		ProfileStepMinutes: t.fc.ProfileSteps, ProfileRPM: slices.Clone(t.fc.Profile),
		DemandRPM: t.run.demand(max(1, c.SustainMinutes)), CapacityRPM: t.capacityRPM(), Units: t.unitsNow(), RPMPerUnit: c.Each(),
		LeadTimeP95Seconds: c.LeadTimeP95Seconds, SustainMinutes: c.SustainMinutes,
		CostLostRequest: c.CostLostRequest, CostIdleUnitHour: c.CostIdleUnitHour, Alpha: capacity.Alpha(c),
		ModelVersion: model.Version,
	}
	f.GridRPM, f.RiskGrid = t.riskGrid(&f)
	if f.CapacityRPM > 0 {
		f.Risk = make([]float64, len(f.HorizonMinutes))
		for h := range f.Risk {
			f.Risk[h] = t.series.Risk(h, f.CapacityRPM)
		}
	}
	t.run.Lead1 = append(t.run.Lead1[:0], f.QuantilesRPM[0]...)
	t.run.Usual = 0
	if len(f.ProfileRPM) > 0 {
		t.run.Usual = f.ProfileRPM[0]
	}
	if t.key.segment == surgecast.TotalSegment {
		f.Drivers = t.told(names)
	}
	if t.complaint() && t.series.Talked() {
		f.Degraded = append(f.Degraded, "mentions")
	}
	return f
}

// riskGrid is R(h, C) on capacities evenly spaced in log from below what is nearly sure to be passed to
// above what nearly never is, with the present capacity among them.
func (t *track) riskGrid(f *surgecast.SiteForecast) (grid []float64, r [][]float64) {
	low, high := math.Inf(1), 0.0
	for h := range f.MaxQuantilesRPM {
		q := f.MaxQuantilesRPM[h]
		low, high = min(low, q[0]), max(high, q[len(q)-1])
	}
	low, high = max(1, .7*low), max(2, 1.3*high)
	if c := f.CapacityRPM; c > 0 {
		low, high = min(low, .5*c), max(high, 2*c)
	}
	ratio := math.Pow(high/low, 1/float64(gridPoints-1))
	for i := range gridPoints {
		grid = append(grid, low*math.Pow(ratio, float64(i)))
	}
	if c := f.CapacityRPM; c > 0 {
		grid = append(grid, c)
		sort.Float64s(grid)
		grid = slices.Compact(grid)
	}
	r = make([][]float64, len(f.HorizonMinutes))
	for h := range r {
		r[h] = make([]float64, len(grid))
		for i, c := range grid {
			r[h][i] = t.series.Risk(h, c)
		}
	}
	return grid, r
}

// recommend asks capacity for the units, with people's words on them.
func (e *Engine) recommend(t *track, f *surgecast.SiteForecast, now time.Time) surgecast.Recommendation {
	delay := max(0, int(math.Round(now.Sub(f.Origin.Add(time.Minute)).Minutes())))
	in := capacity.Input{
		Profile: t.site.Capacity, Mode: t.site.Mode, Now: f.IssuedAt, DemandNowRPM: f.DemandRPM, UnitsNow: t.run.Units,
		WindowMaxRPM: func(from, to int, p float64) float64 {
			return t.series.MaxQuantile(min(from+delay, 1440), min(to+delay, 1440), p)
		},
		TrafficConfirms: t.confirms(f),
		PlannedEvent:    t.covered(now, time.Duration(t.site.Capacity.LeadTimeP95Seconds)*time.Second+capacity.DefaultDwellMinutes*time.Minute),
		WithoutMentions: func(from, to int, p float64) float64 {
			return t.series.WithoutTalk().MaxQuantile(min(from+delay, 1440), min(to+delay, 1440), p)
		},
		Previous: t.run.Last, Trail: t.run.Judge.Trail,
		Frozen: e.frozen[t.site.AccountID], ExtraUnitHoursToday: t.extraToday(now),
	}
	if ov, ok := e.overrides[t.key.site]; ok {
		in.Override = &ov
	}
	rec := capacity.Recommend(in)
	if t.run.Last == nil || rec.Sequence != t.run.Last.Sequence {
		rec.ID = surgecast.NewID("rec_")
	} else {
		rec.ID = t.run.Last.ID
	}
	t.run.Judge.Trail = t.run.Judge.Trail.Add(f.IssuedAt, rec.Units, rec.WouldBeUnits, t.unitsNow())
	return rec
}

// confirmed is how far above its usual demand must be to show that something is coming.
const confirmed = 1.25

// confirms reports whether the site's own traffic shows what the talk announces: demand a quarter above
// what is usual at this time. Before, mentions alone may lift the floor only so far.
func (t *track) confirms(f *surgecast.SiteForecast) bool {
	return len(f.ProfileRPM) == 0 || f.DemandRPM >= confirmed*f.ProfileRPM[0]
}

// extraToday books the unit-hours asked for above the configured units since the last sweep and tells
// the sum since local midnight.
func (t *track) extraToday(now time.Time) float64 {
	x := &t.run.Extra
	loc, err := time.LoadLocation(t.site.TimeZone)
	if err != nil {
		loc = time.UTC
	}
	day := now.In(loc).Format(time.DateOnly)
	if x.Day != day {
		x.Day, x.Hours = day, 0
	}
	if l := t.run.Last; l != nil && !x.Since.IsZero() && now.After(x.Since) {
		x.Hours += float64(max(0, l.Units-t.site.Capacity.Units)) * min(now.Sub(x.Since).Hours(), 1)
	}
	x.Since = now
	return x.Hours
}

// days is how much of its own traffic the site has.
func (t *track) days() float64 {
	if t.run.First.IsZero() {
		return 0
	}
	return t.run.Origin.Sub(t.run.First).Hours() / 24
}

// facts are what the verdict is written from.
func (t *track) facts(f *surgecast.SiteForecast, now time.Time) risk.Facts {
	j := &t.run.Judge
	fa := risk.Facts{
		Site: t.site, Forecast: f, Now: now, Surge: j.LoadSurge, LastMinute: t.run.Origin, DaysOfHistory: t.days(), Previous: t.run.Verdict, Said: j.Said, Left: j.Left,
		OverSince: j.Load.OverSince, UnderSince: j.Load.UnderSince, WatchUntil: j.Load.WatchUntil(), KeptUnits: f.Recommendation.Units,
	}
	if t.key.segment == surgecast.TotalSegment {
		fa.Driver, fa.CannotTellWhich = drives(f.Drivers)
		if p := t.nextPlanned(now); p != nil {
			fa.Planned = &risk.Planned{What: p.Kind.Word(), At: p.StartsAt, Until: p.EndsAt}
		}
		fa.SocialAddsNothing = t.days() >= 7 && t.series.SignalAddsNothing()
	}
	return fa
}

// failing is the segment whose errors are to be spoken of.
type failing struct {
	segment      string
	since        time.Time
	share, usual float64
}

// judgeErrors moves each segment's failing episode and answers the worst one that fails.
func (e *Engine) judgeErrors(t *track, fc *surgecast.SiteForecast, load risk.Evidence, now time.Time, o *outcome) failing {
	j := &t.run.Judge
	if j.Fail == nil {
		j.Fail, j.FailSurge = map[string]risk.Machine{}, map[string]*surgecast.Surge{}
	}
	t.retireErrors(now, o)
	names := make([]string, 0, len(t.run.Errors))
	for name, s := range t.run.Errors {
		if t.sent(s) {
			names = append(names, name)
		}
	}
	if len(names) > 1 { // the segments say where it fails
		names = slices.DeleteFunc(names, func(name string) bool { return name == surgecast.TotalSegment })
	}
	sort.Strings(names)
	var worst failing
	for _, name := range names {
		s := t.run.Errors[name]
		ev := load
		ev.ErrorShare, ev.UsualErrorShare, ev.Errors = s.Now, s.Usual, s.Now*s.Requests
		if t.run.Origin.Sub(s.At) >= risk.SilentAfter {
			ev.ErrorShare = math.NaN()
		}
		was := j.Fail[name]
		was.Kind = surgecast.SurgeFailing
		m, tr := risk.Next(was, ev)
		j.Fail[name] = finite(m)
		if m.State == surgecast.StateFailing && s.Now > worst.share {
			worst = failing{segment: name, since: m.Since, share: s.Now, usual: s.Usual}
		}
		if tr == nil {
			continue
		}
		surge := j.FailSurge[name]
		if m.Open && !was.Open {
			surge = &surgecast.Surge{
				ID: surgecast.NewID("srg_"), AccountID: t.site.AccountID, SiteID: t.site.ID, Subject: t.site.Slug, Segment: name,
				Kind: surgecast.SurgeFailing, OpenedAt: m.OpenedAt, Simulated: t.site.Simulated,
			}
			j.FailSurge[name] = surge
		}
		if surge == nil {
			continue
		}
		f := failing{segment: name, since: m.Since, share: s.Now, usual: s.Usual}
		e.tell(t, surge, m, was.Open, tr, now, fc, &f, o)
		if !m.Open {
			delete(j.FailSurge, name)
		}
	}
	return worst
}

// follow keeps the load's episode in step with its machine.
func (e *Engine) follow(t *track, f *surgecast.SiteForecast, was risk.Machine, tr *surgecast.SurgeTransition, now time.Time, o *outcome) {
	j := &t.run.Judge
	m := j.Load
	if s := j.LoadSurge; s != nil && m.Open && m.Peak > s.Peak && tr == nil {
		s.Peak, s.PeakAt = m.Peak, m.PeakAt // stored with the next transition
	}
	if tr == nil {
		return
	}
	if m.Open && !was.Open {
		j.LoadSurge = &surgecast.Surge{
			ID: surgecast.NewID("srg_"), AccountID: t.site.AccountID, SiteID: t.site.ID, Subject: t.site.Slug, Segment: t.key.segment,
			Kind: surgecast.SurgeOverload, OpenedAt: m.OpenedAt, Simulated: t.site.Simulated,
		}
	}
	if j.LoadSurge == nil {
		return
	}
	e.tell(t, j.LoadSurge, m, was.Open, tr, now, f, nil, o)
	if !m.Open {
		j.LoadSurge = nil
	}
}

// tell records a transition of an episode and the message about it.
func (e *Engine) tell(t *track, s *surgecast.Surge, m risk.Machine, wasOpen bool, tr *surgecast.SurgeTransition, now time.Time, f *surgecast.SiteForecast, fail *failing, o *outcome) {
	s.State, s.AlertAt = m.State, m.AlertAt
	if m.Peak > s.Peak {
		s.Peak, s.PeakAt = m.Peak, m.PeakAt
	}
	typ := surgecast.TypeSurgeLevelChanged
	switch {
	case m.Open && !wasOpen:
		typ = surgecast.TypeSurgeOpened
	case !m.Open && m.State == surgecast.StateCannotTell:
		typ = surgecast.TypeForecastStale
	case !m.Open:
		typ, s.ClosedAt = surgecast.TypeSurgeClosed, tr.At
	}
	tr.SurgeID, tr.IssuedAt = s.ID, now
	d := surgeData{
		Schema: 1, SurgeID: s.ID, Kind: s.Kind, Site: t.site.Slug, Segment: s.Segment, State: m.State, From: tr.From,
		At: tr.At, OpenedAt: s.OpenedAt, AlertAt: s.AlertAt, Probability: number(tr.Probability), Simulated: t.site.Simulated, UnitsNow: t.unitsNow(),
	}
	tr.ForecastID, d.ForecastID = f.ID, f.ID
	if fail == nil {
		v := f.Verdict
		if v.State == surgecast.StateFailing { // the site's verdict is about another episode
			row := *f
			row.State = m.State
			v = risk.Say(t.facts(&row, now))
		}
		tr.Headline, tr.Sentence = v.Headline, v.Sentence
		if v.ShownPercent != "" { // the chance of the words, for the window they name
			tr.Probability = risk.At(f.HorizonMinutes, f.Risk, float64(v.Horizon))
		}
		d.Probability, d.ShownPercent, d.Word = number(tr.Probability), v.ShownPercent, v.Word
		d.DemandRPM, d.CapacityRPM, d.WouldBeUnits = number(f.DemandRPM), f.CapacityRPM, f.Recommendation.WouldBeUnits
		if !f.ActBy.IsZero() {
			at := f.ActBy
			d.ActBy = &at
		}
	} else {
		row := *f
		row.State = m.State
		fa := t.facts(&row, now)
		fa.FailingSegment, fa.FailingSince, fa.ErrorShare, fa.UsualErrorShare = fail.segment, fail.since, fail.share, fail.usual
		v := risk.Say(fa)
		tr.Headline, tr.Sentence = v.Headline, v.Sentence
		d.ErrorShare, d.UsualErrorShare = number(fail.share), number(fail.usual)
	}
	d.Headline, d.Sentence = tr.Headline, tr.Sentence
	o.addSurge(*s)
	o.transitions = append(o.transitions, *tr)
	if now.Sub(tr.At) <= announceWithin {
		o.messages = append(o.messages, surgecast.Message{AccountID: t.site.AccountID, SiteID: t.site.ID, Type: typ, SurgeID: d.SurgeID, Data: d, Timestamp: now})
	}
}

// addSurge keeps the last version of each surge of the sweep.
func (o *outcome) addSurge(s surgecast.Surge) {
	for i := range o.surges {
		if o.surges[i].ID == s.ID {
			o.surges[i] = s
			return
		}
	}
	o.surges = append(o.surges, s)
}

// announceUnits tells a recommendation where told finds it worth a message; in shadow nothing that scales is sent.
func (e *Engine) announceUnits(t *track, f *surgecast.SiteForecast, now time.Time, o *outcome) {
	rec, j := f.Recommendation, &t.run.Judge
	if t.site.Mode == surgecast.ModeShadow {
		j.Told = told{Sequence: j.Told.Sequence}
		return
	}
	if j.Told.At.IsZero() && !j.Told.turned(t.site.Mode) {
		j.Told.Mode = t.site.Mode
		if t.run.Last == nil || rec.Sequence == t.run.Last.Sequence {
			return // nothing has changed since it acts
		}
		j.Told.Units, j.Told.WouldBe = t.run.Last.Units, t.run.Last.WouldBeUnits
	}
	before := j.Told
	var tell bool
	if j.Told, tell = before.next(rec, t.site.Mode, now, j.busy()); !tell {
		return
	}
	// The ledger keeps the sequence, so that it rises on after a restart from there.
	if j.Told.Sequence > rec.Sequence {
		f.Recommendation.Sequence, f.Recommendation.ID = j.Told.Sequence, surgecast.NewID("rec_")
	}
	d := unitsData{
		Schema: 1, Site: t.site.Slug, Mode: t.site.Mode, Units: j.Told.Units, PreviousUnits: before.Units, WouldBeUnits: j.Told.WouldBe,
		ValidUntil: rec.ValidUntil, Sequence: j.Told.Sequence, Reason: rec.Reason, Detail: rec.Detail, ForecastID: f.ID, Simulated: t.site.Simulated,
	}
	if before.turned(t.site.Mode) && t.site.ModeWhy != "" {
		d.Headline, d.Sentence = risk.NoLongerActs, t.site.ModeWhy
	}
	o.messages = append(o.messages, surgecast.Message{
		AccountID: t.site.AccountID, SiteID: t.site.ID, Type: surgecast.TypeRecommendationChanged, Sequence: j.Told.Sequence, Timestamp: now, ExpiresAt: rec.ValidUntil,
		Data: d,
	})
}

// announceReturn says that the numbers of a silent site come again.
func (e *Engine) announceReturn(t *track, f *surgecast.SiteForecast, now time.Time, o *outcome) {
	o.messages = append(o.messages, surgecast.Message{
		AccountID: t.site.AccountID, SiteID: t.site.ID, Type: surgecast.TypeForecastResumed, Timestamp: now,
		Data: surgeData{Schema: 1, Site: t.site.Slug, State: f.State, From: surgecast.StateCannotTell, At: t.run.Origin, Headline: "Numbers arrive again.", Simulated: t.site.Simulated, UnitsNow: t.unitsNow()},
	})
}

// stillNews is how long ago a silence may have begun and still be told: an import of last year is not a
// source that has just died.
const stillNews = 24 * time.Hour

// silence notices that a site's numbers have stopped: once, not every sweep.
func (e *Engine) silence(t *track, now time.Time, o *outcome) {
	if t.run.Origin.IsZero() || t.run.Silent || now.Sub(t.run.Origin.Add(time.Minute)) < risk.SilentAfter {
		return
	}
	t.run.Silent = true
	j := &t.run.Judge
	was := j.Load
	ev := risk.Evidence{At: now, NoData: true, DemandRPM: math.NaN(), Risk: math.NaN(), RiskWatch: math.NaN(), CapacityRPM: t.capacityRPM()}
	m, tr := risk.Next(was, ev)
	j.Load = finite(m)
	var kept surgecast.Recommendation
	if t.run.Last != nil {
		kept = *t.run.Last
	}
	v := risk.Say(risk.Facts{Site: t.site, Now: now, LastMinute: t.run.Origin, DaysOfHistory: t.days(), LastVerdict: was.State, Surge: j.LoadSurge, KeptUnits: kept.Units, KeptUntil: kept.ValidUntil})
	j.Said = risk.Remember(j.Said, v, now)
	if tr != nil && j.LoadSurge != nil {
		s := j.LoadSurge
		s.State = m.State
		tr.SurgeID, tr.IssuedAt, tr.Headline, tr.Sentence = s.ID, now, v.Headline, v.Sentence
		o.addSurge(*s)
		o.transitions = append(o.transitions, *tr)
	}
	if t.key.segment == surgecast.TotalSegment && now.Sub(t.run.Origin) <= stillNews {
		o.messages = append(o.messages, surgecast.Message{
			AccountID: t.site.AccountID, SiteID: t.site.ID, Type: surgecast.TypeForecastStale, Timestamp: now,
			Data: surgeData{Schema: 1, Site: t.site.Slug, State: surgecast.StateCannotTell, From: was.State, At: t.run.Origin, Headline: v.Headline, Sentence: v.Sentence, Simulated: t.site.Simulated, UnitsNow: t.unitsNow()},
		})
	}
	s, err := t.remembered()
	if err != nil {
		o.err = err
		return
	}
	o.states = append(o.states, s)
}

// below is the probability a forecast gave to less than x: quantiles are joined linearly in log counts,
// and beyond .999 the tail is exponential there with the slope of .975 → .999 (MODEL 6.5).
func below(q []float64, x float64) float64 {
	levels := surgecast.Levels[:]
	n := len(levels) - 1
	lx := math.Log1p(max(0, x))
	if lx >= math.Log1p(q[n]) {
		k := slices.Index(levels, .975)
		slope := (math.Log1p(q[n]) - math.Log1p(q[k])) / math.Log((1-levels[k])/(1-levels[n]))
		if !(slope > 0) {
			return levels[n]
		}
		return 1 - (1-levels[n])*math.Exp(-(lx-math.Log1p(q[n]))/slope)
	}
	for i := n; i > 0; i-- {
		a, b := math.Log1p(q[i-1]), math.Log1p(q[i])
		if lx >= a {
			if b <= a {
				return levels[i-1]
			}
			return levels[i-1] + (levels[i]-levels[i-1])*(lx-a)/(b-a)
		}
	}
	return levels[0]
}

// finite keeps a machine storable: JSON has no NaN.
func finite(m risk.Machine) risk.Machine {
	if math.IsNaN(m.Mark) || math.IsInf(m.Mark, 0) {
		m.Mark = 0
	}
	if math.IsNaN(m.Peak) || math.IsInf(m.Peak, 0) {
		m.Peak = 0
	}
	return m
}

func clone(q [][]float64) [][]float64 {
	out := make([][]float64, len(q))
	for i := range q {
		out[i] = slices.Clone(q[i])
	}
	return out
}
