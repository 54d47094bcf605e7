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
	src, err := s.EnsureSource(b.Context(), surgecast.Source{Slug: "bench-" + surgecast.NewSecret(4), Kind: surgecast.SourcePosts, Mode: surgecast.Increments, StepSeconds: 60})
	if err != nil {
		b.Fatal(err)
	}
	// The topics of a benchmark before are of no interest: one server serves them all.
	for _, sql := range []string{`DELETE FROM site_topic`, `DELETE FROM site`, `DELETE FROM topic`, `TRUNCATE mention_series`, `TRUNCATE model_state`, `DELETE FROM lease`} {
		if _, err := pool.Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
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

// benchPlace is a database with sites, each fed by a topic of its own, and more topics that feed nothing.
type benchPlace struct {
	b      *testing.B
	s      *store.Store
	pool   *pgxpool.Pool
	src    surgecast.Source
	lease  surgecast.Lease
	cursor string
	first  int64 // topic
	topics int
	sites  []int64
	at     int // minutes written
}

func newBench(b *testing.B, topics, sites int) *benchPlace {
	b.Helper()
	p := &benchPlace{b: b, topics: topics}
	p.s, p.pool = openBench(b)
	p.first, p.src = benchTopics(b, p.s, p.pool, topics)
	p.lease = ingestLease(b, p.s)
	var first int64
	if err := p.pool.QueryRow(b.Context(), `SELECT coalesce(max(id), 0) FROM site`).Scan(&first); err != nil {
		b.Fatal(err)
	}
	for i := range sites {
		site := surgecast.Site{
			AccountID: surgecast.DefaultAccount, Slug: "bench-" + surgecast.NewSecret(4) + strconv.Itoa(i), Mode: surgecast.ModeAct, CreatedAt: t0,
			Capacity: surgecast.CapacityProfile{Units: 8, RPMPerUnit: 100, LeadTimeP95Seconds: 300, SustainMinutes: 3, CostLostRequest: .01, CostIdleUnitHour: .2},
		}
		site.Default()
		site, err := p.s.CreateSite(b.Context(), site)
		if err != nil {
			b.Fatal(err)
		}
		p.sites = append(p.sites, site.ID)
	}
	if sites > 0 {
		// Every hundredth topic feeds a site: some are hot, most are not.
		if _, err := p.pool.Exec(b.Context(), `INSERT INTO site_topic (site_id, topic_id, since, weight) SELECT s, $2 + (i - 1) * $4, $3, 1 FROM unnest($1::bigint[]) WITH ORDINALITY u (s, i)`,
			p.sites, p.first, t0, max(1, topics/sites)); err != nil {
			b.Fatal(err)
		}
	}
	return p
}

// minute writes the next minute of traffic and talk, and closes it.
func (p *benchPlace) minute() {
	rows := make([]surgecast.TrafficMinute, len(p.sites))
	for k := range rows {
		rows[k] = surgecast.TrafficMinute{SiteID: p.sites[k], Segment: surgecast.TotalSegment, Minute: minute(p.at), Requests: quiet(uint64(k), p.at, 400), Complete: true}
	}
	if _, err := p.s.PutTraffic(p.b.Context(), rows, minute(p.at+1)); err != nil {
		p.b.Fatal(err)
	}
	minuteOfTalk(p.b, p.s, p.lease, &p.cursor, p.first, p.topics, p.src, p.at)
	p.at++
}

// benchHour sweeps an hour, minute by minute: every series stores its snapshot once or more in it. As in
// serve, the engine looks 30 times a minute and finds something once.
func benchHour(b *testing.B, topics, sites int) {
	p := newBench(b, topics, sites)
	now := minute(0)
	e := New(Config{Store: p.s, Clock: func() time.Time { return now }, Holder: "bench"})
	most, idle := 0., time.Duration(0)
	sweep := func() Result {
		res, err := e.Sweep(b.Context(), now)
		if err != nil {
			b.Fatal(err)
		}
		return res
	}
	for p.at < 40 { // rare topics are series from their first mention on
		p.minute()
	}
	now = minute(p.at)
	sweep()
	for range 12 { // after a start every site wants a snapshot, a hundred a sweep: that is not what a minute costs
		p.minute()
		now = minute(p.at)
		sweep()
	}
	var wal, took float64
	minutes := 0
	for b.Loop() {
		for range size(b, "MINUTES", 60) {
			p.minute()
			now = minute(p.at)
			was, begin := written(b, p.pool), time.Now()
			if res := sweep(); len(res.Forecasts) != sites {
				b.Fatalf("%d forecasts, want %d", len(res.Forecasts), sites)
			}
			first := time.Since(begin)
			for k := range 29 {
				now = minute(p.at).Add(time.Duration(k+1) * 2 * time.Second)
				sweep()
			}
			wal += written(b, p.pool) - was
			took += time.Since(begin).Seconds()
			idle += time.Since(begin) - first
			most = max(most, first.Seconds())
			minutes++
		}
	}
	topicsHeard, full := len(e.talks), resident()
	runtime.KeepAlive(e)
	for _, m := range []struct {
		v    float64
		unit string
	}{
		{float64(topicsHeard), "topics-heard"},
		{took / float64(minutes), "s/minute"},
		{20, "s/budget"},
		{most, "s/longest-sweep"},
		{idle.Seconds() / float64(minutes), "s/idle-looks"},
		{wal / 1e6 / float64(minutes), "MB-wal/minute"},
		{25, "MB/budget"},
		{full, "MiB-resident"},
		{1024, "MiB/budget"},
	} {
		b.ReportMetric(m.v, m.unit)
	}
}

// An hour of 100,000 topics and 1,000 linked sites: from counts in the database to committed rows, with all
// snapshots and ledger rows that fall into it. This is the budget of DESIGN 11.
func BenchmarkSweep(b *testing.B) { benchHour(b, size(b, "TOPICS", 100_000), size(b, "SITES", 1000)) }

// The same of the sites alone, each fed by a topic of its own, and of the topics alone.
func BenchmarkSweepSites(b *testing.B) {
	n := size(b, "SITES", 1000)
	benchHour(b, n, n)
}

func BenchmarkSweepTopics(b *testing.B) { benchHour(b, size(b, "TOPICS", 100_000), 0) }

// A second engine takes over from one that was killed, with 100,000 topics and 1,000 sites: from the moment
// its leases may be taken to the first sweep with all of them. The leases' own 10 seconds come on top.
func BenchmarkTakeover(b *testing.B) {
	p := newBench(b, size(b, "TOPICS", 100_000), size(b, "SITES", 1000))
	for p.at < 40 {
		p.minute()
	}
	now := minute(p.at)
	config := func(holder string) Config {
		return Config{Store: p.s, Clock: func() time.Time { return now }, Holder: holder}
	}
	e := New(config("first"))
	if _, err := e.Sweep(b.Context(), now); err != nil {
		b.Fatal(err)
	}
	for range size(b, "MINUTES", 60) { // snapshots of all ages
		p.minute()
		now = minute(p.at)
		if _, err := e.Sweep(b.Context(), now); err != nil {
			b.Fatal(err)
		}
	}
	runs := 0
	for b.Loop() {
		b.StopTimer()
		p.minute()
		now = minute(p.at)
		if _, err := p.pool.Exec(b.Context(), `UPDATE lease SET expires_at = '-infinity' WHERE name LIKE 'engine%'`); err != nil {
			b.Fatal(err)
		}
		runs++
		next := New(config("next" + strconv.Itoa(runs)))
		b.StartTimer()
		res, err := next.Sweep(b.Context(), now)
		if err != nil {
			b.Fatal(err)
		}
		if len(res.Forecasts) != len(p.sites) || len(next.talks) < len(e.talks) {
			b.Fatalf("%d forecasts and %d topics, want %d and %d", len(res.Forecasts), len(next.talks), len(p.sites), len(e.talks))
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/takeover")
	b.ReportMetric(60-leaseTTL.Seconds(), "s/budget")
	b.ReportMetric(resident(), "MiB-resident")
}
