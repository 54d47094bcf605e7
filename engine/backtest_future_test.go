package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"surgecast"
)

// past is a recorded world: a series with a daily course and gaps, talk that drives it, planned events.
type past struct {
	step   time.Duration
	values []float64 // NaN: no row
	said   [2][]float64
	events []string // rows of the events file
}

func newPast(step time.Duration, n int) *past {
	rng := rand.New(rand.NewPCG(5, uint64(step)))
	p := &past{step: step}
	burst := 0.
	for i := range n {
		burst *= .8
		if rng.Float64() < .03 {
			burst += 40 * rng.Float64()
		}
		p.said[0] = append(p.said[0], poisson(rng, 2+burst))
		p.said[1] = append(p.said[1], poisson(rng, 1))
		v := poisson(rng, 60+20*math.Sin(2*math.Pi*float64(i)*step.Hours()/24)+5*burst)
		if i%97 > 90 {
			v = math.NaN()
		}
		p.values = append(p.values, v)
	}
	for i := 20; i < n; i += 60 { // each announced 15 steps before its start
		p.events = append(p.events, fmt.Sprintf("a,sale,%s,%s,%s", p.at(i), p.at(i+3), p.at(i-15)))
	}
	return p
}

func (p *past) at(i int) string {
	return backtestStart.Add(time.Duration(i) * p.step).Format(time.RFC3339)
}

// files writes what there is; bend may change any number by the moment it stands for.
func (p *past) files(t *testing.T, origins []int, with string, bend func(i int, v float64) float64, alsoAnnounced ...string) BacktestOptions {
	t.Helper()
	if bend == nil {
		bend = func(_ int, v float64) float64 { return v }
	}
	dir := t.TempDir()
	write := func(name, head string, rows []string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(head+"\n"+strings.Join(rows, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var series, signals, rows []string
	for i, v := range p.values {
		if v = bend(i, v); !math.IsNaN(v) {
			series = append(series, fmt.Sprintf("%s,a,%g", p.at(i), v))
		}
		for k, name := range []string{"posts", "shares"} {
			if m := bend(i, p.said[k][i]); !math.IsNaN(m) {
				signals = append(signals, fmt.Sprintf("%s,a,%s,%g", p.at(i), name, m))
			}
		}
	}
	for _, i := range origins {
		rows = append(rows, fmt.Sprintf("a,%s,6,70;120", p.at(i)))
	}
	o := BacktestOptions{
		Series:  write("series.csv", "timestamp_utc,series,value", series),
		Origins: write("origins.csv", "series,origin,horizon_steps,thresholds", rows),
	}
	if strings.Contains(with, "signals") {
		o.Signals = write("signals.csv", "timestamp_utc,series,source,value", signals)
	}
	if strings.Contains(with, "events") {
		o.Events = write("events.csv", "series,kind,start_utc,end_utc,announced_utc", append(append([]string{}, p.events...), alsoAnnounced...))
	}
	return o
}

// Whatever stands after an origin — values, talk, events announced later, the end of the file — the forecasts
// and chances at the origin are the same to the last digit: for every step, with and without signals and events,
// also at an origin inside a gap. The values and talk of the origin itself, and an event announced by then, count.
//
// Fails when: Course.To compares "<= unix+c.step", listener.at does, or model.events.at forgets Announced.
func TestNoForecasterKnowsItsFuture(t *testing.T) {
	for _, step := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
		for _, with := range []string{"values", "signals", "events", "signals and events"} {
			t.Run(fmt.Sprint(step, " ", with), func(t *testing.T) {
				p := newPast(step, 320)
				for _, origin := range []int{200, 287} { // the second lies in a gap: 287 % 97 = 93
					run := func(bend func(i int, v float64) float64, also ...string) string {
						f, b := backtestFiles(t, p.files(t, []int{origin}, with, bend, also...))
						return fmt.Sprint(f, b)
					}
					truth := run(nil)
					if poisoned := run(func(i int, v float64) float64 {
						if i > origin {
							return 1e6
						}
						return v
					}); poisoned != truth {
						t.Errorf("origin %d: poison after it changed the forecast", origin)
					}
					if cut := run(func(i int, v float64) float64 {
						if i > origin {
							return math.NaN()
						}
						return v
					}); cut != truth {
						t.Errorf("origin %d: without anything after it the forecast is another", origin)
					}
					late := fmt.Sprintf("a,sale,%s,%s,%s", p.at(origin+2), p.at(origin+5), p.at(origin+1))
					if strings.Contains(with, "events") && run(nil, late) != truth {
						t.Errorf("origin %d: an event announced a step later is known", origin)
					}
					if origin == 287 {
						continue // nothing stands there
					}
					if run(func(i int, v float64) float64 {
						if i == origin {
							return 900
						}
						return v
					}) == truth {
						t.Errorf("origin %d: what stands there is not used", origin)
					}
				}
			})
		}
	}
}

// The same for what is asked of a course beyond the files: the quantiles of the maximum that capacity is chosen
// by, and the forecast at every level.
//
// Fails when: Course.To compares "<= unix+c.step".
func TestNoCourseKnowsItsFuture(t *testing.T) {
	p := newPast(5*time.Minute, 500)
	const origin = 400
	say := func(after float64) string {
		var ticks []Tick
		for i, v := range p.values {
			if i > origin {
				v = after
			}
			if !math.IsNaN(v) {
				ticks = append(ticks, Tick{backtestStart.Unix() + int64(i)*300, v})
			}
		}
		c, err := NewCourse(CourseConfig{Ticks: ticks, Horizons: []int{3, 15}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.To(backtestStart.Unix() + origin*300); err != nil {
			t.Fatal(err)
		}
		q := make([]float64, len(surgecast.Levels))
		c.Quantiles(q, 7)
		return fmt.Sprint(c.Model().MaxQuantile(3, 15, .99), c.Model().MaxQuantile(1, 15, .5), c.Model().Risk(1, 100), q)
	}
	truth := say(1)
	for _, after := range []float64{1e6, math.NaN()} {
		if poisoned := say(after); truth != poisoned {
			t.Errorf("%v after the origin changed what is said:\n%s\n%s", after, truth, poisoned)
		}
	}
}
