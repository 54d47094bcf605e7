package model

import (
	"math"
	"slices"
)

// Event is something planned: a kick-off, an on-sale, a newsletter. Kind numbers what the caller calls
// kinds, from 0; times are Unix seconds. Before Announced the model acts as if it did not know of it.
type Event struct {
	Kind                  int
	Start, End, Announced int64
	Shape                 EventShape // what is expected before one was seen; of the first event of a kind
}

// events adds to the profile what events of a kind usually do around their start:
//
//	S(t) = D(t) + W(t) + Σ_e m_e E_kind(t − start_e)      E linear between knots, −2 h … +4.5 h
//	e    = z − S − s
//	E_i ← E_i + w_i γ (e + (m−1) E),  γ = max(0.1, 1/(n+2)) / (steps a knot sees in one event)
//	m   ← m + P E/(P E² + V) e        P ← P V/(P E² + V)
//
// with n the events of the kind so far and s the level of the last hours: the first event teaches a third
// of its shape (the rest is the prior, eventshape.go), and from then on the known ones ahead are expected,
// whenever they are. m is the size of this one beside the usual one of its kind: 1 ± .45 before, and what
// is seen from two hours before the start on. V is large because the errors of neighbouring minutes are
// much the same error.
type events struct {
	step    float64
	spacing float64
	knots   int
	list    []planned // not yet over, by start
	kinds   []eventKind
}

type planned struct {
	Event
	size, doubt float64 // m and P
}

type eventKind struct {
	knot []float64
	n    int   // events begun
	last int64 // start of the last one counted

	fresh int // 1: its shape is still to be set
}

const (
	eventBefore = 2 * 3600.
	eventAfter  = 4.5 * 3600
	eventGain   = .1
	eventDoubt  = .2
	eventNoise  = 1. // V of a minute
	eventLarge  = 3.
	eventKinds  = 32
)

func newEvents(step float64) events {
	e := events{step: step, spacing: max(300, step)}
	e.knots = int(math.Ceil((eventBefore+eventAfter)/e.spacing)) + 1
	return e
}

// Plan tells the model of an event. Telling it again changes nothing; kinds beyond 31 share the last.
func (s *Series) Plan(e Event) {
	e.Kind = min(max(e.Kind, 0), eventKinds-1)
	p := &s.events
	for len(p.kinds) <= e.Kind {
		p.kinds = append(p.kinds, eventKind{knot: make([]float64, p.knots), last: math.MinInt64, fresh: 1})
	}
	if k := &p.kinds[e.Kind]; k.fresh != 0 {
		k.fresh = 0
		for i := range k.knot {
			k.knot[i] = e.Shape.effect((float64(i)*p.spacing-eventBefore)/60, p.spacing/60)
		}
	}
	i, _ := slices.BinarySearchFunc(p.list, e, func(a planned, b Event) int {
		switch {
		case a.Start != b.Start:
			return int(min(max(a.Start-b.Start, -1), 1))
		default:
			return a.Kind - b.Kind
		}
	})
	if i < len(p.list) && p.list[i].Start == e.Start && p.list[i].Kind == e.Kind {
		p.list[i].Event = e
		return
	}
	p.list = slices.Insert(p.list, i, planned{e, 1, eventDoubt})
}

// Unplan takes an event back that will not happen.
func (s *Series) Unplan(kind int, start int64) {
	s.events.list = slices.DeleteFunc(s.events.list, func(e planned) bool { return e.Kind == kind && e.Start == start })
}

// forget drops events whose time is over.
func (p *events) forget(now int64) {
	for len(p.list) > 0 && float64(now-p.list[0].Start) > eventAfter+p.spacing {
		p.list = append(p.list[:0], p.list[1:]...)
	}
}

// at is Σ E at a moment, as known at now.
func (p *events) at(unix, now int64) float64 {
	sum := 0.
	for i := range p.list {
		e := &p.list[i]
		u := float64(unix-e.Start) + eventBefore
		if u < 0 {
			break
		}
		if k := int(u / p.spacing); k < p.knots && e.Announced <= now {
			f := u/p.spacing - float64(k)
			sum += e.size * p.kinds[e.Kind].at(k, f)
		}
	}
	return sum
}

// at is E between knots k and k+1.
func (k *eventKind) at(i int, f float64) float64 {
	v := (1 - f) * k.knot[i]
	if i+1 < len(k.knot) {
		v += f * k.knot[i+1]
	}
	return v
}

// learn gives the error to every event under way.
func (p *events) learn(unix int64, err float64) {
	for i := range p.list {
		e := &p.list[i]
		u := float64(unix-e.Start) + eventBefore
		if u < 0 {
			break
		}
		k := int(u / p.spacing)
		if k >= p.knots || e.Announced > unix {
			continue
		}
		kind := &p.kinds[e.Kind]
		if e.Start > kind.last {
			kind.last = e.Start
			kind.n++
		}
		gain := max(eventGain, 1/float64(kind.n+2)) / max(1, p.spacing/p.step)
		f := u/p.spacing - float64(k)
		v := kind.at(k, f)
		lesson := gain * (err + (e.size-1)*v)
		noise := eventNoise * 60 / min(p.step, 3600)
		q := e.doubt * v * v
		e.size = min(max(e.size+e.doubt*v/(q+noise)*err, 0), eventLarge)
		e.doubt *= noise / (q + noise)
		kind.knot[k] += (1 - f) * lesson
		if k+1 < p.knots {
			kind.knot[k+1] += f * lesson
		}
	}
}

func (p *events) snapshot(c *codec) {
	n, m := len(p.kinds), len(p.list)
	c.whole(&n)
	c.whole(&m)
	if c.reading {
		if n < 0 || n > eventKinds || m < 0 || m > len(c.buf)/32 {
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
		if e.Kind < 0 || e.Kind >= n {
			c.short = true
			e.Kind = 0
		}
	}
}
