package capacity

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"surgecast"
)

func curvePoints(law func(n float64) float64, units ...float64) (ps []LoadPoint) {
	for _, n := range units {
		ps = append(ps, LoadPoint{Units: n, RPM: law(n)})
	}
	return ps
}

func bending(n float64) float64 { return 200 * n / (1 + .05*(n-1) + .004*n*(n-1)) }

// Nothing is said of more units than were tested, even where κ is certain.
// Fails when: the case n > k.TestedMax leaves CapacityCurve.RPM.
func TestCurveEndsWhereTestsEnd(t *testing.T) {
	for _, units := range [][]float64{{2, 8}, {1, 2, 4, 6, 8, 10}} {
		c, peak, err := CurveOf(curvePoints(bending, units...), rand.New(rand.NewPCG(1, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if !math.IsNaN(peak) {
			t.Errorf("%v: peak at %v, beyond what was tested", units, peak)
		}
		last := int(units[len(units)-1])
		if x := c.RPM(last); !(math.Abs(x/bending(float64(last))-1) < 1e-6) {
			t.Errorf("%v: X(%d) = %v, want %v", units, last, x, bending(float64(last)))
		}
		if x := c.RPM(last + 1); !math.IsNaN(x) {
			t.Errorf("%v: X(%d) = %v, want a refusal", units, last+1, x)
		}
		// Judged by what the most tested ones served, and saying so.
		p := bent(c)
		if x := p.Serves(last + 5); !p.Untested(last+5) || p.Untested(last) || x != c.RPM(last) {
			t.Errorf("%v: %d units serve %v, untested %t", units, last+5, x, p.Untested(last+5))
		}
		if low, high := p.ServesBetween(last + 5); !(low > 0) || !math.IsInf(high, 1) {
			t.Errorf("%v: %d units serve %v to %v, want no upper end", units, last+5, low, high)
		}
	}
	if _, _, err := CurveOf(curvePoints(bending, 4, 4, 4), rand.New(rand.NewPCG(1, 1))); !errors.Is(err, ErrNoCurve) {
		t.Errorf("one number of units: %v, want no curve", err)
	}
	if _, _, err := CurveOf([]LoadPoint{{Units: 1.5, RPM: 3}, {Units: 2, RPM: math.NaN()}}, rand.New(rand.NewPCG(1, 1))); !errors.Is(err, ErrNotThroughput) {
		t.Errorf("half a unit: %v", err)
	}
}

func bent(c surgecast.CapacityCurve) surgecast.CapacityProfile {
	return surgecast.CapacityProfile{
		Units: 2, RPMPerUnit: c.RPM(2) / 2, Measured: &surgecast.MeasuredCapacity{LowRPM: 1, HighRPM: 2, TestedMax: c.TestedMax, Curve: &c},
	}
}

// More demand never takes fewer units, what is measured carries it, and beyond the tested range the answer says so.
//
//	straight from 2 (378.1 a minute) to 8 (1,016.5): 5 units carry 697.3; 1,400 is beyond 8, at 127.1 each 12 units
//	by the law with κ = .004 the peak lies at √(.95/.004) = 15.4 units, 1,261 a minute: 15 units, not 20, for more
//
// Fails when: fewest starts at the first point, or ReachUntested is answered as ReachMeasured; the case of the peak
// leaves UnitsFor.
func TestUnitsOnACurve(t *testing.T) {
	of := func(units ...float64) surgecast.CapacityCurve {
		c, _, err := CurveOf(curvePoints(bending, units...), rand.New(rand.NewPCG(1, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	lines, fitted, turned := of(2, 8), of(1, 2, 4, 6, 8, 10), of(1, 2, 4, 8, 12, 16, 22, 30)
	fallen := surgecast.CapacityCurve{TestedMin: 4, TestedMax: 8, Points: [][2]float64{{4, 1000}, {8, 600}}, Intervals: [][2]float64{{950, 1050}, {580, 620}}}
	for _, c := range []struct {
		curve  surgecast.CapacityCurve
		demand float64
		units  int
		reach  surgecast.CapacityReach
	}{
		{lines, 0, 0, surgecast.ReachMeasured},
		{lines, 100, 1, surgecast.ReachMeasured},
		{lines, 378, 2, surgecast.ReachMeasured},
		{lines, 697, 5, surgecast.ReachMeasured},
		{lines, 1010, 8, surgecast.ReachMeasured},
		{lines, 1400, 12, surgecast.ReachUntested},
		{fitted, bending(1), 1, surgecast.ReachMeasured},
		{fitted, bending(3), 3, surgecast.ReachMeasured},
		{fitted, bending(3) + 1, 4, surgecast.ReachMeasured},
		{fitted, 5000, 46, surgecast.ReachUntested},
		{turned, bending(15), 15, surgecast.ReachMeasured},
		{turned, 5000, 15, surgecast.ReachPeak},
		{fallen, 1000, 4, surgecast.ReachMeasured},
		{fallen, 1001, 4, surgecast.ReachPeak},
	} {
		if n, reach := bent(c.curve).UnitsFor(c.demand); n != c.units || reach != c.reach {
			t.Errorf("%v requests: %d units, reach %d; want %d, %d", c.demand, n, reach, c.units, c.reach)
		}
	}
	for _, curve := range []surgecast.CapacityCurve{lines, fitted, turned} {
		p, before := bent(curve), 0
		for demand := 1.0; demand < 3000; demand += 7 {
			n, reach := p.UnitsFor(demand)
			if n < before {
				t.Fatalf("%v requests take %d units, fewer take %d", demand, n, before)
			}
			if reach == surgecast.ReachMeasured && (p.Serves(n) < demand*(1-1e-6) || n > 1 && p.Serves(n-1) >= demand) {
				t.Fatalf("%d units for %v requests carry %v, one less %v", n, demand, p.Serves(n), p.Serves(n-1))
			}
			before = n
		}
	}
}

// The recommendation, its plan and the cost of waiting go by the curve: 1,000 requests a minute are 8 units of it, and
// 6 of 189 a unit.
//
// Fails when: need, or costOfWaiting, reckons with RPMPerUnit alone.
func TestRecommendGoesByTheCurve(t *testing.T) {
	c, _, err := CurveOf(curvePoints(bending, 1, 2, 4, 6, 8, 10), rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	p := bent(c)
	p.Units, p.MinUnits, p.MaxUnits, p.CostLostRequest = 6, 1, 40, .01
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	ask := func(p surgecast.CapacityProfile, rpm float64) surgecast.Recommendation {
		return Recommend(Input{
			Profile: p, Mode: surgecast.ModeAct, Now: now, DemandNowRPM: 100, TrafficConfirms: true,
			WindowMaxRPM: func(int, int, float64) float64 { return rpm },
		})
	}
	straight := p
	straight.Measured = nil
	if by, lin := ask(p, 1000), ask(straight, 1000); by.Units != 8 || lin.Units != 6 || by.Reason != ReasonForecast || by.Plan[0].Units != 8 {
		t.Errorf("1,000 requests a minute: %d by the curve (%s, plan %v), %d by the figure; want 8 and 6", by.Units, by.Reason, by.Plan, lin.Units)
	}
	// 6 units serve 877 by the curve and 1,134 by the figure: only one of them loses anything.
	if by, lin := ask(p, 1000), ask(straight, 1000); !(by.CostWaiting > 0) || lin.CostWaiting != 0 {
		t.Errorf("waiting costs %v by the curve, %v by the figure", by.CostWaiting, lin.CostWaiting)
	}
	beyond := ask(p, 1300)
	if beyond.Units != 12 || beyond.Reason != ReasonUntested || !strings.Contains(beyond.Detail, "nobody has measured") {
		t.Errorf("beyond the tests: %d units, %s: %s", beyond.Units, beyond.Reason, beyond.Detail)
	}
}
