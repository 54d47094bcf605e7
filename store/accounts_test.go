package store_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"surgecast"
)

func TestSiteReadsBack(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	site := surgecast.Site{
		AccountID: 1, Slug: "worldcup", Name: "World Cup", Kind: surgecast.KindVenue, TimeZone: "Europe/Paris", Mode: surgecast.ModeAct, Simulated: true,
		Capacity: surgecast.CapacityProfile{
			Units: 8, MinUnits: 2, MaxUnits: 30, RPMPerUnit: 5000.5, LeadTimeP50Seconds: 300, LeadTimeP95Seconds: 540, SustainMinutes: 3, P95LimitMS: 900,
			CostLostRequest: .002, CostIdleUnitHour: .4, Currency: "EUR", TargetQuantile: .99, AlertProbability: .2, MaxExtraUnitHoursPerDay: 50,
		},
		Segments:  []surgecast.Segment{{Name: "checkout", CapacityRPM: 300, Weight: 8}, {Name: "browse"}},
		CreatedAt: t0,
	}
	made := must[surgecast.Site](t)(s.CreateSite(ctx, site))
	site.ID, site.UpdatedAt, site.ModeSince = made.ID, t0, t0
	if diff := cmp.Diff(site, made); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if _, err := s.CreateSite(ctx, site); !errors.Is(err, surgecast.ErrExists) {
		t.Errorf("the same slug again = %v, want ErrExists", err)
	}
	site.Name, site.Capacity.Units, site.Segments, site.UpdatedAt = "Coupe du monde", 9, nil, minute(5)
	must[surgecast.Site](t)(s.UpdateSite(ctx, site))
	if diff := cmp.Diff(site, must[surgecast.Site](t)(s.SiteBySlug(ctx, 1, "worldcup"))); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}
}

// Another account's thing is not found, whatever is asked of it, and stays as it is.
func TestAccountsDoNotSeeEachOther(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	other := must[surgecast.Account](t)(s.CreateAccount(ctx, surgecast.Account{Slug: "other", Name: "Other"}))
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	topic := must[surgecast.Topic](t)(s.CreateTopic(ctx, aTopic(1, "touchpad", t0)))
	hook := must[surgecast.Webhook](t)(s.CreateWebhook(ctx, surgecast.Webhook{AccountID: 1, URL: "https://example.com", CreatedAt: t0}))
	key := must[surgecast.Key](t)(s.CreateKey(ctx, surgecast.Key{AccountID: 1, Name: "k", Prefix: "sk_", Scopes: []surgecast.Scope{surgecast.ScopeRead}, CreatedAt: t0}, sha256.Sum256([]byte("k"))))
	delivery := must[surgecast.Delivery](t)(s.EnqueueTest(ctx, 1, hook.ID, t0))
	ok(t, s.LinkTopic(ctx, 1, "shop", "touchpad", t0, 1))
	sw := wholeSweep(site, 1, t0)
	sw.Leases = []surgecast.Lease{lease(t, s, "engine/00")}
	ok(t, s.SaveSweep(ctx, sw))

	second := func(_ any, err error) error { return err }
	asked := map[string]func(account int64) error{
		"SiteBySlug":  func(a int64) error { return second(s.SiteBySlug(ctx, a, "shop")) },
		"UpdateSite":  func(a int64) error { site.AccountID = a; return second(s.UpdateSite(ctx, site)) },
		"TopicBySlug": func(a int64) error { return second(s.TopicBySlug(ctx, a, "touchpad")) },
		"UpdateTopic": func(a int64) error { topic.AccountID = a; return second(s.UpdateTopic(ctx, topic)) },
		"LinkTopic":   func(a int64) error { return s.LinkTopic(ctx, a, "shop", "touchpad", t0, .5) },
		"WebhookByID": func(a int64) error { return second(s.WebhookByID(ctx, a, hook.ID)) },
		"UpdateWebhook": func(a int64) error {
			hook.AccountID = a
			return second(s.UpdateWebhook(ctx, hook))
		},
		"EnqueueTest":   func(a int64) error { return second(s.EnqueueTest(ctx, a, hook.ID, t0)) },
		"RetryDelivery": func(a int64) error { return s.RetryDelivery(ctx, a, delivery.ID) },
		"SurgeByID":     func(a int64) error { _, _, err := s.SurgeByID(ctx, a, sw.Surges[0].ID); return err },
		"ForecastByID":  func(a int64) error { return second(s.ForecastByID(ctx, a, sw.Forecasts[0].ID)) },
		// The last, because for the right account they take away what the others ask for.
		"~1 UnlinkTopic":   func(a int64) error { return s.UnlinkTopic(ctx, a, "shop", "touchpad") },
		"~2 DeleteTopic":   func(a int64) error { return s.DeleteTopic(ctx, a, "touchpad") },
		"~3 DeleteSite":    func(a int64) error { return s.DeleteSite(ctx, a, "shop") },
		"~4 DeleteWebhook": func(a int64) error { return s.DeleteWebhook(ctx, a, hook.ID) },
		"~5 DeleteKey":     func(a int64) error { return s.DeleteKey(ctx, a, key.ID) },
	}
	names := make([]string, 0, len(asked))
	for name := range asked {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := asked[name](other.ID); !errors.Is(err, surgecast.ErrNotFound) {
			t.Errorf("%s by another account = %v, want ErrNotFound", name, err)
		}
	}
	for name, n := range map[string]int{
		"Sites":      count(s.Sites(ctx, other.ID, surgecast.Page{})),
		"Topics":     count(s.Topics(ctx, other.ID, surgecast.Page{})),
		"Keys":       count(s.Keys(ctx, other.ID, surgecast.Page{})),
		"Webhooks":   count(s.Webhooks(ctx, other.ID, surgecast.Page{})),
		"Surges":     count(s.Surges(ctx, other.ID, surgecast.SurgeFilter{}, surgecast.Page{})),
		"Deliveries": count(s.Deliveries(ctx, other.ID, "", surgecast.Page{})),
	} {
		if n != 0 {
			t.Errorf("%s shows another account %d rows, want none", name, n)
		}
	}
	// The same slug is free in another account, and each sees its own.
	must[surgecast.Site](t)(s.CreateSite(ctx, aSite(other.ID, "shop")))
	if got := must[surgecast.Site](t)(s.SiteBySlug(ctx, 1, "shop")); got.ID != site.ID {
		t.Errorf("account 1's shop is site %d, want %d", got.ID, site.ID)
	}
	for _, name := range names {
		if err := asked[name](1); err != nil {
			t.Errorf("%s by the owner = %v", name, err)
		}
	}
	must[surgecast.Site](t)(s.SiteBySlug(ctx, other.ID, "shop")) // still there after account 1 deleted its own
}

