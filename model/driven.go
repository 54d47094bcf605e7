package model

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// Driven is the model of a site's visits with what people say about it. Two series of the same kind run
// side by side:
//
//	plain   sees the visits alone
//	freed   sees the visits freed of what mentions brought:  z − o,  o = log((1+B+G)/(1+B))
//
// with B the usual visits, G = Σ g c the visits mentions bring (transfer.go). Ahead, G is carried by what
// was said already (the kernels have not run out: that is the lead mentions give) and by what is expected
// to be said; its offset is put back on every quantile, with the error such offsets turned out to have.
// The forecast is the weighted mean of both in z; the weight is learnt from their pinball losses, so a
// site whose visits do not follow the talk loses nothing, and the ratio of the losses is the value of the
// social signal.
//
// How talk turns into visits is told in minutes (transfer.go). With steps longer than ten minutes nothing of
// that could be seen, so the kernels then follow the steps: half a step, 3, 18 and 144.
//
// Without drivers there is only the plain series.
type Driven struct {
	plain *Series
	freed *Series
	talk  []*Series // one per class, the cheap form
	tr    transfer
	step  float64 // seconds
	pace  float64 // seconds of talk's own time in a step: kernels never run faster than steps can tell

	base     float64 // B of this step
	offsets  []float64
	spread   []float64 // σ of the offset at each lead
	ahead    []float64 // G at each lead
	stale    bool      // offsets are to be worked out
	window   window    // of the last MaxQuantile
	surprise float64   // squared error of past offsets in units of what was expected of them
	judges   [len(judgeMinutes)]judgeLead
	ff       Forecast
	t        int
}

// judgeMinutes are the leads at which both series are weighed against each other.
var judgeMinutes = [...]float64{5, 15, 60}

// judgeLead remembers what was said h steps ago.
type judgeLead struct {
	lead, h    int
	ring       []float64 // h slots of judgeWidth
	log        float64   // log odds of freed, without the prior
	with, lone float64   // discounted losses
	norm       float64
}

const (
	judgeWidth    = 6     // q.5, q.9 of freed, of plain; offset, share
	freedPrior    = 1.4   // log odds: .8
	unprovenPrior = -1.4  // the same, when nothing is known of any class
	longestPace   = 600.  // seconds: with longer steps the kernels are .5, 3, 18 and 144 steps
	judgeRate     = .3    // of a loss difference, divided by √h
	judgeDiscount = 2000. // steps
	offsetLeast   = -.7   // talk below its usual takes at most half
	offsetMost    = 5.
)

// NewDriven returns a model of a site with so many classes of sources. It panics where New does.
func NewDriven(c Config, drivers []Driver) *Driven {
	d := &Driven{plain: New(c), step: float64(c.StepSeconds), pace: min(float64(c.StepSeconds), longestPace), surprise: 1}
	if len(drivers) == 0 {
		return d
	}
	d.freed = New(c)
	d.tr = newTransfer(d.pace, drivers)
	t := c
	t.Full, t.Sustain = false, 1
	t.Levels, t.Horizons = []float64{.5}, nil // of what will be said only the median is asked for
	for range drivers {
		d.talk = append(d.talk, New(t))
	}
	earned := unprovenPrior - freedPrior
	for _, v := range drivers {
		if !v.Unproven {
			earned = 0
		}
	}
	n := len(c.Leads)
	d.offsets, d.spread, d.ahead = make([]float64, n), make([]float64, n), make([]float64, n)
	for i, m := range judgeMinutes {
		j := &d.judges[i]
		j.lead = -1
		for k, h := range c.Leads {
			if math.Abs(float64(h)*d.pace-m*60) < d.pace/2+1 {
				j.lead, j.h = k, h
			}
		}
		j.log = earned
		if j.lead >= 0 {
			j.ring = make([]float64, j.h*judgeWidth)
			for k := range j.ring {
				j.ring[k] = math.NaN()
			}
		}
	}
	return d
}

// N is the number of observed steps so far.
func (d *Driven) N() int { return d.plain.N() }

