package simulate

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// Fleet is the simulated site's autoscaler: it is told how many units are wanted and puts them into
// service after the site's lead time. Units it no longer needs go after a minute.
type Fleet struct {
	mu      sync.Mutex
	world   *World
	place   *place
	serving int
	wanted  int
	due     []arrival // started units, in order of asking
}

type arrival struct {
	at    time.Time
	units int
}

// Fleet returns the autoscaler of a site, with the units the site began with; nil for a site that does
// not exist.
func (w *World) Fleet(slug string) *Fleet {
	p := w.bySlug[slug]
	if p == nil {
		return nil
	}
	return &Fleet{world: w, place: p, serving: p.site.Capacity.Units, wanted: p.site.Capacity.Units}
}

// Ask wants so many units from now on; the same number again changes nothing. It keeps within the
// site's bounds.
func (f *Fleet) Ask(now time.Time, units int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(now)
	c := f.place.site.Capacity
	units = max(units, c.MinUnits)
	if c.MaxUnits > 0 {
		units = min(units, c.MaxUnits)
	}
	if units > f.wanted {
		f.due = append(f.due, arrival{at: now.Add(f.leadTime(now)), units: units - f.wanted})
	}
	if units < f.wanted {
		// What has not started yet is called off first, the newest before the oldest.
		surplus := f.wanted - units
		for i := len(f.due) - 1; i >= 0 && surplus > 0; i-- {
			off := min(surplus, f.due[i].units)
			f.due[i].units -= off
			surplus -= off
		}
		if surplus > 0 {
			f.due = append(f.due, arrival{at: now.Add(time.Minute), units: -surplus})
		}
	}
	f.wanted = units
}

// Serving is the number of units in service now.
func (f *Fleet) Serving(now time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(now)
	return f.serving
}

func (f *Fleet) settle(now time.Time) {
	kept := f.due[:0]
	for _, a := range f.due {
		if now.Before(a.at) {
			kept = append(kept, a)
			continue
		}
		f.serving += a.units
	}
	f.due = kept
}

// leadTime is log-normal through the site's median and 95th percentile: ln T = ln p50 + σz with
// σ = ln(p95/p50)/1.645.
func (f *Fleet) leadTime(now time.Time) time.Duration {
	c := f.place.site.Capacity
	p50, p95 := float64(c.LeadTimeP50Seconds), float64(c.LeadTimeP95Seconds)
	z := rand.New(f.world.source(f.place.site.Slug, streamLead, now.Unix(), 60*minutesADay, 0)).NormFloat64()
	seconds := p50 * math.Exp(math.Log(p95/p50)/1.645*z)
	return time.Duration(seconds * float64(time.Second)).Round(time.Second)
}
