package surgecast

import "time"

// TopicPast is how far back a topic's counts in one stream reach: its minutes are whole from Since on.
type TopicPast struct {
	TopicID   int64
	Since     time.Time
	BackTo    time.Time // its past is being read, back to here; zero: no further
	ReadUntil time.Time // the minutes from Since to here were read for this topic alone, whatever the source was doing then; zero: none were

	// Border are keyed hashes of the events counted within ten seconds after Since, nil if they are not known.
	// Another host of the feed stamps them differently: what lies before Since there may have been counted.
	Border []uint64
}

// Sentence says that a topic's past is being read, and how far; empty when it is not.
func (p TopicPast) Sentence(now time.Time) string {
	if p.BackTo.IsZero() {
		return ""
	}
	return "Its past is being read; back to " + clockOf(p.Since, now) + " so far."
}

// clockOf is a time of day, with the day when that is not today.
func clockOf(at, now time.Time) string {
	at, now = at.UTC(), now.UTC()
	if at.Year() != now.Year() || at.YearDay() != now.YearDay() {
		return at.Format("Mon 15:04 UTC")
	}
	return at.Format("15:04 UTC")
}

// StreamCounts is what a stream stores at once: all of it or nothing.
type StreamCounts struct {
	SourceID int64
	From, To string // the cursor moves from From, where it must be, to To
	Rows     []MentionMinute
	Begun    []TopicPast // topics that are counted from now on; what Rows holds of them is from Since on

	Counted []uint64  // keyed hashes of the events in Rows
	Newest  time.Time // none of them was stamped after it
	Keep    time.Time // events of earlier commits stamped before it are forgotten
}

// CountedEvents are keyed hashes of events one commit counted.
type CountedEvents struct {
	Newest time.Time // none was stamped after it
	IDs    []uint64
}

// PastRead is a piece of topics' pasts: minutes that were read whole, and replace what was there of them.
type PastRead struct {
	SourceID int64
	Topics   []PastMoved
	Rows     []MentionMinute // Raw, Organic, Authors, Reach of each minute that is not zero
}

// PastMoved is one topic of it.
type PastMoved struct {
	TopicID  int64
	From, To time.Time // Since moves from From, where it must be, back to To
	Done     bool      // no more of it is to be read
	Border   []uint64  // of To
}
