package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"surgecast"
)

// fakeStore keeps everything in memory. The real one is tested against PostgreSQL in store, and both
// together end to end elsewhere; here only the API's side of the contract is in question.
type fakeStore struct {
	mu         sync.Mutex
	err        error // answered by every method while set
	ids        int64
	keys       map[[32]byte]surgecast.Key
	keyNotes   int
	keyReads   int
	sites      []surgecast.Site
	modes      []surgecast.ModeChange
	week       *surgecast.Week // the last that was judged; nil: none
	topics     []surgecast.Topic
	links      []surgecast.SiteTopic
	pasts      map[[2]int64]surgecast.TopicPast // by topic and source
	sources    []surgecast.Source
	mentions   map[[2]int64]map[time.Time]surgecast.MentionMinute
	traffic    map[string]surgecast.TrafficMinute
	forecasts  []surgecast.SiteForecast
	surges     []surgecast.Surge
	moves      map[string][]surgecast.SurgeTransition
	overrides  map[int64]surgecast.Override
	frozen     map[int64]bool
	decisions  []surgecast.Decision
	webhooks   []surgecast.Webhook
	deliveries []surgecast.Delivery
	attempts   []surgecast.DeliveryAttempt
	marks      map[string][]surgecast.SurgeMark
	notices    map[int64][]surgecast.Notice
	ladders    map[int64][]surgecast.Rung
	healths    []surgecast.SourceHealth
	gaps       []surgecast.SourceGap
	queries    int
	events     []surgecast.PlannedEvent
	loadTests  []surgecast.LoadTest
	measured   []surgecast.CapacityChange
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		keys: map[[32]byte]surgecast.Key{}, mentions: map[[2]int64]map[time.Time]surgecast.MentionMinute{},
		traffic: map[string]surgecast.TrafficMinute{}, moves: map[string][]surgecast.SurgeTransition{},
		overrides: map[int64]surgecast.Override{}, frozen: map[int64]bool{},
		marks: map[string][]surgecast.SurgeMark{}, notices: map[int64][]surgecast.Notice{}, ladders: map[int64][]surgecast.Rung{},
	}
}

// in begins a method: it counts, and hands out the error that was ordered.
func (f *fakeStore) in() (func(), error) {
	f.mu.Lock()
	f.queries++
	return f.mu.Unlock, f.err
}

func (f *fakeStore) id() int64 { f.ids++; return f.ids }

func (f *fakeStore) asked() int { f.mu.Lock(); defer f.mu.Unlock(); return f.queries }

func (f *fakeStore) fail(err error) { f.mu.Lock(); defer f.mu.Unlock(); f.err = err }

func part[T any](all []T, p surgecast.Page, key func(T) string) ([]T, string, error) {
	var out []T
	for _, x := range all {
		if p.After != "" && key(x) <= p.After {
			continue
		}
		if p.Limit > 0 && len(out) == p.Limit {
			return out, key(out[len(out)-1]), nil
		}
		out = append(out, x)
	}
	return out, "", nil
}

func (f *fakeStore) Ping(context.Context) error { done, err := f.in(); defer done(); return err }
func (f *fakeStore) SchemaVersion(context.Context) (int64, int64, error) {
	done, err := f.in()
	defer done()
	return 7, 7, err
}

func (f *fakeStore) CreateKey(_ context.Context, k surgecast.Key, sum [32]byte) (surgecast.Key, error) {
	done, err := f.in()
	defer done()
	k.ID = surgecast.NewID("key_")
	f.keys[sum] = k
	return k, err
}

func (f *fakeStore) KeyByHash(_ context.Context, sum [32]byte) (surgecast.Key, error) {
	done, err := f.in()
	defer done()
	f.keyReads++
	k, ok := f.keys[sum]
	if err == nil && !ok {
		err = surgecast.ErrNotFound
	}
	return k, err
}

