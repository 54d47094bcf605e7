package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"surgecast"
	"surgecast/internal/csvfile"
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
// the file. Signals of series that are not asked for are left out, and the first line of each is told; when that
// leaves none, it is an error.
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
			rows.Faults.Add(err)
			continue
		}
		name, source := rows.field(1), rows.field(2)
		if source == "" {
			rows.Faults.Add(rows.bad(2, "", "is empty", "Name the source, each is one regressor."))
			continue
		}
		v, err := rows.count(3)
		if err != nil {
			rows.Faults.Add(err)
			continue
		}
		if _, ok := series[name]; !ok {
			strange.add(strings.Clone(name), rows.Line())
			continue
		}
		at := place{name, source, unix}
		if first, ok := line[at]; ok {
			rows.Faults.Add(rows.bad(0, rows.field(0), fmt.Sprintf("of source %q for series %q already stands in line %d", csvfile.Shorten(source), csvfile.Shorten(name), first), "Keep one of the two."))
			continue
		}
		line[at] = rows.Line()
		list := out[name]
		k := slices.IndexFunc(list, func(s signal) bool { return s.source == source })
		if k < 0 {
			if len(list) == mostSignals {
				rows.Faults.Add(rows.bad(2, source, fmt.Sprintf("is source number %d of series %q", mostSignals+1, csvfile.Shorten(name)), fmt.Sprintf("At most %d are used: add some of them up.", mostSignals)))
				continue
			}
			k = len(list)
			list = append(list, signal{source: strings.Clone(source)})
		}
		list[k].ticks = append(list[k].ticks, Tick{unix, v})
		out[strings.Clone(name)] = list
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, list := range out {
		for _, s := range list {
			slices.SortFunc(s.ticks, func(a, b Tick) int { return cmp.Compare(a.Unix, b.Unix) })
		}
	}
	return out, strange.err(len(out))
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
