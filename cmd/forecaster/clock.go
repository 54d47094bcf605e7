package main

import (
	"sync"
	"time"
)

// playClock is the clock of a recording. It stands still between minutes that are being worked on and
// runs at speed in between, never past the end of the minute the player has released, so that nothing
// sees a time whose data have not been played.
type playClock struct {
	mu    sync.Mutex
	base  time.Time // time of the recording at mark
	mark  time.Time // real time base was set
	limit time.Time // never later than this
	speed float64   // recording seconds per real second; 0: stands still
}

func newPlayClock(at time.Time, speed float64) *playClock {
	return &playClock{base: at, limit: at, mark: time.Now(), speed: speed}
}

// Now is the time of the recording.
func (c *playClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *playClock) now() time.Time {
	if c.speed <= 0 {
		return c.limit
	}
	t := c.base.Add(time.Duration(float64(time.Since(c.mark)) * c.speed))
	if t.After(c.limit) {
		return c.limit
	}
	return t
}

// Release lets the clock run on to t, from where it stands. It never goes back.
func (c *playClock) Release(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Before(c.limit) {
		return
	}
	c.base, c.mark = c.now(), time.Now()
	c.limit = t
	if c.speed <= 0 {
		c.base = t
	}
}

// Jump sets the clock to t at once (never back).
func (c *playClock) Jump(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Before(c.limit) {
		return
	}
	c.base, c.mark, c.limit = t, time.Now(), t
}
