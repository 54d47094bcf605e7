package review

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"surgecast"
)

// Options say what is judged.
type Options struct {
	Site surgecast.Site // capacity as configured: breaches are judged against Units × RPMPerUnit

	// From and To bound what is judged: origins, episodes and the rules' minutes lie in [From, To). Minutes
	// before From are only the past of the rules. Zero: from the first ledger row, to the end of the minutes.
	From, To time.Time

	// DemandKnown says that the minutes hold the whole demand even where it passed capacity, as a recording
	// of requests does. Without it a saturated minute is a lower bound and counts only when the forecast lies
	// below it.
	DemandKnown bool

	// AlertHorizonMinutes is how long an alert has to come true when its ledger row does not say. 0: 60.
	AlertHorizonMinutes int

	GeneratedAt time.Time // by the caller's clock; zero: not printed
	Source      string    // where the minutes come from, for the reader: a file name, a URL
}

// Input is everything at once, for callers that hold it. Each slice rises in time.
type Input struct {
	Options
	Minutes     []surgecast.TrafficMinute
	Forecasts   []surgecast.SiteForecast
	Surges      []surgecast.Surge
	Transitions []surgecast.SurgeTransition
	Deliveries  []surgecast.Delivery
	Talk        []Talk
}

// Build makes the report of everything at once.
func Build(in Input) (Report, error) {
	b := NewBuilder(in.Options)
	for _, m := range in.Minutes {
		if err := b.Minute(m); err != nil {
			return Report{}, err
		}
	}
	for i := range in.Forecasts {
		if err := b.Forecast(&in.Forecasts[i]); err != nil {
			return Report{}, err
		}
	}
	for _, s := range in.Surges {
		b.Surge(s)
	}
	for _, t := range in.Transitions {
		b.Transition(t)
	}
	for _, d := range in.Deliveries {
		b.Delivery(d)
	}
	for _, t := range in.Talk {
		b.Talk(t)
	}
	return b.Report()
}

// Builder takes the parts as they come and keeps a few numbers of each. It is not safe for concurrent use.
type Builder struct {
	o           Options
	s           *series
	rows        []row
	pending     []pending // rows whose future is not all in yet, oldest first
	leads       map[int]*leadSums
	leadOrder   []int
	all         leadSums
	horizons    map[int]*horizonSums
	hOrder      []int
	bandLead    int
	bands       map[int]band // by position of the target minute
	surges      map[string]surgecast.Surge
	transitions []surgecast.SurgeTransition
	deliveries  []surgecast.Delivery
	talk        []Talk
	receipt     Receipt
	simulated   bool
}

// row is what is kept of a ledger row for the stories and the rules.
type row struct {
	origin   int
	issued   time.Time
	actBy    time.Time
	units    int // as /scale would answer in mode act
	horizon  int // minutes the verdict spoke of
	horizons []int
	risk     []float64
}

// chanceWithin is the chance said of a breach within so many minutes: that of the nearest horizon at or
// beyond, unknown when there is none.
func (r *row) chanceWithin(minutes int) Number {
	for i, h := range r.horizons {
		if h >= minutes && i < len(r.risk) {
			return chance(r.risk[i])
		}
	}
	return unknown
}

// pending is what is kept of a ledger row until it can be judged.
type pending struct {
	origin   int
	last     int // position of the last minute it speaks of
	leads    []int
	q        []float64 // [lead][judged]
	horizons []int
	risk     []float64
	capacity float64
}

// band is the forecast of one minute as it stood bandLead minutes before.
type band struct{ lo95, lo50, mid, hi50, hi95 float64 }

// NewBuilder starts a report.
func NewBuilder(o Options) *Builder {
	if o.AlertHorizonMinutes <= 0 {
		o.AlertHorizonMinutes = 60
	}
	return &Builder{
		o:        o,
		s:        newSeries(o.Site.Capacity.SustainMinutes),
		leads:    map[int]*leadSums{},
		horizons: map[int]*horizonSums{},
		bands:    map[int]band{},
		surges:   map[string]surgecast.Surge{},
	}
}

// Minute adds what came in one minute of the whole site. Minutes rise; one left out is missing. A count that
// cannot be one (NaN, negative, above 10¹²) is missing as well.
func (b *Builder) Minute(m surgecast.TrafficMinute) error {
	if err := b.s.add(m); err != nil {
		return err
	}
	b.settle(false)
	return nil
}

