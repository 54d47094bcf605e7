package traffic

import (
	"fmt"
	"time"
)

// State says how the reading of a site's traffic is going.
type State string

// The states of a reader.
const (
	Starting   State = "starting"
	Standby    State = "standby"     // another process reads this site
	CatchingUp State = "catching_up" // reading the past
	Reading    State = "reading"
	Degraded   State = "degraded" // reading, but something is wrong
	Failing    State = "failing"  // not reading; it is tried again
)

var states = []State{Starting, Standby, CatchingUp, Reading, Degraded, Failing}

// Health is how the reading of one site's traffic is going. It holds no address and no credential.
type Health struct {
	Site  string
	Kind  string
	State State
	Since time.Time // of the state

	LastMinute time.Time // newest complete minute this process has read; zero: none
	Minutes    int       // rows stored since the start, corrections included
	Polls      int       // that went well
	Warning    string    // Degraded: what is wrong
	Error      string    // Failing: why
	RetryAt    time.Time // Failing: when it is tried again
}

func (h *Health) enter(s State, now time.Time) {
	if h.State != s {
		h.State, h.Since = s, now
	}
}

// Lag is how long the newest complete minute has been over; negative when there is none.
func (h Health) Lag(now time.Time) time.Duration {
	if h.LastMinute.IsZero() {
		return -1
	}
	return max(0, now.Sub(h.LastMinute.Add(time.Minute)))
}

// Sentence is the health in words.
func (h Health) Sentence(now time.Time) string {
	switch h.State {
	case Standby:
		return "Another process reads this site's traffic."
	case CatchingUp:
		if h.LastMinute.IsZero() {
			return "Reading the past."
		}
		return fmt.Sprintf("Reading the past, as far as %s.", h.LastMinute.UTC().Format("2 January 15:04 UTC"))
	case Reading:
		if h.LastMinute.IsZero() {
			return "Connected; the first minute is not over yet."
		}
		return fmt.Sprintf("The minute of %s is in.", h.LastMinute.UTC().Format("15:04 UTC"))
	case Degraded:
		return h.Warning
	case Failing:
		return fmt.Sprintf("Cannot be read: %s. Next try in %d s.", h.Error, int(max(0, h.RetryAt.Sub(now)).Seconds()))
	default:
		return "Starting."
	}
}

// Health is how every site's traffic is being read, in the order of the configuration.
func (r *Runner) Health() []Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Health(nil), r.health...)
}
