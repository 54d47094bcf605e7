package store_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"surgecast"
)

// aForecast fills every field of a row with something, NaN and odd fractions among it.
func aForecast(site int64, segment string, origin time.Time, sequence int64) surgecast.SiteForecast {
	f := surgecast.SiteForecast{
		SiteID: site, Segment: segment, Origin: origin, IssuedAt: origin.Add(61*time.Second + 1234567*time.Nanosecond), ValidUntil: origin.Add(3 * time.Minute), StepSeconds: 60,
		LeadMinutes: surgecast.LeadMinutes[:], Levels: surgecast.Levels[:], HorizonMinutes: surgecast.HorizonMinutes[:],
		GridRPM: []float64{1e3, 1e4, 1e5}, ProfileStepMinutes: 30, ProfileRPM: []float64{1. / 3, 2. / 3},
		PeakDotsRPM: []float64{1, 2}, BreachDotsMinutes: []float64{14, math.NaN()}, TimeToBreachMinutes: []float64{14, 20, math.NaN(), math.NaN(), math.NaN()},
		ActBy: origin.Add(5 * time.Minute), ActByReason: "", LateBySeconds: 7,
		DemandRPM: 1234.5678901234567, CapacityRPM: 40000, Units: 8, RPMPerUnit: 5000, LeadTimeP95Seconds: 540, SustainMinutes: 3,
		CostLostRequest: .1, CostIdleUnitHour: .2, Alpha: .95,
		State: surgecast.StateWatch, Degraded: []string{"mentions"}, ModelVersion: "m1",
		Drivers: []surgecast.Driver{{Name: "posts", Share: 1. / 3, Low: 1e-7, High: .5, DoublingMinutes: 12, Decay: "viral"}},
		Verdict: surgecast.Verdict{State: surgecast.StateWatch, Headline: "Watch", Sentence: "A 40 % chance.", ShownPercent: "40 %", ShownValue: 1e-7, Caveats: []string{"young"}, Horizon: 360},
		Recommendation: surgecast.Recommendation{
			ID: surgecast.NewID("rec_"), Sequence: sequence, Units: 8, WouldBeUnits: 9, PreviousUnits: 8, MinUnits: 1, MaxUnits: 20, DemandRPM: 44000.1, Alpha: .95,
			WindowMinutes: [2]int{9, 24}, Reason: "forecast", Detail: "Because.", IssuedAt: origin.Add(time.Minute), ValidUntil: origin.Add(3 * time.Minute),
			CostActing: math.NaN(), CostWaiting: math.Inf(1), Plan: []surgecast.Step{{At: origin, Units: 9}},
		},
		Fed: []surgecast.Fed{
			{Minute: origin.Add(-time.Minute), Value: math.NaN()},
			{Minute: origin, Value: 1. / 7, Bound: true, Signals: []float64{1, math.NaN(), .1}, Plan: []surgecast.Told{
				{EventID: "evt_1", Kind: surgecast.EventSale, Name: "Sale", StartsAt: origin.Add(time.Hour), EndsAt: origin.Add(72 * time.Hour), Visits: 1. / 3, LogSD: .8},
			}},
		},
	}
	n := 0.
	for range f.LeadMinutes {
		row := make([]float64, len(f.Levels))
		for i := range row {
			n++
			row[i] = n / 3
		}
		f.QuantilesRPM = append(f.QuantilesRPM, row)
	}
	for range f.HorizonMinutes {
		row := make([]float64, len(f.Levels))
		for i := range row {
			n++
			row[i] = n / 7
		}
		f.MaxQuantilesRPM = append(f.MaxQuantilesRPM, row)
		f.Risk = append(f.Risk, n/1e4)
		f.RiskGrid = append(f.RiskGrid, []float64{n / 1e4, n / 1e5, n / 1e6})
	}
	return f
}

