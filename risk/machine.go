package risk

import (
	"math"
	"math/bits"
	"time"

	"surgecast"
)

// Machine is where the episode of one site (or one segment, or one topic) stands. It is plain and
// serialisable: stored and stepped again it goes on as if nothing had happened. The zero Machine is a calm
// site. Kind chooses the rules: overload (also the zero value), failing, or talk (NextTalk).
type Machine struct {
	Kind  surgecast.SurgeKind `json:"kind"`
	State surgecast.State     `json:"state"`
	At    time.Time           `json:"at"`    // last minute judged; older evidence is ignored
	Since time.Time           `json:"since"` // minute the state was entered
	Open  bool                `json:"open"`  // an episode is going on: it opens with the first watch (or worse) and closes with calm

	OpenedAt   time.Time `json:"opened_at"`
	AlertAt    time.Time `json:"alert_at"`    // first alert of the episode
	OverSince  time.Time `json:"over_since"`  // minute demand first passed capacity in the present stretch
	UnderSince time.Time `json:"under_since"` // minute it came back under capacity
	PeakAt     time.Time `json:"peak_at"`
	Peak       float64   `json:"peak"` // highest demand of the episode

	High      uint8           `json:"high"`  // one bit a minute, newest lowest: the alert condition held
	Ready     uint8           `json:"ready"` // … the watch condition held
	Bad       uint8           `json:"bad"`   // … errors were beyond their usual share (failing)
	Full      uint8           `json:"full"`  // … the minute was saturated near capacity
	LowSince  time.Time       `json:"low_since"`
	QuietFrom time.Time       `json:"quiet_from"` // the risk alone has been low since, whatever the traffic
	Mark      float64         `json:"mark"`       // risk at which the last alert ended: a new one needs half as much again
	Before    surgecast.State `json:"before"`     // state before cannot_tell
	BlindFrom time.Time       `json:"blind_from"`
}

// Evidence is one minute as the machine sees it. Observe fills the part that follows from a forecast.
type Evidence struct {
	At       time.Time // the minute of the data
	Missing  bool      // no complete minute arrived for this one: nothing is judged, nothing changes
	NoData   bool      // the source is silent for 10 minutes, or the forecast is past its validity
	Learning bool      // the site's own history is shorter than LearningDays

	AlertProbability float64 // p_hi, the site's cost/loss ratio; 0: DefaultAlertProbability
	Risk             float64 // risk(lead + dwell), the chance a decision taken now can still change; NaN: unknown
	RiskWatch        float64 // risk over the ranking window of 6 hours; NaN: unknown
	Late             bool    // act-by is past
	Due              bool    // act-by is past, or will be before two more minutes are judged

	DemandRPM   float64 // Z, mean of the last sustain minutes
	CapacityRPM float64 // 0: unknown
	Saturated   bool    // DemandRPM is a lower bound
	Tail        float64 // probability the forecast before gave to less than what this minute brought; 0: not judged

	Errors          float64 // failed requests of the minute (failing)
	ErrorShare      float64 // of the minute's requests
	UsualErrorShare float64 // the usual share, learnt outside failing minutes
}

// Thresholds of MODEL 3.3 and DESIGN 2 and 6. With the default p_hi = .2: alert at .20 in 2 of 3 minutes or .84
// once, down below .067 for 15 minutes with traffic under 60 % of capacity, watch at .10 of the 6 hours.
const (
	DefaultAlertProbability = .2

	ImpossibleTail  = .9999 // a minute beyond it alerts at once,
	ImpossibleShare = .2    // when it is at least this share of capacity: 3 requests at night are no surge

	WatchProbability = .10 // of the ranking window; half of p_hi for sites that act on less than .2
	downAfter        = 15 * time.Minute
	downShare        = .6               // of capacity;
	quietAfter       = 60 * time.Minute // a site that is simply this busy now is no longer in alert once the risk alone was low for so long
	leastAlert       = 10 * time.Minute // implied by downAfter, which begins anew with the alert; kept for shorter ones
	overShare        = .95              // a saturated minute this near capacity counts as over: the rest was turned away
	underAfter       = 5 * time.Minute
	realert          = 1.5 // a second alert needs 1.5 × the risk at which the first ended,
	realertCap       = .9  // but never more than this

	// RecoveryAfterOver and RecoveryAfterAlert are how long a site is watched after it was over capacity,
	// and after an alert that stayed under it.
	RecoveryAfterOver  = 90 * time.Minute
	RecoveryAfterAlert = 30 * time.Minute

	// resume is how long a state is still believed after a silence: longer, and the episode starts anew.
	resume = 30 * time.Minute

	// LearningDays is how long a site stands on similar sites before its own traffic is used.
	LearningDays = 2
)

