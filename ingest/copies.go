package ingest

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// fingerprint hashes what is left of a text without addresses, mentions, digits, emoji, punctuation, spaces
// and case: near copies, which campaigns make by changing just these, have the same. Under 20 bytes of
// letters people say the same by themselves ("good morning"), so there is none: 0.
func fingerprint(text []byte) uint64 {
	const (
		offset = 14695981039346656037 // FNV-1a, 64 bits
		prime  = 1099511628211
		least  = 20
	)
	h, n := uint64(offset), 0
	word := true // at the beginning of a word
	for i := 0; i < len(text); {
		c := text[i]
		if word && (c == '@' || c == 'h' || c == 'H' || c == 'w' || c == 'W') {
			if c == '@' || isAddress(text[i:]) {
				for i < len(text) && text[i] > ' ' {
					i++
				}
				continue
			}
		}
		if c < utf8.RuneSelf {
			i++
			lower := c | 0x20
			if lower < 'a' || lower > 'z' {
				word = c <= ' ' || c == '('
				continue
			}
			word = false
			h = (h ^ uint64(lower)) * prime
			n++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		i += size
		word = false
		if !unicode.IsLetter(r) {
			continue
		}
		for x := uint32(unicode.ToLower(r)); x != 0; x >>= 8 {
			h = (h ^ uint64(x&0xff)) * prime
		}
		n += size
	}
	if n < least {
		return 0
	}
	if h = mix(h) &^ wordFree; h == 0 {
		h = wordFree + 1
	}
	return h
}

// wordFree are the bits of a fingerprint that are always zero, for whoever keeps it beside something else.
const wordFree = 0xff

func isAddress(b []byte) bool {
	for _, p := range [...]string{"http://", "https://", "www."} {
		if len(b) > len(p) && bytes.EqualFold(b[:len(p)], []byte(p)) {
			return true
		}
	}
	return false
}
