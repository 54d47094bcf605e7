package accesslog

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"surgecast"
	"surgecast/traffic"
)

var noon = time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)

// world is a web server's log on a disk, a database and a clock.
type world struct {
	t      *testing.T
	dir    string
	log    string
	now    time.Time
	stored map[string]map[int64]float64 // segment → minute → requests
	truth  map[string]map[int64]float64 // recounted by whoever wrote the lines
	counts map[string]int
	warned map[string]bool
	r      *Reader
	c      Config
	n      int // rotations so far
	lines  int // so far: no two are the same, as on a server no two files begin alike
}

func newWorld(t *testing.T) *world {
	dir := t.TempDir()
	w := &world{
		t: t, dir: dir, log: filepath.Join(dir, "access.log"), now: noon, counts: map[string]int{}, warned: map[string]bool{},
		stored: map[string]map[int64]float64{}, truth: map[string]map[int64]float64{},
	}
	w.c = Config{Files: []string{w.log}, Place: filepath.Join(dir, "place", "shop.json"), Segments: []Rule{{Name: "cart", Prefixes: []string{"/cart"}}}}
	t.Cleanup(func() {
		if w.r != nil {
			w.r.Close()
		}
	})
	return w
}

// line is a line of the log and puts it into the recount.
func (w *world) line(at time.Time, path string, status int) string {
	w.lines++
	m := at.Unix() - at.Unix()%60
	for _, s := range []string{"total", "cart"} {
		if w.truth[s] == nil {
			w.truth[s] = map[int64]float64{}
		}
		if s == "total" || path == "/cart" {
			w.truth[s][m]++
		}
	}
	return fmt.Sprintf("192.0.2.%d - - [%s] \"GET %s?q=%d HTTP/1.1\" %d 17 \"-\" \"agent\" 0.0%02d\n", len(path), at.Format(clfLayout), path, w.lines, status, at.Second())
}

