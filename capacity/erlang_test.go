package capacity

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestErlangTable is the table of MODEL 2.5: P(wait) with c = ⌈R + β√R⌉, to 3 decimals.
func TestErlangTable(t *testing.T) {
	betas := []float64{.5, 1, 1.5, 2, 2.5, 3}
	for _, row := range []struct {
		load float64
		wait []float64
		util []float64 // R/c, to 2 decimals
	}{
		{10, []float64{.449, .174, .102, .031, .016, .004}, []float64{.83, .71, .67, .59, .56, .50}},
		{50, []float64{.474, .194, .090, .027, .010, .002}, []float64{.93, .86, .82, .77, .74, .69}},
		{200, []float64{.466, .210, .083, .028, .008, .002}, []float64{.96, .93, .90, .87, .85, .82}},
	} {
		for i, beta := range betas {
			c := SquareRootStaffing(row.load, beta)
			if got := ErlangC(row.load, c); math.Abs(got-row.wait[i]) > .00055 {
				t.Errorf("R %v, β %v (%d servers): P(wait) %.4f, want %.3f", row.load, beta, c, got, row.wait[i])
			}
			if got := row.load / float64(c); math.Abs(got-row.util[i]) > .0051 {
				t.Errorf("R %v, β %v: utilisation %.3f, want %.2f", row.load, beta, got, row.util[i])
			}
		}
	}
}

func TestErlangKnown(t *testing.T) {
	// M/M/1: C = ρ (MODEL 6.11 #12).
	for _, rho := range []float64{.01, .3, .5, .9, .999} {
		if got := ErlangC(rho, 1); math.Abs(got-rho) > 1e-12 {
			t.Errorf("one server at ρ %v: P(wait) %v", rho, got)
		}
	}
	// B by its definition for R = 2, c = 3: (8/6)/(1 + 2 + 2 + 8/6) = 4/19.
	if got := ErlangB(2, 3); math.Abs(got-4.0/19) > 1e-12 {
		t.Errorf("ErlangB(2, 3) = %v, want 4/19", got)
	}
	if ErlangC(5, 5) != 1 || ErlangC(5, 0) != 1 || ErlangB(0, 0) != 1 || ErlangB(0, 3) != 0 {
		t.Error("a group that cannot carry its load always lets wait")
	}
	// λ = 240 a minute: 1 + 3/√4 = 2.5
	if got := PeakToMean(240); got != 2.5 {
		t.Errorf("PeakToMean(240) = %v, want 2.5", got)
	}
}

func TestServersFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		load := rapid.Float64Range(.01, 2000).Draw(t, "load")
		wait := rapid.Float64Range(.0001, .9).Draw(t, "wait")
		c := ServersFor(load, wait)
		if ErlangC(load, c) > wait {
			t.Fatalf("%d servers for %v: P(wait) %v > %v", c, load, ErlangC(load, c), wait)
		}
		if c > 1 && ErlangC(load, c-1) <= wait {
			t.Fatalf("%d servers for %v, but %d would do", c, load, c-1)
		}
	})
}
