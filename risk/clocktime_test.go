package risk

import (
	"testing"
	"time"
)

func TestTimes(t *testing.T) {
	s := newSpeaker(on(14, 20), "Europe/Berlin")
	day := func(d, h, m int) time.Time { return time.Date(2026, 9, d, h, m, 0, 0, berlin) }
	for _, tt := range []struct{ name, got, want string }{
		{"today", s.at(on(14, 41).Add(59 * time.Second)), "14:41"},
		{"in UTC it is another hour", s.at(time.Date(2026, 9, 24, 12, 41, 0, 0, time.UTC)), "14:41"},
		{"tomorrow", s.at(day(25, 9, 5)), "tomorrow 09:05"},
		{"tomorrow, 10 hours away", s.at(day(25, 0, 20)), "tomorrow 00:20"},
		{"in a week", s.at(day(27, 9, 5)), "Sun 09:05"},
		{"yesterday", s.at(day(23, 23, 50)), "yesterday 23:50"},
		{"long ago", s.at(day(10, 23, 50)), "10 Sep 23:50"},
		{"act-by within 2 hours", s.actBy(on(16, 19)), "16:19"},
		{"act-by later: down to 5 minutes", s.actBy(on(16, 24)), "16:20"},
		{"most likely", s.likely(on(15, 2).Add(29 * time.Second)), "15:00"},
		{"most likely", s.likely(on(15, 2).Add(30 * time.Second)), "15:05"},
		{"over by: up to 10 minutes", s.overBy(on(16, 31)), "16:40"},
		{"over by: on the mark", s.overBy(on(16, 30)), "16:30"},
		{"over by: past the day", s.overBy(on(23, 55)), "tomorrow 00:00"},
		{"next update", s.nextUpdate(), "14:30"},
		{"next update not at once", newSpeaker(on(14, 21), "Europe/Berlin").nextUpdate(), "15:00"},
		{"a zone of three quarters", newSpeaker(on(14, 20), "Asia/Kathmandu").overBy(on(14, 33)), "18:20"},
		{"no zone", newSpeaker(on(14, 20), "Mars/Olympus").at(on(14, 20)), "12:20"},
		{"one hour", span(60), "hour"},
		{"six hours", span(360), "6 hours"},
		{"half an hour", span(30), "30 minutes"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	// The clock goes back on 25 October 2026: the day has 25 hours and is still one day.
	before := newSpeaker(time.Date(2026, 10, 24, 23, 30, 0, 0, berlin), "Europe/Berlin")
	if got := before.at(time.Date(2026, 10, 25, 23, 45, 0, 0, berlin)); got != "tomorrow 23:45" {
		t.Errorf("over the clock change: %q", got)
	}
}
