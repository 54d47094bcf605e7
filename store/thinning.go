package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const (
	// thinLock keeps two processes from thinning at once. It is not partitionLock: sweeps must be able to make the
	// partition of a new day meanwhile.
	thinLock int64 = 0x7468696e // "thin"

	thinDays  = 7   // at most so many days a call: upkeep has other things to do
	thinSites = 100 // sites in one statement

	// Readers hold a lock on the whole ledger while they read. The swap waits for them so long, during which who comes
	// later waits too, and tries again so often.
	swapPatience = "300ms"
	swapTries    = 20
)

// keptSQL says of a row f of the ledger whether it stays when its day is thinned; the rest is what Link.Spare allows
// to go. $2 and $3 are ThinnedMinutes and Thinnable.
//
//   - Rows of the first seal stay: without the row nothing could say what it was.
//   - The first row of a chain stays, because a walk along the chain begins with it.
//   - The last day of a chain stays: a process that takes up a site again steps its model through it.
//   - Chains that do not hold ($4, $5) stay as they are, for whoever looks into it.
//   - Everything around a surge ($6 …) stays: its review shows as much.
const keptSQL = `(f.seal_version < 2 OR f.prev_hash IS NULL
	OR (extract(epoch FROM f.origin)::bigint / 60) % $2::bigint = 0
	OR NOT f.state = ANY ($3::text[])
	OR NOT EXISTS (SELECT FROM ledger_head h WHERE h.site_id = f.site_id AND h.segment = f.segment AND h.origin >= f.origin + interval '1 day')
	OR EXISTS (SELECT FROM unnest($4::bigint[], $5::text[]) AS b (site_id, segment) WHERE b.site_id = f.site_id AND b.segment = f.segment)
	OR EXISTS (SELECT FROM unnest($6::bigint[], $7::timestamptz[], $8::timestamptz[]) AS s (site_id, opened_at, closed_at)
		WHERE s.site_id = f.site_id AND f.origin BETWEEN s.opened_at AND s.closed_at))`

// Thinned is what a call of ThinLedger did.
type Thinned struct {
	Days          int
	Kept, Removed int64 // rows of those days
}

// errBusy says that readers never let go of the ledger, or that a day was still being written.
var errBusy = errors.New("the ledger is busy")

// ThinLedger thins the days of the ledger that end by before: of each chain one origin in ThinnedMinutes stays, and
// every row of an episode and of the hour around a surge; the links of the others go to ledger_thinned, so that the
// chain can still be followed. A day is written anew beside its partition and swapped in, all in one transaction: its
// disk is given back at once, and a process that dies in the middle leaves the day as it was. A call does some days,
// oldest first; the next goes on. A day that readers keep busy is left for the next call. A chain that does not hold is
// not thinned that day, and said once: ErrBroken, after everything else is done. at is written down as when.
func (s *Store) ThinLedger(ctx context.Context, before, at time.Time) (Thinned, error) {
	var done Thinned
	var broken []error
	names, err := s.list(ctx, siteLedger)
	if err != nil {
		return done, err
	}
	rows, _ := s.pool.Query(ctx, `SELECT day FROM ledger_thinned_day`)
	days, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return done, fmt.Errorf("asking which days are thinned: %w", err)
	}
	thinned := map[int64]bool{}
	for _, d := range days {
		thinned[d.Unix()] = true
	}
	for _, name := range names {
		day, next, ok := siteLedger.parse(name)
		if !ok || next.After(before) || thinned[day.Unix()] {
			continue
		}
		var kept, removed int64
		var bad []chain
		err := s.withPartitions(func() error { return s.ensure(ctx, ledgerThinned, []time.Time{day}) }, func() error {
			var err error
			kept, removed, bad, err = s.thinDay(ctx, name, day, next, at)
			return err
		})
		if errors.Is(err, errBusy) {
			break
		}
		if err != nil {
			return done, fmt.Errorf("thinning the ledger of %s: %w", day.Format(time.DateOnly), err)
		}
		for _, c := range bad {
			broken = append(broken, fmt.Errorf("ledger of site %d, %s on %s stays whole: %w", c.site, c.segment, day.Format(time.DateOnly), ErrBroken))
		}
		done.Kept, done.Removed = done.Kept+kept, done.Removed+removed
		if done.Days++; done.Days == thinDays {
			break
		}
	}
	return done, errors.Join(broken...)
}