// count is the length of a list, −1 if it could not be read.
func count[T any](rows []T, _ string, err error) int {
	if err != nil {
		return -1
	}
	return len(rows)
}

// Walking a list by its cursors shows every row once, in order, whatever the size of the parts, also
// when rows come in between.
func TestPages(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	for i := range 7 {
		must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, fmt.Sprintf("s%d", i))))
		must[surgecast.Topic](t)(s.CreateTopic(ctx, aTopic(1, fmt.Sprintf("t%d", i), t0)))
		ok(t, s.AddDecision(ctx, surgecast.Decision{SiteID: 1, At: minute(i), Caller: "hpa", Units: i, StatusCode: 200, Reason: "forecast"}))
	}
	lists := map[string]func(p surgecast.Page) ([]string, string, error){
		"sites": func(p surgecast.Page) ([]string, string, error) {
			rows, next, err := s.Sites(ctx, 1, p)
			return each(rows, func(s surgecast.Site) string { return s.Slug[1:] }), next, err
		},
		"topics": func(p surgecast.Page) ([]string, string, error) {
			rows, next, err := s.Topics(ctx, 1, p)
			return each(rows, func(t surgecast.Topic) string { return t.Slug[1:] }), next, err
		},
		"decisions": func(p surgecast.Page) ([]string, string, error) { // newest first
			rows, next, err := s.Decisions(ctx, 1, p)
			return each(rows, func(d surgecast.Decision) string { return fmt.Sprint(6 - d.Units) }), next, err
		},
	}
	want := []string{"0", "1", "2", "3", "4", "5", "6"}
	for name, list := range lists {
		for size := 1; size <= 8; size++ {
			var got []string
			for p := (surgecast.Page{Limit: size}); ; {
				rows, next, err := list(p)
				ok(t, err)
				if got = append(got, rows...); next == "" {
					break
				}
				p.After = next
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s by %d: %v, want %v", name, size, got, want)
			}
		}
	}
	var field *surgecast.FieldError
	if _, _, err := s.Decisions(ctx, 1, surgecast.Page{After: "x"}); !errors.As(err, &field) {
		t.Errorf("a bad cursor = %v, want a FieldError", err)
	}
}

func each[A, B any](as []A, f func(A) B) []B {
	var out []B
	for _, a := range as {
		out = append(out, f(a))
	}
	return out
}

