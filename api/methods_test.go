package api

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"surgecast"
)

// A probe asks with HEAD, a client with OPTIONS what it may do, a person with a slash too many: each gets an answer
// that helps, over a real connection. What needs a key needs it with HEAD too, and a live stream is not waited for.
//
// Fails when: Handler leaves looked out, or looked takes the live stream; otherMethod answers OPTIONS with a problem, or
// leaves HEAD out of Allow; static does not ask withoutSlash, or withoutSlash takes a path that is no route.
func TestMethods(t *testing.T) {
	ts := newTest(t)
	shop := ts.site(1, "nordlicht")
	ts.told(shop)
	key := ts.key(1, surgecast.ScopeRead)
	base, stop := ts.serve(t)
	defer stop()
	client := &http.Client{}
	defer client.CloseIdleConnections()
	ask := func(method, path, key string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-API-KEY", key)
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(b)
	}
	for _, c := range []struct {
		method, path, key string
		status            int
		allow, says       string
	}{
		{"HEAD", "/v1/sites/nordlicht", key, 200, "", ""},
		{"HEAD", "/v1/sites/nordlicht/scale", key, 200, "", ""},
		{"HEAD", "/v1/sites/nordlicht", "", 401, "", ""},
		{"HEAD", "/v1/sites/nobody", key, 404, "", ""},
		{"HEAD", "/v1/live", key, 405, "GET, OPTIONS", ""},
		{"HEAD", "/v1/sites/nordlicht/traffic", key, 405, "OPTIONS, POST", ""},
		{"OPTIONS", "/v1/sites", "", 204, "GET, HEAD, OPTIONS, POST", ""},
		{"OPTIONS", "/v1/sites/nordlicht/scale", "", 204, "GET, HEAD, OPTIONS", ""},
		{"OPTIONS", "/v1/nothing", key, 404, "", codeNoRoute},
		{"PATCH", "/v1/sites", key, 405, "GET, HEAD, OPTIONS, POST", codeNoMethod},
		{"GET", "/v1/sites/", key, 404, "", "Leave out the slash at the end: /v1/sites\""},
		{"GET", "/v1/sites/nordlicht/scale/", key, 404, "", "Leave out the slash at the end: /v1/sites/nordlicht/scale\""},
		{"POST", "/v1/sites/nordlicht/traffic/", key, 404, "", "Leave out the slash at the end: /v1/sites/nordlicht/traffic\""},
		{"GET", "/v1/nothing/", key, 404, "", "See /docs"},
		{"GET", "/v1/sites//", key, 404, "", "See /docs"},
	} {
		res, body := ask(c.method, c.path, c.key)
		if res.StatusCode != c.status || res.Header.Get("Allow") != c.allow || !strings.Contains(body, c.says) || c.says == "" && body != "" {
			t.Errorf("%s %s: %d, Allow %q, %s; want %d, %q, %s", c.method, c.path, res.StatusCode, res.Header.Get("Allow"), body, c.status, c.allow, c.says)
		}
	}
	head, _ := ask("HEAD", "/v1/sites/nordlicht/risk", key)
	get, body := ask("GET", "/v1/sites/nordlicht/risk", key)
	if head.Header.Get("Content-Type") != get.Header.Get("Content-Type") || head.ContentLength != int64(len(body)) {
		t.Errorf("HEAD says %s of %d bytes, GET %s of %d", head.Header.Get("Content-Type"), head.ContentLength, get.Header.Get("Content-Type"), len(body))
	}
}
