package model

// tracker follows the quantiles of a stream u by gradient steps on the pinball loss (Gibbs & Candès
// 2021; Angelopoulos, Candès & Tibshirani 2023, the P-term):
//
//	q_p += 2γ (p − 1{u < q_p}),    γ = max(0.005, 1/(n/4+10)), half as much again from p = 0.95 on, doubled from 0.99
//
// (far out errors are thin, and a level there takes longer to come home).
//
// Whatever the stream, the share of u below q_p tends to p. Steps of all levels are equal and small, so
// levels cross only a little; whoever reads them takes the running maximum.
//
// A level far out steps towards the middle by 2γ(1 − p) only: an expert whose young series errs to one side would need
// hundreds of errors to bring its far side in, and say a hundred times what comes meanwhile. Where the median goes, all
// levels therefore go as well while there are few errors: what is off is the place, not the width,
//
//	q_p += 30/(30+n) Δq_½
type tracker struct {
	q []float64
	n int
}

const (
	trackerGain  = .005
	trackerYoung = 30 // errors after which a step of the median moves the other levels by half of it
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

// learn takes u in. When u is only a lower bound of the truth, levels above u learn nothing.
func (t *tracker) learn(u float64, levels []float64, floor float64, bound bool) {
	track(t.q, t.n, u, levels, floor, bound)
	t.n++
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
	c.whole(&t.n)
}
