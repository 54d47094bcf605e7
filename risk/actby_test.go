package risk

import (
	"strings"
	"testing"
	"time"

	"surgecast"
)

// An act-by that has passed stays where it first did, so that "late by" grows with the clock and the page does not
// name a new past minute every minute; a deadline ahead begins anew.
//
// Fails when: HoldPassed returns f.ActBy without writing passed into the row.
func TestAnActByThatPassedStaysWhereItDid(t *testing.T) {
	f := &surgecast.SiteForecast{}
	step := func(now, actBy time.Time, passed time.Time) time.Time {
		f.ActBy, f.LateBySeconds = actBy, max(0, int(now.Sub(actBy).Seconds()))
		return HoldPassed(f, passed, now)
	}
	passed := step(on(14, 40), on(14, 41), time.Time{})
	if !passed.IsZero() || f.LateBySeconds != 0 {
		t.Fatalf("ahead: passed %v, late %d", passed, f.LateBySeconds)
	}
	passed = step(on(14, 42), on(14, 41), passed)
	want := on(14, 41)
	for m := 43; m < 60; m++ {
		passed = step(on(14, m), on(14, m-9), passed) // computed anew it is always a lead time ago
		if !f.ActBy.Equal(want) || f.LateBySeconds != int(on(14, m).Sub(want).Seconds()) {
			t.Fatalf("at 14:%d act by %v, late %d; want %v", m, f.ActBy, f.LateBySeconds, want)
		}
	}
	if passed = step(on(15, 0), on(15, 30), passed); !passed.IsZero() || !f.ActBy.Equal(on(15, 30)) {
		t.Errorf("a new deadline: passed %v, act by %v", passed, f.ActBy)
	}
	if passed = step(on(15, 32), on(15, 30), passed); !passed.Equal(on(15, 30)) {
		t.Errorf("missed again: passed %v, want 15:30", passed)
	}
}

// An alert that lingers while the next possible breach is tomorrow asks for nothing today.
//
// Fails when: the turn to watch's words is taken out of alert.
func TestAnAlertForTomorrowOrdersNothingToday(t *testing.T) {
	now := on(14, 20)
	f := forecastAt(now, surgecast.StateAlert, 0, 0, 0, .01, .02, .04, .05, .2)
	f.Recommendation = surgecast.Recommendation{Units: 7, WouldBeUnits: 7, MaxUnits: 20}
	v := Say(factsAt(now, f))
	if !strings.HasPrefix(v.Headline, "Be ready. Nothing to decide yet.") || v.State != surgecast.StateAlert {
		t.Errorf("%s: %q", v.State, v.Headline)
	}
}

// On the way down from an overload an alert speaks of what may come again, not of the deadline that was missed before.
//
// Fails when: the turn to alertAgain is taken out of alert.
func TestAnAlertAfterAnOverloadSpeaksOfTheSecondTime(t *testing.T) {
	now := on(15, 24)
	f := forecastAt(now, surgecast.StateAlert, .3, .45, .5, .55, .6, .7, .7, .7)
	f.Recommendation = surgecast.Recommendation{Units: 6, WouldBeUnits: 10, MaxUnits: 20}
	facts := factsAt(now, f)
	facts.UnderSince = on(15, 19)
	v := Say(facts)
	if v.Headline != "Add 4 units now: it may come again." || !strings.HasPrefix(v.Sentence, "Under capacity since 15:19. About even chance (55 %) that traffic passes 1,200 requests a minute again by 16:24: 11 in 20") {
		t.Errorf("%q\n%q", v.Headline, v.Sentence)
	}
	f.ActBy = on(16, 10)
	if v = Say(facts); v.Headline != "Add 4 units by 16:10: it may come again." {
		t.Errorf("with time left: %q", v.Headline)
	}
	f.ActBy = on(23, 10) // nothing is ordered now for what may come tonight
	if v = Say(facts); v.Headline != "Hold 6 units now: it may come again." {
		t.Errorf("with hours left: %q", v.Headline)
	}
	f.Recommendation.WouldBeUnits = 6
	if v = Say(facts); v.Headline != "Hold 6 units now: it may come again." {
		t.Errorf("nothing to add: %q", v.Headline)
	}
}
