package model

import "math"

// curves brings the risk curve of every horizon up to date.
func (s *Series) curves() {
	if s.risky {
		return
	}
	s.risky = true
	for i := range s.horizons {
		w := &s.horizons[i]
		s.lookAhead(w)
		if !s.c.Full {
			for k := range s.levels {
				w.z[k] = max(w.centre+w.direct.at(k, w.sigma), 0)
				if k > 0 {
					w.z[k] = max(w.z[k], w.z[k-1])
				}
				w.lg[k] = s.tailLogit[k]
			}
			continue
		}
		least := math.Inf(1)
		for k := range w.z {
			z := s.atScore(w.envelope, scoreLow+scoreWidth*float64(k))
			if k > 0 {
				z = max(z, w.z[k-1])
			}
			w.z[k] = z
			least = min(least, w.stack.logit(s.logits(w, z)))
			w.lg[k] = least
		}
	}
}

// at is logit P(M > C) on one horizon's own curve, z = log(1+C).
func (w *horizon) at(z float64) float64 {
	n := len(w.z)
	if z <= w.z[0] {
		return w.lg[0]
	}
	for k := 1; k < n; k++ {
		if w.z[k] > z {
			f := (z - w.z[k-1]) / (w.z[k] - w.z[k-1])
			return w.lg[k-1] + f*(w.lg[k]-w.lg[k-1])
		}
	}
	return w.lg[n-1] - w.tail()*(z-w.z[n-1])
}

// quantile is the inverse of at: the z that M passes with logit probability lg.
func (w *horizon) quantile(lg float64) float64 {
	n := len(w.z)
	if lg >= w.lg[0] {
		return w.z[0]
	}
	for k := 1; k < n; k++ {
		if w.lg[k] <= lg {
			f := (w.lg[k-1] - lg) / (w.lg[k-1] - w.lg[k])
			return w.z[k-1] + f*(w.z[k]-w.z[k-1])
		}
	}
	return w.z[n-1] + (w.lg[n-1]-lg)/w.tail()
}

// tail is how fast the logit falls beyond the grid: an exponential in log count, Pareto in counts.
func (w *horizon) tail() float64 {
	n := len(w.z)
	k := n - 1 - n/5
	return max((w.lg[k]-w.lg[n-1])/max(w.z[n-1]-w.z[k], 1e-6), .5)
}

// Risk is P(max over 1..h of Z > c), with h an index into Config.Horizons and Z the mean of the last
// Sustain steps. It falls as c rises and rises with h.
func (s *Series) Risk(h int, c float64) float64 {
	s.curves()
	z := math.Log1p(max(c, 0))
	lg := math.Inf(-1)
	for i := range h + 1 {
		lg = max(lg, s.horizons[i].at(z))
	}
	return logistic(lg)
}

// maxZ is the p-quantile of log(1+M) over 1..h: the largest over the shorter windows too, since Risk is.
func (s *Series) maxZ(h int, p float64) float64 {
	lg := logit(1 - p)
	z := math.Inf(-1)
	for i := range h + 1 {
		z = max(z, s.horizons[i].quantile(lg))
	}
	return max(z, 0)
}

// MaxQuantile is the p-quantile of the maximum of Z over the steps fromStep..toStep ahead. From step 1
// to a horizon it is the inverse of Risk. The maximum over any other window [a, b] is not followed itself; it is
// taken to meet the envelope of its own steps at the score at which the maximum over 1..b meets theirs,
//
//	Q_ab(p) = E_ab(max(E_1b⁻¹(Q_1b(p)), Φ⁻¹(p))),   E_ab(u) = max over a ≤ h ≤ b of Q_h(u), u a normal score
//
// at least the largest single quantile in it and at most the quantile over 1..b. Each of these rises with p, so what
// they make of it does. (Adding to E_ab what the maximum over 1..b has above E_1b does not: that difference may fall
// faster than E_ab rises.)
func (s *Series) MaxQuantile(fromStep, toStep int, p float64) float64 {
	s.curves()
	a, b := max(fromStep, 1), max(toStep, 1)
	a = min(a, b)
	whole := s.windowZ(b, p)
	if a == 1 {
		return count(whole)
	}
	s.envelope(s.course, 1, b)
	u := max(s.scoreOf(s.course, whole), normalQuantile(min(max(p, 1e-6), 1-1e-6)))
	s.envelope(s.course, a, b)
	return count(max(min(s.atScore(s.course, u), whole), 0))
}

