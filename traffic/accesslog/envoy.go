package accesslog

import "bytes"

// envoy reads Envoy's default text format, with or without Istio's two further fields:
//
//	[2016-04-15T20:17:00.310Z] "POST /api HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "agent" …
//	[time] "request" code flags [details termination "failure"] received sent duration upstream "forwarded" "agent" …
type envoy struct{}

func (envoy) parse(raw []byte, l *line) bool {
	end := bytes.IndexByte(raw, ']')
	if end < 2 || raw[0] != '[' {
		return false
	}
	var ok bool
	if l.at, ok = stamp(string(raw[1:end])); !ok {
		return false
	}
	request, raw, ok := quoted(bytes.TrimLeft(raw[end+1:], " "))
	if !ok {
		return false
	}
	l.path = pathOf(request)
	status, raw := word(raw)
	if l.status, ok = statusOf(status); !ok {
		return false
	}
	l.ms, l.agent = -1, nil
	_, raw = word(raw) // flags
	numbers, quotes := 0, 0
	for len(raw) > 0 {
		if raw[0] == '"' {
			var q []byte
			if q, raw, ok = quoted(raw); !ok {
				break
			}
			if numbers >= 3 { // forwarded for, then agent
				if quotes++; quotes == 2 {
					l.agent = q
					break
				}
			}
			continue
		}
		var w []byte
		w, raw = word(raw)
		if ms, ok := positive(string(w), 1); ok {
			if numbers++; numbers == 3 { // bytes received, bytes sent, duration
				l.ms = ms
			}
		}
	}
	return true
}
