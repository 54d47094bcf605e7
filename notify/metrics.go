package notify

import "github.com/prometheus/client_golang/prometheus"

// metrics carry the message's type and what came of it, never an endpoint, a site or a topic.
type metrics struct {
	attempts  *prometheus.CounterVec
	finished  *prometheus.CounterVec
	durations prometheus.Histogram
	stuck     prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "surgecast_notify_attempts_total",
			Help: "Posts of webhook messages, by type and by what was answered (2xx, 3xx, 4xx, 5xx, none).",
		}, []string{"type", "answer"}),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "surgecast_notify_deliveries_total",
			Help: "Webhook messages that came to an end, by type and status (delivered, failed, expired, superseded).",
		}, []string{"type", "status"}),
		durations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "surgecast_notify_attempt_seconds",
			Help:    "How long one post took.",
			Buckets: []float64{.01, .03, .1, .3, 1, 3, 10, 15},
		}),
		stuck: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "surgecast_notify_stuck_jobs",
			Help: "Delivery jobs marked running for longer than a job may take.",
		}),
	}
	if r != nil {
		r.MustRegister(m.attempts, m.finished, m.durations, m.stuck)
	}
	return m
}

func class(status int) string {
	switch {
	case status == 0:
		return "none"
	case status < 200 || status >= 600:
		return "odd"
	}
	return string('0'+rune(status/100)) + "xx"
}
