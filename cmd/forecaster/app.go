package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"surgecast"
	"surgecast/api"
	"surgecast/capacity"
	"surgecast/engine"
	"surgecast/model"
	"surgecast/notify"
	"surgecast/risk"
	"surgecast/traffic"
	"surgecast/web"
)

// app is the service around one database: every part built, none started.
type app struct {
	g       *Global
	db      *database
	clock   surgecast.Clock
	api     *api.Server
	engine  *engine.Engine
	notify  *notify.Notifier
	reg     *prometheus.Registry
	key     []byte          // opens webhook secrets
	holder  string          // names this process in leases
	traffic *traffic.Runner // nil: this process reads no site's traffic
}

// appOptions say how the parts are joined.
type appOptions struct {
	clock        surgecast.Clock
	speed        func() float64 // seconds of the clock in a second of wall time; nil: real time
	keyless      bool
	hypothetical bool     // recorded traffic: the configured capacity did not bound it
	allow        []string // addresses webhooks may reach although the guard would refuse them
	holder       string
	public       string        // where people reach the dashboard
	limits       *api.Limits   // of one caller; nil: the api\'s own
	pushMB       int           // of one push; 0: the api\'s own
	workers      int           // of the engine; 0: cores − 1
	sweepEvery   time.Duration // of the engine; 0: its own
	postTimeout  time.Duration // of one attempt of a webhook; 0: notify's own
	leaseTTL     time.Duration // of the engine; 0: its own
}

type liveSpeed func() float64

func (f liveSpeed) Speed() float64 { return f() }

