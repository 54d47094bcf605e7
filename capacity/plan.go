package capacity

import (
	"math"
	"time"

	"surgecast"
)

// A plan looks 6 hours ahead, the window all sites are ranked by, in steps of 15 minutes that begin at
// the quarters of the clock: people read it and copy it into schedules.
const (
	planSpan = 6 * time.Hour
	planStep = 15 * time.Minute
)

// plan is the recommendation over time, first step now, equal neighbours merged. At a later step t it
// asks for the Alpha-quantile of the highest demand from t until a decision taken at t has served its
// time (lead + dwell): by then the units of the step are serving, so unlike the answer for now the step
// must also cover the lead. Between two steps the floor falls as it would in answers given minute by minute, held by
// what the earlier step asks for, and a rise is at most what doubling every 5 minutes makes of it.
func (in Input) plan(units int, alpha float64) []surgecast.Step {
	p := in.Profile
	steps := []surgecast.Step{{At: in.Now, Units: units}}
	if in.WindowMaxRPM == nil {
		return steps
	}
	span := leadMinutes(p) + in.DwellMinutes
	needed := func(at time.Time, unknown int) int {
		from := int(math.Ceil(at.Sub(in.Now).Minutes()))
		q := in.WindowMaxRPM(max(from, 1), min(from+span, maxMinutes), alpha)
		if math.IsNaN(q) {
			return unknown
		}
		return bounded(need(p, q, ReasonForecast), p).units
	}

	f := floor{units, in.Now}
	if len(in.Trail) > 0 {
		if u, at := in.Trail.since(in.inForce); u == units {
			f.since = at
		}
	}
	least := units // until the first step
	if !math.IsNaN(in.DemandNowRPM) {
		least = max(needed(in.Now, units), need(p, in.DemandNowRPM, ReasonMeasured).units)
	}
	last, level := in.Now, units
	for t := in.Now.Truncate(planStep).Add(planStep); !t.After(in.Now.Add(planSpan)); t = t.Add(planStep) {
		f.fallTo(least, last, t.Add(-1))
		least = needed(t, f.units)
		if least > f.units {
			windows := int(t.Sub(last) / rampWindow)
			most := max(f.units, 1) << max(windows, 1)
			f = floor{bounded(choice{min(least, most), ReasonDoubling}, p).units, t}
		} else {
			f.fallTo(least, t, t)
		}
		if f.units != level {
			steps = append(steps, surgecast.Step{At: t, Units: f.units})
		}
		last, level = t, f.units
	}
	return steps
}

// costOfActing is what the plan's units above those serving now cost, idle or not, until the plan's end.
func costOfActing(plan []surgecast.Step, unitsNow int, p surgecast.CapacityProfile) float64 {
	if len(plan) == 0 || !(p.CostIdleUnitHour > 0) {
		return 0
	}
	end := plan[0].At.Add(planSpan)
	hours := 0.0
	for i, s := range plan {
		until := end
		if i+1 < len(plan) {
			until = plan[i+1].At
		}
		hours += float64(max(s.Units-unitsNow, 0)) * until.Sub(s.At).Hours()
	}
	return hours * p.CostIdleUnitHour
}

// costOfWaiting is the expected loss when nothing is done: over the plan's steps of 15 minutes from the
// lead time on, the mean of 20 equally likely demands beyond what the units serving now can take.
//
//	Σ_steps 15 min · 1/20 Σ_k (Q_{(k−½)/20}(max of the step) − C)⁺ · cost_lost_request
//
// The highest sustained minute stands for all of its step, so this is on the high side by the ratio of
// a quarter hour's peak to its mean.
func (in Input) costOfWaiting() float64 {
	p := in.Profile
	if !(p.CostLostRequest > 0) || in.WindowMaxRPM == nil || in.UnitsNow <= 0 {
		return 0
	}
	capacity := p.Serves(in.UnitsNow)
	from := max(leadMinutes(p), 1)
	to := from + int(planSpan.Minutes())
	if !(in.WindowMaxRPM(from, min(to, maxMinutes), MaxAlpha) > capacity) {
		return 0 // not even one case in a thousand: spare the look-ups
	}
	const width = int(planStep / time.Minute)
	lost := 0.0
	for a := from; a < to && a+width <= maxMinutes; a += width {
		for k := 20; k >= 1; k-- {
			q := in.WindowMaxRPM(a, a+width, (float64(k)-.5)/20)
			if !(q > capacity) {
				break // what is less likely to be passed is less
			}
			if !math.IsInf(q, 1) {
				lost += (q - capacity) / 20 * float64(width)
			}
		}
	}
	return lost * p.CostLostRequest
}
