package api

import (
	"context"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"surgecast"
)

// Without keys only this machine is served, by its own names, and nothing that a proxy passed on or
// another site's page sent (DESIGN 12.1).
// Made to fail by taking onlyHere or sameOrigin out of admit.
func TestKeylessServesOnlyThisMachine(t *testing.T) {
	ts := newTest(t, keyless)
	ts.told(ts.site(1, "nordlicht"))
	get := func(headers ...string) answer { return ts.ask("GET", "/v1/sites/nordlicht/scale", "", headers...) }
	freeze := func(headers ...string) answer { return ts.ask("POST", "/v1/freeze", `{"frozen":false}`, headers...) }
	for _, c := range []struct {
		name    string
		ask     func(...string) answer
		headers []string
		status  int
	}{
		{"localhost", get, nil, 200},
		{"127.0.0.1", get, []string{"Host", "127.0.0.1:8080"}, 200},
		{"::1", get, []string{"Host", "[::1]:8080", "RemoteAddr", "[::1]:5"}, 200},
		{"without a port", get, []string{"Host", "LOCALHOST"}, 200},
		{"a rebound name", get, []string{"Host", "attacker.example:8080"}, 421},
		{"a name that looks local", get, []string{"Host", "localhost.attacker.example"}, 421},
		{"an address of the net", get, []string{"Host", "192.168.1.5:8080"}, 421},
		{"no name", get, []string{"Host", ""}, 421},
		{"from the net", get, []string{"RemoteAddr", "192.168.1.9:5"}, 403},
		{"Forwarded", get, []string{"Forwarded", "for=1.2.3.4"}, 403},
		{"X-Forwarded-For", get, []string{"X-Forwarded-For", "1.2.3.4"}, 403},
		{"X-Forwarded-Host", get, []string{"X-Forwarded-Host", "x"}, 403},
		{"X-Real-IP", get, []string{"X-Real-IP", "1.2.3.4"}, 403},
		{"another site's page reads", get, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"our own page reads", get, []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost:8080"}, 200},
		{"a command line writes", freeze, nil, 200},
		{"our own page writes", freeze, []string{"Origin", "http://localhost:8080"}, 200},
		{"another site's page writes", freeze, []string{"Origin", "https://attacker.example"}, 403},
		{"another port's page writes", freeze, []string{"Origin", "http://localhost:9999"}, 403},
		{"a sandboxed page writes", freeze, []string{"Origin", "null"}, 403},
		{"a page writes, browser says so", freeze, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another port's page writes, browser says so", freeze, []string{"Sec-Fetch-Site", "same-site"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := c.ask(c.headers...); a.status != c.status {
				t.Errorf("status %d, want %d: %s", a.status, c.status, a.body)
			}
		})
	}
}

// Without keys the server does not even listen elsewhere.
func TestKeylessListensOnLoopbackOnly(t *testing.T) {
	ts := newTest(t, keyless)
	err := ts.Serve(context.Background(), elsewhere{})
	if err == nil || !strings.Contains(err.Error(), "without keys") {
		t.Errorf("served: %v", err)
	}
}

type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 168, 1, 5), Port: 8080} }

