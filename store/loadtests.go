package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const loadTestColumns = `id, account_id, site_id, tool, file, ran_at, imported_at, imported_by, units, notes,
	concurrency, offered_rpm, served_rpm, p95_ms, error_share, seconds, spread_rpm`

const addLoadTestSQL = `
	INSERT INTO load_test (` + loadTestColumns + `, digest)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`

// oldestLoadTestsSQL keeps a site's newest tests.
const oldestLoadTestsSQL = `
	DELETE FROM load_test WHERE site_id = $1 AND id NOT IN (
		SELECT id FROM load_test WHERE site_id = $1 ORDER BY id DESC LIMIT $2)`

// AddLoadTest stores a test of a site. The same steps at the same number of units are ErrExists: a result that is
// imported twice must not look like a repetition. Of a site the newest MaxLoadTests are kept.
func (s *Store) AddLoadTest(ctx context.Context, site surgecast.Site, t surgecast.LoadTest) (surgecast.LoadTest, error) {
	t.ID, t.AccountID, t.SiteID = surgecast.NewID("ldt_"), site.AccountID, site.ID
	column := func(of func(surgecast.LoadPoint) float64) []float64 {
		xs := make([]float64, len(t.Points))
		for i, p := range t.Points {
			xs[i] = of(p)
		}
		return xs
	}
	t.File = text(t.File)
	notes := make([]string, len(t.Notes))
	for i, n := range t.Notes { // of a file from outside
		notes[i] = text(n)
	}
	t.Notes = notes
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, addLoadTestSQL, t.ID, t.AccountID, t.SiteID, t.Tool, t.File, t.RanAt, t.ImportedAt, t.By, t.Units, t.Notes,
			column(func(p surgecast.LoadPoint) float64 { return p.Concurrency }), column(func(p surgecast.LoadPoint) float64 { return p.OfferedRPM }),
			column(func(p surgecast.LoadPoint) float64 { return p.ServedRPM }), column(func(p surgecast.LoadPoint) float64 { return p.P95MS }),
			column(func(p surgecast.LoadPoint) float64 { return p.ErrorShare }), column(func(p surgecast.LoadPoint) float64 { return p.Seconds }),
			column(func(p surgecast.LoadPoint) float64 { return p.SpreadRPM }), stepsDigest(t)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, oldestLoadTestsSQL, t.SiteID, surgecast.MaxLoadTests)
		return err
	})
	switch {
	case sqlState(err) == uniqueViolation:
		return t, fmt.Errorf("load test %s of %s: %w", t.File, site.Slug, surgecast.ErrExists)
	case err != nil:
		return t, fmt.Errorf("storing load test %s of %s: %w", t.File, site.Slug, err)
	}
	return t, nil
}

// stepsDigest tells results apart by what was measured, not by their name or when they were imported.
func stepsDigest(t surgecast.LoadTest) []byte {
	h := sha256.New()
	h.Write([]byte(t.Tool))
	for _, p := range t.Points {
		for _, x := range [...]float64{p.Concurrency, p.OfferedRPM, p.ServedRPM, p.P95MS, p.ErrorShare, p.Seconds} {
			_ = binary.Write(h, binary.LittleEndian, math.Float64bits(x)) // a hash never fails
		}
	}
	return h.Sum(nil)
}

// LoadTests lists a site's tests, newest first.
func (s *Store) LoadTests(ctx context.Context, siteID int64, p surgecast.Page) ([]surgecast.LoadTest, string, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+loadTestColumns+` FROM load_test
		WHERE site_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`, siteID, p.After, limit(p)+1)
	tests, err := pgx.CollectRows(rows, scanLoadTest)
	if err != nil {
		return nil, "", fmt.Errorf("reading load tests of site %d: %w", siteID, err)
	}
	tests, next := part(tests, p, func(t surgecast.LoadTest) string { return t.ID })
	return tests, next, nil
}

