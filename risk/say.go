package risk

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"surgecast"
)

// maxHeadline is the longest headline in characters: it has to fit a phone and a chat preview.
const maxHeadline = 45

// Say writes every sentence the product shows about a site: headline, sentence, the worklist's cell and what its
// visitors read, in the exact words of UX 2.0, with the rounding rules of UX 3. The same facts give the same words.
//
// The order is always: what to do and by when (headline); the word and the number of what, until when, most likely
// when, and how many of 20; what acting and waiting cost; why; and last what limits it. At most three sentences, and
// one more that says a site is simulated. Caveats that found no room there stand in Verdict.Caveats.
func Say(f Facts) surgecast.Verdict {
	state, noData, stale := f.state()
	s := sentences{Facts: f, speaker: newSpeaker(f.Now, f.Site.TimeZone), fc: f.Forecast}
	s.v = surgecast.Verdict{State: state, Simulated: f.Site.Simulated, Horizon: Horizon(f.Forecast, state)}
	s.prepare()

	switch {
	case noData:
		s.noData()
	case stale:
		s.stale()
	case state == surgecast.StateFailing:
		s.failing()
	case !(s.fc.CapacityRPM > 0):
		s.capacityUnknown()
	case state == surgecast.StateCannotTell, !known(s.fc) && state != surgecast.StateOver:
		s.noData()
	case state == surgecast.StateOver:
		s.over()
	case state == surgecast.StateRecovery:
		s.recovery()
	case state == surgecast.StateAlert:
		s.alert()
	case state == surgecast.StateWatch:
		s.watch()
	case state == surgecast.StateLearning || f.TalkOnly:
		s.learningSite()
	default:
		s.calm()
	}
	if !noData && !stale {
		s.v.Was = s.was()
		s.caveats()
	}
	if f.Site.Simulated {
		s.v.Sentence = strings.TrimSpace(s.v.Sentence + " " + simulatedSuffix)
	}
	return s.v
}

const simulatedSuffix = "This site and its traffic are simulated."

// What visitors read. It never names requests, units, topics or chances, and never forecasts an overload.
const visitorsCalm = "Working normally."

type sentences struct {
	Facts
	speaker
	fc *surgecast.SiteForecast
	v  surgecast.Verdict
	c  chance // of the verdict's window; meaningful when ShownPercent is set
}

// prepare rounds the chance of the verdict's window, once, for word, percentage and dots.
func (s *sentences) prepare() {
	if !known(s.fc) {
		return
	}
	p := At(s.fc.HorizonMinutes, s.fc.Risk, float64(s.v.Horizon))
	s.c = showChance(p, s.Previous, s.v.Horizon)
	s.v.Word, s.v.ShownPercent, s.v.ShownValue = s.c.word(), s.c.percent(), s.c.shown
}

// begins is the moment the forecast's future begins: the end of its last complete bucket. A breach "in bucket h" is
// over by the end of that bucket, begins + h.
func (s *sentences) begins() time.Time {
	return s.fc.Origin.Add(time.Duration(max(s.fc.StepSeconds, 60)) * time.Second)
}

func (s *sentences) after(minutes float64) time.Time {
	return s.begins().Add(time.Duration(minutes * float64(time.Minute)))
}

// windowEnd is "by 15:20".
func (s *sentences) windowEnd() string { return s.at(s.after(float64(s.v.Horizon))) }

// fitting is the first headline that is short enough; the last one always is.
func fitting(headlines ...string) string {
	for _, h := range headlines[:len(headlines)-1] {
		if utf8.RuneCountInString(h) <= maxHeadline {
			return h
		}
	}
	return headlines[len(headlines)-1]
}

// join puts sentences together, leaving out empty ones.
func join(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, " ")
}

// withIn20 ends a clause with ": 12 in 20 situations like this one." or with its full stop.
func withIn20(clause string, c chance) string {
	if n := c.in20(); n != "" {
		return clause + ": " + n + "."
	}
	return clause + "."
}

func (s *sentences) calm() {
	until := s.after(float64(s.v.Horizon))
	if a := s.fc.ActBy; !a.IsZero() && a.Before(until) && a.After(s.now) {
		until = a
	}
	s.v.Headline = "Nothing to do before " + s.actByCalm(until) + "."
	s.v.Sentence = join(s.chanceInNext(), s.busiest())
	s.v.Overview = "Nothing to do"
	s.v.Visitors = visitorsCalm
}

