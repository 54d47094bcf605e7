package capacity

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"surgecast"
)

// sixBySixteen states what nobody measured: 16 workers a unit, 0.2 s a request, 1 s at most for 95 in 100.
func sixBySixteen() surgecast.CapacityProfile {
	return surgecast.CapacityProfile{Units: 6, MinUnits: 1, MaxUnits: 100, WorkersPerUnit: 16, ServiceSeconds: .2, P95LimitMS: 1000, LeadTimeP95Seconds: 300}
}

// What workers come to, against what is known without the recurrence. One worker of 6 s with 6 s left for waiting serves
// ten times the ρ of ρ e^{−(1−ρ)} = .05 a minute. 96 workers at 0.2 s would serve 28,800 flat out, and 99 in 100 of that
// while 95 in 100 wait no longer than four service times (the table of decision 0014).
//
// Fails when: Serves leaves out WorkersPerUnit, takes P95LimitMS whole for waiting, or divides by 60.
func TestWhatWorkersServe(t *testing.T) {
	one := surgecast.CapacityProfile{Units: 1, WorkersPerUnit: 1, ServiceSeconds: 6, P95LimitMS: 12000}
	if rho := one.Serves(1) / 10; math.Abs(rho*math.Exp(-(1-rho))-.05) > 1e-9 {
		t.Errorf("one worker of 6 s serves %.4f requests a minute, with which %.4f wait longer", 10*rho, rho*math.Exp(-(1-rho)))
	}
	p := sixBySixteen()
	if got := p.RPM() / 28800; math.Abs(got-.99) > .005 {
		t.Errorf("96 workers at 0.2 s serve %.0f, %.3f of all they could", p.RPM(), got)
	}
	if got := p.Each() * 6; !(math.Abs(got-p.RPM()) < 1e-6) {
		t.Errorf("six of %.3f each are %.3f, not %.3f", p.Each(), got, p.RPM())
	}
	if !p.Known() || p.AtLeast() || p.Untested(99) || p.Measured != nil {
		t.Errorf("%+v is not known, or measured", p)
	}
	// A figure that was measured or stated is the better one.
	p.RPMPerUnit = 100
	if p.RPM() != 600 || p.Each() != 100 {
		t.Errorf("beside rpm_per_unit 100, six units serve %v", p.RPM())
	}
	for name, p := range map[string]surgecast.CapacityProfile{
		"nothing":         {Units: 6},
		"no limit":        {Units: 6, WorkersPerUnit: 16, ServiceSeconds: .2},
		"nothing to wait": {Units: 6, WorkersPerUnit: 16, ServiceSeconds: .2, P95LimitMS: 200},
		"no service time": {Units: 6, WorkersPerUnit: 16, P95LimitMS: 1000},
	} {
		if n, _ := p.UnitsFor(100); p.Known() || p.RPM() != 0 || p.Each() != 0 || n != 0 {
			t.Errorf("%s: serves %v, and 100 requests take %d units", name, p.RPM(), n)
		}
	}
}

// Requests and units are turned into each other without loss: what n units serve takes n units, a little more one more,
// and of any demand the fewest.
//
// Fails when: UnitsFor leaves out the workers of a unit, or counts seconds for minutes.
func TestWorkersBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := surgecast.CapacityProfile{
			WorkersPerUnit: rapid.IntRange(1, 500).Draw(t, "workers"), ServiceSeconds: rapid.Float64Range(.001, 30).Draw(t, "service"),
		}
		p.P95LimitMS = int(1000*p.ServiceSeconds*rapid.Float64Range(1.01, 9).Draw(t, "limit")) + 1
		n := rapid.IntRange(1, 200).Draw(t, "units")
		p.Units = n
		x := p.Serves(n)
		if got, reach := p.UnitsFor(x); got != n || reach != surgecast.ReachMeasured {
			t.Fatalf("%v requests a minute of %d units take %d", x, n, got)
		}
		if got, _ := p.UnitsFor(x * 1.000001); got != n+1 {
			t.Fatalf("more than %d units serve is given to %d", n, got)
		}
		if more := p.Serves(n + 1); !(more > x) {
			t.Fatalf("%d units serve %v, one more %v", n, x, more)
		}
		if got, _ := p.UnitsFor(1e300); got != surgecast.MaxUnitsCounted {
			t.Fatalf("demand without end takes %d units", got)
		}
	})
}

