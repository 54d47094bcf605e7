package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/mathext"

	"surgecast"
	"surgecast/model"
	"surgecast/risk"
)

// CheckStore is what a check reads.
type CheckStore interface {
	SiteTopics(ctx context.Context) ([]surgecast.SiteTopic, error)
	Sources(ctx context.Context) ([]surgecast.Source, error)
	TopicFrontiers(ctx context.Context, topicID int64) ([]surgecast.Frontier, error)
	Mentions(ctx context.Context, topicID, sourceID int64, from, to time.Time, asFirst bool) ([]surgecast.MentionBucket, error)
	LiveLeases(ctx context.Context, prefix string) (int, error)
}

const (
	checkHorizon = 360              // minutes an answer speaks of
	checkHistory = 7 * 24 * 60      // minutes of a topic an answer is made from: enough for its day and its week
	checkLevel   = 5                // minutes that are "now"
	checkEnough  = 10               // minutes a topic must have been counted
	checkUsual   = 24 * 60          // minutes after which "usual" is the topic's own
	conversionSD = 1.5              // log sd of a prior conversion (MODEL 4.3)
	checkFresh   = 10 * time.Minute // older counts say nothing of now
)

// Check answers what a topic does to a site, from stored counts and the newest row of the site's ledger: a
// linked topic's part is in the site's forecast already; another one's is added with the prior conversions
// of its sources, as uncertain as they are. f is nil when the site has no forecast. It steps the same model
// the sweep does, and stores nothing.
func Check(ctx context.Context, st CheckStore, q surgecast.CheckQuestion, f *surgecast.SiteForecast, surge *surgecast.Surge, now time.Time) (surgecast.CheckAnswer, error) {
	facts := risk.CheckFacts{Site: q.Site, Forecast: f, Verdict: Restate(q.Site, f, surge, now), Now: now, Name: q.Topic.Name, Began: q.Topic.Since}
	a := &facts.Answer
	a.At, a.Basis = now, surgecast.BasisPrior
	a.MentionsNow, a.MentionsUsual, a.TimesUsual, a.DoublingMinutes = math.NaN(), math.NaN(), math.NaN(), math.NaN()
	a.Probability, a.Alone = math.NaN(), math.NaN()
	a.Until = now.Add(checkHorizon * time.Minute)
	if q.Topic.ID != 0 {
		a.Topic, a.Simulated = q.Topic.Slug, q.Topic.Simulated
	}
	said, err := hearTopic(ctx, st, q.Topic, now, a)
	if err != nil {
		return surgecast.CheckAnswer{}, err
	}
	if said.minutes >= checkEnough {
		a.Basis = surgecast.BasisCounted
		if said.minutes < checkUsual {
			a.Basis = surgecast.BasisRecent
			facts.Began = said.first
		}
		a.MentionsNow, a.MentionsUsual = said.now, said.usual
		a.TimesUsual = risk.TalkTimes(said.now, said.usual)
		a.DoublingMinutes = said.doubling
	}
	if a.Basis == surgecast.BasisPrior {
		if facts.Unread, facts.Unserved, err = unread(ctx, st); err != nil {
			return surgecast.CheckAnswer{}, err
		}
	}
	links, err := st.SiteTopics(ctx)
	if err != nil {
		return surgecast.CheckAnswer{}, fmt.Errorf("reading which topics feed %s: %w", q.Site.Slug, err)
	}
	weight := 1.
	for _, l := range links {
		if l.SiteID == q.Site.ID && l.TopicID == q.Topic.ID && q.Topic.ID != 0 {
			a.Linked, weight = true, l.Weight
		}
	}
	if f != nil {
		facts.UsualExtra = effect(a, f, said.lift, weight)
	}
	return risk.SayCheck(facts), nil
}

// unread tells whether nobody reads a feed, by the leases: a feed is read by who holds its own. Without one, an engine
// that is there tells a service that reads none from no service at all.
func unread(ctx context.Context, st CheckStore) (unread, unserved bool, err error) {
	feeds, err := st.LiveLeases(ctx, surgecast.SourceLeases)
	if err != nil || feeds > 0 {
		return false, false, err
	}
	engines, err := st.LiveLeases(ctx, aliveLeases)
	return true, engines == 0, err
}

