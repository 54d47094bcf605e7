package api

import (
	"context"
	"fmt"
	"time"

	"surgecast"
)

const (
	// overlap: shards commit in any order, so a look goes back this far behind the newest row seen.
	overlap = 5 * time.Second
	// wideEvery looks go back wide, for a shard that was late by more than overlap.
	wideEvery = 30
	wide      = time.Minute
	// sitesEvery looks the sites are read again: one made by another process appears after so many seconds.
	sitesEvery = 5
)

// poll looks at the database once a second. An error keeps what is in memory: answers grow stale, then
// they are refused, but they never change because of it.
func (s *Server) poll(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var failing bool
	for n := 0; ; n++ {
		var err error
		switch {
		case !s.loaded.Load():
			err = s.load(ctx)
		case n%wideEvery == 0:
			err = s.look(ctx, true, wide)
		default:
			err = s.look(ctx, n%sitesEvery == 0, overlap)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			s.log.WarnContext(ctx, "memory is not refreshed", "error", err)
		case err == nil && failing:
			s.log.InfoContext(ctx, "memory is refreshed again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// load fills the memory after a start, so that /scale answers the last stored recommendation before
// the first sweep.
func (s *Server) load(ctx context.Context) error {
	sites, err := s.c.Store.AllSites(ctx)
	if err != nil {
		return fmt.Errorf("loading sites: %w", err)
	}
	s.memory.putSites(sites)
	// People first: no answer between two lines here may miss an override.
	if err := s.lookAtPeople(ctx); err != nil {
		return err
	}
	latest, err := s.c.Store.LatestForecasts(ctx)
	if err != nil {
		return fmt.Errorf("loading the latest forecasts: %w", err)
	}
	for i := range latest {
		s.memory.forecast(&latest[i])
	}
	for _, st := range s.memory.all(0) {
		if err := s.lastGood(ctx, st); err != nil {
			return err
		}
	}
	s.loaded.Store(true)
	return nil
}

// lastGood finds the recommendation a restarted process must hold when the newest forecast was made
// without traffic.
func (s *Server) lastGood(ctx context.Context, st standing) error {
	f := st.total()
	if f == nil || st.good != nil {
		return nil
	}
	now := s.now()
	rows, err := s.c.Store.Forecasts(ctx, st.site.ID, surgecast.TotalSegment, now.Add(-holdFor-silence-2*time.Minute), now)
	if err != nil {
		return fmt.Errorf("loading the last recommendation of %s: %w", st.site.Slug, err)
	}
	for i := range rows {
		s.memory.remember(&rows[i])
	}
	return nil
}

// look reads what is new.
func (s *Server) look(ctx context.Context, everything bool, back time.Duration) error {
	if everything {
		sites, err := s.c.Store.AllSites(ctx)
		if err != nil {
			return fmt.Errorf("reading sites: %w", err)
		}
		s.memory.putSites(sites)
	}
	since := s.memory.seenUntil()
	if !since.IsZero() {
		since = since.Add(-back)
	}
	fresh, err := s.c.Store.LatestForecastsSince(ctx, since)
	if err != nil {
		return fmt.Errorf("reading forecasts since %s: %w", since.Format(time.RFC3339), err)
	}
	for i := range fresh {
		s.Publish(fresh[i])
	}
	return s.lookAtPeople(ctx)
}

// lookAtPeople reads what is open and what people ordered.
func (s *Server) lookAtPeople(ctx context.Context) error {
	open, err := s.c.Store.OpenSurges(ctx)
	if err != nil {
		return fmt.Errorf("reading open surges: %w", err)
	}
	s.memory.putSurges(open)
	if err := s.lookAtMarks(ctx, open); err != nil {
		return err
	}
	before := s.memory.ordered()
	overrides, err := s.c.Store.Overrides(ctx)
	if err != nil {
		return fmt.Errorf("reading overrides: %w", err)
	}
	s.memory.putOverrides(overrides, before)
	for _, account := range s.memory.accounts() {
		frozen, err := s.c.Store.Frozen(ctx, account)
		if err != nil {
			return fmt.Errorf("reading whether account %d is frozen: %w", account, err)
		}
		s.memory.putFrozen(account, frozen, before, s.now())
	}
	return nil
}

func (m *memory) accounts() []int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	seen := map[int64]bool{}
	var out []int64
	for _, s := range m.sites {
		if !seen[s.site.AccountID] {
			seen[s.site.AccountID] = true
			out = append(out, s.site.AccountID)
		}
	}
	return out
}

// Publish takes in a forecast that was just stored, before the next look would find it. The caller does
// not change it afterwards.
func (s *Server) Publish(f surgecast.SiteForecast) {
	if s.memory.forecast(&f) {
		s.hub.forecast(f.SiteID, f.Segment)
	}
}

// PublishSurge takes in a transition that was just stored.
func (s *Server) PublishSurge(surge surgecast.Surge, t surgecast.SurgeTransition) {
	s.memory.surge(&surge)
	s.hub.surge(surge, t)
}
