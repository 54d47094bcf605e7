package model

import "math"

// lead holds everything one lead h has learnt, and the forecasts made h steps ahead that still wait for
// their truth. Long leads are judged every stride steps only: neighbouring forecasts at lead h share
// almost all of their error.
type lead struct {
	h, stride int
	limit     float64
	reach     float64 // of the trend
	near      float64 // share of a drift (drift.go)
	pace      float64 // √stride: fewer lessons, longer steps

	ridges []ridge
	scale  scale
	tracks []tracker // one per expert
	mix    []mixture // one per group of levels
	awake  []float64 // of each expert: 0, it sleeps (mixture.go)
	final  []float64 // shift of the mixture's quantiles, in scales
	n      int

	ring  []float32 // waiting forecasts, width floats each
	width int
	slots int

	// What was said at the last step.
	centre, x, a []float64
	sigma        float64
	then         float64
	q            []float64 // quantiles of the mixture, on the scale of z
}

// A waiting forecast: S(t+h) + b, σ, σ₀, weight of the surge ridge, then centres, features x and a.
const (
	slotBase = iota // S(t+h) + b at the origin; NaN: empty
	slotSigma
	slotSlow
	slotSurge
	slotCentres
)

// levelGroups cuts the levels into low, lower middle, upper middle and high; weights are learnt for each.
const levelGroups = 4

func groupOf(p float64) int {
	switch {
	case p < .15:
		return 0
	case p < .55:
		return 1
	case p < .925:
		return 2
	}
	return 3
}

// strideOf is the largest power of two up to h/parts: a span of h steps is looked at some parts times.
func strideOf(h, parts int) int {
	d := 1
	for d*2 <= h/parts {
		d *= 2
	}
	return d
}

// leadParts: lessons per lead time. A quarter as many cost 3 % on minute series; their slow gains count lessons.
const leadParts = 12

func (s *Series) newLead(h int) lead {
	l := lead{h: h, stride: strideOf(h, leadParts), limit: changeLimit(h, float64(s.c.StepSeconds)), reach: trendReach(h)}
	l.near = nearness(h, float64(s.c.StepSeconds))
	l.pace = math.Sqrt(float64(l.stride))
	prior := priorWeights(&s.memory, h)
	experts, groups, aWide := 1, 1, 0
	l.ridges = []ridge{{beta: prior, prior: prior}}
	if s.c.Full {
		experts, groups, aWide = numExperts, levelGroups, scaleFeatures
		l.ridges = []ridge{newRidge(prior), newRidge(prior)}
	}
	l.scale = newScale(s.c.Full)
	for range experts {
		l.tracks = append(l.tracks, newTracker(s.normal, 1.2, .05))
	}
	if s.c.Full {
		for range groups {
			l.mix = append(l.mix, newMixture(experts))
		}
		l.awake = make([]float64, experts)
		for j := range l.awake {
			l.awake[j] = 1
		}
	}
	l.final = make([]float64, len(s.levels))
	l.centre = make([]float64, experts)
	l.x = make([]float64, len(prior))
	l.a = make([]float64, aWide)
	l.q = make([]float64, len(s.levels))
	l.width = slotCentres + experts
	if s.c.Full {
		l.width += len(prior) + aWide
	}
	l.slots = h/l.stride + 1
	l.ring = make([]float32, l.slots*l.width)
	for i := range l.slots {
		l.ring[i*l.width] = nan32
	}
	return l
}

func (l *lead) slot(t int) []float32 {
	i := (t / l.stride) % l.slots
	return l.ring[i*l.width : (i+1)*l.width]
}

