package ingest

import (
	"log/slog"
	"sync"
	"time"

	"surgecast"
)

// Once something has failed, it is said again after an hour at the earliest; it is well when it has been alive for
// ten seconds.
const (
	sayAgain  = time.Hour
	wellAfter = 10 * time.Second
)

// trouble says what goes wrong with a feed once, however often it is tried again, and once that it is over.
type trouble struct {
	log   *slog.Logger
	clock surgecast.Clock
	back  string // what is said when it is over

	mu     sync.Mutex
	since  time.Time // of the first failure; zero: all is well
	saidAt time.Time
	failed int
}

// fails notes a failure.
func (t *trouble) fails(msg string, err error, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock()
	t.failed++
	switch {
	case t.since.IsZero():
		t.since, t.saidAt = now, now
		t.log.Warn(msg, "err", err, "wait", wait.Round(time.Millisecond))
	case now.Sub(t.saidAt) >= sayAgain:
		t.saidAt = now
		t.log.Warn(msg, "err", err, "attempts", t.failed, "since", t.since.UTC())
	default:
		t.log.Debug(msg, "err", err, "attempts", t.failed)
	}
}

// lives notes that it works since a time.
func (t *trouble) lives(since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock()
	if t.since.IsZero() || now.Sub(since) < wellAfter {
		return
	}
	t.log.Info(t.back, "attempts", t.failed, "after", now.Sub(t.since).Round(time.Second))
	t.since, t.failed = time.Time{}, 0
}
