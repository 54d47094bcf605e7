package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"surgecast"
)

// fakeSenders keeps senders in memory; the real ones are tested in store.
type fakeSenders struct {
	mu    sync.Mutex
	all   []surgecast.PushSender
	reads int
}

func (f *fakeSenders) CreatePushSender(_ context.Context, p surgecast.PushSender) (surgecast.PushSender, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.ID = surgecast.NewID("psh_")
	f.all = append(f.all, p)
	return p, nil
}

func (f *fakeSenders) change(account int64, id string, how func(*surgecast.PushSender)) (surgecast.PushSender, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.all {
		if f.all[i].ID == id && f.all[i].AccountID == account {
			how(&f.all[i])
			return f.all[i], nil
		}
	}
	return surgecast.PushSender{}, surgecast.ErrNotFound
}

func (f *fakeSenders) RotatePushSender(_ context.Context, account int64, id string, sealed []byte, keepOld bool, at time.Time) (surgecast.PushSender, error) {
	return f.change(account, id, func(p *surgecast.PushSender) {
		old := p.Secrets[0]
		p.Secrets, p.RotatedAt = [][]byte{sealed}, at
		if keepOld {
			p.Secrets = append(p.Secrets, old)
		}
	})
}

func (f *fakeSenders) DropOldPushSecret(_ context.Context, account int64, id string) (surgecast.PushSender, error) {
	return f.change(account, id, func(p *surgecast.PushSender) { p.Secrets = p.Secrets[:1] })
}

func (f *fakeSenders) PushSenderByID(_ context.Context, id string) (surgecast.PushSender, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	for _, p := range f.all {
		if p.ID == id {
			return p, nil
		}
	}
	return surgecast.PushSender{}, surgecast.ErrNotFound
}

func (f *fakeSenders) PushSenders(_ context.Context, account int64, p surgecast.Page) ([]surgecast.PushSender, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var mine []surgecast.PushSender
	for _, s := range f.all {
		if s.AccountID == account {
			mine = append(mine, s)
		}
	}
	return part(mine, p, func(p surgecast.PushSender) string { return p.ID })
}

func (f *fakeSenders) DeletePushSender(_ context.Context, account int64, id string) error {
	if _, err := f.change(account, id, func(*surgecast.PushSender) {}); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = slices.DeleteFunc(f.all, func(p surgecast.PushSender) bool { return p.ID == id })
	return nil
}

// vendor pushes over a real socket and signs as a vendor would, with the standard's own library.
type vendor struct {
	t      *testing.T
	ts     *testServer
	server *httptest.Server
	admin  string
	id     string
	secret string
}

func newVendor(t *testing.T, ts *testServer, sender string) *vendor {
	t.Helper()
	v := &vendor{t: t, ts: ts, server: httptest.NewServer(ts.Handler()), admin: ts.key(1, surgecast.ScopeAdmin)}
	t.Cleanup(v.server.Close)
	made := ts.ask("POST", "/v1/senders", sender, "X-API-KEY", v.admin)
	if made.status != 201 {
		t.Fatalf("%d %s", made.status, made.body)
	}
	m := made.json(t)
	v.id, v.secret = m["id"].(string), m["secret"].(string)
	return v
}

