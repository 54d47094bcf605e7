package main

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Intervals are paired block bootstraps: blocks are all origins of one series on one UTC day, because
// forecasts of the same afternoon share their fate; each draw takes as many blocks as there are, with
// replacement, the same ones for both sides of a ratio (Künsch 1989; the arena's scorer does the same). The
// seed is fixed: the same forecasts give the same interval.
const (
	bootstrapDraws = 1000
	bootstrapSeed  = 20240607
)

// pair is one block: the losses of both sides and what they are divided by.
type pair struct{ ours, theirs, ofOurs, ofTheirs float64 }

// ratio is ours / theirs with its central 95 % interval.
type ratio struct {
	Value, Low, High float64
	Blocks           int
}

func rng() *rand.Rand { return rand.New(rand.NewPCG(bootstrapSeed, 1)) }

func quotient(b []pair, pick []int) float64 {
	var s pair
	for i := range pick {
		p := b[pick[i]]
		s.ours += p.ours
		s.theirs += p.theirs
		s.ofOurs += p.ofOurs
		s.ofTheirs += p.ofTheirs
	}
	return s.ours / s.ofOurs / (s.theirs / s.ofTheirs)
}

// bootstrap is the geometric mean over groups of blocks (sets, series) of their ratio; groups are drawn by
// themselves. One group is its plain ratio.
func bootstrap(groups [][]pair) ratio {
	r := rng()
	n := 0
	whole, draws := 0., make([]float64, bootstrapDraws)
	for _, g := range groups {
		n += len(g)
		pick := make([]int, len(g))
		for i := range pick {
			pick[i] = i
		}
		whole += math.Log(quotient(g, pick)) / float64(len(groups))
		for k := range draws {
			for i := range pick {
				pick[i] = r.IntN(len(g))
			}
			draws[k] += math.Log(quotient(g, pick)) / float64(len(groups))
		}
	}
	draws = slices.DeleteFunc(draws, math.IsNaN) // a draw without a single visit says nothing
	slices.Sort(draws)
	if len(draws) == 0 {
		return ratio{math.Exp(whole), math.NaN(), math.NaN(), n}
	}
	at := func(p float64) float64 { return math.Exp(draws[min(int(p*float64(len(draws))), len(draws)-1)]) }
	return ratio{math.Exp(whole), at(.025), at(.975), n}
}

// blocks gathers pairs by series and UTC day.
type blocks struct {
	at   map[placed]int
	list []pair
}

func (b *blocks) add(series string, unix int64, p pair) {
	if b.at == nil {
		b.at = map[placed]int{}
	}
	key := placed{series, unix / 86400}
	i, ok := b.at[key]
	if !ok {
		i = len(b.list)
		b.at[key] = i
		b.list = append(b.list, pair{})
	}
	s := &b.list[i]
	s.ours += p.ours
	s.theirs += p.theirs
	s.ofOurs += p.ofOurs
	s.ofTheirs += p.ofTheirs
}
