package engine

import (
	"context"
	"fmt"
	"math"
	"sort"
	"time"

	"surgecast"
	"surgecast/model"
	"surgecast/risk"
)

// class is one kind of source as a regressor of a site's visits: its prior and the word people read.
type class struct {
	kind   surgecast.SourceKind
	name   string
	driver model.Driver
}

// classes are in the order of Fed.Signals. Priors are MODEL 4.3: clicks a share of news links (Gabielkov
// et al., SIGMETRICS 2016), page views a vote of a link aggregator, half-lives of links by network
// (bitly 2011). They are wide; a site's own traffic replaces them.
var classes = []class{
	{surgecast.SourcePosts, "Posts", model.Driver{Kappa: 2, Mix: [4]float64{.35, .35, .25, .05}}},
	{surgecast.SourceRanked, "Link lists", model.Driver{Kappa: 25, Mix: [4]float64{.10, .25, .40, .25}}},
	{surgecast.SourceNews, "News", model.Driver{Kappa: 30, Mix: [4]float64{.30, .35, .25, .10}}},
	{surgecast.SourceVideo, "Video", model.Driver{Kappa: 1, Mix: [4]float64{.05, .15, .35, .45}}},
	{surgecast.SourceEdits, "Wiki edits", model.Driver{Kappa: 1, Mix: [4]float64{.25, .25, .25, .25}}},
	{surgecast.SourcePush, "Pushed counts", model.Driver{Kappa: 1, Mix: [4]float64{.25, .25, .25, .25}}},
}

func classOf(k surgecast.SourceKind) int {
	for i := range classes {
		if classes[i].kind == k {
			return i
		}
	}
	return -1
}

// drivers are the regressors of a site with linked topics.
func drivers() []model.Driver {
	out := make([]model.Driver, len(classes))
	for i := range classes {
		out[i] = classes[i].driver
	}
	return out
}

// talkOf is what was said about a site's linked topics in the minutes from..to: one vector of classes a
// minute, NaN where no source of a class was counted. Sources with longer buckets than a minute are left
// out: a bucket is never spread.
func (e *Engine) talkOf(ctx context.Context, site int64, from, to time.Time) (map[int64][]float64, error) {
	out := map[int64][]float64{}
	for _, l := range e.links[site] {
		for _, f := range e.heard[l.TopicID] {
			src, ok := e.sources[f.SourceID]
			c := classOf(src.Kind)
			if !ok || c < 0 || src.StepSeconds != 60 || f.Last.Before(from) {
				continue
			}
			start := from
			if f.First.After(start) {
				start = f.First
			}
			if l.Since.After(start) {
				start = l.Since
			}
			bs, err := e.cfg.Store.Mentions(ctx, l.TopicID, f.SourceID, start, to, true)
			if err != nil {
				return nil, fmt.Errorf("reading mentions of topic %d: %w", l.TopicID, err)
			}
			for _, b := range bs {
				if b.Missing {
					continue
				}
				k := b.Minute.Unix()
				v := out[k]
				if v == nil {
					v = make([]float64, len(classes))
					for i := range v {
						v[i] = math.NaN()
					}
					out[k] = v
				}
				if math.IsNaN(v[c]) {
					v[c] = 0
				}
				v[c] += l.Weight * b.Raw
			}
		}
	}
	return out, nil
}

// driver names what brings most of the traffic, when the band allows it.
func (t *track) driver() *risk.Driver {
	t.shares = t.series.Shares(t.shares)
	best := -1
	for i, s := range t.shares {
		if s.Share >= .1 && (best < 0 || s.Share > t.shares[best].Share) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	s := t.shares[best]
	return &risk.Driver{Name: classes[best].name, Share: s.Share, Low: s.Low, High: s.High}
}

// reindex groups what the engine knows by site and by topic.
func (e *Engine) reindex(links []surgecast.SiteTopic) {
	was := e.links
	e.links = map[int64][]surgecast.SiteTopic{}
	for _, l := range links {
		e.links[l.SiteID] = append(e.links[l.SiteID], l)
	}
	for id := range e.links {
		sort.Slice(e.links[id], func(i, j int) bool { return e.links[id][i].TopicID < e.links[id][j].TopicID })
	}
	if !e.loaded {
		return
	}
	for k := range e.tracks { // a site's first link, or its last one gone, is another model
		if (len(was[k.site]) > 0) != (len(e.links[k.site]) > 0) {
			delete(e.tracks, k)
		}
	}
}
