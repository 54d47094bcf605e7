package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A figure is kept under a name whose first part tells how to read it.
var readings = []struct {
	prefix string
	what   string
	worse  func(was, is float64) bool // by more than noise of rounding
}{
	{"wql/", "WQL", func(was, is float64) bool { return is > 1.005*was }},
	{"skill/", "breach skill", func(was, is float64) bool { return is < was-.005 }},
	{"calibration/", "calibration error", func(was, is float64) bool { return is > was+.005 }},
	{"coverage80/", "coverage of the 80 % interval", func(was, is float64) bool { return math.Abs(is-.8) > math.Abs(was-.8)+.005 }},
	{"below95/", "share below q.95", func(was, is float64) bool { return math.Abs(is-.95) > math.Abs(was-.95)+.0025 }},
	{"input/", "ratio with the extra input", func(was, is float64) bool { return is > 1.005*was }},
	{"capacity/", "cost of capacity over the least", func(was, is float64) bool { return is > 1.005*was }},
	{"young/", "WQL of young series over the best rule's", func(was, is float64) bool { return is > 1.01*was }},
	{"alarm/", "events met 15 minutes ahead", func(was, is float64) bool { return is < was }},
}

// figures are the numbers of the page, to be kept beside it.
func (p *report) figures() map[string]float64 {
	f := map[string]float64{}
	put := func(v float64, parts ...string) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			f[strings.Join(parts, "/")] = math.Round(v*1e5) / 1e5
		}
	}
	for k, c := range conditions {
		for _, row := range p.rows() {
			v := row.v[c]
			put(v.WQL, "wql", row.name, c)
			put(v.skill(), "skill", row.name, c)
			if v.Breach != nil {
				put(v.Breach.Calibration, "calibration", row.name, c)
			}
			if k == 0 { // at surges nominal coverage is not what is hoped for
				put(v.Coverage80, "coverage80", row.name, c)
				put(v.Below95, "below95", row.name, c)
			}
		}
		for _, w := range p.extras {
			put(w.ratio[k].Value, "input", w.set.Name, c)
		}
	}
	for _, c := range p.costs {
		put(c.ours, "capacity", c.set, fmt.Sprintf("%.0f:1", c.price))
	}
	for _, g := range p.young {
		put(g.ratio.Value, "young", g.family, g.age)
	}
	for _, v := range p.kept {
		put(v.wql, "wql", v.name())
		if v.hits.n > 0 && v.condition != conditions[1] {
			put(v.hits.share(v.hits.inside80), "coverage80", v.name())
			put(v.hits.share(v.hits.below95), "below95", v.name())
		}
	}
	for _, w := range p.warnings {
		if w.kind == kinds[kindChance] {
			put(float64(w.ahead), "alarm", w.set, budget(w.perWeek))
		}
	}
	return f
}

// compare lists what is worse than it was.
func compare(was, is map[string]float64) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(is)) {
		old, ok := was[name]
		if !ok {
			continue
		}
		for _, r := range readings {
			if rest, ours := strings.CutPrefix(name, r.prefix); ours && r.worse(old, is[name]) {
				out = append(out, fmt.Sprintf("%s, %s: %.4g, was %.4g", strings.ReplaceAll(rest, "/", ", "), r.what, is[name], old))
			}
		}
	}
	return out
}

type recorded struct {
	Figures map[string]float64 `json:"figures"`
}

// committed are the figures of the page last committed, and the commit; of the file itself where there is no
// repository or the file is new.
func committed(ctx context.Context, path string) (map[string]float64, string) {
	var r recorded
	//nolint:gosec // our own file in our own repository
	if b, err := exec.CommandContext(ctx, "git", "show", "HEAD:./"+filepath.ToSlash(path)).Output(); err == nil && json.Unmarshal(b, &r) == nil {
		return r.Figures, "the page last committed"
	}
	if b, err := os.ReadFile(path); err == nil && json.Unmarshal(b, &r) == nil {
		return r.Figures, "the page as it stood"
	}
	return nil, ""
}

func writeFigures(path string, f map[string]float64) error {
	b, err := json.MarshalIndent(recorded{f}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil { //nolint:gosec // a page for everybody
		return fmt.Errorf("writing the figures: %w", err)
	}
	return nil
}
