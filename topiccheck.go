package surgecast

import (
	"fmt"
	"strings"
)

// Bounds of a topic's terms.
const (
	MaxTerms      = 64  // of a topic, Any, And and Not together
	MaxTermLength = 140 // characters
)

// Default fills what a new topic left open: its name, and its name as the only term.
func (t *Topic) Default() {
	if t.Name == "" {
		t.Name = t.Slug
	}
	if len(t.Any) == 0 {
		t.Any = []string{t.Name}
	}
	if t.Revision == 0 {
		t.Revision = 1
	}
}

// Check returns the first thing wrong with a topic as a FieldError.
func (t *Topic) Check() error {
	if !ValidSlug(t.Slug) {
		return &FieldError{Field: "topic", Value: t.Slug, Detail: "is not a slug", Remedy: "Use 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit."}
	}
	if n := len(t.Any) + len(t.And) + len(t.Not); n > MaxTerms {
		return &FieldError{Field: "any", Value: fmt.Sprint(n), Detail: "too many terms", Remedy: fmt.Sprintf("A topic has at most %d terms.", MaxTerms)}
	}
	for _, g := range []struct {
		field string
		terms []string
	}{{"any", t.Any}, {"and", t.And}, {"not", t.Not}} {
		for _, s := range g.terms {
			if strings.TrimSpace(s) == "" {
				return &FieldError{Field: g.field, Detail: "an empty term would match everything", Remedy: "Take it out."}
			}
			if len([]rune(s)) > MaxTermLength {
				return &FieldError{Field: g.field, Value: string([]rune(s)[:20]) + "…", Detail: "the term is too long", Remedy: fmt.Sprintf("Use at most %d characters.", MaxTermLength)}
			}
		}
	}
	return nil
}
