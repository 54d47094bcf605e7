package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	"surgecast/engine"
	"surgecast/model"
)

// How early an alarm is (MODEL 3.2). The event is defined without any detector: the mean of five minutes passes
// the level C in at least 3 of the 5 steps from there on, with no such step in the 2 hours before. Thresholds are
// chosen on the first half of what follows the first 14 days, for a budget of false alarms, and judged on the
// second half. C is the 99.5 % quantile of those 14 days; for a site that grows tenfold from week to week (World
// Cup), whose nights would soon pass that, it is 3 × the median of the last 24 hours. An alarm that is up within the hour before the event, or
// comes back, counts from where it rose; its lead ends where the event's first step begins and starts where
// the step that raised it ends. More than 2 hours is no warning of this event; a miss has lead 0.
const (
	levelQuantile = .995
	levelTimes    = 3
	levelDays     = 14 // or a quarter of the series, whichever is shorter
	mergeMinutes  = 60
	leadMost      = 120
	noticeMinutes = 30
	clockDraws    = 200
	slowRise      = .5 // of C in the hour before: the event announced itself
)

// kinds of alarm, each a number that is compared with a threshold.
var kinds = [...]string{"chance of passing C within the hour", "peaks over threshold", "demand as a share of C"}

const (
	kindChance = iota
	kindPeaks
	kindShare
)

type scored struct {
	name   string
	d      *dense
	level  []float64 // C at each step
	from   int       // first step judged
	score  [len(kinds)][]float64
	events []span
}

type span struct {
	first, last int
	slow        bool
}

// warned is one kind of alarm at one budget.
type warned struct {
	set, kind   string
	perWeek     float64 // budget of false alarms per series and week; NaN: the threshold was fixed
	threshold   float64
	events      int
	slow        int
	ahead       int     // with 15 minutes of lead or more
	aheadSlow   int     // of those that announced themselves
	noticed     int     // by half an hour after the start
	medianLead  float64 // minutes, misses as 0
	falsePer    float64 // per series and week
	clockAhead  float64 // events a clock with the same alarms would have met with 15 minutes of lead
	seriesWeeks float64
}

// watches are what is watched for passing C, and whether the calendar is known.
var watches = []struct {
	set, name string
	calendar  bool
	moving    bool // C is a multiple of the last day's median
	labels    bool
	leads     bool
}{
	{set: "nab_tweets", name: "nab_tweets", labels: true, leads: true},
	{set: "nab_traffic", name: "nab_traffic", labels: true},
	{set: "wc98_events", name: "wc98, no calendar", moving: true, leads: true},
	{set: "wc98_events", name: "wc98, with the calendar", calendar: true, moving: true, leads: true},
}

func (p *report) alarms(ctx context.Context, a *arena, data string) error {
	type task struct {
		watch   int
		name    string
		d       *dense
		planned []model.Event
		out     *scored
	}
	var tasks []*task
	for i, w := range watches {
		all := a.all()
		k := slices.IndexFunc(all, func(s *set) bool { return s.Name == w.set })
		if k < 0 {
			continue
		}
		s := all[k]
		var planned map[string][]model.Event
		if w.calendar {
			ticks := map[string][]engine.Tick{}
			for name, d := range s.series {
				ticks[name] = d.ticks
			}
			var err error
			if planned, err = engine.ReadEvents(filepath.Join(a.dir, "inputs", s.Events), ticks, func(string, ...any) {}); err != nil {
				return err
			}
		}
		for _, name := range s.names() {
			tasks = append(tasks, &task{watch: i, name: name, d: s.series[name], planned: planned[name]})
		}
	}
	slices.SortStableFunc(tasks, func(x, y *task) int { return len(y.d.y) - len(x.d.y) }) // longest first
	if err := each(len(tasks), func(i int) (err error) {
		t := tasks[i]
		t.out, err = scoreAlarms(ctx, t.name, t.d, t.planned, watches[t.watch].moving)
		return err
	}); err != nil {
		return err
	}
	for i, w := range watches {
		var all []*scored
		for _, t := range tasks {
			if t.watch == i {
				all = append(all, t.out)
			}
		}
		if len(all) == 0 {
			continue
		}
		if w.leads {
			p.lead(w.name, all, w.calendar)
		}
		if w.labels {
			if err := p.windows(w.set, all, filepath.Join(data, w.set, "anomaly_windows.csv")); err != nil {
				return err
			}
		}
	}
	return nil
}

