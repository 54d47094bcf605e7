package review

import (
	"math"
	"slices"

	"surgecast"
)

// Ours is the name of our own row in the capacity table.
const Ours = "this service"

// RuleResult is what one rule would have done with the same minutes, through the same fleet (provision.go).
// It is an estimate by replay: visitors who are turned away change the traffic that follows, and no replay
// knows how.
type RuleResult struct {
	Rule          string  `json:"rule"`
	MinutesOver   int     `json:"minutes_over"`  // minutes in which more came than the units then serving carry
	LostRequests  float64 `json:"lost_requests"` // what came above it
	UnitHours     float64 `json:"unit_hours"`    // paid from the order on
	PeakUnits     int     `json:"peak_units"`
	Cost          Number  `json:"cost"` // unit-hours and lost requests at the site's own costs; null without
	Episodes      int     `json:"episodes"`
	Carried       int     `json:"episodes_carried"`       // without a single minute over
	MedianWarning Number  `json:"median_warning_minutes"` // over the episodes, those without warning as 0; null: it never changes its mind
	// Warnings are the minutes, episode by episode, from the rule's first asking for more than the configured
	// units, without a break since, to the first minute over. Null: it stood above them for a day or more.
	Warnings []Number `json:"warning_minutes"`
	// CostRatios is the measure of MODEL 2.4, minute by minute: (capacity kept + r·demand not met) / the least
	// that could have met it, for r = 5, 20 and 100. 1 is perfect foresight.
	CostRatios []CostRatio `json:"cost_ratios"`

	wanted []int // by minute from the first judged, for the chart
}

// CostRatio is the measure at one price of a request not met, in units of a request's capacity kept idle.
type CostRatio struct {
	LostToIdle float64 `json:"lost_to_idle"`
	Ratio      Number  `json:"ratio"`
}

var lostToIdle = [...]float64{5, 20, 100}

// play runs one rule over minutes [from, to), starting with the configured units.
func play(r rule, s *series, from, to int, p surgecast.CapacityProfile, eps []Episode) RuleResult {
	f := newFleet(p)
	res := RuleResult{Rule: r.name(), Cost: unknown, MedianWarning: unknown, Warnings: []Number{}}
	var kept, unmet, least float64
	over := make([]bool, to-from)
	res.wanted = make([]int, to-from)
	for t := from; t < to; t++ {
		serving := f.serve(t)
		paid := f.paid()
		res.UnitHours += float64(paid) / 60
		res.PeakUnits = max(res.PeakUnits, serving)
		if x := s.requests[t]; !math.IsNaN(x) {
			lost := max(0, x-p.Serves(serving))
			if lost > 0 {
				res.MinutesOver++
				over[t-from] = true
			}
			unmet += lost
			kept += p.Serves(paid)
			least += max(x, p.Serves(f.min))
		}
		// The slice ends at t in length and capacity: no rule can reach further.
		if ask := r.ask(s.requests[:t+1:t+1], serving, paid); ask != hold {
			f.ask(t, ask)
		}
		res.wanted[t-from] = f.paid()
	}
	res.LostRequests = unmet
	if p.CostIdleUnitHour > 0 || p.CostLostRequest > 0 {
		res.Cost = Number(res.UnitHours*p.CostIdleUnitHour + unmet*p.CostLostRequest)
	}
	for _, k := range lostToIdle {
		res.CostRatios = append(res.CostRatios, CostRatio{LostToIdle: k, Ratio: ratio(kept+k*unmet, least)})
	}
	res.warnings(eps, over, from, f.clip(p.Units), max(1, p.SustainMinutes))
	return res
}

func (res *RuleResult) warnings(eps []Episode, over []bool, from, configured, sustain int) {
	var known []float64
	before := 0 // end of the episode before, in positions of wanted
	for _, e := range eps {
		first, end := e.first-from, e.lastPos+1-from
		res.Episodes++
		if !slices.Contains(over[max(before, first-sustain+1):end], true) {
			res.Carried++
		}
		t := first
		for t > before && t > first-minutesPerDay && res.wanted[t-1] > configured {
			t--
		}
		// The decision stood at the end of minute t: one minute of it is already gone.
		w := Number(max(0, first-t-1))
		if first-t >= minutesPerDay || t == 0 && first > 0 {
			w = unknown
		}
		res.Warnings = append(res.Warnings, w)
		if w.Known() {
			known = append(known, float64(w))
		}
		before = end
	}
	if len(known) > 0 {
		res.MedianWarning = Number(middle(known))
	}
}

// middle is the median: of an even number, the mean of the two in the middle.
func middle(xs []float64) float64 {
	s := slices.Clone(xs)
	slices.Sort(s)
	n := len(s)
	if n == 0 {
		return math.NaN()
	}
	return (s[(n-1)/2] + s[n/2]) / 2
}
