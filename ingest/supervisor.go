package ingest

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

// Store is what counting needs of the database.
type Store interface {
	EnsureSource(ctx context.Context, src surgecast.Source) (surgecast.Source, error)
	StartRules(ctx context.Context, sourceID int64, version int, at time.Time) error
	Cursor(ctx context.Context, sourceID int64) (string, error)
	CountedLately(ctx context.Context, sourceID int64) ([]surgecast.CountedEvents, error)
	CommitStream(ctx context.Context, lease surgecast.Lease, c surgecast.StreamCounts, at time.Time) error
	TopicPasts(ctx context.Context, sourceID int64) ([]surgecast.TopicPast, error)
	AddPastRead(ctx context.Context, lease surgecast.Lease, p surgecast.PastRead, at time.Time) error
	CloseSourceMinutes(ctx context.Context, lease surgecast.Lease, sourceID int64, from, to time.Time, healthy bool, at time.Time) error
	RecordGap(ctx context.Context, lease surgecast.Lease, g surgecast.SourceGap) error
	Gaps(ctx context.Context, sourceID int64, since time.Time) ([]surgecast.SourceGap, error)
	SaveHealth(ctx context.Context, lease surgecast.Lease, h surgecast.SourceHealth) error
	AllTopics(ctx context.Context) ([]surgecast.Topic, error)
	TopicsMark(ctx context.Context) (string, error)
	PutMentionsHeld(ctx context.Context, lease surgecast.Lease, rows []surgecast.MentionMinute, at time.Time) error
	NewestMentions(ctx context.Context, sourceID int64) (map[int64]time.Time, error)
	Spend(ctx context.Context, account int64, source string, millicents int64, at time.Time) (bool, error)
	AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (surgecast.Lease, bool, error)
	RenewLeases(ctx context.Context, leases []surgecast.Lease, ttl time.Duration) (lost []surgecast.Lease, err error)
	ReleaseLeases(ctx context.Context, leases []surgecast.Lease) error
}

// Config of a Supervisor.
type Config struct {
	Store    Store
	Clock    surgecast.Clock
	Logger   *slog.Logger
	Registry prometheus.Registerer // nil: no metrics
	Holder   string                // names this process among those that share the database
	Streams  []Stream
	Counters []Counter
	Heat     func(topicID int64) float64 // for Board; nil: nothing is hot

	// Stall is how long a stream may say nothing before it is connected anew; 0: 30 s. A stream with a
	// method Stall() time.Duration has its own.
	Stall time.Duration

	// Past is how far back the past of a new topic is read, beyond what is remembered, from streams that are
	// Replayers; 0: it is not. A feed that does not go back so far is read as far as it goes.
	Past time.Duration
	// PastRate bounds that reading, in posts a second; 0: 10,000.
	PastRate float64
}

// How a lease is held (DESIGN 9).
const (
	leaseTTL    = 10 * time.Second
	leaseRenew  = 3 * time.Second
	healthEvery = 3 // renewals
	stall       = 30 * time.Second
	commitEvery = time.Second
)

// Errors that end the holding of a source.
var (
	// ErrStalled is the cause a stream's context ends with when it was silent for too long.
	ErrStalled = errors.New("the feed has been silent for too long")
	errLost    = errors.New("another process counts this source now")
)

// Supervisor runs feeds: one holder at a time for each, connected anew whenever it fails, its counts written
// with its place. What fails in one feed concerns no other.
type Supervisor struct {
	Config
	metrics *metrics
	book    *topicBook
}

// New makes a supervisor; it starts nothing.
func New(c Config) *Supervisor {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Stall == 0 {
		c.Stall = stall
	}
	if c.Heat == nil {
		c.Heat = func(int64) float64 { return 0 }
	}
	return &Supervisor{Config: c, metrics: newMetrics(c.Registry), book: newTopicBook(c.Store, c.Logger)}
}

// Run counts until ctx ends. Feeds and a database that fail are waited for.
func (s *Supervisor) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.book.run(ctx) })
	for _, st := range s.Streams {
		g.Go(func() error {
			return s.source(ctx, st.Source(), func(ctx context.Context, src surgecast.Source, l surgecast.Lease) error {
				return s.stream(ctx, st, src, l)
			})
		})
	}
	for _, c := range s.Counters {
		g.Go(func() error {
			return s.source(ctx, c.Source(), func(ctx context.Context, src surgecast.Source, l surgecast.Lease) error {
				return s.counter(ctx, c, src, l)
			})
		})
	}
	return g.Wait()
}

