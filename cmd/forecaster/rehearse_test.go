package main

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

// A result is imported, proposes, and changes the site only when asked; a stored forecast becomes a script that names no
// target. Mistakes are refused with a remedy.
//
// Fails when: rehearseImportCmd applies without c.Apply.
func TestRehearseOnTheTerminal(t *testing.T) {
	url := storetest.URL(t)
	env := []string{"SURGECAST_DATABASE_URL=" + url}
	run := terminal(t, env, "rehearse")
	if code, out, errOut := forecaster(t, env, "site", "add", "halle", "--units", "4", "--rpm-per-unit", "200"); code != 0 {
		t.Fatal(out, errOut)
	}
	st, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	perUnit := func() float64 {
		t.Helper()
		s, err := st.SiteBySlug(t.Context(), surgecast.DefaultAccount, "halle")
		if err != nil {
			t.Fatal(err)
		}
		return s.Capacity.RPMPerUnit
	}
	results, err := filepath.Abs(filepath.Join("..", "..", "rehearse", "testdata"))
	if err != nil {
		t.Fatal(err)
	}

	out := run(0, "import", filepath.Join(results, "k6-steps.json"), "--site", "halle", "--units", "4")
	// 2,400 carried, 2,940 with 2 % errors: 1 % lies half way, 2,670 of 4 units
	if !strings.Contains(out, "4 units: 2,670 requests a minute") || !strings.Contains(out, "One unit serves 668 requests a minute (600 to 735).") || perUnit() != 200 {
		t.Errorf("imported:\n%s\n%v a unit", out, perUnit())
	}
	id := regexp.MustCompile(`ldt_\S+`).FindString(out)
	run(0, "apply", "--site", "halle")
	if perUnit() != 667.5 {
		t.Errorf("applied: %v a unit, want 667.5", perUnit())
	}
	if out := run(0, "list", "--site", "halle"); !strings.Contains(out, id) || !strings.Contains(out, "200 → 667.5 a unit") || !strings.Contains(out, "command line") {
		t.Errorf("listed:\n%s", out)
	}
	run(0, "import", filepath.Join(results, "vegeta.json"), filepath.Join(results, "vegeta.json"), "--site", "halle", "--units", "2")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"before", []string{"import", filepath.Join(results, "k6-steps.json"), "--site", "halle", "--units", "4"}},
		{"site list", []string{"import", filepath.Join(results, "wrk.txt"), "--site", "nowhere", "--units", "4"}},
		{"is not a number of units", []string{"import", filepath.Join(results, "wrk.txt"), "--site", "halle", "--units", "0"}},
		{"content tells", []string{"import", filepath.Join(results, "wrk.txt"), "--site", "halle", "--units", "4", "--tool", "k6"}},
		{"file", []string{"import", filepath.Join(results, "none.txt"), "--site", "halle", "--units", "4"}},
		{"of one test", []string{"import", filepath.Join(results, "wrk.txt"), filepath.Join(results, "vegeta.json"), "--site", "halle", "--units", "4"}},
		{"no forecast yet", []string{"export", "--site", "halle"}},
		{"1 to 24", []string{"export", "--site", "halle", "--hours", "25"}},
		{"no such surge", []string{"export", "--site", "halle", "--surge", "srg_none"}},
		{"rehearse list", []string{"remove", "ldt_none", "--site", "halle"}},
	} {
		if out := run(exitWrongUse, c.args...); !strings.Contains(out, c.want) {
			t.Errorf("%q does not say %q:\n%s", c.args, c.want, out)
		}
	}
	run(0, "remove", id, "--site", "halle")

	// A forecast as a sweep stores it becomes a script.
	site, err := st.SiteBySlug(t.Context(), surgecast.DefaultAccount, "halle")
	if err != nil {
		t.Fatal(err)
	}
	l, mine, err := st.AcquireLease(t.Context(), "shard:0", "test", time.Hour)
	if err != nil || !mine {
		t.Fatal(mine, err)
	}
	now := time.Now().UTC().Truncate(time.Minute)
	f := surgecast.SiteForecast{
		ID: surgecast.NewID("fct_"), SiteID: site.ID, Segment: surgecast.TotalSegment, Origin: now.Add(-time.Minute), IssuedAt: now, ValidUntil: now.Add(15 * time.Minute),
		StepSeconds: 60, LeadMinutes: surgecast.LeadMinutes[:], Levels: surgecast.Levels[:], HorizonMinutes: surgecast.HorizonMinutes[:],
		DemandRPM: math.NaN(), State: surgecast.StateCalm, ModelVersion: "test",
	}
	for range f.LeadMinutes {
		q := make([]float64, len(f.Levels))
		for k, p := range f.Levels {
			q[k] = 1000 * p
		}
		f.QuantilesRPM = append(f.QuantilesRPM, q)
	}
	for range f.HorizonMinutes {
		f.MaxQuantilesRPM = append(f.MaxQuantilesRPM, make([]float64, len(f.Levels)))
	}
	f.Seal(nil)
	if err := st.SaveSweep(t.Context(), surgecast.Sweep{At: now, Leases: []surgecast.Lease{l}, Forecasts: []surgecast.SiteForecast{f}}); err != nil {
		t.Fatal(err)
	}
	for _, format := range surgecast.RehearsalFormats() {
		file := filepath.Join(t.TempDir(), "script")
		run(0, "export", "--site", "halle", "--format", string(format), "--out", file)
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"TARGET_URL", f.ID, "p50: up to 500 requests a minute", "p90: up to 900 requests a minute", "assumed: nothing was measured"} {
			if !strings.Contains(string(body), want) {
				t.Errorf("%s does not hold %q", format, want)
			}
		}
	}
}