// Next judges one minute. It returns the machine after it and, when the state changed, the transition (At, From,
// To and Probability filled; ids and words are the caller's). Transitions are monotone in time: evidence that is
// not newer than the last one changes nothing.
//
// Overload, from every state: NoData or no capacity → cannot_tell. Demand over capacity, or saturated at 95 % of it
// in 2 of 3 minutes → over_capacity. Otherwise
//
//	calm, learning → watch      risk(6 h) ≥ watch in 2 of 3 minutes
//	calm … watch → alert        risk(L+D) ≥ p_hi or act-by due (past, or past before the vote is) in 2 of 3 minutes;
//	                            or risk > 1 − (1−p_hi)/5, or a minute beyond .9999, at once;
//	                            from watch also risk(L+D) ≥ p_hi with the act-by due, at once
//	watch → calm                risk(6 h) < watch/2 for 15 minutes
//	alert → recovery            risk < p_hi/3 for 15 minutes and demand < 60 % of capacity, or for 60 minutes at any demand
//	                            under capacity; after an overload risk < p_hi for 15 minutes under capacity. In every
//	                            case act-by is not past, and not before 10 minutes of alert
//	over_capacity → recovery    under capacity for 5 minutes (→ alert while risk ≥ p_hi)
//	recovery → alert            as above, and risk ≥ 1.5 × the risk at which the last alert ended
//	recovery → calm             after 90 minutes under capacity (30 when it stayed under) and 30 of recovery, risk < p_hi/3
//	recovery → watch            then, while risk(6 h) ≥ watch in 2 of 3 minutes
//	cannot_tell →               what it was, within 30 minutes of silence; else judged from calm
func Next(m Machine, in Evidence) (Machine, *surgecast.SurgeTransition) {
	if m.State == "" {
		m.State = surgecast.StateCalm
	}
	if in.Missing || !m.At.IsZero() && !in.At.After(m.At) {
		return m, nil
	}
	m.At = in.At
	if m.Kind == surgecast.SurgeFailing {
		return m.nextFailing(in)
	}
	return m.nextOverload(in)
}

func (m Machine) nextOverload(in Evidence) (Machine, *surgecast.SurgeTransition) {
	unknown := math.IsNaN(in.DemandRPM) || math.IsNaN(in.Risk) && !(in.DemandRPM > in.CapacityRPM)
	if in.NoData || !(in.CapacityRPM > 0) || unknown {
		if m.State == surgecast.StateCannotTell {
			return m, nil
		}
		m.Before, m.BlindFrom = m.State, in.At
		m.High, m.Ready, m.Full = 0, 0, 0
		return m.to(surgecast.StateCannotTell, in)
	}

	from := m.State
	if m.State == surgecast.StateCannotTell {
		m.State = m.resumed(in)
	}
	next := m.judge(in)
	if from == surgecast.StateCannotTell && next == m.State {
		// Back to what it was: that is a change for whoever was told "cannot tell", but the state is as old
		// as it was before the silence.
		since := m.Since
		m.State = from
		m, t := m.to(next, in)
		if !since.IsZero() && next != surgecast.StateCalm && next != surgecast.StateLearning {
			m.Since = since
		}
		return m, t
	}
	if next == m.State && next == from {
		return m.peaked(in), nil
	}
	m.State = from
	return m.to(next, in)
}

