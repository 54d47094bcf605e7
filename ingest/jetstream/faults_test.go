package jetstream_test

import (
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"surgecast"
	"surgecast/ingest/jetstream"
	"surgecast/ingest/jetstream/jetstreamtest"
	"surgecast/store/storetest"
)

// health is what the sources page would show.
func (w *world) health() surgecast.SourceHealth {
	w.t.Helper()
	hs, err := w.store.SourceHealths(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if len(hs) == 0 {
		return surgecast.SourceHealth{}
	}
	return hs[0]
}

// equalTotals compares sums over all minutes: hosts stamp the same event differently, so near the end of a
// minute they put it into different ones.
func (w *world) equalTotals(want tally) {
	w.t.Helper()
	got := w.counted()
	for n := range w.topics {
		var a, b float64
		for _, x := range got[n] {
			a += x
		}
		for _, x := range want[n] {
			b += x
		}
		if a != b {
			w.t.Errorf("topic w%d: %v counted, %v is right", n, a, b)
		}
	}
}

// The socket is cut again and again, each time it has delivered a few thousand events.
//
// Fails when: run.cursor asks for r.from.Micros + 1 s.
func TestSocketCut(t *testing.T) {
	t.Parallel()
	const events = 12_000
	l := newLog(t, time.Now().Add(-5*time.Second), time.Millisecond)
	h := &jetstreamtest.Host{Log: l, Until: events, Whole: true}
	url := startHost(t, h)
	h.SetFaults(jetstreamtest.Faults{Cut: 900})
	w := newWorld(t, storetest.URL(t))
	w.count("one", jetstream.Options{Hosts: []string{url}})
	for h.Connections.Load() < 3 {
		time.Sleep(10 * time.Millisecond)
	}
	h.SetFaults(jetstreamtest.Faults{})
	want := recount(t, l, 0, events)
	w.reaches(want.sum())
	w.equal(want)
}

// Trap 3: a host goes away; the next one stamps the same events 700 ms later and is read from five seconds
// before.
//
// Fails when: seen.add always answers false, or the id of a post depends on its time_us.
func TestHostSwitchWithOverlap(t *testing.T) {
	t.Parallel()
	const events = 20_000
	l := newLog(t, time.Now().Add(-5*time.Second), time.Millisecond)
	a := &jetstreamtest.Host{Log: l, Until: events / 2, Whole: true} // the rest is the other's, however late the switch
	b := &jetstreamtest.Host{Log: l, Until: events, Whole: true, Skew: 700 * time.Millisecond}
	ua, ub := startHost(t, a), startHost(t, b)
	w := newWorld(t, storetest.URL(t))
	w.count("one", jetstream.Options{Hosts: []string{ua, ub}})
	want := recount(t, l, 0, events)
	w.reaches(want.sum() / 3)
	a.SetFaults(jetstreamtest.Faults{Refuse: 503})
	a.CutAll()
	w.reaches(want.sum())
	time.Sleep(1500 * time.Millisecond) // a doubled event would be committed by now
	w.equalTotals(want)
	if b.Connections.Load() == 0 {
		t.Error("the second host was never asked")
	}
}

// Trap 4: a host says nothing although the socket stays open. Here five seconds stand for thirty.
//
// Fails when: Supervisor.watch never cancels, or judge stays with a host that fell silent.
func TestSilentHost(t *testing.T) {
	t.Parallel()
	const events = 15_000
	l := newLog(t, time.Now().Add(-5*time.Second), time.Millisecond)
	a, b := &jetstreamtest.Host{Log: l, Until: events, Whole: true}, &jetstreamtest.Host{Log: l, Until: events, Whole: true}
	ua, ub := startHost(t, a), startHost(t, b)
	a.SetFaults(jetstreamtest.Faults{Silence: 1000})
	w := newWorld(t, storetest.URL(t))
	w.stall = 5 * time.Second
	w.count("one", jetstream.Options{Hosts: []string{ua, ub}})
	want := recount(t, l, 0, events)
	w.reaches(want.sum())
	w.equal(want)
	if n := b.Connections.Load(); n == 0 {
		t.Error("the second host was never asked")
	}
}

// Trap 2: the cursor is older than what the host keeps, and v1 says nothing of it, v2 refuses or notes it.
// The hole is missing, the silence after it zero.
//
// Fails when: run.begin never calls Gap.
func TestCursorOlderThanTheWindow(t *testing.T) {
	for name, o := range map[string]struct {
		v2  bool
		seq int64
	}{"v1": {}, "v1 with numbers": {seq: 5_000_000}, "v2": {v2: true, seq: 5_000_000}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now().Add(-20 * time.Minute).Truncate(time.Minute)
			l := newLog(t, start, 5*time.Millisecond)
			h := &jetstreamtest.Host{Log: l, Until: 36_000, Whole: true, Seq: o.seq} // three minutes
			url := startHost(t, h)
			w := newWorld(t, storetest.URL(t))
			stop := w.count("one", jetstream.Options{Hosts: []string{url}, V2: o.v2})
			first := recount(t, l, 0, 36_000)
			w.reaches(first.sum())
			stop()

			// The process was away, and of seventeen minutes the host has five and a half left.
			h2 := &jetstreamtest.Host{Log: l, Whole: true, Seq: o.seq, Window: 330 * time.Second}
			url2 := startHost(t, h2)
			from := l.After(time.Now().Add(-330 * time.Second).UnixMicro())
			w.count("two", jetstream.Options{Hosts: []string{url2}, V2: o.v2})
			w.reaches(first.sum() + 10)
			w.until(func() bool { g := w.gaps(); return len(g) > 0 && g[len(g)-1].To.Sub(g[len(g)-1].From) > time.Minute })
			g := w.gaps()[len(w.gaps())-1]
			to := l.After(time.Now().Add(-330 * time.Second).UnixMicro())
			if a, b := time.UnixMicro(l.Stamp(from)), time.UnixMicro(l.Stamp(to)); g.To.Before(a.Add(-time.Second)) || g.To.After(b.Add(time.Second)) {
				t.Errorf("the gap ends at %s, want between %s and %s", g.To, a, b)
			}
			if want := time.UnixMicro(l.Stamp(35_999)); g.From.Sub(want).Abs() > time.Second {
				t.Errorf("the gap begins at %s, want about %s", g.From, want)
			}
			// A closed minute of the gap is missing; one after it is not, whether anybody spoke or not.
			w.until(func() bool { return w.missing(g.To.Add(90*time.Second)) == 0 })
			if n := w.missing(g.From.Add(5 * time.Minute)); n != len(w.topics) {
				t.Errorf("in the middle of the gap %d topics are missing, want %d", n, len(w.topics))
			}
			if n := w.missing(g.From.Add(-110 * time.Second)); n != 0 {
				t.Errorf("two minutes before the gap %d topics are missing, want none", n)
			}
		})
	}
}

