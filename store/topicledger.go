package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// A restart hears again what it heard after its last snapshot: what was said first stays.
const insertTalkSQL = `
	INSERT INTO topic_ledger (topic_id, series, origin, issued_at, lead_minutes, levels, quantiles, model_version)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`

// newestTalkSQL keeps the newest row apart: no log is written for it.
const newestTalkSQL = `
	INSERT INTO topic_forecast AS f (topic_id, series, origin, issued_at, lead_minutes, levels, quantiles, model_version)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
	ON CONFLICT (topic_id, series) DO UPDATE SET origin = excluded.origin, issued_at = excluded.issued_at, lead_minutes = excluded.lead_minutes,
		levels = excluded.levels, quantiles = excluded.quantiles, model_version = excluded.model_version
	WHERE f.origin < excluded.origin`

func saveTalk(ctx context.Context, tx pgx.Tx, fs []surgecast.TopicForecast) error {
	if len(fs) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	for i := range fs {
		f := &fs[i]
		for r, row := range f.Quantiles {
			if len(row) != len(f.Levels) {
				return fmt.Errorf("forecast of topic %d: row %d has %d columns, want %d", f.TopicID, r, len(row), len(f.Levels))
			}
		}
		args := []any{f.TopicID, f.Series, f.Origin, f.IssuedAt, orEmpty(f.LeadMinutes), orEmpty(f.Levels), orEmpty(flat(f.Quantiles)), f.ModelVersion}
		batch.Queue(insertTalkSQL, args...)
		batch.Queue(newestTalkSQL, args...)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("storing %d forecasts of topics: %w", len(fs), err)
	}
	return nil
}
