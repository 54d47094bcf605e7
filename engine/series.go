package engine

import (
	"fmt"

	"surgecast/model"
)

// Runner steps one model through a timed series. Time between two values is filled with missing steps,
// so the model is never told that silence is zero, and never has to know about gaps.
type Runner struct {
	Model *model.Driven
	Heard func(unixSeconds int64) []float64 // what was said in a step, one entry a driver; nil: nothing is counted
	step  int64                             // seconds
	last  int64                             // start of the last step given, Unix seconds
	begun bool
}

// longestGap bounds the missing steps filled in at once: beyond it the model has nothing left to forget
// step by step, and a wrong date must not keep a processor busy for a year of minutes.
const longestGap = 100_000

// NewRunner returns a runner over m, whose steps are stepSeconds long.
func NewRunner(m *model.Driven, stepSeconds int) *Runner {
	return &Runner{Model: m, step: int64(stepSeconds)}
}

// Origin is the start of the last step given, and false before the first.
func (r *Runner) Origin() (unixSeconds int64, ok bool) { return r.last, r.begun }

// Feed gives the step that starts at unixSeconds. Values need not lie on an aligned clock: whatever is
// nearest to a whole number of steps after the last one is that step; one that comes sooner than half a
// step (a collector that restarted and counts from a new second) is the next step all the same. Going back
// in time is an error.
func (r *Runner) Feed(unixSeconds int64, o model.Obs) error {
	if !r.begun {
		r.begun = true
		r.last = unixSeconds
		r.give(unixSeconds, o)
		return nil
	}
	gap := unixSeconds - r.last
	n := (gap + r.step/2) / r.step
	if gap <= 0 {
		return fmt.Errorf("step at %d: not after the last one at %d", unixSeconds, r.last)
	}
	if n > longestGap {
		r.last = unixSeconds - longestGap*r.step
		n = longestGap
	}
	for k := int64(1); k < n; k++ {
		r.give(unixSeconds-(n-k)*r.step, model.Obs{Missing: true})
	}
	r.give(unixSeconds, o)
	r.last = unixSeconds
	return nil
}

// Advance fills missing steps up to and including the one at unixSeconds.
func (r *Runner) Advance(unixSeconds int64) {
	for n := 0; r.begun && r.last+r.step <= unixSeconds && n < longestGap; n++ {
		r.last += r.step
		r.give(r.last, model.Obs{Missing: true})
	}
}

func (r *Runner) give(unixSeconds int64, o model.Obs) {
	var said []float64
	if r.Heard != nil {
		said = r.Heard(unixSeconds)
	}
	r.Model.Step(unixSeconds, o, said)
}
