package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

// What is read of a thinned ledger: the review of an old surge says what it said before, to the last figure, and
// accuracy weighs every hour the same, whatever happened in it and however old it is.
//
// Fails when: keptSQL in store leaves out the hour around a surge (the review then has holes, and calls the chain
// broken), every in scores.go answers accuracyEvery, or upkeep no longer calls ThinLedger.
func TestThinnedLedgerIsReadAsTheWhole(t *testing.T) {
	ctx := t.Context()
	url := storetest.URL(t)
	s, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	db := &database{Store: s}
	start := time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)
	site := surgecast.Site{AccountID: surgecast.DefaultAccount, Slug: "shop", Capacity: surgecast.CapacityProfile{Units: 6, RPMPerUnit: 200}, CreatedAt: start}
	site.Default()
	site, err = db.CreateSite(ctx, site)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	l, _, err := db.AcquireLease(ctx, "test", "test", time.Hour)
	must(err)
	at := func(m int) time.Time { return start.Add(time.Duration(m) * time.Minute) }
	const minutes = 2*1440 + 1
	surge := surgecast.Surge{
		ID: "srg_1", AccountID: surgecast.DefaultAccount, SiteID: site.ID, Subject: "shop", Segment: surgecast.TotalSegment,
		Kind: surgecast.SurgeOverload, State: surgecast.StateCalm, OpenedAt: at(600), ClosedAt: at(640),
	}
	sw := surgecast.Sweep{At: at(minutes), Leases: []surgecast.Lease{l}, Surges: []surgecast.Surge{surge}}
	var came []surgecast.TrafficMinute
	for m := range minutes {
		load := float64(300 + m%60)
		f := surgecast.SiteForecast{
			SiteID: site.ID, Segment: surgecast.TotalSegment, Origin: at(m), IssuedAt: at(m + 1), ValidUntil: at(m + 4), StepSeconds: 60,
			LeadMinutes: []int{1, 60}, Levels: []float64{.05, .5, .95}, QuantilesRPM: [][]float64{{200, 310, 500}, {250, 320, 600}},
			HorizonMinutes: []int{60}, MaxQuantilesRPM: [][]float64{{300, 400, 700}}, Risk: []float64{.02},
			CapacityRPM: 1200, Units: 6, RPMPerUnit: 200, SustainMinutes: 3, State: surgecast.StateCalm, ModelVersion: "3",
			Verdict: surgecast.Verdict{Horizon: 60}, Recommendation: surgecast.Recommendation{Units: 6, WouldBeUnits: 6},
		}
		if m >= 600 && m < 640 {
			f.State, f.Risk, load = surgecast.StateAlert, []float64{.8}, 1500
		}
		sw.Forecasts = append(sw.Forecasts, f)
		came = append(came, surgecast.TrafficMinute{SiteID: site.ID, Segment: surgecast.TotalSegment, Minute: at(m), Requests: load, Complete: true})
	}
	must(db.SaveSweep(ctx, sw))
	_, err = db.PutTraffic(ctx, came, at(minutes))
	must(err)

	sent := func(v any) string {
		b, err := json.MarshalIndent(v, "", " ")
		must(err)
		return string(b)
	}
	r := reviewer{db}
	from, to, now := start, at(minutes), at(minutes)
	before, err := r.Review(ctx, site, surge, nil, now)
	must(err)
	whole, err := r.Accuracy(ctx, site, surgecast.TotalSegment, from, to)
	must(err)
	record, err := r.Record(ctx, site, surgecast.TotalSegment, from, to)
	must(err)
	if whole.EveryMinutes != 5 || whole.Forecasts != minutes/5+1 || before.Receipt.Broken != 0 || len(before.Said) == 0 {
		t.Fatalf("before: one origin in %d minutes, %d of them, %d broken; want 5, %d, 0", whole.EveryMinutes, whole.Forecasts, before.Receipt.Broken, minutes/5+1)
	}

	// Upkeep, a day after the first: it thins that one and no other.
	turn, stop := context.WithCancel(ctx)
	kept := make(chan error, 1)
	go func() {
		kept <- (&app{g: &Global{log: slog.New(slog.DiscardHandler)}, db: db, clock: func() time.Time { return now }}).upkeep(turn, 0, 24*time.Hour)
	}()
	var removed int64
	for s.Pool().QueryRow(ctx, `SELECT removed FROM ledger_thinned_day WHERE day = $1`, start).Scan(&removed) != nil {
		time.Sleep(5 * time.Millisecond) // ends with the test's time
	}
	stop()
	must(<-kept)
	if removed < 1000 {
		t.Fatalf("upkeep took %d rows out of the first day, want most of them", removed)
	}
	after, err := r.Review(ctx, site, surge, nil, now)
	must(err)
	if diff := cmp.Diff(sent(before), sent(after)); diff != "" {
		t.Errorf("the review of the surge (-whole +thinned):\n%s", diff)
	}
	if after.Receipt.Broken != 0 || !cmp.Equal(after.Receipt.SealVersions, []int{surgecast.SealVersion}) {
		t.Errorf("receipt: %d broken, seals %v; want 0, %d", after.Receipt.Broken, after.Receipt.SealVersions, surgecast.SealVersion)
	}
	thinned, err := r.Accuracy(ctx, site, surgecast.TotalSegment, from, to)
	must(err)
	if thinned.EveryMinutes != 15 || thinned.Forecasts != minutes/15+1 {
		t.Errorf("accuracy of a thinned ledger: one origin in %d minutes, %d of them; want 15, %d: as many of the hour of the alert, and of the young day, as of any", thinned.EveryMinutes, thinned.Forecasts, minutes/15+1)
	}
	young, err := r.Accuracy(ctx, site, surgecast.TotalSegment, at(1440), to)
	must(err)
	if young.EveryMinutes != 5 {
		t.Errorf("accuracy of what is whole: one origin in %d minutes, want 5", young.EveryMinutes)
	}
	again, err := r.Record(ctx, site, surgecast.TotalSegment, from, to)
	must(err)
	if diff := cmp.Diff(sent(record), sent(again)); diff != "" {
		t.Errorf("the record (-whole +thinned):\n%s", diff)
	}

	// The verb says it, and finds what was done to it.
	audit := []string{"site", "audit", "shop", "--database-url", url, "--state-dir", filepath.Join(place(t), "s")}
	want(t, 0, []string{fmt.Sprintf("%d thinned out between them", removed), fmt.Sprintf("seal version 2 (%d)", minutes-int(removed)), "every row fits; last hash "}, audit...)
	for _, sql := range []string{`ALTER TABLE site_forecast DISABLE TRIGGER USER`, `UPDATE site_forecast SET risk[1] = .9 WHERE origin = '2026-03-09T09:30Z'`} {
		if _, err := s.Pool().Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	want(t, 1, []string{"the row at 2026-03-09T09:30:00Z was changed"}, audit...)
}