// envelope fills q with the largest quantile of single steps a..b at every level, on the scale of z.
func (s *Series) envelope(q []float64, a, b int) {
	clear(q)
	raise := func(by []float64) {
		for i, v := range by {
			q[i] = max(q[i], v)
		}
	}
	for i := range s.leads {
		if h := s.leads[i].h; h >= a && h <= b {
			raise(s.leads[i].q)
		}
	}
	for _, at := range s.events.peaks {
		if h := s.stepsTo(at); h >= a && h <= b {
			s.between(s.peak, h)
			raise(s.peak)
		}
	}
	for _, h := range [...]int{a, b} { // the ends of the window lie between leads
		lo, hi, f := s.around(h)
		for i := range q {
			q[i] = max(q[i], lo.q[i]+f*(hi.q[i]-lo.q[i]))
		}
	}
}

// around is the two leads step h lies between, and the share of the second in log lead; beyond the grid twice the
// nearest one.
func (s *Series) around(h int) (lo, hi *lead, f float64) {
	n := len(s.leads)
	if h <= s.leads[0].h {
		return &s.leads[0], &s.leads[0], 0
	}
	for i := 1; i < n; i++ {
		if to := s.leads[i].h; h <= to {
			from := s.leads[i-1].h
			return &s.leads[i-1], &s.leads[i], math.Log(float64(h)/float64(from)) / math.Log(float64(to)/float64(from))
		}
	}
	return &s.leads[n-1], &s.leads[n-1], 0
}

// windowZ is maxZ for any window 1..b: linear in log b between two horizons.
func (s *Series) windowZ(b int, p float64) float64 {
	n := len(s.horizons)
	if n == 0 {
		return s.pointwise(1, b, p)
	}
	if b <= s.horizons[0].h {
		whole := s.maxZ(0, p)
		if b == s.horizons[0].h {
			return whole
		}
		return max(min(whole, s.pointwise(1, b, p)), 0)
	}
	for i := 1; i < n; i++ {
		if h := s.horizons[i].h; b <= h {
			lo := s.horizons[i-1].h
			f := math.Log(float64(b)/float64(lo)) / math.Log(float64(h)/float64(lo))
			zl, zh := s.maxZ(i-1, p), s.maxZ(i, p)
			return zl + f*(zh-zl)
		}
	}
	return s.maxZ(n-1, p)
}

// pointwise is the largest p-quantile of single steps a..b, on the scale of z.
func (s *Series) pointwise(a, b int, p float64) float64 {
	u := normalQuantile(min(max(p, 1e-6), 1-1e-6))
	m := math.Inf(-1)
	for i := range s.leads {
		if h := s.leads[i].h; h >= a && h <= b {
			m = max(m, s.atScore(s.leads[i].q, u))
		}
	}
	for _, at := range s.events.peaks {
		if h := s.stepsTo(at); h >= a && h <= b {
			s.between(s.peak, h)
			m = max(m, s.atScore(s.peak, u))
		}
	}
	// The ends of the window lie between leads: take the nearest ones.
	m = max(m, s.nearest(a, u), s.nearest(b, u))
	return min(max(m, 0), s.ceiling+1)
}

// nearest is the quantile at step h, between the two leads around it.
func (s *Series) nearest(h int, u float64) float64 {
	lo, hi, f := s.around(h)
	a, b := s.atScore(lo.q, u), s.atScore(hi.q, u)
	return a + f*(b-a)
}
