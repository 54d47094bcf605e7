package review

import (
	"math"
	"slices"
	"time"

	"surgecast"
)

// What makes a week bad (docs/decisions/0012-demotion.md).
const (
	weekLevel    = .95 // a highest demand above this quantile was forecast too low, one below its mirror too high …
	weekNear     = 1.1 // … by more than the tenth that an autoscaler ignores
	weekUnlikely = .10 // an overload whose chance was said to be below this was not announced
	weekLeast    = .001
	weekMargin   = 2   // times as often as promised is still forgiven …
	weekChance   = .01 // … and so is what chance makes of that once in a hundred weeks

	weekOccasions = 20             // judged on fewer, nothing can be told
	weekJudged    = 96 * time.Hour // … nor on less time than this
	weekBlind     = 10 * time.Minute
)

// JudgeWeek judges the forecasts of a whole site with origins in [from, to) by what came. rows rise by origin; minutes
// are those Scores takes. It knows nothing that came after the last minute, and minutes that are missing prove nothing:
//
//   - occasions share no minute, so that for forecasts that are right each is a draw of its own whatever the traffic
//     does (Christoffersen 1998: hits of a right interval forecast are independent);
//   - the promise is exceeded when twice as many misses as promised would make so many less often than once in a
//     hundred (exact, by the chances themselves), and it is still missed twice over without the worst day;
//   - a saturated minute is a lower bound: it proves a forecast too low, never too high.
func JudgeWeek(rows []surgecast.SiteForecast, minutes []surgecast.TrafficMinute, from, to time.Time) (surgecast.Week, error) {
	w := surgecast.Week{From: from, To: to, Outcome: surgecast.WeekCannotTell}
	none := misses{}.judge()
	w.TooLow, w.TooHigh, w.Unannounced = none, none, none
	var newest *surgecast.SiteForecast
	for i := range rows {
		if reliedOn(&rows[i], from, to) {
			newest = &rows[i]
		}
	}
	if newest == nil {
		return w, nil
	}
	w.HorizonMinutes = occasion(newest)
	s := newSeries(newest.SustainMinutes)
	for _, m := range minutesOf(minutes, surgecast.TotalSegment) {
		if err := s.add(m); err != nil {
			return w, err
		}
	}
	if w.HorizonMinutes == 0 || s.len() == 0 {
		return w, nil
	}
	var low, high, over misses
	next := math.MinInt
	for i := range rows {
		f := &rows[i]
		origin := s.at(f.Origin)
		if !reliedOn(f, from, to) || origin < next {
			continue
		}
		h := slices.Index(f.HorizonMinutes, w.HorizonMinutes)
		if h < 0 {
			continue
		}
		top, bound, known := s.highest(origin, w.HorizonMinutes)
		if !known {
			continue // perhaps the next row, some minutes on, has its minutes
		}
		next = origin + w.HorizonMinutes
		w.Occasions++
		day := int(to.Sub(f.Origin) / (24 * time.Hour))
		if q := quantileOf(f, h, weekLevel); !math.IsNaN(q) {
			low.add(day, 1-weekLevel, top > weekNear*q)
		}
		if q := quantileOf(f, h, 1-weekLevel); !math.IsNaN(q) {
			high.add(day, 1-weekLevel, top*weekNear < q && !bound)
		}
		if f.CapacityRPM > 0 && h < len(f.Risk) && f.Risk[h] < weekUnlikely { // NaN is no chance
			over.add(day, max(f.Risk[h], weekLeast), top > f.CapacityRPM)
		}
	}
	w.TooLow, w.TooHigh, w.Unannounced = low.judge(), high.judge(), over.judge()
	switch {
	case w.Occasions < weekOccasions || time.Duration(w.Occasions*w.HorizonMinutes)*time.Minute < weekJudged:
		w.TooLow.Bad, w.TooHigh.Bad, w.Unannounced.Bad = false, false, false
	case w.TooLow.Bad || w.TooHigh.Bad || w.Unannounced.Bad:
		w.Outcome = surgecast.WeekBad
	default:
		w.Outcome = surgecast.WeekGood
	}
	return w, nil
}