func (f *fakeStore) KeyUsed(_ context.Context, id string, at time.Time) error {
	done, err := f.in()
	defer done()
	for sum, k := range f.keys {
		if k.ID == id {
			k.LastUsedAt = at
			f.keys[sum] = k
			f.keyNotes++
		}
	}
	return err
}

func (f *fakeStore) Keys(_ context.Context, account int64, p surgecast.Page) ([]surgecast.Key, string, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return nil, "", err
	}
	var all []surgecast.Key
	for _, k := range f.keys {
		if k.AccountID == account {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b surgecast.Key) int { return cmp.Compare(a.ID, b.ID) })
	return part(all, p, func(k surgecast.Key) string { return k.ID })
}

func (f *fakeStore) DeleteKey(_ context.Context, account int64, id string) error {
	done, err := f.in()
	defer done()
	for sum, k := range f.keys {
		if k.ID == id && k.AccountID == account {
			delete(f.keys, sum)
			return err
		}
	}
	return surgecast.ErrNotFound
}

func (f *fakeStore) CreateSite(_ context.Context, s surgecast.Site) (surgecast.Site, error) {
	done, err := f.in()
	defer done()
	for _, o := range f.sites {
		if o.AccountID == s.AccountID && o.Slug == s.Slug {
			return s, surgecast.ErrExists
		}
	}
	s.ID = f.id()
	f.sites = append(f.sites, s)
	return s, err
}

func (f *fakeStore) UpdateSite(_ context.Context, s surgecast.Site) (surgecast.Site, error) {
	done, err := f.in()
	defer done()
	for i := range f.sites {
		if f.sites[i].ID == s.ID {
			if !s.ModeSince.IsZero() && !s.ModeSince.Equal(f.sites[i].ModeSince) {
				return s, surgecast.ErrConflict
			}
			f.sites[i] = s
			return s, err
		}
	}
	return s, surgecast.ErrNotFound
}

func (f *fakeStore) ModeChanges(context.Context, int64, surgecast.Page) ([]surgecast.ModeChange, string, error) {
	done, err := f.in()
	defer done()
	return f.modes, "", err
}

func (f *fakeStore) LastWeek(context.Context, int64) (surgecast.Week, time.Time, error) {
	done, err := f.in()
	defer done()
	if f.week == nil {
		return surgecast.Week{}, time.Time{}, surgecast.ErrNotFound
	}
	return *f.week, f.week.To, err
}

func (f *fakeStore) DeleteSite(_ context.Context, account int64, slug string) error {
	done, err := f.in()
	defer done()
	n := len(f.sites)
	f.sites = slices.DeleteFunc(f.sites, func(s surgecast.Site) bool { return s.AccountID == account && s.Slug == slug })
	if len(f.sites) == n {
		return surgecast.ErrNotFound
	}
	return err
}

func (f *fakeStore) SiteBySlug(_ context.Context, account int64, slug string) (surgecast.Site, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return surgecast.Site{}, err
	}
	for _, s := range f.sites {
		if s.AccountID == account && s.Slug == slug {
			return s, nil
		}
	}
	return surgecast.Site{}, surgecast.ErrNotFound
}

func (f *fakeStore) Sites(_ context.Context, account int64, p surgecast.Page) ([]surgecast.Site, string, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return nil, "", err
	}
	var all []surgecast.Site
	for _, s := range f.sites {
		if s.AccountID == account {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b surgecast.Site) int { return cmp.Compare(a.Slug, b.Slug) })
	return part(all, p, func(s surgecast.Site) string { return s.Slug })
}

func (f *fakeStore) AllSites(context.Context) ([]surgecast.Site, error) {
	done, err := f.in()
	defer done()
	return slices.Clone(f.sites), err
}

func (f *fakeStore) CreateTopic(_ context.Context, t surgecast.Topic) (surgecast.Topic, error) {
	done, err := f.in()
	defer done()
	for _, o := range f.topics {
		if o.AccountID == t.AccountID && o.Slug == t.Slug {
			return t, surgecast.ErrExists
		}
	}
	t.ID = f.id()
	f.topics = append(f.topics, t)
	return t, err
}

