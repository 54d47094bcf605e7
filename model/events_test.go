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
