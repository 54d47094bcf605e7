package risk

import (
	"strings"
	"time"

	"surgecast"
)

// SayStatus writes the public page of a site (UX 2.8): what visitors need, and nothing that helps an
// attacker or frightens anybody. v is the site's verdict as it reads now; notices are what the owner said,
// newest first. Times are rounded late: a known wait feels shorter, an overrun worse. Alerts are not
// announced unless the owner opted in.
func SayStatus(site surgecast.Site, v surgecast.Verdict, checked time.Time, notices []surgecast.Notice, now time.Time) surgecast.PublicStatus {
	s := newSpeaker(now, site.TimeZone)
	out := surgecast.PublicStatus{Word: "Working normally", CheckedAt: checked, Simulated: site.Simulated || v.Simulated}
	var n surgecast.Notice
	if len(notices) > 0 {
		n = notices[0]
	}
	out.Words, out.Part, out.Reference = n.Words, n.Part, n.Reference
	if !n.Since.IsZero() {
		s.declared(&out, n, notices)
		return out
	}
	switch v.State { //nolint:exhaustive // all others work normally
	case surgecast.StateOver:
		out.Word = "Very busy"
	case surgecast.StateFailing:
		out.Word = "Partly not working"
	case surgecast.StateCannotTell:
		out.Word = "No current information"
	case surgecast.StateAlert:
		if n.Ahead {
			out.Word = "Busy soon"
		}
	}
	out.Sentence = strings.TrimPrefix(v.Visitors, "Very busy. ") // the word above says it already
	if v.State == surgecast.StateAlert && n.Ahead {
		out.Sentence = "Many people are on their way. Pages may become slow for a while."
	}
	if out.Sentence == "" {
		out.Sentence = visitorsCalm
	}
	return out
}

// declared is an outage the owner declared: which part, since when, the late end of the estimate and the
// next promise. An end that was put off twice is said to be.
func (s speaker) declared(out *surgecast.PublicStatus, n surgecast.Notice, notices []surgecast.Notice) {
	part := strings.TrimSpace(n.Part)
	out.Word = "Not working"
	what := "This site is not working at the moment"
	if part != "" {
		out.Word, what = "Partly not working", capital(part)+" is not working at the moment"
	}
	out.Since = n.Since
	parts := []string{what + ", since " + s.at(n.Since) + "."}
	if n.BackBy.After(s.now) {
		out.BackBy = n.BackBy
		if !n.BackFrom.IsZero() && n.BackFrom.After(s.now) && s.at(n.BackFrom) != s.overBy(n.BackBy) {
			parts = append(parts, "Most likely normal again between "+s.at(n.BackFrom)+" and "+s.overBy(n.BackBy)+".")
		} else {
			parts = append(parts, "Most likely normal again by "+s.overBy(n.BackBy)+".")
		}
	} else if !n.BackBy.IsZero() {
		parts = append(parts, "This is taking longer than we said at "+s.at(n.SetAt)+".")
	}
	later, first := 0, time.Time{}
	for i := 0; i+1 < len(notices); i++ {
		older := notices[i+1]
		if !older.Since.Equal(n.Since) {
			break
		}
		if notices[i].BackBy.After(older.BackBy) && !older.BackBy.IsZero() {
			later, first = later+1, older.SetAt
		}
	}
	if later >= 2 && n.BackBy.After(s.now) {
		parts = append(parts, "This is taking longer than we said at "+s.at(first)+".")
	}
	parts = append(parts, "Next update "+s.nextUpdate()+".")
	out.Sentence = strings.Join(parts, " ")
}
