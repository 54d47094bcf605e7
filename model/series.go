package model

import (
	"math"
	"time"
)

// Config says what is forecast. Leads and Horizons are in steps and rising, Levels rising in (0, 1).
type Config struct {
	StepSeconds int            // length of one step
	Location    *time.Location // wall clock of the profile; nil: UTC
	Leads       []int
	Levels      []float64
	Horizons    []int // windows 1..h for the maximum; each is best also a lead
	Sustain     int   // steps demand is averaged over for risk; at least 1
	Full        bool  // true: the mixture of experts (sites); false: the cheap form (topics)
}

// Obs is what one step brought.
type Obs struct {
	Value   float64
	Missing bool // nothing is known; not the same as zero
	Bound   bool // the truth is Value or more: the site was saturated
	Damp    bool // in an alert: slow parts learn at a tenth, a surge must not become next week's normal
}

// Series is the model of one series. It is not safe for concurrent use.
type Series struct {
	c      Config
	levels []float64
	normal []float64 // Φ⁻¹(level)
	group  []int     // group of each level
	judges [levelGroups][]int
	median int // level nearest to .5

	tailLogit  []float64 // logit(1 − level)
	scorePrior []float64 // prior share of maxima above each grid score

	t, n    int   // steps, observed steps
	unix    int64 // start of the last step
	maxSeen float64
	mean    float64 // running mean count

	clock    wallClock
	profile  profile
	events   events
	memory   memory
	trend    trend
	change   change
	drift    drift
	recent   recent
	leads    []lead
	horizons []horizon

	// Worked out anew at each step from the above.
	ceiling      float64 // log(1 + 2 … 5 × largest seen)
	far          float64 // the same for maxima: at once 5 × when counts rise steeply
	mean3, mean8 float64
	scaleInputs  [scaleFeatures]float64
	demand       float64 // Z of this step
	bounded      int     // steps for which a lower bound is still in Z
	long         float64 // log(1 + highest Z of the last day)
	scratch      []float64
	wide         []float64 // one waiting forecast or window, unpacked
	peak         []float64 // quantiles at an event's peak
	course       []float64 // envelope of a window
	risky        bool      // risk curves are up to date
}

const largestCount = 1e12

// steepRise is by how much log(1 + mean of 3) lies above that of 8 (minutes: 15) in a steep rise.
const steepRise = .3

