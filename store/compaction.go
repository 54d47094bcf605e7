package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// counts is one of the two families of minutes, with what moves them between rows and closed hours.
//
// fold joins a minute to its place in the hour as a plain number: PostgreSQL then merges the two in one
// pass, where a sum of hour and interval made it compare each with each.
type counts struct {
	minutes, hours partitioned
	series         string // table of the series, whose ids cut the work into pieces
	id             string // leading column
	fold           string // rows → hours: $1 ids, [$2, $3), of it only the hours $4 unless NULL
	unfold         string // hours → rows: $1 ids, $2 second key, $3 hour, bounds $4 and $5
}

var mentionCounts = counts{
	minutes: mentionMinutes, hours: mentionHours, series: "mention_series", id: "topic_id",
	fold: `
	WITH m AS (
		DELETE FROM mention_minute WHERE topic_id = ANY ($1) AND minute >= $2 AND minute < $3
		AND ($4::timestamptz[] IS NULL OR date_trunc('hour', minute, 'UTC') = ANY ($4))
		RETURNING topic_id, source_id, date_trunc('hour', minute, 'UTC') AS hour, (extract(epoch FROM minute)::bigint / 60 % 60)::integer AS slot,
			raw, organic, authors, reach, first_n, first_at, changes
	), k AS (
		SELECT DISTINCT topic_id, source_id, hour FROM m
	)
	INSERT INTO mention_hour (topic_id, source_id, hour, raw, organic, authors, reach, first_n, first_at, changes)
	SELECT topic_id, source_id, hour, array_agg(raw), array_agg(organic), array_agg(authors), array_agg(reach),
		array_agg(first_n), array_agg(first_at), array_agg(changes)
	FROM (
		SELECT k.topic_id, k.source_id, k.hour, m.raw, m.organic, m.authors, m.reach, m.first_n, m.first_at, m.changes
		FROM   k CROSS JOIN generate_series(0, 59) i
		LEFT   JOIN m ON m.topic_id = k.topic_id AND m.source_id = k.source_id AND m.hour = k.hour AND m.slot = i
		ORDER  BY k.topic_id, k.source_id, k.hour, i -- once for all the arrays
	) slots
	GROUP  BY topic_id, source_id, hour`,
	unfold: `
	WITH h AS (
		DELETE FROM mention_hour h USING unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS k (topic_id, source_id, hour)
		WHERE h.topic_id = k.topic_id AND h.source_id = k.source_id AND h.hour = k.hour AND h.hour >= $4 AND h.hour < $5
		RETURNING h.*
	)
	INSERT INTO mention_minute (topic_id, source_id, minute, raw, organic, authors, reach, first_n, first_at, changes)
	SELECT h.topic_id, h.source_id, h.hour + (u.i - 1) * interval '1 minute', u.raw, u.organic, u.authors, u.reach, u.first_n, u.first_at, u.changes
	FROM   h, unnest(h.raw, h.organic, h.authors, h.reach, h.first_n, h.first_at, h.changes)
		WITH ORDINALITY AS u (raw, organic, authors, reach, first_n, first_at, changes, i)
	WHERE  u.raw IS NOT NULL`,
}

var trafficCounts = counts{
	minutes: trafficMinutes, hours: trafficHours, series: "traffic_series", id: "site_id",
	fold: `
	WITH m AS (
		DELETE FROM traffic_minute WHERE site_id = ANY ($1) AND minute >= $2 AND minute < $3
		AND ($4::timestamptz[] IS NULL OR date_trunc('hour', minute, 'UTC') = ANY ($4))
		RETURNING site_id, segment, date_trunc('hour', minute, 'UTC') AS hour, (extract(epoch FROM minute)::bigint / 60 % 60)::integer AS slot,
			requests, errors, rejected, p95_ms, units_observed, saturated, complete, first_n, first_at, changes
	), k AS (
		SELECT DISTINCT site_id, segment, hour FROM m
	)
	INSERT INTO traffic_hour (site_id, segment, hour, requests, errors, rejected, p95_ms, units_observed, saturated, complete, first_n, first_at, changes)
	SELECT site_id, segment, hour, array_agg(requests), array_agg(errors), array_agg(rejected), array_agg(p95_ms), array_agg(units_observed),
		array_agg(saturated), array_agg(complete), array_agg(first_n), array_agg(first_at), array_agg(changes)
	FROM (
		SELECT k.site_id, k.segment, k.hour, m.requests, m.errors, m.rejected, m.p95_ms, m.units_observed, m.saturated, m.complete,
			m.first_n, m.first_at, m.changes
		FROM   k CROSS JOIN generate_series(0, 59) i
		LEFT   JOIN m ON m.site_id = k.site_id AND m.segment = k.segment AND m.hour = k.hour AND m.slot = i
		ORDER  BY k.site_id, k.segment, k.hour, i -- once for all the arrays
	) slots
	GROUP  BY site_id, segment, hour`,
	unfold: `
	WITH h AS (
		DELETE FROM traffic_hour h USING unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS k (site_id, segment, hour)
		WHERE h.site_id = k.site_id AND h.segment = k.segment AND h.hour = k.hour AND h.hour >= $4 AND h.hour < $5
		RETURNING h.*
	)
	INSERT INTO traffic_minute (site_id, segment, minute, requests, errors, rejected, p95_ms, units_observed, saturated, complete, first_n, first_at, changes)
	SELECT h.site_id, h.segment, h.hour + (u.i - 1) * interval '1 minute', u.requests, u.errors, u.rejected, u.p95_ms, u.units_observed,
		u.saturated, u.complete, u.first_n, u.first_at, u.changes
	FROM   h, unnest(h.requests, h.errors, h.rejected, h.p95_ms, h.units_observed, h.saturated, h.complete, h.first_n, h.first_at, h.changes)
		WITH ORDINALITY AS u (requests, errors, rejected, p95_ms, units_observed, saturated, complete, first_n, first_at, changes, i)
	WHERE  u.requests IS NOT NULL`,
}

