package model

import "math"

// horizon forecasts M, the maximum of Z over the steps 1..h. A pointwise probability says too little of
// it and independence too much, so the maximum is followed itself, in two ways, each a survival curve
// P(M > C) on the logit scale:
//
//	l₁  envelope   E(u) = max over leads ≤ h of Q(u), u a normal score. Past maxima are turned into the
//	               score at which their own envelope met them; the share of past scores above E⁻¹(C),
//	               recent ones and ones from a like state (s₃ − ℓ) counting more
//	l₂  maxima     experts on M itself, weighed online (maxima.go)
//
// (the cheap form has one way only: quantiles of (log(1+M) − E(0))/σ, tracked)
//
// and stack.go makes one probability of them. The curve is worked out on a grid of scores and
// interpolated, so that Risk and the quantiles of M are inverses of each other.
type horizon struct {
	h, stride, last int // last: the largest lead within h

	score, state []float32 // past scores and the state each was made in
	head, filled int
	max          maxima
	stack        stack
	direct       tracker // of the cheap form

	ring         []float32 // windows not yet over
	width, slots int

	// The curve of this step.
	envelope []float64
	share    []float64 // logit of the weighted share of past scores above each grid score
	z, lg    []float64 // curve: log(1+C) and logit P(M > C) on the grid of scores
	centre   float64
	sigma    float64
	long     float64 // log(1 + highest Z of the last day), or what is planned
	looked   int     // step of which the above is true
}

// A window not yet over; the cheap form keeps the first seven.
const (
	windowMax = iota // largest Z so far; NaN: empty
	windowLow        // largest Z that was only a lower bound; 0: none
	windowKnown
	windowCentre
	windowSigma
	windowLong
	windowState
	windowLevels                                               // log(1+C) of the levels the stack learns at, then the logits of each
	windowMaxima = windowLevels + (1+stackSources)*stackLevels // centres of maxima.go
	windowRest   = windowMaxima + numMax
)

const (
	scoreMemory = 256
	scoreLow    = -5.
	scoreHigh   = 6.
	scoreWidth  = .25
	scoreGrid   = int((scoreHigh-scoreLow)/scoreWidth) + 1
	scorePrior  = 8.  // weight of the prior curve, in past windows
	scoreShift  = .35 // prior: the maximum scores this above the envelope's median
	stateWidth  = .7
	logitLimit  = 7.6
	hiddenBy    = .5 // log counts by which a saturated step may have been more than it shows (memory.go)
)

func (s *Series) newHorizon(h int) horizon {
	w := horizon{h: h, stride: strideOf(h, 8), last: -1, looked: -2}
	for i := range s.leads {
		if s.leads[i].h <= h {
			w.last = i
		}
	}
	w.last = max(w.last, 0)
	w.score, w.state = make([]float32, scoreMemory), make([]float32, scoreMemory)
	w.direct = newTracker(s.normal, 1, 0)
	for i := range w.direct.q {
		w.direct.q[i] += scoreShift
	}
	w.stack = newStack()
	w.width = windowLevels
	if s.c.Full {
		w.max = s.newMaxima()
		w.width = windowRest + len(s.levels)
	}
	w.slots = h/w.stride + 1
	w.ring = make([]float32, w.width*w.slots)
	for i := range w.slots {
		w.ring[i*w.width] = nan32
	}
	w.envelope = make([]float64, len(s.levels))
	w.share = make([]float64, scoreGrid)
	w.z, w.lg = make([]float64, scoreGrid), make([]float64, scoreGrid)
	if !s.c.Full {
		w.score, w.state, w.share = nil, nil, nil
		w.z, w.lg = make([]float64, len(s.levels)), make([]float64, len(s.levels))
	}
	return w
}

func (w *horizon) slot(i int) []float32 { return w.ring[i*w.width : (i+1)*w.width] }

