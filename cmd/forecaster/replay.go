package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"surgecast"
	"surgecast/ingest"
	"surgecast/migrations"
	"surgecast/review"
	"surgecast/store"
)

type replayCmd struct {
	Traffic  string    `type:"existingfile" help:"CSV of the site's requests a minute (minute,requests[,…] or timestamp_utc,series,value; .gz too)." placeholder:"FILE"`
	Mentions string    `type:"existingfile" help:"CSV of mentions (minute,topic,source,count[,…] or timestamp_utc,series,value; .gz too)." placeholder:"FILE"`
	Events   string    `type:"existingfile" help:"CSV of planned events, each known once announced (series,kind,start_utc,end_utc,announced_utc[,name,expected_reach]; .gz too)." placeholder:"FILE"`
	Site     string    `type:"existingfile" help:"The site: examples/worldcup.yaml shows every key. Needed with --traffic." placeholder:"FILE"`
	From     time.Time `help:"First minute to forecast (2006-01-02T15:04:05Z). Default: the site file's, else after a week or a quarter of the recording."`
	To       time.Time `help:"First minute no longer played. Default: the site file's, else the end."`
	Speed    float64   `help:"Recorded seconds in a second; 0: as fast as it goes." default:"0"`
	Listen   string    `env:"SURGECAST_LISTEN" default:"127.0.0.1:8080" help:"Address of API and dashboard while it runs (loopback)."`
	Webhook  []string  `help:"Also send webhooks here (https, or an address on this machine)." placeholder:"URL"`
	Secret   string    `name:"webhook-secret" env:"SURGECAST_WEBHOOK_SECRET" help:"Signing secret of --webhook (whsec_…). Default: one is made and shown." placeholder:"SECRET"`
	JSON     string    `name:"json" help:"Write the report as JSON." placeholder:"FILE"`
	HTML     string    `name:"html" help:"Write the report as a page." placeholder:"FILE"`
	Fresh    bool      `help:"Start again even if an interrupted replay of the same recording could go on."`
	Hold     bool      `help:"Keep serving the dashboard after the end, until Ctrl-C."`
}

func (c *replayCmd) Run(ctx context.Context, g *Global) error {
	if c.Traffic == "" && c.Mentions == "" {
		return usage("nothing to replay: name --traffic, --mentions or both")
	}
	if c.Traffic != "" && c.Site == "" {
		return usage("--traffic needs --site FILE: whose traffic is it, and how much can it take? See examples/worldcup.yaml")
	}
	if c.Events != "" && c.Traffic == "" {
		return usage("--events needs --traffic: planned events are of a site")
	}
	if err := c.check(); err != nil {
		return err
	}
	l, err := listen(c.Listen, "listen")
	if err != nil {
		return err
	}
	defer l.Close()
	if !isLoopback(l) {
		return usage("a replay has no keys and serves this machine only: use --listen 127.0.0.1:PORT")
	}
	rec, err := c.read(g)
	if err != nil {
		return err
	}
	db, err := c.open(ctx, g, rec)
	if err != nil {
		return err
	}
	return errors.Join(c.replay(ctx, g, db, rec, l), db.Close())
}

// check refuses what would only be found out at the end, or after hours of playing.
func (c *replayCmd) check() error {
	if !(c.Speed >= 0) || math.IsInf(c.Speed, 0) {
		return usage("--speed %g: use 0 (as fast as it goes) or more, for example 60 for a minute every second", c.Speed)
	}
	for _, u := range c.Webhook {
		if err := checkHookFlag(u); err != nil {
			return err
		}
	}
	if err := checkTarget("--json", c.JSON); err != nil {
		return err
	}
	if err := checkTarget("--html", c.HTML); err != nil {
		return err
	}
	if c.JSON != "" && filepath.Clean(c.JSON) == filepath.Clean(c.HTML) {
		return usage("--json and --html are both %s: give each a file of its own", c.JSON)
	}
	return nil
}

// recording is what is played: minutes in order, and the site they belong to.
type recording struct {
	site     *surgecast.Site
	hooks    []siteFileHook
	traffic  []surgecast.TrafficMinute
	talk     *talkFile
	events   []surgecast.PlannedEvent
	start    time.Time // first minute of all
	from, to time.Time
	key      string // tells one recording, window and site from another
}