// wholeSweep is a sweep with something of everything.
func wholeSweep(site surgecast.Site, sequence int64, origin time.Time) surgecast.Sweep {
	f := aForecast(site.ID, surgecast.TotalSegment, origin, sequence)
	surge := surgecast.Surge{
		ID: surgecast.NewID("srg_"), AccountID: site.AccountID, SiteID: site.ID, Subject: site.Slug, Segment: surgecast.TotalSegment,
		Kind: surgecast.SurgeOverload, State: surgecast.StateWatch, OpenedAt: origin, Peak: 1234, PeakAt: origin,
	}
	return surgecast.Sweep{
		At: origin.Add(time.Minute), Forecasts: []surgecast.SiteForecast{f}, Surges: []surgecast.Surge{surge},
		Transitions: []surgecast.SurgeTransition{{
			SurgeID: surge.ID, At: origin, IssuedAt: origin.Add(time.Minute), From: surgecast.StateCalm, To: surgecast.StateWatch, Probability: math.NaN(),
			ForecastID: f.ID, Headline: "Watch", Sentence: "A 40 % chance.",
		}},
		Messages: []surgecast.Message{
			{AccountID: site.AccountID, SiteID: site.ID, Type: surgecast.TypeSurgeOpened, Data: map[string]any{"surge": surge.ID}, Timestamp: origin.Add(time.Minute)},
			{
				AccountID: site.AccountID, SiteID: site.ID, Type: surgecast.TypeRecommendationChanged, Sequence: sequence,
				Data: map[string]any{"units": 9, "sequence": sequence}, Timestamp: origin.Add(time.Minute), ExpiresAt: origin.Add(3 * time.Minute),
			},
		},
		States: []surgecast.ModelState{{Series: "site:1:total", Origin: origin, Blob: []byte{1, 2, 3}}},
	}
}