// predict makes the forecasts of step t at this lead, and files them when it is this lead's turn.
func (s *Series) predict(l *lead, now float64) {
	then := s.usual(s.unix + int64(l.h)*int64(s.c.StepSeconds))
	b := s.memory.b()
	rDay, day := s.recent.ago(l.h, s.recent.perDay)
	rWeek, week := s.recent.ago(l.h, s.recent.perWeek)
	if !day {
		rDay = b
	}
	if !week {
		rWeek = b
	}
	if s.c.Full {
		l.wake(day, week)
	}
	s.features(l.x, then-now, rDay, rWeek)
	s.centres(l.centre, l.x, l, then, rDay, rWeek)
	for j, c := range l.centre {
		l.centre[j] = min(max(c, 0), s.ceiling)
	}
	copy(l.a, s.scaleInputs[:])
	l.sigma = l.scale.at(l.a)
	l.then = then
	s.mixed(l.q, l, l.centre, l.sigma, l.scale.slow, 0)
	if l == &s.leads[0] {
		s.drift.said = l.q[s.median]
	}
	if a := s.moving() * l.near; a > 0 && s.c.Full {
		s.mixed(l.q, l, l.centre, l.sigma, l.scale.slow, a)
	}
	s.doubtEvents(l.q, s.unix+int64(l.h)*int64(s.c.StepSeconds))

	if s.t%l.stride == 0 {
		e := s.wide[:l.width]
		e[slotBase] = then + b
		e[slotSigma] = l.sigma
		e[slotSlow] = l.scale.slow
		e[slotSurge] = min(max(math.Exp(.7*(s.memory.fast()-s.profile.level)), .2), 20)
		n := slotCentres + copy(e[slotCentres:], l.centre)
		if s.c.Full {
			n += copy(e[n:], l.x)
			copy(e[n:], l.a)
		}
		narrow(l.slot(s.t), e)
	}
}

// wake says which experts have something of their own to say: yesterday and last week once they were seen, the ridges
// as they learn. Before, all of them repeat the level of the day, and where a series begins with a peak and decays that
// is the worst there is to say.
func (l *lead) wake(day, week bool) {
	learnt := float64(l.n) / (float64(l.n) + ridgeWakes)
	l.awake[expertRidge], l.awake[expertSurge] = learnt, learnt
	l.awake[expertYesterday], l.awake[expertWeek] = 0, 0
	if day {
		l.awake[expertYesterday] = 1
	}
	if week {
		l.awake[expertWeek] = 1
	}
}

// ridgeWakes is after how many lessons a ridge has half a vote.
const ridgeWakes = 100

// mixed fills q with the quantiles of the weighted experts, shifted by the final tracker:
//
//	Q_p = Σ_j v_j (c_j + σ_j q_jp) + n/(n+3000) · f_p σ
func (s *Series) mixed(q []float64, l *lead, centre []float64, sigma, slow, moving float64) {
	if !s.c.Full {
		for i := range q {
			q[i] = centre[0] + l.tracks[0].at(i, sigma)
		}
	} else {
		s.weighed(q, l, centre, sigma, slow, moving)
	}
	top := math.Inf(-1)
	for i, v := range q {
		top = max(top, v)
		q[i] = min(max(top, 0), s.ceiling)
	}
}

// weighed is the sum of mixed. What all levels of a group share is worked out once: Σ v_j c_j, and v_j σ_j.
func (s *Series) weighed(q []float64, l *lead, centre []float64, sigma, slow, moving float64) {
	var middle [levelGroups]float64
	var spread [levelGroups][numExperts]float64
	var votes [numExperts]float64
	for g := range l.mix {
		l.mix[g].votes(votes[:], l.awake, s.n)
		for j, w := range votes {
			sg := sigma
			if unconditional[j] {
				sg = slow
			}
			w += moving * (movers[j] - w)
			middle[g] += w * (centre[j] + l.tracks[j].place)
			spread[g][j] = w * sg
		}
	}
	phase := float64(l.n) / float64(l.n+finalPhase) * sigma
	for i := range q {
		q[i] = middle[s.group[i]] + phase*l.final[i]
	}
	for j := range l.tracks {
		t := l.tracks[j].q
		for i, g := range s.group {
			q[i] += spread[g][j] * t[i]
		}
	}
}

// scaleYoung is the number of lessons up to which the scale is mostly learnt from the errors of the mixture's median,
// later from those of the ridge. A ridge that has learnt little errs to one side, and what it is off by, hour after
// hour, is no spread: taken for one it put the upper quantiles of a decaying series at a hundred times what came.
const scaleYoung = 1000.

const (
	finalPhase = 3000
	finalGain  = .0015
	finalLimit = .3
)

