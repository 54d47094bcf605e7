package engine

import (
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"

	"surgecast"
	"surgecast/risk"
)

// Talk that comes to five times its four mentions a minute, in the middle of one, is told with the first whole minute
// of it, in 18 of 20 topics at least: the mean of the last minutes has come far enough then in 9 of 40.
//
// Fails when: evidence leaves Count out, or TalkLevel answers the mean alone.
func TestABurstIsToldWithItsMinute(t *testing.T) {
	t.Parallel()
	const days, topics = 2 * 1440, 40
	r := rand.New(rand.NewPCG(5, 50))
	posts := func(rate float64) (n float64) { // of a minute
		for range 1000 {
			if r.Float64()*1000 < rate {
				n++
			}
		}
		return n
	}
	begin := time.Date(2026, 9, 22, 14, 0, 0, 0, time.UTC)
	soon := 0
	for range topics {
		tk := &talk{voices: []voice{newVoice(surgecast.Source{ID: 1, Kind: surgecast.SourcePosts, StepSeconds: 60})}}
		var m risk.Machine
		hear := func(i int, n float64) bool {
			at := begin.Add(time.Duration(i) * time.Minute)
			tk.voices[0].take(surgecast.MentionBucket{Minute: at, Raw: n}, false)
			ev := tk.evidence(at)
			if ev.Count != n {
				t.Fatalf("the evidence counts %g of a minute's %g", ev.Count, n)
			}
			m, _ = risk.NextTalk(m, ev)
			tk.voices[0].severe = 0
			return m.Open
		}
		for i := range days {
			hear(i, float64(bits.OnesCount8(uint8(r.UintN(256)))))
		}
		before := m.Open
		for i, rate := range []float64{12, 20} { // the first from its half on
			if hear(days+i, posts(rate)) && !before {
				soon++
				break
			}
		}
	}
	if soon < topics*18/20 {
		t.Errorf("%d of %d bursts are told with their first whole minute", soon, topics)
	}
}

// A source that is behind counts with its mean.
//
// Fails when: evidence takes what a voice counted for the bucket of another.
func TestALateSourceCountsWithItsMean(t *testing.T) {
	t.Parallel()
	posts := func(id int64) voice {
		return newVoice(surgecast.Source{ID: id, Kind: surgecast.SourcePosts, StepSeconds: 60})
	}
	tk := &talk{voices: []voice{posts(1), posts(2)}}
	at := time.Date(2026, 9, 22, 14, 0, 0, 0, time.UTC)
	for i := range 30 {
		for k := range tk.voices {
			tk.voices[k].take(surgecast.MentionBucket{Minute: at.Add(time.Duration(i) * time.Minute), Raw: 4}, false)
		}
	}
	tk.voices[1].take(surgecast.MentionBucket{Minute: at.Add(30 * time.Minute), Raw: 40}, false)
	tk.voices[0].take(surgecast.MentionBucket{Minute: at.Add(31 * time.Minute), Raw: 7}, false)
	ev := tk.evidence(at.Add(31 * time.Minute))
	if want := 7 + tk.voices[1].level; ev.Count != want || want > 20 {
		t.Errorf("counted %g, want %g", ev.Count, want)
	}
}
