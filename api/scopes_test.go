package api

import (
	"regexp"
	"strings"
	"testing"

	"surgecast"
)

// What each route asks for, written down: a reader of this table is the review that a new route needs. "" needs no key.
var scopeOf = map[string]surgecast.Scope{
	"GET /v1/sites/{site}/scale": "scale",

	"POST /v1/check": "read", "POST /v1/sites/{site}/what-if": "read",

	"POST /v1/freeze": "write", "PUT /v1/sites/{site}/override": "write", "DELETE /v1/sites/{site}/override": "write",

	"GET /v1/keys": "admin", "POST /v1/keys": "admin", "DELETE /v1/keys/{id}": "admin",
	"GET /v1/senders": "admin", "POST /v1/senders": "admin", "DELETE /v1/senders/{id}": "admin",
	"POST /v1/senders/{id}/rotate": "admin", "DELETE /v1/senders/{id}/old-secret": "admin",

	"POST /v1/session": "", "DELETE /v1/session": "", "GET /v1/status/{site}": "",
}

// Every route with every kind of key: too little is 403 with a code and the scope that is missing, whatever the
// body; enough is never refused for its scope. Routes that are not in the table read with read and change with write.
// Fails when: any route is registered with a weaker scope; may compares with > or with the scope alone.
func TestScopes(t *testing.T) {
	ts := newTest(t)
	ts.told(ts.site(1, "mine"))
	order := []surgecast.Scope{surgecast.ScopeScale, surgecast.ScopeRead, surgecast.ScopeWrite, surgecast.ScopeAdmin}
	keys := map[surgecast.Scope]string{}
	for _, s := range order {
		keys[s] = ts.key(1, s)
	}
	known, tried, refused := map[string]bool{}, 0, 0
	for path, item := range ts.api.OpenAPI().Paths {
		for method, there := range map[string]bool{"GET": item.Get != nil, "POST": item.Post != nil, "PUT": item.Put != nil, "DELETE": item.Delete != nil} {
			if !there {
				continue
			}
			route := method + " " + path
			need, written := scopeOf[route]
			known[route] = true
			switch {
			case written:
			case method == "GET":
				need = surgecast.ScopeRead
			default:
				need = surgecast.ScopeWrite
			}
			if path == "/v1/live" { // what it lets in has no end
				if got := ts.scopes["GET /v1/live"]; got != need {
					t.Errorf("%s asks for %q, want %q", route, got, need)
				}
				continue
			}
			for _, has := range order {
				tried++
				target := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "none_0") // refused for the scope before anybody looks
				a := ts.ask(method, target, "", "X-API-KEY", keys[has])
				missing := a.status == 403 && strings.Contains(a.body, `"code":"scope_missing"`)
				if want := reach(has) < reach(need); missing != want {
					t.Errorf("%s with a key of scope %s: %d %s, want refused %t", route, has, a.status, a.body, want)
				}
				if missing {
					refused++
					if !strings.Contains(a.body, "scope "+string(need)) {
						t.Errorf("%s does not say that %s is missing: %s", route, need, a.body)
					}
				}
			}
		}
	}
	for route := range scopeOf {
		if !known[route] {
			t.Errorf("%s is in the table and no route", route)
		}
	}
	t.Logf("%d routes × scopes, %d refused", tried, refused)
}

// A site or topic that is named in a body or a query is looked for in the caller's account and among the key's sites
// only, as one in the address is (TestForeignThingsAreNotFound). Nothing is made of what was refused.
// Fails when: createEvent, check, createKey or intoWebhook reads the site without s.site.
func TestForeignNamesInBodiesAndQueries(t *testing.T) {
	ts := newTest(t, func(c *Config) { c.Limits = &Limits{} })
	ts.told(ts.site(1, "mine"))
	other := ts.site(1, "other")
	keys := map[string]string{"another account's": ts.key(2, surgecast.ScopeAdmin), "one bound to another site": ts.key(1, surgecast.ScopeAdmin, other.ID)}
	for who, key := range keys {
		for _, c := range []struct{ method, target, body string }{
			{"POST", "/v1/check", `{"site":"mine","text":"lamp"}`},
			{"POST", "/v1/events", `{"site":"mine","kind":"push","starts_at":"2026-09-14T20:00:00Z"}`},
			{"GET", "/v1/events?site=mine", ""},
			{"GET", "/v1/surges?site=mine", ""},
			{"GET", "/v1/live?site=mine", ""},
			{"POST", "/v1/webhooks", `{"url":"https://example.com/","sites":["mine"]}`},
			{"POST", "/v1/keys", `{"name":"x","scopes":["read"],"sites":["mine"]}`},
			{"POST", "/v1/senders", `{"name":"x","sites":["mine"]}`},
		} {
			a := ts.ask(c.method, c.target, c.body, "X-API-KEY", key)
			p := a.json(t)
			if ok := a.status == 404 && p["code"] == codeNotFound || a.status == 422 && p["code"] == codeNotFound || a.status == 403 && p["code"] == codeKeyBound; !ok {
				t.Errorf("%s %s with %s key: %d %s", c.method, c.target, who, a.status, a.body)
			}
		}
	}
	if len(ts.store.events)+len(ts.store.webhooks) != 0 || len(ts.store.keys) != 2 {
		t.Error("a refused request made something")
	}
}
