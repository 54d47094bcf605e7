package ingest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"surgecast"
	"surgecast/ingest/match"
)

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func testTally(t testing.TB, now *time.Time) *tally {
	t.Helper()
	topics := []match.Topic{{ID: 1, Any: []string{"boat"}}, {ID: 2, Any: []string{"harbour"}, Not: []string{"boat"}}}
	set, err := match.Build(topics)
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return *now }
	ta := newTally(surgecast.Source{ID: 7, Mode: surgecast.Increments}, clock, newMeter(clock))
	ta.ring = match.NewRing(0)
	for _, topic := range topics {
		ta.known[topic.ID] = true
	}
	ta.take(topics, set)
	return ta
}

// post n of a feed: one a tenth of a second, by one of 90 accounts, on one of two topics or none.
func testPost(n int) Post {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	at := t0.UnixMicro() + int64(n)*100_000
	if n%11 == 7 {
		at -= 200_001
	}
	text := [...]string{"a boat in the sound", "the harbour is full, says somebody", "nothing at all"}[r.IntN(3)]
	return Post{Time: at, Created: at - 1e6, Author: mix(uint64(r.IntN(90) + 1)), ID: mix(uint64(n) + 1e6), Text: fmt.Appendf(nil, "%s %c%c%c%c%c%c", text, 'a'+n%23, 'a'+n/7%19, 'b'+n/31%17, 'c'+n%5, 'a'+n/3%13, 'd'+n/2%7)}
}

// sums adds up what was committed.
type sums map[string][4]float64

func (s sums) add(rows []surgecast.MentionMinute) {
	for _, r := range rows {
		k := fmt.Sprintf("%d %s", r.TopicID, r.Minute.Format(time.TimeOnly))
		v := s[k]
		s[k] = [4]float64{v[0] + r.Raw, v[1] + r.Organic, v[2] + r.Authors, v[3] + r.Reach}
	}
}

// lateEvents are what a store keeps of counted events.
type lateEvents []surgecast.CountedEvents

func (l lateEvents) commit(b *batch) lateEvents {
	if b.keep > 0 {
		l = slices.DeleteFunc(l, func(c surgecast.CountedEvents) bool { return c.Newest.UnixMicro() < b.keep })
	}
	if len(b.counted) > 0 {
		l = append(l, surgecast.CountedEvents{Newest: time.UnixMicro(b.countedNewest), IDs: b.counted})
	}
	return l
}

// A stream that dies at any moment and is read again from ten minutes before its place counts raw, organic
// and authors as one that lived through.
//
// Fails when: rereading does not add authors, or marks their cell as not written yet.
func TestPromise1ARestartChangesNoSeries(t *testing.T) {
	const posts = 9000 // fifteen minutes
	now := t0.Add(time.Hour)
	through, broken := sums{}, sums{}
	ta := testTally(t, &now)
	pos := position{}
	for n := range posts {
		p := testPost(n)
		ta.Posts(t.Context(), []Post{p}, fmt.Sprint(n))
		if n%10 == 9 {
			b := ta.collect(pos)
			through.add(b.rows)
			pos = b.next
		}
	}
	through.add(ta.collect(pos).rows)

	chance := rand.New(rand.NewPCG(5, 6))
	pos = position{}
	var lately lateEvents
	lives := 0
	for next := 0; next < posts; {
		lives++
		ta := testTally(t, &now)
		text, err := pos.encode()
		if err != nil {
			t.Fatal(err)
		}
		from, err := decodePosition(text)
		if err != nil {
			t.Fatal(err)
		}
		if lives == 1 {
			from = position{}
		}
		ta.resume(from, lately, nil, nil, lives > 1)
		dies := next + 1 + chance.IntN(400)
		begin := max(0, next-6000) // ten minutes
		for n := begin; n < min(posts, dies); n++ {
			p := testPost(n)
			ta.Posts(t.Context(), []Post{p}, fmt.Sprint(n))
			if n%10 == 9 || n == posts-1 {
				b := ta.collect(pos)
				broken.add(b.rows)
				lately = lately.commit(&b)
				if pos = b.next; n+1 > next {
					next = n + 1
				}
			}
		}
	}
	if lives < 20 {
		t.Fatalf("only %d lives", lives)
	}
	for k, v := range through {
		if broken[k] != v {
			t.Errorf("%s: raw, organic, authors, reach = %v in %d lives, %v in one", k, broken[k], lives, v)
		}
	}
	if len(through) != 30 || len(broken) != 30 { // two topics, fifteen minutes
		t.Errorf("%d and %d buckets, want 30", len(through), len(broken))
	}
}
