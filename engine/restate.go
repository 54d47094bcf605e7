package engine

import (
	"time"

	"surgecast"
	"surgecast/risk"
)

// Restate says a stored verdict as it reads at now: unchanged while the forecast is fresh, with its age
// once it is some minutes old, and as unknown when its numbers no longer count (UX 2.0). f is nil when
// there never was one.
func Restate(site surgecast.Site, f *surgecast.SiteForecast, surge *surgecast.Surge, now time.Time) surgecast.Verdict {
	if f != nil && now.Sub(f.IssuedAt) < risk.StaleAfter && now.Sub(f.Origin) < risk.SilentAfter {
		return f.Verdict
	}
	fa := risk.Facts{Site: site, Forecast: f, Now: now, Surge: surge, DaysOfHistory: risk.LearningDays}
	if f != nil {
		v := f.Verdict
		fa.LastMinute, fa.Previous, fa.KeptUnits = f.Origin, &v, f.Recommendation.Units
		fa.LastVerdict, fa.LastSpoken = f.State, f.IssuedAt
		if f.State == surgecast.StateFailing && surge != nil {
			fa.FailingSegment, fa.FailingSince = surge.Segment, surge.OpenedAt
		}
	}
	return risk.Say(fa)
}
