package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const recordGapSQL = `
	INSERT INTO ingest_gap AS g (source_id, from_at, to_at, reason, noted_at) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (source_id, from_at) DO UPDATE SET to_at = GREATEST(g.to_at, excluded.to_at)`

// RecordGap notes what a feed lost and marks the minutes the gap touches as not heard, in one transaction
// and before the cursor passes it. Saying the same again changes nothing.
func (s *Store) RecordGap(ctx context.Context, lease surgecast.Lease, g surgecast.SourceGap) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := checkLeases(ctx, tx, []surgecast.Lease{lease}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, recordGapSQL, g.SourceID, g.From, g.To, g.Reason, g.NotedAt); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, markSourceMinutesSQL, g.SourceID, g.From.Truncate(time.Minute), ceilMinute(g.To), false, g.NotedAt)
		return err
	})
	if err != nil {
		return fmt.Errorf("recording a gap of source %d: %w", g.SourceID, err)
	}
	return nil
}

func ceilMinute(t time.Time) time.Time {
	if m := t.Truncate(time.Minute); m.Before(t) {
		return m.Add(time.Minute)
	}
	return t
}

// Gaps lists what a source lost and that reaches beyond since, in order of time, at most 1,000.
func (s *Store) Gaps(ctx context.Context, sourceID int64, since time.Time) ([]surgecast.SourceGap, error) {
	rows, _ := s.pool.Query(ctx, `SELECT source_id, from_at, to_at, reason, noted_at FROM ingest_gap WHERE source_id = $1 AND to_at > $2 ORDER BY from_at LIMIT 1000`, sourceID, since)
	gs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (g surgecast.SourceGap, err error) {
		err = row.Scan(&g.SourceID, &g.From, &g.To, &g.Reason, &g.NotedAt)
		g.From, g.To, g.NotedAt = g.From.UTC(), g.To.UTC(), g.NotedAt.UTC()
		return g, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading gaps of source %d: %w", sourceID, err)
	}
	return gs, nil
}

// StartRules notes that a source is counted under that version of the rules from at on, unless it already
// is.
func (s *Store) StartRules(ctx context.Context, sourceID int64, version int, at time.Time) error {
	_, err := s.pool.Exec(ctx, `
		INSERT INTO ingest_rules (source_id, since, version) SELECT $1, $2, $3
		WHERE $3 IS DISTINCT FROM (SELECT version FROM ingest_rules WHERE source_id = $1 ORDER BY since DESC LIMIT 1)
		ON CONFLICT (source_id, since) DO UPDATE SET version = excluded.version`, sourceID, at, version)
	if err != nil {
		return fmt.Errorf("noting the rules of source %d: %w", sourceID, err)
	}
	return nil
}

const saveHealthSQL = `
	INSERT INTO source_health (source_id, state, holder, since, last_event_at, watermark, lag_seconds, per_second, events, mentions, duplicates,
		reconnects, gap_seconds, dropped, warning, last_error, approximate_until, spent_millicents, rules, updated_at, past_topics, past_reached)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
		(SELECT coalesce(sum(extract(epoch FROM to_at - GREATEST(from_at, $18::timestamptz - interval '1 day'))), 0) FROM ingest_gap
		 WHERE source_id = $1 AND to_at > $18::timestamptz - interval '1 day' AND reason <> 'counting began'),
		$13, $14, $15, $16,
		(SELECT coalesce(sum(b.month_spent_millicents), 0) FROM budget b JOIN source s ON s.slug = b.source_slug WHERE s.id = $1 AND b.month = date_trunc('month', $18::timestamptz, 'UTC')::date),
		$17, $18, $19, $20)
	ON CONFLICT (source_id) DO UPDATE SET
		state = excluded.state, holder = excluded.holder, since = excluded.since, last_event_at = excluded.last_event_at, watermark = excluded.watermark,
		lag_seconds = excluded.lag_seconds, per_second = excluded.per_second, events = excluded.events, mentions = excluded.mentions,
		duplicates = excluded.duplicates, reconnects = excluded.reconnects, gap_seconds = excluded.gap_seconds, dropped = excluded.dropped,
		warning = excluded.warning, last_error = excluded.last_error, approximate_until = excluded.approximate_until,
		spent_millicents = excluded.spent_millicents, rules = excluded.rules, updated_at = excluded.updated_at,
		past_topics = excluded.past_topics, past_reached = excluded.past_reached`