// closedBefore tells until when hours are closed, and keeps it so until the transaction ends: an hour
// being closed waits for those who may be writing into it. Zero: none is closed.
func (c counts) closedBefore(ctx context.Context, tx pgx.Tx) (time.Time, error) {
	var before *time.Time
	err := tx.QueryRow(ctx, `SELECT CASE WHEN isfinite(before) THEN before END FROM compaction WHERE kind = $1 FOR KEY SHARE`, c.minutes.table).Scan(&before)
	if err != nil {
		return time.Time{}, fmt.Errorf("asking which hours of %s are closed: %w", c.minutes.table, err)
	}
	return orZero(before), nil
}

// lockHours takes the closed hours alone. Corrections and compaction take turns: both rewrite them.
func (c counts) lockHours(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `SELECT FROM compaction WHERE kind = $1 FOR UPDATE`, c.hours.table); err != nil {
		return fmt.Errorf("locking %s: %w", c.hours.table, err)
	}
	return nil
}

// seriesAtOnce is how many topics or sites are compacted in one transaction: short enough that a
// correction need not wait long for its turn.
const seriesAtOnce = 2000

// CompactBefore closes the hours that end by t: their minutes become one row an hour, and days that have
// become empty lose their partition. Corrections work as before. Calling it again, or after a crash in
// the middle, finishes what is left; an earlier t does nothing more.
func (s *Store) CompactBefore(ctx context.Context, t time.Time) error {
	for _, c := range []counts{mentionCounts, trafficCounts} {
		if err := s.compact(ctx, c, t.UTC().Truncate(time.Hour)); err != nil {
			return fmt.Errorf("compacting %s before %s: %w", c.minutes.table, t.UTC().Format(time.RFC3339), err)
		}
	}
	return nil
}

func (s *Store) compact(ctx context.Context, c counts, t time.Time) error {
	// From here on a write into these hours is a correction. This waits for open writers, but moves
	// nothing yet, so nobody waits long for it.
	var before time.Time
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM compaction WHERE kind = $1 FOR UPDATE`, c.minutes.table); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `UPDATE compaction SET before = GREATEST(before, $2) WHERE kind = $1 RETURNING before`, c.minutes.table, t).Scan(&before)
	})
	if err != nil {
		return err
	}
	before = before.UTC()

	names, err := s.list(ctx, c.minutes)
	if err != nil {
		return err
	}
	var ids []int64
	for _, name := range names {
		day, next, ok := c.minutes.parse(name)
		if !ok || !day.Before(before) {
			continue
		}
		if ids == nil {
			rows, _ := s.pool.Query(ctx, `SELECT DISTINCT `+c.id+` FROM `+c.series+` ORDER BY 1`)
			if ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
				return err
			}
		}
		to := next
		if before.Before(to) {
			to = before
		}
		for i := 0; i < len(ids); i += seriesAtOnce {
			if err := s.foldPiece(ctx, c, ids[i:min(i+seriesAtOnce, len(ids))], day, to); err != nil {
				return err
			}
		}
		if !next.After(before) {
			if err := s.dropEmpty(ctx, c, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) foldPiece(ctx context.Context, c counts, ids []int64, from, to time.Time) error {
	return s.withPartitions(func() error { return s.ensure(ctx, c.hours, []time.Time{from}) }, func() error {
		return s.inTx(ctx, func(tx pgx.Tx) error {
			if err := c.lockHours(ctx, tx); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, c.fold, ids, from, to, nil)
			return err
		})
	})
}

// dropEmpty drops a day's partition when all of it was moved. If readers keep it busy, or a series that
// was deleted left rows behind, it stays until the next time, or until retention.
func (s *Store) dropEmpty(ctx context.Context, c counts, name string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := c.lockHours(ctx, tx); err != nil {
			return err
		}
		var left bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+name+`)`).Scan(&left); err != nil || left {
			return err
		}
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '2s'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DROP TABLE `+name)
		return err
	})
	if sqlState(err) == lockTimeout {
		return nil
	}
	if err == nil {
		s.partitions.forget()
	}
	return err
}
