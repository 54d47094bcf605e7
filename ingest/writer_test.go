package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"surgecast"
)

// forgetful is a store whose answers get lost: it did what it says it did not.
type forgetful struct {
	Store
	at      string
	commits sums
	calls   int
	lose    func(call int) bool
}

func (f *forgetful) CommitStream(_ context.Context, _ surgecast.Lease, c surgecast.StreamCounts, _ time.Time) error {
	f.calls++
	if c.From != f.at {
		return fmt.Errorf("elsewhere: %w", surgecast.ErrConflict)
	}
	f.at = c.To
	f.commits.add(c.Rows)
	if f.lose(f.calls) {
		return errors.New("the connection broke before the answer came")
	}
	return nil
}

func (f *forgetful) Cursor(context.Context, int64) (string, error) { return f.at, nil }

func (f *forgetful) CloseSourceMinutes(context.Context, surgecast.Lease, int64, time.Time, time.Time, bool, time.Time) error {
	return nil
}

func (f *forgetful) RecordGap(context.Context, surgecast.Lease, surgecast.SourceGap) error {
	return nil
}

// Trap 1: the answer to a commit is lost. The batch is tried again and must not count twice.
//
// Fails when: once takes ErrConflict for a lost source without looking at the cursor.
func TestLostAnswerToACommit(t *testing.T) {
	now := t0.Add(time.Hour)
	ta := testTally(t, &now)
	f := &forgetful{commits: sums{}, lose: func(n int) bool { return n%2 == 1 }}
	w := &writer{store: f, tally: ta, log: slog.New(slog.DiscardHandler), seconds: prometheus.NewHistogram(prometheus.HistogramOpts{})}
	want := 0.0
	for n := range 300 {
		p := testPost(n)
		ta.Posts(t.Context(), []Post{p}, "the same place")
		want += float64(len(ta.topics.Match(&ta.scratch, p.Text, nil, nil)))
		if n%50 == 49 {
			if err := w.write(t.Context(), func() bool { return false }); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := 0.0
	for _, v := range f.commits {
		got += v[0]
	}
	if got != want || f.calls != 12 { // each of six batches twice: an answer lost, then a conflict
		t.Errorf("%v mentions in %d calls, want %v", got, f.calls, want)
	}
}

// Another process has moved the cursor: the source is lost, and nothing is tried again.
//
// Fails when: once goes on from whatever cursor it finds.
func TestCursorMovedBySomebodyElse(t *testing.T) {
	now := t0.Add(time.Hour)
	ta := testTally(t, &now)
	f := &forgetful{at: "somewhere else", commits: sums{}, lose: func(int) bool { return false }}
	w := &writer{store: f, tally: ta, log: slog.New(slog.DiscardHandler), seconds: prometheus.NewHistogram(prometheus.HistogramOpts{})}
	ta.Posts(t.Context(), []Post{testPost(1)}, "1")
	if err := w.write(t.Context(), func() bool { return false }); !errors.Is(err, errLost) {
		t.Errorf("write = %v, want that the source is lost", err)
	}
	if len(f.commits) != 0 {
		t.Errorf("%v was counted", f.commits)
	}
}
