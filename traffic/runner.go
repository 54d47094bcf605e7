package traffic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"surgecast"
)

// Reader reads the minutes of one site. Its methods are called from one goroutine.
type Reader interface {
	// Poll reads on to now. An error ends this reader: after a while another one is opened.
	Poll(ctx context.Context, now time.Time) (Batch, error)
	Close() error
}

// Batch is what one poll found. Its rows are absolute: they replace what was said of their minutes before.
type Batch struct {
	Rows    []surgecast.TrafficMinute // SiteID and Saturated are filled in by the Runner
	More    bool                      // there is more to read at once: the reader is catching up
	Warning string                    // what is wrong although reading goes on, for a person; "" nothing
	Counts  map[string]int            // input since the last batch by a short fixed word ("counted", "unreadable")
	Done    func() error              // called once the rows are stored; nil: nothing to remember
}

// Source is one site's traffic, as configured.
type Source struct {
	Account int64
	Site    string        // slug
	Kind    string        // "prometheus", "access log"
	Every   time.Duration // between polls
	// Open makes a reader that goes on after what is stored; known is zero when nothing is.
	Open func(ctx context.Context, known surgecast.Frontier) (Reader, error)
}

// Store is what a Runner needs of the database.
type Store interface {
	SiteBySlug(ctx context.Context, account int64, slug string) (surgecast.Site, error)
	TrafficFrontiers(ctx context.Context) (map[int64]surgecast.Frontier, error)
	PutTrafficUnder(ctx context.Context, lease surgecast.Lease, rows []surgecast.TrafficMinute, at time.Time) (surgecast.Written, error)

	AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (surgecast.Lease, bool, error)
	RenewLeases(ctx context.Context, leases []surgecast.Lease, ttl time.Duration) (lost []surgecast.Lease, err error)
	ReleaseLeases(ctx context.Context, leases []surgecast.Lease) error
}

// Config is what a Runner is made of.
type Config struct {
	Store    Store
	Clock    surgecast.Clock
	Logger   *slog.Logger
	Registry prometheus.Registerer // nil: no metrics
	Holder   string                // names this process in leases
	Sources  []Source
	LeaseTTL time.Duration // when another process reads what a killed one read; renewed after 3/10 of it; 0: 10 s
}

// Runner reads the traffic of sites, each supervised for itself: one that fails is tried again, and the
// others do not notice. Of several processes with the same configuration one reads a site, the holder of
// the lease traffic:<account>:<site>.
type Runner struct {
	cfg     Config
	metrics *metrics

	mu     sync.Mutex
	health []Health
}

const (
	leaseTTL = 10 * time.Second

	firstRetry = time.Second
	lastRetry  = time.Minute
	// A reason that stays the same is logged so often only.
	remindEvery = 10 * time.Minute
)

// New makes a Runner that has started nothing.
func New(cfg Config) *Runner {
	if cfg.LeaseTTL <= 0 {
		cfg.LeaseTTL = leaseTTL
	}
	r := &Runner{cfg: cfg, metrics: newMetrics(cfg.Registry)}
	for _, s := range cfg.Sources {
		r.health = append(r.health, Health{Site: s.Site, Kind: s.Kind, State: Starting, Since: cfg.Clock()})
	}
	return r
}

// Run reads until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	var g errgroup.Group
	for i := range r.cfg.Sources {
		g.Go(func() error {
			r.supervise(ctx, i)
			return nil
		})
	}
	return g.Wait()
}

// supervise opens a site's reader again and again, more slowly the longer it fails.
func (r *Runner) supervise(ctx context.Context, i int) {
	s := &r.cfg.Sources[i]
	log := r.cfg.Logger.With("site", s.Site, "traffic", s.Kind)
	retry, said, saidAt := firstRetry, "", time.Time{}
	for ctx.Err() == nil {
		before := r.at(i).Polls
		err := r.session(ctx, i, log)
		if ctx.Err() != nil {
			return
		}
		wait := r.renewAfter() // another process has it
		if err != nil {
			if r.at(i).Polls > before {
				retry = firstRetry // it worked for a while
			}
			wait = retry/2 + rand.N(retry/2+1)
			retry = min(2*retry, lastRetry)
			now := r.cfg.Clock()
			if text := err.Error(); text != said || now.Sub(saidAt) >= remindEvery {
				log.Error("traffic cannot be read; trying again", "err", err)
				said, saidAt = text, now
			}
			r.metrics.failures.WithLabelValues(s.Site).Inc()
			r.set(i, func(h *Health) {
				h.enter(Failing, now)
				h.Error, h.RetryAt = err.Error(), now.Add(wait)
			})
		}
		sleep(ctx, wait)
	}
}