// Step takes in one step: the visits, and the mentions of each class in it (NaN: not counted; nil: none
// of them was). The caller gives every step in order.
func (d *Driven) Step(unixSeconds int64, o Obs, mentions []float64) {
	d.window = window{}
	o.Value = known(o.Value)
	o.Missing = o.Missing || math.IsNaN(o.Value)
	d.plain.Step(unixSeconds, o)
	if d.freed == nil {
		return
	}
	d.tr.look()
	d.tr.turn(d.plain.clock.local(unixSeconds))
	d.tr.drift(d.plain.profile.fine.omega >= 1)
	usual := d.usualAt(d.plain, unixSeconds)
	d.base = d.tr.base(usual)
	off := d.offset(d.tr.lift(), d.base)
	free := o
	if !o.Missing {
		d.judge(o, off)
		d.tr.learn(o.Value, usual, o.Bound)
		d.tr.look()
		free.Value = math.Expm1(max(math.Log1p(o.Value)-off, 0))
	}
	d.freed.Step(unixSeconds, free)
	for s, t := range d.talk {
		m := math.NaN()
		if s < len(mentions) {
			m = known(mentions[s])
		}
		if t.n == 0 && math.IsNaN(m) {
			continue // never heard of: nothing to step
		}
		dev := math.NaN()
		if !math.IsNaN(m) {
			dev = 0
			if t.N() > 0 {
				dev = m - d.usualAt(t, unixSeconds)
			}
		}
		d.tr.hear(s, dev)
		t.Step(unixSeconds, Obs{Value: m, Missing: math.IsNaN(m), Damp: o.Damp})
	}
	d.stale = true
	d.look()
	d.file()
	d.t++
}

// known is a count, or NaN when it cannot be one.
func known(x float64) float64 {
	if math.IsInf(x, 0) || x < 0 {
		return math.NaN()
	}
	return min(x, largestCount)
}

// Plan tells the model of an event, as Series.Plan.
func (d *Driven) Plan(e Event) {
	d.window = window{}
	d.plain.Plan(e)
	if d.freed != nil {
		d.freed.Plan(e)
	}
}

// Unplan takes an event back that will not happen.
func (d *Driven) Unplan(kind int, start int64) {
	d.window = window{}
	d.plain.Unplan(kind, start)
	if d.freed != nil {
		d.freed.Unplan(kind, start)
	}
}

// usualAt is what a series usually brings at a moment, at the level of the last day.
func (d *Driven) usualAt(s *Series, unix int64) float64 {
	if s.n == 0 {
		return 0
	}
	return math.Expm1(min(max(s.usual(unix)+s.memory.b(), 0), s.ceiling))
}

func (d *Driven) offset(lift, base float64) float64 {
	return min(max(math.Log1p(max(base+lift, 0))-math.Log1p(max(base, 0)), offsetLeast), offsetMost)
}

// look works out the offset at every lead: the kernels run on from where they stand, fed with what is
// expected to be said (the median of each class's own series).
func (d *Driven) look() {
	if !d.stale {
		return
	}
	d.stale = false
	s := d.freed
	for i := range d.ahead {
		d.ahead[i] = 0
	}
	for k, t := range d.talk {
		if t.n == 0 {
			continue
		}
		var f, e [transferKernels]float64
		copy(f[:], d.tr.f[k*transferKernels:])
		copy(e[:], d.tr.e[k*transferKernels:])
		last, before := f[0], 0
		now, growth := max(f[0], 0), d.growth(t)
		for i := range s.leads {
			h := s.leads[i].h
			at := t.unix + int64(h)*int64(d.step)
			dev := math.Expm1(t.leads[i].q[t.median]) - d.usualAt(t, at)
			if now > dev {
				u := float64(h) * d.pace
				kept := now / (1 + u/talkHalf) * math.Exp(growth*growthDamp/d.pace*(1-math.Exp(-u/growthDamp)))
				dev += (kept - dev) / 2
			}
			if last > 0 && dev < 0 { // the median of a rare topic lies below its usual: no talk is not less than none
				dev = 0
			}
			span := float64(h - before)
			c := 0.
			for j := range e {
				f[j], e[j] = d.tr.run(j, f[j], e[j], (last+dev)/2, span)
				c += d.tr.beta(k, j) * e[j]
			}
			gain := 1 + (d.tr.gain(k)-1)*math.Pow(d.tr.revert, float64(h))
			d.ahead[i] += gain * c
			last, before = dev, h
		}
	}
	for i := range s.leads {
		h := float64(s.leads[i].h)
		base := d.usualAt(s, s.unix+int64(h*d.step))
		d.offsets[i] = d.offset(d.ahead[i], base)
		d.spread[i] = math.Sqrt(d.surprise) * offsetError(h*d.pace/60) * share(d.offsets[i])
	}
}

