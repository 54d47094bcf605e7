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
	ID        string // whk_…
	AccountID int64
	URL       string   // where the address is a secret: its scheme and host only
	SealedURL []byte   // the whole address, encrypted, where it is a secret (Format.SecretAddress)
	Format    Format   // empty: FormatStandard
	Types     []string // empty: all the format carries by itself (Format.Types)
	Sites     []int64  // empty: all
	Secrets   [][]byte // encrypted at rest; newest first, two while rotating; of FormatPagerDuty the routing key

	OldSecretUntil time.Time // when the second secret stops signing; zero: there is one
	DisabledAt     time.Time
	DisabledWhy    string    // what the service disabled it for; empty: a person did, or it is not
	EnabledAt      time.Time // when a person last enabled it again; zero: never
	CreatedAt      time.Time
}

// Format is how an endpoint's messages look.
type Format string

// The formats.
const (
	FormatStandard     Format = "standard"     // Standard Webhooks 1.0.0
	FormatCloudEvents  Format = "cloudevents"  // the same body, sent as application/cloudevents+json
	FormatAlertmanager Format = "alertmanager" // what Prometheus Alertmanager sends its receivers, version 4
	FormatPagerDuty    Format = "pagerduty"    // PagerDuty Events v2
	FormatSlack        Format = "slack"        // Slack incoming webhook
)

// Formats lists them.
func Formats() []Format {
	return []Format{FormatStandard, FormatCloudEvents, FormatAlertmanager, FormatPagerDuty, FormatSlack}
}

// SecretAddress reports whether who knows the address may write there: it is encrypted at rest and only
// its host is shown.
func (f Format) SecretAddress() bool { return f == FormatSlack || f == FormatAlertmanager }

// Signed reports whether messages carry a Standard Webhooks signature.
func (f Format) Signed() bool { return f != FormatSlack && f != FormatPagerDuty }

// Latest reports whether only the newest message of a subject says how things stand: an alert that comes
// after its end would never end, so a newer message takes the place of an older one not yet delivered.
func (f Format) Latest() bool { return f == FormatAlertmanager || f == FormatPagerDuty }

// Carries reports whether a format has a shape for a type: what is no incident does not page.
func (f Format) Carries(kind string) bool {
	if f == FormatAlertmanager || f == FormatPagerDuty {
		return kind != TypeRecommendationChanged && kind != TypeWebhookDisabled && kind != TypeSourceGap &&
			(kind != TypeSurgeAcknowledged || f == FormatPagerDuty)
	}
	return true
}

// Types is what an endpoint of the format hears when it does not say: nil is everything. People in a
// chat are not told every step of a scaler.
func (f Format) Types() []string {
	if f == FormatStandard || f == FormatCloudEvents || f == "" {
		return nil
	}
	var some []string
	for _, t := range MessageTypes() {
		if f.Carries(t) && t != TypeRecommendationChanged {
			some = append(some, t)
		}
	}
	return some
}

// MessageTypes lists the webhook types.
func MessageTypes() []string {
	return []string{
		TypeSurgeOpened, TypeSurgeLevelChanged, TypeSurgeAcknowledged, TypeSurgeClosed, TypeRecommendationChanged,
		TypeSourceGap, TypeForecastStale, TypeForecastResumed, TypeWebhookDisabled, TypeTest,
	}
}

// The webhook types.
const (
	TypeSurgeOpened           = "surge.opened"
	TypeSurgeLevelChanged     = "surge.level_changed"
	TypeSurgeAcknowledged     = "surge.acknowledged"
	TypeSurgeClosed           = "surge.closed"
	TypeRecommendationChanged = "recommendation.changed"
	TypeSourceGap             = "source.gap"
	TypeForecastStale         = "forecast.stale"
	TypeForecastResumed       = "forecast.resumed"
	TypeWebhookDisabled       = "webhook.disabled"
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
	About     string // the subject whose newest message counts: a surge, a site's silence; empty: none
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

// SourceLeases begins the name of the lease under which a feed is read, one for each source.
const SourceLeases = "source:"

// ModelState is a snapshot of one series' model.
type ModelState struct {
	Series string // "site:12:total", "run:12:total", "topics:5:17", "topic:7"
	Origin time.Time
	Blob   []byte
}
