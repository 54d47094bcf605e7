package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// A quantile rises with its level, for every window and in every state a series can be brought to: days and noise of
// any depth, counts near nothing, a surge, gaps, saturated minutes, talk that leads the visits, something planned. No
// window asks for more than the longer one that begins now.
//
// Fails when: MaxQuantile adds max(Q_1b − E_1b, 0) to E_ab, as it once did; or a plan is left out of one envelope only.
func TestMaxQuantileRisesWithItsLevel(t *testing.T) {
	c := Config{StepSeconds: 60, Leads: []int{1, 2, 5, 10, 30, 60, 120}, Levels: siteLevels, Horizons: []int{5, 15, 60, 120}, Sustain: 3, Full: true}
	rapid.Check(t, func(t *rapid.T) {
		d := NewDriven(c, []Driver{{Kappa: 3, Mix: [4]float64{.35, .35, .25, .05}}})
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7))
		base := math.Exp(rapid.Float64Range(-1, 8).Draw(t, "log base"))
		swing := rapid.Float64Range(0, .9).Draw(t, "swing")
		noise := rapid.Float64Range(0, 1).Draw(t, "noise")
		steps := rapid.IntRange(30, 320).Draw(t, "steps")
		begin := rapid.IntRange(0, 320).Draw(t, "surge")
		height := rapid.Float64Range(1, 30).Draw(t, "height")
		limit := base * math.Exp(rapid.Float64Range(0, 3).Draw(t, "log limit"))
		holes := rapid.IntRange(0, 20).Draw(t, "holes in a hundred")
		planned := rapid.IntRange(0, 400).Draw(t, "planned")
		for i := range steps {
			mean := base * (1 + swing*math.Sin(float64(i)/200))
			said := float64(r.IntN(4))
			if i >= begin {
				mean *= 1 + (height-1)*math.Exp(-float64(i-begin)/25)
				said *= 5
			}
			y := poisson(r, mean*math.Exp(noise*r.NormFloat64()))
			o := Obs{Value: min(y, limit), Bound: y >= limit, Missing: r.IntN(100) < holes}
			at := int64(monday + i*60)
			if i == steps-20 && planned <= 120 {
				start := at + int64(planned)*60
				d.Plan(Event{Kind: 1, Start: start, End: start + 3600, Announced: at, Visits: 60 * base})
			}
			d.Step(at, o, []float64{said})
		}
		// Rounding: a level may take back what the next of two sums in another order differs by.
		const least = 1 - 1e-9
		for range 12 {
			from := rapid.IntRange(2, 130).Draw(t, "from")
			to := from + rapid.IntRange(0, 90).Draw(t, "more")
			for name, f := range map[string]func(int, int, float64) float64{"plain": d.WithoutTalk().MaxQuantile, "driven": d.MaxQuantile} {
				before := 0.
				for _, p := range []float64{.001, .025, .05, .1, .2, .3, .4, .49, .5, .51, .6, .7, .8, .85, .9, .93, .95, .975, .98, .99, .995, .999, .9999} {
					q := f(from, to, p)
					if !(q >= before*least) || math.IsInf(q, 1) {
						t.Fatalf("%s, window %d..%d: %v at level %v, and %v at one below", name, from, to, q, p, before)
					}
					if all := f(1, to, p); name == "plain" && q*least > all {
						t.Fatalf("%s, level %v: window %d..%d asks %v, 1..%d %v", name, p, from, to, q, to, all)
					}
					before = q
				}
			}
		}
	})
}
