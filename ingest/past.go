package ingest

import (
	"time"

	"surgecast"
	"surgecast/ingest/match"
)

// remember keeps a post's tokens for topics to come, and beside them its fingerprint and what it was.
func (t *tally) remember(p *Post, words uint64, what trait) {
	if t.ring == nil {
		return
	}
	if t.recall == 0 {
		t.recall = p.Time
	}
	flags := words | uint64(what) // its low bits are free
	t.ring.Add(match.Remembered{Time: p.Time, Source: t.source.ID, Author: p.Author, ID: p.ID, Flags: flags, Tokens: t.scratch.Tokens()})
}

// newTerms are topics that wait to be taken into use.
type newTerms struct {
	all []match.Topic
	set *match.Set
}

// take brings new terms into use; all is what set was built from. Topics among them that were not counted so far
// get the past that is remembered, up to this moment, and are counted from it on. While the stream reads again
// what it counted before, they wait: what it passes over then would be lost to them.
func (t *tally) take(all []match.Topic, set *match.Set) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var made, old []match.Topic
	for _, topic := range all {
		if t.known[topic.ID] {
			old = append(old, topic)
		} else {
			made = append(made, topic)
		}
	}
	t.later = nil
	switch {
	case len(made) == 0:
		t.topics = set
	case t.reread != nil:
		t.later = &newTerms{all, set}
		t.topics, _ = match.Build(old) // whoever built set has said what is wrong with a term
	case t.recall == 0: // nothing was read yet: they have no past, and what comes is counted
		t.topics = set
		for _, topic := range made {
			t.known[topic.ID] = true
			t.unplaced = append(t.unplaced, topic.ID)
		}
		t.placeTopics()
	default:
		t.begin(made, set)
	}
}

// placeTopics says from when on topics are counted that were there before anything was read.
func (t *tally) placeTopics() {
	if t.closing.IsZero() {
		return
	}
	for _, id := range t.unplaced {
		t.begun = append(t.begun, t.beginning(id, t.closing))
	}
	t.unplaced = nil
}

// beginning is a topic that is counted from since on, and how far back it is to be read.
func (t *tally) beginning(id int64, since time.Time) surgecast.TopicPast {
	p := surgecast.TopicPast{TopicID: id, Since: since}
	if back := ceilMinute(t.clock().UTC().Add(-t.pastSpan)); t.pastSpan > 0 && back.Before(since) {
		p.BackTo = back
		t.pastsMade++
	}
	return p
}

// slackMicros is how far out of order a feed's events are stamped, at most.
const slackMicros = 2e6

// begin counts topics made meanwhile from the memory of the stream, and from now on. The feed waits, half a
// second at most.
func (t *tally) begin(made []match.Topic, set *match.Set) {
	t.topics = set
	terms, _ := match.Build(made)
	start := t.recall + slackMicros
	if oldest, ok := t.ring.Oldest(); ok {
		start = max(start, oldest.UnixMicro())
	}
	from := ceilMinute(time.UnixMicro(start).UTC())
	type bucket struct{ topic, minute int64 }
	rows := map[bucket]*surgecast.MentionMinute{}
	spoke := map[bucket]*authors{}
	var scratch match.Scratch
	// Ten minutes before, for the memory of who spoke and what was said.
	t.ring.Each(from.Add(-windowMinutes*time.Minute), func(p *match.Remembered) bool {
		if p.Source != t.source.ID {
			return true
		}
		for _, topic := range terms.MatchHashes(&scratch, p.Tokens) {
			k := bucket{topic, p.Time / 60e6}
			own := t.memory.organic(topic, k.minute, p.Author, p.Flags&^wordFree, trait(p.Flags&wordFree))
			if p.Time < from.UnixMicro() {
				continue
			}
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
			r.Organic += own
			spoke[k].add(p.Author)
		}
		return true
	})
	for k, r := range rows {
		r.Authors = spoke[k].count()
		if k.minute*60 >= t.closing.Unix() {
			t.cell(k.minute, k.topic).published = r.Authors
		}
		t.pastRows = append(t.pastRows, *r)
	}
	for _, topic := range made {
		t.known[topic.ID] = true
		t.begun = append(t.begun, t.beginning(topic.ID, from))
	}
}

func ceilMinute(at time.Time) time.Time {
	if m := at.Truncate(time.Minute); m.Before(at) {
		return m.Add(time.Minute)
	}
	return at
}
