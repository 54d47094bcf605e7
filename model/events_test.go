package model

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// Every second day at a changing hour visits triple for two hours. After ten such events the eleventh is
// expected an hour ahead; the same event not yet announced is not, and then no forecast differs from that
// of a model never told.
//
// Fails when at ignores Announced, or learn is not called.
func TestAnnouncedEventsAreExpected(t *testing.T) {
	run := func(plan, announce bool) *Series {
		r := rand.New(rand.NewPCG(81, 82))
		s := New(siteConfig())
		var starts []int64
		for k := range 11 {
			starts = append(starts, monday+int64(2*k+1)*day+int64((k*5+3)%24)*3600)
		}
		last := starts[10]
		if plan {
			for k, at := range starts {
				e := Event{Start: at, End: at + 7200, Announced: monday}
				if k == 10 && !announce {
					e.Announced = at + 30*60
				}
				s.Plan(e)
				s.Plan(e) // again: nothing
			}
		}
		for at := int64(monday); at <= last-3600; at += 60 {
			m := 100.
			for _, e := range starts {
				if at >= e && at < e+7200 {
					m = 300
				}
			}
			s.Step(at, Obs{Value: poisson(r, m)})
		}
		return s
	}
	// Leads of 60 and 120 minutes, median: the start of the event and its middle.
	var f, g, h Forecast
	known, hidden, never := run(true, true), run(true, false), run(false, false)
	known.Forecast(&f)
	hidden.Forecast(&g)
	never.Forecast(&h)
	if m := f.Q[8][7]; m < 200 || m > 450 {
		t.Errorf("two hours ahead, in the middle of an announced event: median %.0f, want near 300", m)
	}
	if m := g.Q[8][7]; m > 170 {
		t.Errorf("the event was not announced yet, but the median is %.0f", m)
	}
	if m := h.Q[8][7]; m > 170 {
		t.Errorf("nothing planned: median %.0f, want near 100", m)
	}
	if a, b := known.Risk(4, 220), hidden.Risk(4, 220); a < b+.2 {
		t.Errorf("P(more than 220 within two hours) %.2f knowing of the event, %.2f not knowing", a, b)
	}

	blob, _ := known.MarshalBinary()
	again := New(siteConfig())
	if err := again.UnmarshalBinary(blob); err != nil {
		t.Fatal(err)
	}
	known.Step(known.unix+60, Obs{Value: 100})
	again.Step(again.unix+60, Obs{Value: 100})
	a, _ := known.MarshalBinary()
	b, _ := again.MarshalBinary()
	if !bytes.Equal(a, b) {
		t.Error("restored series with events goes on differently")
	}
	known.Unplan(0, monday+21*day+int64((10*5+3)%24)*3600)
	known.Step(known.unix+60, Obs{Value: 100})
	known.Forecast(&f)
	if m := f.Q[8][7]; math.IsNaN(m) || m > 170 {
		t.Errorf("the event was taken back, but the median is %.0f", m)
	}
}

// Of all that a mailing brings 33.6 % come in the first hour, 51.4 % within three, 81 % within a day.
//
// Fails when: the course is .6 e^(−u/35) + .4 e^(−u/240); or mass counts the first day alone.
func TestAMailingIsReadAsItsSourceSays(t *testing.T) {
	all := ShapeNewsletter.mass(0)
	for _, c := range []struct {
		hours int
		share float64
	}{{1, .336}, {3, .514}, {24, .81}} {
		sum := 0.
		for u := range c.hours * 60 {
			sum += ShapeNewsletter.at(float64(u) + .5)
		}
		if got := sum / all; math.Abs(got-c.share) > .005 {
			t.Errorf("%.1f %% of the visits of a mailing within %d hours, want %.1f %%", 100*got, c.hours, 100*c.share)
		}
	}
}

// What a window is asked for before a plan changes does not linger: the answer after Replan is the same.
//
// Fails when: Driven.Replan leaves d.window as it is (1,647 instead of 1,625).
func TestReplanForgetsTheLastWindow(t *testing.T) {
	run := func(ask bool) float64 {
		r := rand.New(rand.NewPCG(1, 2))
		d := NewDriven(siteConfig(), []Driver{{Kappa: 2, Mix: [4]float64{.35, .35, .25, .05}}})
		at := int64(monday)
		for k := range 2*1440 + 20 {
			m := 5.
			if k > 2*1440 {
				m = 200
			}
			d.Step(at, Obs{Value: poisson(r, 300)}, []float64{poisson(r, m)})
			at += 60
		}
		if ask {
			d.MaxQuantile(15, 75, .95)
		}
		d.Replan([]Event{{Start: at + 20*60, End: at + 80*60, Announced: at - 3600, Shape: ShapeOnSale}})
		return d.MaxQuantile(15, 75, .95)
	}
	if asked, fresh := run(true), run(false); asked != fresh {
		t.Errorf("the highest of the window after Replan: %.1f when it was asked before, else %.1f", asked, fresh)
	}
}

