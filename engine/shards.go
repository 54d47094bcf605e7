package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"surgecast"
)

// The engines of one database share the shards. Each says that it is there by a lease of its own; of the
// shards' leases it takes what is free up to its fair share, 64 by the number of engines rounded up, and
// hands back what it holds beyond it. A killed engine's leases run out after LeaseTTL, its sign of life
// among them: the others' share rises, and they take its shards.
const (
	shardLeases = "engine/"
	aliveLeases = "engine-alive/"
)

// lease renews what is held, and takes or hands back what makes this engine's share. Losing a lease means
// another process has taken over some series: what was computed of them is forgotten.
func (e *Engine) lease(ctx context.Context) error {
	if e.cfg.Wall().Sub(e.renewed) < e.cfg.LeaseTTL*3/10 {
		return nil
	}
	if err := e.renew(ctx); err != nil {
		return err
	}
	share, err := e.share(ctx)
	if err != nil {
		return err
	}
	if surplus := len(e.leases) - share; surplus > 0 {
		var back []int
		for k := 0; k < Shards && len(back) < surplus; k++ {
			i := k * 37 % Shards // some of each end: ids are given in order
			if _, ok := e.leases[i]; ok {
				back = append(back, i)
			}
		}
		if err := e.handBack(ctx, back); err != nil {
			return err
		}
	}
	took := 0
	for i := range Shards {
		if len(e.leases) >= share {
			break
		}
		if _, ok := e.leases[i]; ok {
			continue
		}
		l, ok, err := e.cfg.Store.AcquireLease(ctx, fmt.Sprintf(shardLeases+"%02d", i), e.cfg.Holder, e.cfg.LeaseTTL)
		if err != nil {
			return fmt.Errorf("taking lease of shard %d: %w", i, err)
		}
		if ok {
			e.leases[i] = l
			took++
		}
	}
	if took > 0 { // sites, topics and counts of the new shards
		e.reloaded, e.topicsMark, e.heardMark = time.Time{}, "", ""
		if took < Shards {
			e.cfg.Logger.Info("shards taken", "shards", took, "held", len(e.leases))
		}
	}
	return nil
}

// renew puts off the end of what is held and forgets the shards that were lost.
func (e *Engine) renew(ctx context.Context) error {
	if len(e.leases) > 0 {
		lost, err := e.cfg.Store.RenewLeases(ctx, e.held(), e.cfg.LeaseTTL)
		if err != nil {
			return fmt.Errorf("renewing leases: %w", err)
		}
		if len(lost) > 0 {
			e.cfg.Logger.Warn("leases lost to another process", "shards", len(lost))
			for i, l := range e.leases {
				for _, g := range lost {
					if l.Name == g.Name {
						e.drop(i)
					}
				}
			}
		}
	}
	e.renewed = e.cfg.Wall()
	return nil
}

// keep renews the leases in the middle of a long sweep; a lost one ends it.
func (e *Engine) keep(ctx context.Context) error {
	if e.cfg.Wall().Sub(e.renewed) < e.cfg.LeaseTTL*3/10 {
		return nil
	}
	n := len(e.leases)
	if err := e.renew(ctx); err != nil {
		return err
	}
	if len(e.leases) < n {
		return fmt.Errorf("sweeping: %w", surgecast.ErrStaleLease)
	}
	return nil
}

// share is how many shards this engine ought to hold.
func (e *Engine) share(ctx context.Context) (int, error) {
	l, ok, err := e.cfg.Store.AcquireLease(ctx, aliveLeases+e.cfg.Holder, e.cfg.Holder, e.cfg.LeaseTTL)
	if err != nil {
		return 0, fmt.Errorf("saying that this engine is there: %w", err)
	}
	if ok {
		e.alive = l
	}
	n, err := e.cfg.Store.LiveLeases(ctx, aliveLeases)
	if err != nil {
		return 0, fmt.Errorf("counting the engines: %w", err)
	}
	n = max(n, 1)
	return (Shards + n - 1) / n, nil
}

// handBytes bounds the snapshots held at once while shards are handed back.
const handBytes = 32 << 20

// handBack stores the series of shards and gives their leases back, so that who takes them goes on at once.
func (e *Engine) handBack(ctx context.Context, shards []int) error {
	if len(shards) == 0 {
		return nil
	}
	sw := surgecast.Sweep{At: e.cfg.Clock()}
	of := map[int]bool{}
	for _, i := range shards {
		of[i] = true
		sw.Leases = append(sw.Leases, e.leases[i])
	}
	var err error
	size := 0
	put := func(s surgecast.ModelState, last bool) {
		if s.Series != "" {
			sw.States, size = append(sw.States, s), size+len(s.Blob)
		}
		if err == nil && len(sw.States) > 0 && (last || size > handBytes) {
			if err = e.cfg.Store.SaveSweep(ctx, sw); err != nil {
				err = fmt.Errorf("storing the last snapshots: %w", err)
			}
			sw.States, size = nil, 0
		}
	}
	for k, t := range e.tracks {
		if !of[shardOf(k.site)] {
			continue
		}
		if s, ok := t.snapshot(); ok {
			put(s, false)
		}
	}
	groups := map[talkGroup][]*talk{}
	for _, t := range e.talks {
		if g := groupOf(t.id); of[g.shard] {
			groups[g] = append(groups[g], t)
		}
	}
	for _, o := range e.packed(groups) {
		for _, s := range o.states {
			put(s, false)
		}
	}
	put(surgecast.ModelState{}, true)
	err = errors.Join(err, e.cfg.Store.ReleaseLeases(ctx, sw.Leases))
	for _, i := range shards {
		e.drop(i)
	}
	return err
}

// drop forgets a shard and what was computed of it.
func (e *Engine) drop(shard int) {
	delete(e.leases, shard)
	delete(e.loaded, shard)
	for k := range e.tracks {
		if shardOf(k.site) == shard {
			delete(e.tracks, k)
		}
	}
	for k := range e.retired {
		if shardOf(k.site) == shard {
			delete(e.retired, k)
		}
	}
	for k := range e.talks {
		if shardOf(int64(k)) == shard {
			delete(e.talks, k)
		}
	}
	for id := range e.sites {
		if shardOf(id) == shard {
			delete(e.sites, id)
		}
	}
	for id := range e.topics {
		if shardOf(id) == shard {
			delete(e.topics, id)
		}
	}
}
