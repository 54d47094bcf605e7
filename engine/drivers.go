package engine

import (
	"cmp"
	"slices"

	"surgecast"
	"surgecast/model"
	"surgecast/risk"
)

// class is one kind of source as a regressor of a site's visits: its prior, and the words people read where nothing
// says which feeds and topic it is (nameDrivers).
type class struct {
	kind   surgecast.SourceKind
	name   string
	driver model.Driver
}

// classes are in the order of Fed.Signals. Priors are MODEL 4.3: clicks a share of news links (Gabielkov
// et al., SIGMETRICS 2016), page views a vote of a link aggregator, half-lives of links by network
// (bitly 2011). They are wide; a site's own traffic replaces them.
var classes = []class{
	{surgecast.SourcePosts, "Talk on social networks", model.Driver{Kappa: 2, Mix: [4]float64{.35, .35, .25, .05}}},
	{surgecast.SourceRanked, "Talk where links are shared", model.Driver{Kappa: 25, Mix: [4]float64{.10, .25, .40, .25}}},
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

// told is what the traffic goes along with now, largest share first: every class that was heard of and brings at
// least a hundredth, by its name, and what is usual. Nil when the forecast is better without the talk, which then goes along with
// the visits and does not bring them.
func (t *track) told(names []string) []surgecast.Driver {
	if !t.series.Talked() || t.series.SignalValue() > 1 {
		return nil
	}
	t.shares = t.series.Shares(t.shares)
	rest := surgecast.Driver{Name: usualTraffic, Share: 1, Low: 1, High: 1}
	out := []surgecast.Driver{}
	for i, s := range t.shares {
		said := t.series.Said(i)
		if said == nil || s.Share < .01 {
			continue
		}
		d := surgecast.Driver{Name: names[i], Share: s.Share, Low: s.Low, High: s.High}
		if minutes, ok := said.Doubling(); ok {
			d.DoublingMinutes = minutes
		} else if class, _ := said.DecayClass(); class != model.DecayUnknown {
			d.Decay = decayWords[class]
		}
		rest.Share, rest.Low, rest.High = rest.Share-s.Share, rest.Low-s.High, rest.High-s.Low
		out = append(out, d)
	}
	rest.Share, rest.Low, rest.High = max(rest.Share, 0), max(rest.Low, 0), max(rest.High, 0)
	out = append(out, rest)
	slices.SortStableFunc(out, func(a, b surgecast.Driver) int { return cmp.Compare(b.Share, a.Share) })
	return out
}

const usualTraffic = "Usual traffic"

// decayWords are the stable codes of the classes of decay.
var decayWords = map[model.Decay]string{
	model.DecayNews: risk.DecayNews, model.DecayViral: risk.DecayViral, model.DecayWordOfMouth: risk.DecayWordOfMouth,
}

// drives picks from what was told the one that brings most of the traffic, and those that cannot be told apart: they
// rose together, so each could be the cause and the bands of both are wide.
func drives(told []surgecast.Driver) (one *risk.Driver, unclear []string) {
	for _, d := range told {
		if d.Name == usualTraffic || d.Share < .1 {
			continue
		}
		if d.High-d.Low > risk.WidestBand {
			unclear = append(unclear, d.Name)
		}
		if one == nil {
			one = &risk.Driver{Name: d.Name, Share: d.Share, Low: d.Low, High: d.High, DoublingMinutes: d.DoublingMinutes, Decay: d.Decay}
		}
	}
	if len(unclear) < 2 {
		unclear = nil
	}
	return one, unclear
}
