package engine

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"surgecast"
	"surgecast/model"
)

// plan saves an event that was written at a minute, and announced then unless change says otherwise.
func (p *place) plan(at int, kind surgecast.EventKind, start int, change func(*surgecast.PlannedEvent)) surgecast.PlannedEvent {
	p.t.Helper()
	e := surgecast.PlannedEvent{AccountID: p.site.AccountID, SiteID: p.site.ID, Kind: kind, StartsAt: minute(start), CreatedAt: minute(at), UpdatedAt: minute(at)}
	if change != nil {
		change(&e)
	}
	e.Default(p.site.Kind, minute(at))
	p.ok(e.Check())
	e, err := p.st.CreateEvent(p.t.Context(), e)
	p.ok(err)
	return e
}

func reach(people float64) func(*surgecast.PlannedEvent) {
	return func(e *surgecast.PlannedEvent) { e.ExpectedReach = people }
}

// steady stores minutes from..until−1 of about n visits, times what an event does to them.
func (p *place) steady(from, until int, n float64, times func(i int) float64) {
	p.t.Helper()
	var rows []surgecast.TrafficMinute
	for i := from; i < until; i++ {
		m := n
		if times != nil {
			m *= times(i)
		}
		rows = append(rows, surgecast.TrafficMinute{Minute: minute(i), Requests: quiet(5, i, m), Complete: true, UnitsObserved: p.site.Capacity.Units})
	}
	p.visits(rows...)
}

// sweep sweeps at the end of minute i and answers the row of the total.
func (p *place) sweep(e *Engine, i int) surgecast.SiteForecast {
	p.t.Helper()
	r, err := e.Sweep(p.t.Context(), minute(i+1))
	p.ok(err)
	for _, f := range r.Forecasts {
		if f.Segment == surgecast.TotalSegment && f.Origin.Equal(minute(i)) {
			return f
		}
	}
	p.t.Fatalf("no forecast of minute %d", i)
	return surgecast.SiteForecast{}
}

func roomy(s *surgecast.Site) { s.Capacity.Units, s.Capacity.MaxUnits = 60, 500 }

// median is what a row expects so many minutes ahead, interpolated as every chart is.
func median(f *surgecast.SiteForecast, lead int) float64 {
	q := make([]float64, len(f.Levels))
	model.Interpolate(q, f.LeadMinutes, f.QuantilesRPM, f.ProfileRPM, float64(f.ProfileStepMinutes), float64(lead))
	for i, l := range f.Levels {
		if l == .5 {
			return q[i]
		}
	}
	return math.NaN()
}

const eventDays = 2 * 1440

// twice runs f with and without an event, each with a database of its own.
func twice[T any](t *testing.T, f func(t *testing.T, plan bool) T) (with, without T) {
	t.Helper()
	t.Run("planned", func(t *testing.T) { with = f(t, true) })
	t.Run("not planned", func(t *testing.T) { without = f(t, false) })
	return with, without
}

