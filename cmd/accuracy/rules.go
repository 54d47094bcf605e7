package main

import (
	"math"
	"slices"
)

// levels are those of the arena's forecasts.
var levels = [...]float64{.05, .1, .25, .5, .75, .9, .95, .99}

// rule is a forecast everybody can make: a value now known, and as its spread the rule's own past errors at
// the same lead (the arena's BASELINES.md; errors are kept on log(1+y), or on √y).
type rule struct {
	name  string
	point func(d *dense, at, ahead, season int) float64
	root  bool
}

func lastValue(d *dense, at, _, _ int) float64 { return d.held[at] }

func rolling(d *dense, at, _, _ int) float64 {
	n := 3
	if d.step <= 60 {
		n = 15
	}
	from := max(0, at+1-n)
	if k := d.n[at+1] - d.n[from]; k > 0 {
		return (d.sum[at+1] - d.sum[from]) / float64(k)
	}
	return d.held[at]
}

func sameBefore(d *dense, at, ahead, season int) float64 {
	back := (ahead + season - 1) / season * season
	if v := d.value(at + ahead - back); !math.IsNaN(v) {
		return v
	}
	return d.held[at]
}

var rules = []rule{
	{"last_value", lastValue, false},
	{"last_value_sqrt", lastValue, true},
	{"rolling15", rolling, false},
	{"rolling15_sqrt", rolling, true},
	{"snaive", sameBefore, false},
	{"snaive_sqrt", sameBefore, true},
}

// pastOrigins is how many past origins a rule's spread rests on at most, evenly thinned.
const pastOrigins = 300

// memory is how far back a rule looks for its errors, in steps: 7 days of minutes, 28 of hours, 2 years of days.
func memory(step int64) int {
	days := int64(7)
	switch {
	case step >= 86400:
		days = 730
	case step >= 1800:
		days = 28
	}
	return int(days * 86400 / step)
}

// quantiles is the rule's forecast of the step ahead of at; from is the first step it may know of.
func (r rule) quantiles(dst []float64, d *dense, from, at, ahead, season int, errs []float64) []float64 {
	to, back := math.Log1p, math.Expm1
	if r.root {
		to, back = math.Sqrt, func(z float64) float64 { return max(z, 0) * max(z, 0) }
	}
	errs = errs[:0]
	first := max(from, at-ahead-memory(d.step))
	stride := max(1, (at-ahead-first)/pastOrigins)
	for s := at - ahead; s >= first; s -= stride {
		if p, y := r.point(d, s, ahead, season), d.y[s+ahead]; !math.IsNaN(p) && !math.IsNaN(y) {
			errs = append(errs, to(y)-to(p))
		}
	}
	slices.Sort(errs)
	centre := r.point(d, at, ahead, season)
	if math.IsNaN(centre) {
		centre = 0
	}
	z := to(centre)
	for k, p := range levels {
		e := 0.
		if n := len(errs); n > 0 {
			x := p * float64(n-1)
			i := int(x)
			e = errs[i]
			if i+1 < n {
				e += (x - float64(i)) * (errs[i+1] - errs[i])
			}
		}
		dst[k] = max(back(z+e), 0)
	}
	return errs
}

// cut is a copy of d that begins at a step: a series somebody started to count then.
func (d *dense) cut(from, to int) *dense {
	ticks := d.ticks
	lo, hi := d.unix(from)-d.step/2, d.unix(to)+d.step/2
	i := 0
	for i < len(ticks) && ticks[i].Unix < lo {
		i++
	}
	k := i
	for k < len(ticks) && ticks[k].Unix <= hi {
		k++
	}
	if k-i < 2 {
		return nil
	}
	return newDense(ticks[i:k], d.step)
}

// loss is Σ pinball over the levels and |y|: WQL is 2·pin / (8·abs).
type loss struct{ pin, abs float64 }

func (l *loss) add(q []float64, y float64) {
	if math.IsNaN(y) {
		return
	}
	for k, p := range levels {
		if y > q[k] {
			l.pin += p * (y - q[k])
		} else {
			l.pin += (1 - p) * (q[k] - y)
		}
	}
	l.abs += math.Abs(y)
}

func (l *loss) join(o loss) { l.pin += o.pin; l.abs += o.abs }

func (l loss) wql() float64 { return 2 * l.pin / float64(len(levels)) / l.abs }

// least is the smallest of losses at the same values.
func least(of []loss) int {
	at := 0
	for i := range of {
		if of[i].pin < of[at].pin {
			at = i
		}
	}
	return at
}

// forecast is the loss of a rule at one origin.
func (r rule) forecast(d *dense, at, horizon, season int) loss {
	var l loss
	q := make([]float64, len(levels))
	var errs []float64
	top := 0.
	for i := 0; i <= at; i++ {
		if d.y[i] > top {
			top = d.y[i]
		}
	}
	for k := 1; k <= horizon; k++ {
		y := d.value(at + k)
		if math.IsNaN(y) {
			continue
		}
		errs = r.quantiles(q, d, 0, at, k, season, errs)
		for i := range q {
			q[i] = min(q[i], 5*top)
		}
		l.add(q, y)
	}
	return l
}
