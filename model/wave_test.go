package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

func flatTopic(level float64, rng *rand.Rand) (Topic, int64) {
	a, at := NewTopic(60), int64(monday)
	for range 2 * 1440 {
		a.Step(at, Obs{Value: math.Round(math.Max(level+math.Sqrt(level)*rng.NormFloat64(), 0))})
		at += 60
	}
	return a, at
}

// A topic's mentions that double every 9 minutes are said to, within a tenth, from the small form as from the large one;
// a level is said not to grow, 19 times of 20.
//
// Fails when: wave.step takes changes from the usual instead of the step before, or Doubling asks for no standard error.
func TestTopicDoubles(t *testing.T) {
	for _, level := range []float64{20, 200} {
		rng := rand.New(rand.NewPCG(1, 2))
		a, at := flatTopic(level, rng)
		said := 0
		for range 1000 {
			a.Step(at, Obs{Value: math.Round(math.Max(level+math.Sqrt(level)*rng.NormFloat64(), 0))})
			at += 60
			if _, ok := a.Doubling(); ok {
				said++
			}
		}
		if said > 50 {
			t.Errorf("level %v: growth was said %d times in 1,000", level, said)
		}
		for i := range 40 {
			a.Step(at, Obs{Value: level * math.Exp2(float64(i)/9)})
			at += 60
		}
		if got, ok := a.Doubling(); !ok || math.Abs(got-9) > .9 {
			t.Errorf("level %v: doubling in %.2f min (%t), truth 9", level, got, ok)
		}
	}
}

// Peaks that fall as t^−1.4, −0.6 and −0.2 are put in their classes within 40 minutes, and stay so when the tail has
// ended; right after the peak nothing is told, nor of noise; a second, smaller burst is told by itself.
//
// Fails when: wave takes times from now instead of from the peak, or a return to the usual does not end a wave.
func TestTopicDecayHasItsClass(t *testing.T) {
	exponents := []struct {
		exponent float64
		want     Decay
	}{{1.4, DecayNews}, {.6, DecayViral}, {.2, DecayWordOfMouth}}
	right, n := 0, 0
	for seed := range uint64(20) {
		for _, c := range exponents {
			rng := rand.New(rand.NewPCG(3, seed))
			a, at := flatTopic(20, rng)
			if class, _ := a.DecayClass(); class != DecayUnknown {
				t.Errorf("noise: class %d", class)
			}
			fall := func(peak, exponent float64, steps int) {
				for k := range steps {
					v := 20 + peak*math.Pow(math.Max(float64(k), .8), -exponent)
					a.Step(at, Obs{Value: math.Max(v+math.Sqrt(v)*rng.NormFloat64(), 0)})
					at += 60
					if class, _ := a.DecayClass(); peak > 0 && k == 2 && class != DecayUnknown {
						t.Errorf("t^−%.1f: class %d two steps after the peak", c.exponent, class)
					}
				}
			}
			fall(5000, 1.4, 60)
			fall(0, 1, 30) // back to usual
			fall(3000, c.exponent, 40)
			class, slope := a.DecayClass()
			n++
			if class == c.want && math.Abs(slope+c.exponent) < .3 {
				right++
			} else if class != DecayUnknown && class != c.want {
				t.Errorf("t^−%.1f: class %d, slope %.2f; want %d", c.exponent, class, slope, c.want)
			}
		}
	}
	if right < n*9/10 {
		t.Errorf("%d of %d were told", right, n)
	}
}

// Minutes that were not counted are minutes: the same fall has the same slope with twenty of them missing behind the
// peak, and a peak four hours ago is not spoken of though nothing was counted since.
//
// Fails when: miss leaves out wave.pass (slope −.24), or pass does not end a wave.
func TestTopicDecayRunsThroughAGap(t *testing.T) {
	var slopes [2]float64
	for i, gap := range []int{0, 20} {
		a, at := NewTopic(60), int64(monday)
		for range 3000 {
			a.Step(at, Obs{Value: 10})
			at += 60
		}
		for k := range 41 {
			a.Step(at, Obs{Value: 10 + 1000/math.Max(float64(k), .8), Missing: k > 0 && k <= gap})
			at += 60
		}
		if _, slopes[i] = a.DecayClass(); !(math.Abs(slopes[i]+1) < .15) {
			t.Errorf("%d minutes missing: slope %.2f, truth −1", gap, slopes[i])
		}
		for range waveAge {
			a.Step(at, Obs{Missing: true})
			at += 60
		}
		if a.wave.peak != 0 || a.wave.c != 0 {
			t.Errorf("after %d minutes of nothing: %+v", waveAge, a.wave)
		}
	}
	t.Logf("slopes %.2f", slopes)
}

// Day and week add up to a usual below nothing on the nights of a weekend. A few mentions then and none after them are
// no slow fall: the tail ends with the first zero.
//
// Fails when: wave.step does not lift the usual to 0.
func TestTopicDecayOnAQuietNight(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	a, at := NewTopic(60), int64(monday)
	for k := 0; ; k++ {
		if _, usual := a.shapes(at); k > 28*1440 && usual+a.level < -.6 {
			break
		} else if k > 36*1440 {
			t.Fatal("the usual is nowhere below nothing")
		}
		mean := .02
		if hour := k / 60 % 24; k/1440%7 < 5 && hour >= 8 && hour < 18 {
			mean = 200
		}
		a.Step(at, Obs{Value: poisson(r, mean)})
		at += 60
	}
	for k := range 31 {
		a.Step(at, Obs{Value: max(0, float64(6-6*k))})
		at += 60
	}
	if class, slope := a.DecayClass(); class != DecayUnknown || !a.wave.over {
		t.Errorf("class %d, slope %v, %+v", class, slope, a.wave)
	}
}

// Sums that are no numbers have no class.
//
// Fails when: decayOf asks se > decayError.
func TestNoDecayFromNoNumber(t *testing.T) {
	if class, slope := decayOf(30, 75, math.Inf(-1), 205, math.Inf(-1), math.Inf(1)); class != DecayUnknown {
		t.Errorf("class %d, slope %v", class, slope)
	}
}
