package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"surgecast"
	"surgecast/model"
)

// CourseConfig is one recorded series and what is to be forecast of it.
type CourseConfig struct {
	Ticks    []Tick // rising; at least two, unless StepSeconds is given
	Leads    []int  // in steps, rising; nil: a grid up to the longest horizon
	Horizons []int  // in steps, rising: windows 1..h for the maximum

	StepSeconds int64         // 0: the median distance of the ticks
	Planned     []model.Event // the model ignores each until it was announced

	signals []signal
	until   int64 // moment up to which priors of signals may be looked up: not after the first origin
}

// Course steps the production model through one recorded series, value by value in order of time. What it
// says after To(t) rests on values up to and including t, and on nothing later.
type Course struct {
	model  *model.Driven
	run    *Runner
	ticks  []Tick
	next   int
	leads  []int
	step   int64
	fc     model.Forecast
	filled bool
}

// NewCourse stands before the first value.
func NewCourse(c CourseConfig) (*Course, error) {
	step := c.StepSeconds
	if step <= 0 {
		if len(c.Ticks) < 2 {
			return nil, errors.New("a step cannot be inferred of fewer than two values: give more rows")
		}
		step = inferStep(c.Ticks)
	}
	if len(c.Horizons) == 0 {
		return nil, errors.New("no horizon to forecast")
	}
	leads := c.Leads
	if leads == nil {
		leads = backtestLeads(c.Horizons)
	}
	m := model.NewDriven(model.Config{
		StepSeconds: int(step), Location: time.UTC, Leads: leads, Levels: surgecast.Levels[:],
		Horizons: c.Horizons, Sustain: 1, Full: true,
	}, priorsOf(c.signals, c.Ticks, c.until))
	for _, e := range c.Planned {
		m.Plan(e)
	}
	run := NewRunner(m, int(step))
	if len(c.signals) > 0 {
		run.Heard = newListener(c.signals, step).at
	}
	return &Course{model: m, run: run, ticks: c.Ticks, leads: leads, step: step}, nil
}

// Model is the model as it stands now.
func (c *Course) Model() *model.Driven { return c.model }

// To steps the model up to and including the moment given; steps without a value are missing.
func (c *Course) To(unix int64) error {
	c.filled = false
	for c.next < len(c.ticks) && c.ticks[c.next].Unix <= unix {
		t := c.ticks[c.next]
		if err := c.run.Feed(t.Unix, model.Obs{Value: t.Value, Missing: math.IsNaN(t.Value)}); err != nil {
			return err
		}
		c.next++
	}
	last, ok := c.run.Origin()
	if !ok {
		return fmt.Errorf("%s lies before the first value", time.Unix(unix, 0).UTC().Format(time.RFC3339))
	}
	if last < unix-c.step/2 {
		c.run.Advance(unix) // the series has a gap here: its last steps are missing
	}
	return nil
}

// Quantiles fills dst, at surgecast.Levels, with the forecast of the value so many steps ahead.
func (c *Course) Quantiles(dst []float64, ahead float64) {
	if !c.filled {
		c.model.Forecast(&c.fc)
		c.filled = true
	}
	model.Interpolate(dst, c.leads, c.fc.Q, c.fc.Profile, float64(c.fc.ProfileSteps), ahead)
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