// spoken is what a topic's sources said together.
type spoken struct {
	minutes  int // counted by the headline's sources
	first    time.Time
	now      float64
	usual    float64
	doubling float64   // of the source that says most; NaN: not growing, or cannot tell
	loudest  float64   // mentions a minute of that source
	lift     []float64 // median visits a minute that its talk brings from now on, by the priors
}

// hearTopic steps a fresh model of each of the topic's minute series through what is stored of it.
func hearTopic(ctx context.Context, st CheckStore, topic surgecast.Topic, now time.Time, a *surgecast.CheckAnswer) (spoken, error) {
	s := spoken{doubling: math.NaN(), lift: make([]float64, checkHorizon)}
	if topic.ID == 0 {
		return s, nil
	}
	frontiers, err := st.TopicFrontiers(ctx, topic.ID)
	if err != nil {
		return s, err
	}
	sources, err := st.Sources(ctx)
	if err != nil {
		return s, err
	}
	for _, f := range frontiers {
		var src surgecast.Source
		for _, k := range sources {
			if k.ID == f.SourceID {
				src = k
			}
		}
		if src.StepSeconds != 60 || f.Last.IsZero() {
			continue
		}
		end := f.Last.Add(time.Minute)
		if end.After(now) {
			end = now.Truncate(time.Minute)
		}
		a.Counted = append(a.Counted, surgecast.CheckSource{Source: src.Slug, Since: f.First, Through: end})
		if now.Sub(end) > checkFresh {
			continue
		}
		a.Counted[len(a.Counted)-1].Summed = headline(src)
		from := latest(f.First, ofItsTerms(topic), end.Add(-checkHistory*time.Minute)).Truncate(time.Minute)
		bs, err := st.Mentions(ctx, topic.ID, src.ID, from, end, true)
		if err != nil {
			return s, fmt.Errorf("reading mentions of %s: %w", topic.Slug, err)
		}
		s.add(src, fill(bs, time.Time{}, time.Minute))
	}
	return s, nil
}

// ofItsTerms is since when a topic's counts are of the terms it has now: zero when it never had others. Its past,
// read after it was made, is of the first.
func ofItsTerms(t surgecast.Topic) time.Time {
	if t.Revision <= 1 {
		return time.Time{}
	}
	return t.Since
}

// add steps one source's minutes and adds what it says.
func (s *spoken) add(src surgecast.Source, bs []surgecast.MentionBucket) {
	if len(bs) == 0 {
		return
	}
	series := model.New(talkModel(src))
	var fc model.Forecast
	deviation := make([]float64, 0, checkUsual+checkHorizon)
	counted, recent, n := 0, 0., 0
	for i, b := range bs {
		series.Step(b.Minute.Unix(), model.Obs{Value: b.Raw, Missing: b.Missing})
		if b.Missing {
			continue
		}
		counted++
		if i >= len(bs)-checkLevel {
			recent += b.Raw
			n++
		}
	}
	series.Forecast(&fc)
	for i := max(0, len(bs)-checkUsual); i < len(bs); i++ {
		// The profile tells the day ahead: what was usual so many minutes ago is what is usual at that hour tomorrow.
		k := max(0, checkUsual-(len(bs)-1-i)) / max(1, fc.ProfileSteps)
		d := 0.
		if !bs[i].Missing {
			d = bs[i].Raw - fc.Profile[min(k, len(fc.Profile)-1)]
		}
		deviation = append(deviation, d)
	}
	grid := make([]float64, len(surgecast.Levels))
	leads := make([]int, len(surgecast.LeadMinutes))
	copy(leads, surgecast.LeadMinutes[:])
	median := 0
	for k, l := range surgecast.Levels {
		if l == .5 {
			median = k
		}
	}
	for h := 1; h <= checkHorizon; h++ {
		model.Interpolate(grid, leads, fc.Q, fc.Profile, float64(fc.ProfileSteps), float64(h))
		u := fc.Profile[min(h/max(1, fc.ProfileSteps), len(fc.Profile)-1)]
		deviation = append(deviation, grid[median]-u)
	}
	if c := classOf(src.Kind); c >= 0 {
		lift := model.Lift(nil, classes[c].driver, 60, deviation)
		for h := range s.lift {
			s.lift[h] += lift[len(lift)-checkHorizon+h]
		}
	}
	if !headline(src) || n == 0 {
		return
	}
	if s.first.IsZero() || bs[0].Minute.Before(s.first) {
		s.first = bs[0].Minute
	}
	if said := recent / float64(n); said > s.loudest {
		s.loudest, s.doubling = said, math.NaN()
		if minutes, ok := series.Doubling(); ok {
			s.doubling = minutes
		}
	}
	s.minutes = max(s.minutes, counted)
	s.now += recent / float64(n)
	s.usual += fc.Profile[0]
}

