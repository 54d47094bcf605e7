package review

import (
	"math"
	"slices"

	"surgecast"
)

// The levels a ledger row is judged at. The first eight make WQL, so that the figure can be laid beside
// the arena's; the outer two complete the 95 % interval.
var judged = [...]float64{.05, .1, .25, .5, .75, .9, .95, .99, .025, .975}

const (
	wqlLevels = 8
	median    = 3 // position in judged
	upper95   = 6
)

// The central intervals whose coverage is shown, as positions in judged.
var intervals = [...]struct {
	percent int
	lo, hi  int
}{{50, 2, 4}, {80, 1, 5}, {90, 0, 6}, {95, 8, 9}}

// LeadScore is how good the forecasts of one lead were, on counts (requests a minute), over every minute
// that was known.
type LeadScore struct {
	LeadMinutes int `json:"lead_minutes"` // 0: all leads together
	N           int `json:"n"`

	// WQL is the weighted quantile loss: with pinball loss L_p(y, q) = p(y−q) for y > q, else (1−p)(q−y),
	// the mean over p in .05 .1 .25 .5 .75 .9 .95 .99 of 2·ΣL_p / Σ|y|. Low is good.
	WQL Number `json:"wql"`
	// Pinball95 is 2·ΣL_.95 / Σ|y|: what planning capacity feels.
	Pinball95 Number `json:"pinball_95"`

	MAE Number `json:"mae_rpm"` // mean |y − median|
	// VsYesterday is that error over the error of "the same as yesterday at this time", and VsLast over that
	// of "the same as the last minute known", each on the minutes where both exist. Below 1 is better.
	VsYesterday Number `json:"vs_yesterday"`
	VsLast      Number `json:"vs_last"`

	// Share of minutes inside the central intervals; .5 .8 .9 .95 are the right answers, not 1.
	Coverage50 Number `json:"coverage_50"`
	Coverage80 Number `json:"coverage_80"`
	Coverage90 Number `json:"coverage_90"`
	Coverage95 Number `json:"coverage_95"`
	Below95    Number `json:"below_q95"` // share at or below the .95 quantile
}

// leadSums are the running sums behind a LeadScore.
type leadSums struct {
	n          int
	absY       float64 // of the rows with all levels of WQL
	loss       [wqlLevels]float64
	absErr     float64
	day        struct{ ours, theirs float64 }
	last       struct{ ours, theirs float64 }
	inside, of [len(intervals)]int
	below, ofB int
}

// add judges one forecast of one minute: y came, q was forecast at the judged levels, yesterday and lastKnown
// are the two plain rules. When y is only a lower bound of demand (saturated), it counts only when the
// forecast lies below it: what lies above may well be right.
func (s *leadSums) add(y float64, bound bool, q []float64, yesterday, lastKnown float64) {
	if math.IsNaN(y) || math.IsNaN(q[median]) || bound && q[median] >= y {
		return
	}
	s.n++
	if whole := !slices.ContainsFunc(q[:wqlLevels], math.IsNaN); whole {
		s.absY += math.Abs(y)
		for i := range wqlLevels {
			if bound && q[i] >= y {
				continue // not known to be wrong
			}
			s.loss[i] += pinball(judged[i], y, q[i])
		}
	}
	e := math.Abs(y - q[median])
	s.absErr += e
	if known := !math.IsNaN(yesterday) && (!bound || yesterday < y); known {
		s.day.ours += e
		s.day.theirs += math.Abs(y - yesterday)
	}
	if known := !math.IsNaN(lastKnown) && (!bound || lastKnown < y); known {
		s.last.ours += e
		s.last.theirs += math.Abs(y - lastKnown)
	}
	for i, v := range intervals {
		lo, hi := q[v.lo], q[v.hi]
		if math.IsNaN(lo) || math.IsNaN(hi) || bound && hi >= y {
			continue
		}
		s.of[i]++
		if lo <= y && y <= hi {
			s.inside[i]++
		}
	}
	if !math.IsNaN(q[upper95]) && (!bound || q[upper95] < y) {
		s.ofB++
		if y <= q[upper95] {
			s.below++
		}
	}
}

// pinball is the loss of quantile q at level p when y came.
func pinball(p, y, q float64) float64 {
	if y > q {
		return p * (y - q)
	}
	return (1 - p) * (q - y)
}

func (s *leadSums) score(lead int) LeadScore {
	r := LeadScore{LeadMinutes: lead, N: s.n, WQL: unknown}
	var sum float64
	for _, l := range s.loss {
		sum += l
	}
	r.WQL = ratio(2*sum/wqlLevels, s.absY)
	r.Pinball95 = ratio(2*s.loss[upper95], s.absY)
	r.MAE = ratio(s.absErr, float64(s.n))
	r.VsYesterday = ratio(s.day.ours, s.day.theirs)
	r.VsLast = ratio(s.last.ours, s.last.theirs)
	share := func(i int) Number { return ratio(float64(s.inside[i]), float64(s.of[i])) }
	r.Coverage50, r.Coverage80, r.Coverage90, r.Coverage95 = share(0), share(1), share(2), share(3)
	r.Below95 = ratio(float64(s.below), float64(s.ofB))
	return r
}

// pick copies the judged levels of one row's quantiles, lead by lead; NaN where the row has no such level.
func pick(f *surgecast.SiteForecast) []float64 {
	var at [len(judged)]int
	for i, p := range judged {
		at[i] = -1
		for k, l := range f.Levels {
			if math.Abs(l-p) < 1e-9 {
				at[i] = k
			}
		}
	}
	out := make([]float64, 0, len(judged)*len(f.LeadMinutes))
	for l := range f.LeadMinutes {
		for _, k := range at {
			x := math.NaN()
			if k >= 0 && l < len(f.QuantilesRPM) && k < len(f.QuantilesRPM[l]) {
				x = sane(f.QuantilesRPM[l][k])
			}
			out = append(out, x)
		}
	}
	return out
}
