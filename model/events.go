package model

import (
	"cmp"
	"math"
	"slices"
)

// Event is something planned: a kick-off, an on-sale, a newsletter. Kind numbers what the caller calls
// kinds, from 0; times are Unix seconds. Before Announced the model acts as if it did not know of it.
type Event struct {
	Kind                  int
	Start, End, Announced int64
	Shape                 EventShape // what is expected before one was seen; of the first event of a kind
	Visits                float64    // it is expected to bring in all beyond the usual, median; 0: as many as its kind does
	Spread                float64    // standard deviation of the logarithm of that; 0: not known
}

// events adds to the profile what events of a kind usually do around their start:
//
//	S(t) = D(t) + W(t) + Σ_e m_e E_kind(t − start_e)      E linear between knots, −2 h … +4.5 h
//	e    = z − S − s
//	E_i ← E_i + w_i γ (e + (m−m₀) E) / max(m₀, 1),  γ = max(0.1, 1/(n+2)) / (steps a knot sees in one event)
//	m   ← m + P E/(P E² + V) e,  0 ≤ m ≤ max(3, 2 m₀), and 10 at least where sd was said
//	P   ← P V/(P E² + V)
//	V   = min(1, .02 + 6 (m₀ max E)²) · 60 s/step   (a step counts as an hour at most)
//
// with n the events of the kind begun, this one among them, w_i the share knot i has in E now, E = Σ w_i E_i,
// and s the level of the last hours: the first event teaches a third of its shape (the rest is the prior,
// eventshape.go), and from then on the known ones ahead are expected, whenever they are. m is the size of this
// one: m₀ ± √P before, and what is seen from two hours before the start on. V is large because the errors of
// neighbouring minutes are much the same error.
//
// Of a saturated minute only a lower bound of z is known, so it teaches upwards alone: an E_i or m it would
// lower stays, and so does P, for a bound does not say how much more there was.
//
// m₀ is 1 and P .2 unless it was said how many visits an event is expected to bring: those are spread over its
// shape, set beside the usual visits at its start (one a minute at least), and compared with the event the
// kind's shape was made for,
//
//	A  = visits / (∫K · usual)
//	m₀ = log(1+A)/log(1+A₁), at least .02, at most 20
//	P  = max(.2 m₀², (A/(1+A) · sd/log(1+A₁))²/(n+1))
//
// with n the events of the kind begun when it is planned, so that a mailing to twice the people is expected to
// bring more than the last one did. Where nothing is expected of a kind yet (A₁ = 0) both stay as they were.
//
// An event that lasts longer than its knots (a sale of days) stays at what it is two hours after its start,
// on top of the profile of the day, until its end, and is gone an hour later.
type events struct {
	step    float64
	spacing float64
	knots   int
	list    []planned // not yet over, by start
	kinds   []eventKind

	// Worked out anew at each step (look).
	peaks []int64 // when events of the next day are highest
	top   float64 // the highest effect of those
}

type planned struct {
	Event
	size, doubt float64 // m and P
	prior       float64 // m₀
}

type eventKind struct {
	knot []float64
	n    int     // events begun
	last int64   // start of the last one counted
	ref  float64 // log(1+A₁) of the event its first shape was made for

	fresh int // 1: its shape is still to be set
}

const (
	eventBefore  = 2 * 3600.
	eventAfter   = 4.5 * 3600
	eventHold    = 2 * 3600. // a long event stays at what it is so long after its start
	eventFade    = 3600.     // and is gone so long after its end
	eventGain    = .1
	eventDoubt   = .2
	eventNoise   = 1. // V of a minute
	eventLarge   = 3.
	eventLeast   = .02 // m₀
	eventMost    = 20.
	eventKinds   = 32
	eventSmall   = 6.        // V of a small event, in units of its highest effect squared
	eventBase    = .02       // V of none
	eventWide    = 10.       // m at most when its spread was told
	eventMatters = .1        // an effect worth another view of the day
	eventHorizon = 26 * 3600 // peaks are looked for so far ahead
)

func newEvents(step float64) events {
	e := events{step: step, spacing: max(300, step)}
	e.knots = int(math.Ceil((eventBefore+eventAfter)/e.spacing)) + 1
	return e
}

