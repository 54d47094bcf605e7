package x

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"surgecast"
)

// Query writes a topic's terms in X's language: any of Any, any of And, none of Not, no retweets. Retweets
// are left out by name because X itself left them out of keyword counts on 4 May 2026: said here, the
// definition is ours. It fails with a FieldError when the query is longer than most characters.
func Query(t surgecast.Topic, most int) (string, error) {
	var parts []string
	for _, group := range [][]string{t.Any, t.And} {
		var terms []string
		for _, s := range group {
			terms = append(terms, term(s)...)
		}
		switch len(terms) {
		case 0:
		case 1:
			parts = append(parts, terms[0])
		default:
			parts = append(parts, "("+strings.Join(terms, " OR ")+")")
		}
	}
	if len(parts) == 0 {
		return "", &surgecast.FieldError{Field: "any", Value: t.Slug, Detail: "the topic has no term X could be asked for", Remedy: "Give it a word or phrase with letters or digits."}
	}
	for _, s := range t.Not {
		for _, s := range term(s) {
			parts = append(parts, "-"+s)
		}
	}
	q := strings.Join(append(parts, "-is:retweet"), " ")
	if n := utf8.RuneCountInString(q); n > most {
		return "", &surgecast.FieldError{
			Field: "any", Value: t.Slug, Detail: fmt.Sprintf("its terms make a query of %d characters, and X takes %d", n, most),
			Remedy: "Use fewer or shorter terms, or split the topic in two.",
		}
	}
	return q, nil
}

// term writes one term so that X reads it as words and never as one of its operators: a term like
// from:someone or OR is a text to look for. Nothing escapes a quotation mark in X's language, so those
// become spaces. What may be an address is looked for in texts and in links: X shortens every link, so the
// text alone does not show it.
func term(s string) []string {
	s = strings.Map(func(r rune) rune {
		if r == '"' || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r > 0x2000 }) {
		return nil // punctuation alone is a syntax error there
	}
	for _, linksOnly := range []string{"url:", "https://", "http://"} {
		if host, ok := strings.CutPrefix(s, linksOnly); ok && host != "" && !strings.Contains(host, " ") {
			return []string{`url:"` + host + `"`}
		}
	}
	if domain(s) {
		return []string{`"` + s + `"`, `url:"` + s + `"`}
	}
	if bare(s) {
		return []string{s}
	}
	return []string{`"` + s + `"`}
}

// bare reports whether X reads a term without quotation marks as itself: one word, hashtag, cashtag or
// mention, but none of the words it takes for operators.
func bare(s string) bool {
	switch s {
	case "OR", "AND", "NOT":
		return false
	}
	word := s
	if strings.ContainsRune("#$@", rune(s[0])) {
		word = s[1:]
	}
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
}

// domain recognises shop.example or shop.example/sale: one word with a dot between letters and a name of
// two letters or more at the host's end.
func domain(s string) bool {
	host, _, _ := strings.Cut(s, "/")
	i := strings.LastIndexByte(host, '.')
	if i < 1 || strings.ContainsFunc(host, func(r rune) bool { return r != '.' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		return false
	}
	top := host[i+1:]
	return len(top) >= 2 && !strings.ContainsFunc(top, func(r rune) bool { return !unicode.IsLetter(r) }) && !strings.ContainsAny(s, " ")
}
