package api

import (
	"fmt"
	"testing"

	"surgecast"
)

// Whoever has as many as there may be is told so with all a caller needs: which field, why, what to do, and what to
// quote; the status is a conflict with what is stored, not a mistake in what was sent.
// Fails when: problemOf knows no LimitError.
func TestLimitsAreProblems(t *testing.T) {
	ts := newTest(t, keyless)
	ts.store.fail(fmt.Errorf("creating it: %w", &surgecast.LimitError{Most: 7, What: "things of this account", Field: "slug", Remedy: "Delete one."}))
	for path, body := range map[string]string{"/v1/sites": `{"slug":"shop"}`, "/v1/topics": `{"slug":"tour"}`, "/v1/keys": `{"name":"k","scopes":["read"]}`} {
		a := ts.ask("POST", path, body)
		p := a.json(t)
		if a.status != 409 || p["code"] != codeLimit || p["field"] != "slug" || p["detail"] != "there are 7 things of this account, and no more may be" || p["remedy"] != "Delete one." || p["reference"] == "" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// What a sender says twice, or makes a condition that is not kept, is refused and not quietly passed over.
// Fails when: body does not look at the values of a parameter, or at If-Match.
func TestNothingIsPassedOver(t *testing.T) {
	ts := newTest(t, keyless)
	ts.site(1, "nordlicht")
	if a := ts.ask("GET", "/v1/sites?limit=1&limit=2", ""); a.status != 422 || a.json(t)["field"] != "limit" {
		t.Errorf("limit twice: %d %s", a.status, a.body)
	}
	if a := ts.ask("PUT", "/v1/sites/nordlicht", `{"name":"x"}`, "If-Match", `"old"`); a.status != 412 || a.json(t)["code"] != codePrecondition || ts.store.sites[0].Name == "x" {
		t.Errorf("If-Match: %d %s", a.status, a.body)
	}
	if a := ts.ask("PUT", "/v1/sites/nordlicht", `{"name":"x"}`, "If-Match", "*"); a.status != 200 {
		t.Errorf("If-Match *: %d %s", a.status, a.body)
	}
}
