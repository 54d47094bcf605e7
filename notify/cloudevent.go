package notify

import (
	"encoding/json"
	"time"
)

// cloudEvent makes the body of Standard Webhooks, which is at once a structured CloudEvent 1.0.2: `type`
// and `data` are common to both, and `timestamp`, which Standard Webhooks wants, is an extension attribute
// to CloudEvents. Receivers of either read the same bytes; only the Content-Type differs.
func cloudEvent(n *Notifier, e event, _ string) ([]byte, error) {
	if len(e.Data) == 0 {
		e.Data = json.RawMessage("{}")
	}
	return json.Marshal(struct {
		SpecVersion string          `json:"specversion"`
		ID          string          `json:"id"`
		Source      string          `json:"source"`
		Type        string          `json:"type"`
		Subject     string          `json:"subject,omitempty"`
		Time        time.Time       `json:"time"`
		Timestamp   time.Time       `json:"timestamp"`
		ContentType string          `json:"datacontenttype"`
		Data        json.RawMessage `json:"data"`
	}{"1.0", e.id, n.public + e.path(), e.Type, e.facts.SurgeID, e.Timestamp, e.Timestamp, "application/json", e.Data})
}
