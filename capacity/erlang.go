package capacity

import (
	"math"

	"surgecast"
)

// ErlangB is the blocking probability of c servers offered load R = λ/μ (M/M/c/c), by the recursion
//
//	B_0 = 1,   B_k = R·B_{k−1} / (k + R·B_{k−1})
//
// which neither overflows nor loses digits, unlike the factorials it stands for (Cooper 1981, §3.2).
func ErlangB(load float64, servers int) float64 {
	if !(load > 0) {
		if servers <= 0 {
			return 1
		}
		return 0
	}
	b := 1.0
	for k := 1; k <= servers; k++ {
		b = load * b / (float64(k) + load*b)
	}
	return b
}

// ErlangC is the probability that a request has to wait at all (M/M/c):
//
//	C = B / (1 − ρ(1 − B)),   ρ = R/c
//
// It is 1 when the group cannot carry the load (ρ ≥ 1). With one server it is ρ.
func ErlangC(load float64, servers int) float64 {
	if servers <= 0 || load >= float64(servers) {
		return 1
	}
	b := ErlangB(load, servers)
	rho := load / float64(servers)
	return b / (1 - rho*(1-b))
}

// SquareRootStaffing is the servers for load R with safety β: c = ⌈R + β√R⌉ (Halfin & Whitt 1981). β = 2
// lets some 3 in 100 requests wait, whatever the size of the group; it is the default of the product.
func SquareRootStaffing(load, beta float64) int {
	if !(load > 0) {
		return 0
	}
	return int(min(math.Ceil(load+beta*math.Sqrt(load)-1e-9), surgecast.MaxUnitsCounted))
}

// ServersFor is the fewest servers that let at most the share wait of requests wait.
func ServersFor(load, wait float64) int {
	if !(load > 0) {
		return 0
	}
	b := 1.0
	for c := 1; c < surgecast.MaxUnitsCounted; c++ {
		b = load * b / (float64(c) + load*b)
		if rho := load / float64(c); rho < 1 && b/(1-rho*(1-b)) <= wait {
			return c
		}
	}
	return surgecast.MaxUnitsCounted
}

// PeakToMean is how far the busiest second of a minute stands above the minute's mean when arrivals are
// Poisson with λ requests a minute: 1 + 3/√(λ/60). Multiply the load by it, or by a measured ratio.
func PeakToMean(rpm float64) float64 {
	if !(rpm > 0) {
		return 1
	}
	return 1 + 3/math.Sqrt(rpm/60)
}
