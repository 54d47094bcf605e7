package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"surgecast"
	"surgecast/simulate"
)

type demoCmd struct {
	Listen string  `env:"SURGECAST_LISTEN" default:"127.0.0.1:8080" help:"Address of API and dashboard (loopback)."`
	Speed  float64 `default:"60" help:"Simulated seconds in a second: 60 plays a minute every second."`
	Once   bool    `help:"End after the story (five simulated hours) instead of playing on."`
	Days   int     `default:"7" help:"Days of simulated history before the story."`
	Seed   uint64  `default:"1" help:"Another seed makes another past and future."`
	Hook   string  `name:"webhook" placeholder:"URL" help:"Also send webhooks here (https, or an address on this machine)."`
}

// storyLength is how long the demo's story is: calm, surge, overload, recovery.
const storyLength = 5 * time.Hour

func (c *demoCmd) Run(ctx context.Context, g *Global) error {
	if !(c.Speed > 0 && c.Speed <= 3600) { // also not NaN
		return usage("--speed %g: use more than 0 and at most 3600", c.Speed)
	}
	if c.Days < 1 || c.Days > 60 {
		return usage("--days %d: use 1 to 60", c.Days)
	}
	if c.Hook != "" {
		if err := checkHookFlag(c.Hook); err != nil {
			return err
		}
	}
	if g.DatabaseURL != "" {
		return usage("the demo makes its own database and will not write simulated sites into %s: unset SURGECAST_DATABASE_URL or --database-url", "the configured one")
	}
	l, err := listen(c.Listen, "listen")
	if err != nil {
		return err
	}
	defer l.Close()
	if !isLoopback(l) {
		return usage("the demo has no keys and serves this machine only: use --listen 127.0.0.1:PORT")
	}
	db, err := openDatabase(ctx, g, openOptions{name: "surgecast_demo", fresh: true})
	if err != nil {
		return err
	}
	return errors.Join(c.demo(ctx, g, db, l), db.Close())
}

func (c *demoCmd) demo(ctx context.Context, g *Global, db *database, l net.Listener) error {
	began := time.Now()
	// The story is told at the same hour of the day whenever it is played, so it looks the same.
	day := began.UTC().Truncate(24 * time.Hour)
	world := simulate.New(c.Seed, day.Add(11*time.Hour+20*time.Minute).AddDate(0, 0, -c.Days), c.Days)
	clock := newPlayClock(world.StoryStart(), c.Speed)
	a, err := newApp(g, db, appOptions{
		clock: clock.Now, speed: func() float64 { return c.Speed }, keyless: true, allow: []string{"127.0.0.0/8", "::1"},
		workers: runtime.NumCPU(), // a week is learnt before the first page: nothing else runs meanwhile
	})
	if err != nil {
		return err
	}
	p := &player{app: a, clock: clock}
	cast, err := c.prepare(ctx, p, world)
	if err != nil {
		return err
	}
	grp, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	grp.Go(func() error { return a.notify.Run(ctx) })
	grp.Go(func() error { return a.api.Run(ctx) })
	grp.Go(func() error { return a.api.Serve(ctx, l) })
	grp.Go(func() error {
		defer stop()
		if _, err := a.engine.Sweep(ctx, world.StoryStart().Add(closing)); err != nil {
			return err
		}
		fmt.Fprintf(g.errOut, `
  Surgecast demo, ready after %.1f s. Everything in it is simulated.

      %s

  A minute of the simulated day passes every %s. Talk about "Nordlicht tour" begins to rise in
  about five simulated minutes, visits follow, and the shop's capacity is passed about fifty minutes in.
  At the museum the checkout breaks without any overload. Ctrl-C ends it.

`, time.Since(began).Seconds(), address(l), time.Duration(float64(time.Minute)/c.Speed).Round(time.Millisecond))
		err := c.play(ctx, p, world, cast)
		if err == nil {
			stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
			defer cancel()
			err = a.engine.Stop(stopCtx)
		}
		return err
	})
	grp.Go(func() error { return db.watch(ctx) })
	return db.blame(grp.Wait())
}

// cast maps the simulated world to what is stored of it.
type cast struct {
	sites   map[string]int64
	topics  map[string]int64
	sources map[string]int64
}

// prepare stores the world's sites, topics and history.
func (c *demoCmd) prepare(ctx context.Context, p *player, w *simulate.World) (*cast, error) {
	db := p.app.db
	out := &cast{sites: map[string]int64{}, topics: map[string]int64{}, sources: map[string]int64{}}
	for _, s := range w.Sites() {
		made, err := db.CreateSite(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("simulated site %s: %w", s.Slug, err)
		}
		out.sites[s.Slug] = made.ID
	}
	for _, t := range w.Topics() {
		made, err := db.CreateTopic(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("simulated topic %s: %w", t.Slug, err)
		}
		out.topics[t.Slug] = made.ID
	}
	for _, s := range w.Sources() {
		made, err := db.EnsureSource(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("simulated source %s: %w", s.Slug, err)
		}
		out.sources[s.Slug] = made.ID
	}
	for _, k := range w.Links() {
		if err := db.LinkTopic(ctx, surgecast.DefaultAccount, k.Site, k.Topic, w.Start(), k.Weight); err != nil {
			return nil, fmt.Errorf("linking %s to %s: %w", k.Topic, k.Site, err)
		}
	}
	if c.Hook != "" {
		if err := addWebhook(ctx, p.app, siteFileHook{URL: c.Hook}, 0); err != nil {
			return nil, err
		}
	}
	var traffic []surgecast.TrafficMinute
	var mentions []surgecast.MentionMinute
	for at := w.Start(); at.Before(w.StoryStart()); at = at.Add(time.Minute) {
		m := out.minute(w, at)
		traffic = append(traffic, m.traffic...)
		mentions = append(mentions, m.mentions...)
	}
	return out, p.history(ctx, traffic, mentions, w.StoryStart())
}

// minute is one minute of the world in the terms of the database.
func (c *cast) minute(w *simulate.World, at time.Time) minute {
	m := minute{at: at}
	for slug, id := range c.sites {
		for _, r := range w.Traffic(slug, at, 0) {
			r.SiteID = id
			m.traffic = append(m.traffic, r)
		}
	}
	for _, r := range w.Mentions(at) {
		r.TopicID, r.SourceID = c.topics[r.Topic], c.sources[r.Source]
		m.mentions = append(m.mentions, r.MentionMinute)
	}
	return m
}

// play tells the story, a minute at a time, at the demo's speed.
func (c *demoCmd) play(ctx context.Context, p *player, w *simulate.World, k *cast) error {
	for at := w.StoryStart(); ; at = at.Add(time.Minute) {
		if c.Once && !at.Before(w.StoryStart().Add(storyLength)) {
			return nil
		}
		due := at.Add(time.Minute + closing)
		p.clock.Release(due)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(float64(due.Sub(p.clock.Now())) / c.Speed)):
		}
		if err := p.play(ctx, k.minute(w, at)); err != nil {
			if ctx.Err() == nil {
				return err
			}
			return nil // Ctrl-C in the middle of a minute is a clean end
		}
	}
}
