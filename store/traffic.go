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

// rowsAtOnce is how many rows one upsert carries: the plan is reused, and a statement with more is no
// faster.
const rowsAtOnce = 10_000

// putTrafficSQL replaces minutes. A minute that was published complete keeps what was published; it
// stays complete whatever comes later. A row that says nothing new is not written.
const putTrafficSQL = `
	WITH put AS (
		INSERT INTO traffic_minute AS m (site_id, segment, minute, requests, errors, rejected, p95_ms, units_observed, saturated, complete, first_n, first_at)
		SELECT site_id, segment, minute, requests, errors, rejected, p95_ms, units_observed, saturated, complete,
			CASE WHEN first_at IS NOT NULL THEN first_n WHEN complete THEN requests END,
			CASE WHEN first_at IS NOT NULL THEN first_at WHEN complete THEN $13::timestamptz END
		FROM   unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::float8[], $5::float8[], $6::float8[], $7::float8[],
			$8::integer[], $9::boolean[], $10::boolean[], $11::float8[], $12::timestamptz[])
			AS n (site_id, segment, minute, requests, errors, rejected, p95_ms, units_observed, saturated, complete, first_n, first_at)
		ON CONFLICT (site_id, segment, minute) DO UPDATE SET
			requests = excluded.requests, errors = excluded.errors, rejected = excluded.rejected, p95_ms = excluded.p95_ms,
			units_observed = excluded.units_observed, saturated = excluded.saturated, complete = m.complete OR excluded.complete,
			first_n = coalesce(m.first_n, excluded.first_n), first_at = coalesce(m.first_at, excluded.first_at),
			changes = m.changes + 1
		WHERE (m.requests, m.errors, m.rejected, m.p95_ms, m.units_observed, m.saturated, m.complete)
			IS DISTINCT FROM (excluded.requests, excluded.errors, excluded.rejected, excluded.p95_ms, excluded.units_observed,
				excluded.saturated, m.complete OR excluded.complete)
		RETURNING m.changes
	)
	SELECT count(*) FILTER (WHERE changes = 0), count(*) FILTER (WHERE changes > 0) FROM put`

const extendTrafficSQL = `
	INSERT INTO traffic_series AS s (site_id, segment, first_minute, last_minute, last_complete)
	SELECT * FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
	ON CONFLICT (site_id, segment) DO UPDATE SET
		first_minute = LEAST(s.first_minute, excluded.first_minute),
		last_minute = GREATEST(s.last_minute, excluded.last_minute),
		last_complete = GREATEST(s.last_complete, excluded.last_complete)
	WHERE excluded.first_minute < s.first_minute OR excluded.last_minute > s.last_minute
	OR    coalesce(excluded.last_complete > s.last_complete, excluded.last_complete IS NOT NULL)`

// PutTraffic writes minutes of traffic as they are said to be; saying the same again changes nothing.
// Minutes of closed hours are corrected in place. If a minute is given twice the later row counts.
func (s *Store) PutTraffic(ctx context.Context, rows []surgecast.TrafficMinute, at time.Time) (surgecast.Written, error) {
	return s.putTrafficIf(ctx, rows, at, checkSegments)
}

// PutTrafficUnder is PutTraffic for a reader that holds a lease: once it is lost nothing is written, so a
// process that was paused cannot put an older count over a newer one (ErrStaleLease).
func (s *Store) PutTrafficUnder(ctx context.Context, lease surgecast.Lease, rows []surgecast.TrafficMinute, at time.Time) (surgecast.Written, error) {
	return s.putTrafficIf(ctx, rows, at, func(ctx context.Context, tx pgx.Tx, _ []surgecast.TrafficMinute) error {
		return checkLeases(ctx, tx, []surgecast.Lease{lease})
	})
}

// putTrafficIf writes rows if allowed, which is asked in the same transaction, agrees.
func (s *Store) putTrafficIf(ctx context.Context, rows []surgecast.TrafficMinute, at time.Time, allowed func(context.Context, pgx.Tx, []surgecast.TrafficMinute) error) (surgecast.Written, error) {
	var w surgecast.Written
	if len(rows) == 0 {
		return w, nil
	}
	rows = slices.Clone(rows)
	// In the order of the key: the index is walked once, and two writers cannot wait for each other.
	slices.SortStableFunc(rows, func(a, b surgecast.TrafficMinute) int {
		return cmp.Or(cmp.Compare(a.SiteID, b.SiteID), cmp.Compare(a.Segment, b.Segment), a.Minute.Compare(b.Minute))
	})
	given := len(rows)
	rows = lastOfRun(rows, func(a, b surgecast.TrafficMinute) bool {
		return a.SiteID == b.SiteID && a.Segment == b.Segment && a.Minute.Equal(b.Minute)
	})
	minutes := minutesOf(rows, func(r surgecast.TrafficMinute) time.Time { return r.Minute })
	err := s.putCounts(ctx, trafficCounts, minutes, func(tx pgx.Tx, closed func(time.Time) bool) error {
		w = surgecast.Written{}
		late, open := split(rows, func(r surgecast.TrafficMinute) bool { return closed(r.Minute) })
		err := correct(ctx, tx, trafficCounts, late, func(r surgecast.TrafficMinute) (int64, string, time.Time) { return r.SiteID, r.Segment, r.Minute },
			func() error { return putTraffic(ctx, tx, late, at, &w) })
		if err != nil {
			return err
		}
		if err := putTraffic(ctx, tx, open, at, &w); err != nil {
			return err
		}
		if err := extendTraffic(ctx, tx, rows); err != nil {
			return err
		}
		return allowed(ctx, tx, rows)
	})
	if err != nil {
		return surgecast.Written{}, fmt.Errorf("writing %d minutes of traffic: %w", len(rows), err)
	}
	w.Unchanged = given - w.Inserted - w.Changed
	return w, nil
}

