package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// verdicts are what the arena's scorer says, by set and condition (regular, surge, all).
type verdicts struct {
	Sets    map[string]map[string]*verdict `json:"sets"`
	Overall map[string]*verdict            `json:"overall"`
}

type verdict struct {
	WQL        float64    `json:"wql"`
	Coverage50 float64    `json:"coverage50"`
	Coverage80 float64    `json:"coverage80"`
	Coverage90 float64    `json:"coverage90"`
	Below95    float64    `json:"below95"`
	Below99    float64    `json:"below99"`
	Quarters   []*float64 `json:"wql_by_lead_quarter"`
	Breach     *struct {
		Skill       *float64     `json:"brier_skill"`
		AUC         *float64     `json:"auc"`
		Calibration float64      `json:"calibration_error"`
		Reliability [][4]float64 `json:"reliability"` // from, pairs, said, happened
	} `json:"breach"`
}

func (v *verdict) skill() float64 {
	if v.Breach == nil || v.Breach.Skill == nil {
		return math.NaN()
	}
	return *v.Breach.Skill
}

// conditions of origins: spread at random, and around surges.
var conditions = [...]string{"regular", "surge"}

// report is everything the page tells.
type report struct {
	sets     []*set
	verdicts verdicts
	extras   []worth
	baseline baselines

	rule     [2]map[string]ruled // by condition and set; OVERALL too
	costs    []costOf
	warnings []warned
	labels   []labelled
	noLabels string // why labelled windows were left out
	young    []grown
	kept     []kept // by half; the last row of each is OVERALL
	noApart  string // why series kept apart were left out

	worse []string
	since string
}

// worth is a set with and without its extra input.
type worth struct {
	set           *set
	without, with map[string]*verdict
	ratio         [2]ratio
}

// score forecasts every set and lets the arena judge.
func (p *report) score(ctx context.Context, a *arena, out string) error {
	plain, extra := filepath.Join(out, "plain"), filepath.Join(out, "inputs")
	for _, d := range []string{plain, extra} {
		if err := os.MkdirAll(d, 0o755); err != nil { //nolint:gosec // forecasts of public series
			return err
		}
	}
	p.sets = a.plain
	type task struct {
		set    *set
		dir    string
		inputs bool
	}
	var tasks []task
	for _, s := range a.all() {
		if err := a.load(s); err != nil {
			return err
		}
		tasks = append(tasks, task{s, plain, false})
		if s.Extra {
			tasks = append(tasks, task{s, extra, true})
		}
	}
	err := each(len(tasks), func(i int) error {
		t := tasks[i]
		if err := a.backtest(ctx, t.set, t.dir, t.inputs); err != nil {
			return fmt.Errorf("%s: %w", t.set.Name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var names []string
	for _, s := range a.plain {
		names = append(names, s.Name)
	}
	if p.verdicts, err = a.judge(ctx, plain, names); err != nil {
		return err
	}
	for _, s := range a.extras {
		w := worth{set: s}
		for _, x := range []struct {
			dir string
			to  *map[string]*verdict
		}{{plain, &w.without}, {extra, &w.with}} {
			v, err := a.judge(ctx, x.dir, []string{s.Name})
			if err != nil {
				return err
			}
			*x.to = v.Sets[s.Name]
		}
		p.extras = append(p.extras, w)
	}
	p.baseline, err = readBaselines(filepath.Join(a.dir, "BASELINES.md"))
	return err
}

// each does n things on two processors and returns the first error.
func each(n int, do func(i int) error) error {
	var wg sync.WaitGroup
	work := make(chan int)
	errs := make([]error, n)
	for range 2 {
		wg.Go(func() {
			for i := range work {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// baselines are the two tables of BASELINES.md the page needs: contestant → set → regular, surge.
type baselines struct {
	wql, skill map[string]map[string][2]float64
}

// columns of BASELINES.md, as sets are called.
var columns = map[string]string{
	"tweets 1 h": "nab_tweets", "tweets 1 d": "nab_tweets_h288", "wc98": "wc98_requests", "nasa": "nasa_http",
	"nab traffic": "nab_traffic", "hashtags": "superbowl_hashtags", "wiki": "wiki_pageviews", "overall": overall,
}

const overall = "OVERALL"

var twoNumbers = regexp.MustCompile(`[-+]?\d+\.\d+`)

func readBaselines(path string) (baselines, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return baselines{}, err
	}
	var out baselines
	var into *map[string]map[string][2]float64
	var head []string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "**"):
			into, head = nil, nil
			switch title := strings.Split(line, "**")[1]; {
			case title == "WQL, regular / surge":
				into = &out.wql
			case strings.HasPrefix(title, "Brier skill"):
				into = &out.skill
			}
		case strings.HasPrefix(line, "#"):
			into = nil
		case into != nil && strings.HasPrefix(line, "|"):
			var cells []string
			for _, c := range strings.Split(strings.Trim(line, "|"), "|") {
				cells = append(cells, strings.TrimSpace(c))
			}
			if head == nil {
				head = cells
				continue
			}
			row := map[string][2]float64{}
			for i, c := range cells[1:] {
				two := twoNumbers.FindAllString(c, -1)
				if i+1 >= len(head) || columns[head[i+1]] == "" || len(two) != 2 {
					continue
				}
				var v [2]float64
				for k := range v {
					if v[k], err = strconv.ParseFloat(two[k], 64); err != nil {
						return baselines{}, fmt.Errorf("reading %s: %w", path, err)
					}
				}
				row[columns[head[i+1]]] = v
			}
			if len(row) > 0 {
				if *into == nil {
					*into = map[string]map[string][2]float64{}
				}
				(*into)[cells[0]] = row
			}
		}
	}
	if out.wql["ensemble"] == nil {
		return out, fmt.Errorf("%s has no table of WQL with an ensemble", path)
	}
	return out, nil
}

// singles is how many contestants are one rule or model, no mean of several.
func (b baselines) singles() (n int) {
	for name := range b.wql {
		if single(name) {
			n++
		}
	}
	return n
}

// best is the contestant a set is hardest to beat with; keep tells who takes part.
func best(t map[string]map[string][2]float64, set string, k int, lowest bool, keep func(name string) bool) (name string, v float64) {
	v = math.NaN()
	for n, row := range t {
		x, ok := row[set]
		if !ok || !keep(n) {
			continue
		}
		if better := x[k] < v; name == "" || x[k] != v && better == lowest || x[k] == v && n < name {
			name, v = n, x[k]
		}
	}
	return name, v
}

func single(n string) bool { return !strings.HasPrefix(n, "ensemble") }
func anyone(string) bool   { return true }
