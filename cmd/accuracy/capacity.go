package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"surgecast/engine"
)

// What capacity costs (MODEL 2.4). Every half hour somebody decides how much to keep in the window a decision
// now can serve; with M the highest demand in it,
//
//	cost = kept + c · max(0, M − kept)        least = M
//
// and a rule's figure is Σ cost / Σ least over all decisions of a series: 1 is perfect foresight. Ours keeps
// the newsvendor quantile c/(c+1) of M that the production model says (capacity.Alpha, model.MaxQuantile).
const (
	decideEvery  = 30 // minutes
	serveAfter   = 15 // minutes: lead time
	serveFor     = 60 // minutes: until the next decision can take effect
	staticLevel  = .999
	enoughKnown  = .8 // of a window, the arena's rule
	warmDays     = 7  // or a quarter of the series, whichever is shorter
	yesterdayBy  = 1.3
	staticEveryN = 48 // decisions: a person sizes the site once a day
)

var prices = [...]float64{5, 20, 100}

// rivals are asked at a step what to keep; seen are the values known so far, rising.
var rivals = []struct {
	name string
	ask  func(d *dense, at int) float64
}{
	{"reactive ×1.5", func(d *dense, at int) float64 { return 1.5 * newest(d, at) }},
	{"reactive ×2", func(d *dense, at int) float64 { return 2 * newest(d, at) }},
	{"last day ×1.3", func(d *dense, at int) float64 {
		day := d.steps(24 * 60)
		top, _ := d.highest(at+d.steps(serveAfter)-day, at+d.steps(serveAfter+serveFor)-day)
		if math.IsNaN(top) {
			return yesterdayBy * newest(d, at)
		}
		return yesterdayBy * top
	}},
}

// The static rules need all that was seen, and are asked once a day.
var statics = [...]string{"static 99.9 %", "static maximum"}

// newest is the highest of the last 15 minutes, or the last known value.
func newest(d *dense, at int) float64 {
	top, _ := d.highest(at-d.steps(serveAfter)+1, at)
	if math.IsNaN(top) {
		return d.held[at]
	}
	return top
}

// costOf is one set at one price.
type costOf struct {
	set    string
	price  float64
	series int
	ours   float64 // Σ cost / Σ least, geometric mean over the series
	over   float64 // share of windows in which more came than was kept; the quantile promises 1/(price+1)
	best   string
	rivals map[string]float64
	ratio  ratio // ours / best rival
	n      int
}

// costSets are the sets whose capacity is costed.
var costSets = []string{"wc98_requests", "nasa_http", "nab_tweets"}

type decision struct {
	unix int64
	need float64
	keep []float64 // [price] ours, then rivals and statics
}

func (p *report) capacity(ctx context.Context) error {
	type task struct {
		set  *set
		name string
		out  []decision
	}
	var tasks []*task
	for _, s := range p.sets {
		if slices.Contains(costSets, s.Name) {
			for _, n := range s.names() {
				tasks = append(tasks, &task{set: s, name: n})
			}
		}
	}
	if err := each(len(tasks), func(i int) (err error) {
		t := tasks[i]
		t.out, err = decide(ctx, t.set.series[t.name])
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, name := range costSets {
		for k, c := range prices {
			r := costOf{set: name, price: c, rivals: map[string]float64{}}
			contestants := []string{"ours"}
			at := []int{k}
			for i, v := range rivals {
				contestants, at = append(contestants, v.name), append(at, len(prices)+i)
			}
			for i, v := range statics {
				contestants, at = append(contestants, v), append(at, len(prices)+len(rivals)+i)
			}
			totals := make([]float64, len(contestants))
			var over float64
			groups := make([][][]pair, len(contestants))
			for _, t := range tasks {
				if t.set.Name != name || len(t.out) == 0 {
					continue
				}
				r.series++
				r.n += len(t.out)
				least := 0.
				sums := make([]float64, len(contestants))
				bs := make([]blocks, len(contestants))
				for _, d := range t.out {
					least += d.need
					mine := cost(d.keep[at[0]], d.need, c)
					if d.need > d.keep[at[0]] {
						over++
					}
					for x := range contestants {
						v := cost(d.keep[at[x]], d.need, c)
						sums[x] += v
						bs[x].add(t.name, d.unix, pair{mine, v, 1, 1})
					}
				}
				for x := range contestants {
					totals[x] += math.Log(sums[x] / least)
					groups[x] = append(groups[x], bs[x].list)
				}
			}
			if r.series == 0 {
				continue
			}
			r.over = over / float64(r.n)
			least := 0
			for x := range contestants {
				v := math.Exp(totals[x] / float64(r.series))
				if x == 0 {
					r.ours = v
					continue
				}
				r.rivals[contestants[x]] = v
				if least == 0 || v < r.rivals[contestants[least]] {
					least = x
				}
			}
			r.best = contestants[least]
			r.ratio = bootstrap(groups[least])
			p.costs = append(p.costs, r)
		}
	}
	return nil
}

func cost(kept, need, price float64) float64 { return kept + price*max(0, need-kept) }

// decide steps one series and asks everybody every half hour.
func decide(ctx context.Context, d *dense) ([]decision, error) {
	from, to := d.steps(serveAfter), d.steps(serveAfter+serveFor)
	horizons := slices.Compact([]int{from, d.steps(serveFor), to})
	c, err := engine.NewCourse(engine.CourseConfig{Ticks: d.ticks, StepSeconds: d.step, Horizons: horizons})
	if err != nil {
		return nil, err
	}
	warm := min(d.steps(warmDays*24*60), len(d.y)/4)
	every := d.steps(decideEvery)
	var out []decision
	var seen []float64
	counted := 0
	var fixed [len(statics)]float64
	for at, n := warm, 0; at+to < len(d.y); at, n = at+every, n+1 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if n%staticEveryN == 0 {
			for ; counted <= at; counted++ {
				if v := d.y[counted]; !math.IsNaN(v) {
					seen = append(seen, v)
				}
			}
			slices.Sort(seen)
			k := int(math.Ceil(staticLevel*float64(len(seen)))) - 1
			fixed = [...]float64{seen[max(k, 0)], seen[len(seen)-1]}
		}
		need, known := d.highest(at+from, at+to)
		if known < enoughKnown {
			continue
		}
		if err := c.To(d.unix(at)); err != nil {
			return nil, err
		}
		o := decision{unix: d.unix(at), need: need}
		for _, price := range prices {
			o.keep = append(o.keep, c.Model().MaxQuantile(from, to, price/(price+1)))
		}
		for _, r := range rivals {
			o.keep = append(o.keep, r.ask(d, at))
		}
		o.keep = append(o.keep, fixed[:]...)
		out = append(out, o)
	}
	return out, nil
}
