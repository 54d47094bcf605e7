// Package verify plays KEDA and the Kubernetes HPA against a scaler endpoint, ours or anybody's, and says which of
// the rules such an endpoint must keep it keeps.
//
// The rules are those of KEDA's own source (v2.21: metrics_api_scaler.go, external_scaler.go, externalscaler.proto)
// and of the HPA (pkg/controller/podautoscaler/replica_calculator.go). The endpoint is one the operator names on the
// command line: nothing guards the address.
package verify

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Verdict is what was seen of a rule.
type Verdict string

// The verdicts. A rule that was not seen is neither kept nor broken: its occasion did not come.
const (
	Holds   Verdict = "holds"
	Broken  Verdict = "broken"
	NotSeen Verdict = "not_seen"
)

// Rule is one thing an endpoint must keep, and what was seen of it.
type Rule struct {
	ID      string  `json:"id"`
	Rule    string  `json:"rule"` // what must hold
	Verdict Verdict `json:"verdict"`
	Saw     string  `json:"saw"` // the evidence; for not_seen what would be needed
}

// Reading is one poll, and what the HPA makes of it.
type Reading struct {
	At       time.Time `json:"at"`
	Status   string    `json:"status"`          // of the last of KEDA's tries
	Value    *float64  `json:"value"`           // nil: an error, no number
	Stale    bool      `json:"stale,omitempty"` // the answer says so itself
	Replicas int       `json:"replicas"`        // what the HPA would hold or ask for
	Did      string    `json:"did"`             // scales, holds (tolerance), holds (error)
}

// Report is the outcome.
type Report struct {
	Target   string    `json:"target"`
	Kind     string    `json:"kind"` // metrics-api, external-push
	Rules    []Rule    `json:"rules"`
	Readings []Reading `json:"readings"`
}

// Broken are the rules that do not hold.
func (r *Report) Broken() []Rule {
	var out []Rule
	for _, x := range r.Rules {
		if x.Verdict == Broken {
			out = append(out, x)
		}
	}
	return out
}

// Write is the report as a table.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, read as KEDA's %s does\n\n", r.Target, r.Kind)
	words := map[Verdict]string{Holds: "holds", Broken: "BROKEN", NotSeen: "not seen"}
	counts := map[Verdict]int{}
	for _, x := range r.Rules {
		counts[x.Verdict]++
		fmt.Fprintf(&b, "%-9s %-20s %s\n%30s %s\n", words[x.Verdict], x.ID, x.Rule, "", x.Saw)
	}
	if len(r.Readings) > 0 {
		b.WriteString("\nWhat an HPA would do with it\n\n")
		for _, x := range r.Readings {
			value, mark := "no number", ""
			if x.Value != nil {
				value = number(*x.Value)
			}
			if x.Stale {
				mark = " (stale)"
			}
			fmt.Fprintf(&b, "%s  %-22s %12s%s → %d replicas, %s\n", x.At.UTC().Format("15:04:05"), x.Status, value, mark, x.Replicas, x.Did)
		}
	}
	fmt.Fprintf(&b, "\n%d hold, %d broken, %d not seen\n", counts[Holds], counts[Broken], counts[NotSeen])
	_, err := io.WriteString(w, b.String())
	return err
}

// book collects rules in the order they are named.
type book struct{ rules []*Rule }

func (b *book) rule(id, what string) *Rule {
	r := &Rule{ID: id, Rule: what, Verdict: NotSeen}
	b.rules = append(b.rules, r)
	return r
}

func (b *book) all() []Rule {
	out := make([]Rule, len(b.rules))
	for i, r := range b.rules {
		out[i] = *r
	}
	return out
}

// judge sets a verdict; a broken rule stays broken.
func (r *Rule) judge(holds bool, format string, args ...any) {
	if r.Verdict == Broken {
		return
	}
	r.Verdict, r.Saw = Broken, fmt.Sprintf(format, args...)
	if holds {
		r.Verdict = Holds
	}
}

// want says what would have to happen for a rule to be seen.
func (r *Rule) want(format string, args ...any) {
	if r.Verdict == NotSeen && r.Saw == "" {
		r.Saw = fmt.Sprintf(format, args...)
	}
}

func number(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.6g", x)
}