// source waits for the lease of a source and holds it, again and again.
func (s *Supervisor) source(ctx context.Context, src surgecast.Source, hold func(context.Context, surgecast.Source, surgecast.Lease) error) error {
	log := s.Logger.With("source", src.Slug)
	if src.StepSeconds == 0 {
		src.StepSeconds = 60
	}
	wait := newBackoff(500*time.Millisecond, 10*time.Second)
	said := ""
	for ctx.Err() == nil {
		err := s.book.ready(ctx)
		var have surgecast.Source
		if err == nil {
			have, err = s.Store.EnsureSource(ctx, src)
		}
		if errors.Is(err, surgecast.ErrConflict) { // two meanings for one name: somebody has to decide
			log.Error("this source is not counted until it has another name", "err", err)
			return nil
		}
		var l surgecast.Lease
		mine := false
		if err == nil {
			l, mine, err = s.Store.AcquireLease(ctx, surgecast.SourceLeases+src.Slug, s.Holder, leaseTTL)
		}
		if err == nil && !mine {
			said = ""
			sleep(ctx, leaseRenew/2+rand.N(leaseRenew/2))
			continue
		}
		if err == nil {
			wait.reset()
			said = ""
			log.Info("counting", "epoch", l.Epoch)
			err = hold(ctx, have, l)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to stop
		}
		if err != nil && err.Error() != said { // the same every few seconds says nothing new
			said = err.Error()
			log.Warn("not counting; trying again", "err", err)
		}
		sleep(ctx, wait.next())
	}
	return nil
}

