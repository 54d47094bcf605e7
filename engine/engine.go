// Package engine turns counts into forecasts, risk and recommendations, minute by minute.
//
// Its one act is Sweep: read what has become known since the last one, step every series through it,
// judge, and commit all that was found in a single transaction. The clock is an argument, so the same
// sweep serves live, replay and demo; Backtest steps the same series over files. Nothing else in the
// program steps a model.
//
// A sweep that fails to commit forgets what it computed and starts again from what is stored: memory
// never runs ahead of the ledger. A restart loads the last snapshot of each series and steps it through
// what the ledger says it was fed since, so the next forecast equals that of a process that never
// stopped.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"surgecast"
)

// Store is what the engine needs of the database.
type Store interface {
	AllSites(ctx context.Context) ([]surgecast.Site, error)
	AllTopics(ctx context.Context) ([]surgecast.Topic, error)
	TopicsMark(ctx context.Context) (string, error)
	Sources(ctx context.Context) ([]surgecast.Source, error)
	SiteTopics(ctx context.Context) ([]surgecast.SiteTopic, error)
	Overrides(ctx context.Context) ([]surgecast.Override, error)
	Frozen(ctx context.Context, accountID int64) (bool, error)

	EventsMark(ctx context.Context) (string, error)
	EventRevisions(ctx context.Context, siteID int64, since time.Time) ([]surgecast.EventRevision, error)

	TrafficFrontiers(ctx context.Context) (map[int64]surgecast.Frontier, error)
	TrafficSince(ctx context.Context, siteIDs []int64, from []time.Time, until time.Time) ([]surgecast.TrafficMinute, error)
	HeardMark(ctx context.Context) (string, error)
	Heard(ctx context.Context, shards []int64, of int) ([]surgecast.Heard, error)
	MentionsSince(ctx context.Context, topicIDs, sourceIDs []int64, from []time.Time, until time.Time, asFirst bool) ([]surgecast.MentionBucket, error)

	SaveSweep(ctx context.Context, s surgecast.Sweep) error
	States(ctx context.Context, prefix string) ([]surgecast.ModelState, error)
	StatesOf(ctx context.Context, kind string, shard, of int) ([]surgecast.ModelState, error)
	Forecasts(ctx context.Context, siteID int64, segment string, from, to time.Time) ([]surgecast.SiteForecast, error)
	FedRows(ctx context.Context, siteID int64, segment string, from, to time.Time) ([]surgecast.SiteForecast, error)
	OpenSurges(ctx context.Context) ([]surgecast.Surge, error)

	AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (surgecast.Lease, bool, error)
	RenewLeases(ctx context.Context, leases []surgecast.Lease, ttl time.Duration) (lost []surgecast.Lease, err error)
	ReleaseLeases(ctx context.Context, leases []surgecast.Lease) error
	LiveLeases(ctx context.Context, prefix string) (int, error)
}

// Config is what an engine is made of. Zero durations and counts take the stated defaults.
type Config struct {
	Store  Store
	Clock  surgecast.Clock
	Wall   surgecast.Clock // real time, which leases age in whatever the data's clock says; time.Now
	Logger *slog.Logger
	Holder string // names this process in leases

	Workers       int           // cores − 1, at least 1
	Every         time.Duration // how often Run sweeps; 2 s
	ReloadEvery   time.Duration // how often sites and topics are read again, by Clock; 10 s
	SnapshotEvery time.Duration // how often a series' model is stored, by Clock; 10 min
	LeaseTTL      time.Duration // when others take over what a killed engine held, by Wall; renewed after 3/10 of it; 10 s
	HistoryDays   int           // how much of its past a series without a snapshot is stepped through; 28

	// Hypothetical says that the configured capacity did not bound the traffic being played: recorded
	// minutes above it were served, so they are demand and not its lower bound.
	Hypothetical bool

	// Published, if set, is called after a sweep has committed, in its order.
	Published func(Result)
}

// Result is what one sweep found, as committed.
type Result struct {
	At          time.Time
	Forecasts   []surgecast.SiteForecast
	Surges      []surgecast.Surge
	Transitions []surgecast.SurgeTransition
	Messages    int
	Sites       int // sites whose series moved on
	Topics      int // topic series that moved on
}

// Shards is how many leases share the engine's work: a site or topic belongs to the shard of its id.
const Shards = 64