// Plan tells the model of an event; forecasts know of it from the next step on. Telling it again changes
// nothing; kinds beyond 31 share the last.
func (s *Series) Plan(e Event) {
	e.Kind = min(max(e.Kind, 0), eventKinds-1)
	p := &s.events
	for len(p.kinds) <= e.Kind {
		p.kinds = append(p.kinds, eventKind{knot: make([]float64, p.knots), last: math.MinInt64, fresh: 1})
	}
	i, found := p.find(e.Kind, e.Start)
	if found && (p.list[i].Visits == e.Visits && p.list[i].Spread == e.Spread || s.unix >= e.Start) {
		p.list[i].Event = e // its size is what has been seen of it
		return
	}
	if found {
		p.list = slices.Delete(p.list, i, i+1)
	}
	p.list = slices.Insert(p.list, i, s.sized(e))
}

// find is where an event stands or would stand.
func (p *events) find(kind int, start int64) (int, bool) {
	return slices.BinarySearchFunc(p.list, planned{}, func(a, _ planned) int {
		switch {
		case a.Start != start:
			return cmp.Compare(a.Start, start)
		default:
			return a.Kind - kind
		}
	})
}

// sized is an event as planned: how large it is expected to be beside the usual one of its kind.
func (s *Series) sized(e Event) planned {
	p := &s.events
	k := &p.kinds[e.Kind]
	a := e.Shape.peak()
	if mass := e.Shape.mass(float64(e.End-e.Start) / 60); e.Visits > 0 && mass > 0 {
		usual := count(s.profile.at(s.clock.local(e.Start)) + s.memory.b())
		a = e.Visits / mass * (p.step / 60) / max(usual, p.step/60)
	}
	alone := !slices.ContainsFunc(p.list, func(o planned) bool { return o.Kind == e.Kind })
	if k.fresh != 0 || k.n == 0 && alone {
		k.fresh = 0
		for i := range k.knot {
			k.knot[i] = e.Shape.effect(a, (float64(i)*p.spacing-eventBefore)/60, p.spacing/60)
		}
		k.ref = math.Log1p(a)
	}
	out := planned{Event: e, size: 1, doubt: eventDoubt, prior: 1}
	if k.ref > 0 && e.Visits > 0 {
		out.prior = min(max(math.Log1p(a)/k.ref, eventLeast), eventMost)
		out.doubt *= out.prior * out.prior
	}
	if k.ref > 0 && e.Spread > 0 {
		sd := a / (1 + a) * e.Spread / k.ref
		out.doubt = max(out.doubt, sd*sd/float64(k.n+1))
	}
	out.size = out.prior
	return out
}

// Unplan takes an event back that will not happen, from the next step on.
func (s *Series) Unplan(kind int, start int64) {
	s.events.list = slices.DeleteFunc(s.events.list, func(e planned) bool { return e.Kind == kind && e.Start == start })
}

// Replan tells the model all that is planned: what it was told before and is not among them will not happen,
// what is new is expected, and what it knows already stays as it is. The forecasts of the last step are made
// anew with it. It is a function of the model and of what it is told alone, so a restart that tells the same
// after the same step goes on the same.
func (s *Series) Replan(all []Event) {
	kept := s.events.list[:0]
	for _, e := range s.events.list {
		if slices.ContainsFunc(all, func(o Event) bool { return o.Kind == e.Kind && o.Start == e.Start }) {
			kept = append(kept, e)
		}
	}
	clear(s.events.list[len(kept):])
	s.events.list = kept
	for _, e := range all {
		if !s.events.over(&e, s.unix) {
			s.Plan(e)
		}
	}
	if s.t < 0 {
		return
	}
	s.look()
	now := s.usual(s.unix)
	for i := range s.leads {
		s.predict(&s.leads[i], now)
	}
	for i := range s.horizons {
		s.horizons[i].looked = -2
		s.open(&s.horizons[i])
	}
	s.risky = false
}

// Replan tells both series all that is planned, as Series.Replan.
func (d *Driven) Replan(all []Event) {
	d.window = window{}
	d.plain.Replan(all)
	if d.freed == nil {
		return
	}
	d.freed.Replan(all)
	if d.t == 0 {
		return
	}
	d.stale = true
	d.look()
	d.t-- // the step whose forecasts are made anew
	d.file()
	d.t++
}

// over reports whether an event has no effect any more.
func (p *events) over(e *Event, now int64) bool {
	end := float64(e.Start) + eventAfter
	if e.lasting() {
		end = float64(e.End) + eventFade
	}
	return float64(now) > end+p.spacing
}

