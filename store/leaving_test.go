package store_test

import (
	"errors"
	"testing"

	"surgecast"
)

// What is said before a deletion is what it does: everything counted as going is gone afterwards, everything counted
// as staying is there.
// Fails when: a table of Goes does not go with the site (or one of Stays does); a query counts another site's.
func TestLeavingIsWhatGoes(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	shop := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	other := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "museum")))
	must[surgecast.Topic](t)(s.CreateTopic(ctx, aTopic(1, "tour", t0)))
	ok(t, s.EnsurePartitions(ctx, t0, t0))
	for _, site := range []surgecast.Site{shop, other} {
		ok(t, s.LinkTopic(ctx, 1, site.Slug, "tour", t0, 1))
		e := surgecast.PlannedEvent{AccountID: 1, SiteID: site.ID, StartsAt: minute(60), CreatedAt: t0}
		e.Default(site.Kind, t0)
		must[surgecast.PlannedEvent](t)(s.CreateEvent(ctx, e))
		must[[]surgecast.Rung](t)(s.SetLadder(ctx, site, []surgecast.Rung{{Kind: "people", Name: "People"}, {Kind: "cache_rules", Name: "Cache"}}))
		ok(t, s.SetOverride(ctx, surgecast.Override{SiteID: site.ID, Units: 9, Until: minute(60), By: "Ana", SetAt: t0}))
		ok(t, s.SetNotice(ctx, surgecast.Notice{SiteID: site.ID, By: "Ana", SetAt: t0}))
		must[surgecast.Written](t)(s.PutTraffic(ctx, []surgecast.TrafficMinute{requests(site.ID, minute(0), 5), requests(site.ID, minute(1), 6)}, minute(2)))
		ok(t, s.AddDecision(ctx, surgecast.Decision{SiteID: site.ID, At: t0, StatusCode: 200, Reason: "forecast"}))
	}
	ok(t, s.SaveSweep(ctx, surgecast.Sweep{At: minute(0), Leases: []surgecast.Lease{lease(t, s, "shard:0")}, Surges: []surgecast.Surge{
		{ID: "srg_1", AccountID: 1, SiteID: shop.ID, Subject: "shop", Kind: surgecast.SurgeOverload, State: surgecast.StateAlert, OpenedAt: minute(0)},
	}}))
	if _, err := s.SiteLeaving(ctx, 7, "shop"); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("another account's: %v", err)
	}
	got := must[surgecast.Leaving](t)(s.SiteLeaving(ctx, 1, "shop"))
	n := map[string]int64{}
	for _, c := range append(got.Goes, got.Stays...) {
		n[c.What] = c.N
		if c.One == "" || c.One == c.What {
			t.Errorf("one of %s is called %q", c.What, c.One)
		}
	}
	for what, want := range map[string]int64{
		"links to topics": 1, "planned events": 1, "rungs of its ladder": 2, "overrides, past ones too": 1, "notices of its public page": 1,
		"minutes of traffic": 2, "decisions": 1, "open surges, which are closed and told": 1, "surges": 0,
	} {
		if n[what] != want {
			t.Errorf("%d %s, want %d", n[what], what, want)
		}
	}
	ok(t, s.DeleteSite(ctx, 1, "shop"))
	for query, want := range map[string]int64{
		`SELECT count(*) FROM site_topic WHERE site_id = $1`: 0, `SELECT count(*) FROM planned_event WHERE site_id = $1`: 0,
		`SELECT count(*) FROM ladder_rung WHERE site_id = $1`: 0, `SELECT count(*) FROM override WHERE site_id = $1`: 0,
		`SELECT count(*) FROM notice WHERE site_id = $1`: 0, `SELECT count(*) FROM traffic WHERE site_id = $1`: 2,
		`SELECT count(*) FROM decision WHERE site_id = $1`: 1, `SELECT count(*) FROM surge WHERE site_id = $1`: 1,
	} {
		if got := ask[int64](t, pool, query, shop.ID); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	topic := must[surgecast.Leaving](t)(s.TopicLeaving(ctx, 1, "tour"))
	if topic.Goes[0].N != 1 || topic.Goes[1].N != 1 {
		t.Errorf("the topic: %v", topic)
	}
}
