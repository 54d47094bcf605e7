package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"surgecast"
	"surgecast/internal/csvfile"
	"surgecast/model"
)

// BacktestOptions are the files of one backtest, CSV or CSV.gz (docs/backtest.md has the formats).
type BacktestOptions struct {
	Series  string // timestamp_utc,series,value
	Signals string // timestamp_utc,series,source,value; optional
	Events  string // series,kind,start_utc,end_utc,announced_utc; optional
	Origins string // series,origin,horizon_steps,thresholds

	Out       string    // forecasts; "-": Stdout
	BreachOut string    // breach probabilities; empty: none
	Stdout    io.Writer // nil: there is none

	Seed    uint64                        // of everything drawn; the model draws nothing today
	Workers int                           // series in parallel; 0: 2
	Log     func(msg string, args ...any) // key and value pairs, as slog takes them
	Warn    func(msg string, args ...any) // the same, of what was probably not meant
}

// backtestQuantiles are the levels the forecasts file has columns for.
var backtestQuantiles = [...]float64{.05, .1, .25, .5, .75, .9, .95, .99}

// recorded is everything a backtest was given.
type recorded struct {
	timed   map[string]*timed
	series  map[string][]Tick
	steps   map[string]int64 // seconds, of the series that have origins
	signals map[string][]signal
	planned map[string][]model.Event
	origins []backtestOrigin
}

func readRecorded(o BacktestOptions) (r recorded, err error) {
	if r.timed, err = readSeries(o.Series); err != nil {
		return r, err
	}
	r.series = make(map[string][]Tick, len(r.timed))
	for name, s := range r.timed {
		r.series[name] = s.ticks
	}
	if r.origins, err = readOrigins(o.Origins); err != nil {
		return r, err
	}
	if err := r.clocks(o); err != nil {
		return r, err
	}
	if err := r.place(o); err != nil {
		return r, err
	}
	if o.Signals != "" {
		if r.signals, err = readSignals(o.Signals, r.series, o.Warn); err != nil {
			return r, err
		}
	}
	if o.Events != "" {
		if r.planned, err = ReadEvents(o.Events, r.series, o.Warn); err != nil {
			return r, err
		}
	}
	return r, nil
}

// clocks settles the step of every series that has an origin.
func (in *recorded) clocks(o BacktestOptions) error {
	unknown, faults := &csvfile.Faults{}, &csvfile.Faults{}
	first := map[string]int64{}
	var names []string // in the order of the origins file
	for _, g := range in.origins {
		if _, ok := in.series[g.series]; !ok {
			unknown.Add(g.bad("series", g.series, "is not in "+o.Series, "Name a series as that file does."))
			continue
		}
		at, ok := first[g.series]
		if !ok {
			names = append(names, g.series)
		}
		if !ok || g.unix < at {
			first[g.series] = g.unix
		}
	}
	if err := unknown.Err(); err != nil {
		return fmt.Errorf("%s: %w", o.Origins, err)
	}
	in.steps = map[string]int64{}
	for _, name := range names {
		s := in.timed[name]
		some := slices.ContainsFunc(s.ticks, func(t Tick) bool { return !math.IsNaN(t.Value) })
		switch {
		case !some:
			faults.Add(&surgecast.FieldError{Field: "value", Line: s.lines[0], Detail: fmt.Sprintf("of series %q is empty here and in every other row", csvfile.Shorten(name)), Remedy: "Give its values, or take its origins out."})
			continue
		case len(s.ticks) < 2:
			faults.Add(&surgecast.FieldError{Field: "series", Line: s.lines[0], Value: csvfile.Shorten(name), Detail: "has one value, and a step cannot be inferred from it", Remedy: "Give at least two rows."})
			continue
		}
		in.steps[name] = s.stepUpTo(first[name])
		if err := s.check(name, o.Series, in.steps[name], o.Warn); err != nil {
			faults.Add(err)
		}
	}
	if err := faults.Err(); err != nil {
		return fmt.Errorf("%s: %w", o.Series, err)
	}
	return nil
}

