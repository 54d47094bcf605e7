package ingest

import (
	"testing"

	"pgregory.net/rapid"
)

// recent against a list of all that was noted: the ten minutes that end with the present one.
//
// Fails when: windowMinutes is 9 in count only, or a minute that comes late is noted in the newest one.
func TestRecentCountsTenMinutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r recent
		type noted struct{ key, minute int64 }
		var all []noted
		minute := rapid.Int64Range(29_000_000, 29_000_100).Draw(t, "minute")
		for range rapid.IntRange(1, 300).Draw(t, "notes") {
			minute += rapid.SampledFrom([]int64{0, 0, 0, 0, 1, 1, 2, 7, -1, -3}).Draw(t, "step")
			key := rapid.Int64Range(1, 5).Draw(t, "key")
			want := map[int64]int{}
			for _, n := range all {
				if n.key == key && n.minute <= minute && n.minute > minute-windowMinutes {
					want[n.minute]++
				}
			}
			sum := 0
			for _, n := range want {
				sum += min(n, 15)
			}
			newest := minute
			for _, n := range all {
				if n.key == key {
					newest = max(newest, n.minute)
				}
			}
			got := r.count(uint64(key), minute)
			late := newest > minute // what has left the window of a newer minute is forgotten
			if !late && got != sum || late && got > sum {
				t.Fatalf("key %d at minute %d was noted %d times before, want %d of %v", key, minute, got, sum, all)
			}
			all = append(all, noted{key, minute})
		}
	})
}

// A flood of keys takes a bounded memory, and what is over makes room.
//
// Fails when: grow doubles without regard to recentMost.
func TestRecentIsBounded(t *testing.T) {
	var r recent
	for k := range uint64(2_000_000) {
		r.count(mix(k+1), 100)
	}
	if len(r.slots) != recentMost || r.refused == 0 {
		t.Errorf("%d slots, %d refused; want %d and some", len(r.slots), r.refused, recentMost)
	}
	if n := r.count(mix(1), 100); n != 1 {
		t.Errorf("the first key was noted %d times before, want 1", n)
	}
	r.count(12345, 100+windowMinutes)
	if r.n != 1 {
		t.Errorf("%d keys ten minutes later, want the new one only", r.n)
	}
}

// An id is known for a minute at least, and as long as a million others are younger.
//
// Fails when: add looks at the younger table only.
func TestSeenKnowsTheLastMillion(t *testing.T) {
	var s seen
	at := int64(1e15)
	for n := range uint64(3 << 20) {
		if s.add(mix(n+1), at) {
			t.Fatalf("id %d is new and was said to be known", n)
		}
		if n >= seenMost && n%1000 == 0 && !s.elder.has(mix(n+2-seenMost)) && !s.young.has(mix(n+2-seenMost)) {
			t.Fatalf("the id a million before id %d is forgotten", n)
		}
	}
	if n := len(s.young.slots) + len(s.elder.slots); n > 4*seenMost {
		t.Errorf("%d slots, want at most %d", n, 4*seenMost)
	}
	s.add(7, at)
	if !s.add(7, at+59e6) {
		t.Error("an id of a minute ago is new")
	}
	if s.add(8, at+61e6); !s.add(7, at+119e6) {
		t.Error("an id of less than two minutes ago is new")
	}
}

// Fails when: fingerprint takes digits or addresses for words.
func TestFingerprintOfNearCopies(t *testing.T) {
	same := []string{
		"Buy tickets for the harbour show now", "buy TICKETS for the harbour show now!!! 🎉", "Buy 2 tickets for the harbour show now https://a.example/x1",
		"@somebody buy tickets for the harbour show now www.example.org/77", "Buy tickets\nfor the harbour show, now 12345",
	}
	for _, s := range same {
		if fingerprint([]byte(s)) != fingerprint([]byte(same[0])) {
			t.Errorf("%q is not taken for a copy of %q", s, same[0])
		}
	}
	for _, s := range []string{"Buy tickets for the harbour walk now", "ОЧЕРЕДЬ В МУЗЕЙ, вот карта", "港の博物館は満員ですから"} {
		if f := fingerprint([]byte(s)); f == fingerprint([]byte(same[0])) || f == 0 || f&wordFree != 0 {
			t.Errorf("fingerprint(%q) = %x", s, f)
		}
	}
	for _, s := range []string{"", "lol", "good morning!", "😂😂😂😂😂😂😂😂😂😂", "12345678901234567890123", "https://example.org/a/very/long/address"} {
		if f := fingerprint([]byte(s)); f != 0 {
			t.Errorf("fingerprint(%q) = %x, want none: anybody says that", s, f)
		}
	}
}

// Fails when: Newest believes one event of the year 2096.
func TestNewestIsNotLedAstray(t *testing.T) {
	var n Newest
	now := int64(1_790_000_000_000_000)
	n.Advance(now-3e6, now)
	n.Advance(4e15, now)
	n.Advance(now-2e6, now)
	if n.At() != now-2e6 {
		t.Errorf("At = %d, want %d", n.At(), now-2e6)
	}
	for i := range int64(60) { // a machine whose clock is an hour behind
		n.Advance(now+3600e6+i, now)
	}
	if n.At() != now+3600e6+59 {
		t.Errorf("At = %d: a feed that is ahead of our clock was never believed", n.At())
	}
}

func FuzzPosition(f *testing.F) {
	p, _ := position{N: 3, Place: `{"host":"a"}`, Newest: 1e15, Since: 1e15 - 1e7}.encode()
	f.Add(p)
	f.Add("")
	f.Add(`{"v":1,"n":3,"place":"","t":1000000000000000,"x":999999990000000,"close":0,"ids":"AQAAAAAAAAACAAAAAAAAAA"}`)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := decodePosition(s)
		if err != nil || s == "" {
			return
		}
		again, err := p.encode()
		if err != nil {
			t.Fatal(err)
		}
		q, err := decodePosition(again)
		if err != nil || q.Place != p.Place && len(p.Place) > 0 && !invalid(p.Place) || q.Newest != p.Newest {
			t.Errorf("%q became %q, %v", s, again, err)
		}
	})
}

func invalid(s string) bool {
	for _, r := range s {
		if r == '\ufffd' {
			return true
		}
	}
	return false
}
