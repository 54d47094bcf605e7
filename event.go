package surgecast

import (
	"cmp"
	"slices"
	"time"
)

// EventKind is what sort of thing is planned. It names the shape and the size a site expects before it
// has seen one.
type EventKind string

// The kinds of planned event.
const (
	EventSale          EventKind = "sale"           // a sale or drop opens
	EventNewsletter    EventKind = "newsletter"     // a mailing goes out
	EventTVSpot        EventKind = "tv_spot"        // a spot is aired
	EventCelebrityPost EventKind = "celebrity_post" // somebody with many followers posts
	EventPush          EventKind = "push"           // a push notification goes out
	EventOnSale        EventKind = "on_sale"        // tickets go on sale
	EventAnnouncement  EventKind = "announcement"   // a tour, a programme, a product is announced
	EventMatch         EventKind = "match"          // something people follow live, from start to end
	EventBreaking      EventKind = "breaking"       // a story that breaks at a known hour (a verdict, an election)
	EventArticle       EventKind = "article"        // a story is published
)

// eventKinds are in the order of their numbers, which models keep in their snapshots: append only.
var eventKinds = [...]EventKind{
	EventSale, EventNewsletter, EventTVSpot, EventCelebrityPost, EventPush,
	EventOnSale, EventAnnouncement, EventMatch, EventBreaking, EventArticle,
}

// Number is the stable number models know the kind by, −1 for no kind.
func (k EventKind) Number() int { return slices.Index(eventKinds[:], k) }

// EventKinds lists every kind, in the order of their numbers.
func EventKinds() []EventKind { return slices.Clone(eventKinds[:]) }

// EventKindsOf lists the kinds a site of a kind plans most, its usual one first. A site may plan any kind.
func EventKindsOf(k SiteKind) []EventKind {
	switch k {
	case KindVenue:
		return []EventKind{EventOnSale, EventAnnouncement, EventMatch, EventNewsletter, EventPush}
	case KindNewsroom:
		return []EventKind{EventBreaking, EventPush, EventArticle, EventNewsletter}
	case KindShop:
	}
	return []EventKind{EventSale, EventNewsletter, EventTVSpot, EventCelebrityPost, EventPush}
}

// PlannedEvent is something a site knows of beforehand that will bring visits.
type PlannedEvent struct {
	ID            string // evt_…
	AccountID     int64
	SiteID        int64
	Site          string // its slug, as read
	Kind          EventKind
	Name          string
	StartsAt      time.Time
	EndsAt        time.Time // zero: it has no end of its own (a newsletter)
	ExpectedReach float64   // people told; 0: not known
	AnnouncedAt   time.Time // no forecast issued before knows of it
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// EventRevision is one state of a planned event and since when it is known: revisions are only ever added,
// so what was known at any moment stays answerable after the event was changed or taken back.
type EventRevision struct {
	EventID   string
	Revision  int // from 1
	SiteID    int64
	Kind      EventKind
	Name      string
	StartsAt  time.Time
	EndsAt    time.Time
	Reach     float64
	KnownAt   time.Time // no forecast issued before knows of it
	MadeAt    time.Time // when it was written
	Withdrawn bool      // the event will not happen
}

// KnownEvents are the newest known revisions of each event at a moment, by start and id, without those
// withdrawn. A revision that was replaced before anybody could know it never becomes known.
func KnownEvents(all []EventRevision, at time.Time) []EventRevision {
	var out []EventRevision
	for i, r := range all {
		if r.KnownAt.After(at) {
			continue
		}
		replaced := slices.ContainsFunc(all[:], func(o EventRevision) bool {
			return o.EventID == r.EventID && o.Revision > r.Revision && (!o.KnownAt.After(at) || !o.MadeAt.After(r.KnownAt))
		})
		if !replaced && !r.Withdrawn {
			out = append(out, all[i])
		}
	}
	slices.SortFunc(out, func(a, b EventRevision) int {
		return cmp.Or(a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.EventID, b.EventID))
	})
	return out
}

// Told is a planned event as a model was told of it.
type Told struct {
	EventID  string    `json:"event_id"`
	Kind     EventKind `json:"kind"`
	Name     string    `json:"name"`
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at,omitzero"`
	Visits   float64   `json:"visits"` // expected in all, median; 0: what events of the kind bring here
	LogSD    float64   `json:"log_sd"` // spread of the size, of its logarithm
}

// EventFilter narrows a list of planned events; the zero value is all of the account.
type EventFilter struct {
	SiteIDs  []int64   // empty: of every site
	From, To time.Time // those that are under way in [From, To); zero: open
}

// WhatIf asks what a site's forecast would be if events were planned.
type WhatIf struct {
	Site   Site
	Events []PlannedEvent
	At     time.Time // now
}

// WhatIfAnswer is the newest stored forecast and the one with the events planned, made from the same state.
type WhatIfAnswer struct {
	Base, With SiteForecast
	Known      []Told // what the forecast knew of already
	Asked      []Told // the events asked about, with the size they are expected to have
}
