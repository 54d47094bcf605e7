package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"surgecast"
	"surgecast/store"
)

func chainOf(t *testing.T, n int) (*store.Store, *pgxpool.Pool, surgecast.Site) {
	s, pool := open(t)
	site := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(1, "shop")))
	l := []surgecast.Lease{lease(t, s, "engine/00")}
	// Half the rows in one sweep, as when catching up, the others one by one.
	var many []surgecast.SiteForecast
	for i := range n {
		f := aForecast(site.ID, "total", minute(i), 1)
		if i < n/2 {
			many = append(many, f)
			continue
		}
		if many != nil {
			ok(t, s.SaveSweep(t.Context(), surgecast.Sweep{At: minute(i), Leases: l, Forecasts: many}))
			many = nil
		}
		ok(t, s.SaveSweep(t.Context(), surgecast.Sweep{At: minute(i), Leases: l, Forecasts: []surgecast.SiteForecast{f}}))
	}
	return s, pool, site
}

func TestLedgerIsInsertOnly(t *testing.T) {
	_, pool, _ := chainOf(t, 2)
	for _, sql := range []string{
		`UPDATE site_forecast SET demand_rpm = 0`, `DELETE FROM site_forecast`,
		`UPDATE site_forecast_d19980620 SET demand_rpm = 0`, // nor past the parent
	} {
		if _, err := pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "insert-only") {
			t.Errorf("%s = %v, want a refusal", sql, err)
		}
	}
	if n := ask[int64](t, pool, `SELECT count(*) FROM site_forecast WHERE demand_rpm > 0`); n != 2 {
		t.Errorf("%d rows left as they were, want 2", n)
	}
}

// Somebody with every right over the database switches the guard off. The chain still tells.
func TestTamperingBreaksTheChain(t *testing.T) {
	for name, c := range map[string]struct{ sql, says string }{
		"a forecast made better": {`UPDATE site_forecast SET quantiles_rpm[3] = 9999 WHERE origin = $1`, "12:03:00Z was changed"},
		"a risk made smaller":    {`UPDATE site_forecast SET risk[1] = 0 WHERE origin = $1`, "12:03:00Z was changed"},
		"words put right":        {`UPDATE site_forecast SET verdict = replace(verdict::text, '40', '90')::json WHERE origin = $1`, "12:03:00Z was changed"},
		"a row taken out":        {`DELETE FROM site_forecast WHERE origin = $1`, "between 1998-06-20T12:02:00Z and 1998-06-20T12:04:00Z"},
		"the end cut off":        {`DELETE FROM site_forecast WHERE origin >= $1`, "newest row, at 1998-06-20T12:05:00Z, is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			s, pool, site := chainOf(t, 6)
			audit := func() error { return s.AuditLedger(t.Context(), site.ID, "total", minute(-60), minute(60)) }
			ok(t, audit())
			change(t, pool, `ALTER TABLE site_forecast DISABLE TRIGGER USER`)
			change(t, pool, c.sql, minute(3))
			if err := audit(); !errors.Is(err, store.ErrBroken) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("AuditLedger = %v, want ErrBroken saying %q", err, c.says)
			}
		})
	}
}

// Retention takes the oldest days whole; what is left is still a chain.
func TestRetentionLeavesTheChainIntact(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	l := []surgecast.Lease{lease(t, s, "engine/00")}
	for day := range 3 {
		ok(t, s.SaveSweep(ctx, surgecast.Sweep{At: t0, Leases: l, Forecasts: []surgecast.SiteForecast{
			aForecast(site.ID, "total", t0.AddDate(0, 0, day), 1), aForecast(site.ID, "total", minute(1).AddDate(0, 0, day), 1),
		}}))
	}
	ok(t, s.DropPartitionsBefore(ctx, t0.AddDate(0, 0, 1))) // 06-21 12:00: drops 06-20, keeps 06-21 whole
	if n := ask[int64](t, pool, `SELECT count(*) FROM site_forecast`); n != 4 {
		t.Errorf("%d rows left, want 4", n)
	}
	ok(t, s.AuditLedger(ctx, site.ID, "total", t0.AddDate(0, 0, -9), t0.AddDate(0, 0, 9)))
	// A partition dropped behind this process's back is made again.
	change(t, pool, `DROP TABLE site_forecast_d19980622`)
	ok(t, s.SaveSweep(ctx, surgecast.Sweep{At: t0, Leases: l, Forecasts: []surgecast.SiteForecast{aForecast(site.ID, "total", minute(5).AddDate(0, 0, 2), 1)}}))
}
