package risk

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"surgecast"
)

// berlin is the running example's zone; 24 September 2026 is a Thursday in summer time (UTC+2).
var berlin = func() *time.Location {
	l, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return l
}()

// on is a time of 24 September on the site's clock.
func on(hour, minute int) time.Time { return time.Date(2026, 9, 24, hour, minute, 0, 0, berlin) }

// nordlicht is the running example of UX: 6 units serving 1,200 requests a minute, lead time 9 minutes (p95).
func nordlicht() surgecast.Site {
	return surgecast.Site{
		ID: 1, AccountID: 1, Slug: "nordlicht", Name: "Nordlicht Tickets", Kind: surgecast.KindVenue,
		TimeZone: "Europe/Berlin", Mode: surgecast.ModeAct,
		Capacity: surgecast.CapacityProfile{
			Units: 6, MinUnits: 2, MaxUnits: 20, RPMPerUnit: 200,
			LeadTimeP50Seconds: 240, LeadTimeP95Seconds: 540, SustainMinutes: 3,
			CostLostRequest: .05, CostIdleUnitHour: .4, Currency: "EUR", AlertProbability: .2,
		},
	}
}

var horizons = surgecast.HorizonMinutes[:]

// forecastAt is a forecast of the running example issued at now, whose last complete bucket began a minute before.
// risk is at the horizons 5 15 30 60 120 360 720 1440 minutes. Other capacities follow the same curve, halved at
// 1,600, a tenth at 2,600 and more certain below.
func forecastAt(now time.Time, state surgecast.State, risk ...float64) *surgecast.SiteForecast {
	f := &surgecast.SiteForecast{
		SiteID: 1, Segment: surgecast.TotalSegment,
		Origin: now.Truncate(time.Minute).Add(-time.Minute), IssuedAt: now, ValidUntil: now.Add(15 * time.Minute), StepSeconds: 60,
		HorizonMinutes: horizons, Risk: risk,
		DemandRPM: 900, CapacityRPM: 1200, Units: 6, RPMPerUnit: 200, LeadTimeP95Seconds: 540, SustainMinutes: 3,
		State: state,
	}
	f.GridRPM = []float64{300, 600, 900, 1200, 1600, 2000, 2600, 4000}
	for _, p := range risk {
		f.RiskGrid = append(f.RiskGrid, []float64{1, 1 - (1-p)*.2, 1 - (1-p)*.6, p, p * .6, p * .3, p * .08, p * .005})
	}
	return f
}

// facts around a forecast: traffic up to the last minute, 60 days of history.
func factsAt(now time.Time, f *surgecast.SiteForecast) Facts {
	site := nordlicht()
	if f != nil {
		Assess(site, f, now)
	}
	return Facts{Site: site, Forecast: f, Now: now, LastMinute: now.Truncate(time.Minute).Add(-time.Minute), DaysOfHistory: 60}
}

// alertFacts is 14:20 of the running example. By hand: risk .07 at 30 and .60 at 60 minutes, so .10 is reached after
// 30 + 30·(.03/.53) = 31.7 minutes from 14:19, 14:50:42; less 9 minutes of lead is 14:41:42, said as 14:41. Half of
// the .60 is reached after 30 + 30·(.23/.53) = 43.0 minutes from 14:20, 15:03, said as 15:05.
func alertFacts() Facts {
	now := on(14, 20)
	f := forecastAt(now, surgecast.StateAlert, 0, .01, .07, .60, .70, .80, .80, .80)
	f.Recommendation = surgecast.Recommendation{Units: 13, WouldBeUnits: 13, MinUnits: 2, MaxUnits: 20, CostActing: 5.6, CostWaiting: 540}
	return factsAt(now, f)
}

