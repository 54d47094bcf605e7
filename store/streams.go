package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// advanceSQL moves the cursor only from where this batch began: a second writer finds nothing to update,
// its transaction rolls back, and its counts with it.
const advanceSQL = `UPDATE ingest_cursor SET position = $3, updated_at = $4 WHERE source_id = $1 AND position = $2`

const beginTopicsSQL = `
	INSERT INTO topic_past (topic_id, source_id, since, back_to)
	SELECT t.id, $1, n.since, n.back_to
	FROM   unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[]) AS n (topic_id, since, back_to)
	JOIN   topic t ON t.id = n.topic_id
	ON CONFLICT DO NOTHING`

// CommitStream adds a stream's counts, notes which topics it counts from now on and which events it counted,
// and moves its cursor, in one transaction. Feeds redeliver after a restart: saved apart, a crash between the
// writes would count the same minutes twice. A cursor that is elsewhere is ErrConflict, a lost lease
// ErrStaleLease; both write nothing.
func (s *Store) CommitStream(ctx context.Context, lease surgecast.Lease, c surgecast.StreamCounts, at time.Time) error {
	rows := slices.Clone(c.Rows)
	for i := range rows {
		rows[i].SourceID = c.SourceID
	}
	sortMentions(rows)
	rows = sumOfRun(rows)
	minutes := minutesOf(rows, func(r surgecast.MentionMinute) time.Time { return r.Minute })
	err := s.putCounts(ctx, mentionCounts, minutes, func(tx pgx.Tx, closed func(time.Time) bool) error {
		if err := checkLeases(ctx, tx, []surgecast.Lease{lease}); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, advanceSQL, c.SourceID, c.From, c.To, at)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("the cursor is not at %q: %w", c.From, surgecast.ErrConflict)
		}
		if err := noteCounted(ctx, tx, c); err != nil {
			return err
		}
		if len(c.Begun) > 0 {
			var topics []int64
			var since []time.Time
			var back []*time.Time
			for _, p := range c.Begun {
				topics, since, back = append(topics, p.TopicID), append(since, p.Since), append(back, orNull(p.BackTo))
			}
			if _, err := tx.Exec(ctx, beginTopicsSQL, c.SourceID, topics, since, back); err != nil {
				return err
			}
		}
		return writeMentions(ctx, tx, rows, closed, func(chunk []surgecast.MentionMinute) error {
			_, err := tx.Exec(ctx, addMentionsSQL, mentionArrays(chunk)...)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("adding %d counts of source %d: %w", len(rows), c.SourceID, err)
	}
	return nil
}

// noteCounted keeps which events this commit counted, and forgets those of commits that are too old.
func noteCounted(ctx context.Context, tx pgx.Tx, c surgecast.StreamCounts) error {
	if !c.Keep.IsZero() {
		if _, err := tx.Exec(ctx, `DELETE FROM ingest_recent WHERE source_id = $1 AND newest < $2`, c.SourceID, c.Keep); err != nil {
			return err
		}
	}
	if len(c.Counted) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO ingest_recent (source_id, newest, ids) VALUES ($1, $2, $3)`, c.SourceID, c.Newest, hashBytes(c.Counted))
	return err
}

// CountedLately is which events a stream counted around its cursor, by commit, oldest first.
func (s *Store) CountedLately(ctx context.Context, sourceID int64) ([]surgecast.CountedEvents, error) {
	rows, _ := s.pool.Query(ctx, `SELECT newest, ids FROM ingest_recent WHERE source_id = $1 ORDER BY n`, sourceID)
	var out []surgecast.CountedEvents
	var newest time.Time
	var ids []byte
	_, err := pgx.ForEachRow(rows, []any{&newest, &ids}, func() error {
		out = append(out, surgecast.CountedEvents{Newest: newest.UTC(), IDs: hashesOf(ids)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what source %d counted lately: %w", sourceID, err)
	}
	return out, nil
}

func hashBytes(hashes []uint64) []byte {
	b := make([]byte, 0, 8*len(hashes))
	for _, h := range hashes {
		b = binary.LittleEndian.AppendUint64(b, h)
	}
	return b
}

func hashesOf(b []byte) []uint64 {
	out := make([]uint64, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		out = append(out, binary.LittleEndian.Uint64(b))
	}
	return out
}

// TopicPasts is how far back every topic a stream counts reaches in it, by topic.
func (s *Store) TopicPasts(ctx context.Context, sourceID int64) ([]surgecast.TopicPast, error) {
	rows, _ := s.pool.Query(ctx, `SELECT topic_id, since, back_to, read_until, border FROM topic_past WHERE source_id = $1 ORDER BY topic_id`, sourceID)
	ps, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p surgecast.TopicPast, err error) {
		var back, until *time.Time
		var border []byte
		err = row.Scan(&p.TopicID, &p.Since, &back, &until, &border)
		p.Since, p.BackTo, p.ReadUntil = p.Since.UTC(), orZero(back), orZero(until)
		if border != nil {
			p.Border = hashesOf(border)
		}
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading how far back topics reach in source %d: %w", sourceID, err)
	}
	return ps, nil
}

// PastsOf is how far back one topic reaches, by source: in the streams that count it.
func (s *Store) PastsOf(ctx context.Context, topicID int64) (map[int64]surgecast.TopicPast, error) {
	rows, _ := s.pool.Query(ctx, `SELECT source_id, since, back_to, read_until FROM topic_past WHERE topic_id = $1`, topicID)
	out := map[int64]surgecast.TopicPast{}
	var source int64
	var since time.Time
	var back, until *time.Time
	if _, err := pgx.ForEachRow(rows, []any{&source, &since, &back, &until}, func() error {
		out[source] = surgecast.TopicPast{TopicID: topicID, Since: since.UTC(), BackTo: orZero(back), ReadUntil: orZero(until)}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("reading how far back topic %d reaches: %w", topicID, err)
	}
	return out, nil
}

// The condition on since makes a piece that is added again, after an answer was lost or by a process that was
// paused, change nothing; that on back_to a piece of a past whose reading a new revision has ended meanwhile.
const movePastsSQL = `
	UPDATE topic_past p SET since = n.too, read_until = coalesce(p.read_until, p.since),
		back_to = CASE WHEN n.done THEN NULL ELSE p.back_to END, border = CASE WHEN n.done THEN NULL ELSE n.border END
	FROM   unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::boolean[], $6::bytea[]) AS n (topic_id, since, too, done, border)
	WHERE  p.topic_id = n.topic_id AND p.source_id = $1 AND p.since = n.since AND p.back_to IS NOT NULL
	RETURNING p.topic_id`

// readBackSQL replaces minutes. What was published first of a minute nobody had counted is nothing.
const readBackSQL = `
	INSERT INTO mention_minute AS m (topic_id, source_id, minute, raw, organic, authors, reach, first_n, first_at)
	SELECT n.topic_id, n.source_id, n.minute, n.raw, n.organic, n.authors, n.reach, coalesce(n.first_n, 0), coalesce(n.first_at, c.closed_at, $10)
	FROM   unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::float8[], $5::float8[], $6::float8[], $7::float8[], $8::float8[], $9::timestamptz[])
		AS n (topic_id, source_id, minute, raw, organic, authors, reach, first_n, first_at)
	LEFT   JOIN source_minute c ON c.source_id = n.source_id AND c.minute = n.minute
	ON CONFLICT (topic_id, source_id, minute) DO UPDATE SET
		raw = excluded.raw, organic = excluded.organic, authors = excluded.authors, reach = excluded.reach,
		first_n = coalesce(m.first_n, m.raw), first_at = coalesce(m.first_at, excluded.first_at),
		changes = m.changes + 1
	WHERE (m.raw, m.organic, m.authors, m.reach) IS DISTINCT FROM (excluded.raw, excluded.organic, excluded.authors, excluded.reach)`

// AddPastRead stores a piece of topics' pasts, once: topics that are elsewhere by now, or gone, are left out.
// Its minutes replace what was counted of them in passing.
func (s *Store) AddPastRead(ctx context.Context, lease surgecast.Lease, p surgecast.PastRead, at time.Time) error {
	rows := slices.Clone(p.Rows)
	for i := range rows {
		rows[i].SourceID = p.SourceID
	}
	sortMentions(rows)
	minutes := minutesOf(rows, func(r surgecast.MentionMinute) time.Time { return r.Minute })
	var topics []int64
	var from, to []time.Time
	var done []bool
	var borders [][]byte
	for _, t := range p.Topics {
		topics, from, to, done = append(topics, t.TopicID), append(from, t.From), append(to, t.To), append(done, t.Done)
		var border []byte
		if t.Border != nil {
			border = hashBytes(t.Border)
		}
		borders = append(borders, border)
	}
	err := s.putCounts(ctx, mentionCounts, minutes, func(tx pgx.Tx, closed func(time.Time) bool) error {
		if err := checkLeases(ctx, tx, []surgecast.Lease{lease}); err != nil {
			return err
		}
		moved, _ := tx.Query(ctx, movePastsSQL, p.SourceID, topics, from, to, done, borders)
		ids, err := pgx.CollectRows(moved, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		mine := make(map[int64]bool, len(ids))
		for _, id := range ids {
			mine[id] = true
		}
		kept := slices.DeleteFunc(slices.Clone(rows), func(r surgecast.MentionMinute) bool { return !mine[r.TopicID] })
		return writeMentions(ctx, tx, kept, closed, func(chunk []surgecast.MentionMinute) error {
			_, err := tx.Exec(ctx, readBackSQL, append(mentionArrays(chunk), at)...)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("adding %d minutes of the past of %d topics in source %d: %w", len(rows), len(p.Topics), p.SourceID, err)
	}
	return nil
}