func (f *fakeStore) UpdateTopic(_ context.Context, t surgecast.Topic) (surgecast.Topic, error) {
	done, err := f.in()
	defer done()
	for i := range f.topics {
		if f.topics[i].ID == t.ID {
			f.topics[i] = t
			return t, err
		}
	}
	return t, surgecast.ErrNotFound
}

func (f *fakeStore) DeleteTopic(_ context.Context, account int64, slug string) error {
	done, err := f.in()
	defer done()
	f.topics = slices.DeleteFunc(f.topics, func(t surgecast.Topic) bool { return t.AccountID == account && t.Slug == slug })
	return err
}

func (f *fakeStore) TopicBySlug(_ context.Context, account int64, slug string) (surgecast.Topic, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return surgecast.Topic{}, err
	}
	for _, t := range f.topics {
		if t.AccountID == account && t.Slug == slug {
			return t, nil
		}
	}
	return surgecast.Topic{}, surgecast.ErrNotFound
}

func (f *fakeStore) Topics(_ context.Context, account int64, p surgecast.Page) ([]surgecast.Topic, string, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return nil, "", err
	}
	var all []surgecast.Topic
	for _, t := range f.topics {
		if t.AccountID == account {
			all = append(all, t)
		}
	}
	return part(all, p, func(t surgecast.Topic) string { return t.Slug })
}

func (f *fakeStore) LinkTopic(_ context.Context, account int64, site, topic string, since time.Time, weight float64) error {
	done, err := f.in()
	defer done()
	l := surgecast.SiteTopic{Since: since, Weight: weight}
	for _, s := range f.sites {
		if s.AccountID == account && s.Slug == site {
			l.SiteID = s.ID
		}
	}
	for _, t := range f.topics {
		if t.AccountID == account && t.Slug == topic {
			l.TopicID = t.ID
		}
	}
	f.links = append(f.links, l)
	return err
}

func (f *fakeStore) UnlinkTopic(context.Context, int64, string, string) error {
	done, err := f.in()
	defer done()
	f.links = nil
	return err
}

func (f *fakeStore) SiteTopics(context.Context) ([]surgecast.SiteTopic, error) {
	done, err := f.in()
	defer done()
	return slices.Clone(f.links), err
}

func (f *fakeStore) PastsOf(_ context.Context, topic int64) (map[int64]surgecast.TopicPast, error) {
	done, err := f.in()
	defer done()
	out := map[int64]surgecast.TopicPast{}
	for k, p := range f.pasts {
		if k[0] == topic {
			out[k[1]] = p
		}
	}
	return out, err
}

func (f *fakeStore) EnsureSource(_ context.Context, s surgecast.Source) (surgecast.Source, error) {
	done, err := f.in()
	defer done()
	for _, o := range f.sources {
		if o.Slug == s.Slug {
			return o, err
		}
	}
	s.ID = f.id()
	f.sources = append(f.sources, s)
	return s, err
}

func (f *fakeStore) Sources(context.Context) ([]surgecast.Source, error) {
	done, err := f.in()
	defer done()
	return slices.Clone(f.sources), err
}

func (f *fakeStore) PutMentions(_ context.Context, rows []surgecast.MentionMinute, _ time.Time) (surgecast.Written, error) {
	done, err := f.in()
	defer done()
	var w surgecast.Written
	if err != nil {
		return w, err
	}
	for _, r := range rows {
		k := [2]int64{r.TopicID, r.SourceID}
		if f.mentions[k] == nil {
			f.mentions[k] = map[time.Time]surgecast.MentionMinute{}
		}
		old, ok := f.mentions[k][r.Minute]
		switch {
		case !ok:
			w.Inserted++
		case old == r:
			w.Unchanged++
		default:
			w.Changed++
		}
		f.mentions[k][r.Minute] = r
	}
	return w, nil
}

