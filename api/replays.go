package api

import (
	"sync"
	"time"

	"surgecast"
)

// replays remembers the answers of requests with an Idempotency-Key, for a day and a bounded number.
type replays struct {
	wall surgecast.Clock

	mu  sync.Mutex
	all map[string]replay
	old []string // oldest first
}

type replay struct {
	sum    [32]byte
	answer PushBody
	at     time.Time
}

const (
	replayFor  = 24 * time.Hour
	mostReplay = 10_000
)

func newReplays(wall surgecast.Clock) *replays {
	return &replays{wall: wall, all: map[string]replay{}}
}

func (r *replays) find(key string) (replay, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.all[key]
	return a, ok && r.wall().Sub(a.at) < replayFor
}

func (r *replays) keep(key string, a replay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.at = r.wall()
	if _, ok := r.all[key]; !ok {
		r.old = append(r.old, key)
	}
	r.all[key] = a
	for len(r.old) > mostReplay {
		delete(r.all, r.old[0])
		r.old = r.old[1:]
	}
}
