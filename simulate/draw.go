package simulate

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// stream names what a random number is for: two uses never share one.
type stream uint64

const (
	streamTalk stream = iota + 1
	streamOrganic
	streamAuthors
	streamDemand
	streamErrors
	streamWobble
	streamBurst
	streamLead
)

const minutesADay = 24 * 60

// source is the random source of one use at one moment. It depends on nothing but its arguments, so
// minutes may be asked for in any order. at counts moments of a length that divides a day, perDay of them,
// and is taken from the day the world starts on: a seed tells the same story whatever day it is played.
func (w *World) source(slug string, s stream, at, perDay int64, sub uint64) *rand.PCG {
	at -= floorDiv(unixMinute(w.start), minutesADay) * perDay
	h := uint64(14695981039346656037) // FNV-1a over the slug, then mixed with the rest
	for i := range len(slug) {
		h = (h ^ uint64(slug[i])) * 1099511628211
	}
	a := mix(w.seed ^ mix(h^uint64(s)<<32))
	return rand.NewPCG(a, mix(a^uint64(at)^mix(sub)))
}

// mix is the finaliser of SplitMix64: neighbouring inputs give unrelated outputs.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// overdispersed draws a negative binomial count as a Poisson count whose rate is gamma distributed:
// mean μ, variance μ + μ²/size.
func overdispersed(src *rand.PCG, mean, size float64) float64 {
	if mean <= 0 {
		return 0
	}
	rate := distuv.Gamma{Alpha: size, Beta: size / mean, Src: src}.Rand()
	return poisson(src, rate)
}

func poisson(src *rand.PCG, mean float64) float64 {
	if mean <= 0 {
		return 0
	}
	return distuv.Poisson{Lambda: mean, Src: src}.Rand()
}

// binomial draws how many of n a share p is.
func binomial(src *rand.PCG, n, p float64) float64 {
	if n <= 0 {
		return 0
	}
	return distuv.Binomial{N: n, P: p, Src: src}.Rand()
}

// wobble is a slow, smooth disturbance around 1: normal knots every 40 minutes with a cosine between.
// Real traffic strays from its profile for longer than a minute.
func (w *World) wobble(slug string, minute int64, size float64) float64 {
	const spacing = 40
	knot := floorDiv(minute, spacing)
	z := func(k int64) float64 {
		return rand.New(w.source(slug, streamWobble, k, minutesADay/spacing, 0)).NormFloat64()
	}
	x := float64(minute-knot*spacing) / spacing
	s := (1 - math.Cos(math.Pi*x)) / 2
	return math.Exp(size * ((1-s)*z(knot) + s*z(knot+1)))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