func (w *world) write(s string) {
	w.t.Helper()
	f, err := os.OpenFile(w.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := f.WriteString(s); err != nil {
		w.t.Fatal(err)
	}
	f.Close()
	w.touch(w.log)
}

func (w *world) touch(path string) {
	if err := os.Chtimes(path, w.now, w.now); err != nil {
		w.t.Fatal(err)
	}
}

// poll runs the reader once; it dies where die says: 0 nowhere, 1 before its rows are stored, 2 before its
// place is.
func (w *world) poll(die int) (more bool) {
	w.t.Helper()
	if w.r == nil {
		var err error
		if w.r, err = Open(w.c); err != nil {
			w.t.Fatal(err)
		}
	}
	b, err := w.r.Poll(context.Background(), w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	for k, n := range b.Counts {
		w.counts[k] += n
	}
	w.warned[b.Warning] = true
	if die != 1 {
		w.store(b.Rows)
		if die != 2 && b.Done != nil {
			if err := b.Done(); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	if die != 0 {
		w.kill()
	}
	return b.More
}

func (w *world) store(rows []surgecast.TrafficMinute) {
	for _, r := range rows {
		if w.stored[r.Segment] == nil {
			w.stored[r.Segment] = map[int64]float64{}
		}
		w.stored[r.Segment][r.Minute.Unix()] = r.Requests
	}
}

// kill is SIGKILL: nothing in memory is left.
func (w *world) kill() {
	if w.r != nil {
		w.r.Close()
	}
	w.r = nil
}

// settle polls until nothing moves.
func (w *world) settle() {
	w.t.Helper()
	for i := 0; w.poll(0); i++ {
		if i > 1000 {
			w.t.Fatal("the reader never comes to an end")
		}
	}
}

// same compares what is stored with the recount, from a minute on.
func (w *world) same(from time.Time, what string) {
	w.t.Helper()
	for _, seg := range []string{"total", "cart"} {
		for m, n := range w.truth[seg] {
			if got, ok := w.stored[seg][m]; m >= from.Unix() && (!ok || got != n) {
				w.t.Errorf("%s: %s at %s: stored %g (%t), recount %g", what, seg, time.Unix(m, 0).UTC().Format("15:04"), got, ok, n)
			}
		}
		for m, n := range w.stored[seg] {
			if n != 0 && w.truth[seg][m] == 0 {
				w.t.Errorf("%s: %s at %s: stored %g, nothing was written", what, seg, time.Unix(m, 0).UTC().Format("15:04"), n)
			}
		}
	}
}

func (w *world) pack(path string) {
	w.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		w.t.Fatal(err)
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write(b)
	_ = z.Close()
	if err := os.WriteFile(path+".gz", buf.Bytes(), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Chtimes(path+".gz", info.ModTime(), info.ModTime()); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		w.t.Fatal(err)
	}
}

// rotate moves older files one on and takes the log away: 0 by renaming, 1 by copying and emptying, 2 by
// renaming and packing at once.
func (w *world) rotate(how int) {
	w.t.Helper()
	w.n++
	for i := 40; i >= 1; i-- {
		for _, ext := range []string{"", ".gz"} {
			old := fmt.Sprintf("%s.%d%s", w.log, i, ext)
			if _, err := os.Stat(old); err != nil {
				continue
			}
			to := fmt.Sprintf("%s.%d%s", w.log, i+1, ext)
			if err := os.Rename(old, to); err != nil {
				w.t.Fatal(err)
			}
			if i == 1 && ext == "" && w.n%2 == 0 {
				w.pack(to)
			}
		}
	}
	first := w.log + ".1"
	if how == 1 {
		b, err := os.ReadFile(w.log)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(first, b, 0o600); err != nil {
			w.t.Fatal(err)
		}
		w.touch(first)
		if err := os.Truncate(w.log, 0); err != nil {
			w.t.Fatal(err)
		}
		w.touch(w.log)
		return
	}
	if err := os.Rename(w.log, first); err != nil {
		w.t.Fatal(err)
	}
	if how == 2 {
		w.pack(first)
	}
	w.write("")
}

// A reader that is killed at any moment and started again arrives at the recount, through rotation by
// renaming, copying and packing, with lines up to half a minute out of order and cut anywhere.
// Fails when: resume returns p.lineAt; raise is called before the rows are stored; meet forgets an offset.
func TestKilledAtRandomMoments(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t)
		w.write("")
		w.poll(0) // first contact
		w.now = noon.Add(time.Minute)
		var pending string
		for step := 0; step < 400; step++ {
			w.now = w.now.Add(time.Duration(rng.IntN(9000)) * time.Millisecond)
			for range rng.IntN(12) {
				path := []string{"/", "/cart", "/about"}[rng.IntN(3)]
				at := w.now.Add(-time.Duration(rng.IntN(30000)) * time.Millisecond)
				if at.Before(noon.Add(time.Minute)) {
					at = noon.Add(time.Minute)
				}
				pending += w.line(at, path, 200)
			}
			n := rng.IntN(len(pending) + 1) // cut anywhere
			w.write(pending[:n])
			pending = pending[n:]
			if rng.IntN(25) == 0 { // between two lines, as servers do
				w.write(pending)
				pending = ""
				w.rotate(rng.IntN(3))
			}
			switch rng.IntN(10) {
			case 0:
				w.poll(1)
			case 1:
				w.poll(2)
			case 2:
				w.kill()
			case 3: // not polled for a while
			default:
				w.poll(0)
			}
		}
		w.write(pending)
		w.now = w.now.Add(5 * time.Minute)
		w.settle()
		w.same(noon, fmt.Sprintf("seed %d", seed))
		if t.Failed() {
			t.Fatalf("counts %v, warnings %v", w.counts, w.warned)
		}
	}
}

// The same at every byte of a small log: it is read as far as that byte, the process is killed, the rest
// is written, another process reads on.
// Fails when: split counts what stands before a line's end; the open minute is resumed from lineAt.
func TestKilledAtEveryByte(t *testing.T) {
	var text string
	probe := newWorld(t)
	for i := range 12 {
		text += probe.line(noon.Add(time.Minute+time.Duration(i)*15*time.Second), []string{"/", "/cart"}[i%2], 200)
	}
	for cut := 0; cut <= len(text); cut++ {
		w := newWorld(t)
		w.truth = probe.truth
		w.write("")
		w.poll(0)
		w.now = noon.Add(2*time.Minute + 20*time.Second)
		w.write(text[:cut])
		w.poll([]int{0, 1, 2}[cut%3])
		w.kill()
		w.now = noon.Add(20 * time.Minute)
		w.write(text[cut:])
		w.settle()
		w.same(noon, fmt.Sprintf("cut at byte %d", cut))
		w.kill()
		if t.Failed() {
			t.FailNow()
		}
	}
}

// Archives are read on first contact, oldest first, and the minute rotation has cut is left out. A place
// that is lost changes nothing: the same minutes are counted again from the files.
// Fails when: begin does not skip; scan does not look for .gz.
func TestHistory(t *testing.T) {
	w := newWorld(t)
	start := noon.Add(-36 * time.Hour)
	for i := range 36 * 60 {
		at := start.Add(time.Duration(i) * time.Minute).Add(30 * time.Second)
		w.now = at
		w.write(w.line(at, "/", 200) + w.line(at.Add(7*time.Second), "/cart", 500))
		if i%(7*60) == 7*60-1 {
			w.rotate(i / (7 * 60) % 3)
		}
	}
	w.now = noon.Add(time.Minute)
	w.settle()
	w.same(start.Add(time.Minute), "history")
	if t.Failed() {
		t.Fatalf("counts %v, warnings %v", w.counts, w.warned)
	}
	if _, ok := w.stored["total"][start.Unix()]; ok {
		t.Error("the first minute of the oldest archive may be cut, and is stored")
	}
	before := w.stored
	w.stored = map[string]map[int64]float64{}
	w.kill()
	if err := os.RemoveAll(filepath.Dir(w.c.Place)); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if d := cmp.Diff(before, w.stored); d != "" {
		t.Errorf("without its place it reads something else: %s", d)
	}
}

// A log rotated away while nobody read it leaves a hole, not small numbers; what was stored stays.
// Fails when: begin ignores known files that are gone.
func TestLostFileIsMissingNotSmall(t *testing.T) {
	w := newWorld(t)
	w.write("")
	w.poll(0)
	for i := range 300 {
		w.now = noon.Add(time.Minute + time.Duration(i)*time.Second)
		w.write(w.line(w.now, "/", 200))
		w.poll(0)
	}
	w.kill()
	stored := len(w.stored["total"])
	if err := os.Remove(w.log); err != nil {
		t.Fatal(err)
	}
	w.truth = map[string]map[int64]float64{} // those lines are gone
	old := w.stored
	w.stored = map[string]map[int64]float64{}
	again := noon.Add(20*time.Minute + 20*time.Second)
	for i := range 200 {
		w.now = again.Add(time.Duration(i) * time.Second)
		w.write(w.line(w.now, "/", 200))
	}
	w.now = w.now.Add(5 * time.Minute)
	w.settle()
	w.same(noon.Add(21*time.Minute), "after the loss")
	for m, n := range w.stored["total"] {
		if m < noon.Add(21*time.Minute).Unix() {
			t.Errorf("minute %s cannot be known and is said to be %g", time.Unix(m, 0).UTC().Format("15:04"), n)
		}
	}
	if stored < 4 || len(old["total"]) != stored || w.counts["lost files"] != 1 {
		t.Errorf("stored before: %d minutes, counts %v", stored, w.counts)
	}
}

// Errors, turned away, durations; a quiet minute is zero, and a silence the rate does not explain is missing.
// Fails when: add counts a rejected request as an error; fold returns false.
func TestMinutes(t *testing.T) {
	w := newWorld(t)
	w.write("")
	w.poll(0)
	rows := map[int64]surgecast.TrafficMinute{}
	step := func() {
		b, err := w.r.Poll(t.Context(), w.now)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Rows {
			if r.Segment == surgecast.TotalSegment {
				rows[r.Minute.Unix()] = r
			}
		}
		w.warned[b.Warning] = true
		if err := b.Done(); err != nil {
			t.Fatal(err)
		}
	}
	at := noon.Add(time.Minute)
	for m := range 60 {
		for i := range 20 {
			status := 200
			if m == 3 && i < 3 {
				status = []int{500, 503, 429}[i]
			}
			if m != 5 {
				w.write(w.line(at.Add(time.Duration(m)*time.Minute+time.Duration(i)*3*time.Second), "/", status))
			}
		}
		w.now = at.Add(time.Duration(m+1)*time.Minute + 15*time.Second)
		step()
	}
	third := rows[at.Add(3*time.Minute).Unix()]
	// Each third second takes 0.0SS s: 19 of 20 take at most 0.054 s.
	if third.Requests != 20 || third.Errors != 1 || third.Rejected != 2 || !third.Complete || third.P95MS < 53 || third.P95MS > 55 {
		t.Errorf("minute with failures: %+v", third)
	}
	if r, ok := rows[at.Add(5*time.Minute).Unix()]; !ok || r.Requests != 0 || !r.Complete {
		t.Errorf("a quiet minute: %+v, %t", r, ok)
	}
	for m := 60; m < 90; m++ {
		w.now = at.Add(time.Duration(m+1)*time.Minute + 15*time.Second)
		step()
	}
	if _, ok := rows[at.Add(65*time.Minute).Unix()]; !ok {
		t.Error("five quiet minutes are zero")
	}
	if r, ok := rows[at.Add(75*time.Minute).Unix()]; ok {
		t.Errorf("silence of a site with 20 requests a minute is told as %+v", r)
	}
	said := false
	for s := range w.warned {
		said = said || s != ""
	}
	if !said {
		t.Error("nobody is warned of the silence")
	}
}

// A process that was stopped for minutes in the middle of a poll goes on with the time from before. What was written
// meanwhile is not ahead of the clock.
//
// Fails when: line judges by the time of the poll alone.
func TestStoppedInTheMiddleOfAPoll(t *testing.T) {
	w := newWorld(t)
	w.write("")
	w.poll(0)
	w.now = noon.Add(90 * time.Second)
	stopped := w.now
	w.r.c.Clock = func() time.Time { return w.now }
	for range 10 {
		w.now = w.now.Add(time.Minute)
		w.write(w.line(w.now, "/", 200))
	}
	if _, err := w.r.Poll(t.Context(), stopped); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(5 * time.Minute)
	w.settle()
	w.same(noon, "stopped in a poll")
}

// What no server writes is counted and bounded, and the lines around it are counted right.
// Fails when: hold has no bound; the clock's future is not checked.
func TestStrangeInput(t *testing.T) {
	w := newWorld(t)
	w.write("")
	w.poll(0)
	w.now = noon.Add(90 * time.Second)
	good := func() { w.write(w.line(w.now, "/", 200)) }
	good()
	w.write(string(bytes.Repeat([]byte("x"), 100_000)) + "\n")
	good()
	w.write("\xff\xfe\x80 not a line\n\n\r\n")
	good()
	w.write(string(make([]byte, 3<<20)))
	good() // its line begins with zero bytes
	w.write(fmt.Sprintf("192.0.2.1 - - [%s] \"GET / HTTP/1.1\" 200 17\n", w.now.Add(3*time.Minute).Format(clfLayout)))
	w.write(fmt.Sprintf("192.0.2.1 - - [%s] \"GET / HTTP/1.1\" 200 17\n", w.now.Add(-3*time.Hour).Format(clfLayout)))
	good()
	w.poll(0)
	for range 40 { // 80 MB without an end of line
		w.write(string(bytes.Repeat([]byte("y"), 2<<20)))
		w.poll(0)
	}
	if n := cap(w.r.parts[partHead(t, w)].carry); n > 2*maxLine+chunk {
		t.Errorf("a line without end holds %d bytes", n)
	}
	w.write("\n")
	good()
	w.now = noon.Add(5 * time.Minute)
	w.settle()
	w.same(noon, "strange input")
	want := map[string]int{"counted": 6, "too long": 2, "unreadable": 1, "ahead of the clock": 1}
	for k, n := range want {
		if w.counts[k] != n {
			t.Errorf("%s: %d, want %d (all: %v)", k, w.counts[k], n, w.counts)
		}
	}
	if w.counts["too late"]+w.counts["stored before"] != 1 {
		t.Errorf("a line of three hours ago: %v", w.counts)
	}
}

func partHead(t *testing.T, w *world) head {
	t.Helper()
	h, ok, err := readHead(w.log, false, w.r.c.rules.parse)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return h
}

// The place holds no line, address or path of a visitor.
// Fails when: filePlace gets the first line.
func TestPlaceHoldsNothingOfVisitors(t *testing.T) {
	w := newWorld(t)
	w.write("")
	w.poll(0)
	w.now = noon.Add(time.Minute)
	for range 30 {
		w.now = w.now.Add(time.Minute)
		w.write(w.line(w.now, "/secret-canary-path", 200))
		w.poll(0)
	}
	b, err := os.ReadFile(w.c.Place)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"canary", "192.0.2", "agent", "GET"} {
		if bytes.Contains(b, []byte(s)) {
			t.Errorf("the place holds %q: %s", s, b)
		}
	}
}

var _ traffic.Reader = (*Reader)(nil)
