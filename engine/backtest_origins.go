package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"surgecast"
	"surgecast/internal/csvfile"
)

// backtestOrigin is one row of the origins file.
type backtestOrigin struct {
	series     string
	text       string // the origin as the file wrote it
	unix       int64
	at         int64 // the step it stands for, on the clock of its series
	horizon    int
	thresholds []float64
	levels     []string // the thresholds as the file wrote them
	line       int
}

// longestHorizon is a week of minutes: the longest season the model knows, at its finest usual step.
const longestHorizon = 10_080

// farthest is how far ahead may be asked of a series that is young; one that reaches back further may be
// asked as far ahead.
const farthest = 4 * week

// longestSilence is how long after the last value an origin may lie: one week, the longest season the model
// knows. Later origins would all get the same numbers, the usual course of a series that may be dead.
const longestSilence = week

const week = 7 * 24 * 3600 // seconds

func readOrigins(path string) ([]backtestOrigin, error) {
	rows, err := openRows(path, "series", "origin", "horizon_steps", "thresholds")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []backtestOrigin
	for rows.Next() {
		g := backtestOrigin{series: strings.Clone(rows.field(0)), text: strings.Clone(rows.field(1)), line: rows.Line()}
		if g.unix, err = rows.time(1); err != nil {
			rows.Faults.Add(err)
			continue
		}
		g.horizon, err = strconv.Atoi(rows.field(2))
		if err != nil || g.horizon < 1 || g.horizon > longestHorizon {
			rows.Faults.Add(rows.bad(2, rows.field(2), fmt.Sprintf("is not a whole number from 1 to %d", longestHorizon), "Write how many steps of the series to forecast."))
			continue
		}
		if err := g.readThresholds(rows); err != nil {
			rows.Faults.Add(err)
			continue
		}
		out = append(out, g)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: %w", path, &surgecast.FieldError{Field: "file", Detail: "has no origins after the header: there is nothing to forecast", Remedy: "Write a row for each moment to forecast from."})
	}
	return out, nil
}

func (g *backtestOrigin) readThresholds(rows *csvRows) error {
	for t := range strings.SplitSeq(rows.field(3), ";") {
		if t = strings.TrimSpace(t); t == "" {
			continue
		}
		c, err := csvfile.Number(t, "thresholds", g.line)
		if f := (*surgecast.FieldError)(nil); errors.As(err, &f) {
			f.Remedy += " Levels are separated by semicolons."
			return f
		}
		if slices.Contains(g.thresholds, c) {
			return g.bad("thresholds", t, "stands twice", "Name each level once.")
		}
		g.thresholds, g.levels = append(g.thresholds, c), append(g.levels, strings.Clone(t))
	}
	return nil
}

// place finds the step each origin stands for, and refuses what cannot be forecast.
func (in *recorded) place(o BacktestOptions) error {
	faults := &csvfile.Faults{}
	type moment struct {
		series string
		unix   int64
	}
	seen := map[moment]int{}
	moved := 0
	for i := range in.origins {
		g := &in.origins[i]
		m := moment{g.series, g.unix}
		if first := seen[m]; first > 0 {
			faults.Add(g.bad("origin", g.text, fmt.Sprintf("of series %q already stands in line %d", csvfile.Shorten(g.series), first), "Keep one of the two, with the longer horizon and all thresholds."))
			continue
		}
		seen[m] = g.line
		if err := in.placeOne(g, o.Series); err != nil {
			faults.Add(err)
			continue
		}
		if g.at != g.unix {
			if moved++; moved == 1 {
				o.Warn("an origin does not stand at the time of a value; the step nearest to it is meant", "file", o.Origins, "line", g.line, "origin", g.text, "step_at", clockText(g.at))
			}
		}
	}
	if moved > 1 {
		o.Warn("more origins stand for the step nearest to them", "file", o.Origins, "origins", moved)
	}
	if err := faults.Err(); err != nil {
		return fmt.Errorf("%s: %w", o.Origins, err)
	}
	return nil
}

func (g *backtestOrigin) bad(field, value, detail, remedy string) error {
	return &surgecast.FieldError{Field: field, Line: g.line, Value: csvfile.Shorten(value), Detail: detail, Remedy: remedy}
}

func (in *recorded) placeOne(g *backtestOrigin, path string) error {
	s, step := in.timed[g.series], in.steps[g.series]
	first, last := -1, -1 // values at or before the origin
	at, ok := int64(0), false
	if n := s.upTo(g.unix, step); n > 0 {
		at, ok = onClock(s.ticks[n-1].Unix, step, g.unix)
		for i := range n {
			if !math.IsNaN(s.ticks[i].Value) {
				first = i
				break
			}
		}
		for i := n - 1; i >= 0 && first >= 0; i-- {
			if !math.IsNaN(s.ticks[i].Value) {
				last = i
				break
			}
		}
	}
	switch {
	case first < 0:
		begin := 0
		for begin < len(s.ticks)-1 && math.IsNaN(s.ticks[begin].Value) {
			begin++
		}
		return g.bad("origin", g.text, fmt.Sprintf("lies before the first value of series %q", csvfile.Shorten(g.series)),
			fmt.Sprintf("The first is of %s, %s line %d: forecast from there on.", clockText(s.ticks[begin].Unix), path, s.lines[begin]))
	case !ok:
		before := s.ticks[s.upTo(g.unix, step)-1].Unix
		before += (g.unix - before) / step * step
		return g.bad("origin", g.text, fmt.Sprintf("lies between two steps of series %q, which are %s long", csvfile.Shorten(g.series), length(step)),
			fmt.Sprintf("Name the last step whose value may be used: %s or %s.", clockText(before), clockText(before+step)))
	}
	if silent := at - s.ticks[last].Unix; silent > min(max(longestSilence, 10*step), longestGap*step) {
		return g.bad("origin", g.text, fmt.Sprintf("lies %s after the last value before it, %s line %d", length(silent), path, s.lines[last]),
			fmt.Sprintf("Nothing is known so long after: an origin lies at most a week, or ten steps, after a value; this one until %s.", clockText(s.ticks[last].Unix+min(max(longestSilence, 10*step), longestGap*step)/step*step)))
	}
	if most := max(farthest, at-s.ticks[first].Unix) / step; int64(g.horizon) > most {
		return g.bad("horizon_steps", strconv.Itoa(g.horizon), fmt.Sprintf("is %s ahead", length(int64(g.horizon)*step)),
			fmt.Sprintf("Ask for at most %d steps here: no further ahead than four weeks, or than the values reach back.", most))
	}
	g.at = at
	return nil
}