// thinDay also answers the chains of the day that do not hold.
func (s *Store) thinDay(ctx context.Context, name string, day, next, at time.Time) (kept, removed int64, broken []chain, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		kept, removed, broken = 0, 0, nil
		var mine, did bool
		if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1)`, thinLock).Scan(&mine); err != nil {
			return err
		}
		if !mine {
			return errBusy // another process is at it
		}
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM ledger_thinned_day WHERE day = $1)`, day).Scan(&did); err != nil || did {
			return err
		}
		thin := name + "_thin" // made of a table's name and digits
		if _, err := tx.Exec(ctx, fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING ALL)`, thin, name)); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `SELECT DISTINCT site_id FROM `+name+` ORDER BY 1`)
		sites, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		for i := 0; i < len(sites); i += thinSites {
			some := sites[i:min(i+thinSites, len(sites))]
			bad, err := unsound(ctx, tx, name, some)
			if err != nil {
				return err
			}
			broken = append(broken, bad...)
			k, r, err := thinSome(ctx, tx, name, thin, some, bad, day, next, at)
			if err != nil {
				return err
			}
			kept, removed = kept+k, removed+r
		}
		if removed > 0 {
			err = swap(ctx, tx, name, thin, day, next, kept+removed)
		} else {
			_, err = tx.Exec(ctx, `DROP TABLE `+thin)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO ledger_thinned_day (day, thinned_at, kept, removed) VALUES ($1, $2, $3, $4)`, day, at, kept, removed)
		return err
	})
	return kept, removed, broken, err
}

// unsound are the chains of a day whose rows do not follow from each other: what goes must have been whole before.
func unsound(ctx context.Context, tx pgx.Tx, name string, sites []int64) ([]chain, error) {
	var bad []chain
	var l surgecast.Link
	var version int
	var prev, hash, reached []byte
	var at chain
	rows, _ := tx.Query(ctx, `SELECT site_id, segment, origin, state, body_hash, seal_version, prev_hash, hash FROM `+name+`
		WHERE site_id = ANY ($1) ORDER BY site_id, segment, origin`, sites)
	_, err := pgx.ForEachRow(rows, []any{&l.SiteID, &l.Segment, &l.Origin, &l.State, &l.BodyHash, &version, &prev, &hash}, func() error {
		c := chain{l.SiteID, l.Segment}
		follows := c != at || bytes.Equal(prev, reached)
		if version > 1 && !bytes.Equal(l.Hash(prev), hash) {
			follows = false
		}
		if !follows && (len(bad) == 0 || bad[len(bad)-1] != c) {
			bad = append(bad, c)
		}
		at, reached = c, bytes.Clone(hash)
		return nil
	})
	return bad, err
}

// thinSome writes the rows of some sites that stay into thin, and the links of the others.
func thinSome(ctx context.Context, tx pgx.Tx, name, thin string, sites []int64, broken []chain, day, next, at time.Time) (kept, removed int64, err error) {
	badSites, badSegments := []int64{}, []string{}
	for _, c := range broken {
		badSites, badSegments = append(badSites, c.site), append(badSegments, c.segment)
	}
	surges, opened, closed := []int64{}, []time.Time{}, []time.Time{}
	var site int64
	var from time.Time
	var to *time.Time
	rows, _ := tx.Query(ctx, `SELECT site_id, opened_at, closed_at FROM surge WHERE site_id = ANY ($1) AND opened_at < $3 AND (closed_at IS NULL OR closed_at >= $2)`,
		sites, day.Add(-surgecast.ReviewAround), next.Add(surgecast.ReviewAround))
	if _, err := pgx.ForEachRow(rows, []any{&site, &from, &to}, func() error {
		until := next
		if to != nil {
			until = to.Add(surgecast.ReviewAround)
		}
		surges, opened, closed = append(surges, site), append(opened, from.Add(-surgecast.ReviewAround).Truncate(time.Minute)), append(closed, until)
		return nil
	}); err != nil {
		return 0, 0, err
	}

	args := []any{sites, surgecast.ThinnedMinutes, surgecast.Thinnable, badSites, badSegments, surges, opened, closed}
	tag, err := tx.Exec(ctx, `INSERT INTO `+thin+` SELECT f.* FROM `+name+` f WHERE f.site_id = ANY ($1) AND `+keptSQL, args...)
	if err != nil {
		return 0, 0, err
	}
	err = tx.QueryRow(ctx, `WITH links AS (
			INSERT INTO ledger_thinned (site_id, segment, day, thinned_at, origins, states, body_hashes)
			SELECT site_id, segment, $9, $10, array_agg(origin ORDER BY origin), array_agg(state ORDER BY origin), string_agg(body_hash, ''::bytea ORDER BY origin)
			FROM   `+name+` f WHERE f.site_id = ANY ($1) AND NOT `+keptSQL+`
			GROUP  BY site_id, segment
			RETURNING cardinality(origins) AS n
		) SELECT coalesce(sum(n), 0) FROM links`, append(args, day, at)...).Scan(&removed)
	return tag.RowsAffected(), removed, err
}

