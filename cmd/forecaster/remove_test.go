package main

import (
	"os"
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

// Nobody sits at /dev/null: it is told what goes and asked nothing. Of one thing the words are in the singular.
// Fails when: isTerminal asks for any character device; Count.String always says What.
func TestRemovalAsksNobody(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var out, asked strings.Builder
	err = removal{"topic", "tour", false, surgecast.Leaving{
		Goes: []surgecast.Count{{N: 1, What: "revisions of its terms", One: "revision of its terms"}, {N: 2, What: "links to sites", One: "link to a site"}},
	}, func() error { t.Error("removed"); return nil }}.run(&Global{in: null, out: &out, errOut: &asked})
	if asked.Len() > 0 || out.Len() > 0 {
		t.Errorf("asked %q, said %q", asked.String(), out.String())
	}
	if err == nil || !strings.Contains(err.Error(), "1 revision of its terms, 2 links to sites.") || !strings.Contains(err.Error(), "--yes") {
		t.Errorf("%v", err)
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
