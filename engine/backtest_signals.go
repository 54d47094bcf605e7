package engine

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"surgecast"
	"surgecast/model"
)

// signal is what one source said about one series.
type signal struct {
	source string
	ticks  []Tick // rising; NaN: not counted
}

// mostSignals is how many sources of one series are listened to: a site's transfer has at most 8 regressors.
const mostSignals = 8

// readSignals reads what was said (timestamp_utc,series,source,value), the sources of a series in the order of
// the file. Signals of series that are not asked for are left out, and the first line of each is told.
func readSignals(path string, series map[string][]Tick, say func(string, ...any)) (map[string][]signal, error) {
	rows, err := openRows(path, "timestamp_utc", "series", "source", "value")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	type place struct {
		series, source string
		unix           int64
	}
	out := map[string][]signal{}
	line := map[place]int{}
	strange := strangers{path: path, what: "signals", say: say}
	for rows.Next() {
		unix, err := rows.time(0)
		if err != nil {
			return nil, err
		}
		name, source := rows.field(1), rows.field(2)
		if source == "" {
			return nil, rows.errorf("source", "empty; name the source, each is one regressor")
		}
		v, err := rows.count(3)
		if err != nil {
			return nil, err
		}
		if _, ok := series[name]; !ok {
			strange.add(name, rows.line)
			continue
		}
		at := place{name, source, unix}
		if first, ok := line[at]; ok {
			return nil, rows.errorf("timestamp_utc", "%s of source %q for series %q already stands in line %d; keep one of the two", rows.field(0), source, name, first)
		}
		line[at] = rows.line
		list := out[name]
		k := slices.IndexFunc(list, func(s signal) bool { return s.source == source })
		if k < 0 {
			if len(list) == mostSignals {
				return nil, rows.errorf("source", "%q is source number %d of series %q; at most %d are used, add some of them up", source, mostSignals+1, name, mostSignals)
			}
			k = len(list)
			list = append(list, signal{source: source})
		}
		list[k].ticks = append(list[k].ticks, Tick{unix, v})
		out[name] = list
	}
	for _, list := range out {
		for _, s := range list {
			slices.SortFunc(s.ticks, func(a, b Tick) int { return cmp.Compare(a.Unix, b.Unix) })
		}
	}
	return out, rows.Err()
}

// count is a number of zero or more, NaN for an empty field.
func (r *csvRows) count(i int) (float64, error) {
	text := r.field(i)
	if text == "" {
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsInf(v, 0) || math.IsNaN(v):
		return 0, r.errorf(r.names[i], "%q is not a number; leave it empty when it is missing", text)
	case v < 0:
		return 0, r.errorf(r.names[i], "%s is negative; counts are zero or more", text)
	}
	return v, nil
}

// priorsOf are the drivers of the signals. A source named like one of our kinds (posts, ranked, news …) starts
// from that kind's prior. Of any other not even the unit is known: its prior is that it brings half of what
// came, by the totals of both up to the moment until, spread evenly over the kernels, and it starts unproven.
func priorsOf(signals []signal, ticks []Tick, until int64) []model.Driver {
	total := func(ticks []Tick) (sum float64) {
		for _, t := range ticks {
			if t.Unix <= until && !math.IsNaN(t.Value) {
				sum += t.Value
			}
		}
		return sum
	}
	came := total(ticks)
	var out []model.Driver
	for _, s := range signals {
		if k := classOf(surgecast.SourceKind(s.source)); k >= 0 {
			out = append(out, classes[k].driver)
			continue
		}
		d := model.Driver{Kappa: 1, Mix: [4]float64{.25, .25, .25, .25}, Unproven: true}
		if said := total(s.ticks); said > 0 && came > 0 {
			d.Kappa = came / said / 2 / float64(len(signals))
		}
		out = append(out, d)
	}
	return out
}

// listener hands each step what was said in it: the sum of what is stamped after the step before and not
// after the step itself, so that nothing said after an origin is known there. Steps are asked for in order.
type listener struct {
	signals []signal
	next    []int
	step    int64
	out     []float64
}

func newListener(signals []signal, step int64) *listener {
	return &listener{signals: signals, next: make([]int, len(signals)), step: step, out: make([]float64, len(signals))}
}

func (l *listener) at(unix int64) []float64 {
	for k := range l.signals {
		ticks, sum := l.signals[k].ticks, math.NaN()
		for l.next[k] < len(ticks) && ticks[l.next[k]].Unix <= unix {
			t := ticks[l.next[k]]
			l.next[k]++
			// Older than a step and a half was said in steps the series does not have.
			if math.IsNaN(t.Value) || 2*t.Unix <= 2*unix-3*l.step {
				continue
			}
			if math.IsNaN(sum) {
				sum = 0
			}
			sum += t.Value
		}
		l.out[k] = sum
	}
	return l.out
}
