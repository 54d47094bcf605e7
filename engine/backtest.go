package engine

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"surgecast"
	"surgecast/model"
)

// BacktestOptions are the files of one backtest, CSV or CSV.gz (arena/README.md has the formats).
type BacktestOptions struct {
	Series  string // timestamp_utc,series,value
	Signals string // timestamp_utc,series,source,value; optional
	Events  string // series,kind,start_utc,end_utc,announced_utc; optional
	Origins string // series,origin,horizon_steps,thresholds

	Out       string // forecasts
	BreachOut string // breach probabilities; empty: none

	Seed    uint64                        // of everything drawn; the model draws nothing today
	Workers int                           // series in parallel; 0: 2
	Log     func(msg string, args ...any) // key and value pairs, as slog takes them
}

// backtestQuantiles are the levels the forecasts file has columns for.
var backtestQuantiles = [...]float64{.05, .1, .25, .5, .75, .9, .95, .99}

type tick struct {
	unix  int64
	value float64
}

type backtestOrigin struct {
	series     string
	text       string // the origin as the file wrote it
	unix       int64
	horizon    int
	thresholds []float64
	levels     []string // the thresholds as the file wrote them
	line       int
}

// Backtest runs the production model over every series up to each origin, and writes what it would have
// said there. A forecast at an origin uses values up to and including that moment, and nothing later:
// values reach the model one by one, in order of time. Outputs appear whole or not at all.
func Backtest(ctx context.Context, o BacktestOptions) error {
	say := o.Log
	if say == nil {
		say = func(string, ...any) {}
	}
	series, err := readTicks(o.Series)
	if err != nil {
		return err
	}
	origins, err := readOrigins(o.Origins)
	if err != nil {
		return err
	}
	if o.Signals != "" {
		if err := checkColumns(o.Signals, "timestamp_utc", "series", "source", "value"); err != nil {
			return err
		}
		say("signals are not used yet", "file", o.Signals)
	}
	var planned map[string][]model.Event
	if o.Events != "" {
		if planned, err = readEvents(o.Events); err != nil {
			return err
		}
	}
	bySeries := map[string][]int{}
	for i, g := range origins {
		if _, ok := series[g.series]; !ok {
			return fmt.Errorf("%s line %d: field series: %q is not in %s; the origins must name series of that file", o.Origins, g.line, g.series, o.Series)
		}
		bySeries[g.series] = append(bySeries[g.series], i)
	}
	names := make([]string, 0, len(bySeries))
	for name := range bySeries {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { // longest first, so that the workers end together
		a, b := len(series[names[i]]), len(series[names[j]])
		return a > b || a == b && names[i] < names[j]
	})

	forecasts := make([]string, len(origins))
	breaches := make([]string, len(origins))
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
				if err := backtestSeries(ctx, name, series[name], planned[name], origins, bySeries[name], forecasts, breaches); err != nil {
					errs[w] = fmt.Errorf("%s: series %q: %w", o.Series, name, err)
					cancel()
					return
				}
				say("series done", "series", name, "values", len(series[name]), "origins", len(bySeries[name]))
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
	if err := writeWhole(o.Out, head, forecasts); err != nil {
		return err
	}
	if o.BreachOut != "" {
		return writeWhole(o.BreachOut, "series,origin,threshold,p_breach", breaches)
	}
	return nil
}

