package risk

import (
	"strings"
	"testing"
	"time"

	"surgecast"
)

// noteFacts is the running example with quantiles of the highest demand: half of the cases pass 1,300 within the
// hour, 1 in 20 passes 2,842.
func noteFacts() (surgecast.Site, *surgecast.SiteForecast, surgecast.Verdict) {
	facts := alertFacts()
	f := facts.Forecast
	f.DemandRPM = 907
	f.Levels = []float64{.05, .5, .95}
	for range f.HorizonMinutes {
		f.MaxQuantilesRPM = append(f.MaxQuantilesRPM, []float64{900, 1300, 2842})
	}
	f.Recommendation.Plan = []surgecast.Step{{At: on(14, 20), Units: 13}, {At: on(16, 30), Units: 9}, {At: on(17, 15), Units: 6}}
	return facts.Site, f, Say(facts)
}

// A host reads what comes, how much in its own unit, what is asked for and by when, in which zone, and where to look.
//
// Fails when: SayNote leaves out noteAsk, or a rate a second.
func TestSayNote(t *testing.T) {
	site, f, v := noteFacts()
	site.Simulated = true
	got := SayNote(site, f, v, on(14, 20), "http://surge.example/s/abc", on(14, 20).Add(24*time.Hour))
	want := []string{
		"[simulated] About Nordlicht Tickets: Add 7 units by 14:41.",
		v.Sentence,
		"Now 907 requests a minute (15 a second); 6 units serve 1,200 (20 a second).",
		"Highest expected in the next hour: about 1,300 a minute (22 a second); 19 in 20 stay under 2,900 (48 a second).",
		"Please have 13 units serving by 14:50 (to be ordered by 14:41), and hold more than 6 until 17:15.",
		"Forecast of Thu 24 Sep 14:20, made anew every minute; this one counts until 14:35. Times are in Europe/Berlin.",
		"As it stands now, without an account, until Fri 25 Sep 14:20: http://surge.example/s/abc",
	}
	if got != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

// Nothing is asked for when nothing is needed, and nothing is claimed when nothing is known.
func TestSayNoteClaimsOnlyWhatIsKnown(t *testing.T) {
	now := on(14, 20)
	calm := factsAt(now, forecastAt(now, surgecast.StateCalm, 0, 0, 0, .001, .005, .02, .03, .04))
	got := SayNote(calm.Site, calm.Forecast, Say(calm), now, "", time.Time{})
	if strings.Contains(got, "Please") || strings.Contains(got, "account") || !strings.Contains(got, "Nothing to do before") {
		t.Errorf("calm:\n%s", got)
	}
	silent := factsAt(now, nil)
	if got := SayNote(silent.Site, nil, Say(silent), now, "", time.Time{}); strings.Contains(got, "Now ") || strings.Contains(got, "%") || !strings.Contains(got, "Written Thu 24 Sep 14:20; times are in Europe/Berlin.") {
		t.Errorf("without a forecast:\n%s", got)
	}
	late := calm.Forecast
	late.State, late.Recommendation = surgecast.StateOver, surgecast.Recommendation{WouldBeUnits: 9}
	late.ActBy = on(13, 0)
	if got := SayNote(calm.Site, late, surgecast.Verdict{State: surgecast.StateOver, Headline: "Over capacity since 14:03."}, now, "", time.Time{}); !strings.Contains(got, "Please have 9 units serving as soon as you can.") {
		t.Errorf("past the act-by:\n%s", got)
	}
}