// swap puts thin in the place of a day's partition. Only this part locks readers out: all is written by then, and the
// constraint spares PostgreSQL from looking at each row again.
func swap(ctx context.Context, tx pgx.Tx, name, thin string, day, next time.Time, want int64) error {
	from, to := day.Format(time.RFC3339), next.Format(time.RFC3339)
	if _, err := tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s ADD CONSTRAINT its_day CHECK (origin >= '%s' AND origin < '%s')`, thin, from, to)); err != nil {
		return err
	}
	if err := detach(ctx, tx, name); err != nil {
		return err
	}
	var have int64
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM `+name).Scan(&have); err != nil {
		return err
	}
	if have != want { // a row came while the day was read
		return errBusy
	}
	for _, sql := range []string{
		`DROP TABLE ` + name,
		fmt.Sprintf(`ALTER TABLE %s RENAME TO %s`, thin, name),
		fmt.Sprintf(`ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`, siteLedger.table, name, from, to),
		fmt.Sprintf(`ALTER TABLE %s DROP CONSTRAINT its_day`, name),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// detach takes the partition out as soon as nobody reads the ledger.
func detach(ctx context.Context, tx pgx.Tx, name string) error {
	if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '`+swapPatience+`'`); err != nil {
		return err
	}
	for range swapTries {
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a savepoint: what was written is not lost
			_, err := tx.Exec(ctx, `ALTER TABLE `+siteLedger.table+` DETACH PARTITION `+name)
			return err
		})
		if sqlState(err) != lockTimeout {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT pg_sleep(.5)`); err != nil {
			return err
		}
	}
	return errBusy
}

// thinned are the links of the rows that went from one day of a chain, by origin.
func (s *Store) thinned(ctx context.Context, siteID int64, segment string, day time.Time) ([]surgecast.Link, error) {
	var origins []time.Time
	var states []surgecast.State
	var bodies []byte
	err := s.pool.QueryRow(ctx, `SELECT origins, states, body_hashes FROM ledger_thinned WHERE site_id = $1 AND segment = $2 AND day = $3`,
		siteID, segment, day).Scan(&origins, &states, &bodies)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was thinned out of the ledger on %s: %w", day.Format(time.DateOnly), err)
	}
	const size = 32 // as the table's constraint has it
	links := make([]surgecast.Link, len(origins))
	for i := range links {
		links[i] = surgecast.Link{SiteID: siteID, Segment: segment, Origin: origins[i].UTC(), State: states[i], BodyHash: bodies[i*size : (i+1)*size]}
	}
	return links, nil
}

// LedgerThinned tells whether rows were thinned out of a chain's [from, to): what is left is then one origin in
// ThinnedMinutes, and more of the times at which something happened.
func (s *Store) LedgerThinned(ctx context.Context, siteID int64, segment string, from, to time.Time) (bool, error) {
	var yes bool
	_, day, _ := siteLedger.span(from)
	err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM ledger_thinned WHERE site_id = $1 AND segment = $2 AND day >= $3 AND day < $4)`,
		siteID, segment, day, to).Scan(&yes)
	if err != nil {
		return false, fmt.Errorf("asking whether the ledger of site %d is thinned: %w", siteID, err)
	}
	return yes, nil
}
