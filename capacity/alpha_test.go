package capacity

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"surgecast"
)

func TestAlpha(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    surgecast.CapacityProfile
		want float64
	}{
		// c_u = .05 per request; c_o = .40/60/200 = 1/30000 per request; .05/(.05 + .0000333) = .99933, clipped.
		{"nordlicht", surgecast.CapacityProfile{RPMPerUnit: 200, CostLostRequest: .05, CostIdleUnitHour: .4}, .999},
		// c_o = 12/60/2 = .1; .9/(.9 + .1) = .9
		{"nine to one", surgecast.CapacityProfile{RPMPerUnit: 2, CostLostRequest: .9, CostIdleUnitHour: 12}, .9},
		// 20 : 1 → 20/21 = .95238 (MODEL 2.4)
		{"twenty to one", surgecast.CapacityProfile{RPMPerUnit: 1, CostLostRequest: 20, CostIdleUnitHour: 60}, 20.0 / 21},
		{"cheap requests", surgecast.CapacityProfile{RPMPerUnit: 1, CostLostRequest: .1, CostIdleUnitHour: 60}, .5},
		{"no costs", surgecast.CapacityProfile{RPMPerUnit: 200}, .95},
		{"one cost only", surgecast.CapacityProfile{RPMPerUnit: 200, CostLostRequest: 1}, .95},
		{"no throughput", surgecast.CapacityProfile{CostLostRequest: 1, CostIdleUnitHour: 1}, .95},
		{"target overrides", surgecast.CapacityProfile{RPMPerUnit: 2, CostLostRequest: .9, CostIdleUnitHour: 12, TargetQuantile: .8}, .8},
		{"target beyond the forecast's levels", surgecast.CapacityProfile{TargetQuantile: .99999}, .999},
		{"nonsense", surgecast.CapacityProfile{RPMPerUnit: 1, CostLostRequest: math.NaN(), CostIdleUnitHour: 1}, .95},
	} {
		if got := Alpha(tt.p); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s: Alpha = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestNewsvendor is the known answer of MODEL 6.11 #13: with exponential demand of rate λ the capacity that minimises
// c_u·E(Y−cap)⁺ + c_o·E(cap−Y)⁺ is cap* = −ln(1−α)/λ. Checked against the cost itself, which for the exponential is
// c_u·e^{−λc}/λ + c_o·(c − (1 − e^{−λc})/λ), on a grid around cap*.
func TestNewsvendor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lambda := rapid.Float64Range(1e-4, 1).Draw(t, "lambda")
		over := rapid.Float64Range(.1, 10).Draw(t, "idle")
		under := over * rapid.Float64Range(1, 998).Draw(t, "ratio") // α* from .5 to .998: not clipped
		p := surgecast.CapacityProfile{RPMPerUnit: 1, CostLostRequest: under, CostIdleUnitHour: 60 * over}
		alpha := Alpha(p)
		best := -math.Log(1-alpha) / lambda
		cost := func(c float64) float64 {
			return under*math.Exp(-lambda*c)/lambda + over*(c-(1-math.Exp(-lambda*c))/lambda)
		}
		for _, f := range []float64{.5, .9, .99, 1.01, 1.1, 2} {
			if cost(best*f) < cost(best)-1e-9*cost(best) {
				t.Fatalf("λ %v, α %v: capacity %v costs %v, cap* %v costs %v", lambda, alpha, best*f, cost(best*f), best, cost(best))
			}
		}
		exponential := func(_, _ int, p float64) float64 { return -math.Log(1-p) / lambda }
		rec := Recommend(Input{Profile: p, Mode: surgecast.ModeAct, Now: start, TrafficConfirms: true, WindowMaxRPM: exponential, UnitsNow: 1 << 19})
		if want, _ := p.UnitsFor(best); rec.WouldBeUnits != want {
			t.Fatalf("λ %v, α %v: %d units, want ⌈−ln(1−α)/λ⌉ = %d", lambda, alpha, rec.WouldBeUnits, want)
		}
	})
}

