package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// grouped is 1,200: the grouping of the server's sentences, so that sentence and table agree.
func grouped(x float64) string {
	s := strconv.FormatInt(int64(math.Round(math.Abs(x))), 10)
	var b strings.Builder
	if x <= -0.5 {
		b.WriteByte('-')
	}
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// rate is a number of a table: three digits, a dash for what is not known.
func rate(x *float64) string {
	if x == nil || math.IsNaN(*x) {
		return "–"
	}
	if *x == 0 {
		return "0"
	}
	unit := math.Pow(10, max(0, math.Floor(math.Log10(math.Abs(*x)))-2))
	return grouped(math.Round(*x/unit) * unit)
}

// percent is the rounding rule of the sentences: whole percent below 5 and above 95, else steps of 5.
func percent(p float64) string {
	switch x := 100 * p; {
	case x < 1:
		return "under 1 %"
	case x > 99:
		return "over 99 %"
	case x < 4.5 || x > 95.5:
		return fmt.Sprintf("%.0f %%", x)
	default:
		return fmt.Sprintf("%.0f %%", min(95, max(5, 5*math.Round(x/5))))
	}
}

// moment is an instant as a page shows it: in one zone, carrying the instant itself.
type moment struct {
	ISO   string // RFC 3339 UTC, for the datetime attribute; empty: there is no such time
	Clock string // "14:41", "tomorrow 09:05", "Thu 09:05", "24 Sep 09:05", as the sentences say it
	Full  string // "Thu 24 Sep 15:10 CEST"
}

func zoneOf(name string) *time.Location {
	if loc, err := time.LoadLocation(name); err == nil {
		return loc
	}
	return time.UTC // a zone this machine has no rules for: every time is labelled with the zone it is in
}

func at(t, now time.Time, zone string) moment {
	loc := zoneOf(zone)
	l, n := t.In(loc), now.In(loc)
	m := moment{ISO: t.UTC().Format(time.RFC3339), Clock: l.Format("15:04"), Full: l.Format("Mon 2 Jan 15:04 MST")}
	date := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	switch days := int(date(l).Sub(date(n)).Hours() / 24); {
	case t.IsZero():
		return moment{Clock: "–"} // the API had no time to give
	case days == 0:
	case days == 1:
		m.Clock = "tomorrow " + m.Clock
	case days == -1:
		m.Clock = "yesterday " + m.Clock
	case days > -7 && days < 7:
		m.Clock = l.Format("Mon 15:04")
	default:
		m.Clock = l.Format("2 Jan 15:04")
	}
	return m
}

// actBy is the decision time as the sentences round it: down to the minute, and down to five minutes when
// it is more than two hours away.
func actBy(t, now time.Time) time.Time {
	if t.Sub(now) > 2*time.Hour {
		return t.Truncate(5 * time.Minute)
	}
	return t.Truncate(time.Minute)
}