func (w *world) gaps() (out []surgecast.SourceGap) {
	w.t.Helper()
	all, err := w.store.Gaps(w.t.Context(), 1, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range all {
		if g.Reason != "counting began" {
			out = append(out, g)
		}
	}
	return out
}

// missing counts the topics whose minute at that time is missing.
func (w *world) missing(at time.Time) (n int) {
	w.t.Helper()
	m := at.UTC().Truncate(time.Minute)
	for _, topic := range w.topics {
		bs, err := w.store.Mentions(w.t.Context(), topic.ID, 1, m, m.Add(time.Minute), false)
		if err != nil {
			w.t.Fatal(err)
		}
		if bs[0].Missing {
			n++
		}
	}
	return n
}

func (w *world) until(ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("it has not happened within %s", patience)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Trap 5 and all else a stream may bring: lines of 100 kB and of 3 MB, text that is not UTF-8, lines that are
// not JSON, events of 1970 and 2096. They are counted apart and change no total.
//
// Fails when: readMessage gives a message longer than maxLine back as an error, or tally.count believes any
// time.
func TestOddLines(t *testing.T) {
	t.Parallel()
	const events = 20_000
	l := newLog(t, time.Now().Add(-30*time.Second), time.Millisecond)
	h := &jetstreamtest.Host{Log: l, Until: events, Whole: true}
	url := startHost(t, h)
	h.SetFaults(jetstreamtest.Faults{Long: 100, Huge: 700, BadUTF8: 130, Garbage: 170, WrongDay: 190})
	w := newWorld(t, storetest.URL(t))
	stop := w.count("one", jetstream.Options{Hosts: []string{url}})
	want := recount(t, l, 0, events)
	w.reaches(want.sum())
	w.equal(want)
	if n := h.Connections.Load(); n != 1 {
		t.Errorf("%d connections, want 1: nothing here is fatal", n)
	}
	stop()
	got := w.health()
	for _, reason := range []string{"undecodable", "too long", "server's clock off"} {
		if got.Dropped[reason] == 0 {
			t.Errorf("dropped = %v, want some %s", got.Dropped, reason)
		}
	}
}

// A message without end costs a connection, not memory, and the next host goes on.
//
// Fails when: readMessage has no maxDiscard.
func TestEndlessMessage(t *testing.T) {
	t.Parallel()
	const events = 15_000
	l := newLog(t, time.Now().Add(-20*time.Second), time.Millisecond)
	a, b := &jetstreamtest.Host{Log: l, Until: events, Whole: true}, &jetstreamtest.Host{Log: l, Until: events, Whole: true}
	ua, ub := startHost(t, a), startHost(t, b)
	a.SetFaults(jetstreamtest.Faults{Endless: 500})
	w := newWorld(t, storetest.URL(t))
	w.count("one", jetstream.Options{Hosts: []string{ua, ub}})
	want := recount(t, l, 0, events)
	w.reaches(want.sum())
	w.equal(want)
}

// Trap 9: after a repository is resynchronised, v2 replays its old posts as creates. They are dated by their
// authors long before, and are not counted.
//
// Fails when: maxSkewMicros is a week.
func TestResynchronisedPostsAreNotCounted(t *testing.T) {
	t.Parallel()
	l := newLog(t, time.Now().Add(-20*time.Second), time.Millisecond)
	l.Lag = 48 * time.Hour
	h := &jetstreamtest.Host{Log: l, Until: 5000, Whole: true, Seq: 100}
	w := newWorld(t, storetest.URL(t))
	w.count("one", jetstream.Options{Hosts: []string{startHost(t, h)}, V2: true})
	w.until(func() bool { return strings.Contains(w.cursor(), `"seq\":5`) })
	if n := w.counted().sum(); n != 0 {
		t.Errorf("%v mentions of old posts, want 0", n)
	}
	w.until(func() bool { return w.health().Dropped["author's clock off"] > 0 })
}

// Both forms of compression carry the same posts.
//
// Fails when: unzip leaves the dictionary out.
func TestCompressed(t *testing.T) {
	lines := samples(t)
	var history []byte
	for _, line := range lines[:len(lines)/8+1] { // the rest must still hold something new
		history = append(history, line...)
	}
	dict, err := zstd.BuildDict(zstd.BuildDictOptions{ID: 1612007021, Contents: lines, History: history, Offsets: [3]int{1, 4, 8}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v2 := range []bool{false, true} {
		t.Run(map[bool]string{false: "v1", true: "v2"}[v2], func(t *testing.T) {
			t.Parallel()
			const events = 10_000
			l := newLog(t, time.Now().Add(-5*time.Minute), 10*time.Millisecond)
			h := &jetstreamtest.Host{Log: l, Until: events, Rush: true, Dict: dict}
			w := newWorld(t, storetest.URL(t))
			w.count("one", jetstream.Options{Hosts: []string{startHost(t, h)}, V2: v2, Compress: true, Dictionary: dict})
			want := recount(t, l, 0, events)
			w.reaches(want.sum())
			w.equal(want)
			if q := *h.LastQuery.Load(); !strings.Contains(q, "compress=true") && !strings.Contains(q, "zstdDictionary=1612007021") {
				t.Errorf("asked with %s, want a form of compression", q)
			}
		})
	}
}