// TestSay holds the exact copy of UX 2.0, state by state.
func TestSay(t *testing.T) {
	for _, tt := range []struct {
		name  string
		facts func() Facts
		state surgecast.State
		want  [4]string // headline, sentence, overview, visitors
		word  string
		shown string
	}{
		{
			name:  "calm",
			state: surgecast.StateCalm,
			facts: func() Facts {
				now := on(14, 20)
				f := factsAt(now, forecastAt(now, surgecast.StateCalm, 0, 0, 0, .001, .005, .02, .03, .04))
				f.BusiestAt, f.BusiestRPM = on(19, 1), 643
				return f
			},
			want: [4]string{
				"Nothing to do before 20:20.",
				"Very small chance (2 %) that traffic passes 1,200 requests a minute in the next 6 hours. Busiest around 19:00, about 640 a minute.",
				"Nothing to do",
				"Working normally.",
			},
			word: "very small chance", shown: "2 %",
		},
		{
			name:  "watch",
			state: surgecast.StateWatch,
			facts: func() Facts {
				// risk reaches .10 after 360 minutes, 20:19; this site's lead is 4 h 14 min: 16:05.
				now := on(14, 20)
				f := forecastAt(now, surgecast.StateWatch, 0, 0, 0, .01, .04, .10, .12, .15)
				f.LeadTimeP95Seconds = 254 * 60
				return factsAt(now, f)
			},
			want: [4]string{
				"Be ready. Decide by 16:05.",
				"Small chance (10 %) of passing 1,200 requests a minute by 20:20: 2 in 20 situations like this one. Nothing to buy yet; make sure someone can be reached.",
				"Be ready",
				"Working normally.",
			},
			word: "small chance", shown: "10 %",
		},
		{
			name:  "alert",
			state: surgecast.StateAlert,
			facts: alertFacts,
			want: [4]string{
				"Add 7 units by 14:41.",
				"About even chance (60 %) that traffic passes 1,200 requests a minute by 15:20, most likely around 15:05: 12 in 20 situations like this one. 13 units would carry 19 in 20. Acting costs about €6; waiting risks about €540.",
				"Add 7 units",
				"Working normally.",
			},
			word: "about even chance", shown: "60 %",
		},
		{
			name:  "alert, act-by past",
			state: surgecast.StateAlert,
			facts: func() Facts {
				// Act-by was 14:41. Units ordered at 14:47 serve from 14:56, 9 minutes on, by when the
				// chance is .15 at 5 minutes and .25 · 4/10 more: .25.
				now := on(14, 47)
				f := forecastAt(now, surgecast.StateAlert, .15, .40, .55, .80, .85, .9, .9, .9)
				f.Recommendation = surgecast.Recommendation{Units: 13, WouldBeUnits: 13}
				facts := factsAt(now, f)
				f.ActBy, f.LateBySeconds = on(14, 41), 360
				return facts
			},
			want: [4]string{
				"Past 14:41. Act now, it still helps.",
				"7 more units ordered now serve from 14:56. The chance of being over before that is 25 %.",
				"Act now",
				"Working normally.",
			},
			word: "likely", shown: "80 %",
		},
		{
			name:  "over capacity",
			state: surgecast.StateOver,
			facts: func() Facts {
				now := on(15, 7)
				f := forecastAt(now, surgecast.StateOver, 1, 1, 1, 1, 1, 1, 1, 1)
				f.DemandRPM = 1483
				f.Recommendation = surgecast.Recommendation{Units: 13, WouldBeUnits: 13}
				facts := factsAt(now, f)
				facts.OverSince, facts.BackFrom, facts.BackBy = on(15, 3), on(15, 48), on(16, 33)
				return facts
			},
			want: [4]string{
				"Over capacity since 15:03.",
				"1,480 requests a minute arrive, 1,200 can be served. 7 more units ordered now serve from 15:16. 10 in 20 such surges are back under capacity by 15:50, 16 in 20 by 16:40.",
				"Over since 15:03",
				"Very busy. Pages may be slow or refuse to load. Most likely normal again between 15:50 and 16:40. Next update 15:30.",
			},
			word: "almost certain", shown: "over 99 %",
		},
		{
			name:  "recovery",
			state: surgecast.StateRecovery,
			facts: func() Facts {
				now := on(16, 2)
				f := forecastAt(now, surgecast.StateRecovery, .01, .03, .06, .10, .20, .22, .22, .22)
				f.Units = 13
				f.Recommendation = surgecast.Recommendation{Units: 13, WouldBeUnits: 13, Plan: []surgecast.Step{
					{At: now, Units: 13}, {At: on(16, 30), Units: 9}, {At: on(17, 15), Units: 6},
				}}
				facts := factsAt(now, f)
				// 90 minutes after 15:58 is 17:28, said as 17:30; 86 minutes from 16:02: .10 + .10·26/60 = .143.
				facts.UnderSince = on(15, 58)
				return facts
			},
			want: [4]string{
				"Hold 13 units until 16:30.",
				"Under capacity since 15:58. Small chance (15 %) of a second wave by 17:30. Then step down: 9 units at 16:30, 6 at 17:15.",
				"Hold until 16:30",
				"Back to normal since 15:58. We keep watching until 17:30.",
			},
			word: "small chance", shown: "15 %",
		},
		{
			name:  "no data",
			state: surgecast.StateCannotTell,
			facts: func() Facts {
				f := forecastAt(on(13, 58), surgecast.StateCalm, 0, 0, 0, 0, 0, .01, .01, .02)
				f.ValidUntil = on(14, 20)
				f.Recommendation.Units = 6
				facts := factsAt(on(14, 21), f)
				facts.LastMinute = on(14, 1)
				return facts
			},
			want: [4]string{
				"No numbers from this site since 14:02.",
				"So there is no verdict; the last one (13:58, calm) no longer counts. The autoscaler kept 6 units until 14:20 and now gets an error, not a guess.",
				"No data since 14:02",
				"No current information. Last checked 14:02.",
			},
		},
		{
			name:  "no data, answer still valid",
			state: surgecast.StateCannotTell,
			facts: func() Facts {
				f := forecastAt(on(13, 58), surgecast.StateAlert, 0, 0, 0, 0, 0, .01, .01, .02)
				f.ValidUntil = on(14, 20)
				f.Recommendation.Units = 6
				facts := factsAt(on(14, 15), f)
				facts.LastMinute = on(14, 1)
				return facts
			},
			want: [4]string{
				"No numbers from this site since 14:02.",
				"So there is no verdict; the last one (13:58, alert) no longer counts. The autoscaler keeps 6 units until 14:20 and then gets an error, not a guess.",
				"No data since 14:02",
				"No current information. Last checked 14:02.",
			},
		},
		{
			name:  "no data, never any",
			state: surgecast.StateCannotTell,
			facts: func() Facts {
				return Facts{Site: nordlicht(), Now: on(14, 20)}
			},
			want: [4]string{
				"No numbers from this site yet.",
				"So there is no verdict. Connect a traffic source: push, Prometheus, log or CSV.",
				"No data yet",
				"No current information.",
			},
		},
		{
			name:  "stale forecast",
			state: surgecast.StateAlert,
			facts: func() Facts {
				// The forecast of 14:13 told to add 7 units by 14:41, 60 %; now it is 14:20.
				f := forecastAt(on(14, 13), surgecast.StateAlert, 0, .01, .02, .60, .70, .80, .80, .80)
				f.Recommendation = surgecast.Recommendation{Units: 13, WouldBeUnits: 13}
				Assess(nordlicht(), f, on(14, 13))
				f.ActBy = on(14, 41)
				Conclude(Facts{Site: nordlicht(), Forecast: f, Now: on(14, 13), LastMinute: on(14, 12), DaysOfHistory: 60})
				return Facts{Site: nordlicht(), Forecast: f, Now: on(14, 20), LastMinute: on(14, 12), DaysOfHistory: 60}
			},
			want: [4]string{
				"This forecast is 7 minutes old.",
				"Made at 14:13; normally every minute. It said: add 7 units by 14:41, about even chance (60 %). Look at live traffic as well.",
				"60 % (7 min old)",
				"Working normally.",
			},
			word: "about even chance", shown: "60 %",
		},
		{
			name:  "learning",
			state: surgecast.StateLearning,
			facts: func() Facts {
				now := on(14, 20)
				f := factsAt(now, forecastAt(now, surgecast.StateLearning, 0, 0, 0, .001, .005, .02, .03, .04))
				f.DaysOfHistory = 1.4
				return f
			},
			want: [4]string{
				"Still learning this site: day 2.",
				"Based on similar sites, not yet on this one, so ranges are wide. From day 3 they use its own traffic.",
				"Nothing to do",
				"Working normally.",
			},
			word: "very small chance", shown: "2 %",
		},
		{
			name:  "learning, talk only",
			state: surgecast.StateLearning,
			facts: func() Facts {
				now := on(14, 20)
				f := factsAt(now, forecastAt(now, surgecast.StateLearning, 0, 0, 0, .001, .005, .02, .03, .04))
				f.DaysOfHistory, f.TalkOnly, f.TalkTimesUsual, f.VisitsTraced = 1.4, true, 6.2, 120
				return f
			},
			want: [4]string{
				"Still learning this site: day 2.",
				"Talk about this is 6 times the usual. How many visits that brings we cannot say yet: fewer than 200 visits traced.",
				"Nothing to do",
				"Working normally.",
			},
		},
		{
			name:  "capacity unknown",
			state: surgecast.StateCannotTell,
			facts: func() Facts {
				now := on(14, 20)
				f := forecastAt(now, surgecast.StateCalm)
				f.CapacityRPM, f.RPMPerUnit, f.Units = 0, 0, 0
				return factsAt(now, f)
			},
			want: [4]string{
				"How much can this site take?",
				"Here is the traffic forecast. Without a capacity there is no chance and no act-by.",
				"Capacity unknown",
				"Working normally.",
			},
		},
		{
			name:  "failing",
			state: surgecast.StateFailing,
			facts: func() Facts {
				now := on(15, 7)
				f := forecastAt(now, surgecast.StateFailing, 0, 0, 0, .001, .005, .02, .03, .04)
				f.DemandRPM = 483
				facts := factsAt(now, f)
				facts.FailingSegment, facts.FailingSince = "checkout", on(15, 3)
				facts.ErrorShare, facts.UsualErrorShare = .123, .008
				return facts
			},
			want: [4]string{
				"Checkout is failing since 15:03.",
				"12 % of checkout requests fail, usually under 1 %. Capacity is not the cause: 483 requests a minute arrive, 1,200 can be served. Look at checkout and what it calls; more units will not mend it.",
				"Failing since 15:03",
				"Ordering is not working at the moment. It began at 15:03. Next update 15:30.",
			},
		},
		{
			name:  "simulated",
			state: surgecast.StateAlert,
			facts: func() Facts {
				f := alertFacts()
				f.Site.Simulated = true
				return f
			},
			want: [4]string{
				"Add 7 units by 14:41.",
				"About even chance (60 %) that traffic passes 1,200 requests a minute by 15:20, most likely around 15:05: 12 in 20 situations like this one. 13 units would carry 19 in 20. Acting costs about €6; waiting risks about €540. This site and its traffic are simulated.",
				"Add 7 units",
				"Working normally.",
			},
			word: "about even chance", shown: "60 %",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := Say(tt.facts())
			for i, got := range []string{v.Headline, v.Sentence, v.Overview, v.Visitors} {
				if got != tt.want[i] {
					t.Errorf("%s\n got %q\nwant %q", []string{"headline", "sentence", "overview", "visitors"}[i], got, tt.want[i])
				}
			}
			if v.State != tt.state {
				t.Errorf("state %q, want %q", v.State, tt.state)
			}
			if v.Word != tt.word || v.ShownPercent != tt.shown {
				t.Errorf("word %q (%s), want %q (%s)", v.Word, v.ShownPercent, tt.word, tt.shown)
			}
			if n := utf8.RuneCountInString(v.Headline); n > maxHeadline {
				t.Errorf("headline has %d characters, at most %d", n, maxHeadline)
			}
		})
	}
}

