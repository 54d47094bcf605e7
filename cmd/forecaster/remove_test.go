package main

import (
	"strings"
	"testing"

	"surgecast"
)

// Whoever sits at a terminal is told what goes and types the name; anything else removes nothing.
// Fails when: run does not compare what was typed.
func TestRemovalAsks(t *testing.T) {
	for typed, want := range map[string]bool{"shop\n": true, " shop \n": true, "shop": true, "y\n": false, "": false, "shop2\n": false} {
		var out, asked strings.Builder
		done := false
		err := removal{"site", "shop", false, surgecast.Leaving{
			Goes:  []surgecast.Count{{N: 3, What: "planned events"}, {N: 0, What: "load tests"}},
			Stays: []surgecast.Count{{N: 1440, What: "minutes of traffic"}},
		}, func() error { done = true; return nil }}.run(&Global{in: strings.NewReader(typed), out: &out, errOut: &asked})
		if done != want || (err == nil) != want {
			t.Errorf("typed %q: removed %t, %v", typed, done, err)
		}
		if s := asked.String(); !strings.Contains(s, "3 planned events") || !strings.Contains(s, "1440 minutes of traffic") || strings.Contains(s, "load tests") || !strings.Contains(s, "Type shop") {
			t.Errorf("asked %q", s)
		}
		if want != strings.Contains(out.String(), "removed site shop: 3 planned events gone; 1440 minutes of traffic stay") {
			t.Errorf("said %q", out.String())
		}
	}
}

func TestSlips(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"shop", "shop", 0}, {"shpo", "shop", 2}, {"", "abc", 3}, {"kitten", "sitting", 3}} {
		if got := slips(c.a, c.b); got != c.want {
			t.Errorf("slips(%s, %s) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