// Backtest runs the production model over every series up to each origin, and writes what it would have
// said there. A forecast at an origin uses values, signals and announcements up to and including that
// step, and nothing later: they reach the model one by one, in order of time. Outputs appear whole or not
// at all.
func Backtest(ctx context.Context, o BacktestOptions) error {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Warn == nil {
		o.Warn = o.Log
	}
	out, err := openOutputs(o)
	if err != nil {
		return err
	}
	var in recorded
	if err := unlessStopped(ctx, func() (err error) { in, err = readRecorded(o); return err }); err != nil {
		return err
	}
	bySeries := map[string][]int{}
	for i, g := range in.origins {
		bySeries[g.series] = append(bySeries[g.series], i)
	}
	names := make([]string, 0, len(bySeries))
	for name := range bySeries {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { // longest first, so that the workers end together
		a, b := len(in.series[names[i]]), len(in.series[names[j]])
		return a > b || a == b && names[i] < names[j]
	})

	forecasts := make([]string, len(in.origins))
	breaches := make([]string, len(in.origins))
	workers := o.Workers
	if workers <= 0 {
		workers = 2
	}
	work := make(chan string)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for w := range workers {
		wg.Go(func() {
			for name := range work {
				if err := in.answer(ctx, name, bySeries[name], forecasts, breaches); err != nil {
					errs[w] = fmt.Errorf("%s: series %q: %w", o.Series, name, err)
					cancel()
					return
				}
				o.Log("series done", "series", name, "step", length(in.steps[name]), "values", len(in.series[name]), "origins", len(bySeries[name]))
			}
		})
	}
feed:
	for _, name := range names {
		select {
		case work <- name:
		case <-ctx.Done():
			break feed
		}
	}
	close(work)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}

	head := "series,origin,timestamp_utc"
	for _, p := range backtestQuantiles {
		head += ",q" + strconv.FormatFloat(p, 'g', -1, 64)
	}
	return writeOutputs(ctx, out, []table{{head, forecasts}, {"series,origin,threshold,p_breach", breaches}})
}

// answer steps one series once and answers its origins on the way; mine are their positions.
func (in *recorded) answer(ctx context.Context, name string, mine []int, forecasts, breaches []string) error {
	slices.SortStableFunc(mine, func(a, b int) int { return cmp.Compare(in.origins[a].at, in.origins[b].at) })
	var horizons []int
	for _, i := range mine {
		horizons = append(horizons, in.origins[i].horizon)
	}
	slices.Sort(horizons)
	horizons = slices.Compact(horizons)
	c, err := NewCourse(CourseConfig{
		Ticks: in.series[name], Horizons: horizons, StepSeconds: in.steps[name], Planned: in.planned[name],
		signals: in.signals[name], until: in.origins[mine[0]].at,
	})
	if err != nil {
		return err
	}
	columns := make([]int, len(backtestQuantiles))
	for k, p := range backtestQuantiles {
		columns[k] = slices.Index(surgecast.Levels[:], p)
	}
	q := make([]float64, len(surgecast.Levels))
	quoted := quoteCSV(name)
	for _, i := range mine {
		g := in.origins[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.To(g.at); err != nil {
			return fmt.Errorf("origin %s: %w", g.text, err)
		}
		var b strings.Builder
		for k := 1; k <= g.horizon; k++ {
			c.Quantiles(q, float64(k))
			b.WriteString(quoted)
			b.WriteByte(',')
			b.WriteString(g.text)
			b.WriteByte(',')
			b.WriteString(time.Unix(g.unix+int64(k)*c.step, 0).UTC().Format(time.RFC3339))
			top := 0.
			for _, at := range columns {
				top = max(top, q[at])
				b.WriteByte(',')
				b.WriteString(strconv.FormatFloat(top, 'g', 10, 64))
			}
			b.WriteByte('\n')
		}
		forecasts[i] = b.String()
		b.Reset()
		h := slices.Index(horizons, g.horizon)
		for k, level := range g.thresholds {
			fmt.Fprintf(&b, "%s,%s,%s,%.6f\n", quoted, g.text, g.levels[k], c.model.Risk(h, level))
		}
		breaches[i] = b.String()
	}
	return nil
}
