package jetstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"surgecast/ingest"
	"surgecast/ingest/jetstream"
	"surgecast/ingest/jetstream/jetstreamtest"
	"surgecast/ingest/match"
	"surgecast/migrations"
	"surgecast/store"
)

// The record of the social web, posts in a second (X, 3 August 2013).
const record = 143_199

const benchTopics = 10_000

// zipfWords puts eight words before a post, from a vocabulary of 60,000 in which word n comes about as often
// as 1/n; every sixth word is a topic.
func zipfWords(i int64) string {
	var b strings.Builder
	n := uint64(i)
	for range 8 {
		n = n*6364136223846793005 + 1442695040888963407
		u := float64(n>>11) / (1 << 53)
		fmt.Fprintf(&b, "z%d ", int(math.Exp(u*math.Log(60_000))))
	}
	return b.String()
}

// postsLog plays the posts among the samples only.
func postsLog(b testing.TB) *jetstreamtest.Log {
	b.Helper()
	var posts [][]byte
	for _, line := range samples(b) {
		if s := string(line); strings.Contains(s, `"collection":"app.bsky.feed.post"`) && strings.Contains(s, `"operation":"create"`) {
			posts = append(posts, line)
		}
	}
	l, err := jetstreamtest.NewLog(posts)
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func benchLog(b testing.TB) *jetstreamtest.Log {
	b.Helper()
	l := postsLog(b)
	l.Words, l.Authors, l.Every = zipfWords, 200_000, 20*time.Microsecond
	l.Start = time.Now().Add(-2 * time.Minute).Truncate(time.Minute)
	return l
}

func benchTerm(n int) string { return fmt.Sprintf("z%d", 6*n+1) }

// decode + fold + match on one core, 10,000 topics. Budget: 60,000 posts/s.
func BenchmarkDecodeFoldMatch(b *testing.B) {
	l := benchLog(b)
	topics := make([]match.Topic, benchTopics)
	for n := range topics {
		topics[n] = match.Topic{ID: int64(n + 1), Any: []string{benchTerm(n)}}
	}
	set, err := match.Build(topics)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := ingest.OpenKeys(b.TempDir()+"/key", time.Now)
	if err != nil {
		b.Fatal(err)
	}
	const posts = 20_000
	lines := make([][]byte, posts)
	bytes := 0
	for i := range lines {
		lines[i] = l.Append(nil, int64(i), 0)
		bytes += len(lines[i])
	}
	var s match.Scratch
	hits, n := 0, 0
	b.SetBytes(int64(bytes / posts))
	b.ReportAllocs()
	for b.Loop() {
		p, err := jetstream.DecodeForTest(keys.HashAt, lines[n%posts])
		if err != nil {
			b.Fatal(err)
		}
		hits += len(set.Match(&s, p.Text, p.Tags, p.Links))
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "posts/s")
	b.ReportMetric(60_000, "posts/s-budget")
	b.ReportMetric(float64(hits)/float64(n), "topics/post")
}

// Bytes on a real websocket until their counts are committed, 10,000 topics, the server and PostgreSQL on the
// same machine. Budget: 50,000 posts/s. What was counted must be what a recount finds.
func BenchmarkSocketToCommitted(b *testing.B) {
	const posts = 600_000
	url := os.Getenv("SURGECAST_BENCH_DATABASE_URL")
	if url == "" {
		pg, _ := ownPostgres(b)
		url = pg.URL()
	} else if err := migrations.Up(b.Context(), url); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := store.Open(b.Context(), url, store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		durable := tenThousandTopics(b, s)
		l := benchLog(b)
		h := &jetstreamtest.Host{Log: l, Until: posts, Rush: true, Clock: time.Now}
		host := h.Start()
		keys, err := ingest.OpenKeys(b.TempDir()+"/key", time.Now)
		if err != nil {
			b.Fatal(err)
		}
		st, err := jetstream.New(jetstream.Options{Hosts: []string{host}, Hash: keys.HashAt, Clock: time.Now})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 1)
		began := time.Now()
		go func() {
			done <- ingest.New(ingest.Config{Store: s, Clock: time.Now, Holder: fmt.Sprint(began), Streams: []ingest.Stream{st}}).Run(ctx)
		}()
		want := fmt.Sprintf(`"us\":%d`, l.Stamp(posts-1))
		for { // until the cursor stands behind the last post
			var at string
			_ = s.Pool().QueryRow(ctx, `SELECT coalesce(max(position), '') FROM ingest_cursor c JOIN source s ON s.id = c.source_id WHERE s.slug = 'bluesky'`).Scan(&at)
			if strings.Contains(at, want) {
				break
			}
			if time.Since(began) > 2*time.Minute {
				b.Fatalf("not through after two minutes: %.200s", at)
			}
			time.Sleep(20 * time.Millisecond)
		}
		took := time.Since(began)
		cancel()
		<-done
		h.Stop()
		b.ReportMetric(posts/took.Seconds(), "posts/s")
		b.ReportMetric(50_000, "posts/s-budget")
		b.ReportMetric(record, "posts/s-record")
		b.Logf("n = %d posts in %.2f s; on the same machine: the feed's server and PostgreSQL (fsync/synchronous_commit %s)", posts, took.Seconds(), durable)
		check(b, s, l, posts)
		s.Close()
	}
}

