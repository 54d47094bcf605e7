package kedatest

import (
	"math"

	v2 "k8s.io/api/autoscaling/v2"
	"k8s.io/metrics/pkg/apis/external_metrics"
)

// hpa is GetExternalPerPodMetricReplicas of the Kubernetes HPA: what it does with the metric KEDA's adapter serves,
// in the adapter's own types. Stabilisation windows, which only delay a scale-down, are left out: what this one never
// asks for, the real one does not either.
type hpa struct{ replicas, least int }

const tolerance = .1

// observe takes in the values of one poll. A failure is not observed: the HPA keeps what it has.
func (h *hpa) observe(values []external_metrics.ExternalMetricValue, spec v2.MetricSpec) {
	var usage int64
	for _, v := range values {
		usage += v.Value.MilliValue()
	}
	target := spec.External.Target.AverageValue.MilliValue()
	if h.replicas > 0 {
		ratio := float64(usage) / (float64(target) * float64(h.replicas))
		if math.Abs(1-ratio) <= tolerance {
			return
		}
	}
	h.replicas = max(int(math.Ceil(float64(usage)/float64(target))), h.least)
}
