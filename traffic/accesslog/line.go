package accesslog

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"surgecast"
)

// line is what is taken from one line. Its slices point into the buffer and die with it.
type line struct {
	at     int64 // Unix seconds
	status int
	ms     float64 // time the request took; negative: not said
	path   []byte  // without query; empty: not said
	agent  []byte
}

// parser reads one line without its end; false: it is not one of this format.
type parser interface {
	parse(raw []byte, l *line) bool
}

func newParser(c *Config) (parser, error) {
	unit := float64(c.TimeUnit) / float64(time.Millisecond)
	switch c.Format {
	case "auto":
		return &auto{clf: clf{unit: unit}, json: jsonLine{keys: c.Keys, unit: unit}, envoy: envoy{}}, nil
	case "common", "combined":
		return &clf{unit: unit}, nil
	case "json":
		return &jsonLine{keys: c.Keys, unit: unit}, nil
	case "envoy":
		return &envoy{}, nil
	}
	if !strings.ContainsAny(c.Format, "$%") {
		return nil, &surgecast.FieldError{
			Field: "format", Value: c.Format[:min(len(c.Format), 100)], Detail: "is not a format",
			Remedy: "Use auto, common, combined, json, envoy, or the web server's own format string ($remote_addr … or %h …).",
		}
	}
	return compile(c.Format, unit)
}

// auto decides line by line: a log may change its format when the server is reconfigured.
type auto struct {
	clf   clf
	json  jsonLine
	envoy envoy
}

func (a *auto) parse(raw []byte, l *line) bool {
	switch {
	case len(raw) == 0:
		return false
	case raw[0] == '{':
		return a.json.parse(raw, l)
	case raw[0] == '[' && len(raw) > 5 && raw[5] == '-':
		return a.envoy.parse(raw, l)
	default:
		return a.clf.parse(raw, l)
	}
}

// clf is the Common Log Format of NCSA httpd and what servers append to it: referer and agent
// (combined), a duration, and Traefik's tail.
//
//	host ident user [02/Jan/2006:15:04:05 -0700] "GET /path HTTP/1.1" 200 2326 "referer" "agent" 0.005
type clf struct {
	unit  float64 // milliseconds of a trailing integer; 0: it is not a duration
	clock clfClock
}

func (p *clf) parse(raw []byte, l *line) bool {
	// A user may hold brackets, and an IPv6 host too; a time begins with two digits and a slash.
	for {
		i := bytes.IndexByte(raw, '[')
		if i < 0 || len(raw) < i+len(clfLayout)+2 {
			return false
		}
		raw = raw[i+1:]
		if raw[2] == '/' && raw[len(clfLayout)] == ']' {
			break
		}
	}
	at, ok := p.clock.read(raw[:len(clfLayout)])
	if !ok {
		return false
	}
	l.at = at
	raw = bytes.TrimLeft(raw[len(clfLayout)+1:], " ")
	request, raw, ok := quoted(raw)
	if !ok {
		return false
	}
	l.path = pathOf(request)
	status, raw := word(raw)
	if l.status, ok = statusOf(status); !ok {
		return false
	}
	_, raw = word(raw) // bytes sent
	l.ms, l.agent = -1, nil
	for n := 0; len(raw) > 0; n++ {
		if raw[0] == '"' {
			var q []byte
			if q, raw, ok = quoted(raw); !ok {
				return true // cut short, but the request is told
			}
			if n == 1 {
				l.agent = q
			}
			continue
		}
		var w []byte
		if w, raw = word(raw); len(w) == 0 {
			break
		}
		if ms, ok := trailing(w, p.unit); ok && l.ms < 0 {
			l.ms = ms
		}
	}
	return true
}

// trailing reads a duration behind the line proper: seconds if it has a decimal point (nginx
// $request_time), as said if it has a unit (Traefik 12ms), else only if the unit is configured.
func trailing(w []byte, unit float64) (ms float64, ok bool) {
	s := string(w)
	if i := strings.IndexByte(s, '='); i >= 0 {
		if name := s[:i]; name != "rt" && name != "request_time" && name != "duration" {
			return 0, false
		}
		s = s[i+1:]
	}
	if number, ok := strings.CutSuffix(s, "ms"); ok {
		return positive(number, 1)
	}
	switch {
	case unit > 0:
		return positive(s, unit)
	case strings.Contains(s, "."):
		return positive(s, 1000)
	}
	return 0, false
}

func positive(s string, unit float64) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0) || v*unit > 1e10 {
		return 0, false
	}
	return v * unit, true
}

// quoted reads "…" and the spaces after it. Servers write a quote inside as \" or \x22.
func quoted(raw []byte) (inside, rest []byte, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return nil, raw, false
	}
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return raw[1:i], bytes.TrimLeft(raw[i+1:], " "), true
		}
	}
	return nil, raw, false
}

// word reads up to the next space, and the spaces.
func word(raw []byte) (w, rest []byte) {
	i := bytes.IndexByte(raw, ' ')
	if i < 0 {
		return raw, nil
	}
	return raw[:i], bytes.TrimLeft(raw[i+1:], " ")
}

// pathOf is the path of a request line or address, without its query; nil when there is none. What
// comes instead of a request (a TLS hello, "-") has no path and is counted all the same.
func pathOf(request []byte) []byte {
	p := request
	if i := bytes.IndexByte(p, ' '); i >= 0 {
		p = p[i+1:]
		if j := bytes.LastIndexByte(p, ' '); j >= 0 {
			p = p[:j]
		}
	}
	if i := bytes.Index(p, []byte("://")); i >= 0 && p[0] != '/' {
		p = p[i+3:]
		j := bytes.IndexByte(p, '/')
		if j < 0 {
			return nil
		}
		p = p[j:]
	}
	if len(p) == 0 || p[0] != '/' {
		return nil
	}
	if i := bytes.IndexAny(p, "?#"); i >= 0 {
		p = p[:i]
	}
	return p
}

// statusOf reads a status. 0 and - stand for a connection that ended before there was one.
func statusOf(b []byte) (int, bool) {
	if len(b) == 1 && (b[0] == '-' || b[0] == '0') {
		return 0, true
	}
	if len(b) != 3 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}
