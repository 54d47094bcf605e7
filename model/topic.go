package model

import (
	"math"
	"sync"
)

// Topic is the small form of a Series, for the mentions of one topic of a hundred thousand: the same
// profile, memories and trackers (MODEL 6.1, 6.2, 6.5), in about a kilobyte and without a pointer to
// anything of its own. What begins otherwise: W learns from the first step and D faster in its first days, and trackers
// start at the quantiles of a normal, without the wider upper tail of a Series (2.79 σ at .99, not 2.98).
//
//	S(t) = D(t) + W(t)       48 half-hours of the day, 7 days of the week; days: days of the week alone
//	r    = z − S,            s_k the memories of r, b that of a day; of a young topic, of a quarter of its life
//	ẑ_h  = S(t+h) + b + Σ_k β⁰_hk (s_k − b)          β⁰: priorWeights, fixed (per-topic ones buy 1 %)
//	Q_p  = ẑ_h + m_h + σ_h q_hp                      one scale and one tracker a lead
//
// State is float32 but for the two numbers with the slowest gains. Times are UTC. The zero Topic is of no
// use: NewTopic makes one. It is not safe for concurrent use, and may be copied.
type Topic struct {
	grid *topicGrid

	unix   int64   // start of the last step
	level  float64 // ℓ
	spread float64 // σ² of the profile
	t, n   int32   // steps, observed steps
	last   float32 // newest known z
	most   float32 // largest value seen

	fine   [topicFine]float32
	coarse [topicCoarse]float32
	s      [topicMemories]float32
	leads  [topicLeads]topicLead
	wave   wave
}

// topicLead is what a topic has learnt of one lead, and its forecasts that still wait for their truth.
type topicLead struct {
	scale float32
	place float32
	n     int32
	q     [topicLevels]float32
	ring  [topicSlots]topicSlot
}

// topicSlot is a waiting forecast. A scale of 0: empty.
type topicSlot struct{ centre, scale float32 }

const (
	topicFine     = 48
	topicCoarse   = 7
	topicMemories = 8
	topicLeads    = 4
	topicLevels   = 5
	topicSlots    = 13
	topicMedian   = 1 // place of .5 in TopicLevels
	topicBrief    = 2 // the briefest memory that stands for a level, of 8 steps
)

// TopicLevels are the levels of a Topic's forecast: the middle, the 80 % interval and three of the upper tail.
var TopicLevels = [topicLevels]float64{.1, .5, .9, .95, .99}

// TopicLeadMinutes are its leads; a source with longer steps has those that are different in whole steps.
var TopicLeadMinutes = [topicLeads]int{15, 60, 240, 1440}

// topicGrid is what all topics of one step length share.
type topicGrid struct {
	step          int64
	day           float64 // steps a day, at least 48
	fine, coarse  topicCycle
	levelSteps    float64
	gain, tau     [topicMemories]float64 // of the memories; τ in steps
	memories      int
	base, damp    int
	leads         []topicGridLead
	seven         bool // days: W is all there is
	normal        [topicLevels]float64
	sum           uint32 // checksum of the grid, for snapshots
	profileSteps  int
	profilePoints int
}

type topicGridLead struct {
	h, stride, slots int
	beta             [topicMemories]float64 // weight of s_k − b
	limit            float64
	pace             float64 // √stride: fewer lessons, longer steps
	memory           float64 // lessons the scale remembers
}

// topicCycle is the shape of a cycle without its knots.
type topicCycle struct {
	period, spacing float64
	n               int
	g, k, perCycle  float64
	shift           float64 // seconds by which the knots lie after the start of the period
}

var (
	topicGridsMu sync.Mutex
	topicGrids   = map[int]*topicGrid{}
)

// gridOf is the grid of a step length; every topic of it points to the same one.
func gridOf(stepSeconds int) *topicGrid {
	topicGridsMu.Lock()
	defer topicGridsMu.Unlock()
	g := topicGrids[stepSeconds]
	if g == nil {
		g = newTopicGrid(stepSeconds)
		topicGrids[stepSeconds] = g
	}
	return g
}

