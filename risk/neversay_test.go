package risk

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"surgecast"
)

// neverSay is the list of UX 3, as expressions.
var neverSay = []*regexp.Regexp{
	regexp.MustCompile(`(?i)will crash|\bcrash`),
	regexp.MustCompile(`(?i)\bsafe\b|guarantee|\b100 %|no risk|impossible`),
	regexp.MustCompile(`(?i)\bup to \d`),
	regexp.MustCompile(`(?i)\b(over|above|below|less than|more than) \d+ ?%`), // "under 1 %" and "over 99 %" are taken out first
	regexp.MustCompile(`(?i)\bunder \d+ ?%`),
	regexp.MustCompile(`(?i)\b(1|one) in \d`),
	regexp.MustCompile(`(?i)confidence|\bP\d\d\b|quantile|percentile`),
	regexp.MustCompile(`(?i)viral|explod|tsunami|crazy|buzz`),
	regexp.MustCompile(`(?i)unlikely|improbable`),
	regexp.MustCompile(`(?i)visitors`),
	regexp.MustCompile(`(?i)our AI|\bAI\b`),
	regexp.MustCompile(`\d\.\d`), // a decimal, and still more a second one
	regexp.MustCompile(`(?i)you failed|you should have|your fault`),
	regexp.MustCompile(`\+\d+ ?%`),
	regexp.MustCompile(`\d%`), // a space stands before %
	regexp.MustCompile(`NaN|Inf|%!|<nil>|0001|  |\.\.| \.|,,`),
}

// boundsShown are the two ends of the scale, the only shares said as a bound.
var boundsShown = regexp.MustCompile(`(?i)under 1 %|over 99 %`)

// oneIn20 is the denominator the product always keeps: it is not the "1 in 8" that looks bigger than it is.
var oneIn20 = regexp.MustCompile(`\b1 in 20 (situations|such)`)

func randomFacts(t *rapid.T) Facts {
	draw := func(name string, of ...float64) float64 { return rapid.SampledFrom(of).Draw(t, name) }
	now := on(0, 0).Add(time.Duration(rapid.IntRange(0, 3*86400).Draw(t, "now")) * time.Second)
	around := func(name string) time.Time {
		if rapid.IntRange(0, 3).Draw(t, name+" known") == 0 {
			return time.Time{}
		}
		return now.Add(time.Duration(rapid.IntRange(-2*86400, 8*86400).Draw(t, name)) * time.Second)
	}
	r := make([]float64, len(horizons))
	p := draw("first", 0, .01, .5, 1)
	for i := range r {
		r[i] = p
		p += (1 - p) * rapid.Float64Range(0, .5).Draw(t, "more")
	}
	state := rapid.SampledFrom([]surgecast.State{
		surgecast.StateCalm, surgecast.StateWatch, surgecast.StateAlert, surgecast.StateOver, surgecast.StateRecovery,
		surgecast.StateFailing, surgecast.StateCannotTell, surgecast.StateLearning, "",
	}).Draw(t, "state")
	f := forecastAt(now, state, r...)
	f.IssuedAt = now.Add(-time.Duration(rapid.IntRange(0, 20).Draw(t, "age")) * time.Minute)
	f.ValidUntil = f.IssuedAt.Add(15 * time.Minute)
	f.CapacityRPM = draw("capacity", 0, 950, 1200, 40000)
	f.DemandRPM = draw("demand", 0, 7, 483.3, 1211, 52345)
	f.Units = rapid.IntRange(0, 40).Draw(t, "units")
	f.LeadTimeP95Seconds = rapid.IntRange(0, 5*3600).Draw(t, "lead")
	f.Recommendation = surgecast.Recommendation{
		Units: rapid.IntRange(0, 40).Draw(t, "answer"), WouldBeUnits: rapid.IntRange(0, 60).Draw(t, "would"), MaxUnits: rapid.IntRange(0, 40).Draw(t, "max"),
		CostActing: draw("acting", 0, .3, 5.6, 12345), CostWaiting: draw("waiting", 0, .3, 540, 98765),
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "steps") {
		f.Recommendation.Plan = append(f.Recommendation.Plan, surgecast.Step{At: now.Add(time.Duration(i) * 40 * time.Minute), Units: rapid.IntRange(0, 40).Draw(t, "step")})
	}
	facts := factsAt(now, f)
	facts.Site.Simulated = rapid.Bool().Draw(t, "simulated")
	facts.Site.TimeZone = rapid.SampledFrom([]string{"Europe/Berlin", "Asia/Kathmandu", "America/New_York", ""}).Draw(t, "zone")
	facts.Site.Capacity.Currency = rapid.SampledFrom([]string{"EUR", "USD", "CHF", ""}).Draw(t, "currency")
	facts.LastMinute = now.Add(-time.Duration(rapid.IntRange(1, 30).Draw(t, "silent")) * time.Minute)
	facts.DaysOfHistory = draw("days", 0, .5, 1.9, 60)
	facts.OverSince, facts.BackFrom, facts.BackBy, facts.UnderSince = around("over"), around("half"), around("back"), around("under")
	facts.WatchUntil, facts.BusiestAt, facts.BusiestRPM = around("watch"), around("busiest"), draw("rpm", 0, .4, 643, 1e9)
	facts.SecondWave = draw("wave", 0, .02, .15, 1)
	facts.KeptUnits, facts.KeptUntil = rapid.IntRange(0, 9).Draw(t, "kept"), around("kept until")
	facts.FailingSegment = rapid.SampledFrom([]string{"checkout", "login", "", "total", "a_very_long_segment_name_that_nobody_should_use"}).Draw(t, "segment")
	facts.FailingSince, facts.ErrorShare, facts.UsualErrorShare = around("failing"), draw("errors", 0, .123, 1), draw("usual", 0, .008, .05)
	facts.TalkOnly, facts.TalkTimesUsual = rapid.IntRange(0, 4).Draw(t, "talk") == 0, draw("times", 0, .5, 6.2, 240)
	facts.SocialAddsNothing = rapid.Bool().Draw(t, "social")
	if rapid.Bool().Draw(t, "driven") {
		facts.Driver = &Driver{Name: "Reddit", Share: draw("share", .03, .45, .97), Low: .35, High: draw("high", .55, .9)}
	}
	if rapid.Bool().Draw(t, "collinear") {
		facts.CannotTellWhich = []string{"the Reddit thread", "your newsletter"}
	}
	if rapid.Bool().Draw(t, "unknown") {
		facts.Forecast = nil
	}
	return facts
}

