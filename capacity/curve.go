package capacity

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"surgecast"
)

// ErrNoCurve says that load tests at one number of units only do not make a curve.
var ErrNoCurve = errors.New("a curve needs what was carried with at least 2 different numbers of units")

// leastForPeak is how many different numbers of units must have been tested before a peak is believed.
const leastForPeak = 5

// CurveOf makes the capacity curve of a site from what was carried at each number of units: by the Universal
// Scalability Law where the points suffice for a fit (FitUSL), else straight lines between them. peak is N* of the
// fit, NaN unless it lies within the tested range, κ's interval excludes 0 and at least 5 different numbers of units
// were tested. Points of the same units are repetitions; rng draws the intervals.
func CurveOf(points []LoadPoint, rng *rand.Rand) (c surgecast.CapacityCurve, peak float64, err error) {
	peak = math.NaN()
	by := map[float64][]float64{}
	for _, p := range points {
		if !(p.Units >= 1) || !(p.RPM > 0) || math.IsInf(p.RPM, 0) || p.Units != math.Trunc(p.Units) || p.Units > surgecast.MaxUnitsCounted {
			return c, peak, fmt.Errorf("load point of %g units and %g requests a minute: %w", p.Units, p.RPM, ErrNotThroughput)
		}
		by[p.Units] = append(by[p.Units], p.RPM)
	}
	if len(by) < 2 {
		return c, peak, fmt.Errorf("load tests at %d different numbers of units: %w", len(by), ErrNoCurve)
	}
	for n, xs := range by {
		sum := 0.0
		for _, x := range xs {
			sum += x
		}
		c.Points = append(c.Points, [2]float64{n, sum / float64(len(xs))})
	}
	slices.SortFunc(c.Points, func(a, b [2]float64) int { return int(math.Copysign(1, a[0]-b[0])) })
	c.TestedMin, c.TestedMax = int(c.Points[0][0]), int(c.Points[len(c.Points)-1][0])

	u, err := FitUSL(points, rng)
	switch {
	case errors.Is(err, ErrFewPoints), errors.Is(err, ErrNoStress):
		for _, p := range c.Points {
			c.Intervals = append(c.Intervals, [2]float64{slices.Min(by[p[0]]), slices.Max(by[p[0]])})
		}
		return c, peak, nil
	case err != nil:
		return c, peak, err
	}
	c.Fitted, c.Lambda, c.Sigma, c.Kappa = true, u.Gamma, u.Sigma, u.Kappa
	for _, p := range c.Points {
		_, interval, err := u.At(p[0])
		if err != nil {
			return c, peak, err
		}
		c.Intervals = append(c.Intervals, interval)
	}
	if n := u.PeakUnits(); u.Extrapolates && len(by) >= leastForPeak && n <= float64(c.TestedMax) {
		peak = n
	}
	return c, peak, nil
}
