package risk

import (
	"math"
	"strings"
	"time"

	"surgecast"
)

// CheckFacts is everything the answer to a marketer's question may speak of (UX 2.3).
type CheckFacts struct {
	Site     surgecast.Site
	Forecast *surgecast.SiteForecast // newest of the site's whole; nil: none yet
	Verdict  surgecast.Verdict       // the site's, as it reads now
	Now      time.Time

	Answer     surgecast.CheckAnswer // numbers filled in; its words are what SayCheck adds
	UsualExtra float64               // usual requests of the site until Answer.Until: what "noticeable" is measured against
	Began      time.Time             // since when the topic is counted; zero: it is not
	Name       string                // what people call the topic
	Unread     bool                  // no feed is being read
	Unserved   bool                  // … because no service runs on this database
}

// Thresholds of an answer.
const (
	// checkLeast is how long a topic must have been counted before anything is said of it.
	checkLeast = 10 * time.Minute
	// noticeableShare of a site's usual traffic is what a person sees in a chart of it.
	noticeableShare = .05
	// usualTimes is the multiple of its usual from which talk is said to be more than that.
	usualTimes = 1.25
	// likelyFrom is where the words say "likely" (UX 3).
	likelyFrom = .625
)

// SayCheck puts word and sentences into the answer. Advice first, then how much talk, what it brings, the
// chance, and what limits the answer.
func SayCheck(f CheckFacts) surgecast.CheckAnswer {
	a := f.Answer
	a.State, a.Simulated = f.Verdict.State, f.Site.Simulated || a.Simulated
	s := newSpeaker(f.Now, f.Site.TimeZone)
	talk := f.talk()
	switch {
	case a.Basis == surgecast.BasisPrior:
		a.Word, a.Headline = surgecast.CheckCannotTell, "Cannot tell yet."
		a.Sentence = "Nobody counts this topic here, so there is nothing to judge it by. Watch it: the first answer comes about 10 minutes later."
		if !f.Began.IsZero() {
			a.Sentence = f.uncounted(s)
		}
	case f.Forecast == nil || f.Verdict.State == surgecast.StateCannotTell:
		a.Word, a.Headline = surgecast.CheckCannotTell, "Cannot tell: no numbers from this site."
		if f.Forecast != nil {
			a.Headline = "Cannot tell: no numbers since " + s.at(f.Forecast.Origin) + "."
		}
		a.Sentence = talk + " What that does to the site nobody can say without its traffic."
	default:
		f.judged(&a, s, talk)
	}
	f.caveats(&a, s)
	switch {
	case a.Simulated && a.Basis != surgecast.BasisPrior:
		a.Sentence = join(a.Sentence, "Simulated mentions.")
	case a.Simulated:
		a.Sentence = join(a.Sentence, simulatedSuffix)
	}
	return a
}

// uncounted is why a topic that is watched has no counts to judge it by, and what comes next.
func (f CheckFacts) uncounted(s speaker) string {
	var last time.Time
	for _, c := range f.Answer.Counted {
		if c.Through.After(last) {
			last = c.Through
		}
	}
	// What was pushed lately counts although no feed is read.
	old := f.Now.Sub(last) > checkLeast
	said := ""
	if !last.IsZero() {
		said = "Last counted at " + s.at(last) + "."
	}
	counted := f.Now.Sub(f.Began)
	switch {
	case old && f.Unserved:
		return join(said, "Nothing is counting: start forecaster serve. The first answer comes about 10 minutes later.")
	case old && f.Unread:
		return join(said, "Nothing is counting: the service reads no feed. Switch one on, or push counts.")
	case old && said != "":
		return join(said, "Since then no feed has counted it. Missing, not zero.")
	case counted > checkLeast && said == "":
		return "Watched since " + s.at(f.Began) + ", but no feed has counted it yet. Missing, not zero."
	}
	return "Counting since " + s.at(f.Began) + ", " + plural(int(max(counted, 0).Minutes()), "minute") + "; first answer at about " + s.at(f.Began.Add(checkLeast+time.Minute)) + "."
}

