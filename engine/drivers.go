package engine

import (
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
	{surgecast.SourcePosts, "Talk on fast feeds", model.Driver{Kappa: 2, Mix: [4]float64{.35, .35, .25, .05}}},
	{surgecast.SourceRanked, "Talk on link aggregators", model.Driver{Kappa: 25, Mix: [4]float64{.10, .25, .40, .25}}},
	{surgecast.SourceNews, "News coverage", model.Driver{Kappa: 30, Mix: [4]float64{.30, .35, .25, .10}}},
	{surgecast.SourceVideo, "Video", model.Driver{Kappa: 1, Mix: [4]float64{.05, .15, .35, .45}}},
	{surgecast.SourceEdits, "Wiki activity", model.Driver{Kappa: 1, Mix: [4]float64{.25, .25, .25, .25}}},
	{surgecast.SourcePush, "Talk counted elsewhere", model.Driver{Kappa: 1, Mix: [4]float64{.25, .25, .25, .25}}},
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

// driver names what brings most of the traffic, when the band allows it.
func (t *track) driver() *risk.Driver {
	if t.series.SignalValue() > 1 {
		return nil // the forecast is better without the talk: it goes along with the visits, it does not bring them
	}
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
