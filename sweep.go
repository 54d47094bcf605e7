package surgecast

import "time"

// Sweep is everything one pass of the engine found, committed together or not at all: a surge's
// transition, its recommendation and its messages cannot be told apart by a crash.
type Sweep struct {
	Leases      []Lease // every one is checked; a stale epoch writes nothing
	At          time.Time
	Forecasts   []SiteForecast // sealed by the store, each to the row before of its site and segment
	Surges      []Surge        // opened or changed
	Transitions []SurgeTransition
	Messages    []Message
	States      []ModelState
	Talk        []TopicForecast // at most one a series and origin; one that is there already is left alone
}

// Message is something the account's webhooks want to hear; the store fans it out to the matching ones.
type Message struct {
	AccountID int64
	SiteID    int64 // 0: of no single site
	Type      string
	SurgeID   string // of the episode it is about; a muted one is not sent
	Sequence  int64  // recommendation.changed: per site, rising; receivers drop lower ones
	Data      any    // marshalled as "data"
	Timestamp time.Time
	ExpiresAt time.Time // zero: the delivery schedule decides
}

// Frontier is the stretch of buckets a series has rows for.
type Frontier struct {
	SiteID   int64 // 0 for a topic's series
	TopicID  int64
	SourceID int64
	First    time.Time
	Last     time.Time // newest complete bucket
}
