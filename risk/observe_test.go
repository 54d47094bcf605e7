package risk

import (
	"testing"
	"time"

	"surgecast"
)

// An act-by nearer than the two minutes an alert's votes take is due; one further away is not, and without one nothing
// is.
//
// Fails when: Observe sets Due from Late alone.
func TestObserveDue(t *testing.T) {
	now := on(14, 20)
	for _, tt := range []struct {
		name      string
		actBy     time.Time
		late      int
		due, past bool
	}{
		{"in two minutes", now.Add(2 * time.Minute), 0, false, false},
		{"in a minute and a half", now.Add(90 * time.Second), 0, true, false},
		{"past", now.Add(-time.Minute), 60, true, true},
		{"none", time.Time{}, 0, false, false},
	} {
		f := forecastAt(now, surgecast.StateWatch, .01, .1, .12, .12, .12, .12, .12, .12)
		f.ActBy, f.LateBySeconds = tt.actBy, tt.late
		e := Observe(nordlicht(), f, now, now, 30, 60)
		if e.Due != tt.due || e.Late != tt.past {
			t.Errorf("act-by %s: due %v, late %v", tt.name, e.Due, e.Late)
		}
	}
}
