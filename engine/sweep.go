package engine

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"

	"surgecast"
)

// Sweep steps every series through what has become known by now, judges, and commits what was found in
// one transaction. It is safe to repeat: a second sweep at the same time finds nothing to do.
func (e *Engine) Sweep(ctx context.Context, now time.Time) (Result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	res, err := e.sweep(ctx, now)
	if err != nil {
		e.forget()
		return Result{}, err
	}
	if e.cfg.Published != nil && (len(res.Forecasts) > 0 || len(res.Transitions) > 0) {
		e.cfg.Published(res)
	}
	return res, nil
}

func (e *Engine) sweep(ctx context.Context, now time.Time) (Result, error) {
	if err := e.lease(ctx); err != nil {
		return Result{}, err
	}
	if err := e.reload(ctx, now); err != nil {
		return Result{}, err
	}
	if !e.loaded {
		if err := e.restore(ctx); err != nil {
			return Result{}, err
		}
		e.loaded = true
	}
	found, err := e.sweepTopics(ctx, now)
	if err != nil {
		return Result{}, err
	}
	sites, err := e.sweepSites(ctx, now)
	if err != nil {
		return Result{}, err
	}
	found = append(found, sites...)

	sw := surgecast.Sweep{Leases: e.held(), At: now}
	res := Result{At: now}
	for _, o := range found {
		if o.err != nil {
			// Whatever it had half done is dropped: it starts again from what is stored, but not at once.
			e.cfg.Logger.Error("series put aside", "series", o.name, "for", restFor, "err", o.err)
			e.resting[o.name] = now.Add(restFor)
			delete(e.tracks, o.track)
			delete(e.talks, o.talk)
			continue
		}
		if o.forecast != nil {
			sw.Forecasts = append(sw.Forecasts, *o.forecast)
		}
		sw.Surges = append(sw.Surges, o.surges...)
		sw.Transitions = append(sw.Transitions, o.transitions...)
		sw.Messages = append(sw.Messages, o.messages...)
		sw.States = append(sw.States, o.states...)
		if o.moved {
			if o.site {
				res.Sites++
			} else {
				res.Topics++
			}
		}
	}
	if len(sw.Forecasts)+len(sw.Surges)+len(sw.Transitions)+len(sw.Messages)+len(sw.States) == 0 {
		return res, nil
	}
	if err := e.cfg.Store.SaveSweep(ctx, sw); err != nil {
		return Result{}, fmt.Errorf("committing the sweep of %s: %w", now.Format(time.RFC3339), err)
	}
	res.Forecasts, res.Surges, res.Transitions, res.Messages = sw.Forecasts, sw.Surges, sw.Transitions, len(sw.Messages)
	return res, nil
}

// restFor is how long a series that made the arithmetic fail is left alone.
const restFor = 10 * time.Minute

// outcome is what one series contributes to a sweep.
type outcome struct {
	name        string
	track       trackKey
	talk        talkKey
	site        bool
	moved       bool
	forecast    *surgecast.SiteForecast
	surges      []surgecast.Surge
	transitions []surgecast.SurgeTransition
	messages    []surgecast.Message
	states      []surgecast.ModelState
	err         error
}