// resumed is the state a silence is taken to have interrupted.
func (m Machine) resumed(in Evidence) surgecast.State {
	switch m.Before { //nolint:exhaustive // the others were no episode
	case surgecast.StateWatch, surgecast.StateAlert, surgecast.StateOver, surgecast.StateRecovery:
		if in.At.Sub(m.BlindFrom) <= resume {
			return m.Before
		}
	}
	return base(in)
}

func base(in Evidence) surgecast.State {
	if in.Learning {
		return surgecast.StateLearning
	}
	return surgecast.StateCalm
}

// judge updates the votes and answers the state the rules of Next ask for.
func (m *Machine) judge(in Evidence) surgecast.State {
	high := in.AlertProbability
	if !(high > 0) {
		high = DefaultAlertProbability
	}
	low := high / 3
	watch := min(WatchProbability, high/2)

	m.High = vote(m.High, in.Risk >= high || in.Late || in.Due)
	m.Ready = vote(m.Ready, in.RiskWatch >= watch)
	m.Full = vote(m.Full, in.Saturated && in.DemandRPM >= overShare*in.CapacityRPM)

	if in.DemandRPM > in.CapacityRPM || twoOfThree(m.Full) {
		m.LowSince, m.UnderSince = time.Time{}, time.Time{}
		return surgecast.StateOver
	}

	impossible := Impossible(in)
	// A watch has had its two votes. When the act-by will not wait for two more, one is enough (decision 0011).
	urgent := m.State == surgecast.StateWatch && in.Due && in.Risk >= high
	alert := twoOfThree(m.High) || in.Risk > 1-(1-high)/5 || impossible || urgent

	switch m.State {
	case surgecast.StateOver:
		if m.UnderSince.IsZero() {
			m.UnderSince = in.At
		}
		if in.At.Sub(m.UnderSince) < underAfter {
			return surgecast.StateOver
		}
		m.Mark = in.Risk
		if in.Risk >= high {
			return surgecast.StateAlert
		}
		return surgecast.StateRecovery

	case surgecast.StateAlert:
		quiet := !(in.Risk >= low) && !in.Late
		if !quiet {
			m.QuietFrom = time.Time{}
		} else if m.QuietFrom.IsZero() {
			m.QuietFrom = in.At
		}
		long := quiet && in.At.Sub(m.QuietFrom) >= quietAfter
		down := quiet && in.DemandRPM < downShare*in.CapacityRPM
		if !m.UnderSince.IsZero() {
			// The overload it warned of is over; what may still come is what a recovery watches for. A risk that
			// trembles about p_hi begins the 15 minutes anew, and Mark keeps a recovery from ending on the same risk.
			down = !(in.Risk >= high) && !in.Late
		}
		if (m.held(down, in) || long) && in.At.Sub(m.Since) >= leastAlert {
			m.Mark = in.Risk
			return surgecast.StateRecovery
		}
		return surgecast.StateAlert

	case surgecast.StateRecovery:
		if alert && (in.Risk >= min(realert*m.Mark, realertCap) || impossible || in.Late) {
			return surgecast.StateAlert
		}
		span, from := RecoveryAfterAlert, m.Since
		if !m.UnderSince.IsZero() {
			span, from = RecoveryAfterOver, m.UnderSince
		}
		// Long after the traffic went under, but only just out of an alert: still the shorter watch.
		if in.At.Sub(from) >= span && in.At.Sub(m.Since) >= RecoveryAfterAlert && !(in.Risk >= low) {
			if twoOfThree(m.Ready) {
				return surgecast.StateWatch // the next one is in sight: the same episode goes on
			}
			return base(in)
		}
		return surgecast.StateRecovery

	case surgecast.StateWatch:
		if alert {
			return surgecast.StateAlert
		}
		if m.held(!(in.RiskWatch >= watch/2), in) {
			return base(in)
		}
		return surgecast.StateWatch

	default: // calm, learning
		if alert {
			return surgecast.StateAlert
		}
		if twoOfThree(m.Ready) {
			return surgecast.StateWatch
		}
		return base(in)
	}
}

