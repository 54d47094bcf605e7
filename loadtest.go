package surgecast

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// LoadPoint is one step of a load test: what was sent, and what came back. Numbers that the tool did not
// report are NaN.
type LoadPoint struct {
	Concurrency float64 // users, threads or connections at once
	OfferedRPM  float64 // requests a minute that were sent, or were to be sent by an open-model test
	ServedRPM   float64 // answered well, requests a minute
	P95MS       float64
	ErrorShare  float64 // of the requests sent, answered badly or not at all; 0…1
	Seconds     float64 // how long the step lasted
	SpreadRPM   float64 // standard error of ServedRPM
}

// LoadTest is a load test of a site at one number of units, as a tool's result file tells it.
type LoadTest struct {
	ID         string // ldt_…
	AccountID  int64
	SiteID     int64
	Tool       LoadTool
	File       string // name of the result file
	RanAt      time.Time
	ImportedAt time.Time
	By         string // who imported it
	Units      int    // serving while it ran; no result file knows it
	Points     []LoadPoint
	Notes      []string // what the file said that no number holds: failed thresholds, percentiles taken for p95
}

// LoadTool names the program a result comes from.
type LoadTool string

// The tools whose results are read.
const (
	ToolK6     LoadTool = "k6"
	ToolVegeta LoadTool = "vegeta"
	ToolLocust LoadTool = "locust"
	ToolJMeter LoadTool = "jmeter"
	ToolWrk    LoadTool = "wrk"
)

// LoadTools are the tools whose results are read.
func LoadTools() []LoadTool { return []LoadTool{ToolK6, ToolVegeta, ToolLocust, ToolJMeter, ToolWrk} }

// Bounds of load tests: a site keeps the newest MaxLoadTests, each of at most MaxLoadPoints steps.
const (
	MaxLoadTests  = 200
	MaxLoadPoints = 500
)

// Check returns the first thing wrong with a test as a FieldError.
func (t LoadTest) Check() error {
	switch {
	case t.Units < 1 || t.Units > 1_000_000:
		return &FieldError{Field: "units", Value: fmt.Sprint(t.Units), Detail: "is not a number of units", Remedy: "Say how many units served while the test ran: --units N, or ?units=N."}
	case len(t.Points) == 0:
		return &FieldError{Field: "file", Value: t.File, Detail: "holds no step with requests", Remedy: "Import the result of a test that ran."}
	case len(t.Points) > MaxLoadPoints:
		return &FieldError{Field: "file", Value: t.File, Detail: fmt.Sprintf("holds %d steps", len(t.Points)), Remedy: fmt.Sprintf("At most %d are kept: split it.", MaxLoadPoints)}
	}
	for i, p := range t.Points {
		if !(p.ServedRPM >= 0 && p.ServedRPM <= 1e12) || !(p.OfferedRPM > 0 && p.OfferedRPM <= 1e12) || !(p.ErrorShare >= 0 && p.ErrorShare <= 1) || p.P95MS < 0 || math.IsInf(p.P95MS, 0) {
			return &FieldError{
				Field: "file", Value: t.File, Detail: fmt.Sprintf("step %d has %g requests a minute served of %g, an error share of %g and a p95 of %g ms", i+1, p.ServedRPM, p.OfferedRPM, p.ErrorShare, p.P95MS),
				Remedy: "Rates are positive and a share lies between 0 and 1: check which file this is.",
			}
		}
	}
	return nil
}

// Measured is what a site's load tests say of its capacity.
type Measured struct {
	Levels []MeasuredLevel // by units, rising
	Curve  *CapacityCurve  // nil: fewer than two numbers of units carry anything

	RPMPerUnit float64    // proposed: what one unit serves at the units configured now; NaN: nothing can be proposed
	Interval   [2]float64 // of it; an infinite upper end: no test reached the limit
	TestedMax  int        // units; beyond it nothing is claimed
	PeakUnits  float64    // where more units no longer help; NaN: no peak found within the tested range
	Sentences  []string   // what was found, and what is not known
}

// MeasuredLevel is what was carried with one number of units.
type MeasuredLevel struct {
	Units    int
	RPM      float64    // sustained within the limits
	Interval [2]float64 // an infinite upper end: the limit was not reached
	Reached  bool       // some step went beyond the limits: RPM is the limit, not only "at least"
	Tests    []string   // ids
	Limit    string     // what gave way first: "p95", "errors", "queue" or "throughput"; empty when nothing did
}

// CapacityCurve is throughput over units as measured: the Universal Scalability Law
//
//	X(N) = λN / (1 + σ(N−1) + κN(N−1))
//
// when Fitted, else straight lines between the measured levels (of a concave curve a lower bound). It ends at
// TestedMax: beyond it nobody has measured anything.
type CapacityCurve struct {
	Fitted bool    `json:"fitted"`
	Lambda float64 `json:"lambda"` // requests a minute one unit serves alone
	Sigma  float64 `json:"sigma"`  // share lost to waiting for what is shared
	Kappa  float64 `json:"kappa"`  // lost to keeping it consistent

	TestedMin int          `json:"tested_min"`
	TestedMax int          `json:"tested_max"`
	Points    [][2]float64 `json:"points"` // units, requests a minute; rising units
	Intervals [][2]float64 `json:"intervals"`
}

