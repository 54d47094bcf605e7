package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// FedRows are rows of the ledger as Forecasts reads them, of which only Origin, State and Fed are filled: what a
// restart steps a thousand sites through, without the nine tenths of a row that it would not look at.
func (s *Store) FedRows(ctx context.Context, siteID int64, segment string, from, to time.Time) ([]surgecast.SiteForecast, error) {
	const sql = `SELECT origin, state, fed_minute, fed_value, fed_bound, fed_signal_count, fed_signals, fed_plans
		FROM site_forecast WHERE site_id = $1 AND segment = $2 AND origin >= $3 AND origin < $4 ORDER BY origin`
	rows, _ := s.pool.Query(ctx, sql, siteID, segment, from, to)
	fs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f surgecast.SiteForecast, err error) {
		var at []time.Time
		var value, signals []float64
		var bound []bool
		var count []int32
		var plans []byte
		if err := row.Scan(&f.Origin, &f.State, &at, &value, &bound, &count, &signals, &plans); err != nil {
			return f, err
		}
		f.Origin = f.Origin.UTC()
		f.Fed, err = readFed(at, value, bound, count, signals, plans)
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what the ledger says was fed: %w", err)
	}
	return fs, nil
}
