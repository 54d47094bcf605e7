package model

import "math"

// Each expert says z_{t+h} in its own way. With S the profile, r the residual, s_k its memories, b the
// memory of a day and ℓ the slow level:
const (
	expertLast      = iota // z_t
	expertMean3            // log(1 + mean of 3 steps)
	expertMean8            // log(1 + mean of 8 steps; 15 at a minute step)
	expertSlow             // S + ℓ                        the climate of the moment
	expertHalf             // S + (r of the last value + b)/2    half way home
	expertPrior            // S + b + β⁰·x                 memories at the weights every series starts with
	expertResidual         // S + r of the last value
	expertTrend            // S + damped trend of r (trend.go)
	expertYesterday        // S + b + .8 (r a day before t+h − b)     level-adjusted
	expertWeek             // S + b + .6 (r a week before t+h − b)
	expertRidge            // S + b + β·x                  learnt memories (ridge.go)
	expertSurge            // the same, learnt mostly from surges
	numExperts
)

// unconditional experts err about the same in calm and surge: their quantiles use the slow scale.
var unconditional = [numExperts]bool{expertSlow: true, expertYesterday: true, expertWeek: true}

// maxFeatures bounds the inputs of a ridge: at most 8 memories and 5 more.
const maxFeatures = 14

// features fills x, the inputs of the ridge for lead h, all relative to b:
//
//	x = [s_k − b (k ≠ base), S(t+h) − S(t), r_day − b, r_week − b, ℓ − b, 0.3]
func (s *Series) features(x []float64, dS, rDay, rWeek float64) {
	b := s.memory.b()
	i := 0
	for k, v := range s.memory.s {
		if k != s.memory.base {
			x[i] = v - b
			i++
		}
	}
	x[i] = dS
	x[i+1] = rDay - b
	x[i+2] = rWeek - b
	x[i+3] = s.profile.level - b
	x[i+4] = .3
}

// priorWeights spreads 0.9 over the memories that fit the lead, h/2 ≤ τ ≤ 30h. The share of b itself
// falls away: the ridge forecasts relative to it.
func priorWeights(m *memory, h int) []float64 {
	beta := make([]float64, len(m.tau)-1+5)
	fits := 0
	for _, tau := range m.tau {
		if tau >= float64(h)/2 && tau <= 30*float64(h) {
			fits++
		}
	}
	i := 0
	for k, tau := range m.tau {
		if k == m.base {
			continue
		}
		switch {
		case fits > 0 && tau >= float64(h)/2 && tau <= 30*float64(h):
			beta[i] = .9 / float64(fits)
		case fits == 0 && k == len(m.tau)-1:
			beta[i] = .5
		}
		i++
	}
	return beta
}

// changeLimit bounds what a forecast may move away from the level of the day: a topic can grow fiftyfold
// in an hour, forecasts of it should not; log 50 up to an hour falling to log 8 at a day.
func changeLimit(h int, step float64) float64 {
	hours := float64(h) * step / 3600
	if hours <= 1 {
		return math.Log(50)
	}
	share := min(math.Log(hours)/math.Log(24), 1)
	return math.Log(50) + share*(math.Log(8)-math.Log(50))
}

// centres fills c with every expert's z_{t+h}.
func (s *Series) centres(c, x []float64, l *lead, then, rDay, rWeek float64) {
	b := s.memory.b()
	limit := l.limit
	if !s.c.Full {
		c[0] = then + b + bound(l.ridges[0].predict(x), limit)
		return
	}
	planned := 0. // what is planned comes on top of the last values, and goes again
	if len(s.events.list) > 0 {
		planned = s.events.at(s.unix+int64(l.h)*int64(s.c.StepSeconds), s.unix) - s.events.at(s.recent.seen, s.unix)
	}
	residual := s.recent.last - s.recent.usual
	c[expertLast] = s.recent.last + planned
	c[expertMean3] = s.mean3 + planned
	c[expertMean8] = s.mean8 + planned
	c[expertSlow] = then + s.profile.level
	c[expertHalf] = then + .5*(residual+b)
	c[expertPrior] = then + b + bound(dot(l.ridges[0].prior, x), limit)
	c[expertResidual] = then + residual
	c[expertTrend] = then + s.trend.level + l.reach*s.trend.slope
	c[expertYesterday] = then + b + .8*(rDay-b)
	c[expertWeek] = then + b + .6*(rWeek-b)
	c[expertRidge] = then + b + bound(l.ridges[0].predict(x), limit)
	c[expertSurge] = then + b + bound(l.ridges[1].predict(x), limit)
}

func bound(v, limit float64) float64 { return min(max(v, -limit), limit) }
