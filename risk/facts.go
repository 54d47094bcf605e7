package risk

import (
	"time"

	"surgecast"
)

// Facts is everything a sentence may speak of. Say reads nothing else: no clock, no storage. Zero values mean "not
// known", and what is not known is not said.
type Facts struct {
	Site surgecast.Site
	// Forecast is the newest one of the site (or segment), assessed and with its Recommendation; nil: none yet. Its
	// State is the state spoken of, unless the facts make it unknown.
	Forecast *surgecast.SiteForecast
	Now      time.Time
	Surge    *surgecast.Surge // the open episode, if any

	LastMinute    time.Time          // last complete minute of the site's traffic
	DaysOfHistory float64            // of the site's own traffic
	Previous      *surgecast.Verdict // the verdict before: the shown percentage moves only when it must
	Said          []Said             // what earlier verdicts showed (Remember)
	Left          *Left              // the minute that raised the alert by itself; nil: the chance did

	// Over capacity and recovery. Zero times are left out or taken from Surge and Forecast.
	OverSince   time.Time // demand first passed capacity
	BackFrom    time.Time // 10 in 20 such surges are back under capacity by then, and
	BackBy      time.Time // 16 in 20 by then; Say rounds both up
	UnderSince  time.Time // back under capacity
	WatchUntil  time.Time // end of the recovery's watch; zero: UnderSince + RecoveryAfterOver
	SecondWave  float64   // chance of passing capacity again by WatchUntil; 0: read from the risk curve
	BusiestAt   time.Time // when the next 6 hours are busiest, for calm
	BusiestRPM  float64
	KeptUnits   int       // what the autoscaler was last told
	KeptUntil   time.Time // and until when it may be repeated; zero: the forecast's ValidUntil
	LastVerdict surgecast.State
	LastSpoken  time.Time // when the last verdict was given; zero: the forecast's IssuedAt

	// Failing: a segment whose errors are beyond their usual share without overload.
	FailingSegment  string
	FailingSince    time.Time
	ErrorShare      float64
	UsualErrorShare float64

	// Talk and what drives the traffic.
	TalkOnly          bool    // only mentions are known to have risen: no visits number may be said
	TalkTimesUsual    float64 // talk is so many times the usual
	VisitsTraced      int     // visits traced to mentions so far
	SocialAddsNothing bool    // over the last 7 days the forecast was as good without mentions
	CannotTellWhich   []string
	Driver            *Driver

	Planned *Planned // the event under way, else the next one within a day
}

// Left is a minute that was impossible under the forecast before it (Impossible).
type Left struct {
	At       time.Time `json:"at"`
	RPM      float64   `json:"rpm"`
	Expected float64   `json:"expected"` // the middle of what that forecast had for it
}

// Planned is an event the forecast knows of.
type Planned struct {
	What      string // "Newsletter"
	At, Until time.Time
}

// Driver is the one thing that drives most of the traffic, with the band of its share.
type Driver struct {
	Name      string // "Reddit", "your newsletter"
	Share     float64
	Low, High float64 // wider than WidestBand: it is not named

	DoublingMinutes float64 // of its mentions; 0: they do not grow
	Decay           string  // how they fall after a peak, one of the codes below; empty: not known
}

// WidestBand is how wide the band of a share may be for its driver to be named.
const WidestBand = .3

// How talk falls after a peak (Crane & Sornette 2008).
const (
	DecayNews        = "news"          // faster than t^-1: a flash that nobody passes on
	DecayViral       = "viral"         // passed on after a push
	DecayWordOfMouth = "word_of_mouth" // slow ramp and slow fall
)

// FirstRun is what an installation says that watches nothing yet. The two offers in it are buttons.
const FirstRun = "Nothing is watched yet. Watch my site (2 minutes) or Play a simulated surge (10 seconds)."

// state is the state the sentences are for. Silence and age come first: a stored state does not outlive its
// numbers.
func (f Facts) state() (state surgecast.State, noData, stale bool) {
	fc := f.Forecast
	if fc == nil || silent(f.LastMinute, f.Now) && !f.LastMinute.IsZero() ||
		!fc.ValidUntil.IsZero() && f.Now.After(fc.ValidUntil) {
		return surgecast.StateCannotTell, true, false
	}
	state = fc.State
	if state == "" {
		state = surgecast.StateCalm
	}
	stale = f.Now.Sub(fc.IssuedAt) >= StaleAfter && !fc.IssuedAt.IsZero()
	return state, false, stale
}

// learning reports whether the site still stands on similar sites.
func (f Facts) learning() bool {
	return f.DaysOfHistory < LearningDays || f.Forecast != nil && f.Forecast.State == surgecast.StateLearning
}
