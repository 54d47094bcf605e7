package risk

import (
	"math"
	"time"

	"surgecast"
)

// SilentAfter and StaleAfter are when a site's numbers stop being news: a source silent for so long is no data, a
// forecast older than so long says its age (UX 2.0).
const (
	SilentAfter = 10 * time.Minute
	StaleAfter  = 3 * time.Minute
)

// dueWithin is how long before its act-by an alert votes for itself: two votes are needed, a minute apart, and the
// second must still find the act-by ahead.
const dueWithin = 2 * time.Minute

// Observe reads the machine's evidence for a site from its assessed forecast: the risk in the window a decision
// taken now can still change (lead + dwell), that of the ranking window, demand against capacity, and whether
// act-by is past. lastMinute is the site's last complete minute, daysOfHistory how long it has been counted. The
// caller adds what the forecast does not hold: Saturated, Tail and the errors.
func Observe(site surgecast.Site, f *surgecast.SiteForecast, now, lastMinute time.Time, daysOfHistory float64, dwellMinutes int) Evidence {
	e := Evidence{
		At:               f.Origin,
		Learning:         daysOfHistory < LearningDays,
		AlertProbability: site.Capacity.AlertProbability,
		Risk:             math.NaN(),
		RiskWatch:        math.NaN(),
		DemandRPM:        f.DemandRPM,
		CapacityRPM:      f.CapacityRPM,
		NoData:           silent(lastMinute, now) || !f.ValidUntil.IsZero() && now.After(f.ValidUntil),
	}
	if e.NoData {
		e.At = now // the data's clock stands still, the silence goes on
	}
	if known(f) {
		window := min(float64(f.LeadTimeP95Seconds)/60+float64(dwellMinutes), 1440)
		e.Risk = At(f.HorizonMinutes, f.Risk, window)
		e.RiskWatch = At(f.HorizonMinutes, f.Risk, RankingMinutes)
		e.Late = f.LateBySeconds > 0
		e.Due = e.Late || !f.ActBy.IsZero() && f.ActBy.Sub(now) < dueWithin
	}
	return e
}

// silent reports whether no complete minute has arrived for SilentAfter. A minute is complete at its end.
func silent(lastMinute, now time.Time) bool {
	return lastMinute.IsZero() || now.Sub(lastMinute.Add(time.Minute)) >= SilentAfter
}
