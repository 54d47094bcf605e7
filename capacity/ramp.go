package capacity

import "time"

// rampWindow is the time both ramps speak of: at most double, at most 10 % down, in any 5 minutes.
const rampWindow = 5 * time.Minute

// falls is one step down a floor of u units may take, and how long it must have stood at u before:
//
//	u ≥ 10   ⌊u/10⌋ units after 5 minutes            20 → 18 → 17 → 16 …
//	u < 10   one unit after 50/u minutes              6 → 5 after 8 min 20 s, 2 → 1 after 25 min
//
// Ten percent of 6 units is less than a unit, and a floor that could only fall by whole tenths would
// never come down; waiting 10/u times as long for one unit keeps the pace at 10 % in 5 minutes.
func falls(u int) (step int, after time.Duration) {
	if u >= 10 {
		return u / 10, rampWindow
	}
	if u <= 0 {
		return 0, 0
	}
	return 1, 10 * rampWindow / time.Duration(u)
}

// lowestAllowed is the least a floor of u units may be after it has stood for so long. It is one step at
// most: after a pause (a restart, a lost feed) the floor goes on from where it was, it does not catch up.
func lowestAllowed(u int, stood time.Duration) int {
	step, after := falls(u)
	if stood < after {
		return u
	}
	return u - step
}

// floor is a number of units and since when it stands. Plans carry it along, because they look ahead in other steps
// than a floor moves in: below 4 units it waits longer than one of theirs.
type floor struct {
	units int
	since time.Time
}

// fallTo lowers the floor towards units as far as the pace allows from one moment to another, both included. Answers are
// given once a minute, so it falls on whole minutes of the clock.
func (f *floor) fallTo(units int, from, until time.Time) {
	for f.units > units {
		step, wait := falls(f.units)
		at := f.since.Add(wait)
		if at.Before(from) { // it has stood long enough, but was needed
			at = from
		}
		if whole := at.Truncate(time.Minute); whole.Before(at) {
			at = whole.Add(time.Minute)
		}
		if at.After(until) {
			return
		}
		f.units, f.since = max(f.units-step, units), at
	}
}

// doubled is twice what was in force, and at least one unit: from nothing a site may start.
func doubled(from int) int { return max(2*from, 1) }
