package wikimedia_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"surgecast/ingest"
	"surgecast/ingest/wikimedia"
)

// record is a sink that keeps what it is told.
type record struct {
	mu       sync.Mutex
	posts    []ingest.Post
	place    string
	complete time.Time
	gaps     []string
	from, to time.Time
	dropped  map[string]int
	warning  string
}

func (r *record) Posts(_ context.Context, posts []ingest.Post, place string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range posts {
		p.Text = bytes.Clone(p.Text)
		r.posts = append(r.posts, p)
	}
	r.place = place
	return nil
}

func (r *record) Complete(t time.Time) { r.mu.Lock(); r.complete = t; r.mu.Unlock() }
func (r *record) Warn(s string)        { r.mu.Lock(); r.warning = s; r.mu.Unlock() }
func (r *record) Gap(from, to time.Time, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gaps, r.from, r.to = append(r.gaps, reason), from, to
}

func (r *record) Dropped(reason string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dropped == nil {
		r.dropped = map[string]int{}
	}
	r.dropped[reason] += n
}

func (r *record) texts() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.posts {
		out = append(out, string(p.Text))
	}
	return out
}

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// replay serves one script per connection, as EventStreams does, over a real socket.
type replay struct {
	mu      sync.Mutex
	scripts []string
	resumed []string // the Last-Event-ID of each connection
	abort   bool     // cut the socket rather than end the answer
}

func (r *replay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.resumed)
	r.resumed = append(r.resumed, req.Header.Get("Last-Event-ID"))
	if req.Header.Get("Accept") != "text/event-stream" || n >= len(r.scripts) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	io.WriteString(w, ":ok\n\n"+r.scripts[n])
	if r.abort {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func start(t *testing.T, scripts ...string) (*replay, *wikimedia.Stream) {
	r := &replay{scripts: scripts}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	return r, wikimedia.New(wikimedia.Config{BaseURL: srv.URL, Client: srv.Client(), Hash: xxhash.Sum64, Clock: func() time.Time { return now }})
}

// change is an edit n seconds after twelve minus one minute.
func change(n int, more string) string {
	return fmt.Sprintf("event: message\nid: %s\ndata: {\"meta\":{\"id\":\"m%d\",\"domain\":\"en.wikipedia.org\",\"uri\":\"https://en.wikipedia.org/wiki/T%d\",\"dt\":%q},\"type\":\"edit\",\"namespace\":0,\"title\":\"T%d\",\"user\":\"u\"%s}\n\n",
		id(n), n, n, now.Add(time.Duration(n-60)*time.Second).Format(time.RFC3339Nano), n, more)
}

func id(n int) string {
	return fmt.Sprintf(`[{"topic":"eqiad","partition":0,"offset":%d},{"topic":"codfw","partition":0,"timestamp":7}]`, n)
}

// Trap 10: canaries are no edits; a clean end is no fault, and the next connection resumes from the whole id.
// Fails when: canary() looks for another domain, or Run returns an error at a clean end.
func TestCanariesAndCleanEnd(t *testing.T) {
	canary := strings.ReplaceAll(change(3, ""), "en.wikipedia.org\",\"uri", "canary\",\"uri")
	r, stream := start(t,
		change(1, "")+change(2, `,"bot":true`)+canary+change(2, "")+ // the last is a repetition
			change(4, `,"namespace":1`)+change(5, `,"type":"categorize"`)+change(6, ""),
		change(6, "")+change(7, ""))
	var sink record
	if err := stream.Run(t.Context(), "", &sink); err != nil {
		t.Fatalf("a clean end: %v", err)
	}
	if err := stream.Run(t.Context(), sink.place, &sink); err != nil {
		t.Fatalf("a clean end: %v", err)
	}
	// The sixth comes again on the second connection: the id is the same, and whoever counts drops it.
	if got, want := sink.texts(), []string{"T1", "T2", "T6", "T6", "T7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if sink.posts[2].ID != sink.posts[3].ID {
		t.Error("the same edit has two ids")
	}
	if !slices.Equal(r.resumed, []string{"", id(6)}) {
		t.Errorf("resumed from %q", r.resumed)
	}
	if p := sink.posts[1]; !p.Bot || sink.posts[0].Bot || p.Time != now.Add(-58*time.Second).UnixMicro() || string(p.Links[0]) != "https://en.wikipedia.org/wiki/T2" {
		t.Errorf("%+v", p)
	}
	if want := now.Add(-53*time.Second - 15*time.Second); !sink.complete.Equal(want) || len(sink.gaps) != 0 {
		t.Errorf("complete %v, want %v; gaps %v", sink.complete, want, sink.gaps)
	}
}

// A socket that is cut is a fault, and the place holds what was read.
// Fails when: Run returns nil for any end.
func TestCutSocket(t *testing.T) {
	r, stream := start(t, change(1, "")+change(2, ""))
	r.abort = true
	var sink record
	if err := stream.Run(t.Context(), "", &sink); err == nil {
		t.Error("a cut socket passes for a regular end")
	}
	if len(sink.posts) != 2 || !strings.Contains(sink.place, `offset\":2`) {
		t.Errorf("%d posts, place %s", len(sink.posts), sink.place)
	}
	if err := stream.Run(t.Context(), "", &sink); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("503: %v", err)
	}
}