// lasting reports whether an event lasts longer than its knots.
func (e *Event) lasting() bool { return float64(e.End-e.Start) > eventAfter }

// forget drops events whose time is over.
func (p *events) forget(now int64) {
	p.list = slices.DeleteFunc(p.list, func(e planned) bool { return p.over(&e.Event, now) })
}

// place is where a moment lies on the knots of an event: between knots k and k+1, at f of the way, w of the
// effect. Before and after the event w is 0.
func (p *events) place(e *Event, unix int64) (k int, f, w float64) {
	u, w := float64(unix-e.Start)+eventBefore, 1.
	if u < 0 {
		return 0, 0, 0
	}
	if e.lasting() && u > eventBefore+eventHold {
		u = eventBefore + eventHold
		w = min(1-float64(unix-e.End)/eventFade, 1)
	}
	k = int(u / p.spacing)
	if k >= p.knots || w <= 0 {
		return 0, 0, 0
	}
	return k, u/p.spacing - float64(k), w
}

// at is Σ m E at a moment, as known at now.
func (p *events) at(unix, now int64) float64 {
	sum := 0.
	for i := range p.list {
		e := &p.list[i]
		if float64(e.Start-unix) > eventBefore {
			break // by start: none of the others has begun
		}
		if k, f, w := p.place(&e.Event, unix); w > 0 && e.Announced <= now {
			sum += w * e.size * p.kinds[e.Kind].at(k, f)
		}
	}
	return sum
}

// doubt is the variance of at.
func (p *events) doubt(unix, now int64) float64 {
	sum := 0.
	for i := range p.list {
		e := &p.list[i]
		if float64(e.Start-unix) > eventBefore {
			break
		}
		if k, f, w := p.place(&e.Event, unix); w > 0 && e.Announced <= now {
			v := w * p.kinds[e.Kind].at(k, f)
			sum += e.doubt * v * v
		}
	}
	return sum
}

// look finds when the known events of the next day are highest, and how high: a spot of a few minutes lies
// between two leads of a forecast.
func (p *events) look(now int64) {
	p.peaks, p.top = p.peaks[:0], 0
	for i := range p.list {
		e := &p.list[i]
		if e.Start-now > eventHorizon {
			break
		}
		if e.Announced > now {
			continue
		}
		kind := &p.kinds[e.Kind]
		best := 0
		for k, v := range kind.knot {
			if v > kind.knot[best] && (!e.lasting() || float64(k)*p.spacing <= eventBefore+eventHold) {
				best = k
			}
		}
		p.top = max(p.top, e.size*kind.knot[best])
		if at := e.Start + int64(float64(best)*p.spacing-eventBefore); at > now {
			p.peaks = append(p.peaks, at)
		}
	}
}

// at is E between knots k and k+1.
func (k *eventKind) at(i int, f float64) float64 {
	v := (1 - f) * k.knot[i]
	if i+1 < len(k.knot) {
		v += f * k.knot[i+1]
	}
	return v
}

// learn gives the error of a step, in log counts, to every event under way. bound says that the truth lies err
// or more above what was expected: then nothing is lowered by it.
func (p *events) learn(unix int64, err float64, bound bool) {
	for i := range p.list {
		e := &p.list[i]
		if float64(e.Start-unix) > eventBefore {
			break
		}
		k, f, w := p.place(&e.Event, unix)
		if w <= 0 || e.Announced > unix {
			continue
		}
		kind := &p.kinds[e.Kind]
		if e.Start > kind.last {
			kind.last = e.Start
			kind.n++
		}
		seen := max(1, p.spacing/p.step)
		if e.lasting() && float64(unix-e.Start) > eventHold {
			seen = max(seen, (float64(e.End-e.Start)-eventHold+eventFade)/p.step)
		}
		gain := max(eventGain, 1/float64(kind.n+2)) / seen
		v := w * kind.at(k, f)
		// Per unit of the size expected; what an event of a hundredth of the usual size showed says little.
		lesson := gain * w * (err + (e.size-e.prior)*v) / max(e.prior, 1)
		most := max(eventLarge, 2*e.prior)
		if e.Spread > 0 {
			most = max(most, eventWide)
		}
		peak := e.prior * slices.Max(kind.knot)
		noise := min(eventNoise, eventBase+eventSmall*peak*peak) * 60 / min(p.step, 3600)
		q := e.doubt * v * v
		size := min(max(e.size+e.doubt*v/(q+noise)*err, 0), most)
		if bound {
			size, lesson = max(size, e.size), max(lesson, 0)
		} else {
			e.doubt *= noise / (q + noise)
		}
		e.size = size
		kind.knot[k] += (1 - f) * lesson
		if k+1 < p.knots {
			kind.knot[k+1] += f * lesson
		}
	}
}

