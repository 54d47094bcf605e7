package engine

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
	"surgecast/simulate"
)

// A minute impossible under the forecast made before it alerts at once. Levels last here, so the forecast made
// after it finds it ordinary.
//
// The words give that minute as the reason: the chance alone would not.
//
// Fails when: judge takes Lead1 without a copy (forecast writes the new one into it), or does not set Left.
func TestImpossibleMinuteAlertsAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(s *surgecast.Site) { s.Capacity.Units = 30 })
	e := p.engine(nil)
	for i := range 600 {
		y := quiet(12, i, 300)
		if i%60 >= 30 {
			y = quiet(12, i, 420)
		}
		if i == 599 {
			y = 1500 // mean of three minutes 700 of a capacity of 3,000
		}
		p.visits(surgecast.TrafficMinute{Minute: minute(i), Requests: y, Complete: true})
		if i < 590 {
			continue
		}
		res, err := e.Sweep(t.Context(), minute(i+1))
		p.ok(err)
		f := res.Forecasts[0]
		alert := len(res.Transitions) == 1 && res.Transitions[0].To == surgecast.StateAlert
		if alert != (i == 599) {
			t.Errorf("minute %d: transitions %v, risk %v", i, res.Transitions, f.Risk)
		}
		if left := "Traffic has left its forecast: 1,500 requests a minute at 09:59 instead of about "; strings.Contains(f.Verdict.Sentence, left) != (i == 599) {
			t.Errorf("minute %d: %s", i, f.Verdict.Sentence)
		}
		if i == 599 && f.Risk[3] > .5 {
			t.Errorf("risk %v: the alert proves nothing", f.Risk)
		}
	}
}

// museumBreaks is the minute of the museum's sale in which its checkout breaks.
const museumBreaks = 25

// museumRaised is how many minutes before its end a person raises min_units to max_units: the answer changes in every
// mode, and only in act mode a message says so.
const museumRaised = 3

// museum plays the simulated museum: a day of history, then its sale, in which the checkout breaks without
// overload, if it does: otherwise the same visitors come, no checkout fails and nobody complains. It answers
// the ledger of the total by story minute.
func museum(t *testing.T, mode surgecast.Mode, breaks bool, until int) (*place, []surgecast.SiteForecast) {
	t.Helper()
	w := simulate.New(7, t0, 1)
	var site surgecast.Site
	for _, s := range w.Sites() {
		if s.Slug == simulate.Museum {
			site = s
		}
	}
	p := newPlace(t, func(s *surgecast.Site) { *s = site; s.Mode = mode })
	p.webhook()
	sources := map[string]int64{}
	for _, s := range w.Sources() {
		made, err := p.st.EnsureSource(t.Context(), s)
		p.ok(err)
		sources[s.Slug] = made.ID
	}
	for _, tp := range w.Topics() {
		if tp.Slug != simulate.Museum {
			continue
		}
		var err error
		p.topic, err = p.st.CreateTopic(t.Context(), tp)
		p.ok(err)
		p.ok(p.st.LinkTopic(t.Context(), surgecast.DefaultAccount, site.Slug, tp.Slug, t0, 1))
	}
	var visits []surgecast.TrafficMinute
	var talk []surgecast.MentionMinute
	put := func(at time.Time) {
		whole := breaks || at.Before(w.StoryStart().Add(museumBreaks*time.Minute))
		for _, v := range w.Traffic(site.Slug, at, 0) {
			v.SiteID = p.site.ID
			if !whole {
				v.Errors = 0
			}
			visits = append(visits, v)
		}
		asked := at
		if !whole {
			asked = at.Add(-3 * time.Hour)
		}
		for _, m := range w.Mentions(asked) {
			m.Minute = at
			if m.Topic == simulate.Museum {
				m.TopicID, m.SourceID = p.topic.ID, sources[m.Source]
				talk = append(talk, m.MentionMinute)
			}
		}
	}
	for at := w.Start(); at.Before(w.StoryStart()); at = at.Add(time.Minute) {
		put(at)
	}
	e := p.engine(nil)
	var err error
	for u := range until {
		at := w.StoryStart().Add(time.Duration(u) * time.Minute)
		put(at)
		if u == until-museumRaised {
			more := p.site
			more.Capacity.MinUnits, more.UpdatedAt = more.Capacity.MaxUnits, at
			p.site, err = p.st.UpdateSite(t.Context(), more)
			p.ok(err)
		}
		_, err = p.st.PutTraffic(t.Context(), visits, at.Add(time.Minute))
		p.ok(err)
		_, err = p.st.PutMentions(t.Context(), talk, at.Add(time.Minute))
		p.ok(err)
		visits, talk = nil, nil
		_, err = e.Sweep(t.Context(), at.Add(time.Minute))
		p.ok(err)
	}
	rows, err := p.st.Forecasts(t.Context(), p.site.ID, surgecast.TotalSegment, w.StoryStart(), w.StoryStart().AddDate(0, 0, 1))
	p.ok(err)
	if len(rows) != until {
		t.Fatalf("%d rows, want %d", len(rows), until)
	}
	return p, rows
}

