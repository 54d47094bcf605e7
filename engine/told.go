package engine

import (
	"time"

	"surgecast"
	"surgecast/capacity"
)

// told is what receivers of recommendation.changed were told last. /scale follows every minute; a receiver
// that acts on each message should not be told six, five, six, five units. So a rise is told at once, and a
// fall only after less has sufficed for fallHolds: what it is told is then the most that was needed
// meanwhile. It errs towards more units, never towards fewer.
type told struct {
	Mode surgecast.Mode `json:"mode,omitempty"` // the site's, when something was told or could have been; empty: in shadow

	Units    int       `json:"units"`    // told: what /scale answers
	WouldBe  int       `json:"would_be"` // … and what it would answer
	Sequence int64     `json:"sequence"`
	At       time.Time `json:"at"`        // zero: nothing yet
	LowSince time.Time `json:"low_since"` // since when less suffices; zero: it does not
	Need     int       `json:"need"`      // the most that was needed since
}

const (
	// fallHolds is as long as an answer may be repeated: a receiver that believes the message before does
	// nothing it was not told.
	fallHolds = validFor
	// tolerance is what an autoscaler ignores, and people who are only advised need not hear either.
	tolerance = .1
)

// next decides whether a recommendation is told, with how many units, and under which sequence: one that rises
// with every other number. busy says that an alert is on: then what stands is told again before it expires, under
// the sequence it had, for a receiver that was away.
//
// A change between act and advise is told too: what units means to a receiver depends on it.
func (w told) next(rec surgecast.Recommendation, mode surgecast.Mode, now time.Time, busy bool) (after told, tell bool) {
	turned := w.turned(mode)
	w.Mode = mode
	value, last, slack := rec.Units, w.Units, 0.
	if mode != surgecast.ModeAct {
		value, last, slack = rec.WouldBeUnits, w.WouldBe, tolerance*float64(w.WouldBe)
	}
	say := func(v int) (told, bool) {
		n := told{Mode: mode, Units: rec.Units, WouldBe: rec.WouldBeUnits, Sequence: max(rec.Sequence, w.Sequence+1), At: now}
		if mode == surgecast.ModeAct {
			n.Units, n.WouldBe = v, max(v, rec.WouldBeUnits)
		} else {
			n.WouldBe = v
		}
		if v > value { // the next fall counts from here
			n.LowSince, n.Need = now, value
		}
		return n, true
	}
	person := rec.Reason == capacity.ReasonOverride || rec.Reason == capacity.ReasonFrozen
	switch {
	case turned, w.At.IsZero(), float64(value-last) > slack, person && value != last, mode != surgecast.ModeAct && rec.Units != w.Units:
		return say(value)
	case value >= last || float64(last-value) <= slack:
		w.LowSince, w.Need = time.Time{}, 0
	case w.LowSince.IsZero():
		w.LowSince, w.Need = now, value
	default:
		w.Need = max(w.Need, value)
		if now.Sub(w.LowSince) >= fallHolds {
			return say(w.Need)
		}
	}
	if busy && mode == surgecast.ModeAct && now.Sub(w.At) >= validFor {
		w.At = now
		return w, true
	}
	return w, false
}

// turned reports whether the mode is another than the last time, and neither was shadow.
func (w told) turned(mode surgecast.Mode) bool { return w.Mode != "" && w.Mode != mode }
