package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"surgecast"
)

// commit stores what series contribute to a sweep in one transaction. When the database refuses it, for
// something that one of them brings, the series are stored by halves until the one is found: it is put
// aside and said once, the others go on. Everything of one series stays in one transaction (promise 3).
func (e *Engine) commit(ctx context.Context, found []outcome, now time.Time) (Result, error) {
	res := Result{At: now}
	err := e.store(ctx, found, now, &res)
	if !refused(err) {
		return res, err
	}
	// A snapshot of topics holds what the refused one had come to: it is made again at the next sweep.
	series := found[:0]
	for _, o := range found {
		if o.group == nil {
			series = append(series, o)
			continue
		}
		for _, t := range o.group {
			t.far = true
		}
	}
	if len(series) == 0 {
		return res, err
	}
	err = e.isolate(ctx, series, now, &res)
	return res, err
}

// refused reports whether the same rows would be refused again.
func refused(err error) bool {
	return errors.Is(err, surgecast.ErrRefused) || errors.Is(err, surgecast.ErrConflict)
}

func (e *Engine) isolate(ctx context.Context, found []outcome, now time.Time, res *Result) error {
	if err := e.keep(ctx); err != nil {
		return err
	}
	err := e.store(ctx, found, now, res)
	switch {
	case !refused(err):
		return err
	case len(found) == 1:
		o := found[0]
		o.err = err
		e.putAside(o, now.Add(refusedFor))
		e.refused[o.name] = true
		return nil
	}
	half := len(found) / 2
	if err := e.isolate(ctx, found[:half], now, res); err != nil {
		return err
	}
	return e.isolate(ctx, found[half:], now, res)
}

// store commits outcomes, and adds them to the result.
func (e *Engine) store(ctx context.Context, found []outcome, now time.Time, res *Result) error {
	sw := surgecast.Sweep{Leases: e.held(), At: now}
	sites, topics := 0, 0
	for i := range found {
		o := &found[i]
		if o.forecast != nil {
			sw.Forecasts = append(sw.Forecasts, *o.forecast)
		}
		sw.Surges = append(sw.Surges, o.surges...)
		sw.Transitions = append(sw.Transitions, o.transitions...)
		sw.Messages = append(sw.Messages, o.messages...)
		sw.States = append(sw.States, o.states...)
		sw.Talk = append(sw.Talk, o.talks...)
		switch {
		case o.moved && o.site:
			sites++
		case o.moved:
			topics++
		}
	}
	if len(sw.Forecasts)+len(sw.Surges)+len(sw.Transitions)+len(sw.Messages)+len(sw.States)+len(sw.Talk) > 0 {
		if err := e.cfg.Store.SaveSweep(ctx, sw); err != nil {
			return fmt.Errorf("committing the sweep of %s: %w", now.Format(time.RFC3339), err)
		}
	}
	for i := range found {
		delete(e.refused, found[i].name)
		if found[i].retired {
			delete(e.tracks, found[i].track)
			e.retired[found[i].track] = true
		}
		for _, t := range found[i].group {
			t.dirty, t.far = false, false
		}
	}
	res.Forecasts = append(res.Forecasts, sw.Forecasts...)
	res.Surges = append(res.Surges, sw.Surges...)
	res.Transitions = append(res.Transitions, sw.Transitions...)
	res.Messages += len(sw.Messages)
	res.Sites += sites
	res.Topics += topics
	return nil
}
