package model

import "math"

// maxima forecasts the quantiles of M, the highest Z of a window, as lead.go does those of one value. A few
// experts say where M stands on the scale of z, each follows the quantiles of what M exceeds it by,
//
//	m_j(p) = c_j + σ_j q_j(p)         Q(p) = Σ_j w_j m_j(p)
//
// and the weights are learnt online from the pinball loss in raw counts (mixture.go). That loss is what
// capacity is paid by, the newsvendor's: with c a lost request in units of an idle one,
//
//	cap + c (M − cap)⁺ = M + c ρ_α(M − cap),   α = 1 − 1/c
//
// so a rule of thumb that is an expert here can hardly beat the mixture for long. The reach of a surge has
// little to do with how noisy the hour before was: besides what is in units of today's σ there must be
// experts with a spread of their own, or one jump at night widens the far tail of every restless hour.
const (
	maxScaled    = iota // E(0) + σ q    the forecast's course, in units of how wrong it is today
	maxCourse           // E(0)          the same, in units of how wrong it usually is
	maxShort            // log(1 + highest value of the last 15 minutes): what an autoscaler goes by
	maxYesterday        // log(1 + highest Z of the same window a day ago)
	maxLong             // log(1 + highest Z of the last day)
	maxUsual            // mean of log(1 + M) over two weeks
	numMax
)

type maxima struct {
	tracks [numMax]tracker
	spread [numMax]float64 // mean of 1.25 |log(1+M) − c_j|
	mix    []mixture       // one per group of levels
	mean   float64         // of log(1+M)
	n      int

	// Of this step.
	centre [numMax]float64
	q      []float64
}

const (
	maxWidth  = .8 // of the first quantiles, in spreads; too wide ones would take weeks to come in
	maxMemory = 8  // of a spread, in times that of a lead's slow scale
)

func (s *Series) newMaxima() maxima {
	m := maxima{q: make([]float64, len(s.levels))}
	for j := range m.tracks {
		m.tracks[j] = newTracker(s.normal, maxWidth, 0)
		for i := range m.tracks[j].q {
			m.tracks[j].q[i] += scoreShift
		}
		m.spread[j] = .5
	}
	for range levelGroups {
		m.mix = append(m.mix, newMixture(numMax))
	}
	return m
}

// lookMaxima works out centres and quantiles of this step.
func (s *Series) lookMaxima(w *horizon) {
	m := &w.max
	m.centre[maxScaled], m.centre[maxCourse] = w.centre, w.centre
	// What is not known, yet or any more, is not zero: it would pull the maximum down, and be learnt as an error of all
	// there is.
	m.centre[maxShort], m.centre[maxYesterday] = w.centre, w.centre
	if v := s.recent.max(s.recent.brief); v != unseen {
		m.centre[maxShort] = math.Log1p(v)
	}
	if v := s.recent.yesterday(w.h); v != unseen && s.recent.dayOld() {
		m.centre[maxYesterday] = math.Log1p(v)
	}
	m.centre[maxLong] = w.long
	m.centre[maxUsual] = m.mean
	if m.n == 0 {
		m.centre[maxUsual] = w.centre
	}
	if s.eventAhead(w.h) > eventMatters { // what was says little against what is planned
		for j, c := range m.centre {
			m.centre[j] = max(c, w.centre)
		}
	}
	s.maxQuantiles(m, m.q, m.centre[:], w.sigma, s.moving()*s.leads[w.last].near)
}

// at is m_j at level i.
func (m *maxima) at(j, i int, centre, sigma, ceiling float64) float64 {
	if j != maxScaled {
		sigma = m.spread[j]
	}
	return min(max(centre+m.tracks[j].at(i, sigma), 0), ceiling)
}

func (s *Series) maxQuantiles(m *maxima, q, centre []float64, sigma, moving float64) {
	var votes [levelGroups][numMax]float64
	for g := range m.mix {
		m.mix[g].votes(votes[g][:], nil, s.n)
	}
	top := 0.
	for i := range q {
		v := 0.
		w := &votes[s.group[i]]
		for j, c := range centre {
			v += (w[j] + moving*(maxMovers[j]-w[j])) * m.at(j, i, c, sigma, s.far)
		}
		top = max(top, v)
		q[i] = top
	}
}

// learn takes in z = log(1+M) of a window that is over; centre and sigma are those of its origin.
func (s *Series) learnMaxima(w *horizon, centre []float64, sigma, z float64, low bool) {
	m := &w.max
	q := s.scratch
	s.maxQuantiles(m, q, centre, sigma, 0)
	y := math.Expm1(z)
	stride := float64(w.stride)
	delta := 1 - stride/(6000+30*float64(w.h)+stride)
	for g := range m.mix {
		var loss [numMax]float64
		for _, i := range s.judges[g] {
			Q := math.Expm1(q[i])
			grad := -s.levels[i]
			if y < Q {
				if low {
					continue
				}
				grad++
			}
			for j, c := range centre {
				loss[j] += grad * (math.Expm1(m.at(j, i, c, sigma, s.far)) - Q)
			}
		}
		for j := range loss {
			loss[j] /= s.mean + 1
		}
		m.mix[g].learn(loss[:], delta)
	}
	memory := maxMemory * (500 + float64(w.h)) / stride
	for j, c := range centre {
		unit := sigma
		if j != maxScaled {
			unit = m.spread[j]
		}
		e := z - c
		m.tracks[j].learn(e, unit, s.levels, trackerGain, low)
		if !low || e > 0 {
			m.spread[j] += (min(1.25*math.Abs(e), 4*m.spread[j]) - m.spread[j]) / min(float64(m.n)+6, memory)
			m.spread[j] = max(m.spread[j], .005)
		}
	}
	if !low || z > m.mean {
		m.mean += (z - m.mean) / min(float64(m.n)+1, 14*day/(float64(s.c.StepSeconds)*stride)+1)
	}
	m.n++
}

func (m *maxima) snapshot(c *codec) {
	for j := range m.tracks {
		m.tracks[j].snapshot(c)
	}
	c.nums(m.spread[:])
	for g := range m.mix {
		m.mix[g].snapshot(c)
	}
	c.num(&m.mean)
	c.whole(&m.n)
}
