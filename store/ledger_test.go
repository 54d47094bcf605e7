package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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
			audit := func() error {
				_, err := s.AuditLedger(t.Context(), site.ID, "total", minute(-60), minute(60))
				return err
			}
			ok(t, audit())
			change(t, pool, `ALTER TABLE site_forecast DISABLE TRIGGER USER`)
			change(t, pool, c.sql, minute(3))
			if err := audit(); !errors.Is(err, store.ErrBroken) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("AuditLedger = %v, want ErrBroken saying %q", err, c.says)
			}
		})
	}
}

// A change of any column of a row is found, and of each value in the columns that hold documents.
//
// Fails when: a column is added to site_forecast that no seal covers, or body in seal.go leaves one out (risk_grid,
// levels, fed_value … which version 1 did).
func TestEveryColumnIsSealed(t *testing.T) {
	s, pool, site := chainOf(t, 3)
	ctx := t.Context()
	change(t, pool, `ALTER TABLE site_forecast DISABLE TRIGGER USER`)
	rows, _ := pool.Query(ctx, `SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
		WHERE attrelid = 'site_forecast'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`)
	type column struct{ Name, Type string }
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	ok(t, err)
	if len(columns) < 48 {
		t.Fatalf("%d columns, want at least 48", len(columns))
	}
	tried := 0
	// try changes the row in the middle, audits, and takes the change back.
	try := func(what, set string) {
		t.Helper()
		tried++
		tx := must[pgx.Tx](t)(pool.Begin(ctx))
		defer func() { ok(t, tx.Rollback(context.Background())) }()
		tag, err := tx.Exec(ctx, `UPDATE site_forecast SET `+set+` WHERE origin = $1`, minute(1))
		if err != nil || tag.RowsAffected() != 1 {
			t.Fatalf("%s: %s = %d rows, %v, want one", what, set, tag.RowsAffected(), err)
		}
		rows, _ := tx.Query(ctx, `SELECT `+store.ForecastColumns+` FROM site_forecast ORDER BY origin`)
		fs, err := pgx.CollectRows(rows, store.ScanForecast)
		switch {
		case err != nil: // what cannot be read is no less found
		case len(fs) != 3 || !fs[0].Intact() || !fs[2].Intact():
			t.Errorf("%s: the rows beside it no longer fit", what)
		case fs[1].Intact() && string(fs[1].PrevHash) == string(fs[0].Hash) && string(fs[2].PrevHash) == string(fs[1].Hash):
			t.Errorf("%s was changed by SQL, and nothing shows it", what)
		}
	}
	for _, c := range columns {
		first := `%[1]s[1:0] || (%[2]s) || %[1]s[2:]`
		other := map[string]string{
			"bigint": `%[1]s + 1`, "integer": `%[1]s + 1`, "text": `%[1]s || 'x'`, "timestamp with time zone": `%[1]s + interval '1 microsecond'`,
			"double precision": `%[1]s + 1e-9`, "bytea": `sha256(%[1]s)`,
			"integer[]": fmt.Sprintf(first, `%[1]s`, `%[1]s[1] + 1`), "double precision[]": fmt.Sprintf(first, `%[1]s`, `CASE WHEN %[1]s[1] = 'NaN' THEN 0 ELSE %[1]s[1] + 1e-9 END`),
			"text[]": `%[1]s || 'x'::text`, "boolean[]": fmt.Sprintf(first, `%[1]s`, `NOT %[1]s[1]`),
			"timestamp with time zone[]": fmt.Sprintf(first, `%[1]s`, `%[1]s[1] + interval '1 microsecond'`),
		}[c.Type]
		switch {
		case c.Type == "json" || c.Type == "jsonb":
			var doc any
			ok(t, pool.QueryRow(ctx, `SELECT `+c.Name+`::jsonb FROM site_forecast WHERE origin = $1`, minute(1)).Scan(&doc))
			n := 0
			eachValue(doc, nil, func(path []string, value string) {
				n++
				try(c.Name+" "+strings.Join(path, "."), fmt.Sprintf(`%s = jsonb_set(%s::jsonb, '{%s}', '%s')::%s`, c.Name, c.Name, strings.Join(path, ","), value, c.Type))
			})
			if n == 0 {
				t.Errorf("%s holds nothing to change", c.Name)
			}
		case other == "":
			t.Errorf("%s is of type %s, which this test does not know", c.Name, c.Type)
		default:
			try(c.Name, c.Name+" = "+fmt.Sprintf(other, c.Name))
		}
		if !slices.Contains([]string{"text", "bigint", "integer", "double precision", "timestamp with time zone", "bytea", "json"}, c.Type) {
			tx := must[pgx.Tx](t)(pool.Begin(ctx))
			_, err := tx.Exec(ctx, `UPDATE site_forecast SET `+c.Name+` = NULL`)
			ok(t, tx.Rollback(ctx))
			if err == nil { // the column may be empty
				try(c.Name+" emptied", c.Name+" = NULL")
			}
		}
	}
	if tried < 90 {
		t.Errorf("%d changes tried, want 90 and more", tried)
	}
	must[store.Audit](t)(s.AuditLedger(ctx, site.ID, "total", t0, minute(60)))
}

// eachValue calls see with every number, word and flag of a document, and with what to put in its place.
func eachValue(doc any, path []string, see func(path []string, value string)) {
	switch v := doc.(type) {
	case map[string]any:
		for k, x := range v {
			eachValue(x, append(slices.Clone(path), k), see)
		}
	case []any:
		for i, x := range v {
			eachValue(x, append(slices.Clone(path), fmt.Sprint(i)), see)
		}
	case float64:
		see(path, fmt.Sprint(int(v)+1))
	case bool:
		see(path, fmt.Sprint(!v))
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			v = at.Add(time.Second).Format(time.RFC3339Nano)
		} else if strings.Contains("NaN +Inf -Inf", v) && v != "" {
			see(path, "1")
			return
		} else {
			v += "x"
		}
		see(path, `"`+v+`"`)
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
	must[store.Audit](t)(s.AuditLedger(ctx, site.ID, "total", t0.AddDate(0, 0, -9), t0.AddDate(0, 0, 9)))
	// A partition dropped behind this process's back is made again.
	change(t, pool, `DROP TABLE site_forecast_d19980622`)
	ok(t, s.SaveSweep(ctx, surgecast.Sweep{At: t0, Leases: l, Forecasts: []surgecast.SiteForecast{aForecast(site.ID, "total", minute(5).AddDate(0, 0, 2), 1)}}))
}
