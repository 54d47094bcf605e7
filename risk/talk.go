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
	Step     time.Duration // length of a bucket; 0: a minute
	Missing  bool          // not counted: missing, not zero
	NoData   bool          // silent for so long that nothing can be said
	Severity float64       // ≤ 0: not in the top half percent
	Emit     bool
	Level    float64 // mentions a bucket, mean of the last few minutes
	Count    float64 // mentions in this bucket
	Usual    float64 // usual for this hour
	Spread   float64 // variance of ln(1+count) about the usual; 0: not known yet
}

// Thresholds of a topic's episode. "Times the usual" is of (level + 1)/(usual + 1): a topic that gets none at night
// is not infinitely above its usual with its first two mentions, and below 5 mentions a bucket more than usual
// nothing is a surge.
const (
	talkWatchTimes = 2.0
	talkAlertTimes = 3.0
	talkDownTimes  = 1.5
	talkLeast      = 5.0
	// talkBudget is how many false episodes a topic may have a week (MODEL 3.2). A severity of a or more has the
	// chance .005·e^−a of a bucket, so a week of n buckets has .005·n·e^−a of them; they come in clusters, of which
	// an episode makes one. So an alarm counts from ln(.005 n / (budget · cluster)) on, and from talkFloor on where
	// a week has so few buckets that this asks for nothing.
	talkBudget  = 1.0
	talkTail    = .005 // share of buckets above the alarm's threshold: 1 − its quantile
	talkCluster = 4.0  // buckets above it in a row, roughly: the inverse of the extremal index of mentions
	talkFloor   = 1.2
	// talkExtreme is how much more severe a single bucket must be to alert at once: e^−1.6, a fifth of the budget,
	// as risk > 1 − (1 − p)/5 is for sites (MODEL 3.3).
	talkExtreme = 1.6
	// talkSudden is how much more severe an alarm must be for its own bucket to say how much talk there is now:
	// e^−.4, two thirds of the budget. The mean of the last minutes would say so two minutes later.
	talkSudden = .4

	// A rise too slow for the alarm, which gets used to it, is weighed like a change of state by Kleinberg (2002):
	// evidence that talk is at three times the usual adds up, ln p(x | 3 × usual) − ln p(x | usual) with ln(1+x)
	// normal, never below 0; up when it exceeds the cost ln n of a state in n buckets. Neighbouring minutes say
	// much the same: talkMinutes of them count as one.
	talkMinutes = 50
	talkHalf    = .5 // a bucket counts for half of one at most

	talkDown     = 15 * time.Minute
	talkRecovery = 60 * time.Minute
)

// weekOf is how many buckets a week has.
func weekOf(step time.Duration) float64 {
	if step <= 0 {
		step = time.Minute
	}
	return float64(7*24*time.Hour) / float64(step)
}

// talkSevere is the severity from which an alarm counts.
func talkSevere(step time.Duration) float64 {
	return max(talkFloor, math.Log(talkTail*weekOf(step)/(talkBudget*talkCluster)))
}

// talkCost is the evidence a slow rise needs.
func talkCost(step time.Duration) float64 { return math.Log(weekOf(step) / talkBudget) }

// grown adds a bucket to the evidence of a slow rise.
func grown(evidence float64, in TalkEvidence, times float64) float64 {
	if !(in.Spread > 0) {
		return evidence
	}
	shift := math.Log(talkAlertTimes)
	d := min(math.Log(times), 2*shift)
	week := weekOf(in.Step)
	share := min(7*24*60/week/talkMinutes, talkHalf)
	evidence += share * (d*shift - shift*shift/2) / max(in.Spread, .05)
	return min(max(evidence, 0), 2*math.Log(week/talkBudget))
}

// TalkLevel is how much talk there is at a bucket, m being the machine before it: the mean of the last minutes, and
// what the bucket itself says where that is more and no chance: an alarm well within the budget, or a bucket after one.
func TalkLevel(m Machine, in TalkEvidence) float64 {
	if in.Emit && in.Severity >= talkSevere(in.Step)+talkSudden || m.Bad&3 != 0 {
		return max(in.Level, in.Count)
	}
	return in.Level
}

// NextTalk judges one bucket of a topic, by TalkLevel against the usual:
//
//	calm → watch       2 × usual with an alarm (severe enough for the budget, and the highest of the day) in the
//	                   last 3 buckets; or in 2 of 3 buckets of a slow rise
//	calm, watch → alert   3 × usual in 2 of 3 buckets with an alarm among them or in a slow rise;
//	                   or an alarm five times rarer, with 3 × usual, at once
//	watch → calm       below 1.5 × usual for 15 minutes
//	alert → recovery   below 2 × usual for 15 minutes, not before 10 minutes of alert
//	recovery → alert   under the rule above
//	recovery → calm    after 60 minutes, below 1.5 × usual
//	any → cannot_tell  no data
//
// Measured on six series of tweets about companies, 5-minute buckets, 47 topic-weeks, on which talkCluster and
// talkFloor were chosen: .53 false episodes a topic-week, 19 of 21 labelled windows, 46 of 86 large bursts (44 of
// 56 without the one where a script talks). Before: 7.5 false ones, 21, 85.
//
// With the mean of the last minutes alone in the place of TalkLevel, bursts of five times 4 mentions a minute open an
// episode 142 s after they begin (median of 300; 19 in 20: 210 s), with TalkLevel 72 and 139 s. Episodes opened outside
// labelled windows: 1.06 a topic-week in the tweets either way; in chatter of the tests .74 then, .86 now.
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

	level := TalkLevel(m, in)
	times := TalkTimes(level, in.Usual)
	enough := level-max(in.Usual, 0) >= talkLeast
	severe := talkSevere(in.Step)
	alarm := in.Emit && in.Severity >= severe
	m.Mark = grown(m.Mark, in, times)
	slow := m.Mark >= talkCost(in.Step)
	m.High = vote(m.High, enough && times >= talkAlertTimes)
	m.Ready = vote(m.Ready, enough && times >= talkWatchTimes)
	m.Bad = vote(m.Bad, alarm)
	alert := enough && (twoOfThree(m.High) && (m.Bad != 0 || slow) || in.Emit && in.Severity >= severe+talkExtreme && times >= talkAlertTimes)

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
		} else if enough && m.Bad != 0 && times >= talkWatchTimes || slow && twoOfThree(m.Ready) {
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
