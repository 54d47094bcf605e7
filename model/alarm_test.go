package model

import (
	"bytes"
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
