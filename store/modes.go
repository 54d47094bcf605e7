package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const logModeSQL = `
	INSERT INTO mode_change (site_id, number, before, after, set_by, why, week, set_at)
	SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7 FROM mode_change WHERE site_id = $1`

// logMode notes a change, and keeps the newest KeptOrders; the caller holds the site's row.
func logMode(ctx context.Context, tx pgx.Tx, siteID int64, c surgecast.ModeChange) error {
	var week []byte
	if c.Week != nil {
		var err error
		if week, err = json.Marshal(c.Week); err != nil {
			return fmt.Errorf("figures of a change of mode: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, logModeSQL, siteID, c.From, c.To, text(c.By), c.Why, week, c.At); err != nil {
		return err
	}
	return keepOrders(ctx, tx, "mode_change", "site_id", siteID)
}

// ModeChanges lists who changed how far a site is trusted, newest first.
func (s *Store) ModeChanges(ctx context.Context, siteID int64, p surgecast.Page) ([]surgecast.ModeChange, string, error) {
	var after int64
	if p.After != "" {
		var err error
		if after, err = strconv.ParseInt(p.After, 10, 32); err != nil {
			return nil, "", &surgecast.FieldError{Field: "after", Value: p.After, Detail: "is not a cursor of this list", Remedy: "Use the value of next."}
		}
	}
	type numbered struct {
		surgecast.ModeChange
		number int64
	}
	rows, _ := s.pool.Query(ctx, `SELECT number, before, after, set_by, why, week, set_at FROM mode_change
		WHERE site_id = $1 AND ($2 = 0 OR number < $2) ORDER BY number DESC LIMIT $3`, siteID, after, limit(p)+1)
	ns, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n numbered, err error) {
		var week []byte
		if err = row.Scan(&n.number, &n.From, &n.To, &n.By, &n.Why, &week, &n.At); err == nil && week != nil {
			err = json.Unmarshal(week, &n.Week)
		}
		n.At = n.At.UTC()
		return n, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("listing the modes of site %d: %w", siteID, err)
	}
	ns, next := part(ns, p, func(n numbered) string { return strconv.FormatInt(n.number, 10) })
	cs := make([]surgecast.ModeChange, len(ns))
	for i, n := range ns {
		cs[i] = n.ModeChange
	}
	return cs, next, nil
}

// WeeksJudged is when each site's week was last judged, for those that ever were.
func (s *Store) WeeksJudged(ctx context.Context) (map[int64]time.Time, error) {
	out := map[int64]time.Time{}
	rows, _ := s.pool.Query(ctx, `SELECT site_id, judged_at FROM mode_week`)
	var id int64
	var at time.Time
	if _, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error { out[id] = at.UTC(); return nil }); err != nil {
		return nil, fmt.Errorf("reading when weeks were judged: %w", err)
	}
	return out, nil
}

// LastWeek is the last week a site was judged by; ErrNotFound when it never was.
func (s *Store) LastWeek(ctx context.Context, siteID int64) (w surgecast.Week, judgedAt time.Time, err error) {
	var b []byte
	err = s.pool.QueryRow(ctx, `SELECT week, judged_at FROM mode_week WHERE site_id = $1`, siteID).Scan(&b, &judgedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, judgedAt, fmt.Errorf("week of site %d: %w", siteID, surgecast.ErrNotFound)
	}
	if err == nil {
		err = json.Unmarshal(b, &w)
	}
	if err != nil {
		return w, judgedAt, fmt.Errorf("reading the week of site %d: %w", siteID, err)
	}
	return w, judgedAt.UTC(), nil
}

// SaveWeek stores what the week of a site in act came to, and with words for why takes it from act to advise: week, mode
// and the log of modes commit together. It does nothing, and says so, when the site is no longer in act, or a person put
// it there again after site was read: they decided knowing more than the week does.
func (s *Store) SaveWeek(ctx context.Context, site surgecast.Site, w surgecast.Week, why string, at time.Time) (saved bool, err error) {
	week, err := json.Marshal(w)
	if err != nil {
		return false, fmt.Errorf("week of site %s: %w", site.Slug, err)
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var still bool
		if err := tx.QueryRow(ctx, `SELECT mode = 'act' AND mode_since = $2 FROM site WHERE id = $1 FOR NO KEY UPDATE`, site.ID, site.ModeSince).Scan(&still); err != nil || !still {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO mode_week (site_id, judged_at, week) VALUES ($1, $2, $3)
			ON CONFLICT (site_id) DO UPDATE SET judged_at = excluded.judged_at, week = excluded.week`, site.ID, at, week); err != nil {
			return err
		}
		saved = true
		if why == "" {
			return nil
		}
		if _, err := tx.Exec(ctx, `UPDATE site SET mode = 'advise', mode_since = $2, mode_by = $3, mode_why = $4, updated_at = $2 WHERE id = $1`,
			site.ID, at, surgecast.ByLedger, why); err != nil {
			return err
		}
		return logMode(ctx, tx, site.ID, surgecast.ModeChange{From: surgecast.ModeAct, To: surgecast.ModeAdvise, By: surgecast.ByLedger, Why: why, Week: &w, At: at})
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil // deleted meanwhile
	}
	if err != nil {
		return false, fmt.Errorf("storing the week of site %s: %w", site.Slug, err)
	}
	return saved, nil
}