// Forecast adds one ledger row, in the order of origins. Rows of single segments are left out: breach of the
// site is judged on the total. The row may be reused by the caller afterwards. Its minutes may have been added
// before or come after, but at least one minute must have been.
func (b *Builder) Forecast(f *surgecast.SiteForecast) error {
	if f.Segment != "" && f.Segment != surgecast.TotalSegment {
		return nil
	}
	if b.s.len() == 0 {
		return fmt.Errorf("review of forecast %s at %s: no minute was added before it", f.ID, f.Origin.Format(time.RFC3339))
	}
	origin := b.s.at(f.Origin)
	if n := len(b.rows); n > 0 && origin <= b.rows[n-1].origin {
		return fmt.Errorf("review of forecast %s at %s: origins must rise", f.ID, f.Origin.Format(time.RFC3339))
	}
	r := row{
		origin: origin, issued: f.IssuedAt, actBy: f.ActBy,
		units: f.Recommendation.WouldBeUnits, horizon: f.Verdict.Horizon,
	}
	if r.units == 0 {
		r.units = f.Recommendation.Units
	}
	// Every row has the same horizons: they are kept once.
	if n := len(b.rows); n > 0 && slices.Equal(b.rows[n-1].horizons, f.HorizonMinutes) {
		r.horizons = b.rows[n-1].horizons
	} else {
		r.horizons = slices.Clone(f.HorizonMinutes)
	}
	r.risk = slices.Clone(f.Risk)
	b.rows = append(b.rows, r)
	b.receipt.add(f)
	b.simulated = b.simulated || f.Verdict.Simulated

	if !b.inside(f.Origin) {
		return nil
	}
	p := pending{
		origin: origin, leads: slices.Clone(f.LeadMinutes), q: pick(f),
		horizons: r.horizons, risk: r.risk, capacity: f.CapacityRPM,
	}
	for _, l := range p.leads {
		p.last = max(p.last, origin+l)
	}
	for _, h := range p.horizons {
		p.last = max(p.last, origin+h)
	}
	b.band(&p)
	b.pending = append(b.pending, p)
	b.settle(false)
	return nil
}

// inside reports whether t is judged.
func (b *Builder) inside(t time.Time) bool {
	return (b.o.From.IsZero() || !t.Before(b.o.From)) && (b.o.To.IsZero() || t.Before(b.o.To))
}

// band remembers the forecast for the chart, at the first lead that was long enough to act on.
func (b *Builder) band(p *pending) {
	if b.bandLead == 0 {
		need := newFleet(b.o.Site.Capacity).lead + 1
		for _, l := range p.leads {
			if l >= need {
				b.bandLead = l
				break
			}
		}
	}
	if k := slices.Index(p.leads, b.bandLead); k >= 0 {
		q := p.q[k*len(judged) : (k+1)*len(judged)]
		b.bands[p.origin+b.bandLead] = band{lo95: q[8], lo50: q[2], mid: q[median], hi50: q[4], hi95: q[9]}
	}
}

// settle judges the pending rows whose every minute has come; at the end, all of them by what did come.
func (b *Builder) settle(end bool) {
	k := 0
	for k < len(b.pending) && (end || b.pending[k].last < b.s.len()) {
		b.judge(&b.pending[k])
		k++
	}
	b.pending = b.pending[k:]
}

func (b *Builder) judge(p *pending) {
	lastKnown := math.NaN()
	for i := min(p.origin, b.s.len()-1); i >= 0 && i > p.origin-60 && math.IsNaN(lastKnown); i-- {
		lastKnown = b.s.requests[i]
	}
	for k, lead := range p.leads {
		t := p.origin + lead
		if t < 0 || t >= b.s.len() {
			continue
		}
		sums := b.leads[lead]
		if sums == nil {
			sums = &leadSums{}
			b.leads[lead] = sums
			b.leadOrder = append(b.leadOrder, lead)
		}
		q := p.q[k*len(judged) : (k+1)*len(judged)]
		bound := b.s.saturated[t] && !b.o.DemandKnown
		yesterday := b.s.value(t - minutesPerDay)
		sums.add(b.s.requests[t], bound, q, yesterday, lastKnown)
		b.all.add(b.s.requests[t], bound, q, yesterday, lastKnown)
	}
	if !(p.capacity > 0) || len(p.risk) == 0 || len(p.horizons) == 0 {
		return // capacity unknown: no chance was claimed
	}
	first := b.s.firstOver(p.origin, slices.Max(p.horizons), p.capacity)
	for i, h := range p.horizons {
		if i >= len(p.risk) {
			break
		}
		sums := b.horizons[h]
		if sums == nil {
			sums = &horizonSums{}
			b.horizons[h] = sums
			b.hOrder = append(b.hOrder, h)
		}
		if happened, known := outcome(b.s, p.origin, h, first); known {
			sums.add(p.origin, p.risk[i], happened)
		}
	}
}

