package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const siteColumns = `id, account_id, slug, name, kind, time_zone, mode, simulated,
	units, min_units, max_units, rpm_per_unit, lead_time_p50_seconds, lead_time_p95_seconds, sustain_minutes, p95_limit_ms,
	cost_lost_request, cost_idle_unit_hour, currency, target_quantile, alert_probability, max_extra_unit_hours_per_day,
	workers_per_unit, service_seconds, segments, measured, mode_since, mode_by, mode_why, created_at, updated_at`

// segmentRow is one element of the segments column.
type segmentRow struct {
	Name        string  `json:"name"`
	CapacityRPM float64 `json:"capacity_rpm"`
	Weight      float64 `json:"weight"`
}

func scanSite(row pgx.CollectableRow) (surgecast.Site, error) {
	var s surgecast.Site
	var segments, measured []byte
	c := &s.Capacity
	err := row.Scan(&s.ID, &s.AccountID, &s.Slug, &s.Name, &s.Kind, &s.TimeZone, &s.Mode, &s.Simulated,
		&c.Units, &c.MinUnits, &c.MaxUnits, &c.RPMPerUnit, &c.LeadTimeP50Seconds, &c.LeadTimeP95Seconds, &c.SustainMinutes, &c.P95LimitMS,
		&c.CostLostRequest, &c.CostIdleUnitHour, &c.Currency, &c.TargetQuantile, &c.AlertProbability, &c.MaxExtraUnitHoursPerDay,
		&c.WorkersPerUnit, &c.ServiceSeconds, &segments, &measured, &s.ModeSince, &s.ModeBy, &s.ModeWhy, &s.CreatedAt, &s.UpdatedAt)
	if err != nil {
		return s, err
	}
	var rows []segmentRow
	if err := json.Unmarshal(segments, &rows); err != nil {
		return s, fmt.Errorf("segments of site %s: %w", s.Slug, err)
	}
	for _, r := range rows {
		s.Segments = append(s.Segments, surgecast.Segment(r))
	}
	if len(measured) > 0 {
		if err := json.Unmarshal(measured, &c.Measured); err != nil {
			return s, fmt.Errorf("measured capacity of site %s: %w", s.Slug, err)
		}
	}
	s.CreatedAt, s.UpdatedAt, s.ModeSince = s.CreatedAt.UTC(), s.UpdatedAt.UTC(), s.ModeSince.UTC()
	return s, nil
}

// siteArgs are the parameters both statements share, $1 to $24.
func siteArgs(s surgecast.Site) ([]any, error) {
	rows := []segmentRow{}
	for _, g := range s.Segments {
		rows = append(rows, segmentRow(g))
	}
	segments, err := json.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("segments of site %s: %w", s.Slug, err)
	}
	c := s.Capacity
	return []any{
		s.AccountID, s.Slug, s.Name, s.Kind, s.TimeZone, s.Mode, s.Simulated,
		c.Units, c.MinUnits, c.MaxUnits, c.RPMPerUnit, c.LeadTimeP50Seconds, c.LeadTimeP95Seconds, c.SustainMinutes, c.P95LimitMS,
		c.CostLostRequest, c.CostIdleUnitHour, c.Currency, c.TargetQuantile, c.AlertProbability, c.MaxExtraUnitHoursPerDay,
		string(segments), c.WorkersPerUnit, c.ServiceSeconds,
	}, nil
}

const createSiteSQL = `
	INSERT INTO site (account_id, slug, name, kind, time_zone, mode, simulated,
		units, min_units, max_units, rpm_per_unit, lead_time_p50_seconds, lead_time_p95_seconds, sustain_minutes, p95_limit_ms,
		cost_lost_request, cost_idle_unit_hour, currency, target_quantile, alert_probability, max_extra_unit_hours_per_day,
		segments, workers_per_unit, service_seconds, created_at, updated_at, mode_since, mode_by)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
		coalesce($25, now()), coalesce($25, now()), coalesce($25, now()), $26)
	RETURNING ` + siteColumns

// CreateSite adds a site and gives it its id. A slug in use is ErrExists, one site too many a LimitError.
func (s *Store) CreateSite(ctx context.Context, site surgecast.Site) (surgecast.Site, error) {
	args, err := siteArgs(site)
	if err != nil {
		return site, err
	}
	var out surgecast.Site
	err = s.addWithin(ctx, boundOfSites, func(tx pgx.Tx) (err error) {
		rows, _ := tx.Query(ctx, createSiteSQL, append(args, orNull(site.CreatedAt), text(site.ModeBy))...)
		out, err = pgx.CollectExactlyOneRow(rows, scanSite)
		return err
	}, site.AccountID)
	switch {
	case sqlState(err) == uniqueViolation:
		return site, fmt.Errorf("site %s: %w", site.Slug, surgecast.ErrExists)
	case err != nil:
		return site, fmt.Errorf("creating site %s: %w", site.Slug, err)
	}
	return out, nil
}

