// Package simulate makes a small world whose truth is known: three sites, the talk about them and the
// visits that talk causes, minute by minute.
//
// It promises that the same seed gives the same minute whatever was asked before it, so history can be
// written in bulk and the story played at any speed, by several processes; and that everything it makes
// is labelled simulated. It shares no code and no kernel family with the model that is judged on it:
// lags here follow a power law, counts are negative binomial.
//
// The three stories, all counted from StoryStart:
//
//   - nordlicht-tickets, a ticket shop: talk doubles every sixteen minutes and leads the visits; demand
//     passes capacity about fifty minutes in and peaks near two and a half times of it, an overload
//     unless somebody raises the units. Earlier, three fifths into the history, the visits a mention
//     brings change once and for good.
//   - kleinod-shop, a jeweller's: days and weeks as usual and one small bump.
//   - hafenmuseum, a museum that puts an exhibition on sale: its checkout breaks while load stays well
//     below capacity, and the talk that follows is complaint, which brings hardly a visit.
package simulate

import (
	"math"
	"time"
	_ "time/tzdata" // profiles follow the wall clock of the site also where no zone files are installed

	"surgecast"
)

// The slugs of the world.
const (
	Tickets = "nordlicht-tickets"
	Shop    = "kleinod-shop"
	Museum  = "hafenmuseum"
)

// DefaultDays is the history a model needs to know days from nights and weekdays from weekends.
const DefaultDays = 7

// World is one simulated past and future. It is safe for concurrent use.
type World struct {
	seed       uint64
	start      time.Time
	storyStart time.Time
	places     []place
	bySlug     map[string]*place
	kernel     []float64 // share of a mention's visits that come so many minutes after it

	// talked holds the mentions of each place for the minutes from talkedFrom on, because a minute of
	// traffic needs hours of them. It is filled once and only read afterwards.
	talkedFrom int64
}

// place is one site with its topic and everything that drives them.
type place struct {
	site  surgecast.Site
	topic surgecast.Topic
	loc   *time.Location

	baseRPM     float64    // visits a minute that no talk causes, mean over the week
	swing       float64    // depth of the day, 0..1
	week        [7]float64 // factor of the weekday, Sunday first
	talkBase    float64    // mentions a minute, mean over the day
	conversion  [2]float64 // visits a mention, before and after the change
	changeAt    int64      // unix minute of the change
	checkout    float64    // share of visits in segment checkout; 0: not told apart
	dispersion  float64    // negative binomial size of the demand of one minute
	story       func(w *World, p *place, u float64) drive
	storyTalk   float64 // mentions a minute at the story's full height
	storyVisits float64 // visits a minute at the story's full height that do not come from talk

	talked []float64
}

// New makes the world with a history of so many days before its story. start is the first minute of
// the history; days 0 means DefaultDays.
func New(seed uint64, start time.Time, days int) *World {
	if days <= 0 {
		days = DefaultDays
	}
	start = start.UTC().Truncate(time.Minute)
	w := &World{
		seed:       seed,
		start:      start,
		storyStart: start.Add(time.Duration(days) * 24 * time.Hour),
		kernel:     powerLaw(),
		bySlug:     map[string]*place{},
	}
	w.places = places(w)
	for i := range w.places {
		w.bySlug[w.places[i].site.Slug] = &w.places[i]
	}
	w.talkedFrom = unixMinute(start) - int64(len(w.kernel))
	n := int(unixMinute(w.storyStart)-w.talkedFrom) + 24*60
	for i := range w.places {
		p := &w.places[i]
		w.fitStory(p)
		talked := make([]float64, n)
		for m := range talked {
			talked[m] = w.drawTalk(p, w.talkedFrom+int64(m))
		}
		p.talked = talked
	}
	return w
}

// Start is the first minute of the history.
func (w *World) Start() time.Time { return w.start }

// StoryStart is where history ends and the story begins.
func (w *World) StoryStart() time.Time { return w.storyStart }

// Sites returns the sites, without ids.
func (w *World) Sites() []surgecast.Site {
	var all []surgecast.Site
	for _, p := range w.places {
		s := p.site
		s.Segments = append([]surgecast.Segment(nil), s.Segments...)
		all = append(all, s)
	}
	return all
}

// Topics returns the topics, without ids. They have been counted since the history began.
func (w *World) Topics() []surgecast.Topic {
	var all []surgecast.Topic
	for _, p := range w.places {
		t := p.topic
		t.Any = append([]string(nil), t.Any...)
		all = append(all, t)
	}
	return all
}

// Sources returns the feeds of the world, without ids. Their counts are absolute: a minute asked for
// twice is the same minute.
func (w *World) Sources() []surgecast.Source {
	var all []surgecast.Source
	for _, f := range feeds {
		all = append(all, surgecast.Source{Slug: f.slug, Kind: f.kind, Mode: surgecast.Absolute, StepSeconds: 60, Simulated: true})
	}
	return all
}

// Link says by slug which topic feeds which site.
type Link struct {
	Site   string
	Topic  string
	Since  time.Time
	Weight float64
}

// Links returns which topic feeds which site.
func (w *World) Links() []Link {
	var all []Link
	for _, p := range w.places {
		all = append(all, Link{Site: p.site.Slug, Topic: p.topic.Slug, Since: w.start, Weight: 1})
	}
	return all
}

func unixMinute(t time.Time) int64 { return int64(math.Floor(float64(t.Unix()) / 60)) }

func minuteTime(m int64) time.Time { return time.Unix(m*60, 0).UTC() }