// actByCalm is the end of a calm stretch, to the minute: it is the end of a window, not a deadline.
func (s *sentences) actByCalm(t time.Time) string { return s.at(t) }

// chanceInNext is "Very small chance (2 %) that traffic passes 1,200 requests a minute in the next 6 hours."
func (s *sentences) chanceInNext() string {
	return withIn20(capital(s.c.said())+" that traffic passes "+exact(s.fc.CapacityRPM)+
		" requests a minute in the next "+span(s.v.Horizon), s.c)
}

func (s *sentences) busiest() string {
	if s.BusiestAt.IsZero() {
		s.BusiestAt, s.BusiestRPM = Busiest(s.fc)
	}
	if s.BusiestAt.IsZero() || !(s.BusiestRPM > 0) || math.IsInf(s.BusiestRPM, 0) {
		return ""
	}
	return "Busiest around " + s.likely(s.BusiestAt) + ", about " + about(s.BusiestRPM) + " a minute."
}

// farActBy is how far ahead an act-by is no time to plan with yet. While talk rises it comes nearer by hours within
// minutes, and "decide by 18:00" reads as leave until 18:00.
const farActBy = 2 * time.Hour

func (s *sentences) watch() {
	s.v.Headline = "Be ready. Decide by " + s.actBy(s.fc.ActBy) + "."
	switch {
	case s.fc.ActBy.IsZero(), s.fc.ActBy.Sub(s.now) > farActBy:
		s.v.Headline = "Be ready. Nothing to decide yet."
	case !s.fc.ActBy.After(s.now):
		s.v.Headline = "Be ready. Decide now."
	}
	s.v.Sentence = join(s.left(),
		withIn20(capital(s.c.said())+" of passing "+exact(s.fc.CapacityRPM)+" requests a minute by "+s.windowEnd(), s.c),
		"Nothing to buy yet; make sure someone can be reached.")
	s.v.Overview = "Be ready"
	s.v.Visitors = visitorsCalm
}

func (s *sentences) alert() {
	s.v.Visitors = visitorsCalm
	if !s.UnderSince.IsZero() {
		s.alertAgain()
		return
	}
	by := s.fc.ActBy
	if !by.IsZero() && !by.After(s.now) {
		s.alertPast()
		return
	}
	if by.Sub(s.now) > RankingMinutes*time.Minute { // nothing is ordered today for what may come tomorrow
		s.watch()
		return
	}
	do := s.remedy()
	switch {
	case by.IsZero() && do == "" && s.Left == nil: // what it warned of is not expected any more
		s.watch()
		return
	case by.IsZero() && do == "":
		s.v.Headline, s.v.Overview = "Look now: traffic has left its forecast.", "Look now: above forecast"
	case by.IsZero():
		s.v.Headline, s.v.Overview = do+" now.", do
	case do == "":
		s.v.Headline, s.v.Overview = "Be ready. Decide by "+s.actBy(by)+".", "Be ready"
	default:
		s.v.Headline, s.v.Overview = do+" by "+s.actBy(by)+".", do
	}
	s.v.Sentence = join(s.chanceBy(), s.carries(), s.costs())
	if why := s.left(); why != "" {
		s.v.Sentence = join(why, s.chanceBy(), s.carries())
		return
	}
	if s.carries() == "" || s.costs() == "" {
		s.v.Sentence = join(s.v.Sentence, s.driver())
	}
}

// left is why there is an alert whatever the chance: "Traffic has left its forecast: 501 requests a minute at 12:35
// instead of about 360."
func (s *sentences) left() string {
	if s.Left == nil || s.v.State != surgecast.StateAlert {
		return ""
	}
	return "Traffic has left its forecast: " + measured(s.Left.RPM) + " requests a minute at " + s.at(s.Left.At) +
		" instead of about " + about(s.Left.Expected) + "."
}

// alertAgain is an alert on the way down: the site was over capacity and is not any more, but may be again. The
// deadline of the first time is no news, and units still help against the second.
func (s *sentences) alertAgain() {
	do, when := s.remedy(), " now"
	switch by := s.fc.ActBy; {
	case do == "" || by.Sub(s.now) > RankingMinutes*time.Minute:
		do = "Hold " + units(s.fc.Units)
	case by.After(s.now): // the deadline of the second time, not of the first
		when = " by " + s.actBy(by)
	}
	s.v.Headline, s.v.Overview = fitting(do+when+": it may come again.", do+when+"."), do
	s.v.Sentence = join("Under capacity since "+s.at(s.UnderSince)+".",
		withIn20(capital(s.c.said())+" that traffic passes "+exact(s.fc.CapacityRPM)+" requests a minute again by "+s.windowEnd(), s.c), s.carries())
	s.v.Visitors = "Back to normal since " + s.at(s.UnderSince) + ". We keep watching."
}

