package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// spec is the OpenAPI document as the service tells it: the only thing the fuzz run knows of the routes.
type spec struct {
	Paths      map[string]map[string]*specOperation
	Components struct{ Schemas map[string]schema }
}

type specOperation struct {
	OperationID string
	Parameters  []struct {
		Name, In string
		Required bool
		Schema   schema
	}
	RequestBody struct {
		Required bool
		Content  map[string]struct{ Schema schema }
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema schema }
	}
}

// schema is one JSON schema, with the keywords our specification uses; another keyword fails the reading.
type schema map[string]any

func (d *spec) resolve(s schema) schema {
	for {
		ref, ok := s["$ref"].(string)
		if !ok {
			return s
		}
		s = d.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
	}
}

func (s schema) sub(key string) schema { m, _ := s[key].(map[string]any); return m }

func (s schema) number(key string) (float64, bool) { x, ok := s[key].(float64); return x, ok }

// kinds are the types a value may have; none: any.
func (s schema) kinds() (out []string) {
	switch t := s["type"].(type) {
	case string:
		return []string{t}
	case []any:
		for _, k := range t {
			out = append(out, k.(string))
		}
	}
	return out
}

func (s schema) requires(name string) bool {
	list, _ := s["required"].([]any)
	return slices.Contains(list, any(name))
}

var understood = map[string]bool{
	"$ref": true, "type": true, "properties": true, "required": true, "additionalProperties": true, "items": true, "enum": true, "oneOf": true,
	"minimum": true, "maximum": true, "minLength": true, "maxLength": true, "minItems": true, "maxItems": true, "pattern": true, "format": true,
	"description": true, "title": true, "default": true, "readOnly": true, "examples": true, "contentEncoding": true, "contentMediaType": true,
}

// wrong says why a value is not of the schema, or "".
func (d *spec) wrong(s schema, v any, at string) string {
	s = d.resolve(s)
	for k := range s {
		if !understood[k] {
			return at + ": the schema has a keyword this reader does not know: " + k
		}
	}
	if list, ok := s["oneOf"].([]any); ok {
		why := ""
		for _, one := range list {
			if why = d.wrong(one.(map[string]any), v, at); why == "" {
				return ""
			}
		}
		return why
	}
	if kinds := s.kinds(); len(kinds) > 0 && !slices.ContainsFunc(kinds, func(k string) bool { return isKind(k, v) }) {
		return fmt.Sprintf("%s: %.80v is not of type %v", at, v, kinds)
	}
	if v == nil {
		return ""
	}
	if list, ok := s["enum"].([]any); ok && !slices.Contains(list, v) {
		return fmt.Sprintf("%s: %v is none of %v", at, v, list)
	}
	switch v := v.(type) {
	case map[string]any:
		props := s.sub("properties")
		if req, ok := s["required"].([]any); ok {
			for _, name := range req {
				if _, there := v[name.(string)]; !there {
					return fmt.Sprintf("%s.%s is missing", at, name)
				}
			}
		}
		for name, x := range v {
			p, known := props[name].(map[string]any)
			switch more := s["additionalProperties"].(type) {
			case bool:
				if !known && !more {
					return fmt.Sprintf("%s.%s is not in the schema", at, name)
				}
			case map[string]any:
				if !known {
					p, known = more, true
				}
			}
			if known {
				if why := d.wrong(p, x, at+"."+name); why != "" {
					return why
				}
			}
		}
	case []any:
		if n, ok := s.number("minItems"); ok && float64(len(v)) < n {
			return fmt.Sprintf("%s: %d items", at, len(v))
		}
		for i, x := range v {
			if why := d.wrong(s.sub("items"), x, fmt.Sprintf("%s[%d]", at, i)); why != "" {
				return why
			}
		}
	case float64:
		if n, ok := s.number("minimum"); ok && v < n {
			return fmt.Sprintf("%s: %v < %v", at, v, n)
		}
		if n, ok := s.number("maximum"); ok && v > n {
			return fmt.Sprintf("%s: %v > %v", at, v, n)
		}
	case string:
		if s["format"] == "date-time" {
			if _, err := time.Parse(time.RFC3339, v); err != nil || !strings.HasSuffix(v, "Z") {
				return fmt.Sprintf("%s: %q is no RFC 3339 time in UTC", at, v)
			}
		}
		if n, ok := s.number("maxLength"); ok && float64(utf8.RuneCountInString(v)) > n {
			return fmt.Sprintf("%s: longer than %v", at, n)
		}
		if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
			return fmt.Sprintf("%s: %q does not match %s", at, v, p)
		}
	}
	return ""
}

