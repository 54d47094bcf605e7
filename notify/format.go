package notify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"surgecast"
)

// event is a stored message as the formats read it. The store writes one body for all endpoints; what
// each of them is sent is made of it for every attempt, and comes out the same each time.
type event struct {
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`

	id    string // of the delivery
	facts facts
}

// facts are the parts of a message's data that some format shows.
type facts struct {
	SurgeID         string              `json:"surge_id"`
	Kind            surgecast.SurgeKind `json:"kind"`
	Site            string              `json:"site"`
	Topic           string              `json:"topic"`
	Segment         string              `json:"segment"`
	State           surgecast.State     `json:"state"`
	From            surgecast.State     `json:"from"`
	At              time.Time           `json:"at"`
	OpenedAt        time.Time           `json:"opened_at"`
	AlertAt         time.Time           `json:"alert_at"`
	ActBy           *time.Time          `json:"act_by"`
	ShownPercent    string              `json:"shown_percent"`
	DemandRPM       *float64            `json:"demand_rpm"`
	CapacityRPM     float64             `json:"capacity_rpm"`
	UnitsNow        int                 `json:"units_now"`
	WouldBeUnits    int                 `json:"would_be_units"`
	ErrorShare      *float64            `json:"error_share"`
	UsualErrorShare *float64            `json:"usual_error_share"`
	Headline        string              `json:"headline"`
	Sentence        string              `json:"sentence"`
	ForecastID      string              `json:"forecast_id"`
	Simulated       bool                `json:"simulated"`

	Units         int            `json:"units"` // recommendation.changed
	PreviousUnits int            `json:"previous_units"`
	ValidUntil    time.Time      `json:"valid_until"`
	Mode          surgecast.Mode `json:"mode"`
	Detail        string         `json:"detail"`
	WebhookID     string         `json:"webhook_id"` // webhook.disabled
	Host          string         `json:"host"`
	Reason        string         `json:"reason"`
	By            string         `json:"by"`      // surge.acknowledged
	Message       string         `json:"message"` // test
}

func readEvent(d surgecast.Delivery) (event, error) {
	e := event{id: d.ID}
	if err := json.Unmarshal(d.Body, &e); err != nil {
		return e, fmt.Errorf("the stored message cannot be read: %w", err)
	}
	if len(e.Data) > 0 {
		if err := json.Unmarshal(e.Data, &e.facts); err != nil {
			return e, fmt.Errorf("the stored message's data cannot be read: %w", err)
		}
	}
	return e, nil
}

// subject is the site or topic it is about; empty: neither.
func (e event) subject() string {
	if e.facts.Site != "" {
		return e.facts.Site
	}
	return e.facts.Topic
}

// path is the subject's page on the dashboard.
func (e event) path() string {
	switch {
	case e.facts.Site != "":
		return "/sites/" + url.PathEscape(e.facts.Site)
	case e.facts.Topic != "":
		return "/topics/" + url.PathEscape(e.facts.Topic)
	}
	return "/"
}

// title is one line for people. Whatever is simulated says so first.
func (e event) title() string {
	f := e.facts
	line := f.Headline
	switch {
	case line != "":
	case e.Type == surgecast.TypeTest:
		line = f.Message
	case e.Type == surgecast.TypeWebhookDisabled:
		line = "Webhook to " + f.Host + " disabled: " + f.Reason
	case e.Type == surgecast.TypeRecommendationChanged:
		line = fmt.Sprintf("%d units instead of %d, until %s UTC", f.Units, f.PreviousUnits, f.ValidUntil.UTC().Format("15:04"))
		if f.Mode != surgecast.ModeAct {
			line = fmt.Sprintf("would be %d units", f.WouldBeUnits)
		}
	default:
		line = e.Type
	}
	if s := e.subject(); s != "" {
		line = s + ": " + line
	}
	if f.Simulated {
		line = "[simulated] " + line
	}
	return line
}

// over reports whether the episode, or the silence, has ended.
func (e event) over() bool {
	return e.Type == surgecast.TypeSurgeClosed || e.Type == surgecast.TypeForecastResumed
}

// shape is how messages of one format look and what their answers mean.
type shape struct {
	contentType string
	body        func(n *Notifier, e event, key string) ([]byte, error) // key: PagerDuty's routing key
	judge       func(answer) verdict
	pace        time.Duration // least time between two messages to one endpoint; 0: none
}

var shapes = map[surgecast.Format]shape{
	surgecast.FormatStandard:     {contentType: "application/json", body: cloudEvent, judge: judge},
	surgecast.FormatCloudEvents:  {contentType: "application/cloudevents+json", body: cloudEvent, judge: judge},
	surgecast.FormatAlertmanager: {contentType: "application/json", body: alertmanager, judge: judgeAlertmanager},
	surgecast.FormatPagerDuty:    {contentType: "application/json", body: pagerDuty, judge: judgePagerDuty},
	surgecast.FormatSlack:        {contentType: "application/json; charset=utf-8", body: slack, judge: judgeSlack, pace: slackPace},
}

func shapeOf(f surgecast.Format) (shape, error) {
	if f == "" {
		f = surgecast.FormatStandard
	}
	s, ok := shapes[f]
	if !ok {
		return s, fmt.Errorf("the endpoint's format %q is unknown", f)
	}
	return s, nil
}

// judgeOthers reads answers where a client error is for good: only what says "later" is tried again.
func judgeOthers(a answer) verdict {
	switch v := judge(a); {
	case v != again || a.status == 0 || a.status >= 500 || a.status == http.StatusTooManyRequests || a.status == http.StatusRequestTimeout:
		return v
	}
	return final
}

// cut shortens a text to so many characters, and shows that it did.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return strings.TrimSpace(string(r[:most-1])) + "…"
	}
	return s
}

// link is a page of the dashboard; empty when its public address is not configured.
func (n *Notifier) link(path string) string {
	if n.public == "" {
		return ""
	}
	return n.public + path
}
