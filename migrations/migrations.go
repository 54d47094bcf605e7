// Package migrations brings a database to the schema this program was built for.
//
// Numbered SQL files run through goose; River's own migrator, pinned to a version, follows in schema
// "river". One advisory lock is held over both, so any number of processes may start together and each
// step happens once. A database written by a newer program is refused, never touched: going back means
// the newer program or a backup.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"surgecast"
)

// FS holds the numbered SQL files.
//
//go:embed *.sql
var FS embed.FS

const (
	// RiverSchema is where River's tables live.
	RiverSchema = "river"

	// riverVersion pins River's tables: a River that brings a new step is taken on purpose, together with
	// a look at what it does to running jobs.
	riverVersion = 8

	// lockKey names the advisory lock held while migrating ("surgecas" in ASCII).
	lockKey int64 = 0x7375726765636173
)

// StatusRow is one step of the schema.
type StatusRow struct {
	Version   int64
	Name      string // file name; "river/008" for River's own
	AppliedAt time.Time
	Pending   bool
}

// Up applies what is missing. It is safe to run from several processes at once; the others wait and
// find nothing to do. A database of a newer version is refused with surgecast.ErrSchemaNew.
func Up(ctx context.Context, url string) error {
	d, err := open(ctx, url)
	if err != nil {
		return err
	}
	defer d.close()

	// A session lock on a connection of its own: goose's locker asks again once a second at best and
	// would not cover River's steps. This one is granted the moment the holder is done.
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	defer func() {
		// Ending the session gives the lock back even when ctx has ended in between.
		_ = conn.Hijack().Close(context.WithoutCancel(ctx))
	}()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, lockKey); err != nil {
		return fmt.Errorf("waiting for another migration: %w", err)
	}

	have, want, err := d.versions(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return newer(have, want)
	}
	if _, err := d.goose.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	if _, err := d.river.Migrate(ctx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{TargetVersion: riverVersion}); err != nil {
		return fmt.Errorf("migrating the job tables: %w", err)
	}
	return nil
}

// Versions tells the database's schema version (0: empty) and the one this program needs. Job tables
// that are behind count as one version behind, those that are ahead as one ahead.
func Versions(ctx context.Context, url string) (have, want int64, err error) {
	d, err := open(ctx, url)
	if err != nil {
		return 0, 0, err
	}
	defer d.close()
	return d.versions(ctx)
}

// VersionsOf is Versions on a pool that is open already.
func VersionsOf(ctx context.Context, pool *pgxpool.Pool) (have, want int64, err error) {
	d, err := on(pool)
	if err != nil {
		return 0, 0, err
	}
	defer d.release()
	return d.versions(ctx)
}

// Check returns ErrSchemaOld or ErrSchemaNew, each with its remedy, or nil when the versions fit.
func Check(have, want int64) error {
	switch {
	case have < want:
		return fmt.Errorf("%w: it has version %d, this program needs %d; run `forecaster migrate up`", surgecast.ErrSchemaOld, have, want)
	case have > want:
		return newer(have, want)
	}
	return nil
}

func newer(have, want int64) error {
	return fmt.Errorf("%w: it has version %d, this program knows %d; run the newer release that wrote it, or restore a backup made before the upgrade",
		surgecast.ErrSchemaNew, have, want)
}

// Status lists every step in order, goose's first.
func Status(ctx context.Context, url string) ([]StatusRow, error) {
	d, err := open(ctx, url)
	if err != nil {
		return nil, err
	}
	defer d.close()

	steps, err := d.goose.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("schema status: %w", err)
	}
	var rows []StatusRow
	for _, s := range steps {
		rows = append(rows, StatusRow{
			Version: s.Source.Version, Name: s.Source.Path, AppliedAt: s.AppliedAt, Pending: s.State == goose.StatePending,
		})
	}
	applied, err := d.riverVersion(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range d.river.AllVersions() {
		if m.Version > riverVersion {
			break
		}
		rows = append(rows, StatusRow{
			Version: int64(m.Version), Name: fmt.Sprintf("river/%03d", m.Version), Pending: m.Version > applied,
		})
	}
	return rows, nil
}

// database is one database seen by both migrators.
type database struct {
	pool  *pgxpool.Pool
	sql   *sql.DB
	goose *goose.Provider
	river *rivermigrate.Migrator[pgx.Tx]
}

func open(ctx context.Context, url string) (*database, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	cfg.MaxConns = 4 // one holds the lock while the migrators work through the others
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	d, err := on(pool)
	if err != nil {
		pool.Close()
	}
	return d, err
}

func on(pool *pgxpool.Pool) (*database, error) {
	d := &database{pool: pool, sql: stdlib.OpenDBFromPool(pool)}
	var err error
	quiet := slog.New(slog.DiscardHandler) // the caller reports; libraries do not print
	d.goose, err = goose.NewProvider(goose.DialectPostgres, d.sql, FS, goose.WithSlog(quiet), goose.WithDisableGlobalRegistry(true))
	if err == nil {
		d.river, err = rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: RiverSchema, Logger: quiet})
	}
	if err != nil {
		d.release()
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	return d, nil
}

// release ends the database/sql view and leaves the pool open.
func (d *database) release() {
	_ = d.sql.Close() // nothing is buffered: every statement has answered
}

func (d *database) close() {
	d.release()
	d.pool.Close()
}

func (d *database) versions(ctx context.Context) (have, want int64, err error) {
	for _, s := range d.goose.ListSources() {
		want = max(want, s.Version)
	}
	have, err = d.gooseVersion(ctx)
	if err != nil || have != want {
		return have, want, err
	}
	switch v, err := d.riverVersion(ctx); {
	case err != nil:
		return 0, want, err
	case v < riverVersion:
		have--
	case v > riverVersion:
		have++
	}
	return have, want, nil
}

// gooseVersion reads goose's table without making it: asking must not write.
func (d *database) gooseVersion(ctx context.Context) (int64, error) {
	return d.versionIn(ctx, "goose_db_version", `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`)
}

func (d *database) riverVersion(ctx context.Context) (int, error) {
	v, err := d.versionIn(ctx, RiverSchema+".river_migration", `SELECT coalesce(max(version), 0) FROM river.river_migration`)
	return int(v), err
}

func (d *database) versionIn(ctx context.Context, table, query string) (int64, error) {
	var there bool
	if err := d.pool.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, table).Scan(&there); err != nil {
		return 0, fmt.Errorf("reading the schema version: %w", err)
	}
	if !there {
		return 0, nil
	}
	var v int64
	if err := d.pool.QueryRow(ctx, query).Scan(&v); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("reading the schema version: %w", err)
	}
	return v, nil
}