// tenThousandTopics empties the counts and makes the topics of a benchmark; it says how durable commits are.
func tenThousandTopics(t testing.TB, s *store.Store) (durable string) {
	t.Helper()
	exec := func(sql string, args ...any) {
		if _, err := s.Pool().Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Pool().QueryRow(t.Context(), `SELECT current_setting('fsync') || '/' || current_setting('synchronous_commit')`).Scan(&durable); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"mention_minute", "mention_hour", "mention_series", "source_minute", "ingest_gap", "ingest_recent", "topic_past", "ingest_rules", "source_health"} {
		exec(`TRUNCATE ` + table)
	}
	exec(`DELETE FROM ingest_cursor WHERE source_id IN (SELECT id FROM source WHERE slug = 'bluesky')`)
	exec(`DELETE FROM topic WHERE slug LIKE 'bench-%'`)
	exec(`INSERT INTO topic (account_id, slug, name, revision, simulated, created_at, updated_at) SELECT 1, 'bench-' || n, 'bench', 1, false, now(), now() FROM generate_series(1, $1) n`, benchTopics)
	terms := make([]string, benchTopics)
	for n := range terms {
		terms[n] = benchTerm(n)
	}
	exec(`INSERT INTO topic_revision (topic_id, revision, any_of, and_of, none_of, since)
		SELECT t.id, 1, ARRAY[u.term], '{}', '{}', now() - interval '1 hour' FROM unnest($1::text[]) WITH ORDINALITY u (term, n) JOIN topic t ON t.slug = 'bench-' || u.n`, terms)
	exec(`UPDATE compaction SET before = '-infinity'`)
	return durable
}

// check compares with a recount: every word of every post, as JSON and strings see it.
func check(b testing.TB, s *store.Store, l *jetstreamtest.Log, posts int64) {
	type key struct {
		term   string
		minute int64
	}
	want := map[key]float64{}
	isTopic := map[string]bool{}
	for n := range benchTopics {
		isTopic[benchTerm(n)] = true
	}
	var line []byte
	for i := range posts {
		var e struct {
			Time   int64 `json:"time_us"`
			Commit struct{ Record struct{ Text string } }
		}
		line = l.Append(line[:0], i, 0)
		if err := json.Unmarshal(line, &e); err != nil {
			b.Fatal(err)
		}
		seen := map[string]bool{}
		for w := range strings.FieldsSeq(e.Commit.Record.Text) {
			if isTopic[w] && !seen[w] {
				seen[w] = true
				want[key{w, e.Time / 60e6 * 60}]++
			}
		}
	}
	rows, err := s.Pool().Query(b.Context(), `SELECT r.any_of[1], extract(epoch FROM m.minute)::bigint, m.raw FROM mention m JOIN topic_revision r USING (topic_id) JOIN source s ON s.id = m.source_id WHERE s.slug = 'bluesky'`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var total float64
	n := 0
	for rows.Next() {
		var k key
		var raw float64
		if err := rows.Scan(&k.term, &k.minute, &raw); err != nil {
			b.Fatal(err)
		}
		if want[k] != raw {
			b.Errorf("%s at %d: %v counted, %v is right", k.term, k.minute, raw, want[k])
		}
		total += raw
		n++
	}
	if n != len(want) {
		b.Errorf("%d buckets, want %d", n, len(want))
	}
	b.Logf("%v mentions in %d buckets, as recounted", total, n)
}
