package main

import (
	"context"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"surgecast/ingest"
)

// ingest counts what the feeds say until ctx ends. A feed that cannot be reached is tried again and again and
// keeps nothing else waiting.
func (a *app) ingest(ctx context.Context, f *feedFlags) error {
	keys, err := ingest.OpenKeys(filepath.Join(a.g.StateDir, "ingest.key"), a.clock)
	if err != nil {
		return err
	}
	fs, err := f.open(a, keys)
	if err != nil {
		return err
	}
	for _, account := range fs.accounts {
		b := fs.budget
		b.AccountID = account
		if err := a.db.SetBudget(ctx, b, a.clock()); err != nil {
			return err
		}
	}
	hot := &heat{}
	s := ingest.New(ingest.Config{
		Store: a.db.Store, Clock: a.clock, Logger: a.g.log, Registry: a.reg, Holder: a.holder, Streams: fs.streams, Counters: fs.counters, Heat: hot.Of, Past: f.Past,
	})
	g, ctx := errgroup.WithContext(ctx)
	if len(fs.counters) > 0 {
		g.Go(func() error { return hot.Run(ctx, a) })
	}
	g.Go(func() error { return s.Run(ctx) })
	g.Go(func() error {
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			if err := keys.Renew(); err != nil { // yesterday's goes on
				a.g.log.Warn("the key of the hashes was not renewed", "err", err)
			}
		}
	})
	return g.Wait()
}