// read reads the files and settles what is played.
func (c *replayCmd) read(g *Global) (*recording, error) {
	r := &recording{}
	var file siteFile
	if c.Site != "" {
		var err error
		if file, err = readSiteFile(c.Site); err != nil {
			return nil, err
		}
		s, err := file.toSite()
		if err != nil {
			return nil, err
		}
		r.site, r.hooks = &s, file.Webhooks
	}
	now := time.Now()
	if c.Traffic != "" {
		rows, err := readTraffic(c.Traffic, now, "")
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if file.Replay.WarmUpFrom.IsZero() || !row.Minute.Before(file.Replay.WarmUpFrom) {
				r.traffic = append(r.traffic, row)
			}
		}
		if len(r.traffic) == 0 {
			return nil, &surgecast.FieldError{Field: c.Traffic, Detail: fmt.Sprintf("holds no minute from %s on, where the replay of %s begins: it ends at %s", file.Replay.WarmUpFrom.Format(time.RFC3339), c.Site, rows[len(rows)-1].Minute.Format(time.RFC3339)), Remedy: "Change or remove replay.warm_up_from there."}
		}
	}
	r.talk = &talkFile{}
	if c.Mentions != "" {
		var err error
		if r.talk, err = readMentions(c.Mentions, now, ""); err != nil {
			return nil, err
		}
	}
	if c.Events != "" {
		var err error
		if r.events, err = readEvents(c.Events); err != nil {
			return nil, err
		}
	}
	var first, last time.Time
	span := func(from, to time.Time) {
		if first.IsZero() || from.Before(first) {
			first = from
		}
		if to.After(last) {
			last = to
		}
	}
	if n := len(r.traffic); n > 0 {
		span(r.traffic[0].Minute, r.traffic[n-1].Minute.Add(time.Minute))
	}
	for _, m := range r.talk.rows {
		span(m.Minute, r.talk.end(m))
	}
	r.start, r.from, r.to = first, c.From, c.To
	if r.from.IsZero() {
		r.from = file.Replay.From
	}
	if r.to.IsZero() {
		r.to = file.Replay.To
	}
	if r.from.IsZero() {
		r.from = first.Add(min(7*24*time.Hour, last.Sub(first)/4)).Truncate(time.Minute)
	}
	if r.to.IsZero() || r.to.After(last) {
		r.to = last
	}
	if err := c.overlap(r, file.Replay, first, last); err != nil {
		return nil, err
	}
	h := sha256.New()
	for _, f := range []string{c.Traffic, c.Mentions, c.Events, c.Site} {
		if f == "" {
			continue
		}
		if err := hashFile(h, f); err != nil {
			return nil, err
		}
	}
	fmt.Fprint(h, r.from, r.to, version)
	r.key = hex.EncodeToString(h.Sum(nil))
	g.log.Info("recording read", "traffic_rows", len(r.traffic), "mention_rows", len(r.talk.rows), "from", r.from.Format(time.RFC3339), "to", r.to.Format(time.RFC3339))
	return r, nil
}

// overlap refuses a window in which the recording holds nothing: a site file's window is that of its own recording, and
// wins over the default also when another recording is played.
func (c *replayCmd) overlap(r *recording, file siteFileReplay, first, last time.Time) error {
	some := r.from.Before(r.to) && r.to.After(first)
	if some && c.Traffic != "" {
		some = slices.ContainsFunc(r.traffic, func(t surgecast.TrafficMinute) bool { return !t.Minute.Before(r.from) && t.Minute.Before(r.to) })
	}
	if some {
		return nil
	}
	what, which := "recording", baseNames(c.Traffic, c.Mentions)
	if c.Traffic != "" {
		what, which = "traffic", c.Traffic
		first, last = r.traffic[0].Minute, r.traffic[len(r.traffic)-1].Minute.Add(time.Minute)
	}
	to := r.to
	if !c.To.IsZero() {
		to = c.To
	} else if !file.To.IsZero() {
		to = file.To // not cut to the recording's end
	}
	e := &surgecast.FieldError{
		Field: "--from and --to", Remedy: "Give --from and --to within the recording.",
		Detail: fmt.Sprintf("nothing to forecast: the %s of %s runs from %s to %s, the window from %s to %s", what, which,
			first.Format(time.RFC3339), last.Format(time.RFC3339), r.from.Format(time.RFC3339), to.Format(time.RFC3339)),
	}
	if c.From.IsZero() && !file.From.IsZero() || c.To.IsZero() && !file.To.IsZero() {
		e.Field, e.Line = c.Site+", replay", file.line
		e.Remedy = "Give --from and --to within the recording, or change or remove from and to in the site file's replay section."
	}
	return e
}

func hashFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

const (
	replayState = "replay:progress"
	// replayHolder names every replay in leases: one that goes on where a killed one stopped need not wait
	// for the dead one's leases to end. The lock on the state directory keeps two from running at once.
	replayHolder = "replay"
)

// progress is what a replay leaves in its database, so that one that was killed goes on.
type progress struct {
	Key  string `json:"key"`
	Done bool   `json:"done"`
}

// open opens the replay's own database: the one of an interrupted replay of the same recording, else an
// empty one.
func (c *replayCmd) open(ctx context.Context, g *Global, r *recording) (*database, error) {
	const name = "surgecast_replay"
	db, err := openDatabase(ctx, g, openOptions{name: name, migrate: true, fresh: c.Fresh})
	if err != nil {
		return nil, err
	}
	p, found, err := readProgress(ctx, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if found && p.Key == r.key && !p.Done {
		g.log.Info("going on with the interrupted replay of this recording")
		return db, nil
	}
	sites, err := db.AllSites(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	topics, err := db.AllTopics(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if len(sites)+len(topics) == 0 && !found {
		return db, saveProgress(ctx, db, progress{Key: r.key})
	}
	if db.local == nil {
		err := fmt.Errorf("the configured database is not empty: recorded minutes would mix with %d sites and %d topics. Name an empty one, or leave --database-url out", len(sites), len(topics))
		return nil, errors.Join(err, db.Close())
	}
	db.Store.Close()
	db.Store = nil
	if db.url, err = sideDatabase(ctx, db.local.URL(), name, true); err == nil {
		err = migrations.Up(ctx, db.url)
	}
	if err == nil {
		db.Store, err = store.Open(ctx, db.url, store.Options{})
	}
	if err == nil {
		err = saveProgress(ctx, db, progress{Key: r.key})
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func readProgress(ctx context.Context, db *database) (p progress, found bool, err error) {
	states, err := db.States(ctx, replayState)
	if err != nil || len(states) == 0 {
		return p, false, err
	}
	if err := json.Unmarshal(states[0].Blob, &p); err != nil {
		return p, true, nil //nolint:nilerr // unreadable progress means another program's: start again
	}
	return p, true, nil
}

func saveProgress(ctx context.Context, db *database, p progress) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	lease, ok, err := db.AcquireLease(ctx, "replay", replayHolder, time.Minute)
	if err == nil && !ok {
		err = errors.New("another replay is writing into this database")
	}
	if err != nil {
		return err
	}
	return db.SaveStates(ctx, []surgecast.ModelState{{Series: replayState, Origin: time.Unix(0, 0).UTC(), Blob: b}}, []surgecast.Lease{lease})
}

func (c *replayCmd) replay(ctx context.Context, g *Global, db *database, r *recording, l net.Listener) error {
	clock := newPlayClock(r.from, c.Speed)
	speed := func() float64 { return c.Speed }
	a, err := newApp(g, db, appOptions{
		clock: clock.Now, speed: speed, keyless: true, hypothetical: true, holder: replayHolder,
		allow: []string{"127.0.0.0/8", "::1"},
	})
	if err != nil {
		return err
	}
	if err := a.requeue(ctx); err != nil {
		return err
	}
	p := &player{app: a, clock: clock}
	b, err := c.prepare(ctx, p, r)
	if err != nil {
		return err
	}
	grp, gctx := errgroup.WithContext(ctx)
	gctx, stop := context.WithCancel(gctx)
	defer stop()
	grp.Go(func() error { return a.notify.Run(gctx) })
	grp.Go(func() error { return a.api.Run(gctx) })
	grp.Go(func() error { return a.api.Serve(gctx, l) })
	grp.Go(func() error {
		defer stop()
		if err := c.play(gctx, g, p, r, b, l); err != nil {
			return err
		}
		if err := a.engine.Stop(gctx); err != nil {
			return err
		}
		if err := saveProgress(gctx, db, progress{Key: r.key, Done: true}); err != nil {
			return err
		}
		if err := c.report(gctx, g, db, r, b); err != nil {
			return err
		}
		if c.Hold {
			fmt.Fprintf(g.errOut, "The dashboard stays at %s until Ctrl-C.\n", address(l))
			<-gctx.Done()
		}
		return nil
	})
	grp.Go(func() error { return db.watch(gctx) })
	return db.blame(grp.Wait())
}

// booked is where the recording went in the database.
type booked struct {
	site    *surgecast.Site
	topics  map[string]surgecast.Topic
	sources map[string]surgecast.Source
}

// prepare makes site, topics and webhooks, and stores what was known before the first forecast.
func (c *replayCmd) prepare(ctx context.Context, p *player, r *recording) (*booked, error) {
	db := p.app.db
	b := &booked{topics: map[string]surgecast.Topic{}, sources: map[string]surgecast.Source{}}
	if r.site != nil {
		s, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, r.site.Slug)
		if errors.Is(err, surgecast.ErrNotFound) {
			s, err = db.CreateSite(ctx, *r.site)
		}
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", r.site.Slug, err)
		}
		b.site = &s
		if err := planRecorded(ctx, db, s, r.events); err != nil {
			return nil, err
		}
	}
	for slug, step := range r.talk.steps {
		src, err := db.EnsureSource(ctx, surgecast.Source{Slug: slug, Kind: surgecast.SourcePosts, Mode: surgecast.Absolute, StepSeconds: step})
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", slug, err)
		}
		b.sources[slug] = src
	}
	for _, slug := range r.talk.topics {
		t, err := ensureTopic(ctx, db, slug, r.talk.names[slug], r.start)
		if err != nil {
			return nil, err
		}
		b.topics[slug] = t
		if b.site != nil {
			if err := db.LinkTopic(ctx, surgecast.DefaultAccount, b.site.Slug, t.Slug, r.start, 1); err != nil {
				return nil, fmt.Errorf("linking topic %s: %w", t.Slug, err)
			}
		}
	}
	hooks := slices.Clone(r.hooks)
	for _, u := range c.Webhook {
		hooks = append(hooks, siteFileHook{URL: u, Secret: c.Secret})
	}
	have, _, err := db.Webhooks(ctx, surgecast.DefaultAccount, surgecast.Page{Limit: 500})
	if err != nil {
		return nil, fmt.Errorf("reading webhooks: %w", err)
	}
	for _, h := range hooks {
		// A replay that was killed here left some of them.
		if slices.ContainsFunc(have, func(w surgecast.Webhook) bool { return w.URL == h.shown() && w.Format == h.format() }) {
			continue
		}
		if err := addWebhook(ctx, p.app, h, b.siteID()); err != nil {
			return nil, err
		}
	}
	var traffic []surgecast.TrafficMinute
	for _, t := range r.traffic {
		if t.Minute.Before(r.from) {
			t.SiteID = b.site.ID
			traffic = append(traffic, t)
		}
	}
	var mentions []surgecast.MentionMinute
	for _, m := range r.talk.rows {
		if r.talk.end(m).Before(r.from) {
			mentions = append(mentions, b.mention(m))
		}
	}
	return b, p.history(ctx, traffic, mentions, r.from)
}

func (b *booked) siteID() int64 {
	if b.site == nil {
		return 0
	}
	return b.site.ID
}

func (b *booked) mention(c ingest.Count) surgecast.MentionMinute {
	c.TopicID, c.SourceID = b.topics[c.Topic].ID, b.sources[c.Source].ID
	return c.MentionMinute
}

// play plays the minutes of the window, from where an interrupted replay stopped.
func (c *replayCmd) play(ctx context.Context, g *Global, p *player, r *recording, b *booked, l net.Listener) error {
	byMinute := map[int64]*minute{}
	at := func(t time.Time) *minute {
		t = t.Truncate(time.Minute)
		m := byMinute[t.Unix()]
		if m == nil {
			m = &minute{at: t}
			byMinute[t.Unix()] = m
		}
		return m
	}
	for _, t := range r.traffic {
		if !t.Minute.Before(r.from) && t.Minute.Before(r.to) {
			t.SiteID = b.site.ID
			m := at(t.Minute)
			m.traffic = append(m.traffic, t)
		}
	}
	for _, v := range r.talk.rows {
		if end := r.talk.end(v); !end.Before(r.from) && v.Minute.Before(r.to) {
			m := at(end.Add(-time.Minute))
			m.mentions = append(m.mentions, b.mention(v))
		}
	}
	begin := r.from
	if b.site != nil {
		f, err := p.app.db.TrafficFrontiers(ctx)
		if err != nil {
			return err
		}
		if last := f[b.site.ID].Last; last.After(begin) {
			begin = last
		}
	} else if f, err := p.app.db.MentionFrontiers(ctx); err != nil {
		return err
	} else {
		for _, x := range f {
			if x.Last.After(begin) {
				begin = x.Last
			}
		}
	}
	// Going on, the clock is not behind what has been published, and what was being delivered is delivered
	// first: a minute later it may be out of date.
	now := begin
	told, err := p.app.db.LatestForecasts(ctx)
	if err != nil {
		return err
	}
	for i := range told {
		if told[i].IssuedAt.After(now) {
			now = told[i].IssuedAt
		}
	}
	p.clock.Jump(now)
	if err := p.app.notify.Settle(ctx, settleWithin); err != nil {
		return fmt.Errorf("waiting for interrupted webhooks: %w", err)
	}
	if _, err := p.app.engine.Sweep(ctx, now); err != nil {
		return err
	}
	total := int(r.to.Sub(begin) / time.Minute)
	show := newProgress(g, fmt.Sprintf("replaying on %s", address(l)), total)
	defer show.done()
	for t := begin.Truncate(time.Minute); t.Before(r.to); t = t.Add(time.Minute) {
		m := byMinute[t.Unix()]
		if m == nil {
			m = &minute{at: t}
		}
		if c.Speed > 0 {
			due := t.Add(time.Minute + closing)
			p.clock.Release(due)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(float64(due.Sub(p.clock.Now())) / c.Speed)):
			}
		}
		if len(m.traffic)+len(m.mentions) == 0 && t.Minute()%10 != 0 {
			show.add(1) // nothing became known; silence is looked for every ten minutes
			continue
		}
		if err := p.play(ctx, *m); err != nil {
			return err
		}
		show.add(1)
	}
	return nil
}

