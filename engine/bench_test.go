package engine

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

// benchURL names a migrated, empty database on a server with default durability. Without it the benchmarks
// run on the tests' own server, which does not wait for the disk, and say so.
const benchURL = "SURGECAST_BENCH_DATABASE_URL"

func openBench(b *testing.B) (*store.Store, *pgxpool.Pool) {
	b.Helper()
	url := os.Getenv(benchURL)
	if url == "" {
		url = storetest.URL(b)
	}
	s, err := store.Open(b.Context(), url, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	var d string
	if err := s.Pool().QueryRow(b.Context(), `SELECT current_setting('fsync') || '/' || current_setting('synchronous_commit')`).Scan(&d); err != nil {
		b.Fatal(err)
	}
	if d != "on/on" {
		b.Logf("not durable (fsync/synchronous_commit %s): set %s to a server with default settings", d, benchURL)
	}
	return s, s.Pool()
}

// resident is the process's memory in MiB, as the kernel counts it, after a collection.
func resident() float64 {
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return math.NaN()
	}
	for l := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(l, "VmRSS:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return math.NaN()
}

// written is how many bytes the server's log has grown to.
func written(b *testing.B, pool *pgxpool.Pool) float64 {
	b.Helper()
	var n float64
	if err := pool.QueryRow(context.Background(), `SELECT pg_current_wal_insert_lsn() - '0/0'`).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// size is SURGECAST_BENCH_<name>, for a machine with less time or memory than the budget's.
func size(b *testing.B, name string, n int) int {
	b.Helper()
	if s := os.Getenv("SURGECAST_BENCH_" + name); s != "" {
		k, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%s: %d instead of %d", name, k, n)
		return k
	}
	return n
}

// benchTopics makes so many topics of one feed by SQL, and answers their first id.
func benchTopics(b *testing.B, s *store.Store, pool *pgxpool.Pool, n int) (first int64, src surgecast.Source) {
	b.Helper()
	src, err := s.EnsureSource(b.Context(), surgecast.Source{Slug: "bench", Kind: surgecast.SourcePosts, Mode: surgecast.Increments, StepSeconds: 60})
	if err != nil {
		b.Fatal(err)
	}
	one, err := s.CreateTopic(b.Context(), surgecast.Topic{AccountID: surgecast.DefaultAccount, Slug: "bench-first", Any: []string{"x"}, Since: t0, CreatedAt: t0, Revision: 1})
	if err != nil {
		b.Fatal(err)
	}
	for _, sql := range []string{
		`INSERT INTO topic (account_id, slug, name, revision, simulated, created_at, updated_at)
			SELECT account_id, 'bench-' || i, name, revision, simulated, created_at, updated_at FROM topic, generate_series(2, $1::int) i WHERE slug = 'bench-first'`,
		`INSERT INTO topic_revision (topic_id, revision, any_of, and_of, none_of, since)
			SELECT t.id, r.revision, r.any_of, r.and_of, r.none_of, r.since
			FROM topic_revision r JOIN topic o ON o.id = r.topic_id AND o.slug = 'bench-first', topic t WHERE t.id > o.id AND $1::int > 0`,
	} {
		if _, err := pool.Exec(b.Context(), sql, n); err != nil {
			b.Fatal(err)
		}
	}
	return one.ID, src
}

// zipf is the mean mentions a minute of topic i of n: 5 % are hot, with at least one every two minutes.
func zipf(i, n int) float64 { return .5 * math.Pow(float64(n)*.05/float64(i+1), .9) }

// minuteOfTalk writes one minute of n topics and closes it, as a stream does.
func minuteOfTalk(b *testing.B, s *store.Store, lease surgecast.Lease, cursor *string, first int64, n int, src surgecast.Source, i int) (rows int) {
	b.Helper()
	r := noise(21, i)
	var ms []surgecast.MentionMinute
	for k := range n {
		x := poisson(r, zipf(k, n))
		if x > 0 {
			ms = append(ms, surgecast.MentionMinute{TopicID: first + int64(k), Minute: minute(i), Raw: x, Organic: x, Authors: x})
		}
	}
	next := minute(i).String()
	if err := s.AddMentions(b.Context(), lease, src.ID, *cursor, next, ms, minute(i+1)); err != nil {
		b.Fatal(err)
	}
	*cursor = next
	if err := s.MarkSourceMinutes(b.Context(), src.ID, minute(i), minute(i+1), true, minute(i+1)); err != nil {
		b.Fatal(err)
	}
	return len(ms)
}

// poisson draws a count by Knuth's product of uniforms; beyond 30 a normal does.
func poisson(r *rand.Rand, mean float64) float64 {
	if mean > 30 {
		return math.Max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()))
	}
	n, least := -1., math.Exp(-mean)
	for p := 1.; p > least; p *= r.Float64() {
		n++
	}
	return n
}

