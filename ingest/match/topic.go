package match

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"surgecast"
)

// Topic is what a Set looks for: a post that has any of Any, any of And (when there are some) and none of
// Not. All three together hold at most surgecast.MaxTerms terms.
type Topic struct {
	ID            int64
	Any, And, Not []string
}

// Check returns the first term that could never be found, or what else is wrong, as a surgecast.FieldError.
func Check(t Topic) error {
	_, err := new(compiler).topic(t)
	return err
}

// compiler turns terms into rows of tokens.
type compiler struct{ scratch Scratch }

// term is one term of a topic: the rows of tokens it is found by, any of them.
type term struct {
	rows [2][]uint64 // the second may be empty
}

// compiled is a topic with its terms in the order of their bits.
type compiled struct {
	terms         []term
	any, and, not uint64
}

func (c *compiler) topic(t Topic) (compiled, error) {
	var out compiled
	if n := len(t.Any) + len(t.And) + len(t.Not); n > surgecast.MaxTerms {
		return out, &surgecast.FieldError{Field: "any", Value: fmt.Sprint(n), Detail: "too many terms", Remedy: fmt.Sprintf("A topic has at most %d terms.", surgecast.MaxTerms)}
	}
	if len(t.Any) == 0 {
		return out, &surgecast.FieldError{Field: "any", Detail: "there is no term to look for", Remedy: "Give at least one."}
	}
	for _, g := range []struct {
		field string
		terms []string
		mask  *uint64
	}{{"any", t.Any, &out.any}, {"and", t.And, &out.and}, {"not", t.Not, &out.not}} {
		for _, text := range g.terms {
			k, err := c.term(g.field, text)
			if err != nil {
				return out, err
			}
			*g.mask |= 1 << len(out.terms)
			out.terms = append(out.terms, k)
		}
	}
	return out, nil
}

func (c *compiler) term(field, text string) (term, error) {
	fault := func(detail, remedy string) (term, error) {
		return term{}, &surgecast.FieldError{Field: field, Value: shorten(text), Detail: detail, Remedy: remedy}
	}
	s := &c.scratch
	if s.runes == nil {
		s.runes = runes()
	}
	s.term = true
	if len(text) > surgecast.MaxTermLength*utf8.UTFMax {
		return fault("the term is too long", fmt.Sprintf("Use at most %d characters.", surgecast.MaxTermLength))
	}
	folded, spare := s.runes.fold(&s.iter, nil, s.spare, []byte(text))
	s.spare = spare
	folded = bytes.TrimSpace(folded)
	if len(folded) == 0 {
		return fault("an empty term would match everything", "Take it out.")
	}
	if address, links := linksOnly(folded); links {
		normal, hostEnd, _ := appendAddress(nil, address)
		if hostEnd == 0 || bytes.ContainsAny(normal, " \t\n") {
			return fault("is not a web address", "Use a form such as example.com or https://example.com/path.")
		}
		return term{rows: [2][]uint64{{alternativeHash(normal)}}}, nil
	}
	// A * after Hangul ends a prefix; at the end of anything else it promises what is not kept; elsewhere it
	// is punctuation (M*A*S*H).
	var row []uint64
	prefixes := false
	for rest := folded; len(rest) > 0; {
		piece, after, star := bytes.Cut(rest, []byte{'*'})
		rest = after
		s.tokens = s.tokens[:0]
		s.split(piece)
		part, whole := plain(s.tokens)
		if !whole {
			return fault("mixes an address with words", "Give the address as a term of its own.")
		}
		row = append(row, part...)
		if !star {
			continue
		}
		syllables, begin := s.endsKorean(piece)
		if syllables == 0 && len(rest) > 0 {
			continue
		}
		if syllables < minPrefix || syllables > maxPrefix {
			return fault("a * stands only at the end of a Korean word", fmt.Sprintf("Write every form as a term of its own, or give %d to %d syllables before the *.", minPrefix, maxPrefix))
		}
		row[len(row)-1] = prefixHash(piece[begin:])
		prefixes = true
	}
	if len(row) == 0 {
		return fault("has nothing in it that could be found in a post", "Use a word, a phrase, a #tag, a $CASHTAG, an @name, an emoji or an address.")
	}
	out := term{rows: [2][]uint64{row}}
	if !prefixes && looksLikeAddress(folded) {
		normal, _, _ := appendAddress(nil, folded)
		out.rows[1] = []uint64{alternativeHash(normal)}
	}
	return out, nil
}

// endsKorean counts the syllables of Hangul b ends with and says where they begin.
func (s *Scratch) endsKorean(b []byte) (syllables, begin int) {
	begin = len(b)
	for begin > 0 {
		r, n := utf8.DecodeLastRune(b[:begin])
		if s.runes.of(r) != hangul {
			break
		}
		begin -= n
		syllables++
	}
	return syllables, begin
}

// plain is the row of tokens that finds a term: of each word its most telling reading, which stands first.
// whole is false when the term has parts no phrase can span.
func plain(tokens []uint64) (row []uint64, whole bool) {
	for i := 0; i < len(tokens); i++ {
		if tokens[i] == Break {
			return nil, false
		}
		row = append(row, tokens[i])
		for i < len(tokens) && tokens[i]&Alternative != 0 {
			i++
		}
	}
	return row, true
}

// linksOnly takes off what says that a term means links and nothing else.
func linksOnly(b []byte) ([]byte, bool) {
	for _, p := range []string{scheme, "http://", "https://"} {
		if rest, ok := bytes.CutPrefix(b, []byte(p)); ok {
			return rest, true
		}
	}
	return b, false
}

// looksLikeAddress says whether a folded term is a host, perhaps with a path: labels of letters, digits and
// hyphens between dots, the last of at least two letters.
func looksLikeAddress(b []byte) bool {
	if bytes.ContainsAny(b, " \t\n@") {
		return false
	}
	host := b
	if i := bytes.IndexAny(b, "/?"); i >= 0 {
		host = b[:i]
	}
	labels := bytes.Split(host, []byte{'.'})
	if len(labels) < 2 {
		return false
	}
	for _, l := range labels {
		if len(l) == 0 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, c := range l {
			if c < utf8.RuneSelf && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return utf8.RuneCount(last) >= 2 && (last[0] < '0' || last[0] > '9')
}

func shorten(s string) string {
	const most = 40
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "…"
}
