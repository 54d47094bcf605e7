package rss_test

import (
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

	"surgecast/ingest"
	"surgecast/ingest/ingesttest"
	"surgecast/ingest/rss"
)

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
	tag := fmt.Sprintf("%q", fmt.Sprint(ingesttest.Hash(0, []byte(body))))
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

// What was known before midnight is known after it, also to a process that was started in between, and also when
// nothing is dated.
//
// Fails when: news looks up stored ids under the key of the present day.
func TestMidnightMakesNoNews(t *testing.T) {
	s := &site{body: map[string]string{}, asked: map[string]int{}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	undated := func(guids ...string) string {
		text := document(guids...)
		for {
			a := strings.Index(text, "<pubDate>")
			if a < 0 {
				return text
			}
			b := strings.Index(text, "</pubDate>")
			text = text[:a] + text[b+len("</pubDate>"):]
		}
	}
	feeds := []string{srv.URL + "/a"}
	s.set("/a", undated("1", "2"))
	evening := now
	now = time.Date(2026, 11, 21, 23, 58, 0, 0, time.UTC)
	defer func() { now = evening }()
	var before ingesttest.Record
	play(t, "", ingesttest.DailyHash, feeds, &before, func() bool { return before.Place != "" && before.Completed.After(now) })
	now = now.Add(4 * time.Minute)
	s.set("/a", undated("3", "1", "2"))
	var after ingesttest.Record
	play(t, before.Place, ingesttest.DailyHash, feeds, &after, func() bool { return len(after.Taken) > 0 && after.Completed.After(now) })
	if got := after.Texts(); len(got) != 1 || !strings.Contains(got[0], "Title 3") {
		t.Errorf("after midnight %q is news, want Title 3 only", got)
	}
}

// play runs the stream until done holds, with a clock that runs a minute with every look at it.
func play(t *testing.T, from string, hash ingest.Hash, feeds []string, sink *ingesttest.Record, done func() bool) error {
	t.Helper()
	var mu sync.Mutex
	at := now
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); at = at.Add(time.Second); return at }
	s := rss.New(rss.Config{Feeds: feeds, Hash: hash, Clock: clock, Fastest: 60 * time.Millisecond, Slowest: time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	end := make(chan error, 1)
	go func() { end <- s.Run(ctx, from, sink) }()
	for {
		sink.Lock()
		ok := done()
		sink.Unlock()
		if ok {
			cancel()
			return <-end
		}
		select {
		case err := <-end:
			if ctx.Err() != nil {
				t.Errorf("what was waited for did not come; dropped %v, warning %q", sink.Drops, sink.Warning)
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
	var sink ingesttest.Record
	step := 0
	play(t, "", ingesttest.Hash, feeds, &sink, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case step == 0 && s.saved > 3:
			if len(sink.Taken) != 0 {
				t.Errorf("the baseline counts: %d posts", len(sink.Taken))
			}
			s.body["/a"], step = document("3", "1", "2", "4 72h"), 1
		case step == 1 && len(sink.Taken) > 0:
			s.body["/a"], step = document("3", "1"), 2
			s.saved = 0
		}
		return step == 2 && s.saved > 3
	})
	if got := sink.Texts(); len(got) != 1 || !strings.Contains(got[0], "Title 3 & more") || !strings.Contains(got[0], "words") {
		t.Errorf("got %q", got)
	}
	if p := sink.Taken[0]; p.Created != 0 || p.Time < now.UnixMicro() || !slices.ContainsFunc(p.Links, func(l []byte) bool { return string(l) == "https://news.example/3" }) || string(p.Tags[0]) != "cat" {
		t.Errorf("%+v", p)
	}
	if sink.Drops["old"] != 1 {
		t.Errorf("an item of three days ago is news: %v", sink.Drops)
	}
	if strings.Contains(sink.Place, "http") || strings.Contains(sink.Place, "Title") {
		t.Errorf("the place names what was read: %s", sink.Place)
	}

	// A new process: 5 is new, 2 came back, the rest was there.
	s.set("/a", document("5", "3", "2"))
	var again ingesttest.Record
	play(t, sink.Place, ingesttest.Hash, feeds, &again, func() bool { return len(again.Taken) > 0 && again.Completed.After(now) })
	if got := again.Texts(); len(got) != 1 || !strings.Contains(got[0], "Title 5") {
		t.Errorf("after a restart %q", got)
	}

	// A new day, a new key: the hashes tell nothing, the dates do.
	s.set("/a", document("6 -1h", "5", "3"))
	var tomorrow ingesttest.Record
	other := func(at int64, b []byte) uint64 { return ingesttest.Hash(at, b) * 0x9e3779b97f4a7c15 }
	play(t, again.Place, other, feeds, &tomorrow, func() bool { return len(tomorrow.Taken) > 0 })
	if got := tomorrow.Texts(); len(got) != 1 || !strings.Contains(got[0], "Title 6") {
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
	var sink ingesttest.Record
	play(t, "", ingesttest.Hash, feeds, &sink, func() bool {
		if sink.Warning != "" {
			s.set("/good", document("2", "1"))
		}
		return len(sink.Taken) == 1
	})
	if !strings.Contains(sink.Warning, "3 of 4 feeds") || strings.Contains(sink.Warning, srv.URL) {
		t.Errorf("warning %q", sink.Warning)
	}
	var none ingesttest.Record
	if err := play(t, "", ingesttest.Hash, feeds[1:], &none, func() bool { return false }); err == nil || !strings.Contains(err.Error(), "none of 3") {
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
