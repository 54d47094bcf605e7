package capacity

import (
	"testing"
	"time"

	"surgecast"
)

// Fails when: a window that is not left ends a step after its last one, at 240 + 15.
func TestWindows(t *testing.T) {
	now := time.Date(2026, 9, 24, 12, 20, 0, 0, time.UTC)
	at := func(m int) time.Time { return now.Add(time.Duration(m) * time.Minute) }
	plan := []surgecast.Step{{At: now, Units: 6}, {At: at(40), Units: 9}, {At: at(55), Units: 13}, {At: at(100), Units: 6}, {At: at(110), Units: 8}, {At: at(140), Units: 6}, {At: at(240), Units: 7}}
	got := Windows(plan, 6, 9*time.Minute, now)
	// 40−9 = 31; the dip of 10 minutes at 100 is bridged; 240−9 = 231, held to the plan's end at 360.
	want := []surgecast.Window{{From: at(31), To: at(140), Units: 13}, {From: at(231), To: at(360), Units: 7}}
	if len(got) != len(want) {
		t.Fatalf("windows %+v, want %+v", got, want)
	}
	for i := range want {
		if !got[i].From.Equal(want[i].From) || !got[i].To.Equal(want[i].To) || got[i].Units != want[i].Units {
			t.Errorf("window %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	// A plan of one level, and one that asks for more at its very end.
	if got := Windows([]surgecast.Step{{At: now, Units: 9}}, 2, 0, now); len(got) != 1 || !got[0].To.Equal(at(360)) {
		t.Errorf("9 units to the plan's end: %+v", got)
	}
	if got := Windows([]surgecast.Step{{At: now, Units: 2}, {At: at(360), Units: 9}}, 2, 0, now); len(got) != 1 || !got[0].To.Equal(at(375)) {
		t.Errorf("9 units from the plan's end on: %+v", got)
	}
	if got := Windows(plan[:1], 6, time.Minute, now); len(got) != 0 {
		t.Errorf("nothing is wanted: %+v", got)
	}
	if got := Windows([]surgecast.Step{{At: now, Units: 9}, {At: at(30), Units: 6}}, 6, 9*time.Minute, now); len(got) != 1 || !got[0].From.Equal(now) {
		t.Errorf("what is wanted now begins now: %+v", got)
	}
}
