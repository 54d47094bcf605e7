package api

import (
	"sync"
	"time"

	"surgecast"
)

// replays remembers the answers of requests with an Idempotency-Key, for a day and a bounded number.
type replays struct {
	wall surgecast.Clock
	most int

	mu   sync.Mutex
	all  map[string]replay
	old  []string        // oldest first
	busy map[string]bool // a request is at work
}

type replay struct {
	sum    [32]byte
	answer any
	at     time.Time
}

const (
	replayFor  = 24 * time.Hour
	mostReplay = 10_000
)

func newReplays(wall surgecast.Clock, most int) *replays {
	return &replays{wall: wall, most: most, all: map[string]replay{}, busy: map[string]bool{}}
}

// begin finds the answer of a key. Without one, done is not nil: the caller is the first, works, keeps what it answers,
// and calls done. Whoever comes with the same key meanwhile is told to come again, as draft-ietf-httpapi-idempotency-key
// has it: waiting would hold a connection for each repetition of an impatient sender.
func (r *replays) begin(key string) (before replay, done func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a, ok := r.all[key]; ok && r.wall().Sub(a.at) < replayFor {
		return a, nil, nil
	}
	if r.busy[key] {
		return replay{}, nil, keyInUse()
	}
	r.busy[key] = true
	return replay{}, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.busy, key)
	}, nil
}

func (r *replays) keep(key string, a replay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.at = r.wall()
	if _, ok := r.all[key]; !ok {
		r.old = append(r.old, key)
	}
	r.all[key] = a
	for len(r.old) > r.most {
		delete(r.all, r.old[0])
		r.old = r.old[1:]
	}
}
