package engine

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"time"

	"surgecast"
	"surgecast/model"
	"surgecast/risk"
)

// trackKey names one series of a site.
type trackKey struct {
	site    int64
	segment string
}

// track is one segment of a site: its model, and what has to be remembered beside it.
type track struct {
	site   surgecast.Site
	key    trackKey
	series *model.Driven
	fc     model.Forecast // reused
	shares []model.Share  // reused
	run    running
	plans  plans
	snapAt time.Time // origin of the last stored snapshot
	owed   bool      // a snapshot is due
}

// running is what a track remembers beside its model. It is stored with every ledger row, in the same
// transaction, so a restart continues the same episode with the same counters.
type running struct {
	Origin   time.Time                 `json:"origin"` // last minute stepped
	First    time.Time                 `json:"first"`  // first minute ever stepped
	Heard    time.Time                 `json:"heard"`  // last minute that had a value
	Retired  bool                      `json:"retired,omitempty"`
	Recent   nums                      `json:"recent"` // last minutes, newest last
	Bounds   []bool                    `json:"bounds"` // which of them are lower bounds
	Units    int                       `json:"units"`  // units seen serving; 0: as configured
	Errors   map[string]errorShare     `json:"errors"` // by segment
	Sequence int64                     `json:"sequence"`
	Last     *surgecast.Recommendation `json:"last"`
	Verdict  *surgecast.Verdict        `json:"verdict"`
	Judge    judge                     `json:"judge"`
	Lead1    nums                      `json:"lead1"` // last forecast of the next minute, at the ledger's levels
	Silent   bool                      `json:"silent"`
	Extra    extraHours                `json:"extra"`
	FailedAt time.Time                 `json:"failed_at"` // last minute in which something failed that more units would not mend
	Usual    float64                   `json:"usual"`     // usual visits at the last forecast; 0: not known
	Plan     []surgecast.Told          `json:"plan"`      // what the model was last told is planned
	Priors   []prior                   `json:"priors"`    // what a mention was expected to bring when the model began; nil: as shipped
}

// recentMinutes is how many minutes a track keeps for demand, measured need and drivers.
const recentMinutes = 60

// errorShare follows the share of failed requests of one segment: a slow mean is what is usual, a fast
// one what is now (exponential, half-lives of a day and of three minutes).
type errorShare struct {
	Usual    float64 `json:"usual"`
	Now      float64 `json:"now"`
	Requests float64 `json:"requests"` // per minute, fast mean: shares of a handful of requests say nothing
	N        int     `json:"n"`

	At time.Time `json:"at"` // last minute that was sent
}

const (
	usualHalfLife = 1440.0
	nowHalfLife   = 3.0
	usualAfter    = 60 // minutes until the usual share is known well enough to be compared with
)

// beyond reports whether errors now are beyond their usual share.
func (e errorShare) beyond() bool { return risk.ErrorsBeyondUsual(e.Now, e.Usual, e.Now*e.Requests) }

func (e errorShare) step(requests, errors float64, learn bool) errorShare {
	if requests <= 0 {
		return e
	}
	share := math.Min(1, errors/requests)
	fast := 1 - math.Exp2(-1/nowHalfLife)
	if e.N == 0 {
		e.Now, e.Requests = share, requests
	}
	e.Now += fast * (share - e.Now)
	e.Requests += fast * (requests - e.Requests)
	if learn {
		slow := math.Max(1-math.Exp2(-1/usualHalfLife), 1/float64(e.N+1))
		if e.N >= usualAfter && e.beyond() {
			slow /= 10 // a checkout that is broken for days stays broken; one that counts otherwise settles
		}
		e.Usual += slow * (share - e.Usual)
		e.N++
	}
	return e
}

// extraHours sums the unit-hours asked for above the configured units since local midnight (a spending cap).
type extraHours struct {
	Day   string    `json:"day"`
	Hours float64   `json:"hours"`
	Since time.Time `json:"since"`
}

// minuteFacts is one minute of a site as its source reported it, segments put together.
type minuteFacts struct {
	at       time.Time
	total    float64
	bound    bool
	errors   float64
	units    int
	segments map[string]surgecast.TrafficMinute
}

