package model

import "math"

// recent keeps what happened lately: raw values for running means, maxima and the demand Z, and mean
// residuals in blocks for "the same time yesterday" and "last week".
type recent struct {
	raw   []float64 // ring of the last values; NaN: missing
	at    int       // where the newest stands
	last  float64   // newest known z
	usual float64   // S of its step
	seen  int64     // start of its step
	short int       // steps of the short maximum
	brief int       // steps of 15 minutes

	block    int // steps a block: 5 minutes below that step, else one
	perDay   int // blocks in the first season (a day; a week for daily steps)
	perWeek  int // blocks in the second
	residual []float32
	top      []float64 // ring of block maxima of Z over the long window; unseen: nothing is known of the block
	sum      float64
	count    int
	t        int // steps seen
}

// unseen is the maximum of steps of which nothing is known.
const unseen = -1.

func newRecent(step float64) recent {
	block := max(1, int(math.Round(300/step)))
	season, second, long := float64(day), float64(week), float64(day)
	if step > day/2 {
		season, second, long = 7*step, 52*7*step, 28*step
	}
	blockSeconds := float64(block) * step
	r := recent{
		raw:     make([]float64, 64),
		short:   24,
		brief:   max(1, int(math.Round(900/step))),
		block:   block,
		perDay:  int(math.Round(season / blockSeconds)),
		perWeek: int(math.Round(second / blockSeconds)),
	}
	if step <= 150 {
		r.short = 60
	}
	r.residual = make([]float32, r.perWeek+1)
	r.top = make([]float64, max(1, int(math.Round(long/blockSeconds))))
	for i := range r.raw {
		r.raw[i] = math.NaN()
	}
	for i := range r.residual {
		r.residual[i] = nan32
	}
	for i := range r.top {
		r.top[i] = unseen
	}
	return r
}

// push takes one step in; y NaN means missing.
func (r *recent) push(y, z, residual float64) {
	r.at = (r.at + 1) % len(r.raw)
	r.raw[r.at] = y
	if !math.IsNaN(y) {
		r.last = z
		r.sum += residual
		r.count++
	}
	b := r.t / r.block
	if len(r.residual) > 0 {
		i := b % len(r.residual)
		if r.count > 0 {
			r.residual[i] = float32(r.sum / float64(r.count))
		} else {
			r.residual[i] = nan32
		}
	}
	if r.t%r.block == 0 {
		r.top[b%len(r.top)] = unseen
	}
	r.t++
	if r.t%r.block == 0 {
		r.sum, r.count = 0, 0
	}
}

// raise takes the demand Z of the step just pushed into the long maximum.
func (r *recent) raise(demand float64) {
	i := (r.t - 1) / r.block % len(r.top)
	r.top[i] = max(r.top[i], demand)
}

// mean of the known values among the last n steps; the second result is false when there is none.
func (r *recent) mean(n int) (float64, bool) {
	sum, count := 0.0, 0
	for k := range min(n, len(r.raw)) {
		if v := r.raw[(r.at-k+len(r.raw))%len(r.raw)]; !math.IsNaN(v) {
			sum += v
			count++
		}
	}
	if count == 0 {
		return 0, false
	}
	return sum / float64(count), true
}

// max of Z is not kept step by step; the largest single value of the last n steps stands for it. It is unseen when none is
// known.
func (r *recent) max(n int) float64 {
	m := unseen
	for k := range min(n, len(r.raw)) {
		if v := r.raw[(r.at-k+len(r.raw))%len(r.raw)]; v > m {
			m = v
		}
	}
	return m
}

// long is the highest Z of the last day (daily steps: four weeks), or unseen.
func (r *recent) long() float64 {
	m := unseen
	for _, v := range r.top {
		m = max(m, v)
	}
	return m
}

// dayOld reports whether the ring of the last day is full: there is a yesterday.
func (r *recent) dayOld() bool { return r.t >= r.block*len(r.top) }

// yesterday is the highest Z of the window of the next h steps one day ago (daily steps: four weeks ago),
// by whole blocks, or unseen. It still stands in the ring of the last day.
func (r *recent) yesterday(h int) float64 {
	if r.t == 0 {
		return unseen
	}
	b := (r.t - 1) / r.block
	m := unseen
	for k := range min((h+r.block-1)/r.block, len(r.top)) {
		m = max(m, r.top[(b+1+k)%len(r.top)])
	}
	return m
}

// ago is the mean residual one season before the step h ahead: a day (back = perDay) or a week. It answers false
// when that is unknown or not yet there.
func (r *recent) ago(h, back int) (float64, bool) {
	t := r.t - 1 + h
	b := t/r.block - back
	for b > (r.t-1)/r.block {
		b -= back // the lead is longer than the season: go back another one
	}
	if b < 0 || r.t == 0 || (r.t-1)/r.block-b >= len(r.residual) {
		return 0, false
	}
	v := float64(r.residual[b%len(r.residual)])
	return v, !math.IsNaN(v)
}

func (r *recent) snapshot(c *codec) {
	c.nums(r.raw)
	c.whole(&r.at)
	c.num(&r.last)
	c.num(&r.usual)
	c.long(&r.seen)
	c.small(r.residual)
	c.nums(r.top)
	c.num(&r.sum)
	c.whole(&r.count)
	c.whole(&r.t)
}
