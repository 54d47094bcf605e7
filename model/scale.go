package model

import "math"

// scale says how wrong the forecast at one lead usually is, and how wrong now.
//
//	σ₀: mean of 1.25 |e| over 500+h steps, errors clipped at 4 σ₀
//	log σ = a·x,   x = [1, log v₄, log v₂₄, log v_day, (s₃ − ℓ)/2, (z − m₈)/2, 1/√(1+M₈)]
//
// with e the error of the mixture's median in a young series and of the ridge in a grown one (lead.go), v_τ the mean
// absolute one-step change over τ steps, M₈ the mean count of eight steps (fifteen at minutes) and m₈ = log(1+M₈). a
// follows the score of the Laplace likelihood, ∂/∂log σ = |e|/σ − 1, by the same recursion as the ridge (Fisher
// scoring online), with λ its forgetting and lessons of a longer lead worth less:
//
//	a ← a + w P x (u − 1)/(λ + w x'Px),   u = min(1.25|e|/σ, 4),   w = 1/(1 + h/5)
//
// σ is then held within [0.2, 1.3] σ₀: on the log scale every adaptive widening must be bounded, or the
// upper quantiles after a peak explode.
type scale struct {
	slow float64
	a, p []float64 // nil: the slow scale alone
	n    int
}

const (
	scaleFeatures = 7
	scaleLow      = .2
	scaleHigh     = 1.3
	scalePrior    = .05
)

func newScale(conditional bool) scale {
	s := scale{slow: .5}
	if conditional {
		s.a = make([]float64, scaleFeatures)
		s.p = make([]float64, scaleFeatures*scaleFeatures)
		s.reset()
	}
	return s
}

func (s *scale) reset() {
	copy(s.a, []float64{.6, .3, .3, .3, 0, 0, 0})
	clear(s.p)
	for i := range s.a {
		s.p[i*scaleFeatures+i] = scalePrior
	}
	s.p[0] = 1
}

// at gives the scale for the present features.
func (s *scale) at(x []float64) float64 {
	if s.a == nil {
		return s.slow
	}
	return min(max(math.Exp(min(max(dot(s.a, x), -20), 5)), scaleLow*s.slow), scaleHigh*s.slow)
}

// learn: e the error, x the features at its origin, h the lead, stride the steps between two lessons; low: e is at least
// that, and teaches only if it is more than was expected.
func (s *scale) learn(e float64, x []float64, h, stride int, low bool) {
	if low && 1.25*math.Abs(e) < s.at(x) {
		return
	}
	if s.a != nil {
		raw := math.Exp(min(max(dot(s.a, x), -20), 5))
		u := min(1.25*math.Abs(e)/raw, 4)
		w := 1 / (1 + .2*float64(h))
		lambda := 1 - float64(stride)/(10000+30*float64(h)+float64(stride))
		learnLinear(s.a, s.p, x, u-1, w, lambda, scalePrior)
		for _, v := range s.a {
			if math.IsNaN(v) || math.Abs(v) > 20 {
				s.reset()
				break
			}
		}
	}
	memory := (500 + float64(h)) / float64(stride)
	s.slow += (min(1.25*math.Abs(e), 4*s.slow) - s.slow) / min(float64(s.n)+6, memory)
	s.slow = max(s.slow, .005)
	s.n++
}

func (s *scale) snapshot(c *codec) {
	c.num(&s.slow)
	c.nums(s.a)
	c.nums(s.p)
	c.whole(&s.n)
}

// change follows mean absolute one-step changes of z over 4, 24 and a day's steps, each change clipped
// at 8 of the longest.
type change struct {
	v    [3]float64
	g    [3]float64
	last float64
	n    int
}

func newChange(step float64) change {
	d := day / step
	if step > day/2 {
		d = 30
	}
	return change{v: [3]float64{.3, .3, .3}, g: [3]float64{1. / 4, 1. / 24, 1 / max(d, 48)}}
}

// learn takes z in. A lower bound says nothing of how much counts change: neither the step to it is known nor the one
// from it.
func (c *change) learn(z float64, bound bool) {
	if bound {
		c.last = math.NaN()
		return
	}
	if c.n > 0 && !math.IsNaN(c.last) {
		d := min(math.Abs(z-c.last), 8*max(c.v[2], .02))
		for i := range c.v {
			c.v[i] += max(c.g[i], 1/float64(c.n+5)) * (d - c.v[i])
		}
	}
	c.last = z
	c.n++
}

func (c *change) snapshot(k *codec) {
	k.nums(c.v[:])
	k.num(&c.last)
	k.whole(&c.n)
}
