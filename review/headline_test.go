package review

import (
	"math"
	"testing"

	"surgecast"
)

// TestHeadlineOfNoBreach: where nothing passed capacity, the headline still owns up to what was said meanwhile.
// Fails when: Report.say leaves out the case of failing, or that of an open alert.
func TestHeadlineOfNoBreach(t *testing.T) {
	quiet := func(states ...surgecast.State) Input {
		in := Input{Options: Options{Site: testSite(), From: at(0), To: at(90), GeneratedAt: at(90), DemandKnown: true}}
		for i := range 90 {
			in.Minutes = append(in.Minutes, surgecast.TrafficMinute{Minute: at(i), Requests: 100 + math.Sin(float64(i)), Complete: true})
		}
		from := surgecast.StateCalm
		for i, s := range states {
			in.Transitions = append(in.Transitions, surgecast.SurgeTransition{SurgeID: "srg_1", At: at(60 + i), IssuedAt: at(60 + i), From: from, To: s, Probability: .3})
			from = s
		}
		return in
	}
	for want, in := range map[string]Input{
		"Nothing passed capacity, and no alarm was raised.":               quiet(),
		"We warned; traffic stayed under 200 a minute until 1 Mar 02:30.": quiet(surgecast.StateWatch, surgecast.StateAlert),
		"Requests failed; traffic stayed under 200 a minute.":             quiet(surgecast.StateFailing),
	} {
		if got := build(t, in).Headline; got != want {
			t.Errorf("headline %q, want %q", got, want)
		}
	}
}
