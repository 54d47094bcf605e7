package capacity

import "time"

// Point is what was answered at one moment.
type Point struct {
	At       time.Time `json:"at"`
	Answered int       `json:"answered"` // Recommendation.Units
	WouldBe  int       `json:"would_be"` // Recommendation.WouldBeUnits
	Serving  int       `json:"serving"`  // units that served then
}

// Trail is what was answered lately, oldest first. Both ramps are promises about any 5 minutes, so they
// need more than the answer before: since when the floor stands at its height, and how low it was 5
// minutes ago. A caller keeps one trail a site (it is plain JSON) and adds every answer to it.
type Trail []Point

// trailSpan is how far back a trail reaches: a floor of one unit takes 50 minutes to fall (see falls).
const trailSpan = time.Hour

// Add returns the trail with an answer appended. Equal answers in a row are kept once, with the time of
// the first; what no rule can ask for any more is dropped, so a trail holds at most some 60 points.
func (t Trail) Add(at time.Time, answered, wouldBe, serving int) Trail {
	p := Point{At: at, Answered: answered, WouldBe: wouldBe, Serving: serving}
	if n := len(t); n > 0 {
		last := t[n-1]
		if at.Before(last.At) {
			return t // an older answer cannot change what was said since
		}
		if last.Answered == answered && last.WouldBe == wouldBe && last.Serving == serving {
			return t
		}
	}
	// A point speaks until the next one begins: it may go once its successor is older than the span.
	drop := 0
	for drop+1 < len(t) && at.Sub(t[drop+1].At) > trailSpan {
		drop++
	}
	out := make(Trail, 0, len(t)-drop+1)
	return append(append(out, t[drop:]...), p)
}

// since is the time from which the newest value of pick has stood without a change.
func (t Trail) since(pick func(Point) int) (value int, at time.Time) {
	last := t[len(t)-1]
	value, at = pick(last), last.At
	for i := len(t) - 2; i >= 0 && pick(t[i]) == value; i-- {
		at = t[i].At
	}
	return value, at
}

// lowest is the least of max(floor, serving) in force at any moment of the rampWindow before now, the floor
// being what pick says: what doubling is measured from. ok is false when the trail is empty.
func (t Trail) lowest(now time.Time, pick func(Point) int) (units int, ok bool) {
	for i := len(t) - 1; i >= 0; i-- {
		u := max(pick(t[i]), t[i].Serving)
		if !ok || u < units {
			units, ok = u, true
		}
		if now.Sub(t[i].At) >= rampWindow {
			break // this point was already in force when the window began
		}
	}
	return units, ok
}
