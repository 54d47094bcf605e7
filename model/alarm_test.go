package model

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// Two weeks of Poisson minutes hardly alarm; thirty times the usual does at once, and its afterglow does
// not repeat the alarm.
//
// Fails when the envelope is not raised by what was emitted.
func TestAlarmFiresOnceForABurst(t *testing.T) {
	r := rand.New(rand.NewPCG(71, 72))
	a := NewAlarm(60)
	quiet := 0
	for range 14 * 1440 {
		if s, emit := a.Step(poisson(r, 4)); emit && s > 5 {
			quiet++
		}
	}
	if quiet > 2 {
		t.Errorf("%d strong alarms in two quiet weeks", quiet)
	}
	s, emit := a.Step(120)
	if !emit || s < 3 {
		t.Fatalf("120 after a mean of 4: severity %.1f, emitted %t", s, emit)
	}
	again := 0
	for range 60 {
		if _, emit := a.Step(100); emit {
			again++
		}
	}
	if again > 0 {
		t.Errorf("%d more alarms while it went on a little lower", again)
	}
	blob, _ := a.MarshalBinary()
	var b Alarm
	if err := b.UnmarshalBinary(blob); err != nil || b != *a {
		t.Errorf("restored alarm differs: %v", err)
	}
	blob[30] ^= 1
	if err := b.UnmarshalBinary(blob); err == nil {
		t.Error("a damaged alarm was restored")
	}
	after, _ := a.MarshalBinary()
	restored, _ := b.MarshalBinary()
	if !bytes.Equal(after, restored) {
		t.Error("a refused snapshot changed the alarm")
	}
}

// The first surge of a topic is heard once its first counts are in: of a thousand a minute fourfold after 6 hours, which is
// as good as any (severity 2.5 is from where talk opens an episode); by the hour after two days; and a second one a
// fifth as high as the peak a topic began with. Before that, and of counts that only go on, nothing is.
//
// Fails when: the level starts at 0 (1,000 an hour), the envelope is raised from the first count on (1,000 a minute with
// 20,000 among its first), or the level follows the quantile from the first count on (born with a peak).
func TestAlarmHearsAFirstSurge(t *testing.T) {
	fades := func(k int) float64 { return 5 + 1000/float64(k+1) }
	for _, c := range []struct {
		name         string
		step, at     int
		mean         func(k int) float64
		surge, least float64
	}{
		{"1,000 a minute", 60, 360, func(int) float64 { return 1000 }, 4000, 2.5},
		{"1,000 a minute, one of its first 20,000", 60, 360, func(k int) float64 {
			if k == 100 {
				return 20_000
			}
			return 1000
		}, 4000, 2.5},
		{"1,000 an hour", 3600, 48, func(int) float64 { return 1000 }, 4000, 2.5},
		{"born with a peak", 60, 360, fades, 200, 2.5},
		{"born with a peak, the next day", 60, 1440, fades, 200, 2.5},
	} {
		for seed := range uint64(10) {
			r := rand.New(rand.NewPCG(73, seed))
			a := NewAlarm(c.step)
			for k := range c.at {
				if s, emit := a.Step(poisson(r, c.mean(k))); emit && (s >= c.least || a.n <= a.warm) {
					t.Errorf("%s: severity %.1f emitted at step %d, where nothing happened", c.name, s, k)
				}
			}
			heard, top := false, math.Inf(-1)
			for range 5 {
				s, emit := a.Step(poisson(r, c.surge))
				heard = heard || emit && s >= c.least
				top = max(top, s)
			}
			if !heard {
				t.Errorf("%s: a first surge of %g was not heard, severity %.1f", c.name, c.surge, top)
			}
		}
	}
}