// An announced event raises what is expected at its hour by the size its kind's prior gives for its reach,
// and not before it is announced: until then every row equals that of a site that plans nothing.
//
// Fails when: planned answers from the revision's MadeAt instead of KnownAt; or sized leaves out usual; or the
// prior of a shop's newsletter is changed, or a visit counts as one request.
func TestAnnouncedEventRaisesTheForecast(t *testing.T) {
	t.Parallel()
	const known, announced, start = eventDays, eventDays + 20, eventDays + 100
	run := func(t *testing.T, plan bool) (rows []surgecast.SiteForecast) {
		p := newPlace(t, roomy)
		e := p.engine(nil)
		p.steady(0, known, 400, nil)
		if plan {
			p.plan(known, surgecast.EventNewsletter, start, func(e *surgecast.PlannedEvent) {
				e.ExpectedReach, e.AnnouncedAt = 6e5, minute(announced)
			})
		}
		for i := known - 1; i < announced+3; i++ {
			if i >= known {
				p.steady(i, i+1, 400, nil)
			}
			rows = append(rows, p.sweep(e, i))
		}
		return rows
	}
	with, without := twice(t, run)
	for i := range with {
		a, b := with[i], without[i]
		if !a.IssuedAt.After(minute(announced)) {
			same(t, found{Forecasts: []surgecast.SiteForecast{bare(b)}}, found{Forecasts: []surgecast.SiteForecast{bare(a)}})
			continue
		}
		// 600,000 people × .007 visits of 10 requests over 103 minutes at the peak's rate: 409 a minute beside the usual 400,
		// so 1 + 1.02 K. At 30 minutes K is .96 e^(−30/51) + .04 e^(−30/1380) = .572: 1.58 times the usual.
		lead := int(minute(start + 30).Sub(a.Origin).Minutes())
		if ratio := median(&a, lead) / median(&b, lead); ratio < 1.5 || ratio > 1.66 {
			t.Errorf("half an hour into it, %d minutes ahead: %.2f times what is expected without it, want 1.58", lead, ratio)
		}
		if ratio := median(&a, 60) / median(&b, 60); ratio < .97 || ratio > 1.03 {
			t.Errorf("before its start: %.2f times, want 1", ratio)
		}
		if a.MaxQuantilesRPM[4][7] < 1.4*b.MaxQuantilesRPM[4][7] { // within 2 hours
			t.Errorf("the highest demand of 2 hours is expected at %.0f, %.0f without it", a.MaxQuantilesRPM[4][7], b.MaxQuantilesRPM[4][7])
		}
		if c := a.Verdict.Caveats; len(c) == 0 || c[len(c)-1] != "Planned: Newsletter 01:40." {
			t.Errorf("caveats %q do not say what is planned", c)
		}
	}
}

// bare is a row without its random parts.
func bare(f surgecast.SiteForecast) surgecast.SiteForecast {
	f.ID, f.SiteID, f.BodyHash, f.Hash, f.PrevHash, f.Recommendation.ID, f.Fed = "", 0, nil, nil, nil, "", nil
	return f
}

// A spot of a few minutes between two leads of the forecast counts for the risk of the window around it and
// shows in the course.
//
// Fails when lookAhead leaves out the peaks of events, or Forecast tells the profile half-hourly.
func TestShortEventBetweenLeadsIsSeen(t *testing.T) {
	t.Parallel()
	const known = eventDays
	run := func(t *testing.T, plan bool) surgecast.SiteForecast {
		p := newPlace(t, nil) // capacity 800
		e := p.engine(nil)
		p.steady(0, known, 400, nil)
		if plan {
			p.plan(known-1, surgecast.EventTVSpot, known+360, nil) // leads are 240 and 480 minutes
		}
		return p.sweep(e, known-1)
	}
	with, without := twice(t, run)
	six, twelve := 5, 6 // horizons
	if with.HorizonMinutes[six] != 360 || with.HorizonMinutes[twelve] != 720 {
		t.Fatalf("horizons %v", with.HorizonMinutes)
	}
	if a, b := with.Risk[twelve], without.Risk[twelve]; a < b+.1 {
		t.Errorf("P(more than 800 within 12 hours) %.3f with a spot that triples 400 for minutes, %.3f without", a, b)
	}
	if a, b := with.Risk[3], without.Risk[3]; math.Abs(a-b) > .01 {
		t.Errorf("P(more than 800 within the hour) %.3f with the spot in 6 hours, %.3f without", a, b)
	}
	if m := median(&with, 362); m < 600 {
		t.Errorf("at the spot the median is %.0f", m)
	}
	if m := median(&with, 420); m > 480 {
		t.Errorf("an hour after it the median is %.0f", m)
	}
}

