package rehearse

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"surgecast"
)

// stepsTo is a test whose steps rise to and past a limit: p95 doubles with every step beyond knee.
func stepsTo(id string, units int, knee float64) surgecast.LoadTest {
	t := surgecast.LoadTest{ID: id, Units: units, Tool: surgecast.ToolK6}
	for i := 1; i <= 6; i++ {
		x := knee * float64(i) / 4 // the fourth step stands at the knee
		p := surgecast.LoadPoint{OfferedRPM: x, ServedRPM: x, P95MS: 100, Concurrency: unknown, SpreadRPM: unknown, Seconds: 60}
		if i == 4 {
			p.P95MS = 250
		}
		if i > 4 {
			p.P95MS = 1000 * math.Pow(2, float64(i-5))
		}
		t.Points = append(t.Points, p)
	}
	return t
}

// A limit of 500 ms lies halfway, in logarithms, between 250 at 1,000 a minute and 1,000 at 1,250:
//
//	ln(500/250) / ln(1000/250) = ½, so 1,000 + ½·250 = 1,125; the steps are the interval
//
// Fails when: crossing answers 1 (1,250: load at which the limit is passed already).
func TestLimitIsReadBetweenTwoSteps(t *testing.T) {
	m := Measure(surgecast.CapacityProfile{Units: 5, P95LimitMS: 500}, []surgecast.LoadTest{stepsTo("a", 5, 1000)}, 1)
	l := m.Levels[0]
	if !near(l.RPM, 1125, 1e-9) || l.Interval != [2]float64{1000, 1250} || !l.Reached || l.Limit != "p95" {
		t.Errorf("level %+v, want 1,125 of 1,000 to 1,250 by p95", l)
	}
	if !near(m.RPMPerUnit, 225, 1e-9) || m.Interval != [2]float64{200, 250} {
		t.Errorf("one unit %v of %v, want 225 of [200 250]", m.RPMPerUnit, m.Interval)
	}
	if said := strings.Join(m.Sentences, "\n"); !strings.Contains(said, "Tested up to 5 units; beyond that we do not guess.") || strings.Contains(said, "peak") {
		t.Errorf("said %q", said)
	}
	if m.Curve != nil || !math.IsNaN(m.PeakUnits) {
		t.Errorf("a curve of one number of units: %+v", m.Curve)
	}
}

// A test that never reached the limit says "at least", and nothing more.
func TestAtLeast(t *testing.T) {
	low := stepsTo("a", 2, 1000)
	low.Points = low.Points[:3]
	m := Measure(surgecast.CapacityProfile{Units: 2, P95LimitMS: 500}, []surgecast.LoadTest{low}, 1)
	if m.RPMPerUnit != 375 || m.Interval[0] != 375 || !math.IsInf(m.Interval[1], 1) || m.Levels[0].Reached {
		t.Errorf("%v of %v, want at least 375", m.RPMPerUnit, m.Interval)
	}
	if said := strings.Join(m.Sentences, "\n"); !strings.Contains(said, "One unit serves at least 375 requests a minute.") {
		t.Errorf("said %q", said)
	}
	// A test that was too heavy from its first step says nothing.
	heavy := stepsTo("b", 2, 1000)
	heavy.Points = heavy.Points[5:]
	m = Measure(surgecast.CapacityProfile{Units: 2, P95LimitMS: 500}, []surgecast.LoadTest{heavy}, 1)
	if !math.IsNaN(m.RPMPerUnit) || len(m.Levels) != 0 || !strings.Contains(strings.Join(m.Sentences, " "), "test with less load") {
		t.Errorf("%+v", m)
	}
	if m := Measure(surgecast.CapacityProfile{Units: 2}, nil, 1); !math.IsNaN(m.RPMPerUnit) || len(m.Sentences) != 1 {
		t.Errorf("without tests: %+v", m)
	}
}

// Errors, a growing queue and a throughput that no longer rises are limits too.
func TestOtherLimits(t *testing.T) {
	point := func(users, offered, served, share float64) surgecast.LoadPoint {
		return surgecast.LoadPoint{Concurrency: users, OfferedRPM: offered, ServedRPM: served, ErrorShare: share, P95MS: unknown, SpreadRPM: unknown}
	}
	for _, c := range []struct {
		name, limit string
		rpm, top    float64
		points      []surgecast.LoadPoint
	}{
		// 1 % lies half way from 0 to 2 %: 1,000 + ½·(1,176 − 1,000)
		{"errors", "errors", 1088, 1176, []surgecast.LoadPoint{point(unknown, 1000, 1000, 0), point(unknown, 1200, 1176, .02)}},
		{"queue", "queue", 1000, 1100, []surgecast.LoadPoint{point(unknown, 1000, 1000, 0), point(unknown, 1500, 1100, 0)}},
		{"throughput", "throughput", 1010, 1010 * noGain, []surgecast.LoadPoint{point(10, 1000, 1000, 0), point(20, 1010, 1010, 0)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Measure(surgecast.CapacityProfile{Units: 1}, []surgecast.LoadTest{{ID: "x", Units: 1, Points: c.points}}, 1)
			if l := m.Levels[0]; l.Limit != c.limit || !near(l.RPM, c.rpm, 1e-9) || !near(l.Interval[1], c.top, 1e-9) {
				t.Errorf("%+v, want %s at %v up to %v", l, c.limit, c.rpm, c.top)
			}
		})
	}
}

