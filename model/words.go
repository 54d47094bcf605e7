package model

import "math"

// What a series' state says in numbers that words can be made of. Nothing here learns, and each answer may be
// that it cannot tell: from one stream alone some of this is not identifiable whatever the estimator (Koyama
// & Shinomoto 2020, The statistical physics of discovering exogenous and endogenous factors in a chain of events).

// Doubling is the time in which the series' count doubles now, in minutes; ok is false when no growth can be
// told from noise. In log counts an exponential mean of a ramp lags by (1−g)/g steps, g its gain, so two of
// them tell the slope; it counts from two standard errors on, those of a series of independent noise with
// the one-step changes of the last day:
//
//	v = (s_3 − s_8)/(lag_8 − lag_3)         slope of log count a step, doubling in ln 2/v
//	Var(s_3 − s_8) = σ² (g/(2−g) + k/(2−k) − 2gk/(g+k−gk))      σ = 1.25 v_day/√2
func (s *Series) Doubling() (minutes float64, ok bool) {
	m := &s.memory
	g, k := 1-math.Exp(-1/m.tau[1]), 1-math.Exp(-1/m.tau[2])
	if m.n < int(4*m.tau[2]) {
		return 0, false
	}
	slope, ok := growth(m.s[1], m.s[2], g, k, 1.25*s.change.v[2]/math.Sqrt2)
	if !ok {
		return 0, false
	}
	return math.Ln2 / slope * float64(s.c.StepSeconds) / 60, true
}

// growth is the slope v of log count a step from two means of gains g and k, and whether it stands two standard errors
// above nothing when σ is the noise of a step.
func growth(fast, slow, g, k, sigma float64) (slope float64, ok bool) {
	apart := (1-k)/k - (1-g)/g
	slope = (fast - slow) / apart
	se := sigma * math.Sqrt(g/(2-g)+k/(2-k)-2*g*k/(g+k-g*k)) / apart
	return slope, slope > 2*se && slope > 1e-3
}

// Decay is how attention falls after a peak. The three exponents 1.4, 0.6 and 0.2 are those of Crane & Sornette (2008);
// the thresholds between them are ours (they sort by the share of views on the peak's day).
type Decay uint8

// The classes.
const (
	DecayUnknown     Decay = iota // no peak, too little after it, or between two classes
	DecayWordOfMouth              // slower than t^−0.4: slow ramp and slow fall
	DecayViral                    // t^−0.4 … t^−1: passed on after a push
	DecayNews                     // faster than t^−1: a flash that nobody passes on
)

const (
	decayPoints = 6   // least after the peak
	decayError  = .15 // largest standard error of the slope
)

// DecayClass looks for a peak in the last hour of steps (64 at most) and fits log(count − usual) on log(steps
// since the peak). The slope is told with the class; it is NaN without one.
func (s *Series) DecayClass() (class Decay, slope float64) {
	r := &s.recent
	n, last := len(r.raw), min(len(r.raw), s.t+1)
	peak, at := 0., -1
	for k := range last {
		v := r.raw[(r.at-k+n)%n]
		if v > peak {
			peak, at = v, k
		}
	}
	usual := func(k int) float64 {
		return math.Expm1(max(s.usual(s.unix-int64(k)*int64(s.c.StepSeconds))+s.profile.level, 0))
	}
	if at < decayPoints || peak < 3*(usual(at)+1) {
		return DecayUnknown, math.NaN()
	}
	var c, sx, sy, sxx, sxy, syy float64
	for k := range at {
		v := r.raw[(r.at-k+n)%n]
		over := v - usual(k)
		if !(over > 0) { // missing, or back to usual: the tail is over
			continue
		}
		x, y := math.Log(float64(at-k)), math.Log(over)
		c, sx, sy, sxx, sxy, syy = c+1, sx+x, sy+y, sxx+x*x, sxy+x*y, syy+y*y
	}
	return decayOf(c, sx, sy, sxx, sxy, syy)
}

// decayOf is the class and slope of the straight line through c points with these sums.
func decayOf(c, sx, sy, sxx, sxy, syy float64) (class Decay, slope float64) {
	if c < decayPoints {
		return DecayUnknown, math.NaN()
	}
	vx, vy, cov := sxx-sx*sx/c, syy-sy*sy/c, sxy-sx*sy/c
	if vx <= 0 {
		return DecayUnknown, math.NaN()
	}
	slope = cov / vx
	se := math.Sqrt(max(vy-slope*cov, 0) / (c - 2) / vx)
	if !(se <= decayError) || math.Abs(slope+.4) < se || math.Abs(slope+1) < se { // also where it is NaN
		return DecayUnknown, math.NaN()
	}
	switch {
	case slope < -1:
		return DecayNews, slope
	case slope < -.4:
		return DecayViral, slope
	}
	return DecayWordOfMouth, slope
}

// SignalAddsNothing reports whether mentions were weighed against visits and did not help.
func (d *Driven) SignalAddsNothing() bool {
	j := &d.judges[1]
	return d.Talked() && j.lead >= 0 && j.lone > 0 && d.SignalValue() >= 1
}
