package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

func scanSource(row pgx.CollectableRow) (surgecast.Source, error) {
	var s surgecast.Source
	err := row.Scan(&s.ID, &s.Slug, &s.Kind, &s.Mode, &s.StepSeconds, &s.Simulated)
	return s, err
}

const sourceColumns = `id, slug, kind, mode, step_seconds, simulated`

// EnsureSource finds a source by its slug, or adds it. A source that is there under another kind, mode
// or step is ErrConflict: its buckets would mean two things.
func (s *Store) EnsureSource(ctx context.Context, src surgecast.Source) (surgecast.Source, error) {
	if src.StepSeconds == 0 {
		src.StepSeconds = 60
	}
	var out surgecast.Source
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO source (slug, kind, mode, step_seconds, simulated) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (slug) DO NOTHING`,
			src.Slug, src.Kind, src.Mode, src.StepSeconds, src.Simulated); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `SELECT `+sourceColumns+` FROM source WHERE slug = $1`, src.Slug)
		var err error
		if out, err = pgx.CollectExactlyOneRow(rows, scanSource); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO ingest_cursor (source_id, position) VALUES ($1, '') ON CONFLICT (source_id) DO NOTHING`, out.ID)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("source %s: %w", src.Slug, err)
	}
	if src.ID = out.ID; out != src {
		return out, fmt.Errorf("source %s is stored as %s, %s, %d s, simulated %t: %w", src.Slug, out.Kind, out.Mode, out.StepSeconds, out.Simulated, surgecast.ErrConflict)
	}
	return out, nil
}

// Sources is every source, by id.
func (s *Store) Sources(ctx context.Context) ([]surgecast.Source, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+sourceColumns+` FROM source ORDER BY id`)
	ss, err := pgx.CollectRows(rows, scanSource)
	if err != nil {
		return nil, fmt.Errorf("reading sources: %w", err)
	}
	return ss, nil
}

// Cursor is where a feed's committed counts end; empty before the first.
func (s *Store) Cursor(ctx context.Context, sourceID int64) (string, error) {
	var at string
	err := s.pool.QueryRow(ctx, `SELECT position FROM ingest_cursor WHERE source_id = $1`, sourceID).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("cursor of source %d: %w", sourceID, surgecast.ErrNotFound)
	}
	if err != nil {
		return "", fmt.Errorf("reading the cursor of source %d: %w", sourceID, err)
	}
	return at, nil
}

// The moment a bucket was closed first is kept: what came later is a correction.
const markSourceMinutesSQL = `
	INSERT INTO source_minute AS m (source_id, minute, healthy, closed_at)
	SELECT $1, g, $4, $5
	FROM   source s, generate_series($2::timestamptz, $3::timestamptz - interval '1 second', s.step_seconds * interval '1 second') g
	WHERE  s.id = $1
	ON CONFLICT (source_id, minute) DO UPDATE SET healthy = excluded.healthy
	WHERE m.healthy <> excluded.healthy`

// MarkSourceMinutes closes a source's buckets that start in [from, to): whether it was listening, and
// that what it counted is complete as of at. A topic's bucket without a row is then zero (healthy) or
// missing.
func (s *Store) MarkSourceMinutes(ctx context.Context, sourceID int64, from, to time.Time, healthy bool, at time.Time) error {
	if _, err := s.pool.Exec(ctx, markSourceMinutesSQL, sourceID, from, to, healthy, at); err != nil {
		return fmt.Errorf("closing minutes of source %d: %w", sourceID, err)
	}
	return nil
}

// CloseSourceMinutes is MarkSourceMinutes for a feed held under a lease: a holder that lost it cannot
// close, or excuse, minutes another process is counting.
func (s *Store) CloseSourceMinutes(ctx context.Context, lease surgecast.Lease, sourceID int64, from, to time.Time, healthy bool, at time.Time) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := checkLeases(ctx, tx, []surgecast.Lease{lease}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, markSourceMinutesSQL, sourceID, from, to, healthy, at)
		return err
	})
	if err != nil {
		return fmt.Errorf("closing minutes of source %d: %w", sourceID, err)
	}
	return nil
}