const updateSiteSQL = `
	UPDATE site SET name = $3, kind = $4, time_zone = $5, mode = $6, simulated = $7,
		units = $8, min_units = $9, max_units = $10, rpm_per_unit = $11, lead_time_p50_seconds = $12, lead_time_p95_seconds = $13,
		sustain_minutes = $14, p95_limit_ms = $15, cost_lost_request = $16, cost_idle_unit_hour = $17, currency = $18,
		target_quantile = $19, alert_probability = $20, max_extra_unit_hours_per_day = $21, segments = $22,
		workers_per_unit = $23, service_seconds = $24,
		measured = CASE WHEN rpm_per_unit = $11 THEN measured END,
		mode_since = CASE WHEN mode = $6 THEN mode_since ELSE coalesce($25, now()) END,
		mode_by = CASE WHEN mode = $6 THEN mode_by ELSE $26 END,
		mode_why = CASE WHEN mode = $6 THEN mode_why ELSE '' END,
		updated_at = coalesce($25, now())
	WHERE account_id = $1 AND slug = $2
	RETURNING ` + siteColumns

// UpdateSite replaces everything but a site's id, account and slug, and what load tests measured: that stays as long as
// rpm_per_unit does. Another figure is a person's, and the measured curve is not its.
//
// A change of the mode is logged with site.ModeBy. Whoever decided on a mode that is not the site's any more
// (site.ModeSince is given, and is not when it was last changed) is refused with ErrConflict: the mode on a page that
// was opened yesterday must not undo what happened since.
func (s *Store) UpdateSite(ctx context.Context, site surgecast.Site) (surgecast.Site, error) {
	args, err := siteArgs(site)
	if err != nil {
		return site, err
	}
	var out surgecast.Site
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var before surgecast.Mode
		var since time.Time
		if err := tx.QueryRow(ctx, `SELECT mode, mode_since FROM site WHERE account_id = $1 AND slug = $2 FOR NO KEY UPDATE`, site.AccountID, site.Slug).Scan(&before, &since); err != nil {
			return err
		}
		if !site.ModeSince.IsZero() && !site.ModeSince.Equal(since) {
			return surgecast.ErrConflict
		}
		rows, _ := tx.Query(ctx, updateSiteSQL, append(args, orNull(site.UpdatedAt), text(site.ModeBy))...)
		var err error
		if out, err = pgx.CollectExactlyOneRow(rows, scanSite); err != nil || out.Mode == before {
			return err
		}
		return logMode(ctx, tx, out.ID, surgecast.ModeChange{From: before, To: out.Mode, By: out.ModeBy, At: out.ModeSince})
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return site, fmt.Errorf("site %s: %w", site.Slug, surgecast.ErrNotFound)
	case err != nil:
		return site, fmt.Errorf("updating site %s: %w", site.Slug, err)
	}
	return out, nil
}

// DeleteSite takes a site out of everything that goes on: its links, overrides, snapshots and messages
// not yet sent. Its minutes and its ledger stay until retention drops them; its id is never used again. Its open
// episodes are closed by the engine, which tells everybody who was told of them.
func (s *Store) DeleteSite(ctx context.Context, account int64, slug string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var id int64
		if err := tx.QueryRow(ctx, `DELETE FROM site WHERE account_id = $1 AND slug = $2 RETURNING id`, account, slug).Scan(&id); err != nil {
			return err
		}
		for _, kind := range []string{"site", "run", "conv"} { // the model, what is remembered beside it, what it taught others
			if _, err := tx.Exec(ctx, `DELETE FROM model_state WHERE starts_with(series, $1)`, fmt.Sprintf("%s:%d:", kind, id)); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM delivery WHERE site_id = $1 AND account_id = $2 AND status = 'pending'`, id, account); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM traffic_series WHERE site_id = $1`, id)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("site %s: %w", slug, surgecast.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("deleting site %s: %w", slug, err)
	}
	return nil
}

// SiteBySlug finds a site of the account.
func (s *Store) SiteBySlug(ctx context.Context, account int64, slug string) (surgecast.Site, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+siteColumns+` FROM site WHERE account_id = $1 AND slug = $2`, account, slug)
	site, err := pgx.CollectExactlyOneRow(rows, scanSite)
	if errors.Is(err, pgx.ErrNoRows) {
		return site, fmt.Errorf("site %s: %w", slug, surgecast.ErrNotFound)
	}
	if err != nil {
		return site, fmt.Errorf("looking up site %s: %w", slug, err)
	}
	return site, nil
}

// Sites lists an account's sites by slug.
func (s *Store) Sites(ctx context.Context, account int64, p surgecast.Page) ([]surgecast.Site, string, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+siteColumns+` FROM site WHERE account_id = $1 AND slug > $2 ORDER BY slug LIMIT $3`,
		account, p.After, limit(p)+1)
	sites, err := pgx.CollectRows(rows, scanSite)
	if err != nil {
		return nil, "", fmt.Errorf("listing sites: %w", err)
	}
	sites, next := part(sites, p, func(s surgecast.Site) string { return s.Slug })
	return sites, next, nil
}

// AllSites is every site of every account, for the engine.
func (s *Store) AllSites(ctx context.Context) ([]surgecast.Site, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+siteColumns+` FROM site ORDER BY id`)
	sites, err := pgx.CollectRows(rows, scanSite)
	if err != nil {
		return nil, fmt.Errorf("reading all sites: %w", err)
	}
	return sites, nil
}
