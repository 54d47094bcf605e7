package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// mentionsSQL reads one series after the other; see trafficSQL for OFFSET 0.
const mentionsSQL = `
	SELECT n.i, m.minute, m.raw, m.organic, m.authors, m.first_n
	FROM   unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) WITH ORDINALITY AS n (topic_id, source_id, since, i)
	CROSS  JOIN LATERAL (
		SELECT * FROM mention
		WHERE  topic_id = n.topic_id AND source_id = n.source_id AND minute >= n.since AND minute < $4
		AND    hour >= date_trunc('hour', n.since, 'UTC') AND hour < $4
		OFFSET 0
	) m
	ORDER  BY n.i, m.minute`

// Mentions is a topic's series in one source, one bucket after the other in [from, to), gaps resolved.
// asFirst gives what was published first instead of the corrected counts; organic and authors, of which
// only the present value is kept, are scaled along with raw. A minute of a topic's past was published first when
// it was read: it is given as it is, and said to be late.
func (s *Store) Mentions(ctx context.Context, topicID, sourceID int64, from, to time.Time, asFirst bool) ([]surgecast.MentionBucket, error) {
	return s.mentions(ctx, []int64{topicID}, []int64{sourceID}, []time.Time{from}, to, asFirst)
}

// MentionsSince is Mentions for many series at once, series i from from[i] on and before until, one after
// the other.
func (s *Store) MentionsSince(ctx context.Context, topicIDs, sourceIDs []int64, from []time.Time, until time.Time, asFirst bool) ([]surgecast.MentionBucket, error) {
	if len(topicIDs) != len(from) || len(sourceIDs) != len(from) {
		return nil, fmt.Errorf("reading mentions: %d topics, %d sources and %d beginnings", len(topicIDs), len(sourceIDs), len(from))
	}
	return s.mentions(ctx, topicIDs, sourceIDs, from, until, asFirst)
}

