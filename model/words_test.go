package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

// flat feeds a day of Poisson-like noise around a level.
func flat(s *Series, level float64, rng *rand.Rand) int64 {
	at := int64(monday)
	for range 1440 {
		s.Step(at, Obs{Value: math.Max(level+math.Sqrt(level)*rng.NormFloat64(), 0)})
		at += 60
	}
	return at
}

// Counts that double every 9 minutes are said to, within a tenth; a level is said not to grow, 19 times of 20.
//
// Fails when: Doubling asks for no standard error (slope <= 0*se), or divides by anything but the difference of the lags.
func TestDoublingTimeOfAnExponential(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := New(topicConfig())
	at := flat(s, 200, rng)
	said := 0
	for range 400 {
		s.Step(at, Obs{Value: math.Max(200+math.Sqrt(200)*rng.NormFloat64(), 0)})
		at += 60
		if _, ok := s.Doubling(); ok {
			said++
		}
	}
	if said > 20 {
		t.Errorf("growth was said %d times in 400 of a level", said)
	}
	for i := range 40 {
		s.Step(at, Obs{Value: 200 * math.Exp2(float64(i)/9)})
		at += 60
	}
	got, ok := s.Doubling()
	if !ok || math.Abs(got-9) > .9 {
		t.Errorf("doubling in %.2f min (%t), truth 9", got, ok)
	}
}

// Peaks that fall as t^−1.4, −0.6 and −0.2 are put in their classes; two minutes after the peak nothing is.
//
// Fails when: DecayClass takes times from now instead of from the peak, or a threshold moves past an exponent.
func TestDecayAfterAPeakHasItsClass(t *testing.T) {
	for _, c := range []struct {
		exponent float64
		want     Decay
	}{{1.4, DecayNews}, {.6, DecayViral}, {.2, DecayWordOfMouth}} {
		rng := rand.New(rand.NewPCG(3, 4))
		s := New(topicConfig())
		at := flat(s, 20, rng)
		for k := range 40 {
			v := 20 + 5000*math.Pow(math.Max(float64(k), .8), -c.exponent)
			s.Step(at, Obs{Value: v + math.Sqrt(v)*rng.NormFloat64()})
			at += 60
			if class, _ := s.DecayClass(); k == 2 && class != DecayUnknown {
				t.Errorf("t^−%.1f: class %d two steps after the peak", c.exponent, class)
			}
		}
		class, slope := s.DecayClass()
		if class != c.want || math.Abs(slope+c.exponent) > .3 {
			t.Errorf("t^−%.1f: class %d, slope %.2f; want %d", c.exponent, class, slope, c.want)
		}
	}
}

// Talk that goes its own way adds nothing, and that is said; talk that brings visits does, and before anything was
// compared nothing is said of it.
//
// Fails when: SignalAddsNothing compares the other way round, or asks the series without talk.
func TestTalkThatBringsNothingIsSaidToAddNothing(t *testing.T) {
	for _, brings := range []float64{0, 5} {
		rng := rand.New(rand.NewPCG(11, 12))
		d := NewDriven(siteConfig(), []Driver{{Kappa: 2, Mix: [4]float64{.35, .35, .25, .05}}})
		if d.SignalAddsNothing() {
			t.Error("said before any talk")
		}
		brought, burst := 0., 0.
		for i := range 3 * 1440 {
			if rng.IntN(400) == 0 {
				burst = 20 + 60*rng.Float64()
			}
			burst *= .95
			m := math.Round(max(0, 3+burst+math.Sqrt(3+burst)*rng.NormFloat64()))
			visits := 200 + brings*brought
			brought += (m - 3 - brought) / 12
			d.Step(monday+int64(60*i), Obs{Value: math.Round(max(0, visits+math.Sqrt(max(visits, 0))*rng.NormFloat64()))}, []float64{m})
		}
		t.Logf("%g visits a mention: value %.3f", brings, d.SignalValue())
		if got, want := d.SignalAddsNothing(), brings == 0; got != want {
			t.Errorf("%g visits a mention: adds nothing %t, value %.3f", brings, got, d.SignalValue())
		}
	}
}
