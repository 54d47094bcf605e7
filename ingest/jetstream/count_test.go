package jetstream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"surgecast"
	"surgecast/ingest"
	"surgecast/ingest/jetstream"
	"surgecast/ingest/jetstream/jetstreamtest"
	"surgecast/store"
	"surgecast/store/storetest"
)

// patience is a net under a test that would hang, not a judgement of speed: the machine may be busy.
const patience = 4 * time.Minute

// samples are the 152 events recorded from the real stream, when they are there, and otherwise lines of our
// own in the same form.
func samples(t testing.TB) [][]byte {
	t.Helper()
	b, err := os.ReadFile("../../../shared/data/feeds/bluesky_jetstream_v1_masked_152.jsonl")
	if err != nil {
		if b, err = os.ReadFile("testdata/own.jsonl"); err != nil {
			t.Fatal(err)
		}
		t.Log("the recorded events are not there: playing our own lines")
	}
	return bytes.Split(bytes.TrimSpace(b), []byte("\n"))
}

// vocabulary puts words of a topic before about half of the posts: post i gets words w0 … w9, and the text
// of a post is told from every other by a number in letters, so that few are copies.
func vocabulary(i int64) string {
	n := uint64(i)*0x9e3779b97f4a7c15 ^ uint64(i)>>3
	n ^= n >> 29
	switch n % 4 {
	case 0:
		return fmt.Sprintf("about w%d and", n>>8%10)
	case 1:
		return fmt.Sprintf("W%d! w%d", n>>8%10, n>>16%10)
	default:
		return "nothing"
	}
}

func newLog(t testing.TB, start time.Time, every time.Duration) *jetstreamtest.Log {
	t.Helper()
	l, err := jetstreamtest.NewLog(samples(t))
	if err != nil {
		t.Fatal(err)
	}
	l.Start, l.Every, l.Words, l.Authors = start, every, vocabulary, 500
	return l
}

// tally is what an independent recount finds: topic w → minute → posts.
type tally map[int]map[int64]float64

// recount reads the bytes of events [from, to) as any JSON, and looks for words as anybody would.
func recount(t testing.TB, l *jetstreamtest.Log, from, to int64) tally {
	t.Helper()
	out := tally{}
	for i := from; i < to; i++ {
		var e struct {
			Time   int64 `json:"time_us"`
			Commit struct {
				Operation, Collection string
				Record                struct{ Text string }
			}
		}
		if err := json.Unmarshal(l.Append(nil, i, 0), &e); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if e.Commit.Operation != "create" || e.Commit.Collection != "app.bsky.feed.post" {
			continue
		}
		seen := map[int]bool{}
		for _, w := range strings.FieldsFunc(strings.ToLower(e.Commit.Record.Text), func(r rune) bool { return strings.ContainsRune(" !,.\n", r) }) {
			var n int
			if c, err := fmt.Sscanf(w, "w%d", &n); c == 1 && err == nil && w == fmt.Sprintf("w%d", n) {
				seen[n] = true
			}
		}
		for n := range seen {
			if out[n] == nil {
				out[n] = map[int64]float64{}
			}
			out[n][e.Time/60e6*60]++
		}
	}
	return out
}

func (a tally) sum() (n float64) {
	for _, m := range a {
		for _, x := range m {
			n += x
		}
	}
	return n
}

type world struct {
	t        testing.TB
	store    *store.Store
	topics   [10]surgecast.Topic
	log      *slog.Logger
	keys     *ingest.Keys
	keysPath string
	stall    time.Duration
	clock    func() time.Time
	past     time.Duration // how far back new topics are read
	rate     float64
	childEnv []string
}

type toTest struct{ t testing.TB }

func (w toTest) Write(b []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimSpace(b))
	return len(b), nil
}