// held runs work under a lease: renews it, stores health, and ends work when the lease is lost. The lease is
// given back at the end.
func (s *Supervisor) held(ctx context.Context, l surgecast.Lease, health func() surgecast.SourceHealth, slug string, work func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(leaseRenew)
		defer tick.Stop()
		for n := 0; ; n++ {
			lost, err := s.Store.RenewLeases(ctx, []surgecast.Lease{l}, leaseTTL)
			if len(lost) > 0 {
				cancel(errLost)
				return
			}
			if h := health(); true {
				s.metrics.set(slug, h)
				if err == nil && (n%healthEvery == 0 || h.PastTopics > 0) {
					if err := s.Store.SaveHealth(ctx, l, h); err != nil && ctx.Err() == nil {
						s.Logger.Debug("health not saved", "source", slug, "err", err)
					}
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	err := work(ctx)
	if cause := context.Cause(ctx); errors.Is(cause, errLost) {
		err = cause
	}
	cancel(nil)
	wg.Wait()
	if errors.Is(err, errLost) || errors.Is(err, surgecast.ErrStaleLease) {
		return errLost
	}
	// What follows must happen although ctx has ended.
	last, done := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer done()
	h := health()
	if err == nil {
		h.State = surgecast.SourceStopped
	}
	s.metrics.set(slug, h)
	_ = s.Store.SaveHealth(last, l, h) // a courtesy: the page shows an old row otherwise
	if e := s.Store.ReleaseLeases(last, []surgecast.Lease{l}); e != nil {
		s.Logger.Debug("lease runs out by itself", "source", slug, "err", e)
	}
	return err
}

// stream counts one stream while the lease lasts.
func (s *Supervisor) stream(ctx context.Context, st Stream, src surgecast.Source, l surgecast.Lease) error {
	m := newMeter(s.Clock)
	at, err := s.Store.Cursor(ctx, src.ID)
	if err != nil {
		return err
	}
	pos, err := decodePosition(at)
	if err != nil {
		return err
	}
	gaps, err := s.Store.Gaps(ctx, src.ID, time.Unix(pos.Close, 0))
	if err != nil {
		return err
	}
	lately, err := s.Store.CountedLately(ctx, src.ID)
	if err != nil {
		return err
	}
	topics, err := s.Store.TopicPasts(ctx, src.ID)
	if err != nil {
		return err
	}
	if err := s.Store.StartRules(ctx, src.ID, rulesVersion, s.Clock()); err != nil {
		return err
	}
	rewinder, _ := st.(Rewinder)
	t := newTally(src, s.Clock, m)
	t.resume(pos, lately, topics, gaps, rewinder != nil && pos.Place != "")
	replayer, _ := st.(Replayer)
	if replayer != nil && s.Past > 0 {
		t.pastSpan = min(s.Past, replayer.Keeps())
	}
	w := &writer{store: s.Store, lease: l, tally: t, at: at, pos: pos, log: s.Logger.With("source", src.Slug), seconds: s.metrics.commit.WithLabelValues(src.Slug)}

	leave := s.book.subscribe(t)
	defer leave()
	health := func() surgecast.SourceHealth { return m.health(t.snapshot(), src, s.Holder) }
	return s.held(ctx, l, health, src.Slug, func(ctx context.Context) error {
		// The writer goes on until the feed has stopped, and writes what it left.
		writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
		defer stopWriting()
		reading, stopReading := context.WithCancelCause(ctx)
		defer stopReading(nil)
		written := make(chan error, 1)
		go func() {
			err := w.run(writing, func() bool { return ctx.Err() != nil })
			stopReading(err)
			written <- err
		}()
		var wg sync.WaitGroup
		if t.pastSpan > 0 {
			wg.Go(func() { newPastReader(s, replayer, t, m).run(reading) })
		}
		s.connect(reading, st, rewinder, t, m)
		wg.Wait()
		stopWriting()
		return <-written
	})
}

// connect runs a stream until ctx ends.
func (s *Supervisor) connect(ctx context.Context, st Stream, rewinder Rewinder, t *tally, m *meter) {
	ill := &trouble{log: s.Logger.With("source", t.source.Slug), clock: s.Clock, back: "the feed is read again"}
	limit := s.stallOf(st)
	wait := newBackoff(500*time.Millisecond, time.Minute)
	for first := true; ctx.Err() == nil; first = false {
		if !first {
			m.reconnected()
		}
		m.enter(surgecast.SourceConnecting, nil)
		from := t.from()
		if rewinder != nil && t.rereads() {
			from = rewinder.Rewind(from, windowMinutes*time.Minute)
		}
		began := s.Clock()
		m.life.Store(began.UnixMicro())
		run, cancel := context.WithCancelCause(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { s.watch(run, cancel, t.holding, m, limit, ill) })
		err := st.Run(run, from, t)
		if cause := context.Cause(run); errors.Is(cause, ErrStalled) {
			err = cause
		}
		cancel(nil)
		wg.Wait()
		t.cut()
		if ctx.Err() != nil {
			return
		}
		lasted := s.Clock().Sub(began)
		if lasted >= time.Minute {
			wait.reset()
		}
		if err == nil && lasted >= time.Second {
			continue // a regular end, to be resumed at once
		}
		d := wait.next()
		m.enter(surgecast.SourceWaiting, err)
		if err != nil {
			ill.fails("feed failed; connecting again by itself", err, d)
		}
		sleep(ctx, d)
	}
}

// stallOf is how long a stream may say nothing.
func (s *Supervisor) stallOf(st Stream) time.Duration {
	if own, ok := st.(interface{ Stall() time.Duration }); ok {
		return own.Stall()
	}
	return s.Stall
}

// watch ends a run that has been silent for limit, and notices its first sign of life and that it is well.
func (s *Supervisor) watch(ctx context.Context, cancel context.CancelCauseFunc, holding func() bool, m *meter, limit time.Duration, ill *trouble) {
	began := m.life.Load()
	var since time.Time
	tick := time.NewTicker(min(limit/20+time.Millisecond, 100*time.Millisecond))
	defer tick.Stop()
	alive := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		last := m.life.Load()
		if !alive && last != began {
			alive, since = true, s.Clock()
			m.enter(surgecast.SourceLive, nil)
		}
		if alive {
			ill.lives(since)
		}
		if holding() { // it would speak if we listened
			m.life.Store(s.Clock().UnixMicro())
			continue
		}
		if silent := time.Duration(s.Clock().UnixMicro()-last) * time.Microsecond; silent > limit {
			cancel(fmt.Errorf("nothing arrived for %s: %w", limit, ErrStalled))
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// backoff doubles from least to most, each time somewhere between half of it and all.
type backoff struct{ least, most, now time.Duration }

func newBackoff(least, most time.Duration) *backoff { return &backoff{least, most, least} }

func (b *backoff) next() time.Duration {
	d := b.now/2 + rand.N(b.now/2+1)
	b.now = min(2*b.now, b.most)
	return d
}

func (b *backoff) reset() { b.now = b.least }
