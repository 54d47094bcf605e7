package risk_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"surgecast"
	"surgecast/risk"
)

func checkFacts() risk.CheckFacts {
	now := time.Date(2026, 9, 24, 12, 20, 0, 0, time.UTC) // 14:20 in Berlin
	site := surgecast.Site{Slug: "nordlicht", Name: "Nordlicht Tickets", TimeZone: "Europe/Berlin", Capacity: surgecast.CapacityProfile{Units: 6, RPMPerUnit: 200}}
	return risk.CheckFacts{
		Site: site, Now: now, Began: now.Add(-48 * time.Hour), Verdict: surgecast.Verdict{State: surgecast.StateCalm},
		Forecast:   &surgecast.SiteForecast{Origin: now.Add(-time.Minute), IssuedAt: now},
		UsualExtra: 36_000,
		Answer: surgecast.CheckAnswer{
			At: now, Basis: surgecast.BasisCounted, Topic: "tour", Linked: true, MentionsNow: 38, MentionsUsual: 5.5, TimesUsual: 6, DoublingMinutes: 9.2,
			Until: now.Add(6 * time.Hour), ExtraVisits: [3]float64{1_840, 3_040, 5_410}, Probability: .05, CapacityRPM: 1200,
		},
	}
}

// Fails when: judged takes Probability for a guessed answer too ("p := a.Probability" alone); uncounted takes no notice
// of Unserved, of Unread or of what was counted before.
func TestSayCheck(t *testing.T) {
	for _, c := range []struct {
		name               string
		change             func(*risk.CheckFacts)
		word               surgecast.CheckWord
		headline, sentence string
		exit               int
	}{
		{
			"a gift", func(*risk.CheckFacts) {}, surgecast.CheckGift, "Gift. There is room for these visits.",
			"Talk is 6 times the usual and doubling every 9 minutes. Expect about 3,000 extra requests by 20:20 (1,800–5,500 in 16 of 20 such cases). Small chance (5 %) that traffic passes 1,200 requests a minute by 20:20.", 0,
		},
		{
			"both", func(f *risk.CheckFacts) { f.Answer.Probability = .35 }, surgecast.CheckBoth, "A gift until 1,200 a minute, then a threat.",
			"Talk is 6 times the usual and doubling every 9 minutes. Expect about 3,000 extra requests by 20:20 (1,800–5,500 in 16 of 20 such cases). Real chance (35 %) that traffic passes 1,200 requests a minute by 20:20.", 10,
		},
		{
			"a threat", func(f *risk.CheckFacts) { f.Answer.Probability = .7 }, surgecast.CheckThreat, "Threat. Send nothing more before 20:20.",
			"Talk is 6 times the usual and doubling every 9 minutes. Expect about 3,000 extra requests by 20:20 (1,800–5,500 in 16 of 20 such cases). Likely (70 %) that traffic passes 1,200 requests a minute by 20:20.", 20,
		},
		{
			"not noticeable", func(f *risk.CheckFacts) {
				f.Answer.TimesUsual, f.Answer.MentionsNow, f.Answer.ExtraVisits, f.Answer.Probability = 1, 2, [3]float64{}, .012
			}, surgecast.CheckNotNoticeable, "Not noticeable.",
			"Talk is as usual: about 2 mentions a minute. Very small chance (1 %) that traffic passes 1,200 requests a minute by 20:20.", 0,
		},
		{
			// What lies above the profile after a surge is not what talk as usual brings.
			"talk as usual on a site that is busier than its usual", func(f *risk.CheckFacts) {
				f.Answer.TimesUsual, f.Answer.MentionsNow, f.Answer.Probability = 1, 12, .04
				f.Answer.ExtraVisits = [3]float64{17_000, 47_000, 85_000}
			}, surgecast.CheckNotNoticeable, "Not noticeable.",
			"Talk is as usual: about 12 mentions a minute. Very small chance (4 %) that traffic passes 1,200 requests a minute by 20:20.", 0,
		},
		{
			"not linked, and a threat by the prior alone", func(f *risk.CheckFacts) {
				f.Answer.Linked, f.Answer.Guessed, f.Answer.Probability, f.Answer.Alone = false, true, .75, .004
			}, surgecast.CheckCannotTell, "Cannot tell yet: not linked to this site.",
			"Talk is 6 times the usual and doubling every 9 minutes. No visit here was traced to it yet. If a mention brought what it does on similar sites: likely (75 %) that traffic passes 1,200 requests a minute by 20:20; without it, almost no chance (under 1 %).", 30,
		},
		{
			"not linked, the site busy by itself", func(f *risk.CheckFacts) {
				f.Answer.Linked, f.Answer.Guessed, f.Answer.Probability, f.Answer.Alone = false, true, .9, .7
			}, surgecast.CheckThreat, "Threat. Send nothing more before 20:20.",
			"Talk is 6 times the usual and doubling every 9 minutes. No visit here was traced to it yet. Likely (70 %) that traffic passes 1,200 requests a minute by 20:20.", 20,
		},
		{
			"not linked, room even so", func(f *risk.CheckFacts) {
				f.Answer.Linked, f.Answer.Guessed, f.Answer.Probability, f.Answer.Alone = false, true, .05, .004
			}, surgecast.CheckGift, "Gift. There is room for these visits.",
			"Talk is 6 times the usual and doubling every 9 minutes. No visit here was traced to it yet. With visits as on similar sites: small chance (5 %) that traffic passes 1,200 requests a minute by 20:20.", 0,
		},
		{
			"not linked, the site failing by itself", func(f *risk.CheckFacts) {
				f.Answer.Linked, f.Answer.Guessed, f.Answer.Probability, f.Answer.Alone = false, true, .55, .004
				f.Verdict.State = surgecast.StateFailing
			}, surgecast.CheckThreat, "Threat. Send nothing now.",
			"Talk is 6 times the usual and doubling every 9 minutes. The site itself is failing, whatever the talk.", 20,
		},
		{
			"never counted", func(f *risk.CheckFacts) {
				f.Answer.Basis, f.Began, f.Answer.Topic = surgecast.BasisPrior, time.Time{}, ""
			}, surgecast.CheckCannotTell, "Cannot tell yet.",
			"Nobody counts this topic here, so there is nothing to judge it by. Watch it: the first answer comes about 10 minutes later.", 30,
		},
		{
			"counting for two minutes", func(f *risk.CheckFacts) { f.Answer.Basis, f.Began = surgecast.BasisPrior, f.Now.Add(-2*time.Minute) }, surgecast.CheckCannotTell, "Cannot tell yet.",
			"Counting since 14:18, 2 minutes; first answer at about 14:29.", 30,
		},
		{
			"no service runs", func(f *risk.CheckFacts) {
				f.Answer.Basis, f.Began, f.Unread, f.Unserved = surgecast.BasisPrior, f.Now.Add(-4*time.Minute), true, true
			}, surgecast.CheckCannotTell, "Cannot tell yet.",
			"Nothing is counting: start forecaster serve. The first answer comes about 10 minutes later.", 30,
		},
		{
			"no service runs any more", func(f *risk.CheckFacts) {
				f.Answer.Basis, f.Unread, f.Unserved = surgecast.BasisPrior, true, true
				f.Answer.Counted = []surgecast.CheckSource{{Source: "bluesky", Since: f.Began, Through: f.Now.Add(-18 * time.Minute)}}
			}, surgecast.CheckCannotTell, "Cannot tell yet.",
			"Last counted at 14:02. Nothing is counting: start forecaster serve. The first answer comes about 10 minutes later.", 30,
		},
		{
			"a service that reads no feed", func(f *risk.CheckFacts) {
				f.Answer.Basis, f.Began, f.Unread = surgecast.BasisPrior, f.Now.Add(-4*time.Minute), true
			}, surgecast.CheckCannotTell, "Cannot tell yet.",
			"Nothing is counting: the service reads no feed. Switch one on, or push counts.", 30,
		},
		{
			// Counts that are pushed need no feed.
			"pushed for four minutes", func(f *risk.CheckFacts) {
				f.Answer.Basis, f.Began, f.Unread = surgecast.BasisPrior, f.Now.Add(-4*time.Minute), true
				f.Answer.Counted = []surgecast.CheckSource{{Source: "push", Since: f.Began, Through: f.Now}}
			}, surgecast.CheckCannotTell, "Cannot tell yet.",
			"Counting since 14:16, 4 minutes; first answer at about 14:27.", 30,
		},
		{
			"read, but not counted", func(f *risk.CheckFacts) { f.Answer.Basis, f.Began = surgecast.BasisPrior, f.Now.Add(-40*time.Minute) }, surgecast.CheckCannotTell, "Cannot tell yet.",
			"Watched since 13:40, but no feed has counted it yet. Missing, not zero.", 30,
		},
		{
			"read, but counted no longer", func(f *risk.CheckFacts) {
				f.Answer.Basis = surgecast.BasisPrior
				f.Answer.Counted = []surgecast.CheckSource{{Source: "bluesky", Since: f.Began, Through: f.Now.Add(-18 * time.Minute)}}
			}, surgecast.CheckCannotTell, "Cannot tell yet.",
			"Last counted at 14:02. Since then no feed has counted it. Missing, not zero.", 30,
		},
		{
			"no traffic", func(f *risk.CheckFacts) {
				f.Verdict.State, f.Forecast.Origin = surgecast.StateCannotTell, f.Now.Add(-18*time.Minute)
			}, surgecast.CheckCannotTell, "Cannot tell: no numbers since 14:02.",
			"Talk is 6 times the usual and doubling every 9 minutes. What that does to the site nobody can say without its traffic.", 30,
		},
	} {
		f := checkFacts()
		c.change(&f)
		a := risk.SayCheck(f)
		if a.Word != c.word || a.Headline != c.headline || a.Sentence != c.sentence {
			t.Errorf("%s: %s\n  H %q\n  S %q\nwant %s\n  H %q\n  S %q", c.name, a.Word, a.Headline, a.Sentence, c.word, c.headline, c.sentence)
		}
		if got := risk.CheckExit(a); got != c.exit {
			t.Errorf("%s: exit %d, want %d", c.name, got, c.exit)
		}
		if n := len([]rune(a.Headline)); n > 45 {
			t.Errorf("%s: the headline has %d characters", c.name, n)
		}
	}
}

// An answer never hides what it stands on.
func TestCheckCaveats(t *testing.T) {
	f := checkFacts()
	f.Answer.Linked, f.Answer.Guessed = false, true
	f.Answer.CapacityRPM, f.Answer.Probability = 0, math.NaN()
	f.Forecast.IssuedAt = f.Now.Add(-7 * time.Minute)
	f.Verdict.State = surgecast.StateLearning
	a := risk.SayCheck(f)
	for _, want := range []string{"Answer from 14:13, 7 minutes old.", "Rough: based on similar sites.", "a guess from similar sites", "Without a capacity there is no chance"} {
		if !slices.ContainsFunc(a.Caveats, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("no caveat %q in %q", want, a.Caveats)
		}
	}
	if strings.Contains(a.Sentence, "%") {
		t.Errorf("a chance without a capacity: %q", a.Sentence)
	}
}

func TestTerms(t *testing.T) {
	got := risk.Terms(` #nordlichtlive, "Nordlicht tour"; „Konzert“,, `)
	if want := []string{"#nordlichtlive", "Nordlicht tour", "Konzert"}; !slices.Equal(got, want) {
		t.Errorf("terms %q, want %q", got, want)
	}
}
