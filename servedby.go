package surgecast

import (
	"math"

	"surgecast/capacity/erlang"
)

// Requests a minute and units are turned into each other here and nowhere else: by the curve load tests measured
// where a site has one, else by so many requests a minute a unit; and where nobody stated that, by what Erlang's formulas
// tell of so many workers.

// MeasuredCapacity is what load tests told of a site's capacity when a person took it over. It is dropped when a
// person sets rpm_per_unit by hand.
type MeasuredCapacity struct {
	LowRPM    float64        `json:"low_rpm"`         // interval of rpm_per_unit
	HighRPM   float64        `json:"high_rpm"`        // 0: no test reached the limit, the figure is a lower bound
	TestedMax int            `json:"tested_max"`      // the most units that were tested
	Curve     *CapacityCurve `json:"curve,omitempty"` // nil: one number of units was tested
}

// CapacityReach says how far load tests carry an answer.
type CapacityReach uint8

// The answers of UnitsFor.
const (
	ReachMeasured CapacityReach = iota // by what was measured, or by the figure somebody set
	ReachUntested                      // beyond the most units tested: a wish, no promise
	ReachPeak                          // more than the site has carried with any number of units; more of them would make it slower
)

// peakDrop is how far the throughput at the most units tested must lie below the best measured before more units are
// taken to do harm: less is noise between two tests.
const peakDrop = .03

// MaxUnitsCounted bounds every number of units: a forecast of 1e300 must not overflow an int on its way to an
// autoscaler.
const MaxUnitsCounted = 1_000_000

// curve is the measured one, nil without.
func (c CapacityProfile) curve() *CapacityCurve {
	if c.Measured == nil || !(c.RPMPerUnit > 0) || c.Measured.Curve == nil || len(c.Measured.Curve.Points) == 0 {
		return nil
	}
	return c.Measured.Curve
}

// AtLeast reports whether no load test has reached the limit: the site takes so much, perhaps more.
func (c CapacityProfile) AtLeast() bool { return c.Measured != nil && c.Measured.HighRPM == 0 }

// Untested reports whether a curve was measured that ends below n units.
func (c CapacityProfile) Untested(n int) bool {
	k := c.curve()
	return k != nil && n > k.TestedMax
}

// mayWaitLonger is the share of requests that may wait longer than WaitLimitSeconds: the limit it comes from is a p95.
const mayWaitLonger = .05

// staffed reports whether what units serve follows from their workers.
func (c CapacityProfile) staffed() bool {
	return !(c.RPMPerUnit > 0) && c.WorkersPerUnit > 0 && c.ServiceSeconds > 0 && c.WaitLimitSeconds() > 0
}

// WaitLimitSeconds is what the p95 limit leaves for waiting once an answer itself took its mean.
func (c CapacityProfile) WaitLimitSeconds() float64 {
	return float64(c.P95LimitMS)/1000 - c.ServiceSeconds
}

// waitLimit is the same in service times.
func (c CapacityProfile) waitLimit() float64 { return c.WaitLimitSeconds() / c.ServiceSeconds }

// Known reports whether anything says what units serve. Without it no risk is claimed.
func (c CapacityProfile) Known() bool { return c.RPMPerUnit > 0 || c.staffed() }

// Each is the requests a minute each of Units serves, 0 when unknown: RPMPerUnit, or what their workers come to.
func (c CapacityProfile) Each() float64 {
	if !c.staffed() {
		return c.RPMPerUnit
	}
	n := max(c.Units, 1)
	return c.Serves(n) / float64(n)
}

// Serves is the requests a minute n units take, 0 when unknown. By workers it is the most with which 95 in 100 requests
// wait no longer than WaitLimitSeconds (M/M/c, all units behind one queue). By a curve, with more units than were ever tested, it is
// what the most tested ones took: nothing is extrapolated (see Untested).
func (c CapacityProfile) Serves(n int) float64 {
	switch {
	case n <= 0 || !c.Known():
		return 0
	case c.staffed():
		return erlang.Load(n*c.WorkersPerUnit, c.waitLimit(), mayWaitLonger) * 60 / c.ServiceSeconds
	}
	if k := c.curve(); k != nil {
		return k.RPM(min(n, k.TestedMax))
	}
	return float64(n) * c.RPMPerUnit
}

// ServesBetween is the interval of Serves as load tests tell it; high is +Inf when no test reached the limit or n units
// were never tested. Both are NaN where no load test was taken over.
func (c CapacityProfile) ServesBetween(n int) (low, high float64) {
	m := c.Measured
	x := c.Serves(n)
	if m == nil || !(x > 0) {
		return math.NaN(), math.NaN()
	}
	k := c.curve()
	if k == nil {
		low, high = float64(n)*m.LowRPM, float64(n)*m.HighRPM
	} else {
		low, high = k.Around(min(n, k.TestedMax), x)
	}
	if c.AtLeast() || c.Untested(n) {
		high = math.Inf(1)
	}
	return low, high
}