// A key or webhook bound to a site must not widen to all sites when that one is deleted.
func TestDeletedSiteWidensNothing(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	news := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "news")))
	hash := sha256.Sum256([]byte("k"))
	must[surgecast.Key](t)(s.CreateKey(ctx, surgecast.Key{AccountID: 1, Name: "k", Scopes: []surgecast.Scope{surgecast.ScopeScale}, Sites: []int64{site.ID}, CreatedAt: t0}, hash))
	hook := must[surgecast.Webhook](t)(s.CreateWebhook(ctx, surgecast.Webhook{AccountID: 1, URL: "https://example.com", Sites: []int64{site.ID}, CreatedAt: t0}))
	ok(t, s.DeleteSite(ctx, 1, "shop"))
	if k := must[surgecast.Key](t)(s.KeyByHash(ctx, hash)); !slices.Equal(k.Sites, []int64{site.ID}) {
		t.Errorf("the key is bound to %v, want still %d", k.Sites, site.ID)
	}
	ok(t, s.SaveSweep(ctx, surgecast.Sweep{At: t0, Leases: []surgecast.Lease{lease(t, s, "engine/00")}, Messages: []surgecast.Message{
		{AccountID: 1, SiteID: news.ID, Type: surgecast.TypeSurgeOpened, Timestamp: t0},
	}}))
	if n := count(s.Deliveries(ctx, 1, hook.ID, surgecast.Page{})); n != 0 {
		t.Errorf("%d deliveries about another site, want none", n)
	}
	if again := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop"))); again.ID == site.ID {
		t.Error("the id of a deleted site was used again")
	}
}

