package match

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// fold appends the folded form of src to dst: lower case, NFKC, the invisible taken out. Bytes that are not
// UTF-8 become spaces. spare is a second buffer, returned to be used again.
func (t *tables) fold(it *norm.Iter, dst, spare, src []byte) (folded, again []byte) {
	i := 0
	for i < len(src) && src[i] < utf8.RuneSelf {
		i++
	}
	dst = appendLower(dst, src[:i])
	if i == len(src) {
		return dst, spare
	}
	start := len(dst)
	dst, suspect := t.lowerRunes(dst, src[i:])
	if !suspect || norm.NFKC.QuickSpan(dst[start:]) == len(dst)-start {
		return dst, spare
	}
	// The last ASCII letter may take the first mark (e + ́), so everything is normalised again.
	start -= i
	// An Iter kept by the caller, because Append would allocate one each time.
	spare = spare[:0]
	for it.Init(norm.NFKC, dst[start:]); !it.Done(); {
		spare = append(spare, it.Next()...)
	}
	// NFKC brings back capitals (№ is No) and what was folded away (ẛ̣); twice is enough, it is a projection.
	dst, _ = t.lowerRunes(dst[:start], spare)
	return dst, spare
}

// appendLower appends ASCII in lower case.
func appendLower(dst, src []byte) []byte {
	start := len(dst)
	dst = append(dst, src...)
	for i, c := range dst[start:] {
		if c-'A' < 26 {
			dst[start+i] = c + 'a' - 'A'
		}
	}
	return dst
}

// lowerRunes appends src in lower case and without odd runes; suspect says that NFKC may change the result.
func (t *tables) lowerRunes(dst, src []byte) (lowered []byte, suspect bool) {
	inEmoji := false // a joiner is kept after an emoji and nowhere else
	for i := 0; i < len(src); {
		c := src[i]
		if c < utf8.RuneSelf {
			if c-'A' < 26 {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			inEmoji = false
			continue
		}
		r, n := utf8.DecodeRune(src[i:])
		i += n
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, ' ')
			inEmoji = false
			continue
		}
		if r >= 0x10000 {
			k := beyond(r)
			suspect = suspect || k&unsafeRune != 0
			if k&classMask == joiner && !inEmoji {
				continue
			}
			inEmoji = k&classMask == emoji || k&classMask == skin || k&classMask == joiner
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
			continue
		}
		k := t.class[r]
		switch {
		case k&odd != 0:
			s, _ := replacement(r)
			dst = append(dst, s...)
			inEmoji = inEmoji && s == ""
			continue
		case k == joiner:
			if inEmoji {
				dst = append(dst, src[i-n:i]...)
			}
			continue
		}
		suspect = suspect || k&unsafeRune != 0
		inEmoji = k&classMask == emoji
		dst = utf8.AppendRune(dst, rune(t.lower[r]))
	}
	return dst, suspect
}
