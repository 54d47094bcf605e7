package ingest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"surgecast"
)

// meter is how one source is doing.
type meter struct {
	clock       surgecast.Clock
	meterCounts // guarded by the tally's lock, or by the board's

	life atomic.Int64 // of the last sign of it, Unix microseconds of our clock

	mu         sync.Mutex
	state      surgecast.SourceState
	since      time.Time
	warning    string
	lastError  string
	reconnects int64
	rough      time.Time // organic and authors are approximate until then
	rates      []reading

	pastTopics  int       // new topics whose past is being read
	pastReached time.Time // how far back, for all of them
	lost        string    // what of a past will not be read, and why
	lostAt      time.Time
}

type meterCounts struct {
	events, mentions, duplicates int64
	drops                        map[string]int64
	newest                       int64
	complete                     time.Time
	reread                       bool
}

// reading is the number of events at a time, of which a rate is made.
type reading struct {
	at     time.Time
	events int64
}

func newMeter(clock surgecast.Clock) *meter {
	return &meter{clock: clock, state: surgecast.SourceConnecting, since: clock().UTC(), meterCounts: meterCounts{drops: map[string]int64{}}}
}

// alive notes a sign of life.
func (m *meter) alive(events int) {
	m.events += int64(events)
	m.life.Store(m.clock().UnixMicro())
}

// maxReasons bounds the reasons a feed may give for what it drops: they are to be a few fixed words.
const maxReasons = 32

func (m *meter) dropped(reason string, n int) {
	if _, known := m.drops[reason]; !known && len(m.drops) >= maxReasons {
		reason = "other"
	}
	m.drops[reason] += int64(n)
}

func (m *meter) warn(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.warning = text
}

// past notes whose past is being read.
func (m *meter) past(pasts []surgecast.TopicPast) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pastTopics, m.pastReached = len(pasts), time.Time{}
	for _, p := range pasts {
		if p.Since.After(m.pastReached) {
			m.pastReached = p.Since
		}
	}
}

// lossFor is how long it is said what of a past will not be read.
const lossFor = 24 * time.Hour

// lose notes that something of a past will not be read.
func (m *meter) lose(why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lost, m.lostAt = why, m.clock()
}

func (m *meter) approximate(until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if until.After(m.rough) {
		m.rough = until.UTC()
	}
}

// enter changes the state; err is why, if something went wrong.
func (m *meter) enter(s surgecast.SourceState, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.lastError = plainly(err)
	}
	if m.state != s {
		m.state, m.since = s, m.clock().UTC()
	}
}

func (m *meter) reconnected() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reconnects++
}

// behind is the lag from which on a stream is said to be catching up.
const behind = time.Minute

// health is what is stored, made of the counts given.
func (m *meter) health(c meterCounts, src surgecast.Source, holder string) surgecast.SourceHealth {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock().UTC()
	h := surgecast.SourceHealth{
		SourceID: src.ID, Holder: holder, Watermark: c.complete.UTC(), Events: c.events, Mentions: c.mentions, Duplicates: c.duplicates,
		Reconnects: m.reconnects, Dropped: c.drops, Warning: m.warning, LastError: m.lastError, Rules: rulesVersion, UpdatedAt: now,
		PastTopics: m.pastTopics, PastReached: m.pastReached,
	}
	if h.Warning == "" && m.lost != "" && now.Sub(m.lostAt) < lossFor {
		h.Warning = m.lost
	}
	if c.newest > 0 {
		h.LastEventAt = time.UnixMicro(c.newest).UTC()
		h.LagSeconds = max(0, now.Sub(h.LastEventAt).Seconds())
		if ahead := h.LastEventAt.Sub(now); ahead > behind && h.Warning == "" {
			h.Warning = "this machine's clock is behind the feed's by " + ahead.Round(time.Second).String()
		}
	}
	if m.state == surgecast.SourceLive || m.state == surgecast.SourceCatchingUp {
		s := surgecast.SourceLive
		if c.reread || h.LagSeconds > behind.Seconds() && src.Mode == surgecast.Increments {
			s = surgecast.SourceCatchingUp
		}
		if s != m.state {
			m.state, m.since = s, now
		}
		if s == surgecast.SourceLive {
			m.lastError = ""
			h.LastError = ""
		}
	}
	h.State, h.Since = m.state, m.since
	if m.rough.After(now) {
		h.ApproximateUntil = m.rough
	}
	m.rates = append(m.rates, reading{now, c.events})
	for len(m.rates) > 2 && now.Sub(m.rates[1].at) >= time.Minute {
		m.rates = m.rates[1:]
	}
	if first := m.rates[0]; now.After(first.at) {
		h.PerSecond = max(0, float64(c.events-first.events)/now.Sub(first.at).Seconds())
	}
	return h
}

// metrics are labelled by source only.
type metrics struct {
	events, mentions, duplicates, dropped, reconnects *prometheus.GaugeVec
	lag, lastEvent, watermark, live                   *prometheus.GaugeVec
	commit                                            *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "surgecast", Subsystem: "ingest", Name: name, Help: help}, []string{"source"})
	}
	m := &metrics{
		events: gauge("events", "Events read from the feed by this process."), mentions: gauge("mentions", "Mentions counted by this process, all topics."),
		duplicates: gauge("duplicates", "Events that came again and were not counted."), dropped: gauge("dropped", "Events left out, all reasons."),
		reconnects: gauge("reconnects", "Connections made after the first."), lag: gauge("lag_seconds", "Age of the newest event."),
		lastEvent: gauge("last_event_timestamp_seconds", "When the newest event was stamped."),
		watermark: gauge("watermark_timestamp_seconds", "Everything before it has been read."), live: gauge("live", "1 while the feed is read, 0 while it is not."),
		commit: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "surgecast", Subsystem: "ingest", Name: "commit_seconds", Help: "Time of the transactions that add counts.", Buckets: prometheus.ExponentialBuckets(.002, 2, 14),
		}, []string{"source"}),
	}
	if reg != nil {
		reg.MustRegister(m.events, m.mentions, m.duplicates, m.dropped, m.reconnects, m.lag, m.lastEvent, m.watermark, m.live, m.commit)
	}
	return m
}

func (m *metrics) set(source string, h surgecast.SourceHealth) {
	m.events.WithLabelValues(source).Set(float64(h.Events))
	m.mentions.WithLabelValues(source).Set(float64(h.Mentions))
	m.duplicates.WithLabelValues(source).Set(float64(h.Duplicates))
	var dropped int64
	for _, n := range h.Dropped {
		dropped += n
	}
	m.dropped.WithLabelValues(source).Set(float64(dropped))
	m.reconnects.WithLabelValues(source).Set(float64(h.Reconnects))
	m.lag.WithLabelValues(source).Set(h.LagSeconds)
	if !h.LastEventAt.IsZero() {
		m.lastEvent.WithLabelValues(source).Set(float64(h.LastEventAt.UnixMilli()) / 1e3)
	}
	if !h.Watermark.IsZero() {
		m.watermark.WithLabelValues(source).Set(float64(h.Watermark.UnixMilli()) / 1e3)
	}
	live := 0.0
	if h.State == surgecast.SourceLive || h.State == surgecast.SourceCatchingUp {
		live = 1
	}
	m.live.WithLabelValues(source).Set(live)
}