// Talk that grows goes on growing for a while: a damped trend (Gardner & McKenzie 1985). In log counts an
// exponential mean of a ramp lags by its own time constant, so two of them tell the slope,
//
//	g = (s_3 − s_8)/5 a step,   d(u) = d / (1 + u/30 min) · exp(g τ (1 − e^(−u/τ))),   τ = 12 min
//
// The hyperbola is how attention to a post fades (half within half an hour, a tail of hours). The median of
// the talk's own series, which sees most bursts collapse at once, counts half.
//
// What noise alone could show, and the first doubling from almost nothing, is not growth.
const (
	growthDamp  = 12 * 60. // seconds
	talkHalf    = 30 * 60. // seconds
	growthNoise = .02      // a step
	growthLeast = 5.       // mentions a step above the usual
)

func (d *Driven) growth(t *Series) float64 {
	m := &t.memory
	if t.recent.last == 0 || math.Expm1(t.recent.last)-d.usualAt(t, t.unix) < growthLeast {
		return 0
	}
	return max((m.s[1]-m.s[2])/(m.tau[2]-m.tau[1])-growthNoise, 0)
}

// offsetError is what an offset's relative error is expected to be some minutes ahead, before any was
// seen: .2 at five minutes, .5 at an hour, 1 at a day.
func offsetError(minutes float64) float64 { return .12 + .12*math.Log2(1+minutes/8) }

// share is the part of visits an offset stands for.
func share(offset float64) float64 { return math.Abs(1 - math.Exp(-offset)) }

// judge weighs what both series said of this step, and how far the offsets were off.
func (d *Driven) judge(o Obs, off float64) {
	for i := range d.judges {
		j := &d.judges[i]
		if j.lead < 0 {
			continue
		}
		slot := j.ring[(d.t%j.h)*judgeWidth:][:judgeWidth]
		if math.IsNaN(slot[0]) {
			continue
		}
		j.learn(o.Value, o.Bound, slot, d.t)
		if w := max(share(off), slot[5]); w > .1 {
			e := (off - slot[4]) / (offsetError(float64(j.h)*d.pace/60) * w)
			d.surprise += .01 * (min(e*e, 9) - d.surprise)
			d.surprise = max(d.surprise, .05)
		}
	}
}

// learn compares what both series said of a count y, in a slot filed before, after t steps. Of a lower bound only levels
// that lie below it for both tell them apart: there the difference of the losses is that of the truth, whatever it was.
// How large the losses are it does not tell.
func (j *judgeLead) learn(y float64, low bool, slot []float64, t int) {
	with, lone, told := 0., 0., false
	for k, p := range [...]float64{.5, .9} {
		freed, plain := slot[k], slot[2+k]
		if low && y < max(freed, plain) {
			continue
		}
		with, lone, told = with+pinball(y, freed, p), lone+pinball(y, plain, p), true
	}
	if !told {
		return
	}
	if !low {
		j.norm += (lone - j.norm) / min(float64(t+1), 1000)
		j.with += with - j.with/(10*judgeDiscount)
		j.lone += lone - j.lone/(10*judgeDiscount)
	}
	if j.norm > 0 {
		j.log += judgeRate / math.Sqrt(float64(j.h)) * min(max((lone-with)/j.norm, -5), 5)
		j.log -= j.log / judgeDiscount
		j.log = min(max(j.log, -6), 3)
	}
}

// file keeps what is said now for judge.
func (d *Driven) file() {
	at9 := nearestLevel(d.plain.levels, .9)
	for i := range d.judges {
		j := &d.judges[i]
		if j.lead < 0 {
			continue
		}
		f, p := &d.freed.leads[j.lead], &d.plain.leads[j.lead]
		m := d.plain.median
		slot := j.ring[(d.t%j.h)*judgeWidth:]
		// judge has read this slot; it is read again h steps from now, at the target of what is filed.
		slot[0] = math.Expm1(f.q[m] + d.offsets[j.lead])
		slot[1] = math.Expm1(d.widen(f.q[at9], f.q[m], d.plain.normal[at9], d.spread[j.lead]) + d.offsets[j.lead])
		slot[2] = math.Expm1(p.q[m])
		slot[3] = math.Expm1(p.q[at9])
		slot[4] = d.offsets[j.lead]
		slot[5] = share(d.offsets[j.lead])
	}
}

func nearestLevel(levels []float64, p float64) int {
	best := 0
	for i := range levels {
		if math.Abs(levels[i]-p) < math.Abs(levels[best]-p) {
			best = i
		}
	}
	return best
}