func (f *fakeStore) Mentions(_ context.Context, topic, source int64, from, to time.Time, _ bool) ([]surgecast.MentionBucket, error) {
	done, err := f.in()
	defer done()
	var out []surgecast.MentionBucket
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		m, ok := f.mentions[[2]int64{topic, source}][at]
		out = append(out, surgecast.MentionBucket{TopicID: topic, SourceID: source, Minute: at, Raw: m.Raw, Organic: m.Organic, Authors: m.Authors, Missing: !ok})
	}
	return out, err
}

func (f *fakeStore) PutTraffic(_ context.Context, rows []surgecast.TrafficMinute, _ time.Time) (surgecast.Written, error) {
	done, err := f.in()
	defer done()
	var w surgecast.Written
	if err != nil {
		return w, err
	}
	for _, r := range rows {
		k := r.Segment + r.Minute.String()
		old, ok := f.traffic[k]
		switch {
		case !ok:
			w.Inserted++
		case old == r:
			w.Unchanged++
		default:
			w.Changed++
		}
		f.traffic[k] = r
	}
	return w, nil
}

func (f *fakeStore) Traffic(_ context.Context, site int64, segment string, from, to time.Time) ([]surgecast.TrafficMinute, error) {
	done, err := f.in()
	defer done()
	var out []surgecast.TrafficMinute
	for _, r := range f.traffic {
		if r.SiteID == site && r.Segment == segment && !r.Minute.Before(from) && r.Minute.Before(to) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b surgecast.TrafficMinute) int { return a.Minute.Compare(b.Minute) })
	return out, err
}

func (f *fakeStore) LatestForecasts(context.Context) ([]surgecast.SiteForecast, error) {
	return f.newest(time.Time{})
}

func (f *fakeStore) LatestForecastsSince(_ context.Context, t time.Time) ([]surgecast.SiteForecast, error) {
	return f.newest(t)
}

func (f *fakeStore) newest(after time.Time) ([]surgecast.SiteForecast, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return nil, err
	}
	by := map[forecastKey]surgecast.SiteForecast{}
	for _, x := range f.forecasts {
		k := forecastKey{x.SiteID, x.Segment}
		if x.IssuedAt.After(after) && !x.IssuedAt.Before(by[k].IssuedAt) {
			by[k] = x
		}
	}
	var out []surgecast.SiteForecast
	for _, x := range by {
		out = append(out, x)
	}
	return out, nil
}

func (f *fakeStore) Forecasts(_ context.Context, site int64, segment string, from, to time.Time) ([]surgecast.SiteForecast, error) {
	done, err := f.in()
	defer done()
	var out []surgecast.SiteForecast
	for _, x := range f.forecasts {
		if x.SiteID == site && x.Segment == segment && !x.Origin.Before(from) && x.Origin.Before(to) {
			out = append(out, x)
		}
	}
	return out, err
}

func (f *fakeStore) Surges(_ context.Context, account int64, filter surgecast.SurgeFilter, p surgecast.Page) ([]surgecast.Surge, string, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return nil, "", err
	}
	var all []surgecast.Surge
	for _, s := range f.surges {
		if s.AccountID == account && (len(filter.SiteIDs) == 0 || slices.Contains(filter.SiteIDs, s.SiteID)) &&
			(filter.TopicID == 0 || filter.TopicID == s.TopicID) && (!filter.Open || s.ClosedAt.IsZero()) {
			all = append(all, s)
		}
	}
	return part(all, p, func(s surgecast.Surge) string { return s.ID })
}

func (f *fakeStore) SurgeByID(_ context.Context, account int64, id string) (surgecast.Surge, []surgecast.SurgeTransition, error) {
	done, err := f.in()
	defer done()
	for _, s := range f.surges {
		if s.AccountID == account && s.ID == id {
			return s, f.moves[id], err
		}
	}
	return surgecast.Surge{}, nil, surgecast.ErrNotFound
}

func (f *fakeStore) OpenSurges(context.Context) ([]surgecast.Surge, error) {
	done, err := f.in()
	defer done()
	var out []surgecast.Surge
	for _, s := range f.surges {
		if s.ClosedAt.IsZero() {
			out = append(out, s)
		}
	}
	return out, err
}

