package model

import (
	"math/rand/v2"
	"testing"
)

// A site of an hour and a half that rises by a tenth of its level every minute is followed: after nine minutes of it
// the next quarter of an hour is not expected to fall back, and the capacity just above is in danger.
//
// Fails when: moving answers 0.
func TestAYoungSeriesFollowsItsFirstRise(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := New(siteConfig())
		var f Forecast
		y := 0.
		for i := range 100 {
			y = 400 + 20*r.NormFloat64() + 40*float64(max(i-90, 0))
			s.Step(1_700_000_040+int64(i)*60, Obs{Value: y})
			if i == 89 {
				if p := s.Risk(1, 800); p > .05 {
					t.Errorf("seed %d: before the rise the chance of twice the level is %.2f", seed, p)
				}
			}
		}
		s.Forecast(&f)
		if q := s.MaxQuantile(1, 15, .5); q < .95*y {
			t.Errorf("seed %d: %.0f now, and the highest of the next 15 minutes is expected at %.0f", seed, y, q)
		}
		if p := s.Risk(1, 800); p < .25 {
			t.Errorf("seed %d: %.0f now, and the chance of 800 within 15 minutes is %.3f", seed, y, p)
		}
	}
}