func newWorld(t testing.TB, url string) *world {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	w := &world{t: t, store: s, clock: time.Now, log: slog.New(slog.NewTextHandler(toTest{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	for n := range w.topics {
		if w.topics[n], err = s.CreateTopic(t.Context(), surgecast.Topic{
			AccountID: 1, Slug: fmt.Sprintf("w%d", n), Name: "word", Any: []string{fmt.Sprintf("w%d", n)}, Since: time.Now().Add(-24 * time.Hour),
		}); err != nil {
			t.Fatal(err)
		}
	}
	w.keysPath = filepath.Join(t.TempDir(), "ingest.key")
	if w.keys, err = ingest.OpenKeys(w.keysPath, time.Now); err != nil {
		t.Fatal(err)
	}
	return w
}

// count starts counting from hosts; stop ends it as a process would that is told to.
func (w *world) count(holder string, o jetstream.Options) (stop func()) {
	w.t.Helper()
	o.Hash, o.Clock, o.Logger = w.keys.HashAt, w.clock, w.log
	st, err := jetstream.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	s := ingest.New(ingest.Config{Store: w.store, Clock: w.clock, Logger: w.log, Holder: holder, Streams: []ingest.Stream{st}, Stall: w.stall, Past: w.past, PastRate: w.rate})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				w.t.Errorf("the supervisor ended with %v", err)
			}
		})
	}
	w.t.Cleanup(stop)
	return stop
}

// counted is what stands in the database.
func (w *world) counted() tally {
	w.t.Helper()
	out := tally{}
	rows, err := w.store.Pool().Query(w.t.Context(), `SELECT t.slug, extract(epoch FROM minute)::bigint, raw FROM mention m JOIN topic t ON t.id = m.topic_id`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var slug string
		var minute int64
		var raw float64
		if err := rows.Scan(&slug, &minute, &raw); err != nil {
			w.t.Fatal(err)
		}
		var n int
		fmt.Sscanf(slug, "w%d", &n)
		if out[n] == nil {
			out[n] = map[int64]float64{}
		}
		out[n][minute] += raw
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// reaches waits until the database holds that many mentions, or more.
func (w *world) reaches(n float64) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		var have float64
		err := w.store.Pool().QueryRow(w.t.Context(), `SELECT coalesce(sum(raw), 0) FROM mention`).Scan(&have)
		if err == nil && have >= n {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("only %v of %v mentions after %s, %v", have, n, patience, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// equal compares minute by minute.
func (w *world) equal(want tally) {
	w.t.Helper()
	got := w.counted()
	bad := 0
	for n := range w.topics {
		for m, x := range want[n] {
			if got[n][m] != x {
				if bad++; bad < 10 {
					w.t.Errorf("topic w%d, minute %s: %v counted, %v is right", n, time.Unix(m, 0).UTC().Format(time.TimeOnly), got[n][m], x)
				}
			}
			delete(got[n], m)
		}
		for m, x := range got[n] {
			w.t.Errorf("topic w%d, minute %s: %v counted, nothing is right", n, time.Unix(m, 0).UTC().Format(time.TimeOnly), x)
		}
	}
	w.t.Logf("%v mentions, as recounted", want.sum())
}

func startHost(t testing.TB, h *jetstreamtest.Host) string {
	if h.Clock == nil {
		h.Clock = time.Now
	}
	url := h.Start()
	t.Cleanup(h.Stop)
	return url
}

// What is counted is what anybody would count who reads the same bytes.
//
// Fails when: tally.count adds to raw twice, or v1 reads updates too.
func TestTotalsEqualARecount(t *testing.T) {
	for _, v2 := range []bool{false, true} {
		t.Run(map[bool]string{false: "v1", true: "v2"}[v2], func(t *testing.T) {
			t.Parallel()
			const events = 30_000
			l := newLog(t, time.Now().Add(-5*time.Minute).Truncate(time.Minute), 10*time.Millisecond)
			h := &jetstreamtest.Host{Log: l, Until: events, Rush: true}
			w := newWorld(t, storetest.URL(t))
			w.count("one", jetstream.Options{Hosts: []string{startHost(t, h)}, V2: v2})
			want := recount(t, l, 0, events)
			if want.sum() == 0 {
				t.Fatal("nothing to count")
			}
			w.reaches(want.sum())
			w.equal(want)
		})
	}
}
