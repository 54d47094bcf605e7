package capacity

import (
	"time"

	"surgecast"
)

// scheduleMerge joins windows that lie closer together: a floor that falls for half an hour only thrashes.
const scheduleMerge = 30 * time.Minute

// Windows turns a plan into windows in which more than least units are wanted. A window ends when the plan comes
// back to least. Where it does not, its last step stands to the plan's end, 6 hours after its first step (a step at
// the very end for a quarter of an hour): to let go of units sooner only because no further step follows would be to
// say that none are needed. Units ordered by a schedule need the lead time, so a window begins that much earlier
// (never before now).
func Windows(plan []surgecast.Step, least int, lead time.Duration, now time.Time) []surgecast.Window {
	var out []surgecast.Window
	for i, s := range plan {
		if s.Units <= least {
			continue
		}
		from, to := s.At.Add(-lead), s.At.Add(planStep)
		if i+1 < len(plan) {
			to = plan[i+1].At
		} else if end := plan[0].At.Add(planSpan); end.After(to) {
			to = end // equal neighbours are merged: nothing after it means as before
		}
		if from.Before(now) {
			from = now
		}
		if n := len(out); n > 0 && from.Sub(out[n-1].To) < scheduleMerge {
			out[n-1].To = to
			out[n-1].Units = max(out[n-1].Units, s.Units)
			continue
		}
		out = append(out, surgecast.Window{From: from, To: to, Units: s.Units})
	}
	return out
}