// What the server cannot give back is missing: after more than a week, or when it resumes later than asked.
// Fails when: take does not compare the first event with the place.
func TestGaps(t *testing.T) {
	r, stream := start(t, change(1, ""), change(30, ""))
	old := now.Add(-8 * 24 * time.Hour)
	var week record
	if err := stream.Run(t.Context(), fmt.Sprintf(`{"id":"x","t":%d}`, old.UnixMicro()), &week); err != nil {
		t.Fatal(err)
	}
	if len(week.gaps) != 1 || !week.from.Equal(old) || !week.to.Equal(now) || r.resumed[0] != "" || len(week.posts) != 1 {
		t.Errorf("after eight days: gaps %v from %v to %v, resumed from %q", week.gaps, week.from, week.to, r.resumed[0])
	}
	hour := now.Add(-time.Hour)
	var late record
	if err := stream.Run(t.Context(), fmt.Sprintf(`{"id":"y","t":%d}`, hour.UnixMicro()), &late); err != nil {
		t.Fatal(err)
	}
	if len(late.gaps) != 1 || !late.from.Equal(hour) || !late.to.Equal(now.Add(-30*time.Second)) || r.resumed[1] != "y" {
		t.Errorf("resumed too late: gaps %v from %v to %v", late.gaps, late.from, late.to)
	}
}

// Bad input is counted, and what follows it is read: long lines, endless events, bad UTF-8, no JSON, a clock
// that runs ahead.
// Fails when: bounded passes everything on.
func TestBadInput(t *testing.T) {
	long := "data: " + strings.Repeat("x", 100<<10) + "\n\n"
	endless := "id: 9\n" + strings.Repeat("data: "+strings.Repeat("y", 1000)+"\n", 3000) + "\n" // 3 MB in one event
	endlessLine := "data: " + strings.Repeat("z", 3<<20) + "\n\n"
	future := strings.Replace(change(8, ""), now.Add(-52*time.Second).Format(time.RFC3339Nano), now.Add(time.Hour).Format(time.RFC3339Nano), 1)
	_, stream := start(t, change(1, "")+long+endless+endlessLine+"data: \xff\xfe{\n\n"+"data\n\n"+future+"id: "+strings.Repeat("i", 20<<10)+"\ndata: {}\n\n"+change(2, ""))
	var sink record
	if err := stream.Run(t.Context(), "", &sink); err != nil {
		t.Fatal(err)
	}
	if got := sink.texts(); !slices.Equal(got, []string{"T1", "T2"}) {
		t.Errorf("got %q", got)
	}
	// Undecodable: the line of 100 kB, what is left of the two endless events, and the bad bytes.
	if d := sink.dropped; d["too long"] != 3 || d["undecodable"] != 4 || d["clock"] != 1 {
		t.Errorf("dropped %v", d)
	}
}

// The events others have shown: two are bookkeeping, the third is an edit.
func TestRealEvents(t *testing.T) {
	f, err := os.Open("../../../shared/data/feeds/wikimedia_recentchange.jsonl")
	if err != nil {
		t.Skip("the sample events are not here:", err)
	}
	defer f.Close()
	var script strings.Builder
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Event, ID string
			Data      json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&script, "event: %s\nid: %s\ndata: %s\n\n", e.Event, e.ID, e.Data)
	}
	_, stream := start(t, script.String())
	var sink record
	if err := stream.Run(t.Context(), "", &sink); err != nil {
		t.Fatal(err)
	}
	if got := sink.texts(); !slices.Equal(got, []string{"Foo"}) || len(sink.dropped) != 0 {
		t.Errorf("got %q, dropped %v", got, sink.dropped)
	}
}
