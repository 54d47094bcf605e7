package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"surgecast"
	"surgecast/store/storetest"
)

// An event is planned, listed and taken back on the terminal; mistakes are refused with a remedy.
//
// Fails when eventAddCmd leaves out CheckNew (then the past start is planned).
func TestEventOnTheTerminal(t *testing.T) {
	env := []string{"SURGECAST_DATABASE_URL=" + storetest.URL(t)}
	run := terminal(t, env)
	start := time.Now().UTC().Add(3 * time.Hour).Truncate(time.Second).Format(time.RFC3339)
	run(0, "site", "add", "halle", "--kind", "venue", "--units", "6", "--rpm-per-unit", "200")
	out := run(0, "event", "add", "halle", "--start", start, "--reach", "20000")
	id := regexp.MustCompile(`evt_\S+`).FindString(out)
	if !strings.Contains(out, "On-sale at "+start) || id == "" {
		t.Errorf("planned: %s", out)
	}
	if out := run(0, "event", "list", "--site", "halle"); !strings.Contains(out, id) || !strings.Contains(out, "on_sale") || !strings.Contains(out, "20000") {
		t.Errorf("listed:\n%s", out)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"site list", []string{"nowhere", "--start", start}},
		{"Pick a later time", []string{"halle", "--start", "2020-01-01T00:00:00Z"}},
		{"Use sale, newsletter", []string{"halle", "--start", start, "--kind", "party"}},
		{"--start", []string{"halle"}},
	} {
		if out := run(2, append([]string{"event", "add"}, c.args...)...); !strings.Contains(out, c.want) {
			t.Errorf("%q does not say %q:\n%s", c.args, c.want, out)
		}
	}
	run(0, "event", "remove", id)
	if out := run(2, "event", "remove", id); !strings.Contains(out, "event list") {
		t.Errorf("removing it again:\n%s", out)
	}
}

// A recorded event is known in a replay from its announcement on and not before: until then its ledger is that
// of a replay without events, and after it more is expected at the event's hour.
//
// Fails when planRecorded sets AnnouncedAt to the start of the recording, or is not called.
func TestReplayOfPlannedEvents(t *testing.T) {
	f := writeRecording(t, place(t), record(1))
	from, announced := recordingFrom, recordingFrom.Add(10*time.Minute)
	events := filepath.Join(place(t), "events.csv")
	text := "series,kind,start_utc,end_utc,announced_utc\nshop,on-sale," + ramps[0].Format(time.RFC3339) + ",," + announced.Format(time.RFC3339) + "\n"
	if err := os.WriteFile(events, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	play := func(more ...string) []surgecast.SiteForecast {
		dir := stateDir(t)
		p := start(t, nil, replayArgs(f, dir, freeAddress(t), append(more, "--to", from.Add(20*time.Minute).Format(time.RFC3339))...)...)
		if code := p.wait(); code != 0 {
			t.Fatalf("replay: exit code %d\n%s", code, p.err.String())
		}
		return readFinished(t, dir).ledger
	}
	with, without := play("--events", events), play()
	if len(with) != len(without) || len(with) < 15 {
		t.Fatalf("%d forecasts with the event, %d without", len(with), len(without))
	}
	knew := 0
	for i := range with {
		a, b := with[i], without[i]
		sum := func(f surgecast.SiteForecast) string { return fmt.Sprint(f.QuantilesRPM, f.MaxQuantilesRPM, f.Risk) }
		if !a.Origin.Add(time.Minute).After(announced) { // it rests on minutes that ended before
			if sum(a) != sum(b) {
				t.Errorf("the forecast of %s differs although the event is announced at %s", a.IssuedAt, announced)
			}
			continue
		}
		if q, p := a.MaxQuantilesRPM[4][7], b.MaxQuantilesRPM[4][7]; q < 1.5*p { // median of the highest within 2 hours
			t.Errorf("at %s the highest demand of 2 hours is expected at %.0f, %.0f without the event", a.IssuedAt, q, p)
		}
		knew++
	}
	if knew == 0 {
		t.Error("no forecast was issued after the announcement")
	}
}

func TestParseEvents(t *testing.T) {
	const head = "series,kind,start_utc,end_utc,announced_utc,name,expected_reach\n"
	es, err := parseEvents(strings.NewReader(head +
		"x,TV spot,2026-01-02T10:00:00Z,,2026-01-01T00:00:00Z,,\n" +
		"x,match,2026-01-02T12:00:00+01:00,2026-01-02T14:00:00+01:00,2026-01-01T00:00:00Z,Final,1e5\n"))
	if err != nil || len(es) != 2 {
		t.Fatalf("%d events, %v", len(es), err)
	}
	if e := es[0]; e.Kind != surgecast.EventTVSpot || e.Name != "TV spot" || !e.EndsAt.IsZero() || e.ID == es[1].ID {
		t.Errorf("first %+v", e)
	}
	if e := es[1]; e.Kind != surgecast.EventMatch || e.Name != "Final" || e.ExpectedReach != 1e5 || e.StartsAt.Hour() != 11 {
		t.Errorf("second %+v", e)
	}
	for _, c := range []struct {
		text, field string
		line        int
	}{
		{"", "header", 1},
		{"series,kind,start_utc,end_utc\n", "announced_utc", 1},
		{head + "x,party,2026-01-02T10:00:00Z,,2026-01-01T00:00:00Z,,\n", "kind", 2},
		{head + "x,sale,yesterday,,2026-01-01T00:00:00Z,,\n", "start_utc", 2},
		{head + "x,sale,2026-01-02T10:00:00Z,2026-01-01T10:00:00Z,2026-01-01T00:00:00Z,,\n", "ends_at", 2},
		{head + "x,sale,2026-01-02T10:00:00Z,,2026-01-01T00:00:00Z,,many\n", "expected_reach", 2},
	} {
		_, err := parseEvents(strings.NewReader(c.text))
		var bad *surgecast.FieldError
		if !errors.As(err, &bad) || bad.Field != c.field || bad.Line != c.line || bad.Remedy == "" {
			t.Errorf("%q: %v, want a mistake in %s of line %d with a remedy", c.text, err, c.field, c.line)
		}
	}
}
