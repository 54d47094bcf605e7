package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"surgecast"
	"surgecast/store"
)

// long is a ledger of two segments of a site: two hours on each of two days, and one row five days on. On the first
// day total is in alert from 12:37 to 12:40, and a surge was open at 13:40: its hour before begins at 12:40.
type long struct {
	*store.Store
	pool   *pgxpool.Pool
	site   surgecast.Site
	leases []surgecast.Lease
}

func aLongLedger(t *testing.T) long {
	s, pool := open(t)
	w := long{s, pool, must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(1, "shop"))), []surgecast.Lease{lease(t, s, "engine/00")}}
	for day := range 2 {
		for m := range 120 {
			state := surgecast.StateCalm
			if day == 0 && m >= 37 && m < 40 {
				state = surgecast.StateAlert
			}
			w.save(t, minute(day*1440+m), state)
		}
	}
	w.save(t, minute(5*1440), surgecast.StateCalm)
	ok(t, s.SaveSweep(t.Context(), surgecast.Sweep{At: minute(0), Leases: w.leases, Surges: []surgecast.Surge{{
		ID: "srg_1", AccountID: 1, SiteID: w.site.ID, Subject: "shop", Segment: "total", Kind: surgecast.SurgeOverload, State: surgecast.StateCalm,
		OpenedAt: minute(100), ClosedAt: minute(105),
	}}}))
	return w
}

func (w long) save(t *testing.T, origin time.Time, state surgecast.State) {
	t.Helper()
	total := aForecast(w.site.ID, "total", origin, 0)
	total.State = state
	checkout := aForecast(w.site.ID, "checkout", origin, 0)
	checkout.State = surgecast.StateCannotTell
	ok(t, w.SaveSweep(t.Context(), surgecast.Sweep{At: origin, Leases: w.leases, Forecasts: []surgecast.SiteForecast{total, checkout}}))
}

func (w long) audit(t *testing.T, segment string) (store.Audit, error) {
	t.Helper()
	return w.AuditLedger(t.Context(), w.site.ID, segment, t0.AddDate(0, 0, -1), t0.AddDate(0, 0, 9))
}

// thin thins what lies three days back, seen from the last row.
func (w long) thin(t *testing.T) store.Thinned {
	t.Helper()
	return must[store.Thinned](t)(w.ThinLedger(t.Context(), minute(2*1440), minute(5*1440)))
}

// origins are the minutes from t0 of the rows that are there.
func (w long) origins(t *testing.T, segment string) (out []int) {
	t.Helper()
	for _, f := range must[[]surgecast.SiteForecast](t)(w.Forecasts(t.Context(), w.site.ID, segment, t0, t0.AddDate(0, 0, 9))) {
		out = append(out, int(f.Origin.Sub(t0)/time.Minute))
	}
	return out
}