// Promise 3: a transition, its recommendation and its deliveries commit together. The delivery, which is
// among the last things written, is made to fail; nothing else may be left.
//
// Fails when SaveSweep calls saveSurges in a transaction of its own (s.inTx).
func TestPromise3SweepCommitsWhole(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	must[surgecast.Webhook](t)(s.CreateWebhook(ctx, surgecast.Webhook{AccountID: 1, URL: "https://example.com", CreatedAt: t0}))
	sw := wholeSweep(site, 1, t0)
	sw.Leases = []surgecast.Lease{lease(t, s, "engine/00")}
	tables := []string{"site_forecast", "ledger_head", "recommendation", "surge", "surge_transition", "delivery", "river.river_job", "model_state"}

	change(t, pool, `ALTER TABLE delivery ADD CONSTRAINT refused CHECK (type <> 'recommendation.changed')`)
	if err := s.SaveSweep(ctx, sw); err == nil {
		t.Fatal("the sweep committed although a delivery could not be written")
	}
	for _, table := range tables {
		if n := ask[int64](t, pool, `SELECT count(*) FROM `+table); n != 0 {
			t.Errorf("%s has %d rows after a failed sweep, want none", table, n)
		}
	}

	change(t, pool, `ALTER TABLE delivery DROP CONSTRAINT refused`)
	ok(t, s.SaveSweep(ctx, sw))
	for _, table := range tables {
		want := int64(1)
		if table == "delivery" || table == "river.river_job" {
			want = 2 // surge.opened and recommendation.changed
		}
		if n := ask[int64](t, pool, `SELECT count(*) FROM `+table); n != want {
			t.Errorf("%s has %d rows, want %d", table, n, want)
		}
	}
	if q := ask[string](t, pool, `SELECT DISTINCT queue FROM river.river_job`); q != "deliver" {
		t.Errorf("jobs in queue %s, want deliver", q)
	}
	if n := ask[int64](t, pool, `SELECT count(*) FROM river.river_job j JOIN delivery d ON d.id = j.args ->> 'delivery_id'`); n != 2 {
		t.Errorf("%d jobs name a delivery, want 2", n)
	}
	ds, _, err := s.Deliveries(ctx, 1, "", surgecast.Page{})
	ok(t, err)
	var body struct {
		Type      string
		Timestamp time.Time
		Data      map[string]any
	}
	ok(t, json.Unmarshal(ds[0].Body, &body)) // newest first
	if body.Type != "recommendation.changed" || body.Data["schema"] != 1. || body.Data["units"] != 9. || !body.Timestamp.Equal(minute(1)) {
		t.Errorf("body %s, want type, timestamp and data with schema 1", ds[0].Body)
	}
	surge, ts, err := s.SurgeByID(ctx, 1, sw.Surges[0].ID)
	ok(t, err)
	if diff := cmp.Diff(sw.Surges[0], surge); diff != "" {
		t.Errorf("surge read back (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(sw.Transitions, ts, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("transitions read back (-want +got):\n%s", diff)
	}
}

func TestForecastReadsBackExactly(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	l := []surgecast.Lease{lease(t, s, "engine/00")}
	full := aForecast(site.ID, surgecast.TotalSegment, t0, 1)
	bare := surgecast.SiteForecast{ // a segment whose capacity is unknown, with nothing to say yet
		SiteID: site.ID, Segment: "checkout", Origin: t0, IssuedAt: minute(1), ValidUntil: minute(3), StepSeconds: 60,
		LeadMinutes: []int{1}, Levels: []float64{.5}, QuantilesRPM: [][]float64{{math.NaN()}}, HorizonMinutes: []int{5}, MaxQuantilesRPM: [][]float64{{math.Inf(1)}},
		State: surgecast.StateCannotTell, Recommendation: surgecast.Recommendation{Plan: nil},
	}
	sw := surgecast.Sweep{At: minute(1), Leases: l, Forecasts: []surgecast.SiteForecast{full, bare}}
	ok(t, s.SaveSweep(ctx, sw))
	ok(t, s.SaveSweep(ctx, surgecast.Sweep{At: minute(2), Leases: l, Forecasts: []surgecast.SiteForecast{aForecast(site.ID, surgecast.TotalSegment, minute(1), 1)}}))

	for _, want := range sw.Forecasts {
		got, err := s.Forecasts(ctx, site.ID, want.Segment, t0, minute(1))
		ok(t, err)
		if len(got) != 1 {
			t.Fatalf("%d rows of %s, want 1", len(got), want.Segment)
		}
		if diff := cmp.Diff(want, got[0], cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s read back (-want +got):\n%s", want.Segment, diff)
		}
		if !got[0].Intact() {
			t.Errorf("%s read back does not fit its hash", want.Segment)
		}
	}
	latest, err := s.LatestForecasts(ctx)
	ok(t, err)
	if len(latest) != 2 || latest[0].Segment != "checkout" || !latest[1].Origin.Equal(minute(1)) {
		t.Errorf("LatestForecasts = %d rows, want checkout and the newer total", len(latest))
	}
	// total at 12:01 was issued at 12:02:01.2, checkout at 12:01.
	since, err := s.LatestForecastsSince(ctx, minute(2))
	ok(t, err)
	if len(since) != 1 || since[0].Segment != surgecast.TotalSegment {
		t.Errorf("LatestForecastsSince(12:02) = %d rows, want the total", len(since))
	}
	byID := must[surgecast.SiteForecast](t)(s.ForecastByID(ctx, 1, sw.Forecasts[0].ID))
	if byID.ID != sw.Forecasts[0].ID {
		t.Errorf("ForecastByID = %s", byID.ID)
	}
	fed, err := s.FedSince(ctx, site.ID, surgecast.TotalSegment, t0.Add(-time.Hour))
	ok(t, err)
	if len(fed) != 4 || !fed[0].Minute.Equal(minute(-1)) || !fed[3].Minute.Equal(minute(1)) { // two rows of two
		t.Errorf("FedSince = %v, want the four steps of both rows", fed)
	}
}

func TestSequencesAndOriginsRise(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	l := []surgecast.Lease{lease(t, s, "engine/00")}
	save := func(origin time.Time, sequence int64) error {
		return s.SaveSweep(ctx, surgecast.Sweep{At: origin, Leases: l, Forecasts: []surgecast.SiteForecast{aForecast(site.ID, "total", origin, sequence)}})
	}
	ok(t, save(minute(0), 5))
	ok(t, save(minute(1), 5)) // nothing changed
	ok(t, save(minute(2), 6))
	if err := save(minute(3), 5); !errors.Is(err, surgecast.ErrConflict) {
		t.Errorf("sequence 5 after 6 = %v, want ErrConflict", err)
	}
	if err := save(minute(2), 7); !errors.Is(err, surgecast.ErrConflict) {
		t.Errorf("the same origin again = %v, want ErrConflict", err)
	}
	if err := save(minute(1), 7); !errors.Is(err, surgecast.ErrConflict) {
		t.Errorf("an earlier origin = %v, want ErrConflict", err)
	}
	if n := ask[int64](t, pool, `SELECT count(*) FROM recommendation`); n != 2 {
		t.Errorf("%d recommendations logged, want 2 (sequences 5 and 6)", n)
	}
	if n := ask[int64](t, pool, `SELECT count(*) FROM site_forecast`); n != 3 {
		t.Errorf("%d rows in the ledger, want 3", n)
	}
}

func TestNewerInstructionSupersedesPendingOnes(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	shop := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	news := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "news")))
	must[surgecast.Webhook](t)(s.CreateWebhook(ctx, surgecast.Webhook{AccountID: 1, URL: "https://example.com", CreatedAt: t0}))
	l := []surgecast.Lease{lease(t, s, "engine/00")}
	tell := func(site int64, kind string, sequence int64) string {
		t.Helper()
		ok(t, s.SaveSweep(ctx, surgecast.Sweep{At: t0, Leases: l, Messages: []surgecast.Message{
			{AccountID: 1, SiteID: site, Type: kind, Sequence: sequence, Data: struct{}{}, Timestamp: t0, ExpiresAt: minute(2)},
		}}))
		ds, _, err := s.Deliveries(ctx, 1, "", surgecast.Page{Limit: 1})
		ok(t, err)
		return ds[0].ID
	}
	first := tell(shop.ID, surgecast.TypeRecommendationChanged, 1)
	ok(t, s.RecordAttempt(ctx, surgecast.DeliveryAttempt{DeliveryID: first, Number: 1, At: t0, StatusCode: 200}, surgecast.DeliveryDelivered, t0))
	second := tell(shop.ID, surgecast.TypeRecommendationChanged, 2)
	elsewhere := tell(news.ID, surgecast.TypeRecommendationChanged, 1)
	surge := tell(shop.ID, surgecast.TypeSurgeOpened, 0)
	third := tell(shop.ID, surgecast.TypeRecommendationChanged, 3)
	for id, want := range map[string]surgecast.DeliveryStatus{
		first: surgecast.DeliveryDelivered, second: surgecast.DeliverySuperseded, elsewhere: surgecast.DeliveryPending,
		surge: surgecast.DeliveryPending, third: surgecast.DeliveryPending,
	} {
		if d := must[surgecast.Delivery](t)(s.Delivery(ctx, id)); d.Status != want {
			t.Errorf("%s %d of site %d is %s, want %s", d.Type, d.Sequence, d.SiteID, d.Status, want)
		}
	}
	// An attempt that was under way when it was superseded does not bring it back.
	ok(t, s.RecordAttempt(ctx, surgecast.DeliveryAttempt{DeliveryID: second, Number: 1, At: t0, StatusCode: 503}, surgecast.DeliveryPending, time.Time{}))
	if d := must[surgecast.Delivery](t)(s.Delivery(ctx, second)); d.Status != surgecast.DeliverySuperseded || d.Attempts != 1 {
		t.Errorf("superseded delivery after a failed attempt is %s with %d attempts, want superseded with 1", d.Status, d.Attempts)
	}
	if err := s.RetryDelivery(ctx, 1, second); !errors.Is(err, surgecast.ErrConflict) {
		t.Errorf("retrying a superseded instruction = %v, want ErrConflict", err)
	}
}

