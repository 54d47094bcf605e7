package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

// Promise 1: counts and cursor commit together. The second row breaks a constraint after the cursor was
// moved and the first row written: nothing of it may be left.
//
// Fails when AddMentions moves the cursor with s.pool.Exec instead of tx.Exec.
func TestPromise1CountsAndCursorCommitTogether(t *testing.T) {
	s, pool := open(t)
	src := must[surgecast.Source](t)(s.EnsureSource(t.Context(), aSource("bluesky", surgecast.Increments)))
	l := lease(t, s, "source/bluesky")

	err := s.AddMentions(t.Context(), l, src.ID, "", "c1", []surgecast.MentionMinute{mention(1, src.ID, t0, 5), mention(2, src.ID, t0, -1)}, t0)
	if err == nil {
		t.Fatal("a negative count was accepted")
	}
	if at := must[string](t)(s.Cursor(t.Context(), src.ID)); at != "" {
		t.Errorf("the cursor is at %q after a failed batch, want where it was", at)
	}
	if n := ask[float64](t, pool, `SELECT coalesce(sum(raw), 0) FROM mention`); n != 0 {
		t.Errorf("%v mentions after a failed batch, want 0", n)
	}

	ok(t, s.AddMentions(t.Context(), l, src.ID, "", "c1", []surgecast.MentionMinute{mention(1, src.ID, t0, 5), mention(1, src.ID, t0, 2)}, t0))
	// The feed redelivers: the batch begins where the cursor no longer is.
	err = s.AddMentions(t.Context(), l, src.ID, "", "c1", []surgecast.MentionMinute{mention(1, src.ID, t0, 5)}, t0)
	if !errors.Is(err, surgecast.ErrConflict) {
		t.Errorf("the same batch again = %v, want ErrConflict", err)
	}
	if n := ask[float64](t, pool, `SELECT sum(raw) FROM mention`); n != 7 { // 5 + 2, once
		t.Errorf("%v mentions, want 7", n)
	}
}

// Two writers of one stream, which a lease should prevent and the cursor does: each batch counts once.
//
// Fails when advanceSQL loses "AND position = $2".
func TestPromise1CompetingWriters(t *testing.T) {
	s, pool := open(t)
	src := must[surgecast.Source](t)(s.EnsureSource(t.Context(), aSource("bluesky", surgecast.Increments)))
	l := lease(t, s, "source/bluesky")
	const batches = 60
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for n := 0; n < batches; {
				err := s.AddMentions(t.Context(), l, src.ID, place(n), place(n+1), batch(src.ID, n), t0)
				switch {
				case err == nil:
					n++
				case errors.Is(err, surgecast.ErrConflict): // another was faster: go on from where it got to
					at, err := s.Cursor(t.Context(), src.ID)
					if err != nil {
						t.Error(err)
						return
					}
					n = number(at)
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := ask[float64](t, pool, `SELECT sum(raw) FROM mention`); n != 3*batches { // three rows of 1 each
		t.Errorf("%v mentions, want %d", n, 3*batches)
	}
}

// place is the cursor after n batches, number its inverse.
func place(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func number(at string) int {
	n, _ := strconv.Atoi(at) // "" is 0
	return n
}

// batch n has a mention of each of three topics, in a minute that moves on every ten batches.
func batch(source int64, n int) []surgecast.MentionMinute {
	var rows []surgecast.MentionMinute
	for topic := range int64(3) {
		rows = append(rows, surgecast.MentionMinute{TopicID: topic + 1, SourceID: source, Minute: minute(n / 10), Raw: 1, Organic: 1, Authors: 1})
	}
	return rows
}

const childURL = "SURGECAST_STORE_TEST_CHILD"

// countForever is a feed's process: it goes on from the stored cursor, one batch after the other, until
// it is killed.
func countForever(url string) {
	ctx := context.Background()
	die := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	s, err := store.Open(ctx, url, store.Options{})
	die(err)
	src, err := s.EnsureSource(ctx, aSource("bluesky", surgecast.Increments))
	die(err)
	l, _, err := s.AcquireLease(ctx, "source/bluesky", "child", time.Hour)
	die(err)
	at, err := s.Cursor(ctx, src.ID)
	die(err)
	fmt.Println("counting")
	for n := number(at); ; n++ {
		die(s.AddMentions(ctx, l, src.ID, place(n), place(n+1), batch(src.ID, n), t0))
	}
}

// Promise 1 against the real thing: a process is killed with SIGKILL at 20 moments and started again,
// each time from the stored cursor. Whatever the moment, the total is three mentions a batch.
//
// Fails when AddMentions moves the cursor with s.pool.Exec instead of tx.Exec: a kill between the two
// commits loses that batch.
func TestPromise1SurvivesSIGKILL(t *testing.T) {
	url := storetest.URL(t)
	s, pool := open(t)
	src := must[surgecast.Source](t)(s.EnsureSource(t.Context(), aSource("bluesky", surgecast.Increments)))
	chance := rand.New(rand.NewPCG(1, 2))
	kills := 20
	if testing.Short() {
		kills = 3
	}
	cursor := func() int { return number(must[string](t)(s.Cursor(t.Context(), src.ID))) }
	// A busy machine gets to no commit within such a life: then the next ones are longer, and there are more of them.
	window, killed := 60*time.Millisecond, 0
	for ; killed < kills || cursor() < kills && killed < 5*kills; killed++ {
		before := cursor()
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childURL+"="+url)
		child.Stderr = os.Stderr
		out := must[interface{ Read([]byte) (int, error) }](t)(child.StdoutPipe())
		ok(t, child.Start())
		if _, err := out.Read(make([]byte, 8)); err != nil { // it counts now
			t.Fatalf("the counting process died early: %v", err)
		}
		time.Sleep(time.Duration(chance.Int64N(int64(window)))) // the moment, not a wait for anything
		ok(t, child.Process.Kill())
		_ = child.Wait() // "signal: killed"
		if cursor() == before {
			window = min(2*window, 5*time.Second)
		}
	}
	// The server may still be finishing the last commit it was sent.
	for ask[int64](t, pool, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`) > 0 {
		time.Sleep(5 * time.Millisecond)
	}
	batches := cursor()
	if batches < kills {
		t.Fatalf("only %d batches committed in %d lives: the test kills too early", batches, killed)
	}
	if n := ask[float64](t, pool, `SELECT sum(raw) FROM mention`); n != float64(3*batches) {
		t.Errorf("%v mentions after %d batches, want %d", n, batches, 3*batches)
	}
	t.Logf("%d kills, %d batches", killed, batches)
}