const leaseTTL = 10 * time.Second

// Engine holds the series of the shards this process has leased.
type Engine struct {
	cfg Config

	mu       sync.Mutex // one sweep at a time
	leases   map[int]surgecast.Lease
	alive    surgecast.Lease // says to the other engines that this one is there
	renewed  time.Time       // real time of the last renewal
	loaded   map[int]bool    // shards whose series are in memory
	reloaded time.Time       // by Clock

	sites      map[int64]surgecast.Site
	topics     map[int64]surgecast.Topic // without their terms
	topicsMark string
	sources    map[int64]surgecast.Source
	overrides  map[int64]surgecast.Override
	frozen     map[int64]bool
	links      map[int64][]surgecast.SiteTopic // by site
	linked     map[int64]bool                  // topics
	heard      []surgecast.Heard               // by topic and source
	heardMark  string
	closed     map[int64]closing // by source
	anew       int64             // buckets of topics that start anew, which this sweep may still step through
	ended      []surgecast.Surge // open episodes of what was deleted
	tracks     map[trackKey]*track
	retired    map[trackKey]bool // segments that are not sent any more: they are stored, and no longer here
	talks      map[talkKey]*talk
	turn       int64                               // of topics' snapshots: the last one that was made
	resting    map[string]time.Time                // series that were put aside, until when they are left alone
	plans      map[int64][]surgecast.EventRevision // by site
	plansMark  string
	pool       []conversions   // what a mention brings to other sites; nil: not read since the last reload
	snapshots  atomic.Int64    // of sites that this sweep may still make
	refused    map[string]bool // … because the database refuses their rows, told once
}

// New makes an engine; it reads and writes nothing before the first sweep.
func New(cfg Config) *Engine {
	if cfg.Wall == nil {
		cfg.Wall = time.Now
	}
	if cfg.Workers <= 0 {
		cfg.Workers = max(1, runtime.NumCPU()-1)
	}
	if cfg.Every <= 0 {
		cfg.Every = 2 * time.Second
	}
	if cfg.ReloadEvery <= 0 {
		cfg.ReloadEvery = 10 * time.Second
	}
	if cfg.SnapshotEvery <= 0 {
		cfg.SnapshotEvery = 10 * time.Minute
	}
	if cfg.LeaseTTL <= 0 {
		cfg.LeaseTTL = leaseTTL
	}
	if cfg.HistoryDays <= 0 {
		cfg.HistoryDays = 28
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{cfg: cfg, leases: map[int]surgecast.Lease{}, resting: map[string]time.Time{}, refused: map[string]bool{}, closed: map[int64]closing{}}
	e.forget()
	return e
}

// Run sweeps until ctx ends, then stores a snapshot of every series and gives its leases back.
func (e *Engine) Run(ctx context.Context) error {
	tick := time.NewTicker(e.cfg.Every)
	defer tick.Stop()
	failing := false
	for {
		if _, err := e.Sweep(ctx, e.cfg.Clock()); err != nil && ctx.Err() == nil {
			if !failing { // once, not every two seconds of an outage
				e.cfg.Logger.Error("sweep failed; trying again", "err", err)
			}
			failing = true
		} else if failing {
			e.cfg.Logger.Info("sweeping again")
			failing = false
		}
		select {
		case <-ctx.Done():
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
			defer cancel()
			return e.Stop(stop)
		case <-tick.C:
		}
	}
}

// Stop stores a snapshot of every series and releases the leases, these also when the last sweep failed
// (it is cancelled in the middle more often than not).
func (e *Engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]int, 0, len(e.leases))
	for i := range Shards {
		if _, ok := e.leases[i]; ok {
			all = append(all, i)
		}
	}
	err := e.handBack(ctx, all)
	if e.alive.Name != "" {
		err = errors.Join(err, e.cfg.Store.ReleaseLeases(ctx, []surgecast.Lease{e.alive}))
		e.alive = surgecast.Lease{}
	}
	e.forget()
	e.renewed = time.Time{}
	return err
}

// forget drops everything computed; the next sweep starts from what is stored.
func (e *Engine) forget() {
	e.loaded = map[int]bool{}
	e.reloaded, e.topicsMark, e.heardMark, e.turn = time.Time{}, "", "", 0
	e.tracks, e.retired = map[trackKey]*track{}, map[trackKey]bool{}
	e.talks = map[talkKey]*talk{}
	e.pool = nil
}

