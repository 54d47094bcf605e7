package risk

import (
	"math"
	"time"

	"surgecast"
	"surgecast/model"
)

// The course of a forecast between its leads comes from the one function everybody uses (model.Interpolate), which
// keeps a known rise between two leads.

// quantile is one level of the forecast at a lead in minutes; NaN when the forecast has no such level.
func quantile(f *surgecast.SiteForecast, level float64, dst []float64, lead float64) float64 {
	for k, l := range f.Levels {
		if math.Abs(l-level) < 1e-9 {
			model.Interpolate(dst, f.LeadMinutes, f.QuantilesRPM, f.ProfileRPM, float64(f.ProfileStepMinutes), lead)
			return dst[k]
		}
	}
	return math.NaN()
}

// drawn reports whether the forecast carries quantiles to interpolate.
func drawn(f *surgecast.SiteForecast) bool {
	if f == nil || len(f.LeadMinutes) == 0 || len(f.QuantilesRPM) != len(f.LeadMinutes) {
		return false
	}
	for _, q := range f.QuantilesRPM {
		if len(q) != len(f.Levels) {
			return false
		}
	}
	return true
}

// Busiest is when the median of the ranking window is highest, and how high: in steps of 5 minutes, the accuracy it
// is said with. Zero when the forecast carries no quantiles.
func Busiest(f *surgecast.SiteForecast) (at time.Time, rpm float64) {
	if !drawn(f) {
		return time.Time{}, 0
	}
	dst := make([]float64, len(f.Levels))
	for lead := 5.0; lead <= RankingMinutes; lead += 5 {
		if q := quantile(f, .5, dst, lead); q > rpm {
			at, rpm = f.Origin.Add(time.Duration(lead)*time.Minute), q
		}
	}
	return at, rpm
}

// BackBy is from when on a share level of the cases is under capacity, in steps of 5 minutes of the next 24 hours: after
// the last time that quantile lies above capacity. Zero when it is not back within 24 hours, or nothing is known.
func BackBy(f *surgecast.SiteForecast, level float64) time.Time {
	if !drawn(f) || !(f.CapacityRPM > 0) {
		return time.Time{}
	}
	const step = 5.0
	dst := make([]float64, len(f.Levels))
	last := 1440.0
	for lead := last; lead >= step; lead -= step {
		q := quantile(f, level, dst, lead)
		if math.IsNaN(q) {
			return time.Time{}
		}
		if q > f.CapacityRPM {
			if lead == last {
				return time.Time{}
			}
			return f.Origin.Add(time.Duration(lead+step) * time.Minute)
		}
	}
	return f.Origin.Add(time.Duration(step) * time.Minute)
}