func newTopicGrid(stepSeconds int) *topicGrid {
	step := float64(stepSeconds)
	g := &topicGrid{step: int64(stepSeconds), day: max(day/step, 48), levelSteps: 14 * day / step}
	cyc := func(period float64, most int, gain, k, shift float64) topicCycle {
		c := newCycle(period, most, step, gain, k)
		return topicCycle{period: period, spacing: c.spacing, n: len(c.knot), g: gain, k: k, perCycle: c.perCycle, shift: shift}
	}
	if step > day/2 {
		g.seven, g.levelSteps = true, 180*day/step
		g.coarse = cyc(week, topicCoarse, .12, 1.5, 0)
	} else {
		g.fine = cyc(day, topicFine, .12, 1.5, 0)
		// The middle of a day stands for it: between two middles the offset goes over.
		g.coarse = cyc(week, topicCoarse, .2, 1, day/2)
	}
	m := newMemory(step)
	g.memories, g.base, g.damp = len(m.tau), m.base, m.damp
	for k, tau := range m.tau {
		g.gain[k], g.tau[k] = 1-math.Exp(-1/tau), tau
	}
	for i, p := range TopicLevels {
		g.normal[i] = normalQuantile(p)
	}
	for _, minutes := range TopicLeadMinutes {
		h := max(1, int(math.Round(float64(minutes)*60/step)))
		if n := len(g.leads); n > 0 && h <= g.leads[n-1].h {
			continue
		}
		l := topicGridLead{h: h, stride: (h + topicSlots - 2) / (topicSlots - 1), limit: changeLimit(h, step)}
		l.slots = h/l.stride + 1
		l.pace = math.Sqrt(float64(l.stride))
		l.memory = (500 + float64(h)) / float64(l.stride)
		beta, i := priorWeights(&m, h), 0
		for k := range m.tau {
			if k != m.base {
				l.beta[k] = beta[i]
				i++
			}
		}
		g.leads = append(g.leads, l)
	}
	longest := g.leads[len(g.leads)-1].h
	g.profileSteps = max(1, (longest+profilePoints-1)/profilePoints)
	g.profilePoints = longest/g.profileSteps + 2
	g.sum = g.checksum()
	return g
}

// NewTopic returns a topic that knows nothing, of a source with steps of so many seconds (less than one
// panics: a mistake in the program).
func NewTopic(stepSeconds int) Topic {
	if stepSeconds <= 0 {
		panic("model: a topic needs a step")
	}
	t := Topic{grid: gridOf(stepSeconds), spread: 1, t: -1}
	for i := range t.grid.leads {
		l := &t.leads[i]
		l.scale = .5
		for k, z := range t.grid.normal {
			l.q[k] = float32(1.2 * z)
		}
	}
	return t
}

// N is the number of observed steps so far.
func (t *Topic) N() int { return int(t.n) }

// Leads appends the leads of the forecast, in steps.
func (t *Topic) Leads(dst []int) []int {
	for i := range t.grid.leads {
		dst = append(dst, t.grid.leads[i].h)
	}
	return dst
}

// place is cycle.place for a shape whose knots are shifted.
func (c *topicCycle) place(unix int64) (i, j int, w float64) {
	x := (float64(unix) - c.shift) / c.spacing
	f := math.Floor(x)
	w = x - f
	i = int(int64(f) % int64(c.n))
	if i < 0 {
		i += c.n
	}
	if j = i + 1; j == c.n {
		j = 0
	}
	return i, j, w
}

// share is how much of a shape counts after n steps: nothing before it was seen once whole.
func (c *topicCycle) share(n float64, step int64) float64 {
	return min(max((n*float64(step)/c.period-1)/phaseIn, 0), 1)
}

func (c *topicCycle) gain(n float64, step int64, damp float64) float64 {
	return damp * max(c.g, 1/(n*float64(step)/c.period+c.k)) / c.perCycle
}

func lerp(knot []float32, i, j int, w float64) float64 {
	a := float64(knot[i])
	return a + w*(float64(knot[j])-a)
}

// shapes are D and W whole, and as much of them as counts.
func (t *Topic) shapes(unix int64) (whole, counts float64) {
	g, n := t.grid, float64(t.n)
	i, j, w := g.coarse.place(unix)
	v := lerp(t.coarse[:], i, j, w)
	whole, counts = v, v*g.coarse.share(n, g.step)
	if !g.seven {
		i, j, w = g.fine.place(unix)
		v = lerp(t.fine[:], i, j, w)
		whole, counts = whole+v, counts+v*g.fine.share(n, g.step)
	}
	return whole, counts
}

// Step takes in the step that starts at unixSeconds. The caller gives every step in order, missing ones as
// Missing. Bound is not looked at: nobody turns mentions away.
func (t *Topic) Step(unixSeconds int64, o Obs) {
	t.t++
	t.unix = unixSeconds
	y := o.Value
	if o.Missing || math.IsNaN(y) || math.IsInf(y, 0) || y < 0 {
		t.miss()
	} else {
		t.take(min(y, largestCount), o.Damp)
	}
	for i := range t.grid.leads {
		l := &t.grid.leads[i]
		if int(t.t)%l.stride != 0 {
			continue
		}
		m := &t.leads[i]
		m.ring[int(t.t)/l.stride%l.slots] = topicSlot{float32(t.centre(l)), m.scale}
	}
}

func (t *Topic) miss() {
	t.wave.pass()
	for k := range t.grid.memories - 1 {
		t.s[k] += float32(t.grid.gain[k] * float64(t.s[k+1]-t.s[k]))
	}
}

