package surgecast

import (
	"fmt"
	"strings"
	"time"
)

// Rung is a remedy with its own lead time: cache rules serve in a minute, a load balancer takes an hour.
// It takes away a share of demand, adds capacity, or both.
type Rung struct {
	ID              string // rng_…
	SiteID          int64
	Position        int // from 1; climbed upwards, unwound downwards
	Kind            string
	Name            string
	LeadTimeSeconds int
	ShedsShare      float64 // of demand it takes away, 0…1
	AddsRPM         float64 // capacity it adds
	Instructions    string  // what whoever does it has to do
}

// RungUnits is the kind whose capacity and lead time are the site's own: more units.
const RungUnits = "units"

// ReadyRungs are rungs to choose from. Their figures are assumptions to be replaced by one's own: what a
// cache takes off depends on the pages, a load balancer's reservation takes minutes to hours (AWS
// documents hours for large ones), people take as long as they take.
func ReadyRungs(s Site) []Rung {
	lead := max(s.Capacity.LeadTimeP95Seconds, 60)
	return []Rung{
		{Kind: "cache_rules", Name: "Cache rules", LeadTimeSeconds: 60, ShedsShare: .2, Instructions: "Raise the cache time of pages that are the same for everybody to a minute; serve stale ones while a new one is fetched."},
		{Kind: "landing_page", Name: "Static landing page", LeadTimeSeconds: 300, ShedsShare: .3, Instructions: "Send visitors of the surging topic to a static page at the edge that answers what they came for."},
		{Kind: RungUnits, Name: "More units", LeadTimeSeconds: lead, Instructions: "Raise the floor of the autoscaler to the recommended units."},
		{Kind: "waiting_room", Name: "Waiting room", LeadTimeSeconds: 120, ShedsShare: .5, Instructions: "Switch the waiting room on, with the admission rate from /admission."},
		{Kind: "load_balancer", Name: "Load-balancer reservation", LeadTimeSeconds: 3600, Instructions: "Reserve load-balancer capacity for the expected peak; it is billed until it is cancelled."},
		{Kind: "database", Name: "Bigger database or replicas", LeadTimeSeconds: 7200, Instructions: "Add read replicas or the next size; check connection limits for the recommended units."},
		{Kind: "people", Name: "People on call", LeadTimeSeconds: 1800, Instructions: "Call whoever can decide and whoever can switch; tell customer service what visitors will ask."},
	}
}

// Check returns the first thing wrong with a rung as a FieldError.
func (r Rung) Check() error {
	switch {
	case strings.TrimSpace(r.Name) == "":
		return &FieldError{Field: "name", Line: r.Position, Detail: "is missing", Remedy: "Say what the remedy is called."}
	case len(r.Name) > 100 || len(r.Kind) > 40 || len(r.Instructions) > 2000:
		return &FieldError{Field: "name", Line: r.Position, Detail: "name, kind or instructions are too long", Remedy: "Use at most 100, 40 and 2,000 characters."}
	case !slugLike(r.Kind):
		return &FieldError{Field: "kind", Line: r.Position, Value: r.Kind, Detail: "is no kind", Remedy: "Use a-z, 0-9 and _, such as cache_rules."}
	case r.LeadTimeSeconds < 0 || r.LeadTimeSeconds > 7*86400:
		return &FieldError{Field: "lead_time_seconds", Line: r.Position, Value: fmt.Sprint(r.LeadTimeSeconds), Detail: "is not between 0 and a week", Remedy: "Give the seconds from decision to effect."}
	case !(r.ShedsShare >= 0 && r.ShedsShare < 1):
		return &FieldError{Field: "sheds_share", Line: r.Position, Value: fmt.Sprint(r.ShedsShare), Detail: "is not a share below 1", Remedy: "0.2 takes a fifth of demand away; nothing takes it all."}
	case !(r.AddsRPM >= 0 && r.AddsRPM < 1e12):
		return &FieldError{Field: "adds_rpm", Line: r.Position, Value: fmt.Sprint(r.AddsRPM), Detail: "is no rate", Remedy: "Give requests a minute, 0 for none."}
	}
	return nil
}

func slugLike(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 40
}

// RungState is where a rung stands at a moment.
type RungState struct {
	Rung
	Status        string    // not_needed, by_then, now, late
	Probability   float64   // of passing, within a day, what the rungs before it carry; NaN: unknown
	CapacityRPM   float64   // carried with this rung and those before it
	ActBy         time.Time // its own deadline; zero: none within a day
	LateBySeconds int       // > 0: its deadline is past
	ServesFrom    time.Time // when it takes effect if it is done now
	UnwindAt      time.Time // when it is no longer needed; zero: it is not needed or nobody can tell
}

// The statuses of a rung.
const (
	RungNotNeeded = "not_needed"
	RungByThen    = "by_then"
	RungNow       = "now"  // its deadline is less than 5 minutes away
	RungLate      = "late" // past; it still helps from ServesFrom on
)

// Admission is how many visitors a site can let in.
type Admission struct {
	At                   time.Time
	CapacityRPM          float64 // what is served now
	AdmitRPM             float64 // requests a minute it can take, with headroom
	OthersRPM            float64 // of them needed by visitors inside already or expected anyway (q.95)
	RequestsPerVisitor   float64 // as asked
	NewVisitorsPerMinute int
	ActiveVisitors       int     // inside at once, by the minutes a visit lasts (Little's law)
	VisitMinutes         float64 // as asked

	// What a campaign may send without the chance of passing capacity growing beyond what is there anyway.
	RequestsPerRecipient float64
	RecipientsPerMinute  int
	WindowMinutes        int // the span it is judged for
}

// Window is a stretch of time in which a floor should stand above the least.
type Window struct {
	From  time.Time
	To    time.Time
	Units int // highest of the stretch: schedules know one floor a window
}
