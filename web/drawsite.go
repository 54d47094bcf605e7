package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"time"
)

type riskDoc struct {
	Site      string    `json:"site"`
	Name      string    `json:"name"`
	Simulated bool      `json:"simulated"`
	Now       time.Time `json:"now"`
	State     string    `json:"state"`
	Verdict   verdict   `json:"verdict"`
	Capacity  *float64  `json:"capacity_rpm"`
	Risk      []struct {
		HorizonMinutes int      `json:"horizon_minutes"`
		Probability    *float64 `json:"probability"`
	} `json:"risk"`
	ActBy      *time.Time `json:"act_by"`
	PeakDots   []float64  `json:"peak_dots_rpm"`
	Breaches   []*float64 `json:"breach_dots_minutes"`
	Origin     time.Time  `json:"origin"`
	IssuedAt   time.Time  `json:"issued_at"`
	ValidUntil time.Time  `json:"valid_until"`
	Stale      bool       `json:"stale"`
	ForecastID string     `json:"forecast_id"`
	ModeWhy    string     `json:"mode_why"`
}

type forecastDoc struct {
	Now      time.Time `json:"now"`
	Origin   time.Time `json:"origin"`
	TimeZone string    `json:"time_zone"`
	Levels   []float64 `json:"levels"`
	Points   []struct {
		At        time.Time  `json:"at"`
		Quantiles []*float64 `json:"quantiles_rpm"`
	} `json:"points"`
	History []struct {
		At        time.Time `json:"at"`
		Requests  *float64  `json:"requests_rpm"`
		Saturated bool      `json:"saturated"`
	} `json:"history"`
	Gaps []struct {
		From time.Time `json:"from"`
		To   time.Time `json:"to"`
	} `json:"gaps"`
	Capacity        *float64 `json:"capacity_rpm"`
	CapacityHistory []struct {
		At       time.Time `json:"at"`
		Capacity float64   `json:"capacity_rpm"`
	} `json:"capacity_history"`
	Simulated bool `json:"simulated"`
}

type capacityDoc struct {
	Mode       string   `json:"mode"`
	UnitsNow   int      `json:"units_now"`
	RPMPerUnit *float64 `json:"rpm_per_unit"`
	Measured   *struct {
		Low  *float64 `json:"low_rpm"`
		High *float64 `json:"high_rpm"`
	} `json:"measured"`
	Recommendation *struct {
		Units        int      `json:"units"`
		WouldBeUnits int      `json:"would_be_units"`
		ServesRPM    *float64 `json:"serves_rpm"`
		Detail       string   `json:"detail"`
		Plan         []struct {
			At        time.Time `json:"at"`
			Units     int       `json:"units"`
			ServesRPM *float64  `json:"serves_rpm"`
		} `json:"plan"`
		ValidUntil time.Time `json:"valid_until"`
	} `json:"recommendation"`
}

type planStep struct {
	At    moment
	Units int
}

type chanceRow struct {
	Within string
	Chance string
}

type tableRow struct {
	At       moment
	Observed string
	Bounds   [7]string
	Capacity string
}

type sitePage struct {
	head
	Slug, Name, State   string
	Verdict             verdict
	ActBy               *moment
	Chart               template.HTML
	HasChance           bool
	Until               moment
	Over, Not           int
	UnitsNow, WouldBe   int
	Gets                int // what autoscalers are answered now
	HasBands            bool
	Detail, Mode        string
	ModeWhy             string // the ledger's words, when it took the site from act to advise
	HasAdvice           bool
	Plan                []planStep
	ValidUntil          moment
	IssuedAt            moment
	Rows                []tableRow
	Chances             []chanceRow
	ForecastID          string
	RequestsPerUnit     float64
	CapacityRPM         float64
	CapacityRPS         string
	Stale               bool
	SentenceZoneDiffers bool
}

