package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"surgecast"
	"surgecast/api"
	"surgecast/store"
	"surgecast/store/storetest"
)

// service is the whole program as its users have it, over a PostgreSQL of its own: a site in the middle of a
// surge, a topic, and keys.
type service struct {
	*process
	base   string
	db     *store.Store
	client *http.Client
	keys   []string // admin, of the main account
	theirs string   // admin, of another account, which has a site named theirs
	surge  string
}

// newService starts it and waits for the first forecast and the surge.
func newService(t *testing.T, keys int) *service {
	t.Helper()
	url, address := storetest.EmptyURL(t), freeAddress(t)
	db, state := "--database-url="+url, "--state-dir="+filepath.Join(place(t), "s")
	want(t, 0, nil, "migrate", "up", db)
	want(t, 0, nil, "site", "add", "shop", "--units", "6", "--rpm-per-unit", "100", "--mode", "act", "--min-units", "2", db, state)
	s := &service{base: "http://" + address, client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
	t.Cleanup(s.client.CloseIdleConnections)
	ctx := context.Background()
	var err error
	if s.db, err = store.Open(ctx, url, store.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.db.Close() })
	other, err := s.db.CreateAccount(ctx, surgecast.Account{Slug: "other", Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	for range keys {
		s.keys = append(s.keys, s.key(t, surgecast.DefaultAccount, surgecast.ScopeAdmin))
	}
	s.theirs = s.key(t, other.ID, surgecast.ScopeAdmin)

	s.process = start(t, nil, "--log-level=debug", "serve", db, state, "--listen", address, "--metrics=", "--require-key", "--roles=api,engine,notify")
	s.until("the service", func() bool { return ask(t, "GET", s.base+"/readyz", "", nil).status == 200 })
	s.must(t, s.theirs, "POST", "/v1/sites", `{"slug":"theirs"}`, 201)
	s.must(t, s.keys[0], "POST", "/v1/topics", `{"slug":"lamp","any":["lamp","#lamp"]}`, 201)
	s.must(t, s.keys[0], "PUT", "/v1/sites/shop/topics/lamp", `{}`, 204)
	rows := minutesUntil(time.Now(), 240)
	for i := range rows {
		requests := 200 + math.Round(10*math.Sin(float64(i)))
		if i > 210 {
			requests = 200 + 60*float64(i-210)
		}
		rows[i]["requests"] = requests
	}
	if a := ask(t, "POST", s.base+"/v1/sites/shop/traffic", s.keys[0], rows); a.status != 202 {
		t.Fatalf("push: %d %s", a.status, a.body)
	}
	s.until("a surge", func() bool {
		var list struct{ Items []struct{ ID string } }
		if a := ask(t, "GET", s.base+"/v1/surges", s.keys[0], nil); a.status == 200 {
			a.into(t, &list)
		}
		if len(list.Items) > 0 {
			s.surge = list.Items[0].ID
		}
		return s.surge != ""
	})
	return s
}

// key makes a key as an operator's command would.
func (s *service) key(t *testing.T, account int64, scope surgecast.Scope, sites ...int64) string {
	t.Helper()
	key, sum := api.NewKey()
	k := surgecast.Key{AccountID: account, Name: "test " + string(scope), Prefix: api.KeyPrefix(key), Scopes: []surgecast.Scope{scope}, Sites: sites, CreatedAt: time.Now()}
	if _, err := s.db.CreateKey(context.Background(), k, sum); err != nil {
		t.Fatal(err)
	}
	return key
}

// send makes a request with exactly this body. headers are name, value, name, value …
func (s *service) send(ctx context.Context, key, method, target string, body []byte, headers ...string) (answer, error) {
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.base+target, in)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, target, err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return answer{status: res.StatusCode, header: res.Header}, nil // it has no end
	}
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, b}, err
}

// must makes a request that has to succeed.
func (s *service) must(t *testing.T, key, method, target, body string, status int) answer {
	t.Helper()
	var b []byte
	if body != "" {
		b = []byte(body)
	}
	a, err := s.send(context.Background(), key, method, target, b)
	if err != nil || a.status != status {
		t.Fatalf("%s %s: %d %s %v, want %d", method, target, a.status, a.body, err, status)
	}
	return a
}
