package notify

import (
	"encoding/json"
	"fmt"

	"surgecast"
)

// DefaultPagerDutyURL takes PagerDuty's events of version 2; accounts in Europe have events.eu.pagerduty.com.
const DefaultPagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

// pagerDuty's bounds (Events API v2).
const (
	summaryMax  = 1024
	dedupMax    = 255
	sourceMax   = 255
	pagerClient = "Surgecast"
)

type pagerEvent struct {
	RoutingKey string        `json:"routing_key"`
	Action     string        `json:"event_action"` // trigger, acknowledge, resolve
	DedupKey   string        `json:"dedup_key"`
	Payload    *pagerPayload `json:"payload,omitempty"`
	Links      []pagerLink   `json:"links,omitempty"`
	Client     string        `json:"client,omitempty"`
	ClientURL  string        `json:"client_url,omitempty"`
}

type pagerPayload struct {
	Summary   string          `json:"summary"`
	Source    string          `json:"source"`
	Severity  string          `json:"severity"`
	Timestamp string          `json:"timestamp"`
	Component string          `json:"component,omitempty"`
	Class     string          `json:"class"`
	Details   json.RawMessage `json:"custom_details,omitempty"`
}

type pagerLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// pagerDuty makes an event: an episode triggers and, when it ends, resolves one incident under one
// dedup_key; a person who takes the episode on acknowledges it; changes of state between are triggers of
// the same key, which PagerDuty adds to the incident.
func pagerDuty(n *Notifier, e event, key string) ([]byte, error) {
	if key == "" {
		return nil, fmt.Errorf("the endpoint has no routing key")
	}
	f := e.facts
	p := pagerEvent{RoutingKey: key, Action: "trigger", DedupKey: cut(dedupKey(e), dedupMax)}
	switch {
	case e.over():
		p.Action = "resolve"
	case e.Type == surgecast.TypeSurgeAcknowledged:
		p.Action = "acknowledge"
	}
	if p.Action != "trigger" {
		return json.Marshal(p)
	}
	source := e.subject()
	if source == "" {
		source = "surgecast"
	}
	p.Payload = &pagerPayload{
		Summary: cut(e.title(), summaryMax), Source: cut(source, sourceMax), Severity: pagerSeverity(e),
		Timestamp: e.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z"), Component: cut(f.Segment, sourceMax), Class: e.Type, Details: e.Data,
	}
	p.Client = pagerClient
	if to := n.link(e.path()); to != "" {
		p.ClientURL = n.link("/")
		p.Links = []pagerLink{{Href: to, Text: "Forecast and what to do"}}
	}
	return json.Marshal(p)
}

func dedupKey(e event) string {
	switch {
	case e.Type == surgecast.TypeTest:
		return "test:" + e.id
	case e.facts.SurgeID != "":
		return "surge:" + e.subject() + ":" + e.facts.SurgeID
	}
	return "stale:" + e.subject()
}

func pagerSeverity(e event) string {
	switch {
	case e.Type == surgecast.TypeTest:
		return "info"
	case e.facts.Kind == surgecast.SurgeTalk: // talk alone overwhelms nobody
		return "info"
	case grave(e.facts.State):
		return critical
	case e.facts.State == surgecast.StateRecovery:
		return "info"
	}
	return warning // watch, cannot tell
}

// judgePagerDuty: 202 is taken, 400 is for good, 429 and 5xx are tried again. It has no way to retire an
// endpoint.
func judgePagerDuty(a answer) verdict {
	if v := judgeOthers(a); v != gone {
		return v
	}
	return final
}
