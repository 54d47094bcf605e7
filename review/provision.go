package review

import (
	"math"
	"time"

	"surgecast"
)

// fleet is the simulated set of units every rule drives. It is the same for all of them:
//
//   - a decision is taken at the end of a minute; units asked for serve after the lead time p95, in whole
//     minutes rounded up, so a decision at the end of minute t first serves minute t+1+lead;
//   - asking for less takes units away at once: first those still on their way, newest first, then those
//     serving;
//   - asked-for units are clipped to min and max units;
//   - a unit is paid from the moment it is ordered.
//
// Rivals are spared the ramps and caps on spending our own recommendation obeys: this errs in their favour.
type fleet struct {
	lead     int // minutes
	min, max int
	serving  int
	orders   []order // by readiness, which is also the order they were given in
}

type order struct {
	ready int // first minute served
	units int
}

func newFleet(p surgecast.CapacityProfile) *fleet {
	lead := time.Duration(p.LeadTimeP95Seconds) * time.Second
	f := &fleet{
		lead: int(math.Ceil(lead.Minutes())),
		min:  p.MinUnits,
		max:  p.MaxUnits,
	}
	f.serving = f.clip(p.Units)
	return f
}

func (f *fleet) clip(units int) int {
	if f.max > 0 {
		units = min(units, f.max)
	}
	return max(units, f.min, 0)
}

// paid is the units serving or on their way.
func (f *fleet) paid() int {
	n := f.serving
	for _, o := range f.orders {
		n += o.units
	}
	return n
}

// serve lets what is ready by minute t join, and returns the units serving it.
func (f *fleet) serve(t int) int {
	k := 0
	for k < len(f.orders) && f.orders[k].ready <= t {
		f.serving += f.orders[k].units
		k++
	}
	f.orders = f.orders[k:]
	return f.serving
}

// ask is a decision at the end of minute t.
func (f *fleet) ask(t, units int) {
	units = f.clip(units)
	more := units - f.paid()
	if more > 0 {
		f.orders = append(f.orders, order{ready: t + 1 + f.lead, units: more})
		return
	}
	less := -more
	for less > 0 && len(f.orders) > 0 {
		last := &f.orders[len(f.orders)-1]
		if last.units > less {
			last.units -= less
			return
		}
		less -= last.units
		f.orders = f.orders[:len(f.orders)-1]
	}
	f.serving -= less
}
