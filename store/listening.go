package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// A stream's counts may be used once it has closed their minute, so its closed minute says all there is to
// know; counts that are put may be used as they come.
const heardMarkSQL = `
	SELECT coalesce(string_agg(concat_ws(':', s.id, extract(epoch FROM (SELECT max(minute) FROM source_minute m WHERE m.source_id = s.id))::bigint, n.series, n.reach), ' ' ORDER BY s.id), '')
	FROM   source s
	LEFT   JOIN (
		SELECT m.source_id, count(*) AS series, sum(extract(epoch FROM m.last_minute)::bigint % 1000000007) AS reach
		FROM   mention_series m JOIN source a ON a.id = m.source_id AND a.mode = 'absolute'
		GROUP  BY m.source_id
	) n ON n.source_id = s.id`

// HeardMark changes whenever Heard would answer more: it is cheap enough to ask every two seconds.
func (s *Store) HeardMark(ctx context.Context) (mark string, err error) {
	if err := s.pool.QueryRow(ctx, heardMarkSQL).Scan(&mark); err != nil {
		return "", fmt.Errorf("looking how far mentions reach: %w", err)
	}
	return mark, nil
}

const heardSQL = `
	WITH s AS MATERIALIZED (
		SELECT id, mode, (SELECT max(minute) FROM source_minute WHERE source_id = source.id) AS closed FROM source
	)
	SELECT m.topic_id, m.source_id, extract(epoch FROM ` + firstSQL + `)::bigint, extract(epoch FROM m.last_minute)::bigint,
		extract(epoch FROM CASE WHEN s.mode = 'increments' THEN s.closed ELSE GREATEST(m.last_minute, s.closed) END)::bigint
	FROM   mention_series m
	JOIN   s ON s.id = m.source_id
	LEFT   JOIN topic_past p ON p.topic_id = m.topic_id AND p.source_id = m.source_id
	WHERE  (s.mode = 'absolute' OR s.closed >= m.first_minute)
	AND    (m.topic_id % $1 = ANY ($2) OR EXISTS (SELECT FROM site_topic l WHERE l.topic_id = m.topic_id))
	ORDER  BY 1, 2`

// Heard is how far the counts reach, by topic and source: of topics whose id modulo of is one of shards,
// and of those linked to a site.
func (s *Store) Heard(ctx context.Context, shards []int64, of int) ([]surgecast.Heard, error) {
	rows, _ := s.pool.Query(ctx, heardSQL, of, shards)
	var out []surgecast.Heard
	var h surgecast.Heard
	_, err := pgx.ForEachRow(rows, []any{&h.TopicID, &h.SourceID, &h.First, &h.Counted, &h.Complete}, func() error {
		out = append(out, h)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading how far mentions reach: %w", err)
	}
	return out, nil
}

// TopicsMark changes whenever a topic is made, changed or deleted.
func (s *Store) TopicsMark(ctx context.Context) (mark string, err error) {
	const sql = `SELECT concat_ws(' ', count(*), sum(extract(epoch FROM updated_at)), bit_xor(hashtextextended(name, id * 31 + revision))) FROM topic`
	if err := s.pool.QueryRow(ctx, sql).Scan(&mark); err != nil {
		return "", fmt.Errorf("looking for changed topics: %w", err)
	}
	return mark, nil
}

// StatesOf reads the snapshots whose series is kind:number… with the number, modulo of, in shard, by
// series.
func (s *Store) StatesOf(ctx context.Context, kind string, shard, of int) ([]surgecast.ModelState, error) {
	const sql = `SELECT series, origin, blob FROM model_state
		WHERE starts_with(series, $1) AND split_part(series, ':', 2)::bigint % $2 = $3 ORDER BY series`
	rows, _ := s.pool.Query(ctx, sql, kind+":", of, shard)
	ms, err := pgx.CollectRows(rows, scanState)
	if err != nil {
		return nil, fmt.Errorf("reading snapshots %s of shard %d: %w", kind, shard, err)
	}
	return ms, nil
}

// LiveLeases counts the leases that are held now and whose name begins with prefix.
func (s *Store) LiveLeases(ctx context.Context, prefix string) (n int, err error) {
	const sql = `SELECT count(*) FROM lease WHERE starts_with(name, $1) AND expires_at > statement_timestamp()`
	if err := s.pool.QueryRow(ctx, sql, prefix).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting leases %s…: %w", prefix, err)
	}
	return n, nil
}
