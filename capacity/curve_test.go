package capacity

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

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
// Fails when: the case n > c.TestedMax leaves CurveRPM.
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
		if x, err := CurveRPM(c, last); err != nil || math.Abs(x/bending(float64(last))-1) > 1e-6 {
			t.Errorf("%v: X(%d) = %v, %v, want %v", units, last, x, err, bending(float64(last)))
		}
		if x, err := CurveRPM(c, last+1); !errors.Is(err, ErrBeyondTested) || !math.IsNaN(x) {
			t.Errorf("%v: X(%d) = %v, %v, want a refusal", units, last+1, x, err)
		}
	}
	if _, _, err := CurveOf(curvePoints(bending, 4, 4, 4), rand.New(rand.NewPCG(1, 1))); !errors.Is(err, ErrNoCurve) {
		t.Errorf("one number of units: %v, want no curve", err)
	}
	if _, _, err := CurveOf([]LoadPoint{{Units: 1.5, RPM: 3}, {Units: 2, RPM: math.NaN()}}, rand.New(rand.NewPCG(1, 1))); !errors.Is(err, ErrNotThroughput) {
		t.Errorf("half a unit: %v", err)
	}
}

// More demand never takes fewer units, what is measured carries it, and beyond the tested range the answer says so.
//
//	straight from 2 (378.1 a minute) to 8 (1,016.5): 5 units carry 697.3; 1,400 is beyond 8, at 127.1 each 12 units
//
// Fails when: UnitsOn starts at 2, or answers measured beyond the last test.
func TestUnitsOnACurve(t *testing.T) {
	lines, _, err := CurveOf(curvePoints(bending, 2, 8), rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	fitted, _, err := CurveOf(curvePoints(bending, 1, 2, 4, 6, 8, 10), rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		curve    surgecast.CapacityCurve
		demand   float64
		units    int
		measured bool
	}{
		{lines, 0, 0, true},
		{lines, 100, 1, true},
		{lines, 378, 2, true},
		{lines, 697, 5, true},
		{lines, 1010, 8, true},
		{lines, 1400, 12, false},
		{fitted, bending(1), 1, true},
		{fitted, bending(3), 3, true},
		{fitted, bending(3) + 1, 4, true},
		{fitted, 5000, 46, false},
		{surgecast.CapacityCurve{}, 100, 0, false},
	} {
		if n, measured := UnitsOn(c.curve, c.demand); n != c.units || measured != c.measured {
			t.Errorf("%v requests: %d units, measured %t; want %d, %t", c.demand, n, measured, c.units, c.measured)
		}
	}
	for _, curve := range []surgecast.CapacityCurve{lines, fitted} {
		before := 0
		for demand := 1.0; demand < 3000; demand += 7 {
			n, measured := UnitsOn(curve, demand)
			if n < before {
				t.Fatalf("%v requests take %d units, fewer take %d", demand, n, before)
			}
			if x, err := CurveRPM(curve, n); measured && (err != nil || x < demand*(1-1e-6)) {
				t.Fatalf("%d units for %v requests carry %v (%v)", n, demand, x, err)
			}
			before = n
		}
	}
}