func ingestLease(b *testing.B, s *store.Store) surgecast.Lease {
	b.Helper()
	lease, mine, err := s.AcquireLease(b.Context(), "ingest/bench", "bench", time.Hour)
	if err != nil || !mine {
		b.Fatalf("lease: %t, %v", mine, err)
	}
	return lease
}

// One minute of 1,000 sites, each fed by a topic of its own: from counts in the database to committed rows.
// The budget, 20 s, is for these and 100,000 topics together.
func BenchmarkSweepSites(b *testing.B) {
	s, pool := openBench(b)
	n := size(b, "SITES", 1000)
	first, src := benchTopics(b, s, pool, n)
	lease, cursor := ingestLease(b, s), ""
	ids := make([]int64, n)
	for i := range ids {
		site := surgecast.Site{
			AccountID: surgecast.DefaultAccount, Slug: "bench-" + strconv.Itoa(i), Mode: surgecast.ModeAct, CreatedAt: t0,
			Capacity: surgecast.CapacityProfile{Units: 8, RPMPerUnit: 100, LeadTimeP95Seconds: 300, SustainMinutes: 3, CostLostRequest: .01, CostIdleUnitHour: .2},
		}
		site.Default()
		site, err := s.CreateSite(b.Context(), site)
		if err != nil {
			b.Fatal(err)
		}
		ids[i] = site.ID
	}
	if _, err := pool.Exec(b.Context(), `INSERT INTO site_topic (site_id, topic_id, since, weight) SELECT $1 + i, $2 + i, $3, 1 FROM generate_series(0, $4::int - 1) i`, ids[0], first, t0, n); err != nil {
		b.Fatal(err)
	}
	put := func(i int) {
		rows := make([]surgecast.TrafficMinute, n)
		for k := range rows {
			rows[k] = surgecast.TrafficMinute{SiteID: ids[k], Segment: surgecast.TotalSegment, Minute: minute(i), Requests: quiet(uint64(k), i, 400), Complete: true}
		}
		if _, err := s.PutTraffic(b.Context(), rows, minute(i+1)); err != nil {
			b.Fatal(err)
		}
		minuteOfTalk(b, s, lease, &cursor, first, n, src, i)
	}
	e := New(Config{Store: s, Clock: func() time.Time { return t0 }, Holder: "bench"})
	i := 0
	sweep := func() Result {
		res, err := e.Sweep(b.Context(), minute(i))
		if err != nil {
			b.Fatal(err)
		}
		return res
	}
	for ; i < 30; i++ {
		put(i)
	}
	sweep()
	wal := written(b, pool)
	for b.Loop() {
		b.StopTimer()
		put(i)
		i++
		b.StartTimer()
		if res := sweep(); len(res.Forecasts) != n {
			b.Fatalf("%d forecasts, want %d", len(res.Forecasts), n)
		}
	}
	wal = written(b, pool) - wal
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/minute")
	b.ReportMetric(20, "s/budget")
	b.ReportMetric(wal/1e6/float64(b.N), "MB-wal/minute")
	b.ReportMetric(25, "MB/budget")
	b.ReportMetric(resident(), "MiB-resident")
	runtime.KeepAlive(e)
	b.ReportMetric(1024, "MiB/budget")
}

// One minute of 100,000 topics with Zipf counts, 5 % of them hot: from counts in the database to series that
// have taken them in, with the snapshots that fall into that minute.
func BenchmarkSweepTopics(b *testing.B) {
	s, pool := openBench(b)
	n := size(b, "TOPICS", 100_000)
	first, src := benchTopics(b, s, pool, n)
	lease, cursor := ingestLease(b, s), ""
	i := 0
	put := func() {
		minuteOfTalk(b, s, lease, &cursor, first, n, src, i)
		i++
	}
	e := New(Config{Store: s, Clock: func() time.Time { return t0 }, Holder: "bench"})
	sweep := func() Result {
		res, err := e.Sweep(b.Context(), minute(i))
		if err != nil {
			b.Fatal(err)
		}
		return res
	}
	for i < 40 { // rare topics are series from their first mention on
		put()
	}
	bare := resident()
	sweep()
	topics := len(e.talks)
	wal := written(b, pool)
	for b.Loop() {
		b.StopTimer()
		put()
		b.StartTimer()
		sweep()
	}
	wal = written(b, pool) - wal
	full := resident()
	runtime.KeepAlive(e)
	b.ReportMetric(float64(topics), "topics-heard")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/minute")
	b.ReportMetric(20, "s/budget")
	b.ReportMetric(wal/1e6/float64(b.N), "MB-wal/minute")
	b.ReportMetric(25, "MB/budget")
	b.ReportMetric(full, "MiB-resident")
	b.ReportMetric((full-bare)*1024/float64(max(topics, 1)), "KiB/topic")
	b.ReportMetric(1024, "MiB/budget")
}
