package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const hookSecret = "whsec_c3VyZ2VjYXN0IGVuZC10by1lbmQgdGVzdCBrZXkhIQ=="

// message is a webhook as its receiver sees it.
type message struct {
	ID        string
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
	body      string
}

// receiver is a customer's endpoint: it believes only what the standard-webhooks library verifies.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []message

	before func(n int, m message) bool
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	verify, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // the sender was killed half way
		}
		if err := verify.Verify(body, req.Header); err != nil {
			t.Errorf("a webhook that does not verify: %v", err)
			http.Error(w, "bad signature", http.StatusUnauthorized)
			return
		}
		m := message{ID: req.Header.Get(standardwebhooks.HeaderWebhookID), body: string(body)}
		if err := json.Unmarshal(body, &m); err != nil {
			t.Errorf("webhook %s: %v", m.ID, err)
		}
		r.mu.Lock()
		n := len(r.got)
		r.got = append(r.got, m)
		before := r.before
		r.mu.Unlock()
		if before != nil && !before(n, m) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

// decide sets what is called with every verified message before it is answered: false refuses it. Under the
// lock the handler takes, so that what it reads was written before.
func (r *receiver) decide(before func(n int, m message) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = before
}

func (r *receiver) messages() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]message(nil), r.got...)
}
