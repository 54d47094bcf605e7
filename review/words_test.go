package review

import (
	"math"
	"testing"
)

func TestCount(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 7: "7", 7.25: "7.25", 42.24: "42.2", 999.6: "1,000", 40000: "40,000", 1352804107: "1,352,804,107", -1234: "−1,234",
		math.Inf(1): "–",
	} {
		if got := count(x); got != want {
			t.Errorf("count(%v) = %q, want %q", x, got, want)
		}
	}
}

func TestPercent(t *testing.T) {
	for x, want := range map[Number]string{0: "0 %", .0012: "0.1 %", .0994: "9.9 %", .0999: "10 %", .5: "50 %", 1: "100 %", unknown: "–"} {
		if got := percent(x); got != want {
			t.Errorf("percent(%v) = %q, want %q", x, got, want)
		}
	}
}

func TestTwoDigits(t *testing.T) {
	for x, want := range map[float64]float64{1683: 1700, 94.4: 94, .0347: .035, 0: 0, -1251: -1300} {
		if got := twoDigits(x); math.Abs(got-want) > 1e-9 {
			t.Errorf("twoDigits(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for m, want := range map[int]string{0: "all", 5: "5 min", 60: "1 h", 90: "90 min", 1440: "24 h"} {
		if got := span(m); got != want {
			t.Errorf("span(%d) = %q, want %q", m, got, want)
		}
	}
	if got := seconds(90); got != "90 s" {
		t.Errorf("seconds(90) = %q", got)
	}
}
