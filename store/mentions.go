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

// addMentionsSQL adds to minutes. One that its source had closed already is corrected: what it held is
// kept as what was published first, which for a new row is nothing.
const addMentionsSQL = `
	INSERT INTO mention_minute AS m (topic_id, source_id, minute, raw, organic, authors, reach, first_n, first_at)
	SELECT n.topic_id, n.source_id, n.minute, n.raw, n.organic, n.authors, n.reach,
		CASE WHEN n.first_at IS NOT NULL THEN n.first_n WHEN c.closed_at IS NOT NULL THEN 0 END, coalesce(n.first_at, c.closed_at)
	FROM   unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::float8[], $5::float8[], $6::float8[], $7::float8[], $8::float8[], $9::timestamptz[])
		AS n (topic_id, source_id, minute, raw, organic, authors, reach, first_n, first_at)
	LEFT   JOIN source_minute c ON c.source_id = n.source_id AND c.minute = n.minute
	ON CONFLICT (topic_id, source_id, minute) DO UPDATE SET
		raw = m.raw + excluded.raw, organic = m.organic + excluded.organic, authors = m.authors + excluded.authors, reach = m.reach + excluded.reach,
		first_n = coalesce(m.first_n, CASE WHEN excluded.first_at IS NOT NULL THEN m.raw END),
		first_at = coalesce(m.first_at, excluded.first_at),
		changes = m.changes + 1`

// putMentionsSQL replaces minutes; the first time a minute is put is when it was published.
const putMentionsSQL = `
	WITH put AS (
		INSERT INTO mention_minute AS m (topic_id, source_id, minute, raw, organic, authors, reach, first_n, first_at)
		SELECT topic_id, source_id, minute, raw, organic, authors, reach,
			CASE WHEN first_at IS NOT NULL THEN first_n ELSE raw END, coalesce(first_at, $10)
		FROM   unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::float8[], $5::float8[], $6::float8[], $7::float8[], $8::float8[], $9::timestamptz[])
			AS n (topic_id, source_id, minute, raw, organic, authors, reach, first_n, first_at)
		ON CONFLICT (topic_id, source_id, minute) DO UPDATE SET
			raw = excluded.raw, organic = excluded.organic, authors = excluded.authors, reach = excluded.reach,
			first_n = coalesce(m.first_n, m.raw), first_at = coalesce(m.first_at, excluded.first_at),
			changes = m.changes + 1
		WHERE (m.raw, m.organic, m.authors, m.reach) IS DISTINCT FROM (excluded.raw, excluded.organic, excluded.authors, excluded.reach)
		RETURNING m.changes
	)
	SELECT count(*) FILTER (WHERE changes = 0), count(*) FILTER (WHERE changes > 0) FROM put`

// A series is extended about once a minute and written to many times: look before writing.
const extendMentionsSQL = `
	INSERT INTO mention_series AS s (topic_id, source_id, first_minute, last_minute)
	SELECT n.* FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[]) AS n (topic_id, source_id, first_minute, last_minute)
	WHERE  NOT EXISTS (
		SELECT FROM mention_series h WHERE h.topic_id = n.topic_id AND h.source_id = n.source_id
		AND h.first_minute <= n.first_minute AND h.last_minute >= n.last_minute
	)
	ON CONFLICT (topic_id, source_id) DO UPDATE SET
		first_minute = LEAST(s.first_minute, excluded.first_minute),
		last_minute = GREATEST(s.last_minute, excluded.last_minute)`

// AddMentions adds a stream's counts and moves its cursor from cursorFrom to cursorTo in one transaction; see
// CommitStream.
func (s *Store) AddMentions(ctx context.Context, lease surgecast.Lease, sourceID int64, cursorFrom, cursorTo string, rows []surgecast.MentionMinute, at time.Time) error {
	return s.CommitStream(ctx, lease, surgecast.StreamCounts{SourceID: sourceID, From: cursorFrom, To: cursorTo, Rows: rows}, at)
}

