package rehearse

import (
	"math"
	"slices"
	"time"

	"surgecast"
)

// Interpolate fills dst with the quantiles of a forecast at a lead, everything in steps (model.Interpolate).
type Interpolate func(dst []float64, leads []int, q [][]float64, profile []float64, profileStep, lead float64)

// Courses are the p50 and p90 of a forecast, minute by minute from the first whole minute after now. Each minute has
// its own quantile: p90 is not one day that may come, but a load that each minute stays below in 9 of 10 cases. The
// result is empty when the forecast says nothing of those minutes.
func Courses(f surgecast.SiteForecast, now time.Time, minutes int, at Interpolate) (courses []surgecast.RehearsalCourse, start time.Time) {
	p50, p90 := slices.Index(f.Levels, .5), slices.Index(f.Levels, .9)
	step := time.Duration(f.StepSeconds) * time.Second
	if p50 < 0 || p90 < 0 || len(f.LeadMinutes) == 0 || step <= 0 || len(f.QuantilesRPM) != len(f.LeadMinutes) {
		return nil, start
	}
	start = now.UTC().Truncate(time.Minute).Add(time.Minute)
	if first := f.Origin.UTC().Add(step); start.Before(first) {
		start = first
	}
	courses = []surgecast.RehearsalCourse{{Name: "p50"}, {Name: "p90"}}
	leads := make([]int, len(f.LeadMinutes))
	perStep := max(1, f.StepSeconds/60)
	for i, l := range f.LeadMinutes {
		leads[i] = max(1, l/perStep)
	}
	dst := make([]float64, len(f.Levels))
	last := f.LeadMinutes[len(f.LeadMinutes)-1]
	for m := range minutes {
		lead := start.Add(time.Duration(m) * time.Minute).Sub(f.Origin).Minutes()
		if lead > float64(last) {
			break
		}
		at(dst, leads, f.QuantilesRPM, f.ProfileRPM, float64(f.ProfileStepMinutes)/float64(perStep), lead/float64(perStep))
		courses[0].RPM = append(courses[0].RPM, dst[p50])
		courses[1].RPM = append(courses[1].RPM, dst[p90])
	}
	return courses, start
}

// Came is the traffic of a surge as it was, minute by minute; a minute nobody counted is drawn straight between its
// neighbours, because a test cannot pause where a counter did. A saturated minute is what was served, not what came:
// the course is then a lower bound, and saturated says in how many minutes.
func Came(rows []surgecast.TrafficMinute, from, to time.Time) (course surgecast.RehearsalCourse, saturated int) {
	course.Name = "came"
	by := map[int64]float64{}
	for _, r := range rows {
		if r.Complete && !math.IsNaN(r.Requests) {
			by[r.Minute.Unix()/60] = r.Requests
			if r.Saturated {
				saturated++
			}
		}
	}
	for at := from.Truncate(time.Minute); at.Before(to); at = at.Add(time.Minute) {
		x, ok := by[at.Unix()/60]
		if !ok {
			x = unknown
		}
		course.RPM = append(course.RPM, x)
	}
	fill(course.RPM)
	return course, saturated
}

// fill draws straight lines over what is missing; before the first and after the last value it stands.
func fill(xs []float64) {
	last := -1
	for i, x := range xs {
		if math.IsNaN(x) {
			continue
		}
		for k := last + 1; k < i; k++ {
			if last < 0 {
				xs[k] = x
			} else {
				xs[k] = xs[last] + (x-xs[last])*float64(k-last)/float64(i-last)
			}
		}
		last = i
	}
	for k := last + 1; last >= 0 && k < len(xs); k++ {
		xs[k] = xs[last]
	}
}

// step is a stretch of a rehearsal at one rate.
type step struct {
	Seconds int     `json:"seconds"`
	Rate    int64   `json:"rate"` // whole requests in a time unit
	RPM     float64 `json:"rpm"`  // what that is a minute
}

// mostSteps keeps scripts readable and k6's metrics, three a step, few.
const mostSteps = 60

// stairs cuts a course into at most mostSteps steps of whole minutes. A step has the highest rate of its minutes: a
// rehearsal that stays below the forecast would prove nothing.
func stairs(c surgecast.RehearsalCourse, speed float64, unit timeUnit) []step {
	each := (len(c.RPM) + mostSteps - 1) / mostSteps
	var out []step
	for i := 0; i < len(c.RPM); i += each {
		part := c.RPM[i:min(i+each, len(c.RPM))]
		rate := int64(math.Round(slices.Max(part) * unit.minutes))
		out = append(out, step{
			Seconds: max(2, int(math.Round(float64(len(part))*60/speed))), Rate: rate, RPM: float64(rate) / unit.minutes,
		})
	}
	return out
}

// timeUnit is what rates are whole numbers of.
type timeUnit struct {
	name    string
	minutes float64
}

// timeUnits from the most readable to the most precise.
var timeUnits = []timeUnit{{"1s", 1. / 60}, {"1m", 1}, {"10m", 10}, {"1h", 60}}

// unitFor is the first time unit in which rounding to whole requests moves no rate by more than 1 % of itself, or of
// a hundredth of the highest.
func unitFor(courses []surgecast.RehearsalCourse) timeUnit {
	top := 0.0
	for _, c := range courses {
		top = max(top, slices.Max(c.RPM))
	}
	for _, u := range timeUnits {
		fits := true
		for _, c := range courses {
			for _, x := range c.RPM {
				r := x * u.minutes
				fits = fits && math.Abs(math.Round(r)-r) <= .01*max(r, top/100*u.minutes)
			}
		}
		if fits {
			return u
		}
	}
	return timeUnits[len(timeUnits)-1]
}
