package api

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"surgecast"
)

// metrics is what the API says of itself and of its sites. Labels take few values: a route, a site, a
// horizon; never a topic, of which there may be 100,000.
type metrics struct {
	server        *Server
	durations     *prometheus.HistogramVec
	panics        prometheus.Counter
	decisionsHeld prometheus.Counter
	kedaCalls     *prometheus.HistogramVec
}

var (
	siteLabels   = []string{"account", "site"}
	descAge      = prometheus.NewDesc("surgecast_forecast_age_seconds", "Age of the newest forecast by the data's clock.", siteLabels, nil)
	descValid    = prometheus.NewDesc("surgecast_forecast_valid_until_seconds", "Unix time at which the newest forecast ends.", siteLabels, nil)
	descUnits    = prometheus.NewDesc("surgecast_recommended_units", "What /scale answers; absent when that is stale or an error.", siteLabels, nil)
	descWould    = prometheus.NewDesc("surgecast_would_be_units", "What /scale would answer in mode act; absent when stale.", siteLabels, nil)
	descPlanned  = prometheus.NewDesc("surgecast_planned_rps", "Requests a second the recommended units are meant for; absent when stale.", siteLabels, nil)
	descRPS      = prometheus.NewDesc("surgecast_expected_rps", "Highest sustained requests a second of the next hour, by quantile; absent when stale.", []string{"account", "site", "quantile"}, nil)
	descRisk     = prometheus.NewDesc("surgecast_exceed_probability", "Chance of passing the capacity within the horizon; absent when stale.", []string{"account", "site", "horizon"}, nil)
	descStreams  = prometheus.NewDesc("surgecast_sse_clients", "Live streams open.", nil, nil)
	descReady    = prometheus.NewDesc("surgecast_memory_loaded", "1 once the memory was filled from the database.", nil, nil)
	allDescs     = []*prometheus.Desc{descAge, descValid, descUnits, descWould, descPlanned, descRPS, descRisk, descStreams, descReady}
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
	m.kedaCalls = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "surgecast_keda_request_duration_seconds", Help: "Time to answer KEDA over gRPC, by method and status.", Buckets: routeBuckets,
	}, []string{"method", "code"})
	s.c.Registry.MustRegister(m, m.durations, m.panics, m.decisionsHeld, m.kedaCalls)
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
		if b, why := scaleAnswer(st, now); why == nil && !b.Stale {
			gauge(descUnits, float64(b.Units), account, site)
			gauge(descPlanned, float64(b.ExpectedRPS), account, site)
			if b.WouldBeUnits != nil {
				gauge(descWould, float64(*b.WouldBeUnits), account, site)
			}
		}
		f := st.total()
		if f == nil {
			continue
		}
		gauge(descAge, now.Sub(f.IssuedAt).Seconds(), account, site)
		if expired(f, now) || now.Sub(f.IssuedAt) > freshFor {
			continue
		}
		gauge(descValid, float64(f.ValidUntil.Unix()), account, site)
		for i, h := range f.HorizonMinutes {
			if i < len(f.Risk) {
				gauge(descRisk, f.Risk[i], account, site, horizonLabel(h))
			}
		}
		for _, q := range expectedLevels {
			gauge(descRPS, maximumWithin(f, expectedWithin, q)/60, account, site, strconv.FormatFloat(q, 'f', -1, 64))
		}
	}
}

// expectedWithin is the horizon of surgecast_expected_rps, and expectedLevels are its quantiles.
const expectedWithin = 60

var expectedLevels = [...]float64{.1, .5, .9, .99}

// horizonLabel writes a horizon with its unit: 15m, 2h.
func horizonLabel(minutes int) string {
	if minutes%60 == 0 {
		return strconv.Itoa(minutes/60) + "h"
	}
	return strconv.Itoa(minutes) + "m"
}

// maximumWithin is a quantile of the highest sustained demand within a horizon of the grids; NaN when the forecast
// does not hold it.
func maximumWithin(f *surgecast.SiteForecast, minutes int, level float64) float64 {
	h, l := slices.Index(f.HorizonMinutes, minutes), slices.Index(f.Levels, level)
	if h < 0 || l < 0 || h >= len(f.MaxQuantilesRPM) || l >= len(f.MaxQuantilesRPM[h]) {
		return math.NaN()
	}
	return f.MaxQuantilesRPM[h][l]
}
