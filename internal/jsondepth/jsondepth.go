// Package jsondepth bounds how deep a document from outside may be nested, before it is parsed: parsers go one call
// deeper with every bracket.
package jsondepth

// Of is how deep arrays and objects are nested in JSON or NDJSON text; text that is neither gives some number, and
// fails when it is parsed.
func Of(b []byte) int {
	var deepest, now int
	var quoted, escaped bool
	for _, ch := range b {
		switch {
		case escaped:
			escaped = false
		case quoted && ch == '\\':
			escaped = true
		case ch == '"':
			quoted = !quoted
		case quoted:
		case ch == '{' || ch == '[':
			now++
			deepest = max(deepest, now)
		case ch == '}' || ch == ']':
			now--
		}
	}
	return deepest
}
