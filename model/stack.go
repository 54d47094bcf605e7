package model

import "math"

// stack makes one probability of the two logits l of a horizon: half a fixed mean, half a logistic
// regression that learns online (one Newton step of its Laplace approximation a lesson: Spiegelhalter &
// Lauritzen 1990):
//
//	λ = ½ (½ l₁ + ½ l₂) + ½ θ·x,   x = [1, l₁, l₂]
//	θ ← θ + P x w (o − p) / (1 + w p(1−p) x'Px),  P ← P − …,  P_ii += 2e-6
//
// with o the outcome at a few levels C of every window: 1.2 and 1.5 times the recent maximum; 1, 1.2, 2
// and 3.5 times that of the day. Slopes stay ≥ 0, so that P falls with C. Then
//
//	logit P = (1−f) λ (1 − κ e^(−(λ/3)²)) + f l₂,     f from 0 at λ = −1 to φ at −3
//
// κ pulls towards one half in the middle, where the sources share their errors; the far tail, where few
// outcomes were ever seen, belongs to the quantiles that were learnt at their cost.
type stack struct {
	theta, p []float64
}

const (
	stackSources = 2
	stackInputs  = 1 + stackSources
	stackLevels  = 6
	stackWeight  = .05
)

const (
	stackCaution = .15 // κ
	stackMiddle  = 3.
	stackTail    = .8 // φ
)

func newStack() stack {
	k := stack{theta: []float64{0, .5, .5}, p: make([]float64, stackInputs*stackInputs)}
	for i, v := range [stackInputs]float64{.09, .015, .015} {
		k.p[i*stackInputs+i] = v
	}
	return k
}

// stackAt fills z with log(1+C) of the levels to learn at.
func (s *Series) stackAt(z []float64, short, long float64) {
	short, long = max(short, 1), max(long, 1)
	z[0], z[1] = math.Log1p(1.2*short), math.Log1p(1.5*short)
	z[2], z[3] = math.Log1p(long), math.Log1p(1.2*long)
	z[4], z[5] = math.Log1p(2*long), math.Log1p(3.5*long)
}

// logit is that of P.
func (k *stack) logit(l [stackSources]float64) float64 {
	v := .5*(l[0]+l[1])/2 + .5*(k.theta[0]+k.theta[1]*l[0]+k.theta[2]*l[1])
	f := stackTail * min(max((-v-1)/2, 0), 1)
	v *= 1 - stackCaution*math.Exp(-v*v/(stackMiddle*stackMiddle))
	return (1-f)*v + f*l[1]
}

func (k *stack) learn(l []float64, outcome float64) {
	x := [stackInputs]float64{1, l[0], l[1]}
	var g [stackInputs]float64
	eta, q := 0., 0.
	for i := range x {
		eta += k.theta[i] * x[i]
		for j := range x {
			g[i] += k.p[i*stackInputs+j] * x[j]
		}
	}
	for i := range x {
		q += x[i] * g[i]
	}
	p := logistic(eta)
	info := stackWeight * max(p*(1-p), 1e-4)
	d := 1 + info*q
	for i := range x {
		k.theta[i] += stackWeight * g[i] * (outcome - p) / d
		for j := range x {
			k.p[i*stackInputs+j] -= info * g[i] * g[j] / d
		}
		k.p[i*stackInputs+i] += 2e-6
	}
	for i := 1; i < stackInputs; i++ {
		k.theta[i] = min(max(k.theta[i], 0), 3)
	}
	k.theta[0] = bound(k.theta[0], 5)
}

func (k *stack) snapshot(c *codec) {
	c.nums(k.theta)
	c.nums(k.p)
}