// gather turns rows of one site into minutes, oldest first. The whole is what the source reported as
// total, else the sum of the segments. Only complete rows count.
func gather(rows []surgecast.TrafficMinute) []minuteFacts {
	byMinute := map[int64]*minuteFacts{}
	for i := range rows {
		r := &rows[i]
		if !r.Complete {
			continue
		}
		k := r.Minute.Unix()
		m := byMinute[k]
		if m == nil {
			m = &minuteFacts{at: r.Minute, segments: map[string]surgecast.TrafficMinute{}}
			byMinute[k] = m
		}
		m.segments[r.Segment] = *r
	}
	out := make([]minuteFacts, 0, len(byMinute))
	for _, m := range byMinute {
		if t, ok := m.segments[surgecast.TotalSegment]; ok {
			m.total, m.errors, m.bound, m.units = t.FirstN, t.Errors, t.Saturated, t.UnitsObserved
		}
		_, whole := m.segments[surgecast.TotalSegment]
		for name, s := range m.segments {
			if name == surgecast.TotalSegment {
				continue
			}
			m.bound = m.bound || s.Saturated
			m.units = max(m.units, s.UnitsObserved)
			if !whole {
				m.total += s.FirstN
				m.errors += s.Errors
			}
		}
		out = append(out, *m)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].at.Before(out[j].at) })
	return out
}

// value is what the track's segment had in a minute, NaN when it has no row.
func (k trackKey) value(m *minuteFacts) (v float64, bound bool) {
	if k.segment == surgecast.TotalSegment {
		return m.total, m.bound
	}
	if s, ok := m.segments[k.segment]; ok {
		return s.FirstN, s.Saturated
	}
	return math.NaN(), false
}

// newTrack makes a track that knows nothing yet. talk says that topics feed the site: its total is then
// modelled with what is said about them, from priors as they were drawn for it (nil: as shipped).
func newTrack(site surgecast.Site, segment string, talk bool, priors []prior) *track {
	var d []model.Driver
	if talk && segment == surgecast.TotalSegment {
		d = driversOf(priors)
	}
	return &track{
		site: site, key: trackKey{site.ID, segment},
		series: model.NewDriven(siteModel(site), d),
		run:    running{Errors: map[string]errorShare{}, Priors: priors},
	}
}

// siteModel is how a site's series is modelled: minutes, the full mixture, the ledger's grids.
func siteModel(site surgecast.Site) model.Config {
	loc, err := time.LoadLocation(site.TimeZone)
	if err != nil { // checked when the site was made; a machine without that zone still serves
		loc = time.UTC
	}
	return model.Config{
		StepSeconds: 60, Location: loc, Leads: surgecast.LeadMinutes[:], Levels: surgecast.Levels[:],
		Horizons: surgecast.HorizonMinutes[:], Sustain: max(1, site.Capacity.SustainMinutes), Full: true,
	}
}

// unitsNow is how many units serve: as seen, else as configured.
func (t *track) unitsNow() int {
	if t.run.Units > 0 {
		return t.run.Units
	}
	return t.site.Capacity.Units
}

// capacityRPM is what the track's segment can be served now, 0 when unknown.
func (t *track) capacityRPM() float64 {
	if t.key.segment != surgecast.TotalSegment {
		for _, s := range t.site.Segments {
			if s.Name == t.key.segment {
				return s.CapacityRPM
			}
		}
	}
	return t.site.Capacity.Serves(t.unitsNow())
}

// untested reports whether more units serve the track's segment than any load test tried: then nobody knows its limit.
func (t *track) untested() bool {
	return t.key.segment == surgecast.TotalSegment && t.site.Capacity.Untested(t.unitsNow())
}

// demand is Z at the origin: the mean of the last n minutes that were counted, NaN when none was.
func (r *running) demand(n int) float64 {
	sum, k := 0.0, 0
	for i := len(r.Recent) - 1; i >= 0 && i >= len(r.Recent)-n; i-- {
		if !math.IsNaN(r.Recent[i]) {
			sum += r.Recent[i]
			k++
		}
	}
	if k == 0 {
		return math.NaN()
	}
	return sum / float64(k)
}

// step gives one minute to the model and to what is remembered beside it. fed is nil when the minute
// is missing. It returns what the ledger keeps of it.
func (t *track) step(at time.Time, m *minuteFacts, talk []float64, hypothetical bool) surgecast.Fed {
	f := surgecast.Fed{Minute: at, Value: math.NaN(), Signals: talk}
	if m != nil {
		f.Value, f.Bound = t.key.value(m)
		if m.units > 0 {
			t.run.Units = m.units
		}
		if c := t.capacityRPM(); c > 0 && !hypothetical && f.Value >= .95*c && !t.untested() {
			f.Bound = true
		}
		for name, s := range m.segments {
			e := t.run.Errors[name]
			if at.Sub(e.At) >= retireAfter {
				e.Now, e.Requests = e.Usual, 0 // of its last minutes nothing is true any more
			}
			e = e.step(s.Requests, s.Errors, !t.run.Judge.busy())
			e.At = at
			t.run.Errors[name] = e
		}
		t.lookForFailure(at, f)
	}
	if t.complaint() {
		f.Signals = nil
	}
	f.Plan = t.planned(at.Add(time.Minute))
	t.apply(f, t.run.Judge.busy())
	return f
}

