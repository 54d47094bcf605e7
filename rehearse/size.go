package rehearse

import (
	"slices"
	"time"

	"surgecast"
)

// What a rehearsal is sized and guarded by.
const (
	assumedP95MS   = 1000.
	guardErrors    = .05 // as a minute counts as saturated
	leastGuardMS   = 1000.
	fewestMeasured = 5
)

// Size sets the answer time virtual users are sized for, and the guard: from the site's limit, else the median of what
// was measured lately (recent minutes), else from an assumption that the script names.
func Size(r *surgecast.Rehearsal, p surgecast.CapacityProfile, recent []surgecast.TrafficMinute) {
	r.P95MS, r.P95From = assumedP95MS, "assumed"
	var seen []float64
	for _, m := range recent {
		if m.Complete && m.P95MS > 0 {
			seen = append(seen, m.P95MS)
		}
	}
	switch {
	case p.P95LimitMS > 0:
		r.P95MS, r.P95From = float64(p.P95LimitMS), "limit"
	case len(seen) >= fewestMeasured:
		slices.Sort(seen)
		r.P95MS, r.P95From = seen[len(seen)/2], "measured"
	}
	r.LimitMS, r.ErrorShare = max(2*r.P95MS, leastGuardMS), guardErrors
}

// SurgeSpan is the stretch of a surge that is played: from half an hour before it opened until it closed, or until now,
// and at most a day.
func SurgeSpan(s surgecast.Surge, now time.Time) (from, to time.Time) {
	from, to = s.OpenedAt.UTC().Truncate(time.Minute).Add(-30*time.Minute), s.ClosedAt.UTC()
	if s.ClosedAt.IsZero() || to.After(now) {
		to = now.UTC().Truncate(time.Minute)
	}
	if day := from.Add(24 * time.Hour); to.After(day) {
		to = day
	}
	return from, to
}