// What a thinned day keeps: the quarter hours, the alert, and the hour around the surge, bit for bit; the rest goes,
// and the chain still holds from the first row to the last.
//
// Fails when: a condition of keptSQL is left out, or a link is written without its order.
func TestThinnedLedgerKeepsWhatCountsAndItsChain(t *testing.T) {
	w := aLongLedger(t)
	before := must[[]surgecast.SiteForecast](t)(w.Forecasts(t.Context(), w.site.ID, "total", t0, t0.AddDate(0, 0, 9)))
	whole := must[store.Audit](t)(w.audit(t, "total"))
	if yes := must[bool](t)(w.LedgerThinned(t.Context(), w.site.ID, "total", t0, t0.AddDate(0, 0, 9))); yes || whole.Thinned != 0 || whole.Rows != 241 {
		t.Fatalf("before: thinned %t, %d rows, %d thinned; want false, 241, 0", yes, whole.Rows, whole.Thinned)
	}

	got := w.thin(t)
	var want []int
	for day := range 2 {
		for m := range 120 {
			if m%15 == 0 || day == 0 && (m >= 37 && m < 40 || m >= 40) {
				want = append(want, day*1440+m)
			}
		}
	}
	want = append(want, 5*1440)
	if diff := cmp.Diff(want, w.origins(t, "total")); diff != "" {
		t.Errorf("rows of total that stay (-want +got):\n%s", diff)
	}
	// The surge is the site's: checkout keeps its hour too.
	if n := len(w.origins(t, "checkout")); n != 3+80+8+1 {
		t.Errorf("%d rows of checkout stay, want 92", n)
	}
	if total := int64(2 * 240); got.Days != 2 || got.Kept+got.Removed != total || got.Kept != int64(len(want)-1+91) {
		t.Errorf("ThinLedger = %+v, want 2 days, %d rows of which %d stay", got, total, len(want)-1+91)
	}
	now := must[store.Audit](t)(w.audit(t, "total"))
	if now.Rows != len(want) || now.Thinned != 241-len(want) || string(now.Hash) != string(whole.Hash) || now.Seals[2] != now.Rows {
		t.Errorf("audit = %d rows, %d thinned, hash %x, seals %v; want %d, %d, %x, all 2", now.Rows, now.Thinned, now.Hash, now.Seals, len(want), 241-len(want), whole.Hash)
	}
	must[store.Audit](t)(w.audit(t, "checkout"))

	after := must[[]surgecast.SiteForecast](t)(w.Forecasts(t.Context(), w.site.ID, "total", t0, t0.AddDate(0, 0, 9)))
	byID := map[string]surgecast.SiteForecast{}
	for _, f := range before {
		byID[f.ID] = f
	}
	for _, f := range after {
		if diff := cmp.Diff(byID[f.ID], f, cmpopts.EquateNaNs()); diff != "" || !f.Intact() {
			t.Errorf("row of %s that stays (-before +after), intact %t:\n%s", f.Origin, f.Intact(), diff)
		}
	}
	if yes := must[bool](t)(w.LedgerThinned(t.Context(), w.site.ID, "total", minute(60), minute(90))); !yes {
		t.Error("LedgerThinned of the first day = false")
	}
	if yes := must[bool](t)(w.LedgerThinned(t.Context(), w.site.ID, "total", minute(3*1440), minute(9*1440))); yes {
		t.Error("LedgerThinned of what is whole = true")
	}

	if again := w.thin(t); again != (store.Thinned{}) {
		t.Errorf("thinned again: %+v, want nothing", again)
	}
	// The day is a partition like before: guarded, found by id, and new rows go on.
	for _, sql := range []string{`DELETE FROM site_forecast_d19980620`, `UPDATE site_forecast SET units = 0`, `DELETE FROM ledger_thinned`, `UPDATE ledger_thinned SET day = day`} {
		if _, err := w.pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "insert-only") {
			t.Errorf("%s = %v, want a refusal", sql, err)
		}
	}
	must[surgecast.SiteForecast](t)(w.ForecastByID(t.Context(), 1, after[3].ID))
	w.save(t, minute(5*1440+1), surgecast.StateCalm)
	must[store.Audit](t)(w.audit(t, "total"))
	// An audit that begins or ends in the middle of a thinned stretch.
	for _, span := range [][2]int{{3, 20}, {16, 29}, {17, 29}, {0, 7}, {1441, 7201}} {
		if _, err := w.AuditLedger(t.Context(), w.site.ID, "total", minute(span[0]), minute(span[1])); err != nil {
			t.Errorf("audit of minutes %d to %d: %v", span[0], span[1], err)
		}
	}
	// Retention takes rows and links; what is left is still a chain.
	ok(t, w.DropPartitionsBefore(t.Context(), minute(1440)))
	if a := must[store.Audit](t)(w.audit(t, "total")); a.Rows != 10 || a.Thinned != 112 {
		t.Errorf("after retention: %d rows, %d thinned, want 10 and 112", a.Rows, a.Thinned)
	}
}