// Over every route: what is another account's is not found, whatever the method, and a key bound to
// another site does not find it either. Made to fail by dropping the account from any store call.
func TestForeignThingsAreNotFound(t *testing.T) {
	ts := newTest(t)
	mine := ts.site(1, "mine")
	ts.told(mine)
	other := ts.site(1, "other")
	ts.store.surges = []surgecast.Surge{{ID: "srg_1", AccountID: 1, SiteID: mine.ID, Subject: "mine", OpenedAt: begin}}
	ours := ts.key(1, surgecast.ScopeAdmin)
	ts.ask("POST", "/v1/topics", `{"slug":"concert"}`, "X-API-KEY", ours)
	hook := ts.ask("POST", "/v1/webhooks", `{"url":"https://example.com/"}`, "X-API-KEY", ours).json(t)["id"].(string)
	delivery := ts.ask("POST", "/v1/webhooks/"+hook+"/test", "", "X-API-KEY", ours).json(t)["id"].(string)
	keyID := ts.ask("POST", "/v1/keys", `{"name":"k","scopes":["read"]}`, "X-API-KEY", ours).json(t)["id"].(string)

	senderID := ts.ask("POST", "/v1/senders", `{"name":"vendor"}`, "X-API-KEY", ours).json(t)["id"].(string)

	eventID := ts.ask("POST", "/v1/events", `{"site":"mine","kind":"push","starts_at":"2026-09-14T20:00:00Z"}`, "X-API-KEY", ours).json(t)["id"].(string)

	theirs := ts.key(2, surgecast.ScopeAdmin)
	boundElsewhere := ts.key(1, surgecast.ScopeAdmin, other.ID)
	bodies := map[string]string{
		"PUT /v1/sites/{site}":                `{}`,
		"PUT /v1/topics/{topic}":              `{"any":["x"]}`,
		"PUT /v1/sites/{site}/topics/{topic}": `{}`,
		"POST /v1/sites/{site}/traffic":       `[{"minute":"2026-09-14T14:10:00Z","requests":1}]`,
		"PUT /v1/sites/{site}/override":       `{"units":9,"until":"2026-09-14T15:00:00Z"}`,
		"POST /v1/surges/{id}/ack":            `{}`,
		"POST /v1/surges/{id}/mute":           `{}`,
		"POST /v1/surges/{id}/notes":          `{"note":"x"}`,
		"PUT /v1/status/{site}":               `{"shown":true}`,
		"PUT /v1/sites/{site}/ladder":         `{"rungs":[]}`,
		"POST /v1/sites/{site}/share":         `{"hours":1}`,
		"POST /v1/sites/{site}/load-tests":    `{}`,

		"POST /v1/sites/{site}/load-tests/apply": `{"rpm_per_unit":1}`,
		"PUT /v1/events/{id}":                    `{"kind":"push","starts_at":"2026-09-14T20:00:00Z"}`,
		"POST /v1/sites/{site}/what-if":          `{"events":[{"kind":"push","starts_at":"2026-09-14T20:00:00Z"}]}`,
		"PUT /v1/webhooks/{id}":                  `{"url":"https://attacker.example/"}`,
	}
	param := regexp.MustCompile(`\{\w+\}`)
	var tried int
	for path, item := range ts.api.OpenAPI().Paths {
		for method, op := range map[string]any{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "DELETE": item.Delete} {
			route := method + " " + path
			if _, guarded := ts.scopes[method+" "+strings.NewReplacer("{", ":", "}", "").Replace(path)]; !guarded || !strings.Contains(path, "{") {
				continue
			}
			_ = op
			target := param.ReplaceAllStringFunc(path, func(p string) string {
				switch {
				case p == "{site}":
					return "mine"
				case p == "{topic}":
					return "concert"
				case strings.HasSuffix(path, "/load-tests/{id}"):
					return "ldt_1"
				case strings.HasPrefix(path, "/v1/surges"):
					return "srg_1"
				case strings.HasPrefix(path, "/v1/events"):
					return eventID
				case strings.HasPrefix(path, "/v1/webhooks"):
					return hook
				case strings.HasPrefix(path, "/v1/deliveries"):
					return delivery
				case strings.HasPrefix(path, "/v1/keys"):
					return keyID
				case strings.HasPrefix(path, "/v1/senders"):
					return senderID
				}
				t.Fatalf("%s: no value for %s: add one", path, p)
				return ""
			})
			tried++
			if a := ts.ask(method, target, bodies[route], "X-API-KEY", theirs); a.status != http.StatusNotFound || a.json(t)["code"] != codeNotFound {
				t.Errorf("%s with another account's key: %d %s", route, a.status, a.body)
			}
			a := ts.ask(method, target, bodies[route], "X-API-KEY", boundElsewhere)
			onSite := strings.HasPrefix(path, "/v1/sites/") || strings.HasPrefix(path, "/v1/status/") || strings.HasPrefix(path, "/v1/surges/") || strings.HasPrefix(path, "/v1/events/")
			switch {
			case onSite && a.status != http.StatusNotFound:
				t.Errorf("%s with a key bound to another site: %d %s", route, a.status, a.body)
			case !onSite && a.status == http.StatusOK && method != "GET":
				t.Errorf("%s with a key bound to a site: %d %s", route, a.status, a.body)
			}
		}
	}
	if tried < 25 {
		t.Errorf("only %d routes tried", tried)
	}
	// Lists hold nothing of others either.
	for _, target := range []string{"/v1/sites", "/v1/sites?sort=risk", "/v1/topics", "/v1/surges", "/v1/events", "/v1/webhooks"} {
		if items := ts.ask("GET", target, "", "X-API-KEY", theirs).json(t)["items"].([]any); len(items) != 0 {
			t.Errorf("%s shows another account %d things", target, len(items))
		}
	}
	for _, target := range []string{"/v1/sites", "/v1/sites?sort=risk"} {
		items := ts.ask("GET", target, "", "X-API-KEY", boundElsewhere).json(t)["items"].([]any)
		if len(items) != 1 || items[0].(map[string]any)["slug"] != "other" {
			t.Errorf("%s shows a bound key %v", target, items)
		}
	}
	if len(ts.store.sites) != 2 || len(ts.store.traffic) != 0 || len(ts.store.overrides) != 0 || len(ts.store.webhooks) != 1 {
		t.Error("a refused request changed something")
	}
}

