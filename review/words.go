package review

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// count writes a number for a table: three digits below 100, whole above, thousands grouped.
func count(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "–"
	case a != 0 && a < 10 && x != math.Trunc(x):
		return strconv.FormatFloat(x, 'f', 2, 64)
	case a < 100 && x != math.Trunc(x):
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	s := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// twoDigits rounds to two significant digits, what a sentence can carry; threeDigits what has been measured.
func twoDigits(x float64) float64   { return significant(x, 2) }
func threeDigits(x float64) float64 { return significant(x, 3) }

func significant(x float64, digits int) float64 {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	e := math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-float64(digits-1))
	return math.Round(x/e) * e
}

// about writes a number as a sentence carries it: two digits, and no more after the point than those.
func about(x float64) string {
	x = twoDigits(x)
	if a := math.Abs(x); a == 0 || !(a < 9.95) || a < 1e-6 {
		return count(math.Round(x))
	}
	digits := 1 - int(math.Floor(math.Log10(math.Abs(x))+1e-9))
	said := strings.TrimRight(strings.TrimRight(strconv.FormatFloat(x, 'f', digits, 64), "0"), ".")
	return strings.Replace(said, "-", "−", 1)
}

// list is "a", "a and b", "a, b and c".
func list(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// decimals writes a number with so many digits after the point, or a dash.
func decimals(n Number, digits int) string {
	if !n.Known() {
		return "–"
	}
	s := strconv.FormatFloat(float64(n), 'f', digits, 64)
	if strings.HasPrefix(s, "-") {
		if strings.Trim(s, "-0.") == "" {
			return s[1:] // no minus zero
		}
		return "−" + s[1:]
	}
	return s
}

// percent writes a share as whole percent, with one decimal under 10 %.
func percent(n Number) string {
	if !n.Known() {
		return "–"
	}
	p := 100 * float64(n)
	if p > 0 && p < 9.95 {
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + " %"
}

func minutes(x float64) string {
	if x == 1 {
		return "1 minute"
	}
	return count(x) + " minutes"
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

// cap0 is a cap on units, where 0 is none.
func cap0(n int) string {
	if n == 0 {
		return "any number of"
	}
	return strconv.Itoa(n)
}

// clock writes a moment in the site's zone, which the report names once.
func (r *Report) clock(t time.Time) string { return r.in(t).Format("2 Jan 15:04") }

// clockAfter is clock without the day where it is that of the moment named before.
func (r *Report) clockAfter(t, named time.Time) string {
	if r.in(t).Format(time.DateOnly) == r.in(named).Format(time.DateOnly) {
		return r.in(t).Format("15:04")
	}
	return r.clock(t)
}

func (r *Report) clockp(t *time.Time) string {
	if t == nil {
		return "–"
	}
	return r.clock(*t)
}

func (r *Report) in(t time.Time) time.Time {
	if r.zone == nil {
		return t.UTC()
	}
	return t.In(r.zone)
}

// span writes minutes as people do: 45 min, 6 h.
func span(minutes int) string {
	switch {
	case minutes == 0:
		return "all"
	case minutes%60 == 0:
		return fmt.Sprintf("%d h", minutes/60)
	}
	return fmt.Sprintf("%d min", minutes)
}

// whole writes minutes of warning, or a dash.
func whole(n Number) string {
	if !n.Known() {
		return "–"
	}
	return count(float64(n))
}

// seconds writes a length of time: 90 s, 9 min, 1 h.
func seconds(n int) string {
	if n%60 != 0 || n == 0 {
		return fmt.Sprintf("%d s", n)
	}
	return span(n / 60)
}
