package match

import (
	"bytes"
	"unicode/utf8"
)

// minPrefix and maxPrefix bound the beginnings of Korean words that become tokens, in syllables.
const (
	minPrefix = 2
	maxPrefix = 8
)

// rune returns the rune at b[i], its class and its length; at the end of b a separator of length 0.
func (s *Scratch) rune(b []byte, i int) (r rune, k class, n int) {
	if i >= len(b) {
		return 0, separator, 0
	}
	if c := b[i]; c < utf8.RuneSelf {
		return rune(c), s.runes.class[c], 1
	}
	r, n = utf8.DecodeRune(b[i:])
	return r, s.runes.of(r), n
}

// begins says whether a rune of class k can begin a word.
func (k class) begins() bool { return k == word || k == hangul || k == solo }

// split appends the tokens of a folded text.
func (s *Scratch) split(b []byte) {
	before := separator // class of the rune before b[i]
	for i := 0; i < len(b); {
		_, k, n := s.rune(b, i)
		inWord := before == word || before == hangul || before == mark
		switch k {
		case word:
			i = s.word(b, i)
			before = word
			continue
		case hangul:
			i = s.korean(b, i)
			before = hangul
			continue
		case solo:
			s.tokens = append(s.tokens, wordHash(b[i:i+n]))
		case emoji, skin, regional:
			i = s.emoji(b, i)
			before = emoji
			continue
		case hash:
			if !inWord {
				s.tag(b, i)
			}
		case at, cash:
			if !inWord {
				if end := s.name(b, i, k); end > i {
					i, before = end, word
					continue
				}
			}
		default: // punctuation, and marks with nothing to stand on
		}
		before = k
		i += n
	}
}

// word appends the word that begins at b[i] and returns where it ends.
func (s *Scratch) word(b []byte, i int) int {
	for i < len(b) && b[i] == '_' { // _emphasis_
		i++
	}
	if _, k, _ := s.rune(b, i); k != word { // nothing stands behind the _, or a stray mark does
		return i
	}
	joined := false
	end := i
	for end < len(b) {
		if c := b[end]; c < utf8.RuneSelf {
			k := s.runes.class[c]
			if k == word {
				end++
				continue
			}
			if k == apostrophe && end > i {
				if _, next, _ := s.rune(b, end+1); next == word && b[end+1] != '_' {
					joined = true
					end++
					continue
				}
			}
			break
		}
		_, k, n := s.rune(b, end)
		if k != word && k != mark {
			break
		}
		end += n
	}
	stop := end
	for stop > i && b[stop-1] == '_' {
		stop--
	}
	if stop <= i {
		return max(end, i)
	}
	w := b[i:stop]
	if joined {
		s.joined(w)
		return end
	}
	if stop == end && end < len(b) {
		switch c := b[end]; {
		case c == ':' && (len(w) == 4 || len(w) == 5) && (string(w) == "http" || string(w) == "https") && bytes.HasPrefix(b[end:], []byte("://")):
			return s.written(b, i, end+3)
		case c == '+' || c == '#':
			return s.plus(b, i, end)
		}
	}
	s.tokens = append(s.tokens, wordHash(w))
	return end
}

// plus appends the word b[i:end], after which a + or # stands: C++, C#, Disney+.
func (s *Scratch) plus(b []byte, i, end int) int {
	sign := end + 1
	if sign < len(b) && b[end] == '+' && b[sign] == '+' {
		sign++
	}
	if _, k, _ := s.rune(b, sign); !k.begins() && (sign == len(b) || b[sign] != b[end]) {
		s.tokens = append(s.tokens, alternativeHash(b[i:sign]), wordHash(b[i:end]))
		return sign
	}
	s.tokens = append(s.tokens, wordHash(b[i:end]))
	return end
}