func TestMessagesReachThoseWhoAsked(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	must[surgecast.Account](t)(s.CreateAccount(ctx, surgecast.Account{Slug: "other", Name: "Other"}))
	shop := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	hooks := map[string]surgecast.Webhook{
		"all":           {AccountID: 1},
		"this type":     {AccountID: 1, Types: []string{surgecast.TypeSurgeOpened}},
		"other type":    {AccountID: 1, Types: []string{surgecast.TypeSurgeClosed}},
		"this site":     {AccountID: 1, Sites: []int64{shop.ID, 77}},
		"other site":    {AccountID: 1, Sites: []int64{77}},
		"disabled":      {AccountID: 1, DisabledAt: t0},
		"other account": {AccountID: 2},
	}
	name := map[string]string{}
	for n, w := range hooks {
		w.URL, w.CreatedAt = "https://example.com", t0
		name[must[surgecast.Webhook](t)(s.CreateWebhook(ctx, w)).ID] = n
	}
	ok(t, s.SaveSweep(ctx, surgecast.Sweep{At: t0, Leases: []surgecast.Lease{lease(t, s, "engine/00")}, Messages: []surgecast.Message{
		{AccountID: 1, SiteID: shop.ID, Type: surgecast.TypeSurgeOpened, Data: nil, Timestamp: t0},
	}}))
	told := map[string]bool{}
	for account := range int64(3) {
		ds, _, err := s.Deliveries(ctx, account, "", surgecast.Page{})
		ok(t, err)
		for _, d := range ds {
			told[name[d.WebhookID]] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{"all": true, "this type": true, "this site": true}, told); diff != "" {
		t.Errorf("who was told (-want +got):\n%s", diff)
	}
}

// A killed process leaves its job marked as running and its right to send taken: the next one need not wait
// for either to lapse. Fails when: requeueSQL leaves the state alone.
func TestRequeueDeliveries(t *testing.T) {
	s, pool := open(t)
	hook := must[surgecast.Webhook](t)(s.CreateWebhook(t.Context(), surgecast.Webhook{ID: surgecast.NewID("whk_"), AccountID: 1, URL: "https://example.com/", Secrets: [][]byte{{1}}, CreatedAt: t0}))
	d := must[surgecast.Delivery](t)(s.EnqueueTest(t.Context(), 1, hook.ID, t0))
	change(t, pool, `UPDATE river.river_job SET state = 'running', attempt = 1, attempted_at = now()`)
	if _, mine, err := s.AcquireLease(t.Context(), "deliver:"+hook.ID+":1", d.ID, time.Minute); err != nil || !mine {
		t.Fatal(mine, err)
	}
	if _, mine, err := s.AcquireLease(t.Context(), "shard:1", "other", time.Minute); err != nil || !mine {
		t.Fatal(mine, err)
	}
	if n, err := s.RequeueDeliveries(t.Context()); n != 1 || err != nil {
		t.Errorf("RequeueDeliveries = %d, %v, want the one interrupted", n, err)
	}
	if got := ask[string](t, pool, `SELECT state::text FROM river.river_job`); got != "available" {
		t.Errorf("the job is %s, want available", got)
	}
	if _, mine, err := s.AcquireLease(t.Context(), "deliver:"+hook.ID+":1", "dlv_next", time.Minute); err != nil || !mine {
		t.Errorf("the right to send is still taken: %v, %v", mine, err)
	}
	if _, mine, _ := s.AcquireLease(t.Context(), "shard:1", "third", time.Minute); mine {
		t.Error("a lease of another kind was ended, too")
	}
	if n, err := s.RequeueDeliveries(t.Context()); n != 0 || err != nil {
		t.Errorf("again: %d, %v, want none", n, err)
	}
}
