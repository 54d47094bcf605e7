package model

import "math"

const (
	day  = 86400
	week = 7 * day
	year = 365.25 * day
)

// profile says what a moment usually brings (on the log scale, up to a level the memories follow):
//
//	S(t) = D(t) + W(t)                    both linear between knots
//	e    = clip(z − ℓ − S, ±4.5 σ)        a surge moves the profile by a few scales at most
//	D_i += d w_i γ_D e,   W_j += d w_j γ_W e     w: share of the knot in the interpolation; d: .1 in an alert, else 1
//	ℓ   += d max(1/N, 1/(n+1)) e          n: steps so far
//	σ²  += d (1.1 e² − σ²) / min(n+20, 2000)     at least 1e−4
//
// N is 14 days of steps, with steps longer than half a day 180 days, longer than three days 52 steps.
//
// Below an hour D has half-hour knots over the day and W hours of the week; at an hour or more a knot
// is one step. With steps longer than half a day D is the day of the week and W the week of the year, longer than
// three days D is the week of the year and there is no W. W by hours waits: γ_W rises from 0 over the first two days.
// The gain is counted per cycle, γ = max(g, 1/(cycles+k)) / (steps a knot sees per cycle), so that a
// minute series and an hourly one forget at the same pace in days.
//
// It learns with both shapes whole. What a moment usually brings has a shape only after it was seen once whole,
// S = ω_D D + ω_W W with ω rising from 0 to 1 over the first half of the second cycle: before, the knot of now has
// moved and the ones ahead have not, and their difference is no season.
//
// Of a lower bound nothing is learnt where e < 0, and σ² never becomes less.
type profile struct {
	fine, coarse cycle
	level        float64 // ℓ
	levelSteps   float64 // N, memory of ℓ in steps
	variance     float64 // σ²
	n            int
}

// cycle is one repeating shape.
type cycle struct {
	period, spacing float64 // seconds
	knot            []float64
	g, k            float64 // gain per cycle: max(g, 1/(cycles+k))
	wait            float64 // cycles until it learns in full; 0: from the first step on
	perCycle        float64 // steps a knot sees in one cycle
	omega           float64 // share that takes part in S
	step            float64 // seconds
}

func newCycle(period float64, most int, step, g, k float64) cycle {
	n := int(math.Round(period / step))
	n = max(1, min(n, most))
	spacing := period / float64(n)
	return cycle{period: period, spacing: spacing, knot: make([]float64, n), g: g, k: k, perCycle: max(1, spacing/step), step: step}
}

func newProfile(step float64) profile {
	p := profile{variance: 1, levelSteps: 14 * day / step}
	switch {
	case step > 3*day: // weeks and longer: the year is all there is
		p.fine = newCycle(year, 52, step, .12, 1.5)
		p.coarse = newCycle(year, 1, step, 0, math.Inf(1))
		p.levelSteps = 52
	case step > day/2: // days
		p.fine = newCycle(week, 7, step, .12, 1.5)
		p.coarse = newCycle(year, 52, step, .3, 1)
		p.levelSteps = 180 * day / step
	default:
		p.fine = newCycle(day, 48, step, .12, 2.5)
		p.coarse = newCycle(week, 168, step, .2, 1)
		p.coarse.wait = weekWaits / 7
	}
	return p
}

// place finds the two knots around a local time and the share of the second.
func (c *cycle) place(local float64) (i, j int, w float64) {
	x := local / c.spacing
	f := math.Floor(x)
	w = x - f
	n := len(c.knot)
	i = int(f) % n
	if i < 0 {
		i += n
	}
	j = i + 1
	if j == n {
		j = 0
	}
	return i, j, w
}

func (c *cycle) at(local float64) float64 {
	i, j, w := c.place(local)
	return c.knot[i] + w*(c.knot[j]-c.knot[i])
}

func (c *cycle) learn(local, e float64, n int, damp float64) {
	cycles := float64(n) * c.step / c.period
	gain := damp * max(c.g, 1/(cycles+c.k)) / c.perCycle
	if cycles < c.wait {
		gain *= cycles / c.wait
	}
	i, j, w := c.place(local)
	c.knot[i] += (1 - w) * gain * e
	c.knot[j] += w * gain * e
	c.omega = min(max((cycles-1)/phaseIn, 0), 1)
}

// weekWaits is how many days W takes until it learns in full. A series begins at any hour, at the level of that hour, and
// what the level is then off by would be taken for the course of that day of the week: a Monday noon that stands out by
// the height of the day, and two more Mondays to unlearn it. D sees the same hours again a day later.
const weekWaits = 2.

// phaseIn is how long a shape takes to come in, in cycles.
const phaseIn = .5

// at is S at a local time in seconds.
func (p *profile) at(local float64) float64 {
	return p.fine.omega*p.fine.at(local) + p.coarse.omega*p.coarse.at(local)
}

// learn takes in z at a local time. A lower bound (bound) teaches only upwards.
func (p *profile) learn(local, z float64, bound bool, damp float64) {
	r := z - p.fine.at(local) - p.coarse.at(local)
	if p.n == 0 {
		p.level = r
	}
	e := r - p.level
	if bound && e < 0 {
		return
	}
	limit := 4.5 * math.Sqrt(p.variance)
	c := min(max(e, -limit), limit)
	p.level += damp * max(1/p.levelSteps, 1/float64(p.n+1)) * c
	p.fine.learn(local, c, p.n, damp)
	p.coarse.learn(local, c, p.n, damp)
	if more := 1.1*c*c - p.variance; more > 0 || !bound { // a bound is off by c at least
		p.variance += damp * more / float64(min(p.n+20, 2000))
	}
	p.variance = max(p.variance, 1e-4)
	p.n++
}

func (p *profile) snapshot(c *codec) {
	c.nums(p.fine.knot)
	c.nums(p.coarse.knot)
	c.num(&p.fine.omega)
	c.num(&p.coarse.omega)
	c.num(&p.level)
	c.num(&p.variance)
	c.whole(&p.n)
}
