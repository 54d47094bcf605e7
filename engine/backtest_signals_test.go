package engine

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// scene is a series, what is said about it, and origins in its last two thirds, in one directory.
type scene struct {
	step    time.Duration
	values  []float64
	said    []float64
	origins []int
	horizon int
}

var sceneStart = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)

func (s *scene) at(i int) string {
	return sceneStart.Add(time.Duration(i) * s.step).Format(time.RFC3339)
}

// files writes the scene; change may bend what was said.
func (s *scene) files(t *testing.T, change func(i int, v float64) float64) BacktestOptions {
	t.Helper()
	dir := t.TempDir()
	var series, signals, origins strings.Builder
	series.WriteString("timestamp_utc,series,value\n")
	signals.WriteString("timestamp_utc,series,source,value\n")
	origins.WriteString("series,origin,horizon_steps,thresholds\n")
	for i, v := range s.values {
		fmt.Fprintf(&series, "%s,a,%.0f\n", s.at(i), v)
		m := s.said[i]
		if change != nil {
			m = change(i, m)
		}
		fmt.Fprintf(&signals, "%s,a,shares,%g\n", s.at(i), m)
	}
	for _, i := range s.origins {
		fmt.Fprintf(&origins, "a,%s,%d,150;400\n", s.at(i), s.horizon)
	}
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	return BacktestOptions{
		Series: write("series.csv", series.String()), Signals: write("signals.csv", signals.String()), Origins: write("origins.csv", origins.String()),
	}
}

// loss is the pinball loss of all forecasts of the scene.
func (s *scene) loss(t *testing.T, o BacktestOptions) float64 {
	t.Helper()
	forecasts, _ := backtestFiles(t, o)
	sum := 0.
	for r, row := range forecasts {
		y := math.Round(s.values[s.origins[r/s.horizon]+1+r%s.horizon])
		for k, p := range backtestQuantiles {
			q, err := strconv.ParseFloat(row[3+k], 64)
			if err != nil {
				t.Fatal(err)
			}
			if y > q {
				sum += p * (y - q)
			} else {
				sum += (1 - p) * (q - y)
			}
		}
	}
	return sum
}

// newScene has bursts of talk at random. With effect > 0 each mention brings so many visits, spread evenly
// over the steps from..to after it: no kernel of the model has that shape.
func newScene(seed uint64, step time.Duration, n, horizon int, effect float64, from, to int) *scene {
	rng := rand.New(rand.NewPCG(seed, 7))
	s := &scene{step: step, horizon: horizon, values: make([]float64, n), said: make([]float64, n)}
	burst := 0.
	daily := 0.
	if step < 24*time.Hour {
		daily = .4
	}
	for i := range n {
		burst *= .6
		if rng.Float64() < .02 {
			burst += 20 + 60*rng.Float64()
		}
		s.said[i] = poisson(rng, 1+burst)
		brought := 0.
		for k := from; k <= to && k <= i; k++ {
			brought += effect * s.said[i-k] / float64(to-from+1)
		}
		usual := 100 * (1 + daily*math.Sin(2*math.Pi*float64(i)*float64(step)/float64(24*time.Hour)))
		s.values[i] = poisson(rng, usual+brought)
	}
	for i := n / 3; i+horizon < n; i += max(1, (2*n/3-horizon)/300) {
		s.origins = append(s.origins, i)
	}
	return s
}

var scenes = []struct {
	name     string
	step     time.Duration
	n, ahead int
	from, to int
	atMost   float64 // of the loss without signals
}{
	{"five minutes", 5 * time.Minute, 3000, 6, 3, 8, .8},
	{"hours", time.Hour, 2000, 6, 1, 4, .8},
	{"days", 24 * time.Hour, 600, 3, 1, 3, .8},
}

// Visits that follow talk a step or a few later are forecast much better with it, whatever the step.
//
// Fails when: Runner.give hands the model nil, or the kernels of model.NewDriven keep their minutes when a
// step is a day.
func TestBacktestSignalsThatBringVisitsPay(t *testing.T) {
	for _, c := range scenes {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(1, c.step, c.n, c.ahead, 20, c.from, c.to)
			o := s.files(t, nil)
			with := s.loss(t, o)
			o.Signals = ""
			without := s.loss(t, o)
			t.Logf("loss with signals / without: %.3f", with/without)
			if with > c.atMost*without {
				t.Errorf("loss with signals is %.3f of that without, want at most %.2f", with/without, c.atMost)
			}
		})
	}
}

// Talk that brings nothing costs next to nothing.
//
// Fails when: model.Driven.Step neither weighs nor learns (if !o.Missing becomes if false); either alone is
// enough to bound the loss.
func TestBacktestSignalsThatBringNothingCostLittle(t *testing.T) {
	for _, c := range scenes {
		t.Run(c.name, func(t *testing.T) {
			worst := 0.
			for seed := range uint64(2) {
				s := newScene(10+seed, c.step, c.n, c.ahead, 0, 1, 1)
				o := s.files(t, nil)
				with := s.loss(t, o)
				o.Signals = ""
				worst = max(worst, with/s.loss(t, o))
			}
			t.Logf("worst loss with signals / without: %.4f", worst)
			if worst > 1.02 {
				t.Errorf("an irrelevant signal costs %.1f %%, want less than 2 %%", 100*(worst-1))
			}
		})
	}
}