func putTraffic(ctx context.Context, tx pgx.Tx, rows []surgecast.TrafficMinute, at time.Time, w *surgecast.Written) error {
	for chunk := range slices.Chunk(rows, rowsAtOnce) {
		n := len(chunk)
		sites, segments, minutes := make([]int64, n), make([]string, n), make([]time.Time, n)
		requests, errs, rejected, p95 := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		units, saturated, complete := make([]int32, n), make([]bool, n), make([]bool, n)
		firstN, firstAt := make([]*float64, n), make([]*time.Time, n)
		for i := range chunk {
			r := &chunk[i]
			sites[i], segments[i], minutes[i] = r.SiteID, r.Segment, r.Minute
			requests[i], errs[i], rejected[i], p95[i] = r.Requests, r.Errors, r.Rejected, r.P95MS
			units[i], saturated[i], complete[i] = int32(r.UnitsObserved), r.Saturated, r.Complete
			if !r.FirstAt.IsZero() {
				firstN[i], firstAt[i] = &r.FirstN, &r.FirstAt
			}
		}
		var inserted, changed int
		err := tx.QueryRow(ctx, putTrafficSQL, sites, segments, minutes, requests, errs, rejected, p95, units, saturated, complete, firstN, firstAt, at).
			Scan(&inserted, &changed)
		if err != nil {
			return err
		}
		w.Inserted += inserted
		w.Changed += changed
	}
	return nil
}

// extendTraffic moves the ends of the series rows belong to; rows are sorted.
func extendTraffic(ctx context.Context, tx pgx.Tx, rows []surgecast.TrafficMinute) error {
	var sites []int64
	var segments []string
	var first, last []time.Time
	var complete []*time.Time
	for i := range rows {
		r := &rows[i]
		n := len(sites) - 1
		if n < 0 || sites[n] != r.SiteID || segments[n] != r.Segment {
			sites, segments = append(sites, r.SiteID), append(segments, r.Segment)
			first, last, complete = append(first, r.Minute), append(last, r.Minute), append(complete, nil)
			n++
		}
		last[n] = r.Minute
		if r.Complete {
			complete[n] = &r.Minute
		}
	}
	_, err := tx.Exec(ctx, extendTrafficSQL, sites, segments, first, last, complete)
	return err
}

const crowdedSQL = `
	SELECT count(*) FROM traffic_series
	WHERE  site_id = ANY ($1) AND segment <> $2 AND last_minute >= $3
	GROUP  BY site_id ORDER BY 1 DESC LIMIT 1`

// segmentsFor is how long a kind of traffic counts as one of a site's after its last minute: kinds may be renamed.
const segmentsFor = 7 * 24 * time.Hour

// checkSegments refuses rows that have brought a site more kinds of traffic than it may have: whoever sends addresses
// or names of users as segments would make a series of each.
func checkSegments(ctx context.Context, tx pgx.Tx, rows []surgecast.TrafficMinute) error {
	var sites []int64
	var newest time.Time
	for i := range rows {
		if r := &rows[i]; r.Segment != surgecast.TotalSegment {
			if n := len(sites); n == 0 || sites[n-1] != r.SiteID { // sorted
				sites = append(sites, r.SiteID)
			}
			if r.Minute.After(newest) {
				newest = r.Minute
			}
		}
	}
	if len(sites) == 0 {
		return nil
	}
	var n int
	if err := tx.QueryRow(ctx, crowdedSQL, sites, surgecast.TotalSegment, newest.Add(-segmentsFor)).Scan(&n); err != nil {
		return fmt.Errorf("counting kinds of traffic: %w", err)
	}
	if n > surgecast.MaxSegments {
		return &surgecast.FieldError{
			Field: "segment", Value: fmt.Sprint(n), Detail: fmt.Sprintf("a site has at most %d kinds of traffic in a week", surgecast.MaxSegments),
			Remedy: "Group kinds of traffic: browse, search, checkout.",
		}
	}
	return nil
}

