package engine

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"surgecast"
)

// What a driver's name may take: the networks that say a good part of what its class says, two at most, and so much
// of the topic's name.
const (
	goodPart     = .25
	mostNetworks = 2
	longestTopic = 40
)

// networks are what people call the feeds that are not named after their slug.
var networks = map[string]string{
	"bluesky": "Bluesky", "hackernews": "Hacker News", "mastodon": "Mastodon", "wikimedia": "Wikipedia", "reddit": "Reddit", "x": "X",
}

// nameDrivers says for each class of sources who talks about what now, from the levels of the site's topics:
// "Talk on Bluesky about Nordlicht tour". A class whose topics are silent, or are followed by another process, keeps
// its general name.
func (e *Engine) nameDrivers(t *track) []string {
	names := make([]string, len(classes))
	for i := range classes {
		names[i] = classes[i].name
	}
	at := t.run.Origin.Unix()
	bySource, byTopic := make([]map[string]float64, len(classes)), make([]map[string]float64, len(classes))
	for _, l := range e.links[t.key.site] {
		about := e.talks[talkKey(l.TopicID)]
		if about == nil {
			continue
		}
		topic := e.topics[l.TopicID]
		for i := range about.voices {
			v := &about.voices[i]
			src := e.sources[v.source]
			c, level := classOf(src.Kind), l.Weight*v.level/float64(v.step)
			if c < 0 || !(level > 0) || at-v.origin > max(heardWithin, 2*v.step) {
				continue
			}
			if bySource[c] == nil {
				bySource[c], byTopic[c] = map[string]float64{}, map[string]float64{}
			}
			bySource[c][network(src)] += level
			byTopic[c][cmp.Or(topic.Name, topic.Slug)] += level
		}
	}
	for c := range classes {
		if topic := loudest(byTopic[c]); len(topic) > 0 && topic[0] != "" {
			names[c] = driverName(classes[c].kind, loudest(bySource[c]), topic)
		}
	}
	return names
}

// network is what people call a source. Where a site is simulated that is said already, of what kind it is not.
func network(s surgecast.Source) string {
	if s.Simulated {
		return ""
	}
	feed, place, _ := strings.Cut(s.Slug, ":")
	if name := networks[feed]; name != "" {
		return name
	}
	return cmp.Or(place, feed)
}

// loudest are those that say a good part of the whole, most first.
func loudest(levels map[string]float64) []string {
	sum := 0.
	var names []string
	for name, x := range levels {
		sum += x
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(levels[b], levels[a]), strings.Compare(a, b)) })
	return slices.DeleteFunc(names, func(name string) bool { return levels[name] < goodPart*sum })
}

func driverName(kind surgecast.SourceKind, from, topics []string) string {
	about := topics[0]
	if utf8.RuneCountInString(about) > longestTopic {
		about = strings.TrimRight(string([]rune(about)[:longestTopic-1]), " ") + "…"
	}
	about = " about " + about
	if len(topics) > 1 {
		about += " and others"
	}
	from = from[:min(len(from), mostNetworks)]
	if slices.Contains(from, "") {
		from = nil
	}
	on := ""
	if len(from) > 0 {
		on = " on " + strings.Join(from, " and ")
	}
	switch kind {
	case surgecast.SourceNews: // its feeds are outlets, which are many
		return "News" + about
	case surgecast.SourceVideo:
		return "Video" + on + about
	case surgecast.SourceEdits:
		return cmp.Or(strings.Join(from, " and "), "Wiki") + " activity" + about
	case surgecast.SourcePush:
		if len(from) > 0 {
			on = ", counted by " + strings.Join(from, " and ")
		}
		return "Talk" + about + on
	case surgecast.SourceRanked:
		return "Talk" + cmp.Or(on, " where links are shared,") + about
	default:
		return "Talk" + cmp.Or(on, " in posts") + about
	}
}
