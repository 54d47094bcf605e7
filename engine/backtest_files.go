package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"surgecast/model"
)

// Tick is one value of a series: NaN when it is missing.
type Tick struct {
	Unix  int64 // start of the step, seconds
	Value float64
}

// backtestOrigin is one row of the origins file.
type backtestOrigin struct {
	series     string
	text       string // the origin as the file wrote it
	unix       int64
	horizon    int
	thresholds []float64
	levels     []string // the thresholds as the file wrote them
	line       int
}

// inferStep is the median distance between two values.
func inferStep(ticks []Tick) int64 {
	d := make([]int64, 0, len(ticks)-1)
	for i := 1; i < len(ticks); i++ {
		d = append(d, ticks[i].Unix-ticks[i-1].Unix)
	}
	slices.Sort(d)
	return max(1, d[len(d)/2])
}

// ReadSeries reads a series file (timestamp_utc,series,value; .gz too); values of one series come back in
// order of time.
func ReadSeries(path string) (map[string][]Tick, error) {
	rows, err := openRows(path, "timestamp_utc", "series", "value")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string][]Tick{}
	line := map[string]map[int64]int{}
	for rows.Next() {
		unix, err := rows.time(0)
		if err != nil {
			return nil, err
		}
		v, err := rows.count(2)
		if err != nil {
			return nil, err
		}
		name := rows.field(1)
		if line[name] == nil {
			line[name] = map[int64]int{}
		}
		if first, ok := line[name][unix]; ok {
			return nil, rows.errorf("timestamp_utc", "%s of series %q already stands in line %d; keep one of the two", rows.field(0), name, first)
		}
		line[name][unix] = rows.line
		out[name] = append(out[name], Tick{unix, v})
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no rows after the header; give at least two values of a series", path)
	}
	for _, t := range out {
		slices.SortFunc(t, func(a, b Tick) int { return cmp.Compare(a.Unix, b.Unix) })
	}
	return out, nil
}

func readOrigins(path string) ([]backtestOrigin, error) {
	rows, err := openRows(path, "series", "origin", "horizon_steps", "thresholds")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []backtestOrigin
	for rows.Next() {
		g := backtestOrigin{series: rows.field(0), text: rows.field(1), line: rows.line}
		if g.unix, err = rows.time(1); err != nil {
			return nil, err
		}
		g.horizon, err = strconv.Atoi(rows.field(2))
		if err != nil || g.horizon < 1 || g.horizon > 100_000 {
			return nil, rows.errorf("horizon_steps", "%q is not a number of steps; write a whole number from 1 to 100000", rows.field(2))
		}
		for _, t := range strings.Split(rows.field(3), ";") {
			if t = strings.TrimSpace(t); t == "" {
				continue
			}
			c, err := strconv.ParseFloat(t, 64)
			if err != nil || math.IsNaN(c) || math.IsInf(c, 0) {
				return nil, rows.errorf("thresholds", "%q is not a number; write levels separated by semicolons", t)
			}
			g.thresholds, g.levels = append(g.thresholds, c), append(g.levels, t)
		}
		out = append(out, g)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no origins after the header; there is nothing to forecast", path)
	}
	return out, nil
}

// ReadEvents reads planned events (series,kind,start_utc,end_utc,announced_utc; .gz too); kinds are numbered per
// series in the order of the file. Events of series that are not asked for are left out, and the first line of each
// is told.
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
	for rows.Next() {
		name := rows.field(0)
		e := model.Event{Shape: model.ShapeOf(rows.field(1))}
		for i, at := range []*int64{&e.Start, &e.End, &e.Announced} {
			if *at, err = rows.time(2 + i); err != nil {
				return nil, err
			}
		}
		if e.End < e.Start {
			return nil, rows.errorf("end_utc", "%s is before the start %s", rows.field(3), rows.field(2))
		}
		if _, ok := series[name]; !ok {
			strange.add(name, rows.line)
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
	return out, rows.Err()
}

// strangers tells once of each series a file speaks of that is not in the series file: a misspelt name would
// otherwise look like an input without value.
type strangers struct {
	path, what string
	say        func(string, ...any)
	seen       map[string]bool
}

const strangersTold = 5

func (s *strangers) add(series string, line int) {
	if s.seen == nil {
		s.seen = map[string]bool{}
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
