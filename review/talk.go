package review

import (
	"cmp"
	"math"
	"slices"
	"time"

	"surgecast"
)

// Talk is one topic's mentions and the surges raised on them.
type Talk struct {
	Topic       string // slug
	Name        string
	StepSeconds int // length of a bucket
	Simulated   bool
	Buckets     []surgecast.MentionBucket // the headline series, rising in time
	Surges      []surgecast.Surge
	Transitions []surgecast.SurgeTransition
}

// TalkResult lays the surges of a topic beside its tallest peaks. The peaks are found without the detector:
// the tallest buckets at least 12 hours apart and 3 × the median; where none is, the tallest.
type TalkResult struct {
	Topic       string      `json:"topic"`
	Name        string      `json:"name"`
	Simulated   bool        `json:"simulated"`
	StepSeconds int         `json:"step_seconds"`
	From        time.Time   `json:"from"`
	To          time.Time   `json:"to"`
	Buckets     int         `json:"buckets"`
	Missing     int         `json:"missing"`
	Median      Number      `json:"median"` // mentions a bucket, with the time before From
	Surges      int         `json:"surges"`
	PerWeek     Number      `json:"surges_per_week"`
	Peaks       []TalkPeak  `json:"peaks"` // tallest first
	Opened      []TalkSurge `json:"opened"`
}

// TalkPeak is one of the tallest buckets and what had been said by then.
type TalkPeak struct {
	At       time.Time       `json:"at"`
	Mentions float64         `json:"mentions"`
	Usual    Number          `json:"times_usual"` // of the median bucket
	State    surgecast.State `json:"state"`       // at the end of the peak's bucket
	OpenedAt *time.Time      `json:"opened_at"`   // issue of the rise to watch or alert the peak stood in
	AlertAt  *time.Time      `json:"alert_at"`
	// Minutes from the rise to the start of the peak's bucket; negative: noticed after, within 2 hours.
	OpenedMinutes Number `json:"opened_minutes_before"`
	AlertMinutes  Number `json:"alert_minutes_before"`
	SurgeID       string `json:"surge_id,omitempty"`
}

// low reports whether it is no peak by the rule the others keep: the tallest bucket of a stretch without any.
func (p TalkPeak) low() bool { return p.Usual.Known() && p.Usual < talkHeight }

// TalkSurge is one surge and the peak it had.
type TalkSurge struct {
	ID       string     `json:"id"`
	OpenedAt time.Time  `json:"opened_at"`
	AlertAt  *time.Time `json:"alert_at"`
	PeakAt   time.Time  `json:"peak_at"`
	Peak     float64    `json:"peak"`
	ClosedAt *time.Time `json:"closed_at"`
}

const (
	talkPeaks    = 5
	talkDistance = 12 * time.Hour
	talkHeight   = 3             // × the median bucket; less is no peak, unless it is the tallest of all
	talkLate     = 2 * time.Hour // a rise later than that after a peak is about something else
)

// judge looks for peaks and surges in [from, to); what lies before was the past the detector learned from, and
// tells only what is usual. Zero: no bound.
func (t Talk) judge(from, to time.Time) TalkResult {
	inside := func(at time.Time) bool {
		return (from.IsZero() || !at.Before(from)) && (to.IsZero() || at.Before(to))
	}
	r := TalkResult{
		Topic: t.Topic, Name: t.Name, Simulated: t.Simulated, StepSeconds: t.StepSeconds,
		Median: unknown, PerWeek: unknown, Peaks: []TalkPeak{}, Opened: []TalkSurge{},
	}
	if r.Name == "" {
		r.Name = t.Topic
	}
	step := time.Duration(max(1, t.StepSeconds)) * time.Second
	var known []surgecast.MentionBucket
	var values []float64
	for _, b := range t.Buckets {
		missing := b.Missing || math.IsNaN(b.Raw)
		if inside(b.Minute) {
			r.Buckets++
			if r.From.IsZero() {
				r.From = b.Minute
			}
			r.To = b.Minute.Add(step)
			if missing {
				r.Missing++
			} else {
				known = append(known, b)
			}
		}
		if !missing {
			values = append(values, b.Raw)
		}
	}
	for _, s := range t.Surges {
		if !inside(s.OpenedAt) {
			continue
		}
		r.Surges++
		r.Opened = append(r.Opened, TalkSurge{
			ID: s.ID, OpenedAt: s.OpenedAt, AlertAt: moment(s.AlertAt), PeakAt: s.PeakAt, Peak: s.Peak, ClosedAt: moment(s.ClosedAt),
		})
	}
	if len(known) == 0 {
		return r
	}
	usual := middle(values)
	r.Median = Number(usual)
	r.PerWeek = ratio(float64(r.Surges), r.To.Sub(r.From).Hours()/(24*7))

	transitions := slices.Clone(t.Transitions)
	slices.SortStableFunc(transitions, func(a, b surgecast.SurgeTransition) int { return a.IssuedAt.Compare(b.IssuedAt) })
	slices.SortStableFunc(known, func(a, b surgecast.MentionBucket) int { return cmp.Compare(b.Raw, a.Raw) })
	for _, b := range known {
		if len(r.Peaks) == talkPeaks {
			break
		}
		near := func(p TalkPeak) bool { return p.At.Sub(b.Minute).Abs() < talkDistance }
		if b.Raw <= 0 || b.Raw < talkHeight*usual && len(r.Peaks) > 0 || slices.ContainsFunc(r.Peaks, near) {
			continue
		}
		p := TalkPeak{At: b.Minute, Mentions: b.Raw, Usual: ratio(b.Raw, usual), State: surgecast.StateCalm, OpenedMinutes: unknown, AlertMinutes: unknown}
		p.said(transitions, step)
		r.Peaks = append(r.Peaks, p)
	}
	return r
}

// said finds the rise the peak stood in: the run of watch or alert that holds at the end of its bucket, or the
// first within 2 hours after.
func (p *TalkPeak) said(transitions []surgecast.SurgeTransition, step time.Duration) {
	end := p.At.Add(step)
	level := 0
	for _, t := range transitions {
		after := t.IssuedAt.After(end)
		if after && (level > 0 && p.AlertAt != nil || t.IssuedAt.Sub(end) > talkLate) {
			break
		}
		l := warningLevel(t.To)
		switch {
		case after && level > 0 && l == 0:
			return // it ended without an alert
		case l == 0:
			p.OpenedAt, p.AlertAt, p.SurgeID = nil, nil, ""
			p.OpenedMinutes, p.AlertMinutes = unknown, unknown
		default:
			at := t.IssuedAt
			if level == 0 {
				p.OpenedAt, p.OpenedMinutes, p.SurgeID = &at, minutesBefore(at, p.At), t.SurgeID
			}
			if l == 2 && p.AlertAt == nil {
				p.AlertAt, p.AlertMinutes = &at, minutesBefore(at, p.At)
			}
		}
		level = l
		if !after {
			p.State = t.To
		}
	}
}

// moment is a pointer to t, nil when t is zero.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
