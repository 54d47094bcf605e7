package match_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"surgecast/ingest/match"
)

// slowToken is a word of a text with its other readings, as strings.
type slowToken struct {
	readings []string // the most telling first, the word last; none: a wall
}

// The slow matcher cuts a text with regular expressions and compares strings. It shares nothing with the
// package but the documented rules.
var (
	slowOdd      = strings.NewReplacer("ß", "ss", "’", "'", "™", " ", "²", " ", "\u00ad", "", "\ufe0f", "", "ς", "σ")
	slowAddress  = regexp.MustCompile(`^https?://(?:[!#$%&'()*+,./0-9:;=?@\[\]_a-z~-]|[^\P{L}\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}ー]|\p{M})*`)
	slowTag      = regexp.MustCompile(`^#[\p{L}\p{Nd}_][\p{L}\p{Nd}\p{M}_]*`)
	slowName     = regexp.MustCompile(`^@(?:[^\P{L}\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}\p{Thai}ー]|[\p{Nd}_])(?:[^\P{L}\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}\p{Thai}ー]|[\p{Nd}\p{M}_])*((?:[.@-](?:[^\P{L}\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}\p{Thai}ー]|[\p{Nd}_])(?:[^\P{L}\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}\p{Thai}ー]|[\p{Nd}\p{M}_])*)*)`)
	slowSolo     = regexp.MustCompile(`^[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}ー]`)
	slowHangul   = regexp.MustCompile(`^\p{Hangul}[\p{Hangul}\p{M}]*`)
	slowWord     = regexp.MustCompile(`^(?:[^\P{L}\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}\p{Thai}ー]|[\p{Nd}_])(?:[^\P{L}\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}\p{Thai}ー]|[\p{Nd}\p{M}_])*(?:'(?:[^\P{L}\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}\p{Thai}ー]|[\p{Nd}])(?:[^\P{L}\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}\p{Thai}ー]|[\p{Nd}\p{M}_])*)*`)
	slowSign     = regexp.MustCompile(`^(?:\+\+|\+|#)`)
	slowWordish  = regexp.MustCompile(`^[\p{L}\p{Nd}_]`)
	slowBefore   = regexp.MustCompile(`(?:[^\P{L}\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}ー]|[\p{Nd}\p{M}_])$`)
	slowEmoji    = regexp.MustCompile(`^[🔥👍](?:[🏽]|\x{200d}[🔥👍])*`)
	slowTrailing = ".,;:!?'*_"
)

func slowFold(s string) string {
	s = norm.NFKC.String(slowOdd.Replace(strings.ToLower(s)))
	return slowOdd.Replace(strings.ToLower(s))
}

func slowCut(s string, term bool) (out []slowToken) {
	before := ""
	for s != "" {
		take := func(n int) string { x := s[:n]; before, s = x, s[n:]; return x }
		inWord := slowBefore.MatchString(before)
		if s[0] == '_' {
			take(1)
			continue
		}
		if m := slowAddress.FindString(s); m != "" {
			take(len(m))
			out = append(out, slowToken{}, slowToken{slowURL(strings.TrimRight(m, slowTrailing))}, slowToken{})
			continue
		}
		if m := slowTag.FindString(s); m != "" && !inWord && strings.Trim(m, "#_") != "" {
			take(1)
			inner := slowCut(s, term)
			inner[0].readings = append([]string{m}, inner[0].readings...)
			return append(out, inner...) // the rest was cut with it
		}
		if m := slowName.FindStringSubmatch(s); m != nil && !inWord {
			take(len(m[0]))
			short := m[0]
			if i := strings.IndexAny(short[1:], ".@"); i >= 0 {
				short = short[:i+1]
			}
			if short != m[0] {
				out = append(out, slowToken{[]string{m[0], short}})
			} else {
				out = append(out, slowToken{[]string{short}})
			}
			continue
		}
		if m := slowEmoji.FindString(s); m != "" {
			take(len(m))
			if bare := strings.ReplaceAll(m, "🏽", ""); bare != m {
				out = append(out, slowToken{[]string{m, bare}})
			} else {
				out = append(out, slowToken{[]string{m}})
			}
			continue
		}
		if m := slowSolo.FindString(s); m != "" {
			out = append(out, slowToken{[]string{take(len(m))}})
			continue
		}
		if m := slowHangul.FindString(s); m != "" {
			take(len(m))
			var k slowToken
			ends := regexp.MustCompile(`\p{Hangul}`).FindAllStringIndex(m, -1)
			for n := 2; n <= min(8, len(ends)) && !term; n++ {
				k.readings = append(k.readings, m[:ends[n-1][1]]+"*")
			}
			out = append(out, slowToken{append(k.readings, m)})
			continue
		}
		m := slowWord.FindString(s)
		if m == "" {
			_, n := utf8.DecodeRuneInString(s)
			take(n)
			continue
		}
		take(len(m))
		w := strings.TrimLeft(m, "_")
		w = strings.TrimRight(w, "_")
		if w == "" {
			continue
		}
		parts := strings.Split(w, "'")
		switch {
		case len(parts) > 1 && parts[len(parts)-1] == "t":
			out = append(out, slowToken{[]string{w}})
		case len(parts) > 1:
			best := slices.MaxFunc(parts, func(a, b string) int { return utf8.RuneCountInString(a) - utf8.RuneCountInString(b) })
			out = append(out, slowToken{[]string{w, best}})
		default:
			k := slowToken{[]string{w}}
			if sign := slowSign.FindString(s); sign != "" && !strings.HasSuffix(m, "_") {
				rest := s[len(sign):]
				if !slowWordish.MatchString(rest) && !strings.HasPrefix(rest, sign[:1]) {
					k.readings = []string{w + sign, w}
					take(len(sign))
					before = w
				}
			}
			out = append(out, k)
		}
	}
	return out
}