func (s *Store) mentions(ctx context.Context, topicIDs, sourceIDs []int64, from []time.Time, to time.Time, asFirst bool) ([]surgecast.MentionBucket, error) {
	if len(from) == 0 {
		return nil, nil
	}
	var out []surgecast.MentionBucket
	// One snapshot for rows, closed minutes and revisions: a minute closed in between would turn from
	// missing to zero without its counts.
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		feeds, err := readFeeds(ctx, tx, distinct(sourceIDs), slices.MinFunc(from, time.Time.Compare), to)
		if err != nil {
			return err
		}
		counted, err := countedSince(ctx, tx, distinct(topicIDs))
		if err != nil {
			return err
		}
		past, err := pasts(ctx, tx, distinct(topicIDs))
		if err != nil {
			return err
		}
		starts := make([]int, len(from)+1) // where series i begins in out
		for i := range from {
			f, ok := feeds[sourceIDs[i]]
			if !ok {
				return fmt.Errorf("source %d: %w", sourceIDs[i], surgecast.ErrNotFound)
			}
			since, known := counted[topicIDs[i]]
			p := past[series{topicIDs[i], sourceIDs[i]}]
			if !p.Since.IsZero() && p.Since.Before(since) {
				since = p.Since
			}
			present := p.ReadUntil // since when its minutes were counted as they came
			if made := counted[topicIDs[i]].Truncate(f.step); known && made.After(present) {
				present = made
			}
			for at := from[i].UTC(); at.Before(to); at = at.Add(f.step) {
				heard := f.healthy[at.Unix()] && known && !at.Before(since) || readBack(p, at)
				late := !p.Since.IsZero() && !at.Before(p.Since) && at.Before(present)
				out = append(out, surgecast.MentionBucket{TopicID: topicIDs[i], SourceID: sourceIDs[i], Minute: at, Missing: !heard, Late: late})
			}
			starts[i+1] = len(out)
		}
		rows, _ := tx.Query(ctx, mentionsSQL, topicIDs, sourceIDs, from, to)
		var i int
		var minute time.Time
		var raw, organic, authors float64
		var first *float64
		_, err = pgx.ForEachRow(rows, []any{&i, &minute, &raw, &organic, &authors, &first}, func() error {
			i := i - 1
			at := starts[i] + int(minute.Sub(from[i])/feeds[sourceIDs[i]].step)
			if at >= starts[i+1] {
				return nil
			}
			b := &out[at]
			if asFirst && first != nil && !b.Late {
				if raw > 0 {
					organic, authors = organic**first/raw, authors**first/raw
				}
				raw = *first
			}
			b.Raw += raw
			b.Organic += organic
			b.Authors += authors
			// What was heard of it when the source was not listening all the time is not the whole of it.
			b.Missing = feeds[sourceIDs[i]].deaf[minute.Unix()] && !readBack(past[series{topicIDs[i], sourceIDs[i]}], minute)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading mentions of %d series: %w", len(from), err)
	}
	return out, nil
}

// distinct is each id once: many series share a source.
func distinct(ids []int64) []int64 {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// feed is what is needed of a source to tell zero from missing.
type feed struct {
	step    time.Duration
	healthy map[int64]bool // starts of buckets in which it was listening, unix seconds
	deaf    map[int64]bool // those in which it was not, or not all the time
}

func readFeeds(ctx context.Context, tx pgx.Tx, ids []int64, from, to time.Time) (map[int64]feed, error) {
	feeds := map[int64]feed{}
	rows, _ := tx.Query(ctx, `SELECT id, step_seconds FROM source WHERE id = ANY ($1)`, ids)
	var id, step int64
	if _, err := pgx.ForEachRow(rows, []any{&id, &step}, func() error {
		feeds[id] = feed{time.Duration(step) * time.Second, map[int64]bool{}, map[int64]bool{}}
		return nil
	}); err != nil {
		return nil, err
	}
	rows, _ = tx.Query(ctx, `SELECT source_id, extract(epoch FROM minute)::bigint, healthy FROM source_minute WHERE source_id = ANY ($1) AND minute >= $2 AND minute < $3`, ids, from, to)
	var minute int64
	var healthy bool
	_, err := pgx.ForEachRow(rows, []any{&id, &minute, &healthy}, func() error {
		if healthy {
			feeds[id].healthy[minute] = true
		} else {
			feeds[id].deaf[minute] = true
		}
		return nil
	})
	return feeds, err
}

// countedSince is when each topic began to be counted. A later revision does not interrupt that: its
// terms take over from the ones before.
func countedSince(ctx context.Context, tx pgx.Tx, topicIDs []int64) (map[int64]time.Time, error) {
	rows, _ := tx.Query(ctx, `SELECT topic_id, min(since) FROM topic_revision WHERE topic_id = ANY ($1) GROUP BY topic_id`, topicIDs)
	out := map[int64]time.Time{}
	var id int64
	var since time.Time
	_, err := pgx.ForEachRow(rows, []any{&id, &since}, func() error {
		out[id] = since
		return nil
	})
	return out, err
}

// series names what one source says of one topic.
type series struct{ topic, source int64 }

// pasts is how far back topics' counts reach in their sources.
func pasts(ctx context.Context, tx pgx.Tx, topicIDs []int64) (map[series]surgecast.TopicPast, error) {
	rows, _ := tx.Query(ctx, `SELECT topic_id, source_id, since, read_until FROM topic_past WHERE topic_id = ANY ($1)`, topicIDs)
	out := map[series]surgecast.TopicPast{}
	var k series
	var since time.Time
	var until *time.Time
	_, err := pgx.ForEachRow(rows, []any{&k.topic, &k.source, &since, &until}, func() error {
		out[k] = surgecast.TopicPast{TopicID: k.topic, Since: since, ReadUntil: orZero(until)}
		return nil
	})
	return out, err
}

// readBack says whether a minute was read for its topic apart: then it does not matter whether the source was
// listening when it happened.
func readBack(p surgecast.TopicPast, at time.Time) bool {
	return !at.Before(p.Since) && at.Before(p.ReadUntil)
}

// firstSQL is where a series begins. That of a topic whose past was read back begins there, with the silence
// before its first mention: that is known.
const firstSQL = `CASE WHEN p.read_until IS NULL THEN m.first_minute ELSE LEAST(m.first_minute, date_trunc('minute', p.since)) END`

// A stream's minute is complete when the stream closed it, not when its first row came. Absolute counts
// are complete as they come; a source that also closes its minutes may reach further with zeros.
const (
	frontierSQL = `
	WITH s AS MATERIALIZED (
		SELECT id, mode, (SELECT max(minute) FROM source_minute WHERE source_id = source.id) AS closed FROM source
	)
	SELECT m.topic_id, m.source_id, ` + firstSQL + `,
		CASE WHEN s.mode = 'increments' THEN s.closed ELSE GREATEST(m.last_minute, s.closed) END
	FROM   mention_series m
	JOIN   s ON s.id = m.source_id
	LEFT   JOIN topic_past p ON p.topic_id = m.topic_id AND p.source_id = m.source_id
	WHERE  (s.mode = 'absolute' OR s.closed >= m.first_minute)`
	mentionFrontiersSQL = frontierSQL + ` ORDER BY 1, 2`
	topicFrontiersSQL   = frontierSQL + ` AND m.topic_id = $1 ORDER BY 1, 2`
)

// TopicFrontiers is MentionFrontiers for one topic.
func (s *Store) TopicFrontiers(ctx context.Context, topicID int64) ([]surgecast.Frontier, error) {
	rows, _ := s.pool.Query(ctx, topicFrontiersSQL, topicID)
	fs, err := pgx.CollectRows(rows, scanFrontier)
	if err != nil {
		return nil, fmt.Errorf("reading how far mentions of topic %d reach: %w", topicID, err)
	}
	return fs, nil
}

func scanFrontier(row pgx.CollectableRow) (f surgecast.Frontier, err error) {
	err = row.Scan(&f.TopicID, &f.SourceID, &f.First, &f.Last)
	f.First, f.Last = f.First.UTC(), f.Last.UTC()
	return f, err
}

// MentionFrontiers is, per topic and source with counts, the first bucket and the last complete one.
func (s *Store) MentionFrontiers(ctx context.Context) ([]surgecast.Frontier, error) {
	rows, _ := s.pool.Query(ctx, mentionFrontiersSQL)
	fs, err := pgx.CollectRows(rows, scanFrontier)
	if err != nil {
		return nil, fmt.Errorf("reading how far mentions reach: %w", err)
	}
	return fs, nil
}
