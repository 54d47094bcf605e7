package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// SetLadder replaces a site's ladder; positions are those of the slice. More than MaxRungs are a LimitError.
func (s *Store) SetLadder(ctx context.Context, site surgecast.Site, rungs []surgecast.Rung) ([]surgecast.Rung, error) {
	if len(rungs) > surgecast.MaxRungs {
		return nil, &surgecast.LimitError{Most: surgecast.MaxRungs, What: "rungs of a ladder", Field: "rungs", Remedy: "Leave out what nobody would do."}
	}
	out := make([]surgecast.Rung, len(rungs))
	err := s.inTurn(ctx, turnOfSiteSQL, site.ID, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM ladder_rung WHERE site_id = $1`, site.ID); err != nil {
			return err
		}
		for i, r := range rungs {
			r.ID, r.SiteID, r.Position = surgecast.NewID("rng_"), site.ID, i+1
			if _, err := tx.Exec(ctx, `
				INSERT INTO ladder_rung (id, account_id, site_id, position, kind, name, lead_time_seconds, sheds_share, adds_rpm, instructions)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
				r.ID, site.AccountID, site.ID, r.Position, r.Kind, r.Name, r.LeadTimeSeconds, r.ShedsShare, r.AddsRPM, r.Instructions); err != nil {
				return err
			}
			out[i] = r
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("storing the ladder of %s: %w", site.Slug, err)
	}
	return out, nil
}

// Ladder is a site's rungs from the first.
func (s *Store) Ladder(ctx context.Context, siteID int64) ([]surgecast.Rung, error) {
	rows, _ := s.pool.Query(ctx, `SELECT id, site_id, position, kind, name, lead_time_seconds, sheds_share, adds_rpm, instructions
		FROM ladder_rung WHERE site_id = $1 ORDER BY position`, siteID)
	rs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r surgecast.Rung, err error) {
		err = row.Scan(&r.ID, &r.SiteID, &r.Position, &r.Kind, &r.Name, &r.LeadTimeSeconds, &r.ShedsShare, &r.AddsRPM, &r.Instructions)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the ladder of site %d: %w", siteID, err)
	}
	return rs, nil
}