func scanLoadTest(row pgx.CollectableRow) (t surgecast.LoadTest, err error) {
	var users, offered, served, p95, errs, seconds, spread []float64
	err = row.Scan(&t.ID, &t.AccountID, &t.SiteID, &t.Tool, &t.File, &t.RanAt, &t.ImportedAt, &t.By, &t.Units, &t.Notes,
		&users, &offered, &served, &p95, &errs, &seconds, &spread)
	if err != nil {
		return t, err
	}
	t.RanAt, t.ImportedAt = t.RanAt.UTC(), t.ImportedAt.UTC()
	for i := range offered { // the table's checks keep all of them equally long
		t.Points = append(t.Points, surgecast.LoadPoint{
			Concurrency: users[i], OfferedRPM: offered[i], ServedRPM: served[i], P95MS: p95[i], ErrorShare: errs[i], Seconds: seconds[i], SpreadRPM: spread[i],
		})
	}
	return t, nil
}

// DeleteLoadTest takes one test of a site back.
func (s *Store) DeleteLoadTest(ctx context.Context, siteID int64, id string) error {
	tag, err := s.pool.Exec(ctx, `DELETE FROM load_test WHERE site_id = $1 AND id = $2`, siteID, id)
	if err != nil {
		return fmt.Errorf("deleting load test %s: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("load test %s: %w", id, surgecast.ErrNotFound)
	}
	return nil
}

const changeCapacitySQL = `
	UPDATE site SET rpm_per_unit = $2, updated_at = $3, measured = $4, workers_per_unit = 0, service_seconds = 0
	WHERE id = $1
	RETURNING ` + siteColumns

const logCapacitySQL = `
	INSERT INTO capacity_change (site_id, number, at, set_by, from_rpm, to_rpm, low_rpm, high_rpm, tested_units, test_ids, words)
	SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM capacity_change WHERE site_id = $1`

// ApplyCapacity makes what load tests measured the site's rpm_per_unit and writes down who did so on which evidence,
// both or neither. The curve they make, if any, is the site's from then on,
// and what its workers told is dropped: a measured figure is the better one. Where the site's figure is no longer
// FromRPM, somebody else has changed it: ErrConflict.
func (s *Store) ApplyCapacity(ctx context.Context, c surgecast.CapacityChange) (site surgecast.Site, err error) {
	measured, err := json.Marshal(c.Measured)
	if err != nil {
		return site, fmt.Errorf("encoding the measured capacity of site %d: %w", c.SiteID, err)
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `SELECT `+siteColumns+` FROM site WHERE id = $1 FOR NO KEY UPDATE`, c.SiteID)
		before, err := pgx.CollectExactlyOneRow(rows, scanSite)
		if err != nil {
			return err
		}
		if before.Capacity.Each() != c.FromRPM {
			return surgecast.ErrConflict
		}
		rows, _ = tx.Query(ctx, changeCapacitySQL, c.SiteID, c.ToRPM, c.At, string(measured))
		if site, err = pgx.CollectExactlyOneRow(rows, scanSite); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, logCapacitySQL, c.SiteID, c.At, c.By, c.FromRPM, c.ToRPM, c.Interval[0], c.Interval[1], c.TestedMax, orEmpty(c.TestIDs), c.Words)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) || errors.Is(err, surgecast.ErrConflict) {
		return site, fmt.Errorf("capacity of site %d is no longer %g a unit: %w", c.SiteID, c.FromRPM, surgecast.ErrConflict)
	}
	if err != nil {
		return site, fmt.Errorf("applying the measured capacity of site %d: %w", c.SiteID, err)
	}
	return site, nil
}

// CapacityChanges are the newest n changes that load tests gave reason for, newest first.
func (s *Store) CapacityChanges(ctx context.Context, siteID int64, n int) ([]surgecast.CapacityChange, error) {
	rows, _ := s.pool.Query(ctx, `SELECT site_id, at, set_by, from_rpm, to_rpm, low_rpm, high_rpm, tested_units, test_ids, words
		FROM capacity_change WHERE site_id = $1 ORDER BY number DESC LIMIT $2`, siteID, n)
	cs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c surgecast.CapacityChange, err error) {
		err = row.Scan(&c.SiteID, &c.At, &c.By, &c.FromRPM, &c.ToRPM, &c.Interval[0], &c.Interval[1], &c.TestedMax, &c.TestIDs, &c.Words)
		c.At = c.At.UTC()
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading changes of the capacity of site %d: %w", siteID, err)
	}
	return cs, nil
}
