package store_test

import (
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

// benchURL names a migrated database on a server with default durability. Without it the benchmarks run
// on the tests' own server, which does not wait for the disk, and say so.
const benchURL = "SURGECAST_BENCH_DATABASE_URL"

func openBench(b *testing.B) (*store.Store, *pgxpool.Pool) {
	url := os.Getenv(benchURL)
	if url == "" {
		url = storetest.URL(b)
	}
	s, err := store.Open(b.Context(), url, store.Options{})
	ok(b, err)
	b.Cleanup(s.Close)
	if d := ask[string](b, s.Pool(), `SELECT current_setting('fsync') || '/' || current_setting('synchronous_commit')`); d != "on/on" {
		b.Logf("not durable (fsync/synchronous_commit %s): set %s to a server with default settings", d, benchURL)
	}
	return s, s.Pool()
}

// budgetSeconds is what writing one minute of 100,000 series may take: a tenth of the minute, half of
// what a sweep has.
const budgetSeconds = 10

func report(b *testing.B, rows int) {
	perOp := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(float64(rows)/perOp, "rows/s")
	b.ReportMetric(perOp, "s/minute")
	b.ReportMetric(budgetSeconds, "s/budget")
}

// benchMinute is a fresh minute for each round: the last one was a minute ago.
var benchMinute = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func nextMinute() time.Time {
	benchMinute = benchMinute.Add(time.Minute)
	return benchMinute
}

func empty(b *testing.B, pool *pgxpool.Pool) {
	b.Helper()
	for _, table := range []string{"traffic_minute", "traffic_hour", "traffic_series", "mention_minute", "mention_hour", "mention_series"} {
		change(b, pool, `TRUNCATE `+table)
	}
	change(b, pool, `UPDATE compaction SET before = '-infinity'`) // else every minute of a second run is a correction
}

func BenchmarkPutTraffic100k(b *testing.B) {
	s, pool := openBench(b)
	empty(b, pool)
	rows := make([]surgecast.TrafficMinute, 100_000)
	for b.Loop() {
		at := nextMinute()
		for i := range rows {
			rows[i] = requests(int64(i+1), at, float64(i%997))
		}
		if _, err := s.PutTraffic(b.Context(), rows, at); err != nil {
			b.Fatal(err)
		}
	}
	report(b, len(rows))
}

// Half of the minutes are there already, with another value.
func BenchmarkPutMentions100k(b *testing.B) {
	s, pool := openBench(b)
	empty(b, pool)
	rows := make([]surgecast.MentionMinute, 100_000)
	at, n := nextMinute(), 0
	for b.Loop() {
		if n++; n%2 == 1 {
			at = nextMinute()
		}
		for i := range rows {
			rows[i] = mention(int64(i+1), 1, at, float64(i%997+n))
		}
		if _, err := s.PutMentions(b.Context(), rows, at); err != nil {
			b.Fatal(err)
		}
	}
	report(b, len(rows))
}

// A stream with 10,000 topics commits once a second: 60 times the same minute, with its cursor.
func BenchmarkAddMentions10k(b *testing.B) {
	s, pool := openBench(b)
	empty(b, pool)
	src, err := s.EnsureSource(b.Context(), aSource("bench", surgecast.Increments))
	ok(b, err)
	l := lease(b, s, "bench")
	cursor, err := s.Cursor(b.Context(), src.ID)
	ok(b, err)
	rows := make([]surgecast.MentionMinute, 10_000)
	at, n := nextMinute(), number(cursor)
	for b.Loop() {
		if n%60 == 0 {
			at = nextMinute()
		}
		for i := range rows {
			rows[i] = mention(int64(i+1), src.ID, at, 5)
		}
		next := place(n + 1)
		if err := s.AddMentions(b.Context(), l, src.ID, cursor, next, rows, at); err != nil {
			b.Fatal(err)
		}
		cursor, n = next, n+1 // whatever another benchmark left there before
	}
	perOp := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(float64(len(rows))/perOp, "rows/s")
	b.ReportMetric(perOp, "s/commit")
	b.ReportMetric(1, "s/budget") // a commit a second
}

// A sweep of 1,000 sites whose every forecast is new.
func BenchmarkSaveSweep1kSites(b *testing.B) {
	s, pool := openBench(b)
	change(b, pool, `TRUNCATE site_forecast, ledger_head, recommendation`)
	l := []surgecast.Lease{lease(b, s, "bench")}
	var before int64
	var sweeps int64
	before = ask[int64](b, pool, `SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint`)
	for b.Loop() {
		at := nextMinute()
		sw := surgecast.Sweep{At: at, Leases: l}
		for site := range int64(1000) {
			sw.Forecasts = append(sw.Forecasts, aForecast(site+1, "total", at, 1))
		}
		ok(b, s.SaveSweep(b.Context(), sw))
		sweeps++
	}
	perOp := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(perOp, "s/sweep")
	b.ReportMetric(float64(ask[int64](b, pool, `SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint`)-before)/float64(sweeps)/1e6, "MB_WAL/sweep")
	b.ReportMetric(20, "s/budget")
}

// An hour of 20,000 topics in every minute becomes one row each.
func BenchmarkCompactHour(b *testing.B) {
	s, pool := openBench(b)
	empty(b, pool)
	const topics = 20_000
	rows := make([]surgecast.MentionMinute, topics)
	hour := nextMinute().Truncate(time.Hour).AddDate(1, 0, 0)
	for b.Loop() {
		b.StopTimer()
		for m := range 60 {
			for i := range rows {
				rows[i] = mention(int64(i+1), 1, hour.Add(time.Duration(m)*time.Minute), float64(i%97))
			}
			if _, err := s.PutMentions(b.Context(), rows, hour); err != nil {
				b.Fatal(err)
			}
		}
		hour = hour.Add(time.Hour)
		b.StartTimer()
		ok(b, s.CompactBefore(b.Context(), hour))
	}
	report(b, topics*60)
}
