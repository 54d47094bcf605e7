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
	"time"

	"surgecast"
)

// Store is what the engine needs of the database.
type Store interface {
	AllSites(ctx context.Context) ([]surgecast.Site, error)
	AllTopics(ctx context.Context) ([]surgecast.Topic, error)
	Sources(ctx context.Context) ([]surgecast.Source, error)
	SiteTopics(ctx context.Context) ([]surgecast.SiteTopic, error)
	Overrides(ctx context.Context) ([]surgecast.Override, error)
	Frozen(ctx context.Context, accountID int64) (bool, error)

	TrafficFrontiers(ctx context.Context) (map[int64]surgecast.Frontier, error)
	TrafficSince(ctx context.Context, siteIDs []int64, from []time.Time, until time.Time) ([]surgecast.TrafficMinute, error)
	MentionFrontiers(ctx context.Context) ([]surgecast.Frontier, error)
	MentionsSince(ctx context.Context, topicIDs, sourceIDs []int64, from []time.Time, until time.Time, asFirst bool) ([]surgecast.MentionBucket, error)

	SaveSweep(ctx context.Context, s surgecast.Sweep) error
	States(ctx context.Context, prefix string) ([]surgecast.ModelState, error)
	Forecasts(ctx context.Context, siteID int64, segment string, from, to time.Time) ([]surgecast.SiteForecast, error)
	OpenSurges(ctx context.Context) ([]surgecast.Surge, error)

	AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (surgecast.Lease, bool, error)
	RenewLeases(ctx context.Context, leases []surgecast.Lease, ttl time.Duration) (lost []surgecast.Lease, err error)
	ReleaseLeases(ctx context.Context, leases []surgecast.Lease) error
}

// Config is what an engine is made of. Zero durations and counts take the stated defaults.
type Config struct {
	Store  Store
	Clock  surgecast.Clock
	Logger *slog.Logger
	Holder string // names this process in leases

	Workers       int           // cores − 1, at least 1
	Every         time.Duration // how often Run sweeps; 2 s
	ReloadEvery   time.Duration // how often sites and topics are read again, by Clock; 10 s
	SnapshotEvery time.Duration // how often a series' model is stored, by Clock; 10 min
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

const (
	leaseTTL   = 10 * time.Second
	leaseRenew = 3 * time.Second
)

// Engine holds the series of the shards this process has leased.
type Engine struct {
	cfg Config

	mu       sync.Mutex // one sweep at a time
	leases   map[int]surgecast.Lease
	renewed  time.Time // real time of the last renewal
	loaded   bool
	reloaded time.Time // by Clock

	sites     map[int64]surgecast.Site
	topics    map[int64]surgecast.Topic
	sources   map[int64]surgecast.Source
	overrides map[int64]surgecast.Override
	frozen    map[int64]bool
	links     map[int64][]surgecast.SiteTopic // by site
	heard     map[int64][]surgecast.Frontier  // by topic: how far each source has come
	tracks    map[trackKey]*track
	talks     map[talkKey]*talk
	resting   map[string]time.Time // series that were put aside, until when they are left alone
}

// New makes an engine; it reads and writes nothing before the first sweep.
func New(cfg Config) *Engine {
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
	if cfg.HistoryDays <= 0 {
		cfg.HistoryDays = 28
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{cfg: cfg, leases: map[int]surgecast.Lease{}, resting: map[string]time.Time{}}
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
	if len(e.leases) == 0 {
		return nil // a stand-by has nothing to store and nothing to give back
	}
	sw := surgecast.Sweep{Leases: e.held(), At: e.cfg.Clock()}
	for _, t := range e.tracks {
		if s, ok := t.snapshot(); ok {
			sw.States = append(sw.States, s)
		}
	}
	for _, t := range e.talks {
		if s, ok := t.snapshot(); ok {
			sw.States = append(sw.States, s)
		}
	}
	var err error
	if len(sw.States) > 0 {
		if err = e.cfg.Store.SaveSweep(ctx, sw); err != nil {
			err = fmt.Errorf("storing the last snapshots: %w", err)
		}
	}
	err = errors.Join(err, e.cfg.Store.ReleaseLeases(ctx, e.held()))
	e.leases = map[int]surgecast.Lease{}
	e.forget()
	return err
}

// forget drops everything computed; the next sweep starts from what is stored.
func (e *Engine) forget() {
	e.loaded = false
	e.reloaded = time.Time{}
	e.tracks = map[trackKey]*track{}
	e.talks = map[talkKey]*talk{}
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

// lease takes what is free and renews what is held. Losing one means another process has taken over
// some series, so everything computed is forgotten.
func (e *Engine) lease(ctx context.Context) error {
	if time.Since(e.renewed) < leaseRenew {
		return nil
	}
	if len(e.leases) > 0 {
		lost, err := e.cfg.Store.RenewLeases(ctx, e.held(), leaseTTL)
		if err != nil {
			return fmt.Errorf("renewing leases: %w", err)
		}
		if len(lost) > 0 {
			e.cfg.Logger.Warn("leases lost to another process", "shards", len(lost))
			for i, l := range e.leases {
				for _, g := range lost {
					if l.Name == g.Name {
						delete(e.leases, i)
					}
				}
			}
			e.forget()
		}
	}
	took := 0
	for i := range Shards {
		if _, ok := e.leases[i]; ok {
			continue
		}
		l, ok, err := e.cfg.Store.AcquireLease(ctx, fmt.Sprintf("engine/%02d", i), e.cfg.Holder, leaseTTL)
		if err != nil {
			return fmt.Errorf("taking lease of shard %d: %w", i, err)
		}
		if ok {
			e.leases[i] = l
			took++
		}
	}
	if took > 0 && e.loaded {
		e.forget() // newly taken series are loaded with the rest
	}
	e.renewed = time.Now()
	return nil
}

func (e *Engine) mine(id int64) bool { _, ok := e.leases[shardOf(id)]; return ok }

// reload reads sites, topics and people's words on them.
func (e *Engine) reload(ctx context.Context, now time.Time) error {
	if e.loaded && now.Sub(e.reloaded) < e.cfg.ReloadEvery && !now.Before(e.reloaded) {
		return nil
	}
	sites, err := e.cfg.Store.AllSites(ctx)
	if err != nil {
		return fmt.Errorf("reading sites: %w", err)
	}
	topics, err := e.cfg.Store.AllTopics(ctx)
	if err != nil {
		return fmt.Errorf("reading topics: %w", err)
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
	e.topics = make(map[int64]surgecast.Topic, len(topics))
	for _, t := range topics {
		if e.mine(t.ID) {
			e.topics[t.ID] = t
		}
	}
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
		if !ok {
			delete(e.tracks, k)
			continue
		}
		t.site = s
		if relinked[k.site] && k.segment == surgecast.TotalSegment {
			if e.tracks[k], err = e.remodelled(ctx, t); err != nil {
				return err
			}
		}
	}
	for k := range e.talks {
		if _, ok := e.topics[int64(k)]; !ok {
			delete(e.talks, k)
		}
	}
	e.reloaded = now
	return nil
}
