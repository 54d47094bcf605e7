package model

import "math"

// stack makes one probability of the three logits l of a horizon: half a fixed mixture, half a logistic
// regression that learns online (one Newton step of its Laplace approximation a lesson: Spiegelhalter &
// Lauritzen 1990):
//
//	logit P = 0.9 [ ½ (.4 l₁ + .5 l₂ + .1 l₃) + ½ θ·x ],   x = [1, l₁, l₂, l₃]
//	θ ← θ + P x w (o − p) / (1 + w p(1−p) x'Px),  P ← P − …,  P_ii += 2e-6
//
// with o the outcome at a few levels C of every window: 1.2 and 1.5 times the recent maximum; 1, 1.2, 2
// and 3.5 times that of the day. Slopes stay ≥ 0, so that P falls with C.
type stack struct {
	theta, p []float64
}

const (
	stackInputs = 4
	stackLevels = 6
	stackWeight = .05
)

// stackCaution pulls every probability a little towards one half. Fitted over the natural sample of all
// development series the slope of the outcome on this logit is 0.9: sources that agree share their errors.
const stackCaution = .9

var stackFixed = [3]float64{.4, .5, .1}

func newStack() stack {
	k := stack{theta: []float64{0, .4, .5, .1}, p: make([]float64, stackInputs*stackInputs)}
	for i, v := range [stackInputs]float64{.09, .015, .015, .015} {
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
func (k *stack) logit(l [3]float64) float64 {
	fixed := stackFixed[0]*l[0] + stackFixed[1]*l[1] + stackFixed[2]*l[2]
	learnt := k.theta[0] + k.theta[1]*l[0] + k.theta[2]*l[1] + k.theta[3]*l[2]
	return stackCaution * (.5*fixed + .5*learnt)
}

func (k *stack) learn(l []float64, outcome float64) {
	x := [stackInputs]float64{1, l[0], l[1], l[2]}
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
