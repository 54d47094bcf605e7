package rehearse

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"surgecast"
)

// k6Metric is one metric of a k6 summary, whatever its shape was: counters have count, rates a share, trends
// percentiles in milliseconds.
type k6Metric map[string]float64

// k6Scale is the part of a summary our own exported script adds (handleSummary): k6 counts a tagged metric over the
// whole run, so only the script knows how long each step was.
type k6Scale struct {
	Forecast string `json:"forecast"`
	Steps    []struct {
		Name       string  `json:"name"`
		Seconds    float64 `json:"seconds"`
		OfferedRPM float64 `json:"offered_rpm"`
	} `json:"steps"`
}

// k6Summary reads the two shapes whose metrics are an object: --summary-export (values beside each other,
// `thresholds: {"expr": true}` means the threshold was crossed) and handleSummary (values under `values`,
// `thresholds: {"expr": {"ok": true}}` means it held).
func (f source) k6Summary(body []byte) (surgecast.LoadTest, error) {
	var doc struct {
		Metrics map[string]json.RawMessage `json:"metrics"`
		State   struct {
			Millis float64 `json:"testRunDurationMs"`
		} `json:"state"`
		Surgecast *k6Scale `json:"surgecast"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return surgecast.LoadTest{}, f.notJSON(body, err)
	}
	metrics := map[string]k6Metric{}
	var notes []string
	for name, raw := range doc.Metrics {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			return surgecast.LoadTest{}, f.bad("metrics."+name, 0, "", "is not an object", "Import the summary as k6 wrote it.")
		}
		values := fields
		if nested, ok := fields["values"]; ok {
			values = nil
			if err := json.Unmarshal(nested, &values); err != nil {
				return surgecast.LoadTest{}, f.bad("metrics."+name+".values", 0, "", "is not an object", "Import the summary as k6 wrote it.")
			}
		}
		m := k6Metric{}
		for k, v := range values {
			var x float64
			if json.Unmarshal(v, &x) == nil {
				m[k] = x
			}
		}
		metrics[name] = m
		notes = append(notes, k6Crossed(name, fields["thresholds"])...)
	}
	slices.Sort(notes)
	return f.k6Points(metrics, doc.State.Millis/1000, doc.Surgecast, notes, time.Time{})
}

// k6Crossed names the thresholds that were crossed. The legacy shape says true for crossed, the newer {"ok": false}.
func k6Crossed(metric string, raw json.RawMessage) (notes []string) {
	var thresholds map[string]json.RawMessage
	if json.Unmarshal(raw, &thresholds) != nil {
		return nil
	}
	for expression, v := range thresholds {
		var legacy bool
		var newer struct {
			OK *bool `json:"ok"`
		}
		crossed := json.Unmarshal(v, &legacy) == nil && legacy
		if json.Unmarshal(v, &newer) == nil && newer.OK != nil {
			crossed = !*newer.OK
		}
		if crossed {
			notes = append(notes, fmt.Sprintf("threshold crossed: %s %s", metric, expression))
		}
	}
	return notes
}

// k6MachineReadable reads --new-machine-readable-summary: metrics are an array, counters have no rate, and the
// duration stands in config, in seconds.
func (f source) k6MachineReadable(body []byte) (surgecast.LoadTest, error) {
	var doc struct {
		Config struct {
			Duration float64 `json:"duration"`
		} `json:"config"`
		Metadata struct {
			GeneratedAt time.Time `json:"generatedAt"`
		} `json:"metadata"`
		Results struct {
			Metrics []struct {
				Name   string                     `json:"name"`
				Values map[string]json.RawMessage `json:"values"`
			} `json:"metrics"`
		} `json:"results"`
		Surgecast *k6Scale `json:"surgecast"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return surgecast.LoadTest{}, f.notJSON(body, err)
	}
	metrics := map[string]k6Metric{}
	for _, m := range doc.Results.Metrics {
		values := k6Metric{}
		for k, v := range m.Values {
			var x float64
			if json.Unmarshal(v, &x) == nil {
				values[k] = x
			}
		}
		metrics[m.Name] = values
	}
	var ran time.Time
	if at := doc.Metadata.GeneratedAt; !at.IsZero() {
		ran = at.Add(-time.Duration(clampSeconds(doc.Config.Duration) * float64(time.Second)))
	}
	return f.k6Points(metrics, doc.Config.Duration, doc.Surgecast, nil, ran)
}

