package risk

import (
	"math"
	"strconv"

	"surgecast"
)

// chance is a probability as it is shown: rounded once, and word, percentage and count of 20 all taken from the
// rounded value. 0 stands for under 1 %, 100 for over 99 %.
type chance struct{ shown float64 }

// showChance rounds a probability (0…1): whole percent below 5 and above 95, else steps of 5. When previous, the
// value shown before for the same window, is given, it moves only once the true value is 1 point past the midpoint,
// so a chance that trembles does not flicker. Only "under 1 %" and "over 99 %" follow at once: they claim a bound.
func showChance(p float64, previous *surgecast.Verdict, horizon int) chance {
	percent := min(max(p, 0), 1) * 100
	now := rounded(percent)
	if previous == nil || previous.ShownPercent == "" || previous.Horizon != horizon {
		return chance{now}
	}
	before := previous.ShownValue
	if now == before || before <= 0 || before >= 100 || now <= 0 || now >= 100 {
		return chance{now}
	}
	next := neighbour(before, now > before)
	if math.Abs(percent-(before+next)/2) < 1 || (percent > (before+next)/2) != (now > before) {
		return chance{before}
	}
	return chance{now}
}

// rounded is the display step of a percentage.
func rounded(percent float64) float64 {
	// 1e-9: .575 · 100 is 57.49999999999999.
	percent += 1e-9
	switch {
	case percent < 1:
		return 0
	case percent >= 99+2e-9:
		return 100
	case percent < 4.5:
		return math.Floor(percent + .5)
	case percent < 95.5:
		return 5 * math.Floor(percent/5+.5)
	default:
		return min(math.Floor(percent+.5), 99)
	}
}

// neighbour is the next display step up or down.
func neighbour(shown float64, up bool) float64 {
	whole := shown < 5 && up || shown <= 5 && !up || shown >= 95 && up || shown > 95 && !up
	step := 5.0
	if whole {
		step = 1
	}
	if up {
		return min(shown+step, 100)
	}
	return max(shown-step, 0)
}

func (c chance) percent() string {
	switch {
	case c.shown <= 0:
		return "under 1 %"
	case c.shown >= 100:
		return "over 99 %"
	default:
		return strconv.Itoa(int(c.shown)) + " %"
	}
}

// word points at the event ("small chance"), never away from it. Chosen from the rounded number, it has no gaps.
func (c chance) word() string {
	switch {
	case c.shown < 1:
		return "almost no chance"
	case c.shown < 5:
		return "very small chance"
	case c.shown <= 15:
		return "small chance"
	case c.shown <= 35:
		return "real chance"
	case c.shown <= 60:
		return "about even chance"
	case c.shown <= 80:
		return "likely"
	case c.shown <= 95:
		return "very likely"
	default:
		return "almost certain"
	}
}

// said is "small chance (10 %)".
func (c chance) said() string { return c.word() + " (" + c.percent() + ")" }

// in20 is "12 in 20 situations like this one"; empty under 5 and over 95 %, where 20 cases are too few.
func (c chance) in20() string {
	if c.shown < 5 || c.shown > 95 {
		return ""
	}
	n := int(math.Round(c.shown / 5))
	return strconv.Itoa(n) + " in 20 situations like this one"
}

// sharePercent is a share of requests in whole percent, for errors.
func sharePercent(share float64) string {
	p := share * 100
	if p < 1 {
		return "under 1 %"
	}
	return strconv.Itoa(int(math.Round(p))) + " %"
}
