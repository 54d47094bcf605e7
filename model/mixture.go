package model

import "math"

// mixture weighs the experts of one lead for one group of levels by Bernstein online aggregation
// (Wintenberger 2017, Optimal learning with Bernstein online aggregation), with what it sums discounted. With ℓ_j the
// loss of expert j linearised at the mixture (the gradient trick), r_j = ℓ(mixture) − ℓ_j within ±5 and K experts:
//
//	B_j ← max(δB_j, |r_j|)     V_j ← δV_j + r_j²
//	η_j = min(1/(2B_j), √(ln K / V_j))
//	L_j ← δL_j + ½ [ r_j (1 − η_j r_j) + B_j 1{η_j r_j > ½} ]
//	w_j ∝ η_j exp(η_j L_j)
//
// δ forgets, and a share α keeps every expert alive. What expert j counts in a forecast is its vote
//
//	v_j ∝ a_j w_j^(1−κ),   κ = 600/(600+n)
//
// With few steps behind us the weights are pulled to equal ones: below about a thousand steps those are hard to beat. The
// pull is of their logarithms (a prior of κ against what was learnt), so that an expert which is plainly wrong counts
// little from the first weeks on: a mean with equal weights lets twelve experts keep a twelfth each, and a series that
// repeats itself to the percent is said by those that never look at the day of the week.
// And an expert sleeps, a_j = 0, as long as it has nothing of its own to say (Freund, Schapire, Singer & Warmuth 1997):
// it would repeat another, and one opinion would have two votes. Unlike theirs ours goes on being charged its losses
// while it sleeps: it wakes with the record of what it would have said.
type mixture struct {
	w, l, v, b []float64
	log        []float64 // of w
	logK       float64
}

const (
	mixtureShare  = .01
	mixturePeriod = 600.
)

func newMixture(k int) mixture {
	m := mixture{w: make([]float64, k), l: make([]float64, k), v: make([]float64, k), b: make([]float64, k), log: make([]float64, k), logK: math.Log(float64(k))}
	m.even()
	return m
}

func (m *mixture) even() {
	for j := range m.w {
		m.w[j] = 1 / float64(len(m.w))
		m.l[j], m.v[j], m.b[j] = 0, 0, 0
	}
	m.logs()
}

func (m *mixture) logs() {
	for j, w := range m.w {
		m.log[j] = math.Log(w)
	}
}

// votes fills v, one for each expert, after n observed steps; awake is a_j in 0..1, nil: all are.
func (m *mixture) votes(v, awake []float64, n int) {
	trust := 1 - mixturePeriod/(mixturePeriod+float64(n))
	all := 0.
	for j, log := range m.log {
		v[j] = math.Exp(trust * log)
		if awake != nil {
			v[j] *= awake[j]
		}
		all += v[j]
	}
	for j := range m.log {
		v[j] /= all
	}
}

// learn: loss[j] is the linearised loss of expert j less that of the mixture, of order one; delta the discount.
func (m *mixture) learn(loss []float64, delta float64) {
	k := len(m.w)
	logK := m.logK
	var a, rate [numExperts]float64
	top := math.Inf(-1)
	for j := range m.w {
		r := -min(max(loss[j], -5), 5)
		m.b[j] = max(m.b[j]*delta, math.Abs(r), 1e-9)
		m.v[j] = m.v[j]*delta + r*r
		eta := min(1/(2*m.b[j]), math.Sqrt(logK/max(m.v[j], 1e-12)))
		lift := 0.
		if eta*r > .5 {
			lift = m.b[j]
		}
		m.l[j] = m.l[j]*delta + .5*(r*(1-eta*r)+lift)
		rate[j] = eta
		a[j] = eta * m.l[j]
		top = max(top, a[j])
	}
	sum := 0.
	for j := range m.w {
		a[j] = rate[j] * math.Exp(a[j]-top)
		sum += a[j]
	}
	if math.IsNaN(sum) || sum <= 0 {
		m.even()
		return
	}
	for j := range m.w {
		m.w[j] = (1-mixtureShare)*a[j]/sum + mixtureShare/float64(k)
	}
	m.logs()
}

func (m *mixture) snapshot(c *codec) {
	c.nums(m.w)
	m.logs()
	c.nums(m.l)
	c.nums(m.v)
	c.nums(m.b)
}
