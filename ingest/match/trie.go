package match

import "math/bits"

// trie is a trie over tokens in one open-addressed table keyed by (node, token), with linear probing. Node 0
// is the root.
type trie struct {
	slots []slot
	nodes uint32 // how many there are
	used  int

	// first has a bit for (the low bits of) every token some term begins with. It is small enough to stay in
	// the nearest cache and answers for almost every word of a post.
	first []uint64
}

type slot struct {
	token uint64
	node  uint32
	child uint32 // 0: the slot is free
}

func (t *trie) init(expect int) {
	t.nodes = 1
	t.slots = make([]slot, 1<<bits.Len(uint(2*max(expect, 8))))
}

// at is where the search for (node, token) begins. Tokens are hashes already; the node is spread by an odd
// constant so that the children of one token under many nodes do not queue up.
func (t *trie) at(node uint32, token uint64) uint64 {
	return (token ^ uint64(node)*0x9e3779b97f4a7c15) & uint64(len(t.slots)-1)
}

// child of a node under a token, 0 when there is none.
func (t *trie) child(node uint32, token uint64) uint32 {
	for i := t.at(node, token); ; i = (i + 1) & uint64(len(t.slots)-1) {
		s := &t.slots[i]
		if s.child == 0 || (s.token == token && s.node == node) {
			return s.child
		}
	}
}

// begins says whether a term may begin with token: false is certain.
func (t *trie) begins(token uint64) bool {
	return t.first[token>>6&uint64(len(t.first)-1)]&(1<<(token&63)) != 0
}

// insert adds a row of tokens and returns the node it ends in.
func (t *trie) insert(row []uint64) uint32 {
	var at uint32
	for _, token := range row {
		next := t.child(at, token)
		if next == 0 {
			if 2*(t.used+1) > len(t.slots) {
				t.grow()
			}
			next = t.nodes
			t.nodes++
			t.put(slot{token, at, next})
		}
		at = next
	}
	return at
}

func (t *trie) put(s slot) {
	i := t.at(s.node, s.token)
	for t.slots[i].child != 0 {
		i = (i + 1) & uint64(len(t.slots)-1)
	}
	t.slots[i] = s
	t.used++
}

func (t *trie) grow() {
	old := t.slots
	t.slots, t.used = make([]slot, 2*len(old)), 0
	for _, s := range old {
		if s.child != 0 {
			t.put(s)
		}
	}
}

// index fills first, sixteen bits for each first token.
func (t *trie) index() {
	roots := 0
	for _, s := range t.slots {
		if s.child != 0 && s.node == 0 {
			roots++
		}
	}
	t.first = make([]uint64, 1<<bits.Len(uint(max(roots, 64)*16/64)))
	for _, s := range t.slots {
		if s.child != 0 && s.node == 0 {
			t.first[s.token>>6&uint64(len(t.first)-1)] |= 1 << (s.token & 63)
		}
	}
}
