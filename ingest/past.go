package ingest

import (
	"time"

	"surgecast"
	"surgecast/ingest/match"
)

// past is what the memory of a stream says of a topic that was made meanwhile.
type past struct {
	topic int64
	since time.Time // its minutes are whole from here on
	rows  []surgecast.MentionMinute
}

// What is remembered of a post beside its tokens: the upper bits of its fingerprint, and what it was.
const (
	flagRepost uint64 = 1 << iota
	flagBot
)

// remember keeps a post's tokens for topics to come.
func (t *tally) remember(p *Post, words uint64) {
	if t.ring == nil {
		return
	}
	if t.recall == 0 {
		t.recall = p.Time
	}
	flags := words // its low bits are free
	if p.Kind == Repost {
		flags |= flagRepost
	}
	if p.Bot {
		flags |= flagBot
	}
	t.ring.Add(match.Remembered{Time: p.Time, Source: t.source.ID, Author: p.Author, ID: p.ID, Flags: flags, Tokens: t.scratch.Tokens()})
}

// swap brings new terms into use. made are the topics among them that did not exist before: they get the past
// that is remembered, up to this moment, and are counted from it on. The feed waits meanwhile, half a second at
// most.
func (t *tally) swap(set, made *match.Set, ids []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.topics = set
	if made == nil || t.ring == nil || t.recall == 0 || t.closing.IsZero() {
		return
	}
	from := time.UnixMicro(t.recall).UTC()
	if oldest, ok := t.ring.Oldest(); ok && oldest.After(from) {
		from = oldest
	}
	if m := from.Truncate(time.Minute); m.Before(from) {
		from = m.Add(time.Minute)
	}
	type bucket struct{ topic, minute int64 }
	rows := map[bucket]*surgecast.MentionMinute{}
	spoke := map[bucket]*authors{}
	var scratch match.Scratch
	t.ring.Each(from, func(p *match.Remembered) bool {
		if p.Source != t.source.ID {
			return true
		}
		for _, topic := range made.MatchHashes(&scratch, p.Tokens) {
			k := bucket{topic, p.Time / 60e6}
			r := rows[k]
			if r == nil {
				r = &surgecast.MentionMinute{TopicID: topic, SourceID: t.source.ID, Minute: time.Unix(k.minute*60, 0).UTC()}
				rows[k] = r
				if k.minute*60 >= t.closing.Unix() { // it goes on
					spoke[k] = &t.cell(k.minute, topic).authors
				} else {
					spoke[k] = &authors{}
				}
			}
			r.Raw++
			if t.organic(topic, k.minute, p.Author, p.Flags&^wordFree, p.Flags&flagRepost != 0, p.Flags&flagBot != 0) {
				r.Organic++
			}
			spoke[k].add(p.Author)
		}
		return true
	})
	byTopic := map[int64][]surgecast.MentionMinute{}
	for k, r := range rows {
		r.Authors = spoke[k].count()
		if k.minute*60 >= t.closing.Unix() {
			t.cell(k.minute, k.topic).published = r.Authors
		}
		byTopic[k.topic] = append(byTopic[k.topic], *r)
	}
	for _, id := range ids {
		t.pasts = append(t.pasts, past{id, from, byTopic[id]})
	}
}