// Taking a row out in any other way than by thinning it is found, also by somebody who writes a link for it.
//
// Fails when: past does not ask Spare; row does not compare hashes after thinned rows; Intact leaves out BodyHash.
func TestThinnedLedgerHidesNothing(t *testing.T) {
	const day = `'1998-06-20'`
	for name, c := range map[string]struct{ sql, says string }{
		"a row that stayed":             {`DELETE FROM site_forecast WHERE origin = '1998-06-20T12:15Z'`, "12:00:00Z and 1998-06-20T12:30:00Z do not lead"},
		"a row beside others":           {`DELETE FROM site_forecast WHERE origin = '1998-06-20T12:50Z'`, "a row between 1998-06-20T12:49:00Z and 1998-06-20T12:51:00Z is gone"},
		"the links":                     {`DELETE FROM ledger_thinned WHERE day = ` + day, "a row between 1998-06-20T12:00:00Z and 1998-06-20T12:15:00Z is gone"},
		"one link":                      {`UPDATE ledger_thinned SET origins = origins[2:], states = states[2:], body_hashes = substr(body_hashes, 33) WHERE day = ` + day, "12:00:00Z and 1998-06-20T12:15:00Z do not lead"},
		"what a link says":              {`UPDATE ledger_thinned SET states[1] = 'learning' WHERE day = ` + day, "do not lead"},
		"a day of rows and links":       {`WITH gone AS (DELETE FROM ledger_thinned WHERE day = '1998-06-21') DELETE FROM site_forecast WHERE origin >= '1998-06-21' AND origin < '1998-06-22'`, "a row between 1998-06-20T13:59:00Z and 1998-06-25T12:00:00Z is gone"},
		"the newest":                    {`DELETE FROM site_forecast WHERE origin >= '1998-06-25'`, "newest row, at 1998-06-25T12:00:00Z, is gone"},
		"an alert, with a link for it":  {linkFor("12:38", "origin", "state"), "the row at 1998-06-20T12:38:00Z (alert) is gone, and thinning does not take such a row"},
		"… that says it was calm":       {linkFor("12:38", "origin", "'calm'::text"), "do not lead"},
		"a quarter hour, with its link": {linkFor("12:30", "origin", "state"), "the row at 1998-06-20T12:30:00Z (calm) is gone, and thinning does not take such a row"},
		"… said to be at another time":  {linkFor("12:30", "origin - interval '30 s'", "state"), "do not lead"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := aLongLedger(t)
			w.thin(t)
			must[store.Audit](t)(w.audit(t, "total"))
			change(t, w.pool, `ALTER TABLE site_forecast DISABLE TRIGGER USER`)
			change(t, w.pool, `ALTER TABLE ledger_thinned DISABLE TRIGGER USER`)
			change(t, w.pool, c.sql)
			if _, err := w.audit(t, "total"); !errors.Is(err, store.ErrBroken) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("AuditLedger = %v, want ErrBroken saying %q", err, c.says)
			}
		})
	}
}

// linkFor takes a row of the first day out of the ledger and puts a link in its place that says so of it.
func linkFor(clock, origin, state string) string {
	return fmt.Sprintf(`WITH gone AS (
		DELETE FROM site_forecast f WHERE segment = 'total' AND origin = '1998-06-20T%[1]sZ' RETURNING %[2]s AS origin, %[3]s AS state, body_hash
	), there AS (
		SELECT o.origin, o.state, substr(l.body_hashes, (32 * (o.i - 1) + 1)::int, 32) AS body_hash
		FROM   ledger_thinned l, unnest(l.origins, l.states) WITH ORDINALITY AS o (origin, state, i)
		WHERE  l.segment = 'total' AND l.day = '1998-06-20'
	)
	UPDATE ledger_thinned l SET (origins, states, body_hashes) = (
		SELECT array_agg(f.origin ORDER BY f.origin), array_agg(f.state ORDER BY f.origin), string_agg(f.body_hash, ''::bytea ORDER BY f.origin)
		FROM  (SELECT * FROM there UNION ALL SELECT * FROM gone) f
	) WHERE l.segment = 'total' AND l.day = '1998-06-20'`, clock, origin, state)
}

// A chain that was tampered with is not thinned: it stays as it is for whoever looks into it, and is said once.
// Fails when: unsound answers nothing.
func TestBrokenChainStaysWhole(t *testing.T) {
	w := aLongLedger(t)
	change(t, w.pool, `ALTER TABLE site_forecast DISABLE TRIGGER USER`)
	change(t, w.pool, `UPDATE site_forecast SET body_hash = sha256('') WHERE segment = 'total' AND origin = $1`, minute(7))
	got, err := w.ThinLedger(t.Context(), minute(2*1440), minute(5*1440))
	if !errors.Is(err, store.ErrBroken) || !strings.Contains(err.Error(), "total on 1998-06-20 stays whole") || got.Days != 2 {
		t.Errorf("ThinLedger = %+v, %v, want 2 days and ErrBroken naming the chain", got, err)
	}
	if n := len(w.origins(t, "total")); n != 120+8+1 {
		t.Errorf("%d rows of total left, want 129: the day of the broken chain whole", n)
	}
	if n := len(w.origins(t, "checkout")); n != 92 {
		t.Errorf("%d rows of checkout left, want 92: thinned", n)
	}
	if _, err := w.audit(t, "total"); !errors.Is(err, store.ErrBroken) {
		t.Errorf("audit = %v, want ErrBroken", err)
	}
	if again := w.thin(t); again != (store.Thinned{}) {
		t.Errorf("thinned again: %+v, want nothing", again)
	}
}

