package risk

import (
	"strconv"
	"time"
)

// speaker writes times as one reader in the site's zone reads them at one moment.
type speaker struct {
	now  time.Time
	zone *time.Location
}

func newSpeaker(now time.Time, zoneName string) speaker {
	zone, err := time.LoadLocation(zoneName)
	if err != nil || zoneName == "" {
		zone = time.UTC
	}
	return speaker{now: now.In(zone), zone: zone}
}

// at is "14:41" today, "tomorrow 09:05", "Thu 09:05" within a week, else "24 Sep 09:05". Seconds are cut: a moment
// to act by is never later than it is.
func (s speaker) at(t time.Time) string {
	t = t.In(s.zone)
	clock := t.Format("15:04")
	switch d := days(s.now, t); {
	case d == 0:
		return clock
	case d == 1:
		return "tomorrow " + clock
	case d == -1:
		return "yesterday " + clock
	case d > -7 && d < 7:
		return t.Format("Mon ") + clock
	default:
		return t.Format("2 Jan ") + clock
	}
}

// days is how many calendar days of the zone lie between two moments; a day of 23 or 25 hours is one.
func days(from, to time.Time) int {
	date := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(date(to).Sub(date(from)).Hours() / 24)
}

// actBy is a time to act by: down to the minute, down to 5 minutes when it is over 2 hours away.
func (s speaker) actBy(t time.Time) string {
	if t.Sub(s.now) > 2*time.Hour {
		return s.at(s.floor(t, 5))
	}
	return s.at(t)
}

// likely is a most likely time: the nearest 5 minutes.
func (s speaker) likely(t time.Time) string { return s.at(s.floor(t.Add(150*time.Second), 5)) }

// overBy is a time something is over by: up to 10 minutes, since an overrun feels worse than a wait.
func (s speaker) overBy(t time.Time) string {
	return s.at(s.floor(t.Add(10*time.Minute-time.Nanosecond), 10))
}

// floor cuts a time to a multiple of minutes on the zone's clock face (zones differ by quarters of an hour, so
// cutting UTC to 10 minutes would show :05 in Kathmandu).
func (s speaker) floor(t time.Time, minutes int) time.Time {
	t = t.In(s.zone)
	over := time.Duration(t.Minute()%minutes)*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
	return t.Add(-over)
}

// nextUpdate is the next full or half hour at least 10 minutes away: a promise that can be kept.
func (s speaker) nextUpdate() string {
	t := s.now.Add(10 * time.Minute)
	over := s.floor(t, 30)
	if over.Before(t) {
		over = over.Add(30 * time.Minute)
	}
	return s.at(over)
}

// span is "6 hours", "90 minutes", "hour".
func span(minutes int) string {
	switch {
	case minutes == 60:
		return "hour"
	case minutes%60 == 0:
		return strconv.Itoa(minutes/60) + " hours"
	default:
		return plural(minutes, "minute")
	}
}