// Surge adds an episode of the site, for its kind; a later version of the same replaces the earlier.
func (b *Builder) Surge(s surgecast.Surge) { b.surges[s.ID] = s }

// Transition adds one change of state, in any order.
func (b *Builder) Transition(t surgecast.SurgeTransition) { b.transitions = append(b.transitions, t) }

// Delivery adds one webhook message, in any order. Its body is not kept when it is not about a surge.
func (b *Builder) Delivery(d surgecast.Delivery) {
	if d.Type == surgecast.TypeSurgeOpened || d.Type == surgecast.TypeSurgeLevelChanged {
		b.deliveries = append(b.deliveries, d)
	}
}

// Talk adds one topic's mentions and surges.
func (b *Builder) Talk(t Talk) { b.talk = append(b.talk, t) }

// Report judges what has come so far. It may be called again after more was added, but rows whose future was
// not all in at the first call have then been judged by the part that was.
func (b *Builder) Report() (Report, error) {
	b.settle(true)
	c := b.o.Site.Capacity
	r := Report{
		Schema:      1,
		GeneratedAt: b.o.GeneratedAt,
		Source:      b.o.Source,
		Site: SiteFacts{
			Slug: b.o.Site.Slug, Name: b.o.Site.Name, TimeZone: b.o.Site.TimeZone,
			Simulated: b.o.Site.Simulated || b.simulated, Mode: b.o.Site.Mode,
			Units: c.Units, MinUnits: c.MinUnits, MaxUnits: c.MaxUnits, RPMPerUnit: c.Each(), CapacityRPM: c.RPM(),
			LeadTimeP95Seconds: c.LeadTimeP95Seconds, SustainMinutes: max(1, c.SustainMinutes),
			CostLostRequest: c.CostLostRequest, CostIdleUnitHour: c.CostIdleUnitHour, Currency: c.Currency,
		},
		Forecasts: len(b.rows),
		Receipt:   b.receipt,
		Leads:     []LeadScore{},
		Breach:    []HorizonScore{},
		Episodes:  []Episode{},
		Rules:     []RuleResult{},
		Talk:      []TalkResult{},
		Alarms:    Alarms{FalseAlarms: []FalseAlarm{}, FalsePerWeek: unknown},
	}
	if r.Site.TimeZone == "" {
		r.Site.TimeZone = "UTC"
	}
	zone, err := time.LoadLocation(r.Site.TimeZone)
	if err != nil {
		return Report{}, fmt.Errorf("report of site %s: time zone %q: %w", r.Site.Slug, r.Site.TimeZone, err)
	}
	r.zone = zone
	for _, t := range b.talk {
		r.Talk = append(r.Talk, t.judge(b.o.From, b.o.To))
	}
	if b.s.len() > 0 {
		b.traffic(&r)
	}
	r.say()
	return r, nil
}

// traffic fills in everything that rests on the site's minutes.
func (b *Builder) traffic(r *Report) {
	c := b.o.Site.Capacity
	from, to := 0, b.s.len()
	switch {
	case !b.o.From.IsZero():
		from = b.s.at(b.o.From)
	case len(b.rows) > 0:
		from = b.rows[0].origin
	}
	if !b.o.To.IsZero() {
		to = b.s.at(b.o.To)
	}
	from = min(max(from, 0), b.s.len())
	to = max(min(to, b.s.len()), from)
	r.From, r.To = b.s.time(from), b.s.time(to)
	r.Minutes = to - from
	r.MissingMinutes = r.Minutes - b.s.knownIn(from, to)
	for i := from; i < to; i++ {
		if b.s.saturated[i] {
			r.SaturatedMinutes++
		}
	}
	r.DemandKnown = b.o.DemandKnown

	slices.Sort(b.leadOrder)
	for _, l := range b.leadOrder {
		r.Leads = append(r.Leads, b.leads[l].score(l))
	}
	r.All = b.all.score(0)
	slices.Sort(b.hOrder)
	for _, h := range b.hOrder {
		r.Breach = append(r.Breach, b.horizons[h].score(h))
	}

	b.stories(r, from, to)

	if c.Known() && to > from {
		players := rivals(c, b.s.start)
		if len(b.rows) > 0 {
			players = append([]rule{b.ledger()}, players...)
		}
		for _, p := range players {
			r.Rules = append(r.Rules, play(p, b.s, from, to, c, r.Episodes))
		}
	}
	r.chart = chart{s: b.s, from: from, to: to, bands: b.bands, bandLead: b.bandLead}
}

