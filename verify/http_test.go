package verify

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// stand is an endpoint as good as ours, on a clock of its own; a test breaks one thing of it.
type stand struct {
	mu     sync.Mutex
	at     time.Time
	asked  int
	answer func(s *stand, w http.ResponseWriter) // of /scale
	others http.HandlerFunc                      // of everything else; nil: 404
}

func (s *stand) clock() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.at }

func (s *stand) pass(d time.Duration) { s.mu.Lock(); defer s.mu.Unlock(); s.at = s.at.Add(d) }

func (s *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/scale" {
		if s.others != nil {
			s.others(w, r)
			return
		}
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	s.asked++
	s.mu.Unlock()
	s.answer(s, w)
}

// say answers JSON.
func say(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "30")
	}
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, body)
}

// minutes plays a course: what is answered by the minute since begin, the last one for ever.
func minutes(course ...string) func(*stand, http.ResponseWriter) {
	return func(s *stand, w http.ResponseWriter) {
		i := min(int(s.clock().Sub(begin)/time.Minute), len(course)-1)
		if course[i] == "" {
			say(w, http.StatusServiceUnavailable, `{"code":"forecast_expired"}`)
			return
		}
		say(w, http.StatusOK, course[i])
	}
}

var begin = time.Date(2026, 9, 14, 14, 20, 0, 0, time.UTC)

const fresh = `{"units":20,"stale":false,"age_seconds":10,"valid_until":"2026-09-14T14:45:00Z"}`

// Each rule broken once fails exactly that rule, and an endpoint that keeps them all breaks none.
// Fails when: a judge( in look, extras, again, refusal or play is taken out.
func TestSeededFaultsBreakTheirRule(t *testing.T) {
	const stale = `{"units":20,"stale":true,"age_seconds":130,"valid_until":"2026-09-14T14:45:00Z"}`
	always := func(status int, body string) func(*stand, http.ResponseWriter) {
		return func(_ *stand, w http.ResponseWriter) { say(w, status, body) }
	}
	for _, c := range []struct {
		broken string // "" : none
		name   string
		answer func(*stand, http.ResponseWriter)
		with   func(*HTTP, *stand)
	}{
		{"", "fresh", always(200, fresh), nil},
		{"", "fresh, stale, expired, fresh", minutes(fresh, fresh, stale, stale, "", "", fresh), nil},
		{"", "ignorant", always(503, `{"code":"no_forecast"}`), nil},
		{"status-200", "201", always(201, fresh), nil},
		{"status-200", "404", always(404, `{"code":"not_found"}`), nil},
		{"answer-time", "slow", func(s *stand, w http.ResponseWriter) { s.pass(3001 * time.Millisecond); say(w, 200, fresh) }, nil},
		{"content-type", "HTML", func(_ *stand, w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, fresh)
		}, nil},
		{"value-location", "another name", always(200, `{"replicas":20}`), nil},
		{"value-location", "no JSON", always(200, `units=20`), nil},
		{"plain-number", "string", always(200, `{"units":"20"}`), nil},
		{"plain-number", "null", always(200, `{"units":null}`), nil},
		{"plain-number", "bool", always(200, `{"units":true}`), nil},
		{"plain-number", "object", always(200, `{"units":{"value":20}}`), nil},
		{"finite-not-negative", "negative", always(200, `{"units":-1}`), nil},
		{"finite-not-negative", "beyond float", always(200, `{"units":1e999}`), nil},
		{"finite-not-negative", "NaN in Prometheus text", func(_ *stand, w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = fmt.Fprint(w, "# TYPE u gauge\nu{site=\"shop\"} NaN\n")
		}, func(h *HTTP, _ *stand) { h.Format, h.ValueLocation = "prometheus", `u{site="shop"}` }},
		{"", "Prometheus text", func(_ *stand, w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = fmt.Fprint(w, "# TYPE u gauge\nu{site=\"shop\"} 20\nu{site=\"museum\"} -1\n")
		}, func(h *HTTP, _ *stand) { h.Format, h.ValueLocation = "prometheus", `u{site="shop"}` }},
		{"content-type", "Prometheus text as JSON", func(_ *stand, w http.ResponseWriter) { say(w, 200, "u 20\n") }, func(h *HTTP, _ *stand) { h.Format, h.ValueLocation = "prometheus", "u" }},
		{"value-location", "label missing", func(_ *stand, w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = fmt.Fprint(w, "u{site=\"museum\"} 20\n")
		}, func(h *HTTP, _ *stand) { h.Format, h.ValueLocation = "prometheus", `u{site="shop"}` }},
		{"precision", "0.0001", always(200, `{"units":0.0001}`), func(h *HTTP, _ *stand) { h.Target = 10 }},
		{"asked-again", "another number each time", func(s *stand, w http.ResponseWriter) { say(w, 200, fmt.Sprintf(`{"units":%d}`, 20+s.asked)) }, nil},
		{"whole-units", "half a unit", always(200, `{"units":12.5}`), nil},
		{"valid-until", "past its own end", always(200, `{"units":20,"valid_until":"2026-09-14T14:19:59Z"}`), nil},
		{"error-no-number", "503 with a number", always(503, `{"units":0}`), nil},
		{"error-no-number", "any path is answered", always(200, fresh), func(_ *HTTP, s *stand) {
			s.others = func(w http.ResponseWriter, _ *http.Request) { say(w, 200, fresh) }
		}},
		{"retry-after", "503 without Retry-After", func(_ *stand, w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(503)
		}, nil},
		{"stale-unchanged", "falls when stale", minutes(fresh, `{"units":4,"stale":true,"age_seconds":130}`), nil},
		{"stale-says-age", "stale, and says no age", minutes(fresh, `{"units":20,"stale":true}`), nil},
		{"tolerance", "within 10 %", always(200, `{"units":21}`), func(h *HTTP, _ *stand) { h.Current = 20 }},
		{"", "beyond 10 %", always(200, `{"units":23}`), func(h *HTTP, _ *stand) { h.Current = 20 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &stand{at: begin, answer: c.answer}
			srv := httptest.NewServer(s)
			defer srv.Close()
			h := HTTP{
				URL: srv.URL + "/scale", ValueLocation: "units", Format: "json", Target: 1, Limit: 3 * time.Second,
				Watch: 10 * time.Minute, Every: time.Minute, Client: srv.Client(), Clock: s.clock,
				Sleep: func(_ context.Context, d time.Duration) error { s.pass(d); return nil },
			}
			if c.with != nil {
				c.with(&h, s)
			}
			r, err := h.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			onlyBroken(t, r, c.broken)
		})
	}
}

