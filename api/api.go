// Package api answers people, dashboards and autoscalers over HTTP.
//
// It promises: /scale and /risk are answered from memory, without SQL in the request path, and never
// turn ignorance into a number; every error is application/problem+json with a stable code, the field,
// a remedy and a reference that stands in the log; another account's thing is not found, never
// forbidden; input from outside is bounded before it is parsed; without keys only this machine is
// served. It composes no sentence and computes no forecast: both come with the forecasts it is given.
package api

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"surgecast"
)

// Live is what a process that also runs the engine can tell at once.
type Live interface {
	// Speed is how many seconds of the clock pass in one second of wall time; 1 unless replaying.
	Speed() float64
}

// Restate says the verdict of a forecast as it reads at now: fresh, some minutes old, or without any
// forecast (f nil). It is risk.Say behind a function, so that the API never composes a sentence.
type Restate func(site surgecast.Site, f *surgecast.SiteForecast, surge *surgecast.Surge, now time.Time) surgecast.Verdict

// Config is what a Server is made of. Store, Clock and Logger are required.
type Config struct {
	Store  Store
	Live   Live            // nil: real time
	Clock  surgecast.Clock // time of the data; virtual in replay and demo
	Wall   surgecast.Clock // time of sockets, sessions and the key cache; nil: time.Now
	Logger *slog.Logger

	Dashboard fs.FS                                         // built dashboard, nil when not built
	Draw      func(page string, doc []byte) ([]byte, error) // server-drawn pages, nil: none
	Restate   Restate                                       // nil: the verdict stored with the forecast

	// Interpolate fills dst with the quantiles at lead, everything in steps (model.Interpolate).
	Interpolate func(dst []float64, leads []int, q [][]float64, profile []float64, profileStep, lead float64)

	Check Checker // nil: checks are not answered here
	// Talk answers how a topic is talked about now; nil: it is not told here.
	Talk func(ctx context.Context, t surgecast.Topic, now time.Time) (surgecast.TalkNow, error)
	// CheckTopic refuses terms no post could ever match (match.Check), as a FieldError; nil: none is refused for that.
	CheckTopic func(surgecast.Topic) error
	WhatIf     Planner  // nil: what-if is not answered here
	Review     Reviewer // nil: no reviews here
	Scores     Scorer   // nil: no scores here
	// TrafficSources says how the readers of sites' traffic are doing; nil: this process runs none.
	TrafficSources func(now time.Time) []TrafficSource
	// Ladder says where the rungs of a site stand (risk.Ladder), Admit how many it can let in (risk.Admit), Windows
	// when a floor should stand above the least (capacity.Windows). nil: those routes are not answered here.
	Ladder    func(site surgecast.Site, f *surgecast.SiteForecast, rungs []surgecast.Rung, now time.Time) []surgecast.RungState
	Admit     func(f *surgecast.SiteForecast, requestsPerVisitor, visitMinutes, requestsPerRecipient float64, windowMinutes int, now time.Time) surgecast.Admission
	Windows   func(plan []surgecast.Step, least int, lead time.Duration, now time.Time) []surgecast.Window
	LoadTests LoadTests // nil: load tests and rehearsals are not answered here
	// SayStatus writes a site's public page (risk.SayStatus); nil: no status pages here.
	SayStatus func(site surgecast.Site, v surgecast.Verdict, checked time.Time, notices []surgecast.Notice, now time.Time) surgecast.PublicStatus
	// SayNote writes what a site's owner sends to whoever hosts it (risk.SayNote); nil: a link comes without.
	SayNote func(site surgecast.Site, f *surgecast.SiteForecast, v surgecast.Verdict, now time.Time, link string, until time.Time) string

	// Saturated says whether a pushed minute is only a lower bound of demand (traffic.Saturated); nil: none is.
	Saturated func(surgecast.CapacityProfile, surgecast.TrafficMinute) bool

	Keyless  bool                 // no key needed; only this machine is served
	Version  string               // of the program, shown by /readyz
	Registry *prometheus.Registry // nil: one of its own

	SessionKey   []byte // 32 bytes that seal session cookies, shared by all api processes; nil: random, sessions end with the process
	SecureCookie bool   // set when TLS ends in front of this process

	Limits       *Limits // requests one caller may make; nil: DefaultLimits
	MaxPushBytes int64   // of a body of pushes and load test results, after decompression; 0: 5 MB

	// SealSecret encrypts a webhook's secret for storage; nil: webhooks cannot be made here.
	SealSecret func(plain []byte) ([]byte, error)
	// Senders are those who may push by signature, and OpenSecret decrypts what SealSecret made; either nil:
	// signed pushes are not taken.
	Senders    PushSenders
	OpenSecret func(sealed []byte) ([]byte, error)
	// CheckWebhookURL refuses an address, as a FieldError, before it is stored; the guard at dial time decides again. nil: syntax only.
	CheckWebhookURL func(ctx context.Context, url string) error
}

