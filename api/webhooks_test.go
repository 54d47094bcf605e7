package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"surgecast"
)

// A chat's address and a pager's key are stored sealed and never shown again, by any route; what is shown, sent back,
// keeps the address that is there. Fails when: webhookBody shows what was sealed, or intoAddress keeps the whole URL readable.
func TestSecretsOfEndpointsAreNotShown(t *testing.T) {
	ts := newTest(t, keyless)
	const address, routing = "https://hooks.slack.com/services/T0/B0/CHATSECRET", "R0123456789abcdef0123456789PAGER"
	var seen strings.Builder
	create := func(body string) string {
		t.Helper()
		a := ts.ask("POST", "/v1/webhooks", body)
		seen.WriteString(a.body)
		var made struct{ ID, Secret string }
		if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != 201 || made.Secret != "" {
			t.Fatalf("%d %s %v", a.status, a.body, err)
		}
		return made.ID
	}
	chat := create(`{"format":"slack","url":"` + address + `"}`)
	pager := create(`{"format":"pagerduty","routing_key":"` + routing + `"}`)
	for _, id := range []string{chat, pager} {
		seen.WriteString(ts.ask("GET", "/v1/webhooks/"+id, "").body)
		if a := ts.ask("POST", "/v1/webhooks/"+id+"/rotate", ""); a.status != 409 {
			t.Errorf("rotating what is not signed: %d %s", a.status, a.body)
		}
	}
	seen.WriteString(ts.ask("GET", "/v1/webhooks", "").body)
	kept := ts.store.webhooks[0]
	if kept.URL != "https://hooks.slack.com" || string(kept.SealedURL) != "sealed:"+address {
		t.Errorf("stored %q and %q", kept.URL, kept.SealedURL)
	}
	a := ts.ask("PUT", "/v1/webhooks/"+chat, `{"url":"https://hooks.slack.com","types":["surge.closed"]}`)
	seen.WriteString(a.body)
	if kept = ts.store.webhooks[0]; a.status != 200 || string(kept.SealedURL) != "sealed:"+address || len(kept.Types) != 1 {
		t.Errorf("after a change of types: %d, %+v", a.status, kept)
	}
	if w := ts.store.webhooks[1]; w.URL != "https://events.pagerduty.com/v2/enqueue" || len(w.Types) == 0 {
		t.Errorf("the pager's %+v", w)
	}
	for _, secret := range []string{"CHATSECRET", routing} {
		if strings.Contains(seen.String(), secret) {
			t.Errorf("%s is shown:\n%s", secret, seen.String())
		}
	}
}

// What an endpoint cannot be is refused with the field that says so.
func TestEndpointsOfOtherFormatsAreChecked(t *testing.T) {
	ts := newTest(t, keyless)
	for _, c := range []struct{ body, field string }{
		{`{"format":"pagerduty"}`, "routing_key"},
		{`{"format":"pagerduty","routing_key":"short"}`, "routing_key"},
		{`{"url":"https://example.com/","routing_key":"R0123456789abcdef0123456789PAGER"}`, "routing_key"},
		{`{"format":"slack","url":"https://hooks.slack.com/x","secret":"whsec_x"}`, "secret"},
		{`{"format":"slack"}`, "url"},
		{`{"format":"alertmanager","url":"https://example.com/","types":["recommendation.changed"]}`, "types[0]"},
	} {
		a := ts.ask("POST", "/v1/webhooks", c.body)
		var p Problem
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != 422 || p.Field != c.field {
			t.Errorf("%s: %d %s", c.body, a.status, a.body)
		}
	}
	ts.ask("POST", "/v1/webhooks", `{"url":"https://example.com/"}`)
	id := ts.store.webhooks[0].ID
	if a := ts.ask("PUT", "/v1/webhooks/"+id, `{"url":"https://example.com/","format":"slack"}`); a.status != 422 {
		t.Errorf("a changed format: %d %s", a.status, a.body)
	}
	if a := ts.ask("PUT", "/v1/webhooks/"+id, `{"url":"https://example.com/","format":"cloudevents"}`); a.status != 200 {
		t.Errorf("standard to cloudevents: %d %s", a.status, a.body)
	}
}

// A rotation shows the new secret once and says how long the old one signs; the log of a message holds its attempts, and
// another account sees none. Fails when: getDelivery does not compare the account.
func TestRotationAndLogOfAttempts(t *testing.T) {
	ts := newTest(t, keyless)
	ts.ask("POST", "/v1/webhooks", `{"url":"https://example.com/"}`)
	id := ts.store.webhooks[0].ID
	a := ts.ask("POST", "/v1/webhooks/"+id+"/rotate", `{"keep_old_seconds":3600}`)
	if w := ts.store.webhooks[0]; a.status != 200 || !strings.Contains(a.body, `"secret":"whsec_`) || len(w.Secrets) != 2 || !w.OldSecretUntil.Equal(ts.clock().Add(time.Hour)) {
		t.Errorf("%d %s, %+v", a.status, a.body, w)
	}
	ts.ask("POST", "/v1/webhooks/"+id+"/test", "")
	d := ts.store.deliveries[0]
	ts.store.attempts = []surgecast.DeliveryAttempt{{DeliveryID: d.ID, Number: 1, At: ts.clock(), StatusCode: 503, Error: "answered 503, want 2xx", Excerpt: "down", Millis: 12}}
	if a = ts.ask("GET", "/v1/deliveries/"+d.ID, ""); a.status != 200 || !strings.Contains(a.body, `"status_code":503,"error":"answered 503, want 2xx","excerpt":"down","millis":12`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	ts.store.deliveries[0].AccountID = 2
	if a = ts.ask("GET", "/v1/deliveries/"+d.ID, ""); a.status != 404 {
		t.Errorf("another account's: %d %s", a.status, a.body)
	}
}
