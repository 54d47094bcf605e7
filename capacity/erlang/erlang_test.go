package erlang

import (
	"math"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// TestTable is the table of MODEL 2.5: P(wait) with c = ⌈R + β√R⌉, to 3 decimals, and R/c to 2.
//
// Fails when: C answers B.
func TestTable(t *testing.T) {
	betas := []float64{.5, 1, 1.5, 2, 2.5, 3}
	for _, row := range []struct {
		load float64
		wait []float64
		busy []float64
	}{
		{10, []float64{.449, .174, .102, .031, .016, .004}, []float64{.83, .71, .67, .59, .56, .50}},
		{50, []float64{.474, .194, .090, .027, .010, .002}, []float64{.93, .86, .82, .77, .74, .69}},
		{200, []float64{.466, .210, .083, .028, .008, .002}, []float64{.96, .93, .90, .87, .85, .82}},
		{1000, nil, []float64{.98, .97, .95, .94, .93, .91}},
	} {
		for i, beta := range betas {
			c := int(math.Ceil(Staffing(row.load, beta) - 1e-9))
			if row.wait != nil && math.Abs(C(row.load, c)-row.wait[i]) > .00055 {
				t.Errorf("R %v, β %v (%d servers): P(wait) %.4f, want %.3f", row.load, beta, c, C(row.load, c), row.wait[i])
			}
			if got := row.load / float64(c); math.Abs(got-row.busy[i]) > .0051 {
				t.Errorf("R %v, β %v: utilisation %.3f, want %.2f", row.load, beta, got, row.busy[i])
			}
		}
	}
}

// TestPoissonTail is MODEL 6.11, 10. Servers that nearly never turn anybody away are a Poisson tail: with N of mean R,
//
//	B = P(N = c) / P(N ≤ c),   P(N > c) = P(c+1, R)   the regularised incomplete gamma function
//
// and a tail that is one less what is below is nothing at all from 1e-16 on: gonum says P(N > 200) = 0 of a mean of 100
// where it is 4.6e-19. B and C keep their digits there, so no server more is asked for than is needed, and none is free.
//
// Fails when: B is one less the share that is served, counted upwards.
func TestPoissonTail(t *testing.T) {
	if got := mathext.GammaIncReg(201, 100); math.Abs(got-4.6e-19) > .05e-19 {
		t.Errorf("P(N > 200) of mean 100 is %v by the incomplete gamma function, want 4.6e-19", got)
	}
	if got := (distuv.Poisson{Lambda: 100}).Survival(200); got != 0 {
		t.Errorf("gonum now says %v of the same tail: this test may lean on it", got)
	}
	for _, load := range []float64{.5, 20, 100} {
		for _, c := range []int{1, 5, 40, 120, 200, 256} {
			k := float64(c)
			log, _ := math.Lgamma(k + 1)
			want := math.Exp(k*math.Log(load)-load-log) / mathext.GammaIncRegComp(k+1, load)
			if got := B(load, c); math.Abs(got-want) > 1e-10*want {
				t.Errorf("B(%v, %d) = %v, want %v", load, c, got, want)
			}
			if c <= int(load) {
				continue
			}
			// Who finds all busy finds c or more busy: C = P(N ≥ c) of the M/M/c's own law, the geometric rest summed.
			rest := want * k / (k - load*(1-want))
			if got := C(load, c); math.Abs(got-rest) > 1e-10*rest {
				t.Errorf("C(%v, %d) = %v, want %v", load, c, got, rest)
			}
		}
	}
}

// What is known without the recurrence: one server waits with probability ρ (MODEL 6.11 #12), and B of R = 2, c = 3 by
// its definition.
//
// Fails when: the recurrence begins at k = 0, or C forgets ρ.
func TestKnown(t *testing.T) {
	for _, rho := range []float64{.01, .3, .5, .9, .999} {
		if got := C(rho, 1); math.Abs(got-rho) > 1e-12 {
			t.Errorf("one server at ρ %v: P(wait) %v", rho, got)
		}
		if got, want := Waiting(rho, 1, 2), rho*math.Exp(-2*(1-rho)); math.Abs(got-want) > 1e-12 {
			t.Errorf("one server at ρ %v: P(wait > 2) %v, want %v", rho, got, want)
		}
	}
	if got := B(2, 3); math.Abs(got-4.0/19) > 1e-12 { // (8/6)/(1 + 2 + 2 + 8/6)
		t.Errorf("B(2, 3) = %v, want 4/19", got)
	}
	if C(5, 5) != 1 || Waiting(6, 5, 9) != 1 || B(0, 3) != 0 || Load(0, 1, .05) != 0 || Groups(0, 3, 1, .05, 9) != 0 {
		t.Error("servers that cannot carry their load always let wait, and without load never")
	}
	// One server, no wait allowed: C = ρ ≤ late.
	if got := Load(1, 0, .05); math.Abs(got-.05) > 1e-8 {
		t.Errorf("Load(1, 0, .05) = %v, want .05", got)
	}
	if got := Groups(1e300, 1, 1, .05, 1_000_000); got != 1_000_000 {
		t.Errorf("a load without end takes %d groups", got)
	}
}

// Load and Groups answer the same question from two sides, and neither is off by one.
//
// Fails when: Groups begins with low one higher, or Load leaves out near.
func TestLoadAndGroupsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		each := rapid.IntRange(1, 300).Draw(t, "each")
		n := rapid.IntRange(1, 60).Draw(t, "groups")
		wait := rapid.Float64Range(0, 20).Draw(t, "wait")
		r := Load(n*each, wait, .05)
		if Waiting(r, n*each, wait) > .05 {
			t.Fatalf("with load %v of %d servers more than one in 20 waits", r, n*each)
		}
		if more := r * (1 + 1e-7); more < float64(n*each) && Waiting(more, n*each, wait) <= .05 {
			t.Fatalf("%v is not the highest load of %d servers", r, n*each)
		}
		if got := Groups(r, each, wait, .05, 1000); got != n {
			t.Fatalf("load %v of %d groups of %d takes %d", r, n, each, got)
		}
		if got := Groups(r*(1+1e-7), each, wait, .05, 1000); got != n+1 {
			t.Fatalf("more than %d groups of %d take is given to %d", n, each, got)
		}
	})
}

