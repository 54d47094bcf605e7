package risk

import (
	"math"
	"time"

	"surgecast"
)

// ActByProbability is the chance at which a breach counts as early: act_by leaves the lead time before the
// moment by which 1 case in 10 is over capacity.
const ActByProbability = .10

// Why there is no act-by.
const (
	ReasonNotExpected     = "not_expected_within_24h" // Risk(24 h) < .10
	ReasonCapacityUnknown = "capacity_unknown"        // no capacity, so no chance and no act-by
)

// ActBy is the last moment a decision still serves in time, even if the breach comes at its early end:
//
//	act_by = origin + time to breach at p = .10 − lead time p95
//
// in whole seconds. It is zero, with a reason, when Risk(24 h) < .10. Once it is past, lateBySeconds says by
// how much (at least 1): the remedies that still fit are those with a shorter lead.
func ActBy(now, origin time.Time, ttbMinutes float64, leadP95Seconds int, risk24h float64) (at time.Time, lateBySeconds int, reason string) {
	if math.IsNaN(risk24h) {
		return time.Time{}, 0, ReasonCapacityUnknown
	}
	if risk24h < ActByProbability || math.IsNaN(ttbMinutes) {
		return time.Time{}, 0, ReasonNotExpected
	}
	at = origin.Add(time.Duration(math.Round(ttbMinutes*60))*time.Second - time.Duration(max(leadP95Seconds, 0))*time.Second)
	if late := now.Sub(at); late > 0 {
		lateBySeconds = int(math.Ceil(late.Seconds()))
	}
	return at, lateBySeconds, ""
}

// HoldPassed keeps an act-by that has passed at the moment it first did. Computed anew each minute, a deadline behind
// us would move along with the clock and never be later than the lead time: passed is where the forecasts before left
// it (zero: none of them was late), and the answer is where this one leaves it. A deadline ahead again ends it.
func HoldPassed(f *surgecast.SiteForecast, passed, now time.Time) time.Time {
	if f.LateBySeconds <= 0 {
		return time.Time{}
	}
	if passed.IsZero() {
		return f.ActBy
	}
	f.ActBy, f.LateBySeconds = passed, max(1, int(math.Ceil(now.Sub(passed).Seconds())))
	return passed
}
