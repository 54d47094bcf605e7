package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// problemPage is an error for who asked with a browser: what is wrong, what to do, and the reference that stands in
// the log. It shows nothing else of the service, because anybody may come by.
type problemPage struct {
	Title, Detail, Remedy, Reference string
}

func problemOf(doc []byte) (*problemPage, error) {
	var in struct {
		Title     string `json:"title"`
		Detail    string `json:"detail"`
		Remedy    string `json:"remedy"`
		Reference string `json:"reference"`
	}
	if err := json.Unmarshal(doc, &in); err != nil {
		return nil, fmt.Errorf("reading the problem: %w", err)
	}
	return &problemPage{Title: in.Title, Detail: sentence(in.Detail), Remedy: sentence(in.Remedy), Reference: in.Reference}, nil
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return ""
	}
	first, n := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[n:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
