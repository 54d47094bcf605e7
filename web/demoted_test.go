package web

import (
	"strings"
	"testing"
)

// What the ledger says of a site it took from act to advise stands on both drawn pages, and not where a read-only link leads.
//
// Fails when: drawn.html leaves ModeWhy out, or shows it to readers of a link.
func TestADemotionIsDrawn(t *testing.T) {
	const why = "Surgecast stopped acting on its own"
	with := func(doc, before string) string {
		return strings.Replace(doc, before, before+`,"mode_why":"`+why+` on Thu 24 Sep."`, 1)
	}
	site := with(siteJSON, `"forecast_id":"fct_1"`)
	shared := strings.TrimSuffix(site, "}") + `,"shared":{"url":"https://x","image":"https://x/i","until":"2026-09-25T12:20:00Z"}}`
	for _, c := range []struct {
		name, page, doc string
		want            int
	}{
		{"site", "site", site, 1},
		{"site in act", "site", siteJSON, 0},
		{"read-only link", "site", shared, 0},
		{"overview", "overview", with(overviewJSON, `"slug":"kleinod"`), 1},
		{"overview of others", "overview", overviewJSON, 0},
	} {
		if got := strings.Count(draw(t, c.page, c.doc), why); got != c.want {
			t.Errorf("%s: said %d times, want %d", c.name, got, c.want)
		}
	}
}