func newApp(g *Global, db *database, o appOptions) (*app, error) {
	a := &app{g: g, db: db, clock: o.clock, reg: prometheus.NewRegistry()}
	a.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	var err error
	if err := os.MkdirAll(g.StateDir, 0o755); err != nil { //nolint:gosec // the private PostgreSQL steps down to another account and must pass through
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if a.key, err = notify.ReadKey(filepath.Join(g.StateDir, "secret.key")); err != nil {
		return nil, fmt.Errorf("key of the webhook secrets: %w", err)
	}
	allowed, err := parseAllowed(o.allow)
	if err != nil {
		return nil, err
	}
	if a.notify, err = notify.New(notify.Config{
		Store: db.Store, Pool: db.Pool(), Clock: o.clock, Wall: time.Now, Logger: g.log, Registry: a.reg, Key: a.key, Allow: allowed,
		Timeout: o.postTimeout, Public: o.public,
	}); err != nil {
		return nil, err
	}

	sessionKey := sha256.Sum256(append([]byte("session cookies\x00"), a.key...))
	conf := api.Config{
		Store: db.Store, Clock: o.clock, Wall: time.Now, Logger: g.log, Draw: web.Draw, Restate: engine.Restate,
		Interpolate: model.Interpolate, Keyless: o.keyless, Version: version, Registry: a.reg, SessionKey: sessionKey[:],
		Saturated: traffic.Saturated,
		Check:     checker{db: db, clock: o.clock}.Check,
		Talk: func(ctx context.Context, t surgecast.Topic, now time.Time) (surgecast.TalkNow, error) {
			return engine.TalkNow(ctx, db.Store, t, now)
		},
		CheckTopic:     matchable,
		WhatIf:         engine.WhatIf(engine.Config{Store: db.Store, Clock: o.clock, Logger: g.log, Hypothetical: o.hypothetical, Workers: 1}),
		SayStatus:      risk.SayStatus,
		SayNote:        risk.SayNote,
		Review:         reviewer{db}.Review,
		Scores:         reviewer{db},
		Ladder:         risk.Ladder,
		TrafficSources: a.trafficSources,
		Admit:          risk.Admit,
		LoadTests:      loadTests{},
		Windows:        capacity.Windows,
		SealSecret:     func(plain []byte) ([]byte, error) { return notify.Seal(a.key, plain) },
		OpenSecret:     func(sealed []byte) ([]byte, error) { return notify.Open(a.key, sealed) },
		Senders:        db.Store,
		CheckWebhookURL: func(ctx context.Context, address string) error {
			return notify.CheckAddress(ctx, allowed, net.DefaultResolver, address)
		},
		Limits:       o.limits,
		MaxPushBytes: int64(o.pushMB) << 20,
	}
	if o.speed != nil {
		conf.Live = liveSpeed(o.speed)
	}
	if dist, ok := web.Dist(); ok {
		conf.Dashboard = dist
	} else {
		g.log.Info("the dashboard is not built: the server-drawn page serves. Build it with Node: `make web build`.")
	}
	a.api = api.New(conf)

	if a.holder = o.holder; a.holder == "" {
		a.holder = newHolder(db.local != nil)
	}
	a.engine = engine.New(engine.Config{
		Store: db.Store, Clock: o.clock, Logger: g.log, Holder: a.holder, Hypothetical: o.hypothetical, Workers: o.workers,
		Every: o.sweepEvery, LeaseTTL: o.leaseTTL,
		Published: func(r engine.Result) {
			for _, f := range r.Forecasts {
				a.api.Publish(f)
			}
			for i := range r.Transitions {
				for _, s := range r.Surges {
					if s.ID == r.Transitions[i].SurgeID {
						a.api.PublishSurge(s, r.Transitions[i])
						break
					}
				}
			}
		},
	})
	return a, nil
}

// trafficSources is how the readers of sites' traffic in this process are doing.
func (a *app) trafficSources(now time.Time) []api.TrafficSource {
	if a.traffic == nil {
		return nil
	}
	var out []api.TrafficSource
	for _, h := range a.traffic.Health() {
		t := api.TrafficSource{Site: h.Site, Kind: h.Kind, State: string(h.State), Sentence: h.Sentence(now), Warning: h.Warning, Error: h.Error}
		if !h.LastMinute.IsZero() {
			t.LastMinute = &h.LastMinute
		}
		out = append(out, t)
	}
	return out
}

// requeue sends again, under the same ids, what a killed process was sending. Only where no other process
// delivers from this database.
func (a *app) requeue(ctx context.Context) error {
	n, err := a.db.RequeueDeliveries(ctx)
	if n > 0 {
		a.g.log.Info("sending again what was interrupted", "deliveries", n)
	}
	return err
}

func parseAllowed(list []string) ([]notify.Allowed, error) {
	out := make([]notify.Allowed, 0, len(list))
	for _, s := range list {
		p, err := notify.ParseAllowed(s)
		if err != nil {
			return nil, usage("--webhook-allow %s: %w", s, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// listen opens the address before anything slow happens, so a port in use is said at once.
func listen(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("address %s is in use by another program: stop it, or choose another with --%s (for example --%s 127.0.0.1:8090)", address, flag, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("not allowed to listen on %s: ports below 1024 need privileges; choose another with --%s", address, flag)
	default:
		return nil, fmt.Errorf("listening on --%s %s: %w", flag, address, err)
	}
}

// serveMetrics answers /metrics on its own listener until ctx ends.
func (a *app) serveMetrics(ctx context.Context, l net.Listener) error {
	s := &http.Server{Handler: a.api.MetricsHandler(), ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving metrics: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		return s.Close()
	})
	return g.Wait()
}

// newHolder names this process in leases. On a private database it is always the same: the lock on the state directory
// lets only one process be there, so nothing is waited for after a crash. Elsewhere no other has it: host and process
// number may be equal in two containers, and two holders of one name would take every lease from each other in turn.
func newHolder(private bool) string {
	if private {
		return "private"
	}
	host, _ := os.Hostname()
	return fmt.Sprintf("%s/%08x/%d", host, rand.Uint32(), os.Getpid())
}

// upkeep makes partitions ahead, compacts closed hours, drops what retention has passed, tidies leases and thins the ledger of days
// older than whole. It computes what is due, so a missed turn costs nothing.
func (a *app) upkeep(ctx context.Context, retention, whole time.Duration) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		now := a.clock().UTC()
		err := errors.Join(
			a.db.EnsurePartitions(ctx, now, now.AddDate(0, 0, 3)),
			a.db.CompactBefore(ctx, now.Add(-26*time.Hour).Truncate(time.Hour)),
			a.db.ForgetLeases(ctx),
		)
		if retention > 0 {
			err = errors.Join(err, a.db.DropPartitionsBefore(ctx, now.Add(-retention)))
		}
		if whole > 0 {
			done, thinErr := a.db.ThinLedger(ctx, now.Add(-whole), now)
			if err = errors.Join(err, thinErr); done.Days > 0 {
				a.g.log.Info("ledger thinned", "days", done.Days, "rows_kept", done.Kept, "rows_removed", done.Removed)
			}
		}
		if err != nil && ctx.Err() == nil {
			a.g.log.Error("upkeep failed; trying again in ten minutes", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// address is what a person opens.
func address(l net.Listener) string {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	host := "localhost"
	if ip, ok := l.Addr().(*net.TCPAddr); ok && !ip.IP.IsLoopback() && !ip.IP.IsUnspecified() {
		host = ip.IP.String()
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
	}
	return "http://" + host + ":" + port
}
