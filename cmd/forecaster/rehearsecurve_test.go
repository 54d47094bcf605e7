package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

// k6Result is a summary with one step that keeps the limits and one, with 5 % more, that does not: between them
// 1 % errors lie half way, so the limit is read as rpm.
func k6Result(t *testing.T, rpm float64, reached bool) string {
	t.Helper()
	below, above := rpm/1.025, rpm/1.025*1.05
	bad := .02
	if !reached {
		bad = 0
	}
	step := func(name string, offered, served, bad float64) string {
		return fmt.Sprintf(`"http_reqs{step:%s}": {"values": {"count": %v}}, "http_req_failed{step:%s}": {"values": {"rate": %v}}, "http_req_duration{step:%s}": {"values": {"p(95)": 100}}`,
			name, served/(1-bad), name, bad, name)
	}
	body := fmt.Sprintf(`{"state": {"testRunDurationMs": 120000},
		"surgecast": {"forecast": "fct_1", "steps": [{"name": "p50-0", "seconds": 60, "offered_rpm": %v}, {"name": "p50-1", "seconds": 60, "offered_rpm": %v}]},
		"metrics": {"http_reqs": {"values": {"count": %v}}, "http_req_failed": {"values": {"rate": 0.01}}, "http_req_duration": {"values": {"p(95)": 100}}, %s, %s}}`,
		below, above/(1-bad), below+above, step("p50-0", below, below, 0), step("p50-1", above, above, bad))
	path := filepath.Join(t.TempDir(), "k6-"+strconv.FormatFloat(rpm, 'f', 0, 64)+".json")
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Load tests with a curve change how units and requests are turned into each other, as the terminal says; a test that
// never reached its limit is a lower bound or refused; a figure set by hand drops the curve.
//
//	X(N) = 200 N / (1 + .05 (N−1) + .004 N (N−1)):   X(6) = 877.2, so 146.2 a unit;   X(10) = 1,104.97
//	1,000 requests a minute are ⌈1,000 / 146.2⌉ = 7 units at that figure each, but X(7) = 953 and X(8) = 1,016: 8 units
//
// Fails when: applyMeasured leaves Measured out of the change, or ApplyCapacity does not store it.
func TestRehearseApplyTakesTheCurve(t *testing.T) {
	url := storetest.URL(t)
	env := []string{"SURGECAST_DATABASE_URL=" + url}
	run := terminal(t, env)
	st, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	profile := func(site string) surgecast.CapacityProfile {
		t.Helper()
		s, err := st.SiteBySlug(t.Context(), surgecast.DefaultAccount, site)
		if err != nil {
			t.Fatal(err)
		}
		return s.Capacity
	}
	law := func(n float64) float64 { return 200 * n / (1 + .05*(n-1) + .004*n*(n-1)) }

	run(0, "site", "add", "bend", "--units", "6", "--rpm-per-unit", "200")
	for _, n := range []int{1, 2, 4, 6, 8, 10} {
		run(0, "rehearse", "import", k6Result(t, law(float64(n)), true), "--site", "bend", "--units", strconv.Itoa(n))
	}
	out := run(0, "rehearse", "apply", "--site", "bend")
	c := profile("bend")
	if math.Abs(c.RPMPerUnit-law(6)/6) > .5 || math.Abs(c.Serves(10)-law(10)) > 3 || math.Abs(c.RPM()-law(6)) > 3 {
		t.Errorf("a unit %v, 6 units %v, 10 units %v; want %v, %v, %v", c.RPMPerUnit, c.RPM(), c.Serves(10), law(6)/6, law(6), law(10))
	}
	straight := c
	straight.Measured = nil
	by, _ := c.UnitsFor(1000)
	lin, _ := straight.UnitsFor(1000)
	if by != 8 || lin != 7 {
		t.Errorf("1,000 requests a minute: %d units by the curve, %d by the figure; want 8 and 7", by, lin)
	}
	if low, high := c.ServesBetween(6); !(low < law(6) && law(6) < high) || high-low > .2*law(6) {
		t.Errorf("6 units serve %v to %v, want around %v", low, high, law(6))
	}
	for _, want := range []string{"follow the measured curve up to 10 units", "1105 requests a minute take 10 units, not 8", "drops the curve"} {
		if !strings.Contains(out, want) {
			t.Errorf("apply does not say %q:\n%s", want, out)
		}
	}
	s, err := st.SiteBySlug(t.Context(), surgecast.DefaultAccount, "bend")
	if err != nil {
		t.Fatal(err)
	}
	s.Capacity.RPMPerUnit = 150
	if s, err = st.UpdateSite(t.Context(), s); err != nil || s.Capacity.Measured != nil || s.Capacity.Serves(10) != 1500 {
		t.Errorf("set by hand: %+v, %v", s.Capacity, err)
	}

	// 24 configured, 10 tested: what 24 serve would be a guess.
	run(0, "site", "add", "large", "--units", "24", "--rpm-per-unit", "200")
	for _, n := range []int{2, 10} {
		run(0, "rehearse", "import", k6Result(t, law(float64(n)), true), "--site", "large", "--units", strconv.Itoa(n))
	}
	if out := run(exitWrongUse, "rehearse", "apply", "--site", "large"); !strings.Contains(out, "would be a guess") || profile("large").RPMPerUnit != 200 {
		t.Errorf("untested units:\n%s", out)
	}

	// The limit was never reached: at least 150 says nothing against 200, and is better than 100.
	run(0, "site", "add", "bound", "--units", "4", "--rpm-per-unit", "200")
	run(0, "rehearse", "import", k6Result(t, 600, false), "--site", "bound", "--units", "4")
	if out := run(exitWrongUse, "rehearse", "apply", "--site", "bound"); !strings.Contains(out, "says nothing against that") || !strings.Contains(out, "Test with more load") || profile("bound").RPMPerUnit != 200 {
		t.Errorf("no limit reached:\n%s", out)
	}
	run(0, "site", "add", "low", "--units", "4", "--rpm-per-unit", "100")
	run(0, "rehearse", "import", k6Result(t, 600, false), "--site", "low", "--units", "4")
	if out := run(0, "rehearse", "apply", "--site", "low"); !strings.Contains(out, "lower bound") || !profile("low").AtLeast() || !(profile("low").RPMPerUnit > 140) {
		t.Errorf("a lower bound:\n%s%+v", out, profile("low"))
	}
}