// remedy is what the headline tells to do: add the units the recommendation asks for; where it may ask for no more
// (max_units), let people in by turns.
func (s *sentences) remedy() string {
	rec := s.fc.Recommendation
	add := wanted(rec, s.now) - s.fc.Units
	if add > 0 {
		return "Add " + units(add)
	}
	if rec.MaxUnits > 0 && s.fc.Units >= rec.MaxUnits {
		return "Switch on the queue"
	}
	return ""
}

// wanted is the units the recommendation asks for, in whatever mode: people are told what would help. An autoscaler
// is led there by doubling at most every 5 minutes; a person is told where it leads, so steps of the next half hour count.
func wanted(r surgecast.Recommendation, now time.Time) int {
	n := max(r.WouldBeUnits, r.Units)
	for _, step := range r.Plan {
		if step.At.Sub(now) <= 30*time.Minute {
			n = max(n, step.Units)
		}
	}
	return n
}

// chanceBy is "About even chance (60 %) that traffic passes 1,200 requests a minute by 15:20, most likely around
// 15:05: 12 in 20 situations like this one."
func (s *sentences) chanceBy() string {
	clause := capital(s.c.said()) + " that traffic passes " + exact(s.fc.CapacityRPM) + " requests a minute by " + s.windowEnd()
	if t := s.mostLikely(); !t.IsZero() {
		clause += ", most likely around " + s.likely(t)
	}
	return withIn20(clause, s.c)
}

// mostLikely is the middle of the cases in which it happens: half of the breaches within the window come before it.
// Under a real chance (20 %) it is not said: a time reads as a promise.
func (s *sentences) mostLikely() time.Time {
	if s.c.shown < 20 {
		return time.Time{}
	}
	p := At(s.fc.HorizonMinutes, s.fc.Risk, float64(s.v.Horizon))
	t := TimeToBreach(s.fc.HorizonMinutes, s.fc.Risk, p/2)
	if math.IsNaN(t) {
		return time.Time{}
	}
	return s.after(t)
}

// carries is "13 units would carry 19 in 20.": how many of 20 highest demands the recommended units can take. Never
// 20: nothing carries everything.
func (s *sentences) carries() string {
	n := wanted(s.fc.Recommendation, s.now)
	c := s.Site.Capacity.Serves(n)
	if n <= s.fc.Units || !(c > s.fc.CapacityRPM) || s.Site.Capacity.Untested(n) {
		return ""
	}
	curve := along(s.fc.HorizonMinutes, s.fc.GridRPM, s.fc.RiskGrid, c)
	p := At(s.fc.HorizonMinutes, curve, float64(s.v.Horizon))
	if math.IsNaN(p) {
		return ""
	}
	k := min(int(math.Round((1-p)*dotCount)), dotCount-1)
	if k <= dotCount-int(math.Round(s.c.shown/5)) {
		return "" // no better than now in steps of 20: saying so would read as an argument against acting
	}
	return units(n) + " would carry " + grouped(float64(k)) + " in 20."
}

// costs is "Acting costs about €6; waiting risks about €540." It is said only when both are known.
func (s *sentences) costs() string {
	r, p := s.fc.Recommendation, s.Site.Capacity
	if !(r.CostActing > 0) || !(r.CostWaiting > 0) || math.IsInf(r.CostWaiting, 0) {
		return ""
	}
	return "Acting costs " + aboutMoney(r.CostActing, p.Currency) + "; waiting risks " + aboutMoney(r.CostWaiting, p.Currency) + "."
}

func aboutMoney(x float64, currency string) string {
	if x < 1 {
		return money(x, currency)
	}
	return "about " + money(x, currency)
}

