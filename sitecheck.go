package surgecast

import (
	"fmt"
	"math"
	"time"
)

// Default fills what a new site left open: a shop in UTC in shadow mode, one unit, a lead time of
// five minutes (ten at the slow end), demand sustained over three minutes.
func (s *Site) Default() {
	if s.Name == "" {
		s.Name = s.Slug
	}
	if s.Kind == "" {
		s.Kind = KindShop
	}
	if s.TimeZone == "" {
		s.TimeZone = "UTC"
	}
	if s.Mode == "" {
		s.Mode = ModeShadow
	}
	c := &s.Capacity
	if c.Units == 0 {
		c.Units = max(1, c.MinUnits)
	}
	if c.MinUnits == 0 {
		c.MinUnits = min(1, c.Units)
	}
	if c.LeadTimeP95Seconds == 0 {
		c.LeadTimeP95Seconds = max(600, c.LeadTimeP50Seconds)
	}
	if c.LeadTimeP50Seconds == 0 {
		c.LeadTimeP50Seconds = min(300, c.LeadTimeP95Seconds)
	}
	if c.SustainMinutes == 0 {
		c.SustainMinutes = 3
	}
	if c.Currency == "" {
		c.Currency = "EUR"
	}
	if c.AlertProbability == 0 {
		c.AlertProbability = .2
	}
}

// Check returns the first thing wrong with a site as a FieldError.
func (s *Site) Check() error {
	bad := func(field string, value any, detail, remedy string) error {
		return &FieldError{Field: field, Value: fmt.Sprint(value), Detail: detail, Remedy: remedy}
	}
	switch {
	case !ValidSlug(s.Slug):
		return bad("site", s.Slug, "is not a slug", "Use 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit.")
	case s.Kind != KindShop && s.Kind != KindVenue && s.Kind != KindNewsroom:
		return bad("kind", s.Kind, "is not a kind of site", "Use shop, venue or newsroom.")
	case s.Mode != ModeShadow && s.Mode != ModeAdvise && s.Mode != ModeAct:
		return bad("mode", s.Mode, "is not a mode", "Use shadow, advise or act.")
	case len(s.Segments) > MaxSegments:
		return bad("segments", len(s.Segments), "are too many", fmt.Sprintf("A site has at most %d.", MaxSegments))
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
		return bad("time_zone", s.TimeZone, "is not a time zone", "Use an IANA name such as Europe/Berlin.")
	}
	c := s.Capacity
	for _, f := range []struct {
		name string
		v    float64
		max  float64
	}{
		{"capacity.units", float64(c.Units), 1e6},
		{"capacity.min_units", float64(c.MinUnits), 1e6},
		{"capacity.max_units", float64(c.MaxUnits), 1e6},
		{"capacity.rpm_per_unit", c.RPMPerUnit, 1e9},
		{"capacity.workers_per_unit", float64(c.WorkersPerUnit), 1e4},
		{"capacity.service_seconds", c.ServiceSeconds, 600},
		{"capacity.lead_time_p50", float64(c.LeadTimeP50Seconds), 86400},
		{"capacity.lead_time_p95", float64(c.LeadTimeP95Seconds), 86400},
		{"capacity.p95_limit_ms", float64(c.P95LimitMS), 1e6},
		{"capacity.cost_lost_request", c.CostLostRequest, 1e9},
		{"capacity.cost_idle_unit_hour", c.CostIdleUnitHour, 1e9},
		{"capacity.max_extra_unit_hours_per_day", c.MaxExtraUnitHoursPerDay, 1e9},
	} {
		if math.IsNaN(f.v) || f.v < 0 || f.v > f.max {
			return bad(f.name, f.v, "is out of range", fmt.Sprintf("Use 0 to %g.", f.max))
		}
	}
	workers, service := c.WorkersPerUnit > 0, c.ServiceSeconds > 0
	switch {
	case workers && !service:
		return bad("capacity.service_seconds", c.ServiceSeconds, "is missing beside workers_per_unit", "Say how many seconds a request takes on average when nobody waits, or leave out workers_per_unit.")
	case service && !workers:
		return bad("capacity.workers_per_unit", c.WorkersPerUnit, "is missing beside service_seconds", "Say how many requests one unit answers at once, or leave out service_seconds.")
	case workers && c.RPMPerUnit > 0:
		return bad("capacity.rpm_per_unit", c.RPMPerUnit, "stands beside workers_per_unit and service_seconds, which say the same in another way", "Leave it out to have it worked out from them; or keep it, it is the better one where it was measured, and leave them out.")
	case workers && !(c.WaitLimitSeconds() > 0):
		return bad("capacity.p95_limit_ms", c.P95LimitMS, fmt.Sprintf("leaves nothing for waiting: a request alone takes service_seconds, %g", c.ServiceSeconds), "Say how slow an answer may be, more than it takes when nobody waits: what so many workers serve depends on it.")
	case c.MaxUnits != 0 && c.MaxUnits < c.MinUnits:
		return bad("capacity.max_units", c.MaxUnits, "is below min_units", "Raise it, or leave it out for no cap.")
	case c.LeadTimeP95Seconds < c.LeadTimeP50Seconds:
		return bad("capacity.lead_time_p95", c.LeadTimeP95Seconds, "is shorter than lead_time_p50", "95 in 100 decisions serve within the p95.")
	case c.SustainMinutes < 1 || c.SustainMinutes > 60:
		return bad("capacity.sustain_minutes", c.SustainMinutes, "is out of range", "Use 1 to 60; 3 is usual.")
	case c.TargetQuantile != 0 && (c.TargetQuantile < .5 || c.TargetQuantile > .999):
		return bad("capacity.target_quantile", c.TargetQuantile, "is out of range", "Use 0.5 to 0.999, or leave it out to derive it from the costs.")
	case c.AlertProbability <= 0 || c.AlertProbability >= 1:
		return bad("capacity.alert_probability", c.AlertProbability, "is not a probability", "Use a number between 0 and 1; 0.2 is usual.")
	case len(c.Currency) != 3:
		return bad("capacity.currency", c.Currency, "is not a currency code", "Use an ISO 4217 code such as EUR.")
	}
	return nil
}