// TestNeverSay runs Say over random facts and reads every sentence for the words of the list, for its lengths and for
// agreement of word and number. Putting "unlikely" or a decimal into any sentence fails it.
func TestNeverSay(t *testing.T) {
	decimalCapacity := regexp.MustCompile(`\d[\d,]*\.\d requests`) // a capacity is said exactly as configured
	rapid.Check(t, func(t *rapid.T) {
		f := randomFacts(t)
		v := Say(f)
		texts := append([]string{v.Headline, v.Sentence, v.Overview, v.Visitors}, v.Caveats...)
		for _, text := range texts {
			read := boundsShown.ReplaceAllString(text, "…")
			read = oneIn20.ReplaceAllString(decimalCapacity.ReplaceAllString(read, "…"), "…")
			for _, re := range neverSay {
				if m := re.FindString(read); m != "" {
					t.Fatalf("%q says %q", text, m)
				}
			}
		}
		if v.Headline == "" || v.Overview == "" || v.Visitors == "" || v.Sentence == "" {
			t.Fatalf("something is not said: %+v", v)
		}
		if n := utf8.RuneCountInString(v.Headline); n > maxHeadline {
			t.Fatalf("%q has %d characters", v.Headline, n)
		}
		if !strings.HasSuffix(v.Headline, ".") && !strings.HasSuffix(v.Headline, "?") {
			t.Fatalf("%q does not end", v.Headline)
		}
		body := strings.TrimSpace(strings.TrimSuffix(v.Sentence, simulatedSuffix))
		if n := strings.Count(body+" ", ". "); n > 3 {
			t.Fatalf("%d sentences: %q", n, body)
		}
		if f.Site.Simulated != strings.HasSuffix(v.Sentence, simulatedSuffix) || v.Simulated != f.Site.Simulated {
			t.Fatalf("simulated %v: %q", f.Site.Simulated, v.Sentence)
		}
		// Visitors never read a chance, a number of requests, or units.
		if regexp.MustCompile(`(?i)%|requests|unit|chance|\bcapacity`).MatchString(v.Visitors) {
			t.Fatalf("visitors read %q", v.Visitors)
		}
		if v.ShownPercent != "" {
			c := chance{v.ShownValue}
			if c.percent() != v.ShownPercent || c.word() != v.Word {
				t.Fatalf("%v is shown as %q, %q", v.ShownValue, v.ShownPercent, v.Word)
			}
		}
		for _, m := range regexp.MustCompile(`\(([^()]*%)\)[^.]*: (\d+) in 20 sit`).FindAllStringSubmatch(v.Sentence, -1) {
			var p, n int
			if _, err := fmt.Sscanf(m[1]+" "+m[2], "%d %% %d", &p, &n); err != nil || p != 5*n {
				t.Fatalf("%q: %s beside %s in 20", v.Sentence, m[1], m[2])
			}
		}
		if again := Say(f); fmt.Sprint(again) != fmt.Sprint(v) {
			t.Fatalf("the same facts, other words: %+v, then %+v", v, again)
		}
	})
}