// driver is "Reddit drives it: 45 % of traffic (35–55)." A band wider than 30 points names nobody.
func (s *sentences) driver() string {
	d := s.Driver
	if d == nil || d.Name == "" || !(d.Share > 0) || d.High-d.Low > WidestBand || len(s.CannotTellWhich) > 0 {
		return ""
	}
	whole := func(x float64) string { return grouped(min(max(x, 1), 99)) }
	return capital(d.Name) + " drives it: " + whole(5*math.Round(d.Share*20)) + " % of traffic (" +
		whole(math.Floor(d.Low*100+1e-9)) + "–" + whole(math.Ceil(d.High*100-1e-9)) + ")" + doubling(d.DoublingMinutes) + "."
}

// doubling is ", ×2 in 9 min"; nothing beyond a day, which is no growth anyone acts on.
func doubling(minutes float64) string {
	switch {
	case !(minutes > 0) || minutes > 1440:
		return ""
	case minutes < 90:
		return ", ×2 in " + grouped(max(math.Round(minutes), 1)) + " min"
	}
	return ", ×2 in " + grouped(math.Round(minutes/60)) + " h"
}

// fading is what the fall of the driver's talk says of what comes.
func (s *sentences) fading() string {
	if s.driver() == "" {
		return ""
	}
	return fadingWords[s.Driver.Decay]
}

// fades is "Reddit: talk fades slowly: people pass it on.", and "Talk on Bluesky fades slowly: …" where the name says
// that it is talk.
func fades(name, how string) string {
	if rest, ok := strings.CutPrefix(how, "talk "); ok && strings.HasPrefix(strings.ToLower(name), "talk ") {
		return capital(name) + " " + rest
	}
	return capital(name) + ": " + how
}

func (s *sentences) alertPast() {
	serve := s.servesFrom()
	past := s.at(s.fc.ActBy)
	s.v.Headline = fitting("Past "+past+". Act now, it still helps.", "Past "+past+". Act now.")
	s.v.Sentence = s.ordered() + " serve from " + s.at(serve) + "."
	if !s.fc.Origin.IsZero() {
		p := At(s.fc.HorizonMinutes, s.fc.Risk, serve.Sub(s.begins()).Minutes())
		s.v.Sentence = join(s.v.Sentence, "The chance of being over before that is "+showChance(p, nil, 0).percent()+".")
	}
	s.v.Overview = "Act now"
}

// ordered is what to order now, by its number where it is known: "7 more units ordered now".
func (s *sentences) ordered() string {
	if more := wanted(s.fc.Recommendation, s.now) - s.fc.Units; more > 0 {
		return grouped(float64(more)) + " more " + strings.TrimPrefix(units(more), grouped(float64(more))+" ") + " ordered now"
	}
	return "Units ordered now"
}

// servesFrom is when units ordered now serve: the lead time (p95) from now, up to the minute.
func (s *sentences) servesFrom() time.Time {
	lead := s.Site.Capacity.LeadTimeP95Seconds
	if s.fc != nil && s.fc.LeadTimeP95Seconds > 0 {
		lead = s.fc.LeadTimeP95Seconds
	}
	return ceilMinute(s.now.Truncate(time.Minute).Add(time.Duration(lead) * time.Second))
}

func ceilMinute(t time.Time) time.Time {
	if c := t.Truncate(time.Minute); c.Before(t) {
		return c.Add(time.Minute)
	}
	return t
}

