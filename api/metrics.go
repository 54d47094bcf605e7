package api

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is what the API says of itself and of its sites. Labels take few values: a route, a site, a
// horizon; never a topic, of which there may be 100,000.
type metrics struct {
	server        *Server
	durations     *prometheus.HistogramVec
	panics        prometheus.Counter
	decisionsHeld prometheus.Counter
}

var (
	siteLabels   = []string{"account", "site"}
	descAge      = prometheus.NewDesc("surgecast_forecast_age_seconds", "Age of the newest forecast by the data's clock.", siteLabels, nil)
	descValid    = prometheus.NewDesc("surgecast_forecast_valid_until_seconds", "Unix time at which the newest forecast ends.", siteLabels, nil)
	descUnits    = prometheus.NewDesc("surgecast_recommended_units", "What /scale answers; absent when it answers an error.", siteLabels, nil)
	descRPS      = prometheus.NewDesc("surgecast_expected_rps", "Requests a second the units are meant for.", siteLabels, nil)
	descRisk     = prometheus.NewDesc("surgecast_exceed_probability", "Chance of passing the capacity within the horizon.", []string{"account", "site", "horizon_minutes"}, nil)
	descStreams  = prometheus.NewDesc("surgecast_sse_clients", "Live streams open.", nil, nil)
	descReady    = prometheus.NewDesc("surgecast_memory_loaded", "1 once the memory was filled from the database.", nil, nil)
	allDescs     = []*prometheus.Desc{descAge, descValid, descUnits, descRPS, descRisk, descStreams, descReady}
	routeBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
)

func newMetrics(s *Server) *metrics {
	m := &metrics{
		server: s,
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "surgecast_http_request_duration_seconds", Help: "Time to answer, by route.", Buckets: routeBuckets,
		}, []string{"method", "route", "status"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "surgecast_http_panics_total", Help: "Requests that failed on our side without an error.",
		}),
		decisionsHeld: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "surgecast_decisions_held_total", Help: "Changed answers that could not be noted at once, because the database is away.",
		}),
	}
	s.c.Registry.MustRegister(m, m.durations, m.panics, m.decisionsHeld)
	for _, c := range []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		_ = s.c.Registry.Register(c) // the wiring may have registered them already
	}
	return m
}

// MetricsHandler serves /metrics, on a listener of its own.
func (s *Server) MetricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.c.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	return mux
}

func (m *metrics) observe(method, route string, status int, took time.Duration) {
	if !knownMethods[method] { // a client may invent methods
		method = "other"
	}
	m.durations.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

var knownMethods = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true}

// Describe is prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range allDescs {
		ch <- d
	}
}

// Collect reads the memory. A number that is no longer known has no sample: a frozen one would be
// believed, and a NaN is read as zero by some scalers.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	s := m.server
	now := s.now()
	gauge := func(d *prometheus.Desc, x float64, labels ...string) {
		if !math.IsNaN(x) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, x, labels...)
		}
	}
	gauge(descStreams, float64(s.hub.count()))
	gauge(descReady, choose(s.loaded.Load(), 1.0, 0))
	for _, st := range s.memory.all(0) {
		account, site := strconv.FormatInt(st.site.AccountID, 10), st.site.Slug
		if b, why := scaleAnswer(st, now); why == nil {
			gauge(descUnits, float64(b.Units), account, site)
			gauge(descRPS, float64(b.ExpectedRPS), account, site)
		}
		f := st.total()
		if f == nil {
			continue
		}
		gauge(descAge, now.Sub(f.IssuedAt).Seconds(), account, site)
		if expired(f, now) {
			continue
		}
		gauge(descValid, float64(f.ValidUntil.Unix()), account, site)
		for i, h := range f.HorizonMinutes {
			if i < len(f.Risk) {
				gauge(descRisk, f.Risk[i], account, site, strconv.Itoa(h))
			}
		}
	}
}