// New returns a model that knows nothing but its priors. A Config with nothing to forecast (no leads or
// levels, no step) is a mistake in the program and panics.
func New(c Config) *Series {
	if c.StepSeconds <= 0 || len(c.Leads) == 0 || len(c.Levels) == 0 {
		panic("model: a series needs a step, leads and levels")
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	c.Sustain = max(1, c.Sustain)
	step := float64(c.StepSeconds)
	s := &Series{c: c, levels: c.Levels}
	for i, p := range s.levels {
		s.normal = append(s.normal, normalQuantile(p))
		g := groupOf(p)
		s.group = append(s.group, g)
		s.tailLogit = append(s.tailLogit, logit(1-p))
		if math.Abs(p-.5) < math.Abs(s.levels[s.median]-.5) {
			s.median = i
		}
		if p >= .05-1e-9 && p <= .99+1e-9 {
			s.judges[g] = append(s.judges[g], i)
		}
	}
	for g := range s.judges { // two judges a group are enough, and cheaper
		if j := s.judges[g]; len(j) > 2 {
			s.judges[g] = []int{j[0], j[len(j)-1]}
		}
	}
	for k := range scoreGrid {
		s.scorePrior = append(s.scorePrior, normalSurvival(scoreLow+scoreWidth*float64(k)-scoreShift))
	}
	s.clock = wallClock{loc: c.Location}
	s.profile = newProfile(step)
	s.events = newEvents(step)
	s.memory = newMemory(step)
	s.change = newChange(step)
	s.recent = newRecent(step)
	if !c.Full {
		s.recent.residual = nil
	}
	for _, h := range c.Leads {
		s.leads = append(s.leads, s.newLead(h))
	}
	for _, h := range c.Horizons {
		s.horizons = append(s.horizons, s.newHorizon(h))
	}
	s.scratch = make([]float64, len(s.levels))
	wide := 0
	for i := range s.leads {
		wide = max(wide, s.leads[i].width)
	}
	for i := range s.horizons {
		wide = max(wide, s.horizons[i].width)
	}
	s.wide = make([]float64, wide)
	s.peak = make([]float64, len(s.levels))
	s.course = make([]float64, len(s.levels))
	s.t = -1
	s.look()
	for i := range s.leads {
		s.predictOnly(&s.leads[i])
	}
	return s
}

// N is the number of observed steps so far.
func (s *Series) N() int { return s.n }

// Step takes in the step that starts at unixSeconds. The caller gives every step in order, missing ones
// as Missing.
func (s *Series) Step(unixSeconds int64, o Obs) {
	s.t++
	s.unix = unixSeconds
	s.risky = false
	y := o.Value
	known := !o.Missing && !math.IsNaN(y) && !math.IsInf(y, 0) && y >= 0
	if known {
		s.take(min(y, largestCount), o)
	} else {
		s.miss()
	}
	s.look()
	now := s.usual(s.unix)
	if known {
		s.recent.usual, s.recent.seen = now, s.unix
	}
	for i := range s.leads {
		s.predict(&s.leads[i], now)
	}
	for i := range s.horizons {
		s.open(&s.horizons[i])
	}
}

func (s *Series) take(y float64, o Obs) {
	z := math.Log1p(y)
	damp := 1.
	if o.Damp {
		damp = .1
	}
	if s.n > 0 { // before the first value nothing was said
		s.drift.learn(z, s.leads[0].sigma, o.Bound)
	}
	for i := range s.leads {
		s.learn(&s.leads[i], y, z, o.Bound)
	}
	s.maxSeen = max(s.maxSeen, y)
	s.n++
	s.mean += (y - s.mean) / min(float64(s.n), 5000)

	local := s.clock.local(s.unix)
	planned := s.events.at(s.unix, s.unix)
	s.profile.learn(local, z-planned, o.Bound, damp)
	r := z - s.profile.at(local) - planned
	if len(s.events.list) > 0 {
		if e := r - s.memory.hours(); !o.Bound || e > 0 {
			s.events.learn(s.unix, e, o.Bound)
		}
		s.events.forget(s.unix)
		r = z - s.usual(s.unix)
	}
	s.memory.learn(r, o.Bound, damp)
	s.trend.learn(r, o.Bound)
	s.change.learn(z, o.Bound)
	s.recent.push(y, z, r)
	s.demand, _ = s.recent.mean(s.c.Sustain)
	s.recent.raise(s.demand)
	s.bounded = max(s.bounded-1, 0)
	if o.Bound {
		s.bounded = s.c.Sustain
	}
	for i := range s.horizons {
		s.watch(&s.horizons[i], s.demand, true, s.bounded > 0)
	}
}

// usual is S at a moment: the profile and the events known by now.
func (s *Series) usual(unix int64) float64 {
	v := s.profile.at(s.clock.local(unix))
	if len(s.events.list) > 0 {
		v += s.events.at(unix, s.unix)
	}
	return v
}

func (s *Series) miss() {
	s.memory.miss()
	s.trend.miss()
	s.recent.push(math.NaN(), 0, 0)
	s.bounded = max(s.bounded-1, 0)
	for i := range s.horizons {
		s.watch(&s.horizons[i], 0, false, false)
	}
}

// look works out what all leads share.
func (s *Series) look() {
	s.events.look(s.unix)
	if s.c.Full {
		s.long = s.recent.last
		if v := s.recent.long(); v != unseen {
			s.long = math.Log1p(v)
		}
	}
	eight := 8
	if s.c.StepSeconds <= 150 {
		eight = 15
	}
	s.mean3, s.mean8 = s.recent.last, s.recent.last
	m8 := math.Expm1(s.mean8)
	if v, ok := s.recent.mean(3); ok {
		s.mean3 = math.Log1p(v)
	}
	if v, ok := s.recent.mean(eight); ok {
		s.mean8 = math.Log1p(v)
		m8 = v
	}
	// A young series has seen one surge or none: twice that is as far as it reaches, five times in the end. The
	// maximum of a window reaches further as soon as the last values show a rise: who says of a steep one in
	// its first hour that it ends below twice what was seen is wrong once in twenty.
	young := min(float64(s.n)/1000, 1)
	reach := func(share float64) float64 { return math.Log1p((2+3*share)*s.maxSeen+5) + s.events.top }
	s.ceiling = reach(young)
	s.far = reach(max(young, bound((s.mean3-s.mean8)/steepRise, 1)))
	v := s.change.v
	s.scaleInputs = [scaleFeatures]float64{
		1, math.Log(max(v[0], .01)), math.Log(max(v[1], .01)), math.Log(max(v[2], .01)),
		bound((s.memory.fast()-s.profile.level)/2, 5), bound((s.recent.last-s.mean8)/2, 5), 1 / math.Sqrt(1+m8),
	}
}

// predictOnly is predict before the first step: nothing is filed.
func (s *Series) predictOnly(l *lead) {
	t := s.t
	s.t = 1 // a step that files nothing at strides above one; stride one is emptied below
	s.predict(l, 0)
	s.t = t
	for i := range l.slots {
		l.ring[i*l.width] = nan32
	}
}

func (s *Series) snapshot(c *codec) {
	c.whole(&s.t)
	c.whole(&s.n)
	c.long(&s.unix)
	c.num(&s.maxSeen)
	c.num(&s.mean)
	c.num(&s.demand)
	c.whole(&s.bounded)
	s.profile.snapshot(c)
	s.events.snapshot(c)
	s.memory.snapshot(c)
	s.trend.snapshot(c)
	s.change.snapshot(c)
	s.drift.snapshot(c)
	s.recent.snapshot(c)
	for i := range s.leads {
		s.leads[i].snapshot(c)
	}
	for i := range s.horizons {
		s.horizons[i].snapshot(c)
	}
}
