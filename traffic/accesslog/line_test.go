package accesslog

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// read parses one line the way the reader does, in words.
func readLine(t *testing.T, c Config, raw string) (l line, ok bool) {
	t.Helper()
	c.Files = []string{"/var/log/access.log"}
	c.Default()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	ok = c.rules.parse.parse([]byte(raw), &l)
	return l, ok
}

// Lines as the servers' own documentation and releases show them. All but one are of 12 March 2026, 14:05:06 UTC.
// Fails when: pathOf keeps the query; clf reads a user's bracket as the time; a unit of durationKeys changes.
func TestFormats(t *testing.T) {
	at := time.Date(2026, 3, 12, 14, 5, 6, 0, time.UTC).Unix()
	for _, tt := range []struct {
		name   string
		config Config
		raw    string
		status int
		ms     float64
		path   string
		agent  string
	}{
		{"common", Config{}, `192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET /a?b=c HTTP/1.1" 200 2326`, 200, -1, "/a", ""},
		{"combined, another zone", Config{}, `192.0.2.1 - frank [12/Mar/2026:16:05:06 +0200] "GET /apache_pb.gif HTTP/1.0" 404 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"`, 404, -1, "/apache_pb.gif", "Mozilla/4.08 [en] (Win98; I ;Nav)"},
		{"half an hour zone", Config{}, `192.0.2.1 - - [12/Mar/2026:08:35:06 -0530] "GET / HTTP/1.1" 200 1`, 200, -1, "/", ""},
		{"nginx with request_time", Config{}, `2001:db8::1 - - [12/Mar/2026:14:05:06 +0000] "POST /cart HTTP/2.0" 503 0 "-" "curl/8" 0.125`, 503, 125, "/cart", "curl/8"},
		{"nginx with rt=", Config{}, `192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET / HTTP/1.1" 200 5 "-" "a" rt=1.500 uct="0.000"`, 200, 1500, "/", "a"},
		{"apache with %D", Config{TimeUnit: time.Microsecond}, `192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET / HTTP/1.1" 200 5 "-" "a" 2500`, 200, 2.5, "/", "a"},
		{"apache without unit: an integer is no duration", Config{}, `192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET / HTTP/1.1" 200 5 "-" "a" 2500`, 200, -1, "/", "a"},
		{"apache with virtual host", Config{}, `shop.example:443 192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET /x HTTP/1.1" 200 5 "-" "a \"quoted\" agent"`, 200, -1, "/x", `a \"quoted\" agent`},
		{"a user with brackets, an address of IPv6 in brackets", Config{}, `[::1] - [x]y [12/Mar/2026:14:05:06 +0000] "GET /x HTTP/1.1" 200 5`, 200, -1, "/x", ""},
		{"a TLS hello", Config{}, `192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "\x16\x03\x01\x02" 400 157 "-" "-"`, 400, -1, "", "-"},
		{"no request at all", Config{}, `192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "-" 408 - "-" "-"`, 408, -1, "", "-"},
		{"proxy form", Config{}, `192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET http://shop.example/x/y?z HTTP/1.1" 200 5`, 200, -1, "/x/y", ""},
		{"traefik", Config{}, `192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET /t HTTP/1.1" 502 11 "-" "agent" 7 "web@docker" "http://10.0.0.1:80" 12ms`, 502, 12, "/t", "agent"},
		{"envoy", Config{}, `[2026-03-12T14:05:06.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80"`, 204, 226, "/api/v1/locations", "nsq2http"},
		{"istio", Config{Format: "envoy"}, `[2026-03-12T14:05:06.310Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 4 4 "-" "curl/7.60.0" "84961386" "httpbin:8000" "127.0.0.1:80"`, 418, 4, "/status/418", "curl/7.60.0"},
		{"nginx json", Config{}, `{"time_local":"12/Mar/2026:14:05:06 +0000","remote_addr":"192.0.2.1","request":"GET /j?x=1 HTTP/1.1","status":"200","request_time":"0.050","http_user_agent":"a"}`, 200, 50, "/j", "a"},
		{"nginx json, iso time and msec", Config{}, `{"msec":"1773324306.123","request_uri":"/j?x","status":499,"request_time":0.5}`, 499, 500, "/j", ""},
		{"caddy", Config{}, `{"level":"info","ts":1773324306.9501321,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"192.0.2.1","proto":"HTTP/2.0","method":"GET","host":"x","uri":"/c?d","headers":{"User-Agent":["curl/7.82.0"]}},"bytes_read":0,"user_id":"","duration":0.000929675,"size":10900,"status":200}`, 200, .929675, "/c", "curl/7.82.0"},
		{"envoy json", Config{}, `{"start_time":"2026-03-12T14:05:06.123Z","method":"GET","path":"/e?f","response_code":200,"duration":12,"user_agent":"a"}`, 200, 12, "/e", "a"},
		{"traefik json", Config{}, `{"ClientHost":"192.0.2.1","DownstreamStatus":429,"Duration":1500000,"RequestMethod":"GET","RequestPath":"/t?u","StartUTC":"2026-03-12T14:05:06.5Z","time":"2026-03-12T14:05:06Z","level":"info"}`, 429, 1.5, "/t", ""},
		{"json with named keys", Config{Format: "json", Keys: Keys{Time: "when", Status: "http.code", Path: "http.target", Duration: "took"}, TimeUnit: time.Millisecond}, `{"when":1773324306000,"http":{"code":200,"target":"/k"},"took":7}`, 200, 7, "/k", ""},
		{"json duration in words", Config{Keys: Keys{Duration: "took"}}, `{"ts":1773324306,"status":200,"uri":"/k","took":"1.5s"}`, 200, 1500, "/k", ""},
		{"nginx format string", Config{Format: `$remote_addr [$time_iso8601] $host "$request" $status $body_bytes_sent $request_time "$http_user_agent"`}, `192.0.2.1 [2026-03-12T15:05:06+01:00] shop.example "GET /f?g HTTP/1.1" 200 12 0.010 "x \" y"`, 200, 10, "/f", `x \" y`},
		{"apache format string", Config{Format: `%h %l %u %t "%r" %>s %b %D "%{Referer}i" "%{User-Agent}i"`}, `192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET /f HTTP/1.1" 500 12 1500 "-" "x"`, 500, 1.5, "/f", "x"},
		{"a line cut short after its status", Config{}, `192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET /f HTTP/1.1" 200 12 "-" "Moz`, 200, -1, "/f", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, ok := readLine(t, tt.config, tt.raw)
			if !ok {
				t.Fatal("not read")
			}
			if l.at != at || l.status != tt.status || l.ms < tt.ms-1e-6 || l.ms > tt.ms+1e-6 || string(l.path) != tt.path || string(l.agent) != tt.agent {
				t.Errorf("at %s status %d %g ms path %q agent %q, want 14:05:06, %d, %g ms, %q, %q", time.Unix(l.at, 0).UTC().Format("15:04:05"), l.status, l.ms, l.path, l.agent, tt.status, tt.ms, tt.path, tt.agent)
			}
		})
	}
}