func pinball(y, q, p float64) float64 {
	if y >= q {
		return p * (y - q)
	}
	return (1 - p) * (q - y)
}

// weight is the weight of freed at a lead of so many steps.
func (d *Driven) weight(h int) float64 {
	log := 0.
	for i := range d.judges {
		if d.judges[i].lead >= 0 {
			log = d.judges[i].log
			if h <= 2*d.judges[i].h {
				break
			}
		}
	}
	return logistic(freedPrior + log)
}

// widen puts an independent normal error of σ on a quantile: distances from the median add in squares.
func (d *Driven) widen(q, median, normal, sigma float64) float64 {
	if sigma < 1e-3 {
		return q
	}
	e := math.Hypot(q-median, normal*sigma)
	if q < median || q == median && normal < 0 {
		e = -e
	}
	return median + e
}

// Forecast fills f from the last step.
func (d *Driven) Forecast(f *Forecast) {
	d.plain.Forecast(f)
	if d.freed == nil {
		return
	}
	d.look()
	d.freed.Forecast(&d.ff)
	m := d.plain.median
	for i := range f.Q {
		w := d.weight(d.plain.leads[i].h)
		z := d.freed.leads[i].q
		for k := range f.Q[i] {
			zf := d.widen(z[k], z[m], d.plain.normal[k], d.spread[i]) + d.offsets[i]
			zp := d.plain.leads[i].q[k]
			f.Q[i][k] = math.Expm1(max(w*zf+(1-w)*zp, 0))
			if k > 0 {
				f.Q[i][k] = max(f.Q[i][k], f.Q[i][k-1])
			}
		}
	}
	for i := range f.MaxQ {
		h := d.plain.horizons[i].h
		for k, p := range d.plain.levels {
			f.MaxQ[i][k] = d.MaxQuantile(1, h, p)
			if k > 0 {
				f.MaxQ[i][k] = max(f.MaxQ[i][k], f.MaxQ[i][k-1])
			}
			if i > 0 {
				f.MaxQ[i][k] = max(f.MaxQ[i][k], f.MaxQ[i-1][k])
			}
		}
	}
	// The usual course, as the freed series has it, at the lift of each moment: between two leads the
	// forecast follows what is usual, not what is said.
	copy(f.Profile, d.ff.Profile)
}

// shift is by how much offsets raise the highest median of the window a..b, and the spread there.
func (d *Driven) shift(a, b int) (by, sigma float64) {
	m := d.freed.median
	before, after := math.Inf(-1), math.Inf(-1)
	for i := range d.freed.leads {
		l := &d.freed.leads[i]
		if (l.h < a || l.h > b) && !(i == 0 && b < l.h) {
			continue
		}
		before = max(before, l.q[m])
		if v := l.q[m] + d.offsets[i]; v > after {
			after, sigma = v, d.spread[i]
		}
	}
	if math.IsInf(after, -1) { // a window between two leads: the nearest one below
		for i := range d.freed.leads {
			if l := &d.freed.leads[i]; l.h <= b {
				by, sigma = d.offsets[i], d.spread[i]
			}
		}
		return by, sigma
	}
	return after - before, sigma
}

// Nodes and weights of Gauss–Hermite quadrature with five points, for a standard normal (Abramowitz &
// Stegun 25.4.46).
var (
	hermiteNodes   = [...]float64{-2.856970, -1.355626, 0, 1.355626, 2.856970}
	hermiteWeights = [...]float64{.011257, .222076, .533333, .222076, .011257}
)

// Risk is P(max over 1..h of Z > c), as Series.Risk, with the offset's own error averaged over.
func (d *Driven) Risk(h int, c float64) float64 {
	if d.freed == nil {
		return d.plain.Risk(h, c)
	}
	d.look()
	p := 0.
	for i := range h + 1 {
		p = max(p, d.risk(i, c))
	}
	return p
}

func (d *Driven) risk(h int, c float64) float64 {
	by, sigma := d.shift(1, d.freed.horizons[h].h)
	z := math.Log1p(max(c, 0)) - by
	p := 0.
	if sigma < .01 {
		p = d.freed.Risk(h, math.Expm1(max(z, 0)))
	} else {
		for i, x := range hermiteNodes {
			p += hermiteWeights[i] * d.freed.Risk(h, math.Expm1(max(z+sigma*x, 0)))
		}
	}
	w := d.weight(d.freed.horizons[h].h)
	return w*p + (1-w)*d.plain.Risk(h, c)
}

