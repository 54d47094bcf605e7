package risk

import (
	"math"
	"time"

	"surgecast"
)

// AtCapacity is P(max over 1..minutes of Z > capacity) read off a row's grid: linear in capacity between its
// points, 1 for a capacity demand has passed already.
func AtCapacity(f *surgecast.SiteForecast, minutes, capacityRPM float64) float64 {
	return At(f.HorizonMinutes, curveAt(f, capacityRPM), minutes)
}

// curveAt is the risk by horizon for any capacity.
func curveAt(f *surgecast.SiteForecast, c float64) []float64 {
	out := make([]float64, len(f.HorizonMinutes))
	g := f.GridRPM
	for h := range out {
		switch {
		case c <= f.DemandRPM:
			out[h] = 1
		case len(g) == 0 || h >= len(f.RiskGrid) || len(f.RiskGrid[h]) < len(g):
			out[h] = math.NaN()
		case c <= g[0]:
			out[h] = f.RiskGrid[h][0]
		default:
			out[h] = f.RiskGrid[h][len(g)-1]
			for k := 1; k < len(g); k++ {
				if c <= g[k] {
					lo, hi := f.RiskGrid[h][k-1], f.RiskGrid[h][k]
					out[h] = lo + (hi-lo)*(c-g[k-1])/(g[k]-g[k-1])
					break
				}
			}
		}
	}
	return out
}

// ladderProbability is the chance a rung is climbed at, the same as an act-by's.
const ladderProbability = .10

// Ladder says of each rung, in order, whether it is needed and by when: a rung is for what those before it
// do not carry, so its deadline is the early end of passing their capacity less its own lead time. Rungs are
// unwound from the top, each when the demand that called for it is over.
func Ladder(site surgecast.Site, f *surgecast.SiteForecast, rungs []surgecast.Rung, now time.Time) []surgecast.RungState {
	out := make([]surgecast.RungState, 0, len(rungs))
	capacity := site.Capacity.RPM()
	if f != nil && f.CapacityRPM > 0 {
		capacity = f.CapacityRPM
	}
	for _, r := range rungs {
		s := surgecast.RungState{Rung: r, Status: surgecast.RungNotNeeded, Probability: math.NaN()}
		if r.Kind == surgecast.RungUnits {
			s.LeadTimeSeconds = max(r.LeadTimeSeconds, site.Capacity.LeadTimeP95Seconds)
			if f != nil && r.AddsRPM == 0 {
				s.AddsRPM = max(0, site.Capacity.Serves(f.Recommendation.WouldBeUnits)-site.Capacity.Serves(f.Units))
			}
		}
		lead := time.Duration(s.LeadTimeSeconds) * time.Second
		s.ServesFrom = now.Add(lead)
		if f != nil && capacity > 0 {
			begins := f.Origin.Add(time.Duration(max(f.StepSeconds, 60)) * time.Second)
			curve := curveAt(f, capacity)
			s.Probability = At(f.HorizonMinutes, curve, 1440)
			if m := TimeToBreach(f.HorizonMinutes, curve, ladderProbability); !math.IsNaN(m) {
				s.ActBy = begins.Add(time.Duration(m*float64(time.Minute)) - lead)
				switch left := s.ActBy.Sub(now); {
				case left < 0:
					s.Status, s.LateBySeconds = surgecast.RungLate, int(-left.Seconds())
				case left < 5*time.Minute:
					s.Status = surgecast.RungNow
				default:
					s.Status = surgecast.RungByThen
				}
				s.UnwindAt = lastAbove(f, capacity, begins)
			}
		}
		capacity = (capacity + s.AddsRPM) / (1 - s.ShedsShare)
		s.CapacityRPM = capacity
		out = append(out, s)
	}
	// Unwound in order: never before the rung above it.
	for i := len(out) - 2; i >= 0; i-- {
		if !out[i].UnwindAt.IsZero() && out[i+1].UnwindAt.After(out[i].UnwindAt) {
			out[i].UnwindAt = out[i+1].UnwindAt
		}
	}
	return out
}

// lastAbove is the end of the last lead whose .95 quantile lies above c: until then demand may still need it.
// Zero when it does so to the end of the forecast.
func lastAbove(f *surgecast.SiteForecast, c float64, begins time.Time) time.Time {
	k := 0
	for i, l := range f.Levels {
		if math.Abs(l-.95) < math.Abs(f.Levels[k]-.95) {
			k = i
		}
	}
	last := -1
	for i, q := range f.QuantilesRPM {
		if k < len(q) && q[k] > c {
			last = i
		}
	}
	switch {
	case last < 0:
		return time.Time{} // rarer than that: when it is over nobody can tell
	case last == len(f.QuantilesRPM)-1 || last+1 >= len(f.LeadMinutes):
		return time.Time{}
	default:
		return begins.Add(time.Duration(f.LeadMinutes[last+1]) * time.Minute)
	}
}
