// Package ingesttest is what tests of feeds share: a sink that keeps what it is told, and a hash.
package ingesttest

import (
	"bytes"
	"context"
	"hash/fnv"
	"sync"
	"time"

	"surgecast/ingest"
)

// Record is an ingest.Sink that keeps what it is told. Its fields may be read under its lock while a stream runs.
type Record struct {
	sync.Mutex

	Taken     []ingest.Post
	Place     string
	Completed time.Time
	Gaps      []Gap
	Drops     map[string]int
	Warning   string
}

// Gap is what Record was told of one.
type Gap struct {
	From, To time.Time
	Reason   string
}

// Posts keeps them.
func (r *Record) Posts(_ context.Context, posts []ingest.Post, place string) error {
	r.Lock()
	defer r.Unlock()
	for _, p := range posts {
		p.Text = bytes.Clone(p.Text)
		r.Taken = append(r.Taken, p)
	}
	r.Place = place
	return nil
}

// Complete keeps the last.
func (r *Record) Complete(t time.Time) {
	r.Lock()
	defer r.Unlock()
	r.Completed = t
}

// Gap keeps it.
func (r *Record) Gap(from, to time.Time, reason string) {
	r.Lock()
	defer r.Unlock()
	r.Gaps = append(r.Gaps, Gap{from, to, reason})
}

// Dropped counts.
func (r *Record) Dropped(reason string, n int) {
	r.Lock()
	defer r.Unlock()
	if r.Drops == nil {
		r.Drops = map[string]int{}
	}
	r.Drops[reason] += n
}

// Warn keeps the last.
func (r *Record) Warn(text string) {
	r.Lock()
	defer r.Unlock()
	r.Warning = text
}

// Texts are those of the posts, in order.
func (r *Record) Texts() (out []string) {
	r.Lock()
	defer r.Unlock()
	for _, p := range r.Taken {
		out = append(out, string(p.Text))
	}
	return out
}

// Hash is an ingest.Hash without a key, whatever the day.
func Hash(_ int64, b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(b) // never fails
	return h.Sum64()
}

// DailyHash is an ingest.Hash that differs from day to day, as the real one does.
func DailyHash(at int64, b []byte) uint64 {
	day := uint64(at / (24 * 3600e6))
	return Hash(at, b) * (2*day + 1)
}
