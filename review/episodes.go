package review

import (
	"bytes"
	"math"
	"slices"
	"time"

	"surgecast"
)

// Episode is one time demand passed what the configured units serve: Z, the mean of the sustain minutes, over
// capacity; breaches less than 30 minutes apart are one episode.
type Episode struct {
	From        time.Time `json:"from"` // first minute over
	To          time.Time `json:"to"`   // end of the last minute over
	MinutesOver int       `json:"minutes_over"`
	PeakAt      time.Time `json:"peak_at"`
	PeakRPM     float64   `json:"peak_rpm"` // highest Z

	// Warned is whether the site stood in watch or alert before the first minute over, without a break since.
	// What was said before the episode before had ended does not count.
	Warned         bool       `json:"warned"`
	WatchAt        *time.Time `json:"watch_at"`
	AlertAt        *time.Time `json:"alert_at"`
	ToldAt         *time.Time `json:"told_at"` // first webhook of it (opened or level changed) accepted by a receiver
	WatchMinutes   Number     `json:"watch_minutes"`
	AlertMinutes   Number     `json:"alert_minutes"`
	ToldMinutes    Number     `json:"told_minutes"`
	DetectedLate   Number     `json:"detected_late_minutes"` // not warned, but noticed so long after the first minute over
	ActBy          *time.Time `json:"act_by"`                // as given with the first alert (else watch)
	ActByInTime    *bool      `json:"act_by_in_time"`        // units ordered by then would have served before the first minute over
	ChanceBefore   Number     `json:"chance_before"`         // of passing capacity within an hour, as last said one lead time before
	ReactiveAlarm  Number     `json:"reactive_alarm_minutes"`
	SurgeID        string     `json:"surge_id,omitempty"`
	first, lastPos int
}

// WarningMinutes is the honest lead: 0 when not warned, never left out.
func (e Episode) WarningMinutes() float64 {
	if !e.WatchMinutes.Known() {
		return 0
	}
	return float64(e.WatchMinutes)
}

// Alarms counts the alerts raised and what became of them.
type Alarms struct {
	Alerts   int `json:"alerts"`
	Followed int `json:"followed"` // a breach came within the horizon the alert spoke of
	During   int `json:"during"`   // raised while already over: late, but not false
	False    int `json:"false"`
	Open     int `json:"open"` // the data end before its horizon does

	FalsePerWeek Number       `json:"false_per_week"`
	FalseAlarms  []FalseAlarm `json:"false_alarms"`
}

// FalseAlarm is one alert that was not followed by a breach.
type FalseAlarm struct {
	At             time.Time `json:"at"`
	HorizonMinutes int       `json:"horizon_minutes"`
	Probability    Number    `json:"probability"`
	PeakRPM        Number    `json:"peak_rpm"` // highest Z that did come within the horizon
}

// episodes finds the breaches of capacity in minutes [from, to).
func episodes(s *series, from, to int, capacityRPM float64) []Episode {
	var out []Episode
	if capacityRPM <= 0 {
		return out
	}
	for i := max(from, 0); i < min(to, s.len()); i++ {
		if !(s.z[i] > capacityRPM) { // also when Z is unknown
			continue
		}
		if n := len(out); n == 0 || i-out[n-1].lastPos > sameOccasion {
			out = append(out, Episode{
				From: s.time(i), first: i, PeakAt: s.time(i), PeakRPM: s.z[i],
				WatchMinutes: unknown, AlertMinutes: unknown, ToldMinutes: unknown, DetectedLate: unknown,
				ChanceBefore: unknown, ReactiveAlarm: unknown,
			})
		}
		e := &out[len(out)-1]
		e.lastPos = i
		e.To = s.time(i + 1)
		e.MinutesOver++
		if s.z[i] > e.PeakRPM {
			e.PeakRPM, e.PeakAt = s.z[i], s.time(i)
		}
	}
	return out
}

// warningLevel is how loud a state speaks of a breach to come. Recovery speaks of the one that was, and
// unknown is no warning.
func warningLevel(s surgecast.State) int {
	switch s {
	case surgecast.StateWatch:
		return 1
	case surgecast.StateAlert, surgecast.StateOver:
		return 2
	default:
		return 0
	}
}