// complaintLasts is how long after a failure talk is still taken to be about it.
const complaintLasts = time.Hour

// lookForFailure notices an outage that more units would not mend: errors beyond their usual share, or a site
// that turns visits away, at a demand no higher than usual.
func (t *track) lookForFailure(at time.Time, f surgecast.Fed) {
	crowded := t.run.Usual > 0 && f.Value >= confirmed*t.run.Usual
	c := t.capacityRPM()
	failed := f.Bound && t.run.Usual > 0 && !crowded
	for _, e := range t.run.Errors {
		if e.At.Before(at) {
			continue // no news
		}
		// Near its capacity with more visitors than usual a site has its errors from them.
		failed = failed || e.N >= usualAfter && e.beyond() && !(crowded && c > 0 && f.Value >= .9*c)
	}
	if failed {
		t.run.FailedAt = at
	}
}

// complaint reports whether what is said now may be about an outage. People ask "is it down?" and bring no
// visits: taken for talk like any other it would ask for units that serve nobody, and teach the model that
// talk brings nothing. Such minutes of talk are given to the model as not counted.
func (t *track) complaint() bool {
	return !t.run.FailedAt.IsZero() && t.run.Origin.Sub(t.run.FailedAt) < complaintLasts
}

// skipTo steps through the missing minutes before at. After a hole of months the model has nothing left to
// forget minute by minute: a part of it is stepped through.
func (t *track) skipTo(at time.Time, talk map[int64][]float64, hypothetical bool, keep func(surgecast.Fed)) {
	if t.run.Origin.IsZero() {
		return
	}
	next := t.run.Origin.Add(time.Minute)
	if begin := at.Add(-longestGap * time.Minute); next.Before(begin) {
		next = begin
	}
	for ; next.Before(at); next = next.Add(time.Minute) {
		f := t.step(next, nil, talk[next.Unix()], hypothetical)
		if keep != nil {
			keep(f)
		}
	}
}

// apply steps model and memory through one fed minute.
func (t *track) apply(f surgecast.Fed, damp bool) {
	missing := math.IsNaN(f.Value)
	t.series.Step(f.Minute.Unix(), model.Obs{Value: f.Value, Missing: missing, Bound: f.Bound, Damp: damp}, f.Signals)
	if f.Plan != nil {
		t.tell(f.Plan)
	}
	if t.run.First.IsZero() && !missing {
		t.run.First = f.Minute
	}
	if !missing {
		t.run.Heard = f.Minute
	}
	t.run.Origin = f.Minute
	t.run.Recent = append(t.run.Recent, f.Value)
	t.run.Bounds = append(t.run.Bounds, f.Bound)
	if n := len(t.run.Recent); n > recentMinutes {
		t.run.Recent = append(t.run.Recent[:0], t.run.Recent[n-recentMinutes:]...)
		t.run.Bounds = append(t.run.Bounds[:0], t.run.Bounds[n-recentMinutes:]...)
	}
}

func (k trackKey) modelName() string   { return fmt.Sprintf("site:%d:%s", k.site, k.segment) }
func (k trackKey) runningName() string { return fmt.Sprintf("run:%d:%s", k.site, k.segment) }

// snapshot is the model's state, unless nothing happened since the last one.
func (t *track) snapshot() (surgecast.ModelState, bool) {
	if t.run.Origin.IsZero() || t.run.Origin.Equal(t.snapAt) {
		return surgecast.ModelState{}, false
	}
	blob, err := t.series.MarshalBinary()
	if err == nil {
		blob, err = pack(blob)
	}
	if err != nil {
		return surgecast.ModelState{}, false
	}
	return surgecast.ModelState{Series: t.key.modelName(), Origin: t.run.Origin, Blob: blob}, true
}

// remembered is the part beside the model, stored with every ledger row.
func (t *track) remembered() (surgecast.ModelState, error) {
	blob, err := json.Marshal(t.run)
	if err == nil {
		blob, err = pack(blob)
	}
	if err != nil {
		return surgecast.ModelState{}, fmt.Errorf("encoding the state of %s: %w", t.key.runningName(), err)
	}
	return surgecast.ModelState{Series: t.key.runningName(), Origin: t.run.Origin, Blob: blob}, nil
}