// judged is an answer with numbers on both sides.
func (f CheckFacts) judged(a *surgecast.CheckAnswer, s speaker, talk string) {
	until := s.at(a.Until)
	passes := " that traffic passes " + exact(a.CapacityRPM) + " requests a minute by " + until
	p, extra := a.Probability, ""
	if a.Guessed {
		// What a guess adds decides nothing and is no number of visits (UX 2.0: fewer than 200 visits traced).
		p, extra = a.Alone, "No visit here was traced to it yet."
	} else if lo, mid, hi := a.ExtraVisits[0], a.ExtraVisits[1], a.ExtraVisits[2]; mid >= 1 {
		extra = "Expect about " + about(mid) + " extra requests by " + until + " (" + down(lo) + "–" + up(hi) + " in 16 of 20 such cases)."
	}
	threshold := f.Site.Capacity.AlertProbability
	if threshold == 0 {
		threshold = DefaultAlertProbability
	}
	said := ""
	if !math.IsNaN(a.Probability) && a.State != surgecast.StateOver { // over capacity, a chance of passing it is no news
		said = capital(showChance(p, nil, 0).said()) + passes + "."
	}
	noticed := a.ExtraVisits[1]
	if a.Guessed {
		noticed = a.ExtraVisits[2] // not even at the high end
	}
	// Talk as usual brings the usual visits, however many: they are not what is new.
	asUsual := a.TimesUsual < usualTimes
	small := noticed < noticeableShare*f.UsualExtra || asUsual
	switch {
	case a.State == surgecast.StateRecovery:
		a.Word, a.Headline = surgecast.CheckThreat, "Wait: the site is still recovering."
	case a.State == surgecast.StateOver, a.State == surgecast.StateFailing:
		a.Word, a.Headline = surgecast.CheckThreat, "Threat. Send nothing now."
		if a.Guessed {
			extra = "The site itself is " + stateWord(a.State) + ", whatever the talk."
			said = ""
		}
	case p >= likelyFrom:
		a.Word, a.Headline = surgecast.CheckThreat, fitting("Threat. Send nothing more before "+until+".", "Threat. Send nothing more now.")
	case p >= threshold:
		a.Word, a.Headline = surgecast.CheckBoth, fitting("A gift until "+exact(a.CapacityRPM)+" a minute, then a threat.", "A gift at first, then a threat.")
	case a.Guessed && a.Probability >= threshold:
		// A prior alone is no threat: it says what to find out.
		a.Word, a.Headline = surgecast.CheckCannotTell, "Cannot tell yet: not linked to this site."
		said = "If a mention brought what it does on similar sites: " + showChance(a.Probability, nil, 0).said() + passes + "; without it, " + showChance(p, nil, 0).said() + "."
	case small:
		a.Word, a.Headline = surgecast.CheckNotNoticeable, "Not noticeable."
		extra = ""
		if !asUsual {
			extra = "On this site that is too little to be noticed."
		}
	default:
		a.Word, a.Headline = surgecast.CheckGift, "Gift. There is room for these visits."
		if math.IsNaN(a.Probability) {
			a.Headline = "Gift, if there is room for these visits."
		} else if a.Guessed {
			said = "With visits as on similar sites: " + showChance(a.Probability, nil, 0).said() + passes + "."
		}
	}
	a.Sentence = join(talk, extra, said)
}

// talk is "Talk is 6 times the usual and doubling every 9 minutes."
func (f CheckFacts) talk() string {
	a := f.Answer
	if math.IsNaN(a.TimesUsual) {
		return ""
	}
	said := "Talk is " + talkTimes(a.TimesUsual)
	if a.TimesUsual < usualTimes {
		said += ": about " + perMinute(a.MentionsNow)
	}
	if d := a.DoublingMinutes; d > 0 && a.TimesUsual >= usualTimes {
		said += " and doubling every " + plural(int(math.Max(1, math.Round(d))), "minute")
	}
	return said + "."
}

// perMinute is "2 mentions a minute", "5 mentions an hour" when there are few.
func perMinute(x float64) string {
	if x >= .95 {
		return plural(int(math.Round(x)), "mention") + " a minute"
	}
	return plural(int(math.Round(x*60)), "mention") + " an hour"
}

func (f CheckFacts) caveats(a *surgecast.CheckAnswer, s speaker) {
	say := func(t string) { a.Caveats = append(a.Caveats, t) }
	if a.Word == surgecast.CheckCannotTell && a.Basis == surgecast.BasisPrior {
		return
	}
	if f.Forecast != nil && f.Now.Sub(f.Forecast.IssuedAt) >= StaleAfter && f.Verdict.State != surgecast.StateCannotTell {
		say("Answer from " + s.at(f.Forecast.IssuedAt) + ", " + plural(int(f.Now.Sub(f.Forecast.IssuedAt).Minutes()), "minute") + " old.")
	}
	if f.Verdict.State == surgecast.StateLearning {
		say("Rough: based on similar sites.")
	}
	switch {
	case a.Basis == surgecast.BasisRecent:
		say("Counted for " + plural(int(max(f.Now.Sub(f.Began), 0).Minutes()), "minute") + " only: what is usual is a guess.")
	case !a.Linked && (a.Word != surgecast.CheckCannotTell || a.Guessed):
		say("How many visits a mention brings is a guess from similar sites: link the topic to the site, and its own traffic will tell.")
	}
	if f.Forecast != nil && !(a.CapacityRPM > 0) && a.Word != surgecast.CheckCannotTell {
		say("Without a capacity there is no chance and no act-by. Enter requests a minute per unit.")
	}
}

// down and up are the ends of a range with two digits: the low end rounded down, the high one up, so the
// range shown never claims more than was meant (UX 3).
func down(x float64) string { return grouped(toward(x, math.Floor)) }
func up(x float64) string   { return grouped(toward(x, math.Ceil)) }

func toward(x float64, round func(float64) float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) {
		return max(x, 0)
	}
	scale := max(math.Pow(10, math.Floor(math.Log10(x))-1), 1)
	return round(x/scale) * scale
}

// CheckExit is the exit code of a check: 0 nothing to do, 10 watch, 20 alert, 30 cannot tell (DESIGN 7).
func CheckExit(a surgecast.CheckAnswer) int {
	switch a.Word {
	case surgecast.CheckThreat:
		return 20
	case surgecast.CheckBoth:
		return 10
	case surgecast.CheckCannotTell:
		return 30
	case surgecast.CheckGift, surgecast.CheckNotNoticeable: // as the site stands
	}
	switch a.State { //nolint:exhaustive // the others ask for nothing
	case surgecast.StateAlert, surgecast.StateOver, surgecast.StateFailing:
		return 20
	case surgecast.StateWatch, surgecast.StateRecovery:
		return 10
	}
	return 0
}

// Terms reads what a person typed into the terms of a topic: commas between, quotes around phrases.
func Terms(text string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
		if t := strings.Trim(strings.TrimSpace(part), "\"“”„'"); t != "" {
			out = append(out, t)
		}
	}
	return out
}
