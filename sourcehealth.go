package surgecast

import (
	"strconv"
	"strings"
	"time"
)

// SourceState is what a feed is doing.
type SourceState string

// The states of a feed.
const (
	SourceConnecting SourceState = "connecting"
	SourceCatchingUp SourceState = "catching_up" // reads what it missed
	SourceLive       SourceState = "live"
	SourceWaiting    SourceState = "waiting" // failed; tries again by itself
	SourceStopped    SourceState = "stopped"
)

// SourceHealth is how a feed is doing, as its holder last said.
type SourceHealth struct {
	SourceID    int64
	State       SourceState
	Holder      string
	Since       time.Time // when it entered State
	LastEventAt time.Time // the feed's clock; zero: none yet
	Watermark   time.Time // minutes before it are complete
	LagSeconds  float64
	PerSecond   float64 // events read, over the last minute
	Events      int64
	Mentions    int64
	Duplicates  int64
	Reconnects  int64
	GapSeconds  float64          // of the last 24 hours
	Dropped     map[string]int64 // by reason
	Warning     string
	LastError   string

	ApproximateUntil time.Time // organic and authors lack part of their memory until then; zero: they do not
	PastTopics       int       // new topics whose past is being read
	PastReached      time.Time // how far back it has been read; zero: none is
	SpentMillicents  int64     // this month, all accounts, in thousandths of a cent
	Rules            int       // version of the counting rules
	UpdatedAt        time.Time
}

// SourceGap is what a feed lost: its minutes are missing, not zero.
type SourceGap struct {
	SourceID int64
	From, To time.Time
	Reason   string
	NotedAt  time.Time
}

// Sentence is the health in words for a person. A holder that has said nothing for longer than old has
// stopped: what it said last no longer counts.
func (h SourceHealth) Sentence(now time.Time, old time.Duration) string {
	clock := func(t time.Time) string { return t.UTC().Format("15:04 UTC") }
	if now.Sub(h.UpdatedAt) > old {
		return "Nothing has read it since " + clock(h.UpdatedAt) + "."
	}
	switch h.State {
	case SourceLive:
		switch {
		case h.Warning != "":
			return ended(h.Warning, h.past(now))
		case h.GapSeconds >= 60:
			return "Counting. " + whole(h.GapSeconds/60, "minute") + " of the last 24 hours are missing." + h.past(now)
		case h.LagSeconds >= 90:
			return "Counting, " + whole(h.LagSeconds/60, "minute") + " behind." + h.past(now)
		default:
			return "Counting. No gaps in the last 24 hours." + h.past(now)
		}
	case SourceCatchingUp:
		if h.Watermark.IsZero() {
			return "Reading what it missed."
		}
		return "Reading what it missed; counted up to " + clock(h.Watermark) + "."
	case SourceWaiting:
		if h.LastError == "" {
			return "Cannot be reached. It is tried again by itself."
		}
		return "Cannot be reached: " + h.LastError + ". It is tried again by itself."
	case SourceStopped:
		return "Not being read."
	case SourceConnecting:
	}
	return "Connecting."
}

// past says how far the past of new topics has been read.
func (h SourceHealth) past(now time.Time) string {
	if h.PastTopics == 0 || h.PastReached.IsZero() {
		return ""
	}
	return " The past of " + whole(float64(h.PastTopics), "new topic") + " is being read; back to " + clockOf(h.PastReached, now) + " so far."
}

// ended is words with what is to follow them, if anything: a warning is no sentence by itself.
func ended(words, next string) string {
	if next == "" {
		return words
	}
	return strings.TrimSuffix(words, ".") + "." + next
}

func whole(x float64, noun string) string {
	n := int(x)
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
