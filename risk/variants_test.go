package risk

import (
	"strings"
	"testing"
	"time"

	"surgecast"
)

// TestSayVariants: what the states of UX 2.0 say when a slot has nothing to fill it.
func TestSayVariants(t *testing.T) {
	for _, tt := range []struct {
		name     string
		facts    func() Facts
		headline string
		sentence string
		overview string
	}{
		{
			name: "alert without costs: why it comes takes their place",
			facts: func() Facts {
				f := alertFacts()
				f.Forecast.Recommendation.CostActing = 0
				f.Driver = &Driver{Name: "Reddit", Share: .44, Low: .35, High: .55}
				return f
			},
			headline: "Add 7 units by 14:41.",
			sentence: "About even chance (60 %) that traffic passes 1,200 requests a minute by 15:20, most likely around 15:05: 12 in 20 situations like this one. 13 units would carry 19 in 20. Reddit drives it: 45 % of traffic (35–55).",
			overview: "Add 7 units",
		},
		{
			name: "alert, a band too wide names nobody",
			facts: func() Facts {
				f := alertFacts()
				f.Forecast.Recommendation.CostActing = 0
				f.Driver = &Driver{Name: "Reddit", Share: .44, Low: .2, High: .6}
				return f
			},
			headline: "Add 7 units by 14:41.",
			sentence: "About even chance (60 %) that traffic passes 1,200 requests a minute by 15:20, most likely around 15:05: 12 in 20 situations like this one. 13 units would carry 19 in 20.",
			overview: "Add 7 units",
		},
		{
			name: "alert, one unit, in shadow: the answer is 2, people are told 7",
			facts: func() Facts {
				f := alertFacts()
				f.Forecast.Recommendation = surgecast.Recommendation{Units: 2, WouldBeUnits: 7}
				return f
			},
			headline: "Add 1 unit by 14:41.",
			// R(60) at 1,400 lies between .60 at 1,200 and .36 at 1,600: .48; 10 in 20 would be carried.
			sentence: "About even chance (60 %) that traffic passes 1,200 requests a minute by 15:20, most likely around 15:05: 12 in 20 situations like this one. 7 units would carry 10 in 20.",
			overview: "Add 1 unit",
		},
		{
			name: "alert, the autoscaler doubles now and again in 10 minutes: a person is told the whole",
			facts: func() Facts {
				f := alertFacts()
				f.Forecast.Recommendation.Units, f.Forecast.Recommendation.WouldBeUnits = 12, 12
				f.Forecast.Recommendation.Plan = []surgecast.Step{{At: on(14, 20), Units: 12}, {At: on(14, 30), Units: 13}, {At: on(16, 0), Units: 18}}
				return f
			},
			headline: "Add 7 units by 14:41.",
			sentence: "About even chance (60 %) that traffic passes 1,200 requests a minute by 15:20, most likely around 15:05: 12 in 20 situations like this one. 13 units would carry 19 in 20. Acting costs about €6; waiting risks about €540.",
			overview: "Add 7 units",
		},
		{
			name: "alert at the last unit: the queue",
			facts: func() Facts {
				f := alertFacts()
				f.Forecast.Recommendation = surgecast.Recommendation{Units: 6, WouldBeUnits: 6, MaxUnits: 6}
				return f
			},
			headline: "Switch on the queue by 14:41.",
			sentence: "About even chance (60 %) that traffic passes 1,200 requests a minute by 15:20, most likely around 15:05: 12 in 20 situations like this one.",
			overview: "Switch on the queue",
		},
		{
			name: "alert by an impossible minute, nothing expected",
			facts: func() Facts {
				now := on(14, 20)
				f := factsAt(now, forecastAt(now, surgecast.StateAlert, 0, 0, 0, .01, .01, .02, .03, .04))
				f.Left = &Left{At: on(14, 19), RPM: 501, Expected: 357}
				return f
			},
			headline: "Look now: traffic has left its forecast.",
			sentence: "Traffic has left its forecast: 501 requests a minute at 14:19 instead of about 360. Very small chance (2 %) that traffic passes 1,200 requests a minute by 20:20.",
			overview: "Look now: above forecast",
		},
		{
			name: "alert that lingers, nothing expected any more",
			facts: func() Facts {
				now := on(14, 20)
				return factsAt(now, forecastAt(now, surgecast.StateAlert, 0, 0, 0, .01, .01, .02, .03, .04))
			},
			headline: "Be ready. Nothing to decide yet.",
			sentence: "Very small chance (2 %) of passing 1,200 requests a minute by 20:20. Nothing to buy yet; make sure someone can be reached.",
			overview: "Be ready",
		},
		{
			name: "watch whose act-by is far away",
			facts: func() Facts {
				now := on(12, 50)
				return factsAt(now, forecastAt(now, surgecast.StateWatch, 0, 0, 0, 0, 0, .10, .2, .2))
			},
			headline: "Be ready. Nothing to decide yet.",
			sentence: "Small chance (10 %) of passing 1,200 requests a minute by 18:50: 2 in 20 situations like this one. Nothing to buy yet; make sure someone can be reached.",
			overview: "Be ready",
		},
		{
			name: "alert over night",
			facts: func() Facts {
				// .10 after 300 minutes from 20:00, 01:00; less 9 is 00:51, over 2 hours away: 00:50.
				now := on(20, 1)
				f := forecastAt(now, surgecast.StateAlert, 0, 0, 0, 0, .025, .125, .3, .8)
				f.Recommendation = surgecast.Recommendation{Units: 13, WouldBeUnits: 13}
				return factsAt(now, f)
			},
			headline: "Add 7 units by tomorrow 00:50.",
			sentence: "Small chance (15 %) that traffic passes 1,200 requests a minute by tomorrow 02:01: 3 in 20 situations like this one. 13 units would carry 19 in 20.",
			overview: "Add 7 units",
		},
		{
			name: "calm, but a decision is due before the window ends",
			facts: func() Facts {
				now := on(14, 20)
				f := forecastAt(now, surgecast.StateCalm, 0, 0, 0, 0, 0, .10, .2, .2)
				f.LeadTimeP95Seconds = 3 * 3600 // 14:19 + 6 h − 3 h
				return factsAt(now, f)
			},
			headline: "Nothing to do before 17:19.",
			sentence: "Small chance (10 %) that traffic passes 1,200 requests a minute in the next 6 hours: 2 in 20 situations like this one.",
			overview: "Nothing to do",
		},
		{
			name: "watch whose act-by has come",
			facts: func() Facts {
				now := on(14, 20)
				return factsAt(now, forecastAt(now, surgecast.StateWatch, .1, .12, .13, .14, .15, .2, .2, .2))
			},
			headline: "Be ready. Decide now.",
			sentence: "Small chance (15 %) of passing 1,200 requests a minute by 15:20: 3 in 20 situations like this one. Nothing to buy yet; make sure someone can be reached.",
			overview: "Be ready",
		},
		{
			name: "recovery after an alert that stayed under capacity",
			facts: func() Facts {
				now := on(15, 0)
				f := forecastAt(now, surgecast.StateRecovery, 0, .01, .03, .05, .06, .06, .06, .06)
				f.Units = 9
				f.Recommendation = surgecast.Recommendation{Units: 9, WouldBeUnits: 9, Plan: []surgecast.Step{{At: now, Units: 9}}}
				facts := factsAt(now, f)
				facts.WatchUntil = on(15, 25)
				return facts
			},
			headline: "Hold 9 units for now.",
			// 25 minutes: .01 + .02·10/15 = .023
			sentence: "Traffic stayed under capacity. Very small chance (2 %) that it still passes 1,200 requests a minute by 15:30.",
			overview: "Hold for now",
		},
		{
			name: "recovery of a site that never ordered the units of the peak",
			facts: func() Facts {
				now := on(16, 27)
				f := forecastAt(now, surgecast.StateRecovery, 0, .01, .03, .05, .06, .06, .06, .06)
				f.Units = 6
				f.Recommendation = surgecast.Recommendation{Units: 6, WouldBeUnits: 7, Plan: []surgecast.Step{{At: now, Units: 7}, {At: on(17, 15), Units: 6}}}
				facts := factsAt(now, f)
				facts.UnderSince = on(15, 16)
				return facts
			},
			headline: "Hold 6 units for now.", // not 7, which are not there, nor "then step down: 6 units"
			// 90 minutes after 15:16 is 16:46, said as 16:50; 19 minutes: .01 + .02·4/15 = .015
			sentence: "Under capacity since 15:16. Very small chance (2 %) of a second wave by 16:50.",
			overview: "Hold for now",
		},
		{
			name: "over by so little that both numbers round to one",
			facts: func() Facts {
				now := on(15, 7)
				f := forecastAt(now, surgecast.StateOver, 1, 1, 1, 1, 1, 1, 1, 1)
				f.DemandRPM, f.Units = 1200.3, 6
				f.Recommendation = surgecast.Recommendation{Units: 6, WouldBeUnits: 6, MaxUnits: 6}
				facts := factsAt(now, f)
				facts.OverSince = on(15, 3)
				return facts
			},
			headline: "Over capacity since 15:03.",
			sentence: "A few more than 1,200 requests a minute arrive, 1,200 can be served.",
			overview: "Over since 15:03",
		},
		{
			name: "over, counted only up to what could be served",
			facts: func() Facts {
				now := on(15, 7)
				f := forecastAt(now, surgecast.StateOver, 1, 1, 1, 1, 1, 1, 1, 1)
				f.DemandRPM, f.Units = 1190, 6
				f.Recommendation = surgecast.Recommendation{Units: 6, WouldBeUnits: 6, MaxUnits: 6}
				facts := factsAt(now, f)
				facts.OverSince = on(15, 3)
				return facts
			},
			headline: "Over capacity since 15:03.",
			sentence: "More requests arrive than the 1,200 a minute that can be served.",
			overview: "Over since 15:03",
		},
		{
			name: "failing, all of it, of a site reported whole",
			facts: func() Facts {
				now := on(15, 7)
				f := factsAt(now, forecastAt(now, surgecast.StateFailing, 0, 0, 0, 0, 0, 0, 0, 0))
				f.FailingSegment, f.ErrorShare, f.UsualErrorShare = "total", 1, .02
				return f
			},
			headline: "The site is failing now.",
			sentence: "Nearly all requests fail, usually 2 %. Capacity is not the cause: 900 requests a minute arrive, 1,200 can be served. Look at the newest change and at what the site calls; more units will not mend it.",
			overview: "Failing now",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := Say(tt.facts())
			for _, c := range []struct{ name, got, want string }{
				{"headline", v.Headline, tt.headline}, {"sentence", v.Sentence, tt.sentence}, {"overview", v.Overview, tt.overview},
			} {
				if c.got != c.want {
					t.Errorf("%s\n got %q\nwant %q", c.name, c.got, c.want)
				}
			}
		})
	}
}

