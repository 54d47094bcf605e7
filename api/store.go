package api

import (
	"context"
	"time"

	"surgecast"
)

// Store is what the API needs of the store, and no more. Times come from the caller's clock.
type Store interface {
	Ping(ctx context.Context) error
	SchemaVersion(ctx context.Context) (have, want int64, err error)

	CreateKey(ctx context.Context, k surgecast.Key, sha256 [32]byte) (surgecast.Key, error)
	KeyByHash(ctx context.Context, sha256 [32]byte) (surgecast.Key, error)
	KeyUsed(ctx context.Context, id string, at time.Time) error
	Keys(ctx context.Context, account int64, p surgecast.Page) ([]surgecast.Key, string, error)
	DeleteKey(ctx context.Context, account int64, id string) error

	CreateSite(ctx context.Context, s surgecast.Site) (surgecast.Site, error)
	UpdateSite(ctx context.Context, s surgecast.Site) (surgecast.Site, error)
	DeleteSite(ctx context.Context, account int64, slug string) error
	SiteBySlug(ctx context.Context, account int64, slug string) (surgecast.Site, error)
	Sites(ctx context.Context, account int64, p surgecast.Page) ([]surgecast.Site, string, error)
	AllSites(ctx context.Context) ([]surgecast.Site, error)

	CreateTopic(ctx context.Context, t surgecast.Topic) (surgecast.Topic, error)
	UpdateTopic(ctx context.Context, t surgecast.Topic) (surgecast.Topic, error)
	DeleteTopic(ctx context.Context, account int64, slug string) error
	TopicBySlug(ctx context.Context, account int64, slug string) (surgecast.Topic, error)
	Topics(ctx context.Context, account int64, p surgecast.Page) ([]surgecast.Topic, string, error)
	LinkTopic(ctx context.Context, account int64, site, topic string, since time.Time, weight float64) error
	UnlinkTopic(ctx context.Context, account int64, site, topic string) error
	SiteTopics(ctx context.Context) ([]surgecast.SiteTopic, error)
	// PastsOf is how far back a topic reaches, by source.
	PastsOf(ctx context.Context, topicID int64) (map[int64]surgecast.TopicPast, error)

	EnsureSource(ctx context.Context, s surgecast.Source) (surgecast.Source, error)
	Sources(ctx context.Context) ([]surgecast.Source, error)
	PutMentions(ctx context.Context, rows []surgecast.MentionMinute, at time.Time) (surgecast.Written, error)
	Mentions(ctx context.Context, topicID, sourceID int64, from, to time.Time, asFirst bool) ([]surgecast.MentionBucket, error)
	PutTraffic(ctx context.Context, rows []surgecast.TrafficMinute, at time.Time) (surgecast.Written, error)
	Traffic(ctx context.Context, siteID int64, segment string, from, to time.Time) ([]surgecast.TrafficMinute, error)

	// LatestForecasts is the newest row per site and segment; LatestForecastsSince leaves out those
	// issued at t or before.
	LatestForecasts(ctx context.Context) ([]surgecast.SiteForecast, error)
	LatestForecastsSince(ctx context.Context, t time.Time) ([]surgecast.SiteForecast, error)
	// Forecasts are the rows of one site and segment with from ≤ origin < to, by origin.
	Forecasts(ctx context.Context, siteID int64, segment string, from, to time.Time) ([]surgecast.SiteForecast, error)

	EventStore
	LoadTestStore

	Surges(ctx context.Context, account int64, f surgecast.SurgeFilter, p surgecast.Page) ([]surgecast.Surge, string, error)
	AddSurgeMark(ctx context.Context, account int64, m surgecast.SurgeMark) error
	SurgeMarks(ctx context.Context, surgeIDs []string) (map[string][]surgecast.SurgeMark, error)
	SourceHealths(ctx context.Context) ([]surgecast.SourceHealth, error)
	Gaps(ctx context.Context, sourceID int64, since time.Time) ([]surgecast.SourceGap, error)
	SetLadder(ctx context.Context, site surgecast.Site, rungs []surgecast.Rung) ([]surgecast.Rung, error)
	Ladder(ctx context.Context, siteID int64) ([]surgecast.Rung, error)
	SetNotice(ctx context.Context, n surgecast.Notice) error
	Notices(ctx context.Context, siteID int64, n int) ([]surgecast.Notice, error)
	SurgeByID(ctx context.Context, account int64, id string) (surgecast.Surge, []surgecast.SurgeTransition, error)
	OpenSurges(ctx context.Context) ([]surgecast.Surge, error)

	Overrides(ctx context.Context) ([]surgecast.Override, error)
	SetOverride(ctx context.Context, o surgecast.Override) error
	ClearOverride(ctx context.Context, siteID int64, by string, at time.Time) error
	Frozen(ctx context.Context, account int64) (bool, error)
	SetFrozen(ctx context.Context, account int64, frozen bool, by string, at time.Time) error
	AddDecision(ctx context.Context, d surgecast.Decision) error
	Decisions(ctx context.Context, siteID int64, p surgecast.Page) ([]surgecast.Decision, string, error)
	ModeChanges(ctx context.Context, siteID int64, p surgecast.Page) ([]surgecast.ModeChange, string, error)
	// LastWeek is the last week a site in act was judged by; ErrNotFound when it never was.
	LastWeek(ctx context.Context, siteID int64) (w surgecast.Week, judgedAt time.Time, err error)

	CreateWebhook(ctx context.Context, w surgecast.Webhook) (surgecast.Webhook, error)
	UpdateWebhook(ctx context.Context, w surgecast.Webhook) (surgecast.Webhook, error)
	WebhookByID(ctx context.Context, account int64, id string) (surgecast.Webhook, error)
	Webhooks(ctx context.Context, account int64, p surgecast.Page) ([]surgecast.Webhook, string, error)
	DeleteWebhook(ctx context.Context, account int64, id string) error
	RotateWebhook(ctx context.Context, account int64, id string, sealed []byte, oldUntil time.Time) (surgecast.Webhook, error)
	Delivery(ctx context.Context, id string) (surgecast.Delivery, error) // of whatever account
	Attempts(ctx context.Context, account int64, deliveryID string) ([]surgecast.DeliveryAttempt, error)
	EnqueueTest(ctx context.Context, account int64, webhookID string, at time.Time) (surgecast.Delivery, error)
	Deliveries(ctx context.Context, account int64, webhookID string, p surgecast.Page) ([]surgecast.Delivery, string, error)
	RetryDelivery(ctx context.Context, account int64, id string) error
}
