package store_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"surgecast"
)

func aLoadTest(units int, served float64) surgecast.LoadTest {
	return surgecast.LoadTest{
		Tool: surgecast.ToolK6, File: "summary.json", RanAt: minute(0), ImportedAt: minute(1), By: "Ana", Units: units, Notes: []string{"one", "odd \x00 \xff"},
		Points: []surgecast.LoadPoint{{Concurrency: math.NaN(), OfferedRPM: served + 10, ServedRPM: served, P95MS: 120, ErrorShare: .001, Seconds: 60, SpreadRPM: math.NaN()}},
	}
}

// What was measured comes back as it was, newest first, of its own site only, and never twice.
// Fails when: `site_id = $1 AND` leaves the DELETE of DeleteLoadTest, or digest the unique index.
func TestLoadTests(t *testing.T) {
	s, _ := open(t)
	shop := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(surgecast.DefaultAccount, "shop")))
	other := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(surgecast.DefaultAccount, "other")))
	first := must[surgecast.LoadTest](t)(s.AddLoadTest(t.Context(), shop, aLoadTest(2, 1000)))
	must[surgecast.LoadTest](t)(s.AddLoadTest(t.Context(), shop, aLoadTest(4, 1000)))
	must[surgecast.LoadTest](t)(s.AddLoadTest(t.Context(), other, aLoadTest(2, 1000)))
	again := aLoadTest(2, 1000)
	again.File = "copy.json"
	if _, err := s.AddLoadTest(t.Context(), shop, again); !errors.Is(err, surgecast.ErrExists) {
		t.Errorf("the same result again: %v, want ErrExists", err)
	}
	tests, next, err := s.LoadTests(t.Context(), shop.ID, surgecast.Page{Limit: 1})
	if err != nil || len(tests) != 1 || tests[0].Units != 4 || next == "" {
		t.Fatalf("first part %+v, %q, %v", tests, next, err)
	}
	tests, next, err = s.LoadTests(t.Context(), shop.ID, surgecast.Page{Limit: 1, After: next})
	if err != nil || len(tests) != 1 || next != "" {
		t.Fatalf("second part %+v, %q, %v", tests, next, err)
	}
	if got, want := fmt.Sprintf("%+v", tests[0]), fmt.Sprintf("%+v", first); got != want {
		t.Errorf("read back\n%s, stored\n%s", got, want)
	}
	if err := s.DeleteLoadTest(t.Context(), other.ID, first.ID); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("deleting another site's test: %v, want ErrNotFound", err)
	}
	ok(t, s.DeleteLoadTest(t.Context(), shop.ID, first.ID))
	if tests, _, _ = s.LoadTests(t.Context(), shop.ID, surgecast.Page{}); len(tests) != 1 {
		t.Errorf("%d tests after deleting one of two", len(tests))
	}
}

// A site keeps its newest tests only. Fails when: oldestLoadTestsSQL is not run.
func TestLoadTestsAreBounded(t *testing.T) {
	s, pool := open(t)
	shop := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(surgecast.DefaultAccount, "shop")))
	for i := range surgecast.MaxLoadTests + 3 {
		must[surgecast.LoadTest](t)(s.AddLoadTest(t.Context(), shop, aLoadTest(2, float64(1000+i))))
	}
	if n := ask[int](t, pool, `SELECT count(*) FROM load_test`); n != surgecast.MaxLoadTests {
		t.Errorf("%d tests kept, want %d", n, surgecast.MaxLoadTests)
	}
	if least := ask[float64](t, pool, `SELECT min(served_rpm[1]) FROM load_test`); least != 1003 {
		t.Errorf("oldest kept %v, want 1003", least)
	}
}