// Whatever size was expected, within a quarter of an hour the actual one is.
//
// Fails when events.learn is not called (then the level of the last hours alone has to follow), or its size
// may not pass eventLarge.
func TestActualSizeTakesOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		expected, actual float64 // visits at the peak beyond the usual, as multiples of it
	}{{"a third of what comes", 1, 3}, {"three times what comes", 3, 1}, {"nothing comes", 2, 0}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const known, start = eventDays, eventDays + 30
			k := func(i int) float64 { // what an announcement does, by its own formula
				if i < start {
					return 0
				}
				return math.Exp(-float64(i-start) / 90)
			}
			p := newPlace(t, roomy)
			e := p.engine(nil)
			p.steady(0, known, 400, nil)
			// ∫K = 90 minutes: reach × .02 visits of 10 requests = expected × 400 × 90
			p.plan(known-1, surgecast.EventAnnouncement, start, reach(c.expected*400*90/(.02*10)))
			var f surgecast.SiteForecast
			for i := known - 1; i <= start+15; i++ {
				if i >= known {
					p.steady(i, i+1, 400, func(i int) float64 { return 1 + c.actual*k(i) })
				}
				f = p.sweep(e, i)
				if i == start-5 {
					if m, want := median(&f, 20), 400*(1+c.expected*k(i+20)); math.Abs(math.Log(m/want)) > .15 {
						t.Errorf("before the start: %.0f a quarter of an hour into it, want %.0f as expected", m, want)
					}
				}
			}
			for _, lead := range []int{5, 15, 60} {
				if m, want := median(&f, lead), 400*(1+c.actual*k(start+15+lead)); math.Abs(math.Log(m/want)) > .2 {
					t.Errorf("15 minutes into it, %d ahead: %.0f, want %.0f", lead, m, want)
				}
			}
		})
	}
}

// sale is what is expected at minute known−1 of a sale from start to ends, 0: of none.
func sale(t *testing.T, day func(int) float64, known, start, ends int) *surgecast.SiteForecast {
	p := newPlace(t, roomy)
	e := p.engine(nil)
	p.steady(0, known, 400, day)
	if ends > 0 {
		p.plan(known-1, surgecast.EventSale, start, func(e *surgecast.PlannedEvent) { e.EndsAt = minute(ends) })
	}
	f := p.sweep(e, known-1)
	return &f
}

// A sale of days does not end after its first hours: it stays on top of the day's profile until its end.
//
// Fails when place has no hold, or the fade begins at the start.
func TestSaleOfDaysKeepsItsPlateau(t *testing.T) {
	t.Parallel()
	const known, start = eventDays, eventDays + 60
	day := func(i int) float64 { return 1 + .5*math.Sin(2*math.Pi*float64(i%1440)/1440) }
	run := func(name string, ends int) (f *surgecast.SiteForecast) {
		t.Run(name, func(t *testing.T) { f = sale(t, day, known, start, ends) })
		return f
	}
	long, short, none := run("three days", start+3*1440), run("18 hours", start+18*60), run("none", 0)
	// Two hours after its start a sale's prior is 1 + 2·(1+120/30)^−.6 = 1.76 times the usual.
	for _, lead := range []int{240, 480, 720, 1440} {
		if r := median(long, lead) / median(none, lead); r < 1.55 || r > 1.95 {
			t.Errorf("%d minutes ahead, within the sale: %.2f times the usual course, want 1.76", lead, r)
		}
	}
	if r := median(short, 720) / median(none, 720); r < 1.55 {
		t.Errorf("within the shorter sale: %.2f times, want 1.76", r)
	}
	if r := median(short, 1440) / median(none, 1440); r < .97 || r > 1.03 {
		t.Errorf("hours after the shorter sale's end: %.2f times, want 1", r)
	}
}

// An engine killed at any sweep tells the model the same as one that never stopped: with events planned,
// changed, put off and taken back, before, under way and after, across snapshots.
//
// Fails when: apply leaves out t.tell; or forecastArgs writes no fed_plans; or run.Plan is not stored.
func TestRestartWithEventsEqualsAnUninterruptedRun(t *testing.T) {
	t.Parallel()
	const known, end = 300, 420
	play := func(p *place, between func(i int, e *Engine) *Engine) found {
		e := p.engine(nil)
		p.steady(0, known-1, 400, nil)
		var sale, push surgecast.PlannedEvent
		for i := known - 1; i < end; i++ {
			p.steady(i, i+1, 400, func(i int) float64 {
				if i >= 340 && i < 380 {
					return 1.8
				}
				return 1
			})
			switch i {
			case 305:
				p.plan(i, surgecast.EventNewsletter, 340, reach(3e6))
				push = p.plan(i, surgecast.EventPush, 370, nil)
			case 310:
				sale = p.plan(i, surgecast.EventSale, 390, func(e *surgecast.PlannedEvent) { e.EndsAt = minute(390 + 4000) })
			case 320:
				sale.StartsAt, sale.ExpectedReach, sale.UpdatedAt = minute(400), 1e6, minute(i)
				_, err := p.st.UpdateEvent(p.t.Context(), sale)
				p.ok(err)
			case 360:
				p.ok(p.st.DeleteEvent(p.t.Context(), push.AccountID, push.ID, minute(i)))
			}
			e = between(i, e)
			p.sweep(e, i)
		}
		return p.found()
	}
	var want, got found
	t.Run("uninterrupted", func(t *testing.T) {
		want = play(newPlace(t, withCheckout), func(_ int, e *Engine) *Engine { return e })
	})
	t.Run("killed and stopped", func(t *testing.T) {
		p := newPlace(t, withCheckout)
		r := rand.New(rand.NewPCG(7, 8))
		got = play(p, func(_ int, e *Engine) *Engine {
			switch x := r.Float64(); {
			case x < .25:
				return p.engine(func(c *Config) { c.Holder = e.cfg.Holder })
			case x < .3:
				p.ok(e.Stop(context.Background()))
				return p.engine(func(c *Config) { c.Holder = e.cfg.Holder + "'" })
			}
			return e
		})
		if p.log.has("WARN") || p.log.has("ERROR") {
			t.Errorf("a restart complained:\n%s", p.log.b.String())
		}
	})
	same(t, want, got)
}

