package simulate

import (
	"math"
	"time"

	"surgecast"
)

// Truth is what nobody outside a simulation knows of a minute.
type Truth struct {
	DemandRPM   float64 // visits that wanted to be served
	ExpectedRPM float64 // mean of the demand, given the mentions that were made
	BaseRPM     float64 // part of it that no mention causes
	TalkRPM     float64 // part of it that mentions cause
	TalkShare   float64 // TalkRPM / ExpectedRPM
	Conversion  float64 // visits a mention brings, at this time
	CapacityRPM float64 // of the units the site began with
	FailingPart float64 // share of checkouts that fail
}

// Truth returns the truth of a site's minute; the zero Truth for a site that does not exist.
func (w *World) Truth(slug string, minute time.Time) Truth {
	p := w.bySlug[slug]
	if p == nil {
		return Truth{}
	}
	m := unixMinute(minute)
	t := Truth{
		BaseRPM:     w.base(p, m),
		Conversion:  w.conversion(p, m),
		CapacityRPM: p.site.Capacity.RPM(),
		FailingPart: w.storyAt(p, m).failing,
	}
	t.TalkRPM = t.Conversion * w.lagged(m, func(m int64) float64 { return w.talk(p, m) })
	t.ExpectedRPM = t.BaseRPM + t.TalkRPM
	t.TalkShare = t.TalkRPM / t.ExpectedRPM
	t.DemandRPM = overdispersed(w.source(slug, streamDemand, m, minutesADay, 0), t.ExpectedRPM, p.dispersion)
	return t
}

// countedOverload is the share of what is beyond capacity that a busy site turns away and counts; the rest
// gives up before it is seen, so an overload hides a part of the demand.
const countedOverload = 2. / 3

// Traffic returns what came to a site in a minute with so many units serving (0: those it began with).
// Demand does not depend on the units; what of it is turned away, and how slowly the rest is served, does:
// above capacity the minute is a lower bound. Sites with segments get one row each.
func (w *World) Traffic(slug string, minute time.Time, unitsServing int) []surgecast.TrafficMinute {
	p := w.bySlug[slug]
	if p == nil {
		return nil
	}
	if unitsServing <= 0 {
		unitsServing = p.site.Capacity.Units
	}
	m := unixMinute(minute)
	truth := w.Truth(slug, minute)
	capacity := float64(unitsServing) * p.site.Capacity.RPMPerUnit
	load := truth.DemandRPM / capacity
	served := min(truth.DemandRPM, math.Floor(capacity))
	rejected := math.Floor((truth.DemandRPM - served) * countedOverload)

	row := surgecast.TrafficMinute{
		Segment: surgecast.TotalSegment, Minute: minuteTime(m),
		Requests: served + rejected, Rejected: rejected,
		P95MS: p95(load), UnitsObserved: unitsServing,
		Saturated: rejected > 0, Complete: true,
		FirstAt: minuteTime(m + 1),
	}
	// A few in a thousand always fail; crowded out, some time out as well.
	share := .003
	if load > 1 {
		share = .02 + .04*min(1, load-1)
	}
	if p.checkout == 0 {
		row.Errors = binomial(w.source(slug, streamErrors, m, minutesADay, 0), served, share)
		row.FirstN = row.Requests
		return []surgecast.TrafficMinute{row}
	}

	d := w.storyAt(p, m)
	tried := p.checkout * (1 + d.failing*d.retrying) // failed checkouts are tried again
	browse, checkout := row, row
	browse.Segment, checkout.Segment = "browse", "checkout"
	split := w.source(slug, streamErrors, m, minutesADay, 1)
	paying := binomial(split, served, tried)
	checkout.Rejected = binomial(split, rejected, tried)
	checkout.Requests = paying + checkout.Rejected
	checkout.Errors = binomial(split, paying, max(share, d.failing))
	browse.Requests, browse.Rejected = row.Requests-checkout.Requests, rejected-checkout.Rejected
	browse.Errors = binomial(split, served-paying, share)
	browse.FirstN, checkout.FirstN = browse.Requests, checkout.Requests
	return []surgecast.TrafficMinute{browse, checkout}
}

// p95 is the slow end of the answer times at a load (demand over capacity), 180 ms when idle, growing as
// a queue's does, 1/(1 − ρ), and cut off by the 5 s after which the site gives up.
func p95(load float64) float64 {
	return math.Round(min(5000, 180/max(1e-9, 1-min(load, 1)*.97)))
}

// base is the visits a minute no mention causes: a day with a low at five and a high at eight in the
// evening by the site's wall clock, a week, a slow wobble, and what the story brings by itself.
func (w *World) base(p *place, m int64) float64 {
	local := minuteTime(m).In(p.loc)
	hour := float64(local.Hour()) + float64(local.Minute())/60
	day := 1 + p.swing*(.8*math.Cos(2*math.Pi*(hour-19)/24)+.2*math.Cos(4*math.Pi*(hour-13)/24))
	return p.baseRPM*day*p.week[local.Weekday()]*w.wobble(p.site.Slug, m, .05) + w.storyAt(p, m).visits
}

// conversion is the visits a mention brings at a minute.
func (w *World) conversion(p *place, m int64) float64 {
	c := p.conversion[1]
	if m < p.changeAt {
		c = p.conversion[0]
	}
	if d := w.storyAt(p, m); d.dampening > 0 {
		c *= d.dampening
	}
	return c
}

// expected is the mean demand of a minute before any count is drawn.
func (w *World) expected(p *place, m int64) float64 {
	return w.base(p, m) + w.conversion(p, m)*w.lagged(m, func(m int64) float64 { return w.talkMean(p, m) })
}
