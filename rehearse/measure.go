package rehearse

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"surgecast"
	"surgecast/capacity"
)

// What a step must keep to count as carried.
const (
	mostErrors = .01 // share of answers that may be bad
	leastKept  = .95 // of what an open-model test sends must be answered while it runs
	noGain     = 1.03
)

// Measure says what a site's load tests tell of its capacity: what each number of units sustained within the site's
// p95 limit and 1 % errors, the curve over units, and what one unit serves at the units configured now.
//
// seed makes the draws of the intervals repeatable: the same tests give the same answer.
func Measure(p surgecast.CapacityProfile, tests []surgecast.LoadTest, seed uint64) surgecast.Measured {
	m := surgecast.Measured{RPMPerUnit: unknown, Interval: [2]float64{unknown, unknown}, PeakUnits: unknown}
	by := map[int][]carried{}
	for _, t := range tests {
		by[t.Units] = append(by[t.Units], carry(t, float64(p.P95LimitMS)))
	}
	units := make([]int, 0, len(by))
	for n := range by {
		units = append(units, n)
	}
	slices.Sort(units)
	var points []capacity.LoadPoint
	var over []string
	for _, n := range units {
		level, ok := pool(n, by[n])
		if !ok {
			over = append(over, fmt.Sprintf("At %s every step went beyond the limits: test with less load.", unitWords(n)))
			continue
		}
		m.Levels = append(m.Levels, level)
		for _, c := range by[n] {
			if c.reached {
				points = append(points, capacity.LoadPoint{Units: float64(n), RPM: c.rpm})
			}
		}
	}
	if len(m.Levels) == 0 {
		m.Sentences = append(over, "No load test tells the capacity yet.")
		return m
	}
	m.TestedMax = m.Levels[len(m.Levels)-1].Units
	if len(m.Levels) > 1 {
		c, peak, err := capacity.CurveOf(points, rand.New(rand.NewPCG(seed, 5)))
		switch {
		case err == nil:
			m.Curve, m.PeakUnits, m.TestedMax = &c, peak, c.TestedMax
			for i, q := range c.Points {
				// A fit averages the noise of tests, not how coarse their steps were: no interval is narrower than the
				// two steps each number of units was read between.
				read := m.Levels[slices.IndexFunc(m.Levels, func(l surgecast.MeasuredLevel) bool { return float64(l.Units) == q[0] })].Interval
				c.Intervals[i] = [2]float64{min(c.Intervals[i][0], read[0]), max(c.Intervals[i][1], read[1])}
			}
		case !errors.Is(err, capacity.ErrNoCurve):
			m.Sentences = append(m.Sentences, "No curve: "+err.Error()+".")
		}
	}
	propose(&m, p.Units)
	say(&m, p)
	m.Sentences = append(m.Sentences, over...)
	return m
}

// carried is what one test sustained.
type carried struct {
	id       string
	rpm      float64
	interval [2]float64
	reached  bool
	limit    string
	any      bool // some step kept the limits
}

// carry finds the load at which a test's steps leave the limits. Between the heaviest step that kept them and the
// next that did not, the crossing is read off a straight line: answer times in their logarithm, errors as they are.
// The two steps are the interval, widened by twice their standard errors where the tool gives any.
func carry(t surgecast.LoadTest, limitMS float64) carried {
	c := carried{id: t.ID, interval: [2]float64{0, math.Inf(1)}}
	var best *surgecast.LoadPoint
	for i := range t.Points {
		p := &t.Points[i]
		if broken(*p, limitMS) == "" && (best == nil || p.ServedRPM > best.ServedRPM) {
			best = p
		}
	}
	if best == nil {
		return c
	}
	c.any, c.rpm = true, best.ServedRPM
	c.interval[0] = max(best.ServedRPM-2*spread(*best), 0)

	var next *surgecast.LoadPoint
	for i := range t.Points {
		p := &t.Points[i]
		heavier := p.OfferedRPM > best.OfferedRPM || p.Concurrency > best.Concurrency
		if broken(*p, limitMS) != "" && heavier && (next == nil || lighter(*p, *next)) {
			next = p
		}
	}
	if next != nil {
		c.reached, c.limit = true, broken(*next, limitMS)
		top := max(next.ServedRPM, best.ServedRPM)
		c.rpm += crossing(*best, *next, limitMS) * (top - best.ServedRPM)
		c.interval[1] = top + 2*max(spread(*next), spread(*best))
		return c
	}
	// Nothing broke, but more users did not bring more either: that is the limit too.
	for _, p := range t.Points {
		if p.Concurrency >= 1.25*best.Concurrency && p.ServedRPM <= best.ServedRPM || best.Concurrency >= 1.25*p.Concurrency && best.ServedRPM <= noGain*p.ServedRPM {
			c.reached, c.limit = true, "throughput"
			c.interval[1] = noGain*best.ServedRPM + 2*spread(*best)
			return c
		}
	}
	return c
}

// broken names the limit a step went beyond, "" when it kept them all.
func broken(p surgecast.LoadPoint, limitMS float64) string {
	switch {
	case p.ErrorShare > mostErrors:
		return "errors"
	case limitMS > 0 && p.P95MS > limitMS: // NaN is not judged
		return "p95"
	case p.ServedRPM < leastKept*p.OfferedRPM*(1-p.ErrorShare):
		return "queue"
	}
	return ""
}

func lighter(a, b surgecast.LoadPoint) bool {
	if a.Concurrency != b.Concurrency && !math.IsNaN(a.Concurrency) && !math.IsNaN(b.Concurrency) {
		return a.Concurrency < b.Concurrency
	}
	return a.OfferedRPM < b.OfferedRPM
}

