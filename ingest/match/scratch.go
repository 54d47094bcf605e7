package match

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of what is read of one post. Nothing is refused: the rest is left unread, so that a post of any
// length costs a bounded time and a bounded memory.
const (
	MaxText  = 64 << 10 // bytes of text
	MaxParts = 64       // tags, and as many links
	MaxLink  = 2 << 10  // bytes of one tag or link
)

// Scratch is the memory one goroutine matches with. The zero value is ready; after the first posts nothing
// is allocated any more. It must not be used by two goroutines at once.
type Scratch struct {
	runes  *tables
	folded []byte
	spare  []byte
	iter   norm.Iter
	piece  []byte // an address being put together, an emoji without its skin tone

	tokens []uint64
	term   bool // a term is being read: no prefixes

	hits    []uint64 // by topic: the terms found
	touched []uint32 // topics with a hit
	ids     []int64
}

// Tokens returns the token hashes of the post last read, valid until the next: the words of the text in
// order, then tags and links, each set off by Break. The same post has the same tokens in every process.
func (s *Scratch) Tokens() []uint64 { return s.tokens }

// Tokenise reads a post without matching it; Tokens has the result.
func (s *Scratch) Tokenise(text []byte, tags, links [][]byte) {
	if s.runes == nil {
		s.runes = runes()
	}
	s.tokens = s.tokens[:0]
	s.read(cut(text, MaxText))
	for i, tag := range tags {
		if i == MaxParts {
			break
		}
		for len(tag) > 0 && tag[0] == '#' {
			tag = tag[1:]
		}
		s.tokens = append(s.tokens, Break)
		s.folded = append(s.folded[:0], '#')
		s.folded, s.spare = s.runes.fold(&s.iter, s.folded, s.spare, cut(tag, MaxLink))
		s.split(s.folded)
	}
	for i, link := range links {
		if i == MaxParts {
			break
		}
		s.tokens = append(s.tokens, Break)
		s.folded, s.spare = s.runes.fold(&s.iter, s.folded[:0], s.spare, cut(link, MaxLink))
		s.address(s.folded)
	}
}

// read folds a text and appends its tokens.
func (s *Scratch) read(text []byte) {
	s.folded, s.spare = s.runes.fold(&s.iter, s.folded[:0], s.spare, text)
	s.split(s.folded)
}

// cut returns at most n bytes of b, whole runes.
func cut(b []byte, n int) []byte {
	if len(b) <= n {
		return b
	}
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			return b[:i]
		}
	}
	return b[:n]
}