// eventAhead is the highest effect of known events at the leads and peaks within h steps, beyond what they
// do now.
func (s *Series) eventAhead(h int) float64 {
	if len(s.events.list) == 0 {
		return 0
	}
	m := 0.
	for i := range s.leads {
		if l := s.leads[i].h; l <= h {
			m = max(m, s.events.at(s.unix+int64(l)*int64(s.c.StepSeconds), s.unix))
		}
	}
	for _, at := range s.events.peaks {
		if s.stepsTo(at) <= h {
			m = max(m, s.events.at(at, s.unix))
		}
	}
	return m - s.events.at(s.unix, s.unix)
}

// doubtEvents widens quantiles at a moment by what is not known of the size of the events then.
func (s *Series) doubtEvents(q []float64, unix int64) {
	if len(s.events.list) > 0 {
		s.widen(q, s.events.doubt(unix, s.unix))
	}
}

// widen puts an independent normal error of variance v on quantiles: distances from the median add in
// squares.
func (s *Series) widen(q []float64, v float64) {
	if v < 1e-4 {
		return
	}
	mid, top := q[s.median], 0.
	for i, u := range s.normal {
		d := q[i] - mid
		e := math.Sqrt(d*d + v*u*u)
		if d < 0 || d == 0 && u < 0 {
			e = -e
		}
		top = max(top, mid+e)
		q[i] = min(max(top, 0), s.ceiling)
	}
}

// stepsTo is how many steps ahead of the last one a moment lies, rounded.
func (s *Series) stepsTo(unix int64) int {
	return int(math.Round(float64(unix-s.unix) / s.events.step))
}

// between fills q with the quantiles at a step between two leads: linear in log lead relative to S, as
// Interpolate, and widened by what is not known of the events then.
func (s *Series) between(q []float64, u int) {
	unix := func(h int) int64 { return s.unix + int64(h)*int64(s.c.StepSeconds) }
	k := 0
	for k < len(s.leads)-1 && s.leads[k].h < u {
		k++
	}
	hi := &s.leads[k]
	lo, f := hi, 1.
	if k > 0 && hi.h > u {
		lo = &s.leads[k-1]
		f = math.Log(float64(u)/float64(lo.h)) / math.Log(float64(hi.h)/float64(lo.h))
	}
	here := s.usual(unix(u))
	for i := range q {
		a, b := lo.q[i]-lo.then, hi.q[i]-hi.then
		q[i] = min(max(here+a+f*(b-a), 0), s.ceiling)
	}
	a, b := s.events.doubt(unix(lo.h), s.unix), s.events.doubt(unix(hi.h), s.unix)
	s.widen(q, s.events.doubt(unix(u), s.unix)-a-f*(b-a))
}

func (p *events) snapshot(c *codec) {
	n, m := len(p.kinds), len(p.list)
	c.whole(&n)
	c.whole(&m)
	if c.reading {
		if n < 0 || n > eventKinds || m < 0 || m > len(c.buf)/72 {
			c.short = true
			return
		}
		p.kinds, p.list = make([]eventKind, n), make([]planned, m)
		for i := range p.kinds {
			p.kinds[i].knot = make([]float64, p.knots)
		}
	}
	for i := range p.kinds {
		k := &p.kinds[i]
		c.nums(k.knot)
		c.whole(&k.n)
		c.long(&k.last)
		c.num(&k.ref)
		c.whole(&k.fresh)
	}
	for i := range p.list {
		e := &p.list[i]
		c.whole(&e.Kind)
		c.long(&e.Start)
		c.long(&e.End)
		c.long(&e.Announced)
		c.num(&e.size)
		c.num(&e.doubt)
		c.num(&e.prior)
		c.num(&e.Visits)
		c.num(&e.Spread)
		if e.Kind < 0 || e.Kind >= n {
			c.short = true
			e.Kind = 0
		}
	}
}
