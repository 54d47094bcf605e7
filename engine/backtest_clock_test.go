package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var clockStart = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)

// hours is a series of 300 hourly values, their times late by so many seconds, and one origin at the 280th.
func hours(t *testing.T, late func(i int) int, origin string, more ...string) (o BacktestOptions, warned *string) {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("timestamp_utc,series,value\n")
	for i := range 300 {
		at := clockStart.Add(time.Duration(i) * time.Hour)
		if late != nil {
			at = at.Add(time.Duration(late(i)) * time.Second)
		}
		fmt.Fprintf(&b, "%s,a,%d\n", at.Format(time.RFC3339), 50+i%24*3+i*7%5)
	}
	for _, row := range more {
		b.WriteString(row + "\n")
	}
	o = BacktestOptions{Series: filepath.Join(dir, "series.csv"), Origins: filepath.Join(dir, "origins.csv")}
	for path, text := range map[string]string{
		o.Series: b.String(), o.Origins: "series,origin,horizon_steps,thresholds\na," + origin + ",6,90\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	warned = new(string)
	o.Warn = func(msg string, args ...any) { *warned += fmt.Sprintln(append([]any{msg}, args...)...) }
	return o, warned
}

func clockAt(i int, seconds int) string {
	return clockStart.Add(time.Duration(i)*time.Hour + time.Duration(seconds)*time.Second).Format(time.RFC3339)
}

// An origin a second before a step is that step, and its forecast is stamped from the origin as the file wrote
// it; so is a round origin of a series whose rows are some seconds late. Both are told.
//
// Fails when: Backtest's answer calls c.To(g.unix), or stepUpTo returns inferStep.
func TestBacktestOriginsMeanTheNearestStep(t *testing.T) {
	o, warned := hours(t, nil, clockAt(280, 0))
	truth, _ := backtestFiles(t, o)
	if *warned != "" {
		t.Errorf("an origin at a value is warned of: %s", *warned)
	}
	for name, c := range map[string]struct {
		late   func(int) int
		origin string
		same   float64 // at most this far from the truth, of it
	}{
		"a second early": {nil, clockAt(280, -1), 0},
		"a minute late":  {nil, clockAt(280, 60), 0},
		"late rows":      {func(i int) int { return (i*5 + 3) % 7 }, clockAt(280, 0), .01},
	} {
		o, warned := hours(t, c.late, c.origin)
		got, _ := backtestFiles(t, o)
		from, err := time.Parse(time.RFC3339, c.origin)
		if err != nil {
			t.Fatal(err)
		}
		for k, row := range got {
			if want := from.Add(time.Duration(k+1) * time.Hour).Format(time.RFC3339); row[2] != want {
				t.Errorf("%s: row %d is stamped %s, want %s", name, k, row[2], want)
			}
			var v, w float64
			fmt.Sscan(row[6], &v)
			fmt.Sscan(truth[k][6], &w)
			if v < w*(1-c.same) || v > w*(1+c.same) {
				t.Errorf("%s: median of step %d is %s, of the step itself %s", name, k+1, row[6], truth[k][6])
			}
		}
		if !strings.Contains(*warned, "line 2") || !strings.Contains(*warned, "nearest") {
			t.Errorf("%s: warned %q, want the line and what is meant", name, *warned)
		}
	}
}

// The step comes from the values up to the first origin; a series that has another one later is refused at the
// line where that begins.
//
// Fails when: stepUpTo uses all of s.ticks, or check does not count runs.
func TestBacktestStepKnowsNoFuture(t *testing.T) {
	var minutes []string
	for i := range 900 {
		minutes = append(minutes, fmt.Sprintf("%s,a,5", clockStart.Add(300*time.Hour+time.Duration(i)*time.Minute).Format(time.RFC3339)))
	}
	o, _ := hours(t, nil, clockAt(280, 0), minutes...)
	o.Out = filepath.Join(t.TempDir(), "f.csv")
	err := Backtest(context.Background(), o)
	if err == nil {
		t.Fatal("minutes after hours were taken")
	}
	for _, w := range []string{"series.csv", "line 302", "1m0s", "1h0m0s", "Bring the series to one step"} {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
	o, _ = hours(t, nil, clockAt(280, 0))
	var said string
	o.Log = func(msg string, args ...any) { said += fmt.Sprintln(append([]any{msg}, args...)...) }
	backtestFiles(t, o)
	if !strings.Contains(said, "step 1h0m0s") {
		t.Errorf("the step is not told: %q", said)
	}
}

// A collector that restarted counts from a new second: taken, and told. Times that keep no step are refused.
//
// Fails when: check forgets to count what lies between two steps.
func TestBacktestTimesBetweenSteps(t *testing.T) {
	o, warned := hours(t, func(i int) int {
		if i > 100 {
			return 1500
		}
		return 0
	}, clockAt(280, 1500))
	backtestFiles(t, o)
	if !strings.Contains(*warned, "new clock") || !strings.Contains(*warned, "line 103") {
		t.Errorf("a new clock was told as %q, want line 103", *warned)
	}
	o, _ = hours(t, func(i int) int { return i * 1237 % 1800 }, clockAt(280, 0))
	o.Out = filepath.Join(t.TempDir(), "f.csv")
	if err := Backtest(context.Background(), o); err == nil || !strings.Contains(err.Error(), "of its 300 values") {
		t.Errorf("times of no step: %v", err)
	}
}

// Fails when: steady returns the median of the distances.
func TestSteadyStep(t *testing.T) {
	for _, c := range []struct {
		name string
		at   []int64
		want int64
	}{
		{"exact", []int64{0, 61, 122, 244}, 61},
		{"seconds late", []int64{0, 3605, 7203, 10801, 14406, 18004, 21602}, 3600}, // median 3598
		{"months", []int64{0, 31 * 86400, 59 * 86400, 90 * 86400, 120 * 86400, 151 * 86400}, 151 * 86400 / 5},
	} {
		var ticks []Tick
		for _, u := range c.at {
			ticks = append(ticks, Tick{u, 1})
		}
		if got := steady(ticks); got != c.want {
			t.Errorf("%s: %d seconds, want %d", c.name, got, c.want)
		}
	}
}
