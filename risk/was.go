package risk

import (
	"math"
	"strings"
	"time"

	"surgecast"
)

// How far back a chance is compared, and from what difference on it is worth a sentence.
const (
	wasAgo    = 20 * time.Minute
	wasPoints = 10
	saidKept  = time.Hour
)

// Said is the chance that verdicts showed from At until the next one.
type Said struct {
	At      time.Time `json:"at"`
	Shown   string    `json:"shown"` // "35 %"; empty: they named none
	Value   float64   `json:"value"` // percent, as shown
	Horizon int       `json:"horizon_minutes"`
}

// Remember adds what v showed at now, where that is new, and forgets what no sentence looks back to.
func Remember(said []Said, v surgecast.Verdict, now time.Time) []Said {
	if n := len(said); n > 0 && said[n-1].Shown == v.ShownPercent && said[n-1].Horizon == v.Horizon {
		return said
	}
	old := 0
	for old+1 < len(said) && now.Sub(said[old+1].At) >= saidKept {
		old++
	}
	return append(said[old:], Said{At: now, Shown: v.ShownPercent, Value: v.ShownValue, Horizon: v.Horizon})
}

// was is "Was 35 % at 13:50.": what the verdicts of some twenty minutes ago showed, where the chance has moved by ten
// points or more. A forecast may change its mind, and showing that it did costs no trust (Burgeno & Joslyn 2020). Two
// windows are compared only where that makes the change smaller than it is: a longer one then for a rise, a shorter
// one for a fall.
func (s *sentences) was() string {
	// Where the sentence names another chance, or none, "was 10 %" would be said of the wrong one.
	if s.v.ShownPercent == "" || !strings.Contains(s.v.Sentence, "("+s.v.ShownPercent+")") {
		return ""
	}
	at := s.floor(s.now.Add(-wasAgo), 5)
	for i := len(s.Said) - 1; i >= 0; i-- {
		then := s.Said[i]
		if then.At.After(at) {
			continue
		}
		rose := s.v.ShownValue > then.Value
		if then.Shown == "" || math.Abs(s.v.ShownValue-then.Value) < wasPoints ||
			rose && then.Horizon < s.v.Horizon || !rose && then.Horizon > s.v.Horizon {
			return ""
		}
		return "Was " + then.Shown + " at " + s.at(at) + "."
	}
	return ""
}
