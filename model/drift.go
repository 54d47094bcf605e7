package model

import "math"

// drift notices that a young series has left its level. Weights that were learnt from an hour of noise around one
// level say "it comes back", and take as long to unlearn it; a site ten minutes into its first surge cannot wait.
// It is Trigg's tracking signal (1964), the exponential mean of the errors one step ahead in units of what was
// expected of them,
//
//	d ← d + 0.2 (e/σ − d),   |e/σ| ≤ 4
//	a = min(max((d − 1.8)/0.8, 0), 1) · max(1 − n/1000, 0)
//
// and as Trigg & Leach (1967) do with the gain of a smoother, it moves the weights: of the experts that go with the
// last value (its own level, its level above the profile, its trend) each has a/3 more, once all have 1 − a of theirs.
// Independent noise has d of standard deviation 1/3; three errors of four σ on one side reach 1.95. Ahead, a falls
// from an hour to a day, where a jump says less of the level. After a thousand steps the weights themselves know how
// this series moves: there the signal costs accuracy (decision 0010) and is gone.
type drift struct {
	signal float64
	said   float64 // median of the next step, by the learnt weights
}

const (
	driftGain   = .2
	driftError  = 4.
	driftFrom   = 1.8
	driftSpan   = .8
	driftGrown  = 1000. // steps
	driftShare  = 1. / 3
	driftMaxima = 1. / 2
)

// movers are the experts that go with the last value; the courses of maxima follow from theirs.
var (
	movers    = [numExperts]float64{expertLast: driftShare, expertResidual: driftShare, expertTrend: driftShare}
	maxMovers = [numMax]float64{maxScaled: driftMaxima, maxCourse: driftMaxima}
)

// learn takes the error of the next step's median in; a lower bound can only raise the signal.
func (d *drift) learn(z, sigma float64, low bool) {
	if e := bound((z-d.said)/sigma, driftError); e > d.signal || !low {
		d.signal += driftGain * (e - d.signal)
	}
}

// moving is a up to an hour ahead.
func (s *Series) moving() float64 {
	young := max(1-float64(s.n)/driftGrown, 0)
	return young * min(max((s.drift.signal-driftFrom)/driftSpan, 0), 1)
}

// nearness is the share of a at lead h: 1 up to an hour, 0 from a day on.
func nearness(h int, step float64) float64 {
	hours := float64(h) * step / 3600
	if hours <= 1 {
		return 1
	}
	return 1 - min(math.Log(hours)/math.Log(24), 1)
}

func (d *drift) snapshot(c *codec) {
	c.num(&d.signal)
	c.num(&d.said)
}