func TestUnits(t *testing.T) {
	for _, tt := range []struct {
		demand, per float64
		want        int
	}{
		{1200, 200, 6},
		{1200.5, 200, 7},
		{1, 200, 1},
		{0, 200, 0},
		{-5, 200, 0},
		{100, 0, 0},
		{1200, 1200.0 / 6, 6},
		{.3, .1, 3},
		{math.NaN(), 200, 0},
		{math.Inf(1), 200, surgecast.MaxUnitsCounted},
	} {
		if got, _ := (surgecast.CapacityProfile{RPMPerUnit: tt.per}).UnitsFor(tt.demand); got != tt.want {
			t.Errorf("units for %v at %v each = %d, want %d", tt.demand, tt.per, got, tt.want)
		}
	}
}

func TestTolerance(t *testing.T) {
	for _, tt := range []struct{ units, now, want int }{
		{13, 12, 14}, // 1 ≤ 1.2: ⌊13.2⌋ + 1
		{14, 12, 14}, // 2 > 1.2: as it is
		{11, 10, 12}, // 1 ≤ 1: exactly 10 % is skipped by the HPA too, ⌊11⌋ + 1
		{12, 10, 12},
		{10, 10, 10},
		{9, 10, 9},
		{7, 6, 7},
		{2, 0, 2},
		{110, 100, 111},
		{33, 30, 34},
		{1, 1, 1},
	} {
		if got := beyondTolerance(tt.units, tt.now); got != tt.want {
			t.Errorf("beyondTolerance(%d, %d) = %d, want %d", tt.units, tt.now, got, tt.want)
		}
	}
}

func TestFalls(t *testing.T) {
	// From 20: −2 in 5 min; from 6: 5 after 8 min 20 s.
	for _, tt := range []struct {
		u     int
		after int // seconds
		want  int
	}{
		{20, 299, 20}, {20, 300, 18}, {13, 300, 12}, {6, 499, 6}, {6, 500, 5}, {2, 1499, 2}, {2, 1500, 1}, {1, 2999, 1}, {1, 3000, 0}, {0, 9999, 0},
	} {
		if got := lowestAllowed(tt.u, seconds(tt.after)); got != tt.want {
			t.Errorf("lowestAllowed(%d, %d s) = %d, want %d", tt.u, tt.after, got, tt.want)
		}
	}
	// Over longer times, on whole minutes: 20 → 18 → 17 in 10; 6 → 5 in 9 (8 min 20 s), → 4 in 10 more; 3 → 2 in 17.
	for _, tt := range []struct{ u, minutes, least, want int }{
		{20, 10, 0, 17},
		{20, 10, 18, 18},
		{6, 8, 0, 6},
		{6, 9, 0, 5},
		{6, 18, 0, 5},
		{6, 19, 0, 4},
		{3, 16, 0, 3},
		{3, 17, 0, 2},
		{1, 49, 0, 1},
		{1, 600, 0, 0},
	} {
		f := floor{tt.u, start}
		if f.fallTo(tt.least, start, start.Add(time.Duration(tt.minutes)*time.Minute)); f.units != tt.want {
			t.Errorf("%d units stand at %d after %d minutes, want %d", tt.u, f.units, tt.minutes, tt.want)
		}
	}
	// What was needed falls when it no longer is, one step at once, however long it stood.
	f := floor{13, start}
	if f.fallTo(5, start.Add(time.Hour), start.Add(time.Hour)); f.units != 12 || !f.since.Equal(start.Add(time.Hour)) {
		t.Errorf("13 needed for an hour stand at %d since %v, want 12 since then", f.units, f.since)
	}
	// However long it stood, one answer is one step.
	if got := lowestAllowed(20, seconds(86400)); got != 18 {
		t.Errorf("after a day at 20: %d, want 18", got)
	}
	// The pace: u units lose at most 10 % of themselves in 5 minutes, on average over the step.
	for u := 1; u < 500; u++ {
		step, wait := falls(u)
		if share := float64(step) / float64(u) / (wait.Minutes() / 5); share > .1+1e-9 {
			t.Errorf("a floor of %d falls %.3f of itself in 5 minutes", u, share)
		}
	}
}
