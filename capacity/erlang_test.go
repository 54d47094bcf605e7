package capacity

import (
	"math"
	"testing"
)

// What decision 0014 rests on. The product has no formula of waiting: what a unit serves is measured within the limits.

// erlangB is the blocking probability of c servers offered load R = λ/μ (M/M/c/c), by the recursion
//
//	B_0 = 1,   B_k = R·B_{k−1} / (k + R·B_{k−1})
//
// which neither overflows nor loses digits, unlike the factorials it stands for (Cooper 1981, §3.2).
func erlangB(load float64, servers int) float64 {
	b := 1.0
	for k := 1; k <= servers; k++ {
		b = load * b / (float64(k) + load*b)
	}
	return b
}

// erlangC is the probability that a request has to wait at all (M/M/c), C = B / (1 − ρ(1 − B)) with ρ = R/c; 1 when the
// group cannot carry the load.
func erlangC(load float64, servers int) float64 {
	if load >= float64(servers) {
		return 1
	}
	b := erlangB(load, servers)
	return b / (1 - load/float64(servers)*(1-b))
}

// squareRootStaffing is the servers for load R with safety β: c = ⌈R + β√R⌉ (Halfin & Whitt 1981).
func squareRootStaffing(load, beta float64) int {
	return int(math.Ceil(load + beta*math.Sqrt(load) - 1e-9))
}

// carries is the highest load at which 95 in 100 requests wait no longer than t service times:
//
//	P(W > t) = C e^(−(c−R)t) ≤ .05
func carries(servers int, t float64) float64 {
	low, high := 0., float64(servers)
	for range 60 {
		mid := (low + high) / 2
		if erlangC(mid, servers)*math.Exp(-(float64(servers)-mid)*t) <= .05 {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// A straight line through what one number of units carried within a limit on waiting promises no more of more units
// than they carry, whatever the unit: a larger group waits less. Of fewer it promises too much, by figures in decision
// 0014.
//
// Fails when: carries takes the blocking probability for that of waiting.
func TestALineThroughOneTestIsSafeUpwards(t *testing.T) {
	for _, workers := range []int{1, 4, 16} {
		for _, limit := range []float64{.5, 1, 4} {
			each := carries(6*workers, limit) / 6
			for units := 7; units <= 60; units++ {
				if got := carries(units*workers, limit); got < float64(units)*each {
					t.Errorf("%d units of %d, limit %v: carry %.4f, the line from 6 says %.4f", units, workers, limit, got, float64(units)*each)
				}
			}
		}
	}
	for _, row := range []struct {
		workers int
		over    float64
	}{{16, 1.025}, {1, 1.40}} {
		over := carries(6*row.workers, 1) / 2 / carries(3*row.workers, 1)
		if math.Abs(over-row.over) > .005 {
			t.Errorf("units of %d: three promise %.3f of what they carry by a line from six, want %.3f", row.workers, over, row.over)
		}
	}
}

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
			c := squareRootStaffing(row.load, beta)
			if got := erlangC(row.load, c); math.Abs(got-row.wait[i]) > .00055 {
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
		if got := erlangC(rho, 1); math.Abs(got-rho) > 1e-12 {
			t.Errorf("one server at ρ %v: P(wait) %v", rho, got)
		}
	}
	// B by its definition for R = 2, c = 3: (8/6)/(1 + 2 + 2 + 8/6) = 4/19.
	if got := erlangB(2, 3); math.Abs(got-4.0/19) > 1e-12 {
		t.Errorf("erlangB(2, 3) = %v, want 4/19", got)
	}
	if erlangC(5, 5) != 1 || erlangB(0, 3) != 0 {
		t.Error("a group that cannot carry its load always lets wait, and one without load never")
	}
}