// Taken is what becomes the site's when a person takes over what its load tests tell. A FieldError says why it cannot:
// nothing was measured, no test reached the limit and what it carried is no more than the site is judged by already,
// or the units configured were never tested.
func (m Measured) Taken(c CapacityProfile) (MeasuredCapacity, error) {
	out := MeasuredCapacity{LowRPM: m.Interval[0], HighRPM: m.Interval[1], TestedMax: m.TestedMax, Curve: m.Curve}
	units := fmt.Sprintf("%d units", c.Units)
	switch {
	case !(m.RPMPerUnit > 0):
		return out, &FieldError{Field: "site", Detail: "has no load test that tells what one unit serves", Remedy: "Test with less load, so that some step keeps the limits. Nothing was changed."}
	case m.Curve != nil && c.Units > m.Curve.TestedMax:
		return out, &FieldError{
			Field: "units", Value: units, Detail: fmt.Sprintf("are configured, and load tests reached their limit with at most %d: what %s serve would be a guess", m.Curve.TestedMax, units),
			Remedy: fmt.Sprintf("Test with %s, or configure as many as serve. Nothing was changed.", units),
		}
	case !math.IsInf(m.Interval[1], 1):
		return out, nil
	case c.Each() >= m.RPMPerUnit:
		return out, &FieldError{
			Field: "site", Detail: fmt.Sprintf("is judged by %.4g a unit; no load test reached the limit, and at least %.4g says nothing against that", c.Each(), m.RPMPerUnit),
			Remedy: "Test with more load, until some step breaks a limit. Nothing was changed.",
		}
	}
	out.HighRPM = 0 // a lower bound
	return out, nil
}

// CapacityChange is one change of rpm_per_unit that load tests gave reason for. The log is only added to.
type CapacityChange struct {
	SiteID    int64
	At        time.Time
	By        string
	FromRPM   float64 // requests a minute one unit served, as configured before
	ToRPM     float64
	Interval  [2]float64
	TestIDs   []string
	TestedMax int
	Measured  MeasuredCapacity
	Words     string // the sentence that was shown
}

// RehearsalFormat is the tool a rehearsal is written for.
type RehearsalFormat string

// The formats.
const (
	RehearseK6     RehearsalFormat = "k6"
	RehearseVegeta RehearsalFormat = "vegeta"
	RehearseLocust RehearsalFormat = "locust"
)

// RehearsalFormats are the tools a rehearsal can be written for.
func RehearsalFormats() []RehearsalFormat {
	return []RehearsalFormat{RehearseK6, RehearseVegeta, RehearseLocust}
}

// Rehearsal is a course of traffic to be played against a site before it comes. It never holds an address: whoever
// runs it names the target.
type Rehearsal struct {
	Site       string // slug
	Simulated  bool
	ForecastID string // of the forecast, or the surge it was
	IssuedAt   time.Time
	Start      time.Time // the minute the course begins at, as forecast
	Courses    []RehearsalCourse
	P95MS      float64 // expected 95th percentile of answers: sizes virtual users by Little's law
	P95From    string  // where it comes from: "limit", "measured" or "assumed"
	LimitMS    float64 // guard: stop when the p95 of a step passes it
	ErrorShare float64 // guard: stop when the error share of a step passes it
	Speed      float64 // courses pass so many times faster than forecast, at the same rates; 1: real time
}

// RehearsalCourse is one profile of a rehearsal: requests a minute, minute by minute.
type RehearsalCourse struct {
	Name string // "p50", "p90" or "came"
	RPM  []float64
}

// Check returns the first thing wrong with a rehearsal as a FieldError.
func (r Rehearsal) Check() error {
	switch {
	case len(r.Courses) == 0:
		return &FieldError{Field: "site", Value: r.Site, Detail: "has no course to rehearse", Remedy: "Wait for its first forecast, or choose a surge."}
	case !(r.Speed >= 1 && r.Speed <= 60):
		return &FieldError{Field: "speed", Value: fmt.Sprint(r.Speed), Detail: "is out of range", Remedy: "Use 1 (real time) to 60."}
	case strings.ContainsAny(r.ForecastID, "\r\n\"'`\\$"):
		return &FieldError{Field: "forecast", Detail: "has an id no script may hold", Remedy: "Export it again."}
	}
	for _, c := range r.Courses {
		if len(c.RPM) < 2 {
			return &FieldError{Field: "hours", Detail: "the course " + c.Name + " is shorter than two minutes", Remedy: "Ask for a longer span."}
		}
		for _, x := range c.RPM {
			if math.IsNaN(x) || x < 0 || x > 1e9 {
				return &FieldError{Field: "site", Value: r.Site, Detail: fmt.Sprintf("the course %s holds %g requests a minute", c.Name, x), Remedy: "A rehearsal needs a whole course: export it again with the next forecast."}
			}
		}
	}
	return nil
}

// RehearsalScript is a rehearsal as a file for a load-testing tool.
type RehearsalScript struct {
	File        string // a name for it
	ContentType string
	Body        []byte
}