func (s *sentences) over() {
	since := s.OverSince
	if since.IsZero() && s.Surge != nil {
		since = s.Surge.AlertAt
	}
	s.v.Headline, s.v.Overview = "Over capacity now.", "Over capacity"
	if !since.IsZero() {
		s.v.Headline = "Over capacity since " + s.at(since) + "."
		s.v.Overview = "Over since " + s.at(since)
	}
	arrive := measured(s.fc.DemandRPM)
	if s.fc.DemandRPM > s.fc.CapacityRPM && digits(s.fc.DemandRPM, 3) <= s.fc.CapacityRPM {
		arrive = "A few more than " + exact(s.fc.CapacityRPM) // "1,200 arrive, 1,200 can be served" reads as enough
	}
	s.v.Sentence = arrive + " requests a minute arrive, " + exact(s.fc.CapacityRPM) + " can be served."
	switch under := s.fc.DemandRPM <= s.fc.CapacityRPM; {
	case under && !s.UnderSince.IsZero():
		s.v.Sentence = arrive + " requests a minute arrive, " + exact(s.fc.CapacityRPM) + " can be served: under it since " + s.at(s.UnderSince) + ", not long enough to count on."
	case under:
		// Saturated: more arrive than are counted, so the number is a floor and is not set against capacity.
		s.v.Sentence = "More requests arrive than the " + exact(s.fc.CapacityRPM) + " a minute that can be served."
	}
	if wanted(s.fc.Recommendation, s.now) > s.fc.Units || s.fc.Recommendation.WouldBeUnits == 0 {
		s.v.Sentence = join(s.v.Sentence, s.ordered()+" serve from "+s.at(s.servesFrom())+".")
	}
	back := ""
	if s.BackBy.IsZero() {
		s.BackFrom, s.BackBy = BackBy(s.fc, .5), BackBy(s.fc, .8)
	}
	// The late end alone reads as the time it will take, and is hours after it: the falls of surges differ that much.
	from, by := s.overBy(s.BackFrom), s.overBy(s.BackBy)
	half := s.BackFrom.After(s.now)
	switch late := s.BackBy.After(s.now); {
	case half && late && from != by:
		s.v.Sentence = join(s.v.Sentence, "10 in 20 such surges are back under capacity by "+from+", 16 in 20 by "+by+".")
		back = "Most likely normal again between " + from + " and " + by + "."
	case late:
		s.v.Sentence = join(s.v.Sentence, "16 in 20 such surges are back under capacity by "+by+".")
		back = "Most likely normal again by " + by + "."
	case half:
		s.v.Sentence = join(s.v.Sentence, "10 in 20 such surges are back under capacity by "+from+".")
	}
	s.v.Visitors = join("Very busy. Pages may be slow or refuse to load.", back, "Next update "+s.nextUpdate()+".")
}

func (s *sentences) recovery() {
	under := s.UnderSince // zero: the alert passed without the site ever being over
	until := s.WatchUntil
	if until.IsZero() && !under.IsZero() {
		until = under.Add(RecoveryAfterOver)
	}
	if !until.After(s.now) {
		until = s.now.Add(RecoveryAfterAlert)
	}
	hold, downs := s.stepsDown()
	n := s.held()
	if hold.IsZero() {
		s.v.Headline, s.v.Overview = "Hold "+units(n)+" for now.", "Hold for now"
	} else {
		s.v.Headline, s.v.Overview = "Hold "+units(n)+" until "+s.at(hold)+".", "Hold until "+s.at(hold)
	}

	since := "Traffic stayed under capacity."
	wave := "that it still passes " + exact(s.fc.CapacityRPM) + " requests a minute"
	if !under.IsZero() {
		since, wave = "Under capacity since "+s.at(under)+".", "of a second wave"
	}
	p := s.SecondWave
	if !(p > 0) {
		p = At(s.fc.HorizonMinutes, s.fc.Risk, until.Sub(s.begins()).Minutes())
	}
	minutes := int(math.Round(until.Sub(s.now).Minutes()))
	s.v.Horizon = minutes
	s.c = showChance(p, nil, minutes)
	s.v.Word, s.v.ShownPercent, s.v.ShownValue = s.c.word(), s.c.percent(), s.c.shown
	s.v.Sentence = join(since, capital(s.c.said())+" "+wave+" by "+s.overBy(until)+".", downs)
	s.v.Visitors = visitorsCalm
	if !under.IsZero() {
		s.v.Visitors = "Back to normal since " + s.at(under) + ". We keep watching until " + s.overBy(until) + "."
	}
}

// held is how many units to hold on the way down: what is recommended, of what is there. Who never ordered the units
// of the peak cannot hold them.
func (s *sentences) held() int {
	n := max(s.fc.Recommendation.WouldBeUnits, s.fc.Recommendation.Units)
	if n <= 0 || s.fc.Units > 0 && n > s.fc.Units {
		return s.fc.Units
	}
	return n
}

// stepsDown reads the plan: until when to hold, and "Then step down: 9 units at 16:30, 6 at 17:15."
func (s *sentences) stepsDown() (hold time.Time, sentence string) {
	level := s.held()
	var named []string
	for _, step := range s.fc.Recommendation.Plan {
		if !step.At.After(s.now) {
			continue
		}
		if step.Units >= level {
			if hold.IsZero() {
				continue
			}
			break // it rises again: the first stretch down is what is promised
		}
		if hold.IsZero() {
			hold = step.At
		}
		level = step.Units
		noun := grouped(float64(step.Units))
		if len(named) == 0 {
			noun = units(step.Units)
		}
		named = append(named, noun+" at "+s.at(step.At))
	}
	if len(named) == 0 {
		return hold, ""
	}
	if len(named) > 2 { // the first step and the last: what to expect next, and where it ends
		named = []string{named[0], named[len(named)-1]}
	}
	return hold, "Then step down: " + strings.Join(named, ", ") + "."
}