func siteOf(doc []byte) (*sitePage, error) {
	var in struct {
		Risk     *riskDoc     `json:"risk"`
		Forecast *forecastDoc `json:"forecast"`
		Capacity *capacityDoc `json:"capacity"`
		Shared   *struct {
			URL   string    `json:"url"`
			Image string    `json:"image"`
			Until time.Time `json:"until"`
		} `json:"shared"`
	}
	if err := json.Unmarshal(doc, &in); err != nil {
		return nil, fmt.Errorf("reading the site's documents: %w", err)
	}
	if in.Risk == nil {
		return nil, fmt.Errorf("reading the site's documents: there is no risk document")
	}
	r, f, c := in.Risk, in.Forecast, in.Capacity
	if f == nil {
		f = &forecastDoc{Now: r.Now, Origin: r.Origin, TimeZone: "UTC"}
	}
	if c == nil {
		c = &capacityDoc{}
	}
	if r.expired() {
		f.Points, r.PeakDots = nil, nil
	}
	zone := f.TimeZone
	p := &sitePage{
		head: head{
			Title:     lookOf(r.State).word + ": " + r.Name + " · Surgecast",
			Simulated: r.Simulated || f.Simulated || r.Verdict.Simulated,
			Now:       at(r.Now, r.Now, zone),
			Zone:      zone,
		},
		Slug: r.Site, Name: r.Name, State: r.State, Verdict: r.Verdict, ForecastID: r.ForecastID, Stale: r.Stale,
		IssuedAt: at(r.IssuedAt, r.Now, zone),
		Mode:     c.Mode,
		ModeWhy:  r.ModeWhy,
		UnitsNow: c.UnitsNow,
	}
	if p.Simulated {
		p.Title = "[simulated] " + p.Title
	}
	if l := in.Shared; l != nil {
		p.Shared = &shared{URL: l.URL, Image: l.Image, Words: r.Verdict.Headline + " " + r.Verdict.Sentence, Until: at(l.Until, r.Now, zone)}
	}
	if r.ActBy != nil {
		*r.ActBy = actBy(*r.ActBy, r.Now) // chart and page show the same minute
		m := at(*r.ActBy, r.Now, zone)
		p.ActBy = &m
	}
	if r.Capacity != nil && *r.Capacity > 0 {
		p.CapacityRPM = *r.Capacity
		p.CapacityRPS = fmt.Sprintf("%.1f", *r.Capacity/60)
		if m := c.Measured; m != nil && m.Low != nil {
			p.CapacityRPS = "at least " + p.CapacityRPS
			if m.High != nil {
				p.CapacityRPS = fmt.Sprintf("%.1f (%.1f to %.1f by load tests)", *r.Capacity/60, *m.Low/60, *m.High/60)
			}
		}
		p.HasChance = len(r.PeakDots) > 0 && r.Verdict.ShownValue >= 5
		p.Until = at(r.begins().Add(time.Duration(r.Verdict.HorizonMinutes)*time.Minute), r.Now, zone)
		p.Over = r.over()
		p.Not = len(r.PeakDots) - p.Over
	}
	if rec := c.Recommendation; rec != nil && c.RPMPerUnit != nil && *c.RPMPerUnit > 0 {
		p.HasAdvice = true
		p.Gets = rec.Units
		p.WouldBe, p.Detail = rec.WouldBeUnits, rec.Detail
		p.ValidUntil = at(rec.ValidUntil, r.Now, zone)
		for i, s := range rec.Plan {
			if i == 0 || s.Units != rec.Plan[i-1].Units {
				p.Plan = append(p.Plan, planStep{At: at(s.At, r.Now, zone), Units: s.Units})
			}
		}
	}
	for _, x := range r.Risk {
		if x.Probability != nil {
			p.Chances = append(p.Chances, chanceRow{window(x.HorizonMinutes), percent(*x.Probability)})
		}
	}
	p.HasBands = len(f.Points) > 0
	p.RequestsPerUnit = perUnit(c)
	p.Rows = tableOf(f, r.Now, zone)
	p.Chart = template.HTML(chartOf(r, f, c)) //nolint:gosec // numbers and escaped words only, see chartOf
	return p, nil
}

