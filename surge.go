package surgecast

import "time"

// Surge is one episode of a site or of a topic, from the first watch to its end.
type Surge struct {
	ID        string // srg_…
	AccountID int64
	SiteID    int64  // 0 when it is a topic's
	TopicID   int64  // 0 when it is a site's
	Subject   string // slug of the site or topic
	Segment   string
	Kind      SurgeKind
	State     State
	OpenedAt  time.Time // minute the episode began
	AlertAt   time.Time // first alert; zero: never
	PeakAt    time.Time
	Peak      float64 // highest demand (requests a minute) or mentions a bucket so far
	ClosedAt  time.Time
	Simulated bool
}

// SurgeKind is what kind of episode it is.
type SurgeKind string

// The kinds of surge.
const (
	SurgeOverload SurgeKind = "overload" // demand against capacity
	SurgeFailing  SurgeKind = "failing"  // errors without overload
	SurgeTalk     SurgeKind = "talk"     // a topic's mentions
)

// SurgeTransition is one change of an episode's state; append-only, so evaluation can replay it.
type SurgeTransition struct {
	SurgeID     string
	At          time.Time // minute of the data
	IssuedAt    time.Time // when it was decided, by the clock of the run
	From, To    State
	Probability float64 // the risk behind it, NaN when none
	ForecastID  string
	Headline    string
	Sentence    string
}

// Webhook is an endpoint that wants to be told.
type Webhook struct {
	ID         string // whk_…
	AccountID  int64
	URL        string
	Format     string   // "standard"
	Types      []string // empty: all
	Sites      []int64  // empty: all
	Secrets    [][]byte // encrypted at rest; newest first, two while rotating
	DisabledAt time.Time
	CreatedAt  time.Time
}

// The webhook types.
const (
	TypeSurgeOpened           = "surge.opened"
	TypeSurgeLevelChanged     = "surge.level_changed"
	TypeSurgeClosed           = "surge.closed"
	TypeRecommendationChanged = "recommendation.changed"
	TypeSourceGap             = "source.gap"
	TypeForecastStale         = "forecast.stale"
	TypeTest                  = "test"
)

// DeliveryStatus is what became of a message.
type DeliveryStatus string

// The delivery statuses.
const (
	DeliveryPending    DeliveryStatus = "pending"
	DeliveryDelivered  DeliveryStatus = "delivered"
	DeliveryFailed     DeliveryStatus = "failed"     // attempts used up, or refused for good
	DeliveryExpired    DeliveryStatus = "expired"    // a late instruction does harm
	DeliverySuperseded DeliveryStatus = "superseded" // a newer one took its place
)

// Delivery is one message to one endpoint. Its id is the webhook-id receivers deduplicate by.
type Delivery struct {
	ID        string // dlv_…
	AccountID int64
	WebhookID string
	SiteID    int64
	Type      string
	Sequence  int64  // recommendation.changed: per site, rising
	Body      []byte // JSON, sent as it stands
	Status    DeliveryStatus
	Attempts  int
	CreatedAt time.Time
	ExpiresAt time.Time // zero: the schedule decides
	DoneAt    time.Time
}

// DeliveryAttempt is one try.
type DeliveryAttempt struct {
	DeliveryID string
	Number     int
	At         time.Time
	StatusCode int // 0: no answer
	Error      string
	Excerpt    string // first bytes of the answer
	Millis     int
}

// DeliverArgs asks the notify workers to deliver one message (River job).
type DeliverArgs struct {
	DeliveryID string `json:"delivery_id"`
}

// Kind names the job in River's table.
func (DeliverArgs) Kind() string { return "deliver_webhook" }

// Scope is what a key may do.
type Scope string

// The scopes.
const (
	ScopeRead  Scope = "read"
	ScopeWrite Scope = "write"
	ScopeScale Scope = "scale"
	ScopeAdmin Scope = "admin"
)

// Key is an API key; the key itself is shown once and stored only as SHA-256.
type Key struct {
	ID         string // key_…
	AccountID  int64
	Name       string
	Prefix     string // first characters, to recognise it
	Scopes     []Scope
	Sites      []int64 // empty: all of the account
	CreatedAt  time.Time
	LastUsedAt time.Time
}

// Decision is one changed answer of /scale.
type Decision struct {
	SiteID     int64
	At         time.Time
	Caller     string
	Units      int
	Stale      bool
	StatusCode int
	Reason     string
	ForecastID string
}

// Override is a person's word on the units; it beats everything until it ends.
type Override struct {
	SiteID int64
	Units  int
	Until  time.Time
	By     string
	Note   string
	SetAt  time.Time
}

// Lease is the right to write under a name; Epoch rises with every taking, and every write checks it.
type Lease struct {
	Name   string
	Holder string
	Epoch  int64
}

// ModelState is a snapshot of one series' model.
type ModelState struct {
	Series string // "site:12:total", "topic:7:3"
	Origin time.Time
	Blob   []byte
}