// report builds the report from what is stored: the ledger, the minutes, the surges, the deliveries.
func (c *replayCmd) report(ctx context.Context, g *Global, db *database, r *recording, b *booked) error {
	o := review.Options{From: r.from, To: r.to, DemandKnown: true, GeneratedAt: time.Now().UTC(), Source: baseNames(c.Traffic, c.Mentions)}
	if b.site != nil {
		o.Site = *b.site
	}
	rb := review.NewBuilder(o)
	surges, err := allSurges(ctx, db)
	if err != nil {
		return err
	}
	if b.site != nil {
		minutes, err := db.Traffic(ctx, b.site.ID, surgecast.TotalSegment, r.start, r.to)
		if err != nil {
			return err
		}
		for _, m := range minutes {
			if err := rb.Minute(m); err != nil {
				return err
			}
		}
		for day := r.from.Add(-time.Hour); day.Before(r.to); day = day.Add(6 * time.Hour) {
			rows, err := db.Forecasts(ctx, b.site.ID, surgecast.TotalSegment, day, minTime(day.Add(6*time.Hour), r.to))
			if err != nil {
				return err
			}
			for i := range rows {
				if err := rb.Forecast(&rows[i]); err != nil {
					return err
				}
			}
		}
	}
	talks := map[int64]*review.Talk{}
	for _, slug := range r.talk.topics {
		t := b.topics[slug]
		for _, src := range b.sources { // the report shows the topic's longest series
			buckets, err := db.Mentions(ctx, t.ID, src.ID, r.start, r.to, false)
			if err != nil {
				return err
			}
			if have := talks[t.ID]; have == nil || len(buckets) > len(have.Buckets) {
				talks[t.ID] = &review.Talk{Topic: t.Slug, Name: t.Name, StepSeconds: src.StepSeconds, Buckets: buckets}
			}
		}
	}
	for _, s := range surges {
		_, transitions, err := db.SurgeByID(ctx, surgecast.DefaultAccount, s.ID)
		if err != nil {
			return err
		}
		if t := talks[s.TopicID]; t != nil {
			t.Surges = append(t.Surges, s)
			t.Transitions = append(t.Transitions, transitions...)
			continue
		}
		rb.Surge(s)
		for _, tr := range transitions {
			rb.Transition(tr)
		}
	}
	for _, slug := range r.talk.topics {
		rb.Talk(*talks[b.topics[slug].ID])
	}
	if err := allDeliveries(ctx, db, rb.Delivery); err != nil {
		return err
	}
	rep, err := rb.Report()
	if err != nil {
		return err
	}
	if err := rep.Text(g.out); err != nil {
		return err
	}
	for path, write := range map[string]func(io.Writer) error{c.JSON: rep.JSON, c.HTML: rep.HTML} {
		if path == "" {
			continue
		}
		if err := writeFile(path, write); err != nil {
			return err
		}
	}
	return nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
