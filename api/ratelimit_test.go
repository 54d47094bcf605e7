package api

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"surgecast"
)

func tight(c *Config) {
	few := Limit{PerSecond: 1, Burst: 3}
	c.Limits = &Limits{Memory: few, Read: few, Write: few, Push: few, Heavy: few, Public: few, Login: few, Stranger: Limit{1, 20}}
}

// A key that asks too fast is told when to come back, in the problem and in headers; another key and another kind of
// request are served meanwhile; at the named second it is served again, and not a second time.
// Fails when: limit is taken out of the chain in routes; take forgets the caller in bucketOf.
func TestRateLimit(t *testing.T) {
	ts := newTest(t, tight)
	ts.site(1, "nordlicht")
	key, other := ts.key(1, surgecast.ScopeWrite), ts.key(1, surgecast.ScopeWrite)
	get := func(key string) answer { return ts.ask("GET", "/v1/topics", "", "X-API-KEY", key) }
	for i := range 3 {
		a := get(key)
		if a.status != 200 || a.header.Get("RateLimit") != fmt.Sprintf(`"read";r=%d;t=0`, 2-i) || a.header.Get("RateLimit-Policy") != `"read";q=3;w=3` {
			t.Fatalf("request %d: %d %q %q", i, a.status, a.header.Get("RateLimit"), a.header.Get("RateLimit-Policy"))
		}
	}
	a := get(key)
	p := a.json(t)
	if a.status != 429 || p["code"] != "rate_limited" || p["remedy"] == "" || p["reference"] == "" || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a.header.Get("Retry-After") != "1" || a.header.Get("RateLimit") != `"read";r=0;t=1` {
		t.Errorf("headers %v", a.header)
	}
	if a := get(other); a.status != 200 {
		t.Errorf("another key: %d", a.status)
	}
	if a := ts.ask("POST", "/v1/topics", `{"slug":"a"}`, "X-API-KEY", key); a.status != 201 {
		t.Errorf("another kind: %d %s", a.status, a.body)
	}
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil {
		t.Fatal(err)
	}
	ts.pass(time.Duration(wait) * time.Second)
	if a := get(key); a.status != 200 {
		t.Errorf("after Retry-After: %d %s", a.status, a.body)
	}
	if a := get(key); a.status != 429 {
		t.Errorf("at once again: %d", a.status)
	}
}

// An autoscaler and a load balancer are never refused, whatever else the same key and the same address do.
// Fails when: "GET /v1/sites/:site/scale": none is taken out of newLimiter; stranger does not look at the route.
func TestScaleIsNeverLimited(t *testing.T) {
	ts := newTest(t, tight)
	ts.told(ts.site(1, "nordlicht"))
	key := ts.key(1, surgecast.ScopeRead)
	for i := range 200 {
		ts.ask("GET", "/v1/topics", "", "X-API-KEY", fmt.Sprint("sgc_guess_", i))
	}
	if a := ts.ask("GET", "/v1/topics", "", "X-API-KEY", "sgc_guess"); a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("guessing goes on: %d %s", a.status, a.body)
	}
	asked := ts.store.keyReads
	if asked != 20 {
		t.Errorf("%d queries for 201 guesses, want 20", asked)
	}
	for range 500 {
		if a := ts.ask("GET", "/v1/sites/nordlicht/scale", "", "X-API-KEY", key); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		for _, health := range []string{"/livez", "/readyz"} {
			if a := ts.ask("GET", health, ""); a.status == 429 {
				t.Fatal(health + " is limited")
			}
		}
	}
	// Who was let in is known for 30 s, and then only asked for again: guesses beside it change nothing.
	if a := ts.ask("GET", "/v1/sites/nordlicht/risk", "", "X-API-KEY", key); a.status != 200 {
		t.Errorf("risk with a known key: %d %s", a.status, a.body)
	}
}

// What needs no key is limited by address: of IPv6 by the network a customer has, and never by what a header claims.
// Fails when: newLimitKind("login", …) counts by key; peerOf takes the whole IPv6 address.
func TestPeersAreLimited(t *testing.T) {
	ts := newTest(t, tight)
	ts.site(1, "nordlicht")
	login := func(from string, headers ...string) int {
		return ts.ask("POST", "/v1/session", `{"key":"sgc_wrong_key"}`, append(headers, "RemoteAddr", from)...).status
	}
	for i := range 3 {
		if s := login("[2001:db8:1:2::1]:9"); s != 401 {
			t.Fatalf("login %d: %d", i, s)
		}
	}
	if s := login("[2001:db8:1:2:ffff::7]:9"); s != 429 {
		t.Errorf("another address of the same network: %d", s)
	}
	if s := login("[2001:db8:1:2::1]:9", "X-Forwarded-For", "192.0.2.1"); s != 429 {
		t.Errorf("a claimed address: %d", s)
	}
	if s := login("[2001:db8:1:3::1]:9"); s != 401 {
		t.Errorf("another network: %d", s)
	}
	for _, page := range []string{"/v1/status/nordlicht", "/status/nordlicht", "/s/x"} {
		ts.ask("GET", page, "", "RemoteAddr", "192.0.2.7:1")
	}
	if a := ts.ask("GET", "/v1/status/nordlicht", "", "RemoteAddr", "192.0.2.7:1"); a.status != 429 {
		t.Errorf("public pages: %d", a.status)
	}
}

