package model

import (
	"math"
	"testing"
)

// The error of the cheap log odds is what its comment says, against the error function.
//
// Fails when: .0706 is .0716, or the sign of the cube is lost.
func TestLogitSurvivalIsAsGoodAsItSays(t *testing.T) {
	off := func(x float64) float64 {
		p := normalSurvival(x)
		return logitSurvival(x) - (math.Log(p) - math.Log1p(-p))
	}
	for x := -8.; x <= 8; x += 1. / 256 {
		if math.Abs(x) < 2.48 && math.Abs(off(x)) > .02 {
			t.Errorf("log odds at %.3f are off by %.4f", x, off(x))
		}
		if d := math.Abs(logistic(logitSurvival(x)) - normalSurvival(x)); d > .000141 {
			t.Errorf("the probability at %.3f is off by %.6f", x, d)
		}
	}
	for _, c := range []struct{ x, off float64 }{{3, -.09}, {3.287, -.17}, {4, -.55}, {-4, .55}} {
		if got := off(c.x); math.Abs(got-c.off) > .006 {
			t.Errorf("log odds at %.3f are off by %.3f, said to be %.2f", c.x, got, c.off)
		}
	}
}
