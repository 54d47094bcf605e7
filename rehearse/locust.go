package rehearse

import (
	"fmt"
	"math"
	"time"

	"surgecast"
)

// locustTotal is the row that sums all requests.
const locustTotal = "Aggregated"

// locustMemory is the span in seconds Locust's current rates and percentiles look back over.
const locustMemory = 10

// locustStats reads Locust's _stats.csv: one row a request and the row Aggregated, which alone is the site's.
func (f source) locustStats(body []byte) (surgecast.LoadTest, error) {
	var t surgecast.LoadTest
	err := f.rows(body, func(r row) error {
		if r.text("Name") != locustTotal {
			return nil
		}
		var bad string
		get := func(name string) float64 {
			x, ok := r.number(name)
			if !ok || x < 0 {
				bad = name
			}
			return x
		}
		requests, failures := get("Request Count"), get("Failure Count")
		perSecond, failed, p95 := get("Requests/s"), get("Failures/s"), get("95%")
		switch {
		case bad != "":
			return f.bad(bad, r.line, r.text(bad), "is not a number", "Import _stats.csv as Locust wrote it.")
		case !(requests > 0) || !(perSecond > 0):
			return f.bad("Request Count", r.line, r.text("Request Count"), "shows no request", "Import the result of a test that ran.")
		}
		if math.IsNaN(failures) {
			failures = 0
		}
		if math.IsNaN(failed) {
			failed = perSecond * failures / requests
		}
		t.Points = []surgecast.LoadPoint{{
			Concurrency: unknown, SpreadRPM: unknown, P95MS: p95, Seconds: requests / perSecond,
			OfferedRPM: perSecond * 60, ServedRPM: max(perSecond-failed, 0) * 60, ErrorShare: min(failures/requests, 1),
		}}
		return nil
	})
	if err == nil && len(t.Points) == 0 {
		err = f.bad("Name", 0, "", "has no row "+locustTotal, "Import _stats.csv as Locust wrote it, to its last line.")
	}
	t.Notes = append(t.Notes, "the whole test as one step: _stats_history.csv tells its steps apart")
	t.Notes = append(t.Notes, missingP95(t.Points, "95%", "--percentiles-to-statistics")...)
	return t, err
}

// locustHistory reads Locust's _stats_history.csv: a row a second with the number of users, so one file holds every
// load step. With --csv-full-history there are rows of single requests as well; only Aggregated counts.
func (f source) locustHistory(body []byte) (surgecast.LoadTest, error) {
	var t surgecast.LoadTest
	var ticks []tick
	var last float64
	err := f.rows(body, func(r row) error {
		if r.text("Name") != locustTotal {
			return nil
		}
		at, ok := r.number("Timestamp")
		if !ok || !(at > 0 && at < 1e11) {
			return f.bad("Timestamp", r.line, r.text("Timestamp"), "is not a time in Unix seconds", "Import _stats_history.csv as Locust wrote it.")
		}
		get := func(name string) (x float64, err error) {
			if x, ok = r.number(name); !ok || x < 0 {
				err = f.bad(name, r.line, r.text(name), "is not a number", "Import _stats_history.csv as Locust wrote it.")
			}
			return x, err
		}
		users, err := get("User Count")
		if err != nil {
			return err
		}
		perSecond, err := get("Requests/s")
		if err != nil {
			return err
		}
		failed, err := get("Failures/s")
		if err != nil {
			return err
		}
		p95, err := get("95%")
		if err != nil {
			return err
		}
		if len(ticks) == 0 {
			t.RanAt = time.Unix(int64(at), 0)
		} else {
			// The row before lasted until this one; a pause of the writer is not load.
			ticks[len(ticks)-1].stretch(min(max(at-last, 0), 60))
		}
		last = at
		if math.IsNaN(perSecond) || math.IsNaN(users) {
			perSecond, users = 0, 0
		}
		if math.IsNaN(failed) {
			failed = 0
		}
		ticks = append(ticks, tick{users: users, seconds: 1, requests: perSecond, errors: min(failed, perSecond), p95MS: p95})
		return nil
	})
	if err != nil {
		return t, err
	}
	if len(ticks) == 0 {
		return t, f.bad("Name", 0, "", "has no row "+locustTotal, "Import _stats_history.csv as Locust wrote it.")
	}
	var ramp bool
	t.Points, ramp = steps(ticks, locustMemory)
	if len(t.Points) == 0 {
		return t, f.bad("Requests/s", 0, "", fmt.Sprintf("shows no step of %d seconds with requests", stepSeconds), "Hold each number of users for a minute or more.")
	}
	if ramp {
		t.Notes = append(t.Notes, "users rose without steps: slices of the ramp stand in; hold each number of users for a minute")
	}
	t.Notes = append(t.Notes, missingP95(t.Points, "95%", "--percentiles-to-statistics")...)
	return t, nil
}

// stretch makes a tick of rates last s seconds.
func (t *tick) stretch(s float64) {
	t.requests, t.errors, t.seconds = t.requests*s, t.errors*s, s
}
