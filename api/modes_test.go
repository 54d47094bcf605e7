package api

import (
	"testing"
	"time"

	"surgecast"
)

// Who changed how far a site is trusted, and what the ledger said, stands in the API; why it no longer acts, with the
// site and its risk. A PUT that names a mode that is not the site's any more is refused.
//
// Fails when: modes leaves out the figures, siteBody or riskBody mode_why, or putSite hands on no ModeSince.
func TestModes(t *testing.T) {
	ts := newTest(t, keyless)
	const why = "Surgecast stopped acting on its own on Mon 9 Mar 01:00."
	since := begin.Add(-time.Hour)
	site := ts.site(surgecast.DefaultAccount, "nordlicht", func(s *surgecast.Site) {
		s.Mode, s.ModeSince, s.ModeBy, s.ModeWhy = surgecast.ModeAdvise, since, surgecast.ByLedger, why
	})
	ts.told(site)
	if b := ts.ask("GET", "/v1/sites/nordlicht/modes", "").json(t); b["last_week"] != nil || len(b["items"].([]any)) != 0 || b["mode"] != "advise" {
		t.Errorf("before any week: %v", b)
	}
	week := surgecast.Week{
		From: since.AddDate(0, 0, -7), To: since, HorizonMinutes: 60, Occasions: 168, Outcome: surgecast.WeekBad,
		TooLow: surgecast.Misses{Times: 31, Of: 168, Expected: 8.4, Chance: .0004, Bad: true}, TooHigh: surgecast.Misses{Of: 168, Expected: 8.4, Chance: 1},
	}
	ts.store.week = &week
	ts.store.modes = []surgecast.ModeChange{
		{From: surgecast.ModeAct, To: surgecast.ModeAdvise, By: surgecast.ByLedger, Why: why, Week: &week, At: since},
		{From: surgecast.ModeShadow, To: surgecast.ModeAct, By: "ada", At: since.AddDate(0, 0, -30)},
	}
	b := ts.ask("GET", "/v1/sites/nordlicht/modes", "").json(t)
	items := b["items"].([]any)
	first, second := items[0].(map[string]any), items[1].(map[string]any)
	low := first["week"].(map[string]any)["too_low"].(map[string]any)
	if first["by"] != "ledger" || first["why"] != why || low["times"] != 31. || low["bad"] != true || b["last_week"].(map[string]any)["outcome"] != "bad" {
		t.Errorf("the ledger's change: %v", b)
	}
	if second["by"] != "ada" || second["to"] != "act" || second["week"] != nil {
		t.Errorf("a person's change: %v", second)
	}
	for _, path := range []string{"/v1/sites/nordlicht", "/v1/sites/nordlicht/risk"} {
		if got := ts.ask("GET", path, "").json(t)["mode_why"]; got != why {
			t.Errorf("%s: mode_why %v", path, got)
		}
	}
	if a := ts.ask("PUT", "/v1/sites/nordlicht", `{"mode":"act","mode_since":"2020-01-01T00:00:00Z"}`); a.status != 409 {
		t.Errorf("from a page of another mode: %d %s, want 409", a.status, a.body)
	}
	if a := ts.ask("PUT", "/v1/sites/nordlicht", `{"mode":"act","mode_since":"`+since.Format(time.RFC3339Nano)+`"}`); a.status != 200 || a.json(t)["mode"] != "act" {
		t.Errorf("a promotion: %d %s", a.status, a.body)
	}
}