func (s *sentences) noData() {
	s.v.State = surgecast.StateCannotTell
	s.v.Word, s.v.ShownPercent, s.v.ShownValue, s.v.Horizon = "", "", 0, 0
	last := s.LastMinute
	if !last.IsZero() {
		last = last.Add(time.Minute)
	} else if s.fc != nil && !s.fc.Origin.IsZero() {
		last = s.begins()
	}
	if last.IsZero() && s.Site.Simulated { // its past is there, and connects itself
		s.v.Headline = "No forecast yet."
		s.v.Sentence = "The simulated past is being learnt; the first forecast comes within a minute."
		s.v.Overview = "No forecast yet"
		s.v.Visitors = "No current information."
		return
	}
	if last.IsZero() {
		s.v.Headline = "No numbers from this site yet."
		s.v.Sentence = "So there is no verdict. Connect a traffic source: push, Prometheus, log or CSV."
		s.v.Overview = "No data yet"
		s.v.Visitors = "No current information."
		return
	}
	at := s.at(last)
	s.v.Headline = fitting("No numbers from this site since "+at+".", "No numbers since "+at+".")
	s.v.Overview = "No data since " + at
	s.v.Visitors = "No current information. Last checked " + at + "."
	s.v.Caveats = append(s.v.Caveats, "Check the traffic source.")

	verdict := "So there is no verdict."
	spoken, state := s.LastSpoken, s.LastVerdict
	if s.fc != nil {
		if spoken.IsZero() {
			spoken = s.fc.IssuedAt
		}
		if state == "" {
			state = s.fc.State
		}
	}
	if !spoken.IsZero() && state != "" && state != surgecast.StateCannotTell {
		verdict = "So there is no verdict; the last one (" + s.at(spoken) + ", " + stateWord(state) + ") no longer counts."
	}
	s.v.Sentence = join(verdict, s.scalerWithout())
}

// scalerWithout says what the autoscaler gets while there are no numbers.
func (s *sentences) scalerWithout() string {
	n, until := s.KeptUnits, s.KeptUntil
	if s.fc != nil {
		if n == 0 {
			n = s.fc.Recommendation.Units
		}
		if until.IsZero() {
			until = s.fc.ValidUntil
		}
	}
	switch {
	case until.IsZero() || n <= 0:
		return ""
	case s.now.Before(until):
		return "The autoscaler keeps " + units(n) + " until " + s.at(until) + " and then gets an error, not a guess."
	default:
		return "The autoscaler kept " + units(n) + " until " + s.at(until) + " and now gets an error, not a guess."
	}
}

// stateWord is a state's word in running text.
func stateWord(state surgecast.State) string {
	switch state {
	case surgecast.StateOver:
		return "over capacity"
	case surgecast.StateCannotTell:
		return "no data"
	default:
		return string(state)
	}
}

func (s *sentences) stale() {
	age := plural(int(s.now.Sub(s.fc.IssuedAt).Minutes()), "minute")
	said := s.fc.Verdict
	if said.Headline == "" {
		then := s.Facts
		then.Now = s.fc.IssuedAt
		said = Say(then)
	}
	s.v.State = said.State
	s.v.Word, s.v.ShownPercent, s.v.ShownValue, s.v.Horizon = said.Word, said.ShownPercent, said.ShownValue, said.Horizon
	quoted := lower(strings.ReplaceAll(strings.TrimSuffix(said.Headline, "."), ". ", ", "))
	quoted = strings.ReplaceAll(quoted, ", Act", ", act")
	quoted = strings.ReplaceAll(quoted, ", Decide", ", decide")
	quoted = strings.ReplaceAll(quoted, ", Nothing", ", nothing")
	if said.ShownPercent != "" {
		quoted += ", " + said.Word + " (" + said.ShownPercent + ")"
		s.v.Overview = said.ShownPercent + " (" + shortAge(s.now.Sub(s.fc.IssuedAt)) + " old)"
	} else {
		s.v.Overview = "Forecast " + shortAge(s.now.Sub(s.fc.IssuedAt)) + " old"
	}
	s.v.Headline = "This forecast is " + age + " old."
	s.v.Sentence = "Made at " + s.at(s.fc.IssuedAt) + "; normally every minute. It said: " + quoted + ". Look at live traffic as well."
	s.v.Visitors = said.Visitors
}