// TestShownHolds: the percentage of a verdict does not tremble with the forecast.
func TestShownHolds(t *testing.T) {
	now := on(14, 20)
	at := func(p float64, before *surgecast.Verdict) surgecast.Verdict {
		f := forecastAt(now, surgecast.StateAlert, 0, .01, .07, p, .70, .80, .80, .80)
		facts := factsAt(now, f)
		facts.Previous = before
		Conclude(facts)
		return f.Verdict
	}
	first := at(.61, nil)
	if second := at(.63, &first); second.ShownPercent != "60 %" {
		t.Errorf("63 %% after 61 %%: shown as %s, want 60 %%", second.ShownPercent)
	}
	if third := at(.64, &first); third.ShownPercent != "65 %" {
		t.Errorf("64 %% after 61 %%: shown as %s, want 65 %%", third.ShownPercent)
	}
}

// TestCourse: medians 100 … at the leads; the busiest is at 240 minutes, and .8 quantiles come back under 1,200 between
// 240 (1,500) and 480 (900) minutes.
func TestCourse(t *testing.T) {
	f := forecastAt(on(14, 20), surgecast.StateOver, 1, 1, 1, 1, 1, 1, 1, 1)
	f.LeadMinutes, f.Levels = []int{1, 60, 240, 480, 1440}, []float64{.2, .5, .8}
	f.QuantilesRPM = [][]float64{{900, 1300, 1400}, {900, 1350, 1600}, {1000, 1400, 1500}, {300, 600, 900}, {100, 200, 300}}
	if at, rpm := Busiest(f); !at.Equal(on(18, 19)) || rpm != 1400 {
		t.Errorf("busiest at %v with %v, want 18:19 with 1,400", at, rpm)
	}
	// linear in log lead and log(1 + q): log 1501 → log 901 over log 2; 1,200 is passed at 240·2^(.2230/.5104) = 324.9
	// minutes, so 325 from 14:19 is the first step under it: 19:44.
	if got := BackBy(f, .8); !got.Equal(on(19, 44)) {
		t.Errorf("back by %v, want 19:44", got)
	}
	// The median: log 1401 → log 601 over log 2; 1,200 is passed at 240·2^(.1541/.8464) = 272.3 minutes: 275, 18:54.
	if got := BackBy(f, .5); !got.Equal(on(18, 54)) {
		t.Errorf("half are back by %v, want 18:54", got)
	}
	v := Say(Facts{Site: nordlicht(), Forecast: f, Now: on(14, 20), LastMinute: on(14, 19), DaysOfHistory: 30, OverSince: on(14, 10)})
	if !strings.Contains(v.Sentence, "10 in 20 such surges are back under capacity by 19:00, 16 in 20 by 19:50.") || !strings.Contains(v.Visitors, "between 19:00 and 19:50") {
		t.Errorf("over: %s / %s", v.Sentence, v.Visitors)
	}
	f.QuantilesRPM[4] = []float64{900, 1300, 1400}
	if got := BackBy(f, .8); !got.IsZero() {
		t.Errorf("over again tomorrow: back by %v, want never", got)
	}
	if at, _ := Busiest(&surgecast.SiteForecast{}); !at.IsZero() || !BackBy(&surgecast.SiteForecast{}, .8).IsZero() {
		t.Error("nothing drawn, yet a time is named")
	}
}

