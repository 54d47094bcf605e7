package model

import (
	"math"
	"testing"
)

// One mention brings κ visits in all, on average Σ w_j τ_j (and the step it waits) later.
func TestLiftHasTheMassAndTheLagOfItsPrior(t *testing.T) {
	d := Driver{Kappa: 3, Mix: [transferKernels]float64{.4, .4, .2, 0}}
	talk := make([]float64, 3000)
	talk[10] = 1
	mass, lag := 0., 0.
	for k, v := range Lift(nil, d, 60, talk) {
		mass += v
		lag += v * float64(k-10)
	}
	if math.Abs(mass-3) > .01 {
		t.Errorf("one mention brings %.3f visits, want 3", mass)
	}
	// .4·5 + .4·30 + .2·180 = 50 minutes, and about a step.
	if got := lag / mass; got < 48 || got > 53 {
		t.Errorf("mean lag %.1f minutes, want about 51", got)
	}
	if v := Lift(nil, d, 60, talk)[10]; v != 0 {
		t.Errorf("a mention brings %v visits in its own minute: they must wait for the next", v)
	}
}
