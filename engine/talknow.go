package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"surgecast"
	"surgecast/risk"
)

// talkNowDays of a topic's counts tell what is usual at this hour and how it moves.
const talkNowDays = 3

// TalkNow answers how a topic is talked about now, from stored counts: a fresh copy of the model the sweep keeps of it
// is stepped through the last days of each feed that makes its headline. It stores nothing.
func TalkNow(ctx context.Context, st CheckStore, topic surgecast.Topic, now time.Time) (surgecast.TalkNow, error) {
	out := surgecast.TalkNow{TimesUsual: math.NaN()}
	frontiers, err := st.TopicFrontiers(ctx, topic.ID)
	if err != nil {
		return out, fmt.Errorf("looking how far the counts of %s have come: %w", topic.Slug, err)
	}
	sources, err := st.Sources(ctx)
	if err != nil {
		return out, fmt.Errorf("reading sources: %w", err)
	}
	var loudest voice
	for _, f := range frontiers {
		for _, src := range sources {
			step := time.Duration(max(1, src.StepSeconds)) * time.Second
			end := f.Last.Add(step)
			if src.ID != f.SourceID || !headline(src) || f.Last.IsZero() || now.Sub(end) > max(checkFresh, 2*step) {
				continue
			}
			from := latest(f.First, ofItsTerms(topic), end.AddDate(0, 0, -talkNowDays))
			bs, err := st.Mentions(ctx, topic.ID, src.ID, from, end, true)
			if err != nil {
				return out, fmt.Errorf("reading mentions of %s: %w", topic.Slug, err)
			}
			v := newVoice(src)
			for _, b := range fill(bs, time.Time{}, step) {
				v.take(b, false)
			}
			if v.series.N() > 0 && (out.Source == "" || v.level*float64(loudest.step) > loudest.level*float64(v.step)) {
				loudest, out.Source, out.At = v, src.Slug, unixTime(v.origin)
			}
		}
	}
	if out.Source == "" {
		return out, nil
	}
	out.TalkMotion = loudest.motion()
	if loudest.series.N() >= checkEnough {
		out.TimesUsual = risk.TalkTimes(loudest.level, loudest.usual)
	}
	out.Sentence = risk.SayMotion(out.TimesUsual, out.TalkMotion)
	return out, nil
}
