package match

import (
	"math"
	"sync"
	"time"
)

// Bounds of a Ring.
const (
	RingBytes = 64 << 20      // of memory
	RingSpan  = 2 * time.Hour // of posts, before the newest
)

// Remembered is a past post, by nothing but numbers: keyed hashes and token hashes. What Flags means is the
// caller's affair.
type Remembered struct {
	Time   int64 // Unix microseconds
	Source int64
	Author uint64
	ID     uint64
	Flags  uint64
	Tokens []uint64
}

// header is the number of words of a post beside its tokens.
const header = 6

// chunkWords is the size of the pieces a Ring takes and gives back: 1 MiB.
const chunkWords = 128 << 10

// Ring remembers the posts of the last two hours, as many as fit, so that a topic asked for now has its past
// at once. It is never stored. It may be used by several goroutines.
type Ring struct {
	mu     sync.Mutex
	limit  int // chunks
	chunks []*chunk
	newest int64
	lost   int64 // newest post that was forgotten
	posts  int
}

type chunk struct {
	mu     sync.Mutex
	words  []uint64
	posts  int
	oldest int64
	newest int64
}

// NewRing makes an empty Ring of at most limit bytes, RingBytes when limit is 0 or larger. It grows with
// what it holds.
func NewRing(limit int64) *Ring {
	if limit <= 0 || limit > RingBytes {
		limit = RingBytes
	}
	return &Ring{limit: max(1, int(limit/(chunkWords*8)))}
}

// Add remembers a post. The oldest are forgotten when they are more than RingSpan older than the newest, or
// the memory is used up. A post with more tokens than fit in a chunk is not remembered.
func (r *Ring) Add(p Remembered) {
	need := header + len(p.Tokens)
	if need > chunkWords {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newest = max(r.newest, p.Time)
	var c *chunk
	if n := len(r.chunks); n > 0 && len(r.chunks[n-1].words)+need <= chunkWords {
		c = r.chunks[n-1]
	} else {
		r.forget()
		c = &chunk{words: make([]uint64, 0, chunkWords), oldest: math.MaxInt64, newest: math.MinInt64}
		r.chunks = append(r.chunks, c)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.words = append(c.words, uint64(p.Time), uint64(p.Source), p.Author, p.ID, p.Flags, uint64(len(p.Tokens)))
	c.words = append(c.words, p.Tokens...)
	c.posts++
	c.oldest, c.newest = min(c.oldest, p.Time), max(c.newest, p.Time)
	r.posts++
}

// forget drops the chunks that are too old, and the oldest when there is no room for one more.
func (r *Ring) forget() {
	drop := 0
	for drop < len(r.chunks) && (len(r.chunks)-drop >= r.limit || r.chunks[drop].newest < r.newest-RingSpan.Microseconds()) {
		r.posts -= r.chunks[drop].posts
		r.lost = max(r.lost, r.chunks[drop].newest)
		drop++
	}
	n := copy(r.chunks, r.chunks[drop:])
	clear(r.chunks[n:])
	r.chunks = r.chunks[:n]
}

// Each calls f with every remembered post at or after since and within RingSpan of the newest, in the order
// they were added, until f returns false. The Remembered and its tokens are valid during the call only. Posts
// added meanwhile may or may not be seen; Add waits for one chunk at most.
func (r *Ring) Each(since time.Time, f func(p *Remembered) bool) {
	r.mu.Lock()
	chunks := append([]*chunk(nil), r.chunks...)
	from := max(since.UnixMicro(), r.newest-RingSpan.Microseconds())
	r.mu.Unlock()
	for _, c := range chunks {
		if !c.each(from, f) {
			return
		}
	}
}

func (c *chunk) each(from int64, f func(p *Remembered) bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var p Remembered
	for w := c.words; len(w) > 0; {
		n := int(w[header-1])
		if int64(w[0]) >= from {
			p = Remembered{int64(w[0]), int64(w[1]), w[2], w[3], w[4], w[header : header+n : header+n]}
			if !f(&p) {
				return false
			}
		}
		w = w[header+n:]
	}
	return true
}

// Oldest is the time of the oldest post remembered, and false when there is none. Before it the Ring knows
// nothing: those minutes are missing, not zero.
func (r *Ring) Oldest() (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.chunks) == 0 {
		return time.Time{}, false
	}
	return time.UnixMicro(max(r.chunks[0].oldest, r.lost+1, r.newest-RingSpan.Microseconds())).UTC(), true
}

// Len is the number of posts remembered.
func (r *Ring) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.posts
}

// Bytes is the memory held.
func (r *Ring) Bytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.chunks)) * chunkWords * 8
}
