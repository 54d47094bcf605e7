package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// fuzzRounds is how many requests each route gets.
const fuzzRounds = 60

// mayBeAway are the problems that are honest answers of a service that works: it lacks a forecast, or a part.
var mayBeAway = map[string]bool{"no_forecast": true, "forecast_expired": true, "no_traffic": true, "capacity_unknown": true, "not_configured": true, "timeout": true}

// Every route of the specification, reads and writes, with bodies and parameters made from the specification,
// some of them spoilt: nothing is a failure of ours, every problem is complete, and what succeeds is what the
// specification promises, to the type, the enum and the required field.
// Fails when: printable is taken out of the body middleware (NUL reaches PostgreSQL: 500); a required field of any
// body gets `omitempty`; CapacityBody.Units loses its maximum.
func TestAPIFuzz(t *testing.T) {
	s := newService(t, 48)
	var d spec
	s.must(t, s.keys[0], "GET", "/openapi.json", "", 200).into(t, &d)
	m := &maker{Rand: rand.New(rand.NewPCG(8, 2026)), d: &d, now: time.Now().UTC(), key: s.keys[0], seen: map[string][]string{"srg_": {s.surge}}}

	type route struct {
		method, path string
		op           *specOperation
	}
	// One needs several tests that reach the limit, the other a page that an earlier request left shown.
	needsLuck := func(r route) bool {
		return strings.HasSuffix(r.path, "/load-tests/apply") || r.method+" "+r.path == "GET /v1/status/{site}"
	}
	var routes []route
	for path, ops := range d.Paths {
		for method, op := range ops {
			routes = append(routes, route{strings.ToUpper(method), path, op})
		}
	}
	order := map[string]int{"POST": 0, "PUT": 1, "GET": 2, "DELETE": 3}
	slices.SortFunc(routes, func(a, b route) int {
		if order[a.method] != order[b.method] {
			return order[a.method] - order[b.method]
		}
		return strings.Compare(a.path, b.path)
	})
	counts, codes := map[int]int{}, map[string]int{}
	good := map[string]int{}
	failures := map[string]int{}
	fail := func(r route, what, sent string, a answer) {
		name := r.method + " " + r.path + ": " + what
		if failures[name]++; failures[name] == 1 && len(failures) < 40 {
			t.Errorf("%s\n  sent %.400s\n  got %d %.600s", name, sent, a.status, a.body)
		}
	}
	loadTest, err := os.ReadFile(filepath.Join("..", "..", "rehearse", "testdata", "k6-steps.json"))
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	// What succeeds only on something an earlier request has made, or seldom by chance, may need longer.
	missing := func() bool {
		return slices.ContainsFunc(routes, func(r route) bool { return good[r.method+" "+r.path] == 0 && !needsLuck(r) })
	}
	for n := 0; n < fuzzRounds || n < 10*fuzzRounds && missing(); n++ {
		m.mild = n%2 == 0
		for i, r := range routes {
			target, headers := m.address(r.method, r.path, r.op)
			var body []byte
			if c, ok := r.op.RequestBody.Content["application/json"]; ok && (r.op.RequestBody.Required || m.IntN(4) > 0) {
				body = m.body(c.Schema)
				if _, rows := r.op.RequestBody.Content["application/x-ndjson"]; rows && m.IntN(4) == 0 {
					body = []byte(strings.TrimSuffix(strings.TrimPrefix(string(body), "["), "]"))
					headers = append(headers, "Content-Type", "application/x-ndjson")
				}
			}
			if _, file := r.op.RequestBody.Content["text/csv"]; file && m.mild { // what a load tool wrote; its readers are tested with more of them
				target, body, headers = strings.SplitN(target, "?", 2)[0]+"?units=6", loadTest, nil
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			a, err := s.send(ctx, s.keys[(n*len(routes)+i)%len(s.keys)], r.method, target, body, headers...)
			cancel()
			sent := fmt.Sprintf("%s %v %q", target, headers, body)
			if err != nil {
				fail(r, "no answer: "+regexp.MustCompile(`"[^"]*"`).ReplaceAllString(err.Error(), "…"), sent, a)
				continue
			}
			counts[a.status]++
			if a.status < 400 {
				good[r.method+" "+r.path]++
				m.remember(r.method, a)
				if r.method == "DELETE" { // and may be imported again
					gone := loadTestID.FindString(target)
					m.seen["ldt_"] = slices.DeleteFunc(m.seen["ldt_"], func(id string) bool { return id == gone })
				}
				if why := d.promised(r.op, a); why != "" {
					fail(r, why, sent, a)
				}
				continue
			}
			var p struct {
				Code, Detail, Remedy, Reference string
				Errors                          []struct{ Remedy string }
			}
			var tree any
			if json.Unmarshal(a.body, &p) != nil || json.Unmarshal(a.body, &tree) != nil || a.header.Get("Content-Type") != "application/problem+json" {
				fail(r, "an error that is no problem+json", sent, a)
				continue
			}
			codes[fmt.Sprint(a.status, " ", p.Code)]++
			if why := d.wrong(schema{"$ref": "#/components/schemas/Problem"}, tree, "problem"); why != "" {
				fail(r, why, sent, a)
			}
			if p.Code == "" || p.Detail == "" || p.Reference == "" || p.Remedy == "" && len(p.Errors) == 0 {
				fail(r, "an incomplete problem", sent, a)
			}
			if a.status >= 500 && (a.status != 503 || !mayBeAway[p.Code]) {
				fail(r, fmt.Sprintf("%d %s", a.status, p.Code), sent, a)
			}
		}
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	t.Logf("%d requests over %d routes in %s: %v\n%v", total, len(routes), time.Since(started).Round(time.Second), counts, codes)
	for _, r := range routes {
		name := r.method + " " + r.path
		if good[name] == 0 && !needsLuck(r) {
			t.Errorf("%s never succeeded: the run says nothing about its answers", name)
		}
	}
	if !s.running() {
		t.Fatalf("the program ended with %d:\n%s", s.wait(), s.err.String())
	}
	if strings.Contains(s.err.String(), "panic") {
		at := strings.Index(s.err.String(), "panic")
		t.Errorf("the program panicked: %.3000s", s.err.String()[max(0, at-300):])
	}
	for _, key := range s.keys {
		if strings.Contains(s.err.String(), key) || strings.Contains(s.out.String(), key) {
			t.Fatal("a key stands in the log")
		}
	}
}

var (
	inPath     = regexp.MustCompile(`\{\w+\}`)
	loadTestID = regexp.MustCompile(`ldt_[0-9a-f-]+`)
)

// address fills the path and makes a query and headers.
func (m *maker) address(method, path string, op *specOperation) (target string, headers []string) {
	target = inPath.ReplaceAllStringFunc(path, func(name string) string {
		if !m.mild && m.IntN(12) == 0 {
			return url.PathEscape(pick(m, "nobody", "a b", "\x00", "\xff", "..", "%2e%2e", strings.Repeat("x", 300), "-1", "evt_", "srg_", "日本"))
		}
		switch {
		case name == "{site}" && method == "DELETE" && path == "/v1/sites/{site}":
			return fmt.Sprintf("site-%d", m.IntN(8)) // the shop stays
		case name == "{site}":
			return pick(m, "shop", "shop", "shop", "shop", "shop", fmt.Sprintf("site-%d", m.IntN(8)))
		case name == "{topic}" && method == "DELETE" && path == "/v1/topics/{topic}":
			return fmt.Sprintf("topic-%d", m.IntN(8))
		case name == "{topic}":
			return pick(m, "lamp", "lamp", fmt.Sprintf("topic-%d", m.IntN(8)))
		}
		ids := m.seen[prefixOf(path)]
		if len(ids) == 0 || !m.mild && m.IntN(6) == 0 {
			return "none_0"
		}
		if method == "DELETE" && strings.HasSuffix(path, name) {
			return ids[0] // the oldest: others are still asked for
		}
		return ids[m.IntN(len(ids))]
	})
	query := url.Values{}
	for _, p := range op.Parameters {
		if p.In == "path" || !p.Required && m.IntN(2) == 0 || strings.HasPrefix(p.Name, "webhook-") || p.Name == "sender" && m.IntN(20) > 0 {
			continue
		}
		var text string
		switch v := m.value(p.Schema, p.Name, 0).(type) {
		case float64:
			text = strings.TrimSuffix(fmt.Sprintf("%.0f", v), ".")
		default:
			text = fmt.Sprint(v)
		}
		if !m.mild && m.IntN(6) == 0 {
			if x, ok := m.nasty().(string); ok {
				text = x
			}
		}
		if p.In == "header" {
			if !strings.ContainsAny(text, "\x00\r\n") {
				headers = append(headers, p.Name, text)
			}
			continue
		}
		query.Set(p.Name, text)
	}
	if !m.mild && m.IntN(30) == 0 {
		query.Set("verbose", "1")
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	return target, headers
}

func prefixOf(path string) string {
	for at, prefix := range map[string]string{"/v1/surges": "srg_", "/v1/events": "evt_", "/v1/webhooks": "whk_", "/v1/deliveries": "dlv_", "/v1/sites/": "ldt_", "/v1/keys": "key_", "/v1/senders": "psh_"} {
		if strings.HasPrefix(path, at) {
			return prefix
		}
	}
	return ""
}

// remember keeps the ids of what was made, and cursors, for later requests.
func (m *maker) remember(method string, a answer) {
	var b struct{ ID, Next string }
	if json.Unmarshal(a.body, &b) != nil {
		return
	}
	keep := func(kind, id string) {
		if m.seen[kind] = append(m.seen[kind], id); len(m.seen[kind]) > 12 {
			m.seen[kind] = m.seen[kind][1:]
		}
	}
	if test := loadTestID.FindString(string(a.body)); test != "" && method == "POST" {
		keep("ldt_", test)
	}
	if prefix, _, ok := strings.Cut(b.ID, "_"); ok && method == "POST" && prefix != "srg" {
		keep(prefix+"_", b.ID)
	}
	if b.Next != "" {
		keep("after", b.Next)
	}
}

// promised says why a successful answer is not what the specification promises, or "".
func (d *spec) promised(op *specOperation, a answer) string {
	r, ok := op.Responses[fmt.Sprint(a.status)]
	if !ok {
		return fmt.Sprintf("status %d is not in the specification", a.status)
	}
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	if len(r.Content) == 0 {
		if len(a.body) > 0 {
			return "a body where the specification has none"
		}
		return ""
	}
	c, ok := r.Content[kind]
	if !ok {
		return fmt.Sprintf("content type %q is not in the specification", kind)
	}
	if kind != "application/json" {
		return ""
	}
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		return "no JSON: " + err.Error()
	}
	return d.wrong(c.Schema, v, "body")
}
