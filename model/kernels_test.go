package model

import (
	"math"
	"testing"
)

// MODEL 6.11, 3, for the kernels the transfer uses: one mention brings β visits in the end, spread over the steps after
// it as a gamma density of order 2 with mean lag τ, for minutes as for five minutes; the mixture of a fast feed
// (.35 .35 .25 .05 over 5, 30, 180 and 1440 min) has brought as much of it at 5 min … 1 day as the densities say:
//
//	F(t) = Σ_j w_j (1 − (1 + 2t/τ_j) e^(−2t/τ_j))
//
// and carrying a kernel on by run is stepping it.
//
// Fails when: decay is e^(−1/τ), hear feeds f into e of the step before, or run leaves out the ramp.
func TestKernelsHaveTheirMassAndLag(t *testing.T) {
	mix := [transferKernels]float64{.35, .35, .25, .05}
	for _, step := range []float64{60, 300} {
		tr := newTransfer(step, []Driver{{Kappa: 1, Mix: mix}})
		var mass, lag [transferKernels]float64
		brought, at := 0., map[int]float64{}
		n := int(40 * transferTau[3] / step)
		for i := range n {
			d := 0.
			if i == 0 {
				d = 1
			}
			tr.hear(0, d)
			tr.look()
			brought += tr.c[0]
			for j := range mass {
				mass[j] += tr.e[j]
				lag[j] += tr.e[j] * (float64(i) + .5) * step
			}
			at[int(float64(i+1)*step/60)] = brought
		}
		for j, tau := range transferTau {
			if math.Abs(mass[j]-1) > 1e-6 {
				t.Errorf("step %v s: kernel %d has mass %v", step, j, mass[j])
			}
			// Means of exponentials over steps lag half a step each behind the continuous ones.
			if got := lag[j] / mass[j]; math.Abs(got-tau) > step {
				t.Errorf("step %v s: kernel %d lags %v s, want %v", step, j, got, tau)
			}
		}
		if step > 60 {
			continue
		}
		for _, minutes := range []int{5, 30, 180, 1440} {
			want := 0.
			for j, w := range mix {
				u := 2 * float64(minutes*60) / transferTau[j]
				want += w * (1 - (1+u)*math.Exp(-u))
			}
			if math.Abs(at[minutes]-want) > .04 {
				t.Errorf("after %d min %.3f were brought, want %.3f", minutes, at[minutes], want)
			}
		}
	}
	tr := newTransfer(60, []Driver{{Kappa: 1, Mix: mix}})
	for i := range 50 {
		tr.hear(0, float64(i%7))
	}
	for j := range transferTau {
		f, e := tr.run(j, tr.f[j], tr.e[j], 3, 20)
		stepped := tr
		stepped.f, stepped.e = append([]float64(nil), tr.f...), append([]float64(nil), tr.e...)
		for range 20 {
			stepped.hear(0, 3)
		}
		if math.Abs(f-stepped.f[j]) > 1e-9 || math.Abs(e-stepped.e[j]) > .12*math.Abs(stepped.e[j]) {
			t.Errorf("kernel %d after 20 steps: %v, %v by run, %v, %v stepped", j, f, e, stepped.f[j], stepped.e[j])
		}
	}
}