func onlyBroken(t *testing.T, r *Report, want string) {
	t.Helper()
	seen := false
	for _, x := range r.Rules {
		if x.Verdict == Broken && x.ID != want {
			t.Errorf("%s is broken too: %s", x.ID, x.Saw)
		}
		seen = seen || x.ID == want && x.Verdict == Broken
		if x.Saw == "" {
			t.Errorf("%s: nothing is said of it", x.ID)
		}
	}
	if want != "" && !seen {
		t.Errorf("%s is not found broken", want)
	}
}

// What is seen in a good course, and what the HPA does with it.
func TestAWholeCourseShowsEveryRule(t *testing.T) {
	const stale = `{"units":20,"stale":true,"age_seconds":130,"valid_until":"2026-09-14T14:45:00Z"}`
	s := &stand{at: begin, answer: minutes(fresh, stale, "", `{"units":30,"stale":false}`)}
	srv := httptest.NewServer(s)
	defer srv.Close()
	h := HTTP{
		URL: srv.URL + "/scale", Key: "k", ValueLocation: "units", Format: "json", Target: 1, Current: 10, Limit: 3 * time.Second,
		Watch: 3 * time.Minute, Every: time.Minute, Client: srv.Client(), Clock: s.clock,
		Sleep: func(_ context.Context, d time.Duration) error { s.pass(d); return nil },
	}
	s.others = nil
	r, err := h.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var replicas []int
	for _, x := range r.Readings {
		replicas = append(replicas, x.Replicas)
	}
	if fmt.Sprint(replicas) != "[20 20 20 30]" {
		t.Errorf("replicas %v", replicas)
	}
	for _, x := range r.Rules {
		// The stand asks for no key, so a key nobody has is answered with a number: that one is broken, rightly.
		if want := map[bool]Verdict{true: Broken, false: Holds}[x.ID == "error-no-number"]; x.Verdict != want {
			t.Errorf("%s: %s, %s", x.ID, x.Verdict, x.Saw)
		}
	}
}

// The arithmetic of the HPA: ceil, tolerance, bounds, and errors that hold.
func TestHPA(t *testing.T) {
	for _, c := range []struct {
		target   float64
		replicas int
		value    float64
		want     int
	}{
		{1, 10, 10.9, 10},
		{1, 10, 11.01, 12},
		{1, 10, 9, 10},
		{1, 10, 8.9, 9},
		{3.4, 4, 43, 13},
		{1, 24, 22, 24},
		{1, 10, 0, 2},
		{1, 10, -5, 2},
		{1, 10, 1000, 40},
		{1, 0, 7, 7},
	} {
		h := HPA{Target: c.target, Replicas: c.replicas, Min: 2, Max: 40}
		h.Observe(c.value)
		if h.Replicas != c.want {
			t.Errorf("%g at %g with %d: %d replicas, want %d", c.value, c.target, c.replicas, h.Replicas, c.want)
		}
	}
	h := HPA{Target: 1, Replicas: 7}
	h.Fail()
	if h.Replicas != 7 {
		t.Errorf("an error moved it to %d", h.Replicas)
	}
}
