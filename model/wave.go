package model

import "math"

// wave follows the last peak of a Topic in constant space: while counts fall, the sums of a straight line through
// log(count − usual) over log(steps since the peak), the line DecayClass fits to a Series' last hour.
//
// A peak is a count of at least three times the usual; a higher one begins a new wave, and so does the next peak after
// counts came back to a quarter above the usual, where the tail is over.
type wave struct {
	peak           float32 // the count; 0: none
	age            int32   // steps since, missing ones too
	over           bool    // the tail has ended
	c, x, y        float32 // points and sums
	xx, xy, yy     float32
	changes, steps float32 // mean absolute one-step change of z over a day, and how many it is of (up to the day)
}

const (
	wavePeak = 1.0986 // log 3
	waveOver = .2231  // log 1.25
	waveAge  = 240    // steps after which a peak is no longer spoken of
)

// pass lets a step go by, counted or not: the tail is followed by the clock, and a peak is not spoken of for ever.
func (w *wave) pass() {
	if w.peak == 0 {
		return
	}
	if w.age++; w.age > waveAge {
		*w = wave{changes: w.changes, steps: w.steps}
	}
}

// step takes in a count y, z = log(1+y), beside the usual one in z. last is z of the step before.
func (w *wave) step(y, z, usual, last, day float64, first bool) {
	w.pass()
	usual = max(usual, 0) // shapes add up to less than nothing where day and week are both quiet: then even 0 would be above
	if !first {
		if float64(w.steps) < day {
			w.steps++
		}
		d := min(math.Abs(z-last), 8*max(float64(w.changes), .3)) // one jump is not what steps are like
		w.changes += float32((d - float64(w.changes)) / float64(w.steps))
	}
	above := z - usual
	switch {
	case above >= wavePeak && (float32(y) >= w.peak || w.over):
		*w = wave{peak: float32(y), changes: w.changes, steps: w.steps}
	case w.peak == 0 || w.over:
	case above <= waveOver:
		w.over = true
	default:
		lx, ly := float32(math.Log(float64(w.age))), float32(math.Log(y-math.Expm1(usual)))
		w.c++
		w.x, w.y = w.x+lx, w.y+ly
		w.xx, w.xy, w.yy = w.xx+lx*lx, w.xy+lx*ly, w.yy+ly*ly
	}
}

// Doubling is the time in which the topic's count doubles now, in minutes, as Series.Doubling tells it; ok is false when
// no growth can be told from noise.
func (t *Topic) Doubling() (minutes float64, ok bool) {
	g, k := t.grid.gain[1], t.grid.gain[2]
	if float64(t.n) < 4/k {
		return 0, false
	}
	slope, ok := growth(float64(t.s[1]), float64(t.s[2]), g, k, 1.25*float64(t.wave.changes)/math.Sqrt2)
	if !ok {
		return 0, false
	}
	return math.Ln2 / slope * float64(t.grid.step) / 60, true
}

// DecayClass is how the topic's counts fell after their last peak, as Series.DecayClass tells it.
func (t *Topic) DecayClass() (class Decay, slope float64) {
	w := &t.wave
	return decayOf(float64(w.c), float64(w.x), float64(w.y), float64(w.xx), float64(w.xy), float64(w.yy))
}
