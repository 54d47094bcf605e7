package engine

import (
	"context"
	"fmt"
	"slices"
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
		e.renewed = time.Time{} // it may have been the leases
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
	if err := e.listen(ctx, now); err != nil {
		return Result{}, err
	}
	if err := e.reload(ctx, now); err != nil {
		return Result{}, err
	}
	if err := e.readPlans(ctx, now); err != nil {
		return Result{}, err
	}
	if err := e.restore(ctx); err != nil {
		return Result{}, err
	}
	e.snapshots.Store(snapshotsAtOnce)
	found, err := e.sweepTopics(ctx, now)
	if err != nil {
		return Result{}, err
	}
	moved := len(found) > 0
	sites, err := e.sweepSites(ctx, now)
	if err != nil {
		return Result{}, err
	}
	found = append(append(found, sites...), e.endings(now)...)
	good := found[:0]
	for _, o := range found {
		if o.err != nil {
			e.putAside(o, now.Add(restFor))
			continue
		}
		good = append(good, o)
	}
	return e.commit(ctx, append(good, e.talkSnapshots(now, moved)...), now)
}

// putAside drops whatever a series had half done: it starts again from what is stored, but not at once.
func (e *Engine) putAside(o outcome, until time.Time) {
	if !e.refused[o.name] {
		e.cfg.Logger.Error("series put aside", "series", o.name, "until", until, "err", o.err)
	}
	e.resting[o.name] = until
	delete(e.tracks, o.track)
	delete(e.talks, o.talk)
}

const (
	// restFor is how long a series that made the arithmetic fail is left alone.
	restFor = 10 * time.Minute
	// refusedFor is how long one is whose rows the database refused: that may be put right at any moment.
	refusedFor = time.Minute
)

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
	talks       []surgecast.TopicForecast
	group       []*talk // whose snapshot this is
	retired     bool    // the track is put away once this is stored
	err         error
}

// sweepSites steps the sites whose traffic has moved on, and looks at those that have fallen silent.
func (e *Engine) sweepSites(ctx context.Context, now time.Time) ([]outcome, error) {
	frontiers, err := e.cfg.Store.TrafficFrontiers(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading how far traffic has come: %w", err)
	}
	ended := now.Add(-time.Minute) // a minute that began later has not ended by this clock
	var news []news
	var jobs []*track
	for id, s := range e.sites {
		f, ok := frontiers[id]
		if !ok {
			continue
		}
		if f.Last.After(ended) {
			f.Last = ended.Truncate(time.Minute)
		}
		f.Last = e.awaited(id, f.Last, now)
		n := newsOf(id, f)
		for _, seg := range judgedSegments(s) {
			if e.retired[trackKey{id, seg}] {
				continue
			}
			t, err := e.trackOf(ctx, s, seg, now)
			if err != nil {
				return nil, err
			}
			if t == nil {
				continue // put aside
			}
			jobs = append(jobs, t)
			start := t.run.Origin.Add(time.Minute)
			if t.run.Origin.IsZero() {
				start = latest(f.First, f.Last.AddDate(0, 0, -e.cfg.HistoryDays))
			}
			if start.Before(n.from) {
				n.from = start
			}
		}
		if !f.Last.Before(n.from) {
			news = append(news, n)
		}
	}
	sort.Slice(news, func(i, j int) bool { return news[i].site < news[j].site })
	sort.Slice(jobs, func(i, j int) bool {
		a, b := jobs[i].key, jobs[j].key
		return a.site < b.site || a.site == b.site && a.segment < b.segment
	})

	var out []outcome
	read := map[int64]bool{}
	for len(news) > 0 {
		part := atOnce(news)
		news = news[len(part):]
		rows, talk, err := e.readSites(ctx, part, now)
		if err != nil {
			return nil, err
		}
		for _, n := range part {
			read[n.site] = true
			e.unretire(rows[n.site], now)
		}
		mine := slices.DeleteFunc(slices.Clone(jobs), func(t *track) bool { return rows[t.key.site] == nil })
		out = append(out, e.advanceAll(mine, now, rows, talk)...)
		for _, n := range part {
			if rows[n.site] == nil { // only incomplete minutes
				read[n.site] = false
			}
		}
	}
	still := slices.DeleteFunc(jobs, func(t *track) bool { return read[t.key.site] })
	return append(out, e.advanceAll(still, now, nil, nil)...), nil
}