// backtestSeries steps one series once and answers its origins on the way.
func backtestSeries(ctx context.Context, name string, ticks []tick, planned []model.Event, origins []backtestOrigin, mine []int, forecasts, breaches []string) error {
	slices.SortStableFunc(mine, func(a, b int) int { return int(origins[a].unix - origins[b].unix) })
	if len(ticks) < 2 {
		return fmt.Errorf("%d values: a step cannot be inferred; give at least two rows", len(ticks))
	}
	step := inferStep(ticks)
	var horizons []int
	for _, i := range mine {
		horizons = append(horizons, origins[i].horizon)
	}
	slices.Sort(horizons)
	horizons = slices.Compact(horizons)
	leads := backtestLeads(horizons)
	m := model.New(model.Config{
		StepSeconds: int(step), Location: time.UTC, Leads: leads, Levels: surgecast.Levels[:],
		Horizons: horizons, Sustain: 1, Full: true,
	})
	for _, e := range planned { // the model itself ignores each until it was announced
		m.Plan(e)
	}
	run := NewRunner(m, int(step))
	columns := make([]int, len(backtestQuantiles))
	for k, p := range backtestQuantiles {
		columns[k] = slices.Index(surgecast.Levels[:], p)
	}

	var f model.Forecast
	q := make([]float64, len(surgecast.Levels))
	next := 0
	quoted := quoteCSV(name)
	for _, i := range mine {
		g := origins[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		for next < len(ticks) && ticks[next].unix <= g.unix {
			t := ticks[next]
			if err := run.Feed(t.unix, model.Obs{Value: t.value, Missing: math.IsNaN(t.value)}); err != nil {
				return err
			}
			next++
		}
		if last, ok := run.Origin(); !ok || last < g.unix-step/2 {
			if !ok {
				return fmt.Errorf("origin %s lies before the first value", g.text)
			}
			run.Advance(g.unix) // the series has a gap here: its last steps are missing
		}
		m.Forecast(&f)
		var b strings.Builder
		for k := 1; k <= g.horizon; k++ {
			model.Interpolate(q, leads, f.Q, f.Profile, float64(f.ProfileSteps), float64(k))
			b.WriteString(quoted)
			b.WriteByte(',')
			b.WriteString(g.text)
			b.WriteByte(',')
			b.WriteString(time.Unix(g.unix+int64(k)*step, 0).UTC().Format(time.RFC3339))
			top := 0.
			for _, c := range columns {
				top = max(top, q[c])
				b.WriteByte(',')
				b.WriteString(strconv.FormatFloat(top, 'g', 10, 64))
			}
			b.WriteByte('\n')
		}
		forecasts[i] = b.String()
		b.Reset()
		h := slices.Index(horizons, g.horizon)
		for k, c := range g.thresholds {
			fmt.Fprintf(&b, "%s,%s,%s,%.6f\n", quoted, g.text, g.levels[k], m.Risk(h, c))
		}
		breaches[i] = b.String()
	}
	return nil
}

// backtestLeads is the grid up to the longest horizon: every lead up to 14, then about a fifth more each
// time, and every horizon itself.
func backtestLeads(horizons []int) []int {
	longest := horizons[len(horizons)-1]
	var leads []int
	for h := 1; h <= longest; {
		leads = append(leads, h)
		if h < 14 {
			h++
		} else {
			h += max(2, h/5)
		}
	}
	leads = append(leads, horizons...)
	slices.Sort(leads)
	return slices.Compact(leads)
}

// inferStep is the median distance between two values.
func inferStep(ticks []tick) int64 {
	d := make([]int64, 0, len(ticks)-1)
	for i := 1; i < len(ticks); i++ {
		d = append(d, ticks[i].unix-ticks[i-1].unix)
	}
	slices.Sort(d)
	return max(1, d[len(d)/2])
}

// readTicks reads a series file; values of one series come back in order of time.
func readTicks(path string) (map[string][]tick, error) {
	rows, err := openRows(path, "timestamp_utc", "series", "value")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string][]tick{}
	line := map[string]map[int64]int{}
	for rows.Next() {
		unix, err := rows.time(0)
		if err != nil {
			return nil, err
		}
		text := rows.field(2)
		v := math.NaN()
		if text != "" {
			if v, err = strconv.ParseFloat(text, 64); err != nil || math.IsInf(v, 0) {
				return nil, rows.errorf("value", "%q is not a number; leave it empty when it is missing", text)
			}
			if v < 0 {
				return nil, rows.errorf("value", "%s is negative; counts are zero or more", text)
			}
		}
		name := rows.field(1)
		if line[name] == nil {
			line[name] = map[int64]int{}
		}
		if first, ok := line[name][unix]; ok {
			return nil, rows.errorf("timestamp_utc", "%s of series %q already stands in line %d; keep one of the two", rows.field(0), name, first)
		}
		line[name][unix] = rows.line
		out[name] = append(out[name], tick{unix, v})
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no rows after the header; give at least two values of a series", path)
	}
	for _, t := range out {
		slices.SortFunc(t, func(a, b tick) int { return int(a.unix - b.unix) })
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

// readEvents reads planned events; kinds are numbered per series in the order of the file.
func readEvents(path string) (map[string][]model.Event, error) {
	rows, err := openRows(path, "series", "kind", "start_utc", "end_utc", "announced_utc")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string][]model.Event{}
	kinds := map[string]int{}
	count := map[string]int{}
	for rows.Next() {
		name := rows.field(0)
		key := name + "\x00" + rows.field(1)
		if _, ok := kinds[key]; !ok {
			kinds[key] = count[name]
			count[name]++
		}
		e := model.Event{Kind: kinds[key], Shape: model.ShapeOf(rows.field(1))}
		for i, at := range []*int64{&e.Start, &e.End, &e.Announced} {
			if *at, err = rows.time(2 + i); err != nil {
				return nil, err
			}
		}
		if e.End < e.Start {
			return nil, rows.errorf("end_utc", "%s is before the start %s", rows.field(3), rows.field(2))
		}
		out[name] = append(out[name], e)
	}
	return out, rows.Err()
}

func checkColumns(path string, names ...string) error {
	rows, err := openRows(path, names...)
	if err != nil {
		return err
	}
	rows.Close()
	return nil
}

// csvRows reads chosen columns of a CSV or CSV.gz file and names file and line in every error.
type csvRows struct {
	path    string
	file    *os.File
	reader  *csv.Reader
	columns []int
	names   []string
	row     []string
	line    int
	err     error
}

func openRows(path string, names ...string) (*csvRows, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	var in io.Reader = bufio.NewReaderSize(f, 1<<16)
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("reading %s: it is named .gz but is not gzip: %w", path, err)
		}
	}
	r := &csvRows{path: path, file: f, reader: csv.NewReader(in), names: names}
	r.reader.ReuseRecord = true
	head, err := r.reader.Read()
	if err != nil {
		_ = f.Close()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: empty file; it needs the header %s", path, strings.Join(names, ","))
		}
		return nil, fmt.Errorf("reading the header of %s: %w", path, err)
	}
	for i := range head {
		head[i] = strings.TrimPrefix(strings.TrimSpace(head[i]), "\ufeff")
	}
	for _, n := range names {
		i := slices.Index(head, n)
		if i < 0 {
			_ = f.Close()
			return nil, fmt.Errorf("%s line 1: no column %s; the header must have %s, it has %s", path, n, strings.Join(names, ","), strings.Join(head, ","))
		}
		r.columns = append(r.columns, i)
	}
	return r, nil
}

