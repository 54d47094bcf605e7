package jetstream_test

import (
	"os"
	"regexp"
	"runtime"
	"testing"
	"time"

	"surgecast"
	"surgecast/ingest/jetstream"
	"surgecast/ingest/jetstream/jetstreamtest"
	"surgecast/store/storetest"
)

// A topic that is made while the stream runs has its past at once: what is remembered, and from then on what
// comes, is together what it would have had from the beginning.
//
// Fails when: swap takes the new terms into use before it has looked back, or AddPast adds twice.
func TestANewTopicHasItsPast(t *testing.T) {
	t.Parallel()
	start := time.Now().Add(-3 * time.Minute).Truncate(time.Minute)
	events := int64(time.Since(start)/(10*time.Millisecond)) + 1500 // until fifteen seconds after now, which have to be waited for
	l := newLog(t, start, 10*time.Millisecond)
	h := &jetstreamtest.Host{Log: l, Whole: true, Until: events}
	w := newWorld(t, storetest.URL(t))
	if err := w.store.DeleteTopic(t.Context(), 1, "w3"); err != nil {
		t.Fatal(err)
	}
	w.count("one", jetstream.Options{Hosts: []string{startHost(t, h)}})
	w.reaches(500)
	made, err := w.store.CreateTopic(t.Context(), surgecast.Topic{AccountID: 1, Slug: "w3", Name: "late", Any: []string{"w3"}})
	if err != nil {
		t.Fatal(err)
	}
	w.topics[3] = made
	want := recount(t, l, 0, events)
	// Its first minute was heard from the second event on; the memory begins with the next whole one.
	for m := range want[3] {
		if m < start.Add(time.Minute).Unix() {
			delete(want[3], m)
		}
	}
	w.reaches(want.sum())
	w.equal(want)
	bs, err := w.store.Mentions(t.Context(), made.ID, 1, start.Add(time.Minute), start.Add(3*time.Minute), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bs {
		if b.Missing {
			t.Errorf("minute %s is missing, although it was remembered", b.Minute.Format(time.TimeOnly))
		}
	}
}

// Trap 14: after posts have been counted no column of any table holds text, an account, a key or an address of
// theirs.
//
// Fails when: position.Place holds an event's rkey, or Dropped is given a text for a reason.
func TestPromise6NothingPersonalAtRest(t *testing.T) {
	t.Parallel()
	const events = 20_000
	l := newLog(t, time.Now().Add(-30*time.Second), time.Millisecond)
	h := &jetstreamtest.Host{Log: l, Until: events, Whole: true}
	url := startHost(t, h)
	h.SetFaults(jetstreamtest.Faults{Long: 400, BadUTF8: 300, Garbage: 350, WrongDay: 330})
	w := newWorld(t, storetest.URL(t))
	stop := w.count("one", jetstream.Options{Hosts: []string{url}, Reposts: true})
	w.reaches(recount(t, l, 0, events).sum())
	stop()
	tables, err := w.store.Pool().Query(t.Context(), `SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
		WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'`)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for tables.Next() {
		var n string
		if err := tables.Scan(&n); err != nil {
			t.Fatal(err)
		}
		names = append(names, n)
	}
	personal := regexp.MustCompile(`did:plc|at://|app\.bsky|bafy|xxxx|nothing|badbytes|wrongclock|example\.org|3[2-7a-z]{12}"`)
	rows := 0
	for _, n := range names {
		rs, err := w.store.Pool().Query(t.Context(), `SELECT row_to_json(x)::text FROM `+n+` x`)
		if err != nil {
			t.Fatal(err)
		}
		for rs.Next() {
			var text string
			if err := rs.Scan(&text); err != nil {
				t.Fatal(err)
			}
			rows++
			if found := personal.FindString(text); found != "" {
				t.Errorf("%s holds %q in %.200s", n, found, text)
			}
		}
		if err := rs.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if rows < 30 || len(names) < 20 {
		t.Errorf("looked at %d rows in %d tables only", rows, len(names))
	}
}

// Trap 12: twenty-five times the mean of Bluesky, 625 posts/s in 5,700 events/s, for a minute (ten seconds
// unless SURGECAST_TEST_LONG is set), with a second of 5,000 events at once by the way it is read: memory stays
// bounded, the lag is reported, nothing is lost.
//
// Fails when: tally.Posts never waits and nothing is collected; health leaves LagSeconds out.
func TestBurst(t *testing.T) {
	seconds := int64(10)
	if os.Getenv("SURGECAST_TEST_LONG") != "" {
		seconds = 60
	} else {
		t.Log("a burst of 10 s; SURGECAST_TEST_LONG=1 makes it 60")
	}
	every := 175 * time.Microsecond // 5,700 a second
	events := seconds * int64(time.Second/every)
	l := newLog(t, time.Now().Add(-2*time.Second), every) // two seconds behind, to be caught up
	h := &jetstreamtest.Host{Log: l, Until: events, Whole: true}
	w := newWorld(t, storetest.URL(t))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	stop := w.count("one", jetstream.Options{Hosts: []string{startHost(t, h)}})
	want := recount(t, l, 0, events)
	w.reaches(want.sum())
	w.equal(want)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 192<<20 { // two tables of 16 MiB, 64 MiB of memory, 64 MiB of minutes, and the test's own
		t.Errorf("the heap has grown by %d MiB", grown>>20)
	}
	stop()
	got := w.health()
	if got.LastEventAt.IsZero() || got.LagSeconds <= 0 || got.Events == 0 || got.State != surgecast.SourceStopped {
		t.Errorf("health = %+v", got)
	}
	t.Logf("%d events, %d mentions, at the end %.1f s behind", events, got.Mentions, got.LagSeconds)
}
