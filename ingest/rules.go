package ingest

// Rules of counting, version 1 (FEEDS 7). raw is every post that matches; organic leaves out reposts,
// declared bots, the fourth and later posts of an author on a topic within ten minutes, and near copies of
// what was said within ten minutes; authors is who made raw. A post whose author's clock differs from the
// server's by more than five minutes (an import, a bridge, a resynchronised repository) is in none of them
// and is counted as dropped.
const (
	rulesVersion   = 1
	postsAnAuthor  = 3
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

// organic says whether a post counts as somebody's own words, and remembers it for those that follow.
func (m *memory) organic(topic, minute int64, author, words uint64, repost, bot bool) bool {
	if repost {
		return false
	}
	own := !bot
	if author != 0 && m.byWhom.count(mix(author)^mix(uint64(topic)), minute) >= postsAnAuthor {
		own = false
	}
	if words != 0 && m.said.count(words^mix(^uint64(topic)), minute) > 0 {
		own = false
	}
	return own
}
