package engine

import (
	"slices"
	"strings"
	"testing"

	"surgecast"
)

// A measured curve decides what the ledger judges by: capacity, recommended units and what a what-if asks for, and the
// verdict says where more units are wanted than were ever tested.
//
//	2, 4, 8 units serve 380, 680, 1,000 requests a minute: 6 serve 840, where the figure set by hand said 900
//
// Fails when: capacityRPM, or capacity.need, reckons with RPMPerUnit alone; measuredOnly leaves caveats.
func TestTheMeasuredCurveJudges(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, usual float64, curve bool) surgecast.SiteForecast {
		p := newPlace(t, func(s *surgecast.Site) {
			s.Capacity.Units, s.Capacity.MinUnits, s.Capacity.MaxUnits, s.Capacity.RPMPerUnit, s.Capacity.TargetQuantile = 6, 1, 40, 150, .95
		})
		if curve {
			site, err := p.st.ApplyCapacity(t.Context(), surgecast.CapacityChange{
				SiteID: p.site.ID, At: t0, By: "Ana", FromRPM: 150, ToRPM: 140, Interval: [2]float64{135, 145}, TestIDs: []string{"ldt_1"}, TestedMax: 8,
				Measured: surgecast.MeasuredCapacity{LowRPM: 135, HighRPM: 145, TestedMax: 8, Curve: &surgecast.CapacityCurve{
					TestedMin: 2, TestedMax: 8, Points: [][2]float64{{2, 380}, {4, 680}, {8, 1000}}, Intervals: [][2]float64{{370, 390}, {660, 700}, {980, 1020}},
				}},
			})
			p.ok(err)
			p.site = site
		}
		e := p.engine(nil)
		var visits []surgecast.TrafficMinute
		for i := range 300 {
			visits = append(visits, surgecast.TrafficMinute{Minute: minute(i), Requests: quiet(21, i, usual), Complete: true, UnitsObserved: 6})
		}
		p.visits(visits...)
		res, err := e.Sweep(t.Context(), minute(300))
		p.ok(err)
		i := slices.IndexFunc(res.Forecasts, func(f surgecast.SiteForecast) bool { return f.Segment == surgecast.TotalSegment })
		f := res.Forecasts[i]
		if want, _ := p.site.Capacity.UnitsFor(f.Recommendation.DemandRPM); f.Recommendation.WouldBeUnits < min(want, 12) { // at most double of 6
			t.Errorf("%d units for %v requests a minute, which take %d", f.Recommendation.WouldBeUnits, f.Recommendation.DemandRPM, want)
		}
		if f.CapacityRPM != p.site.Capacity.Serves(6) {
			t.Errorf("judged by %v requests a minute, 6 units serve %v", f.CapacityRPM, p.site.Capacity.Serves(6))
		}
		return f
	}
	var bent, straight, over surgecast.SiteForecast
	t.Run("curve", func(t *testing.T) { bent = run(t, 780, true) })
	t.Run("figure", func(t *testing.T) { straight = run(t, 780, false) })
	t.Run("beyond", func(t *testing.T) { over = run(t, 1050, true) })
	if bent.CapacityRPM != 840 || straight.CapacityRPM != 900 {
		t.Errorf("capacity %v by the curve, %v by the figure", bent.CapacityRPM, straight.CapacityRPM)
	}
	if !(bent.Risk[5] > straight.Risk[5]) {
		t.Errorf("chance of passing 840: %v, of passing 900: %v", bent.Risk[5], straight.Risk[5])
	}
	if b, s := bent.Recommendation, straight.Recommendation; b.WouldBeUnits <= s.WouldBeUnits {
		t.Errorf("about %.0f requests a minute: %d units by the curve, %d by the figure", b.DemandRPM, b.WouldBeUnits, s.WouldBeUnits)
	}
	if c := strings.Join(over.Verdict.Caveats, " "); over.Recommendation.WouldBeUnits <= 8 || !strings.Contains(c, "Load tests went up to 8 units") {
		t.Errorf("%d units; caveats %q", over.Recommendation.WouldBeUnits, over.Verdict.Caveats)
	}
	if strings.Contains(strings.Join(straight.Verdict.Caveats, " "), "oad test") {
		t.Errorf("caveats without a curve: %q", straight.Verdict.Caveats)
	}
}