// PutMentions writes minutes of mentions as they are said to be; saying the same again changes nothing.
// If a minute is given twice the later row counts.
func (s *Store) PutMentions(ctx context.Context, rows []surgecast.MentionMinute, at time.Time) (surgecast.Written, error) {
	var w surgecast.Written
	if len(rows) == 0 {
		return w, nil
	}
	given := len(rows)
	rows = slices.Clone(rows)
	sortMentions(rows)
	rows = lastOfRun(rows, sameMention)
	minutes := minutesOf(rows, func(r surgecast.MentionMinute) time.Time { return r.Minute })
	err := s.putCounts(ctx, mentionCounts, minutes, func(tx pgx.Tx, closed func(time.Time) bool) error {
		w = surgecast.Written{}
		return writeMentions(ctx, tx, rows, closed, func(chunk []surgecast.MentionMinute) error {
			var inserted, changed int
			if err := tx.QueryRow(ctx, putMentionsSQL, append(mentionArrays(chunk), at)...).Scan(&inserted, &changed); err != nil {
				return err
			}
			w.Inserted += inserted
			w.Changed += changed
			return nil
		})
	})
	if err != nil {
		return surgecast.Written{}, fmt.Errorf("writing %d minutes of mentions: %w", len(rows), err)
	}
	w.Unchanged = given - w.Inserted - w.Changed
	return w, nil
}

// writeMentions writes sorted rows in chunks, those of closed hours first, and extends their series.
func writeMentions(ctx context.Context, tx pgx.Tx, rows []surgecast.MentionMinute, closed func(time.Time) bool, write func([]surgecast.MentionMinute) error) error {
	if len(rows) == 0 {
		return nil
	}
	inChunks := func(rows []surgecast.MentionMinute) error {
		for chunk := range slices.Chunk(rows, rowsAtOnce) {
			if err := write(chunk); err != nil {
				return err
			}
		}
		return nil
	}
	late, open := split(rows, func(r surgecast.MentionMinute) bool { return closed(r.Minute) })
	err := correct(ctx, tx, mentionCounts, late, func(r surgecast.MentionMinute) (int64, int64, time.Time) { return r.TopicID, r.SourceID, r.Minute },
		func() error { return inChunks(late) })
	if err != nil {
		return err
	}
	if err := inChunks(open); err != nil {
		return err
	}

	var topics, sources []int64
	var first, last []time.Time
	for _, r := range rows {
		n := len(topics) - 1
		if n < 0 || topics[n] != r.TopicID || sources[n] != r.SourceID {
			topics, sources = append(topics, r.TopicID), append(sources, r.SourceID)
			first, last = append(first, r.Minute), append(last, r.Minute)
			continue
		}
		last[n] = r.Minute
	}
	_, err = tx.Exec(ctx, extendMentionsSQL, topics, sources, first, last)
	return err
}

func mentionArrays(rows []surgecast.MentionMinute) []any {
	n := len(rows)
	topics, sources, minutes := make([]int64, n), make([]int64, n), make([]time.Time, n)
	raw, organic, authors, reach := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	firstN, firstAt := make([]*float64, n), make([]*time.Time, n)
	for i := range rows {
		r := &rows[i]
		topics[i], sources[i], minutes[i] = r.TopicID, r.SourceID, r.Minute
		raw[i], organic[i], authors[i], reach[i] = r.Raw, r.Organic, r.Authors, r.Reach
		if !r.FirstAt.IsZero() {
			firstN[i], firstAt[i] = &r.FirstN, &r.FirstAt
		}
	}
	return []any{topics, sources, minutes, raw, organic, authors, reach, firstN, firstAt}
}

// sortMentions puts rows in the order of the key: the index is walked once, and two writers cannot wait
// for each other.
func sortMentions(rows []surgecast.MentionMinute) {
	slices.SortStableFunc(rows, func(a, b surgecast.MentionMinute) int {
		return cmp.Or(cmp.Compare(a.TopicID, b.TopicID), cmp.Compare(a.SourceID, b.SourceID), a.Minute.Compare(b.Minute))
	})
}

func sameMention(a, b surgecast.MentionMinute) bool {
	return a.TopicID == b.TopicID && a.SourceID == b.SourceID && a.Minute.Equal(b.Minute)
}

// sumOfRun adds up rows of the same minute: an upsert may touch a row only once.
func sumOfRun(rows []surgecast.MentionMinute) []surgecast.MentionMinute {
	out := rows[:0]
	for _, r := range rows {
		if n := len(out) - 1; n >= 0 && sameMention(out[n], r) {
			out[n].Raw += r.Raw
			out[n].Organic += r.Organic
			out[n].Authors += r.Authors
			out[n].Reach += r.Reach
			continue
		}
		out = append(out, r)
	}
	return out
}