// Load and Groups look between no waiting to speak of and all servers busy: with R + 5√R no more than one in 20 waits.
//
// Fails when: enough is 1.
func TestEnoughServersAreEnough(t *testing.T) {
	for load := .0001; load < 1e6; load *= 1.07 {
		if c := int(math.Ceil(Staffing(load, enough))); C(load, c) > .05 {
			t.Errorf("load %v, %d servers: %v wait", load, c, C(load, c))
		}
	}
}

// Where the recurrence ends, the law of many servers says the same load to one part in 100,000.
//
// Fails when: manyServers leaves out 2/(3√c).
func TestTheLawOfManyServersAgrees(t *testing.T) {
	for _, wait := range []float64{0, .01, .1, 1, 10} {
		exact := Load(exactUpTo, wait, .05)
		low, high := 0., float64(exactUpTo)
		for range 60 {
			mid := (low + high) / 2
			if manyServers(mid, exactUpTo)*math.Exp(-(exactUpTo-mid)*wait) <= .05 {
				low = mid
			} else {
				high = mid
			}
		}
		if math.Abs(low-exact) > 1e-5*exact {
			t.Errorf("wait %v: %d servers carry %.6f by the recurrence, %.6f by the law", wait, exactUpTo, exact, low)
		}
		// Over the border one server more still carries more.
		if next := Load(exactUpTo+1, wait, .05); next <= exact {
			t.Errorf("wait %v: %d servers carry %.3f, one more %.3f", wait, exactUpTo, exact, next)
		}
	}
}

// A straight line through what one number of units carried within a limit on waiting promises no more of more units
// than they carry, whatever the unit: more servers wait less. Of fewer it promises too much, by figures in decision
// 0014.
//
// Fails when: Waiting takes B for C.
func TestALineThroughOneTestIsSafeUpwards(t *testing.T) {
	for _, workers := range []int{1, 4, 16} {
		for _, limit := range []float64{.5, 1, 4} {
			each := Load(6*workers, limit, .05) / 6
			for units := 7; units <= 60; units++ {
				if got := Load(units*workers, limit, .05); got < float64(units)*each {
					t.Errorf("%d units of %d, limit %v: carry %.4f, the line from 6 says %.4f", units, workers, limit, got, float64(units)*each)
				}
			}
		}
	}
	for _, row := range []struct {
		workers int
		over    float64
	}{{16, 1.025}, {1, 1.40}} {
		over := Load(6*row.workers, 1, .05) / 2 / Load(3*row.workers, 1, .05)
		if math.Abs(over-row.over) > .005 {
			t.Errorf("units of %d: three promise %.3f of what they carry by a line from six, want %.3f", row.workers, over, row.over)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{16, 96, 960, exactUpTo, exactUpTo + 1} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Load(n, 2, .05)
			}
		})
	}
}

func BenchmarkGroups(b *testing.B) {
	for _, n := range []int{90, 900, 4000, 40000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Groups(float64(n), 16, 2, .05, 1_000_000)
			}
		})
	}
}