// reliedOn reports whether /scale could answer from the row: a forecast made blind was never acted on.
func reliedOn(f *surgecast.SiteForecast, from, to time.Time) bool {
	step := time.Duration(f.StepSeconds) * time.Second
	return !f.Origin.Before(from) && f.Origin.Before(to) && segmentOf(f.Segment) == surgecast.TotalSegment &&
		f.State != surgecast.StateCannotTell && f.IssuedAt.Sub(f.Origin.Add(step)) <= weekBlind+step
}

// occasion is the least horizon of an hour or more that reaches twice as far as the lead time: in its second half a
// decision taken at its origin serves. 0: there is none.
func occasion(f *surgecast.SiteForecast) int {
	for _, h := range f.HorizonMinutes { // rising
		if h >= 60 && h*60 >= 2*f.LeadTimeP95Seconds {
			return h
		}
	}
	return 0
}

// quantileOf is a quantile of the highest demand of a row's h-th horizon; NaN when it has none.
func quantileOf(f *surgecast.SiteForecast, h int, level float64) float64 {
	for k, l := range f.Levels {
		if math.Abs(l-level) < 1e-9 && h < len(f.MaxQuantilesRPM) && k < len(f.MaxQuantilesRPM[h]) {
			return sane(f.MaxQuantilesRPM[h][k])
		}
	}
	return math.NaN()
}

// highest is the highest sustained demand of the h minutes after origin, and whether it is only a lower bound. It is
// known when 80 % of the minutes are: the arena's rule.
func (s *series) highest(origin, h int) (top float64, bound, known bool) {
	if origin+h >= s.len() || 5*s.knownIn(origin+1, origin+1+h) < 4*h {
		return math.NaN(), false, false
	}
	top = math.Inf(-1)
	for i := max(0, origin+1); i <= origin+h; i++ {
		if s.z[i] > top { // NaN is not
			top = s.z[i]
		}
		bound = bound || s.saturated[i]
	}
	return top, bound, true
}

// misses are the occasions one kind of miss is judged on.
type misses struct {
	promised []float64 // chance of it, occasion by occasion
	times    int
	byDay    map[int]dayMisses
}

type dayMisses struct {
	times    int
	promised float64
}

func (m *misses) add(day int, promised float64, missed bool) {
	if m.byDay == nil {
		m.byDay = map[int]dayMisses{}
	}
	d := m.byDay[day]
	d.promised += promised
	m.promised = append(m.promised, promised)
	if missed {
		m.times++
		d.times++
	}
	m.byDay[day] = d
}

func (m misses) judge() surgecast.Misses {
	out := surgecast.Misses{Times: m.times, Of: len(m.promised)}
	twice := make([]float64, len(m.promised))
	for i, p := range m.promised {
		out.Expected += p
		twice[i] = min(weekMargin*p, 1)
	}
	out.Chance = atLeast(m.times, twice)
	worst := 0.
	for _, d := range m.byDay {
		worst = max(worst, float64(d.times)-weekMargin*d.promised)
	}
	out.Bad = out.Chance < weekChance && float64(m.times)-weekMargin*out.Expected > worst
	return out
}

// atLeast is the chance of k or more of independent events with the given chances (Poisson's binomial distribution).
func atLeast(k int, chances []float64) float64 {
	if k <= 0 {
		return 1
	}
	fewer := make([]float64, k) // fewer[i]: chance of i so far; k and more are not followed
	fewer[0] = 1
	for _, p := range chances {
		for i := k - 1; i > 0; i-- {
			fewer[i] += p * (fewer[i-1] - fewer[i])
		}
		fewer[0] *= 1 - p
	}
	rest := 1.
	for _, x := range fewer {
		rest -= x
	}
	return max(rest, 0)
}