// Every route of the specification is limited but those that must not be.
// Fails when: a new route is left out of newLimiter, or another one is exempt.
func TestEveryRouteIsLimited(t *testing.T) {
	ts := newTest(t)
	free := map[string]bool{"GET /v1/sites/:site/scale": true, "DELETE /v1/session": true}
	for _, r := range ts.engine.Routes() {
		name := r.Method + " " + r.Path
		if len(r.Path) > 4 && r.Path[:4] == "/v1/" && free[name] == (ts.limits.kinds[name] != nil) {
			t.Errorf("%s: limited %t", name, ts.limits.kinds[name] != nil)
		}
	}
}

// Buckets cost bounded memory, and those that remember something are forgotten last.
// Fails when: bucket does not call makeRoom.
func TestBucketsAreBounded(t *testing.T) {
	ts := newTest(t, tight)
	kind := ts.limits.kinds["GET /v1/topics"]
	for i := range 3 * mostBuckets {
		ts.limits.take(kind, strconv.Itoa(i))
		if i%mostBuckets == 0 {
			ts.pass(time.Hour)
		}
	}
	if n := len(ts.limits.buckets); n > mostBuckets {
		t.Errorf("%d buckets", n)
	}
}

// What the dashboard and the documentation load is not loaded twice.
// Fails when: send does not compare.
func TestETag(t *testing.T) {
	ts := newTest(t, keyless)
	first := ts.ask("GET", "/openapi.json", "")
	tag := first.header.Get("ETag")
	if first.status != 200 || tag == "" {
		t.Fatalf("%d %q", first.status, tag)
	}
	for _, c := range []struct {
		sent   string
		status int
	}{{tag, 304}, {"W/" + tag, 304}, {`"other", ` + tag, 304}, {"*", 304}, {`"other"`, 200}, {"", 200}} {
		a := ts.ask("GET", "/openapi.json", "", "If-None-Match", c.sent)
		if a.status != c.status || a.header.Get("ETag") != tag || (a.body == "") != (c.status == 304) {
			t.Errorf("If-None-Match %s: %d, %d bytes, %s", c.sent, a.status, len(a.body), a.header.Get("ETag"))
		}
	}
}

// A repeated creation answers as the first did and makes nothing; the same key with another body is refused; another
// account's key is its own, and another caller's of the same account; what failed is tried again.
// Fails when: createEvent is registered with register; the account and the caller are left out of the name.
func TestCreatingOnce(t *testing.T) {
	ts := newTest(t)
	ts.site(1, "nordlicht")
	ts.site(2, "theirs")
	key, theirs := ts.key(1, surgecast.ScopeAdmin), ts.key(2, surgecast.ScopeAdmin)
	for _, c := range []struct {
		path, body, other string
		count             func() int
	}{
		{"/v1/topics", `{"slug":"concert"}`, `{"slug":"concert","name":"x"}`, func() int { return len(ts.store.topics) }},
		{"/v1/sites", `{"slug":"shop"}`, `{"slug":"shop","name":"x"}`, func() int { return len(ts.store.sites) }},
		{"/v1/events", `{"site":"nordlicht","kind":"push","starts_at":"2026-09-14T20:00:00Z"}`, `{"site":"nordlicht","kind":"push","starts_at":"2026-09-14T21:00:00Z"}`, func() int { return len(ts.store.events) }},
		{"/v1/webhooks", `{"url":"https://example.com/"}`, `{"url":"https://example.org/"}`, func() int { return len(ts.store.webhooks) }},
	} {
		before := c.count()
		post := func(key, body string) answer {
			return ts.ask("POST", c.path, body, "X-API-KEY", key, "Idempotency-Key", "k1")
		}
		if a := post(key, `{"slug":"Not A Slug","site":"nobody","url":"file:///"}`); a.status < 400 {
			t.Fatalf("%s: %d", c.path, a.status)
		}
		first := post(key, c.body)
		again := post(key, " "+c.body)
		if first.status != 201 || again.status != 201 || first.body != again.body || first.header.Get("Location") != again.header.Get("Location") {
			t.Errorf("%s: %d %s, then %d %s", c.path, first.status, first.body, again.status, again.body)
		}
		if a := post(key, c.other); a.status != http.StatusUnprocessableEntity || a.json(t)["code"] != codeKeyReused || a.json(t)["field"] != "Idempotency-Key" {
			t.Errorf("%s with another body: %d %s", c.path, a.status, a.body)
		}
		if made := c.count() - before; made != 1 {
			t.Errorf("%s: %d made, want 1", c.path, made)
		}
		if c.path == "/v1/webhooks" {
			if a := post(theirs, c.body); a.status != 201 || a.body == first.body {
				t.Errorf("another account got the answer of the first: %d", a.status)
			}
			// The secret of an endpoint is shown once, to whoever made it.
			if a := post(ts.key(1, surgecast.ScopeAdmin), c.body); a.status != 201 || a.body == first.body {
				t.Errorf("another caller got the answer of the first: %d", a.status)
			}
		}
	}
	if a := ts.ask("POST", "/v1/topics", `{"slug":"x"}`, "X-API-KEY", key, "Idempotency-Key", fmt.Sprintf("%0201d", 1)); a.status != 422 || a.json(t)["field"] != "Idempotency-Key" {
		t.Errorf("a long key: %d %s", a.status, a.body)
	}
	for i := range 3 * mostMade {
		_, done, err := ts.made.begin(strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		ts.made.keep(strconv.Itoa(i), replay{})
		done()
	}
	if n := len(ts.made.all); n > mostMade {
		t.Errorf("%d answers remembered", n)
	}
}
