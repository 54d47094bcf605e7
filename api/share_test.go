package api

import (
	"strings"
	"testing"
	"time"

	"surgecast"
)

// A link shows one site to whoever has it, until its end, and is no session.
func TestShare(t *testing.T) {
	drawn := ""
	ts := newTest(t, func(c *Config) {
		c.Draw = func(page string, doc []byte) ([]byte, error) { drawn = page; return doc, nil }
	})
	ts.told(ts.site(surgecast.DefaultAccount, "nordlicht"))
	ts.told(ts.site(surgecast.DefaultAccount, "other"))
	key := ts.key(surgecast.DefaultAccount, surgecast.ScopeWrite)
	a := ts.ask("POST", "/v1/sites/nordlicht/share", `{"hours":2}`, "X-API-KEY", key)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	path := a.json(t)["path"].(string)
	page := ts.ask("GET", path, "")
	if page.status != 200 || drawn != "site" || !strings.Contains(page.body, "Nordlicht") || page.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the link: %d, page %q", page.status, drawn)
	}
	token := strings.TrimPrefix(path, "/s/")
	if a := ts.ask("GET", "/v1/sites", "", "Cookie", sessionCookie+"="+token); a.status != 401 {
		t.Errorf("the link taken for a session: %d", a.status)
	}
	session := ts.seal.make(sumOf(key), ts.clock().Add(time.Hour))
	for name, bad := range map[string]string{"a session taken for a link": session, "a changed link": token[:len(token)-2] + "AA", "nothing": "x"} {
		if a := ts.ask("GET", "/s/"+bad, ""); a.status != 404 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	ts.pass(2*time.Hour + time.Second)
	if a := ts.ask("GET", path, ""); a.status != 404 {
		t.Errorf("after its end: %d", a.status)
	}
}
