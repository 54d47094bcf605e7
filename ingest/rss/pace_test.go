package rss

import (
	"testing"
	"time"
)

// Quiet feeds are asked less and less often: after 1, 1.5, 2.25 … minutes, and never more than Slowest apart.
// Fails when: pace returns every unchanged.
func TestPace(t *testing.T) {
	s := New(Config{})
	f := &feed{every: time.Minute}
	asked := 0
	for at := time.Duration(0); at < 3*time.Hour; at += f.every {
		asked++
		s.pace(f, false)
	}
	// 1.5, 2.25, 3.375, 5.06, 7.59, 11.4, 17.1, 25.6 sum to 73.9 minutes, then every 30: 8 + ⌈106.1/30⌉ = 12.
	if asked != 12 || f.every != 30*time.Minute {
		t.Errorf("asked %d times in three hours, then every %v", asked, f.every)
	}
	for range 5 { // 15, 7.5, 3.75, 1.875, 1
		s.pace(f, true)
	}
	if f.every != time.Minute {
		t.Errorf("with news every %v", f.every)
	}
}