// A recommendation is by the workers too: the fewest units that serve the demand, no straight line through them.
//
// Fails when: wish asks RPMPerUnit instead of Known.
func TestRecommendGoesByWorkers(t *testing.T) {
	p := sixBySixteen()
	p.WorkersPerUnit, p.P95LimitMS = 1, 400 // single workers: a larger group does much better
	want, _ := p.UnitsFor(5000)
	if line := int(math.Ceil(5000 / p.Each())); !(want < line) || want < 17 {
		t.Fatalf("5,000 a minute take %d single workers of 0.2 s, by a line %d", want, line)
	}
	rec := Recommend(Input{Profile: p, UnitsNow: want, Now: start, Mode: surgecast.ModeAct, DemandNowRPM: 5000, Previous: &surgecast.Recommendation{Units: want, WouldBeUnits: want}, WindowMaxRPM: func(int, int, float64) float64 { return 5000 }})
	if rec.WouldBeUnits != want || !(p.Serves(rec.WouldBeUnits) >= 5000) || rec.Reason == ReasonNoCapacity {
		t.Errorf("recommended %d (%s), want %d", rec.WouldBeUnits, rec.Detail, want)
	}
	p.CostLostRequest, p.CostIdleUnitHour = .01, 6
	if got, over := Alpha(p), 6./60/p.Each(); math.Abs(got-.01/(.01+over)) > 1e-12 {
		t.Errorf("alpha %v by %v a unit", got, p.Each())
	}
}

// What cannot be meant is refused with the field it stands in and what to do.
//
// Fails when: any of the four cases leaves Site.Check.
func TestWorkersAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		field  string
		change func(*surgecast.CapacityProfile)
	}{
		"workers alone":         {"capacity.service_seconds", func(c *surgecast.CapacityProfile) { c.ServiceSeconds = 0 }},
		"service alone":         {"capacity.workers_per_unit", func(c *surgecast.CapacityProfile) { c.WorkersPerUnit = 0 }},
		"two answers":           {"capacity.rpm_per_unit", func(c *surgecast.CapacityProfile) { c.RPMPerUnit = 200 }},
		"no limit":              {"capacity.p95_limit_ms", func(c *surgecast.CapacityProfile) { c.P95LimitMS = 0 }},
		"no time for waiting":   {"capacity.p95_limit_ms", func(c *surgecast.CapacityProfile) { c.P95LimitMS = 200 }},
		"not a number of them":  {"capacity.workers_per_unit", func(c *surgecast.CapacityProfile) { c.WorkersPerUnit = -1 }},
		"endless service":       {"capacity.service_seconds", func(c *surgecast.CapacityProfile) { c.ServiceSeconds = math.Inf(1) }},
		"not a time":            {"capacity.service_seconds", func(c *surgecast.CapacityProfile) { c.ServiceSeconds = math.NaN() }},
		"":                      {"", func(*surgecast.CapacityProfile) {}},
		"longer than any limit": {"capacity.p95_limit_ms", func(c *surgecast.CapacityProfile) { c.ServiceSeconds = 2 }},
	} {
		s := surgecast.Site{Slug: "shop", Capacity: sixBySixteen()}
		c.change(&s.Capacity)
		s.Default()
		err := s.Check()
		var wrong *surgecast.FieldError
		switch {
		case c.field == "" && err != nil:
			t.Errorf("workers as they should be: %v", err)
		case c.field != "" && (!errors.As(err, &wrong) || wrong.Field != c.field || wrong.Remedy == ""):
			t.Errorf("%s: %v, want %s", name, err, c.field)
		}
	}
}

// A load test that never reached the limit beats what workers come to only when it carried more.
//
// Fails when: Taken compares with RPMPerUnit, 0 here.
func TestALowerBoundBesideWorkers(t *testing.T) {
	p := sixBySixteen()
	m := surgecast.Measured{RPMPerUnit: p.Each() - 1, Interval: [2]float64{p.Each() - 1, math.Inf(1)}, TestedMax: 6}
	if _, err := m.Taken(p); err == nil {
		t.Error("at least less than its workers come to was taken over")
	}
	m.RPMPerUnit = p.Each() + 1
	if taken, err := m.Taken(p); err != nil || taken.HighRPM != 0 {
		t.Errorf("at least more: %+v, %v", taken, err)
	}
}

func BenchmarkRecommendByWorkers(b *testing.B) {
	p := sixBySixteen()
	in := Input{Profile: p, UnitsNow: 6, Now: start, Mode: surgecast.ModeAct, DemandNowRPM: 20000, WindowMaxRPM: func(_, to int, p float64) float64 { return 20000 + float64(to)*40*p }}
	b.ReportAllocs()
	for b.Loop() {
		Recommend(in)
	}
}
