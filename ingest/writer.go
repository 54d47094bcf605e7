package ingest

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"surgecast"
)

// writer owns the cursor of one stream. It writes a batch about once a second, and the same batch again
// until the database has taken it: whether a transaction whose answer was lost has happened is told by the
// cursor, which no two batches leave in the same place.
type writer struct {
	store   Store
	lease   surgecast.Lease
	tally   *tally
	at      string   // the cursor as stored
	pos     position // the same, read
	log     *slog.Logger
	seconds prometheus.Observer
}

// finish is how long the last batch may take after the feed has stopped.
const finish = 5 * time.Second

// run writes until ctx ends, and then what is left. It returns an error when the source is lost to another
// process. ending says that the process is about to stop: then a database that does not answer is not
// waited for.
func (w *writer) run(ctx context.Context, ending func() bool) error {
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), finish)
			defer cancel()
			return w.write(last, func() bool { return last.Err() != nil })
		case <-tick.C:
		case <-w.tally.kick:
		}
		if err := w.write(ctx, ending); err != nil {
			return err
		}
	}
}

// write writes one batch; on errors other than a lost source it keeps trying until giveUp.
func (w *writer) write(ctx context.Context, giveUp func() bool) error {
	b := w.tally.collect(w.pos)
	next, err := b.next.encode()
	if err != nil {
		return err
	}
	wait := newBackoff(100*time.Millisecond, 2*time.Second)
	// The batch is tried to the end although ctx may end in between: a feed that stops leaves it to be written.
	ctx = context.WithoutCancel(ctx)
	failing := false
	for {
		began := w.tally.clock()
		err := w.once(ctx, &b, next)
		switch {
		case err == nil:
			w.seconds.Observe(w.tally.clock().Sub(began).Seconds())
			if failing {
				w.log.Info("the database takes counts again")
				w.tally.meter.warn("")
			}
			return nil
		case errors.Is(err, surgecast.ErrStaleLease), errors.Is(err, errLost):
			return errLost
		case giveUp():
			return err
		}
		if !failing {
			failing = true
			w.log.Warn("counts cannot be written; they are kept and tried again", "err", err)
		}
		sleep(ctx, wait.next())
	}
}

// once is one attempt. What has been done is taken out of the batch.
func (w *writer) once(ctx context.Context, b *batch, next string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	now := w.tally.clock().UTC()
	// Gaps first: a cursor beyond a gap nobody noted would make silence of it.
	for len(b.gaps) > 0 {
		if err := w.store.RecordGap(ctx, w.lease, b.gaps[0]); err != nil {
			return err
		}
		b.gaps = b.gaps[1:]
	}
	if b.moved {
		c := surgecast.StreamCounts{SourceID: w.tally.source.ID, From: w.at, To: next, Rows: b.rows, Begun: b.begun, Counted: b.counted, Newest: time.UnixMicro(b.countedNewest).UTC()}
		if b.keep > 0 {
			c.Keep = time.UnixMicro(b.keep).UTC()
		}
		err := w.store.CommitStream(ctx, w.lease, c, now)
		if errors.Is(err, surgecast.ErrConflict) {
			// Either an earlier attempt did happen, or somebody else moved it.
			at, e := w.store.Cursor(ctx, w.tally.source.ID)
			switch {
			case e != nil:
				return e
			case at != next:
				return errLost
			}
			err = nil
		}
		if err != nil {
			return err
		}
		w.at, w.pos, b.moved = next, b.next, false
		w.tally.stored(b.begun)
	}
	if b.piece != nil { // after what was counted in passing: it replaces that
		if err := w.store.AddPastRead(ctx, w.lease, b.piece.read, now); err != nil {
			return err
		}
		close(b.piece.stored)
		b.piece = nil
	}
	for b.from.Before(b.to) {
		end := b.from.Add(time.Minute)
		for end.Before(b.to) && b.deaf[end] == b.deaf[b.from] {
			end = end.Add(time.Minute)
		}
		if err := w.store.CloseSourceMinutes(ctx, w.lease, w.tally.source.ID, b.from, end, !b.deaf[b.from], now); err != nil {
			return err
		}
		b.from = end
	}
	return nil
}
