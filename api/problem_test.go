package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"surgecast"
)

// Fifty wrong requests: each is answered with problem+json that has a stable code, the field where there
// is one, a remedy, and a reference that stands in the log; nothing secret stands there.
// Made to fail by taking s.sign out of refuse (no reference), or by echoing huma's value.
func TestWrongRequests(t *testing.T) {
	ts := newTest(t)
	shop := ts.site(1, "nordlicht")
	ts.site(2, "theirs")
	ts.told(shop)
	write, admin := ts.key(1, surgecast.ScopeWrite), ts.key(1, surgecast.ScopeAdmin)
	scaleOnly, bound := ts.key(1, surgecast.ScopeScale), ts.key(1, surgecast.ScopeWrite, shop.ID)
	ts.ask("POST", "/v1/topics", `{"slug":"concert"}`, "X-API-KEY", write)

	deep := strings.Repeat("[", 9) + strings.Repeat("]", 9)
	big := `[` + strings.Repeat(" ", maxPushBytes) + `]`
	many := "[" + strings.Repeat(`{"minute":"2026-09-14T14:00:00Z","requests":1},`, maxRows) + `{"minute":"2026-09-14T14:00:00Z","requests":1}]`
	row := func(s string) string { return `[{"minute":"2026-09-14T14:10:00Z","requests":5},` + s + `]` }
	count := func(s string) string {
		return `[{"topic":"concert","source":"acme","minute":"2026-09-14T14:10:00Z","count":5},` + s + `]`
	}
	idem := []string{"Idempotency-Key", "k1"}
	secret := "whsec_c2VjcmV0c2VjcmV0"

	cases := []struct {
		name, method, target, body string
		headers                    []string
		status                     int
		code, field                string
	}{
		{"no route", "GET", "/v1/nothing", "", nil, 404, codeNoRoute, ""},
		{"no route outside", "GET", "/wp-login.php", "", nil, 404, codeNoRoute, ""},
		{"wrong method", "PATCH", "/v1/sites", "{}", nil, 405, codeNoMethod, ""},
		{"wrong method on scale", "POST", "/v1/sites/nordlicht/scale", "", nil, 405, codeNoMethod, ""},
		{"no key", "GET", "/v1/sites", "", []string{"X-API-KEY", ""}, 401, codeNoKey, "Authorization"},
		{"wrong key", "GET", "/v1/sites", "", []string{"X-API-KEY", "sgc_wrong"}, 401, codeBadKey, "Authorization"},
		{"wrong scheme", "GET", "/v1/sites", "", []string{"X-API-KEY", "", "Authorization", "Basic dTpw"}, 401, codeNoKey, "Authorization"},
		{"scope", "GET", "/v1/sites", "", []string{"X-API-KEY", scaleOnly}, 403, codeScope, ""},
		{"scope of keys", "GET", "/v1/keys", "", nil, 403, codeScope, ""},
		{"bound key makes a site", "POST", "/v1/sites", `{"slug":"x"}`, []string{"X-API-KEY", bound}, 403, codeKeyBound, ""},
		{"bound key freezes", "POST", "/v1/freeze", `{"frozen":true}`, []string{"X-API-KEY", bound}, 403, codeKeyBound, ""},
		{"key in the address", "GET", "/v1/sites/nordlicht/scale?api_key=" + write, "", nil, 422, codeUnknownField, "api_key"},
		{"unknown site", "GET", "/v1/sites/nobody", "", nil, 404, codeNotFound, "site"},
		{"no slug", "GET", "/v1/sites/No%20Slug", "", nil, 404, codeNotFound, "site"},
		{"foreign site", "GET", "/v1/sites/theirs/scale", "", nil, 404, codeNotFound, "site"},
		{"unknown site's risk", "GET", "/v1/sites/nobody/risk", "", nil, 404, codeNotFound, "site"},
		{"unknown segment", "GET", "/v1/sites/nordlicht/risk?segment=checkout", "", nil, 404, codeNotFound, "segment"},
		{"horizon no number", "GET", "/v1/sites/nordlicht/forecast?horizon=soon", "", nil, 422, codeBadType, "horizon"},
		{"horizon too long", "GET", "/v1/sites/nordlicht/forecast?horizon=9999", "", nil, 422, codeInvalidValue, "horizon"},
		{"unknown query", "GET", "/v1/sites/nordlicht/risk?verbose=1", "", nil, 422, codeUnknownField, "verbose"},
		{"unknown format", "GET", "/v1/sites/nordlicht/scale?format=xml", "", nil, 422, codeInvalidValue, "format"},
		{"bad cursor", "GET", "/v1/sites?after=%25%25", "", nil, 422, codeBadCursor, "after"},
		{"cursor of another list", "GET", "/v1/topics?after=" + cursor("sites", "a"), "", nil, 422, codeBadCursor, "after"},
		{"limit 0", "GET", "/v1/sites?limit=0", "", nil, 422, codeInvalidValue, "limit"},
		{"sort by luck", "GET", "/v1/sites?sort=luck", "", nil, 422, codeInvalidValue, "sort"},
		{"NUL in the address", "GET", "/v1/sites?after=%00", "", nil, 400, codeInvalidValue, "address"},
		{"NUL in the body", "POST", "/v1/sites", `{"slug":"a","name":"\u0000"}`, nil, 400, codeInvalidValue, "body"},
		{"site without slug", "POST", "/v1/sites", `{"name":"x"}`, nil, 422, codeMissingField, "slug"},
		{"site with a bad slug", "POST", "/v1/sites", `{"slug":"Nord Licht"}`, nil, 422, codeInvalidValue, "slug"},
		{"site twice", "POST", "/v1/sites", `{"slug":"nordlicht"}`, nil, 409, codeExists, ""},
		{"units a text", "POST", "/v1/sites", `{"slug":"a","capacity":{"units":"six"}}`, nil, 422, codeBadType, "capacity.units"},
		{"unknown property", "POST", "/v1/sites", `{"slug":"a","colour":"red"}`, nil, 422, codeUnknownField, "colour"},
		{"no time zone", "POST", "/v1/sites", `{"slug":"a","time_zone":"Europe/Atlantis"}`, nil, 422, codeInvalidValue, "time_zone"},
		{"max below min", "PUT", "/v1/sites/nordlicht", `{"capacity":{"units":3,"min_units":5,"max_units":2}}`, nil, 422, codeInvalidValue, "capacity.max_units"},
		{"two segments of a name", "PUT", "/v1/sites/nordlicht", `{"segments":[{"name":"a"},{"name":"a"}]}`, nil, 422, codeInvalidValue, "segments[1].name"},
		{"not JSON", "POST", "/v1/sites", `{"slug":`, nil, 400, codeBadJSON, "body"},
		{"no body", "POST", "/v1/sites", "", nil, 400, codeBadJSON, "body"},
		{"not JSON by its type", "POST", "/v1/sites", `slug=a`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, codeUnsupportedType, "Content-Type"},
		{"unknown encoding", "POST", "/v1/sites", `x`, []string{"Content-Encoding", "br"}, 415, codeUnsupportedType, "Content-Encoding"},
		{"broken gzip", "POST", "/v1/sites", `x`, []string{"Content-Encoding", "gzip"}, 400, codeBadJSON, "body"},
		{"too deep", "POST", "/v1/sites/nordlicht/traffic", deep, nil, 400, codeTooDeep, "body"},
		{"too large", "POST", "/v1/sites/nordlicht/traffic", big, nil, 413, codeTooLarge, "body"},
		{"too large elsewhere", "POST", "/v1/topics", `{"slug":"` + strings.Repeat("a", maxBodyBytes) + `"}`, nil, 413, codeTooLarge, "body"},
		{"too many rows", "POST", "/v1/sites/nordlicht/traffic", many, nil, 413, codeTooManyRows, "body"},
		{"no rows", "POST", "/v1/sites/nordlicht/traffic", " ", nil, 400, codeMissingField, "body"},
		{"a row that is no JSON", "POST", "/v1/sites/nordlicht/traffic", row(`{"minute`), nil, 400, codeBadJSON, "body"},
		{"after the array", "POST", "/v1/sites/nordlicht/traffic", `[] []`, nil, 400, codeBadJSON, "body"},
		{"traffic without requests", "POST", "/v1/sites/nordlicht/traffic", row(`{"minute":"2026-09-14T14:11:00Z"}`), nil, 422, codeMissingField, "requests"},
		{"traffic in the future", "POST", "/v1/sites/nordlicht/traffic", row(`{"minute":"2026-09-14T14:23:00Z","requests":1}`), nil, 422, codeInvalidValue, "minute"},
		{"half a minute", "POST", "/v1/sites/nordlicht/traffic", row(`{"minute":"2026-09-14T14:11:30Z","requests":1}`), nil, 422, codeInvalidValue, "minute"},
		{"a minute twice", "POST", "/v1/sites/nordlicht/traffic", row(`{"minute":"2026-09-14T14:10:00Z","requests":1}`), nil, 422, codeConflict, "minute"},
		{"negative traffic", "POST", "/v1/sites/nordlicht/traffic", row(`{"minute":"2026-09-14T14:11:00Z","requests":-1}`), nil, 422, codeInvalidValue, "requests"},
		{"requests a text", "POST", "/v1/sites/nordlicht/traffic", row(`{"minute":"2026-09-14T14:11:00Z","requests":"1"}`), nil, 422, codeBadType, "requests"},
		{"unknown column", "POST", "/v1/sites/nordlicht/traffic", row(`{"minute":"2026-09-14T14:11:00Z","request":1}`), nil, 422, codeUnknownField, "request"},
		{"no time", "POST", "/v1/sites/nordlicht/traffic", row(`{"minute":"yesterday","requests":1}`), nil, 422, codeBadType, "minute"},
		{"bad segment", "POST", "/v1/sites/nordlicht/traffic", row(`{"minute":"2026-09-14T14:11:00Z","requests":1,"segment":"A B"}`), nil, 422, codeInvalidValue, "segment"},
		{"counts without a key of repetition", "POST", "/v1/ingest/counts", count(``), nil, 422, codeMissingField, "Idempotency-Key"},
		{"counts of an unknown topic", "POST", "/v1/ingest/counts", count(`{"topic":"nobody","source":"acme","minute":"2026-09-14T14:11:00Z","count":1}`), idem, 422, codeNotFound, "topic"},
		{"counts of the future", "POST", "/v1/ingest/counts", count(`{"topic":"concert","source":"acme","minute":"2026-09-14T14:30:00Z","count":1}`), idem, 422, codeInvalidValue, "minute"},
		{"counts of nobody", "POST", "/v1/ingest/counts", count(`{"topic":"concert","minute":"2026-09-14T14:11:00Z","count":1}`), idem, 422, codeInvalidValue, "source"},
		{"a topic of nothing", "POST", "/v1/topics", `{"slug":"t","any":[" "]}`, nil, 422, codeInvalidValue, "any"},
		{"65 terms", "POST", "/v1/topics", `{"slug":"t","any":["a` + strings.Repeat(`","b`, 64) + `"]}`, nil, 422, codeInvalidValue, "any"},
		{"unknown topic", "GET", "/v1/topics/nobody/mentions", "", nil, 404, codeNotFound, "topic"},
		{"link to nowhere", "PUT", "/v1/sites/nordlicht/topics/nobody", `{}`, nil, 404, codeNotFound, "topic"},
		{"override of the past", "PUT", "/v1/sites/nordlicht/override", `{"units":9,"until":"2026-09-14T14:00:00Z"}`, nil, 422, codeInvalidValue, "until"},
		{"override for ever", "PUT", "/v1/sites/nordlicht/override", `{"units":9,"until":"2036-09-14T14:00:00Z"}`, nil, 422, codeInvalidValue, "until"},
		{"no override", "GET", "/v1/sites/nordlicht/override", "", nil, 404, codeNotFound, "override"},
		{"unknown surge", "GET", "/v1/surges/srg_0", "", nil, 404, codeNotFound, "surge"},
		{"surges of an unknown site", "GET", "/v1/surges?site=nobody", "", nil, 404, codeNotFound, "site"},
		{"webhook to a file", "POST", "/v1/webhooks", `{"url":"file:///etc/passwd"}`, nil, 422, codeInvalidValue, "url"},
		{"webhook with a password", "POST", "/v1/webhooks", `{"url":"https://u:` + secret + `@example.com/"}`, nil, 422, codeInvalidValue, "url"},
		{"webhook with a weak secret", "POST", "/v1/webhooks", `{"url":"https://example.com/","secret":"` + secret + `"}`, nil, 422, codeInvalidValue, "secret"},
		{"webhook secret of a wrong type", "POST", "/v1/webhooks", `{"url":"https://example.com/","secret":["` + secret + `"]}`, nil, 422, codeBadType, "secret"},
		{"webhook of an unknown type", "POST", "/v1/webhooks", `{"url":"https://example.com/","types":["surge.maybe"]}`, nil, 422, codeInvalidValue, "types[0]"},
		{"unknown webhook", "POST", "/v1/webhooks/whk_0/test", "", nil, 404, codeNotFound, "webhook"},
		{"unknown delivery", "POST", "/v1/deliveries/dlv_0/retry", "", nil, 404, codeNotFound, "delivery"},
		{"key without scopes", "POST", "/v1/keys", `{"name":"x","scopes":[]}`, []string{"X-API-KEY", admin}, 422, codeInvalidValue, "scopes"},
		{"key of an unknown scope", "POST", "/v1/keys", `{"name":"x","scopes":["root"]}`, []string{"X-API-KEY", admin}, 422, codeInvalidValue, "scopes[0]"},
		{"key of a foreign site", "POST", "/v1/keys", `{"name":"x","scopes":["read"],"sites":["theirs"]}`, []string{"X-API-KEY", admin}, 422, codeNotFound, "sites[0]"},
		{"unknown key", "DELETE", "/v1/keys/key_0", "", []string{"X-API-KEY", admin}, 404, codeNotFound, "key"},
		{"session with a wrong key", "POST", "/v1/session", `{"key":"sgc_wrong_and_secret"}`, nil, 401, codeBadKey, "key"},
		{"live from nowhere", "GET", "/v1/live?site=nobody", "", nil, 404, codeNotFound, "site"},
		{"live from a wrong id", "GET", "/v1/live", "", []string{"Last-Event-ID", "x"}, 422, codeBadType, "Last-Event-ID"},
	}
	if len(cases) < 50 {
		t.Fatalf("%d cases, want 50 at least", len(cases))
	}
	seen := map[string]bool{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := ts.ask(c.method, c.target, c.body, append([]string{"X-API-KEY", write}, c.headers...)...)
			if a.status != c.status {
				t.Fatalf("status %d, want %d: %s", a.status, c.status, a.body)
			}
			if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
				t.Errorf("content type %q", ct)
			}
			var p Problem
			dec := json.NewDecoder(strings.NewReader(a.body))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&p); err != nil {
				t.Fatalf("%v: %s", err, a.body)
			}
			if p.Code != c.code || p.Field != c.field {
				t.Errorf("code %q field %q, want %q %q: %s", p.Code, p.Field, c.code, c.field, a.body)
			}
			if p.Status != c.status || p.Title == "" || p.Detail == "" || p.Remedy == "" {
				t.Errorf("incomplete: %s", a.body)
			}
			if p.Reference == "" || seen[p.Reference] || strings.Count(ts.logs.String(), p.Reference) != 1 {
				t.Errorf("reference %q does not stand in the log exactly once", p.Reference)
			}
			seen[p.Reference] = true
		})
	}
	for _, s := range []string{write, admin, scaleOnly, bound, secret, "sgc_wrong", "dTpw"} {
		if strings.Contains(ts.logs.String(), s) {
			t.Errorf("the log holds a secret: %q", s)
		}
	}
	if n := len(ts.store.traffic) + len(ts.store.mentions); n != 0 {
		t.Errorf("%d rows of refused requests were stored", n)
	}
}

