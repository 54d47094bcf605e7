package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"surgecast"
	"surgecast/risk"
)

// WhatIf answers what a site's forecast would be if events were planned, without planning them. It restores
// the site's newest stored state into a model of its own, forecasts from there twice, without and with the
// events, and forgets both: the engine's live model is never touched, and the answer is the one the engine
// would give had it been told after the same minute. ErrNotFound: nothing was forecast for the site yet.
func WhatIf(c Config) func(context.Context, surgecast.WhatIf) (surgecast.WhatIfAnswer, error) {
	return func(ctx context.Context, q surgecast.WhatIf) (surgecast.WhatIfAnswer, error) {
		a, err := whatIf(ctx, New(c), q)
		if err != nil {
			return a, fmt.Errorf("what if %d events were planned for %s: %w", len(q.Events), q.Site.Slug, err)
		}
		return a, nil
	}
}

func whatIf(ctx context.Context, e *Engine, q surgecast.WhatIf) (a surgecast.WhatIfAnswer, err error) {
	defer func() { // as guarded: arithmetic that fails must not take the process with it
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if err := e.circumstances(ctx, q.Site); err != nil {
		return a, err
	}
	t, err := e.copyOf(ctx, q.Site)
	if err != nil {
		return a, err
	}
	a.Known = slices.Clone(t.run.Plan)
	before, err := json.Marshal(t.run)
	if err != nil {
		return a, fmt.Errorf("encoding the state of %s: %w", t.key.runningName(), err)
	}
	judged := func() surgecast.SiteForecast {
		var o outcome
		e.judge(t, q.At, nil, &o) // its messages are told to nobody
		f := *o.forecast
		t.ofLoad(&f, q.At)
		return f
	}
	a.Base = judged()

	t.run = running{}
	if err := json.Unmarshal(before, &t.run); err != nil {
		return a, fmt.Errorf("decoding the state of %s: %w", t.key.runningName(), err)
	}
	plan := slices.Clone(t.run.Plan)
	for _, n := range q.Events {
		plan = slices.DeleteFunc(plan, func(p surgecast.Told) bool { return n.ID != "" && p.EventID == n.ID }) // as it would be changed
		a.Asked = append(a.Asked, t.toldOf(surgecast.EventRevision{
			EventID: n.ID, SiteID: q.Site.ID, Kind: n.Kind, Name: n.Name, StartsAt: n.StartsAt, EndsAt: n.EndsAt, Reach: n.ExpectedReach,
		}))
	}
	plan = append(plan, a.Asked...)
	slices.SortFunc(plan, func(a, b surgecast.Told) int {
		return cmp.Or(a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.EventID, b.EventID))
	})
	t.tell(plan)
	a.With = judged()
	return a, nil
}

// ofLoad turns a verdict to what is asked: what comes, and whether it can be served. A plan changes nothing about what
// fails, so that is said beside it.
func (t *track) ofLoad(f *surgecast.SiteForecast, now time.Time) {
	was, fails := f.State, f.Verdict.Headline
	f.State = planned(t.run.Judge.Load.State, f)
	if f.State == was {
		return
	}
	facts := t.facts(f, now)
	facts.Previous = nil // it spoke of something else
	risk.Conclude(facts)
	if was == surgecast.StateFailing {
		f.Verdict.Caveats = append(f.Verdict.Caveats, fails+" That counts for everyone who comes, and more units will not mend it.")
	}
}

// planned is the state a plan is spoken of in: a recovery speaks of what is over, for the few minutes it still lasts, so
// what comes after it is spoken of as it will be then.
func planned(load surgecast.State, f *surgecast.SiteForecast) surgecast.State {
	if load == surgecast.StateRecovery && risk.At(f.HorizonMinutes, f.Risk, risk.RankingMinutes) >= risk.WatchProbability {
		return surgecast.StateWatch
	}
	return load
}

// circumstances reads what a site's recommendation depends on besides its model.
func (e *Engine) circumstances(ctx context.Context, site surgecast.Site) error {
	e.sites = map[int64]surgecast.Site{site.ID: site}
	links, err := e.cfg.Store.SiteTopics(ctx)
	if err != nil {
		return fmt.Errorf("reading which topics feed it: %w", err)
	}
	e.links = map[int64][]surgecast.SiteTopic{}
	for _, l := range links {
		if l.SiteID == site.ID {
			e.links[site.ID] = append(e.links[site.ID], l)
		}
	}
	overrides, err := e.cfg.Store.Overrides(ctx)
	if err != nil {
		return fmt.Errorf("reading overrides: %w", err)
	}
	e.overrides = map[int64]surgecast.Override{}
	for _, o := range overrides {
		e.overrides[o.SiteID] = o
	}
	frozen, err := e.cfg.Store.Frozen(ctx, site.AccountID)
	if err != nil {
		return fmt.Errorf("reading freeze of account %d: %w", site.AccountID, err)
	}
	e.frozen = map[int64]bool{site.AccountID: frozen}
	return nil
}

// copyOf restores a site's total from what is stored. The snapshot is read before what is remembered beside
// it: an engine that commits in between then only makes the way from one to the other longer.
func (e *Engine) copyOf(ctx context.Context, site surgecast.Site) (*track, error) {
	k := trackKey{site.ID, surgecast.TotalSegment}
	snap, err := e.state(ctx, k.modelName())
	if err != nil {
		return nil, err
	}
	run, err := e.state(ctx, k.runningName())
	if err != nil {
		return nil, err
	}
	if snap.Series == "" || run.Series == "" {
		return nil, fmt.Errorf("the state of %s: %w", k.modelName(), surgecast.ErrNotFound)
	}
	var remembered running
	if err := readRunning(run.Blob, &remembered); err != nil {
		return nil, errors.Join(fmt.Errorf("decoding %s: %w", k.runningName(), surgecast.ErrNotFound), err)
	}
	t := e.newTrackOf(site, surgecast.TotalSegment, remembered.Priors)
	t.run = remembered
	if t.run.Errors == nil {
		t.run.Errors = map[string]errorShare{}
	}
	damaged, err := e.restoreModel(ctx, t, snap)
	if err != nil {
		return nil, err
	}
	if damaged != nil { // the engine learns it anew; until it has, nothing can be said
		return nil, errors.Join(fmt.Errorf("restoring %s: %w", k.modelName(), surgecast.ErrNotFound), damaged)
	}
	return t, nil
}