// Every route under /v1 but the session's and the public page's asks for a key.
func TestEveryRouteNeedsAKey(t *testing.T) {
	ts := newTest(t)
	for _, r := range ts.engine.Routes() {
		if !strings.HasPrefix(r.Path, "/v1/") || r.Path == sessionPath || r.Method+r.Path == "GET/v1/status/:site" {
			continue
		}
		target := regexp.MustCompile(`:\w+`).ReplaceAllString(r.Path, "x")
		if a := ts.ask(r.Method, target, ""); a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s without a key: %d", r.Method, r.Path, a.status)
		}
	}
}

// A key is asked for once in 30 s; deleting it ends it at once here.
func TestKeysAreCached(t *testing.T) {
	ts := newTest(t)
	ts.told(ts.site(1, "nordlicht"))
	key, admin := ts.key(1, surgecast.ScopeRead), ts.key(1, surgecast.ScopeAdmin)
	for range 5 {
		ts.ask("GET", "/v1/sites/nordlicht/scale", "", "X-API-KEY", key)
		ts.ask("GET", "/v1/sites/nordlicht/scale", "", "X-API-KEY", "sgc_wrong")
	}
	if ts.store.keyReads != 2 {
		t.Errorf("%d reads of keys for two keys", ts.store.keyReads)
	}
	ts.pass(keyFor)
	ts.ask("GET", "/v1/sites/nordlicht/scale", "", "X-API-KEY", key)
	if ts.store.keyReads != 3 {
		t.Errorf("%d reads of keys after 30 s, want 3", ts.store.keyReads)
	}
	id := ts.store.keys[sumOf(key)].ID
	if a := ts.ask("DELETE", "/v1/keys/"+id, "", "X-API-KEY", admin); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := ts.ask("GET", "/v1/sites/nordlicht/scale", "", "X-API-KEY", key); a.status != 401 {
		t.Errorf("a deleted key is served: %d", a.status)
	}
	for i := range 3 * mostKey { // guessing costs no memory
		_, _ = ts.Server.keys.find(context.Background(), [32]byte{byte(i), byte(i >> 8), 1})
	}
	if n := len(ts.Server.keys.keys); n > mostKey {
		t.Errorf("%d keys remembered", n)
	}
}

