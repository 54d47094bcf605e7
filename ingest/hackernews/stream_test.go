package hackernews_test

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

	"surgecast/ingest"
	"surgecast/ingest/hackernews"
	"surgecast/ingest/ingesttest"
)

// replay answers as the Firebase API does, over a real socket.
type replay struct {
	mu    sync.Mutex
	items map[int64]string
	asked map[int64]int
	max   int64
	fault int // status of every answer; 0: none
}

func (r *replay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault != 0 {
		w.WriteHeader(r.fault)
		return
	}
	if !strings.Contains(req.UserAgent(), "surgecast") {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if req.URL.Path == "/v0/maxitem.json" {
		fmt.Fprintln(w, r.max)
		return
	}
	var id int64
	fmt.Sscanf(req.URL.Path, "/v0/item/%d.json", &id)
	r.asked[id]++
	body, ok := r.items[id]
	if !ok {
		body = "null"
	}
	if body == "endless" {
		for range 64 {
			if _, err := w.Write(bytes.Repeat([]byte{'x'}, 64<<10)); err != nil {
				return
			}
		}
		return
	}
	io.WriteString(w, body)
}

func (r *replay) put(id int64, body string) {
	r.mu.Lock()
	r.items[id] = body
	r.max = max(r.max, id)
	r.mu.Unlock()
}

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func start(t *testing.T) (*replay, func(catchUp int64) *hackernews.Stream) {
	r := &replay{items: map[int64]string{}, asked: map[int64]int{}, max: 100}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	return r, func(catchUp int64) *hackernews.Stream {
		return hackernews.New(hackernews.Config{BaseURL: srv.URL + "/v0", Client: srv.Client(), Hash: ingesttest.Hash, Clock: func() time.Time { return now }, Every: 5 * time.Millisecond, Retries: 3, CatchUp: catchUp})
	}
}

// run lets the stream run until done holds; the limit only ends a test that has failed.
func run(t *testing.T, s *hackernews.Stream, from string, sink *ingesttest.Record, done func() bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	end := make(chan error, 1)
	go func() { end <- s.Run(ctx, from, sink) }()
	for ctx.Err() == nil {
		sink.Lock()
		ok := done()
		sink.Unlock()
		if ok {
			break
		}
		select {
		case err := <-end:
			return err
		case <-time.After(2 * time.Millisecond):
		}
	}
	if ctx.Err() != nil {
		t.Errorf("what was waited for did not come; place %s, dropped %v", sink.Place, sink.Drops)
	}
	cancel()
	return <-end
}

func story(id int64, title string) string {
	return fmt.Sprintf(`{"id":%d,"type":"story","by":"a","time":%d,"title":%q,"url":"https://example.com/%d"}`, id, now.Unix()-1000+id, title, id)
}

// Every id once and in order, whatever stands between; the place stands after the last; a second run reads on.
// Fails when: chunk moves the place past an id that is not there yet.
func TestIDsInSequence(t *testing.T) {
	r, stream := start(t)
	var first ingesttest.Record
	run(t, stream(0), "", &first, func() bool { return first.Place != "" })
	if len(first.Taken) != 0 || !strings.HasPrefix(first.Place, "100@") {
		t.Fatalf("a first run counts what was there before: %d posts, place %s", len(first.Taken), first.Place)
	}
	r.put(101, story(101, "Touchpad &amp; more"))
	r.put(102, `{"id":102,"type":"comment","by":"b","time":1795262400,"parent":101,"text":"I&#x27;d buy<p>see <a href=\"https:&#x2F;&#x2F;example.org&#x2F;x\">https:&#x2F;&#x2F;example.org...</a>"}`)
	r.put(103, `{"id":103,"type":"story","deleted":true,"time":1795262401}`)
	r.put(104, `{"id":104,"type":"story","dead":true,"time":1795262401,"title":"spam"}`)
	r.put(105, `{"id":105,"type":"pollopt","time":1795262401,"text":"yes"}`)
	r.put(106, "<html>not json")
	r.put(107, "endless")
	r.put(108, `{"id":108,"type":"job","by":"c","time":1795262402,"title":"`+"\xff\xfe"+` bad"}`)
	// 109 comes late, 110 never.
	r.put(111, story(111, "after the hole"))
	var second ingesttest.Record
	late := false
	run(t, stream(0), first.Place, &second, func() bool {
		if r.mu.Lock(); !late && r.asked[109] > 1 {
			late = true
			r.items[109] = story(109, "late")
		}
		r.mu.Unlock()
		return strings.HasPrefix(second.Place, "111@") && second.Completed.Equal(now.Add(-10*time.Second))
	})
	want := []string{"Touchpad & more", "\nI'd buy see  ", "\ufffd\ufffd bad", "late", "after the hole"}
	if got := second.Texts(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if d := second.Drops; d["deleted"] != 1 || d["dead"] != 1 || d["not a post"] != 1 || d["undecodable"] != 2 || d["never appeared"] != 1 {
		t.Errorf("dropped %v", d)
	}
	if p := second.Taken[1]; p.Kind != ingest.Reply || p.Time != 1795262400e6 || len(p.Links) != 1 || string(p.Links[0]) != "https://example.org/x" {
		t.Errorf("comment %+v", p)
	}
	if p := second.Taken[0]; p.Kind != ingest.Original || len(p.Links) != 1 || p.ID == 0 || p.Author == 0 {
		t.Errorf("story %+v", p)
	}
}

// Too long an absence is a gap, not a day of reading.
// Fails when: Run does not call skip.
func TestCatchUpIsBounded(t *testing.T) {
	r, stream := start(t)
	for id := int64(101); id <= 400; id++ {
		r.put(id, story(id, fmt.Sprint("s", id)))
	}
	var sink ingesttest.Record
	run(t, stream(50), "100@1795260000", &sink, func() bool { return strings.HasPrefix(sink.Place, "400@") })
	// The last fifty are 351 to 400; the gap ends where 350, the first kept from the time, was made.
	if len(sink.Taken) < 50 || len(sink.Taken) > 51 || len(sink.Gaps) != 1 || !sink.Gaps[0].From.Equal(time.Unix(1795260000, 0)) || sink.Drops["skipped"] != 249 {
		t.Errorf("%d posts, gaps %v, dropped %v", len(sink.Taken), sink.Gaps, sink.Drops)
	}
}

// Fails when: get ignores the status.
func TestFaultsEndTheRun(t *testing.T) {
	r, stream := start(t)
	r.fault = http.StatusTooManyRequests
	var sink ingesttest.Record
	if err := stream(0).Run(t.Context(), "", &sink); err == nil || !strings.Contains(err.Error(), "429") {
		t.Errorf("429: %v", err)
	}
	if err := stream(0).Run(t.Context(), "{}", &sink); err == nil {
		t.Error("a foreign place is taken")
	}
}

// The items the API's own page shows.
func TestRealItems(t *testing.T) {
	f, err := os.Open("../../../shared/data/feeds/hackernews_items.jsonl")
	if err != nil {
		t.Skip("the sample items are not here:", err)
	}
	defer f.Close()
	r, stream := start(t)
	id := int64(100)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var m map[string]any
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		id++
		m["id"] = id // in a row, as the feed has them
		b, _ := json.Marshal(m)
		r.put(id, string(b))
	}
	var sink ingesttest.Record
	run(t, stream(0), "100@1", &sink, func() bool { return strings.HasPrefix(sink.Place, fmt.Sprint(id, "@")) })
	all := strings.Join(sink.Texts(), "|")
	if len(sink.Taken) != 3 || !strings.Contains(all, "Dropbox - Throw away") || !strings.Contains(all, "compliments. Tell you what") || !strings.Contains(all, "Ask HN: The Arc Effect\n") || strings.Contains(all, "<") {
		t.Errorf("%d posts: %q", len(sink.Taken), all)
	}
}