func TestOverridesAndFreeze(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	first := surgecast.Override{SiteID: site.ID, Units: 12, Until: minute(60), By: "ana", Note: "sale", SetAt: t0}
	second := surgecast.Override{SiteID: site.ID, Units: 20, Until: minute(90), By: "ben", SetAt: minute(5)}
	ok(t, s.SetOverride(ctx, first))
	ok(t, s.SetOverride(ctx, second))
	if diff := cmp.Diff([]surgecast.Override{second}, must[[]surgecast.Override](t)(s.Overrides(ctx))); diff != "" {
		t.Errorf("overrides (-want +got):\n%s", diff)
	}
	ok(t, s.ClearOverride(ctx, site.ID, "ana", minute(6)))
	if got := must[[]surgecast.Override](t)(s.Overrides(ctx)); len(got) != 0 {
		t.Errorf("overrides after clearing: %v", got)
	}
	log := ask[string](t, pool, `SELECT string_agg(set_by || '>' || cleared_by, ' ' ORDER BY number) FROM override`)
	if log != "ana>ben ben>ana" {
		t.Errorf("audit %q, want who set and who ended each", log)
	}
	if err := s.SetOverride(ctx, surgecast.Override{SiteID: 99, Until: t0, SetAt: t0}); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("override of no site = %v, want ErrNotFound", err)
	}
	for i, want := range []bool{false, true, false} {
		if i > 0 {
			ok(t, s.SetFrozen(ctx, 1, want, "ana", minute(i)))
		}
		if got := must[bool](t)(s.Frozen(ctx, 1)); got != want {
			t.Errorf("step %d: frozen %t, want %t", i, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	hash := sha256.Sum256([]byte("secret"))
	k := must[surgecast.Key](t)(s.CreateKey(ctx, surgecast.Key{
		AccountID: 1, Name: "keda", Prefix: "sk_abc", Scopes: []surgecast.Scope{surgecast.ScopeScale, surgecast.ScopeRead}, CreatedAt: t0,
	}, hash))
	ok(t, s.KeyUsed(ctx, k.ID, minute(3)))
	k.LastUsedAt, k.Sites = minute(3), []int64{}
	if diff := cmp.Diff(k, must[surgecast.Key](t)(s.KeyByHash(ctx, hash))); diff != "" {
		t.Errorf("key (-want +got):\n%s", diff)
	}
	if _, err := s.CreateKey(ctx, surgecast.Key{AccountID: 1, Name: "root", Scopes: []surgecast.Scope{"root"}, CreatedAt: t0}, sha256.Sum256([]byte("x"))); err == nil {
		t.Error("a scope that does not exist was accepted")
	}
	ok(t, s.DeleteKey(ctx, 1, k.ID))
	if _, err := s.KeyByHash(ctx, hash); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("a revoked key = %v, want ErrNotFound", err)
	}
}

func TestStates(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	l := []surgecast.Lease{lease(t, s, "engine/00")}
	ok(t, s.SaveStates(ctx, []surgecast.ModelState{
		{Series: "site:1:total", Origin: t0, Blob: []byte{1}}, {Series: "site:12:total", Origin: t0, Blob: []byte{2}}, {Series: "topic:1:3", Origin: t0, Blob: []byte{3}},
	}, l))
	ok(t, s.SaveStates(ctx, []surgecast.ModelState{{Series: "site:1:total", Origin: minute(10), Blob: []byte{0, 9}}}, l))
	want := []surgecast.ModelState{{Series: "site:12:total", Origin: t0, Blob: []byte{2}}, {Series: "site:1:total", Origin: minute(10), Blob: []byte{0, 9}}}
	if diff := cmp.Diff(want, must[[]surgecast.ModelState](t)(s.States(ctx, "site:"))); diff != "" { // "2" sorts before ":"
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if got := must[[]surgecast.ModelState](t)(s.States(ctx, "site:1:")); len(got) != 1 {
		t.Errorf("%d states of site 1, want 1", len(got))
	}
}

func TestDeliveryLog(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	hook := must[surgecast.Webhook](t)(s.CreateWebhook(ctx, surgecast.Webhook{AccountID: 1, URL: "https://example.com", Secrets: [][]byte{{1, 2}, {3}}, CreatedAt: t0}))
	d := must[surgecast.Delivery](t)(s.EnqueueTest(ctx, 1, hook.ID, t0))
	pending := func() int { return must[int](t)(s.PendingDeliveries(ctx)) }
	if n := pending(); n != 1 {
		t.Errorf("%d deliveries nobody tried, want 1", n)
	}
	attempt := surgecast.DeliveryAttempt{DeliveryID: d.ID, Number: 1, At: minute(1), StatusCode: 500, Error: "500", Excerpt: "oh\x00no\xff", Millis: 12}
	ok(t, s.RecordAttempt(ctx, attempt, surgecast.DeliveryPending, time.Time{}))
	ok(t, s.RecordAttempt(ctx, attempt, surgecast.DeliveryFailed, minute(2))) // a rescued twin with the same number
	if n := pending(); n != 0 {
		t.Errorf("%d deliveries nobody tried, want 0", n)
	}
	got := must[surgecast.Delivery](t)(s.Delivery(ctx, d.ID))
	if got.Status != surgecast.DeliveryFailed || got.Attempts != 2 || !got.DoneAt.Equal(minute(2)) || string(got.Body) != string(d.Body) {
		t.Errorf("delivery = %+v, want failed after 2 attempts", got)
	}
	as := must[[]surgecast.DeliveryAttempt](t)(s.Attempts(ctx, 1, d.ID))
	attempt.Excerpt = "oh\uFFFDno\uFFFD" // PostgreSQL takes neither NUL nor broken UTF-8
	twin := attempt
	twin.Number = 2
	if diff := cmp.Diff([]surgecast.DeliveryAttempt{attempt, twin}, as); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	// The first job is still there, so a retry by hand adds none; when it is done, it does.
	ok(t, s.RetryDelivery(ctx, 1, d.ID))
	if n := ask[int64](t, pool, `SELECT count(*) FROM river.river_job`); n != 1 {
		t.Errorf("%d jobs, want 1", n)
	}
	change(t, pool, `UPDATE river.river_job SET state = 'completed', finalized_at = now()`)
	ok(t, s.RetryDelivery(ctx, 1, d.ID))
	if n := ask[int64](t, pool, `SELECT count(*) FROM river.river_job`); n != 2 {
		t.Errorf("%d jobs, want 2", n)
	}
	if got := must[surgecast.Delivery](t)(s.Delivery(ctx, d.ID)); got.Status != surgecast.DeliveryPending || !got.DoneAt.IsZero() {
		t.Errorf("retried delivery is %s, done %s, want pending", got.Status, got.DoneAt)
	}
	ok(t, s.DisableWebhook(ctx, hook.ID, "it answered 410", minute(9)))
	if got := must[surgecast.Delivery](t)(s.Delivery(ctx, d.ID)); got.Status != surgecast.DeliveryFailed {
		t.Errorf("a delivery to a disabled webhook is %s, want failed", got.Status)
	}
	if w := must[surgecast.Webhook](t)(s.WebhookByID(ctx, 1, hook.ID)); !w.DisabledAt.Equal(minute(9)) || len(w.Secrets) != 2 {
		t.Errorf("webhook = %+v, want disabled at 12:09 with both secrets", w)
	}
}