// window is how far ahead, as people say it.
func window(minutes int) string {
	if minutes >= 60 && minutes%60 == 0 {
		return fmt.Sprintf("%d h", minutes/60)
	}
	return fmt.Sprintf("%d min", minutes)
}

// perUnit is what one unit serves, 0 where nobody said.
func perUnit(c *capacityDoc) float64 {
	if c.RPMPerUnit == nil {
		return 0
	}
	return *c.RPMPerUnit
}

// units is a number of units in words.
func units(n int) string {
	if n == 1 {
		return "1 unit"
	}
	return fmt.Sprintf("%d units", n)
}

// over is how many of the peaks lie above capacity. Where the first breaches came too, they are counted
// instead: the same cases, and a level printed with three decimals may have been rounded onto the capacity
// itself.
func (r *riskDoc) over() int {
	n := 0
	if len(r.Breaches) == len(r.PeakDots) {
		for _, m := range r.Breaches {
			if m != nil {
				n++
			}
		}
		return n
	}
	for _, x := range r.PeakDots {
		if x > *r.Capacity {
			n++
		}
	}
	return n
}

// begins is the moment the forecast's future begins: the end of its last complete minute.
func (r *riskDoc) begins() time.Time { return r.Origin.Add(time.Minute) }

// expired reports whether the numbers' time has passed: then the bands say nothing any more.
func (r *riskDoc) expired() bool { return r.Now.After(r.ValidUntil) }

// bounds are the levels a page shows: three central bands and the median.
var bounds = [7]float64{.025, .1, .25, .5, .75, .9, .975}

// boundIndex finds each bound among the levels a forecast keeps, -1 where it keeps none: a band is never
// labelled as another one.
func boundIndex(levels []float64) (index [7]int) {
	for b, want := range bounds {
		index[b] = -1
		for i, l := range levels {
			if math.Abs(l-want) < 1e-9 {
				index[b] = i
			}
		}
	}
	return index
}

type step struct {
	at  time.Time
	rpm float64
}

// steps is what could be served and from when on, oldest first. From now on it is the capacity the forecast
// was judged against, whatever was observed before.
func (f *forecastDoc) steps() []step {
	var out []step
	for _, s := range f.CapacityHistory {
		if s.Capacity > 0 {
			out = append(out, step{s.At, s.Capacity})
		}
	}
	if f.Capacity != nil && *f.Capacity > 0 {
		out = append(out, step{f.Now, *f.Capacity})
	}
	return out
}

// capacityAt is the capacity that held at t, 0 when it is not known.
func (f *forecastDoc) capacityAt(t time.Time) float64 {
	c := 0.0
	for i, s := range f.steps() {
		if i == 0 || !s.at.After(t) {
			c = s.rpm
		}
	}
	return c
}

// tableOf is the chart as a table, every fifth minute.
func tableOf(f *forecastDoc, now time.Time, zone string) []tableRow {
	var rows []tableRow
	capacity := func(t time.Time) string {
		if c := f.capacityAt(t); c > 0 {
			return grouped(c)
		}
		return "–"
	}
	for _, h := range f.History {
		if h.At.Minute()%5 != 0 {
			continue
		}
		r := tableRow{At: at(h.At, now, zone), Observed: rate(h.Requests), Capacity: capacity(h.At)}
		if h.Saturated {
			r.Observed += " or more"
		}
		for i := range r.Bounds {
			r.Bounds[i] = "–"
		}
		rows = append(rows, r)
	}
	index := boundIndex(f.Levels)
	for _, q := range f.Points {
		if q.At.Minute()%5 != 0 {
			continue
		}
		r := tableRow{At: at(q.At, now, zone), Observed: "–", Capacity: capacity(q.At)}
		for b, i := range index {
			r.Bounds[b] = "–"
			if i >= 0 && i < len(q.Quantiles) {
				r.Bounds[b] = rate(q.Quantiles[i])
			}
		}
		rows = append(rows, r)
	}
	return rows
}