// A checkout that breaks without overload is a failing surge of that segment; the site's state says so; no unit
// is added for it, neither for the errors nor for the complaints. In shadow nothing that scales is sent. A
// sequence rises with every change and never falls. And promise 7: whatever comes of a simulated site says so.
//
// Fails when: judge leaves StateFailing out of Worst; announceUnits does not look at the mode; or
// surgeData.Simulated is not set in tell.
func TestFailingWithoutOverload(t *testing.T) {
	t.Parallel()
	const broken = museumBreaks
	var well []surgecast.SiteForecast
	t.Run("nothing breaks", func(t *testing.T) { _, well = museum(t, surgecast.ModeAct, false, 45) })
	for _, mode := range []surgecast.Mode{surgecast.ModeShadow, surgecast.ModeAct} {
		t.Run(string(mode), func(t *testing.T) {
			until := 45
			if mode == surgecast.ModeShadow {
				until = 35 // what it says is the same; what it sends is not
			}
			p, rows := museum(t, mode, true, until)
			var failing *surgecast.Surge
			for _, s := range p.found().Surges {
				if s.Kind == surgecast.SurgeFailing && failing == nil {
					failing = &s
				}
				if !s.Simulated {
					t.Errorf("surge %s of a simulated site does not say so", s.Kind)
				}
			}
			if failing == nil || failing.Segment != "checkout" || failing.State != surgecast.StateFailing {
				t.Fatalf("failing surge %+v, want an open one of checkout", failing)
			}
			if u := int(failing.OpenedAt.Sub(rows[0].Origin).Minutes()); u < broken || u > broken+5 {
				t.Errorf("it opened at minute %d, the checkout broke at %d", u, broken)
			}
			// What a plan would do is a question about the load, whatever fails.
			// Fails when: whatIf leaves out ofLoad.
			last := rows[len(rows)-1].Origin.Add(time.Minute)
			a, err := WhatIf(Config{Store: p.st, Clock: func() time.Time { return last }})(t.Context(), surgecast.WhatIf{Site: p.site, At: last})
			p.ok(err)
			if v := a.Base.Verdict; v.State == surgecast.StateFailing || v.ShownPercent == "" || !strings.Contains(strings.Join(v.Caveats, " "), "Checkout is failing since ") {
				t.Errorf("what if, while the checkout fails: %s, %q, caveats %q", v.State, v.Sentence, v.Caveats)
			}
			sequence := int64(0)
			for u, f := range rows {
				if failing := u >= broken+5; (f.State == surgecast.StateFailing) != failing && (u < broken || failing) {
					t.Errorf("minute %d: state %s", u, f.State)
				}
				// The demand units are for; whole units may round a hair's breadth up to the next one.
				if a, b := f.Recommendation, well[u].Recommendation; u < until-museumRaised && (a.DemandRPM > 1.1*b.DemandRPM || a.WouldBeUnits > b.WouldBeUnits+1) {
					t.Errorf("minute %d: %d units for %.0f requests would be asked for, %d for %.0f if nothing broke",
						u, a.WouldBeUnits, a.DemandRPM, b.WouldBeUnits, b.DemandRPM)
				}
				if !f.Verdict.Simulated {
					t.Errorf("minute %d: a verdict that does not say it is simulated", u)
				}
				r := f.Recommendation
				changed := u > 0 && (r.Units != rows[u-1].Recommendation.Units || r.WouldBeUnits != rows[u-1].Recommendation.WouldBeUnits)
				if want := sequence + 1; u == 0 && r.Sequence != 1 || u > 0 && changed && r.Sequence != want || u > 0 && !changed && r.Sequence != sequence {
					t.Errorf("minute %d: sequence %d after %d, changed: %t", u, r.Sequence, sequence, changed)
				}
				sequence = r.Sequence
			}
			if n := p.told(surgecast.TypeRecommendationChanged); (n > 0) != (mode == surgecast.ModeAct) {
				t.Errorf("%d scaling messages in mode %s", n, mode)
			}
			if n := count(t, p.pool, `delivery WHERE type = 'surge.opened' AND body -> 'data' ->> 'segment' = 'checkout'`); n != 1 {
				t.Errorf("%d messages that the checkout fails, want 1", n)
			}
			bodies, _ := p.pool.Query(t.Context(), `SELECT body FROM delivery`)
			all, err := pgx.CollectRows(bodies, pgx.RowTo[[]byte])
			p.ok(err)
			for _, b := range all {
				var m struct {
					Data struct {
						Simulated bool `json:"simulated"`
					} `json:"data"`
				}
				if err := json.Unmarshal(b, &m); err != nil || !m.Data.Simulated {
					t.Errorf("message does not say it is simulated: %s", b)
				}
			}
		})
	}
}

