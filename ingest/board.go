package ingest

import (
	"context"
	"sync"
	"time"

	"surgecast"
)

// board is what one Counter writes to while its lease lasts.
type board struct {
	s      *Supervisor
	source surgecast.Source
	lease  surgecast.Lease
	meter  *meter

	mu     sync.Mutex
	newest map[int64]time.Time
}

// Topics to be counted now.
func (b *board) Topics() []surgecast.Topic { return b.s.book.all() }

// Heat of a topic.
func (b *board) Heat(topicID int64) float64 { return b.s.Heat(topicID) }

// Put stores finished counts.
func (b *board) Put(ctx context.Context, rows []surgecast.MentionMinute) error {
	for i := range rows {
		rows[i].SourceID = b.source.ID
	}
	if err := b.s.Store.PutMentionsHeld(ctx, b.lease, rows, b.s.Clock().UTC()); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range rows {
		if r.Minute.After(b.newest[r.TopicID]) {
			b.newest[r.TopicID] = r.Minute
		}
		if at := r.Minute.UnixMicro(); at > b.meter.newest {
			b.meter.newest = at
		}
		b.meter.mentions += int64(r.Raw)
	}
	b.meter.alive(len(rows))
	return nil
}

// Newest bucket of a topic.
func (b *board) Newest(topicID int64) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.newest[topicID]
}

// Spend books money.
func (b *board) Spend(ctx context.Context, account, millicents int64) (bool, error) {
	return b.s.Store.Spend(ctx, account, b.source.Slug, millicents, b.s.Clock().UTC())
}

// Dropped counts.
func (b *board) Dropped(reason string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.meter.dropped(reason, n)
}

// Warn keeps the words.
func (b *board) Warn(text string) { b.meter.warn(text) }

func (b *board) counts() meterCounts {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.meter.meterCounts
	c.drops = make(map[string]int64, len(c.drops))
	for k, v := range b.meter.drops {
		c.drops[k] = v
	}
	return c
}

// quietCounter is no limit: a counter may have nothing to ask for.
const quietCounter = 1000 * time.Hour

// counter runs one Counter while the lease lasts, and again whenever it fails.
func (s *Supervisor) counter(ctx context.Context, c Counter, src surgecast.Source, l surgecast.Lease) error {
	newest, err := s.Store.NewestMentions(ctx, src.ID)
	if err != nil {
		return err
	}
	m := newMeter(s.Clock)
	b := &board{s: s, source: src, lease: l, meter: m, newest: newest}
	ill := &trouble{log: s.Logger.With("source", src.Slug), clock: s.Clock, back: "counts can be had again"}
	health := func() surgecast.SourceHealth { return m.health(b.counts(), src, s.Holder) }
	return s.held(ctx, l, health, src.Slug, func(ctx context.Context) error {
		wait := newBackoff(time.Second, 5*time.Minute)
		for first := true; ctx.Err() == nil; first = false {
			if !first {
				m.reconnected()
			}
			m.enter(surgecast.SourceLive, nil)
			began := s.Clock()
			m.life.Store(began.UnixMicro())
			run, cancel := context.WithCancelCause(ctx)
			var watching sync.WaitGroup
			watching.Go(func() { s.watch(run, cancel, func() bool { return false }, m, quietCounter, ill) })
			err := c.Run(run, b)
			cancel(nil)
			watching.Wait()
			if ctx.Err() != nil {
				return nil //nolint:nilerr // it was told to stop
			}
			if s.Clock().Sub(began) >= time.Minute {
				wait.reset()
			}
			d := wait.next()
			m.enter(surgecast.SourceWaiting, err)
			ill.fails("counts cannot be had; asking again by itself", err, d)
			sleep(ctx, d)
		}
		return nil
	})
}