// news is a site whose minutes from..last are to be read.
type news struct {
	site       int64
	from, last time.Time
}

// newsOf starts after the frontier: nothing is new until a track says so.
func newsOf(site int64, f surgecast.Frontier) news {
	return news{site, f.Last.Add(time.Minute), f.Last}
}

// minutesAtOnce bounds what one read holds in memory: a fresh install may have weeks of many sites.
const minutesAtOnce = 100_000

func atOnce(all []news) []news {
	n := 0
	for i, x := range all {
		n += int(x.last.Sub(x.from).Minutes()) + 1
		if n >= minutesAtOnce {
			return all[:i+1]
		}
	}
	return all
}

// readSites reads new traffic and what was said of its linked topics. A topic whose minute is not in by then
// is missing to the series for good (awaited).
func (e *Engine) readSites(ctx context.Context, part []news, now time.Time) (map[int64][]surgecast.TrafficMinute, map[int64]map[int64][]float64, error) {
	ids, from, last := make([]int64, len(part)), make([]time.Time, len(part)), make(map[int64]time.Time, len(part))
	for i, n := range part {
		ids[i], from[i], last[n.site] = n.site, n.from, n.last
	}
	all, err := e.cfg.Store.TrafficSince(ctx, ids, from, now)
	if err != nil {
		return nil, nil, fmt.Errorf("reading new traffic: %w", err)
	}
	rows := map[int64][]surgecast.TrafficMinute{}
	for _, r := range all {
		if r.Complete && !r.Minute.Add(time.Minute).After(now) && !r.Minute.After(last[r.SiteID]) {
			rows[r.SiteID] = append(rows[r.SiteID], r)
		}
	}
	talk, err := e.talkOf(ctx, ids, from, now)
	return rows, talk, err
}

func (e *Engine) advanceAll(jobs []*track, now time.Time, rows map[int64][]surgecast.TrafficMinute, talk map[int64]map[int64][]float64) []outcome {
	out := make([]outcome, len(jobs))
	e.parallel(len(jobs), func(i int) {
		out[i] = e.guarded(outcome{name: jobs[i].key.modelName(), track: jobs[i].key, site: true}, func() outcome {
			return e.advance(jobs[i], now, rows[jobs[i].key.site], talk[jobs[i].key.site])
		})
	})
	return out
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
	keep := func(f surgecast.Fed) {
		caughtUp++
		if caughtUp <= ledgerFed {
			fed = append(fed, f)
		}
	}
	for i := range minutes {
		m := &minutes[i]
		if !t.run.Origin.IsZero() && !m.at.After(t.run.Origin) {
			continue // late: what came after it has been forecast from already
		}
		t.skipTo(m.at, talk, e.cfg.Hypothetical, keep)
		keep(t.step(m.at, m, talk[m.at.Unix()], e.cfg.Hypothetical))
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
	t.retire(now, &o)

	s, err := t.remembered()
	if err != nil {
		o.err = err
		return o
	}
	o.states = append(o.states, s)
	t.owed = t.owed || caughtUp > ledgerFed || e.snapshotDue(t)
	if t.owed && e.snapshots.Add(-1) >= 0 {
		if s, ok := t.snapshot(); ok {
			o.states = append(o.states, s)
			t.snapAt, t.owed = t.run.Origin, false
			if s, ok := t.conversions(); ok {
				o.states = append(o.states, s)
			}
		}
	}
	return o
}

// snapshotsAtOnce bounds how many snapshots of sites one sweep makes, 60 MB of them: after a start all sites
// want one. Who has to wait is stored with a later sweep.
const snapshotsAtOnce = 100

// siteSnapshots is how many snapshot intervals a site's model lasts: it takes two thirds of a megabyte, and
// the ledger says what it was fed since.
const siteSnapshots = 6

// snapshotDue spreads the snapshots of many sites over their interval: each has its own minute in it.
func (e *Engine) snapshotDue(t *track) bool {
	if t.snapAt.IsZero() {
		return true
	}
	every := siteSnapshots * e.cfg.SnapshotEvery
	phase := time.Duration(t.key.site) * 61 * time.Second % every
	slot := func(at time.Time) int64 { return int64((time.Duration(at.Unix())*time.Second - phase) / every) }
	return slot(t.run.Origin) > slot(t.snapAt)
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
