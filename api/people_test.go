package api

import (
	"strings"
	"testing"
	"time"

	"surgecast"
)

// "I have it" stands beside the site until it is taken back, the chance has risen by half, or the site
// recovers; a mute ends by itself, and never after the act-by.
func TestMarks(t *testing.T) {
	ts := newTest(t, keyless)
	site := ts.site(surgecast.DefaultAccount, "nordlicht")
	chance := func(p float64) { // within six hours
		ts.told(site, func(f *surgecast.SiteForecast) { f.Risk = []float64{.1, .1, .1, .1, .1, p, p, p} })
	}
	chance(.4)
	surge := surgecast.Surge{ID: "srg_1", AccountID: 1, SiteID: site.ID, Subject: "nordlicht", Kind: surgecast.SurgeOverload, Segment: surgecast.TotalSegment, State: surgecast.StateAlert, OpenedAt: begin}
	ts.store.surges = []surgecast.Surge{surge}
	ts.memory.putSurges(ts.store.surges)
	status := func() map[string]any {
		t.Helper()
		return ts.ask("GET", "/v1/sites?sort=risk", "").json(t)["items"].([]any)[0].(map[string]any)["status"].(map[string]any)
	}
	if a := ts.ask("POST", "/v1/surges/srg_1/ack", `{"by":"Ana","note":"on it"}`); a.status != 200 {
		t.Fatalf("ack: %d %s", a.status, a.body)
	}
	if s := status(); s["taken_by"] != "Ana" || s["taken_note"] != "on it" {
		t.Errorf("taken by %v (%v), want Ana", s["taken_by"], s["taken_note"])
	}
	// .4 then: .59 is not half as much again, .62 is.
	ts.pass(time.Minute)
	chance(.59)
	if s := status(); s["taken_by"] != "Ana" {
		t.Error("the ack cleared before the chance had risen by half")
	}
	ts.pass(time.Minute)
	chance(.62)
	if s := status(); s["taken_by"] != nil {
		t.Error("the chance rose by half and nobody is asked again")
	}
	ts.pass(time.Minute)
	chance(.4)
	ts.ask("DELETE", "/v1/surges/srg_1/ack", "")
	if s := status(); s["taken_by"] != nil {
		t.Error("an ack taken back still stands")
	}

	// The act-by is in 21 minutes: a mute of two hours ends there.
	if a := ts.ask("POST", "/v1/surges/srg_1/mute", `{"minutes":120}`); a.status != 200 || a.json(t)["until"] != begin.Add(24*time.Minute).Format(time.RFC3339) {
		t.Errorf("mute: %d %s, want until the act-by", a.status, a.body)
	}
	if s := status(); s["muted_until"] == nil {
		t.Error("muted, but not shown")
	}
	ts.pass(22 * time.Minute)
	if s := status(); s["muted_until"] != nil {
		t.Error("a mute outlives its end")
	}
	if a := ts.ask("POST", "/v1/surges/srg_1/notes", `{"note":"TV spot at eight"}`); a.status != 200 {
		t.Errorf("note: %d %s", a.status, a.body)
	}
	marks := ts.ask("GET", "/v1/surges/srg_1", "").json(t)["marks"].([]any)
	if len(marks) != 4 || marks[3].(map[string]any)["note"] != "TV spot at eight" {
		t.Errorf("the log has %d marks: %v", len(marks), marks)
	}
	ts.store.surges[0].ClosedAt = begin.Add(time.Hour)
	if a := ts.ask("POST", "/v1/surges/srg_1/ack", `{}`); a.status != 409 {
		t.Errorf("an ack of what is over: %d", a.status)
	}
}

