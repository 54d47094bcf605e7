package api

import (
	"context"
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
	old  []string                 // oldest first
	busy map[string]chan struct{} // closed when the request at work has ended
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
	return &replays{wall: wall, most: most, all: map[string]replay{}, busy: map[string]chan struct{}{}}
}

// begin finds the answer of a key. Without one, done is not nil: the caller is the first, works, keeps what
// it answers, and calls done. Whoever comes with the same key meanwhile waits for it.
func (r *replays) begin(ctx context.Context, key string) (before replay, done func(), err error) {
	for {
		r.mu.Lock()
		if a, ok := r.all[key]; ok && r.wall().Sub(a.at) < replayFor {
			r.mu.Unlock()
			return a, nil, nil
		}
		first, busy := r.busy[key]
		if !busy {
			first = make(chan struct{})
			r.busy[key] = first
			r.mu.Unlock()
			return replay{}, func() {
				r.mu.Lock()
				delete(r.busy, key)
				r.mu.Unlock()
				close(first)
			}, nil
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return replay{}, nil, ctx.Err()
		case <-first:
		}
	}
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
