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
		if !(p.Units >= 1) || !(p.RPM > 0) || math.IsInf(p.RPM, 0) || p.Units != math.Trunc(p.Units) || p.Units > maxUnits {
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

// CurveRPM is the throughput of n units by a curve, requests a minute. Beyond the largest tested number it refuses
// (ErrBeyondTested); below the smallest it assumes no more of each unit than was measured there, which by the law
// is too little rather than too much.
func CurveRPM(c surgecast.CapacityCurve, n int) (float64, error) {
	switch {
	case n <= 0 || len(c.Points) == 0:
		return 0, nil
	case n > c.TestedMax:
		return math.NaN(), fmt.Errorf("throughput of %d units, tested up to %d: %w", n, c.TestedMax, ErrBeyondTested)
	case c.Fitted:
		return USL{Gamma: c.Lambda, Sigma: c.Sigma, Kappa: c.Kappa}.value(float64(n)), nil
	}
	x := float64(n)
	for i, p := range c.Points {
		switch {
		case p[0] == x:
			return p[1], nil
		case p[0] > x && i == 0:
			return x * p[1] / p[0], nil
		case p[0] > x:
			a := c.Points[i-1]
			return a[1] + (x-a[0])/(p[0]-a[0])*(p[1]-a[1]), nil
		}
	}
	return math.NaN(), fmt.Errorf("throughput of %d units: %w", n, ErrBeyondTested)
}

// UnitsOn is the fewest units that serve demandRPM requests a minute by a measured curve. measured is false where no
// tested number of units does: then units is what the last tested unit's average would ask for, a wish and no promise,
// because sending nothing more into a surge would do harm. The caller must say so.
func UnitsOn(c surgecast.CapacityCurve, demandRPM float64) (units int, measured bool) {
	if !(demandRPM > 0) || len(c.Points) == 0 {
		return 0, len(c.Points) > 0
	}
	best := 0.0
	for n := 1; n <= c.TestedMax; n++ {
		x, err := CurveRPM(c, n)
		if err != nil {
			break
		}
		if x >= demandRPM*(1-1e-9) {
			return n, true
		}
		best = max(best, x)
	}
	return max(Units(demandRPM, best/float64(c.TestedMax)), c.TestedMax), false
}