// joined appends a word with apostrophes in it: whole, and by its longest part, which in most languages
// that join words so is the noun (Apple's, l'Apple, Apple'ın). The n't of a verb leaves no noun.
func (s *Scratch) joined(w []byte) {
	var longest []byte
	most := 0
	rest := w
	for {
		part, after, more := bytes.Cut(rest, []byte{'\''})
		if n := utf8.RuneCount(part); n > most {
			longest, most = part, n
		}
		if !more {
			if string(part) == "t" {
				s.tokens = append(s.tokens, wordHash(w))
				return
			}
			break
		}
		rest = after
	}
	s.tokens = append(s.tokens, alternativeHash(w), wordHash(longest))
}

// korean appends a word in Hangul and its beginnings.
func (s *Scratch) korean(b []byte, i int) int {
	end, syllables := i, 0
	first := len(s.tokens)
	for end < len(b) {
		_, k, n := s.rune(b, end)
		if k != hangul && k != mark {
			break
		}
		end += n
		if k == mark {
			continue
		}
		if syllables++; syllables >= minPrefix && syllables <= maxPrefix && !s.term {
			s.tokens = append(s.tokens, prefixHash(b[i:end]))
		}
	}
	if syllables == 1 {
		s.tokens = s.tokens[:first]
	}
	s.tokens = append(s.tokens, wordHash(b[i:end]))
	return end
}

// tag appends #tag as another reading of the word that follows; its words are read after it as any others.
func (s *Scratch) tag(b []byte, i int) {
	end, visible := i+1, false
	for end < len(b) {
		_, k, n := s.rune(b, end)
		if !k.begins() && (k != mark || end == i+1) {
			break
		}
		visible = visible || (k.begins() && b[end] != '_')
		end += n
	}
	if visible {
		s.tokens = append(s.tokens, alternativeHash(b[i:end]))
	}
}

// name appends @name or $CASH and returns where it ends, or i when none begins there.
func (s *Scratch) name(b []byte, i int, sign class) int {
	_, k, _ := s.rune(b, i+1)
	if k != word || (sign == cash && b[i+1] >= '0' && b[i+1] <= '9') {
		return i
	}
	end, short := i+1, 0
	for end < len(b) {
		r, k, n := s.rune(b, end)
		switch {
		case k == word || k == mark:
		case r == '.' || (sign == at && (r == '-' || r == '@')):
			if _, next, _ := s.rune(b, end+1); next != word {
				n = 0
			} else if short == 0 && r != '-' {
				short = end
			}
		default:
			n = 0
		}
		if n == 0 {
			break
		}
		end += n
	}
	if short > 0 {
		s.tokens = append(s.tokens, alternativeHash(b[i:end]))
		end, short = short, end
		s.tokens = append(s.tokens, wordHash(b[i:end]))
		return short
	}
	s.tokens = append(s.tokens, wordHash(b[i:end]))
	return end
}

// emoji appends the sequence that begins at b[i].
func (s *Scratch) emoji(b []byte, i int) int {
	_, k, n := s.rune(b, i)
	end := i + n
	if k == regional {
		if _, next, m := s.rune(b, end); next == regional {
			end += m
		}
		s.tokens = append(s.tokens, wordHash(b[i:end]))
		return end
	}
	s.piece = append(s.piece[:0], b[i:end]...)
	for end < len(b) {
		r, k, n := s.rune(b, end)
		from := end
		switch {
		case k == skin:
			end += n
			continue // not in the plain form
		case k == joiner && r != 0x200d:
			end += n
		case k == joiner:
			_, next, m := s.rune(b, end+n)
			if next != emoji {
				n = 0
				break
			}
			end += n + m
		default:
			n = 0
		}
		if n == 0 {
			break
		}
		s.piece = append(s.piece, b[from:end]...)
	}
	if len(s.piece) < end-i {
		s.tokens = append(s.tokens, alternativeHash(b[i:end]))
	}
	s.tokens = append(s.tokens, wordHash(s.piece))
	return end
}
