package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"surgecast"
	"surgecast/internal/csvfile"
	"surgecast/model"
)

// Tick is one value of a series: NaN when it is missing.
type Tick struct {
	Unix  int64 // start of the step, seconds
	Value float64
}

// timed is one series of a file: its values in order of time, and the line each stands on.
type timed struct {
	ticks []Tick
	lines []int
}

// ReadSeries reads a series file (timestamp_utc,series,value; .gz too); values of one series come back in
// order of time.
func ReadSeries(path string) (map[string][]Tick, error) {
	all, err := readSeries(path)
	if err != nil {
		return nil, err
	}
	out := make(map[string][]Tick, len(all))
	for name, s := range all {
		out[name] = s.ticks
	}
	return out, nil
}

func readSeries(path string) (map[string]*timed, error) {
	rows, err := openRows(path, "timestamp_utc", "series", "value")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]*timed{}
	for rows.Next() {
		unix, err := rows.time(0)
		if err != nil {
			rows.Faults.Add(err)
			continue
		}
		v, err := rows.count(2)
		if err != nil {
			rows.Faults.Add(err)
			continue
		}
		name := rows.field(1)
		if name == "" {
			rows.Faults.Add(rows.bad(1, "", "is empty", "Name the series."))
			continue
		}
		s := out[name]
		if s == nil {
			s = &timed{}
			out[strings.Clone(name)] = s // a clone, or the whole line would be kept
		}
		s.ticks, s.lines = append(s.ticks, Tick{unix, v}), append(s.lines, rows.Line())
	}
	for name, s := range out {
		s.sort(name, rows.Faults)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: %w", path, &surgecast.FieldError{Field: "file", Detail: "has no rows after the header", Remedy: "Give at least two values of a series."})
	}
	return out, nil
}

// sort brings the values in order of time and finds those that stand twice.
func (s *timed) sort(name string, faults *csvfile.Faults) {
	order := make([]int, len(s.ticks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.ticks[a].Unix, s.ticks[b].Unix) })
	ticks, lines := make([]Tick, len(order)), make([]int, len(order))
	for i, at := range order {
		ticks[i], lines[i] = s.ticks[at], s.lines[at]
		if i > 0 && ticks[i].Unix == ticks[i-1].Unix {
			faults.Add(&surgecast.FieldError{
				Field: "timestamp_utc", Line: lines[i], Value: clockText(ticks[i].Unix),
				Detail: fmt.Sprintf("of series %q already stands in line %d", csvfile.Shorten(name), lines[i-1]), Remedy: "Keep one of the two.",
			})
		}
	}
	s.ticks, s.lines = ticks, lines
}

func clockText(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }

// ReadEvents reads planned events (series,kind,start_utc,end_utc,announced_utc; .gz too); kinds are numbered per
// series in the order of the file. Events of series that are not asked for are left out, and the first line of each
// is told; when that leaves none, it is an error.
func ReadEvents(path string, series map[string][]Tick, say func(msg string, args ...any)) (map[string][]model.Event, error) {
	rows, err := openRows(path, "series", "kind", "start_utc", "end_utc", "announced_utc")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string][]model.Event{}
	kinds := map[string]int{}
	count := map[string]int{}
	strange := strangers{path: path, what: "events", say: say}
next:
	for rows.Next() {
		name := strings.Clone(rows.field(0))
		e := model.Event{Shape: model.ShapeOf(rows.field(1))}
		for i, at := range []*int64{&e.Start, &e.End, &e.Announced} {
			if *at, err = rows.time(2 + i); err != nil {
				rows.Faults.Add(err)
				continue next
			}
		}
		if e.End < e.Start {
			rows.Faults.Add(rows.bad(3, rows.field(3), "is before the start "+rows.field(2), "Swap the two, or put the end right."))
			continue
		}
		if _, ok := series[name]; !ok {
			strange.add(name, rows.Line())
			continue
		}
		key := name + "\x00" + rows.field(1)
		if _, ok := kinds[key]; !ok {
			kinds[key] = count[name]
			count[name]++
		}
		e.Kind = kinds[key]
		out[name] = append(out[name], e)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return out, strange.err(len(out))
}

// strangers tells once of each series a file speaks of that is not in the series file: a misspelt name would
// otherwise look like an input without value.
type strangers struct {
	path, what string
	say        func(string, ...any)
	seen       map[string]bool
	first      string
	line       int
}

const strangersTold = 5

func (s *strangers) add(series string, line int) {
	if s.seen == nil {
		s.seen, s.first, s.line = map[string]bool{}, series, line
	}
	if s.seen[series] {
		return
	}
	s.seen[series] = true
	switch n := len(s.seen); {
	case n <= strangersTold:
		s.say(s.what+" left out: their series is not in the series file", "file", s.path, "line", line, "series", series)
	case n == strangersTold+1:
		s.say(s.what+" of more series left out", "file", s.path, "from_line", line)
	}
}

// err is what to say when so many series got something from the file.
func (s *strangers) err(used int) error {
	switch {
	case used > 0:
		return nil
	case len(s.seen) == 0:
		s.say("the file has no rows after the header: there are no "+s.what, "file", s.path)
		return nil
	}
	return fmt.Errorf("%s: %w", s.path, &surgecast.FieldError{
		Field: "series", Line: s.line, Value: csvfile.Shorten(s.first), Detail: "is not in the series file, nor is any other series of this file: no " + s.what + " would be left",
		Remedy: "Write the names as the series file does, capitals too.",
	})
}
