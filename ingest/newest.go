package ingest

// Newest is the newest time a feed has stamped, so far as it can be believed: one event from a server's
// broken clock must not move it into the future, or everything until then would look old. The zero value is
// ready.
type Newest struct {
	at    int64
	ahead int
}

const (
	leapMicros = 10e6 // ahead of the feed by more than this, and ahead of our clock, is not believed at once
	believed   = 50   // this many in a row are
)

// Advance takes an event's time and the present time, Unix microseconds, and returns the newest.
func (n *Newest) Advance(at, now int64) int64 {
	switch {
	case at <= n.at:
		n.ahead = 0
	case n.at == 0 || at <= now || at <= n.at+leapMicros:
		n.at, n.ahead = at, 0
	default:
		if n.ahead++; n.ahead >= believed {
			n.at, n.ahead = at, 0
		}
	}
	return n.at
}

// At is the newest time, 0 before the first.
func (n *Newest) At() int64 { return n.at }
