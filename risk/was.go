package risk

import (
	"time"

	"surgecast"
)

// Was says what a verdict of an earlier time said: "Was 35 % at 13:50." A forecast may change its mind; showing that it
// did costs no trust. Empty when that verdict named no chance.
func Was(v surgecast.Verdict, at, now time.Time, site surgecast.Site) string {
	if v.ShownPercent == "" {
		return ""
	}
	return "Was " + v.ShownPercent + " at " + newSpeaker(now, site.TimeZone).at(at) + "."
}
