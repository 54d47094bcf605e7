package risk

import (
	"math"
	"time"

	"surgecast"
)

// TalkEvidence is one bucket of a topic's mentions. Severity and Emit come from the peaks-over-threshold alarm on
// raw counts (model.Alarm): severity is about −ln of the chance of such a count, given that it is in the top half
// percent already; Emit says that it is the highest of the last day.
type TalkEvidence struct {
	At       time.Time
	Missing  bool    // not counted: missing, not zero
	NoData   bool    // silent for so long that nothing can be said
	Severity float64 // ≤ 0: not in the top half percent
	Emit     bool
	Level    float64 // mentions a bucket now, mean of the last few minutes
	Usual    float64 // usual for this hour
}

// Thresholds of a topic's episode. "Times the usual" is of (level + 1)/(usual + 1): a topic that gets none at night
// is not infinitely above its usual with its first two mentions, and below 5 mentions a bucket more than usual
// nothing is a surge.
const (
	talkWatchTimes = 2.0
	talkAlertTimes = 3.0
	talkDownTimes  = 1.5
	talkLeast      = 5.0
	// talkSevere is the severity of an alert: e^−1 of the top half percent, about one bucket in 500; it is the
	// emit of the alarm (highest of a day) that keeps it from repeating.
	talkSevere = 1.0
	// talkExtreme alerts in one bucket: e^−4 of the top half percent, about one bucket in 10,000, the same
	// .9999 as for sites.
	talkExtreme  = 4.0
	talkDown     = 15 * time.Minute
	talkRecovery = 60 * time.Minute
)

// NextTalk judges one bucket of a topic:
//
//	calm → watch       2 × usual in 2 of 3 buckets, or an alarm
//	calm, watch → alert   an alarm of severity ≥ 1 with 3 × usual, in 2 of 3 buckets (the alarm may be either's);
//	                   or one with severity ≥ 4 (one bucket in 10,000) at once
//	watch → calm       below 1.5 × usual for 15 minutes
//	alert → recovery   below 2 × usual for 15 minutes, not before 10 minutes of alert
//	recovery → alert   a new alarm (the highest of the day) under the rule above
//	recovery → calm    after 60 minutes, below 1.5 × usual
//	any → cannot_tell  no data
func NextTalk(m Machine, in TalkEvidence) (Machine, *surgecast.SurgeTransition) {
	if m.State == "" {
		m.State = surgecast.StateCalm
	}
	m.Kind = surgecast.SurgeTalk
	if in.Missing && !in.NoData || !m.At.IsZero() && !in.At.After(m.At) {
		return m, nil
	}
	m.At = in.At
	e := Evidence{At: in.At, Risk: math.NaN(), DemandRPM: in.Level}
	if in.NoData || math.IsNaN(in.Level) {
		if m.State == surgecast.StateCannotTell {
			return m, nil
		}
		m.Before, m.BlindFrom, m.High, m.Ready, m.Bad = m.State, in.At, 0, 0, 0
		return m.to(surgecast.StateCannotTell, e)
	}
	from := m.State
	state := from
	if from == surgecast.StateCannotTell {
		state = surgecast.StateCalm
		if in.At.Sub(m.BlindFrom) <= resume && m.Before != "" {
			state = m.Before
		}
	}

	times := TalkTimes(in.Level, in.Usual)
	enough := in.Level-max(in.Usual, 0) >= talkLeast
	alarm := in.Emit && in.Severity >= talkSevere
	m.High = vote(m.High, enough && times >= talkAlertTimes)
	m.Ready = vote(m.Ready, enough && times >= talkWatchTimes)
	m.Bad = vote(m.Bad, alarm)
	alert := enough && (twoOfThree(m.High) && m.Bad != 0 || in.Emit && in.Severity >= talkExtreme && times >= talkWatchTimes)

	next := state
	switch state {
	case surgecast.StateAlert:
		if m.held(times < talkWatchTimes, e) && in.At.Sub(m.Since) >= leastAlert {
			next = surgecast.StateRecovery
		}
	case surgecast.StateRecovery:
		if alert {
			next = surgecast.StateAlert
		} else if in.At.Sub(m.Since) >= talkRecovery && times < talkDownTimes {
			next = surgecast.StateCalm
		}
	case surgecast.StateWatch:
		if alert {
			next = surgecast.StateAlert
		} else if m.held(times < talkDownTimes, e) {
			next = surgecast.StateCalm
		}
	default:
		next = surgecast.StateCalm
		if alert {
			next = surgecast.StateAlert
		} else if twoOfThree(m.Ready) || alarm && enough {
			next = surgecast.StateWatch
		}
	}
	if next == from {
		return m.peaked(e), nil
	}
	return m.to(next, e)
}

// TalkTimes is how many times the usual a level of mentions is, steady at low counts.
func TalkTimes(level, usual float64) float64 {
	return (max(level, 0) + 1) / (max(usual, 0) + 1)
}
