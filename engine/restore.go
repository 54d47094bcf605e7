package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"surgecast"
	"surgecast/risk"
)

// restore brings the series of shards that were taken to where the last committed sweep left them: the
// newest snapshot, stepped through what the ledger says was fed since. A damaged or foreign snapshot costs
// that one series what its model had learnt, which it learns again from its stored minutes, and is said in
// the log; its episode and its sequence go on: receivers drop a sequence that steps back.
//
// One shard after the other: all snapshots at once would be most of a gigabyte.
func (e *Engine) restore(ctx context.Context) error {
	for i := range Shards {
		if _, ok := e.leases[i]; !ok || e.loaded[i] {
			continue
		}
		if err := e.restoreShard(ctx, i); err != nil {
			return err
		}
		e.loaded[i] = true
		if err := e.keep(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) restoreShard(ctx context.Context, shard int) error {
	runs, err := e.cfg.Store.StatesOf(ctx, "run", shard, Shards)
	if err != nil {
		return fmt.Errorf("reading what was remembered of sites: %w", err)
	}
	blobs, err := e.cfg.Store.StatesOf(ctx, "site", shard, Shards)
	if err != nil {
		return fmt.Errorf("reading snapshots of sites: %w", err)
	}
	models := make(map[string]surgecast.ModelState, len(blobs))
	for _, b := range blobs {
		models[b.Series] = b
	}
	open, err := e.openSurges(ctx)
	if err != nil {
		return err
	}
	type job struct {
		key trackKey
		run surgecast.ModelState
	}
	var jobs []job
	for _, r := range runs {
		key, ok := parseTrackKey(strings.TrimPrefix(r.Series, "run:"))
		if s, mine := e.sites[key.site]; ok && mine && judged(s, key.segment) {
			jobs = append(jobs, job{key, r})
		}
	}
	tracks, errs := make([]*track, len(jobs)), make([]error, len(jobs))
	e.parallel(len(jobs), func(i int) {
		k := jobs[i].key
		tracks[i], errs[i] = e.restoreTrack(ctx, e.sites[k.site], k.segment, jobs[i].run, models[k.modelName()], open)
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, t := range tracks {
		if t.run.Retired {
			e.retired[t.key] = true
			continue
		}
		e.tracks[jobs[i].key] = t
	}
	return e.restoreTopics(ctx, shard)
}

// trackOf is a site's series: the one in memory, one that was put aside as it is stored, or a new one. Nil
// while it is put aside.
func (e *Engine) trackOf(ctx context.Context, site surgecast.Site, segment string, now time.Time) (*track, error) {
	k := trackKey{site.ID, segment}
	if t := e.tracks[k]; t != nil {
		return t, nil
	}
	until, aside := e.resting[k.modelName()]
	if aside && until.After(now) {
		return nil, nil
	}
	delete(e.resting, k.modelName())
	var t *track
	if aside {
		run, err := e.state(ctx, k.runningName())
		if err != nil {
			return nil, err
		}
		snap, err := e.state(ctx, k.modelName())
		if err != nil {
			return nil, err
		}
		if run.Series != "" {
			open, err := e.openSurges(ctx)
			if err != nil {
				return nil, err
			}
			if t, err = e.restoreTrack(ctx, site, segment, run, snap, open); err != nil {
				return nil, err
			}
			t.run.Retired = false
		}
	}
	if t == nil {
		drawn, err := e.priors(ctx, site, segment)
		if err != nil {
			return nil, err
		}
		t = e.newTrackOf(site, segment, drawn)
	}
	e.tracks[k] = t
	return t, nil
}

func (e *Engine) newTrackOf(site surgecast.Site, segment string, priors []prior) *track {
	t := newTrack(site, segment, len(e.links[site.ID]) > 0, priors)
	t.plans.read(e.plans[site.ID])
	return t
}

// state is one stored state, empty when there is none.
func (e *Engine) state(ctx context.Context, series string) (surgecast.ModelState, error) {
	found, err := e.cfg.Store.States(ctx, series)
	if err != nil {
		return surgecast.ModelState{}, fmt.Errorf("reading the state of %s: %w", series, err)
	}
	for _, s := range found {
		if s.Series == series {
			return s, nil
		}
	}
	return surgecast.ModelState{}, nil
}

// openSurges is the ids of the episodes that have not ended.
func (e *Engine) openSurges(ctx context.Context) (map[string]bool, error) {
	surges, err := e.cfg.Store.OpenSurges(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the open surges: %w", err)
	}
	open := make(map[string]bool, len(surges))
	for _, s := range surges {
		open[s.ID] = true
	}
	return open, nil
}

// restoreTrack makes a track from what is stored of it; open are the episodes it may go on with. Only a failure of the
// database is an error.
func (e *Engine) restoreTrack(ctx context.Context, site surgecast.Site, segment string, run, snap surgecast.ModelState, open map[string]bool) (*track, error) {
	var remembered running
	err := readRunning(run.Blob, &remembered)
	if err != nil {
		remembered.Priors = nil
	}
	t := e.newTrackOf(site, segment, remembered.Priors)
	if err != nil {
		e.cfg.Logger.Warn("what was remembered of a site is not readable; it goes on from its ledger and its stored minutes",
			"series", t.key.runningName(), "err", err)
		return e.fromLedger(ctx, t, run.Origin)
	}
	if remembered.Errors == nil {
		remembered.Errors = map[string]errorShare{}
	}
	remembered.Judge.endClosed(open)
	t.run = remembered
	damaged, err := e.restoreModel(ctx, t, snap)
	if err != nil {
		return nil, err
	}
	if damaged != nil {
		e.cfg.Logger.Warn("snapshot not usable; this series starts again from its stored minutes", "series", t.key.modelName(), "err", damaged)
		return e.remodelled(ctx, t)
	}
	return t, nil
}

// restoreModel brings a track's model to where the track is. damaged says why its snapshot is of no use.
func (e *Engine) restoreModel(ctx context.Context, t *track, snap surgecast.ModelState) (damaged, err error) {
	if snap.Series == "" {
		return errors.New("no snapshot of the model"), nil
	}
	blob, err := unpack(snap.Blob)
	if err == nil {
		err = t.series.UnmarshalBinary(blob)
	}
	if err != nil {
		return fmt.Errorf("decoding the model: %w", err), nil
	}
	remembered := t.run
	if snap.Origin.After(remembered.Origin) {
		return fmt.Errorf("snapshot of %s is newer than what was remembered at %s", snap.Origin, remembered.Origin), nil
	}
	if snap.Origin.Before(remembered.Origin) {
		rows, err := e.cfg.Store.FedRows(ctx, t.key.site, t.key.segment, snap.Origin, remembered.Origin.Add(time.Microsecond))
		if err != nil {
			return nil, fmt.Errorf("reading the ledger since %s: %w", snap.Origin, err)
		}
		t.run = running{}
		damp := false
		for i := range rows {
			for _, f := range rows[i].Fed {
				if f.Minute.After(snap.Origin) && f.Minute.After(t.run.Origin) {
					t.apply(f, damp)
				}
			}
			damp = busyState(rows[i].State)
		}
		reached := t.run.Origin
		t.run = remembered
		if !reached.Equal(remembered.Origin) {
			return fmt.Errorf("the ledger ends at %s, expected %s", reached, remembered.Origin), nil
		}
	}
	t.snapAt = snap.Origin
	return nil, nil
}

// remodelled is the same track with a model that has learnt anew from the stored minutes up to where the
// track is. What it knows of alerts then is lost: those minutes are learnt from in full.
func (e *Engine) remodelled(ctx context.Context, t *track) (*track, error) {
	drawn := t.run.Priors
	if t.series.Classes() == 0 { // it begins to listen: only now there is anything to draw
		var err error
		if drawn, err = e.priors(ctx, t.site, t.key.segment); err != nil {
			return nil, err
		}
	}
	fresh := e.newTrackOf(t.site, t.key.segment, drawn)
	if err := e.relearn(ctx, fresh, t.run.Origin); err != nil {
		return nil, err
	}
	told := fresh.run.Plan
	fresh.run = t.run
	fresh.run.Priors = drawn
	if !slices.EqualFunc(told, t.run.Plan, sameTold) {
		fresh.tell(t.run.Plan)
	}
	return fresh, nil
}

// relearn steps a new track through its stored minutes up to and including until.
func (e *Engine) relearn(ctx context.Context, t *track, until time.Time) error {
	if until.IsZero() {
		return nil
	}
	from := until.AddDate(0, 0, -e.cfg.HistoryDays)
	rows, talk, err := e.readSites(ctx, []news{{t.key.site, from, until}}, until.Add(time.Minute))
	if err != nil {
		return fmt.Errorf("learning %s again: %w", t.key.modelName(), err)
	}
	said := talk[t.key.site]
	for _, m := range gather(rows[t.key.site]) {
		t.skipTo(m.at, said, e.cfg.Hypothetical, nil)
		t.step(m.at, &m, said[m.at.Unix()], e.cfg.Hypothetical)
	}
	t.skipTo(until.Add(time.Minute), said, e.cfg.Hypothetical, nil)
	t.run.Origin = until // also when nothing is stored any more
	return nil
}

// fromLedger makes a track from the newest row of its ledger, for a track whose own memory is lost: the
// last recommendation with its sequence, the verdict, the episodes still open.
func (e *Engine) fromLedger(ctx context.Context, t *track, origin time.Time) (*track, error) {
	rows, err := e.cfg.Store.Forecasts(ctx, t.key.site, t.key.segment, origin, origin.Add(time.Microsecond))
	if err != nil {
		return nil, fmt.Errorf("reading the ledger at %s: %w", origin, err)
	}
	open, err := e.cfg.Store.OpenSurges(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the open surges: %w", err)
	}
	if err := e.relearn(ctx, t, origin); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return t, nil
	}
	f := rows[0]
	j := judge{State: f.State, Passed: passedBefore(f), Fail: map[string]risk.Machine{}, FailSurge: map[string]*surgecast.Surge{}}
	j.Load = risk.Machine{At: origin, Since: origin, State: surgecast.StateCalm}
	if f.State == surgecast.StateCannotTell || f.State == surgecast.StateLearning {
		j.Load.State = f.State
	}
	for _, s := range open {
		if s.SiteID != t.key.site {
			continue
		}
		m := resumedMachine(s, origin)
		switch {
		case s.Kind == surgecast.SurgeOverload && s.Segment == t.key.segment:
			j.Load, j.LoadSurge = m, &s
		case s.Kind == surgecast.SurgeFailing && t.key.segment == surgecast.TotalSegment:
			j.Fail[s.Segment], j.FailSurge[s.Segment] = m, &s
		}
	}
	t.run.Judge = j
	t.run.Units = f.Units
	t.run.Verdict = &f.Verdict
	if len(f.QuantilesRPM) > 0 {
		t.run.Lead1 = f.QuantilesRPM[0]
	}
	if rec := f.Recommendation; rec.Sequence > 0 {
		if math.IsNaN(rec.DemandRPM) {
			rec.DemandRPM = 0
		}
		t.run.Last = &rec
	}
	return t, nil
}

// resumedMachine stands for the machine of an episode of which only the stored surge is left.
func resumedMachine(s surgecast.Surge, at time.Time) risk.Machine {
	return risk.Machine{
		Kind: s.Kind, State: s.State, At: at, Since: at, Open: true,
		OpenedAt: s.OpenedAt, AlertAt: s.AlertAt, Peak: s.Peak, PeakAt: s.PeakAt,
	}
}

func parseTrackKey(s string) (trackKey, bool) {
	id, seg, ok := strings.Cut(s, ":")
	if !ok {
		return trackKey{}, false
	}
	n, err := strconv.ParseInt(id, 10, 64)
	return trackKey{n, seg}, err == nil
}

// passedBefore is the act-by a ledger row says has passed.
func passedBefore(f surgecast.SiteForecast) time.Time {
	if f.LateBySeconds > 0 {
		return f.ActBy
	}
	return time.Time{}
}