// A series that is learnt anew from stored minutes knows at each what was known then, and stands where the
// one stood that lived through them.
//
// Fails when newTrackOf reads no plans, or planned asks for what is known now.
func TestRelearningKnowsWhatWasKnownThen(t *testing.T) {
	t.Parallel()
	p := newPlace(t, roomy)
	e := p.engine(nil)
	p.steady(0, 200, 400, nil)
	p.plan(100, surgecast.EventPush, 150, nil)
	mail := p.plan(120, surgecast.EventNewsletter, 260, reach(3e6))
	for i := 199; i < 230; i++ {
		if i >= 200 {
			p.steady(i, i+1, 400, nil)
		}
		if i == 220 {
			p.ok(p.st.DeleteEvent(t.Context(), mail.AccountID, mail.ID, minute(i)))
		}
		p.sweep(e, i)
	}
	p.exec(`UPDATE model_state SET blob = '\x00' WHERE series LIKE 'site:%'`)
	again := p.engine(nil)
	p.steady(230, 231, 400, nil)
	got := p.sweep(again, 230)
	if !p.log.has("starts again from its stored minutes") {
		t.Fatal("the damage went unnoticed: nothing is proven")
	}
	want := p.sweepAside(e, 230)
	if d := cmp.Diff(want.QuantilesRPM, got.QuantilesRPM); d != "" {
		t.Errorf("learnt anew (-lived through +learnt):\n%s", cut(d))
	}
}

// sweepAside is what an engine would say after minute i, without committing it.
func (p *place) sweepAside(e *Engine, i int) surgecast.SiteForecast {
	p.t.Helper()
	tr := e.tracks[trackKey{p.site.ID, surgecast.TotalSegment}]
	rows, talk, err := e.readSites(p.t.Context(), []news{{p.site.ID, minute(i), minute(i)}}, minute(i+1))
	p.ok(err)
	for _, m := range gather(rows[p.site.ID]) {
		tr.step(m.at, &m, talk[p.site.ID][m.at.Unix()], false)
	}
	return tr.forecast(minute(i+1), e.nameDrivers(tr))
}

