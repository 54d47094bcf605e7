package jetstream_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"surgecast/ingest"
	"surgecast/ingest/jetstream"
	"surgecast/ingest/jetstream/jetstreamtest"
	"surgecast/internal/localpg"
	"surgecast/migrations"
	"surgecast/store"
	"surgecast/store/storetest"
)

// What a child process is told: it is this test binary, and counts until it is killed.
const (
	childDatabase = "SURGECAST_JETSTREAM_TEST_DATABASE"
	childHosts    = "SURGECAST_JETSTREAM_TEST_HOSTS"
	childKeys     = "SURGECAST_JETSTREAM_TEST_KEYS"
	childHolder   = "SURGECAST_JETSTREAM_TEST_HOLDER"
	childSpeed    = "SURGECAST_JETSTREAM_TEST_SPEED" // of its clock, and since when: 20,UNIXNANO
	childPast     = "SURGECAST_JETSTREAM_TEST_PAST"  // posts a second, to read pasts at
)

func TestMain(m *testing.M) {
	if os.Getenv(childDatabase) != "" {
		if err := countForEver(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func countForEver() error {
	ctx := context.Background()
	s, err := store.Open(ctx, os.Getenv(childDatabase), store.Options{})
	if err != nil {
		return err
	}
	clock, stall := time.Now, time.Duration(0)
	if speed := os.Getenv(childSpeed); speed != "" {
		var times, since int64
		if _, err := fmt.Sscanf(speed, "%d,%d", &times, &since); err != nil {
			return err
		}
		clock, stall = fastClock(times, time.Unix(0, since)), time.Duration(times)*patience
	}
	keys, err := ingest.OpenKeys(os.Getenv(childKeys), clock)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	st, err := jetstream.New(jetstream.Options{Hosts: strings.Split(os.Getenv(childHosts), ","), Hash: keys.HashAt, Clock: clock, Logger: log})
	if err != nil {
		return err
	}
	fmt.Println("counting")
	c := ingest.Config{Store: s, Clock: clock, Logger: log, Holder: os.Getenv(childHolder), Streams: []ingest.Stream{st}, Stall: stall}
	if past := os.Getenv(childPast); past != "" {
		c.Past = 36 * time.Hour
		if _, err := fmt.Sscanf(past, "%g", &c.PastRate); err != nil {
			return err
		}
	}
	return ingest.New(c).Run(ctx)
}

// child starts a process that counts.
func (w *world) child(url, holder string, hosts ...string) *exec.Cmd {
	w.t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childDatabase+"="+url, childHosts+"="+strings.Join(hosts, ","), childKeys+"="+w.keysPath, childHolder+"="+holder)
	c.Env = append(c.Env, w.childEnv...)
	c.Stderr = toTest{w.t}
	out, err := c.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	if _, err := io.ReadFull(out, make([]byte, 8)); err != nil {
		w.t.Fatalf("the counting process died early: %v", err)
	}
	return c
}

// three sums of a database, by topic and minute.
func (w *world) series() map[string][3]float64 {
	w.t.Helper()
	rows, err := w.store.Pool().Query(w.t.Context(), `SELECT t.slug || ' ' || m.minute, raw, organic, authors FROM mention m JOIN topic t ON t.id = m.topic_id`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	out := map[string][3]float64{}
	for rows.Next() {
		var k string
		var v [3]float64
		if err := rows.Scan(&k, &v[0], &v[1], &v[2]); err != nil {
			w.t.Fatal(err)
		}
		out[k] = v
	}
	return out
}

// Promise 1 against the real thing: a counting process is killed at 20 moments. raw is what an independent
// recount finds, minute by minute; organic and authors are what a process counts that lived through.
//
// Fails when: tally.resume forgets p.IDs, tally.collect leaves the place out of b.next, or (organic and
// authors only) Run is started from t.from() without Rewind.
func TestPromise1CountingSurvivesSIGKILL(t *testing.T) {
	kills, events := 20, int64(70_000)
	if testing.Short() {
		kills, events = 4, 20_000
	}
	start := time.Now().Add(-10 * time.Second)
	l := newLog(t, start, time.Millisecond)
	// Each life has something new to count, however long it takes to begin.
	lives := int64(2 * kills) // at most
	var released atomic.Int64 // events
	released.Store(events / lives)
	host := startHost(t, &jetstreamtest.Host{Log: l, Until: events, Whole: true, Clock: func() time.Time {
		now, end := time.Now(), time.UnixMicro(l.Stamp(released.Load()))
		if now.Before(end) {
			return now
		}
		return end
	}})
	url := storetest.URL(t)
	w := newWorld(t, url)
	chance := rand.New(rand.NewPCG(3, 4))
	commits, killed := 0, 0
	last := ""
	// A first life shows how long this machine takes to a commit; the others end somewhere around that.
	began := time.Now()
	first := w.child(url, "child", host)
	for w.cursor() == last && time.Since(began) < patience {
		time.Sleep(50 * time.Millisecond)
	}
	last = w.cursor()
	first.Process.Kill()
	first.Wait()
	window := max(2600, int(2*time.Since(began).Milliseconds()))
	for ; killed < kills || commits < kills/2 && int64(killed) < lives; killed++ {
		released.Add(events / lives)
		c := w.child(url, "child", host)
		time.Sleep(time.Duration(200+chance.IntN(window)) * time.Millisecond) // the moment, not a wait for anything
		c.Process.Kill()
		c.Wait()
		if at := w.cursor(); at != last {
			commits++
			last = at
		} else {
			window += window / 8 // the machine may be busier than in the first life
		}
	}
	if commits < kills/2 {
		t.Errorf("only %d of %d lives committed anything: the test kills too early", commits, killed)
	}
	t.Logf("%d kills, %d lives had committed", killed, commits)
	released.Store(events)
	w.child(url, "child", host)
	want := recount(t, l, 0, events)
	w.reaches(want.sum())
	w.equal(want)

	other := storetest.EmptyURL(t)
	if err := migrations.Up(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	through := newWorld(t, other)
	through.keys = w.keys
	through.count("through", jetstream.Options{Hosts: []string{startHost(t, &jetstreamtest.Host{Log: l, Until: events, Rush: true})}})
	through.reaches(want.sum())
	got, wanted := w.series(), through.series()
	for k, v := range wanted {
		if got[k] != v {
			t.Errorf("%s: raw, organic, authors = %v with kills, %v without", k, got[k], v)
		}
	}
}

func (w *world) cursor() (at string) {
	w.t.Helper()
	if err := w.store.Pool().QueryRow(w.t.Context(), `SELECT coalesce(max(position), '') FROM ingest_cursor`).Scan(&at); err != nil {
		w.t.Fatal(err)
	}
	return at
}

// A holder that is stopped for twenty seconds loses its source; when it wakes up in the middle of what it
// was doing it writes nothing.
//
// Fails when: AddMentions does not check the lease and advanceSQL loses "AND position = $2".
func TestPromise8AStoppedHolderWritesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute: not with -short")
	}
	t.Parallel()
	const events = 45_000
	l := newLog(t, time.Now().Add(-5*time.Second), time.Millisecond)
	host := startHost(t, &jetstreamtest.Host{Log: l, Until: events, Whole: true})
	url := storetest.URL(t)
	w := newWorld(t, url)
	a := w.child(url, "a", host)
	w.reaches(200)
	b := w.child(url, "b", host)
	_ = b
	time.Sleep(500 * time.Millisecond)
	if err := a.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if h := w.holder(); h != "a" {
		t.Fatalf("%s holds the source, want a", h)
	}
	time.Sleep(20 * time.Second) // the length of the stop is what is tested
	w.until(func() bool { return w.holder() == "b" })
	if err := a.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	want := recount(t, l, 0, events)
	w.reaches(want.sum())
	time.Sleep(3 * time.Second) // a stale commit would come now
	w.equal(want)
	if h := w.holder(); h != "b" {
		t.Errorf("%s holds the source at the end, want b", h)
	}
}

func (w *world) holder() (h string) {
	w.t.Helper()
	if err := w.store.Pool().QueryRow(w.t.Context(), `SELECT holder FROM lease WHERE name = 'source:bluesky'`).Scan(&h); err != nil {
		w.t.Fatal(err)
	}
	return h
}

// PostgreSQL is stopped and started again while posts go on: nothing is lost and nothing is doubled.
//
// Fails when: writer.write collects a new batch for each attempt.
func TestDatabaseStoppedAndStarted(t *testing.T) {
	t.Parallel()
	down := 60 * time.Second
	if testing.Short() || os.Getenv("SURGECAST_TEST_LONG") == "" {
		down = 8 * time.Second
		t.Log("the database is away for 8 s; SURGECAST_TEST_LONG=1 makes it 60")
	}
	pg, options := ownPostgres(t)
	events := int64(down/time.Millisecond) + 15_000
	l := newLog(t, time.Now().Add(-5*time.Second), time.Millisecond)
	w := newWorld(t, pg.URL())
	stop := w.count("one", jetstream.Options{Hosts: []string{startHost(t, &jetstreamtest.Host{Log: l, Until: events, Whole: true})}})
	w.reaches(200)
	if err := pg.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(down) // the length of the outage is what is tested
	again, err := localpg.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Discard(context.Background()) })
	want := recount(t, l, 0, events)
	w.reaches(want.sum())
	w.equal(want)
	stop()
	w.store.Close()
}

// ownPostgres is a server of this test's own, as durable as PostgreSQL is by itself; how it is started again.
func ownPostgres(t testing.TB) (*localpg.Server, localpg.Options) {
	t.Helper()
	scratch, err := localpg.ScratchDir()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(scratch, "ingest-*") //nolint:usetesting // the account PostgreSQL runs under must pass through
	if err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o711)
	o := localpg.Options{StateDir: dir + "/s", Durable: true}
	pg, err := localpg.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Discard(context.Background()); os.RemoveAll(dir) })
	if err := migrations.Up(t.Context(), pg.URL()); err != nil {
		t.Fatal(err)
	}
	return pg, o
}