func isKind(kind string, v any) bool {
	switch v := v.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case []any:
		return kind == "array"
	case map[string]any:
		return kind == "object"
	}
	return false
}

// raw is JSON text that no Go value makes: numbers out of range, broken texts.
type raw string

func (r raw) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// maker makes values from schemas, the same ones for the same seed.
type maker struct {
	*rand.Rand
	d    *spec
	now  time.Time
	seen map[string][]string // ids by prefix, as answers named them
	n    int
	key  string // a good one, for logging in
	mild bool   // as the specification says, of things that exist
}

func pick[T any](m *maker, list ...T) T { return list[m.IntN(len(list))] }

// value makes a value of the schema. Fields that name things get names of things that exist, mostly.
func (m *maker) value(s schema, name string, deep int) any {
	s = m.d.resolve(s)
	if list, ok := s["enum"].([]any); ok && len(list) > 0 {
		return list[m.IntN(len(list))]
	}
	kind := "string"
	if kinds := s.kinds(); len(kinds) > 0 {
		kind = kinds[0]
		if len(kinds) > 1 && m.IntN(6) == 0 {
			return nil
		}
	}
	switch kind {
	case "object":
		out := map[string]any{}
		for p, sub := range s.sub("properties") {
			sub := schema(sub.(map[string]any))
			if sub["readOnly"] == true || !s.requires(p) && (deep > 4 || m.IntN(3) == 0) {
				continue
			}
			out[p] = nil
		}
		for _, p := range sorted(out) { // the order of a map would make another run of the same seed
			out[p] = m.value(s.sub("properties")[p].(map[string]any), p, deep+1)
		}
		return out
	case "array":
		lo, _ := s.number("minItems")
		out := make([]any, int(lo)+m.IntN(3))
		for i := range out {
			out[i] = m.value(s.sub("items"), name, deep+1)
		}
		return out
	case "boolean":
		return m.IntN(2) == 0
	case "number", "integer":
		lo, _ := s.number("minimum")
		hi, ok := s.number("maximum")
		if !ok || m.IntN(3) > 0 {
			hi = min(max(hi, lo+200), lo+200)
		}
		x := lo + m.Float64()*(hi-lo)
		if top, ok := s.number("maximum"); ok {
			x = min(x, top)
		}
		if m.IntN(8) == 0 {
			x = lo
		}
		if kind == "integer" || m.IntN(2) == 0 {
			x = float64(int64(x))
		}
		return x
	}
	return m.text(s, name)
}

