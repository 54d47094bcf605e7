package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"surgecast"
)

type scheduleIn struct {
	SitePath
	Format string `query:"format" enum:"aws,gcp,keda-cron,ics" default:"aws" doc:"What it is for"`
	Name   string `query:"name" maxLength:"200" doc:"Auto Scaling group, managed instance group or workload; default the site's slug"`
}

type scheduleOut struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	Body               []byte
}

func (s *Server) scheduleRoutes() {
	op := operation("GET", "/v1/sites/{site}/schedule", "site-schedule", "The plan as scheduled actions: AWS, GCP, KEDA cron, calendar")
	op.Description = "Always pairs: a floor is raised and restored. Names are stable for a surge, so putting them again replaces them. The plan is what mode act would do, whatever the mode."
	op.Responses = map[string]*huma.Response{"200": {Description: "The schedule", Content: map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}, "application/yaml": {Schema: &huma.Schema{Type: huma.TypeString}}, "text/calendar": {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
	register(s, op, surgecast.ScopeRead, s.schedule)
}

// scheduleSoonest is how far ahead an action begins at least: providers refuse a start that is past when it arrives.
const scheduleSoonest = 2 * time.Minute

// scheduled is one window as an action.
type scheduled struct {
	surgecast.Window
	name string
}

func (s *Server) schedule(ctx context.Context, in *scheduleIn) (*scheduleOut, error) {
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if s.c.Windows == nil {
		return nil, problem(http.StatusServiceUnavailable, codeNotConfigured, "this process makes no schedules", "Ask another one.")
	}
	now := s.now()
	f, err := plannable(st, now, func(f *surgecast.SiteForecast) bool { return f.RPMPerUnit > 0 })
	if err != nil {
		return nil, err
	}
	key := now.UTC().Format("20060102")
	if st.surge != nil {
		key = st.surge.ID
	}
	least := max(st.site.Capacity.MinUnits, 1)
	lead := time.Duration(st.site.Capacity.LeadTimeP95Seconds) * time.Second
	var windows []scheduled
	for i, w := range s.c.Windows(f.Recommendation.Plan, least, lead, now) {
		if soonest := now.Add(scheduleSoonest).Truncate(time.Minute).Add(time.Minute); w.From.Before(soonest) {
			w.From = soonest
		}
		w.From, w.To = w.From.UTC().Truncate(time.Minute), w.To.UTC().Truncate(time.Minute)
		if !w.To.After(w.From.Add(5 * time.Minute)) {
			w.To = w.From.Add(5 * time.Minute)
		}
		windows = append(windows, scheduled{w, fmt.Sprintf("surgecast-%s-%s-%d", st.site.Slug, key, i+1)})
	}
	name := in.Name
	if name == "" {
		name = st.site.Slug
	}
	p := schedulePlan{site: st.site, f: f, name: name, least: least, windows: windows, now: now}
	out := &scheduleOut{ContentType: "application/json"}
	switch in.Format {
	case "gcp":
		out.Body, err = p.gcp()
	case "keda-cron":
		out.ContentType, out.Body = "application/yaml", p.kedaCron()
	case "ics":
		out.ContentType, out.Body = "text/calendar; charset=utf-8", p.ics()
		out.ContentDisposition = `attachment; filename="` + st.site.Slug + `.ics"`
	default:
		out.Body, err = p.aws()
	}
	return out, err
}

// plannable is the forecast something may be planned from: there is one, it still counts, and it knows a capacity.
func plannable(st standing, now time.Time, measured func(*surgecast.SiteForecast) bool) (*surgecast.SiteForecast, error) {
	f := st.total()
	switch {
	case f == nil:
		return nil, problem(http.StatusServiceUnavailable, codeNoForecast, "there is no forecast of "+st.site.Slug+" yet", "Send its traffic; the first forecast follows within a minute.").with("Retry-After", "30")
	case expired(f, now):
		return nil, problem(http.StatusServiceUnavailable, codeExpired, "the last forecast of "+st.site.Slug+" no longer counts", "A plan from it would do harm: see why its traffic or the engine has stopped.").with("Retry-After", "30")
	case !measured(f):
		return nil, problem(http.StatusConflict, codeCapacityUnknown, "how much this site can take is not known", "Enter the requests a minute one unit serves, or import a load test.")
	}
	return f, nil
}

type schedulePlan struct {
	site    surgecast.Site
	f       *surgecast.SiteForecast
	name    string
	least   int
	windows []scheduled
	now     time.Time
}

// aws is for Auto Scaling groups and for Application Auto Scaling (ECS and others): field names as in the APIs
// PutScheduledUpdateGroupAction and PutScheduledAction, so each entry can be handed to the CLI as --cli-input-json.
func (p schedulePlan) aws() ([]byte, error) {
	type group struct {
		AutoScalingGroupName, ScheduledActionName string
		StartTime                                 time.Time
		MinSize                                   int
		MaxSize                                   *int `json:",omitempty"`
	}
	type target struct {
		MinCapacity int
		MaxCapacity *int `json:",omitempty"`
	}
	type application struct {
		ServiceNamespace, ResourceId, ScalableDimension string
		ScheduledActionName, Schedule, Timezone         string
		ScalableTargetAction                            target
	}
	doc := struct {
		Site           string        `json:"site"`
		Mode           string        `json:"mode"`
		ForecastID     string        `json:"forecast_id"`
		ValidUntil     time.Time     `json:"valid_until"`
		Note           string        `json:"note"`
		AutoScaling    []group       `json:"autoscaling"`
		AppAutoScaling []application `json:"application_autoscaling"`
		CLI            []string      `json:"cli"`
	}{
		Site: p.site.Slug, Mode: string(p.site.Mode), ForecastID: p.f.ID, ValidUntil: p.f.ValidUntil, AutoScaling: []group{}, AppAutoScaling: []application{}, CLI: []string{},
		Note: "Put both actions of a pair: one raises the floor, one restores it. Use autoscaling for an Auto Scaling group or application_autoscaling for ECS and others (edit its resource).",
	}
	if len(p.windows) == 0 {
		doc.Note = "Nothing to schedule: the plan stays at the least."
	}
	var most *int
	for _, w := range p.windows {
		if m := p.site.Capacity.MaxUnits; m > 0 {
			n := max(m, w.Units)
			most = &n
		}
		for _, a := range []struct {
			suffix string
			at     time.Time
			units  int
		}{{"-raise", w.From, w.Units}, {"-restore", w.To, p.least}} {
			doc.AutoScaling = append(doc.AutoScaling, group{p.name, w.name + a.suffix, a.at, a.units, most})
			doc.AppAutoScaling = append(doc.AppAutoScaling, application{
				"ecs", "service/CLUSTER/" + p.name, "ecs:service:DesiredCount", w.name + a.suffix,
				"at(" + a.at.Format("2006-01-02T15:04:05") + ")", "UTC",
				target{a.units, most},
			})
			doc.CLI = append(doc.CLI, fmt.Sprintf("aws autoscaling put-scheduled-update-group-action --auto-scaling-group-name %s --scheduled-action-name %s --start-time %s --min-size %d",
				shellWord(p.name), w.name+a.suffix, a.at.Format(time.RFC3339), a.units))
		}
	}
	return json.MarshalIndent(doc, "", "  ")
}

// gcp is for autoscalingPolicy.scalingSchedules of a managed instance group. The year, a sixth field, makes a
// schedule run once; it names the moment the signal starts, so the lead time is taken off already.
func (p schedulePlan) gcp() ([]byte, error) {
	type once struct {
		MinRequiredReplicas int    `json:"minRequiredReplicas"`
		Schedule            string `json:"schedule"`
		TimeZone            string `json:"timeZone"`
		DurationSec         int    `json:"durationSec"`
		Description         string `json:"description"`
	}
	schedules := map[string]once{}
	for _, w := range p.windows {
		schedules[w.name] = once{
			w.Units, fmt.Sprintf("%d %d %d %d * %d", w.From.Minute(), w.From.Hour(), w.From.Day(), int(w.From.Month()), w.From.Year()), "UTC",
			max(300, int(w.To.Sub(w.From).Seconds())), "Surgecast " + p.f.ID,
		}
	}
	return json.MarshalIndent(map[string]any{"autoscalingPolicy": map[string]any{"scalingSchedules": schedules}}, "", "  ")
}

// kedaCron is a list of cron triggers. Cron has no year: take them out after the window, or they come again.
func (p schedulePlan) kedaCron() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Triggers for the ScaledObject of %s, from forecast %s.\n", plain(p.name), p.f.ID) // a line break would end the comment
	b.WriteString("# Cron knows no year: take these out after the window, or they come again next year.\n")
	if len(p.windows) == 0 {
		b.WriteString("# Nothing to schedule: the plan stays at the least.\ntriggers: []\n")
		return b.Bytes()
	}
	b.WriteString("triggers:\n")
	cron := func(t time.Time) string {
		return fmt.Sprintf("%d %d %d %d *", t.Minute(), t.Hour(), t.Day(), int(t.Month()))
	}
	for _, w := range p.windows {
		fmt.Fprintf(&b, "  - type: cron\n    name: %s\n    metadata:\n      timezone: UTC\n      start: %q\n      end: %q\n      desiredReplicas: %q\n", w.name, cron(w.From), cron(w.To), fmt.Sprint(w.Units))
	}
	return b.Bytes()
}

// ics is a calendar of RFC 5545: lines end in CRLF and are folded at 75 octets.
func (p schedulePlan) ics() []byte {
	var b bytes.Buffer
	line := func(s string) {
		for len(s) > 75 {
			cut := 75
			for cut > 0 && s[cut]&0xC0 == 0x80 { // never inside a character
				cut--
			}
			b.WriteString(s[:cut] + "\r\n ")
			s = s[cut:]
		}
		b.WriteString(s + "\r\n")
	}
	text := strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace
	stamp := func(t time.Time) string { return t.UTC().Format("20060102T150405Z") }
	line("BEGIN:VCALENDAR")
	line("VERSION:2.0")
	line("PRODID:-//Surgecast//schedule//EN")
	simulated := ""
	if p.site.Simulated {
		simulated = "[simulated] "
	}
	for _, w := range p.windows {
		line("BEGIN:VEVENT")
		line("UID:" + w.name + "@surgecast")
		line("DTSTAMP:" + stamp(p.now))
		line("DTSTART:" + stamp(w.From))
		line("DTEND:" + stamp(w.To))
		line("SUMMARY:" + text(fmt.Sprintf("%s%s: hold %d units", simulated, p.site.Name, w.Units)))
		line("DESCRIPTION:" + text(fmt.Sprintf("%s Restore %d units at the end. Forecast %s.", p.f.Verdict.Headline, p.least, p.f.ID)))
		line("END:VEVENT")
	}
	line("END:VCALENDAR")
	return b.Bytes()
}

// shellWord quotes what a person named, for a line that may be pasted into a shell.
func shellWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
