package risk_test

import (
	"math"
	"testing"
	"time"

	"surgecast"
	"surgecast/risk"
)

// Passing 1,200 by its early end in 30 minutes (10 % at 30), 2,000 in 60; 4,000 never within a day.
func ladderForecast(now time.Time) *surgecast.SiteForecast {
	f := &surgecast.SiteForecast{
		Origin: now.Add(-time.Minute), StepSeconds: 60, DemandRPM: 600, CapacityRPM: 1200, Units: 6, RPMPerUnit: 200,
		HorizonMinutes: []int{30, 60, 360, 1440}, GridRPM: []float64{1200, 2000, 4000},
		RiskGrid: [][]float64{{.10, .02, 0}, {.30, .10, .01}, {.60, .40, .05}, {.70, .50, .09}},
		Levels:   []float64{.5, .95}, LeadMinutes: []int{30, 60, 120, 1440}, QuantilesRPM: [][]float64{{800, 1300}, {900, 2500}, {700, 1100}, {500, 900}},
	}
	f.Recommendation.WouldBeUnits = 10
	return f
}

func TestLadder(t *testing.T) {
	now := time.Date(2026, 9, 24, 12, 20, 0, 0, time.UTC)
	site := surgecast.Site{Capacity: surgecast.CapacityProfile{Units: 6, RPMPerUnit: 200, LeadTimeP95Seconds: 540}}
	rungs := []surgecast.Rung{
		{Kind: "people", Name: "People", LeadTimeSeconds: 1800},
		{Kind: surgecast.RungUnits, Name: "Units", LeadTimeSeconds: 60},
		{Kind: "cache_rules", Name: "Cache", LeadTimeSeconds: 60, ShedsShare: .5},
		{Kind: "load_balancer", Name: "LB", LeadTimeSeconds: 3600},
	}
	got := risk.Ladder(site, ladderForecast(now), rungs, now)
	for i, want := range []struct {
		status   string
		inMin    float64 // deadline
		capacity float64
	}{
		{surgecast.RungNow, 0, 1200},       // 30 − 30
		{surgecast.RungByThen, 21, 2000},   // 30 − 9: the site's own lead time; + 4 · 200
		{surgecast.RungByThen, 59, 4000},   // of what 2,000 does not carry: 60 − 1; 2,000/.5
		{surgecast.RungNotNeeded, 0, 4000}, // nine in a hundred days
	} {
		g := got[i]
		if g.Status != want.status || math.Abs(g.CapacityRPM-want.capacity) > 1e-9 {
			t.Errorf("%s: %s with %.0f, want %s with %.0f", g.Name, g.Status, g.CapacityRPM, want.status, want.capacity)
		}
		if want.status != surgecast.RungNotNeeded {
			if m := g.ActBy.Sub(now).Minutes(); math.Abs(m-want.inMin) > 1e-6 {
				t.Errorf("%s: by %.1f minutes from now, want %.0f", g.Name, m, want.inMin)
			}
		}
	}
	// 1,200 is last passed (q.95) at 60 minutes, so by 120 the first rungs go; a rung above keeps those below.
	if !got[0].UnwindAt.Equal(now.Add(120*time.Minute)) || got[0].UnwindAt.Before(got[2].UnwindAt) {
		t.Errorf("unwound at %v and %v", got[0].UnwindAt, got[2].UnwindAt)
	}
	late := risk.Ladder(site, ladderForecast(now), []surgecast.Rung{{Kind: "load_balancer", LeadTimeSeconds: 3600}}, now)[0]
	if late.Status != surgecast.RungLate || late.LateBySeconds != 1800 || !late.ServesFrom.Equal(now.Add(time.Hour)) {
		t.Errorf("an hour before half an hour: %+v", late)
	}
	if s := risk.Ladder(site, nil, rungs, now)[0]; s.Status != surgecast.RungNotNeeded || !math.IsNaN(s.Probability) {
		t.Errorf("without a forecast: %+v", s)
	}
}

func TestAdmit(t *testing.T) {
	now := time.Date(2026, 9, 24, 12, 20, 0, 0, time.UTC)
	f := ladderForecast(now)
	f.MaxQuantilesRPM = [][]float64{{700, 900}, {800, 1000}, {900, 1500}, {900, 1600}}
	// .9 · 1,200 = 1,080; / 8 = 135 a minute; · 6 minutes = 810 inside. 1,080 − 1,000 = 80 left; / .04 = 2,000.
	a := risk.Admit(f, 8, 6, .04, 60, now)
	if a.AdmitRPM != 1080 || a.NewVisitorsPerMinute != 135 || a.ActiveVisitors != 810 || a.RecipientsPerMinute != 2000 {
		t.Errorf("admission %+v", a)
	}
	if a := risk.Admit(f, 8, 6, .04, 360, now); a.RecipientsPerMinute != 0 {
		t.Errorf("no room over six hours, but %d recipients a minute", a.RecipientsPerMinute)
	}
	if a := risk.Admit(nil, 8, 6, .04, 60, now); !math.IsNaN(a.AdmitRPM) || a.NewVisitorsPerMinute != 0 {
		t.Errorf("without a forecast: %+v", a)
	}
}
