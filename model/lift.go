package model

// Lift is the visits a step that a class of sources brings under its prior alone, for a site that has not
// yet learnt from it: dst[t] = κ Σ_j w_j (k_j ∗ d)[t], with the kernels of transfer (gamma of order 2, mean
// lag τ_j) and d the deviation of talk from its usual, a value a step. What is said in a step counts from
// the next one on. dst is grown as needed and returned.
func Lift(dst []float64, driver Driver, stepSeconds int, deviation []float64) []float64 {
	t := newTransfer(float64(max(1, stepSeconds)), []Driver{driver})
	dst = dst[:0]
	for _, d := range deviation {
		sum := 0.
		for j, w := range driver.Mix {
			sum += w * t.e[j]
			t.f[j] = t.decay[j]*t.f[j] + (1-t.decay[j])*d
			t.e[j] = t.decay[j]*t.e[j] + (1-t.decay[j])*t.f[j]
		}
		dst = append(dst, driver.Kappa*sum)
	}
	return dst
}