// TestCaveats holds the notes that stand beside the sentence.
func TestCaveats(t *testing.T) {
	f := alertFacts()
	f.SocialAddsNothing = true
	f.CannotTellWhich = []string{"the Reddit thread", "your newsletter"}
	f.DaysOfHistory = 1
	want := []string{
		"Based on similar sites.",
		"Cannot tell whether the Reddit thread or your newsletter drives this: both rose in the same minutes.",
		"Social talk currently adds nothing: over the last 7 days the forecast was as good without it. It runs on the site's own traffic.",
	}
	if got := Say(f).Caveats; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("caveats\n got %q\nwant %q", got, want)
	}
}

// Growth and decay of what drives the traffic stand in its sentence and in its caveat; a band too wide names nobody,
// and two that cannot be told apart are named as such.
//
// Fails when: driver leaves out doubling, or fading asks for no driver.
func TestDriversInWords(t *testing.T) {
	f := alertFacts()
	f.Driver = &Driver{Name: "Reddit", Share: .44, Low: .35, High: .55, DoublingMinutes: 9.2}
	all := func() string { v := Say(f); return v.Sentence + " " + strings.Join(v.Caveats, " ") }
	if got := all(); !strings.Contains(got, "Reddit drives it: 45 % of traffic (35–55), ×2 in 9 min.") {
		t.Errorf("growth is not said: %s", got)
	}
	f.Driver.DoublingMinutes, f.Driver.Decay = 0, DecayNews
	if got := all(); !strings.Contains(got, "Reddit: talk fades quickly, as after a news flash.") || strings.Contains(got, "×2") {
		t.Errorf("decay is not said: %s", got)
	}
	f.Driver.Name = "talk on Bluesky" // which says already that it is talk
	if got := all(); !strings.Contains(got, "Talk on Bluesky fades quickly, as after a news flash.") {
		t.Errorf("talk twice: %s", got)
	}
	f.Driver.Name = "Reddit"
	f.Driver.High = .7
	if got := all(); strings.Contains(got, "Reddit") {
		t.Errorf("named with a band of 35 points: %s", got)
	}
	f.CannotTellWhich = []string{"Reddit", "News coverage"}
	if got := all(); !strings.Contains(got, "Cannot tell whether Reddit or News coverage drives this") {
		t.Errorf("what cannot be told is not said: %s", got)
	}
}
