package review

import (
	"testing"

	"surgecast"
)

func profile() surgecast.CapacityProfile {
	return surgecast.CapacityProfile{
		Units: 2, MinUnits: 1, MaxUnits: 6, RPMPerUnit: 100, LeadTimeP95Seconds: 150, SustainMinutes: 1,
	}
}

func TestFleetServesAfterTheLeadTime(t *testing.T) {
	f := newFleet(profile()) // 150 s: 3 whole minutes
	f.ask(10, 5)             // at the end of minute 10
	// On their way in minutes 11, 12, 13; 10 + 1 + 3 = 14 is the first minute they serve.
	for minute, want := range map[int]int{11: 2, 13: 2} {
		if got := f.serve(minute); got != want {
			t.Errorf("serve(%d) = %d, want %d", minute, got, want)
		}
	}
	if got := f.paid(); got != 5 {
		t.Errorf("paid on the way = %d, want 5: a starting unit costs as well", got)
	}
	if got := f.serve(14); got != 5 {
		t.Errorf("serve(14) = %d, want 5", got)
	}
}

func TestFleetTakesAwayNewestOrdersFirst(t *testing.T) {
	f := newFleet(profile())
	f.ask(0, 4) // 2 serving, 2 ready at 4
	f.ask(1, 6) // 2 more ready at 5
	f.ask(2, 3) // three less: both of the second order, one of the first
	if got := f.serve(4); got != 3 {
		t.Errorf("serve(4) = %d, want 2 + 1 left of the first order", got)
	}
	if got := f.serve(5); got != 3 {
		t.Errorf("serve(5) = %d, want 3: the second order was taken back", got)
	}
	f.ask(5, 1)
	if got := f.serve(6); got != 1 {
		t.Errorf("serve(6) = %d, want 1: fewer at once", got)
	}
}

func TestFleetKeepsCaps(t *testing.T) {
	f := newFleet(profile())
	f.ask(0, 99)
	if got := f.serve(4); got != 6 {
		t.Errorf("asked for 99, serving %d, want max_units 6", got)
	}
	f.ask(4, 0)
	if got := f.serve(5); got != 1 {
		t.Errorf("asked for 0, serving %d, want min_units 1", got)
	}
	p := profile()
	p.MaxUnits = 0 // no cap
	f = newFleet(p)
	f.ask(0, 99)
	if got := f.serve(4); got != 99 {
		t.Errorf("without a cap serving %d, want 99", got)
	}
}
