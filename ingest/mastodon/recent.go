package mastodon

import "time"

// recent remembers the ids of posts for a minute, so that what a page and the stream both bring is handed
// over once.
type recent struct {
	at  map[uint64]time.Time
	old []seenID // oldest first
}

type seenID struct {
	id uint64
	at time.Time
}

const (
	rememberFor = time.Minute
	mostRecent  = 100_000 // 1,600 posts a second for a minute
)

func newRecent() *recent { return &recent{at: map[uint64]time.Time{}} }

// first reports whether the id is new, and remembers it.
func (r *recent) first(id uint64, now time.Time) bool {
	if _, ok := r.at[id]; ok {
		return false
	}
	r.at[id] = now
	r.old = append(r.old, seenID{id, now})
	if len(r.old) > mostRecent {
		r.drop(1)
	}
	return true
}

// forget drops what is older than a minute.
func (r *recent) forget(now time.Time) {
	n := 0
	for n < len(r.old) && now.Sub(r.old[n].at) > rememberFor {
		n++
	}
	r.drop(n)
}

func (r *recent) drop(n int) {
	for _, s := range r.old[:n] {
		delete(r.at, s.id)
	}
	r.old = r.old[n:] // append moves it when its end is reached
}