// scoreAlarms steps one series and keeps what each kind of alarm says at every step.
func scoreAlarms(ctx context.Context, name string, d *dense, planned []model.Event, moving bool) (*scored, error) {
	s := &scored{name: name, d: d, from: min(d.steps(levelDays*24*60), len(d.y)/4)}
	s.levels(moving)
	hour := d.steps(60)
	c, err := engine.NewCourse(engine.CourseConfig{Ticks: d.ticks, StepSeconds: d.step, Horizons: []int{hour}, Planned: planned})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	pot := model.NewAlarm(int(d.step))
	for k := range s.score {
		s.score[k] = make([]float64, len(d.y))
	}
	for i, y := range d.y {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.score[kindPeaks][i], _ = pot.Step(y)
		if !math.IsNaN(y) {
			s.score[kindShare][i] = y / s.level[i]
		}
		if i < s.from {
			continue
		}
		if err := c.To(d.unix(i)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.score[kindChance][i] = c.Model().Risk(0, s.level[i])
	}
	s.find()
	return s, nil
}

// levels sets C; a moving one is looked at every quarter of an hour.
func (s *scored) levels(moving bool) {
	s.level = make([]float64, len(s.d.y))
	quantile := func(from, to int, p float64) float64 {
		seen := slices.DeleteFunc(slices.Clone(s.d.y[from:to]), math.IsNaN)
		if len(seen) == 0 {
			return math.Inf(1)
		}
		slices.Sort(seen)
		return max(seen[min(int(p*float64(len(seen))), len(seen)-1)], 1)
	}
	fixed := quantile(0, s.from, levelQuantile)
	for i := range s.level {
		switch {
		case !moving || i < s.d.steps(24*60):
			s.level[i] = fixed
		case i%s.d.steps(15) == 0:
			s.level[i] = levelTimes * quantile(i-s.d.steps(24*60), i, .5)
		default:
			s.level[i] = s.level[i-1]
		}
	}
}

// find looks for the events.
func (s *scored) find() {
	calm, five := s.d.steps(leadMost), s.d.steps(5)
	over := make([]bool, len(s.d.y)+4)
	for i := range s.d.y {
		from := max(0, i+1-five)
		if n := s.d.n[i+1] - s.d.n[from]; n > 0 {
			over[i] = (s.d.sum[i+1]-s.d.sum[from])/float64(n) > s.level[i]
		}
	}
	last := -calm - 1
	for i := range s.d.y {
		n := 0
		for k := range 5 {
			if over[i+k] {
				n++
			}
		}
		if !over[i] || n < 3 {
			continue
		}
		switch e := len(s.events) - 1; {
		case i-last <= calm && e >= 0 && s.events[e].last == last:
			s.events[e].last = i
		case i-last > calm && i >= s.from:
			top, _ := s.d.highest(i-s.d.steps(60), i-1)
			s.events = append(s.events, span{i, i, top >= slowRise*s.level[i]})
		}
		last = i
	}
}

// episodes are the runs of an alarm in [from, to), less than an hour apart being one.
func (s *scored) episodes(kind int, threshold float64, from, to int) (out []span) {
	gap := s.d.steps(mergeMinutes)
	for i := from; i < to; i++ {
		if s.score[kind][i] < threshold {
			continue
		}
		if n := len(out); n > 0 && i-out[n-1].last < gap {
			out[n-1].last = i
		} else {
			out = append(out, span{first: i, last: i})
		}
	}
	return out
}

type met struct {
	events, slow, ahead, aheadSlow, noticed, falseAlarms int
	leads                                                []float64
}

func (m *met) join(o met) {
	m.events += o.events
	m.slow += o.slow
	m.ahead += o.ahead
	m.aheadSlow += o.aheadSlow
	m.noticed += o.noticed
	m.falseAlarms += o.falseAlarms
	m.leads = append(m.leads, o.leads...)
}

// meet lays episodes beside the events of [from, to).
func (s *scored) meet(eps []span, from, to int) (m met) {
	calm, gap, notice := s.d.steps(leadMost), s.d.steps(mergeMinutes), s.d.steps(noticeMinutes)
	minutes := float64(s.d.step) / 60
	explained := make([]bool, len(eps))
	for _, e := range s.events {
		for k, x := range eps {
			if x.first <= e.last+calm && x.last >= e.first-calm {
				explained[k] = true
			}
		}
		if e.first < from || e.first >= to {
			continue
		}
		m.events++
		lead, noticed := 0., false
		for _, x := range eps {
			switch {
			case x.first < e.first && x.last >= e.first-gap:
				noticed = true
				if l := float64(e.first-x.first-1) * minutes; l <= leadMost {
					lead = l
				}
			case x.first >= e.first && x.first <= e.first+notice:
				noticed = true
			}
		}
		m.leads = append(m.leads, lead)
		if noticed {
			m.noticed++
		}
		if e.slow {
			m.slow++
		}
		if lead >= serveAfter {
			m.ahead++
			if e.slow {
				m.aheadSlow++
			}
		}
	}
	for _, ok := range explained {
		if !ok {
			m.falseAlarms++
		}
	}
	return m
}

func (s *scored) half() int         { return (s.from + len(s.d.y)) / 2 }
func weeks(d *dense, n int) float64 { return float64(n) * float64(d.step) / (7 * 86400) }

// threshold is the lowest at which the alarms of the first half stay within the budget, pooled over the
// series; wrong counts the false ones of a series.
func threshold(all []*scored, kind int, perWeek float64, wrong func(s *scored, eps []span) int) float64 {
	var seen []float64
	total := 0.
	for _, s := range all {
		seen = append(seen, s.score[kind][s.from:s.half()]...)
		total += weeks(s.d, s.half()-s.from)
	}
	slices.Sort(seen)
	least := math.Nextafter(seen[len(seen)-1], math.Inf(1))
	const grid = 400
	for k := range grid {
		// Ever lower thresholds, finest at the top.
		share := math.Pow(float64(k+1)/grid, 3) * .2
		at := seen[max(0, len(seen)-1-int(share*float64(len(seen))))]
		n := 0
		for _, s := range all {
			n += wrong(s, s.episodes(kind, at, s.from, s.half()))
		}
		if float64(n) > perWeek*total {
			break
		}
		least = at
	}
	return least
}

// lead judges all kinds at a budget of one false alarm a week and one a month, and the reactive rule as it is.
func (p *report) lead(set string, all []*scored, calendar bool) {
	judge := func(kind int, name string, perWeek, at float64) {
		w := warned{set: set, kind: name, perWeek: perWeek, threshold: at}
		var m met
		r := rng()
		for _, s := range all {
			from, to := s.half(), len(s.d.y)
			eps := s.episodes(kind, at, from, to)
			m.join(s.meet(eps, from, to))
			w.seriesWeeks += weeks(s.d, to-from)
			for range clockDraws { // the same alarms, at another time
				shift := r.IntN(to - from)
				moved := make([]span, 0, len(eps))
				for _, e := range eps {
					first := from + (e.first-from+shift)%(to-from)
					moved = append(moved, span{first: first, last: min(first+e.last-e.first, to-1)})
				}
				w.clockAhead += float64(s.meet(moved, from, to).ahead) / clockDraws
			}
		}
		w.events, w.slow, w.ahead, w.aheadSlow, w.noticed = m.events, m.slow, m.ahead, m.aheadSlow, m.noticed
		w.falsePer = float64(m.falseAlarms) / w.seriesWeeks
		slices.Sort(m.leads)
		if n := len(m.leads); n > 0 {
			w.medianLead = (m.leads[(n-1)/2] + m.leads[n/2]) / 2
		}
		p.warnings = append(p.warnings, w)
	}
	wrong := func(s *scored, eps []span) int { return s.meet(eps, s.from, s.half()).falseAlarms }
	for _, perWeek := range []float64{1, 7. / 30} {
		for k, name := range kinds {
			if !calendar || k == kindChance { // only the model reads it
				judge(k, name, perWeek, threshold(all, k, perWeek, wrong))
			}
		}
	}
	if calendar {
		return
	}
	judge(kindShare, "demand at 70 % of C", math.NaN(), .7)
}

// labelled is one kind of alarm on windows somebody else labelled.
type labelled struct {
	set, kind string
	windows   int
	hit       int
	falsePer  float64 // alarms outside every window, per series and week
	nab       float64 // score of the benchmark, second halves, threshold from the first
	nabBest   float64 // over whole series at the threshold that proves best there
}

// windows judges the same alarms on labelled windows: an alarm inside is a hit, one outside is false.
func (p *report) windows(set string, all []*scored, path string) error {
	rows, err := table(path, "series", "window_start_utc", "window_end_utc")
	if errors.Is(err, fs.ErrNotExist) {
		p.noLabels = "there was no " + filepath.Join(set, "anomaly_windows.csv")
		return nil
	}
	if err != nil {
		return err
	}
	at := map[string][]span{}
	for _, r := range rows {
		from, err := moment(r[1])
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		to, err := moment(r[2])
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, s := range all {
			if s.name == r[0] {
				at[s.name] = append(at[s.name], span{first: s.d.at(from), last: s.d.at(to)})
			}
		}
	}
	wrong := func(s *scored, eps []span) (n int) {
		for _, e := range eps {
			if !slices.ContainsFunc(at[s.name], func(w span) bool { return e.first <= w.last && e.last >= w.first }) {
				n++
			}
		}
		return n
	}
	for k, name := range kinds {
		l := labelled{set: set, kind: name}
		limit := threshold(all, k, 1, wrong)
		total := 0.
		for _, s := range all {
			from, to := s.half(), len(s.d.y)
			eps := s.episodes(k, limit, from, to)
			l.falsePer += float64(wrong(s, eps))
			total += weeks(s.d, to-from)
			for _, w := range at[s.name] {
				if w.first < from || w.first >= to {
					continue
				}
				l.windows++
				if slices.ContainsFunc(eps, func(e span) bool { return e.first <= w.last && e.last >= w.first }) {
					l.hit++
				}
			}
		}
		l.falsePer /= total
		l.nab = nabOf(all, at, k, limit, func(s *scored) (int, int) { return s.half(), len(s.d.y) })
		l.nabBest = nabBest(all, at, k)
		p.labels = append(p.labels, l)
	}
	return nil
}
