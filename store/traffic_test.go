package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"surgecast"
)

func TestTrafficWritesAbsoluteMinutes(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	put := func(at int, rows ...surgecast.TrafficMinute) surgecast.Written {
		t.Helper()
		w, err := s.PutTraffic(ctx, rows, minute(at))
		ok(t, err)
		return w
	}
	provisional := requests(1, minute(0), 100)
	provisional.Complete = false
	if w := put(0, provisional, requests(1, minute(1), 50)); w != (surgecast.Written{Inserted: 2}) {
		t.Errorf("new minutes: %+v", w)
	}
	if w := put(1, provisional); w != (surgecast.Written{Unchanged: 1}) {
		t.Errorf("said again: %+v", w)
	}
	// 120 is what the minute was first published complete with, at 12:02. It stays complete, and 120 stays
	// what was known then.
	if w := put(2, requests(1, minute(0), 120)); w != (surgecast.Written{Changed: 1}) {
		t.Errorf("complete: %+v", w)
	}
	late := requests(1, minute(0), 130)
	late.Complete, late.Saturated, late.Rejected, late.UnitsObserved, late.P95MS = false, true, 9, 3, 80.5
	if w := put(9, late); w != (surgecast.Written{Changed: 1}) {
		t.Errorf("corrected: %+v", w)
	}
	late.Complete, late.FirstN, late.FirstAt = true, 120, minute(2)
	second := requests(1, minute(1), 50)
	second.FirstN, second.FirstAt = 50, minute(0)
	want := []surgecast.TrafficMinute{late, second}
	for _, when := range []string{"while open", "after compaction"} {
		got, err := s.Traffic(ctx, 1, "total", minute(0), minute(9))
		ok(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
		ok(t, s.CompactBefore(ctx, minute(60)))
	}
}

// Saturated minutes are lower bounds; that is kept through everything, per minute.
func TestSaturatedMinutesStayMarked(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	var rows []surgecast.TrafficMinute
	for i := range 120 {
		r := requests(1, minute(i), 40000)
		r.Saturated = i%3 == 0
		rows = append(rows, r)
	}
	_, err := s.PutTraffic(ctx, rows, minute(121))
	ok(t, err)
	ok(t, s.CompactBefore(ctx, minute(60)))
	// One in the closed hour, one in the open one, turn out to have been full.
	rows[4].Saturated, rows[64].Saturated = true, true
	w, err := s.PutTraffic(ctx, []surgecast.TrafficMinute{rows[4], rows[64], rows[5]}, minute(122))
	ok(t, err)
	if w != (surgecast.Written{Changed: 2, Unchanged: 1}) {
		t.Errorf("PutTraffic = %+v, want 2 changed, 1 unchanged", w)
	}
	got, err := s.Traffic(ctx, 1, "total", t0, minute(120))
	ok(t, err)
	if len(got) != 120 {
		t.Fatalf("%d minutes, want 120", len(got))
	}
	for i, m := range got {
		if want := i%3 == 0 || i == 4 || i == 64; m.Saturated != want || !m.Minute.Equal(minute(i)) {
			t.Errorf("minute %d is %s, saturated %t, want %t", i, m.Minute, m.Saturated, want)
		}
	}
}

func TestTotalIsSummedWhereNobodyReportedIt(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	row := func(segment string, at int, n float64) surgecast.TrafficMinute {
		r := requests(1, minute(at), n)
		r.Segment, r.Errors, r.P95MS = segment, n/10, n*2
		return r
	}
	full := row("checkout", 0, 20)
	full.Saturated = true
	open := row("checkout", 1, 30)
	open.Complete = false
	_, err := s.PutTraffic(ctx, []surgecast.TrafficMinute{
		row("browse", 0, 100), full, row("browse", 1, 200), open, row("browse", 2, 300), row("checkout", 2, 5), row("total", 2, 333),
	}, minute(5))
	ok(t, err)
	got, err := s.Traffic(ctx, 1, "total", minute(0), minute(9))
	ok(t, err)
	want := []surgecast.TrafficMinute{
		{SiteID: 1, Segment: "total", Minute: minute(0), Requests: 120, Errors: 12, P95MS: 200, Saturated: true, Complete: true, FirstN: 120, FirstAt: minute(5)},
		{SiteID: 1, Segment: "total", Minute: minute(1), Requests: 230, Errors: 23, P95MS: 400}, // one segment is still open
		{SiteID: 1, Segment: "total", Minute: minute(2), Requests: 333, Errors: 33.3, P95MS: 666, Complete: true, FirstN: 333, FirstAt: minute(5)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("total (-want +got):\n%s", diff)
	}
	all, err := s.TrafficSince(ctx, []int64{1, 2}, []time.Time{minute(1), minute(0)}, minute(2))
	ok(t, err)
	var segments []string
	for _, m := range all {
		segments = append(segments, m.Segment)
	}
	if diff := cmp.Diff([]string{"browse", "checkout", "total"}, segments); diff != "" {
		t.Errorf("segments since 12:01 (-want +got):\n%s", diff)
	}
}

func TestTrafficFrontiers(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	provisional := requests(1, minute(7), 1)
	provisional.Complete = false
	browse, checkout := requests(2, minute(4), 1), requests(2, minute(2), 1)
	browse.Segment, checkout.Segment = "browse", "checkout"
	never := requests(3, minute(0), 1)
	never.Complete = false
	_, err := s.PutTraffic(ctx, []surgecast.TrafficMinute{requests(1, minute(6), 1), provisional, requests(1, minute(3), 1), browse, checkout, never}, t0)
	ok(t, err)
	got := must[map[int64]surgecast.Frontier](t)(s.TrafficFrontiers(ctx))
	want := map[int64]surgecast.Frontier{
		1: {SiteID: 1, First: minute(3), Last: minute(6)},
		2: {SiteID: 2, First: minute(2), Last: minute(4)}, // checkout was quiet since
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frontiers (-want +got):\n%s", diff)
	}
	// An import of the past moves the beginning and not the end.
	_, err = s.PutTraffic(ctx, []surgecast.TrafficMinute{requests(1, minute(-1440), 1)}, t0)
	ok(t, err)
	if f := must[map[int64]surgecast.Frontier](t)(s.TrafficFrontiers(ctx))[1]; !f.First.Equal(minute(-1440)) || !f.Last.Equal(minute(6)) {
		t.Errorf("frontier after an import = %+v", f)
	}
}

// However kinds of traffic come, a site has no more series than it may have; what is too much is not stored at all.
// Fails when: PutTraffic does not ask checkSegments, or PutTrafficUnder does.
func TestKindsOfTrafficAreBounded(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	kind := func(i, at int) surgecast.TrafficMinute {
		r := requests(1, minute(at), 5)
		r.Segment = fmt.Sprintf("kind-%02d", i)
		return r
	}
	for i := range surgecast.MaxSegments { // one a message: none of them is too much
		must[surgecast.Written](t)(s.PutTraffic(ctx, []surgecast.TrafficMinute{requests(1, minute(i), 9), kind(i, i)}, t0))
	}
	var bad *surgecast.FieldError
	if _, err := s.PutTraffic(ctx, []surgecast.TrafficMinute{kind(99, 20), requests(2, minute(20), 1)}, t0); !errors.As(err, &bad) || bad.Field != "segment" {
		t.Errorf("one kind too many: %v", err)
	}
	if n := ask[int64](t, pool, `SELECT count(*) FROM traffic WHERE segment = 'kind-99' OR site_id = 2`); n != 0 {
		t.Errorf("%d rows of a refused message are stored", n)
	}
	// What reads for the operator goes on: its kinds are bounded where they are configured, and may have been renamed.
	must[surgecast.Written](t)(s.PutTrafficUnder(ctx, lease(t, s, "traffic:shop"), []surgecast.TrafficMinute{requests(1, minute(21), 9), kind(98, 21)}, t0))
	// A week later the names of then are free.
	must[surgecast.Written](t)(s.PutTraffic(ctx, []surgecast.TrafficMinute{kind(99, 8*1440)}, t0))
}
