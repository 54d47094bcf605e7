package surgecast

import "time"

// SiteForecast is one row of the ledger: what was forecast for a site and segment at an origin, what
// it was judged against and what was recommended. It is stored before the fact and never changed.
type SiteForecast struct {
	ID      string // fct_…
	SiteID  int64
	Segment string

	Origin      time.Time // start of the last complete bucket used
	IssuedAt    time.Time // when it was computed, by the clock of the run
	ValidUntil  time.Time // after this the numbers no longer count
	StepSeconds int

	LeadMinutes     []int
	Levels          []float64
	QuantilesRPM    [][]float64 // [lead][level], requests a minute in that minute
	HorizonMinutes  []int
	MaxQuantilesRPM [][]float64 // [horizon][level], highest sustained demand in 1..h
	Risk            []float64   // [horizon], P(max over 1..h of Z > CapacityRPM); nil when capacity is unknown
	GridRPM         []float64   // capacities of RiskGrid, rising
	RiskGrid        [][]float64 // [horizon][capacity]

	ProfileStepMinutes int       // spacing of ProfileRPM
	ProfileRPM         []float64 // usual traffic at origin + k·spacing: between leads quantiles are interpolated relative to it

	PeakDotsRPM       []float64 // 20 equally likely highest sustained demands in the verdict's horizon, rising
	BreachDotsMinutes []float64 // 20 equally likely first breaches in minutes from the origin; NaN: not by then

	TimeToBreachMinutes []float64 // at TimeToBreachLevels; NaN: never within 24 h
	ActBy               time.Time // zero: none
	ActByReason         string    // why there is none
	LateBySeconds       int       // > 0: act-by is past

	// What it was judged against.
	DemandRPM          float64 // Z at the origin: mean of the last sustain minutes
	CapacityRPM        float64
	Units              int
	RPMPerUnit         float64
	LeadTimeP95Seconds int
	SustainMinutes     int
	CostLostRequest    float64
	CostIdleUnitHour   float64
	Alpha              float64 // newsvendor quantile used

	Recommendation Recommendation
	State          State
	Verdict        Verdict
	Degraded       []string // inputs that were missing, e.g. "mentions"
	Drivers        []Driver // what the traffic goes along with, largest share first; nil: talk was not weighed

	// Fed is what the model was given since the previous row, oldest first: a restart steps the last
	// snapshot through these and stands exactly where the stopped process stood.
	Fed []Fed

	ModelVersion string

	// The seal, made by Seal when the row is stored.
	SealVersion int    // how it was made
	BodyHash    []byte // of all but what Link names; nil in version 1
	PrevHash    []byte // Hash of the row before of the same site and segment; nil for the first
	Hash        []byte
}

// Driver is one thing a site's traffic goes along with now: a class of sources, or what is usual.
type Driver struct {
	Name            string  `json:"name"`
	Share           float64 `json:"share"` // of the visits now
	Low             float64 `json:"low"`   // central 80 %; wider than .3: its part cannot be told
	High            float64 `json:"high"`
	DoublingMinutes float64 `json:"doubling_minutes,omitempty"` // of its mentions; 0: no growth that can be told from noise
	Decay           string  `json:"decay,omitempty"`            // after a peak: news, viral or word_of_mouth; empty: no peak or none of them
}

// TimeToBreachLevels are the probabilities at which time to breach is kept.
var TimeToBreachLevels = [...]float64{.1, .25, .5, .75, .9}

// Fed is one step given to a model.
type Fed struct {
	Minute  time.Time
	Value   float64 // NaN: missing
	Bound   bool    // Value is a lower bound (saturated minute)
	Signals []float64

	// Plan is everything planned that the model was told of after this step; nil: nothing changed, empty:
	// nothing is planned any more.
	Plan []Told
}

// Recommendation is what to do, and why.
type Recommendation struct {
	ID            string    `json:"id"`             // rec_…
	Sequence      int64     `json:"sequence"`       // per site, rising
	Units         int       `json:"units"`          // what /scale answers
	WouldBeUnits  int       `json:"would_be_units"` // what it would answer in mode act
	PreviousUnits int       `json:"previous_units"`
	MinUnits      int       `json:"min_units"`
	MaxUnits      int       `json:"max_units"`
	DemandRPM     float64   `json:"demand_rpm"` // the quantile of the window maximum the units are for
	Alpha         float64   `json:"alpha"`
	WindowMinutes [2]int    `json:"window_minutes"` // what a decision taken now can serve: lead time … + dwell
	Reason        string    `json:"reason"`         // stable code, e.g. "forecast", "measured", "min_units", "floor_decay"
	Detail        string    `json:"detail"`         // one sentence
	IssuedAt      time.Time `json:"issued_at"`
	ValidUntil    time.Time `json:"valid_until"`
	CostActing    float64   `json:"cost_acting"`
	CostWaiting   float64   `json:"cost_waiting"`
	Plan          []Step    `json:"plan"` // units over time, first step now
}

// Step is one step of a recommendation over time.
type Step struct {
	At    time.Time `json:"at"`
	Units int       `json:"units"`
}

// State is where a site's or topic's episode stands. Unknown is never calm.
type State string

// The states. Failing and CannotTell are of sites only.
const (
	StateCalm       State = "calm"
	StateWatch      State = "watch"
	StateAlert      State = "alert"
	StateOver       State = "over_capacity"
	StateRecovery   State = "recovery"
	StateFailing    State = "failing"
	StateCannotTell State = "cannot_tell"
	StateLearning   State = "learning"
)

// Verdict is the service's answer in words. One function writes it (risk.Say); nobody composes another.
type Verdict struct {
	State        State    `json:"state"`
	Headline     string   `json:"headline"`
	Sentence     string   `json:"sentence"`
	Word         string   `json:"word"`          // "about even chance"
	ShownPercent string   `json:"shown_percent"` // "60 %", after the rounding rule
	ShownValue   float64  `json:"shown_value"`   // the rounded value, 0..100; kept for hysteresis
	Overview     string   `json:"overview"`      // cell of the worklist
	Visitors     string   `json:"visitors"`      // what the public status page says
	Was          string   `json:"was,omitempty"` // "Was 35 % at 13:50.", where the chance has moved since
	Caveats      []string `json:"caveats"`
	Horizon      int      `json:"horizon_minutes"`
	Simulated    bool     `json:"simulated"`
}