// Impossible reports whether a minute alerts by itself, whatever the chance: far more came than the forecast before it
// had, and enough to matter to the site.
func Impossible(in Evidence) bool {
	return in.Tail > ImpossibleTail && in.DemandRPM >= ImpossibleShare*in.CapacityRPM
}

// held reports whether a down condition has held for downAfter without a break.
func (m *Machine) held(low bool, in Evidence) bool {
	if !low {
		m.LowSince = time.Time{}
		return false
	}
	if m.LowSince.IsZero() {
		m.LowSince = in.At
	}
	return in.At.Sub(m.LowSince) >= downAfter
}

// to changes the state and keeps the episode's dates.
func (m Machine) to(next surgecast.State, in Evidence) (Machine, *surgecast.SurgeTransition) {
	if next == m.State {
		return m, nil
	}
	t := &surgecast.SurgeTransition{At: in.At, From: m.State, To: next, Probability: in.Risk}
	if m.Kind == surgecast.SurgeFailing {
		t.Probability = math.NaN()
	}
	m.State, m.Since, m.LowSince, m.QuietFrom = next, in.At, time.Time{}, time.Time{}
	switch next { //nolint:exhaustive // not knowing opens and closes nothing
	case surgecast.StateWatch, surgecast.StateAlert, surgecast.StateOver, surgecast.StateFailing, surgecast.StateRecovery:
		if !m.Open {
			m.Open, m.OpenedAt = true, in.At
			m.AlertAt, m.OverSince, m.UnderSince = time.Time{}, time.Time{}, time.Time{}
			m.Peak, m.PeakAt = 0, time.Time{}
		}
		if next == surgecast.StateAlert && m.AlertAt.IsZero() {
			m.AlertAt = in.At
		}
		if next == surgecast.StateOver {
			m.OverSince = in.At
		}
	case surgecast.StateCalm, surgecast.StateLearning:
		if m.Open { // an episode's votes do not open the next one
			m.High, m.Ready, m.Bad = 0, 0, 0
		}
		m.Open, m.Mark = false, 0
	}
	return m.peaked(in), t
}

func (m Machine) peaked(in Evidence) Machine {
	if m.Open && in.DemandRPM > m.Peak {
		m.Peak, m.PeakAt = in.DemandRPM, in.At
	}
	return m
}

// vote shifts a minute into the last three.
func vote(history uint8, yes bool) uint8 {
	history = history << 1 & 7
	if yes {
		history |= 1
	}
	return history
}

func twoOfThree(history uint8) bool { return bits.OnesCount8(history&7) >= 2 }

// Worst is the state to show when several machines judge one site (its load, each segment's errors): the one a
// person must hear first. Unknown ranks above calm and below everything that is known to be wrong.
func Worst(states ...surgecast.State) surgecast.State {
	worst := surgecast.StateCalm
	for _, s := range states {
		if Rank(s) > Rank(worst) {
			worst = s
		}
	}
	return worst
}

// Rank orders states for the worklist: over capacity, failing, alert, unknown, watch, recovery, learning, calm.
func Rank(s surgecast.State) int {
	switch s {
	case surgecast.StateOver:
		return 7
	case surgecast.StateFailing:
		return 6
	case surgecast.StateAlert:
		return 5
	case surgecast.StateCannotTell:
		return 4
	case surgecast.StateWatch:
		return 3
	case surgecast.StateRecovery:
		return 2
	case surgecast.StateLearning:
		return 1
	default:
		return 0
	}
}

// WatchUntil is when a recovery ends if nothing comes: 90 minutes after the site came back under capacity, or 30 after
// the alert, when it never was over. Zero outside a recovery.
func (m Machine) WatchUntil() time.Time {
	switch {
	case m.State != surgecast.StateRecovery:
		return time.Time{}
	case !m.UnderSince.IsZero() && m.UnderSince.Add(RecoveryAfterOver).After(m.Since.Add(RecoveryAfterAlert)):
		return m.UnderSince.Add(RecoveryAfterOver)
	default:
		return m.Since.Add(RecoveryAfterAlert)
	}
}