// lookAhead works out envelope, centre, σ and the share of past scores for the forecasts of this step.
func (s *Series) lookAhead(w *horizon) {
	if w.looked == s.t {
		return
	}
	w.looked = s.t
	w.sigma = s.leads[w.last].sigma
	if !s.c.Full {
		w.centre = 0
		for k := range w.last + 1 {
			w.centre = max(w.centre, s.leads[k].q[s.median])
		}
		return
	}
	for i := range w.envelope {
		m := 0.
		for k := range w.last + 1 {
			m = max(m, s.leads[k].q[i])
		}
		w.envelope[i] = m
	}
	for _, at := range s.events.peaks { // they may lie between two leads
		if u := s.stepsTo(at); u >= 1 && u <= w.h {
			s.between(s.peak, u)
			for i, v := range s.peak {
				w.envelope[i] = max(w.envelope[i], v)
			}
		}
	}
	w.centre = s.atScore(w.envelope, 0)
	// A day without the like says little against what is planned.
	w.long = s.long
	if s.eventAhead(w.h) > eventMatters {
		w.long = max(w.long, w.centre)
	}
	s.lookMaxima(w)

	// Past scores fall linearly between two grid scores: a triangular kernel of the grid's width.
	clear(w.share)
	now := s.memory.fast() - s.profile.level
	total := 0.
	for k := range w.filled {
		i := w.head - 1 - k
		if i < 0 {
			i += scoreMemory
		}
		d := (float64(w.state[i]) - now) / stateWidth
		like := 1 / (1 + d*d/4)
		weight := (1 - .7*float64(k)/scoreMemory) * (.2 + like*like)
		x := (float64(w.score[i]) - scoreLow) / scoreWidth
		b := min(max(int(x), 0), scoreGrid-2)
		f := min(max(x-float64(b), 0), 1)
		w.share[b] += weight * (1 - f)
		w.share[b+1] += weight * f
		total += weight
	}
	above := 0.
	for k := scoreGrid - 1; k >= 0; k-- {
		mine := w.share[k]
		w.share[k] = bound(logit((above+mine/2+scorePrior*s.scorePrior[k])/(total+scorePrior)), logitLimit)
		above += mine
	}
}

// logits are l₁, l₂ at z = log(1+C).
func (s *Series) logits(w *horizon, z float64) (l [stackSources]float64) {
	x := min(max((s.scoreOf(w.envelope, z)-scoreLow)/scoreWidth, 0), float64(scoreGrid-1))
	k := min(int(x), scoreGrid-2)
	f := x - float64(k)
	l[0] = w.share[k] + f*(w.share[k+1]-w.share[k])
	l[1] = bound(logitSurvival(s.scoreOf(w.max.q, z)), logitLimit)
	return l
}

// open files the window that starts after this step, when it is this horizon's turn.
func (s *Series) open(w *horizon) {
	if s.t%w.stride != 0 || s.n == 0 {
		return
	}
	s.lookAhead(w)
	e := s.wide[:w.width]
	e[windowMax], e[windowLow], e[windowKnown] = 0, 0, 0
	e[windowCentre], e[windowSigma], e[windowLong] = w.centre, w.sigma, w.long
	e[windowState] = s.memory.fast() - s.profile.level
	if !s.c.Full {
		narrow(w.slot((s.t/w.stride)%w.slots), e)
		return
	}
	short := s.recent.max(s.recent.short)
	if short == unseen {
		short = math.Expm1(w.centre)
	}
	s.stackAt(e[windowLevels:windowLevels+stackLevels], short, math.Exp(s.long)-1)
	for i := range stackLevels {
		l := s.logits(w, e[windowLevels+i])
		copy(e[windowLevels+stackLevels+stackSources*i:], l[:])
	}
	copy(e[windowMaxima:], w.max.centre[:])
	copy(e[windowRest:], w.envelope)
	narrow(w.slot((s.t/w.stride)%w.slots), e)
}