// learn judges the forecast made h steps ago against z = log(1+y), and learns from it: weights, final
// shift, trackers, scale, ridges, in this order, each with what the others knew before.
func (s *Series) learn(l *lead, y, z float64, low bool) {
	origin := s.t - l.h
	if origin < 0 || origin%l.stride != 0 {
		return
	}
	slot := l.slot(origin)
	if slot[slotBase] != slot[slotBase] { // NaN
		return
	}
	e := widened(s.wide, slot)
	slot[slotBase] = nan32
	base := e[slotBase]
	sigma, slow := e[slotSigma], e[slotSlow]
	n := slotCentres + len(l.centre)
	centre := e[slotCentres:n]

	if !s.c.Full {
		err := z - centre[0]
		if !low || err > 0 {
			l.scale.learn(err, nil, l.h, l.stride, low)
		}
		l.tracks[0].learn(err, sigma, s.levels, trackerGain*l.pace, low)
		l.n++
		return
	}
	x := e[n : n+len(l.x)]
	a := e[n+len(l.x):]

	q := s.scratch
	s.mixed(q, l, centre, sigma, slow, 0)
	s.weigh(l, q, centre, sigma, slow, y, low)
	for i, p := range s.levels {
		if z < q[i] {
			if !low {
				l.final[i] -= 2 * finalGain * (1 - p)
			}
		} else {
			l.final[i] += 2 * finalGain * p
		}
		l.final[i] = bound(l.final[i], finalLimit)
	}
	for j := range l.tracks {
		sg := sigma
		if unconditional[j] {
			sg = slow
		}
		l.tracks[j].learn(z-centre[j], sg, s.levels, trackerGain*l.pace, low)
	}

	err := z - centre[expertRidge]
	young := scaleYoung / (scaleYoung + float64(l.n))
	if off := young*(z-q[s.median]) + (1-young)*err; !low || off > 0 {
		l.scale.learn(off, a, l.h, l.stride, low)
	}
	w := .09 / (sigma*sigma + .0025) / (1 + .2*min(float64(l.h), 8))
	lambda := 1 - float64(l.stride)/(3000+30*float64(l.h)+float64(l.stride))
	for k, weight := range [...]float64{w, w * e[slotSurge]} {
		if now := z - base - l.ridges[k].predict(x); !low || now > 0 {
			l.ridges[k].learn(x, now, sigma, weight, lambda)
		}
	}
	l.n++
}

// weigh moves the experts' weights by their linearised pinball loss in raw counts, in units of the mean
// count: with Q the mixture and y the truth, expert j gains where it lies on y's side of Q,
//
//	ℓ_j − ℓ = Σ_p (1{y < Q_p} − p)(q_jp − Q_p) / mean count
func (s *Series) weigh(l *lead, q, centre []float64, sigma, slow, y float64, low bool) {
	delta := 1 - float64(l.stride)/(6000+30*float64(l.h)+float64(l.stride))
	for g := range l.mix {
		var loss [numExperts]float64
		for _, i := range s.judges[g] {
			Q := math.Exp(q[i]) - 1
			grad := -s.levels[i]
			if y < Q {
				if low {
					continue
				}
				grad++
			}
			for j, c := range centre {
				sg := sigma
				if unconditional[j] {
					sg = slow
				}
				v := min(max(c+l.tracks[j].at(i, sg), 0), s.ceiling)
				loss[j] += grad * (math.Exp(v) - 1 - Q)
			}
		}
		for j := range loss {
			loss[j] /= s.mean + 1
		}
		l.mix[g].learn(loss[:], delta)
	}
}

func (l *lead) snapshot(c *codec) {
	for i := range l.ridges {
		if l.ridges[i].p != nil {
			l.ridges[i].snapshot(c)
		}
	}
	l.scale.snapshot(c)
	for i := range l.tracks {
		l.tracks[i].snapshot(c)
	}
	for i := range l.mix {
		l.mix[i].snapshot(c)
	}
	c.nums(l.awake)
	c.nums(l.final)
	c.whole(&l.n)
	c.small(l.ring)
	c.nums(l.centre)
	c.nums(l.x)
	c.nums(l.a)
	c.num(&l.sigma)
	c.num(&l.then)
	c.nums(l.q)
}
