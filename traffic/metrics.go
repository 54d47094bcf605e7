package traffic

import "github.com/prometheus/client_golang/prometheus"

// metrics are the figures of a Runner. Sites come from the configuration, so their number is bounded.
type metrics struct {
	last     *prometheus.GaugeVec
	state    *prometheus.GaugeVec
	minutes  *prometheus.CounterVec
	failures *prometheus.CounterVec
	input    *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		last: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "surgecast_traffic_last_minute_timestamp_seconds",
			Help: "Start of the newest complete minute of a site's own traffic.",
		}, []string{"site"}),
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "surgecast_traffic_state",
			Help: "1 for the state the reading of a site's traffic is in.",
		}, []string{"site", "state"}),
		minutes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "surgecast_traffic_minutes_total",
			Help: "Rows of traffic stored, corrections and segments included.",
		}, []string{"site"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "surgecast_traffic_failures_total",
			Help: "Times a site's traffic could not be read.",
		}, []string{"site"}),
		input: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "surgecast_traffic_input_total",
			Help: "Lines or points read, by what became of them.",
		}, []string{"site", "result"}),
	}
	if reg != nil {
		reg.MustRegister(m.last, m.state, m.minutes, m.failures, m.input)
	}
	return m
}
