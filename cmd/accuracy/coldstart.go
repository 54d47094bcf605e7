package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"surgecast"
	"surgecast/engine"
)

// Cold start: every series is counted anew from several moments on, as if somebody had just added it, and
// forecast while it is young. Ours and the rules know nothing from before the birth.

// grown is how good the forecasts of one age are.
type grown struct {
	family string // of the steps: minutes, days
	age    string
	n      int // forecasts
	births int
	ratio  ratio // WQL of ours / that of the best simple rule of each set, geometric mean over the sets
	sets   map[string]float64
}

type nursery struct {
	name   string
	sets   []string
	births int   // a series
	unit   int64 // seconds of an age
	days   float64
	bands  []band
}

type band struct {
	name string
	ages []int
}

func every(from, to, by int) (out []int) {
	for a := from; a <= to; a += by {
		out = append(out, a)
	}
	return out
}

var nurseries = []nursery{
	{
		name: "steps of minutes", sets: []string{"nab_tweets", "wc98_requests", "nasa_http", "nab_traffic"}, births: 6, unit: 60, days: 7,
		bands: []band{
			{"first hour", every(10, 60, 10)},
			{"1 to 3 h", every(80, 180, 20)},
			{"3 to 12 h", every(240, 720, 60)},
			{"12 to 24 h", every(840, 1440, 120)},
			{"1 to 2 days", every(1680, 2880, 240)},
			{"2 to 4 days", every(3360, 5760, 480)},
			{"4 to 7 days", every(6480, 10080, 720)},
		},
	},
	{
		name: "steps of a day", sets: []string{"youtube_paired", "wiki_pageviews"}, births: 1, unit: 86400, days: 110,
		bands: []band{
			{"first week", every(2, 7, 1)},
			{"second week", every(8, 14, 2)},
			{"15 to 30 days", every(15, 30, 5)},
			{"31 to 60 days", every(35, 60, 5)},
			{"61 to 110 days", every(65, 110, 15)},
		},
	},
}

// infancy is one series from one birth on.
type infancy struct {
	set    *set
	series string
	d      *dense
	birth  int
	ours   []loss   // [band]
	theirs [][]loss // [band][rule]
	n      []int
}

func (p *report) coldStart(ctx context.Context, a *arena) error {
	for _, n := range nurseries {
		var all []*infancy
		for _, s := range a.all() {
			if !slices.Contains(n.sets, s.Name) {
				continue
			}
			for _, name := range s.names() {
				d := s.series[name]
				if d.step > n.unit && n.unit == 60 && d.step > 1800 {
					continue
				}
				life := int(n.days * 86400 / float64(d.step))
				horizon := s.horizon(name)
				room := len(d.y) - life - horizon
				births := n.births
				if s.Name == "wiki_pageviews" {
					births = 8
				}
				for b := range births {
					from := 0
					if births > 1 {
						from = max(room, 0) * b / (births - 1)
					}
					if c := d.cut(from, min(from+life+horizon, len(d.y)-1)); c != nil {
						all = append(all, &infancy{set: s, series: name, d: c, birth: b})
					}
				}
			}
		}
		if err := each(len(all), func(i int) error {
			if err := all[i].live(ctx, n); err != nil {
				return fmt.Errorf("%s from birth %d: %w", all[i].series, all[i].birth, err)
			}
			return nil
		}); err != nil {
			return err
		}
		for k, b := range n.bands {
			g := grown{family: n.name, age: b.name, sets: map[string]float64{}}
			var groups [][]pair
			for _, name := range n.sets {
				total := make([]loss, len(rules))
				for _, x := range all {
					if x.set.Name == name {
						for r := range rules {
							total[r].join(x.theirs[k][r])
						}
					}
				}
				best := least(total)
				var bl blocks
				for _, x := range all {
					if x.set.Name == name && x.n[k] > 0 {
						g.n += x.n[k]
						g.births++
						bl.add(x.series, int64(x.birth)*86400, pair{x.ours[k].pin, x.theirs[k][best].pin, 1, 1})
					}
				}
				if len(bl.list) == 0 || total[best].pin == 0 {
					continue
				}
				groups = append(groups, bl.list)
				g.sets[name] = bootstrap([][]pair{bl.list}).Value
			}
			if len(groups) > 0 {
				g.ratio = bootstrap(groups)
				p.young = append(p.young, g)
			}
		}
	}
	return nil
}

// horizon is the one the arena asks of a series.
func (s *set) horizon(series string) int {
	h := 0
	for _, o := range s.origins {
		if o.series == series {
			h = max(h, o.horizon)
		}
	}
	return max(h, 1)
}

// live steps the series from its birth and forecasts at every age.
func (x *infancy) live(ctx context.Context, n nursery) error {
	x.ours, x.n = make([]loss, len(n.bands)), make([]int, len(n.bands))
	x.theirs = make([][]loss, len(n.bands))
	for k := range x.theirs {
		x.theirs[k] = make([]loss, len(rules))
	}
	horizon, season := x.set.horizon(x.series), x.set.Season[x.series]
	c, err := engine.NewCourse(engine.CourseConfig{Ticks: x.d.ticks, StepSeconds: x.d.step, Horizons: []int{horizon}})
	if err != nil {
		return err
	}
	before := -1
	for k, b := range n.bands {
		for _, age := range b.ages {
			if err := ctx.Err(); err != nil {
				return err
			}
			// So much was seen: the value of the step that ends at this age is the last.
			i := int(int64(age)*n.unit/x.d.step) - 1
			if i < 1 || i <= before || i+horizon >= len(x.d.y) {
				continue
			}
			before = i
			if err := follow(c, x.d, i, horizon, x.ours[k].add); err != nil {
				return err
			}
			for r := range rules {
				x.theirs[k][r].join(rules[r].forecast(x.d, i, horizon, season))
			}
			x.n[k]++
		}
	}
	return nil
}

// follow steps the model up to position at and shows each forecast from there, at the arena's levels, beside the
// value that came; steps without one are passed over.
func follow(c *engine.Course, d *dense, at, horizon int, show func(q []float64, y float64)) error {
	if err := c.To(d.unix(at)); err != nil {
		return err
	}
	all, q := make([]float64, len(surgecast.Levels)), make([]float64, len(levels))
	for s := 1; s <= horizon; s++ {
		y := d.value(at + s)
		if math.IsNaN(y) {
			continue
		}
		c.Quantiles(all, float64(s))
		top := 0.
		for k, p := range levels {
			top = max(top, all[slices.Index(surgecast.Levels[:], p)])
			q[k] = top
		}
		show(q, y)
	}
	return nil
}
