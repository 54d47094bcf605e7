package rehearse

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/template"
	"time"

	"surgecast"
)

//go:embed k6.js.tmpl vegeta.sh.tmpl locust.py.tmpl
var templates embed.FS

// plan is a rehearsal as the scripts hold it. It has no address and no free text: everything a person named (the
// site's name) stays out of what is executed.
type plan struct {
	Site      string       `json:"site"`
	Forecast  string       `json:"forecast"`
	Simulated int          `json:"simulated"` // 1: made by the simulator
	Unit      string       `json:"time_unit"`
	LimitMS   int          `json:"limit_ms"`
	Errors    float64      `json:"error_share"`
	PerUser   float64      `json:"per_user,omitempty"` // requests a second of one Locust user
	Courses   []planCourse `json:"courses"`
}

type planCourse struct {
	Name   string `json:"name"`
	VUs    int    `json:"vus"`
	MaxVUs int    `json:"max_vus"`
	Steps  []step `json:"steps"`
}

// Write makes the script of a rehearsal.
func Write(r surgecast.Rehearsal, format surgecast.RehearsalFormat) (surgecast.RehearsalScript, error) {
	if r.Speed == 0 {
		r.Speed = 1
	}
	if err := r.Check(); err != nil {
		return surgecast.RehearsalScript{}, err
	}
	if !surgecast.ValidSlug(r.Site) {
		return surgecast.RehearsalScript{}, &surgecast.FieldError{Field: "site", Value: r.Site, Detail: "is not a slug", Remedy: "Name the site by its slug."}
	}
	var name, kind string
	switch format {
	case surgecast.RehearseK6:
		name, kind = "k6.js", "text/javascript; charset=utf-8"
	case surgecast.RehearseVegeta:
		name, kind = "vegeta.sh", "text/x-shellscript; charset=utf-8"
	case surgecast.RehearseLocust:
		name, kind = "locust.py", "text/x-python; charset=utf-8"
	default:
		return surgecast.RehearsalScript{}, &surgecast.FieldError{Field: "format", Value: string(format), Detail: "is no format", Remedy: fmt.Sprintf("Use one of %v.", surgecast.RehearsalFormats())}
	}
	p := planOf(r, format)
	doc, err := json.Marshal(p)
	if err != nil {
		return surgecast.RehearsalScript{}, fmt.Errorf("plan of the rehearsal of %s: %w", r.Site, err)
	}
	t, err := template.New(name+".tmpl").Funcs(template.FuncMap{"join": strings.Join}).ParseFS(templates, name+".tmpl")
	if err != nil {
		return surgecast.RehearsalScript{}, fmt.Errorf("template of %s: %w", format, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{"Plan": p, "JSON": lines(doc), "About": about(r, p), "Names": names(p), "File": fileName(r, name)}); err != nil {
		return surgecast.RehearsalScript{}, fmt.Errorf("writing the rehearsal of %s for %s: %w", r.Site, format, err)
	}
	return surgecast.RehearsalScript{File: fileName(r, name), ContentType: kind, Body: b.Bytes()}, nil
}

func fileName(r surgecast.Rehearsal, name string) string { return "rehearsal-" + r.Site + "-" + name }

func names(p plan) []string {
	out := make([]string, len(p.Courses))
	for i, c := range p.Courses {
		out[i] = c.Name
	}
	return out
}

// lines puts each step of the plan on a line of its own, so that a person can read and change it.
func lines(doc []byte) string {
	s := strings.ReplaceAll(string(doc), `{"seconds"`, "\n    {\"seconds\"")
	return strings.ReplaceAll(s, `{"name"`, "\n  {\"name\"")
}

// about is the head of a script, one line an element, without line breaks of its own.
func about(r surgecast.Rehearsal, p plan) []string {
	what := "forecast " + r.ForecastID
	if !r.IssuedAt.IsZero() {
		what += ", issued " + r.IssuedAt.UTC().Format(time.RFC3339)
	}
	out := []string{fmt.Sprintf("Rehearsal of site %s, from %s; its course begins at %s.", r.Site, what, r.Start.UTC().Format(time.RFC3339))}
	if r.Simulated {
		out = append(out, "SIMULATED: the site and its traffic are made by the simulator.")
	}
	for _, c := range p.Courses {
		top, seconds := 0.0, 0
		for _, s := range c.Steps {
			top, seconds = max(top, s.RPM), seconds+s.Seconds
		}
		out = append(out, fmt.Sprintf("Profile %s: up to %s requests a minute (%.1f a second), %s.", c.Name, whole(top), top/60, time.Duration(seconds)*time.Second))
	}
	if slices.Contains(names(p), "p90") {
		out = append(out, "p90 is each minute's own: a load that each minute stays below in 9 of 10 cases, not one course that may come.")
	}
	if r.Speed != 1 {
		out = append(out, fmt.Sprintf("Played %g times faster than forecast, at the same rates.", r.Speed))
	}
	from := map[string]string{"limit": "the site's limit", "measured": "as measured lately", "assumed": "assumed: nothing was measured"}[r.P95From]
	out = append(out, fmt.Sprintf("Sized for answers within %s ms (%s), by Little's law.", whole(r.P95MS), from),
		fmt.Sprintf("It stops by itself when in a step more than %g %% fail or the p95 passes %d ms.", p.Errors*100, p.LimitMS))
	return out
}

func planOf(r surgecast.Rehearsal, format surgecast.RehearsalFormat) plan {
	unit := unitFor(r.Courses)
	p := plan{Site: r.Site, Forecast: r.ForecastID, Unit: unit.name, LimitMS: int(math.Ceil(r.LimitMS)), Errors: r.ErrorShare}
	if r.Simulated {
		p.Simulated = 1
	}
	top, low := 0.0, math.Inf(1)
	for _, c := range r.Courses {
		steps := stairs(c, r.Speed, unit)
		most := 0.0
		for _, s := range steps {
			most = max(most, s.RPM)
			if s.RPM > 0 {
				low = min(low, s.RPM)
			}
		}
		top = max(top, most)
		p.Courses = append(p.Courses, planCourse{
			Name: c.Name, Steps: steps,
			// Little's law: N = X·W, at work at once = requests a second × seconds each.
			VUs: users(most, r.P95MS), MaxVUs: 2 * users(most, max(r.P95MS, r.LimitMS)),
		})
	}
	if format == surgecast.RehearseLocust {
		// A closed model: users are the rate when each keeps its pace, so one must be able to at the guard's answer
		// times; and there must be enough of them that a whole user is a small part of the lowest step, but not more
		// than a thousand.
		p.PerUser = min(1, 1000/max(2*r.LimitMS, 1), max(low/60/25, top/60/1000, 1e-4))
		p.PerUser = math.Round(p.PerUser*1e6) / 1e6
	}
	return p
}

func users(rpm, millis float64) int { return max(1, int(math.Ceil(rpm/60*millis/1000))) }