func sorted(o map[string]any) []string {
	names := make([]string, 0, len(o))
	for k := range o {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

func (m *maker) text(s schema, name string) string {
	if s["format"] == "date-time" || name == "as_of" {
		at := m.now.Add(time.Duration(m.IntN(4000)-1000) * time.Minute)
		if name == "minute" || name == "from" || name == "as_of" {
			at = m.now.Add(-time.Duration(m.IntN(120)+1) * time.Minute).Truncate(time.Minute)
		}
		return at.UTC().Format(time.RFC3339)
	}
	m.n++
	switch name {
	case "sites":
		if m.mild {
			return "shop"
		}
		return pick(m, "shop", "shop", "shop", "shop", "nobody")
	case "key":
		return pick(m, m.key, "sgc_wrong_key")
	case "site":
		if m.mild {
			return "shop"
		}
		return pick(m, "shop", "shop", "shop", fmt.Sprintf("site-%d", m.IntN(8)), "theirs", "nobody")
	case "topic", "text":
		return pick(m, "lamp", "lamp", fmt.Sprintf("topic-%d", m.IntN(8)), "lamp, new lamp", "nobody")
	case "url":
		return pick(m, "https://hooks.example.com/"+fmt.Sprint(m.n), "https://example.org/", "https://example.net/a?b=c", "http://127.0.0.1:1/", "https://hooks.slack.com/services/T0/B0/x", "ftp://example.com", "https://[::1]/")
	case "source":
		return pick(m, "brandwatch:acme", "acme", "")
	case "time_zone":
		return pick(m, "Europe/Berlin", "UTC", "America/New_York", "Mars/Olympus")
	case "currency":
		return pick(m, "EUR", "USD", "")
	case "secret":
		return "whsec_c3VyZ2VjYXN0IGVuZC10by1lbmQgdGVzdCBrZXkhIQ=="
	case "types":
		return pick(m, "surge.opened", "surge.level_changed", "surge.closed", "recommendation.changed", "test")
	case "segment":
		return pick(m, "total", "total", "checkout", "")
	case "after":
		return pick(m, append([]string{"", "AAAA"}, m.seen["after"]...)...)
	case "slug":
		return pick(m, fmt.Sprintf("site-%d", m.IntN(8)), fmt.Sprintf("topic-%d", m.IntN(8)))
	case "name":
		return pick(m, "Nordlicht", "Ключ", "日本", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "a'b\"c\\d", "")
	case "any", "and", "not":
		return pick(m, "lamp", "#lamp", "lamp post", "ça", "日本語", "𝕬", "   ", "a")
	case "Idempotency-Key":
		return fmt.Sprint("k", m.IntN(20))
	}
	return pick(m, "", "x", "a text", "Grüße 👋", strings.Repeat("y", 60))
}

// nasty is what no schema asks for.
func (m *maker) nasty() any {
	return pick[any](m,
		nil, true, -1.0, 0.0, 1.5, 1e18, -1e18, raw("1e400"), raw("-1e308"), raw("9223372036854775808"), raw("-9223372036854775809"), raw("1e-400"), raw("-0"),
		"", " ", "\u202e", "null", "NaN", "-1", "9e99", strings.Repeat("a", 3000), strings.Repeat("é", 600), raw(`"\ud800"`), raw(`"\u0000"`), raw("\"\xff\xfe\""),
		"0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "-0001-01-01T00:00:00Z", "294277-01-01T00:00:00Z", "2026-09-14T14:10:00+14:00", "1969-12-31T23:59:00Z", "1000-01-01T00:00:00Z",
		"'; DROP TABLE sites; --", "../../etc/passwd", "%00", "${jndi:ldap://x}", "total", "all", "-", "_", ".", "..",
		[]any{}, map[string]any{}, []any{nil}, map[string]any{"a": 1.0}, []any{[]any{[]any{}}},
	)
}

// spoil changes one place of a value.
func (m *maker) spoil(v any) any {
	switch x := v.(type) {
	case map[string]any:
		names := sorted(x)
		if len(names) == 0 || m.IntN(8) == 0 {
			x[pick(m, "colour", "__proto__", "", "slug\n", "id")] = m.nasty()
			return x
		}
		at := names[m.IntN(len(names))]
		switch m.IntN(5) {
		case 0:
			delete(x, at)
		case 1, 2:
			x[at] = m.nasty()
		default:
			x[at] = m.spoil(x[at])
		}
		return x
	case []any:
		if len(x) > 0 && m.IntN(3) > 0 {
			i := m.IntN(len(x))
			x[i] = m.spoil(x[i])
			return x
		}
		if len(x) > 0 && m.IntN(3) == 0 {
			return append(x, x[0])
		}
	}
	return m.nasty()
}

// body makes a request body: of the schema, spoilt in one place, or broken as text.
func (m *maker) body(s schema) []byte {
	v := m.value(s, "", 0)
	how := m.IntN(10)
	if m.mild {
		how = 0
	}
	if how >= 5 && how < 9 {
		v = m.spoil(v)
	}
	b, err := json.Marshal(v)
	if err != nil { // raw texts are no JSON to encoding/json: it refuses them, so they are put in as they are
		b = plainJSON(v)
	}
	if how == 9 && len(b) > 0 {
		switch at := m.IntN(len(b)); m.IntN(4) {
		case 0:
			b = b[:at]
		case 1:
			b[at] ^= byte(1 << m.IntN(8))
		case 2:
			b = append(b, b...)
		default:
			b = append([]byte(strings.Repeat("[", 12)), b...)
		}
	}
	return b
}

// plainJSON writes a value with raw texts as they are.
func plainJSON(v any) []byte {
	switch x := v.(type) {
	case raw:
		return []byte(x)
	case map[string]any:
		out := []byte{'{'}
		for i, k := range sorted(x) {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(append(out, plainJSON(k)...), ':'), plainJSON(x[k])...)
		}
		return append(out, '}')
	case []any:
		out := []byte{'['}
		for i, e := range x {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, plainJSON(e)...)
		}
		return append(out, ']')
	}
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}
