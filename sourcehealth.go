package surgecast

import "time"

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
