package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"surgecast"
	"surgecast/review"
	"surgecast/risk"
)

const (
	weekLong   = 7 * 24 * time.Hour
	weekEvery  = 24 * time.Hour // between two judgements of a site
	weekOrigin = 15             // minutes between the ledger's rows that are read
	// weekPatience is how long a bad week waits while the site is busy: in the middle of a surge what is handed back
	// would be missed, and a forecast that was poor all week is still more than none.
	weekPatience = 24 * time.Hour
)

// trust looks every ten minutes whose week is due, until ctx ends. It computes what is due from what is stored, so
// restarts and several processes change nothing.
func (a *app) trust(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		if err := a.judgeWeeks(ctx, a.clock().UTC()); err != nil && ctx.Err() == nil {
			a.g.log.Error("whether sites may go on acting cannot be judged; trying again in ten minutes", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// judgeWeeks judges every site in act whose last judgement is a day old, and takes those whose week was bad to advise.
func (a *app) judgeWeeks(ctx context.Context, now time.Time) error {
	sites, err := a.db.AllSites(ctx)
	if err != nil {
		return err
	}
	last, err := a.db.WeeksJudged(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, site := range sites {
		if site.Mode != surgecast.ModeAct || now.Sub(last[site.ID]) < weekEvery {
			continue
		}
		if err := a.judgeWeek(ctx, site, last[site.ID], now); err != nil {
			failed = errors.Join(failed, fmt.Errorf("week of site %s: %w", site.Slug, err))
		}
	}
	return failed
}

func (a *app) judgeWeek(ctx context.Context, site surgecast.Site, last, now time.Time) error {
	from := now.Add(-weekLong)
	if site.ModeSince.After(from) {
		from = site.ModeSince // who switched it on again had seen what was before
	}
	rows, minutes, err := reviewer{a.db}.rows(ctx, site, surgecast.TotalSegment, from, now, weekOrigin)
	if err != nil {
		return err
	}
	week, err := review.JudgeWeek(rows, minutes, from, now)
	if err != nil {
		return err
	}
	why := risk.SayWeek(site, week, now)
	if n := len(rows); why != "" && busy(rows[n-1].State) && now.Sub(last) < weekEvery+weekPatience {
		return nil
	}
	saved, err := a.db.SaveWeek(ctx, site, week, why, now)
	if saved && why != "" {
		a.g.log.Warn("site taken from act to advise", "site", site.Slug, "why", why)
	}
	return err
}

// busy reports whether units that were asked for may be needed any minute.
func busy(s surgecast.State) bool {
	switch s {
	case surgecast.StateWatch, surgecast.StateAlert, surgecast.StateOver, surgecast.StateRecovery, surgecast.StateFailing:
		return true
	case surgecast.StateCalm, surgecast.StateLearning, surgecast.StateCannotTell:
	}
	return false
}