// A site has no public page until its owner shows it; then it needs no key, and says nothing an attacker
// could use.
func TestStatusPageIsPublicOnlyWhenShown(t *testing.T) {
	ts := newTest(t, func(c *Config) {
		c.SayStatus = func(site surgecast.Site, v surgecast.Verdict, _ time.Time, ns []surgecast.Notice, _ time.Time) surgecast.PublicStatus {
			return surgecast.PublicStatus{Word: "W", Sentence: string(v.State), Words: ns[0].Words, Reference: ns[0].Reference}
		}
	})
	site := ts.site(surgecast.DefaultAccount, "nordlicht")
	ts.told(site)
	key := ts.key(surgecast.DefaultAccount, surgecast.ScopeWrite)
	if a := ts.ask("GET", "/v1/status/nordlicht", ""); a.status != 404 {
		t.Errorf("before it is shown: %d", a.status)
	}
	if a := ts.ask("GET", "/v1/status/none", ""); a.status != 404 {
		t.Errorf("of no site: %d", a.status)
	}
	put := func(body string) answer { return ts.ask("PUT", "/v1/status/nordlicht", body, "X-API-KEY", key) }
	if a := put(`{"shown":true,"words":"We are on it.","since":"` + begin.Add(-time.Hour).Format(time.RFC3339) + `"}`); a.status != 200 || !strings.HasPrefix(a.json(t)["reference"].(string), "N-") {
		t.Fatalf("showing it: %d %s", a.status, a.body)
	}
	a := ts.ask("GET", "/v1/status/nordlicht", "")
	if a.status != 200 || a.json(t)["words"] != "We are on it." || !strings.Contains(a.header.Get("Cache-Control"), "max-age=30") {
		t.Errorf("shown: %d %s, cache %q", a.status, a.body, a.header.Get("Cache-Control"))
	}
	for _, secret := range []string{"units", "rpm", "probability", "capacity", "1200", "topic"} {
		if strings.Contains(a.body, secret) {
			t.Errorf("the public document says %q: %s", secret, a.body)
		}
	}
	for body, field := range map[string]string{
		`{"shown":true,"since":"2036-01-01T00:00:00Z"}`:                                                                     "since",
		`{"shown":true,"back_by":"2036-01-01T00:00:00Z"}`:                                                                   "since",
		`{"shown":true,"since":"2020-01-01T00:00:00Z","back_by":"2020-01-02T00:00:00Z"}`:                                    "back_by",
		`{"shown":true,"since":"2020-01-01T00:00:00Z","back_from":"2036-01-02T00:00:00Z","back_by":"2036-01-01T00:00:00Z"}`: "back_by",
	} {
		if a := put(body); a.status != 422 || a.json(t)["field"] != field {
			t.Errorf("%s: %d %s, want the field %s", body, a.status, a.body, field)
		}
	}
	put(`{"shown":false}`)
	if a := ts.ask("GET", "/v1/status/nordlicht", ""); a.status != 404 {
		t.Errorf("after it was hidden: %d", a.status)
	}
}

// The record says who somebody says they are and which key let them in: a name is only a claim, and a key is often a
// whole team's.
// Fails when: author answers what was said; the key's suffix is added again to what was read and sent back.
func TestAuthorBesideTheKey(t *testing.T) {
	ts := newTest(t)
	site := ts.site(1, "nordlicht")
	ts.told(site)
	ts.store.surges = []surgecast.Surge{{ID: "srg_1", AccountID: 1, SiteID: site.ID, Subject: "nordlicht", Kind: surgecast.SurgeOverload, Segment: surgecast.TotalSegment, State: surgecast.StateAlert, OpenedAt: begin}}
	key := ts.key(1, surgecast.ScopeWrite) // its name is test
	session := ts.ask("POST", "/v1/session", `{"key":"`+key+`"}`).header.Get("Set-Cookie")
	until := ts.clock().Add(time.Hour).Format(time.RFC3339)
	for _, c := range []struct{ said, want string }{
		{``, "test"},
		{`"by":" "`, "test"},
		{`"by":"test"`, "test"},
		{`"by":"Ana"`, "Ana (key test)"},
		{`"by":"Ana (key test)"`, "Ana (key test)"},
		{`"by":"Ana (key boss)"`, "Ana (key boss) (key test)"},
	} {
		with := func(fields string) string { return "{" + strings.Trim(fields+","+c.said, ",") + "}" }
		for _, r := range []struct{ method, path, body string }{
			{"POST", "/v1/surges/srg_1/ack", with("")},
			{"POST", "/v1/surges/srg_1/mute", with("")},
			{"POST", "/v1/surges/srg_1/notes", with(`"note":"x"`)},
			{"PUT", "/v1/sites/nordlicht/override", with(`"units":9,"until":"` + until + `"`)},
			{"PUT", "/v1/status/nordlicht", with(`"shown":true`)},
		} {
			for how, header := range map[string][]string{"key": {"X-API-KEY", key}, "session": {"Cookie", session, "Sec-Fetch-Site", "same-origin"}} {
				if a := ts.ask(r.method, r.path, r.body, header...); a.status >= 300 || a.json(t)["by"] != c.want {
					t.Errorf("%s %s by %s: %d %s, want by %s", r.method, r.path, how, a.status, a.body, c.want)
				}
			}
		}
	}
}