// What is said after an origin does not reach it; what is said at the origin does.
//
// Fails when: the comparison in listener.at becomes "<= unix+l.step".
func TestBacktestSignalsKnowNoFuture(t *testing.T) {
	const origin = 400
	s := newScene(3, 24*time.Hour, 600, 3, 6, 1, 3)
	s.origins = []int{origin}
	run := func(change func(i int, v float64) float64) string {
		f, b := backtestFiles(t, s.files(t, change))
		return fmt.Sprint(f, b)
	}
	before := run(nil)
	if poisoned := run(func(i int, v float64) float64 {
		if i > origin {
			return 1e6
		}
		return v
	}); before != poisoned {
		t.Errorf("signals after the origin changed the forecast:\n%s\n%s", before, poisoned)
	}
	if moved := run(func(i int, v float64) float64 {
		if i == origin {
			return 500
		}
		return v
	}); before == moved {
		t.Error("the signal at the origin itself is not used")
	}
}

// Each source of a series is one regressor, sums of finer stamps too, and a source of ours has its own prior.
func TestSignalsOfAStep(t *testing.T) {
	l := newListener([]signal{
		{"shares", []Tick{{0, 1}, {100, 2}, {3600, 4}, {3700, 8}, {9000, 16}, {14400, math.NaN()}}},
		{"posts", []Tick{{7200, 5}}},
	}, 3600)
	for _, c := range []struct {
		unix           int64
		shares, posted float64
	}{
		{0, 1, math.NaN()}, {3600, 2 + 4, math.NaN()}, {7200, 8, 5}, {10800, 16, math.NaN()}, {14400, math.NaN(), math.NaN()},
	} {
		got := l.at(c.unix)
		for k, want := range []float64{c.shares, c.posted} {
			if got[k] != want && !(math.IsNaN(got[k]) && math.IsNaN(want)) {
				t.Errorf("at %d: source %d said %v, want %v", c.unix, k, got[k], want)
			}
		}
	}
	ticks := []Tick{{0, 100}, {3600, 300}, {7200, 1e9}}
	d := priorsOf([]signal{{"shares", []Tick{{0, 10}, {7200, 1e9}}}, {"posts", nil}}, ticks, 3600)
	if d[0].Kappa != 400./10/2/2 || !d[0].Unproven {
		t.Errorf("prior of shares %+v, want 10 visits each (half of 400 visits for 10 shares, over two sources), unproven", d[0])
	}
	if d[1] != classes[0].driver {
		t.Errorf("prior of posts %+v, want that of fast feeds", d[1])
	}
}

// Signals and events together; mistakes are named by line; what belongs to no series is told as a warning, and
// is an error when nothing would be left.
//
// Fails when: readRecorded hands readSignals o.Log, or strangers.err returns nil.
func TestBacktestSignalsFile(t *testing.T) {
	s := newScene(4, time.Hour, 400, 3, 6, 1, 3)
	o := s.files(t, nil)
	events := filepath.Join(t.TempDir(), "events.csv")
	text := "series,kind,start_utc,end_utc,announced_utc\n" +
		fmt.Sprintf("a,sale,%s,%s,%s\n", s.at(200), s.at(202), s.at(0)) + fmt.Sprintf("zz,sale,%s,%s,%s\n", s.at(200), s.at(202), s.at(0))
	if err := os.WriteFile(events, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Events = events
	var said []string
	o.Warn = func(msg string, args ...any) { said = append(said, fmt.Sprint(append([]any{msg}, args...)...)) }
	both, _ := backtestFiles(t, o)
	if !strings.Contains(strings.Join(said, "\n"), "events left out") || !strings.Contains(strings.Join(said, "\n"), "line3") {
		t.Errorf("an event of no series was not told with its line: %q", said)
	}
	alone := o
	alone.Events = ""
	if f, _ := backtestFiles(t, alone); fmt.Sprint(f) == fmt.Sprint(both) {
		t.Error("events beside signals changed nothing")
	}
	alone = o
	alone.Signals = ""
	if f, _ := backtestFiles(t, alone); fmt.Sprint(f) == fmt.Sprint(both) {
		t.Error("signals beside events changed nothing")
	}

	head := "timestamp_utc,series,source,value\n"
	row := func(source, value string) string { return s.at(0) + ",a," + source + "," + value + "\n" }
	many := head
	for k := range mostSignals + 1 {
		many += row(fmt.Sprint("s", k), "1")
	}
	for _, c := range []struct {
		name, text string
		want       []string // of the error; nil: none, but warned
	}{
		{"bad number", head + row("shares", "many"), []string{"line 2", "value", "not a number"}},
		{"negative", head + row("shares", "-1"), []string{"line 2", "value", "negative"}},
		{"no source", head + row("", "1"), []string{"line 2", "source"}},
		{"twice", head + row("shares", "1") + row("shares", "2"), []string{"line 3", "line 2", "Keep one"}},
		{"too many sources", many, []string{"line 10", "source", "At most 8"}},
		{"unknown series", head + row("shares", "1") + s.at(0) + ",b,shares,1\n", nil},
		{"unknown series alone", head + s.at(0) + ",b,shares,1\n", []string{"line 2", "series", `"b"`, "no signals would be left"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := s.files(t, nil)
			bad.Signals = filepath.Join(t.TempDir(), "bad.csv")
			if err := os.WriteFile(bad.Signals, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			bad.Out = filepath.Join(t.TempDir(), "out.csv")
			var told strings.Builder
			bad.Warn = func(msg string, args ...any) { fmt.Fprintln(&told, append([]any{msg}, args...)...) }
			err := Backtest(context.Background(), bad)
			if c.want == nil {
				if err != nil || !strings.Contains(told.String(), "line 3") || !strings.Contains(told.String(), "series b") {
					t.Errorf("error %v, told %q; want a warning that names line 3 and series b", err, told.String())
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range append(c.want, "bad.csv") {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
		})
	}
}