func (r *csvRows) Next() bool {
	row, err := r.reader.Read()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			r.err = fmt.Errorf("reading %s: %w", r.path, err)
		}
		return false
	}
	r.line, _ = r.reader.FieldPos(0)
	r.row = row
	return true
}

func (r *csvRows) Err() error         { return r.err }
func (r *csvRows) Close()             { _ = r.file.Close() }
func (r *csvRows) field(i int) string { return strings.Clone(strings.TrimSpace(r.row[r.columns[i]])) }

func (r *csvRows) errorf(field, format string, args ...any) error {
	return fmt.Errorf("%s line %d: field %s: "+format, append([]any{r.path, r.line, field}, args...)...)
}

func (r *csvRows) time(i int) (int64, error) {
	text := r.field(i)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		if t, err = time.Parse("2006-01-02 15:04:05", text); err != nil {
			return 0, r.errorf(r.names[i], "%q is not a time; write UTC like 2015-02-26T21:42:53Z", text)
		}
	}
	return t.Unix(), nil
}

func quoteCSV(s string) string {
	if !strings.ContainsAny(s, "\",\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// writeWhole writes to a neighbour and renames it, so that a reader never finds half a file.
func writeWhole(path, head string, parts []string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	b := bufio.NewWriterSize(f, 1<<16)
	var out io.Writer = b
	var z *gzip.Writer
	if strings.HasSuffix(path, ".gz") {
		z = gzip.NewWriter(b)
		out = z
	}
	if _, err = io.WriteString(out, head+"\n"); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err = io.WriteString(out, p); err != nil {
			return err
		}
	}
	if z != nil {
		if err = z.Close(); err != nil {
			return err
		}
	}
	if err = b.Flush(); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
