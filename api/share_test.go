package api

import (
	"strings"
	"testing"
	"time"

	"surgecast"
)

// A link shows one site to whoever has it, until its end, and is no session.
func TestShare(t *testing.T) {
	drawn, times := "", 0
	ts := newTest(t, func(c *Config) {
		c.Draw = func(page string, doc []byte) ([]byte, error) { drawn, times = page, times+1; return doc, nil }
		c.SayNote = func(site surgecast.Site, _ *surgecast.SiteForecast, _ surgecast.Verdict, _ time.Time, link string, _ time.Time) string {
			return site.Slug + " " + link
		}
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
	// The whole address is the one the service was asked at; previews find the picture under the same link.
	body := a.json(t)
	if want := "http://localhost:8080" + path; body["url"] != want || body["image"] != want+"/card.png" || body["note"] != "nordlicht "+want {
		t.Errorf("%v", body)
	}
	if !strings.Contains(page.body, `"image":"http://localhost:8080`+path+`/card.png"`) || !strings.Contains(page.body, `"until":`) {
		t.Errorf("the page says nothing of the link: %s", page.body[max(0, len(page.body)-300):])
	}
	// Who opens it a second time gets the same picture: one is drawn for each forecast.
	times = 0
	for range 3 {
		if p := ts.ask("GET", path+"/card.png", ""); p.status != 200 || drawn != "card" || p.header.Get("Content-Type") != "image/png" || p.header.Get("X-Robots-Tag") != "noindex" {
			t.Errorf("the picture: %d, %q, %v", p.status, drawn, p.header)
		}
	}
	if p := ts.ask("GET", "/v1/sites/nordlicht/card", "", "X-API-KEY", key); p.status != 200 || times != 1 {
		t.Errorf("with the key: %d; drawn %d times, want once", p.status, times)
	}
	if p := ts.ask("GET", "/v1/sites/nordlicht/card", ""); p.status != 401 {
		t.Errorf("without a key: %d", p.status)
	}
	token := strings.TrimPrefix(path, "/s/")
	if a := ts.ask("GET", "/v1/sites", "", "Cookie", sessionCookie+"="+token); a.status != 401 {
		t.Errorf("the link taken for a session: %d", a.status)
	}
	session := ts.seal.make(sumOf(key), ts.clock().Add(time.Hour))
	for name, bad := range map[string]string{"a session taken for a link": session, "a changed link": token[:len(token)-2] + "AA", "nothing": "x"} {
		for _, end := range []string{"", "/card.png"} {
			if a := ts.ask("GET", "/s/"+bad+end, ""); a.status != 404 {
				t.Errorf("%s%s: %d", name, end, a.status)
			}
		}
	}
	ts.pass(2*time.Hour + time.Second)
	for _, end := range []string{"", "/card.png"} {
		if a := ts.ask("GET", path+end, ""); a.status != 404 {
			t.Errorf("after its end%s: %d", end, a.status)
		}
	}
}
