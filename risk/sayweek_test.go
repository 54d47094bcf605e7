package risk

import (
	"testing"
	"time"

	"surgecast"
)

// Fails when: SayWeek speaks of a miss that is not bad, or of a week that is not.
func TestTheWordsOfABadWeek(t *testing.T) {
	to := time.Date(2026, 11, 22, 2, 10, 0, 0, time.UTC)
	week := func(days int, change func(w *surgecast.Week)) surgecast.Week {
		w := surgecast.Week{From: to.AddDate(0, 0, -days), To: to, HorizonMinutes: 60, Outcome: surgecast.WeekBad}
		w.TooLow = surgecast.Misses{Times: 9, Of: 168, Expected: 8.4}
		change(&w)
		return w
	}
	const begin, end = "Surgecast stopped acting on its own on Sun 22 Nov 03:10: ", ". Review its accuracy, then switch it on again."
	for _, c := range []struct {
		name string
		week surgecast.Week
		want string
	}{
		{
			"too low", week(7, func(w *surgecast.Week) { w.TooLow = surgecast.Misses{Times: 31, Of: 168, Expected: 8.4, Bad: true} }),
			begin + "its forecasts of the last 7 days were too low in 31 of 168 hours, where 8 are to be expected" + end,
		},
		{
			"too high, longer windows", week(5, func(w *surgecast.Week) {
				w.HorizonMinutes = 120
				w.TooHigh = surgecast.Misses{Times: 20, Of: 60, Expected: 3, Bad: true}
			}),
			begin + "its forecasts of the last 5 days were too high in 20 of 60 stretches of 2 hours, where 3 are to be expected" + end,
		},
		{
			"unannounced", week(7, func(w *surgecast.Week) { w.Unannounced = surgecast.Misses{Times: 3, Of: 150, Expected: .2, Bad: true} }),
			begin + "in the last 7 days traffic passed capacity 3 times after a chance below 10 % was said, where less than 1 is to be expected" + end,
		},
		{
			"two at once", week(7, func(w *surgecast.Week) {
				w.TooLow = surgecast.Misses{Times: 31, Of: 168, Expected: 8.4, Bad: true}
				w.Unannounced = surgecast.Misses{Times: 4, Of: 150, Expected: 1.2, Bad: true}
			}),
			begin + "its forecasts of the last 7 days were too low in 31 of 168 hours, where 8 are to be expected; traffic passed capacity 4 times after a chance below 10 % was said, where 1 is to be expected" + end,
		},
		{"a good week", week(7, func(w *surgecast.Week) { w.Outcome = surgecast.WeekGood }), ""},
		{"cannot tell", week(2, func(w *surgecast.Week) { w.Outcome = surgecast.WeekCannotTell }), ""},
	} {
		if got := SayWeek(surgecast.Site{TimeZone: "Europe/Berlin"}, c.week, to); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}