// sweepSites steps the sites whose traffic has moved on, and looks at those that have fallen silent.
func (e *Engine) sweepSites(ctx context.Context, now time.Time) ([]outcome, error) {
	frontiers, err := e.cfg.Store.TrafficFrontiers(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading how far traffic has come: %w", err)
	}
	var ids []int64
	var from []time.Time
	for id, s := range e.sites {
		f, ok := frontiers[id]
		if !ok {
			continue
		}
		for _, seg := range judgedSegments(s) {
			if k := (trackKey{id, seg}); e.tracks[k] == nil && !e.resting[k.modelName()].After(now) {
				e.tracks[k] = newTrack(s, seg, len(e.links[id]) > 0)
			}
		}
		t := e.tracks[trackKey{id, surgecast.TotalSegment}]
		if t == nil {
			continue
		}
		start := t.run.Origin.Add(time.Minute)
		if t.run.Origin.IsZero() {
			start = f.First
			if h := f.Last.AddDate(0, 0, -e.cfg.HistoryDays); start.Before(h) {
				start = h
			}
		}
		if f.Last.Before(start) || f.Last.Add(time.Minute).After(now) && !f.Last.Add(time.Minute).Equal(now) {
			continue // nothing new, or the newest minute has not ended by this clock
		}
		ids, from = append(ids, id), append(from, start)
	}
	sort.Sort(byID{ids, from})

	rows := map[int64][]surgecast.TrafficMinute{}
	if len(ids) > 0 {
		all, err := e.cfg.Store.TrafficSince(ctx, ids, from, now)
		if err != nil {
			return nil, fmt.Errorf("reading new traffic: %w", err)
		}
		for _, r := range all {
			if !r.Minute.Add(time.Minute).After(now) {
				rows[r.SiteID] = append(rows[r.SiteID], r)
			}
		}
	}

	var jobs []*track
	for k, t := range e.tracks {
		if _, ok := e.sites[k.site]; ok {
			jobs = append(jobs, t)
		}
	}
	sort.Slice(jobs, func(i, j int) bool {
		a, b := jobs[i].key, jobs[j].key
		return a.site < b.site || a.site == b.site && a.segment < b.segment
	})
	// A topic whose minute is not in yet is not waited for: the series goes on without it.
	talk := map[int64]map[int64][]float64{}
	for i, id := range ids {
		if len(e.links[id]) > 0 && len(rows[id]) > 0 {
			if talk[id], err = e.talkOf(ctx, id, from[i], now); err != nil {
				return nil, err
			}
		}
	}
	out := make([]outcome, len(jobs))
	e.parallel(len(jobs), func(i int) {
		out[i] = e.guarded(outcome{name: jobs[i].key.modelName(), track: jobs[i].key, site: true}, func() outcome {
			return e.advance(jobs[i], now, rows[jobs[i].key.site], talk[jobs[i].key.site])
		})
	})
	return out, nil
}

// judgedSegments are the series a site has: the total, and each segment with a capacity of its own.
func judgedSegments(s surgecast.Site) []string {
	segs := []string{surgecast.TotalSegment}
	for _, g := range s.Segments {
		if g.CapacityRPM > 0 && g.Name != surgecast.TotalSegment {
			segs = append(segs, g.Name)
		}
	}
	return segs
}

// ledgerFed bounds how many fed minutes a ledger row carries; after a longer catch-up a snapshot is
// stored with the row instead.
const ledgerFed = 60

// advance steps one track through new rows and, if it moved, forecasts and judges at its new origin.
func (e *Engine) advance(t *track, now time.Time, rows []surgecast.TrafficMinute, talk map[int64][]float64) outcome {
	o := outcome{name: t.key.modelName(), track: t.key, site: true}
	minutes := gather(rows)
	var fed []surgecast.Fed
	caughtUp := 0
	for i := range minutes {
		m := &minutes[i]
		if !t.run.Origin.IsZero() && !m.at.After(t.run.Origin) {
			continue
		}
		if !t.run.Origin.IsZero() {
			for at := t.run.Origin.Add(time.Minute); at.Before(m.at); at = at.Add(time.Minute) {
				fed = append(fed, t.step(at, nil, talk[at.Unix()], e.cfg.Hypothetical))
				caughtUp++
			}
		}
		fed = append(fed, t.step(m.at, m, talk[m.at.Unix()], e.cfg.Hypothetical))
		caughtUp++
		if len(fed) > ledgerFed {
			fed = fed[:0]
		}
	}
	if caughtUp == 0 {
		e.silence(t, now, &o)
		return o
	}
	o.moved = true
	if caughtUp > ledgerFed {
		fed = nil
	}
	e.judge(t, now, fed, &o)

	s, err := t.remembered()
	if err != nil {
		o.err = err
		return o
	}
	o.states = append(o.states, s)
	if caughtUp > ledgerFed || t.snapAt.IsZero() || t.run.Origin.Sub(t.snapAt) >= e.cfg.SnapshotEvery {
		if s, ok := t.snapshot(); ok {
			o.states = append(o.states, s)
			t.snapAt = t.run.Origin
		}
	}
	return o
}

// parallel runs f(0..n-1) on the engine's workers and waits.
func (e *Engine) parallel(n int, f func(i int)) {
	if n <= 1 || e.cfg.Workers == 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(e.cfg.Workers, n) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// guarded keeps one bad series from stopping the sweep (gonum panics on impossible dimensions).
func (e *Engine) guarded(failed outcome, f func() outcome) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = failed
			o.err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

type byID struct {
	ids  []int64
	from []time.Time
}

func (b byID) Len() int           { return len(b.ids) }
func (b byID) Less(i, j int) bool { return b.ids[i] < b.ids[j] }
func (b byID) Swap(i, j int) {
	b.ids[i], b.ids[j] = b.ids[j], b.ids[i]
	b.from[i], b.from[j] = b.from[j], b.from[i]
}