// Rows of the first seal keep no links: they stay. So does the last day of a chain, which a process steps its model
// through when it takes up the site again.
// Fails when: keptSQL leaves out seal_version or ledger_head.
func TestWhatCannotBeThinnedStays(t *testing.T) {
	w := aLongLedger(t)
	change(t, w.pool, `ALTER TABLE site_forecast DISABLE TRIGGER USER`)
	change(t, w.pool, `UPDATE site_forecast SET seal_version = 1, body_hash = NULL WHERE segment = 'checkout'`)
	change(t, w.pool, `DELETE FROM site_forecast WHERE origin = $1`, minute(5*1440)) // the site was paused after the second day
	change(t, w.pool, `UPDATE ledger_head SET (origin, hash) = (SELECT origin, hash FROM site_forecast f WHERE f.segment = ledger_head.segment AND f.origin = $1)`, minute(1440+119))
	w.thin(t)
	if n := len(w.origins(t, "checkout")); n != 240 {
		t.Errorf("%d rows of the first seal left, want all 240", n)
	}
	if n := len(w.origins(t, "total")); n != 3+3+80+120 {
		t.Errorf("%d rows of total left, want 206: the first day thinned, the last whole", n)
	}
	must[store.Audit](t)(w.audit(t, "total"))
}

// A chain that began off the quarter hour keeps its first row: a walk begins with a row, and goes by links from there.
// Fails when: keptSQL leaves out prev_hash.
func TestFirstRowOfAChainStays(t *testing.T) {
	s, _ := open(t)
	site := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(1, "shop")))
	sw := surgecast.Sweep{At: minute(0), Leases: []surgecast.Lease{lease(t, s, "engine/00")}}
	for _, m := range []int{7, 8, 9, 10, 3 * 1440} {
		f := aForecast(site.ID, "total", minute(m), 0)
		f.State = surgecast.StateCalm
		sw.Forecasts = append(sw.Forecasts, f)
	}
	ok(t, s.SaveSweep(t.Context(), sw))
	must[store.Thinned](t)(s.ThinLedger(t.Context(), minute(1440), minute(3*1440)))
	a := must[store.Audit](t)(s.AuditLedger(t.Context(), site.ID, "total", t0, t0.AddDate(0, 0, 9)))
	if a.Rows != 2 || a.Thinned != 3 || !a.First.Equal(minute(7)) {
		t.Errorf("%d rows from %s, %d thinned; want 2 from %s, 3: every row that went is accounted for", a.Rows, a.First, a.Thinned, minute(7))
	}
}

// Cut off in the middle, thinning leaves everything as it was; the next call does all of it.
// Fails when: ThinLedger writes links outside of the transaction that swaps the day.
func TestThinningCutOffLeavesAllOrNothing(t *testing.T) {
	w := aLongLedger(t)
	ctx := t.Context()
	before := w.origins(t, "total")
	// A reader keeps the ledger locked: the day is written, the swap waits. Then the connection is cut.
	reader := must[pgx.Tx](t)(w.pool.Begin(ctx))
	if _, err := reader.Exec(ctx, `SELECT count(*) FROM site_forecast`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := w.ThinLedger(ctx, minute(2*1440), minute(5*1440))
		done <- err
	}()
	waiting := `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%DETACH%' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`
	var pid int
	for { // ends with the test's time
		if err := w.pool.QueryRow(ctx, waiting).Scan(&pid); err == nil {
			break
		} else if !errors.Is(err, pgx.ErrNoRows) {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	change(t, w.pool, `SELECT pg_terminate_backend($1)`, pid)
	if err := <-done; err == nil {
		t.Error("ThinLedger whose connection was cut = nil, want its error")
	}
	for ask[int64](t, w.pool, `SELECT count(*) FROM pg_stat_activity WHERE pid = $1`, pid) > 0 {
		time.Sleep(5 * time.Millisecond) // its locks go with it
	}
	if diff := cmp.Diff(before, w.origins(t, "total")); diff != "" {
		t.Errorf("rows after the cut (-before +after):\n%s", diff)
	}
	if n := ask[int64](t, w.pool, `SELECT (SELECT count(*) FROM ledger_thinned) + (SELECT count(*) FROM ledger_thinned_day) + (SELECT count(*) FROM pg_class WHERE relname LIKE '%\_thin%' AND relname LIKE 'site\_forecast%')`); n != 0 {
		t.Errorf("%d rows and tables left behind, want none", n)
	}
	must[store.Audit](t)(w.audit(t, "total"))
	ok(t, reader.Rollback(context.Background()))
	if got := w.thin(t); got.Days != 2 || got.Removed == 0 {
		t.Errorf("the next call: %+v, want both days thinned", got)
	}
	must[store.Audit](t)(w.audit(t, "total"))
}
