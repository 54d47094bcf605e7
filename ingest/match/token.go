package match

import "github.com/cespare/xxhash/v2"

// A token is a hash of 63 bits. A post is a row of groups, each one or more alternatives followed by the
// word they are another reading of: #iphone is the alternative "#iphone" and then the word "iphone". Break
// stands between parts no phrase may span.
const (
	// Break is the token between text, tags and links. No term contains it.
	Break uint64 = 0
	// Alternative marks a token that is another reading of the word that follows, rather than a word after
	// the one before. Addresses are alternatives without a word: a Break follows.
	Alternative uint64 = 1 << 63
)

func wordHash(b []byte) uint64 {
	if h := xxhash.Sum64(b) &^ Alternative; h != Break {
		return h
	}
	return 1
}

func alternativeHash(b []byte) uint64 { return xxhash.Sum64(b) | Alternative }

// prefixHash is the token of "begins with b". It must differ from alternativeHash of any text, so it is
// scrambled with a constant (the golden ratio) rather than by a letter in the text.
func prefixHash(b []byte) uint64 {
	return ((xxhash.Sum64(b) ^ 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9) | Alternative
}