// What is no line of a format is refused and never half read.
// Fails when: statusOf takes any number of digits; plausible lets the year 0 pass.
func TestNotALine(t *testing.T) {
	for _, raw := range []string{
		"", "\x00\x00", "hello", "{", `{"status":200}`, `{"ts":1773324306}`, `{"ts":-1,"status":200}`, `[]`, `{"ts":{},"status":[]}`,
		`192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET / HTTP/1.1" 20 5`, `192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET / HTTP/1.1 200 5`,
		`192.0.2.1 - - [42/Mar/2026:14:05:06 +0000] "GET / HTTP/1.1" 200 5`, `192.0.2.1 - - [12/Mar/0001:14:05:06 +0000] "GET / HTTP/1.1" 200 5`,
		`[2026-03-12T14:05:06Z] "GET /" abc`, strings.Repeat("[", 10000), "\xff\xfe\xfd [12/Mar",
	} {
		if l, ok := readLine(t, Config{}, raw); ok {
			t.Errorf("%.60q is read as %+v", raw, l)
		}
	}
}

// Nothing a visitor can send may crash the parsers.
func FuzzLine(f *testing.F) {
	f.Add([]byte(`192.0.2.1 - - [12/Mar/2026:14:05:06 +0000] "GET /a HTTP/1.1" 200 2326 "-" "a" 0.1`))
	f.Add([]byte(`{"ts":1773324306.9,"request":{"uri":"/c"},"duration":0.1,"status":200}`))
	f.Add([]byte(`[2026-03-12T14:05:06.310Z] "POST /api HTTP/2" 204 - 154 0 226 100 "x" "y"`))
	c := Config{Files: []string{"/x"}, Exclude: Exclude{Static: true, Agents: []string{"Bot"}}, Segments: []Rule{{"a", []string{"/a"}, []string{`^/b\d+`}}}}
	c.Default()
	if err := c.Check(); err != nil {
		f.Fatal(err)
	}
	tmpl, err := compile(`$remote_addr [$time_local] "$request" $status "$http_user_agent" $request_time`, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, p := range []parser{c.rules.parse, tmpl} {
			var l line
			if p.parse(raw, &l) {
				if !plausible(l.at) || l.status < 0 || l.status > 999 || l.ms > 1e10 {
					t.Errorf("%q gives %+v", raw, l)
				}
				c.rules.excludes(&l)
				c.rules.segmentOf(l.path)
			}
		}
	})
}

// Fails when: a rule after the first that fits takes the line too.
func TestRules(t *testing.T) {
	c := Config{
		Files:   []string{"/x"},
		Exclude: Exclude{Static: true, Paths: []string{"/healthz"}, Agents: []string{"kube-probe", "Bot"}},
		Segments: []Rule{
			{Name: "checkout", Prefixes: []string{"/cart", "/checkout"}},
			{Name: "product", Patterns: []string{`^/p/\d+$`}, Prefixes: []string{"/cart/list"}},
		},
	}
	c.Default()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, path := range []string{"/cart/list", "/checkout", "/p/17", "/p/17/x", "/", "/a/b.CSS", "/a/b.css.html", "/healthz", "/logo.svg"} {
		l := line{path: []byte(path), agent: []byte("Mozilla")}
		switch i := c.rules.segmentOf(l.path); {
		case c.rules.excludes(&l):
			got[path] = "excluded"
		case i >= 0:
			got[path] = c.rules.segments[i].name
		}
	}
	want := map[string]string{"/cart/list": "checkout", "/checkout": "checkout", "/p/17": "product", "/a/b.CSS": "excluded", "/healthz": "excluded", "/logo.svg": "excluded"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if l := (line{agent: []byte("Googlebot/2.1")}); !c.rules.excludes(&l) {
		t.Error("an agent is not excluded in another case")
	}
}

// Fails when: sketchAlpha is raised to .05.
func TestSketchKnowsQuantilesToOnePercent(t *testing.T) {
	var s sketch
	for i := 1; i <= 1000; i++ {
		s.add(float64(i)) // the 95 % quantile of 1..1000 is 950
	}
	if got := s.quantile(.95); got < 940 || got > 960 {
		t.Errorf("p95 = %g, want 950 to 1 %%", got)
	}
	if (&sketch{}).quantile(.95) != 0 {
		t.Error("nothing has a p95")
	}
}
