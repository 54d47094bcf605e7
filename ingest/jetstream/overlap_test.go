package jetstream_test

import (
	"testing"
	"time"

	"surgecast/ingest/jetstream/jetstreamtest"
	"surgecast/store/storetest"
)

// A process is killed while thousands of matching posts a second are counted, and its host is gone when it comes
// back: the next host, which stamps the same events 700 ms later, is read from five seconds before, and nothing
// is counted twice. The events told apart are kept by time, not by number.
//
// Fails when: maxKeptIDs is 4096, or CommitStream does not note what was counted.
func TestACrashAndAnotherHostInABurst(t *testing.T) {
	t.Parallel()
	const events = 80_000 // posts only, about half of them match: 3,000 matches a second
	l := postsLog(t)
	l.Start, l.Every, l.Words, l.Authors = time.Now().Add(-2*time.Second), 160*time.Microsecond, vocabulary, 500
	a := &jetstreamtest.Host{Log: l, Until: events * 3 / 4, Whole: true} // the rest is the other's, however late the crash
	b := &jetstreamtest.Host{Log: l, Until: events, Whole: true, Skew: 700 * time.Millisecond}
	ua, ub := startHost(t, a), startHost(t, b)
	url := storetest.URL(t)
	w := newWorld(t, url)
	want := recount(t, l, 0, events)
	c := w.child(url, "child", ua, ub)
	w.reaches(want.sum() / 2)
	a.SetFaults(jetstreamtest.Faults{Refuse: 503})
	c.Process.Kill()
	c.Wait()
	var bytes, ids int
	if err := w.store.Pool().QueryRow(t.Context(), `SELECT coalesce(sum(length(ids)), 0), coalesce(sum(length(ids)), 0) / 8 FROM ingest_recent`).Scan(&bytes, &ids); err != nil {
		t.Fatal(err)
	}
	if ids < 8192 {
		t.Errorf("only %d events were kept: the burst is too small to show anything", ids)
	}
	w.child(url, "child", ua, ub)
	w.reaches(want.sum())
	time.Sleep(1500 * time.Millisecond) // a doubled event would be committed by now
	w.equalTotals(want)
	if b.Connections.Load() == 0 {
		t.Error("the second host was never asked")
	}
	t.Logf("%v mentions; at the crash %d events were kept in %d kB", want.sum(), ids, bytes>>10)
}