// A checkout that stays broken for a day stays failing: what fails does not become what is usual.
//
// Fails when: errorShare.step learns at full speed from what is beyond.
func TestFailureDoesNotBecomeUsual(t *testing.T) {
	t.Parallel()
	tr := newTrack(surgecast.Site{ID: 1, Capacity: surgecast.CapacityProfile{Units: 1, RPMPerUnit: 1e6}}, surgecast.TotalSegment, false, nil)
	e := New(Config{})
	for i := range 1500 {
		m := minuteFacts{at: minute(i), total: 300, segments: map[string]surgecast.TrafficMinute{surgecast.TotalSegment: {Requests: 300, Errors: 1}}}
		if i >= 120 {
			m.segments[surgecast.TotalSegment] = surgecast.TrafficMinute{Requests: 300, Errors: 200}
		}
		fed := tr.step(minute(i), &m, nil, false)
		if i < 100 || i > 140 && i%200 != 0 {
			continue
		}
		var o outcome
		e.judge(tr, minute(i+1), []surgecast.Fed{fed}, &o)
		if i > 130 && tr.run.Judge.State != surgecast.StateFailing {
			t.Fatalf("minute %d: state %s with two of three requests failing, usual %.3f", i, tr.run.Judge.State, tr.run.Errors[surgecast.TotalSegment].Usual)
		}
	}
}

