package risk

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"surgecast"
)

func TestChance(t *testing.T) {
	for _, tt := range []struct {
		p    float64
		want string
	}{
		{0, "almost no chance (under 1 %)"},
		{.0099, "almost no chance (under 1 %)"},
		{.01, "very small chance (1 %)"},
		{.0249, "very small chance (2 %)"},
		{.044, "very small chance (4 %)"},
		{.045, "small chance (5 %)"},
		{.074, "small chance (5 %)"},
		{.075, "small chance (10 %)"},
		{.174, "small chance (15 %)"},
		{.175, "real chance (20 %)"},
		{.374, "real chance (35 %)"},
		{.375, "about even chance (40 %)"},
		{.575, "about even chance (60 %)"},
		{.624, "about even chance (60 %)"},
		{.625, "likely (65 %)"},
		{.824, "likely (80 %)"},
		{.825, "very likely (85 %)"},
		{.954, "very likely (95 %)"},
		{.955, "almost certain (96 %)"},
		{.986, "almost certain (99 %)"},
		{.9899, "almost certain (99 %)"},
		{.991, "almost certain (over 99 %)"},
		{1, "almost certain (over 99 %)"},
	} {
		if got := showChance(tt.p, nil, 60).said(); got != tt.want {
			t.Errorf("%v is shown as %s, want %s", tt.p, got, tt.want)
		}
	}
}

func TestHysteresis(t *testing.T) {
	was := func(shown float64) *surgecast.Verdict {
		return &surgecast.Verdict{ShownPercent: "x", ShownValue: shown, Horizon: 60}
	}
	for _, tt := range []struct {
		name     string
		p        float64
		previous *surgecast.Verdict
		want     float64
	}{
		// Between 60 and 65 lies 62.5: up from 60 only at 63.5, down from 65 only at 61.5.
		{"not yet up", .634, was(60), 60},
		{"up", .635, was(60), 65},
		{"not yet down", .616, was(65), 65},
		{"down", .615, was(65), 60},
		{"a jump", .80, was(60), 80},
		{"the same", .60, was(60), 60},
		{"small", .034, was(2), 2}, // 2.5 + 1
		{"small, up", .0351, was(2), 4},
		{"a bound follows at once", .0099, was(1), 0},
		{"and is left at once", .011, was(0), 1},
		{"another window", .634, &surgecast.Verdict{ShownPercent: "x", ShownValue: 60, Horizon: 360}, 65},
		{"nothing shown before", .634, &surgecast.Verdict{Horizon: 60}, 65},
	} {
		if got := showChance(tt.p, tt.previous, 60).shown; got != tt.want {
			t.Errorf("%s: %v shown as %v, want %v", tt.name, tt.p, got, tt.want)
		}
	}
}

// TestChanceSteps: what is shown is a display step, within a step and a point of the truth, and rises with it.
func TestChanceSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := rapid.Float64Range(0, 1).Draw(t, "p"), rapid.Float64Range(0, 1).Draw(t, "q")
		before := showChance(q, nil, 60)
		c := showChance(p, &surgecast.Verdict{ShownPercent: before.percent(), ShownValue: before.shown, Horizon: 60}, 60)
		if rounded(c.shown) != c.shown && c.shown != 100 {
			t.Fatalf("%v is shown as %v, not a display step", p, c.shown)
		}
		if math.Abs(c.shown-p*100) > 3.5+1e-6 {
			t.Fatalf("%v is shown as %v %%", p, c.shown)
		}
		if a, b := rounded(min(p, q)*100), rounded(max(p, q)*100); a > b {
			t.Fatalf("%v is shown as %v, %v as %v", min(p, q), a, max(p, q), b)
		}
		if n := c.in20(); n != "" && !strings.HasPrefix(n, grouped(c.shown/5)+" in 20 ") {
			t.Fatalf("%v %% is said as %s", c.shown, n)
		}
	})
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{about(1643), "1,600"},
		{about(643), "640"},
		{about(6.2), "6"},
		{about(99.6), "100"},
		{about(1234567), "1,200,000"},
		{about(0), "0"},
		{measured(1483), "1,480"},
		{measured(483.4), "483"},
		{measured(40012), "40,000"},
		{exact(1200), "1,200"},
		{exact(40000), "40,000"},
		{exact(1333.3333), "1,333.3"},
		{exact(950), "950"},
		{money(5.6, "EUR"), "€6"},
		{money(540, "EUR"), "€540"},
		{money(1234, "USD"), "$1,200"},
		{money(8.4, "GBP"), "£8"},
		{money(.4, "EUR"), "less than €1"},
		{money(540, "CHF"), "CHF 540"},
		{money(540, ""), "540"},
		{aboutMoney(.4, "GBP"), "less than £1"},
		{units(1), "1 unit"},
		{units(1200), "1,200 units"},
		{capital("é"), "É"},
		{capital(""), ""},
		{lower("Add"), "add"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