func TestAssess(t *testing.T) {
	now := on(14, 20)
	f := forecastAt(now, surgecast.StateCalm, 0, .01, .07, .60, .70, .80, .80, .80)
	Assess(nordlicht(), f, now)
	// .10 at 31.698 min (see alertFacts), .25 at 30 + 30·(.18/.53) = 40.189, .50 at 54.340; .75 at 120 + 240·.5 = 240.
	for i, want := range []float64{31.698, 40.189, 54.340, 240} {
		if got := f.TimeToBreachMinutes[i]; got < want-.001 || got > want+.001 {
			t.Errorf("time to breach at %v is %v, want %v", surgecast.TimeToBreachLevels[i], got, want)
		}
	}
	if got := f.TimeToBreachMinutes[4]; got == got {
		t.Errorf("time to breach at .9 is %v, want never", got)
	}
	if want := on(14, 41).Add(42 * time.Second); !f.ActBy.Equal(want) || f.LateBySeconds != 0 || f.ActByReason != "" {
		t.Errorf("act by %v (late %d, %q), want %v", f.ActBy, f.LateBySeconds, f.ActByReason, want)
	}
	f.CapacityRPM = 0
	Assess(nordlicht(), f, now)
	if !f.ActBy.IsZero() || f.ActByReason != ReasonCapacityUnknown || f.PeakDotsRPM != nil {
		t.Errorf("no capacity: act by %v, %q, dots %v", f.ActBy, f.ActByReason, f.PeakDotsRPM)
	}
}