// watch takes the demand of a step into every window not yet over, and learns from the one that ends.
func (s *Series) watch(w *horizon, demand float64, known, low bool) {
	for i := range w.slots {
		e := w.slot(i)
		if e[windowMax] != e[windowMax] || !known { // NaN: empty
			continue
		}
		e[windowKnown]++
		if float32(demand) > e[windowMax] {
			e[windowMax] = float32(demand)
		}
		if low {
			e[windowLow] = max(e[windowLow], float32(demand))
		}
	}
	origin := s.t - w.h
	if origin < 0 || origin%w.stride != 0 {
		return
	}
	e := w.slot((origin / w.stride) % w.slots)
	if e[windowMax] == e[windowMax] {
		if float64(e[windowKnown]) >= .8*float64(w.h) {
			s.judge(w, widened(s.wide, e))
		}
		e[windowMax] = nan32
	}
}

// boundOnly says whether the maximum of a window is only a lower bound, low the largest Z in it that was one: what was turned
// away may have been more than what was counted once the overload was over, unless that is far more.
func boundOnly(most, low float64) bool {
	return low > 0 && math.Log1p(most)-math.Log1p(low) < hiddenBy
}

// judge learns from a window that is over.
func (s *Series) judge(w *horizon, e []float64) {
	m := math.Log1p(e[windowMax])
	low := boundOnly(e[windowMax], e[windowLow])
	if !s.c.Full {
		w.direct.learn(m-e[windowCentre], e[windowSigma], s.levels, trackerGain, low)
		return
	}
	s.learnMaxima(w, e[windowMaxima:windowRest], e[windowSigma], m, low)
	if score := min(max(s.scoreOf(e[windowRest:], m), scoreLow), scoreHigh); !low || score > scoreShift {
		w.score[w.head] = float32(score)
		w.state[w.head] = float32(e[windowState])
		w.head = (w.head + 1) % scoreMemory
		w.filled = min(w.filled+1, scoreMemory)
	}
	for i := range stackLevels {
		z := e[windowLevels+i]
		outcome := 0.
		if m > z {
			outcome = 1
		} else if low {
			continue
		}
		at := windowLevels + stackLevels + stackSources*i
		w.stack.learn(e[at:at+stackSources], outcome)
	}
}

// scoreOf is the normal score u at which the rising curve q (one value per level) meets z, linear
// between levels and straight on beyond the outermost with the slope of that side.
func (s *Series) scoreOf(q []float64, z float64) float64 {
	n := len(q)
	if z < q[0] {
		return max(s.normal[0]-(q[0]-z)/s.slope(q, 0, n/2), -8)
	}
	lo := q[0]
	for i := 1; i < n; i++ {
		if q[i] > z {
			f := (z - lo) / (q[i] - lo)
			return s.normal[i-1] + f*(s.normal[i]-s.normal[i-1])
		}
		lo = max(lo, q[i])
	}
	return min(s.normal[n-1]+(z-lo)/s.slope(q, n-1-n/4, n-1), 8)
}

// atScore is the inverse of scoreOf.
func (s *Series) atScore(q []float64, u float64) float64 {
	n := len(q)
	if u <= s.normal[0] {
		return q[0] - (s.normal[0]-u)*s.slope(q, 0, n/2)
	}
	top := q[0]
	for i := 1; i < n; i++ {
		next := max(top, q[i])
		if u <= s.normal[i] {
			return top + (u-s.normal[i-1])/(s.normal[i]-s.normal[i-1])*(next-top)
		}
		top = next
	}
	return top + (u-s.normal[n-1])*s.slope(q, n-1-n/4, n-1)
}

// slope of q per unit of score between two levels, never flat.
func (s *Series) slope(q []float64, i, j int) float64 {
	if i >= j {
		return .5
	}
	return max((q[j]-q[i])/(s.normal[j]-s.normal[i]), .02)
}

func (w *horizon) snapshot(c *codec) {
	c.small(w.score)
	c.small(w.state)
	c.whole(&w.head)
	c.whole(&w.filled)
	w.direct.snapshot(c)
	w.stack.snapshot(c)
	if len(w.max.mix) > 0 {
		w.max.snapshot(c)
	}
	c.small(w.ring)
}
