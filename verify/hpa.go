package verify

import "math"

// Tolerance is the HPA's default: a wish within 10 % of what serves is not acted on.
const Tolerance = .1

// HPA is the arithmetic of the Kubernetes HPA for one external metric of type AverageValue, the type KEDA makes by
// default (GetExternalPerPodMetricReplicas). It remembers nothing but its replicas: stabilisation windows delay a
// scale-down further, so what this one never asks for, the real one does not either.
type HPA struct {
	Target   float64 // what one replica serves, > 0
	Replicas int
	Min, Max int // of the ScaledObject; Max 0: none
}

// Observe takes in a metric and says what the HPA did.
func (h *HPA) Observe(value float64) string {
	// KEDA renders metrics as milli-units; negative numbers, NaN and infinities become zero.
	if math.IsNaN(value) || math.IsInf(value, 0) || value < 0 {
		value = 0
	}
	value = math.Round(value*1000) / 1000
	if h.Replicas > 0 {
		if ratio := value / (h.Target * float64(h.Replicas)); math.Abs(1-ratio) <= Tolerance {
			return "holds (tolerance)"
		}
	}
	want := int(math.Ceil(value / h.Target))
	want = max(want, h.Min, 1) // zero is KEDA's own affair: it needs an inactive trigger
	if h.Max > 0 {
		want = min(want, h.Max)
	}
	if want == h.Replicas {
		return "holds"
	}
	h.Replicas = want
	return "scales"
}

// Fail takes in an error: the HPA keeps what it has.
func (h *HPA) Fail() string { return "holds (error)" }
