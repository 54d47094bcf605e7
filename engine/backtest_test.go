package engine

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"surgecast"
	"surgecast/model"
)

var backtestStart = time.Date(2024, 1, 1, 0, 2, 53, 0, time.UTC) // an unaligned clock, as in real files

// wave is a series of 5-minute counts with a daily course, and the file that holds it.
func wave(t *testing.T, dir string, n int, change func(i int, v float64) float64) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("timestamp_utc,series,value\n")
	for i := range n {
		v := math.Round(50 + 30*math.Sin(float64(i)/288*2*math.Pi) + float64(i*7919%11))
		if change != nil {
			v = change(i, v)
		}
		if math.IsNaN(v) {
			continue
		}
		fmt.Fprintf(&b, "%s,wave,%g\n", backtestStart.Add(time.Duration(i)*5*time.Minute).Format(time.RFC3339), v)
	}
	path := filepath.Join(dir, "series.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func originsFile(t *testing.T, dir string, at ...int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("series,origin,horizon_steps,thresholds\n")
	for _, i := range at {
		fmt.Fprintf(&b, "wave,%s,12,60;90;100.5\n", backtestStart.Add(time.Duration(i)*5*time.Minute).Format(time.RFC3339))
	}
	path := filepath.Join(dir, "origins.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func backtestFiles(t *testing.T, o BacktestOptions) (forecasts, breach [][]string) {
	t.Helper()
	dir := t.TempDir()
	o.Out, o.BreachOut = filepath.Join(dir, "f.csv"), filepath.Join(dir, "b.csv")
	if err := Backtest(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	read := func(path string) [][]string {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows[1:]
	}
	return read(o.Out), read(o.BreachOut)
}

// Every step of every origin has a row, quantiles rise and are finite, breach probabilities fall as the
// level rises, and the outputs are in the origins' order.
func TestBacktestKeepsTheContract(t *testing.T) {
	dir := t.TempDir()
	o := BacktestOptions{Series: wave(t, dir, 1500, nil), Origins: originsFile(t, dir, 600, 20, 1400)}
	forecasts, breach := backtestFiles(t, o)
	if len(forecasts) != 3*12 || len(breach) != 3*3 {
		t.Fatalf("%d forecast rows and %d breach rows, want 36 and 9", len(forecasts), len(breach))
	}
	for i, r := range forecasts {
		origin, _ := time.Parse(time.RFC3339, r[1])
		at, _ := time.Parse(time.RFC3339, r[2])
		if want := time.Duration(i%12+1) * 5 * time.Minute; at.Sub(origin) != want {
			t.Errorf("row %d is %v after its origin, want %v", i, at.Sub(origin), want)
		}
		before := 0.
		for _, c := range r[3:] {
			v, err := strconv.ParseFloat(c, 64)
			if err != nil || v < before || math.IsInf(v, 0) || math.IsNaN(v) {
				t.Fatalf("row %d: quantiles %v", i, r[3:])
			}
			before = v
		}
	}
	for i := 0; i < len(breach); i += 3 {
		before := 1.
		for _, r := range breach[i : i+3] {
			p, err := strconv.ParseFloat(r[3], 64)
			if err != nil || p < 0 || p > before {
				t.Fatalf("breach rows %v", breach[i:i+3])
			}
			before = p
		}
	}
	if first := forecasts[0][1]; first != backtestStart.Add(600*5*time.Minute).Format(time.RFC3339) {
		t.Errorf("first row is of origin %s, want the first of the origins file", first)
	}
}

// Poisoned values after the origin, and a series cut off at the origin: the same forecasts.
//
// Fails when the loop over ticks uses "<=" against the next origin, or feeds one tick more.
func TestBacktestKnowsNoFuture(t *testing.T) {
	const origin = 900
	run := func(n int, change func(i int, v float64) float64) string {
		dir := t.TempDir()
		f, b := backtestFiles(t, BacktestOptions{Series: wave(t, dir, n, change), Origins: originsFile(t, dir, origin)})
		return fmt.Sprint(f, b)
	}
	before := run(1200, nil)
	poisoned := run(1200, func(i int, v float64) float64 {
		if i > origin {
			return 1e6
		}
		return v
	})
	if before != poisoned {
		t.Errorf("poison after the origin changed the forecast:\n%s\n%s", before, poisoned)
	}
	if cut := run(origin+1, nil); before != cut {
		t.Error("cutting the series at the origin changed the forecast")
	}
	if moved := run(1200, func(i int, v float64) float64 {
		if i == origin {
			return 500
		}
		return v
	}); before == moved {
		t.Error("the value at the origin itself is not used")
	}
}

// A gap is missing, not zero: after six missing hours the median stays near what came before.
func TestBacktestGapIsNotZero(t *testing.T) {
	dir := t.TempDir()
	flat := func(i int, _ float64) float64 {
		if i > 1000 && i <= 1072 {
			return math.NaN()
		}
		return 200
	}
	for _, origin := range []int{1050, 1072} { // inside the gap and at its last step
		f, _ := backtestFiles(t, BacktestOptions{Series: wave(t, dir, 1200, flat), Origins: originsFile(t, dir, origin)})
		if m, _ := strconv.ParseFloat(f[0][6], 64); m < 150 || m > 260 {
			t.Errorf("origin %d in a gap: median %v, want near 200", origin, m)
		}
	}
}

func TestBacktestReadsAndWritesGzip(t *testing.T) {
	dir := t.TempDir()
	plain, err := os.ReadFile(wave(t, dir, 400, nil))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(plain)
	_ = z.Close()
	packed := filepath.Join(dir, "series.csv.gz")
	if err := os.WriteFile(packed, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.csv.gz")
	o := BacktestOptions{Series: packed, Origins: originsFile(t, dir, 300), Out: out}
	if err := Backtest(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || strings.Count(string(text), "\n") != 13 {
		t.Errorf("%d lines, %v; want a header and 12 rows", strings.Count(string(text), "\n"), err)
	}
}

// Every mistake in a file is named by file, line, field and remedy, and nothing is written.
//
// Fails when: recorded.place or recorded.clocks returns nil at once, or csvRows.count uses strconv.ParseFloat.
func TestBacktestNamesTheBadRow(t *testing.T) {
	const head = "timestamp_utc,series,value\n"
	const good = "2024-01-01T00:00:00Z,a,1\n2024-01-01T00:01:00Z,a,2\n"
	const originHead = "series,origin,horizon_steps,thresholds\n"
	const originGood = "a,2024-01-01T00:01:00Z,3,5\n"
	for _, c := range []struct {
		name, series, origins string
		want                  []string
	}{
		{"no column", "time,series,value\n", originHead + originGood, []string{"series.csv", "line 1", "timestamp_utc"}},
		{"bad time", head + good + "yesterday,a,3\n", originHead + originGood, []string{"series.csv", "line 4", "timestamp_utc", "UTC like"}},
		{"bad number", head + good + "2024-01-01T00:02:00Z,a,many\n", originHead + originGood, []string{"series.csv", "line 4", "value", "Write digits"}},
		{"negative", head + good + "2024-01-01T00:02:00Z,a,-3\n", originHead + originGood, []string{"series.csv", "line 4", "value", "negative"}},
		{"twice", head + good + "2024-01-01T00:00:00Z,a,3\n", originHead + originGood, []string{"series.csv", "line 4", "line 2", "Keep one"}},
		{"missing field", head + good + "2024-01-01T00:02:00Z,a\n", originHead + originGood, []string{"series.csv", "line 4"}},
		{"empty", "", originHead + originGood, []string{"series.csv", "file is empty", "timestamp_utc,series,value"}},
		{"unknown series", head + good, originHead + "b,2024-01-01T00:01:00Z,3,5\n", []string{"origins.csv", "line 2", "series", `"b"`}},
		{"bad horizon", head + good, originHead + "a,2024-01-01T00:01:00Z,soon,5\n", []string{"origins.csv", "line 2", "horizon_steps"}},
		{"bad threshold", head + good, originHead + "a,2024-01-01T00:01:00Z,3,5;x\n", []string{"origins.csv", "line 2", "thresholds"}},
		{"before the data", head + good, originHead + "a,2023-01-01T00:01:00Z,3,5\n", []string{"origins.csv", "line 2", "origin", "before the first value", "series.csv line 2"}},
		{"years after it", head + good, originHead + "a,2034-01-01T00:01:00Z,3,5\n", []string{"origins.csv", "line 2", "origin", "after the last value", "series.csv line 3", "until 2024-01-08T00:01:00Z"}},
		{"between two steps", head + good, originHead + "a,2024-01-01T00:00:30Z,3,5\n", []string{"origins.csv", "line 2", "origin", "between two steps", "2024-01-01T00:00:00Z or 2024-01-01T00:01:00Z"}},
		{"twice an origin", head + good, originHead + originGood + "a,2024-01-01 00:01:00,6,5\n", []string{"origins.csv", "line 3", "origin", "line 2", "Keep one"}},
		{"beyond any horizon", head + good, originHead + "a,2024-01-01T00:01:00Z,100000,5\n", []string{"origins.csv", "line 2", "horizon_steps", "10080"}},
		{"beyond this one's", head + "2024-01-01T00:00:00Z,a,1\n2024-01-01T01:00:00Z,a,1\n", originHead + "a,2024-01-01T01:00:00Z,673,5\n", []string{"origins.csv", "line 2", "horizon_steps", "at most 672 steps"}},
		{"negative threshold", head + good, originHead + "a,2024-01-01T00:01:00Z,3,5;-1\n", []string{"origins.csv", "line 2", "thresholds", "negative"}},
		{"threshold with underscores", head + good, originHead + "a,2024-01-01T00:01:00Z,3,1_000\n", []string{"origins.csv", "line 2", "thresholds", "not a number"}},
		{"hexadecimal threshold", head + good, originHead + "a,2024-01-01T00:01:00Z,3,0x10\n", []string{"origins.csv", "line 2", "thresholds", "not a number"}},
		{"threshold twice", head + good, originHead + "a,2024-01-01T00:01:00Z,3,5;5.0\n", []string{"origins.csv", "line 2", "thresholds", "twice"}},
		{"too large", head + good + "2024-01-01T00:02:00Z,a,1e13\n", originHead + originGood, []string{"series.csv", "line 4", "value", "million million"}},
		{"thousands", head + good + "2024-01-01T00:02:00Z,a,\"1,234\"\n", originHead + originGood, []string{"series.csv", "line 4", "value", "without separators of thousands"}},
		{"written as nothing", head + good + "2024-01-01T00:02:00Z,a,NaN\n", originHead + originGood, []string{"series.csv", "line 4", "value", "Leave the field empty"}},
		{"all empty", head + "2024-01-01T00:00:00Z,a,\n2024-01-01T00:01:00Z,a,\n", originHead + originGood, []string{"series.csv", "line 2", "value", `"a"`, "every other row"}},
		{"one value", head + "2024-01-01T00:01:00Z,a,1\n", originHead + originGood, []string{"series.csv", "line 2", "one value", "at least two"}},
		{"two in a step", head + good + "2024-01-01T00:01:05Z,a,2\n", originHead + originGood, []string{"series.csv", "line 4", "timestamp_utc", "same step", "line 3"}},
		{"unknown column", "timestamp_utc,series,value,note\n", originHead + originGood, []string{"series.csv", "line 1", "note", "not a known column"}},
		{"column twice", "timestamp_utc,series,value,value\n", originHead + originGood, []string{"series.csv", "line 1", "value", "twice"}},
		{"open quote", head + good + "\"2024-01-01T00:02:00Z,a,1\n", originHead + originGood, []string{"series.csv", "line 4", "quote"}},
		{"every fault", head + good + "x,a,1\n2024-01-01T00:02:00Z,a,y\n", originHead + originGood, []string{"line 4, timestamp_utc", "line 5, value"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) string {
				p := filepath.Join(dir, name)
				if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return p
			}
			o := BacktestOptions{
				Series: write("series.csv", c.series), Origins: write("origins.csv", c.origins),
				Out: filepath.Join(dir, "out.csv"), BreachOut: filepath.Join(dir, "breach.csv"),
			}
			err := Backtest(context.Background(), o)
			var field *surgecast.FieldError
			if !errors.As(err, &field) {
				t.Fatalf("error %v, want one of a field", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*out*")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	if err := Backtest(context.Background(), BacktestOptions{Series: "nowhere.csv", Out: filepath.Join(t.TempDir(), "out.csv")}); err == nil || !strings.Contains(err.Error(), "nowhere.csv") {
		t.Errorf("missing file: %v", err)
	}
}

// Workers and order of work must not change a digit.
func TestBacktestIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	o := BacktestOptions{Series: wave(t, dir, 800, nil), Origins: originsFile(t, dir, 400, 700)}
	o.Workers = 1
	f1, b1 := backtestFiles(t, o)
	o.Workers = 2
	f2, b2 := backtestFiles(t, o)
	if fmt.Sprint(f1, b1) != fmt.Sprint(f2, b2) {
		t.Error("one and two workers differ")
	}
}

// Time between two values becomes missing steps; a time that goes back is refused.
func TestRunnerFillsGaps(t *testing.T) {
	m := model.NewDriven(model.Config{StepSeconds: 60, Leads: []int{1}, Levels: []float64{.5}}, nil)
	r := NewRunner(m, 60)
	for _, at := range []int64{1000, 1060, 1300} { // 1120, 1180, 1240 are missing
		if err := r.Feed(at, model.Obs{Value: 5}); err != nil {
			t.Fatal(err)
		}
	}
	if m.N() != 3 {
		t.Errorf("%d observed steps, want 3: gaps are not observations", m.N())
	}
	if err := r.Feed(1300, model.Obs{Value: 5}); err == nil {
		t.Error("the same moment twice was accepted")
	}
	r.Advance(1430) // two whole steps on: 1360, 1420
	if at, ok := r.Origin(); !ok || at != 1420 {
		t.Errorf("origin %d, want 1420", at)
	}
}
