package review

import (
	"math"
	"strings"
	"testing"
	"time"
)

// TestSentencesOfAnOverload: the sentences tell what the site went through and what the units asked for would have
// changed; the table is not read out, and two amounts that read the same are not said to differ.
// Fails when: compare leaves out the case of the same amount, or clockAfter always names the day.
func TestSentencesOfAnOverload(t *testing.T) {
	from := time.Date(2026, 9, 24, 12, 8, 0, 0, time.UTC)
	said := func(ours, rival Number) string {
		r := Report{
			Minutes: 480, Site: SiteFacts{CapacityRPM: 1200, Currency: "EUR"},
			Episodes: []Episode{{From: from, To: from.Add(128 * time.Minute), MinutesOver: 122, PeakAt: from.Add(40 * time.Minute), PeakRPM: 2444, Warned: true, AlertMinutes: 17, WatchMinutes: 17}},
			Alarms:   Alarms{Alerts: 1, Followed: 1},
			Rules: []RuleResult{
				{Rule: Ours, Cost: ours}, {Rule: "reactive", Cost: rival}, {Rule: "last day", MinutesOver: 122, Cost: 108.1}, {Rule: configured{}.name(), MinutesOver: 122, Cost: 106.2},
			},
		}
		r.say()
		return strings.Join(r.Sentences, "\n")
	}
	over := "Traffic was over capacity for 122 minutes, from 24 Sep 12:08 to 14:16; the highest was 2,440 a minute at 12:48.\n"
	for want, got := range map[string]string{
		over + "With the units we asked for: 0 minutes over, about 34 EUR for units and lost requests; as configured, about 110 EUR; with the cheapest simple rule (reactive), about the same.":    said(33.74, 33.78),
		over + "With the units we asked for: 0 minutes over, about 34 EUR for units and lost requests; as configured, about 110 EUR; with the cheapest simple rule (reactive) less, about 30 EUR.": said(33.74, 29.9),
		over + "With the units we asked for: 0 minutes over.": said(Number(math.NaN()), Number(math.NaN())),
	} {
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestRulesThatCostTheSame: of rules that tie none is called the cheapest, and as configured is told once.
// Fails when: compare names cheapestRival alone, or does not leave out what it has told.
func TestRulesThatCostTheSame(t *testing.T) {
	said := func(ours, reactive, lastDay, as Number) string {
		r := Report{Site: SiteFacts{Currency: "EUR"}, Rules: []RuleResult{
			{Rule: Ours, Cost: ours}, {Rule: "reactive", Cost: reactive}, {Rule: "last day", Cost: lastDay}, {Rule: configured{}.name(), Cost: as},
		}}
		return strings.TrimPrefix(r.compare(r.rule(Ours)), "With the units we asked for: 0 minutes over, about ")
	}
	for want, got := range map[string]string{
		"1.4 EUR for units and lost requests; with the cheapest simple rules (reactive, last day and as configured), about the same.":                    said(1.44, 1.44, 1.44, 1.44),
		"1.5 EUR for units and lost requests; as configured, about 1.4 EUR; with the cheapest simple rules (reactive and last day) less, about 1.4 EUR.": said(1.54, 1.44, 1.44, 1.44),
		"1.4 EUR for units and lost requests; as configured, about 9 EUR; with the cheapest simple rule (last day), about 2.5 EUR.":                      said(1.44, 3, 2.5, 9),
	} {
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestNoPeakIsNoneMissed: below 3 × the usual there was no surge to notice; one that was noticed is told.
// Fails when: talkSentence does not ask low.
func TestNoPeakIsNoneMissed(t *testing.T) {
	r := Report{}
	peak := func(usual, opened Number) string {
		return r.talkSentence(TalkResult{Name: "shop", Peaks: []TalkPeak{{At: time.Date(2026, 9, 24, 12, 8, 0, 0, time.UTC), Mentions: 10, Usual: usual, OpenedMinutes: opened, AlertMinutes: unknown}}})
	}
	for want, got := range map[string]string{
		"shop had no peak of 3 × the usual: at most 10 mentions, at 24 Sep 12:08 (×0.56).":          peak(.56, unknown),
		"shop peaked at 24 Sep 12:08 with 10 mentions, ×3 the usual; we did not notice.":            peak(3, unknown),
		"shop peaked at 24 Sep 12:08 with 10 mentions; we did not notice.":                          peak(unknown, unknown),
		"shop peaked at 24 Sep 12:08 with 10 mentions, ×1.8 the usual; on watch 12 minutes before.": peak(1.78, 12),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestAlarmsInWords. Fails when: alarms is silent of a false one.
func TestAlarmsInWords(t *testing.T) {
	r := Report{Alarms: Alarms{Alerts: 4, Followed: 1, False: 1, Open: 1, During: 1}}
	if got, want := r.alarms(), "4 alerts: 1 came true in the time named, 1 did not, of 1 the time was not over, 1 came while it was over already."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