func (f *fakeStore) Overrides(context.Context) ([]surgecast.Override, error) {
	done, err := f.in()
	defer done()
	var out []surgecast.Override
	for _, o := range f.overrides {
		out = append(out, o)
	}
	return out, err
}

func (f *fakeStore) SetOverride(_ context.Context, o surgecast.Override) error {
	done, err := f.in()
	defer done()
	f.overrides[o.SiteID] = o
	return err
}

func (f *fakeStore) ClearOverride(_ context.Context, site int64, _ string, _ time.Time) error {
	done, err := f.in()
	defer done()
	delete(f.overrides, site)
	return err
}

func (f *fakeStore) Frozen(_ context.Context, account int64) (bool, error) {
	done, err := f.in()
	defer done()
	return f.frozen[account], err
}

func (f *fakeStore) SetFrozen(_ context.Context, account int64, frozen bool, _ string, _ time.Time) error {
	done, err := f.in()
	defer done()
	f.frozen[account] = frozen
	return err
}

func (f *fakeStore) AddDecision(_ context.Context, d surgecast.Decision) error {
	done, err := f.in()
	defer done()
	if err == nil {
		f.decisions = append(f.decisions, d)
	}
	return err
}

func (f *fakeStore) Decisions(_ context.Context, site int64, p surgecast.Page) ([]surgecast.Decision, string, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return nil, "", err
	}
	var all []surgecast.Decision
	for _, d := range f.decisions {
		if d.SiteID == site {
			all = append(all, d)
		}
	}
	return part(all, p, func(d surgecast.Decision) string { return d.At.String() })
}

func (f *fakeStore) CreateWebhook(_ context.Context, w surgecast.Webhook) (surgecast.Webhook, error) {
	done, err := f.in()
	defer done()
	w.ID = surgecast.NewID("whk_")
	f.webhooks = append(f.webhooks, w)
	return w, err
}

func (f *fakeStore) UpdateWebhook(_ context.Context, w surgecast.Webhook) (surgecast.Webhook, error) {
	done, err := f.in()
	defer done()
	for i := range f.webhooks {
		if f.webhooks[i].ID == w.ID {
			f.webhooks[i] = w
		}
	}
	return w, err
}

func (f *fakeStore) WebhookByID(_ context.Context, account int64, id string) (surgecast.Webhook, error) {
	done, err := f.in()
	defer done()
	for _, w := range f.webhooks {
		if w.ID == id && w.AccountID == account {
			return w, err
		}
	}
	return surgecast.Webhook{}, surgecast.ErrNotFound
}

func (f *fakeStore) Webhooks(_ context.Context, account int64, p surgecast.Page) ([]surgecast.Webhook, string, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return nil, "", err
	}
	var all []surgecast.Webhook
	for _, w := range f.webhooks {
		if w.AccountID == account {
			all = append(all, w)
		}
	}
	return part(all, p, func(w surgecast.Webhook) string { return w.ID })
}

func (f *fakeStore) DeleteWebhook(_ context.Context, account int64, id string) error {
	done, err := f.in()
	defer done()
	f.webhooks = slices.DeleteFunc(f.webhooks, func(w surgecast.Webhook) bool { return w.ID == id && w.AccountID == account })
	return err
}

func (f *fakeStore) EnqueueTest(_ context.Context, account int64, id string, at time.Time) (surgecast.Delivery, error) {
	done, err := f.in()
	defer done()
	d := surgecast.Delivery{ID: surgecast.NewID("dlv_"), AccountID: account, WebhookID: id, Type: surgecast.TypeTest, Body: []byte(`{"type":"test"}`), Status: surgecast.DeliveryPending, CreatedAt: at}
	f.deliveries = append(f.deliveries, d)
	return d, err
}

