package review

import (
	"math"
	"slices"
	"time"

	"surgecast"
)

// A rule answers at the end of every minute how many units it wants from now on. past[len(past)-1] is the
// minute that has just ended, past[0] the oldest known; NaN is a missing minute. It is handed nothing later,
// so it cannot know the future. hold means: as before.
type rule interface {
	name() string
	ask(past []float64, serving, wanted int) int
}

const hold = -1

// unitsFor is how many units carry so many requests a minute.
func unitsFor(demandRPM float64, p surgecast.CapacityProfile) int {
	if math.IsNaN(demandRPM) || !p.Known() {
		return hold
	}
	n, _ := p.UnitsFor(demandRPM)
	return n
}

// reactive is the autoscaler everybody has: when demand passes 70 % of what the units now serving carry,
// ask for what 1.5 × the highest minute of the last 15 needs. It goes down by the same sum, once demand is
// back under 70 %, so the 15 minutes are also its time to settle (MODEL 2.4: "reactive, 1.5 × max of last
// 15 min").
type reactive struct {
	capacity surgecast.CapacityProfile
	sustain  int
}

const (
	reactiveTrigger = .7
	reactiveFactor  = 1.5
	reactiveWindow  = 15 // minutes
)

func (reactive) name() string { return "reactive" }

func (r reactive) ask(past []float64, serving, wanted int) int {
	now := mean(last(past, r.sustain))
	need := unitsFor(reactiveFactor*highest(last(past, reactiveWindow)), r.capacity)
	switch {
	case math.IsNaN(now) || need == hold:
		return hold
	case now > reactiveTrigger*r.capacity.Serves(serving):
		return max(need, wanted)
	default:
		return min(need, wanted)
	}
}

// lastDay expects yesterday again: 1.3 × the highest minute of the same stretch of yesterday, from the next
// minute to the end of the hour that a unit ordered now will serve (MODEL 2.4: "yesterday's same hour × 1.3").
type lastDay struct {
	capacity surgecast.CapacityProfile
	lead     int // minutes
}

const (
	lastDayFactor = 1.3
	lastDayWindow = 60 // minutes beyond the lead time
)

func (lastDay) name() string { return "last day" }

func (r lastDay) ask(past []float64, _, _ int) int {
	from := len(past) - minutesPerDay // the next minute, a day earlier
	if from < 0 {
		return hold
	}
	to := min(len(past), from+r.lead+lastDayWindow)
	return unitsFor(lastDayFactor*highest(past[from:to]), r.capacity)
}

// static is a person who sizes the site once a day, at midnight UTC, for all but one minute in a thousand of
// what has been seen so far (MODEL 2.4: "static, 99.9 % quantile so far").
type static struct {
	capacity surgecast.CapacityProfile
	start    time.Time // of past[0]

	sorted []float64 // what has been seen, rising
	seen   int       // how much of past is in sorted
	units  int
}

const staticQuantile = .999

func (*static) name() string { return "static 99.9 %" }

func (r *static) ask(past []float64, _, _ int) int {
	next := r.start.Add(time.Duration(len(past)) * time.Minute)
	if r.seen > 0 && next.Sub(next.Truncate(24*time.Hour)) != 0 {
		return r.units
	}
	for _, x := range past[r.seen:] {
		if !math.IsNaN(x) {
			r.sorted = append(r.sorted, x)
		}
	}
	r.seen = len(past)
	slices.Sort(r.sorted)
	if len(r.sorted) == 0 {
		r.units = hold
		return hold
	}
	// The smallest value with at least 99.9 % of the others at or below it.
	k := int(math.Ceil(staticQuantile*float64(len(r.sorted)))) - 1
	r.units = unitsFor(r.sorted[k], r.capacity)
	return r.units
}

// configured leaves the units as they are: the site without anybody watching.
type configured struct{ units int }

func (configured) name() string { return "as configured" }

func (r configured) ask([]float64, int, int) int { return r.units }

// ledger is our own recommendation as it stands in the ledger: what /scale would have answered in mode act.
// asks is by position in the series; hold where no row was issued, as an autoscaler that gets no answer keeps
// what it has.
type ledger struct{ asks map[int]int }

func (ledger) name() string { return Ours }

func (r ledger) ask(past []float64, _, _ int) int {
	if u, ok := r.asks[len(past)-1]; ok {
		return u
	}
	return hold
}

// rivals are the rules ours is laid beside, with the same lead time and the same caps.
func rivals(p surgecast.CapacityProfile, start time.Time) []rule {
	return []rule{
		reactive{capacity: p, sustain: max(1, p.SustainMinutes)},
		lastDay{capacity: p, lead: newFleet(p).lead},
		&static{capacity: p, start: start},
		configured{units: p.Units},
	}
}

// last is the newest n of past, or all when there are fewer.
func last(past []float64, n int) []float64 { return past[max(0, len(past)-n):] }

// highest is the largest known value, NaN when none is known.
func highest(xs []float64) float64 {
	m := math.NaN()
	for _, x := range xs {
		if !math.IsNaN(x) && !(x <= m) { // true as well while m is NaN
			m = x
		}
	}
	return m
}

// mean is the mean of the known values, NaN when none is known.
func mean(xs []float64) float64 {
	var sum, n float64
	for _, x := range xs {
		if !math.IsNaN(x) {
			sum += x
			n++
		}
	}
	return sum / n // 0/0 is NaN
}
