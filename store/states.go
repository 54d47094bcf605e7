package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const saveStatesSQL = `
	INSERT INTO model_state (series, origin, blob, saved_at)
	SELECT series, origin, blob, coalesce($4, now()) FROM unnest($1::text[], $2::timestamptz[], $3::bytea[]) AS n (series, origin, blob)
	ON CONFLICT (series) DO UPDATE SET origin = excluded.origin, blob = excluded.blob, saved_at = excluded.saved_at`

// statesAtOnce and stateBytes bound one statement: a topic's snapshot is a few kilobytes, a site's two thirds of
// a megabyte, and PostgreSQL takes no message beyond a gigabyte.
const (
	statesAtOnce = 1000
	stateBytes   = 16 << 20
)

// stateChunk is how many of the first states go into one statement.
func stateChunk(states []surgecast.ModelState) int {
	size := 0
	for i := range states {
		if size += len(states[i].Blob); i > 0 && size > stateBytes || i == statesAtOnce {
			return i
		}
	}
	return len(states)
}

func saveStates(ctx context.Context, tx pgx.Tx, states []surgecast.ModelState, at time.Time) error {
	states = slices.Clone(states)
	slices.SortStableFunc(states, func(a, b surgecast.ModelState) int { return cmp.Compare(a.Series, b.Series) })
	states = lastOfRun(states, func(a, b surgecast.ModelState) bool { return a.Series == b.Series })
	for len(states) > 0 {
		chunk := states[:stateChunk(states)]
		states = states[len(chunk):]
		series, origins, blobs := make([]string, len(chunk)), make([]time.Time, len(chunk)), make([][]byte, len(chunk))
		for i, m := range chunk {
			series[i], origins[i], blobs[i] = m.Series, m.Origin, orEmpty(m.Blob)
		}
		if _, err := tx.Exec(ctx, saveStatesSQL, series, origins, blobs, orNull(at)); err != nil {
			return fmt.Errorf("storing %d snapshots: %w", len(chunk), err)
		}
	}
	return nil
}

// SaveStates stores snapshots outside a sweep, under the same leases.
func (s *Store) SaveStates(ctx context.Context, states []surgecast.ModelState, leases []surgecast.Lease) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := checkLeases(ctx, tx, leases); err != nil {
			return err
		}
		return saveStates(ctx, tx, states, time.Time{})
	})
	if err != nil {
		return fmt.Errorf("storing snapshots: %w", err)
	}
	return nil
}

// States reads the snapshots whose series begins with prefix, by series.
func (s *Store) States(ctx context.Context, prefix string) ([]surgecast.ModelState, error) {
	rows, _ := s.pool.Query(ctx, `SELECT series, origin, blob FROM model_state WHERE starts_with(series, $1) ORDER BY series`, prefix)
	ms, err := pgx.CollectRows(rows, scanState)
	if err != nil {
		return nil, fmt.Errorf("reading snapshots %s…: %w", prefix, err)
	}
	return ms, nil
}

func scanState(row pgx.CollectableRow) (m surgecast.ModelState, err error) {
	err = row.Scan(&m.Series, &m.Origin, &m.Blob)
	m.Origin = m.Origin.UTC()
	return m, err
}