// talkModel is how a topic's series is modelled for a check: minutes, the ledger's grids.
func talkModel(src surgecast.Source) model.Config {
	return model.Config{
		StepSeconds: src.StepSeconds, Location: time.UTC, Leads: surgecast.LeadMinutes[:], Levels: surgecast.Levels[:],
		Horizons: surgecast.HorizonMinutes[:], Sustain: 1,
	}
}

// effect fills in what the talk does to the site and answers its usual requests over the horizon.
func effect(a *surgecast.CheckAnswer, f *surgecast.SiteForecast, lift []float64, weight float64) (usual float64) {
	begins := f.Origin.Add(time.Minute)
	ahead := a.At.Sub(begins).Minutes() // the forecast is so old already
	a.CapacityRPM = f.CapacityRPM
	grid := make([]float64, len(f.Levels))
	var sum [3]float64
	cut := [3]int{levelAt(f.Levels, .1), levelAt(f.Levels, .5), levelAt(f.Levels, .9)}
	for h := 1; h <= checkHorizon; h++ {
		lead := max(1, float64(h)+ahead)
		u := profileAt(f, lead)
		usual += u
		if !a.Linked {
			continue
		}
		model.Interpolate(grid, f.LeadMinutes, f.QuantilesRPM, f.ProfileRPM, float64(max(1, f.ProfileStepMinutes)), lead)
		for i, k := range cut {
			sum[i] += max(0, grid[k]-u)
		}
	}
	if a.Linked {
		// The site's own forecast has the talk in it already.
		a.ExtraVisits = sum
		if f.CapacityRPM > 0 {
			a.Probability = risk.At(f.HorizonMinutes, f.Risk, checkHorizon+ahead)
		}
		return usual
	}
	a.Guessed = true
	total, peak := 0., 0.
	for _, v := range lift {
		total += max(0, v) * weight
		peak = max(peak, v*weight)
	}
	// 1.2816 is the .9 quantile of a standard normal: a conversion that is a guess, log-normal.
	spread := math.Exp(1.2816 * conversionSD)
	a.ExtraVisits = [3]float64{total / spread, total, total * spread}
	if !(f.CapacityRPM > 0) || len(f.RiskGrid) == 0 {
		return usual
	}
	a.Alone = risk.At(f.HorizonMinutes, f.Risk, checkHorizon+ahead)
	// The chance, averaged over 20 equally likely conversions: what talk adds leaves so much less capacity.
	const cases = 20
	p := 0.
	for i := range cases {
		extra := peak * math.Exp(conversionSD*mathext.NormalQuantile((float64(i)+.5)/cases))
		p += risk.AtCapacity(f, checkHorizon+ahead, f.CapacityRPM-extra)
	}
	a.Probability = p / cases
	return usual
}

func levelAt(levels []float64, p float64) int {
	best := 0
	for k, l := range levels {
		if math.Abs(l-p) < math.Abs(levels[best]-p) {
			best = k
		}
	}
	return best
}

// profileAt is the usual traffic so many minutes after the origin.
func profileAt(f *surgecast.SiteForecast, lead float64) float64 {
	if len(f.ProfileRPM) == 0 {
		return math.NaN()
	}
	x := lead / float64(max(1, f.ProfileStepMinutes))
	k := min(int(x), len(f.ProfileRPM)-1)
	if k == len(f.ProfileRPM)-1 {
		return f.ProfileRPM[k]
	}
	return f.ProfileRPM[k] + (x-float64(k))*(f.ProfileRPM[k+1]-f.ProfileRPM[k])
}
