package model

import "math"

// tracker follows the quantiles of a stream of errors e, each with the σ that was expected of it, by gradient steps on the
// pinball loss (Gibbs & Candès 2021; Angelopoulos, Candès & Tibshirani 2023, the P-term):
//
//	Q_p = m + σ q_p,    u = (e − m)/σ
//	q_p += 2γ (p − 1{u < q_p}),    γ = max(γ₀, 1/(n/4+10))
//
// with γ₀ = 0.005 (leads: times √stride, fewer lessons, longer steps), and 2γ half as much again from p = 0.95 on, doubled
// from 0.99 (far out errors are thin, and a level there takes longer to come home). A u that is only a lower bound
// teaches the levels below it.
//
// Whatever the stream, the share of u below q_p tends to p. Steps are small, so levels cross only a little; whoever
// reads them takes the running maximum.
//
// A level far out steps towards the middle by 2γ(1 − p) only: an expert whose young series errs to one side would need
// hundreds of errors to bring its far side in, and say a hundred times what comes meanwhile. Where the median goes, all
// levels therefore go as well while there are few errors: what is off is the place, not the width,
//
//	q_p += 30/(30+n) Δq_½
//
// and what of a median lies beyond k = 1 + n/300 is kept as place m, in the unit of e and not in σ. While a series climbs
// for hours every expert is late by several σ of a small σ; when the climb ends σ grows threefold, and a median
// in σ would say the series goes to three times its peak at the moment it falls. m is taken back first when the
// median turns, and flows into it by a thousandth a lesson otherwise: in grown series what is off does go with σ.
type tracker struct {
	q     []float64
	place float64
	n     int
}

const (
	trackerGain  = .005
	trackerYoung = 30    // errors after which a step of the median moves the other levels by half of it
	trackerGrown = 300.  // errors by which a median may lie one σ further out
	trackerBack  = 1000. // lessons in which place flows back into the median
)

// newTracker starts at the quantiles of width × a standard normal, u > 1 of which lie 1 + tail (u − 1) times as
// far: what people do at once errs further up than down, and a young series has not seen it yet.
func newTracker(normal []float64, width, tail float64) tracker {
	t := tracker{q: make([]float64, len(normal))}
	for i, u := range normal {
		t.q[i] = width * u * (1 + tail*max(u-1, 0))
	}
	return t
}

// at is Q_p of level i for an expected σ.
func (t *tracker) at(i int, sigma float64) float64 { return t.place + sigma*t.q[i] }

// learn takes in e, of which sigma was expected. When e is only a lower bound of the truth, levels above it learn nothing.
func (t *tracker) learn(e, sigma float64, levels []float64, floor float64, bound bool) {
	track(t.q, t.n, (e-t.place)/sigma, levels, floor, bound)
	t.n++
	for i, p := range levels {
		if p == .5 {
			t.place += settle(t.q, t.n, i, t.place, sigma)
		}
	}
}

// settle takes what is too much of the median out of the quantiles q of n errors, or puts some back, and answers by how much
// place changes for it.
func settle[F float32 | float64](q []F, n, median int, place, sigma float64) float64 {
	m := float64(q[median])
	move := m - bound(m, 1+float64(n)/trackerGrown)
	switch {
	case place*m < 0:
		move = math.Copysign(min(math.Abs(m), math.Abs(place)/sigma), m)
	case move == 0:
		move = -place / sigma / trackerBack
	}
	if move == 0 {
		return 0
	}
	for i := range q {
		q[i] -= F(move)
	}
	return sigma * move
}

// track is one step of the quantiles q of n errors so far; floor is the gain in the end.
func track[F float32 | float64](q []F, n int, u F, levels []float64, floor float64, bound bool) {
	g := 2 * max(floor, 1/(float64(n)/4+10))
	median, moved := -1, F(0)
	for i, p := range levels {
		step := g
		switch {
		case p >= .985:
			step *= 2
		case p >= .94:
			step *= 1.5
		}
		was := q[i]
		if u < was {
			if !bound {
				q[i] -= F(step * (1 - p))
			}
		} else {
			q[i] += F(step * p)
		}
		if p == .5 {
			median, moved = i, q[i]-was
		}
	}
	if !bound {
		moved *= F(trackerYoung / (trackerYoung + float64(n)))
		for i := range q {
			if i != median {
				q[i] += moved
			}
		}
	}
}

func (t *tracker) snapshot(c *codec) {
	c.nums(t.q)
	c.num(&t.place)
	c.whole(&t.n)
}