func sign(t *testing.T, secret, message string, at time.Time, body string) string {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Sign(message, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// push sends a signed message; headers change or, when empty, take away what would be sent.
func (v *vendor) push(path, message, body string, headers ...string) answer {
	v.t.Helper()
	at := v.ts.clock()
	h := map[string]string{
		"Content-Type": "application/json", "webhook-id": message, "webhook-timestamp": fmt.Sprint(at.Unix()),
		"webhook-signature": sign(v.t, v.secret, message, at, body),
	}
	for i := 0; i+1 < len(headers); i += 2 {
		h[headers[i]] = headers[i+1]
	}
	r, err := http.NewRequestWithContext(v.t.Context(), "POST", v.server.URL+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for k, x := range h {
		if x != "" {
			r.Header.Set(k, x)
		}
	}
	resp, err := v.server.Client().Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func (ts *testServer) total() (sum float64) {
	ts.store.mu.Lock()
	defer ts.store.mu.Unlock()
	for _, minutes := range ts.store.mentions {
		for _, m := range minutes {
			sum += m.Raw
		}
	}
	return sum
}

// 8.11: a message that is pushed again changes no total and gets the same answer; a bad signature is 401;
// while a secret is rotated both are good, and after that only the new one.
// Fails when: the loop in identifySender looks at secrets[:1] only, or once no longer keeps answers.
func TestTrap11SignedPush(t *testing.T) {
	ts := newTest(t)
	ts.ask("POST", "/v1/topics", `{"slug":"concert"}`, "X-API-KEY", ts.key(1, surgecast.ScopeWrite))
	v := newVendor(t, ts, `{"name":"Brandwatch","source":"brandwatch:acme"}`)
	path := countsPath + "?sender=" + v.id
	const rows = `[{"topic":"concert","minute":"2026-09-14T14:10:00Z","count":123,"authors":97},{"topic":"concert","source":"brandwatch:acme","minute":"2026-09-14T14:11:00Z","count":7}]`
	first := v.push(path, "msg_1", rows)
	if m := first.json(t); first.status != 202 || m["accepted"] != 2.0 {
		t.Fatalf("%d %s", first.status, first.body)
	}
	queries := ts.store.asked()
	if again := v.push(path, "msg_1", rows); again.status != 202 || again.body != first.body {
		t.Errorf("again: %d %s", again.status, again.body)
	}
	if ts.store.asked() != queries {
		t.Error("a repeated message was written again")
	}
	if m := v.push(path, "msg_2", rows).json(t); m["unchanged"] != 2.0 || ts.total() != 130 {
		t.Errorf("the same rows in another message: %v, total %v", m, ts.total())
	}
	if a := v.push(path, "msg_1", strings.Replace(rows, "123", "124", 1)); a.status != 422 || a.json(t)["code"] != codeKeyReused {
		t.Errorf("another body under the same id: %d %s", a.status, a.body)
	}

	good := func(message string) string { return sign(t, v.secret, message, ts.clock(), rows) }
	late := ts.clock().Add(-5*time.Minute - time.Second)
	other := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 32))
	for name, c := range map[string]struct {
		path    string
		headers []string
		field   string
	}{
		"another secret":        {path, []string{"webhook-signature", sign(t, other, "m", ts.clock(), rows)}, signatureHeader},
		"another body":          {path, []string{"webhook-signature", sign(t, v.secret, "m", ts.clock(), rows+" ")}, signatureHeader},
		"another id":            {path, []string{"webhook-id", "m2"}, signatureHeader},
		"another time":          {path, []string{"webhook-timestamp", fmt.Sprint(ts.clock().Unix() + 1)}, signatureHeader},
		"no version":            {path, []string{"webhook-signature", strings.TrimPrefix(good("m"), "v1,")}, signatureHeader},
		"nonsense":              {path, []string{"webhook-signature", "v1,,,"}, signatureHeader},
		"too old":               {path, []string{"webhook-timestamp", fmt.Sprint(late.Unix()), "webhook-signature", sign(t, v.secret, "m", late, rows)}, timestampHeader},
		"from the future":       {path, []string{"webhook-timestamp", fmt.Sprint(ts.clock().Add(6 * time.Minute).Unix()), "webhook-signature", sign(t, v.secret, "m", ts.clock().Add(6*time.Minute), rows)}, timestampHeader},
		"no time":               {path, []string{"webhook-timestamp", ""}, timestampHeader},
		"no id":                 {path, []string{"webhook-id", ""}, messageHeader},
		"no sender":             {countsPath, nil, "sender"},
		"a sender of no form":   {countsPath + "?sender=psh_1", nil, "sender"},
		"a sender nobody knows": {countsPath + "?sender=" + surgecast.NewID("psh_"), nil, signatureHeader},
	} {
		a := v.push(c.path, "m", rows, c.headers...)
		if a.status != 401 || a.json(t)["code"] != codeBadSignature || a.json(t)["field"] != c.field || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s, want 401 of %s", name, a.status, a.body, c.field)
		}
		if strings.Contains(a.body, v.secret) {
			t.Errorf("%s: the secret stands in the answer", name)
		}
	}
	if ts.total() != 130 {
		t.Errorf("a refused message was counted: total %v", ts.total())
	}

	old := v.secret
	rotated := ts.ask("POST", "/v1/senders/"+v.id+"/rotate", "", "X-API-KEY", v.admin)
	if rotated.status != 200 || rotated.json(t)["secrets"] != 2.0 {
		t.Fatalf("%d %s", rotated.status, rotated.body)
	}
	fresh := rotated.json(t)["secret"].(string)
	for i, secret := range []string{old, fresh} {
		v.secret = secret
		if a := v.push(path, fmt.Sprint("rotating_", i), rows); a.status != 202 {
			t.Errorf("secret %d during rotation: %d %s", i, a.status, a.body)
		}
	}
	// A sender may sign with both at once while it changes.
	both := sign(t, other, "both", ts.clock(), rows) + " " + sign(t, fresh, "both", ts.clock(), rows)
	if a := v.push(path, "both", rows, "webhook-signature", both); a.status != 202 {
		t.Errorf("two signatures: %d %s", a.status, a.body)
	}
	if a := ts.ask("DELETE", "/v1/senders/"+v.id+"/old-secret", "", "X-API-KEY", v.admin); a.status != 200 || a.json(t)["secrets"] != 1.0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	for secret, want := range map[string]int{old: 401, fresh: 202} {
		v.secret = secret
		if a := v.push(path, "after_"+secret[:12], rows); a.status != want {
			t.Errorf("after the rotation: %d, want %d", a.status, want)
		}
	}
	if a := ts.ask("DELETE", "/v1/senders/"+v.id, "", "X-API-KEY", v.admin); a.status != 204 {
		t.Errorf("delete: %d %s", a.status, a.body)
	}
	v.secret = fresh
	if a := v.push(path, "gone", rows); a.status != 401 {
		t.Errorf("a deleted sender: %d", a.status)
	}
	for _, secret := range []string{old, fresh} {
		if strings.Contains(ts.logs.String(), strings.TrimPrefix(secret, "whsec_")) {
			t.Error("a secret stands in the log")
		}
	}
}

// A sender does what it was made for and nothing else.
func TestSendersAreBound(t *testing.T) {
	ts := newTest(t)
	ts.site(1, "shop")
	ts.site(1, "museum")
	ts.ask("POST", "/v1/topics", `{"slug":"concert"}`, "X-API-KEY", ts.key(1, surgecast.ScopeWrite))
	const counts = `[{"topic":"concert","source":"other","minute":"2026-09-14T14:10:00Z","count":1}]`
	const traffic = `[{"minute":"2026-09-14T14:10:00Z","requests":5}]`
	for name, c := range map[string]struct {
		sender, path, body string
		status             int
		code               string
	}{
		"its source":                 {`{"name":"v","source":"other"}`, countsPath, counts, 202, ""},
		"another source":             {`{"name":"v","source":"acme"}`, countsPath, counts, 422, codeInvalidValue},
		"any source":                 {`{"name":"v"}`, countsPath, counts, 202, ""},
		"no source at all":           {`{"name":"v"}`, countsPath, strings.Replace(counts, `"source":"other",`, "", 1), 422, codeInvalidValue},
		"traffic of a counter":       {`{"name":"v","source":"acme"}`, "/v1/sites/shop/traffic", traffic, 403, codeKeyBound},
		"its site":                   {`{"name":"v","sites":["shop"]}`, "/v1/sites/shop/traffic", traffic, 202, ""},
		"another site":               {`{"name":"v","sites":["shop"]}`, "/v1/sites/museum/traffic", traffic, 404, codeNotFound},
		"counts of a site":           {`{"name":"v","sites":["shop"]}`, countsPath, counts, 403, codeKeyBound},
		"its site and source, count": {`{"name":"v","sites":["shop"],"source":"other"}`, countsPath, counts, 202, ""},
		"its site and source, serve": {`{"name":"v","sites":["shop"],"source":"other"}`, "/v1/sites/shop/traffic", traffic, 202, ""},
	} {
		v := newVendor(t, ts, c.sender)
		a := v.push(c.path+"?sender="+v.id, "m", c.body)
		if a.status != c.status || c.code != "" && a.json(t)["code"] != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.body, c.status, c.code)
		}
		// A signature opens pushes and nothing else.
		if a := v.push("/v1/topics?sender="+v.id, "m", `{"slug":"x"}`); a.status != 401 {
			t.Errorf("%s: a signed POST /v1/topics is %d", name, a.status)
		}
	}
	for body, field := range map[string]string{
		`{"name":"v","source":"A B"}`:                    "source",
		`{"name":"v","sites":["nobody"]}`:                "sites[0]",
		`{"name":"v","secret":"whsec_c2hvcnQ="}`:         "secret",
		`{"name":""}`:                                    "name",
		`{"name":"v","colour":"whsec_c2VjcmV0c2VjcmV0"}`: "colour",
	} {
		if a := ts.ask("POST", "/v1/senders", body, "X-API-KEY", ts.key(1, surgecast.ScopeAdmin)); a.status != 422 || a.json(t)["field"] != field {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := ts.ask("GET", "/v1/senders", "", "X-API-KEY", ts.key(1, surgecast.ScopeAdmin)); a.status != 200 || len(a.json(t)["items"].([]any)) != 10 || strings.Contains(a.body, "whsec_") || strings.Contains(a.body, "sealed") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := ts.ask("GET", "/v1/senders", "", "X-API-KEY", ts.key(1, surgecast.ScopeWrite)); a.status != 403 {
		t.Errorf("without admin: %d", a.status)
	}
}

// The signature is of the rows, whatever compression carries them; a bomb is refused before it unfolds.
func TestSignedAndCompressed(t *testing.T) {
	ts := newTest(t)
	ts.site(1, "shop")
	v := newVendor(t, ts, `{"name":"edge","sites":["shop"]}`)
	pack := func(s string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, s)
		_ = z.Close()
		return b.String()
	}
	path := "/v1/sites/shop/traffic?sender=" + v.id
	const rows = `{"minute":"2026-09-14T14:10:00Z","requests":5}
{"minute":"2026-09-14T14:11:00Z","requests":6}`
	signature := sign(t, v.secret, "m", ts.clock(), rows)
	a := v.push(path, "m", pack(rows), "Content-Encoding", "gzip", "Content-Type", "application/x-ndjson", "webhook-signature", signature)
	if a.status != 202 || a.json(t)["accepted"] != 2.0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := v.push(path, "m3", pack(strings.Repeat(" ", maxPushBytes+1)), "Content-Encoding", "gzip"); a.status != 413 {
		t.Errorf("a bomb: %d %s", a.status, a.body)
	}
	deep := strings.Repeat("[", 9) + strings.Repeat("]", 9)
	if a := v.push(path, "m4", deep); a.status != 400 || a.json(t)["code"] != codeTooDeep {
		t.Errorf("too deep: %d %s", a.status, a.body)
	}
	future := `[{"minute":"2026-09-14T14:23:00Z","requests":5}]`
	if a := v.push(path, "m5", future); a.status != 422 || a.json(t)["field"] != "minute" {
		t.Errorf("the future: %d %s", a.status, a.body)
	}
	if a := v.push(path, "m5", strings.Replace(future, ":23:", ":19:", 1)); a.status != 202 {
		t.Errorf("a refused message was remembered: %d %s", a.status, a.body)
	}
}

