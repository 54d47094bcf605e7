// Package store keeps everything in PostgreSQL and is the only place with SQL.
//
// It promises:
//
//   - Counts and the cursor they came by commit together (AddMentions), absolute counts may be written
//     again without harm (PutMentions, PutTraffic), and what was published first is never overwritten.
//   - A sweep commits whole or not at all: forecasts, recommendation, surge, transition, deliveries and
//     the jobs that send them (SaveSweep).
//   - A write under a lease whose epoch was taken over writes nothing (ErrStaleLease).
//   - The ledger is insert-only and chained: a changed or removed row is found (AuditLedger).
//   - A lookup by name is a lookup within an account; another account's thing is ErrNotFound.
//
// It knows no clock: times are given by the caller. Only leases go by the database's clock, because
// their holders do not share another.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"surgecast"
	"surgecast/migrations"
)

// Store is the database. Its methods are safe for concurrent use.
type Store struct {
	pool       *pgxpool.Pool
	jobs       *river.Client[pgx.Tx] // inserts only; notify works them
	partitions partitionSet
}

// Options of a connection pool. Zero values take the stated defaults.
type Options struct {
	MaxConns        int32         // 0: pgx's default, the larger of 4 and the number of cores
	SkipSchemaCheck bool          // for programs that migrate themselves
	IdleInTx        time.Duration // the server ends a transaction idle for longer; 0: 10 s
}

// Open connects and checks that the schema is the one this program was built for: ErrSchemaOld or
// ErrSchemaNew otherwise, with the remedy in the message.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	if o.MaxConns > 0 {
		cfg.MaxConns = o.MaxConns
	}
	if o.IdleInTx == 0 {
		o.IdleInTx = 10 * time.Second
	}
	// A process stopped in the middle of a transaction would keep its lease rows locked and nobody could
	// take over. The server ends such a transaction, and with it the lock.
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = fmt.Sprint(o.IdleInTx.Milliseconds())
	if _, named := cfg.ConnConfig.RuntimeParams["application_name"]; !named {
		cfg.ConnConfig.RuntimeParams["application_name"] = "surgecast"
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reaching the database: %w", err)
	}
	s := New(pool)
	if o.SkipSchemaCheck {
		return s, nil
	}
	have, want, err := s.SchemaVersion(ctx)
	if err == nil {
		err = migrations.Check(have, want)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// New makes a store on a pool of the caller's.
func New(pool *pgxpool.Pool) *Store {
	jobs, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Schema: migrations.RiverSchema})
	if err != nil { // a client without queues and workers has nothing to get wrong
		panic(fmt.Sprintf("job queue: %v", err))
	}
	return &Store{pool: pool, jobs: jobs}
}

// Close closes the pool and waits for its connections.
func (s *Store) Close() { s.pool.Close() }

// Ping asks whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("reaching the database: %w", err)
	}
	return nil
}

// Pool is the pool underneath, for River's workers.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// SchemaVersion tells the database's schema version and the one this program needs.
func (s *Store) SchemaVersion(ctx context.Context) (have, want int64, err error) {
	return migrations.VersionsOf(ctx, s.pool)
}

// inTx runs f in a transaction that commits when f returns nil.
func (s *Store) inTx(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, f)
}

// inTurn runs f in a transaction of its own while nobody else is in one for the same row: its log is numbered by
// max + 1, and two people who press at once would both get the same number. No such row is ErrNotFound.
func (s *Store) inTurn(ctx context.Context, rowSQL string, id any, f func(pgx.Tx) error) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, rowSQL, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return surgecast.ErrNotFound
		}
		return f(tx)
	})
}

// The rows people's logs belong to, for inTurn.
const (
	turnOfAccountSQL = `SELECT FROM account WHERE id = $1 FOR NO KEY UPDATE`
	turnOfSiteSQL    = `SELECT FROM site WHERE id = $1 FOR NO KEY UPDATE`
	turnOfSurgeSQL   = `SELECT FROM surge WHERE id = $1 FOR NO KEY UPDATE`
)

// PostgreSQL's names for what went wrong.
const (
	uniqueViolation = "23505"
	foreignKey      = "23503"
	checkViolation  = "23514"
	lockTimeout     = "55P03"
)

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// orNull is t for a nullable column: nil when t is zero.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// orZero is a nullable column's time, in UTC.
func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// orEmpty keeps a list column from becoming NULL.
func orEmpty[T any](xs []T) []T {
	if xs == nil {
		return []T{}
	}
	return xs
}
