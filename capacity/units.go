package capacity

import "math"

// maxUnits bounds every count of units: a forecast of 1e300 must not overflow an int on its way to
// an autoscaler.
const maxUnits = 1_000_000

// Units is how many units serve demandRPM requests a minute: whole, rounded up. It is 0 when there is
// no demand or when a unit's throughput is unknown.
func Units(demandRPM, rpmPerUnit float64) int {
	if !(demandRPM > 0) || !(rpmPerUnit > 0) {
		return 0
	}
	// 1,200 requests over 6 units of 200.00000000000003 are 6 units, not 7: a relative 1e-9 is noise.
	n := math.Ceil(demandRPM / rpmPerUnit * (1 - 1e-9))
	return int(min(max(n, 1), maxUnits))
}

// beyondTolerance widens a rise an autoscaler would not notice: the Kubernetes HPA skips a change
// within 10 % of the present units, so "13 instead of 12" would do nothing.
//
//	0 < units − now ≤ 10 % of now   ⇒   max(units, ⌊1.1·now⌋ + 1)
func beyondTolerance(units, now int) int {
	rise := units - now
	if rise <= 0 || rise*10 > now {
		return units
	}
	return max(units, now*11/10+1)
}