// A panic is a problem like any other, and what it said stays in the log.
func TestPanicIsAProblem(t *testing.T) {
	ts := newTest(t, keyless, func(c *Config) {
		c.Restate = func(surgecast.Site, *surgecast.SiteForecast, *surgecast.Surge, time.Time) surgecast.Verdict {
			panic("inner words")
		}
	})
	ts.site(1, "nordlicht")
	a := ts.ask("GET", "/v1/sites/nordlicht/risk", "")
	p := a.json(t)
	if a.status != 500 || p["code"] != codeInternal || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if strings.Contains(a.body, "inner words") {
		t.Error("the answer tells what happened inside")
	}
	if !strings.Contains(ts.logs.String(), "inner words") || !strings.Contains(ts.logs.String(), p["reference"].(string)) {
		t.Error("the log does not tell what happened, or lacks the reference")
	}
}

// A database that is away is 503 with Retry-After, and its words stay inside.
func TestDatabaseErrorsStayInside(t *testing.T) {
	ts := newTest(t, keyless)
	ts.store.fail(fmt.Errorf("password=hunter2 refused"))
	a := ts.ask("GET", "/v1/topics", "")
	if a.status != 500 || strings.Contains(a.body, "hunter2") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// A bomb that unfolds to 64 MiB is refused, and most of it is never unfolded.
// Made to fail by reading the gzip stream without a limit.
func TestDecompressionBomb(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	for range 64 {
		if _, err := z.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	ts := newTest(t, keyless)
	ts.site(1, "nordlicht")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := ts.ask("POST", "/v1/sites/nordlicht/traffic", packed.String(), "Content-Encoding", "gzip")
	runtime.ReadMemStats(&after)
	if a.status != http.StatusRequestEntityTooLarge || a.json(t)["code"] != codeTooLarge {
		t.Errorf("%d %s", a.status, a.body)
	}
	// A buffer that grows by a quarter to 5 MiB has taken about 5 · (1 + 0.8 + 0.8² + …) = 25 MiB; to 64 MiB, 320.
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 48 {
		t.Errorf("%d MiB were taken for a bomb", took)
	}
}

// Whatever is pushed, the answer is a problem or a count, never a crash.
func FuzzPush(f *testing.F) {
	f.Add([]byte(`[{"minute":"2026-09-14T14:10:00Z","requests":5}]`))
	f.Add([]byte("{\"minute\":\"2026-09-14T14:10:00Z\",\"requests\":5}\n{\"minute\":null}"))
	f.Add([]byte(`[{"minute":"2026-09-14T14:10:00Z","requests":1e999,"units":-1,"segment":"\ud800"}]`))
	ts := newTest(f, keyless)
	ts.site(1, "nordlicht")
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		a := ts.ask("POST", "/v1/sites/nordlicht/traffic", string(b))
		if a.status >= 500 {
			t.Errorf("%d for %q: %s", a.status, b, a.body)
		}
	})
}