// warn fills in what was said before e. since is the end of the episode before it (zero: none).
func (e *Episode) warn(transitions []surgecast.SurgeTransition, since time.Time) {
	var watch, alert time.Time
	var surge string
	level := 0
	for _, t := range transitions {
		if !t.IssuedAt.Before(e.From) {
			if !t.IssuedAt.Before(e.To) {
				break
			}
			if level == 0 && warningLevel(t.To) > 0 { // too late, but noticed
				e.DetectedLate = Number(math.Floor(t.IssuedAt.Sub(e.From).Minutes()))
				e.SurgeID = t.SurgeID
				return
			}
			if level > 0 {
				break
			}
			continue
		}
		l := warningLevel(t.To)
		at := t.IssuedAt
		if at.Before(since) {
			at = since
		}
		switch l {
		case 0:
			watch, alert, surge = time.Time{}, time.Time{}, ""
		case 1:
			if level == 0 {
				watch, surge = at, t.SurgeID
			}
			alert = time.Time{}
		default:
			if level == 0 {
				watch, surge = at, t.SurgeID
			}
			if level < 2 {
				alert = at
			}
		}
		level = l
	}
	if watch.IsZero() || !watch.Before(e.From) {
		return
	}
	e.Warned = true
	e.SurgeID = surge
	e.WatchAt, e.WatchMinutes = &watch, minutesBefore(watch, e.From)
	if !alert.IsZero() {
		e.AlertAt, e.AlertMinutes = &alert, minutesBefore(alert, e.From)
	}
}

// told finds the first message of the episode's surge that a receiver accepted.
func (e *Episode) told(deliveries []surgecast.Delivery) {
	if e.SurgeID == "" {
		return
	}
	for _, d := range deliveries {
		if d.Type != surgecast.TypeSurgeOpened && d.Type != surgecast.TypeSurgeLevelChanged {
			continue
		}
		if d.Status != surgecast.DeliveryDelivered || d.DoneAt.IsZero() || !bytes.Contains(d.Body, []byte(e.SurgeID)) {
			continue
		}
		if e.WatchAt != nil && d.DoneAt.Before(*e.WatchAt) {
			continue // it told of an earlier episode of the same surge
		}
		if e.ToldAt == nil || d.DoneAt.Before(*e.ToldAt) {
			at := d.DoneAt
			e.ToldAt, e.ToldMinutes = &at, minutesBefore(at, e.From)
		}
	}
}

// minutesBefore is the whole minutes from t to the breach, rounded down; negative when t is later.
func minutesBefore(t, breach time.Time) Number {
	return Number(math.Floor(breach.Sub(t).Minutes()))
}

// advise fills in the act-by given with the warning and the chance last said in time to act.
func (e *Episode) advise(rows []row, leadTime time.Duration) {
	latest := e.From.Add(-leadTime)
	for i := range rows {
		r := &rows[i]
		if !r.issued.After(latest) {
			e.ChanceBefore = r.chanceWithin(60)
		}
		if !r.issued.Before(e.From) {
			break
		}
		if !e.Warned || r.actBy.IsZero() || e.ActBy != nil {
			continue
		}
		spoke := *e.WatchAt
		if e.AlertAt != nil {
			spoke = *e.AlertAt
		}
		if r.issued.Before(spoke) {
			continue
		}
		at := r.actBy
		inTime := !at.Add(leadTime).After(e.From)
		e.ActBy, e.ActByInTime = &at, &inTime
	}
}

// control is the alarm everybody could have: how long before the episode demand stood over 70 % of capacity
// without a break.
func (e *Episode) control(s *series, since int, capacityRPM float64) {
	i := e.first
	for i > max(since, 0) && i > e.first-minutesPerDay && s.z[i-1] > reactiveTrigger*capacityRPM {
		i--
	}
	// Known only at the end of minute i; the breach begins with minute e.first.
	e.ReactiveAlarm = Number(max(0, e.first-(i+1)))
}

// alarms judges every rise to alert: was there a breach within the horizon it spoke of?
func alarms(s *series, transitions []surgecast.SurgeTransition, eps []Episode, from, to time.Time, capacityRPM float64, horizonAt func(time.Time) int) Alarms {
	a := Alarms{FalseAlarms: []FalseAlarm{}, FalsePerWeek: unknown}
	for _, t := range transitions {
		if t.To != surgecast.StateAlert || warningLevel(t.From) == 2 || t.IssuedAt.Before(from) || !t.IssuedAt.Before(to) {
			continue
		}
		a.Alerts++
		if slices.ContainsFunc(eps, func(e Episode) bool { return !t.IssuedAt.Before(e.From) && t.IssuedAt.Before(e.To) }) {
			a.During++
			continue
		}
		h := horizonAt(t.At)
		origin := s.at(t.IssuedAt) - 1 // the last minute that had ended
		happened, known := outcome(s, origin, h, s.firstOver(origin, h, capacityRPM))
		switch {
		case happened:
			a.Followed++
		case !known:
			a.Open++
		default:
			a.False++
			peak := math.NaN()
			for j := max(0, origin+1); j <= origin+h && j < s.len(); j++ {
				if z := s.z[j]; !math.IsNaN(z) && !(z <= peak) {
					peak = z
				}
			}
			a.FalseAlarms = append(a.FalseAlarms, FalseAlarm{
				At: t.IssuedAt, HorizonMinutes: h, Probability: chance(t.Probability), PeakRPM: Number(peak),
			})
		}
	}
	a.FalsePerWeek = ratio(float64(a.False), to.Sub(from).Hours()/(24*7))
	return a
}