func (f *fakeStore) Deliveries(_ context.Context, account int64, id string, p surgecast.Page) ([]surgecast.Delivery, string, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return nil, "", err
	}
	var all []surgecast.Delivery
	for _, d := range f.deliveries {
		if d.AccountID == account && d.WebhookID == id {
			all = append(all, d)
		}
	}
	return part(all, p, func(d surgecast.Delivery) string { return d.ID })
}

func (f *fakeStore) RotateWebhook(_ context.Context, account int64, id string, sealed []byte, oldUntil time.Time) (surgecast.Webhook, error) {
	done, err := f.in()
	defer done()
	for i, w := range f.webhooks {
		if w.ID == id && w.AccountID == account {
			if w.Secrets = [][]byte{sealed, w.Secrets[0]}; oldUntil.IsZero() {
				w.Secrets = w.Secrets[:1]
			}
			w.OldSecretUntil = oldUntil
			f.webhooks[i] = w
			return w, err
		}
	}
	return surgecast.Webhook{}, surgecast.ErrNotFound
}

func (f *fakeStore) Delivery(_ context.Context, id string) (surgecast.Delivery, error) {
	done, err := f.in()
	defer done()
	for _, d := range f.deliveries {
		if d.ID == id {
			return d, err
		}
	}
	return surgecast.Delivery{}, surgecast.ErrNotFound
}

func (f *fakeStore) Attempts(_ context.Context, account int64, id string) ([]surgecast.DeliveryAttempt, error) {
	done, err := f.in()
	defer done()
	var all []surgecast.DeliveryAttempt
	for _, a := range f.attempts {
		if a.DeliveryID == id && account == surgecast.DefaultAccount {
			all = append(all, a)
		}
	}
	return all, err
}

func (f *fakeStore) RetryDelivery(_ context.Context, account int64, id string) error {
	done, err := f.in()
	defer done()
	for _, d := range f.deliveries {
		if d.AccountID == account && d.ID == id {
			return err
		}
	}
	return surgecast.ErrNotFound
}

// begin is when every test begins: 14:20 of a day, as on UX's pages.
var begin = time.Date(2026, 9, 14, 14, 20, 0, 0, time.UTC)

// testServer is a server over a fake store, with a clock the test turns.
type testServer struct {
	*Server
	t     testing.TB
	store *fakeStore
	mu    sync.Mutex
	at    time.Time
	logs  *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}
