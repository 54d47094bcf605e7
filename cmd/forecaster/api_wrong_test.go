package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"surgecast"
)

// Wrong requests against the real program and a real PostgreSQL, over a socket: each is answered with problem+json
// that has a code, the field, a remedy and a reference, the reference stands in the log of the process, nothing is
// stored, and nothing secret is logged although the log tells everything (--log-level=debug).
// Fails when: sign logs p.Detail with what huma echoes; refuse does not call sign; readBounded has no limit; onlyHere
// or printable is left out; CheckWebhookURL is not wired.
func TestWrongRequestsToTheProgram(t *testing.T) {
	s := newService(t, 1)
	admin := s.keys[0]
	reader, scale := s.key(t, surgecast.DefaultAccount, surgecast.ScopeRead), s.key(t, surgecast.DefaultAccount, surgecast.ScopeScale)
	const (
		secret = "whsec_c3VyZ2VjYXN0IHNlY3JldCB0aGF0IG11c3Qgbm90IGJlIGxvZ2dlZA=="
		chat   = "https://hooks.slack.com/services/T0SECRET/B0SECRET/XSECRETX"
		route  = "r0utingk3yr0utingk3yr0utingk3y00"
		token  = "tok_SECRET_4711"
	)
	var bomb, packedBad bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 64 {
		if _, err := z.Write(bytes.Repeat([]byte(" "), 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	z = gzip.NewWriter(&packedBad)
	if _, err := z.Write([]byte(`{"slug":"x","colour":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour).UTC().Truncate(time.Minute).Format(time.RFC3339)
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Minute).Format(time.RFC3339)
	row := func(fields string) string { return `[{"minute":"` + past + `",` + fields + `}]` }
	deep := strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9)
	idem := []string{"Idempotency-Key", "w1"}
	key := func(k string) []string { return []string{"Authorization", "Bearer " + k} }
	s.must(t, admin, "POST", "/v1/webhooks", `{"url":"`+chat+`","format":"slack"}`, 201)

	cases := []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		code, field                string
	}{
		{"no such route", "GET", "/v1/nothing", "", nil, 404, "no_such_route", ""},
		{"wrong method", "PATCH", "/v1/sites/shop", "{}", nil, 405, "method_not_allowed", ""},
		{"wrong method on a read", "POST", "/v1/sites/shop/risk", "{}", nil, 405, "method_not_allowed", ""},
		{"wrong key", "GET", "/v1/sites", "", key("sgc_" + token), 401, "key_not_valid", "Authorization"},
		{"no scheme", "GET", "/v1/sites", "", []string{"Authorization", "Basic " + token}, 401, "key_required", "Authorization"},
		{"a key in the address", "GET", "/v1/sites?key=" + token, "", nil, 422, "unknown_field", "key"},
		{"scope of a reader", "POST", "/v1/topics", `{"slug":"x"}`, key(reader), 403, "scope_missing", ""},
		{"scope of an autoscaler", "GET", "/v1/sites/shop/risk", "", key(scale), 403, "scope_missing", ""},
		{"scope of admins", "GET", "/v1/keys", "", key(reader), 403, "scope_missing", ""},
		{"session with a wrong key", "POST", "/v1/session", `{"key":"` + token + `"}`, nil, 401, "key_not_valid", "key"},
		{"session with a key of another type", "POST", "/v1/session", `{"key":["` + token + `"]}`, nil, 422, "bad_type", "key"},

		{"unknown site", "GET", "/v1/sites/nobody", "", nil, 404, "not_found", "site"},
		{"foreign site", "GET", "/v1/sites/theirs", "", nil, 404, "not_found", "site"},
		{"foreign site's scale", "GET", "/v1/sites/theirs/scale", "", nil, 404, "not_found", "site"},
		{"foreign site changed", "PUT", "/v1/sites/theirs", "{}", nil, 404, "not_found", "site"},
		{"event for a foreign site", "POST", "/v1/events", `{"site":"theirs","kind":"push","starts_at":"` + soon + `"}`, nil, 404, "not_found", "site"},
		{"our surge with their key", "GET", "/v1/surges/" + s.surge, "", key(s.theirs), 404, "not_found", "surge"},
		{"our surge acked with their key", "POST", "/v1/surges/" + s.surge + "/ack", "{}", key(s.theirs), 404, "not_found", "surge"},
		{"site of 300 characters", "GET", "/v1/sites/" + strings.Repeat("x", 300), "", nil, 422, "invalid_value", "site"},
		{"site with a NUL", "GET", "/v1/sites/a%00b", "", nil, 400, "invalid_value", "address"},
		{"site that is not UTF-8", "GET", "/v1/sites/%ff", "", nil, 400, "invalid_value", "address"},
		{"query that is not UTF-8", "GET", "/v1/surges?topic=%ff", "", nil, 400, "invalid_value", "address"},

		{"bad cursor", "GET", "/v1/topics?after=!!", "", nil, 422, "bad_cursor", "after"},
		{"cursor of another list", "GET", "/v1/topics?after=c2l0ZXM6YQ", "", nil, 422, "bad_cursor", "after"},
		{"limit 0", "GET", "/v1/topics?limit=0", "", nil, 422, "invalid_value", "limit"},
		{"limit a word", "GET", "/v1/topics?limit=many", "", nil, 422, "bad_type", "limit"},
		{"limit beyond int64", "GET", "/v1/topics?limit=99999999999999999999", "", nil, 422, "bad_type", "limit"},
		{"bad enum", "GET", "/v1/sites?sort=luck", "", nil, 422, "invalid_value", "sort"},
		{"negative minutes", "GET", "/v1/topics/lamp/mentions?minutes=-5", "", nil, 422, "invalid_value", "minutes"},
		{"NaN", "GET", "/v1/sites/shop/admission?visit_minutes=NaN", "", nil, 422, "bad_type", "visit_minutes"},
		{"infinite", "GET", "/v1/sites/shop/admission?requests_per_visitor=Inf", "", nil, 422, "bad_type", "requests_per_visitor"},
		{"bad date", "GET", "/v1/events?from=2026-02-30T00:00:00Z", "", nil, 422, "bad_type", "from"},
		{"to before from", "GET", "/v1/events?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "", nil, 422, "invalid_value", "to"},

		{"no body", "POST", "/v1/topics", "", nil, 400, "bad_json", "body"},
		{"half a document", "POST", "/v1/topics", `{"slug":"x`, nil, 400, "bad_json", "body"},
		{"an array", "POST", "/v1/topics", `[]`, nil, 422, "bad_type", "body"},
		{"missing field", "POST", "/v1/topics", `{"name":"x"}`, nil, 422, "missing_field", "slug"},
		{"unknown field", "POST", "/v1/topics", `{"slug":"x","colour":"red"}`, nil, 422, "unknown_field", "colour"},
		{"bad type", "POST", "/v1/topics", `{"slug":"x","any":"lamp"}`, nil, 422, "bad_type", "any"},
		{"NUL in a text", "POST", "/v1/topics", `{"slug":"x","name":"a\u0000b"}`, nil, 400, "invalid_value", "body"},
		{"not UTF-8", "POST", "/v1/topics", "{\"slug\":\"x\",\"name\":\"\xff\xfe\"}", nil, 400, "invalid_value", "body"},
		{"deep", "POST", "/v1/topics", deep, nil, 400, "too_deep", "body"},
		{"wrong content type", "POST", "/v1/topics", `slug=x`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported_media_type", "Content-Type"},
		{"content type of nothing", "POST", "/v1/topics", `{}`, []string{"Content-Type", ";;"}, 415, "unsupported_media_type", "Content-Type"},
		{"unknown encoding", "POST", "/v1/topics", `{}`, []string{"Content-Encoding", "br"}, 415, "unsupported_media_type", "Content-Encoding"},
		{"broken gzip", "POST", "/v1/topics", `{}`, []string{"Content-Encoding", "gzip"}, 400, "bad_json", "body"},
		{"a wrong field in gzip", "POST", "/v1/topics", packedBad.String(), []string{"Content-Encoding", "gzip"}, 422, "unknown_field", "colour"},
		{"a gzip bomb", "POST", "/v1/sites/shop/traffic", bomb.String(), []string{"Content-Encoding", "gzip"}, 413, "body_too_large", "body"},
		{"6 MB", "POST", "/v1/sites/shop/traffic", "[" + strings.Repeat(" ", 6<<20) + "]", nil, 413, "body_too_large", "body"},
		{"1 MB where little is taken", "POST", "/v1/events", `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, "body_too_large", "body"},
		{"10,001 rows", "POST", "/v1/sites/shop/traffic", "[" + strings.Repeat("{},", 10_000) + "{}]", nil, 413, "too_many_rows", "body"},

		{"a huge number", "POST", "/v1/sites/shop/traffic", row(`"requests":1e400`), nil, 422, "bad_type", "requests"},
		{"a number nobody serves", "POST", "/v1/sites/shop/traffic", row(`"requests":1e300`), nil, 422, "invalid_value", "requests"},
		{"negative requests", "POST", "/v1/sites/shop/traffic", row(`"requests":-1`), nil, 422, "invalid_value", "requests"},
		{"units beyond int", "POST", "/v1/sites/shop/traffic", row(`"requests":1,"units":99999999999999999999`), nil, 422, "bad_type", "units"},
		{"a minute of the year 1", "POST", "/v1/sites/shop/traffic", `[{"minute":"0001-01-01T00:00:00Z","requests":1}]`, nil, 422, "missing_field", "minute"},
		{"a minute of the year 9999", "POST", "/v1/sites/shop/traffic", `[{"minute":"9999-12-31T23:59:00Z","requests":1}]`, nil, 422, "invalid_value", "minute"},
		{"a date that is none", "POST", "/v1/sites/shop/traffic", `[{"minute":"2026-02-30T00:00:00Z","requests":1}]`, nil, 422, "bad_type", "minute"},
		{"counts without Idempotency-Key", "POST", "/v1/ingest/counts", `[]`, nil, 422, "missing_field", "Idempotency-Key"},
		{"counts of an unknown topic", "POST", "/v1/ingest/counts", `[{"topic":"nobody","source":"acme","minute":"` + past + `","count":1}]`, idem, 422, "not_found", "topic"},
		{"counts of a wrong sender", "POST", "/v1/ingest/counts?sender=psh_0", `[]`, []string{"Authorization", "", "webhook-id", "m1", "webhook-timestamp", fmt.Sprint(time.Now().Unix()), "webhook-signature", "v1," + token}, 401, "", ""},

		{"units beyond int64", "PUT", "/v1/sites/shop", `{"capacity":{"units":1e30}}`, nil, 422, "", ""},
		{"negative lead time", "PUT", "/v1/sites/shop", `{"capacity":{"lead_time_p95_seconds":-1}}`, nil, 422, "invalid_value", "capacity.lead_time_p95_seconds"},
		{"no time zone", "PUT", "/v1/sites/shop", `{"time_zone":"Mars/Olympus"}`, nil, 422, "invalid_value", "time_zone"},
		{"mode of another service", "PUT", "/v1/sites/shop", `{"mode":"autopilot"}`, nil, 422, "invalid_value", "mode"},
		{"override of the past", "PUT", "/v1/sites/shop/override", `{"units":3,"until":"` + past + `"}`, nil, 422, "invalid_value", "until"},
		{"event of the past", "POST", "/v1/events", `{"site":"shop","kind":"push","starts_at":"1999-01-01T00:00:00Z"}`, nil, 422, "invalid_value", "starts_at"},
		{"event of no kind", "POST", "/v1/events", `{"site":"shop","kind":"party","starts_at":"` + soon + `"}`, nil, 422, "invalid_value", "kind"},
		{"unknown event", "GET", "/v1/events/evt_0", "", nil, 404, "not_found", "event"},
		{"what-if of nothing", "POST", "/v1/sites/shop/what-if", `{"events":[]}`, nil, 422, "invalid_value", "events"},
		{"check without text", "POST", "/v1/check", `{"site":"shop"}`, nil, 422, "missing_field", "text"},
		{"a mute of minus 5 minutes", "POST", "/v1/surges/" + s.surge + "/mute", `{"minutes":-5}`, nil, 422, "invalid_value", "minutes"},
		{"an empty note", "POST", "/v1/surges/" + s.surge + "/notes", `{"note":""}`, nil, 422, "invalid_value", "note"},
		{"a share of a year", "POST", "/v1/sites/shop/share", `{"hours":8760}`, nil, 422, "invalid_value", "hours"},
		{"an end without a beginning", "PUT", "/v1/status/shop", `{"shown":true,"back_by":"` + soon + `"}`, nil, 422, "invalid_value", "since"},
		{"a rung of no kind", "PUT", "/v1/sites/shop/ladder", `{"rungs":[{"kind":"prayer"}]}`, nil, 422, "", ""},
		{"a schedule as a fax", "GET", "/v1/sites/shop/schedule?format=fax", "", nil, 422, "invalid_value", "format"},
		{"webhook to a file", "POST", "/v1/webhooks", `{"url":"file:///etc/passwd"}`, nil, 422, "invalid_value", "url"},
		{"webhook to this machine", "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:8080/hook"}`, nil, 422, "invalid_value", "url"},
		{"webhook to this machine by name", "POST", "/v1/webhooks", `{"url":"http://localhost/hook"}`, nil, 422, "invalid_value", "url"},
		{"webhook to the cloud's metadata", "POST", "/v1/webhooks", `{"url":"http://169.254.169.254/latest"}`, nil, 422, "invalid_value", "url"},
		{"webhook with a password", "POST", "/v1/webhooks", `{"url":"https://u:` + token + `@example.com/"}`, nil, 422, "invalid_value", "url"},
		{"chat address with a secret of its own", "POST", "/v1/webhooks", `{"url":"` + chat + `","format":"slack","secret":"` + secret + `"}`, nil, 422, "", ""},
		{"secret of another type", "POST", "/v1/webhooks", `{"url":"https://example.com/","secret":{"a":"` + secret + `"}}`, nil, 422, "bad_type", "secret"},
		{"routing key of another type", "POST", "/v1/webhooks", `{"format":"pagerduty","routing_key":["` + route + `"]}`, nil, 422, "bad_type", "routing_key"},
		{"sender with a short secret", "POST", "/v1/senders", `{"name":"x","secret":"whsec_` + token + `"}`, nil, 422, "", ""},
		{"unknown delivery", "POST", "/v1/deliveries/dlv_0/retry", "", nil, 404, "not_found", "delivery"},
		{"key of no scope", "POST", "/v1/keys", `{"name":"x","scopes":["root"]}`, nil, 422, "invalid_value", "scopes[0]"},
		{"key of a foreign site", "POST", "/v1/keys", `{"name":"x","scopes":["read"],"sites":["theirs"]}`, nil, 422, "not_found", "sites[0]"},
	}
	before := s.stored(t)
	seen := map[string]bool{}
	for _, c := range cases {
		var body []byte
		if c.body != "" {
			body = []byte(c.body)
		}
		a, err := s.send(context.Background(), admin, c.method, c.target, body, c.headers...)
		// The server waits half a second for who still sends to read the refusal, and then hangs up.
		for range 9 {
			if c.status != http.StatusRequestEntityTooLarge || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				break
			}
			a, err = s.send(context.Background(), admin, c.method, c.target, body, c.headers...)
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var p struct{ Title, Code, Detail, Field, Remedy, Reference string }
		if json.Unmarshal(a.body, &p) != nil || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: no problem: %d %s %.300s", c.name, a.status, a.header.Get("Content-Type"), a.body)
			continue
		}
		if a.status != c.status || c.code != "" && (p.Code != c.code || p.Field != c.field) {
			t.Errorf("%s: %d %s of field %q, want %d %s of %q: %.300s", c.name, a.status, p.Code, p.Field, c.status, c.code, c.field, a.body)
		}
		if p.Title != http.StatusText(a.status) || p.Code == "" || p.Detail == "" || p.Remedy == "" || p.Reference == "" || seen[p.Reference] {
			t.Errorf("%s: incomplete: %s", c.name, a.body)
		}
		seen[p.Reference] = true
		s.until("the reference of "+c.name+" in the log", func() bool { return strings.Contains(s.err.String(), p.Reference) })
		for _, hidden := range []string{token, secret, route, "T0SECRET"} {
			if strings.Contains(string(a.body), hidden) {
				t.Errorf("%s: the answer repeats a secret: %s", c.name, a.body)
			}
		}
	}
	t.Logf("%d wrong requests", len(cases))
	if len(cases) < 50 {
		t.Errorf("%d wrong requests, want 50 at least", len(cases))
	}
	if after := s.stored(t); after != before {
		t.Errorf("what was refused left something. Before:\n%s\nafter:\n%s", before, after)
	}
	log := s.err.String() + s.out.String()
	for _, hidden := range []string{admin, reader, scale, s.theirs, token, secret, strings.TrimPrefix(secret, "whsec_"), route, "T0SECRET", "XSECRETX"} {
		if at := strings.Index(log, hidden); at >= 0 {
			t.Errorf("the log holds a secret: %s", log[max(0, at-200):min(len(log), at+100)])
		}
	}
}

// stored is what the account has, by list.
func (s *service) stored(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, list := range []string{"/v1/sites", "/v1/topics", "/v1/events", "/v1/webhooks", "/v1/senders", "/v1/keys"} {
		var l struct{ Items []map[string]any }
		s.must(t, s.keys[0], "GET", list+"?limit=500", "", 200).into(t, &l)
		fmt.Fprintf(&b, "%s:", list)
		for _, i := range l.Items {
			fmt.Fprint(&b, " ", i["id"], i["slug"], i["updated_at"], i["capacity"])
		}
		b.WriteString("\n")
	}
	return b.String()
}
