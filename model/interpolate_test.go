package model

import (
	"math"
	"testing"
)

// On a lead of the grid nothing changes; between two leads the ratio to the profile is linear in log
// lead; before the first and after the last it holds.
func TestInterpolateFollowsTheProfile(t *testing.T) {
	leads := []int{1, 4, 16}
	q := [][]float64{{99, 199}, {99, 199}, {399, 799}} // +1: 100 200, 100 200, 400 800
	flat := []float64{9, 9, 9}
	dst := make([]float64, 2)
	check := func(name string, lead float64, profile []float64, want ...float64) {
		t.Helper()
		Interpolate(dst, leads, q, profile, 8, lead)
		for i := range want {
			if math.Abs(dst[i]-want[i]) > 1e-9*want[i] {
				t.Errorf("%s: %v, want %v", name, dst, want)
			}
		}
	}
	check("on a lead", 4, flat, 99, 199)
	check("half way in log lead", 8, flat, 199, 399) // 100·√4 − 1
	check("before the first", .5, flat, 99, 199)
	check("after the last", 30, flat, 399, 799)
	check("no profile", 8, nil, 199, 399)
	// The profile is ten times as high (+1) at step 8 as at its neighbours: so is the forecast there.
	// At leads 4 and 16 it is half-way on the line and back: (9+99)/2 = 54 and 9.
	//   z = ½[ln 100 − ln 55] + ½[ln 400 − ln 10] + ln 100
	want := math.Exp(.5*(math.Log(100)-math.Log(55))+.5*(math.Log(400)-math.Log(10))+math.Log(100)) - 1
	check("a known peak between two leads", 8, []float64{9, 99, 9}, want)
}
