// Package xtest is an X that tests ask: a server on a real socket that speaks version 2 of
// /2/tweets/counts/recent as X documents it (xdevplatform/docs @ 28713281), with its limits and refusals.
package xtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Request is one the server got.
type Request struct {
	At         time.Time
	Query      string
	Start, End time.Time
	Header     http.Header
	Status     int // answered
}

// Server counts posts of queries. Its clock is the test's.
type Server struct {
	*httptest.Server
	clock func() time.Time

	mu       sync.Mutex
	bearer   string
	counts   map[string]map[time.Time]int64
	requests []Request
	next     []http.HandlerFunc // answers instead, once each
	zone     *time.Location
	hang     chan struct{} // closed when the server goes: hanging requests end
}

// New starts a server that takes this token.
func New(t testing.TB, bearer string, clock func() time.Time) *Server {
	t.Helper()
	s := &Server{clock: clock, bearer: bearer, counts: map[string]map[time.Time]int64{}, zone: time.UTC, hang: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		close(s.hang)
		s.Close()
	})
	return s
}

// Set says how many posts a query had in a minute.
func (s *Server) Set(query string, minute time.Time, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts[query] == nil {
		s.counts[query] = map[time.Time]int64{}
	}
	s.counts[query][minute.UTC()] = n
}

// Zone makes the server write its times with that zone's offset.
func (s *Server) Zone(l *time.Location) { s.mu.Lock(); s.zone = l; s.mu.Unlock() }

// Next answers the next request instead of the server; several are taken in order.
func (s *Server) Next(h http.HandlerFunc) { s.mu.Lock(); s.next = append(s.next, h); s.mu.Unlock() }

// Hang leaves the next request without an answer until the client goes.
func (s *Server) Hang() {
	s.Next(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-s.hang:
		}
	})
}

// Refuse answers the next request with a problem document.
func (s *Server) Refuse(status int, detail string, header map[string]string) {
	s.Next(func(w http.ResponseWriter, _ *http.Request) { refuse(w, status, detail, header) })
}

func refuse(w http.ResponseWriter, status int, detail string, header map[string]string) {
	for k, v := range header {
		w.Header().Set(k, v)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "detail": detail, "type": "about:blank", "status": status})
}

// Requests are those the server got so far, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// status remembers what was answered.
type status struct {
	http.ResponseWriter
	code int
}

func (w *status) WriteHeader(code int) { w.code = code; w.ResponseWriter.WriteHeader(code) }

func (s *Server) serve(out http.ResponseWriter, r *http.Request) {
	w := &status{ResponseWriter: out, code: http.StatusOK}
	q := r.URL.Query()
	req := Request{At: s.clock(), Query: q.Get("query"), Header: r.Header.Clone()}
	req.Start, _ = time.Parse(time.RFC3339, q.Get("start_time"))
	req.End, _ = time.Parse(time.RFC3339, q.Get("end_time"))
	s.mu.Lock()
	at := len(s.requests)
	s.requests = append(s.requests, req)
	var instead http.HandlerFunc
	if len(s.next) > 0 {
		instead, s.next = s.next[0], s.next[1:]
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.requests[at].Status = w.code
		s.mu.Unlock()
	}()
	if instead != nil {
		instead(w, r)
		return
	}
	s.answer(w, r, req)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, req Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	switch {
	case r.Method != http.MethodGet || r.URL.Path != "/2/tweets/counts/recent":
		refuse(w, http.StatusNotFound, "no such endpoint: "+r.URL.Path, nil)
		return
	case r.Header.Get("Authorization") != "Bearer "+s.bearer:
		refuse(w, http.StatusUnauthorized, "Unauthorized", nil)
		return
	case r.URL.Query().Get("granularity") != "minute":
		refuse(w, http.StatusBadRequest, "this server counts by the minute", nil)
		return
	case req.Query == "" || len([]rune(req.Query)) > 512:
		refuse(w, http.StatusBadRequest, fmt.Sprintf("query: %d characters", len([]rune(req.Query))), nil)
		return
	case req.Start.Before(now.Add(-7*24*time.Hour)) || !req.Start.Before(now.Add(-30*time.Second)):
		refuse(w, http.StatusBadRequest, "start_time must be within the last 7 days and before end_time", nil)
		return
	}
	end := cmp.Or(req.End, now.Add(-30*time.Second))
	type bucket struct {
		Start string `json:"start"`
		End   string `json:"end"`
		Count int64  `json:"tweet_count"`
	}
	data, total := []bucket{}, int64(0)
	for m := req.Start; m.Before(end); m = m.Truncate(time.Minute).Add(time.Minute) {
		until := m.Truncate(time.Minute).Add(time.Minute)
		if until.After(end) {
			until = end // the newest bucket is a part
		}
		n := s.counts[req.Query][m.Truncate(time.Minute).UTC()]
		total += n
		data = append(data, bucket{m.In(s.zone).Format("2006-01-02T15:04:05.000Z07:00"), until.In(s.zone).Format("2006-01-02T15:04:05.000Z07:00"), n})
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("x-rate-limit-limit", "300")
	w.Header().Set("x-rate-limit-remaining", "299")
	w.Header().Set("x-rate-limit-reset", strconv.FormatInt(now.Add(15*time.Minute).Unix(), 10))
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data, "meta": map[string]any{"total_tweet_count": total}})
}
