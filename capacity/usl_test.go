package capacity

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// truth is the made-up triple of MODEL 6.11 #11; its peak is at √((1−.0267)/7.7e-4) = 35.55 units.
var truth = USL{Gamma: 995.65, Sigma: .0267, Kappa: 7.7e-4}

func loadTest(u USL, rng *rand.Rand, noise float64, units ...float64) []LoadPoint {
	ps := make([]LoadPoint, len(units))
	for i, n := range units {
		x := u.value(n)
		if noise > 0 {
			x *= 1 + noise*rng.NormFloat64()
		}
		ps[i] = LoadPoint{Units: n, RPM: x}
	}
	return ps
}

func TestUSLExact(t *testing.T) {
	u, err := FitUSL(loadTest(truth, nil, 0, 1, 2, 4, 8, 16, 24, 32, 48), rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"γ", u.Gamma, truth.Gamma}, {"σ", u.Sigma, truth.Sigma}, {"κ", u.Kappa, truth.Kappa}, {"N*", u.PeakUnits(), math.Sqrt((1 - .0267) / 7.7e-4)}} {
		if math.Abs(c.got/c.want-1) > 1e-6 {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
	if math.Abs(u.PeakUnits()-35.55) > .01 {
		t.Errorf("peak at %v units, want 35.55", u.PeakUnits())
	}
	if !u.Extrapolates {
		t.Error("exact data leave no doubt about κ")
	}
	// 600 units: far over the peak, still computable, and less than at the peak.
	if x, _, err := u.At(600); err != nil || x >= u.value(u.PeakUnits()) {
		t.Errorf("At(600) = %v, %v", x, err)
	}
}

// TestUSLNoise: 3 % noise and 8 points give X(N*) within 5 % (MODEL 6.11 #11); of 100 load tests at least 90, and the
// middle one within 2 %. The 19-in-20 interval holds the true peak in at least 80: with 8 points it cannot be exact.
func TestUSLNoise(t *testing.T) {
	near, inside := 0, 0
	var off []float64
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 7))
		u, err := FitUSL(loadTest(truth, rng, .03, 2, 4, 8, 16, 24, 32, 40, 48), rng)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := truth.value(truth.PeakUnits())
		d := math.Abs(u.value(u.PeakUnits())/want - 1)
		off = append(off, d)
		if d < .05 {
			near++
		}
		if u.PeakInterval[0] <= want && want <= u.PeakInterval[1] {
			inside++
		}
		if !u.Extrapolates {
			t.Errorf("seed %d: points beyond the peak leave κ uncertain: %v", seed, u.KappaInterval)
		}
	}
	if near < 90 || inside < 80 {
		t.Errorf("X(N*) within 5 %% in %d of 100 load tests, within its interval in %d", near, inside)
	}
	if slices.Sort(off); off[50] > .02 {
		t.Errorf("X(N*) is off by %v in the middle one", off[50])
	}
}

// TestUSLRefuses: far below the peak the data cannot tell whether there is one, so nothing is said beyond them.
func TestUSLRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	u, err := FitUSL(loadTest(USL{Gamma: 200, Sigma: .01}, rng, .02, 1, 2, 3, 4, 5, 6, 8, 10), rng)
	if err != nil && !errors.Is(err, ErrNoStress) {
		t.Fatal(err)
	}
	if u.Extrapolates {
		t.Fatalf("κ between %v: extrapolates", u.KappaInterval)
	}
	if x, _, err := u.At(10); err != nil || math.Abs(x/1834.9-1) > .1 { // 2000/1.09, give or take the noise
		t.Errorf("at a tested number: %v, %v", x, err)
	}
	if _, _, err := u.At(11); !errors.Is(err, ErrBeyondTested) {
		t.Errorf("At(11) with 10 tested: %v, want ErrBeyondTested", err)
	}
}

func TestUSLNeedsPoints(t *testing.T) {
	for _, tt := range []struct {
		name   string
		points []LoadPoint
		want   error
	}{
		{"five points", loadTest(truth, nil, 0, 1, 2, 4, 8, 16), ErrFewPoints},
		{"six points, three sizes", loadTest(truth, nil, 0, 1, 1, 2, 2, 4, 4), ErrFewPoints},
		{"a zero", append(loadTest(truth, nil, 0, 1, 2, 4, 8, 16, 32), LoadPoint{Units: 3}), ErrNotThroughput},
		{"not a number", append(loadTest(truth, nil, 0, 1, 2, 4, 8, 16, 32), LoadPoint{Units: 3, RPM: math.NaN()}), ErrNotThroughput},
		// The peak of truth is 18,126 at 35.6 units; 8 units serve 6,404: 35 % of it.
		{"no stress", loadTest(truth, nil, 0, 1, 2, 3, 4, 6, 8), ErrNoStress},
	} {
		if _, err := FitUSL(tt.points, rand.New(rand.NewPCG(1, 1))); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestUSLAnything: whatever positive points come, the fit ends without NaN and within the law. (25 draws, not rapid's 100:
// each fit refits itself 200 times.)
func TestUSLAnything(t *testing.T) {
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 11))
		var ps []LoadPoint
		for range 6 + rng.IntN(7) {
			ps = append(ps, LoadPoint{Units: float64(1 + rng.IntN(200)), RPM: math.Exp(rng.Float64()*20 - 4)})
		}
		u, err := FitUSL(ps, rng)
		if err != nil {
			continue
		}
		if !(u.Gamma > 0) || math.IsInf(u.Gamma, 0) || !(u.Sigma >= 0) || !(u.Kappa >= 0) {
			t.Fatalf("seed %d: γ %v, σ %v, κ %v", seed, u.Gamma, u.Sigma, u.Kappa)
		}
		if x, _, err := u.At(u.MaxTested); err != nil || !(x > 0) {
			t.Fatalf("seed %d: At(%v) = %v, %v", seed, u.MaxTested, x, err)
		}
	}
}
