package surgecast

import "time"

// Mode says how far a site trusts the service. A person's click raises it; after a bad week the ledger takes a site from
// act to advise (docs/decisions/0012-demotion.md).
type Mode string

// The three modes. In shadow /scale answers min_units and scaling webhooks are not sent.
const (
	ModeShadow Mode = "shadow"
	ModeAdvise Mode = "advise"
	ModeAct    Mode = "act"
)

// ByLedger stands where a person's name would, when the ledger changed a mode.
const ByLedger = "ledger"

// ModeChange is one change of how far a site is trusted. Of a site the newest KeptOrders are kept.
type ModeChange struct {
	From, To Mode
	By       string
	Why      string // the ledger's words; empty: a person changed it
	Week     *Week  // the figures behind them
	At       time.Time
}

// SiteKind chooses the words a marketer reads and the priors a new site starts from.
type SiteKind string

// The kinds of site.
const (
	KindShop     SiteKind = "shop"
	KindVenue    SiteKind = "venue"
	KindNewsroom SiteKind = "newsroom"
)

// TotalSegment is the traffic of a site as its source reported it whole; without it the segments are
// summed on read.
const TotalSegment = "total"

// MaxSegments bounds the kinds of traffic one site may tell apart.
const MaxSegments = 16

// Site is a web site whose traffic is forecast and whose capacity is judged.
type Site struct {
	ID        int64
	AccountID int64
	Slug      string // immutable, unique per account
	Name      string
	Kind      SiteKind
	TimeZone  string // IANA name; profile and sentences use its wall clock
	Mode      Mode
	Simulated bool // made by simulate: says so wherever it is shown

	ModeSince time.Time // when the mode was last changed
	ModeBy    string    // name of the key of who did, ByLedger; empty: not known
	ModeWhy   string    // the ledger's words for it; empty: a person changed it

	Capacity CapacityProfile
	Segments []Segment // how single segments are judged; empty: only the total

	CreatedAt time.Time
	UpdatedAt time.Time
}

// CapacityProfile is what a site can serve and what being wrong costs.
type CapacityProfile struct {
	Units      int     // units serving now, as configured; traffic may report an observed number
	MinUnits   int     // never fewer
	MaxUnits   int     // never more; 0: no cap
	RPMPerUnit float64 // requests a minute one unit serves; 0: not stated (see Known)
	// Measured is what load tests told beyond RPMPerUnit, which is then what each of Units serves; nil: set by hand.
	Measured *MeasuredCapacity
	// WorkersPerUnit and ServiceSeconds tell what units serve where nobody measured it: how many requests a unit answers
	// at once, and how long one takes on average when nobody waits. Both or neither, never beside RPMPerUnit, and with
	// P95LimitMS: what it leaves for waiting decides (Serves).
	WorkersPerUnit int
	ServiceSeconds float64

	LeadTimeP50Seconds int // decision → serving, median
	LeadTimeP95Seconds int // decision → serving, 95 in 100 are faster
	SustainMinutes     int // demand is the mean of so many minutes; one minute over is not an outage
	P95LimitMS         int // slower minutes count as saturated; 0: not judged

	CostLostRequest  float64 // money lost with one request that could not be served
	CostIdleUnitHour float64 // money one idle unit costs an hour
	Currency         string  // ISO 4217
	TargetQuantile   float64 // overrides the quantile of the costs; 0: from the costs

	AlertProbability        float64 // risk above it is an alert (cost/loss ratio); 0: 0.2
	MaxExtraUnitHoursPerDay float64 // spending cap of the floor; 0: no cap
}

// RPM is the requests a minute the profile's units serve, 0 when unknown.
func (c CapacityProfile) RPM() float64 { return c.Serves(c.Units) }

// Segment is one kind of traffic of a site with a limit of its own: one checkout costs as much as
// Weight browses, or the segment has CapacityRPM to itself.
type Segment struct {
	Name        string
	CapacityRPM float64 // 0: judged only through the total
	Weight      float64 // 0: 1
}

// TrafficMinute is what a site served in one UTC minute, in one segment.
type TrafficMinute struct {
	SiteID   int64
	Segment  string
	Minute   time.Time // start, UTC, half open
	Requests float64   // that came, however they were answered
	Errors   float64   // of them, answered badly
	Rejected float64   // of them, turned away to protect the site
	P95MS    float64   // 0: not measured

	UnitsObserved int  // units seen serving; 0: not reported
	Saturated     bool // Requests is a lower bound of demand
	Complete      bool // the source will not add to this minute

	FirstN  float64   // Requests as first published complete
	FirstAt time.Time // when that was
}