// oneEvent is an event of a kind begun n times whose knots all stand at effect, expected at size m and prior m0.
func oneEvent(effect, m, m0 float64, n int) (events, int64) {
	p := newEvents(60)
	k := eventKind{knot: make([]float64, p.knots), n: n, last: math.MinInt64}
	for i := range k.knot {
		k.knot[i] = effect
	}
	p.kinds = append(p.kinds, k)
	p.list = []planned{{
		Event: Event{Start: monday, End: monday + 3600, Announced: monday - 7200},
		size:  m, doubt: .1, prior: m0,
	}}
	return p, monday + 32*60 // two fifths of the way between two knots
}

// The equations of events by hand. E = .5, m = 1.2, m₀ = 2, P = .1, e = .3; three begun, so this is the fourth. A knot
// sees five minutes: γ = max(.1, 1/6)/5 = .03333. V = min(1, .02 + 6·(2·.5)²) = 1.
//
//	E_i ← .5 + w_i · .03333 · (.3 − .8 · .5)/2 = .5 − w_i · .0016667,   w = .6 and .4
//	m   ← 1.2 + .1·.5/(.025 + 1) · .3 = 1.2146341                     P ← .1/1.025 = .0975610
//
// Fails when: learn leaves out the division by max(m₀, 1); or counts the event (n) after γ.
func TestAnEventLearnsByItsEquations(t *testing.T) {
	p, at := oneEvent(.5, 1.2, 2, 3)
	p.learn(at, .3, false)
	e, k := p.list[0], p.kinds[0]
	i := int((2*3600 + 32*60) / p.spacing)
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"first knot", k.knot[i], .5 - .6*.0016666667},
		{"second knot", k.knot[i+1], .5 - .4*.0016666667},
		{"m", e.size, 1.2146341463},
		{"P", e.doubt, .0975609756},
		{"n", float64(k.n), 4},
	} {
		if math.Abs(c.got-c.want) > 1e-9 {
			t.Errorf("%s is %.10f, want %.10f", c.what, c.got, c.want)
		}
	}
}

// A saturated minute is a lower bound: whatever it is above what was expected, and whatever was expected of the event,
// no knot, no size and no doubt falls; where it says that there was more, the expectation rises.
//
// Fails when: learn does not look at bound; or only the lesson is guarded, and not size or doubt.
func TestABoundTeachesAnEventUpwardsOnly(t *testing.T) {
	for _, effect := range []float64{-.5, 0, .1, 1} {
		for _, m := range []float64{0, .4, 1, 2.5} {
			for _, m0 := range []float64{.1, 1, 2} {
				p, at := oneEvent(effect, m, m0, 3)
				before := p.at(at, at)
				p.learn(at, .1, true)
				e := p.list[0]
				for i, v := range p.kinds[0].knot {
					if v < effect {
						t.Errorf("E %g, m %g, m₀ %g: knot %d fell to %g by a lower bound", effect, m, m0, i, v)
					}
				}
				if e.size < m || e.doubt < .1 {
					t.Errorf("E %g, m %g, m₀ %g: size %g and doubt %g after a lower bound, .1 before", effect, m, m0, e.size, e.doubt)
				}
				if after := p.at(at, at); after < before || effect > 0 && after <= before {
					t.Errorf("E %g, m %g, m₀ %g: %g was expected, %g after a bound above it", effect, m, m0, before, after)
				}
			}
		}
	}
}

// The same from outside: a site saturated half an hour into an event that turns out smaller than its kind. The bound
// lies a tenth above what was expected.
//
// Fails when: take gives learn false instead of o.Bound.
func TestASaturatedMinuteOfAnEventTeachesUpwardsOnly(t *testing.T) {
	s := New(siteConfig())
	at := int64(monday)
	start := at + 2*day
	s.Plan(Event{Start: start, End: start + 7200, Announced: monday, Shape: ShapeMatch})
	r := rand.New(rand.NewPCG(7, 8))
	for ; at < start+30*60; at += 60 {
		s.Step(at, Obs{Value: poisson(r, 200)}) // none of the half more that is expected of a match
	}
	before := append([]float64(nil), s.events.kinds[0].knot...)
	said := s.usual(at) + s.memory.hours()
	s.Step(at, Obs{Value: math.Expm1(said + .1), Bound: true})
	for i, v := range s.events.kinds[0].knot {
		if v < before[i] {
			t.Errorf("knot %d fell from %.5f to %.5f in a saturated minute", i, before[i], v)
		}
	}
}
