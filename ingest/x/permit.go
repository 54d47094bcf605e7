package x

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"surgecast"
)

// Permit attaches X to one topic and says what the topic is. X forbids "tracking, alerting, or monitoring
// sensitive events (such as protests, rallies, or community organizing meetings)" (restricted use cases),
// so nothing is asked of X for a topic nobody has put into one of the categories below.
type Permit struct {
	Account  int64 // 0: surgecast.DefaultAccount
	Topic    string
	Category string
}

type permitKey struct {
	account int64
	topic   string
}

func (p Permit) key() permitKey {
	if p.Account == 0 {
		p.Account = surgecast.DefaultAccount
	}
	return permitKey{p.Account, p.Topic}
}

// Categories are what a topic may be to be read from X: goods, shows and pastimes people buy tickets or
// things for. What people believe, vote for, suffer from or gather about is not among them.
var Categories = []string{
	"art", "books", "brand", "entertainment", "event-tickets", "fashion", "film", "food", "games", "hardware",
	"media", "music", "product", "retail", "software", "sports", "technology", "television", "travel",
}

// refusedCategories get an answer that says why.
var refusedCategories = []string{
	"activism", "community-organizing", "crime", "disaster", "election", "elections", "gathering", "health", "labour", "labor",
	"migration", "military", "politics", "protest", "protests", "rally", "religion", "strike", "terror", "war",
}

// sensitive words stand in the terms of topics X may not be asked for, whatever category was declared:
// a declaration alone would be no gate. Whole words, lower case. Words that mainly mean something else
// (march, strike) are left out, phrases with them are not.
var sensitive = []string{
	"protest", "protests", "protester", "protesters", "protesting", "demonstration", "demonstrations", "demonstrators", "riot", "riots", "rioters",
	"uprising", "insurrection", "picket", "picketing", "sit-in", "walkout", "general strike", "protest march", "march for", "strike action", "wildcat strike",
	"political rally", "civil disobedience", "blockade", "community organizing", "community organising", "vigil", "eviction resistance",
	"demo gegen", "kundgebung", "protestmarsch", "streik", "manifestation", "manifestations", "grève", "manif", "protesta", "protestas", "manifestación", "huelga", //nolint:misspell // Spanish
	"protesto", "greve", "sciopero", "протест", "протесты", "митинг", "забастовка", "抗议", "抗議", "示威", "罢工", "罷工", "デモ行進",
}

// rallies are races in one category and gatherings in all others.
var rallies = []string{"rally", "rallies"}

// Check says what is wrong with a permit itself, as a FieldError.
func (p Permit) Check() error {
	const field = "x-topics"
	if !surgecast.ValidSlug(p.Topic) {
		return &surgecast.FieldError{Field: field, Value: p.Topic, Detail: "not the slug of a topic", Remedy: "Write topic=category, for example touchpad=product."}
	}
	switch {
	case slices.Contains(Categories, p.Category):
		return nil
	case p.Category == "":
		return &surgecast.FieldError{Field: field, Value: p.Topic, Detail: "the topic has no category", Remedy: "X may only be asked for topics of a permitted category: write " + p.Topic + "= and one of " + strings.Join(Categories, ", ") + "."}
	case slices.Contains(refusedCategories, p.Category):
		return &surgecast.FieldError{Field: field, Value: p.Topic + "=" + p.Category, Detail: "X forbids the monitoring of sensitive events", Remedy: "Leave X off for this topic; other feeds go on counting it."}
	}
	return &surgecast.FieldError{Field: field, Value: p.Topic + "=" + p.Category, Detail: "not a category", Remedy: "Use one of " + strings.Join(Categories, ", ") + "."}
}

// ParsePermits reads topic=category, as configuration writes it; an account's number may stand in front
// (7/touchpad=product). Whoever may configure the program vouches for the categories.
func ParsePermits(list []string) ([]Permit, error) {
	var out []Permit
	seen := map[permitKey]bool{}
	for _, s := range list {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		p := Permit{Account: surgecast.DefaultAccount}
		if before, after, ok := strings.Cut(s, "/"); ok {
			if _, err := fmt.Sscanf(before, "%d", &p.Account); err != nil || p.Account < 1 || fmt.Sprint(p.Account) != before {
				return nil, &surgecast.FieldError{Field: "x-topics", Value: s, Detail: "not the number of an account before /", Remedy: "Write account/topic=category, or topic=category for account 1."}
			}
			s = after
		}
		p.Topic, p.Category, _ = strings.Cut(s, "=")
		if err := p.Check(); err != nil {
			return nil, err
		}
		if seen[p.key()] {
			return nil, &surgecast.FieldError{Field: "x-topics", Value: p.Topic, Detail: "named twice", Remedy: "Name each topic once."}
		}
		seen[p.key()] = true
		out = append(out, p)
	}
	return out, nil
}

// gate says why X may not be asked for a topic although it is permitted by name; "" lets it through.
func (p Permit) gate(t surgecast.Topic) string {
	if err := p.Check(); err != nil {
		return err.Error()
	}
	words := sensitive
	if p.Category != "sports" && p.Category != "games" {
		words = append(slices.Clone(words), rallies...)
	}
	for _, term := range append(slices.Clone(t.Any), t.And...) {
		if w := wordIn(term, words); w != "" {
			return fmt.Sprintf("topic %s is not asked for: X forbids the monitoring of sensitive events, and one of its terms says %q. Take the term out, or leave X off for this topic", t.Slug, w)
		}
	}
	return ""
}

// wordIn finds a word or phrase between boundaries; scripts written without spaces have none.
func wordIn(text string, words []string) string {
	text = strings.ToLower(text)
	for _, w := range words {
		for from := 0; ; {
			i := strings.Index(text[from:], w)
			if i < 0 {
				break
			}
			i += from
			before, after := lastRune(text[:i]), firstRune(text[i+len(w):])
			if spaceless(firstRune(w)) || !unicode.IsLetter(before) && !unicode.IsLetter(after) {
				return w
			}
			from = i + len(w)
		}
	}
	return ""
}

func spaceless(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) }

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return ' '
}

func lastRune(s string) rune {
	last := ' '
	for _, r := range s {
		last = r
	}
	return last
}
