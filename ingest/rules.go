package ingest

import (
	"bytes"
	"math"
	"slices"

	"surgecast"
)

// Rules of counting, version 2. raw is every post that matches; organic leaves out reposts, declared bots, the
// fourth and later posts of an author on a topic within ten minutes, and near copies of what was said within ten
// minutes, and takes a post with six hashtags or more, k of them, for a k-th of one; authors is who made raw. A post
// whose author's clock differs from the server's by more than five minutes (an import, a bridge, a resynchronised
// repository) is in none of them and is counted as dropped. Version 1 did not look at hashtags.
const (
	rulesVersion   = 2
	postsAnAuthor  = 3
	stuffedFrom    = 6
	maxSkewMicros  = 5 * 60e6
	maxAheadMicros = 5 * 60e6
	maxAgeMicros   = 8 * 24 * 3600e6 // no feed goes back further than a week
)

// skewed says whether the author's clock is too far from the server's.
func skewed(p *Post) bool {
	return p.Created != 0 && (p.Created-p.Time > maxSkewMicros || p.Time-p.Created > maxSkewMicros)
}

// memory is who spoke and what was said within ten minutes.
type memory struct {
	byWhom recent // author on topic
	said   recent // words on topic
}

// trait is what a post is, apart from its words, as far as the rules care: few enough bits to be remembered.
type trait uint8

const (
	traitRepost trait = 1 << iota
	traitBot
	traitTags // times the number of hashtags, at most maxTags
)

const (
	maxTags     = 63   // what is left of eight bits
	weightParts = 4096 // weights are whole parts of this, so that a sum does not depend on the order
)

// traitsOf looks at a post. The categories of a newspaper are no hashtags.
func traitsOf(p *Post, kind surgecast.SourceKind) trait {
	t := trait(0)
	if p.Kind == Repost {
		t |= traitRepost
	}
	if p.Bot {
		t |= traitBot
	}
	if len(p.Tags) < stuffedFrom || kind == surgecast.SourceNews {
		return t
	}
	n := 0
	for i, tag := range p.Tags {
		if n == maxTags {
			break
		}
		if !slices.ContainsFunc(p.Tags[:i], func(b []byte) bool { return bytes.EqualFold(b, tag) }) {
			n++
		}
	}
	return t | trait(n)*traitTags
}

// organic is how much of somebody's own words a post is, 0 to 1, and remembers it for those that follow.
func (m *memory) organic(topic, minute int64, author, words uint64, t trait) float64 {
	if t&traitRepost != 0 {
		return 0
	}
	own := t&traitBot == 0
	if author != 0 && m.byWhom.count(mix(author)^mix(uint64(topic)), minute) >= postsAnAuthor {
		own = false
	}
	if words != 0 && m.said.count(words^mix(^uint64(topic)), minute) > 0 {
		own = false
	}
	switch tags := t / traitTags; {
	case !own:
		return 0
	case tags >= stuffedFrom:
		return math.Round(weightParts/float64(tags)) / weightParts
	}
	return 1
}
