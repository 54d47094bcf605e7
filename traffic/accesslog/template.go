package accesslog

import (
	"bytes"
	"regexp"
	"strings"

	"surgecast"
)

// template is a web server's own format string: fields with literal text between them.
type template struct {
	lead   []byte
	fields []field
	unit   float64
	clock  clfClock
}

type field struct {
	name string
	end  []byte // literal after it; empty: to the end of the line
}

var (
	nginxField  = regexp.MustCompile(`\$\{?([a-z_0-9]+)\}?`)
	apacheField = regexp.MustCompile(`%[<>]?(?:\{([^}]*)\})?([a-zA-Z%])`)
)

// apacheNames are mod_log_config's directives in nginx's words.
var apacheNames = map[string]string{
	"t": "[$time_local]", "r": "$request", "s": "$status", "D": "$request_time_us", "T": "$request_time", "U": "$uri", "%": "%",
	"ms T": "$request_time_ms", "us T": "$request_time_us", "s T": "$request_time", "User-Agent i": "$http_user_agent", "user-agent i": "$http_user_agent",
	"sec t": "$msec", "msec t": "$msec", "usec t": "$msec",
}

// compile reads a format string of nginx ($remote_addr - [$time_local] …) or of Apache (%h %l %u %t …).
// Needed are a time and a status; what it does not know is skipped.
func compile(format string, unit float64) (parser, error) {
	bad := func(detail, remedy string) error {
		return &surgecast.FieldError{Field: "format", Value: format[:min(len(format), 100)], Detail: detail, Remedy: remedy}
	}
	if !strings.Contains(format, "$") {
		format = apacheField.ReplaceAllStringFunc(format, func(s string) string {
			m := apacheField.FindStringSubmatch(s)
			key := m[2]
			if m[1] != "" {
				key = m[1] + " " + m[2]
			}
			if name, ok := apacheNames[key]; ok {
				return name
			}
			return "$skip"
		})
	}
	at := nginxField.FindAllStringSubmatchIndex(format, -1)
	if len(at) == 0 {
		return nil, bad("names no field", "Give the log_format of nginx or the LogFormat of Apache.")
	}
	t := &template{lead: []byte(format[:at[0][0]]), unit: unit}
	has := map[string]bool{}
	for i, m := range at {
		name, next := format[m[2]:m[3]], len(format)
		if i+1 < len(at) {
			next = at[i+1][0]
			if next == m[1] {
				return nil, bad("has two fields with nothing between them", "Put a space between them in the server's configuration.")
			}
		}
		t.fields = append(t.fields, field{name, []byte(format[m[1]:next])})
		has[name] = true
	}
	if !has["time_local"] && !has["time_iso8601"] && !has["msec"] {
		return nil, bad("has no time", "It needs $time_local, $time_iso8601 or $msec, or %t.")
	}
	if !has["status"] {
		return nil, bad("has no status", "It needs $status, or %>s.")
	}
	return t, nil
}

func (t *template) parse(raw []byte, l *line) bool {
	if !bytes.HasPrefix(raw, t.lead) {
		return false
	}
	raw = raw[len(t.lead):]
	l.at, l.status, l.ms, l.path, l.agent = 0, -1, -1, nil, nil
	for _, f := range t.fields {
		value := raw
		if len(f.end) > 0 {
			i := indexUnescaped(raw, f.end)
			if i < 0 {
				break // the line ends early, or its last literal is missing
			}
			value, raw = raw[:i], raw[i+len(f.end):]
		} else {
			raw = nil
		}
		ok := true
		switch f.name {
		case "time_local":
			if len(value) == len(clfLayout) {
				l.at, ok = t.clock.read(value)
			} else {
				ok = false
			}
		case "time_iso8601", "msec":
			l.at, ok = stamp(string(value))
		case "status":
			l.status, ok = statusOf(value)
		case "request", "request_uri", "uri":
			if p := pathOf(value); p != nil {
				l.path = p
			}
		case "http_user_agent":
			l.agent = value
		case "request_time", "request_time_ms", "request_time_us":
			unit := map[string]float64{"request_time": 1000, "request_time_ms": 1, "request_time_us": .001}[f.name]
			if t.unit > 0 && f.name == "request_time" {
				unit = t.unit
			}
			if ms, ok := positive(string(value), unit); ok {
				l.ms = ms
			}
		}
		if !ok {
			return false
		}
	}
	return l.at != 0 && l.status >= 0
}

// indexUnescaped finds what ends a field. A quote with a backslash before it belongs to the field.
func indexUnescaped(b, end []byte) int {
	if end[0] != '"' {
		return bytes.Index(b, end)
	}
	for from := 0; ; {
		i := bytes.Index(b[from:], end)
		if i < 0 {
			return -1
		}
		i += from
		slashes := 0
		for j := i - 1; j >= 0 && b[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
		from = i + 1
	}
}