// crossing is where between two steps the first limit is passed: 0 at the one that kept them, 1 at the other.
func crossing(kept, beyond surgecast.LoadPoint, limitMS float64) float64 {
	at := 1.0
	if e := beyond.ErrorShare; e > mostErrors {
		at = min(at, (mostErrors-kept.ErrorShare)/(e-kept.ErrorShare))
	}
	if a, b := kept.P95MS, beyond.P95MS; limitMS > 0 && b > limitMS && a > 0 && a < b {
		at = min(at, math.Log(limitMS/a)/math.Log(b/a))
	}
	if broken(beyond, limitMS) == "queue" {
		at = 0 // what was sent and not answered is a queue that grows: the step before is what is sustained
	}
	return max(at, 0)
}

func spread(p surgecast.LoadPoint) float64 {
	if math.IsNaN(p.SpreadRPM) {
		return 0
	}
	return p.SpreadRPM
}

// pool joins tests at the same number of units. A test that reached the limit beats one that only says "at least",
// unless that one carried more.
func pool(units int, tests []carried) (surgecast.MeasuredLevel, bool) {
	l := surgecast.MeasuredLevel{Units: units, Interval: [2]float64{math.Inf(1), 0}}
	var sum, n, atLeast float64
	for _, c := range tests {
		if !c.any {
			continue
		}
		l.Tests = append(l.Tests, c.id)
		if !c.reached {
			atLeast = max(atLeast, c.rpm)
			continue
		}
		l.Reached, l.Limit = true, c.limit
		sum, n = sum+c.rpm, n+1
		l.Interval[0], l.Interval[1] = min(l.Interval[0], c.interval[0]), max(l.Interval[1], c.interval[1])
	}
	switch {
	case len(l.Tests) == 0:
		return l, false
	case !l.Reached:
		l.RPM, l.Interval = atLeast, [2]float64{atLeast, math.Inf(1)}
	default:
		l.RPM = max(sum/n, atLeast)
		l.Interval[1] = max(l.Interval[1], l.RPM)
	}
	return l, true
}

// propose fills RPMPerUnit: what each of the units configured now serves, by the curve, or by the tested level nearest
// to them. Beyond the tested range the largest tested number stands in.
func propose(m *surgecast.Measured, units int) {
	at := min(max(units, 1), m.TestedMax)
	if c := m.Curve; c != nil {
		x := c.RPM(at)
		low, high := c.Around(at, x)
		n := float64(at)
		m.RPMPerUnit, m.Interval = x/n, [2]float64{low / n, high / n}
		return
	}
	// One level: the one that reached its limit, and of several that did not, the nearest.
	best := m.Levels[0]
	for _, l := range m.Levels[1:] {
		closer := math.Abs(float64(l.Units-units)) < math.Abs(float64(best.Units-units))
		if l.Reached != best.Reached && l.Reached || l.Reached == best.Reached && closer {
			best = l
		}
	}
	n := float64(best.Units)
	m.RPMPerUnit = best.RPM / n
	m.Interval = [2]float64{best.Interval[0] / n, best.Interval[1] / n}
}

// say puts into words what was found.
func say(m *surgecast.Measured, p surgecast.CapacityProfile) {
	add := func(format string, args ...any) { m.Sentences = append(m.Sentences, fmt.Sprintf(format, args...)) }
	limit := "1 % errors"
	if p.P95LimitMS > 0 {
		limit = fmt.Sprintf("a p95 of %d ms and 1 %% errors", p.P95LimitMS)
	}
	for _, l := range m.Levels {
		if l.Reached {
			add("%s: %s requests a minute within %s (%s to %s), then %s.", sentence(unitWords(l.Units)), whole(l.RPM), limit, whole(l.Interval[0]), whole(l.Interval[1]), gaveWay[l.Limit])
		} else {
			add("%s: at least %s requests a minute within %s; the test did not reach the limit.", sentence(unitWords(l.Units)), whole(l.RPM), limit)
		}
	}
	tested := 0
	for _, l := range m.Levels {
		if l.Reached {
			tested++
		}
	}
	switch {
	case !math.IsNaN(m.PeakUnits):
		add("Throughput peaks at about %.0f units: more of them make it slower.", m.PeakUnits)
	case tested > 1:
		add("No peak found within the tested range.")
	}
	add("Tested up to %s; beyond that we do not guess.", unitWords(m.TestedMax))
	if p.Units > m.TestedMax {
		add("%s are configured: test with as many.", sentence(unitWords(p.Units)))
	}
	if p.P95LimitMS == 0 {
		add("The site has no p95 limit: answer times were not judged.")
	}
	if c := m.Curve; c != nil && c.Fitted {
		add("Fit of the scalability law: one unit alone %s a minute, %.2g lost to waiting (σ), %.2g to keeping consistent (κ).", whole(c.Lambda), c.Sigma, c.Kappa)
	} else if tested > 1 {
		add("Too few numbers of units for a fit: straight lines between the tested ones stand in.")
	}
	if math.IsInf(m.Interval[1], 1) {
		add("One unit serves at least %s requests a minute.", whole(m.RPMPerUnit))
	} else {
		add("One unit serves %s requests a minute (%s to %s).", whole(m.RPMPerUnit), whole(m.Interval[0]), whole(m.Interval[1]))
	}
}

// gaveWay says what a limit of MeasuredLevel means.
var gaveWay = map[string]string{
	"p95": "answers are too slow", "errors": "errors pass 1 %", "queue": "requests queue up", "throughput": "more users bring no more",
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// whole is a number of requests with groups of three; small ones keep one decimal.
func whole(x float64) string {
	if x < 100 && x != math.Trunc(x) {
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	s := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func unitWords(n int) string {
	if n == 1 {
		return "1 unit"
	}
	return strconv.Itoa(n) + " units"
}
