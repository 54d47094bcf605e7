package capacity

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"surgecast"
)

// detail is the reason in one sentence, for the decision log and the engineer's part of the page. Times
// are in UTC here: a log is read beside other logs.
func detail(in Input, rec surgecast.Recommendation) string {
	would := unitsOf(rec.WouldBeUnits)
	window := fmt.Sprintf("%d to %d minutes from now", rec.WindowMinutes[0], rec.WindowMinutes[1])
	switch rec.Reason {
	case ReasonForecast:
		return fmt.Sprintf("%s for %s requests a minute: the highest demand %s stays below that in %s of 20 situations like this one.",
			would, grouped(rec.DemandRPM), window, twentieths(rec.Alpha))
	case ReasonMeasured:
		return fmt.Sprintf("%s for the %s requests a minute that arrive now; the forecast asks for fewer.", would, grouped(in.DemandNowRPM))
	case ReasonUntested:
		tested := in.Profile.Measured.TestedMax
		return fmt.Sprintf("%s as a guess for %s requests a minute %s: load tests went up to %s, which serve %s, and what more serve nobody has measured.",
			would, grouped(max(rec.DemandRPM, in.DemandNowRPM)), window, unitsOf(tested), grouped(in.Profile.Serves(tested)))
	case ReasonPeak:
		return fmt.Sprintf("%s: by the load tests they serve most, %s requests a minute; more of them are slower, and %s may come %s.",
			would, grouped(in.Profile.Serves(rec.WouldBeUnits)), grouped(max(rec.DemandRPM, in.DemandNowRPM)), window)
	case ReasonTolerance:
		return fmt.Sprintf("%s instead of fewer: an autoscaler ignores a rise within 10 %% of the %d serving now.", would, in.UnitsNow)
	case ReasonMentions:
		return fmt.Sprintf("%s: mentions alone lift to at most twice the measured demand until traffic confirms them.", would)
	case ReasonDoubling:
		return fmt.Sprintf("%s: at most double what was in force in the last 5 minutes.", would)
	case ReasonBudget:
		return fmt.Sprintf("%s: the day's %s extra unit-hours pay for no more.", would, strconv.FormatFloat(in.Profile.MaxExtraUnitHoursPerDay, 'f', -1, 64))
	case ReasonFloorDecay:
		return fmt.Sprintf("%s: a floor falls by at most 10 %% in 5 minutes.", would)
	case ReasonMinUnits:
		return fmt.Sprintf("%s, the configured minimum, is enough.", would)
	case ReasonMaxUnits:
		return fmt.Sprintf("%s, the configured maximum; the forecast asks for more.", would)
	case ReasonNoForecast:
		return fmt.Sprintf("%s: the forecast has no number, so the answer does not fall.", would)
	case ReasonNoCapacity:
		return "How much one unit serves is not known, so no units can be named beyond the minimum."
	case ReasonFrozen:
		return fmt.Sprintf("Acting is frozen: %s, as last answered.", unitsOf(rec.Units))
	case ReasonOverride:
		s := fmt.Sprintf("Set to %s", unitsOf(rec.Units))
		if in.Override.By != "" {
			s += " by " + in.Override.By
		}
		if !in.Override.Until.IsZero() {
			s += " until " + in.Override.Until.UTC().Format("2006-01-02 15:04") + " UTC"
		}
		return s + "."
	case ReasonShadow:
		return fmt.Sprintf("Shadow mode answers the minimum of %s; in mode act it would be %s.", unitsOf(rec.Units), would)
	case ReasonAdvise:
		return fmt.Sprintf("Advise mode answers the minimum of %s and leaves acting to people; in mode act it would be %s.", unitsOf(rec.Units), would)
	case ReasonHandingBack:
		return fmt.Sprintf("%s: more was answered before, and an answer falls by at most 10 %% in 5 minutes.", unitsOf(rec.Units))
	}
	return ""
}

func unitsOf(n int) string {
	if n == 1 {
		return "1 unit"
	}
	return strconv.Itoa(n) + " units"
}

// twentieths is a probability as "19", never "20": no quantile covers every case.
func twentieths(p float64) string {
	return strconv.Itoa(min(int(math.Round(p*20)), 19))
}

// grouped is a number in whole requests with groups of three.
func grouped(x float64) string {
	s := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 && s[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}
