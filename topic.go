package surgecast

import "time"

// Topic is something people talk about: any of Any and any of And, and none of Not.
type Topic struct {
	ID        int64
	AccountID int64
	Slug      string // immutable, unique per account
	Name      string
	Any       []string
	And       []string // empty: no second condition
	Not       []string
	Revision  int       // rises when the terms change
	Since     time.Time // when this revision began to be counted
	Simulated bool

	CreatedAt time.Time
	UpdatedAt time.Time
}

// SiteTopic says that a topic feeds a site.
type SiteTopic struct {
	SiteID  int64
	TopicID int64
	Since   time.Time
	Weight  float64 // share of the topic's mentions that concern the site; 1: all
}

// SourceKind groups feeds that behave alike: a headline sums only posts, the others are signals.
type SourceKind string

// The kinds of source.
const (
	SourcePosts  SourceKind = "posts"  // fast feed
	SourceRanked SourceKind = "ranked" // link aggregators
	SourceNews   SourceKind = "news"
	SourceVideo  SourceKind = "video"
	SourceEdits  SourceKind = "edits"
	SourcePush   SourceKind = "push" // counts a vendor pushes
)

// WriteMode says what a count means when it arrives again.
type WriteMode string

// The two write modes.
const (
	Increments WriteMode = "increments" // added up, together with the feed's cursor
	Absolute   WriteMode = "absolute"   // replaces, safe to repeat
)

// Source is one feed of mentions.
type Source struct {
	ID          int64
	Slug        string // "bluesky", "push:acme", "csv:nab"
	Kind        SourceKind
	Mode        WriteMode
	StepSeconds int // length of a bucket, 60 unless the source is coarser
	Simulated   bool
}

// MentionMinute is what one source said of one topic in one bucket.
type MentionMinute struct {
	TopicID  int64
	SourceID int64
	Minute   time.Time // start of the bucket, UTC
	Raw      float64   // every mention
	Organic  float64   // originals, author-capped, copies collapsed
	Authors  float64   // unique
	Reach    float64

	FirstN  float64   // Raw as first published
	FirstAt time.Time // when that was
}

// MentionBucket is one bucket of a topic's series, gaps resolved: a bucket without a row is zero when
// the source was healthy and the topic was being counted, else missing.
type MentionBucket struct {
	TopicID  int64
	SourceID int64
	Minute   time.Time
	Raw      float64
	Organic  float64
	Authors  float64
	Missing  bool
	Late     bool // of a topic's past: nobody counted it when it happened, it was read afterwards
}
