package review

import "math"

// HorizonScore is how good the chance of a breach was over one horizon: P(max over 1..h of Z > capacity) as
// it stood in each ledger row, against the capacity of that row.
type HorizonScore struct {
	HorizonMinutes int    `json:"horizon_minutes"`
	N              int    `json:"n"`
	BaseRate       Number `json:"base_rate"` // share of origins after which it happened
	MeanP          Number `json:"mean_probability"`
	Brier          Number `json:"brier"` // mean (p − outcome)²
	// Skill is 1 − Brier / (base·(1 − base)): against always saying the base rate, known only in hindsight.
	// 0 is no better than that, 1 is perfect, below 0 is worse than saying nothing.
	Skill Number `json:"skill"`
	// CalibrationError is Σ n_bin/n · |mean p − share that happened|.
	CalibrationError Number        `json:"calibration_error"`
	Reliability      []Reliability `json:"reliability"`
}

// Reliability is one row of "when we said so, it happened so often".
type Reliability struct {
	From     float64 `json:"from"` // probability, inclusive
	To       float64 `json:"to"`   // exclusive, but for 1
	N        int     `json:"n"`
	Happened int     `json:"happened"`
	MeanP    Number  `json:"mean_probability"`
	Share    Number  `json:"share"`
	// Occasions is how many separate times the chance was in this row: origins less than 30 minutes apart
	// share their fate and are one occasion. Judge by this number how much a share is worth.
	Occasions int `json:"occasions"`
	// OccasionsHappened is on how many of them it happened, by the first origin of each.
	OccasionsHappened int `json:"occasions_happened"`
}

// reliabilityEdges are narrow at both ends, where decisions are made.
var reliabilityEdges = [...]float64{0, .01, .05, .2, .4, .6, .8, .95, 1}

// sameOccasion is how close two origins are that count as one occasion, and how close two breaches are that
// count as one episode.
const sameOccasion = 30 // minutes

type horizonSums struct {
	n, happened int
	sumP, sqErr float64
	bins        [len(reliabilityEdges) - 1]struct {
		n, happened, last   int
		occasions, occurred int
		sumP                float64
	}
}

func (s *horizonSums) add(origin int, p float64, happened bool) {
	if math.IsNaN(p) || p < 0 || p > 1 {
		return
	}
	o := 0.0
	if happened {
		o = 1
		s.happened++
	}
	s.n++
	s.sumP += p
	s.sqErr += (p - o) * (p - o)

	k := 0
	for k < len(s.bins)-1 && p >= reliabilityEdges[k+1] {
		k++
	}
	b := &s.bins[k]
	if b.n == 0 || origin-b.last > sameOccasion {
		b.occasions++
		if happened {
			b.occurred++
		}
	}
	b.n++
	b.last = origin
	b.sumP += p
	if happened {
		b.happened++
	}
}

func (s *horizonSums) score(horizon int) HorizonScore {
	n := float64(s.n)
	base := float64(s.happened) / n
	r := HorizonScore{
		HorizonMinutes:   horizon,
		N:                s.n,
		BaseRate:         ratio(float64(s.happened), n),
		MeanP:            ratio(s.sumP, n),
		Brier:            ratio(s.sqErr, n),
		Skill:            unknown,
		CalibrationError: unknown,
		Reliability:      []Reliability{},
	}
	if climate := base * (1 - base); climate > 0 {
		r.Skill = Number(1 - s.sqErr/n/climate)
	}
	if s.n > 0 {
		r.CalibrationError = 0
	}
	for k, b := range s.bins {
		if b.n == 0 {
			continue
		}
		row := Reliability{
			From: reliabilityEdges[k], To: reliabilityEdges[k+1],
			N: b.n, Happened: b.happened, Occasions: b.occasions, OccasionsHappened: b.occurred,
			MeanP: ratio(b.sumP, float64(b.n)),
			Share: ratio(float64(b.happened), float64(b.n)),
		}
		r.Reliability = append(r.Reliability, row)
		r.CalibrationError += Number(math.Abs(b.sumP-float64(b.happened)) / n)
	}
	return r
}

// outcome is whether Z passed c within h minutes after origin, given the first step over (0: none). It is
// known when it did, or when at least 80 % of the minutes are: the arena's rule.
func outcome(s *series, origin, h, firstOver int) (happened, known bool) {
	if firstOver > 0 && firstOver <= h {
		return true, true
	}
	return false, 5*s.knownIn(origin+1, origin+1+h) >= 4*h
}