func shortAge(d time.Duration) string { return grouped(math.Floor(d.Minutes())) + " min" }

func (s *sentences) learningSite() {
	if s.learning() {
		day := int(max(s.DaysOfHistory, 0)) + 1
		s.v.Headline = "Still learning this site: day " + grouped(float64(day)) + "."
		s.v.Sentence = "Based on similar sites, not yet on this one, so ranges are wide. From day 3 they use its own traffic."
	} else {
		s.v.Headline = "Talk is up. Nothing to do yet."
		s.v.Sentence = ""
	}
	if s.TalkOnly {
		s.v.Word, s.v.ShownPercent, s.v.ShownValue = "", "", 0
		talk := "Talk about this is above the usual."
		if s.TalkTimesUsual >= 1 {
			talk = "Talk about this is " + about(s.TalkTimesUsual) + " times the usual."
		}
		s.v.Sentence = talk + " How many visits that brings we cannot say yet: fewer than 200 visits traced."
	}
	s.v.Overview = "Nothing to do"
	s.v.Visitors = visitorsCalm
}

func (s *sentences) capacityUnknown() {
	s.v.Word, s.v.ShownPercent, s.v.ShownValue = "", "", 0
	s.v.State = surgecast.StateCannotTell
	s.v.Headline = "How much can this site take?"
	s.v.Sentence = "Here is the traffic forecast. Without a capacity there is no chance and no act-by."
	s.v.Overview = "Capacity unknown"
	s.v.Visitors = visitorsCalm
	s.v.Caveats = append(s.v.Caveats, "Enter a number, or import a load test.")
}

// measuredOnly says where the chance and the units stand on more than load tests have shown.
func (s *sentences) measuredOnly() string {
	if !known(s.fc) || s.fc.Segment != "" && s.fc.Segment != surgecast.TotalSegment {
		return ""
	}
	c := s.Site.Capacity
	if n := max(s.fc.Units, wanted(s.fc.Recommendation, s.now)); c.Untested(n) {
		return "Load tests went up to " + units(c.Measured.TestedMax) + ": what " + units(n) + " take is not known, so no more than what those took is counted on."
	}
	if c.AtLeast() {
		return "The capacity is a lower bound: no load test has reached the limit yet."
	}
	return ""
}

// caveats are what limits the answer, for the place under the sentence.
func (s *sentences) caveats() {
	add := func(text string) {
		if text != "" {
			s.v.Caveats = append(s.v.Caveats, text)
		}
	}
	switch s.v.State {
	case surgecast.StateCannotTell:
		return
	case surgecast.StateLearning:
	default:
		if s.DaysOfHistory > 0 && s.learning() {
			add("Based on similar sites.")
		}
		if s.v.State == surgecast.StateAlert && s.driver() != "" && !strings.Contains(s.v.Sentence, s.driver()) {
			add(s.driver())
		}
		if f := s.fading(); f != "" {
			add(fades(s.Driver.Name, f))
		}
		if s.v.State == surgecast.StateCalm && known(s.fc) && s.fc.ActByReason == ReasonNotExpected {
			day := showChance(At(s.fc.HorizonMinutes, s.fc.Risk, 1440), nil, 0)
			add("Not expected within 24 h (" + day.percent() + ").")
		}
	}
	add(s.measuredOnly())
	if p := s.Planned; p != nil {
		when := s.at(p.At)
		if p.Until.After(s.now) && !p.At.After(s.now) {
			when = "until " + s.at(p.Until)
		}
		add("Planned: " + p.What + " " + when + ".")
	}
	if len(s.CannotTellWhich) >= 2 {
		add("Cannot tell whether " + strings.Join(s.CannotTellWhich, " or ") + " drives this: both rose in the same minutes.")
	}
	if s.SocialAddsNothing {
		add("Social talk currently adds nothing: over the last 7 days the forecast was as good without it. It runs on the site's own traffic.")
	}
	if s.fc != nil && !s.SocialAddsNothing { // else it is said already
		for _, d := range s.fc.Degraded {
			if d == "mentions" {
				add("Without mentions at the moment: it runs on the site's own traffic.")
			}
		}
	}
}
