package simulate

import (
	"math"
	"math/rand/v2"
	"time"

	"surgecast"
)

// feed is one simulated source and its share of the talk.
type feed struct {
	slug  string
	kind  surgecast.SourceKind
	share float64
	size  float64 // negative binomial size
	reach float64 // people a mention reaches, mean
}

var feeds = []feed{
	{slug: "simulated-posts", kind: surgecast.SourcePosts, share: .86, size: 25, reach: 380},
	{slug: "simulated-ranked", kind: surgecast.SourceRanked, share: .10, size: 8, reach: 900},
	{slug: "simulated-news", kind: surgecast.SourceNews, share: .04, size: 4, reach: 6000},
}

// Mention is what one feed said of one topic in one minute; its ids are zero, the slugs tell.
type Mention struct {
	Topic  string
	Source string
	surgecast.MentionMinute
}

// Mentions returns the talk of one minute: one entry for each topic and source, zeros included.
func (w *World) Mentions(minute time.Time) []Mention {
	m := unixMinute(minute)
	var all []Mention
	for i := range w.places {
		p := &w.places[i]
		mean := w.talkMean(p, m)
		for j, f := range feeds {
			raw := w.drawFeed(p, j, m, mean)
			organic := binomial(w.source(p.topic.Slug, streamOrganic, m, minutesADay, uint64(j)), raw, .85)
			authors := binomial(w.source(p.topic.Slug, streamAuthors, m, minutesADay, uint64(j)), organic, .92)
			all = append(all, Mention{Topic: p.topic.Slug, Source: f.slug, MentionMinute: surgecast.MentionMinute{
				Minute: minuteTime(m), Raw: raw, Organic: organic, Authors: authors, Reach: math.Round(raw * f.reach),
				FirstN: raw, FirstAt: minuteTime(m + 1),
			}})
		}
	}
	return all
}

func (w *World) drawFeed(p *place, j int, m int64, mean float64) float64 {
	return overdispersed(w.source(p.topic.Slug, streamTalk, m, minutesADay, uint64(j)), mean*feeds[j].share, feeds[j].size)
}

// drawTalk is the mentions of a place in one minute, all feeds together.
func (w *World) drawTalk(p *place, m int64) float64 {
	mean, sum := w.talkMean(p, m), 0.0
	for j := range feeds {
		sum += w.drawFeed(p, j, m, mean)
	}
	return sum
}

// talk returns what drawTalk does, from memory where New filled it.
func (w *World) talk(p *place, m int64) float64 {
	if i := m - w.talkedFrom; i >= 0 && i < int64(len(p.talked)) {
		return p.talked[i]
	}
	return w.drawTalk(p, m)
}

// talkMean is the expected mentions of a minute: people post by day, now and then something small
// catches on, and then there is the story.
func (w *World) talkMean(p *place, m int64) float64 {
	local := minuteTime(m).In(p.loc)
	hour := float64(local.Hour()) + float64(local.Minute())/60
	day := 1 + .6*math.Cos(2*math.Pi*(hour-20)/24)
	return p.talkBase*day*w.wobble(p.topic.Slug, m, .12) + p.talkBase*w.smallBursts(p, m) + w.storyAt(p, m).talk
}

// smallBursts are the little things that catch on in the history, about one in two days: without them
// nobody could learn what a mention is worth before it matters. They leave the hours around the story alone.
func (w *World) smallBursts(p *place, m int64) float64 {
	const slot = 6 * 60
	sum := 0.0
	for k := floorDiv(m, slot) - 1; k <= floorDiv(m, slot); k++ {
		r := rand.New(w.source(p.topic.Slug, streamBurst, k, minutesADay/slot, 0))
		happens, begin, height := r.Float64() < .15, k*slot+int64(r.Float64()*slot), 2+4*r.Float64()
		if !happens || begin > unixMinute(w.storyStart)-6*60 || m < begin {
			continue
		}
		u := float64(m - begin)
		sum += height * (1 - math.Exp2(-u/4)) * math.Pow(1+u/20, -2.2)
	}
	return sum
}