func (f source) k6Points(metrics map[string]k6Metric, seconds float64, scale *k6Scale, notes []string, ran time.Time) (surgecast.LoadTest, error) {
	t := surgecast.LoadTest{RanAt: ran, Notes: notes}
	whole, err := f.k6Point(metrics, "", seconds)
	if err != nil {
		return t, err
	}
	if scale != nil {
		for _, s := range scale.Steps[:min(len(scale.Steps), surgecast.MaxLoadPoints)] {
			tag := "{step:" + s.Name + "}"
			if m, ok := metrics["http_reqs"+tag]; !ok || !(m["count"] > 0) || !(s.Seconds > 0) {
				continue // a step the guard did not let begin
			}
			p, err := f.k6Point(metrics, tag, s.Seconds)
			if err != nil {
				return t, err
			}
			if s.OfferedRPM > p.OfferedRPM {
				p.OfferedRPM = s.OfferedRPM
			}
			t.Points = append(t.Points, p)
		}
	}
	if len(t.Points) == 0 {
		t.Points = []surgecast.LoadPoint{whole}
	}
	t.Notes = unique(append(t.Notes, missingP95(t.Points, "p(95)", "--summary-trend-stats")...))
	return t, nil
}

// k6Point makes a point of the metrics with a tag, "" of the whole run.
func (f source) k6Point(metrics map[string]k6Metric, tag string, seconds float64) (surgecast.LoadPoint, error) {
	field := "metrics.http_reqs" + tag
	reqs, ok := metrics["http_reqs"+tag]
	if !ok {
		return surgecast.LoadPoint{}, f.bad(field, 0, "", "is missing", "The test sent no HTTP request, or the summary was cut: import one of an HTTP test.")
	}
	var perSecond float64
	switch {
	case tag != "" || reqs["rate"] == 0:
		// Of a tagged metric k6's own rate is per second of the whole run.
		if !(seconds > 0) {
			return surgecast.LoadPoint{}, f.bad("state.testRunDurationMs", 0, "", "is missing, and http_reqs has no rate", "Import the summary as k6 wrote it.")
		}
		perSecond = reqs["count"] / seconds
	default:
		perSecond = reqs["rate"]
	}
	if !(perSecond > 0) || math.IsInf(perSecond, 0) {
		return surgecast.LoadPoint{}, f.bad(field+".count", 0, fmt.Sprint(reqs["count"]), "shows no request", "Import the result of a test that ran.")
	}
	share := 0.0
	if failed, ok := metrics["http_req_failed"+tag]; ok {
		// A share of requests that failed: `value` in the legacy shape, `rate` in the others. Its passes counts
		// the failed ones, because the metric is true for them.
		if x, ok := failed["rate"]; ok {
			share = x
		} else {
			share = failed["value"]
		}
	}
	if !(share >= 0 && share <= 1) {
		return surgecast.LoadPoint{}, f.bad("metrics.http_req_failed"+tag, 0, fmt.Sprint(share), "is not a share", "It lies between 0 and 1: import the summary as k6 wrote it.")
	}
	p := surgecast.LoadPoint{
		Concurrency: unknown, P95MS: unknown, SpreadRPM: unknown, Seconds: unknown,
		OfferedRPM: perSecond * 60, ServedRPM: perSecond * 60 * (1 - share), ErrorShare: share,
	}
	if seconds > 0 {
		p.Seconds = seconds
	} else if n := reqs["count"]; n > 0 {
		p.Seconds = n / perSecond
	}
	if x, ok := metrics["http_req_duration"+tag]["p(95)"]; ok && x >= 0 {
		p.P95MS = x
	}
	if tag == "" {
		if vus, ok := metrics["vus"]; ok && vus["max"] > 0 {
			p.Concurrency = vus["max"]
		}
		// What an open-model test could not send because every virtual user was waiting was offered all the same.
		if dropped, done := metrics["dropped_iterations"]["count"], metrics["iterations"]["count"]; dropped > 0 && done > 0 {
			p.OfferedRPM *= 1 + dropped/done
		}
	}
	return p, nil
}

// missingP95 is the note of points without a 95th percentile.
func missingP95(points []surgecast.LoadPoint, name, option string) []string {
	for _, p := range points {
		if math.IsNaN(p.P95MS) {
			return []string{fmt.Sprintf("no %s reported: answer times are not judged (see %s)", name, option)}
		}
	}
	return nil
}

func clampSeconds(s float64) float64 { return min(max(s, 0), 1e7) }
