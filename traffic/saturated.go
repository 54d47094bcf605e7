package traffic

import "surgecast"

// Saturated reports whether a minute is only a lower bound of demand: somebody was turned away, more
// than 5 % failed, it was slower than the site allows, or it stood at 95 % of capacity. Capacity is
// known for the whole site only, so a segment's row is judged by the rest; the units seen serving count
// before those configured. What more units than were ever tested serve is not known, so they are not judged by it.
func Saturated(c surgecast.CapacityProfile, t surgecast.TrafficMinute) bool {
	if t.Rejected > 0 || t.Errors > .05*t.Requests {
		return true
	}
	if c.P95LimitMS > 0 && t.P95MS > float64(c.P95LimitMS) {
		return true
	}
	units := c.Units
	if t.UnitsObserved > 0 {
		units = t.UnitsObserved
	}
	capacity := c.Serves(units)
	return t.Segment == surgecast.TotalSegment && capacity > 0 && !c.Untested(units) && t.Requests >= .95*capacity
}

// Mark sets Saturated on every row that is; it never takes the mark away.
func Mark(c surgecast.CapacityProfile, rows []surgecast.TrafficMinute) {
	for i := range rows {
		rows[i].Saturated = rows[i].Saturated || Saturated(c, rows[i])
	}
}
