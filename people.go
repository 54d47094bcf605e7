package surgecast

import "time"

// MarkKind is what a person did about an episode.
type MarkKind string

// The marks. An ack says "I have it" and clears itself; a mute silences messages to people, never the
// scaler; a note is a note.
const (
	MarkAck    MarkKind = "ack"
	MarkUnack  MarkKind = "unack"
	MarkMute   MarkKind = "mute"
	MarkUnmute MarkKind = "unmute"
	MarkNote   MarkKind = "note"
)

// SurgeMark is one thing a person did about an episode. Marks are only ever added; the newest of a pair
// rules.
type SurgeMark struct {
	SurgeID     string
	Kind        MarkKind
	By          string
	Note        string
	Until       time.Time // mute: when it ends by itself
	Probability float64   // ack: the chance then, NaN: unknown
	At          time.Time
}

// Marks is where an episode's marks stand.
type Marks struct {
	Ack  *SurgeMark // nil: nobody has it
	Mute *SurgeMark // nil: not muted
}

// StandingOf is what holds of marks, oldest first, at now: an ack clears when the chance has risen by half
// since, or the site is in recovery; a mute ends at its time. risk is the chance now, NaN when unknown.
func StandingOf(marks []SurgeMark, state State, risk float64, now time.Time) Marks {
	var m Marks
	for i := range marks {
		k := &marks[i]
		switch k.Kind {
		case MarkAck:
			m.Ack = k
		case MarkUnack:
			m.Ack = nil
		case MarkMute:
			m.Mute = k
		case MarkUnmute:
			m.Mute = nil
		case MarkNote:
		}
	}
	if m.Ack != nil && (state == StateRecovery || state == StateCalm || risk > 1.5*m.Ack.Probability) {
		m.Ack = nil
	}
	if m.Mute != nil && (!m.Mute.Until.After(now) || state == StateRecovery || state == StateCalm) {
		m.Mute = nil
	}
	return m
}

// Notice is what the visitors of a site are told on its public page.
type Notice struct {
	SiteID    int64
	Shown     bool   // the page is public
	Part      string // what is affected; empty: the whole site
	Words     string // the owner's own
	Ahead     bool   // an alert may be announced before anything is over
	Reference string // what visitors quote when they ask

	Since    time.Time // an outage the owner declares; zero: none
	BackFrom time.Time // estimate of its end: P50 …
	BackBy   time.Time // … to P90

	By    string
	SetAt time.Time
}

// PublicStatus is what visitors read: kind, short, true. It never names requests, units, topics or
// chances, and no number that helps an attacker.
type PublicStatus struct {
	Word       string    // "Working normally", "Very busy"
	Sentence   string    // with the time it is over by and the next update, where there are such
	Words      string    // the owner's own
	Part       string    // what is affected; empty: the whole site
	Since      time.Time // zero: nothing is wrong
	BackBy     time.Time // late end of the estimate, rounded up; zero: none
	NextUpdate time.Time // zero: no promise
	Reference  string
	CheckedAt  time.Time
	Simulated  bool
}
