package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"surgecast"
	"surgecast/api"
	"surgecast/engine"
	"surgecast/traffic"
)

// pace is how time passes for the service: as it does. Tests, which play hours of several processes in seconds, set
// another.
var pace = struct {
	now   surgecast.Clock
	sweep time.Duration // between looks of the engine; 0: its own
	logs  time.Duration // between looks at access logs
	post  time.Duration // what one attempt of a webhook may take; 0: notify's own
	lease time.Duration // of engine and traffic, after which others take over from who was killed; 0: their own
}{now: time.Now, logs: 2 * time.Second}

type serveCmd struct {
	Listen    string        `env:"SURGECAST_LISTEN" default:"127.0.0.1:8080" help:"Address of API and dashboard. Other than loopback it needs a key (forecaster key create)."`
	Metrics   string        `env:"SURGECAST_METRICS" default:"127.0.0.1:9464" help:"Address of /metrics; empty: none."`
	Roles     []string      `env:"SURGECAST_ROLES" default:"api,ingest,engine,notify" help:"Which parts this process runs: api, ingest, engine, notify."`
	Migrate   bool          `env:"SURGECAST_MIGRATE" help:"Bring the schema of a configured database up to date first."`
	Allow     []string      `name:"webhook-allow" env:"SURGECAST_WEBHOOK_ALLOW" help:"Private addresses webhooks may reach, as PREFIX:PORTS (10.20.0.0/16:8443)." placeholder:"PREFIX:PORTS"`
	Retention time.Duration `env:"SURGECAST_RETENTION" default:"9600h" help:"How long counts, forecasts and logs are kept; 0: for ever."`
	Whole     time.Duration `name:"ledger-whole" env:"SURGECAST_LEDGER_WHOLE" default:"840h" help:"How long every minute's forecast is kept. Older ones are thinned to one in 15 minutes and whatever happened; 0: never. At least 192h."`
	GapAfter  time.Duration `env:"SURGECAST_GAP_AFTER" default:"10m" help:"A feed whose last complete minute is older is told as source.gap; 0: never. At least 5m."`
	Public    string        `name:"public-url" env:"SURGECAST_PUBLIC_URL" placeholder:"URL" help:"Where people reach the dashboard (https://surge.example.com): messages to Slack, PagerDuty and Alertmanager then carry links."`
	ForceKeys bool          `name:"require-key" env:"SURGECAST_REQUIRE_KEY" help:"Ask for a key on loopback too."`
	Traffic   string        `env:"SURGECAST_TRAFFIC" placeholder:"FILE" help:"YAML file that says where the sites' own traffic is read: Prometheus or access logs (docs/traffic.md)."`

	KEDA   kedaFlags  `embed:"" prefix:"keda-"`
	Limits limitFlags `embed:"" prefix:"limit-"`

	Feeds feedFlags `embed:""`

	traffic []traffic.Source
	limits  *api.Limits
}

func (c *serveCmd) Run(ctx context.Context, g *Global) error {
	for _, r := range c.Roles {
		if !slices.Contains([]string{"api", "ingest", "engine", "notify"}, r) {
			return usage("--roles %s: there is api, ingest, engine and notify", r)
		}
	}
	if c.Whole != 0 && c.Whole < 8*24*time.Hour { // modes are judged by a week
		return usage("--ledger-whole %s: use 192h or more, or 0 to thin nothing", c.Whole)
	}
	if c.GapAfter != 0 && c.GapAfter < 5*time.Minute {
		return usage("--gap-after %s: use 5m or more (feeds close their minutes up to 3 minutes late), or 0 for never", c.GapAfter)
	}
	if err := checkPublic(c.Public); err != nil {
		return err
	}
	limits, err := c.Limits.limits()
	if err != nil {
		return err
	}
	c.limits = limits
	if c.traffic, err = readTrafficFile(c.Traffic, g.StateDir, pace.now); err != nil {
		return err
	}
	var l, ml net.Listener
	if slices.Contains(c.Roles, "api") { // the other roles answer nobody: several fit on one machine
		if l, err = listen(c.Listen, "listen"); err != nil {
			return err
		}
		defer l.Close()
	}
	if c.Metrics != "" {
		if ml, err = listen(c.Metrics, "metrics"); err != nil {
			return err
		}
		defer ml.Close()
	}
	keda, err := c.KEDA.open()
	if err != nil {
		return err
	}
	defer keda.close()
	if keda != nil && l == nil {
		return usage("--keda-listen needs the role api: it answers what /scale answers")
	}
	db, err := openDatabase(ctx, g, openOptions{migrate: c.Migrate})
	if err != nil {
		return err
	}
	return errors.Join(c.serve(ctx, g, db, l, ml, keda), db.Close())
}

