package accesslog

import (
	"time"

	"surgecast"
)

const (
	minute = int64(60)
	// window is how late after its time a line may be written and still count.
	window = 10 * time.Minute
	// maxMinutes bounds the open minutes: the window, what may lie ahead of the clock, and stray times.
	maxMinutes = 4096
)

// A site that falls silent for so long, while its usual rate says there should have been so many lines,
// is not one without visitors: it is down, or it writes elsewhere. Those minutes are missing, not zero.
const (
	silentMinutes  = 10
	silentExpected = 20
)

// tally counts one minute of one segment.
type tally struct {
	requests, errors, rejected uint64
	took                       sketch
}

func (t *tally) add(l *line, rejected map[int]bool) {
	t.requests++
	switch {
	case rejected[l.status]:
		t.rejected++
	case l.status >= 500:
		t.errors++
	}
	if l.ms >= 0 {
		t.took.add(l.ms)
	}
}

// bucket is one open minute.
type bucket struct {
	total    tally
	segments []tally
	dirty    bool // changed since it was handed over
}

// quiet is what a site's usual rate says about a silence. It is folded minute by minute, in their order,
// so that a restart arrives at the same judgement.
type quiet struct {
	Rate   float64 `json:"rate"`   // lines a minute, exponentially weighted over an hour
	Silent int     `json:"silent"` // minutes without a line so far
}

// fold takes the next minute's count and reports whether the minute is implausibly silent.
func (q *quiet) fold(n uint64) (missing bool) {
	if n > 0 {
		q.Silent = 0
		q.Rate += (float64(n) - q.Rate) / 60
		return false
	}
	if q.Silent < 1<<20 {
		q.Silent++
	}
	if q.Silent > silentMinutes && q.Rate*float64(q.Silent) >= silentExpected {
		return true
	}
	if q.Silent <= silentMinutes || q.Rate > 1e-6 {
		// A silence that is believed belongs to the rate.
		q.Rate -= q.Rate / 60
	}
	return false
}

// minutes are the counts from floor on.
type minutes struct {
	rules  *compiled
	floor  int64 // first minute that lines still count for
	closed int64 // minutes before it have been handed over as complete
	before quiet // as of floor
	open   map[int64]*bucket
	silent bool // the newest minute was left out as implausibly silent
}

// add counts a line; false: there are too many open minutes.
func (m *minutes) add(l *line) bool {
	at := l.at - l.at%minute
	b := m.open[at]
	if b == nil {
		if len(m.open) >= maxMinutes {
			return false
		}
		b = &bucket{segments: make([]tally, len(m.rules.segments))}
		m.open[at] = b
	}
	b.dirty = true
	b.total.add(l, m.rules.rejected)
	if i := m.rules.segmentOf(l.path); i >= 0 {
		b.segments[i].add(l, m.rules.rejected)
	}
	return true
}

// flush hands over the minutes that end until limit and were not handed over before, and those that
// changed since; at most most minutes at once. more: there are others.
func (m *minutes) flush(limit int64, most int) (rows []surgecast.TrafficMinute, more bool) {
	q := m.before
	for at := m.floor; at+minute <= limit; at += minute {
		b := m.open[at]
		n := uint64(0)
		if b != nil {
			n = b.total.requests
		}
		missing := q.fold(n)
		isNew := at >= m.closed
		if isNew {
			if most--; most < 0 {
				return rows, true
			}
			m.closed, m.silent = at+minute, missing
		}
		if missing || !isNew && (b == nil || !b.dirty) {
			continue
		}
		if b == nil {
			b = &bucket{segments: make([]tally, len(m.rules.segments))}
		}
		b.dirty = false
		rows = append(rows, row(surgecast.TotalSegment, at, &b.total))
		for i := range b.segments {
			rows = append(rows, row(m.rules.segments[i].name, at, &b.segments[i]))
		}
	}
	return rows, false
}

func row(segment string, at int64, t *tally) surgecast.TrafficMinute {
	return surgecast.TrafficMinute{
		Segment: segment, Minute: time.Unix(at, 0).UTC(), Complete: true,
		Requests: float64(t.requests), Errors: float64(t.errors), Rejected: float64(t.rejected), P95MS: t.took.quantile(.95),
	}
}

// raise moves the floor up to at and forgets the minutes below it.
func (m *minutes) raise(to int64) {
	for ; m.floor < to; m.floor += minute {
		n := uint64(0)
		if b := m.open[m.floor]; b != nil {
			n = b.total.requests
		}
		m.before.fold(n)
		delete(m.open, m.floor)
	}
}

// skip moves the floor over minutes that cannot be read any more: nothing is said about them.
func (m *minutes) skip(to int64) {
	if to <= m.floor {
		return
	}
	m.floor, m.closed = to, max(m.closed, to)
	for at := range m.open {
		if at < to {
			delete(m.open, at)
		}
	}
}
