package match

import (
	"errors"
	"fmt"
)

// Set is a built set of topics. It never changes and may be used by any number of goroutines, each with a
// Scratch of its own.
type Set struct {
	trie   trie
	nodes  []node
	posts  []posting // by node: whose terms end there
	topics []masks
}

// node of the trie: posts[first:first+n] end here; more says that some term goes on.
type node struct {
	first, n uint32
	more     bool
}

// posting says: the term with this bit of this topic was found.
type posting struct {
	topic uint32
	bit   uint32
}

// masks of a topic over its terms.
type masks struct {
	id            int64
	any, and, not uint64
}

// Build makes a Set of topics. A topic that cannot be matched is left out and named in the error, which
// joins one surgecast.FieldError for each; the Set of all others is returned beside it and may be used.
func Build(topics []Topic) (*Set, error) {
	set := &Set{topics: make([]masks, 0, len(topics))}
	c := new(compiler)
	type end struct {
		node uint32
		posting
	}
	var ends []end
	var errs []error
	seen := make(map[int64]bool, len(topics))
	set.trie.init(2 * len(topics))
	for _, t := range topics {
		k, err := c.topic(t)
		if err == nil && seen[t.ID] {
			err = errors.New("is there twice")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("topic %d: %w", t.ID, err))
			continue
		}
		seen[t.ID] = true
		index := uint32(len(set.topics))
		set.topics = append(set.topics, masks{t.ID, k.any, k.and, k.not})
		for bit, m := range k.terms {
			for _, row := range m.rows {
				if len(row) > 0 {
					ends = append(ends, end{set.trie.insert(row), posting{index, uint32(bit)}})
				}
			}
		}
	}
	set.trie.index()

	// Lay the postings of each node side by side: count, add up, place.
	set.nodes = make([]node, set.trie.nodes)
	for _, s := range set.trie.slots {
		if s.child != 0 {
			set.nodes[s.node].more = true
		}
	}
	for _, e := range ends {
		set.nodes[e.node].n++
	}
	var total uint32
	for i := range set.nodes {
		set.nodes[i].first = total
		total += set.nodes[i].n
		set.nodes[i].n = 0
	}
	set.posts = make([]posting, total)
	for _, e := range ends {
		n := &set.nodes[e.node]
		set.posts[n.first+n.n] = e.posting
		n.n++
	}
	return set, errors.Join(errs...)
}

// Len is the number of topics.
func (set *Set) Len() int { return len(set.topics) }

// Bytes is the memory the set holds.
func (set *Set) Bytes() int {
	return len(set.trie.slots)*16 + len(set.trie.first)*8 + len(set.nodes)*12 + len(set.posts)*8 + len(set.topics)*32
}