func (c *serveCmd) serve(ctx context.Context, g *Global, db *database, l, ml net.Listener, keda *kedaListener) error {
	keys, _, err := db.Keys(ctx, surgecast.DefaultAccount, surgecast.Page{Limit: 1})
	if err != nil {
		return err
	}
	keyless := len(keys) == 0 && !c.ForceKeys
	if l != nil && keyless && !isLoopback(l) {
		return fmt.Errorf("listening on %s needs an API key, and there is none: make one with `forecaster key create --scopes admin`, or listen on 127.0.0.1", l.Addr())
	}
	a, err := newApp(g, db, appOptions{clock: pace.now, sweepEvery: pace.sweep, postTimeout: pace.post, leaseTTL: pace.lease, keyless: keyless, allow: c.Allow, public: c.Public, limits: c.limits, pushMB: c.Limits.PushMB})
	if err != nil {
		return err
	}
	if err := db.EnsurePartitions(ctx, pace.now().UTC(), pace.now().UTC().AddDate(0, 0, 2)); err != nil {
		return err
	}
	if slices.Contains(c.Roles, "notify") && db.local != nil { // nobody else delivers from it
		if err := a.requeue(ctx); err != nil {
			return err
		}
	}
	grp, ctx := errgroup.WithContext(ctx)
	if slices.Contains(c.Roles, "engine") {
		grp.Go(func() error { return a.engine.Run(ctx) })
		grp.Go(func() error { return a.upkeep(ctx, c.Retention, c.Whole) })
		grp.Go(func() error { return a.trust(ctx) })
		if c.GapAfter > 0 {
			w := engine.GapWatch{Store: db.Store, Clock: a.clock, Logger: g.log, Holder: a.holder, After: c.GapAfter, Every: pace.sweep}
			grp.Go(func() error { return w.Run(ctx) })
		}
	}
	if slices.Contains(c.Roles, "ingest") {
		a.traffic = newTraffic(a, c.traffic)
		grp.Go(func() error { return a.traffic.Run(ctx) })
		grp.Go(func() error { return a.ingest(ctx, &c.Feeds) })
	}
	if slices.Contains(c.Roles, "notify") {
		grp.Go(func() error { return a.notify.Run(ctx) })
	}
	if slices.Contains(c.Roles, "api") {
		grp.Go(func() error { return a.api.Run(ctx) })
		grp.Go(func() error { return a.api.Serve(ctx, l) })
		if keda != nil {
			grp.Go(func() error { return a.api.ServeKEDA(ctx, keda.Listener, keda.tls) })
		}
		fmt.Fprintf(g.errOut, "surgecast %s on %s\n", version, address(l))
	}
	if ml != nil {
		grp.Go(func() error { return a.serveMetrics(ctx, ml) })
	}
	grp.Go(func() error { return db.watch(ctx) })
	return db.blame(grp.Wait())
}

// checkPublic refuses an address that would make broken links.
func checkPublic(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return usage("--public-url %s: give scheme and host, and a path if the dashboard lies under one: https://surge.example.com", s)
	}
	return nil
}

func isLoopback(l net.Listener) bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}
