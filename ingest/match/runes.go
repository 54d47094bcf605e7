package match

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// class is what the tokeniser makes of a rune.
type class uint8

const (
	separator class = iota
	word            // letters and digits, and _
	mark            // continues a word and never begins one
	solo            // a token of its own
	hangul
	emoji
	skin     // emoji modifier
	regional // two of them are a flag
	joiner   // U+200D, kept only inside emoji
	hash
	at
	cash
	apostrophe
	classMask class = 0x0f

	// unsafe runes may change under NFKC, alone or beside others.
	unsafeRune class = 0x10
	// odd runes are dropped or replaced before anything else.
	odd class = 0x20
)

// tables hold what is asked of every rune, for the basic plane by index. Built once, from the Unicode tables
// of the standard library and of x/text, in a few milliseconds and when first needed.
type tables struct {
	class [0x10000]class
	lower [0x10000]uint16
}

var runes = sync.OnceValue(buildTables)

func buildTables() *tables {
	t := new(tables)
	for r := range rune(len(t.lower)) {
		t.lower[r] = uint16(r)
	}
	fill := func(rt *unicode.RangeTable, c class) {
		for _, g := range rt.R16 {
			for r := uint32(g.Lo); r <= uint32(g.Hi); r += uint32(g.Stride) {
				t.class[r] = c
			}
		}
	}
	fill(unicode.L, word)
	fill(unicode.Nd, word)
	fill(unicode.Nl, word)
	fill(unicode.M, mark)
	for _, rt := range []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar} {
		for _, g := range rt.R16 {
			for r := uint32(g.Lo); r <= uint32(g.Hi); r += uint32(g.Stride) {
				if c := t.class[r]; (c == word || c == mark) && !unicode.Is(unicode.Nd, rune(r)) {
					t.class[r] = solo
				}
			}
		}
	}
	t.class['ー'] = solo // the long-vowel mark belongs to both kana and so to neither table
	for r := 0xAC00; r <= 0xD7A3; r++ {
		t.class[r] = hangul
	}
	for _, g := range [][2]rune{{0x2300, 0x23ff}, {0x2600, 0x27bf}, {0x2b00, 0x2bff}} {
		for r := g[0]; r <= g[1]; r++ {
			if t.class[r] == separator {
				t.class[r] = emoji
			}
		}
	}
	t.class['_'], t.class['#'], t.class['@'], t.class['$'], t.class['\''], t.class[0x200d] = word, hash, at, cash, apostrophe, joiner
	for _, rt := range []*unicode.RangeTable{unicode.Lu, unicode.Lt, unicode.Nl, unicode.So} { // Ⅳ and Ⓐ have case and are no letters
		for _, g := range rt.R16 {
			for r := uint32(g.Lo); r <= uint32(g.Hi); r += uint32(g.Stride) {
				if l := unicode.ToLower(rune(r)); l < 0x10000 {
					t.lower[r] = uint16(l)
				}
			}
		}
	}
	t.lower['ς'] = 'σ'
	for r := rune(utf8.RuneSelf); r < 0x10000; r++ {
		switch {
		case r >= 0x3400 && r <= 0x4dbf, r >= 0x4e00 && r <= 0x9fff, r >= 0xac00 && r <= 0xd7a3, r >= 0xd800 && r <= 0xdfff:
			// Ideographs and syllables stay as they are: half the plane need not be asked.
		case changes(r):
			t.class[r] |= unsafeRune
		}
		if _, replaced := replacement(r); replaced {
			t.class[r] |= odd
		}
	}
	return t
}

// changes says whether NFKC may change r or what stands beside it.
func changes(r rune) bool {
	s := string(r)
	p := norm.NFKC.PropertiesString(s)
	return p.CCC() != 0 || !p.BoundaryBefore() || !norm.NFKC.IsNormalString(s)
}

// replacement is what stands for an odd rune before normalisation: nothing for what cannot be seen, an
// apostrophe for its many shapes, a space for signs that NFKC would glue to the word before them as letters
// (Tesla™ would be teslatm, and a footnote² another word).
func replacement(r rune) (string, bool) {
	switch {
	case r == 'ß' || r == 'ẞ':
		return "ss", true
	case r == 0x2018 || r == 0x2019 || r == 0x201b || r == 0x02bc || r == 0x00b4 || r == 0x02b9 || r == 0xff07:
		return "'", true
	case r == 0x2122 || r == 0x2120 || r == 0xb2 || r == 0xb3 || r == 0xb9 || (r >= 0x2070 && r <= 0x2079):
		return " ", true
	case r == 0x00ad || r == 0x200c || r == 0x2060 || r == 0xfeff || r == 0x034f || r == 0x0640, // soft hyphen, non-joiner, tatweel
		r >= 0xfe00 && r <= 0xfe0f,                                 // variation selectors
		r == 0x200e || r == 0x200f || r == 0x061c,                  // direction marks
		r >= 0x202a && r <= 0x202e || (r >= 0x2066 && r <= 0x2069): // embeddings and isolates
		return "", true
	}
	return "", false
}

// of returns the class of any rune, without its flags.
func (t *tables) of(r rune) class {
	if r < 0x10000 {
		return t.class[r] & classMask
	}
	return beyond(r) & classMask
}

// beyond is the class of a rune outside the basic plane.
func beyond(r rune) class {
	switch {
	case r >= 0x1f1e6 && r <= 0x1f1ff:
		return regional
	case r >= 0x1f3fb && r <= 0x1f3ff:
		return skin
	case r >= 0x1f000 && r <= 0x1f0ff, r >= 0x1f300 && r <= 0x1faff:
		return emoji
	case r >= 0x20000 && r <= 0x2f7ff, r >= 0x30000 && r <= 0x323af:
		return solo
	case r >= 0xe0020 && r <= 0xe007f:
		return joiner // the tags inside the flags of England, Scotland and Wales
	}
	c := separator
	switch {
	case unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han, unicode.Myanmar):
		c = solo
	case unicode.IsLetter(r), unicode.In(r, unicode.Nd, unicode.Nl):
		c = word
	case unicode.IsMark(r):
		c = mark
	case r >= 0x1f100 && r <= 0x1f2ff:
		c = emoji
	}
	if changes(r) {
		c |= unsafeRune
	}
	return c
}
