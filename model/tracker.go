package model

// tracker follows the quantiles of a stream u by gradient steps on the pinball loss (Gibbs & Candès
// 2021; Angelopoulos, Candès & Tibshirani 2023, the P-term):
//
//	q_p += 2γ (p − 1{u < q_p}),    γ = max(0.005, 1/(n/4+10)), doubled from p = 0.99 on
//
// Whatever the stream, the share of u below q_p tends to p. Steps of all levels are equal and small, so
// levels cross only a little; whoever reads them takes the running maximum.
type tracker struct {
	q []float64
	n int
}

const trackerGain = .005

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
	g := 2 * max(floor, 1/(float64(t.n)/4+10))
	for i, p := range levels {
		step := g
		if p >= .985 {
			step *= 2
		}
		if u < t.q[i] {
			if !bound {
				t.q[i] -= step * (1 - p)
			}
		} else {
			t.q[i] += step * p
		}
	}
	t.n++
}

func (t *tracker) snapshot(c *codec) {
	c.nums(t.q)
	c.whole(&t.n)
}
