package model

import (
	"math"
	"testing"
)

// A saturated minute says that there were 500 visits at least, of which one series had said 480 and 900, the other 470 and
// 520. By the medians the first was nearer whatever the truth is; by the levels above nobody can say. Below either
// median it says nothing, and how large losses are it never does.
//
// Fails when: judgeLead.learn judges a bound by every level (log odds −.15), or takes its losses for whole ones.
func TestBoundTellsNothingOfWhatItHides(t *testing.T) {
	slot := []float64{480, 900, 470, 520, 0, 0}
	j := judgeLead{h: 15, norm: 10, with: 70, lone: 90}
	j.learn(500, true, slot, 5000)
	if want := judgeRate / math.Sqrt(15) * .5 * (1 - 1./judgeDiscount); math.Abs(j.log-want) > 1e-12 {
		t.Errorf("log odds of freed %.4f, want %.4f", j.log, want)
	}
	if j.norm != 10 || j.with != 70 || j.lone != 90 {
		t.Errorf("losses of a bound were kept: %+v", j)
	}
	was := j.log
	for _, y := range []float64{460, 475} {
		if j.learn(y, true, slot, 5000); j.log != was {
			t.Errorf("a bound of %v below a median moved the log odds to %.4f", y, j.log)
		}
	}
	if j.learn(500, false, slot, 5000); !(j.log < was) || j.norm == 10 {
		t.Errorf("a count of 500 between .5 and .9 taught nothing: %+v", j)
	}
}

// What is off by a little and by nobody knows how much is no sign of calm: a bound just above what is expected lets
// neither the dispersion of visits, nor how far they stray, nor the spread about their usual course become less. A
// count does, and a bound far above makes all of them more.
//
// Fails when: transfer.learn or profile.learn takes the error of a bound for the whole of it.
func TestBoundTeachesNoCalm(t *testing.T) {
	learn := func(y float64, low bool, prev float64) transfer {
		tr := newTransfer(60, []Driver{{Kappa: 2, Mix: [4]float64{.35, .35, .25, .05}}})
		tr.turn(0)
		tr.drift(true)
		tr.prev = prev
		tr.learn(y, 300, low)
		return tr
	}
	fresh := newTransfer(60, []Driver{{Kappa: 2}})
	for _, prev := range []float64{-1, 1} {
		tr := learn(301, true, prev)
		if tr.phi < fresh.phi || tr.stray < fresh.stray {
			t.Errorf("a bound of 301 where 300 were expected, %+.0f before: φ %.5f → %.5f, log stray %.5f → %.5f", prev, fresh.phi, tr.phi, fresh.stray, tr.stray)
		}
	}
	if tr := learn(301, false, -1); tr.phi >= fresh.phi || tr.stray >= fresh.stray {
		t.Error("a count teaches no calm")
	}
	if tr := learn(900, true, 1); tr.phi <= fresh.phi || tr.stray <= fresh.stray {
		t.Error("a bound far above teaches nothing")
	}

	spread := func(off float64, low bool) float64 {
		p := newProfile(60)
		for k := range 1000 {
			p.learn(float64(monday+60*k), 5+.2*float64(k%2), false, 1)
		}
		before := p.variance
		at := float64(monday + 60*1000)
		p.learn(at, p.fine.at(at)+p.coarse.at(at)+p.level+off, low, 1)
		return p.variance - before
	}
	if d := spread(.01, true); d < 0 {
		t.Errorf("a bound .01 above the usual: σ² %+.2g", d)
	}
	if spread(.01, false) >= 0 || spread(1, true) <= 0 {
		t.Error("the spread learns nothing")
	}
}