// The outage loop: people ask "is it down?", and nobody comes for it. Where talk has brought four visits a
// mention so far, a burst of it while errors are high and visits are flat must not raise the units by more
// than a tenth; the same burst without errors does, or the test would prove nothing. The site asks for the
// 95 % quantile in small units: at .997, which its costs come to, what chance may bring lies as high as twice
// what is measured, which is as far as talk alone may lift, and the two could not be told apart.
//
// Fails when: step gives Signals to the model whatever complaint says.
func TestOutageTalkBringsNoUnits(t *testing.T) {
	t.Parallel()
	const broken, until = 600, 630
	run := func(t *testing.T, errors, burst bool) int {
		p := newPlace(t, func(s *surgecast.Site) {
			s.Capacity.Units, s.Capacity.MaxUnits, s.Capacity.RPMPerUnit, s.Capacity.TargetQuantile = 80, 400, 10, .95
		})
		p.talked(60)
		e := p.engine(nil)
		var visits []surgecast.TrafficMinute
		var talk []surgecast.MentionMinute
		brought, most := 0., 0
		for i := range until {
			m := quiet(13, i, 5)
			if i%170 > 150 && i < 550 {
				m += quiet(14, i, 30)
			}
			brought += (4*m - brought) / 8 // visits that follow in some minutes
			if burst && i >= broken+2 {
				m += 20 * float64(min(i-broken, 20))
			}
			talk = append(talk, surgecast.MentionMinute{Minute: minute(i), Raw: m})
			v := surgecast.TrafficMinute{Minute: minute(i), Requests: math.Round(quiet(15, i, 300) + brought), Complete: true, Errors: 1}
			if errors && i >= broken {
				v.Errors = math.Round(.3 * v.Requests)
			}
			visits = append(visits, v)
			if i < broken-5 {
				continue
			}
			p.visits(visits...)
			p.mentions(talk...)
			visits, talk = nil, nil
			res, err := e.Sweep(t.Context(), minute(i+1))
			p.ok(err)
			if i >= broken {
				most = max(most, res.Forecasts[0].Recommendation.WouldBeUnits)
			}
		}
		return most
	}
	var control, outage, surge int
	t.Run("errors", func(t *testing.T) { control = run(t, true, false) })
	t.Run("errors and talk", func(t *testing.T) { outage = run(t, true, true) })
	t.Run("talk", func(t *testing.T) { surge = run(t, false, true) })
	t.Logf("units: %d in an outage, %d with talk about it, %d for the talk without one", control, outage, surge)
	if float64(outage) > 1.1*float64(control) {
		t.Errorf("talk about the outage raised the units from %d to %d", control, outage)
	}
	if float64(surge) <= 1.1*float64(control) {
		t.Errorf("the talk moves nothing (%d units against %d): the test proves nothing", surge, control)
	}
}

// spike is a topic in 5-minute buckets that begin at :42, :47, … : two ordinary days, then a spike of the
// shape real ones have (one bucket at three times the usual, then thirty times, then a decline by hours).
const spikeAt = 2 * 288

func spike(i int) surgecast.MentionMinute {
	y := quiet(16, i, 20+8*math.Sin(2*math.Pi*float64(i)/288))
	if k := i - spikeAt; k == 0 {
		y *= 3
	} else if k > 0 {
		y += 600 / math.Pow(float64(k), .8)
	}
	return surgecast.MentionMinute{Minute: minute(42 + 5*i), Raw: y}
}

// A spike of mentions opens the topic's surge and alerts within three buckets, also when buckets do not begin
// on the hour; nothing came before it. A catch-up finds the same episode but tells nothing older than a
// quarter of an hour.
//
// Fails when: judgeTalk announces whatever its age; or unheard reads from the full hour.
func TestTalkSurge(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, from int) found {
		p := newPlace(t, nil)
		p.webhook()
		p.talked(300)
		e := p.engine(nil)
		for i := range spikeAt + 40 {
			p.mentions(spike(i))
			if i < from {
				continue
			}
			if i%10 == 0 {
				e = p.engine(nil)
			}
			_, err := e.Sweep(t.Context(), minute(42+5*i+5))
			p.ok(err)
		}
		return p.found()
	}
	var live, caughtUp found
	t.Run("live", func(t *testing.T) { live = run(t, spikeAt-30) })
	t.Run("catch-up", func(t *testing.T) { caughtUp = run(t, spikeAt+39) })

	if len(live.Surges) != 1 || live.Surges[0].Kind != surgecast.SurgeTalk || live.Surges[0].Subject != "tour" {
		t.Fatalf("surges %+v, want one of the topic", live.Surges)
	}
	s := live.Surges[0]
	if d := s.AlertAt.Sub(spike(spikeAt).Minute); d < 0 || d > 10*time.Minute {
		t.Errorf("alert %v after the spike began", d)
	}
	if s.AlertAt.Minute()%5 != 2 {
		t.Errorf("alert at %s, not a bucket of the source", s.AlertAt)
	}
	if n := len(live.Transitions); len(live.Messages) != n || n < 1 {
		t.Errorf("%d messages of %d transitions", len(live.Messages), n)
	}
	if len(caughtUp.Messages) != 0 {
		t.Errorf("a catch-up of hours told %v", caughtUp.Messages)
	}
	strip := func(f found) (out []string) {
		for _, tr := range f.Transitions {
			out = append(out, tr.At.Format(time.RFC3339)+" "+string(tr.To))
		}
		return out
	}
	if a, b := strings.Join(strip(live), ", "), strings.Join(strip(caughtUp), ", "); a != b {
		t.Errorf("live: %s\ncatch-up: %s", a, b)
	}
}

