package risk

import (
	"math"
	"sort"
)

// The risk curve R(h) = P(max over 1..h of Z > C) is known at a few horizons. It is the distribution of
// the time to breach, so between them it is interpolated as one: linearly in h, from R(0) = 0, held at its
// last value beyond the longest horizon. Both ways of reading it (At: chance by h, TimeToBreach: h for a
// chance) are the same line, and a curve that dips is lifted to its running maximum first.

// At is the chance of a breach within minutes of the origin; NaN when the curve is unknown.
func At(horizonMinutes []int, risk []float64, minutes float64) float64 {
	c := monotone(horizonMinutes, risk)
	if len(c) == 0 {
		return math.NaN()
	}
	if minutes <= 0 {
		return 0
	}
	prev := knot{}
	for _, k := range c {
		if minutes <= k.h {
			return prev.p + (k.p-prev.p)*(minutes-prev.h)/(k.h-prev.h)
		}
		prev = k
	}
	return prev.p
}

// TimeToBreach is the smallest h in minutes with R(h) ≥ p on the curve; NaN: never within its horizons.
func TimeToBreach(horizonMinutes []int, risk []float64, p float64) float64 {
	if math.IsNaN(p) {
		return math.NaN()
	}
	prev := knot{}
	for _, k := range monotone(horizonMinutes, risk) {
		if k.p >= p {
			if k.p <= prev.p || p <= prev.p {
				return prev.h
			}
			return prev.h + (k.h-prev.h)*(p-prev.p)/(k.p-prev.p)
		}
		prev = k
	}
	return math.NaN()
}

type knot struct{ h, p float64 }

// monotone is the curve's usable knots: horizons rising, chances within 0…1 and never falling. A NaN is a
// horizon nobody judged and is left out.
func monotone(horizonMinutes []int, risk []float64) []knot {
	n := min(len(horizonMinutes), len(risk))
	c := make([]knot, 0, n)
	for i := range n {
		h, p := float64(horizonMinutes[i]), risk[i]
		if h <= 0 || math.IsNaN(p) {
			continue
		}
		c = append(c, knot{h, min(max(p, 0), 1)})
	}
	sort.SliceStable(c, func(i, j int) bool { return c[i].h < c[j].h })
	for i := 1; i < len(c); i++ {
		c[i].p = max(c[i].p, c[i-1].p)
	}
	return c
}