// Capacity and its reason are written together; nobody's change is overwritten unseen, and the log is not rewritten.
// Fails when: ApplyCapacity does not compare with FromRPM, or the CASE leaves updateSiteSQL.
func TestApplyCapacity(t *testing.T) {
	s, pool := open(t)
	shop := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(surgecast.DefaultAccount, "shop"))) // 5,000 a unit
	c := surgecast.CapacityChange{
		SiteID: shop.ID, At: minute(5), By: "Ana", FromRPM: 5000, ToRPM: 4200, Interval: [2]float64{4000, math.Inf(1)}, TestIDs: []string{"ldt_1"}, TestedMax: 8,
		Words: "One unit serves 4,200 requests a minute.",
	}
	changed := must[surgecast.Site](t)(s.ApplyCapacity(t.Context(), c))
	if changed.Capacity.RPMPerUnit != 4200 || !changed.UpdatedAt.Equal(minute(5)) || changed.Capacity.Units != shop.Capacity.Units {
		t.Errorf("site %+v", changed)
	}
	late := c
	late.By, late.ToRPM = "Bo", 3000
	if _, err := s.ApplyCapacity(t.Context(), late); !errors.Is(err, surgecast.ErrConflict) {
		t.Errorf("a change from what no longer holds: %v, want ErrConflict", err)
	}
	late.FromRPM = 4200
	must[surgecast.Site](t)(s.ApplyCapacity(t.Context(), late))

	// What the tests told is the site's until a person sets another figure; other edits leave it alone.
	bent := late
	bent.FromRPM, bent.ToRPM = 3000, 2500
	bent.Measured = surgecast.MeasuredCapacity{LowRPM: 2400, HighRPM: 2600, TestedMax: 8, Curve: &surgecast.CapacityCurve{
		TestedMin: 2, TestedMax: 8, Points: [][2]float64{{2, 7000}, {8, 20000}}, Intervals: [][2]float64{{6900, 7100}, {19000, 21000}},
	}}
	changed = must[surgecast.Site](t)(s.ApplyCapacity(t.Context(), bent))
	edited := changed
	edited.Capacity.Measured, edited.Name = nil, "Another name" // as a form sends it
	for range 2 {
		if edited = must[surgecast.Site](t)(s.UpdateSite(t.Context(), edited)); edited.Capacity.Serves(8) != 20000 || !reflect.DeepEqual(edited.Capacity.Measured, changed.Capacity.Measured) {
			t.Errorf("after another edit 8 units serve %v by %+v", edited.Capacity.Serves(8), edited.Capacity.Measured)
		}
	}
	edited.Capacity.RPMPerUnit = 2600
	if edited = must[surgecast.Site](t)(s.UpdateSite(t.Context(), edited)); edited.Capacity.Measured != nil || edited.Capacity.Serves(8) != 8*2600 {
		t.Errorf("after a figure by hand: %v, %+v", edited.Capacity.Serves(8), edited.Capacity.Measured)
	}
	log := must[[]surgecast.CapacityChange](t)(s.CapacityChanges(t.Context(), shop.ID, 10))
	if len(log) != 3 || log[0].By != "Bo" || fmt.Sprintf("%+v", log[2]) != fmt.Sprintf("%+v", c) {
		t.Errorf("log %+v", log)
	}
	if _, err := pool.Exec(t.Context(), `UPDATE capacity_change SET set_by = 'nobody'`); err == nil {
		t.Error("the log can be rewritten")
	}
	ok(t, s.DeleteSite(t.Context(), surgecast.DefaultAccount, "shop")) // its tests and its log go with it
}

// What workers come to is stored, gives way to a measured figure, and that to workers stated again; a figure somebody
// changed meanwhile is not overwritten unseen.
//
// Fails when: changeCapacitySQL leaves workers_per_unit alone, or ApplyCapacity compares with RPMPerUnit.
func TestWorkersGiveWayToWhatWasMeasured(t *testing.T) {
	s, _ := open(t)
	stated := aSite(surgecast.DefaultAccount, "shop")
	stated.Capacity.RPMPerUnit, stated.Capacity.WorkersPerUnit, stated.Capacity.ServiceSeconds, stated.Capacity.P95LimitMS = 0, 16, .2, 1000
	shop := must[surgecast.Site](t)(s.CreateSite(t.Context(), stated))
	if got := must[surgecast.Site](t)(s.SiteBySlug(t.Context(), surgecast.DefaultAccount, "shop")).Capacity; got.WorkersPerUnit != 16 || got.ServiceSeconds != .2 || got.RPM() != stated.Capacity.RPM() || got.RPM() == 0 {
		t.Fatalf("read back %+v", got)
	}
	c := surgecast.CapacityChange{SiteID: shop.ID, At: minute(5), By: "Ana", FromRPM: shop.Capacity.Each(), ToRPM: 4200, Interval: [2]float64{4000, 4400}, TestedMax: 8, Measured: surgecast.MeasuredCapacity{LowRPM: 4000, HighRPM: 4400, TestedMax: 8}}
	old := c
	old.FromRPM = 0
	if _, err := s.ApplyCapacity(t.Context(), old); !errors.Is(err, surgecast.ErrConflict) {
		t.Errorf("a change from what never held: %v, want ErrConflict", err)
	}
	changed := must[surgecast.Site](t)(s.ApplyCapacity(t.Context(), c))
	if got := changed.Capacity; got.RPMPerUnit != 4200 || got.WorkersPerUnit != 0 || got.ServiceSeconds != 0 || got.Measured == nil {
		t.Errorf("after the load test %+v", got)
	}
	changed.Capacity = stated.Capacity
	if got := must[surgecast.Site](t)(s.UpdateSite(t.Context(), changed)).Capacity; got.WorkersPerUnit != 16 || got.Measured != nil || got.RPM() != shop.Capacity.RPM() {
		t.Errorf("stated again %+v", got)
	}
}
