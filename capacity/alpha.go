package capacity

import (
	"math"

	"surgecast"
)

// Bounds of the quantile a recommendation aims at. Above .999 the forecast has no level of its own;
// below the median a recommendation would plan to fail.
const (
	MinAlpha     = .5
	MaxAlpha     = .999
	DefaultAlpha = .95 // without costs: one situation in 20 may exceed the recommended units
)

// Alpha is the newsvendor quantile of the demand to provide for:
//
//	α* = c_u / (c_u + c_o)
//	c_u = cost_lost_request · D                     one request a minute short for D minutes
//	c_o = cost_idle_unit_hour · D/60 / rpm_per_unit one request a minute too many for D minutes
//
// D, the dwell in minutes, stands in both and cancels. Clipped to MinAlpha … MaxAlpha; DefaultAlpha
// when a cost or the unit's throughput is not known; TargetQuantile, when set, overrides the costs.
func Alpha(p surgecast.CapacityProfile) float64 {
	if p.TargetQuantile > 0 {
		return clip(p.TargetQuantile, MinAlpha, MaxAlpha)
	}
	if !(p.CostLostRequest > 0) || !(p.CostIdleUnitHour > 0) || !p.Known() {
		return DefaultAlpha
	}
	under := p.CostLostRequest
	over := p.CostIdleUnitHour / 60 / p.Each()
	return clip(under/(under+over), MinAlpha, MaxAlpha)
}

func clip(x, lo, hi float64) float64 {
	if math.IsNaN(x) {
		return lo
	}
	return min(max(x, lo), hi)
}