// law is a site of known truth: λ 220, σ .03, κ .002, whose peak lies at √(.97/.002) = 22 units.
func law(n float64) float64 { return 220 * n / (1 + .03*(n-1) + .002*n*(n-1)) }

func lawTests(noise float64, units ...int) (tests []surgecast.LoadTest) {
	for i, n := range units {
		for k := range 2 {
			off := 1 + noise*float64((i*7+k*4)%5-2)/2
			// The knee of stepsTo is read 1.125 times higher at 500 ms.
			tests = append(tests, stepsTo(fmt.Sprintf("t%d-%d", n, k), n, law(float64(n))*off/1.125))
		}
	}
	return tests
}

// Several numbers of units make a curve by the scalability law, and one unit is worth less the more there are:
//
//	X(10)/10 = 220 / (1 + .03·9 + .002·90) = 151.7
//
// Fails when: propose takes Lambda instead of the curve at the units configured.
func TestCurveOverUnits(t *testing.T) {
	tests := lawTests(.01, 1, 2, 4, 6, 8, 10)
	m := Measure(surgecast.CapacityProfile{Units: 10, P95LimitMS: 500}, tests, 1)
	if m.Curve == nil || !m.Curve.Fitted || m.Curve.TestedMax != 10 || m.TestedMax != 10 {
		t.Fatalf("curve %+v", m.Curve)
	}
	if !near(m.RPMPerUnit, law(10)/10, .03) || !(m.Interval[0] < law(10)/10 && law(10)/10 < m.Interval[1]) {
		t.Errorf("one unit of 10: %v of %v, truth %v", m.RPMPerUnit, m.Interval, law(10)/10)
	}
	// The peak is real, at 22 units, but 10 were tested: nothing is said of it.
	if said := strings.Join(m.Sentences, "\n"); !math.IsNaN(m.PeakUnits) || !strings.Contains(said, "No peak found within the tested range.") {
		t.Errorf("peak %v, said %q", m.PeakUnits, said)
	}
	again := Measure(surgecast.CapacityProfile{Units: 10, P95LimitMS: 500}, tests, 1)
	if again.Interval != m.Interval {
		t.Errorf("the same tests give %v, then %v", m.Interval, again.Interval)
	}
}

// Tested beyond the peak, the peak is named. Fails when: leastForPeak is 9.
func TestPeakWithinTheTestedRange(t *testing.T) {
	m := Measure(surgecast.CapacityProfile{Units: 10, P95LimitMS: 500}, lawTests(.01, 1, 2, 4, 8, 16, 24, 32, 40), 1)
	if !near(m.PeakUnits, 22, .1) {
		t.Errorf("peak at %v units, truth 22; %v", m.PeakUnits, m.Sentences)
	}
	// With four different numbers nobody names one, wherever they lie.
	m = Measure(surgecast.CapacityProfile{Units: 10, P95LimitMS: 500}, lawTests(.01, 1, 8, 24, 40), 1)
	if !math.IsNaN(m.PeakUnits) {
		t.Errorf("peak at %v units from four numbers of units", m.PeakUnits)
	}
}

// Two numbers of units are no fit: straight lines between them, and a site larger than what was tested is told so.
func TestTwoNumbersOfUnits(t *testing.T) {
	m := Measure(surgecast.CapacityProfile{Units: 12, P95LimitMS: 500}, lawTests(0, 2, 8), 1)
	if m.Curve == nil || m.Curve.Fitted || !near(m.RPMPerUnit, law(8)/8, 1e-9) {
		t.Fatalf("%v, curve %+v", m.RPMPerUnit, m.Curve)
	}
	// The knee was read between two steps, 1/1.125 and 1.25/1.125 of it: so wide is the interval.
	if lo, hi := m.Interval[0]/m.RPMPerUnit, m.Interval[1]/m.RPMPerUnit; !near(lo, 1/1.125, 1e-9) || !near(hi, 1.25/1.125, 1e-9) {
		t.Errorf("interval %v of %v", m.Interval, m.RPMPerUnit)
	}
	said := strings.Join(m.Sentences, "\n")
	for _, want := range []string{"Tested up to 8 units; beyond that we do not guess.", "12 units are configured: test with as many.", "straight lines"} {
		if !strings.Contains(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	}
}

// One history of Locust is enough for one number of units: the step of 100 users has 3 % errors.
func TestLocustHistoryGivesCapacity(t *testing.T) {
	test := read(t, "locust_stats_history.csv")
	test.ID, test.Units = "ldt_1", 4
	m := Measure(surgecast.CapacityProfile{Units: 4, P95LimitMS: 2500}, []surgecast.LoadTest{test}, 1)
	l := m.Levels[0]
	// The most users within the limits bring X(60) or X(80); beyond, throughput falls.
	if x := 60 * 1.7 * 60 / (1 + .01*59 + .0002*60*59); !near(l.RPM, x, .02) || !l.Reached || !(l.Interval[0] < x && x < l.Interval[1]*1.01) {
		t.Errorf("%+v, want about %v", l, x)
	}
}
