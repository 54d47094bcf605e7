package accesslog

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// jsonLine reads JSON lines as nginx, Caddy, Traefik and Envoy write them, or with keys named.
type jsonLine struct {
	keys Keys
	unit float64 // milliseconds of a duration without a unit; 0: by its key
}

// Keys under which servers put things, most telling first. A key may be a path.
var (
	timeKeys   = []string{"time", "ts", "timestamp", "@timestamp", "time_iso8601", "time_local", "msec", "start_time", "StartUTC", "startTime", "date"}
	statusKeys = []string{"status", "response_code", "DownstreamStatus", "OriginStatus", "status_code", "response.status_code", "http.response.status_code", "code"}
	pathKeys   = []string{"request.uri", "request_uri", "uri", "RequestPath", "path", "url.path", "url", "request"}
	agentKeys  = []string{"http_user_agent", "user_agent", "request.headers.User-Agent.0", "user_agent.original", "request_User-Agent", "agent"}
)

// A duration's key tells its unit: nginx writes seconds, Caddy seconds under duration, Envoy whole
// milliseconds under duration, Traefik nanoseconds under Duration.
var durationKeys = []struct {
	key  string
	unit float64 // milliseconds; 0: seconds if it has a fraction or the line is Caddy's, else milliseconds
}{
	{"request_time", 1000},
	{"request_time_ms", 1},
	{"duration_ms", 1},
	{"response_time_ms", 1},
	{"latency_ms", 1},
	{"duration", 0},
	{"Duration", 1e-6},
	{"response_time", 1000},
	{"latency", 1000},
	{"elapsed_ms", 1},
	{"event.duration", 1e-6},
}

func (p *jsonLine) parse(raw []byte, l *line) bool {
	if !gjson.ValidBytes(raw) {
		return false
	}
	doc := gjson.ParseBytes(raw)
	if !doc.IsObject() {
		return false
	}
	found := false
	for _, k := range one(p.keys.Time, timeKeys) {
		if v := doc.Get(k); v.Type == gjson.Number || v.Type == gjson.String {
			if l.at, found = stamp(v.String()); found {
				break
			}
		}
	}
	if !found {
		return false
	}
	found = false
	for _, k := range one(p.keys.Status, statusKeys) {
		if v := doc.Get(k); v.Type == gjson.Number || v.Type == gjson.String {
			if l.status, found = statusOf([]byte(v.String())); found {
				break
			}
		}
	}
	if !found {
		return false
	}
	l.path, l.agent, l.ms = nil, nil, -1
	for _, k := range one(p.keys.Path, pathKeys) {
		if v := doc.Get(k); v.Type == gjson.String {
			if l.path = pathOf([]byte(v.Str)); l.path != nil {
				break
			}
		}
	}
	for _, k := range one(p.keys.Agent, agentKeys) {
		if v := doc.Get(k); v.Type == gjson.String {
			l.agent = []byte(v.Str)
			break
		}
	}
	l.ms = p.duration(doc)
	return true
}

func (p *jsonLine) duration(doc gjson.Result) float64 {
	if p.keys.Duration != "" {
		unit := p.unit
		if unit == 0 {
			unit = 1000
		}
		return inMS(doc.Get(p.keys.Duration), unit)
	}
	for _, k := range durationKeys {
		v := doc.Get(k.key)
		if !v.Exists() {
			continue
		}
		unit := k.unit
		switch {
		case p.unit > 0:
			unit = p.unit
		case unit == 0 && (strings.ContainsAny(v.Raw, ".eE") || doc.Get("request.uri").Exists()):
			unit = 1000
		case unit == 0:
			unit = 1
		}
		return inMS(v, unit)
	}
	return -1
}

// inMS is a duration in milliseconds, negative when it is none.
func inMS(v gjson.Result, unit float64) float64 {
	if v.Type != gjson.Number && v.Type != gjson.String {
		return -1
	}
	if ms, ok := positive(v.String(), unit); ok {
		return ms
	}
	if d, err := time.ParseDuration(v.String()); err == nil && d >= 0 {
		return float64(d) / float64(time.Millisecond)
	}
	return -1
}

func one(named string, known []string) []string {
	if named != "" {
		return []string{named}
	}
	return known
}
