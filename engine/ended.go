package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"surgecast"
	"surgecast/risk"
)

// findEnded looks for open episodes that nothing will ever move again: those of deleted sites and topics, and of the
// load of segments that lost their limit. They are closed with the next commit, and told: a pager's incident would
// stay open for good.
func (e *Engine) findEnded(ctx context.Context) error {
	open, err := e.cfg.Store.OpenSurges(ctx)
	if err != nil {
		return fmt.Errorf("reading the open surges: %w", err)
	}
	e.ended = e.ended[:0]
	for _, s := range open {
		site, there := e.sites[s.SiteID]
		if there && (s.Kind != surgecast.SurgeOverload || judged(site, s.Segment)) {
			continue
		}
		if _, topic := e.topics[s.TopicID]; !topic && e.mine(s.SiteID+s.TopicID) { // one of them is 0
			e.ended = append(e.ended, s)
		}
	}
	return nil
}

// endings are the ends of these episodes.
func (e *Engine) endings(now time.Time) []outcome {
	var out []outcome
	for _, s := range e.ended {
		o := outcome{name: "surge:" + s.ID}
		headline, sentence := risk.SayDeleted(s.Subject)
		if _, there := e.sites[s.SiteID]; there {
			headline, sentence = risk.SayRetired(s.Segment)
		}
		d := surgeData{Simulated: s.Simulated}
		if s.TopicID != 0 {
			d.Topic = s.Subject
		} else {
			d.Site = s.Subject
		}
		end(s, d, headline, sentence, now, &o)
		out = append(out, o)
	}
	e.ended = e.ended[:0]
	return out
}

// end closes an episode of which nothing more will be known.
func end(s surgecast.Surge, d surgeData, headline, sentence string, now time.Time, o *outcome) {
	from, at := s.State, latest(now.UTC().Truncate(time.Microsecond), s.OpenedAt)
	s.State, s.ClosedAt = surgecast.StateCannotTell, at
	o.addSurge(s)
	if from != s.State {
		o.transitions = append(o.transitions, surgecast.SurgeTransition{
			SurgeID: s.ID, At: at, IssuedAt: now, From: from, To: s.State, Probability: math.NaN(), Headline: headline, Sentence: sentence,
		})
	}
	d.Schema, d.SurgeID, d.Kind, d.Segment, d.State, d.From, d.At = 1, s.ID, s.Kind, s.Segment, s.State, from, at
	d.OpenedAt, d.AlertAt, d.Headline, d.Sentence = s.OpenedAt, s.AlertAt, headline, sentence
	o.messages = append(o.messages, surgecast.Message{
		AccountID: s.AccountID, SiteID: s.SiteID, Type: surgecast.TypeSurgeClosed, SurgeID: s.ID, Data: d, Timestamp: now,
	})
}
