package risk

import (
	"math"
	"strings"
	"time"

	"surgecast"
)

// SayNote writes what a site's owner sends to whoever hosts it (UX 7.8): what is coming, how much, by when, what is
// asked for, and a link that needs no account. v is the verdict as it reads now. A host thinks in requests a second
// too, so both are given; highest demands are of the verdict's window, from the forecast's own quantiles.
func SayNote(site surgecast.Site, f *surgecast.SiteForecast, v surgecast.Verdict, now time.Time, link string, until time.Time) string {
	s := newSpeaker(now, site.TimeZone)
	mark := ""
	if site.Simulated {
		mark = "[simulated] "
	}
	name := site.Name
	if name == "" {
		name = site.Slug
	}
	lines := []string{mark + "About " + name + ": " + v.Headline, v.Sentence}
	if f != nil && v.State != surgecast.StateCannotTell {
		lines = append(lines, noteFigures(f, v)...)
		if ask := s.noteAsk(f); ask != "" {
			lines = append(lines, ask)
		}
	}
	zone := site.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	made := "Written " + s.now.Format("Mon 2 Jan 15:04") + "; times are in " + zone + "."
	if f != nil && f.ValidUntil.After(now) {
		made = "Forecast of " + f.IssuedAt.In(s.zone).Format("Mon 2 Jan 15:04") + ", made anew every minute; this one counts until " + s.at(f.ValidUntil) + ". Times are in " + zone + "."
	}
	lines = append(lines, made)
	if link != "" {
		lines = append(lines, "As it stands now, without an account, until "+until.In(s.zone).Format("Mon 2 Jan 15:04")+": "+link)
	}
	return strings.Join(lines, "\n")
}

// noteFigures are what comes now against what can be served, and the highest demand that is expected.
func noteFigures(f *surgecast.SiteForecast, v surgecast.Verdict) []string {
	var out []string
	if !math.IsNaN(f.DemandRPM) && f.DemandRPM >= 0 {
		now := "Now " + measured(f.DemandRPM) + " requests a minute (" + perSecond(f.DemandRPM) + ")"
		if f.CapacityRPM > 0 {
			now += "; " + units(f.Units) + " serve " + exact(f.CapacityRPM) + " (" + perSecond(f.CapacityRPM) + ")"
		}
		out = append(out, now+".")
	}
	window := v.Horizon
	if window <= 0 {
		window = RankingMinutes
	}
	for i, h := range f.HorizonMinutes {
		if h < window || i >= len(f.MaxQuantilesRPM) {
			continue
		}
		mid, high := levelOf(f, i, .5), levelOf(f, i, .95)
		if mid > 0 && high >= mid && !math.IsInf(high, 0) {
			mid, high = digits(mid, 2), toward(high, math.Ceil)
			out = append(out, "Highest expected in the next "+span(h)+": about "+grouped(mid)+" a minute ("+perSecond(mid)+"); 19 in 20 stay under "+grouped(high)+" ("+perSecond(high)+").")
		}
		break
	}
	return out
}

// noteAsk is "Please have 13 units serving by 14:50 and hold them until 16:30.", empty when no more are wanted.
func (s speaker) noteAsk(f *surgecast.SiteForecast) string {
	n := wanted(f.Recommendation, s.now)
	if n <= f.Units {
		return ""
	}
	serving := "as soon as you can"
	if by := f.ActBy; by.After(s.now) {
		serving = "by " + s.at(by.Add(time.Duration(f.LeadTimeP95Seconds)*time.Second)) + " (to be ordered by " + s.actBy(by) + ")"
	}
	hold := ""
	plan := f.Recommendation.Plan
	for i, step := range plan {
		if i > 0 && plan[i-1].Units > f.Units && step.Units <= f.Units && step.At.After(s.now) {
			hold = ", and hold more than " + grouped(float64(f.Units)) + " until " + s.at(step.At)
		}
	}
	return "Please have " + units(n) + " serving " + serving + hold + "."
}

// perSecond is "20 a second", with one decimal below ten, where a host's limits are that fine.
func perSecond(rpm float64) string {
	x := rpm / 60
	if x < 10 {
		return grouped(math.Round(10*x)/10) + " a second"
	}
	return grouped(digits(x, 3)) + " a second"
}

// levelOf is a quantile of the highest demand of the i-th horizon; NaN when the row does not keep that level.
func levelOf(f *surgecast.SiteForecast, i int, level float64) float64 {
	for k, l := range f.Levels {
		if math.Abs(l-level) < 1e-9 && k < len(f.MaxQuantilesRPM[i]) {
			return f.MaxQuantilesRPM[i][k]
		}
	}
	return math.NaN()
}