func (t *Topic) take(y float64, alert bool) {
	z := math.Log1p(y)
	g := t.grid
	for i := range g.leads {
		t.learn(&g.leads[i], &t.leads[i], z)
	}
	damp := 1.
	if alert {
		damp = .1
	}
	t.most = max(t.most, float32(y))
	t.learnProfile(z, damp)
	_, usual := t.shapes(t.unix)
	r := z - usual
	t.wave.step(y, z, usual+t.level, float64(t.last), g.day, t.n == 1)
	young := 1 / float64(t.n) // n counts this step already
	for k := range g.memories {
		a := max(g.gain[k], young)
		if k >= g.damp {
			a *= damp
		}
		t.s[k] += float32(a * (r - float64(t.s[k])))
	}
	t.last = float32(z)
}

// learnProfile is profile.learn with these knots.
func (t *Topic) learnProfile(z, damp float64) {
	g, n := t.grid, float64(t.n)
	whole, _ := t.shapes(t.unix)
	r := z - whole
	if t.n == 0 {
		t.level = r
	}
	limit := 4.5 * math.Sqrt(t.spread)
	e := min(max(r-t.level, -limit), limit)
	t.level += damp * max(1/g.levelSteps, 1/(n+1)) * e
	i, j, w := g.coarse.place(t.unix)
	gain := g.coarse.gain(n, g.step, damp) * e
	t.coarse[i] += float32((1 - w) * gain)
	t.coarse[j] += float32(w * gain)
	if !g.seven {
		i, j, w = g.fine.place(t.unix)
		gain = g.fine.gain(n, g.step, damp) * e
		t.fine[i] += float32((1 - w) * gain)
		t.fine[j] += float32(w * gain)
	}
	t.spread += damp * (1.1*e*e - t.spread) / min(n+20, 2000)
	t.spread = max(t.spread, 1e-4)
	if t.n < math.MaxInt32 {
		t.n++
	}
}

// centre is ẑ of one lead, from the last step.
func (t *Topic) centre(l *topicGridLead) float64 {
	g := t.grid
	_, then := t.shapes(t.unix + int64(l.h)*g.step)
	// Talk mostly begins with a peak and fades: the mean of all there was is no level of it.
	base := g.base
	for base > topicBrief && 4*g.tau[base] > float64(t.n) {
		base--
	}
	b, v := float64(t.s[base]), 0.
	for k := range g.memories {
		v += l.beta[k] * (float64(t.s[k]) - b)
	}
	return min(max(then+b+bound(v, l.limit), 0), t.ceiling())
}

func (t *Topic) ceiling() float64 { return math.Log1p(5*float64(t.most) + 5) }

// learn judges the forecast made h steps ago, see lead.learn.
func (t *Topic) learn(l *topicGridLead, m *topicLead, z float64) {
	origin := int(t.t) - l.h
	if origin < 0 || origin%l.stride != 0 {
		return
	}
	e := &m.ring[origin/l.stride%l.slots]
	if e.scale <= 0 {
		return
	}
	// Of a young topic the scale is the spread about the median followed so far: what its forecasts are off by, hour after
	// hour, is place and no width (tracker.go).
	err, was := z-float64(e.centre), float64(e.scale)
	off := err - (float64(m.place)+was*float64(m.q[topicMedian]))*trackerYoung/(trackerYoung+float64(m.n))
	slow := float64(m.scale)
	slow += (min(1.25*math.Abs(off), 4*slow) - slow) / min(float64(m.n)+6, l.memory)
	m.scale = float32(max(slow, .005))
	track(m.q[:], int(m.n), float32((err-float64(m.place))/was), TopicLevels[:], trackerGain*l.pace, false)
	if m.n < math.MaxInt32 {
		m.n++
	}
	m.place += float32(settle(m.q[:], int(m.n), topicMedian, float64(m.place), was))
	e.scale = 0
}

// Usual is what a moment usually brings, by what is known now.
func (t *Topic) Usual(unixSeconds int64) float64 {
	_, s := t.shapes(unixSeconds)
	return count(min(max(s+t.level, 0), t.ceiling()))
}

// Spread is the variance of log(1+count) about the usual course, as this topic has had it so far.
func (t *Topic) Spread() float64 { return t.spread }

// Forecast fills f from the last step: quantiles at TopicLevels and the usual course. There are no window
// maxima. Filling a used f allocates nothing.
func (t *Topic) Forecast(f *Forecast) {
	g := t.grid
	f.Q = fit(f.Q, len(g.leads), topicLevels)
	f.MaxQ = f.MaxQ[:0]
	ceiling := t.ceiling()
	for i := range g.leads {
		centre, scale := t.centre(&g.leads[i])+float64(t.leads[i].place), float64(t.leads[i].scale)
		top := 0.
		for k, q := range t.leads[i].q {
			top = max(top, centre+scale*float64(q))
			f.Q[i][k] = count(min(top, ceiling))
		}
	}
	f.ProfileSteps = g.profileSteps
	if cap(f.Profile) < g.profilePoints {
		f.Profile = make([]float64, g.profilePoints)
	}
	f.Profile = f.Profile[:g.profilePoints]
	for k := range f.Profile {
		f.Profile[k] = t.Usual(t.unix + int64(k*g.profileSteps)*g.step)
	}
}
