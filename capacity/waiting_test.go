package capacity

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"surgecast"
)

// The cost of waiting is the sum it says it is, whichever way it is worked out: for any course of the highest demand
// and any capacity it equals the plain double loop over 24 windows and 20 levels.
//
// Fails when: the loop over k begins at 19, or leaves at the first level that is passed.
func TestCostOfWaitingIsTheWholeSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.SliceOfN(rapid.Float64Range(0, 3000), 30, 30).Draw(t, "base")
		spread := rapid.Float64Range(0, 2).Draw(t, "spread")
		short := rapid.IntRange(0, 30).Draw(t, "endless")
		highest := func(from, to int, p float64) float64 {
			worst := 0.
			for m := from; m <= to; m += 5 {
				worst = max(worst, base[min(m/15, 29)])
			}
			if from/15 == short && p > .9 {
				return math.Inf(1)
			}
			return worst * math.Exp(spread*math.Log(p/(1-p)))
		}
		p := surgecast.CapacityProfile{
			Units: rapid.IntRange(1, 20).Draw(t, "units"), RPMPerUnit: 200, CostLostRequest: .02,
			LeadTimeP95Seconds: rapid.IntRange(0, 3600).Draw(t, "lead"),
		}
		calls := 0
		in := Input{Profile: p, UnitsNow: p.Units, Now: start, WindowMaxRPM: func(from, to int, p float64) float64 {
			calls++
			return highest(from, to, p)
		}}
		got, capacity, want := in.costOfWaiting(), p.RPM(), 0.
		from := max(leadMinutes(p), 1)
		if highest(from, from+int(6*time.Hour/time.Minute), MaxAlpha) > capacity {
			for a := from; a < from+360; a += 15 {
				for k := 1; k <= 20; k++ {
					if q := highest(a, a+15, (float64(k)-.5)/20); q > capacity && !math.IsInf(q, 1) {
						want += (q - capacity) / 20 * 15 * .02
					}
				}
			}
		}
		if math.Abs(got-want) > 1e-9*max(want, 1) {
			t.Fatalf("waiting costs %v, the plain sum is %v", got, want)
		}
	})
}