// Guessing senders costs one query each half minute, whatever is sent.
func TestUnknownSendersAreRemembered(t *testing.T) {
	ts := newTest(t)
	senders := &fakeSenders{}
	ts.c.Senders, ts.senders.store = senders, senders
	v := &vendor{t: t, ts: ts, server: httptest.NewServer(ts.Handler()), secret: "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 32))}
	defer v.server.Close()
	path := countsPath + "?sender=" + surgecast.NewID("psh_")
	for range 20 {
		if a := v.push(path, "m", `[]`); a.status != 401 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if senders.reads != 1 {
		t.Errorf("%d queries for 20 guesses", senders.reads)
	}
	for range 2 * mostSenders {
		v.ts.senders.mu.Lock()
		n := len(v.ts.senders.all)
		v.ts.senders.mu.Unlock()
		if n > mostSenders {
			t.Fatalf("%d senders are remembered", n)
		}
		_, _, _ = v.ts.senders.find(t.Context(), surgecast.NewID("psh_"))
	}
}

// Two requests with the same key at the same time write once: the second is told to come again, and then gets the
// answer of the first. Without a key nobody waits for anybody.
// Fails when: begin hands out done although another is at work; when done is not called.
func TestSameKeyAtOnce(t *testing.T) {
	ts := newTest(t, keyless)
	ts.ask("POST", "/v1/topics", `{"slug":"concert"}`)
	for _, c := range []struct{ path, body, count string }{
		{countsPath, `[{"topic":"concert","source":"acme","minute":"2026-09-14T14:10:00Z","count":5}]`, `"accepted":1`},
		{"/v1/topics", `{"slug":"tour"}`, `"slug":"tour"`},
	} {
		post := func() answer { return ts.ask("POST", c.path, c.body, "Idempotency-Key", "k") }
		ts.store.mu.Lock() // the first hangs in the database
		first := make(chan answer, 1)
		go func() { first <- post() }()
		for deadline := time.Now().Add(20 * time.Second); ts.replays.atWork()+ts.made.atWork() == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				ts.store.mu.Unlock()
				t.Fatalf("%s: the first did not come that far: %s", c.path, (<-first).body)
			}
		}
		came := make(chan answer, 1)
		go func() { came <- post() }()
		var second answer
		select {
		case second = <-came:
		case <-time.After(20 * time.Second):
			t.Errorf("%s: the second waits for the first", c.path)
		}
		ts.store.mu.Unlock()
		if second.status == 0 {
			second = <-came
		}
		if second.status != http.StatusConflict || second.json(t)["code"] != codeKeyInUse || second.json(t)["field"] != onceHeader || second.header.Get("Retry-After") != "1" {
			t.Errorf("%s while the first is at work: %d %s", c.path, second.status, second.body)
		}
		done := <-first
		if again := post(); done.status >= 300 || !strings.Contains(done.body, c.count) || again.status != done.status || again.body != done.body {
			t.Errorf("%s: %d %s, then %d %s", c.path, done.status, done.body, again.status, again.body)
		}
	}
}

