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
	"regexp"
	"slices"
	"strings"
)

// A figure is kept under a name whose first part tells how to read it.
var readings = []struct {
	prefix, what string
	slack        float64 // no worse by so much: noise of rounding
	relative     bool    // slack is a share of what it was
	lost         func(was, is float64) float64
}{
	{"wql/", "WQL", .005, true, rose},
	{"skill/", "breach skill", .005, false, fell},
	{"calibration/", "calibration error", .005, false, rose},
	{"coverage80/", "coverage of the 80 % interval", .005, false, strayed(.8)},
	{"below95/", "share below q.95", .0025, false, strayed(.95)},
	{"input/", "ratio with the extra input", .005, true, rose},
	{"capacity/", "cost of capacity over the least", .005, true, rose},
	{"young/", "WQL of young series over the best rule's", .01, true, rose},
	{"alarm/", "events met 15 minutes ahead", 0, false, fell},
}

func rose(was, is float64) float64 { return is - was }
func fell(was, is float64) float64 { return was - is }

// strayed is how much further from the right share a figure is than it was.
func strayed(right float64) func(was, is float64) float64 {
	return func(was, is float64) float64 { return math.Abs(is-right) - math.Abs(was-right) }
}

// slackWords says which figures are listed from how much on.
func slackWords() string {
	of := map[string][]string{}
	var order []string
	for _, r := range readings {
		by := "any"
		switch {
		case r.relative:
			by = fmt.Sprintf("more than %g %%", 100*r.slack)
		case r.slack > 0:
			by = fmt.Sprintf("more than %g", r.slack)
		}
		if of[by] == nil {
			order = append(order, by)
		}
		of[by] = append(of[by], r.what)
	}
	var parts []string
	for _, by := range order {
		parts = append(parts, strings.Join(of[by], ", ")+" by "+by)
	}
	return strings.Join(parts, "; ")
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
			slack := r.slack
			if r.relative {
				slack *= old
			}
			if rest, ours := strings.CutPrefix(name, r.prefix); ours && r.lost(old, is[name]) > slack {
				out = append(out, fmt.Sprintf("%s, %s: %.4g, was %.4g", strings.ReplaceAll(rest, "/", ", "), r.what, is[name], old))
			}
		}
	}
	return out
}

type recorded struct {
	Model   string             `json:"model"` // version of the model the figures are of
	Figures map[string]float64 `json:"figures"`
}

// modelVersion is how the model's source names its version; records told none at first.
var modelVersion = regexp.MustCompile(`(?m)^const Version = "([^"]+)"$`)

// committed are the figures of the newest page committed that is of another version of the model, and what they are: beside
// its own version a page would only be compared with itself.
func committed(ctx context.Context, path, version string) (map[string]float64, string) {
	git := func(args ...string) []byte {
		b, err := exec.CommandContext(ctx, "git", args...).Output() //nolint:gosec // our own file in our own repository
		if err != nil {
			return nil // no repository, or no such file in it
		}
		return b
	}
	path = filepath.ToSlash(path)
	for line := range strings.Lines(string(git("log", "--format=%h %cs", "--", path))) {
		commit, day, _ := strings.Cut(strings.TrimSpace(line), " ")
		var r recorded
		if json.Unmarshal(git("show", commit+":./"+path), &r) != nil {
			continue
		}
		if r.Model == "" {
			if m := modelVersion.FindSubmatch(git("show", commit+":model/doc.go")); m != nil {
				r.Model = string(m[1])
			}
		}
		if r.Model != "" && r.Model != version {
			return r.Figures, fmt.Sprintf("the page of model version %s (commit %s of %s)", r.Model, commit, day)
		}
	}
	return nil, ""
}

func writeFigures(path, version string, f map[string]float64) error {
	b, err := json.MarshalIndent(recorded{version, f}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil { //nolint:gosec // a page for everybody
		return fmt.Errorf("writing the figures: %w", err)
	}
	return nil
}
