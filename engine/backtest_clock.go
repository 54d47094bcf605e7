package engine

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"surgecast"
	"surgecast/internal/csvfile"
)

// The clock of a series: how long its steps are, and where they stand. Times of real files are off by
// seconds, and a collector that restarts counts from a new second; what lies within a tenth of a step is
// the same step.

const (
	enoughGaps = 10  // distances between values that settle the step
	offOne     = 100 // of so many values one may lie between two steps
)

// nearStep is how far off a step a time may lie.
func nearStep(step int64) int64 { return step / 10 }

// inferStep is the median distance between two values.
func inferStep(ticks []Tick) int64 {
	d := make([]int64, 0, len(ticks)-1)
	for i := 1; i < len(ticks); i++ {
		d = append(d, ticks[i].Unix-ticks[i-1].Unix)
	}
	slices.Sort(d)
	return max(1, d[len(d)/2])
}

// stepUpTo is the step by the values up to the first origin: how far apart later ones lie is not known
// there. When they are too few, by the first eleven of the series.
func (s *timed) stepUpTo(origin int64) int64 {
	n := sort.Search(len(s.ticks), func(i int) bool { return s.ticks[i].Unix > origin })
	return steady(s.ticks[:min(max(n, enoughGaps+1), len(s.ticks))])
}

// steady is the step of values whose times may be some seconds off. Their median distance is off as well, and
// a forecast a day ahead would be stamped by minutes wrong; their mean over many steps is not.
func steady(ticks []Tick) int64 {
	step := inferStep(ticks)
	steps, exact := int64(0), true
	for i := 1; i < len(ticks); i++ {
		gap := ticks[i].Unix - ticks[i-1].Unix
		steps += (gap + step/2) / step
		exact = exact && gap%step == 0
	}
	if exact || steps == 0 {
		return step
	}
	mean := (ticks[len(ticks)-1].Unix - ticks[0].Unix + steps/2) / steps
	if minutes := (mean + 30) / 60 * 60; max(minutes-mean, mean-minutes) <= 1 {
		mean = minutes // what a second in a few steps leaves open
	}
	if max(mean-step, step-mean) > nearStep(step) {
		return step
	}
	return mean
}

// upTo is how many values stand at the step of a moment or before.
func (s *timed) upTo(unix, step int64) int {
	return sort.Search(len(s.ticks), func(i int) bool { return s.ticks[i].Unix > unix+nearStep(step) })
}

// onClock is the step a moment stands for, counted from a value before it or at it; false when it lies
// between two steps.
func onClock(value, step, unix int64) (at int64, ok bool) {
	n := max(0, unix-value+step/2) / step
	at = value + n*step
	return at, max(at-unix, unix-at) <= nearStep(step)
}

// check refuses a series whose step changes, or whose times keep none: its values would be taken for those
// of other steps.
func (s *timed) check(name, path string, step int64, warn func(string, ...any)) error {
	bad := func(i int, detail, remedy string) error {
		return &surgecast.FieldError{
			Field: "timestamp_utc", Line: s.lines[i], Value: clockText(s.ticks[i].Unix),
			Detail: fmt.Sprintf("of series %q %s", csvfile.Shorten(name), detail), Remedy: remedy,
		}
	}
	near := nearStep(step)
	run, before := 0, int64(0)
	for i := 1; i < len(s.ticks); i++ {
		gap := s.ticks[i].Unix - s.ticks[i-1].Unix
		switch {
		case max(gap-step, step-gap) <= near:
			run = 0
		case run > 0 && max(gap-before, before-gap) <= nearStep(gap):
			run++
		default:
			run = 1
		}
		before = gap
		if run == enoughGaps {
			from := i - enoughGaps
			return bad(from, fmt.Sprintf("begins another step: from here on values stand %s apart, the step up to the first origin is %s", length(gap), length(step)),
				"Bring the series to one step, or give each part a name of its own.")
		}
	}
	off, first := 0, 0
	for i := 1; i < len(s.ticks); i++ {
		at, ok := onClock(s.ticks[i-1].Unix, step, s.ticks[i].Unix)
		switch {
		case ok && at == s.ticks[i-1].Unix:
			return bad(i, fmt.Sprintf("is the same step of %s as line %d", length(step), s.lines[i-1]), "Keep one of the two, or their sum.")
		case !ok:
			if off++; off == 1 {
				first = i
			}
		}
	}
	if off > max(2, len(s.ticks)/offOne) {
		return bad(first, fmt.Sprintf("lies between two steps of %s, as do %d of its %d values", length(step), off, len(s.ticks)),
			"Bring the values to steps of one length.")
	}
	if off > 0 {
		warn("values begin a new clock: a time lies between two steps after the value before it", "file", path, "line", s.lines[first], "series", name, "times", off)
	}
	return nil
}

// length is a number of seconds as people write it.
func length(seconds int64) string {
	if days := seconds / 86400; days >= 2 && days < 100_000 {
		if rest := seconds % 86400; rest != 0 {
			return fmt.Sprintf("%d days %s", days, time.Duration(rest)*time.Second)
		}
		return fmt.Sprintf("%d days", days)
	}
	return (time.Duration(seconds) * time.Second).String()
}