// MaxQuantile is the p-quantile of the highest Z in the steps fromStep..toStep ahead, as
// Series.MaxQuantile: both series' quantiles joined in z, the freed one's raised and widened. Over 1..h
// with h a horizon that is only where the search for the inverse of Risk starts.
func (d *Driven) MaxQuantile(fromStep, toStep int, p float64) float64 {
	lone := d.plain.MaxQuantile(fromStep, toStep, p)
	if d.freed == nil {
		return lone
	}
	d.look()
	v := &d.window
	if v.to == 0 || v.from != fromStep || v.to != toStep {
		*v = window{from: fromStep, to: toStep, weight: d.weight(toStep)}
		if v.by, v.sigma = d.shift(max(fromStep, 1), max(toStep, 1)); v.sigma >= .01 {
			v.mid = math.Log1p(d.freed.MaxQuantile(fromStep, toStep, .5))
		}
	}
	by, sigma, w := v.by, v.sigma, v.weight
	z := math.Log1p(d.freed.MaxQuantile(fromStep, toStep, p))
	if sigma >= .01 {
		z = d.widen(z, v.mid, normalQuantile(min(max(p, 1e-6), 1-1e-6)), sigma)
	}
	z = max(w*(z+by)+(1-w)*math.Log1p(lone), 0)
	if fromStep <= 1 && math.Abs(by)+sigma > .02 {
		for i := range d.freed.horizons {
			if d.freed.horizons[i].h == toStep {
				z = d.inverse(i, z, p)
			}
		}
	}
	return math.Expm1(z)
}

// window is what the quantiles of one window share: they are asked for one after the other.
type window struct {
	from, to  int // to is 0 before anything was asked
	by, sigma float64
	mid       float64 // median of freed, on the scale of z
	weight    float64
}

// inverse looks for the z at which logit Risk is logit(1 − p), by secants from a point near it.
func (d *Driven) inverse(h int, z, p float64) float64 {
	want := logit(1 - p)
	miss := func(z float64) float64 { return bound(logit(d.Risk(h, math.Expm1(z))), 2*logitLimit) - want }
	m := miss(z)
	step := bound(m*.05, .2) // a logit is about a twentieth of z, and Risk falls in z
	for range 4 {
		if math.Abs(m) < .02 || step == 0 {
			break
		}
		next := max(z+step, 0)
		was := m
		m = miss(next)
		slope := (m - was) / (next - z)
		z = next
		if !(slope < -.1) {
			break
		}
		step = bound(-m/slope, .2)
	}
	return z
}

// WithoutTalk is the series that knows no mentions.
func (d *Driven) WithoutTalk() *Series { return d.plain }

// Classes is how many classes of sources it listens to.
func (d *Driven) Classes() int { return len(d.talk) }

// Said is the series of what is said in one class; nil when nothing was ever heard of it.
func (d *Driven) Said(class int) *Series {
	if class >= len(d.talk) || d.talk[class].n == 0 {
		return nil
	}
	return d.talk[class]
}

// Talked reports whether mentions were ever counted.
func (d *Driven) Talked() bool {
	for _, t := range d.talk {
		if t.n > 0 {
			return true
		}
	}
	return false
}

// Share is what one class of sources brings now.
type Share struct {
	Share, Low, High float64 // of the visits, central 80 %
	Conversion       float64 // visits a mention brings in the end
}

// Shares fills dst, one entry a class, from what was learnt and said by the last step. The band comes
// from the covariance of β and the variance of the gain (delta method).
func (d *Driven) Shares(dst []Share) []Share {
	dst = dst[:0]
	n := len(d.tr.theta)
	total := max(d.base+d.tr.lift(), 1e-9)
	for s := range d.talk {
		g, c, kappa := d.tr.gain(s), d.tr.c[s], 0.
		// x'Px of this class alone, x = (c, g E_j)
		var x [1 + transferKernels]float64
		var at [1 + transferKernels]int
		x[0], at[0] = c, strayStates+s
		for j := range transferKernels {
			kappa += d.tr.beta(s, j)
			x[1+j], at[1+j] = g*d.tr.e[s*transferKernels+j], d.tr.at(s, j)
		}
		v := 0.
		for j := range x {
			for k := range x {
				v += x[j] * d.tr.cov[at[j]*n+at[k]] * x[k]
			}
		}
		sd := math.Sqrt(max(v, 0))
		part := func(x float64) float64 { return min(max(x/total, 0), 1) }
		dst = append(dst, Share{Share: part(g * c), Low: part(g*c - 1.28*sd), High: part(g*c + 1.28*sd), Conversion: g * kappa})
	}
	return dst
}

