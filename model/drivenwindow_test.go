package model_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"surgecast"
	"surgecast/model"
)

// What windows share is worked out once; no answer depends on what was asked before it, after a plan neither.
//
// Fails when: Step does not forget the last window, or a window is told by its end alone.
func TestMaxQuantileDoesNotDependOnWhatWasAskedBefore(t *testing.T) {
	make1 := func() *model.Driven {
		return model.NewDriven(model.Config{
			StepSeconds: 60, Location: time.UTC, Leads: surgecast.LeadMinutes[:], Levels: surgecast.Levels[:],
			Horizons: surgecast.HorizonMinutes[:], Sustain: 3, Full: true,
		}, []model.Driver{{Kappa: 3, Mix: [4]float64{.35, .35, .25, .05}}})
	}
	a, b := make1(), make1()
	rng := rand.New(rand.NewPCG(7, 7))
	asked, moved := 0, 0
	for i := range 3000 {
		said := math.Round(5 + 3*rng.NormFloat64())
		if i%400 > 350 {
			said += 60
		}
		o, said1 := model.Obs{Value: math.Max(0, math.Round(500+40*rng.NormFloat64()+2*said))}, []float64{math.Max(said, 0)}
		a.Step(1_700_000_000+int64(i)*60, o, said1)
		b.Step(1_700_000_000+int64(i)*60, o, said1)
		if i < 500 {
			continue
		}
		if i == 1990 {
			begin := int64(1_700_000_000 + i*60)
			e := model.Event{Kind: 1, Start: begin + 30*60, End: begin + 90*60, Announced: begin, Visits: 50_000}
			a.MaxQuantile(5, 120, .9) // what is remembered now must not outlive the plan
			a.Plan(e)
			b.Plan(e)
			if x, y := a.MaxQuantile(5, 120, .9), b.MaxQuantile(5, 120, .9); x != y {
				t.Errorf("after a plan %v, and %v where something was asked before", y, x)
			}
		}
		for range 4 {
			from := 1 + rng.IntN(60)
			to := from + rng.IntN(90)
			a.MaxQuantile(from, to, .3) // only one of them was asked before
			a.MaxQuantile(from+1, to, .5)
			x, y := a.MaxQuantile(from, to, .9), b.MaxQuantile(from, to, .9)
			asked++
			if x != y {
				t.Fatalf("minute %d, %d to %d: %v, and %v where something was asked before", i, from, to, y, x)
			}
			if x != a.WithoutTalk().MaxQuantile(from, to, .9) {
				moved++
			}
		}
	}
	if moved < asked/2 {
		t.Errorf("talk moved %d of %d answers: the test proves nothing", moved, asked)
	}
}