// TestSayUnknown: whatever else is known, numbers that are too old are never calm.
func TestSayUnknown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := randomFacts(t)
		v := Say(f)
		old := f.Forecast == nil || f.Now.After(f.Forecast.ValidUntil) || f.Now.Sub(f.LastMinute.Add(time.Minute)) >= SilentAfter
		if old && (v.State != surgecast.StateCannotTell || v.ShownPercent != "") {
			t.Fatalf("no numbers, but %s %s: %q", v.State, v.ShownPercent, v.Headline)
		}
		if !old && f.Forecast.CapacityRPM <= 0 && v.State == surgecast.StateCalm {
			t.Fatalf("capacity unknown, but calm: %q", v.Headline)
		}
	})
}

func TestSayTalk(t *testing.T) {
	topic := surgecast.Topic{Slug: "nordlicht-tour", Name: "Nordlicht tour"}
	growing := surgecast.TalkMotion{DoublingMinutes: 9.3, Decay: DecayNews}
	for _, tt := range []struct {
		state     surgecast.State
		times     float64
		simulated bool
		h, s      string
		motion    surgecast.TalkMotion
	}{
		{surgecast.StateCalm, 1, false, "As usual: Nordlicht tour.", "Talk is as usual for this hour.", growing},
		{surgecast.StateWatch, 2.1, false, "Growing: Nordlicht tour.", "Talk is growing: twice the usual for this hour. Mentions double every 9 minutes.", growing},
		{surgecast.StateAlert, 6.2, true, "×6 usual: Nordlicht tour.", "Talk is 6 times the usual for this hour. Simulated mentions.", surgecast.TalkMotion{}},
		{surgecast.StateRecovery, 1.6, false, "Fading: Nordlicht tour.", "Talk is fading: half as much again as usual for this hour. Talk fades slowly: people pass it on.", surgecast.TalkMotion{Decay: DecayViral}},
		{surgecast.StateCannotTell, 0, false, "Not counted: Nordlicht tour.", "Mentions are not being counted. Missing, not zero.", growing},
	} {
		topic.Simulated = tt.simulated
		if h, s := SayTalk(topic, tt.state, tt.times, tt.motion); h != tt.h || s != tt.s {
			t.Errorf("%s: %q, %q\nwant %q, %q", tt.state, h, s, tt.h, tt.s)
		}
	}
	long := surgecast.Topic{Name: strings.Repeat("ä", 90)}
	if h, _ := SayTalk(long, surgecast.StateAlert, 6, surgecast.TalkMotion{}); utf8.RuneCountInString(h) > maxHeadline {
		t.Errorf("%q has %d characters", h, utf8.RuneCountInString(h))
	}
}

// How talk moves is said only where it can be told; above the usual it is said when it cannot.
//
// Fails when: SayMotion speaks of growth below 1.5 times the usual, or keeps quiet above it.
func TestSayMotion(t *testing.T) {
	for _, tt := range []struct {
		times float64
		m     surgecast.TalkMotion
		want  string
	}{
		{6, surgecast.TalkMotion{DoublingMinutes: .4}, "Mentions double every minute."},
		{6, surgecast.TalkMotion{DoublingMinutes: 150}, "Mentions double every 3 hours."},
		{6, surgecast.TalkMotion{DoublingMinutes: 5000, Decay: DecayNews}, "Talk fades quickly, as after a news flash."},
		{6, surgecast.TalkMotion{}, "Cannot tell yet how fast it grows or fades."},
		{1, surgecast.TalkMotion{DoublingMinutes: 9}, ""},
		{1, surgecast.TalkMotion{Decay: DecayWordOfMouth}, "The last burst hardly faded: it went by word of mouth."},
		{math.NaN(), surgecast.TalkMotion{}, ""},
	} {
		if got := SayMotion(tt.times, tt.m); got != tt.want {
			t.Errorf("%v times the usual, %+v: %q, want %q", tt.times, tt.m, got, tt.want)
		}
	}
}
