package main

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"surgecast/engine"
)

// set is one set of the arena: series, origins and what the origins are.
type set struct {
	Name   string         `json:"-"`
	Series string         `json:"series"`
	Step   map[string]int `json:"step_seconds"`
	Season map[string]int `json:"season_steps"` // steps of a day; of a week for taxis and daily views
	Signal string         `json:"signals"`
	Events string         `json:"events"`
	Extra  bool           `json:"extra"` // scored by name only: with and without its extra input

	series  map[string]*dense
	origins []origin
}

// origin is one row of the origins file.
type origin struct {
	series  string
	unix    int64
	horizon int
	surge   bool
}

// arena is the directory with the sets, in the order the page shows them.
type arena struct {
	dir    string
	plain  []*set // scored against outside baselines
	extras []*set // scored with and without their input
	loaded map[string]map[string]*dense
}

// order is how the page and BASELINES.md list the sets; others follow by name.
var order = []string{"nab_tweets", "nab_tweets_h288", "wc98_requests", "nasa_http", "nab_traffic", "superbowl_hashtags", "wiki_pageviews"}

func openArena(dir string) (*arena, error) {
	b, err := os.ReadFile(filepath.Join(dir, "origins", "sets.json"))
	if err != nil {
		return nil, fmt.Errorf("the arena is not at %s: its series are for evaluation only and no part of this repository; give its directory (make accuracy ARENA=DIR): %w", dir, err)
	}
	var sets map[string]*set
	if err := json.Unmarshal(b, &sets); err != nil {
		return nil, fmt.Errorf("reading the arena's sets.json: %w", err)
	}
	a := &arena{dir: dir, loaded: map[string]map[string]*dense{}}
	var names []string
	for n := range sets {
		names = append(names, n)
	}
	place := func(n string) int {
		if i := slices.Index(order, n); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(names, func(x, y string) int {
		if d := place(x) - place(y); d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	for _, n := range names {
		s := sets[n]
		s.Name = n
		if s.Extra {
			a.extras = append(a.extras, s)
		} else {
			a.plain = append(a.plain, s)
		}
	}
	return a, nil
}

func (a *arena) all() []*set { return append(slices.Clone(a.plain), a.extras...) }

// load reads series and origins of a set; sets of the same file share their series.
func (a *arena) load(s *set) error {
	if s.series != nil {
		return nil
	}
	path := filepath.Join(a.dir, "series", s.Series)
	if a.loaded[s.Series] == nil {
		ticks, err := engine.ReadSeries(path)
		if err != nil {
			return err
		}
		a.loaded[s.Series] = map[string]*dense{}
		for name, t := range ticks {
			step := s.Step[name]
			if step <= 0 {
				return fmt.Errorf("sets.json names no step of series %q", name)
			}
			a.loaded[s.Series][name] = newDense(t, int64(step))
		}
	}
	s.series = a.loaded[s.Series]
	tags, err := readTags(filepath.Join(a.dir, "origins", s.Name+".tags.csv"))
	if err != nil {
		return err
	}
	s.origins, err = readOrigins(filepath.Join(a.dir, "origins", s.Name+".csv"), tags)
	return err
}

// names are the series of a set, sorted.
func (s *set) names() []string {
	var n []string
	for k := range s.series {
		n = append(n, k)
	}
	slices.Sort(n)
	return n
}

// backtest lets the production path forecast a set into dir, with or without its extra input.
func (a *arena) backtest(ctx context.Context, s *set, dir string, inputs bool) error {
	o := engine.BacktestOptions{
		Series: filepath.Join(a.dir, "series", s.Series), Origins: filepath.Join(a.dir, "origins", s.Name+".csv"),
		Out: filepath.Join(dir, s.Name+".forecasts.csv"), BreachOut: filepath.Join(dir, s.Name+".breach.csv"), Seed: 1,
	}
	if inputs && s.Signal != "" {
		o.Signals = filepath.Join(a.dir, "inputs", s.Signal)
	}
	if inputs && s.Events != "" {
		o.Events = filepath.Join(a.dir, "inputs", s.Events)
	}
	return engine.Backtest(ctx, o)
}

// judge runs the arena's own scorer over a directory of forecasts.
func (a *arena) judge(ctx context.Context, dir string, names []string) (verdicts, error) {
	out := filepath.Join(dir, "result.json")
	text, err := a.scorer(ctx, dir, names, "--json", out)
	if err != nil {
		return verdicts{}, fmt.Errorf("the scorer rejected the forecasts: %s: %w", strings.TrimSpace(text), err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		return verdicts{}, err
	}
	var v verdicts
	return v, json.Unmarshal(b, &v)
}

func (a *arena) scorer(ctx context.Context, dir string, names []string, more ...string) (string, error) {
	args := append([]string{"-B", filepath.Join(a.dir, "score.py"), "score", dir, "--sets", strings.Join(names, ",")}, more...)
	b, err := exec.CommandContext(ctx, "python3", args...).CombinedOutput() //nolint:gosec // the arena the caller named
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("the arena's scorer needs Python 3.9 or newer (apt-get install python3): %w", err)
	}
	return string(b), err
}

// quick forecasts some sets and prints the scorer's table.
func (a *arena) quick(ctx context.Context, out string, only []string) error {
	dir := filepath.Join(out, "plain")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // forecasts of public series
		return err
	}
	for _, n := range only {
		all := a.all()
		i := slices.IndexFunc(all, func(s *set) bool { return s.Name == n })
		if i < 0 {
			return fmt.Errorf("the arena has no set %q", n)
		}
		if err := a.backtest(ctx, all[i], dir, false); err != nil {
			return err
		}
	}
	text, err := a.scorer(ctx, dir, only)
	fmt.Print(text)
	return err
}

// dense is a series by step: position i is start + i·step, NaN where there is no value.
type dense struct {
	ticks []engine.Tick
	start int64
	step  int64
	y     []float64
	held  []float64 // last value known at or before i
	sum   []float64 // sum of the known before i
	n     []int     // number of them
}

func newDense(ticks []engine.Tick, step int64) *dense {
	d := &dense{ticks: ticks, start: ticks[0].Unix, step: step}
	d.y = make([]float64, d.at(ticks[len(ticks)-1].Unix)+1)
	for i := range d.y {
		d.y[i] = math.NaN()
	}
	for _, t := range ticks {
		d.y[d.at(t.Unix)] = t.Value
	}
	d.held, d.sum, d.n = make([]float64, len(d.y)), make([]float64, len(d.y)+1), make([]int, len(d.y)+1)
	last := math.NaN()
	for i, v := range d.y {
		d.sum[i+1], d.n[i+1] = d.sum[i], d.n[i]
		if !math.IsNaN(v) {
			last = v
			d.sum[i+1] += v
			d.n[i+1]++
		}
		d.held[i] = last
	}
	return d
}

// at is the position of a moment.
func (d *dense) at(unix int64) int { return int((unix - d.start + d.step/2) / d.step) }

func (d *dense) unix(i int) int64 { return d.start + int64(i)*d.step }

// value is y[i], NaN outside.
func (d *dense) value(i int) float64 {
	if i < 0 || i >= len(d.y) {
		return math.NaN()
	}
	return d.y[i]
}

// highest is the largest known value of from..to and the share of steps known.
func (d *dense) highest(from, to int) (top, known float64) {
	top = math.NaN()
	n := 0
	for i := from; i <= to; i++ {
		if v := d.value(i); !math.IsNaN(v) {
			n++
			if !(top >= v) {
				top = v
			}
		}
	}
	return top, float64(n) / float64(to-from+1)
}

// steps is how many steps so many minutes are, at least one.
func (d *dense) steps(minutes int) int { return max(1, int(int64(minutes)*60/d.step)) }

type placed struct {
	series string
	unix   int64
}

func readTags(path string) (map[placed]bool, error) {
	rows, err := table(path, "series", "origin", "tag")
	if err != nil {
		return nil, err
	}
	out := map[placed]bool{}
	for _, r := range rows {
		t, err := moment(r[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out[placed{r[0], t}] = r[2] == "surge"
	}
	return out, nil
}

func readOrigins(path string, surge map[placed]bool) ([]origin, error) {
	rows, err := table(path, "series", "origin", "horizon_steps")
	if err != nil {
		return nil, err
	}
	var out []origin
	for _, r := range rows {
		t, err := moment(r[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		h, err := strconv.Atoi(r[2])
		if err != nil {
			return nil, fmt.Errorf("%s: horizon %q: %w", path, r[2], err)
		}
		out = append(out, origin{r[0], t, h, surge[placed{r[0], t}]})
	}
	return out, nil
}

func moment(text string) (int64, error) {
	t, err := time.Parse(time.RFC3339, text)
	return t.Unix(), err
}

// table reads the named columns of a CSV file, .gz too.
func table(path string, columns ...string) ([][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	rows, err := csv.NewReader(in).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("reading %s: %w", path, cmpErr(err))
	}
	var at []int
	for _, c := range columns {
		i := slices.Index(rows[0], c)
		if i < 0 {
			return nil, fmt.Errorf("%s: no column %s", path, c)
		}
		at = append(at, i)
	}
	out := make([][]string, 0, len(rows)-1)
	for _, r := range rows[1:] {
		v := make([]string, len(at))
		for k, i := range at {
			v[k] = r[i]
		}
		out = append(out, v)
	}
	return out, nil
}

func cmpErr(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}
