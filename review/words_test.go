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

// Fails when: about writes what twoDigits rounded with the digits of a table.
func TestAbout(t *testing.T) {
	for x, want := range map[float64]string{
		1.78: "1.8", 1.44: "1.4", .56: "0.56", .0347: "0.035", 1.96: "2", 9.96: "10", 9.94: "9.9", 33.7: "34", 106.2: "110", 1683: "1,700", 0: "0", -1.44: "−1.4", 1: "1", .1: "0.1",
	} {
		if got := about(x); got != want {
			t.Errorf("about(%v) = %q, want %q", x, got, want)
		}
	}
	for _, c := range []struct {
		names []string
		want  string
	}{{nil, ""}, {[]string{"a"}, "a"}, {[]string{"a", "b"}, "a and b"}, {[]string{"a", "b", "c"}, "a, b and c"}} {
		if got := list(c.names); got != c.want {
			t.Errorf("list(%v) = %q", c.names, got)
		}
	}
}