func slowURL(s string) []string {
	_, s, _ = strings.Cut(s, "://")
	s, _, _ = strings.Cut(s, "#")
	s, query, _ := strings.Cut(s, "?")
	host, path, _ := strings.Cut(s, "/")
	host = host[strings.LastIndex(host, "@")+1:]
	host = strings.TrimPrefix(strings.TrimRight(host, "."), "www.")
	if host == "" || host[0] == '.' {
		return []string{"\x00"}
	}
	path = strings.TrimRight(path, "/")
	out := []string{"url:" + host}
	full := host
	for _, p := range strings.Split(path, "/") {
		if path == "" {
			break
		}
		full += "/" + p
		out = append(out, "url:"+full)
	}
	var kept []string
	for _, p := range strings.Split(query, "&") {
		if p != "" && !strings.HasPrefix(p, "utm_") {
			kept = append(kept, p)
		}
	}
	if len(kept) > 0 {
		out = append(out, "url:"+full+"?"+strings.Join(kept, "&"))
	}
	for labels := strings.Split(host, "."); len(labels) > 2; {
		labels = labels[1:]
		out = append(out, "url:"+strings.Join(labels, "."))
	}
	return out
}

func slowFound(term string, text []slowToken) bool {
	folded := slowFold(term)
	if rest, ok := strings.CutPrefix(folded, "https://"); ok {
		folded = "url:" + rest
		return slices.ContainsFunc(text, func(k slowToken) bool { return slices.Contains(k.readings, folded) })
	}
	prefix := strings.HasSuffix(folded, "*")
	pattern := slowCut(strings.TrimSuffix(folded, "*"), true)
	for i := range text {
		if i+len(pattern) > len(text) {
			break
		}
		all := true
		for j, p := range pattern {
			want := p.readings[0]
			if prefix && j == len(pattern)-1 {
				want += "*"
			}
			all = all && slices.Contains(text[i+j].readings, want)
		}
		if all {
			return true
		}
	}
	return false
}

// The alphabet is small so that terms and texts meet, and holds everything the tokeniser branches on.
var pieces = []string{
	"hp", "HP", "touchpad", "Touchpad", "café", "cafe\u0301", "москва", "МОСКВА", "新型", "型", "コロナ", "スー", "ﾅ", "เทพ", "아이폰", "아이폰을", "을",
	"#", "#hp", "#新型", "#아이폰", "@hp", "@hp.touchpad", "c++", "c#", "+", "don't", "hp's", "l'hp", "’", "straße", "STRASSE", "ΟΔΟΣ", "οδος", "_", "2", "１", "ﬁ", "\u00ad", "™",
	"🔥", "👍", "👍🏽", "🔥\u200d👍", "https://example.com/a/b?x=1&utm_y=2", "https://shop.example.com", "\u0301", "\u0323", ".", "-", "!",
}

