package store_test

import (
	"errors"
	"testing"

	"surgecast"
)

// The log of modes reads newest first, in parts; it keeps the newest, and goes with its site, as the last week does.
//
// Fails when: logMode does not forget what is too old, or ModeChanges does not go on from its cursor.
func TestTheLogOfModes(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	if _, _, err := s.LastWeek(ctx, site.ID); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("a week before any was judged: %v", err)
	}
	change(t, pool, `INSERT INTO mode_change (site_id, number, before, after, set_by, why, set_at) SELECT $1, i, 'act', 'shadow', 'x', '', now() FROM generate_series(1, $2) i`,
		site.ID, surgecast.KeptOrders+5)
	site.Mode, site.ModeBy, site.UpdatedAt = surgecast.ModeAct, "ada", minute(5)
	site = must[surgecast.Site](t)(s.UpdateSite(ctx, site))
	if !site.ModeSince.Equal(minute(5)) || site.ModeBy != "ada" {
		t.Errorf("since %s by %s", site.ModeSince, site.ModeBy)
	}
	site.Name, site.ModeBy, site.UpdatedAt = "Another name", "bob", minute(6) // not a change of the mode
	if site = must[surgecast.Site](t)(s.UpdateSite(ctx, site)); !site.ModeSince.Equal(minute(5)) || site.ModeBy != "ada" {
		t.Errorf("after another change: since %s by %s", site.ModeSince, site.ModeBy)
	}
	week := surgecast.Week{To: minute(7), Outcome: surgecast.WeekBad, TooLow: surgecast.Misses{Times: 30, Of: 167, Expected: 8.35, Chance: .001, Bad: true}}
	if saved, err := s.SaveWeek(ctx, site, week, "too low", minute(7)); err != nil || !saved {
		t.Fatal(saved, err)
	}
	first, next, err := s.ModeChanges(ctx, site.ID, surgecast.Page{Limit: 1})
	if err != nil || len(first) != 1 || next == "" || first[0].By != surgecast.ByLedger || first[0].Week == nil || *first[0].Week != week {
		t.Fatalf("the newest: %+v, %q, %v", first, next, err)
	}
	second, _, err := s.ModeChanges(ctx, site.ID, surgecast.Page{Limit: 1, After: next})
	if err != nil || len(second) != 1 || second[0].By != "ada" || second[0].From != surgecast.ModeShadow || second[0].To != surgecast.ModeAct {
		t.Errorf("the one before: %+v, %v", second, err)
	}
	if n := ask[int64](t, pool, `SELECT count(*) FROM mode_change`); n != surgecast.KeptOrders {
		t.Errorf("%d rows, want %d", n, surgecast.KeptOrders)
	}
	if got, at, err := s.LastWeek(ctx, site.ID); err != nil || got != week || !at.Equal(minute(7)) {
		t.Errorf("last week %+v at %s, %v", got, at, err)
	}
	ok(t, s.DeleteSite(ctx, 1, "shop"))
	if n := ask[int64](t, pool, `SELECT (SELECT count(*) FROM mode_change) + (SELECT count(*) FROM mode_week)`); n != 0 {
		t.Errorf("%d rows outlive their site", n)
	}
}
