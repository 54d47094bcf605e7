package csvfile

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"surgecast"
)

// Earliest is the oldest minute that is believed: the recordings people import begin in the nineties,
// and a date far before them is a mistake that would make a partition for every day in between.
var Earliest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

// ahead is how far a sender's clock may be before ours.
const ahead = 2 * time.Minute

// Time reads RFC 3339 or unix seconds. A time without a zone is read as UTC where the column's name
// says so (it ends in _utc). now bounds it, unless zero: a minute that has not been cannot be counted.
func Time(text, field string, line int, now time.Time) (time.Time, error) {
	bad := func(detail, remedy string) (time.Time, error) {
		return time.Time{}, &surgecast.FieldError{Field: field, Line: line, Value: Shorten(text), Detail: detail, Remedy: remedy}
	}
	t, err := parseTime(text, strings.HasSuffix(field, "_utc"))
	switch {
	case err != nil && text == "":
		return bad("is empty", "Give RFC 3339 such as 2026-11-21T21:40:00Z, or unix seconds.")
	case err != nil:
		return bad(err.Error(), "Write RFC 3339 such as 2026-11-21T21:40:00Z, or unix seconds.")
	case t.Before(Earliest):
		return bad("lies before 1990", "Check the year, and that unix times are in seconds.")
	case !now.IsZero() && t.After(now.Add(ahead)):
		return bad("lies in the future; the clock says "+now.UTC().Format(time.RFC3339), "Leave out minutes that have not been, and check the time zone.")
	case t.Year() > 2200:
		return bad("lies after 2200", "Check the year, and that unix times are in seconds.")
	}
	return t.UTC(), nil
}

// Recorded reads a time of a file that is only computed with, in unix seconds: as Time, but of any year since
// 1900, for series with artificial dates are evaluated too, and without a zone it is UTC whatever the column.
func Recorded(text, field string, line int) (int64, error) {
	bad := func(detail, remedy string) (int64, error) {
		return 0, &surgecast.FieldError{Field: field, Line: line, Value: Shorten(text), Detail: detail, Remedy: remedy}
	}
	t, err := parseTime(text, true)
	switch {
	case text == "":
		return bad("is empty", "Write UTC like 2015-02-26T21:42:53Z, or unix seconds.")
	case err != nil:
		return bad(err.Error(), "Write UTC like 2015-02-26T21:42:53Z, or unix seconds.")
	case t.Year() < 1900 || t.Year() > 2200:
		return bad("lies outside the years 1900 to 2200", "Check the year, and that unix times are in seconds.")
	}
	return t.Unix(), nil
}

func parseTime(text string, zoneless bool) (time.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n > 1e11 {
			return time.Time{}, fmt.Errorf("is no unix time in seconds; is it in milliseconds?")
		}
		return time.Unix(n, 0), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			if zoneless {
				return t, nil
			}
			return time.Time{}, fmt.Errorf("has no time zone; add Z for UTC")
		}
	}
	if t, err := time.Parse("2006-01-02 15:04:05Z07:00", text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("is not a time")
}

// maxNumber is beyond any count of anything in a minute, and far inside what a float64 holds exactly.
const maxNumber = 1e12

// Number reads a count or a measure: finite and not negative.
func Number(text, field string, line int) (float64, error) {
	bad := func(detail, remedy string) (float64, error) {
		return 0, &surgecast.FieldError{Field: field, Line: line, Value: Shorten(text), Detail: detail, Remedy: remedy}
	}
	if text == "" {
		return bad("is empty", "Leave the whole line out when nothing was counted: a missing minute is not a zero.")
	}
	for i := range len(text) { // ParseFloat also takes "inf", "nan", hexadecimal
		if c := text[i]; (c < '0' || c > '9') && !strings.ContainsRune("+-.eE", rune(c)) {
			return bad("is not a number", "Write digits with a decimal point and without separators of thousands.")
		}
	}
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(x) || math.IsInf(x, 0):
		return bad("is not a number", "Write digits with a decimal point and without separators of thousands.")
	case x < 0:
		return bad("is negative", "A count is zero or more.")
	case x > maxNumber:
		return bad("is too large", "A minute has at most a million million of anything.")
	}
	return x + 0, nil // −0 becomes 0
}

// Optional reads a number that may be left empty, which is 0.
func Optional(text, field string, line int) (float64, error) {
	if text == "" {
		return 0, nil
	}
	return Number(text, field, line)
}
