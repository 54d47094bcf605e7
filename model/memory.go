package model

import "math"

// memory keeps exponential means of the residual r over several spans τ_k (in steps):
//
//	s_k += g_k (r − s_k),    g_k = max(1 − e^(−1/τ_k), 1/(n+1))
//
// A sum of exponentials stands in for the power-law memory of attention (SEISMIC's kernel needs about
// six). In a missing step each memory drifts towards the next slower one, as its mean would.
//
// A lower bound r below what a memory holds teaches nothing: the truth may lie anywhere above it (Tobin 1958). So it is
// a missing step for that memory, but for what it does say, that the truth is not below r:
//
//	s_k += w g_k (max(s_{k+1}, r) − s_k),    w = untold(s_k − r)
//
// b and what is slower hold. If all held, a site that is still overloaded when its visitors have gone would be forecast
// at its peak.
type memory struct {
	tau  []float64
	s    []float64
	base int // index of b, the level of about a day: the residual is forecast relative to it
	damp int // memories from this index on learn slowly in an alert
	n    int
}

// Spans by length of step; the first is all but the last value. b: one day (hours: three days; days: a month).
func newMemory(step float64) memory {
	d := day / step
	var tau []float64
	var base int
	switch {
	case step <= 150:
		tau, base = []float64{.4, 3, 8, 25, 80, 300, d, 7 * d}, 6
	case step <= 900:
		tau, base = []float64{.4, 3, 8, 24, 72, d, 7 * d}, 5
	case step <= 2700:
		tau, base = []float64{.4, 3, 8, 24, d, 7 * d}, 4
	case step <= day/4:
		tau, base = []float64{.4, 3, 8, 24, 72, 168}, 4
	default:
		tau, base = []float64{.4, 3, 7, 14, 30, 90}, 4
	}
	return memory{tau: tau, s: make([]float64, len(tau)), base: base, damp: base + 1}
}

func (m *memory) b() float64    { return m.s[m.base] }
func (m *memory) fast() float64 { return m.s[1] }

// hours is the memory next faster than b: the level around an event of a few hours.
func (m *memory) hours() float64 { return m.s[m.base-1] }

func (m *memory) learn(r float64, bound bool, damp float64) {
	for k, tau := range m.tau {
		g := max(1-math.Exp(-1/tau), 1/float64(m.n+1))
		if k >= m.damp {
			g *= damp
		}
		to := r
		if bound && r < m.s[k] {
			if k >= m.base {
				continue
			}
			g *= untold(m.s[k] - r)
			to = max(m.s[k+1], r)
		}
		m.s[k] += g * (to - m.s[k])
	}
	m.n++
}

// untold is how little a lower bound so far (in log counts) below an expected value says for it: up to a tenth they
// agree, the rest was turned away uncounted; at half as much again and more something else must be the matter.
func untold(gap float64) float64 { return min(max(gap-.1, 0)/.4, 1) }

func (m *memory) miss() {
	for k := range len(m.tau) - 1 {
		m.s[k] += (1 - math.Exp(-1/m.tau[k])) * (m.s[k+1] - m.s[k])
	}
}

func (m *memory) snapshot(c *codec) {
	c.nums(m.s)
	c.whole(&m.n)
}
