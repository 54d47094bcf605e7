package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func send(t *testing.T, h http.Handler, id, body string, tamper func(*http.Request)) int {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signature, err := wh.Sign(id, now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("webhook-signature", signature)
	if tamper != nil {
		tamper(req)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec.Code
}

func TestReceiver(t *testing.T) {
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r := newReceiver(wh, &out)
	recommend := func(sequence, units int) string {
		return fmt.Sprintf(`{"type":"recommendation.changed","timestamp":"2026-11-21T21:40:00Z","data":{"schema":1,"site":"shop","sequence":%d,"units":%d,"previous_units":6,"valid_until":"2026-11-21T21:55:00Z"}}`, sequence, units)
	}
	opened := `{"type":"surge.opened","timestamp":"2026-11-21T21:40:00Z","data":{"schema":1,"site":"shop","state":"alert","headline":"Add 7 units by 22:01.","simulated":true}}`
	tests := []struct {
		name, id, body string
		tamper         func(*http.Request)
		code           int
		prints         string
	}{
		{"a surge", "dlv_1", opened, nil, 204, "surge.opened            shop [simulated]  alert  Add 7 units by 22:01."},
		{"the same again", "dlv_1", opened, nil, 204, ""},
		{"wrong signature", "dlv_2", opened, func(q *http.Request) { q.Header.Set("webhook-signature", "v1,AAAA") }, 401, ""},
		{"another id than was signed", "dlv_3", opened, func(q *http.Request) { q.Header.Set("webhook-id", "dlv_4") }, 401, ""},
		{"an hour old", "dlv_5", opened, func(q *http.Request) {
			q.Header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10))
		}, 401, ""},
		{"not JSON", "dlv_6", "{", nil, 400, ""},
		{"too large", "dlv_7", strings.Repeat(" ", largest+1), nil, 413, ""},
		{"a recommendation", "dlv_8", recommend(5, 13), nil, 204, "units 6 → 13"},
		{
			"a recommendation to people", "dlv_8b", strings.Replace(recommend(6, 6), `"units":6`, `"mode":"advise","would_be_units":10,"units":6`, 1), nil, 204,
			"units 6 → 6, valid until 21:55:00Z; in mode act 10, this is advise",
		},
		{"an older one overtaken", "dlv_9", recommend(4, 9), nil, 204, ""},
		{"not a POST", "dlv_10", "", func(q *http.Request) { q.Method = http.MethodGet }, 405, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out.Reset()
			if got := send(t, r, tt.id, tt.body, tt.tamper); got != tt.code {
				t.Errorf("answered %d, want %d", got, tt.code)
			}
			if got := out.String(); tt.prints == "" && got != "" || !strings.Contains(got, tt.prints) {
				t.Errorf("printed %q, want %q", got, tt.prints)
			}
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	r := newReceiver(nil, nil)
	for i := range remembered + 10 {
		r.take(strconv.Itoa(i), message{})
	}
	if len(r.seen) != remembered || len(r.order) != remembered {
		t.Errorf("%d ids remembered, want %d", len(r.seen), remembered)
	}
}