// ledger is our recommendation by position. It takes effect at the end of the minute it was issued in, counted
// from the end of its origin: a row issued in time (within the minute after its origin ended) is a decision at
// the end of the origin, as a rival's is; a late one is late by whole minutes.
func (b *Builder) ledger() ledger {
	asks := make(map[int]int, len(b.rows))
	for _, r := range b.rows {
		late := max(0, int(r.issued.Sub(b.s.time(r.origin+1))/time.Minute))
		if r.units > 0 {
			asks[r.origin+late] = r.units
		}
	}
	return ledger{asks: asks}
}

// stories tells episode by episode what was said before it came.
func (b *Builder) stories(r *Report, from, to int) {
	c := b.o.Site.Capacity
	r.failing = slices.ContainsFunc(b.transitions, func(t surgecast.SurgeTransition) bool { return t.To == surgecast.StateFailing })
	transitions := slices.DeleteFunc(slices.Clone(b.transitions), func(t surgecast.SurgeTransition) bool {
		s, ok := b.surges[t.SurgeID]
		return ok && s.Kind != surgecast.SurgeOverload && s.Kind != ""
	})
	slices.SortStableFunc(transitions, func(x, y surgecast.SurgeTransition) int { return x.IssuedAt.Compare(y.IssuedAt) })
	r.Episodes = append(r.Episodes, episodes(b.s, from, to, c.RPM())...)
	var since time.Time
	sincePos := from
	for i := range r.Episodes {
		e := &r.Episodes[i]
		e.warn(transitions, since)
		e.told(b.deliveries)
		e.advise(b.rows, time.Duration(c.LeadTimeP95Seconds)*time.Second)
		e.control(b.s, sincePos, c.RPM())
		since, sincePos = e.To, e.lastPos+1
	}
	if c.RPM() > 0 {
		r.Alarms = alarms(b.s, transitions, r.Episodes, r.From, r.To, c.RPM(), b.horizonAt)
	}
}

// horizonAt is how long an alert decided on the row of this minute has to come true.
func (b *Builder) horizonAt(minute time.Time) int {
	origin := b.s.at(minute)
	i, ok := slices.BinarySearchFunc(b.rows, origin, func(r row, o int) int { return r.origin - o })
	if ok && b.rows[i].horizon > 0 {
		return b.rows[i].horizon
	}
	return b.o.AlertHorizonMinutes
}

// Receipt says which part of the ledger the report rests on: whoever holds the rows can check that they are
// these, and that they were written before the fact.
type Receipt struct {
	ModelVersions []string `json:"model_versions"`
	SealVersions  []int    `json:"seal_versions"` // how the rows are sealed: surgecast.SealVersion
	FirstID       string   `json:"first_id"`
	LastID        string   `json:"last_id"`
	LastHash      string   `json:"last_hash"` // chains every row before it
	Broken        int      `json:"broken"`    // rows that do not fit their seal, or do not follow from the row before
	lastHash      []byte
	any           bool
}

// sealed says how, empty for rows that were never stored.
func (r *Receipt) sealed() string {
	var vs []string
	for _, v := range r.SealVersions {
		if v > 0 {
			vs = append(vs, strconv.Itoa(v))
		}
	}
	if vs == nil {
		return ""
	}
	return ", seal " + strings.Join(vs, " and ")
}

func (r *Receipt) add(f *surgecast.SiteForecast) {
	if !slices.Contains(r.ModelVersions, f.ModelVersion) {
		r.ModelVersions = append(r.ModelVersions, f.ModelVersion)
	}
	if !slices.Contains(r.SealVersions, f.SealVersion) {
		r.SealVersions = append(r.SealVersions, f.SealVersion)
	}
	if !r.any {
		r.FirstID = f.ID
	}
	follows := !r.any || string(f.PrevHash) == string(r.lastHash)
	stored := f.Hash != nil && f.Segment != "" // as it was read: without its segment a row cannot fit
	if f.Hash != nil && !follows || stored && !f.Intact() {
		r.Broken++
	}
	r.any = true
	r.LastID = f.ID
	r.lastHash = slices.Clone(f.Hash)
	r.LastHash = hex.EncodeToString(f.Hash)
}