// atWork is how many requests with a key are being answered.
func (r *replays) atWork() int { r.mu.Lock(); defer r.mu.Unlock(); return len(r.busy) }

// A sender that writes something else into the field source makes no source of each.
// Fails when: mentionRows does not ask fewSources.
func TestPushedSourcesAreBounded(t *testing.T) {
	ts := newTest(t, keyless)
	ts.ask("POST", "/v1/topics", `{"slug":"concert"}`)
	push := func(key string, from, to int) answer {
		var rows []string
		for i := from; i < to; i++ {
			rows = append(rows, fmt.Sprintf(`{"topic":"concert","source":"user-%d","minute":"2026-09-14T14:10:00Z","count":1}`, i))
		}
		return ts.ask("POST", countsPath, "["+strings.Join(rows, ",")+"]", "Idempotency-Key", key)
	}
	if a := push("a", 0, mostPushSources+1); a.status != 422 || a.json(t)["code"] != codeLimit || len(ts.store.sources) != 0 {
		t.Errorf("%d sources at once: %d %s, %d made", mostPushSources+1, a.status, a.body, len(ts.store.sources))
	}
	if a := push("b", 0, mostPushSources); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := push("c", mostPushSources, mostPushSources+1); a.status != 422 || a.json(t)["field"] != "source" {
		t.Errorf("one more: %d %s", a.status, a.body)
	}
	if a := push("d", 7, 8); a.status != 202 {
		t.Errorf("one that is there: %d %s", a.status, a.body)
	}
}