// Who holds keys sees which of them are still used.
// Fails when: KeyUsed is not called in keyCache.find, or called at every look.
func TestLastUseOfAKeyIsKnown(t *testing.T) {
	ts := newTest(t)
	ts.told(ts.site(1, "nordlicht"))
	key, admin := ts.key(1, surgecast.ScopeScale), ts.key(1, surgecast.ScopeAdmin)
	for range 20 { // ten minutes of polls
		if a := ts.ask("GET", "/v1/sites/nordlicht/scale", "", "X-API-KEY", key); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		ts.pass(keyFor)
	}
	if ts.store.keyNotes != 1 {
		t.Errorf("the key's use was noted %d times within ten minutes, want once", ts.store.keyNotes)
	}
	ts.ask("GET", "/v1/sites/nordlicht/scale", "", "X-API-KEY", key)
	if at := ts.store.keys[sumOf(key)].LastUsedAt; !at.Equal(begin.Add(10 * time.Minute)) {
		t.Errorf("last used at %s, want ten minutes after the beginning", at)
	}
	if a := ts.ask("GET", "/v1/keys", "", "X-API-KEY", admin); !strings.Contains(a.body, `"last_used_at":"`+begin.Add(10*time.Minute).Format(time.RFC3339)) {
		t.Errorf("keys: %s", a.body)
	}
}

// A key becomes a cookie that scripts cannot read and other sites cannot send; it ends with its time,
// with its key, and when its user says so.
func TestSession(t *testing.T) {
	ts := newTest(t)
	ts.told(ts.site(1, "nordlicht"))
	key := ts.key(1, surgecast.ScopeRead)
	a := ts.ask("POST", "/v1/session", `{"key":"`+key+`"}`)
	set := a.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} {
		if !strings.Contains(set, want) {
			t.Errorf("cookie %q lacks %s", set, want)
		}
	}
	if strings.Contains(set, key) || strings.Contains(a.body, key) {
		t.Error("the key is in the answer")
	}
	cookie, _, _ := strings.Cut(set, ";")
	get := func(headers ...string) int {
		return ts.ask("GET", "/v1/sites/nordlicht/risk", "", append([]string{"Cookie", cookie}, headers...)...).status
	}
	if s := get(); s != 200 {
		t.Errorf("with the cookie: %d", s)
	}
	if s := get("Sec-Fetch-Site", "cross-site"); s != 403 {
		t.Errorf("another site's page with the cookie: %d", s)
	}
	if s := ts.ask("GET", "/v1/sites/nordlicht/risk", "", "Cookie", cookie[:len(cookie)-2]+"AA").status; s != 401 {
		t.Errorf("a changed cookie: %d", s)
	}
	if a := ts.ask("DELETE", "/v1/session", "", "Cookie", cookie); a.status != 204 || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("logging out: %d %v", a.status, a.header["Set-Cookie"])
	}
	ts.pass(sessionFor)
	if s := get(); s != 401 {
		t.Errorf("after its end: %d", s)
	}
	if a := ts.ask("POST", "/v1/session", `{"key":"`+key+`"}`, "Origin", "https://attacker.example"); a.status != 403 {
		t.Errorf("another site's page logs in: %d", a.status)
	}
}

// Readiness fails first during shutdown; liveness never asks the database.
func TestHealth(t *testing.T) {
	ts := newTest(t)
	if a := ts.ask("GET", "/readyz", ""); a.status != 503 {
		t.Errorf("ready before the memory is loaded: %s", a.body)
	}
	if err := ts.load(context.Background()); err != nil {
		t.Fatal(err)
	}
	if a := ts.ask("GET", "/readyz", ""); a.status != 200 {
		t.Errorf("not ready: %s", a.body)
	}
	s := ts.site(1, "nordlicht")
	ts.told(s)
	ts.pass(16 * time.Minute)
	if a := ts.ask("GET", "/readyz", ""); a.status != 503 || !strings.Contains(a.body, "16m0s") {
		t.Errorf("ready with an old forecast: %s", a.body)
	}
	ts.told(s)
	ts.store.fail(net.ErrClosed)
	before := ts.store.asked()
	if a := ts.ask("GET", "/livez", ""); a.status != 200 || ts.store.asked() != before {
		t.Error("/livez asked the database")
	}
	if a := ts.ask("GET", "/readyz", ""); a.status != 503 {
		t.Errorf("ready without a database: %s", a.body)
	}
	ts.store.fail(nil)
	ts.Stopping()
	if a := ts.ask("GET", "/readyz", ""); a.status != 503 || !strings.Contains(a.body, "shutdown") {
		t.Errorf("ready while going down: %s", a.body)
	}
}