// session takes the site's lease and reads while it holds. It returns nil when another process has it.
func (r *Runner) session(ctx context.Context, i int, log *slog.Logger) (err error) {
	s := &r.cfg.Sources[i]
	lease, ok, err := r.cfg.Store.AcquireLease(ctx, fmt.Sprintf("traffic:%d:%s", s.Account, s.Site), r.cfg.Holder, r.cfg.LeaseTTL)
	if err != nil {
		return err
	}
	if !ok {
		r.set(i, func(h *Health) { h.enter(Standby, r.cfg.Clock()); h.Error, h.Warning = "", "" })
		return nil
	}
	ctx, stop := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		if err := r.renew(ctx, lease); err != nil {
			stop(err)
		}
	})
	defer func() {
		if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, context.Canceled) {
			err = cause
		}
		stop(nil)
		renewing.Wait()
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.renewAfter())
		defer cancel()
		if released := r.cfg.Store.ReleaseLeases(after, []surgecast.Lease{lease}); released != nil && err == nil {
			err = released
		}
	}()
	return r.read(ctx, i, lease, log)
}

// renew keeps the lease until ctx ends, and returns why it could not.
func (r *Runner) renew(ctx context.Context, lease surgecast.Lease) error {
	for {
		sleep(ctx, r.renewAfter())
		// Not longer than the lease lasts: past that somebody else may read.
		once, cancel := context.WithTimeout(ctx, r.cfg.LeaseTTL-r.renewAfter())
		lost, err := r.cfg.Store.RenewLeases(once, []surgecast.Lease{lease}, r.cfg.LeaseTTL)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // whoever ended it knows why
		case err != nil:
			return err
		case len(lost) > 0:
			return fmt.Errorf("lease %s: %w", lease.Name, surgecast.ErrStaleLease)
		}
	}
}

func (r *Runner) renewAfter() time.Duration { return r.cfg.LeaseTTL * 3 / 10 }

// read polls a reader and stores what it finds.
func (r *Runner) read(ctx context.Context, i int, lease surgecast.Lease, log *slog.Logger) error {
	s := &r.cfg.Sources[i]
	site, err := r.site(ctx, s)
	if err != nil {
		return err
	}
	known, err := r.cfg.Store.TrafficFrontiers(ctx)
	if err != nil {
		return err
	}
	reader, err := s.Open(ctx, known[site.ID])
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }() // it was only read from
	warned := ""
	for {
		b, err := reader.Poll(ctx, r.cfg.Clock())
		if err != nil {
			return err
		}
		if len(b.Rows) > 0 {
			if site, err = r.site(ctx, s); err != nil { // its capacity may have been changed
				return err
			}
			for j := range b.Rows {
				b.Rows[j].SiteID = site.ID
			}
			Mark(site.Capacity, b.Rows)
			if _, err := r.cfg.Store.PutTrafficUnder(ctx, lease, b.Rows, r.cfg.Clock()); err != nil {
				return err
			}
		}
		if b.Done != nil {
			if err := b.Done(); err != nil {
				return err
			}
		}
		if b.Warning != warned {
			if warned = b.Warning; warned != "" {
				log.Warn(warned)
			}
		}
		r.note(i, &b)
		if !b.More {
			sleep(ctx, s.Every)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// note brings health and metrics up to date after a poll.
func (r *Runner) note(i int, b *Batch) {
	now, s := r.cfg.Clock(), &r.cfg.Sources[i]
	r.set(i, func(h *Health) {
		h.Polls++
		h.Minutes += len(b.Rows)
		for _, row := range b.Rows {
			if row.Complete && row.Minute.After(h.LastMinute) {
				h.LastMinute = row.Minute
			}
		}
		h.Error, h.RetryAt, h.Warning = "", time.Time{}, b.Warning
		switch {
		case b.More:
			h.enter(CatchingUp, now)
		case b.Warning != "":
			h.enter(Degraded, now)
		default:
			h.enter(Reading, now)
		}
		if !h.LastMinute.IsZero() {
			r.metrics.last.WithLabelValues(s.Site).Set(float64(h.LastMinute.Unix()))
		}
	})
	r.metrics.minutes.WithLabelValues(s.Site).Add(float64(len(b.Rows)))
	for what, n := range b.Counts {
		r.metrics.input.WithLabelValues(s.Site, what).Add(float64(n))
	}
}

func (r *Runner) site(ctx context.Context, s *Source) (surgecast.Site, error) {
	site, err := r.cfg.Store.SiteBySlug(ctx, s.Account, s.Site)
	if errors.Is(err, surgecast.ErrNotFound) {
		return site, fmt.Errorf("the traffic file names a site that is not there; add it with `forecaster site add %s`: %w", s.Site, err)
	}
	return site, err
}

func (r *Runner) at(i int) Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.health[i]
}

func (r *Runner) set(i int, change func(*Health)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.health[i])
	for _, st := range states {
		v := 0.
		if r.health[i].State == st {
			v = 1
		}
		r.metrics.state.WithLabelValues(r.health[i].Site, string(st)).Set(v)
	}
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
