package rehearse

import (
	"testing"
	"time"

	"surgecast"
)

// The site's own limit comes first, then what was measured, then an assumption; the guard stands at twice that.
func TestSize(t *testing.T) {
	var recent []surgecast.TrafficMinute
	for i := range 7 {
		recent = append(recent, surgecast.TrafficMinute{P95MS: float64(600 + 10*i), Complete: true})
	}
	for _, c := range []struct {
		limit  int
		recent []surgecast.TrafficMinute
		from   string
		p95    float64
		guard  float64
	}{
		{800, recent, "limit", 800, 1600},
		{0, recent, "measured", 630, 1260},
		{0, recent[:4], "assumed", 1000, 2000},
		{100, nil, "limit", 100, 1000},
	} {
		var r surgecast.Rehearsal
		Size(&r, surgecast.CapacityProfile{P95LimitMS: c.limit}, c.recent)
		if r.P95From != c.from || r.P95MS != c.p95 || r.LimitMS != c.guard || r.ErrorShare != .05 {
			t.Errorf("limit %d, %d minutes: %+v, want %s %v, guard %v", c.limit, len(c.recent), r, c.from, c.p95, c.guard)
		}
	}
}

func TestSurgeSpan(t *testing.T) {
	opened := testNow.Add(-3 * time.Hour)
	for _, c := range []struct {
		surge surgecast.Surge
		now   time.Time
		hours float64
	}{
		{surgecast.Surge{OpenedAt: opened, ClosedAt: opened.Add(time.Hour)}, testNow, 1.5},
		{surgecast.Surge{OpenedAt: opened}, testNow, 3.5},
		{surgecast.Surge{OpenedAt: opened}, testNow.Add(100 * time.Hour), 24},
	} {
		if from, to := SurgeSpan(c.surge, c.now); to.Sub(from).Hours() != c.hours || !from.Equal(opened.Add(-30*time.Minute)) {
			t.Errorf("%s to %s, want %v hours", from, to, c.hours)
		}
	}
}