// UnitsFor is the fewest units that serve so many requests a minute, and how far what was measured carries that. It is
// 0 when nothing is asked for or what a unit serves is unknown.
//
// By a curve that goes on rising, what is asked for beyond it is answered with what the last tested unit's average
// would need, because sending nothing more into a surge would do harm. By one that has turned, it is the units that
// serve most: more of them would do harm.
func (c CapacityProfile) UnitsFor(rpm float64) (int, CapacityReach) {
	switch {
	case !(rpm > 0) || !c.Known():
		return 0, ReachMeasured
	case c.staffed():
		return erlang.Groups(rpm*(1-noise)*c.ServiceSeconds/60, c.WorkersPerUnit, c.waitLimit(), mayWaitLonger, MaxUnitsCounted), ReachMeasured
	}
	k := c.curve()
	if k == nil {
		return unitsAt(rpm, c.RPMPerUnit), ReachMeasured
	}
	if n, ok := k.fewest(rpm); ok {
		return n, ReachMeasured
	}
	top := k.top()
	if last := k.RPM(k.TestedMax); last <= (1-peakDrop)*k.RPM(top) {
		return top, ReachPeak
	}
	return max(unitsAt(rpm, k.RPM(top)/float64(k.TestedMax)), k.TestedMax), ReachUntested
}

// unitsAt is whole units, rounded up.
func unitsAt(rpm, each float64) int {
	// 1,200 requests over 6 units of 200.00000000000003 are 6 units, not 7: a relative 1e-9 is noise.
	n := math.Ceil(rpm / each * (1 - noise))
	return int(min(max(n, 1), MaxUnitsCounted))
}

const noise = 1e-9

// RPM is the throughput of n units, requests a minute: NaN beyond the most units tested. Below the fewest tested it
// assumes no more of each unit than was measured there, which by the law is too little rather than too much.
func (k CapacityCurve) RPM(n int) float64 {
	switch {
	case n <= 0 || len(k.Points) == 0:
		return 0
	case n > k.TestedMax:
		return math.NaN()
	}
	x := float64(n)
	if k.Fitted {
		return k.Lambda * x / (1 + k.Sigma*(x-1) + k.Kappa*x*(x-1))
	}
	for i, p := range k.Points {
		switch {
		case p[0] >= x && i == 0:
			return x * p[1] / p[0]
		case p[0] >= x:
			a := k.Points[i-1]
			return a[1] + (x-a[0])/(p[0]-a[0])*(p[1]-a[1])
		}
	}
	return math.NaN() // TestedMax is the last point
}

// Most is the highest throughput measured, requests a minute.
func (k CapacityCurve) Most() float64 { return k.RPM(k.top()) }

// Around is the interval of n units that serve x: the relative width at the nearest tested number.
func (k CapacityCurve) Around(n int, x float64) (low, high float64) {
	near := 0
	for i, p := range k.Points {
		if math.Abs(p[0]-float64(n)) < math.Abs(k.Points[near][0]-float64(n)) {
			near = i
		}
	}
	if near >= len(k.Intervals) {
		return x, x
	}
	return min(x, x*k.Intervals[near][0]/k.Points[near][1]), max(x, x*k.Intervals[near][1]/k.Points[near][1])
}

// top is the fewest units of those tested that serve most.
func (k CapacityCurve) top() int {
	if !k.Fitted {
		best := k.Points[0]
		for _, p := range k.Points {
			if p[1] > best[1] {
				best = p
			}
		}
		return int(best[0])
	}
	peak := math.Inf(1)
	if k.Kappa > 0 {
		peak = math.Sqrt(max(1-k.Sigma, 0) / k.Kappa)
	}
	if peak >= float64(k.TestedMax) {
		return k.TestedMax
	}
	n := max(int(peak), 1)
	if k.RPM(n+1) > k.RPM(n) { // the law between whole units; n+1 ≤ TestedMax
		n++
	}
	return n
}

// fewest is the least number of tested units that serve rpm.
func (k CapacityCurve) fewest(rpm float64) (int, bool) {
	enough := func(n int) bool { return k.RPM(n) >= rpm*(1-noise) }
	low, high := 0, 0 // the throughput rises from low to high, and low serves too little
	if k.Fitted {
		high = k.top()
	} else {
		for _, p := range k.Points { // between two points of too little no straight line holds enough
			if high = int(p[0]); enough(high) {
				break
			}
			low = high
		}
	}
	if !enough(high) {
		return 0, false
	}
	for high-low > 1 {
		if mid := (low + high) / 2; enough(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high, true
}
