package risk

import (
	"math"
	"strings"
	"time"

	"surgecast"
)

// NoLongerActs is the headline of the message that the ledger took a site from act to advise.
const NoLongerActs = "Surgecast stopped acting on its own."

// SayWeek is why the ledger takes a site from act to advise, and what to do about it; empty unless the week was bad.
// It is written once, at the change, and shown for as long as the mode stays as the ledger left it.
func SayWeek(site surgecast.Site, w surgecast.Week, at time.Time) string {
	if w.Outcome != surgecast.WeekBad {
		return ""
	}
	s := newSpeaker(at, site.TimeZone)
	days := max(1, int(math.Round(w.To.Sub(w.From).Hours()/24)))
	var wrong []string
	for _, m := range []struct {
		misses surgecast.Misses
		how    string
	}{{w.TooLow, "too low"}, {w.TooHigh, "too high"}} {
		if m.misses.Bad {
			wrong = append(wrong, m.how+" in "+grouped(float64(m.misses.Times))+" of "+occasions(m.misses.Of, w.HorizonMinutes)+", where "+expected(m.misses.Expected)+" to be expected")
		}
	}
	why := ""
	if len(wrong) > 0 {
		why = "its forecasts of the last " + plural(days, "day") + " were " + strings.Join(wrong, ", and ")
	}
	if m := w.Unannounced; m.Bad {
		over := "traffic passed capacity " + plural(m.Times, "time") + " after a chance below 10 % was said, where " + expected(m.Expected) + " to be expected"
		if why == "" {
			why = "in the last " + plural(days, "day") + " " + over
		} else {
			why += "; " + over
		}
	}
	mark := ""
	if site.Simulated {
		mark = " " + simulatedSuffix
	}
	return "Surgecast stopped acting on its own on " + s.now.Format("Mon 2 Jan 15:04") + ": " + why + ". Review its accuracy, then switch it on again." + mark
}

// occasions is "168 hours" or "84 stretches of 2 hours".
func occasions(n, minutes int) string {
	if minutes == 60 {
		return plural(n, "hour")
	}
	return grouped(float64(n)) + " stretches of " + span(minutes)
}

// expected is "8 are", or "less than 1 is".
func expected(x float64) string {
	switch n := math.Round(x); {
	case n < 1:
		return "less than 1 is"
	case n == 1:
		return "1 is"
	default:
		return grouped(n) + " are"
	}
}
