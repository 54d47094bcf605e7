package notify_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"surgecast/notify"
)

// receiver is a real server on loopback that verifies every message with the library receivers use.
type receiver struct {
	*httptest.Server
	t      *testing.T
	verify *standardwebhooks.Webhook
	answer func(w http.ResponseWriter, n int) // n counts from 1

	mu  sync.Mutex
	got []message
}

type message struct {
	id, body, timestamp, path string
}

func newReceiver(t *testing.T, secret []byte, answer func(w http.ResponseWriter, n int)) *receiver {
	t.Helper()
	v, err := standardwebhooks.NewWebhook(notify.FormatSecret(secret))
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{t: t, verify: v, answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Errorf("receiver: read the message: %v", err)
	}
	if err := r.verify.Verify(body, req.Header); err != nil {
		r.t.Errorf("receiver: %v", err)
	}
	if ct := req.Header.Get("Content-Type"); ct != "application/json" || req.Method != http.MethodPost {
		r.t.Errorf("receiver: %s of %s", req.Method, ct)
	}
	r.mu.Lock()
	r.got = append(r.got, message{req.Header.Get("webhook-id"), string(body), req.Header.Get("webhook-timestamp"), req.URL.Path})
	n := len(r.got)
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, n)
	}
}

func (r *receiver) messages() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]message(nil), r.got...)
}

// allow is the operator's exception for this server alone.
func allow(t *testing.T, servers ...*httptest.Server) []notify.Allowed {
	t.Helper()
	var all []notify.Allowed
	for _, s := range servers {
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, notify.Allowed{Prefix: netip.MustParsePrefix("127.0.0.1/32"), Ports: []uint16{uint16(port)}})
	}
	return all
}