// Conversion is what the traffic has told of the visits a mention of one class brings in the end: their logarithm and
// its variance (delta method). ok is false where the class was never heard of.
func (d *Driven) Conversion(class int) (log, variance float64, ok bool) {
	if class >= len(d.talk) || d.talk[class].n == 0 {
		return 0, 0, false
	}
	kappa, v, n := 0., 0., len(d.tr.theta)
	prior := 0.
	for j := range transferKernels {
		kappa += d.tr.beta(class, j)
		prior += d.tr.prior[class*transferKernels+j]
		for k := range transferKernels {
			v += d.tr.cov[d.tr.at(class, j)*n+d.tr.at(class, k)]
		}
	}
	kappa = max(kappa, prior/50) // none is not known to so many digits
	return math.Log(kappa), v / (kappa * kappa), true
}

// SignalValue is the loss with mentions over the loss without, 15 minutes ahead, over the last weeks:
// below 1 the talk helps. It is 1 before anything was compared.
func (d *Driven) SignalValue() float64 {
	j := &d.judges[1]
	if d.freed == nil || j.lead < 0 || j.lone <= 0 {
		return 1
	}
	return j.with / j.lone
}

func (j *judgeLead) snapshot(c *codec) {
	c.nums(j.ring)
	c.num(&j.log)
	c.num(&j.with)
	c.num(&j.lone)
	c.num(&j.norm)
}

const drivenMagic = "SCdr"

// parts are the series in the order of a snapshot.
func (d *Driven) parts() []*Series {
	if d.freed == nil {
		return []*Series{d.plain}
	}
	return append([]*Series{d.plain, d.freed}, d.talk...)
}

// MarshalBinary returns a snapshot of everything learnt.
func (d *Driven) MarshalBinary() ([]byte, error) {
	b := append([]byte(nil), drivenMagic...)
	b = binary.LittleEndian.AppendUint16(b, snapshotVersion)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(d.talk)))
	for _, s := range d.parts() {
		blob, err := s.MarshalBinary()
		if err != nil {
			return nil, err
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(len(blob)))
		b = append(b, blob...)
	}
	c := codec{}
	d.snapshot(&c)
	b = append(b, c.buf...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

func (d *Driven) snapshot(c *codec) {
	d.tr.snapshot(c)
	c.num(&d.base)
	c.num(&d.surprise)
	for i := range d.judges {
		d.judges[i].snapshot(c)
	}
	c.whole(&d.t)
}

// UnmarshalBinary restores a snapshot of a model with the same Config and drivers; after an error the
// model is as it was.
func (d *Driven) UnmarshalBinary(b []byte) error {
	fail := func(err error) error { return fmt.Errorf("restoring a site's model: %w", err) }
	if len(b) < 12 || string(b[:4]) != drivenMagic || binary.LittleEndian.Uint32(b[len(b)-4:]) != crc32.Checksum(b[:len(b)-4], castagnoli) {
		return fail(ErrSnapshotDamaged)
	}
	if binary.LittleEndian.Uint16(b[4:]) != snapshotVersion || int(binary.LittleEndian.Uint16(b[6:])) != len(d.talk) {
		return fail(ErrSnapshotGrid)
	}
	drivers := make([]Driver, len(d.talk))
	fresh := NewDriven(d.plain.c, drivers)
	copy(fresh.tr.prior, d.tr.prior)
	copy(fresh.tr.wide, d.tr.wide)
	rest := b[8 : len(b)-4]
	for _, s := range fresh.parts() {
		if len(rest) < 4 || uint64(len(rest)-4) < uint64(binary.LittleEndian.Uint32(rest)) {
			return fail(ErrSnapshotDamaged)
		}
		n := int(binary.LittleEndian.Uint32(rest))
		if err := s.restore(rest[4 : 4+n]); err != nil {
			return fail(err)
		}
		rest = rest[4+n:]
	}
	c := codec{buf: rest, reading: true}
	fresh.snapshot(&c)
	if c.short || len(c.buf) != 0 {
		return fail(ErrSnapshotDamaged)
	}
	fresh.stale = fresh.freed != nil && fresh.t > 0
	*d = *fresh
	return nil
}