// Server is the HTTP side of the service. New starts nothing; Run keeps the memory fresh and Serve
// answers.
type Server struct {
	c       Config
	log     *slog.Logger
	engine  *gin.Engine
	api     huma.API
	spec    []byte // openapi.json
	scopes  map[string]surgecast.Scope
	finite  map[string][]string // query parameters that are numbers, by "METHOD /path"
	memory  *memory
	hub     *hub
	keys    *keyCache
	seal    *sessionSeal
	replays *replays // of pushes
	made    *replays // of what makes a thing
	limits  *limiter
	senders *senderCache
	choices *choices
	notices *noticeCache
	cards   cards
	metrics *metrics
	drawn   *docsPage
	asking  chan struct{} // what-if questions under way

	loaded   atomic.Bool // the memory was filled once
	stopping atomic.Bool
	stop     chan struct{} // closed when the server goes down: streams end
	stopOnce sync.Once
}

// New builds the server and its routes. It starts nothing and touches nothing outside.
func New(c Config) *Server {
	if c.Wall == nil {
		// Sockets and keys age in real time whatever the data's clock says; replays never see this one.
		c.Wall = time.Now
	}
	if c.MaxPushBytes <= 0 {
		c.MaxPushBytes = maxPushBytes
	}
	if c.Limits == nil {
		l := DefaultLimits()
		c.Limits = &l
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if len(c.SessionKey) != 32 {
		c.SessionKey = make([]byte, 32)
		if _, err := rand.Read(c.SessionKey); err != nil {
			panic("no randomness for the session key: " + err.Error())
		}
	}
	s := &Server{
		c:      c,
		log:    c.Logger,
		scopes: map[string]surgecast.Scope{},
		finite: map[string][]string{},
		stop:   make(chan struct{}),
	}
	s.memory = newMemory(c.Interpolate)
	s.hub = newHub(c.Wall().UnixMilli() * 1000)
	s.keys = newKeyCache(c.Store, c.Wall)
	s.seal = newSessionSeal(c.SessionKey)
	s.replays, s.made = newReplays(c.Wall, mostReplay), newReplays(c.Wall, mostMade)
	s.senders = newSenderCache(s.c)
	s.choices = newChoices()
	s.asking = make(chan struct{}, whatIfAtOnce)
	s.notices = &noticeCache{read: c.Store.Notices}
	s.metrics = newMetrics(s)
	s.routes()
	return s
}

// Handler answers everything but /metrics.
func (s *Server) Handler() http.Handler { return looked(s.engine) }

// Run keeps the memory fresh (one look at the database a second), feeds live streams and writes the
// decision log, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer s.endStreams()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.poll(ctx) })
	g.Go(func() error { return s.flush(ctx) })
	g.Go(func() error { return s.writeDecisions(ctx) })
	return g.Wait()
}

// Serve answers on l until ctx ends, then finishes what it began: readiness fails first, streams are
// closed, running requests have ten seconds. Without keys only a loopback listener is accepted.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if s.c.Keyless && !loopback(l.Addr().String()) {
		return errors.New("serving " + l.Addr().String() + " without keys: only 127.0.0.1, ::1 and localhost may be served so; make a key with `forecaster key create` or listen on a loopback address")
	}
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second, // live streams set their own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	s.endStreams()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := server.Shutdown(grace)
	if err != nil {
		_ = server.Close()
	}
	<-served //nolint:errcheck // always ErrServerClosed after Shutdown
	return err
}

// Stopping makes /readyz fail before anything else goes down, so that load balancers look away first.
func (s *Server) Stopping() { s.stopping.Store(true) }

func (s *Server) endStreams() { s.stopOnce.Do(func() { close(s.stop) }) }

func (s *Server) now() time.Time { return s.c.Clock().UTC() }

func (s *Server) speed() float64 {
	if s.c.Live == nil {
		return 1
	}
	return s.c.Live.Speed()
}
