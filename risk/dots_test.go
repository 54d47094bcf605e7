package risk

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"surgecast"
)

func count(xs []float64, is func(float64) bool) (n int) {
	for _, x := range xs {
		if is(x) {
			n++
		}
	}
	return n
}

// TestDotsByHand: over one horizon of 60 minutes, P(M > x) falls from 1 at 1,000 through .5 at 1,500 to 0 at 2,000.
// Capacity 1,500: 10 of 20 over. The highest dot has P = .5·.5/10 = .025: 2,000 − 500·.05 = 1,975; the lowest P = .5 +
// .5·9.5/10 = .975: 1,000 + 500·.05 = 1,025. First breaches: R rises to .5 linearly over the hour, so they stand at
// 60·(j − ½)/10 = 3, 9, … 57 minutes.
func TestDotsByHand(t *testing.T) {
	peaks, minutes := Dots([]int{60}, []float64{1000, 1500, 2000}, [][]float64{{1, .5, 0}}, 60, 1500)
	if len(peaks) != 20 || len(minutes) != 20 {
		t.Fatalf("%d peaks, %d times", len(peaks), len(minutes))
	}
	for i := range 20 {
		if want := 1025 + 50*float64(i); math.Abs(peaks[i]-want) > 1e-6 {
			t.Errorf("peak %d at %v, want %v", i+1, peaks[i], want)
		}
	}
	for j := range 10 {
		if want := 3 + 6*float64(j); math.Abs(minutes[j]-want) > 1e-9 {
			t.Errorf("breach %d at %v minutes, want %v", j+1, minutes[j], want)
		}
		if !math.IsNaN(minutes[10+j]) {
			t.Errorf("case %d does not breach, but stands at %v", 11+j, minutes[10+j])
		}
	}
}

func TestDotsWithoutGrid(t *testing.T) {
	if p, m := Dots(horizons, nil, nil, 60, 1200); p != nil || m != nil {
		t.Errorf("no grid: %v, %v", p, m)
	}
}

// TestDotsAgree: percentage, sentence and both dot plots are one number, whatever the risk, the window, the site and
// the verdict before. Drawing the dots from R instead of the shown percentage fails it.
func TestDotsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := make([]float64, len(horizons))
		p := 0.0
		for i := range r {
			p += (1 - p) * rapid.Float64Range(0, .5).Draw(t, "more")
			r[i] = p
		}
		state := rapid.SampledFrom([]surgecast.State{surgecast.StateCalm, surgecast.StateWatch, surgecast.StateAlert}).Draw(t, "state")
		f := forecastAt(on(14, 20), state, r...)
		f.LeadTimeP95Seconds = rapid.IntRange(1, 4*3600).Draw(t, "lead")
		facts := factsAt(on(14, 20), f)
		if rapid.Bool().Draw(t, "before") {
			// The display step below, on or above the present one: the one below or above is held for a point.
			h := Horizon(f, state)
			near := At(f.HorizonMinutes, f.Risk, float64(h)) + .025*float64(rapid.IntRange(-1, 1).Draw(t, "was"))
			facts.Previous = &surgecast.Verdict{ShownPercent: "x", ShownValue: rounded(near * 100), Horizon: h}
		}
		Conclude(facts)
		v := f.Verdict
		if v.ShownValue < 5 {
			if f.PeakDotsRPM != nil || f.BreachDotsMinutes != nil {
				t.Fatalf("dots at %s", v.ShownPercent)
			}
			return
		}
		n := int(math.Round(v.ShownValue / 5))
		over := count(f.PeakDotsRPM, func(x float64) bool { return x > f.CapacityRPM })
		within := count(f.BreachDotsMinutes, func(m float64) bool { return m <= float64(v.Horizon) })
		if over != n || within != n || len(f.PeakDotsRPM) != 20 || len(f.BreachDotsMinutes) != 20 {
			t.Fatalf("shown %s: %d of %d peaks over, %d of %d breaches within %d minutes", v.ShownPercent, over, len(f.PeakDotsRPM), within, len(f.BreachDotsMinutes), v.Horizon)
		}
		if !slices.IsSorted(f.PeakDotsRPM) || !slices.IsSorted(f.BreachDotsMinutes[:within]) {
			t.Fatalf("dots do not rise: %v, %v", f.PeakDotsRPM, f.BreachDotsMinutes)
		}
		for _, x := range f.PeakDotsRPM {
			if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
				t.Fatalf("peak %v", x)
			}
		}
	})
}

func TestHorizon(t *testing.T) {
	f := forecastAt(on(14, 20), surgecast.StateAlert, 0, .01, .07, .60, .70, .80, .80, .80)
	for _, tt := range []struct {
		name   string
		state  surgecast.State
		change func()
		want   int
	}{
		{"calm", surgecast.StateCalm, func() {}, 360},
		{"alert: .10 after 31.7 minutes", surgecast.StateAlert, func() {}, 60},
		{"imminent: never under an hour", surgecast.StateAlert, func() { f.Risk = []float64{.9, .9, .9, .9, .9, .9, .9, .9} }, 60},
		{"a lead of 90 minutes", surgecast.StateAlert, func() { f.LeadTimeP95Seconds = 5400 }, 120},
		{"late in the day", surgecast.StateWatch, func() { f.Risk = []float64{0, 0, 0, 0, 0, .05, .05, .2} }, 1440},
		{"no act-by", surgecast.StateWatch, func() { f.Risk = []float64{0, 0, 0, 0, 0, .05, .05, .05} }, 360},
		{"unknown", surgecast.StateWatch, func() { f.Risk = nil }, 360},
	} {
		tt.change()
		if got := Horizon(f, tt.state); got != tt.want {
			t.Errorf("%s: %d minutes, want %d", tt.name, got, tt.want)
		}
	}
}