// trafficSQL reads one series after the other. OFFSET 0 keeps the planner from turning the loop inside
// out: bounds then reach the partitions and the index, in both halves of the view.
const trafficSQL = `
	SELECT t.site_id, t.segment, t.minute, t.requests, t.errors, t.rejected, t.p95_ms, t.units_observed, t.saturated, t.complete, t.first_n, t.first_at
	FROM   unnest($1::bigint[], $2::timestamptz[]) AS n (site_id, since)
	CROSS  JOIN LATERAL (
		SELECT * FROM traffic
		WHERE  site_id = n.site_id AND minute >= n.since AND minute < $3
		AND    hour >= date_trunc('hour', n.since, 'UTC') AND hour < $3
		OFFSET 0
	) t
	ORDER  BY t.site_id, t.minute, t.segment`

// TrafficSince reads the minutes each site has from from[i] on and before until, by site, minute and
// segment. A minute whose source did not report the whole gets a total row that sums its segments.
func (s *Store) TrafficSince(ctx context.Context, siteIDs []int64, from []time.Time, until time.Time) ([]surgecast.TrafficMinute, error) {
	if len(siteIDs) != len(from) {
		return nil, fmt.Errorf("reading traffic: %d sites and %d beginnings", len(siteIDs), len(from))
	}
	rows, _ := s.pool.Query(ctx, trafficSQL, orEmpty(siteIDs), orEmpty(from), until)
	ms, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m surgecast.TrafficMinute, err error) {
		var firstN *float64
		var firstAt *time.Time
		err = row.Scan(&m.SiteID, &m.Segment, &m.Minute, &m.Requests, &m.Errors, &m.Rejected, &m.P95MS, &m.UnitsObserved,
			&m.Saturated, &m.Complete, &firstN, &firstAt)
		if firstAt != nil {
			m.FirstN, m.FirstAt = *firstN, firstAt.UTC()
		}
		m.Minute = m.Minute.UTC()
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading traffic of %d sites: %w", len(siteIDs), err)
	}
	return withTotals(ms), nil
}

// Traffic reads the minutes of one segment that have a row, [from, to), in order.
func (s *Store) Traffic(ctx context.Context, siteID int64, segment string, from, to time.Time) ([]surgecast.TrafficMinute, error) {
	ms, err := s.TrafficSince(ctx, []int64{siteID}, []time.Time{from}, to)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(ms, func(m surgecast.TrafficMinute) bool { return m.Segment != segment }), nil
}

// withTotals adds a total to every minute that has none. The rest of a total: complete if all segments
// are, a lower bound if one is, as slow as the slowest, first published when the last was.
func withTotals(ms []surgecast.TrafficMinute) []surgecast.TrafficMinute {
	var out []surgecast.TrafficMinute
	for i := 0; i < len(ms); {
		j := i
		for j < len(ms) && ms[j].SiteID == ms[i].SiteID && ms[j].Minute.Equal(ms[i].Minute) {
			j++
		}
		minute := ms[i:j]
		i = j
		out = append(out, minute...)
		if slices.ContainsFunc(minute, func(m surgecast.TrafficMinute) bool { return m.Segment == surgecast.TotalSegment }) {
			continue
		}
		t := surgecast.TrafficMinute{SiteID: minute[0].SiteID, Segment: surgecast.TotalSegment, Minute: minute[0].Minute, Complete: true}
		published := true
		for _, m := range minute {
			t.Requests += m.Requests
			t.Errors += m.Errors
			t.Rejected += m.Rejected
			t.P95MS = max(t.P95MS, m.P95MS)
			t.UnitsObserved = max(t.UnitsObserved, m.UnitsObserved)
			t.Saturated = t.Saturated || m.Saturated
			t.Complete = t.Complete && m.Complete
			t.FirstN += m.FirstN
			if m.FirstAt.After(t.FirstAt) {
				t.FirstAt = m.FirstAt
			}
			published = published && !m.FirstAt.IsZero()
		}
		if !published {
			t.FirstN, t.FirstAt = 0, time.Time{}
		}
		out = append(out, t)
	}
	return out
}

// A site that reports the whole is complete when that is; else its segments speak for it. A quiet
// segment has no rows and must not hold the others back, so the farthest counts.
const trafficFrontiersSQL = `
	SELECT site_id, min(first_minute),
		coalesce(max(last_complete) FILTER (WHERE segment = 'total'), max(last_complete))
	FROM   traffic_series
	GROUP  BY site_id
	HAVING max(last_complete) IS NOT NULL`

// TrafficFrontiers is, per site that has one, its first minute and its last complete one.
func (s *Store) TrafficFrontiers(ctx context.Context) (map[int64]surgecast.Frontier, error) {
	rows, _ := s.pool.Query(ctx, trafficFrontiersSQL)
	fs := map[int64]surgecast.Frontier{}
	var f surgecast.Frontier
	_, err := pgx.ForEachRow(rows, []any{&f.SiteID, &f.First, &f.Last}, func() error {
		f.First, f.Last = f.First.UTC(), f.Last.UTC()
		fs[f.SiteID] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading how far traffic reaches: %w", err)
	}
	return fs, nil
}
