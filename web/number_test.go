package web

import (
	"testing"
	"time"
)

func TestNumbersAsTheSentencesHaveThem(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 999.6: "1,000", 1234567: "1,234,567", -1200: "-1,200"} {
		if got := grouped(x); got != want {
			t.Errorf("grouped(%v) = %q, want %q", x, got, want)
		}
	}
	x := 1234.5
	if got := rate(&x); got != "1,230" {
		t.Errorf("rate(1234.5) = %q, want three digits: 1,230", got)
	}
	if got := rate(nil); got != "–" {
		t.Errorf("rate(nil) = %q: what is missing is never a zero", got)
	}
	for p, want := range map[float64]string{.004: "under 1 %", .02: "2 %", .044: "4 %", .046: "5 %", .6: "60 %", .624: "60 %", .957: "96 %", .995: "over 99 %"} {
		if got := percent(p); got != want {
			t.Errorf("percent(%v) = %q, want %q", p, got, want)
		}
	}
}

func TestMomentsAsTheSentencesHaveThem(t *testing.T) {
	now := time.Date(2026, 9, 24, 12, 20, 0, 0, time.UTC) // 14:20 in Berlin
	for d, want := range map[time.Duration]string{
		2 * time.Hour:       "16:20",
		10 * time.Hour:      "tomorrow 00:20",
		-15 * time.Hour:     "yesterday 23:20",
		48 * time.Hour:      "Sat 14:20",
		8 * 24 * time.Hour:  "2 Oct 14:20",
		31 * 24 * time.Hour: "25 Oct 13:20", // summer time ended that morning
	} {
		if got := at(now.Add(d), now, "Europe/Berlin").Clock; got != want {
			t.Errorf("now%+v: %q, want %q", d, got, want)
		}
	}
	if m := at(time.Time{}, now, "Europe/Berlin"); m.Clock != "–" || m.ISO != "" {
		t.Errorf("no time is shown as %+v", m)
	}
	if got := actBy(now.Add(21*time.Minute+40*time.Second), now); !got.Equal(now.Add(21 * time.Minute)) {
		t.Errorf("act-by is cut to the minute, got %v", got)
	}
	if got := actBy(now.Add(169*time.Minute), now); !got.Equal(now.Add(165 * time.Minute)) {
		t.Errorf("act-by over two hours away is cut to five minutes, got %v", got)
	}
}
