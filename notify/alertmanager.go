package notify

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"sort"
	"strconv"
	"strings"
	"time"

	"surgecast"
)

// alert is one alert as Alertmanager sends it (version 4 of its webhook).
type alert struct {
	Status       string            `json:"status"` // firing, resolved
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"` // the zero time while it fires, as Alertmanager writes it
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

type alertGroup struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []alert           `json:"alerts"`
}

// alertmanager makes the body of an Alertmanager webhook. An episode is up to two alerts of one name: one
// of severity warning, from the first watch to the end, and one of severity critical while it is an alert,
// over capacity or failing. Labels identify an alert and never change while it lives, so numbers and the
// state stand in the annotations.
func alertmanager(n *Notifier, e event, _ string) ([]byte, error) {
	f := e.facts
	group := map[string]string{}
	add := func(name, value string) {
		if value != "" {
			group[name] = value
		}
	}
	add("alertname", alertName(e))
	add("site", f.Site)
	add("topic", f.Topic)
	add("segment", f.Segment)
	add("surge", f.SurgeID)
	if f.Simulated {
		add("simulated", "true")
	}
	if e.Type == surgecast.TypeTest {
		add("delivery", e.id) // each test is an alert of its own
	}
	g := alertGroup{
		Version: "4", Status: "resolved", Receiver: "surgecast", GroupLabels: group, ExternalURL: n.link("/"),
		GroupKey: "{}:" + labelText(group), CommonAnnotations: annotations(e),
	}
	started := e.Timestamp
	if !f.OpenedAt.IsZero() {
		started = f.OpenedAt
	}
	for _, s := range severities(e) {
		a := alert{
			Status: "resolved", Labels: map[string]string{"severity": s.name}, Annotations: g.CommonAnnotations,
			StartsAt: started.UTC(), GeneratorURL: n.link(e.path()),
		}
		for k, v := range group {
			a.Labels[k] = v
		}
		if s.name == critical && !f.AlertAt.IsZero() {
			a.StartsAt = f.AlertAt.UTC()
		}
		if s.firing {
			a.Status, g.Status = "firing", "firing"
		} else {
			a.EndsAt = e.Timestamp.UTC()
		}
		a.Fingerprint = fingerprint(a.Labels)
		g.Alerts = append(g.Alerts, a)
	}
	g.CommonLabels = group
	if len(g.Alerts) == 1 {
		g.CommonLabels = g.Alerts[0].Labels
	}
	return json.Marshal(g)
}

const (
	warning  = "warning"
	critical = "critical"
)

type severity struct {
	name   string
	firing bool
}

// severities are the alerts an event speaks of.
func severities(e event) []severity {
	f := e.facts
	switch {
	case e.Type == surgecast.TypeTest:
		return []severity{{warning, true}}
	case f.SurgeID == "": // a silence
		return []severity{{warning, !e.over()}}
	case f.Kind == surgecast.SurgeFailing:
		return []severity{{critical, !e.over()}}
	case f.Kind == surgecast.SurgeTalk: // talk alone overwhelms nobody
		return []severity{{warning, !e.over()}}
	}
	out := []severity{{warning, !e.over()}}
	if bad := grave(f.State) && !e.over(); bad || grave(f.From) || !f.AlertAt.IsZero() {
		// While nothing can be told the alert stands: not knowing ends nothing.
		out = append(out, severity{critical, bad || !e.over() && f.State == surgecast.StateCannotTell})
	}
	return out
}

func grave(s surgecast.State) bool {
	return s == surgecast.StateAlert || s == surgecast.StateOver || s == surgecast.StateFailing
}

func alertName(e event) string {
	switch {
	case e.Type == surgecast.TypeTest:
		return "SurgecastTest"
	case e.facts.SurgeID == "":
		return "SurgecastNoNumbers"
	case e.facts.Kind == surgecast.SurgeFailing:
		return "SurgecastFailing"
	case e.facts.Kind == surgecast.SurgeTalk:
		return "SurgecastTalk"
	}
	return "SurgecastOverload"
}

// annotations are what people read and what changes: words, the state and every number.
func annotations(e event) map[string]string {
	f := e.facts
	out := map[string]string{"summary": cut(e.title(), 1000)}
	add := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	add("description", f.Sentence)
	add("state", string(f.State))
	add("probability", f.ShownPercent)
	add("forecast_id", f.ForecastID)
	if f.ActBy != nil {
		add("act_by", f.ActBy.UTC().Format(time.RFC3339))
	}
	for name, x := range map[string]*float64{"demand_rpm": f.DemandRPM, "error_share": f.ErrorShare, "usual_error_share": f.UsualErrorShare} {
		if x != nil {
			add(name, strconv.FormatFloat(*x, 'g', 6, 64))
		}
	}
	if f.CapacityRPM > 0 {
		add("capacity_rpm", strconv.FormatFloat(f.CapacityRPM, 'g', 6, 64))
	}
	if f.UnitsNow > 0 {
		add("units_now", strconv.Itoa(f.UnitsNow))
	}
	if f.WouldBeUnits > 0 {
		add("would_be_units", strconv.Itoa(f.WouldBeUnits))
	}
	if f.Simulated {
		add("simulated", "true")
	}
	return out
}

// labelText writes labels as Alertmanager's group keys do.
func labelText(labels map[string]string) string {
	parts := make([]string, 0, len(labels))
	for k, v := range labels {
		parts = append(parts, k+"="+strconv.Quote(v))
	}
	sort.Strings(parts)
	return "{" + strings.Join(parts, ", ") + "}"
}

// fingerprint is the identity of a set of labels, as Prometheus makes it: FNV-1a of names and values in
// order, each ended by the byte 255.
func fingerprint(labels map[string]string) string {
	names := make([]string, 0, len(labels))
	for k := range labels {
		names = append(names, k)
	}
	sort.Strings(names)
	h := fnv.New64a()
	for _, k := range names {
		_, _ = h.Write([]byte(k + "\xff" + labels[k] + "\xff"))
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// judgeAlertmanager reads answers as Alertmanager does: what is no server error is for good.
func judgeAlertmanager(a answer) verdict { return judgeOthers(a) }