func (e *Engine) held() []surgecast.Lease {
	ls := make([]surgecast.Lease, 0, len(e.leases))
	for i := range Shards {
		if l, ok := e.leases[i]; ok {
			ls = append(ls, l)
		}
	}
	return ls
}

func shardOf(id int64) int { return int(uint64(id) % Shards) }

func (e *Engine) mine(id int64) bool { _, ok := e.leases[shardOf(id)]; return ok }

// reload reads sites, topics and people's words on them.
func (e *Engine) reload(ctx context.Context, now time.Time) error {
	if !e.reloaded.IsZero() && now.Sub(e.reloaded) < e.cfg.ReloadEvery && !now.Before(e.reloaded) {
		return nil
	}
	sites, err := e.cfg.Store.AllSites(ctx)
	if err != nil {
		return fmt.Errorf("reading sites: %w", err)
	}
	if err := e.reloadTopics(ctx); err != nil {
		return err
	}
	sources, err := e.cfg.Store.Sources(ctx)
	if err != nil {
		return fmt.Errorf("reading sources: %w", err)
	}
	overrides, err := e.cfg.Store.Overrides(ctx)
	if err != nil {
		return fmt.Errorf("reading overrides: %w", err)
	}
	links, err := e.cfg.Store.SiteTopics(ctx)
	if err != nil {
		return fmt.Errorf("reading which topics feed which sites: %w", err)
	}
	relinked := e.reindex(links)
	e.sites = make(map[int64]surgecast.Site, len(sites))
	frozen := map[int64]bool{}
	for _, s := range sites {
		if !e.mine(s.ID) {
			continue
		}
		e.sites[s.ID] = s
		if _, ok := frozen[s.AccountID]; !ok {
			if frozen[s.AccountID], err = e.cfg.Store.Frozen(ctx, s.AccountID); err != nil {
				return fmt.Errorf("reading freeze of account %d: %w", s.AccountID, err)
			}
		}
	}
	e.frozen = frozen
	e.sources = make(map[int64]surgecast.Source, len(sources))
	for _, s := range sources {
		e.sources[s.ID] = s
	}
	e.overrides = make(map[int64]surgecast.Override, len(overrides))
	for _, o := range overrides {
		e.overrides[o.SiteID] = o
	}
	for k, t := range e.tracks {
		s, ok := e.sites[k.site]
		if !ok || !judged(s, k.segment) {
			delete(e.tracks, k)
			continue
		}
		anew := remade(t.site, s) || relinked[k.site] && k.segment == surgecast.TotalSegment
		t.site = s
		if anew {
			if e.tracks[k], err = e.remodelled(ctx, t); err != nil {
				return err
			}
		}
	}
	for k := range e.retired {
		if s, ok := e.sites[k.site]; !ok || !judged(s, k.segment) {
			delete(e.retired, k)
		}
	}
	if err := e.findEnded(ctx); err != nil {
		return err
	}
	e.reloaded, e.pool = now, nil
	return nil
}

// remade reports whether a site's model was made for other settings than it has now (siteModel). Going on with it would
// judge another demand than the ledger says, and its snapshots would fit no restart and no what-if.
func remade(was, is surgecast.Site) bool {
	return was.TimeZone != is.TimeZone || max(1, was.Capacity.SustainMinutes) != max(1, is.Capacity.SustainMinutes)
}

// reloadTopics reads the topics again when one of them has changed. Of their terms the engine needs none.
func (e *Engine) reloadTopics(ctx context.Context) error {
	mark, err := e.cfg.Store.TopicsMark(ctx)
	if err != nil {
		return fmt.Errorf("looking for changed topics: %w", err)
	}
	if mark == e.topicsMark {
		return nil
	}
	topics, err := e.cfg.Store.AllTopics(ctx)
	if err != nil {
		return fmt.Errorf("reading topics: %w", err)
	}
	e.topics = make(map[int64]surgecast.Topic, len(topics))
	for _, t := range topics {
		if e.mine(t.ID) {
			t.Any, t.And, t.Not = nil, nil, nil
			e.topics[t.ID] = t
		}
	}
	for k := range e.talks {
		if _, ok := e.topics[int64(k)]; !ok {
			delete(e.talks, k)
		}
	}
	e.topicsMark = mark
	return nil
}
