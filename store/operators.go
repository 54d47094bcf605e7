package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// Overrides is the newest override of every site that was not cleared, whether its end has passed or
// not: the caller's clock decides that.
func (s *Store) Overrides(ctx context.Context) ([]surgecast.Override, error) {
	rows, _ := s.pool.Query(ctx, `SELECT DISTINCT ON (site_id) site_id, units, until, set_by, note, set_at FROM override
		WHERE cleared_at IS NULL ORDER BY site_id, number DESC`)
	os, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o surgecast.Override, err error) {
		err = row.Scan(&o.SiteID, &o.Units, &o.Until, &o.By, &o.Note, &o.SetAt)
		o.Until, o.SetAt = o.Until.UTC(), o.SetAt.UTC()
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading overrides: %w", err)
	}
	return os, nil
}

const (
	clearOverrideSQL = `UPDATE override SET cleared_at = $2, cleared_by = $3 WHERE site_id = $1 AND cleared_at IS NULL`
	setOverrideSQL   = `
	INSERT INTO override (site_id, number, units, until, set_by, note, set_at)
	SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6 FROM override WHERE site_id = $1`
)

// SetOverride puts a person's word over the recommendation, in the place of an earlier one. Both stay in
// the log, of which the newest KeptOrders are kept.
func (s *Store) SetOverride(ctx context.Context, o surgecast.Override) error {
	err := s.inTurn(ctx, turnOfSiteSQL, o.SiteID, func(tx pgx.Tx) error { // of two people at once the later one rules
		if _, err := tx.Exec(ctx, clearOverrideSQL, o.SiteID, o.SetAt, o.By); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, setOverrideSQL, o.SiteID, o.Units, o.Until, o.By, o.Note, o.SetAt); err != nil {
			return err
		}
		return keepOrders(ctx, tx, "override", "site_id", o.SiteID)
	})
	if err != nil {
		return fmt.Errorf("overriding site %d: %w", o.SiteID, err)
	}
	return nil
}

// ClearOverride ends a site's override; without one it does nothing.
func (s *Store) ClearOverride(ctx context.Context, siteID int64, by string, at time.Time) error {
	if _, err := s.pool.Exec(ctx, clearOverrideSQL, siteID, at, by); err != nil {
		return fmt.Errorf("clearing the override of site %d: %w", siteID, err)
	}
	return nil
}

// Frozen reports whether an account has stopped all acting.
func (s *Store) Frozen(ctx context.Context, account int64) (bool, error) {
	var frozen bool
	err := s.pool.QueryRow(ctx, `SELECT frozen FROM account_freeze WHERE account_id = $1 ORDER BY number DESC LIMIT 1`, account).Scan(&frozen)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("asking whether account %d is frozen: %w", account, err)
	}
	return frozen, nil
}

// SetFrozen stops all acting of an account, or lets it go on; the log says who.
func (s *Store) SetFrozen(ctx context.Context, account int64, frozen bool, by string, at time.Time) error {
	err := s.inTurn(ctx, turnOfAccountSQL, account, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO account_freeze (account_id, number, frozen, set_by, set_at)
			SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4 FROM account_freeze WHERE account_id = $1`, account, frozen, by, at)
		if err != nil {
			return err
		}
		return keepOrders(ctx, tx, "account_freeze", "account_id", account)
	})
	if err != nil {
		return fmt.Errorf("freezing account %d: %w", account, err)
	}
	return nil
}

// AddDecision logs an answer of /scale that differed from the one before.
func (s *Store) AddDecision(ctx context.Context, d surgecast.Decision) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO decision (site_id, at, caller, units, stale, status_code, reason, forecast_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		d.SiteID, d.At, text(d.Caller), d.Units, d.Stale, d.StatusCode, d.Reason, d.ForecastID)
	if err != nil {
		return fmt.Errorf("logging a decision for site %d: %w", d.SiteID, err)
	}
	return nil
}

// Decisions lists what /scale answered for a site, newest first.
func (s *Store) Decisions(ctx context.Context, siteID int64, p surgecast.Page) ([]surgecast.Decision, string, error) {
	var after int64
	if p.After != "" {
		var err error
		if after, err = strconv.ParseInt(p.After, 10, 64); err != nil {
			return nil, "", &surgecast.FieldError{Field: "after", Value: p.After, Detail: "is not a cursor of this list", Remedy: "Use the value of next."}
		}
	}
	type numbered struct {
		surgecast.Decision
		id int64
	}
	rows, _ := s.pool.Query(ctx, `SELECT id, site_id, at, caller, units, stale, status_code, reason, forecast_id FROM decision
		WHERE site_id = $1 AND ($2 = 0 OR id < $2) ORDER BY id DESC LIMIT $3`, siteID, after, limit(p)+1)
	ns, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n numbered, err error) {
		err = row.Scan(&n.id, &n.SiteID, &n.At, &n.Caller, &n.Units, &n.Stale, &n.StatusCode, &n.Reason, &n.ForecastID)
		n.At = n.At.UTC()
		return n, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("listing decisions for site %d: %w", siteID, err)
	}
	ns, next := part(ns, p, func(n numbered) string { return strconv.FormatInt(n.id, 10) })
	ds := make([]surgecast.Decision, len(ns))
	for i, n := range ns {
		ds[i] = n.Decision
	}
	return ds, next, nil
}

// text makes what came from outside fit for a text column: PostgreSQL takes neither NUL nor broken UTF-8,
// and a log must not fail because an answer was odd.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
