package engine

import (
	"testing"
	"time"

	"surgecast"
	"surgecast/capacity"
)

// A site whose answer flutters between five and seven units for an hour, a minute each, is told its rise and no
// more; what it was told is never less than the answer, and when four suffice it is told so a quarter of an hour
// later. Fails when: next tells a fall without asking whether it held (fallHolds = 0).
func TestFlutterIsNotTold(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	w := told{Units: 5, WouldBe: 5}
	var said []int
	var sequence int64
	minute := 0
	step := func(units int) {
		sequence++ // /scale's answer changes every minute
		after, tell := w.next(surgecast.Recommendation{Units: units, WouldBeUnits: units, Sequence: sequence}, surgecast.ModeAct, start.Add(time.Duration(minute)*time.Minute), false)
		if tell {
			said = append(said, after.Units)
			if after.Sequence <= w.Sequence {
				t.Errorf("minute %d: sequence %d after %d", minute, after.Sequence, w.Sequence)
			}
		}
		if w = after; w.Units < units {
			t.Errorf("minute %d: told %d, the answer is %d", minute, w.Units, units)
		}
		minute++
	}
	for i := range 60 {
		step([]int{6, 7, 5, 6}[i%4])
	}
	if len(said) != 2 || said[1] != 7 { // six, then seven
		t.Errorf("an hour of flutter was told as %v, want 6, 7", said)
	}
	said = nil
	for range 40 {
		step(4)
	}
	if len(said) == 0 || len(said) > 2 || w.Units != 4 {
		t.Errorf("forty minutes of four units were told as %v", said)
	}
}

// What stands during an alert is told again before it expires, under the same sequence: a receiver that has it drops
// it, one that was away takes it. Fails when: next takes busy for no reason to tell.
func TestAnAlertsUnitsAreToldAgain(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	rec := surgecast.Recommendation{Units: 12, WouldBeUnits: 12, Sequence: 4}
	w, tell := told{Units: 8, WouldBe: 8}.next(rec, surgecast.ModeAct, start, true)
	if !tell || w.Units != 12 || w.Sequence != 4 {
		t.Fatalf("the rise: %v, %+v", tell, w)
	}
	again := 0
	for m := 1; m <= 60; m++ {
		before := w
		if w, tell = w.next(rec, surgecast.ModeAct, start.Add(time.Duration(m)*time.Minute), true); tell {
			again++
			if w.Sequence != before.Sequence || w.Units != 12 {
				t.Errorf("minute %d: told again as %+v", m, w)
			}
		}
	}
	if again != 4 {
		t.Errorf("told again %d times in an hour, want 4", again)
	}
}

// A person's word is told at once, also when it is less; in mode advise a tenth more or less is not worth a message.
// Fails when: next holds an override back like any fall, or slack is 0 in mode advise.
func TestWhatIsToldAtOnceAndWhatIsNot(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	stands := told{Units: 20, WouldBe: 20, Sequence: 7, At: start.Add(-time.Minute)}
	for _, c := range []struct {
		name string
		mode surgecast.Mode
		rec  surgecast.Recommendation
		want bool
	}{
		{"one unit more", surgecast.ModeAct, surgecast.Recommendation{Units: 21, WouldBeUnits: 21, Sequence: 8}, true},
		{"one unit less", surgecast.ModeAct, surgecast.Recommendation{Units: 19, WouldBeUnits: 19, Sequence: 8}, false},
		{"a person's ten", surgecast.ModeAct, surgecast.Recommendation{Units: 10, WouldBeUnits: 19, Sequence: 8, Reason: capacity.ReasonOverride}, true},
		{"only what would be", surgecast.ModeAct, surgecast.Recommendation{Units: 20, WouldBeUnits: 30, Sequence: 8, Reason: capacity.ReasonOverride}, false},
		{"advise, a tenth more", surgecast.ModeAdvise, surgecast.Recommendation{Units: 20, WouldBeUnits: 22, Sequence: 8}, false},
		{"advise, more than that", surgecast.ModeAdvise, surgecast.Recommendation{Units: 20, WouldBeUnits: 23, Sequence: 8}, true},
	} {
		if after, tell := stands.next(c.rec, c.mode, start, false); tell != c.want || tell && after.Sequence != 8 {
			t.Errorf("%s: told %v, %+v", c.name, tell, after)
		}
	}
}
