package model

import "math"

// ridge is recursive least squares with a prior, weights and slow forgetting (Ljung, System
// Identification, §11.2): it weighs the memories for one lead.
//
//	r̂_{t+h} − b = β·x,    β starts at β⁰ with variance p₀
//	g = P x,   d = λ + w x'g
//	β ← β + w g ε/d,   ε = clip(target − β·x, ±2σ)        (Huber: one surge is not the rule)
//	P ← (P − w g g'/d) / λ                                 forget only while P's trace is small
type ridge struct {
	beta, p []float64
	prior   []float64
}

const ridgePrior = .02

func newRidge(prior []float64) ridge {
	n := len(prior)
	r := ridge{beta: make([]float64, n), p: make([]float64, n*n), prior: prior}
	r.reset()
	return r
}

func (r *ridge) reset() {
	copy(r.beta, r.prior)
	clear(r.p)
	for i := range r.beta {
		r.p[i*len(r.beta)+i] = ridgePrior
	}
}

func (r *ridge) predict(x []float64) float64 { return dot(r.beta, x) }

// learn: e the error of prediction from x, sigma its usual size, w the weight, lambda forgetting.
func (r *ridge) learn(x []float64, e, sigma, w, lambda float64) {
	learnLinear(r.beta, r.p, x, min(max(e, -2*sigma), 2*sigma), w, lambda, ridgePrior)
	for _, b := range r.beta {
		if math.IsNaN(b) || math.Abs(b) > 50 {
			r.reset()
			return
		}
	}
}

// learnLinear is the recursive step above. P forgets only while its trace is below limit for each of its n states: on
// average no variance is larger than limit/λ, a single one of a state that is not seen may be.
func learnLinear(beta, p, x []float64, e, w, lambda, limit float64) {
	n := len(beta)
	var g [maxFeatures]float64
	s := 0.0
	trace := 0.0
	for i := range n {
		g[i] = dot(p[i*n:i*n+n], x)
		s += x[i] * g[i]
		trace += p[i*n+i]
	}
	d := lambda + w*s
	k := w / d
	forget := 1.0
	if trace < limit*float64(n) {
		forget = 1 / lambda
	}
	for i := range n {
		beta[i] += k * g[i] * e
		row := p[i*n : i*n+n]
		kg := k * g[i]
		for j := range row {
			row[j] = (row[j] - kg*g[j]) * forget
		}
	}
}

func dot(a, b []float64) float64 {
	b = b[:len(a)]
	s := 0.0
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

func (r *ridge) snapshot(c *codec) {
	c.nums(r.beta)
	c.nums(r.p)
}