// SaveHealth stores how a feed is doing, as seen by its holder. Gap seconds and what was spent are taken
// from the tables that hold them.
func (s *Store) SaveHealth(ctx context.Context, lease surgecast.Lease, h surgecast.SourceHealth) error {
	if h.Dropped == nil {
		h.Dropped = map[string]int64{}
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := checkLeases(ctx, tx, []surgecast.Lease{lease}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, saveHealthSQL, h.SourceID, h.State, h.Holder, h.Since, orNull(h.LastEventAt), orNull(h.Watermark), h.LagSeconds, h.PerSecond,
			h.Events, h.Mentions, h.Duplicates, h.Reconnects, h.Dropped, h.Warning, h.LastError, orNull(h.ApproximateUntil), h.Rules, h.UpdatedAt, h.PastTopics, orNull(h.PastReached))
		return err
	})
	if err != nil {
		return fmt.Errorf("saving the health of source %d: %w", h.SourceID, err)
	}
	return nil
}

// SourceHealths is the last word on every source that ever had one, by id.
func (s *Store) SourceHealths(ctx context.Context) ([]surgecast.SourceHealth, error) {
	rows, _ := s.pool.Query(ctx, `
		SELECT source_id, state, holder, since, last_event_at, watermark, lag_seconds, per_second, events, mentions, duplicates, reconnects, gap_seconds,
			dropped, warning, last_error, approximate_until, spent_millicents, rules, updated_at, past_topics, past_reached
		FROM source_health ORDER BY source_id`)
	hs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h surgecast.SourceHealth, err error) {
		var last, mark, approx, past *time.Time
		err = row.Scan(&h.SourceID, &h.State, &h.Holder, &h.Since, &last, &mark, &h.LagSeconds, &h.PerSecond, &h.Events, &h.Mentions, &h.Duplicates,
			&h.Reconnects, &h.GapSeconds, &h.Dropped, &h.Warning, &h.LastError, &approx, &h.SpentMillicents, &h.Rules, &h.UpdatedAt,
			&h.PastTopics, &past)
		h.LastEventAt, h.Watermark, h.ApproximateUntil, h.PastReached = orZero(last), orZero(mark), orZero(approx), orZero(past)
		h.Since, h.UpdatedAt = h.Since.UTC(), h.UpdatedAt.UTC()
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the health of sources: %w", err)
	}
	return hs, nil
}

// PutMentionsHeld is PutMentions for a source held under a lease: a holder that lost it writes nothing.
func (s *Store) PutMentionsHeld(ctx context.Context, lease surgecast.Lease, rows []surgecast.MentionMinute, at time.Time) error {
	if len(rows) == 0 {
		return nil
	}
	rows = slices.Clone(rows)
	sortMentions(rows)
	rows = lastOfRun(rows, sameMention)
	minutes := minutesOf(rows, func(r surgecast.MentionMinute) time.Time { return r.Minute })
	err := s.putCounts(ctx, mentionCounts, minutes, func(tx pgx.Tx, closed func(time.Time) bool) error {
		if err := checkLeases(ctx, tx, []surgecast.Lease{lease}); err != nil {
			return err
		}
		return writeMentions(ctx, tx, rows, closed, func(chunk []surgecast.MentionMinute) error {
			var inserted, changed int
			return tx.QueryRow(ctx, putMentionsSQL, append(mentionArrays(chunk), at)...).Scan(&inserted, &changed)
		})
	})
	if err != nil {
		return fmt.Errorf("writing %d minutes of mentions: %w", len(rows), err)
	}
	return nil
}

// NewestMentions is the last bucket stored of each topic in a source.
func (s *Store) NewestMentions(ctx context.Context, sourceID int64) (map[int64]time.Time, error) {
	out := map[int64]time.Time{}
	rows, _ := s.pool.Query(ctx, `SELECT topic_id, last_minute FROM mention_series WHERE source_id = $1`, sourceID)
	var id int64
	var at time.Time
	if _, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error {
		out[id] = at.UTC()
		return nil
	}); err != nil {
		return nil, fmt.Errorf("reading how far source %d reaches: %w", sourceID, err)
	}
	return out, nil
}
