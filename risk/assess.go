package risk

import (
	"math"
	"slices"
	"time"

	"surgecast"
)

// Assess fills what follows from a forecast's risk and capacity: TimeToBreachMinutes (at
// surgecast.TimeToBreachLevels), ActBy, ActByReason and LateBySeconds, and the dots of the window Horizon
// chooses for a calm site. It reads Risk, HorizonMinutes, RiskGrid, GridRPM, CapacityRPM, Origin and
// LeadTimeP95Seconds. Without a capacity nothing is claimed: no chance, no act-by, no dots.
//
// The engine's order is: Assess → capacity.Recommend → Observe, Next → Conclude (which writes the verdict and
// draws the dots again, for the state's window and the percentage as shown).
func Assess(site surgecast.Site, f *surgecast.SiteForecast, now time.Time) {
	f.TimeToBreachMinutes = make([]float64, len(surgecast.TimeToBreachLevels))
	f.PeakDotsRPM, f.BreachDotsMinutes = nil, nil
	f.ActBy, f.LateBySeconds = time.Time{}, 0
	lead := f.LeadTimeP95Seconds
	if lead == 0 {
		lead = site.Capacity.LeadTimeP95Seconds
		f.LeadTimeP95Seconds = lead
	}
	if !known(f) {
		for i := range f.TimeToBreachMinutes {
			f.TimeToBreachMinutes[i] = math.NaN()
		}
		f.ActByReason = ReasonCapacityUnknown
		return
	}
	for i, p := range surgecast.TimeToBreachLevels {
		f.TimeToBreachMinutes[i] = TimeToBreach(f.HorizonMinutes, f.Risk, p)
	}
	day := At(f.HorizonMinutes, f.Risk, 1440)
	f.ActBy, f.LateBySeconds, f.ActByReason = ActBy(now, f.Origin, TimeToBreach(f.HorizonMinutes, f.Risk, ActByProbability), lead, day)

	h := Horizon(f, surgecast.StateWatch)
	if p := At(f.HorizonMinutes, f.Risk, float64(h)); p*100 >= leastDots {
		f.PeakDotsRPM, f.BreachDotsMinutes = dots(f.HorizonMinutes, f.GridRPM, f.RiskGrid, f.Risk, h, f.CapacityRPM, int(math.Round(p*dotCount)))
	}
}

// leastDots is the chance in percent from which dots are drawn: below it even one dot would overstate.
const leastDots = 4.5

// known reports whether the forecast claims a risk at all.
func known(f *surgecast.SiteForecast) bool {
	return f != nil && f.CapacityRPM > 0 && slices.ContainsFunc(f.Risk, func(p float64) bool { return !math.IsNaN(p) })
}

// The windows a verdict may speak of.
const (
	// RankingMinutes is the window all sites are compared by, and the window of a calm verdict.
	RankingMinutes = 360
	// leastMinutes is the shortest window a verdict names: what the chart shows ahead. A chance for the
	// next 5 minutes alone would read as small while the hour's is near certain.
	leastMinutes = 60
)

// Horizon is the window of the verdict, in minutes from the origin: the window its act-by belongs to, that is
// the shortest horizon of the forecast which holds the early end of the breach (time to breach at
// ActByProbability), a decision's lead time, and an hour. A calm site, or one without an act-by, speaks of
// the ranking window of 6 hours.
func Horizon(f *surgecast.SiteForecast, state surgecast.State) int {
	switch state {
	case surgecast.StateWatch, surgecast.StateAlert, surgecast.StateOver:
	default:
		return RankingMinutes
	}
	if !known(f) {
		return RankingMinutes
	}
	early := TimeToBreach(f.HorizonMinutes, f.Risk, ActByProbability)
	if math.IsNaN(early) {
		return RankingMinutes
	}
	need := max(early, float64(f.LeadTimeP95Seconds)/60, leastMinutes)
	best := 0
	for _, h := range f.HorizonMinutes {
		if float64(h) >= need && (best == 0 || h < best) {
			best = h
		}
	}
	if best == 0 {
		return 1440
	}
	return best
}

// Conclude writes the verdict of a forecast from its facts (Say) and draws the dots for the verdict's window
// and percentage, so that "12 in 20", 60 % and 12 filled dots are one number.
func Conclude(facts Facts) {
	f := facts.Forecast
	v := Say(facts)
	f.Verdict, f.PeakDotsRPM, f.BreachDotsMinutes = v, nil, nil
	if !known(f) || v.ShownPercent == "" || v.ShownValue < 5 {
		return
	}
	n := int(math.Round(v.ShownValue / 100 * dotCount))
	f.PeakDotsRPM, f.BreachDotsMinutes = dots(f.HorizonMinutes, f.GridRPM, f.RiskGrid, f.Risk, v.Horizon, f.CapacityRPM, n)
}
