package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
)

// ruled is a set beside the best of the simple rules on it.
type ruled struct {
	name     string
	wql      float64
	ratio    ratio // ours / the rule's, origin by origin
	ensemble ratio // ours / the ensemble's printed figure, as if its errors rose and fell with the rule's
}

// intervals forecasts every origin by the simple rules as well, and draws the ratios anew. Ours is added up
// from the same forecasts the arena's scorer read; the two sums must agree.
func (p *report) intervals(ctx context.Context, out string) error {
	var groups [2][][]pair
	for k := range p.rule {
		p.rule[k] = map[string]ruled{}
	}
	for _, s := range p.sets {
		if err := ctx.Err(); err != nil {
			return err
		}
		ours, err := readLosses(s, filepath.Join(out, "plain", s.Name+".forecasts.csv"))
		if err != nil {
			return err
		}
		theirs := make([][]loss, len(rules)) // [rule][origin]
		for r := range theirs {
			theirs[r] = make([]loss, len(s.origins))
		}
		_ = each(len(s.origins), func(i int) error {
			o := s.origins[i]
			d := s.series[o.series]
			for r := range rules {
				theirs[r][i] = rules[r].forecast(d, d.at(o.unix), o.horizon, s.Season[o.series])
			}
			return nil
		})
		for k, c := range conditions {
			total := make([]loss, len(rules))
			var mine loss
			for i, o := range s.origins {
				if o.surge == (k == 1) {
					mine.join(ours[i])
					for r := range rules {
						total[r].join(theirs[r][i])
					}
				}
			}
			if said := p.verdicts.Sets[s.Name][c].WQL; math.Abs(mine.wql()-said) > 1e-6 {
				return fmt.Errorf("%s, %s: our sum is %.7f, the arena's scorer says %.7f: one of the two is wrong", s.Name, c, mine.wql(), said)
			}
			best := least(total)
			var b blocks
			for i, o := range s.origins {
				if o.surge != (k == 1) {
					continue
				}
				x := theirs[best][i]
				b.add(o.series, o.unix, pair{ours[i].pin, x.pin, ours[i].abs, x.abs})
			}
			v := ruled{name: rules[best].name, wql: total[best].wql(), ratio: bootstrap([][]pair{b.list})}
			if ens, ok := p.baseline.wql["ensemble"][s.Name]; ok {
				v.ensemble = v.ratio.times(v.wql / ens[k])
			}
			p.rule[k][s.Name] = v
			groups[k] = append(groups[k], b.list)
		}
	}
	for k := range conditions {
		v := ruled{name: "best of each set", wql: 1, ratio: bootstrap(groups[k])}
		ens := 1.
		for _, s := range p.sets {
			v.wql *= math.Pow(p.rule[k][s.Name].wql, 1/float64(len(p.sets)))
			ens *= math.Pow(p.baseline.wql["ensemble"][s.Name][k], 1/float64(len(p.sets)))
		}
		v.ensemble = v.ratio.times(v.wql / ens)
		p.rule[k][overall] = v
	}
	for i := range p.extras {
		w := &p.extras[i]
		with, err := readLosses(w.set, filepath.Join(out, "inputs", w.set.Name+".forecasts.csv"))
		if err != nil {
			return err
		}
		without, err := readLosses(w.set, filepath.Join(out, "plain", w.set.Name+".forecasts.csv"))
		if err != nil {
			return err
		}
		for k := range conditions {
			var b blocks
			for i, o := range w.set.origins {
				if o.surge == (k == 1) {
					b.add(o.series, o.unix, pair{with[i].pin, without[i].pin, with[i].abs, without[i].abs})
				}
			}
			w.ratio[k] = bootstrap([][]pair{b.list})
		}
	}
	return nil
}

func (r ratio) times(x float64) ratio { return ratio{r.Value * x, r.Low * x, r.High * x, r.Blocks} }

// readLosses adds up a forecasts file by origin.
func readLosses(s *set, path string) ([]loss, error) {
	rows, err := table(path, "series", "origin", "timestamp_utc", "q0.05", "q0.1", "q0.25", "q0.5", "q0.75", "q0.9", "q0.95", "q0.99")
	if err != nil {
		return nil, err
	}
	at := map[placed]int{}
	for i, o := range s.origins {
		at[placed{o.series, o.unix}] = i
	}
	out := make([]loss, len(s.origins))
	q := make([]float64, len(levels))
	for _, r := range rows {
		from, err := moment(r[1])
		if err != nil {
			return nil, err
		}
		to, err := moment(r[2])
		if err != nil {
			return nil, err
		}
		for k := range q {
			if q[k], err = strconv.ParseFloat(r[3+k], 64); err != nil {
				return nil, err
			}
		}
		d := s.series[r[0]]
		// A value counts where it stands, as the scorer has it.
		if i := d.at(to); d.value(i) == d.value(i) {
			out[at[placed{r[0], from}]].add(q, d.y[i])
		}
	}
	return out, nil
}