// A topic is heard in all its sources together: a spike in the second one alone opens its surge, also when that
// source lags behind the first.
//
// Fails when: evidence takes the first source only.
func TestEverySourceIsHeard(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.talked(300)
	second, err := p.st.EnsureSource(t.Context(), surgecast.Source{Slug: "second", Kind: surgecast.SourcePosts, Mode: surgecast.Absolute, StepSeconds: 300})
	p.ok(err)
	e := p.engine(nil)
	const lag = 1
	for i := range spikeAt + 12 {
		first := spike(i)
		first.Raw = quiet(17, i, 25)
		p.mentions(first)
		if i >= lag {
			late := spike(i - lag)
			late.TopicID, late.SourceID = p.topic.ID, second.ID
			_, err := p.st.PutMentions(t.Context(), []surgecast.MentionMinute{late}, minute(42+5*i+5))
			p.ok(err)
		}
		if i < spikeAt-10 {
			continue
		}
		_, err := e.Sweep(t.Context(), minute(42+5*i+5))
		p.ok(err)
	}
	f := p.found()
	if len(f.Surges) != 1 || f.Surges[0].AlertAt.IsZero() {
		t.Fatalf("surges %+v, want an alert", f.Surges)
	}
	if d := f.Surges[0].AlertAt.Sub(spike(spikeAt).Minute); d > 20*time.Minute {
		t.Errorf("alert %v after the spike began", d)
	}
}

// The deadline that was missed before an overload is not the one of what may come after it: back under capacity, an
// act-by that has passed is counted from anew.
//
// Fails when: judge keeps Passed over an overload.
func TestADeadlineBeforeAnOverloadIsForgotten(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	e := p.engine(nil)
	const n = 60
	for i := range n {
		p.visits(surgecast.TrafficMinute{Minute: minute(i), Requests: quiet(3, i, 760), Complete: true})
	}
	_, err := e.Sweep(t.Context(), minute(n))
	p.ok(err)
	j := &e.tracks[trackKey{p.site.ID, surgecast.TotalSegment}].run.Judge
	for i, c := range []struct {
		under time.Time
		kept  bool
	}{{time.Time{}, true}, {minute(20), false}} {
		j.Passed, j.Load.UnderSince = minute(10), c.under
		p.visits(surgecast.TrafficMinute{Minute: minute(n + i), Requests: 760, Complete: true})
		res, err := e.Sweep(t.Context(), minute(n+i+1))
		p.ok(err)
		if len(res.Forecasts) != 1 || res.Forecasts[0].LateBySeconds <= 0 {
			t.Fatalf("no act-by has passed: %+v", res.Forecasts)
		}
		if at := res.Forecasts[0].ActBy; at.Equal(minute(10)) != c.kept {
			t.Errorf("under capacity since %s: the act-by that passed is %s", c.under, at)
		}
	}
}