// Fails when: joined takes the first part rather than the longest, or walk does not try every reading.
func TestAgreesWithSlowMatcher(t *testing.T) {
	terms := []string{
		"hp", "touchpad", "hp touchpad", "#hp", "hp #hp", "@hp", "@hp.touchpad", "café", "москва", "新型", "型コロナ", "#新型", "コ", "เทพ", "아이폰", "아이폰*", "hp 아이폰*", "아이폰을 hp",
		"c++", "c", "c#", "don't", "hp's", "hp's touchpad", "l'hp", "strasse", "οδός", "ΟΔΟΣ", "2", "fi", "🔥", "👍", "👍🏽", "🔥‍👍", "hp 👍", "https://example.com", "https://example.com/a", "https://example.com/a/b?x=1", "hp hp", "hp hp hp",
		"1 hp", "#hp touchpad", "@hp hp", "c++ hp", "신", "을", "型 2",
	}
	var topics []match.Topic
	for i, term := range terms {
		topics = append(topics, match.Topic{ID: int64(i), Any: []string{term}})
	}
	// And conditions made of pairs of terms.
	for i := range terms {
		topics = append(topics, match.Topic{ID: int64(len(terms) + i), Any: []string{terms[i], terms[(i+7)%len(terms)]}, And: []string{terms[(i+1)%len(terms)], terms[0]}, Not: []string{terms[(i+5)%len(terms)]}})
	}
	set, err := match.Build(topics)
	if err != nil {
		t.Fatal(err)
	}
	var s match.Scratch
	hits := 0
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for _, p := range rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 12).Draw(t, "pieces") {
			b.WriteString(p)
			b.WriteString(rapid.SampledFrom([]string{" ", " ", "", ", "}).Draw(t, "between"))
		}
		text := b.String()
		cut := slowCut(slowFold(text), false)
		var want []int64
		for _, k := range topics {
			found := func(s string) bool { return slowFound(s, cut) }
			if slices.ContainsFunc(k.Any, found) && (k.And == nil || slices.ContainsFunc(k.And, found)) && !slices.ContainsFunc(k.Not, found) {
				want = append(want, k.ID)
			}
		}
		hits += len(want)
		got := slices.Clone(set.Match(&s, []byte(text), nil, nil))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%q: got %v, the slow matcher %v", text, got, want)
		}
	})
	if hits == 0 {
		t.Error("no text matched anything: the comparison compares nothing")
	}
}

// Whatever the bytes: no panic, bounded tokens, and the memory of a post matches as the post did.
func FuzzMatch(f *testing.F) {
	for _, c := range golden {
		f.Add([]byte(c.text), c.term)
	}
	f.Add([]byte("\xff\xfe#\xc3@\xe2\x80 https://\xff/\x80?"), "#\xff")
	f.Add([]byte("'__'_'a'"), "_")
	fixed, err := match.Build([]match.Topic{{ID: 1, Any: []string{"hp touchpad", "#x y", "c++ z"}}})
	if err != nil {
		f.Fatal(err)
	}
	var s match.Scratch
	f.Fuzz(func(t *testing.T, text []byte, term string) {
		before := bytes.Clone(text)
		own, err := match.Build([]match.Topic{{ID: 1, Any: []string{term}}})
		for _, set := range []*match.Set{fixed, own} {
			ids := slices.Clone(set.Match(&s, text, [][]byte{text}, [][]byte{text}))
			if len(ids) > 1 || !slices.Equal(ids, set.MatchHashes(&s, s.Tokens())) {
				t.Fatalf("%q: %v, remembered otherwise", text, ids)
			}
			if most := 3 * (16*len(text) + 32); len(s.Tokens()) > most {
				t.Fatalf("%d bytes gave %d tokens", len(text), len(s.Tokens()))
			}
		}
		if !bytes.Equal(before, text) {
			t.Fatal("the post was written to")
		}
		// A term stands in itself, when it can stand anywhere.
		if err == nil && !strings.HasSuffix(strings.TrimSpace(term), "*") && !strings.Contains(term, ":") && utf8.ValidString(term) && len(own.Match(&s, []byte(term), nil, nil)) != 1 && !strings.ContainsAny(term, "/\u200d") {
			t.Fatalf("%q is not found in itself", term)
		}
	})
}
