package risk

import (
	"math"
	"time"

	"surgecast"
)

// Thresholds of failing (DESIGN 2): errors above 3 × their usual share without overload. A share below 2 %, or
// fewer than 5 failed requests in the minute, is never failing: 2 of 40 requests happen on any night.
const (
	failingTimes     = 3.0
	failingLeast     = .02
	failingErrors    = 5.0
	failingDownTimes = 2.0 // under it for failingDownAfter the segment works again
	failingDownAfter = 10 * time.Minute
	failingLoad      = .9 // of capacity: above it errors are taken for overload
)

// failingLimit is the error share from which a segment fails.
func failingLimit(usual float64) float64 {
	if !(usual > 0) {
		usual = 0
	}
	return max(failingTimes*usual, failingLeast)
}

// ErrorsBeyondUsual reports whether a minute's errors are beyond their usual share: share and usual of the
// requests, errors a minute. Whether a segment fails takes two of three such minutes without overload.
func ErrorsBeyondUsual(share, usual, errors float64) bool {
	return share > failingLimit(usual) && errors >= failingErrors
}

// nextFailing judges a segment's errors:
//
//	calm → failing        share > 3 × usual (at least 2 %, at least 5 errors) in 2 of 3 minutes, demand < 90 % of capacity
//	failing → calm        share < 2 × usual (at least ⅔ of 2 %) for 10 minutes, or demand over capacity: overload explains it
//	any → cannot_tell     no data; back to failing within 30 minutes of silence, else judged anew
//
// One minute with every request failing is still one minute: a deploy restarts a service in less.
func (m Machine) nextFailing(in Evidence) (Machine, *surgecast.SurgeTransition) {
	if in.NoData || math.IsNaN(in.ErrorShare) {
		if m.State == surgecast.StateCannotTell {
			return m, nil
		}
		m.Before, m.BlindFrom, m.Bad = m.State, in.At, 0
		return m.to(surgecast.StateCannotTell, in)
	}
	from := m.State
	state := from
	if from == surgecast.StateCannotTell {
		state = surgecast.StateCalm
		if m.Before == surgecast.StateFailing && in.At.Sub(m.BlindFrom) <= resume {
			state = surgecast.StateFailing
		}
	}
	loaded := in.CapacityRPM > 0 && (in.DemandRPM >= failingLoad*in.CapacityRPM)
	m.Bad = vote(m.Bad, !loaded && ErrorsBeyondUsual(in.ErrorShare, in.UsualErrorShare, in.Errors))

	switch state {
	case surgecast.StateFailing:
		over := in.CapacityRPM > 0 && in.DemandRPM > in.CapacityRPM
		well := in.ErrorShare < max(failingDownTimes*in.UsualErrorShare, failingLeast*2/3)
		if over || well && !m.LowSince.IsZero() && in.At.Sub(m.LowSince) >= failingDownAfter {
			state = surgecast.StateCalm
		}
		if !well {
			m.LowSince = time.Time{}
		} else if m.LowSince.IsZero() {
			m.LowSince = in.At
		}
	default:
		state = surgecast.StateCalm
		if twoOfThree(m.Bad) {
			state = surgecast.StateFailing
		}
	}
	if state == from {
		return m, nil
	}
	since := m.Since
	m, t := m.to(state, in)
	if from == surgecast.StateCannotTell && state == surgecast.StateFailing && m.Before == surgecast.StateFailing {
		m.Since = since
	}
	return m, t
}
