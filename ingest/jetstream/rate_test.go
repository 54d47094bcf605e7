package jetstream_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"surgecast/ingest/jetstream"
	"surgecast/ingest/jetstream/jetstreamtest"
)

// 50,000 posts a second come through a real websocket for a minute (10,000 for five seconds unless
// SURGECAST_TEST_LONG is set), 10,000 topics are counted, and what stands in PostgreSQL is what a recount of the
// bytes finds. How far behind it was is told, not judged: that depends on the machine.
//
// Fails when: tally.collect leaves a cell dirty and out of the batch, or CommitStream writes a chunk twice.
func TestAMinuteOfFiftyThousandPostsASecond(t *testing.T) {
	perSecond, seconds := int64(10_000), int64(5)
	if os.Getenv("SURGECAST_TEST_LONG") != "" {
		perSecond, seconds = 50_000, 60
	} else {
		t.Log("10,000 posts a second for 5 s; SURGECAST_TEST_LONG=1 makes it 50,000 for 60")
	}
	posts := perSecond * seconds
	pg, _ := ownPostgres(t)
	w := newWorld(t, pg.URL())
	durable := tenThousandTopics(t, w.store)
	l := benchLog(t)
	l.Start, l.Every = time.Now().Add(time.Second), time.Second/time.Duration(perSecond)
	before := cpuSeconds(t)
	stop := w.count("one", jetstream.Options{Hosts: []string{startHost(t, &jetstreamtest.Host{Log: l, Until: posts, Whole: true})}})
	last := fmt.Sprintf(`"us\":%d`, l.Stamp(posts-1))
	sent := time.UnixMicro(l.Stamp(posts - 1))
	deadline := sent.Add(2 * patience)
	for !strings.Contains(w.cursor(), last) {
		if time.Now().After(deadline) {
			t.Fatalf("not through %s after the last post: %.200s", time.Since(sent), w.cursor())
		}
		time.Sleep(50 * time.Millisecond)
	}
	behind, used := time.Since(sent), cpuSeconds(t)-before
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	stop()
	t.Logf("%d posts at %d a second; all were committed %.1f s after the last was stamped; %.0f s of processor for playing and counting them; heap %d MiB; fsync/synchronous_commit %s",
		posts, perSecond, behind.Seconds(), used, m.HeapAlloc>>20, durable)
	check(t, w.store, l, posts)
	w.store.Close()
}

// cpuSeconds is what this process has used, which a machine that is shared does not change much.
func cpuSeconds(t testing.TB) float64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