// What if says what the engine says once the event is saved: the same numbers from the same state, with an
// event known already and mentions, whatever the distance to the last snapshot. It leaves no trace.
//
// Fails when: whatIf judges before t.tell; copyOf leaves out the way from the snapshot; or circumstances
// leaves out the links.
func TestWhatIfEqualsSaving(t *testing.T) {
	t.Parallel()
	const until = 333 // minutes behind the last snapshot
	event := func(p *place) surgecast.PlannedEvent {
		e := surgecast.PlannedEvent{AccountID: p.site.AccountID, SiteID: p.site.ID, Kind: surgecast.EventOnSale, StartsAt: minute(until + 90), ExpectedReach: 2e5, CreatedAt: minute(until)}
		e.AnnouncedAt = minute(until)
		e.Default(p.site.Kind, minute(until))
		return e
	}
	type end struct {
		f surgecast.SiteForecast
		a surgecast.WhatIfAnswer
	}
	saved, asked := twice(t, func(t *testing.T, save bool) (x end) {
		p := newPlace(t, func(s *surgecast.Site) { s.Kind = surgecast.KindVenue })
		p.talked(60)
		e := p.engine(nil)
		for i := range until + 1 {
			p.steady(i, i+1, 300, nil)
			p.mentions(courseTalk(i)...)
			if i == 260 {
				p.plan(i, surgecast.EventNewsletter, until+20, reach(1e6))
			}
			if i == until && save {
				_, err := p.st.CreateEvent(t.Context(), event(p))
				p.ok(err)
			}
			if i >= 250 {
				x.f = p.sweep(e, i)
			}
		}
		if save {
			return x
		}
		before := everything(t, p)
		ask := WhatIf(Config{Store: p.st, Clock: func() time.Time { return minute(until + 1) }})
		var err error
		x.a, err = ask(t.Context(), surgecast.WhatIf{Site: p.site, Events: []surgecast.PlannedEvent{event(p)}, At: minute(until + 1)})
		p.ok(err)
		if after := everything(t, p); after != before {
			t.Errorf("asking left %d rows", after-before)
		}
		return x
	})
	a := asked.a
	if len(a.Known) != 1 || a.Known[0].Kind != surgecast.EventNewsletter {
		t.Errorf("known before: %v, want the newsletter", a.Known)
	}
	numbers := func(f surgecast.SiteForecast) []any {
		return []any{f.Origin, f.QuantilesRPM, f.MaxQuantilesRPM, f.Risk, f.RiskGrid, f.TimeToBreachMinutes, f.ActBy, f.ProfileRPM, f.Recommendation.WouldBeUnits, f.Recommendation.DemandRPM}
	}
	near := cmpopts.EquateApprox(1e-9, 1e-9)
	if d := cmp.Diff(numbers(saved.f), numbers(a.With), near, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("with the event planned (-saved +what if):\n%s", cut(d))
	}
	if d := cmp.Diff(numbers(asked.f), numbers(a.Base), near, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("without it (-stored +what if):\n%s", cut(d))
	}
	if x, y := median(&a.With, 90), median(&a.Base, 90); x < 1.3*y {
		t.Errorf("the on-sale moves the median from %.0f to %.0f only: nothing is proven", y, x)
	}
}

// While a site recovers a plan is spoken of with its own window, not with the recovery's last minutes; one that changes
// nothing leaves the recovery's words.
//
// Fails when: planned answers the load's state.
func TestAPlanDuringARecoverySpeaksOfThePlan(t *testing.T) {
	f := surgecast.SiteForecast{HorizonMinutes: []int{60, 360, 1440}, Risk: []float64{0, .3, .4}}
	quiet := surgecast.SiteForecast{HorizonMinutes: f.HorizonMinutes, Risk: []float64{0, .04, .06}}
	for _, c := range []struct {
		load surgecast.State
		f    *surgecast.SiteForecast
		want surgecast.State
	}{
		{surgecast.StateRecovery, &f, surgecast.StateWatch},
		{surgecast.StateRecovery, &quiet, surgecast.StateRecovery},
		{surgecast.StateOver, &f, surgecast.StateOver},
		{surgecast.StateCalm, &f, surgecast.StateCalm},
	} {
		if got := planned(c.load, c.f); got != c.want {
			t.Errorf("%s with %v: %s, want %s", c.load, c.f.Risk, got, c.want)
		}
	}
}

// A planned event covers what mentions announce; one that is far off does not.
func TestCoveredByAPlannedEvent(t *testing.T) {
	now := minute(0)
	for _, c := range []struct {
		start, end int // minutes; end 0: none
		want       bool
	}{{30, 0, true}, {65, 0, true}, {66, 0, false}, {-300, 0, true}, {-361, 0, false}, {-3000, 30, true}, {-3000, -121, false}} {
		told := surgecast.Told{StartsAt: minute(c.start)}
		if c.end != 0 {
			told.EndsAt = minute(c.end)
		}
		tr := &track{run: running{Plan: []surgecast.Told{told}}}
		if got := tr.covered(now, 65*time.Minute); got != c.want {
			t.Errorf("%s: covered %t, want %t", fmt.Sprint(c.start, " to ", c.end), got, c.want)
		}
	}
}
