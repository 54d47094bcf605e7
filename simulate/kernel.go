package simulate

import "math"

// The lags between a mention and the visits it brings follow a power law: half come within half an
// hour, some after hours (human response times: Barabási 2005; shared links: Crane and Sornette 2008).
//
//	K(ℓ) ∝ (ℓ − 2)^−1.4 for ℓ = 12 … 240 minutes, Σ K = 1
//
// The first minutes are empty because a post must be seen before it is followed. Half an hour is on the
// quick side: half of the clicks on a link came within 2.8 hours of its peak (bitly, 2011).
const (
	lagFirst    = 12
	lagLast     = 240
	lagOrigin   = 2
	lagExponent = 1.4
)

func powerLaw() []float64 {
	k := make([]float64, lagLast+1)
	sum := 0.0
	for l := lagFirst; l <= lagLast; l++ {
		k[l] = math.Pow(float64(l-lagOrigin), -lagExponent)
		sum += k[l]
	}
	for l := range k {
		k[l] /= sum
	}
	return k
}

// lagged is Σ K(ℓ)·x(m−ℓ): the mentions whose visitors arrive in minute m.
func (w *World) lagged(m int64, x func(m int64) float64) float64 {
	sum := 0.0
	for l := lagFirst; l <= lagLast; l++ {
		sum += w.kernel[l] * x(m-int64(l))
	}
	return sum
}
