package match

// Match returns the ids of the topics a post speaks of, each once, in no order that means anything. The
// slice is valid until the next call with the same Scratch.
func (set *Set) Match(s *Scratch, text []byte, tags, links [][]byte) []int64 {
	s.Tokenise(text, tags, links)
	return set.MatchHashes(s, s.tokens)
}

// MatchHashes matches a post by the tokens it once had.
func (set *Set) MatchHashes(s *Scratch, tokens []uint64) []int64 {
	if len(s.hits) < len(set.topics) {
		s.hits = make([]uint64, len(set.topics)+len(set.topics)/8)
	}
	for i, token := range tokens {
		if set.trie.begins(token) {
			if n := set.trie.child(0, token); n != 0 {
				set.walk(s, tokens, i, n)
			}
		}
	}
	s.ids = s.ids[:0]
	for _, i := range s.touched {
		h, m := s.hits[i], &set.topics[i]
		s.hits[i] = 0
		if h&m.any != 0 && h&m.not == 0 && (m.and == 0 || h&m.and != 0) {
			s.ids = append(s.ids, m.id)
		}
	}
	s.touched = s.touched[:0]
	return s.ids
}

// walk goes on from node at, which tokens[i] led to. Of a word with several readings every one is tried; each
// leads to a node of its own, so no node is visited twice from the same beginning.
func (set *Set) walk(s *Scratch, tokens []uint64, i int, at uint32) {
	for {
		n := set.nodes[at]
		for _, p := range set.posts[n.first : n.first+n.n] {
			if s.hits[p.topic] == 0 {
				s.touched = append(s.touched, p.topic)
			}
			s.hits[p.topic] |= 1 << p.bit
		}
		if !n.more {
			return
		}
		for i < len(tokens) && tokens[i]&Alternative != 0 { // its word has been read with it
			i++
		}
		if i >= len(tokens) || tokens[i] == Break {
			return
		}
		for i++; i < len(tokens) && tokens[i]&Alternative != 0; i++ {
			if c := set.trie.child(at, tokens[i]); c != 0 {
				set.walk(s, tokens, i, c)
			}
		}
		if i >= len(tokens) || tokens[i] == Break {
			return
		}
		if at = set.trie.child(at, tokens[i]); at == 0 {
			return
		}
	}
}
