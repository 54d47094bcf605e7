package risk

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimeToBreach(t *testing.T) {
	curve := []float64{.00, .02, .08, .20, .20, .50, .60, .60}
	for _, tt := range []struct{ p, want float64 }{
		{.10, 35},         // 30 + 30·(.10−.08)/(.20−.08) = 35
		{.02, 15},         // at a horizon
		{.01, 10},         // 5 + 10·.01/.02
		{.20, 60},         // reached at 60, before the flat stretch
		{.35, 240},        // 120 + 240·.15/.30
		{.60, 720},        // first reached at 12 h
		{.61, math.NaN()}, // never
	} {
		if got := TimeToBreach(horizons, curve, tt.p); math.Abs(got-tt.want) > 1e-9 && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("TimeToBreach(%v) = %v, want %v", tt.p, got, tt.want)
		}
	}
	if got := TimeToBreach(horizons, []float64{1, 1, 1, 1, 1, 1, 1, 1}, .1); got != .5 {
		t.Errorf("certain within 5 minutes, .10 after %v, want 0.5", got)
	}
	if got := TimeToBreach(nil, nil, .1); !math.IsNaN(got) {
		t.Errorf("no curve: %v, want NaN", got)
	}
	// A dip is noise: the distribution of a first time cannot fall.
	if got := At(horizons, []float64{.3, .1, math.NaN(), .4, .4, .4, .4, .4}, 15); got != .3 {
		t.Errorf("a curve that dips: %v at 15, want .3", got)
	}
}

// TestCurveAgrees: both readings of a curve are one line, rising both ways.
func TestCurveAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := make([]float64, len(horizons))
		for i := range r {
			r[i] = rapid.Float64Range(0, 1).Draw(t, "r")
		}
		lo, hi := rapid.Float64Range(0, 1).Draw(t, "p"), rapid.Float64Range(0, 1).Draw(t, "q")
		if lo > hi {
			lo, hi = hi, lo
		}
		a, b := TimeToBreach(horizons, r, lo), TimeToBreach(horizons, r, hi)
		if math.IsNaN(a) && !math.IsNaN(b) || a > b {
			t.Fatalf("time to breach at %v is %v, at %v %v", lo, a, hi, b)
		}
		if !math.IsNaN(a) {
			if got := At(horizons, r, a); a > 0 && math.Abs(got-lo) > 1e-9 && got < lo {
				t.Fatalf("At(%v) = %v, want at least %v", a, got, lo)
			}
			if a > 1e-6 && At(horizons, r, a*(1-1e-9)) > lo+1e-6 {
				t.Fatalf("%v is passed before %v", lo, a)
			}
		}
	})
}

func TestActBy(t *testing.T) {
	origin, now := on(14, 19), on(14, 20)
	// 14:19 + 31.5 min − 9 min = 14:41:30
	at, late, reason := ActBy(now, origin, 31.5, 540, .6)
	if want := on(14, 41).Add(30 * time.Second); !at.Equal(want) || late != 0 || reason != "" {
		t.Errorf("act by %v, late %d, %q; want %v", at, late, reason, want)
	}
	// 14:19 + 5 − 9 = 14:15, 300 s ago
	if at, late, _ := ActBy(now, origin, 5, 540, .6); !at.Equal(on(14, 15)) || late != 300 {
		t.Errorf("past: act by %v, late by %d, want 14:15 and 300", at, late)
	}
	if at, late, reason := ActBy(now, origin, math.NaN(), 540, .0999); !at.IsZero() || late != 0 || reason != ReasonNotExpected {
		t.Errorf("not expected: %v, %d, %q", at, late, reason)
	}
	if at, _, reason := ActBy(now, origin, math.NaN(), 540, math.NaN()); !at.IsZero() || reason != ReasonCapacityUnknown {
		t.Errorf("unknown: %v, %q", at, reason)
	}
}
