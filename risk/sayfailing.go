package risk

import (
	"strings"

	"surgecast"
)

// failing says that a part of the site does not work although it has room: units would not mend it, so nobody
// should order any.
func (s *sentences) failing() {
	what, activity := part(s.FailingSegment)
	since := s.FailingSince
	if since.IsZero() && s.Surge != nil {
		since = s.Surge.OpenedAt
	}
	when := " now"
	if !since.IsZero() {
		when = " since " + s.at(since)
	}
	s.v.Headline = fitting(capital(what)+" is failing"+when+".", "Errors"+when+".")

	kind := what + " requests"
	if s.FailingSegment == "" || s.FailingSegment == surgecast.TotalSegment {
		kind = "requests"
	}
	share := sharePercent(s.ErrorShare) + " of " + kind + " fail"
	if s.ErrorShare >= .995 {
		share = "Nearly all " + kind + " fail"
	}
	reason := "Capacity is not the cause."
	if s.fc != nil && s.fc.CapacityRPM > 0 && s.fc.DemandRPM > 0 {
		reason = "Capacity is not the cause: " + measured(s.fc.DemandRPM) + " requests a minute arrive, " + exact(s.fc.CapacityRPM) + " can be served."
	}
	look := "Look at " + what + " and what it calls; more units will not mend it."
	if kind == "requests" {
		look = "Look at the newest change and at what the site calls; more units will not mend it."
	}
	s.v.Sentence = join(capital(share)+", usually "+sharePercent(s.UsualErrorShare)+".", reason, look)
	s.v.Overview = "Failing" + when
	began := ""
	if !since.IsZero() {
		began = "It began at " + s.at(since) + "."
	}
	s.v.Visitors = join(activity+" is not working at the moment.", began, "Next update "+s.nextUpdate()+".")
	s.v.Word, s.v.ShownPercent, s.v.ShownValue = "", "", 0
}

// part is a segment in the words of the page, and what it keeps visitors from doing.
func part(segment string) (what, activity string) {
	switch strings.ToLower(segment) {
	case "checkout", "order", "orders", "cart", "basket", "payment", "payments", "pay":
		return strings.ToLower(segment), "Ordering"
	case "login", "signin", "auth", "account":
		return strings.ToLower(segment), "Signing in"
	case "search":
		return "search", "Searching"
	case "booking", "tickets", "ticketing":
		return strings.ToLower(segment), "Booking"
	case "", surgecast.TotalSegment:
		return "the site", "Part of the site"
	default:
		return strings.ReplaceAll(segment, "_", " "), "Part of the site"
	}
}
