package model

import "time"

// wallClock turns Unix seconds into local seconds since 1970, so that profiles follow the clock on the
// wall through both changes of summer time. It remembers the bounds of the current zone offset: looking
// one up costs a search, and every step asks for a dozen future moments.
type wallClock struct {
	loc        *time.Location
	from, to   int64 // Unix seconds where offset holds
	offset     int64
	known, all bool // all: the zone never changes
}

func (w *wallClock) local(unix int64) float64 {
	if !w.known || (!w.all && (unix < w.from || unix >= w.to)) {
		t := time.Unix(unix, 0).In(w.loc)
		_, off := t.Zone()
		a, b := t.ZoneBounds()
		w.known, w.offset = true, int64(off)
		w.all = a.IsZero() && b.IsZero()
		w.from, w.to = -1<<62, 1<<62
		if !a.IsZero() {
			w.from = a.Unix()
		}
		if !b.IsZero() {
			w.to = b.Unix()
		}
	}
	return float64(unix + w.offset)
}
