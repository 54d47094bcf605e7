package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// FOR UPDATE waits for every transaction that checked the present epoch: once the lease is taken,
// nothing under the old epoch can commit any more. A check takes FOR KEY SHARE, which a renewal does not
// wait for, so a long sweep does not cost its own holder the lease.
const (
	openLeaseSQL = `
	INSERT INTO lease (name, holder, epoch, expires_at) VALUES ($1, '', 0, '-infinity')
	ON CONFLICT (name) DO NOTHING`
	lockLeaseSQL = `SELECT holder = $2 OR expires_at <= statement_timestamp() FROM lease WHERE name = $1 FOR UPDATE`
	takeLeaseSQL = `
	UPDATE lease SET holder = $2, epoch = epoch + 1, expires_at = statement_timestamp() + $3::interval
	WHERE name = $1 RETURNING epoch`
)

// AcquireLease takes the lease of that name if it is free, expired or the holder's own, and raises its
// epoch; false if another holds it. A holder names one process (or one job), never two.
func (s *Store) AcquireLease(ctx context.Context, name, holder string, ttl time.Duration) (surgecast.Lease, bool, error) {
	l := surgecast.Lease{Name: name, Holder: holder}
	// Most leases asked for are held by somebody else: see that without a lock.
	var taken bool
	err := s.pool.QueryRow(ctx, `SELECT holder <> $2 AND expires_at > statement_timestamp() FROM lease WHERE name = $1`, name, holder).Scan(&taken)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return l, false, fmt.Errorf("taking lease %s: %w", name, err)
	}
	if taken {
		return l, false, nil
	}
	mine := false
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		// The old holder may be in the middle of a transaction. Rather than wait for it, try again later.
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '2s'`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, openLeaseSQL, name); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, lockLeaseSQL, name, holder).Scan(&mine); err != nil || !mine {
			return err
		}
		return tx.QueryRow(ctx, takeLeaseSQL, name, holder, ttl).Scan(&l.Epoch)
	})
	if sqlState(err) == lockTimeout {
		return l, false, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("taking lease %s: %w", name, err)
	}
	return l, mine, nil
}

// Rows are locked in the order of their names, so that two processes renewing at once cannot wait for
// each other.
const (
	myLeasesSQL = `
	WITH mine AS (
		SELECT l.name, l.epoch FROM lease l JOIN unnest($1::text[], $2::bigint[]) n (name, epoch) ON l.name = n.name AND l.epoch = n.epoch
		ORDER BY l.name FOR NO KEY UPDATE OF l
	)`
	renewLeasesSQL = myLeasesSQL + `
	UPDATE lease SET expires_at = statement_timestamp() + $3::interval FROM mine WHERE lease.name = mine.name RETURNING lease.name, lease.epoch`
	releaseLeasesSQL = myLeasesSQL + `
	UPDATE lease SET expires_at = '-infinity' FROM mine WHERE lease.name = mine.name`
)

// RenewLeases puts off the leases' end to ttl from now and returns those that were lost meanwhile.
func (s *Store) RenewLeases(ctx context.Context, leases []surgecast.Lease, ttl time.Duration) (lost []surgecast.Lease, err error) {
	if len(leases) == 0 {
		return nil, nil
	}
	names, epochs := leaseArrays(leases)
	rows, _ := s.pool.Query(ctx, renewLeasesSQL, names, epochs, ttl)
	kept, err := pgx.CollectRows(rows, scanHeld)
	if err != nil {
		return nil, fmt.Errorf("renewing %d leases: %w", len(leases), err)
	}
	for _, l := range leases {
		if !slices.Contains(kept, held{l.Name, l.Epoch}) {
			lost = append(lost, l)
		}
	}
	return lost, nil
}

// ReleaseLeases gives leases back at once; those lost meanwhile are left alone.
func (s *Store) ReleaseLeases(ctx context.Context, leases []surgecast.Lease) error {
	if len(leases) == 0 {
		return nil
	}
	names, epochs := leaseArrays(leases)
	if _, err := s.pool.Exec(ctx, releaseLeasesSQL, names, epochs); err != nil {
		return fmt.Errorf("releasing %d leases: %w", len(leases), err)
	}
	return nil
}

const checkLeasesSQL = `
	SELECT l.name, l.epoch FROM lease l JOIN unnest($1::text[], $2::bigint[]) n (name, epoch) ON l.name = n.name AND l.epoch = n.epoch
	ORDER BY l.name FOR KEY SHARE OF l`

// checkLeases holds the leases' rows until the transaction ends, or says which one was lost. A write
// that ought to stand under a lease and names none is refused as well.
func checkLeases(ctx context.Context, tx pgx.Tx, leases []surgecast.Lease) error {
	if len(leases) == 0 {
		return errors.New("a write of engine or ingest needs a lease")
	}
	names, epochs := leaseArrays(leases)
	rows, _ := tx.Query(ctx, checkLeasesSQL, names, epochs)
	kept, err := pgx.CollectRows(rows, scanHeld)
	if err != nil {
		return fmt.Errorf("checking leases: %w", err)
	}
	for _, l := range leases {
		if !slices.Contains(kept, held{l.Name, l.Epoch}) {
			return fmt.Errorf("lease %s, epoch %d: %w", l.Name, l.Epoch, surgecast.ErrStaleLease)
		}
	}
	return nil
}

// held is a lease as found: its name at its epoch.
type held struct {
	name  string
	epoch int64
}

func scanHeld(row pgx.CollectableRow) (h held, err error) {
	err = row.Scan(&h.name, &h.epoch)
	return h, err
}

func leaseArrays(leases []surgecast.Lease) (names []string, epochs []int64) {
	for _, l := range leases {
		names, epochs = append(names, l.Name), append(epochs, l.Epoch)
	}
	return names, epochs
}
