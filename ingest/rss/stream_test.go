package rss_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"surgecast/ingest"
	"surgecast/ingest/rss"
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

// site serves documents as a news site does, with an ETag, over a real socket.
type site struct {
	mu    sync.Mutex
	body  map[string]string
	asked map[string]int
	saved int // answers 304
}

func (s *site) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	body := s.body[req.URL.Path]
	s.asked[req.URL.Path]++
	tag := fmt.Sprintf("%q", fmt.Sprint(xxhash.Sum64String(body)))
	same := req.Header.Get("If-None-Match") == tag
	if same {
		s.saved++
	}
	s.mu.Unlock()
	switch {
	case body == "":
		w.WriteHeader(http.StatusNotFound)
	case body == "endless":
		chunk := []byte("<rss><channel>" + strings.Repeat("<item></item>", 5000))
		for range 1000 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	case same:
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("ETag", tag)
		io.WriteString(w, body)
	}
}

func (s *site) set(path, body string) { s.mu.Lock(); s.body[path] = body; s.mu.Unlock() }

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func document(items ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><rss version="2.0"><channel><title>n</title>`)
	for _, it := range items {
		guid, age, _ := strings.Cut(it, " ")
		published := now.Add(-time.Minute)
		if d, err := time.ParseDuration(age); err == nil {
			published = now.Add(-d)
		}
		fmt.Fprintf(&b, `<item><guid>%s</guid><title>Title %s &amp;amp; more</title><link>https://news.example/%s</link><description>&lt;p&gt;words&lt;/p&gt;</description><category>cat</category><pubDate>%s</pubDate></item>`, guid, guid, guid, published.Format(time.RFC1123Z))
	}
	return b.String() + "</channel></rss>"
}

// play runs the stream until done holds, with a clock that runs a minute with every look at it.
func play(t *testing.T, from string, hash ingest.Hash, feeds []string, sink *record, done func() bool) error {
	t.Helper()
	var mu sync.Mutex
	at := now
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); at = at.Add(time.Second); return at }
	s := rss.New(rss.Config{Feeds: feeds, Hash: hash, Clock: clock, Fastest: 60 * time.Millisecond, Slowest: time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	end := make(chan error, 1)
	go func() { end <- s.Run(ctx, from, sink) }()
	for {
		sink.mu.Lock()
		ok := done()
		sink.mu.Unlock()
		if ok {
			cancel()
			return <-end
		}
		select {
		case err := <-end:
			if ctx.Err() != nil {
				t.Errorf("what was waited for did not come; dropped %v, warning %q", sink.dropped, sink.warning)
			}
			return err
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// The first document is the baseline; after it each item counts once, over restarts, whatever the feed repeats.
// Fails when: news counts a baseline, or setIDs keeps nothing.
func TestItemsOnce(t *testing.T) {
	s := &site{body: map[string]string{}, asked: map[string]int{}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	feeds := []string{srv.URL + "/a", srv.URL + "/b"}
	s.set("/a", document("1", "2"))
	s.set("/b", document("1"))
	var sink record
	step := 0
	play(t, "", xxhash.Sum64, feeds, &sink, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case step == 0 && s.saved > 3:
			if len(sink.posts) != 0 {
				t.Errorf("the baseline counts: %d posts", len(sink.posts))
			}
			s.body["/a"], step = document("3", "1", "2", "4 72h"), 1
		case step == 1 && len(sink.posts) > 0:
			s.body["/a"], step = document("3", "1"), 2
			s.saved = 0
		}
		return step == 2 && s.saved > 3
	})
	if got := sink.texts(); len(got) != 1 || !strings.Contains(got[0], "Title 3 & more") || !strings.Contains(got[0], "words") {
		t.Errorf("got %q", got)
	}
	if p := sink.posts[0]; p.Created != 0 || p.Time < now.UnixMicro() || !slices.ContainsFunc(p.Links, func(l []byte) bool { return string(l) == "https://news.example/3" }) || string(p.Tags[0]) != "cat" {
		t.Errorf("%+v", p)
	}
	if sink.dropped["old"] != 1 {
		t.Errorf("an item of three days ago is news: %v", sink.dropped)
	}
	if strings.Contains(sink.place, "http") || strings.Contains(sink.place, "Title") {
		t.Errorf("the place names what was read: %s", sink.place)
	}

	// A new process: 5 is new, 2 came back, the rest was there.
	s.set("/a", document("5", "3", "2"))
	var again record
	play(t, sink.place, xxhash.Sum64, feeds, &again, func() bool { return len(again.posts) > 0 && again.complete.After(now) })
	if got := again.texts(); len(got) != 1 || !strings.Contains(got[0], "Title 5") {
		t.Errorf("after a restart %q", got)
	}

	// A new day, a new key: the hashes tell nothing, the dates do.
	s.set("/a", document("6 -1h", "5", "3"))
	var tomorrow record
	other := func(b []byte) uint64 { return xxhash.Sum64(b) * 0x9e3779b97f4a7c15 }
	play(t, again.place, other, feeds, &tomorrow, func() bool { return len(tomorrow.posts) > 0 })
	if got := tomorrow.texts(); len(got) != 1 || !strings.Contains(got[0], "Title 6") {
		t.Errorf("after the key changed %q", got)
	}
}

// One bad feed concerns no other: endless bodies, no XML, not found. When all are bad, Run ends and says so.
// Fails when: document reads without a limit, or round returns the first feed's error.
func TestBadFeeds(t *testing.T) {
	s := &site{body: map[string]string{}, asked: map[string]int{}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	s.set("/good", document("1"))
	s.set("/endless", "endless")
	s.set("/words", "no feed at all \xff")
	feeds := []string{srv.URL + "/good", srv.URL + "/endless", srv.URL + "/words", srv.URL + "/none"}
	var sink record
	play(t, "", xxhash.Sum64, feeds, &sink, func() bool {
		if sink.warning != "" {
			s.set("/good", document("2", "1"))
		}
		return len(sink.posts) == 1
	})
	if !strings.Contains(sink.warning, "3 of 4 feeds") || strings.Contains(sink.warning, srv.URL) {
		t.Errorf("warning %q", sink.warning)
	}
	var none record
	if err := play(t, "", xxhash.Sum64, feeds[1:], &none, func() bool { return false }); err == nil || !strings.Contains(err.Error(), "none of 3") {
		t.Errorf("all bad: %v", err)
	}
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(document("1", "2")))
	f.Add([]byte("<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>\xff</id></entry></feed>"))
	f.Add([]byte(`{"version":"https://jsonfeed.org/version/1","items":[{"id":"1"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, p := range rss.ReadForTest(body, now) {
			if p.Time != now.UnixMicro() || p.Kind != ingest.Original {
				t.Fatalf("%q became %+v", body, p)
			}
		}
	})
}