func (b *syncBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func newTest(t testing.TB, change ...func(*Config)) *testServer {
	t.Helper()
	ts := &testServer{t: t, store: newFakeStore(), at: begin, logs: &syncBuffer{}}
	c := Config{
		Store: ts.store, Clock: ts.clock, Wall: ts.clock, Version: "test",
		Logger:      slog.New(slog.NewJSONHandler(ts.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Interpolate: straight,
		SealSecret:  func(plain []byte) ([]byte, error) { return append([]byte("sealed:"), plain...), nil },
	}
	c.Senders, c.OpenSecret = &fakeSenders{}, func(sealed []byte) ([]byte, error) { return bytes.TrimPrefix(sealed, []byte("sealed:")), nil }
	for _, f := range change {
		f(&c)
	}
	ts.Server = New(c)
	return ts
}

func keyless(c *Config) { c.Keyless = true }

func (ts *testServer) clock() time.Time { ts.mu.Lock(); defer ts.mu.Unlock(); return ts.at }

func (ts *testServer) pass(d time.Duration) { ts.mu.Lock(); defer ts.mu.Unlock(); ts.at = ts.at.Add(d) }

// straight interpolates linearly between leads: the API's own rule is none, the model brings it.
func straight(dst []float64, leads []int, q [][]float64, _ []float64, _, lead float64) {
	i := 0
	for i < len(leads)-2 && float64(leads[i+1]) < lead {
		i++
	}
	w := (lead - float64(leads[i])) / float64(leads[i+1]-leads[i])
	w = math.Max(0, math.Min(1, w))
	for k := range dst {
		dst[k] = q[i][k]*(1-w) + q[i+1][k]*w
	}
}

// key makes a key of an account.
func (ts *testServer) key(account int64, scope surgecast.Scope, sites ...int64) string {
	ts.t.Helper()
	key, sum := NewKey()
	_, err := ts.store.CreateKey(context.Background(), surgecast.Key{AccountID: account, Name: "test", Prefix: KeyPrefix(key), Scopes: []surgecast.Scope{scope}, Sites: sites}, sum)
	if err != nil {
		ts.t.Fatal(err)
	}
	return key
}

// site makes a site: 6 units of 200 requests a minute, at least 4, at most 40.
func (ts *testServer) site(account int64, slug string, change ...func(*surgecast.Site)) surgecast.Site {
	ts.t.Helper()
	s := surgecast.Site{
		AccountID: account, Slug: slug, Name: "Nordlicht Tickets", Mode: surgecast.ModeAct, CreatedAt: begin, UpdatedAt: begin,
		Capacity: surgecast.CapacityProfile{Units: 6, MinUnits: 4, MaxUnits: 40, RPMPerUnit: 200, LeadTimeP95Seconds: 540, CostLostRequest: .02, CostIdleUnitHour: .5, Currency: "EUR"},
	}
	s.Default()
	for _, f := range change {
		f(&s)
	}
	s, err := ts.store.CreateSite(context.Background(), s)
	if err != nil {
		ts.t.Fatal(err)
	}
	ts.memory.put(s)
	return s
}

// forecastOf is an alert: 13 units asked for, issued now, of the minute before the last.
func (ts *testServer) forecastOf(s surgecast.Site, change ...func(*surgecast.SiteForecast)) surgecast.SiteForecast {
	now := ts.clock()
	f := surgecast.SiteForecast{
		ID: surgecast.NewID("fct_"), SiteID: s.ID, Segment: surgecast.TotalSegment,
		Origin: now.Truncate(time.Minute).Add(-time.Minute), IssuedAt: now, ValidUntil: now.Add(15 * time.Minute), StepSeconds: 60,
		LeadMinutes: surgecast.LeadMinutes[:], Levels: surgecast.Levels[:], HorizonMinutes: surgecast.HorizonMinutes[:],
		Risk:    []float64{.05, .2, .45, .6, .65, .7, .7, .75},
		GridRPM: []float64{800, 1200, 2600}, ProfileStepMinutes: 30, ProfileRPM: make([]float64, 49),
		PeakDotsRPM: []float64{900, 1100, 1300}, BreachDotsMinutes: []float64{30, 45, math.NaN()},
		TimeToBreachMinutes: []float64{21, 35, 50, math.NaN(), math.NaN()}, ActBy: now.Add(21 * time.Minute),
		DemandRPM: 640, CapacityRPM: 1200, Units: 6, RPMPerUnit: 200, LeadTimeP95Seconds: 540, Alpha: .95,
		Recommendation: surgecast.Recommendation{
			ID: "rec_1", Sequence: 7, Units: 13, WouldBeUnits: 13, PreviousUnits: 6, MinUnits: 4, MaxUnits: 40,
			DemandRPM: 2580, Alpha: .95, Reason: "forecast", Detail: "13 units carry 19 in 20.", IssuedAt: now, ValidUntil: now.Add(15 * time.Minute),
			CostActing: 6, CostWaiting: 540, Plan: []surgecast.Step{{At: now, Units: 13}, {At: now.Add(2 * time.Hour), Units: 9}},
		},
		State:        surgecast.StateAlert,
		Verdict:      surgecast.Verdict{State: surgecast.StateAlert, Headline: "Add 7 units by 14:41.", Sentence: "About even chance (60 %) that …", Word: "about even chance", ShownPercent: "60 %", ShownValue: 60, Overview: "Add 7 units"},
		Fed:          []surgecast.Fed{{Minute: now.Add(-2 * time.Minute), Value: 640}, {Minute: now.Add(-time.Minute), Value: math.NaN()}},
		ModelVersion: "test-1",
	}
	for range f.LeadMinutes {
		q := make([]float64, len(f.Levels))
		for k := range q {
			q[k] = 500 + 100*float64(k)
		}
		f.QuantilesRPM = append(f.QuantilesRPM, q)
	}
	for range f.HorizonMinutes {
		f.RiskGrid = append(f.RiskGrid, []float64{.9, .6, .05})
	}
	for _, g := range change {
		g(&f)
	}
	return f
}

// told puts a forecast where a sweep would.
func (ts *testServer) told(s surgecast.Site, change ...func(*surgecast.SiteForecast)) surgecast.SiteForecast {
	f := ts.forecastOf(s, change...)
	ts.store.mu.Lock()
	ts.store.forecasts = append(ts.store.forecasts, f)
	ts.store.mu.Unlock()
	ts.Publish(f)
	return f
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// json reads the body into a tree.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("not JSON: %v: %s", err, a.body)
	}
	return m
}

// ask sends a request from this machine. headers are name, value, name, value …
func (ts *testServer) ask(method, target, body string, headers ...string) answer {
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, in)
	r.Host, r.RemoteAddr = "localhost:8080", "127.0.0.1:50000"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		switch headers[i] {
		case "Host":
			r.Host = headers[i+1]
		case "RemoteAddr":
			r.RemoteAddr = headers[i+1]
		default:
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	ts.Handler().ServeHTTP(w, r)
	return answer{w.Code, w.Result().Header, w.Body.String()}
}

func sumOf(key string) [32]byte { return sha256.Sum256([]byte(key)) }

func (f *fakeStore) AddSurgeMark(_ context.Context, account int64, m surgecast.SurgeMark) error {
	done, err := f.in()
	defer done()
	if err != nil {
		return err
	}
	for _, s := range f.surges {
		if s.ID == m.SurgeID && s.AccountID == account {
			f.marks[m.SurgeID] = append(f.marks[m.SurgeID], m)
			return nil
		}
	}
	return surgecast.ErrNotFound
}

func (f *fakeStore) SurgeMarks(_ context.Context, ids []string) (map[string][]surgecast.SurgeMark, error) {
	done, err := f.in()
	defer done()
	out := map[string][]surgecast.SurgeMark{}
	for _, id := range ids {
		out[id] = slices.Clone(f.marks[id])
	}
	return out, err
}

func (f *fakeStore) SetNotice(_ context.Context, n surgecast.Notice) error {
	done, err := f.in()
	defer done()
	if err == nil {
		f.notices[n.SiteID] = append([]surgecast.Notice{n}, f.notices[n.SiteID]...)
	}
	return err
}

func (f *fakeStore) Notices(_ context.Context, site int64, n int) ([]surgecast.Notice, error) {
	done, err := f.in()
	defer done()
	ns := f.notices[site]
	return slices.Clone(ns[:min(n, len(ns))]), err
}

func (f *fakeStore) SetLadder(_ context.Context, site surgecast.Site, rungs []surgecast.Rung) ([]surgecast.Rung, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return nil, err
	}
	out := slices.Clone(rungs)
	for i := range out {
		out[i].ID, out[i].SiteID, out[i].Position = surgecast.NewID("rng_"), site.ID, i+1
	}
	f.ladders[site.ID] = out
	return out, nil
}

func (f *fakeStore) Ladder(_ context.Context, site int64) ([]surgecast.Rung, error) {
	done, err := f.in()
	defer done()
	return slices.Clone(f.ladders[site]), err
}

func (f *fakeStore) SourceHealths(context.Context) ([]surgecast.SourceHealth, error) {
	done, err := f.in()
	defer done()
	return slices.Clone(f.healths), err
}

func (f *fakeStore) Gaps(_ context.Context, source int64, since time.Time) ([]surgecast.SourceGap, error) {
	done, err := f.in()
	defer done()
	var out []surgecast.SourceGap
	for _, g := range f.gaps {
		if g.SourceID == source && g.To.After(since) {
			out = append(out, g)
		}
	}
	return out, err
}
