package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"surgecast"
	"surgecast/internal/localpg"
	"surgecast/migrations"
	"surgecast/store"
)

// database is an open store and, when no URL was configured, the private PostgreSQL under it.
type database struct {
	*store.Store
	url   string
	local *localpg.Server
}

// openOptions say what a verb may do to the database it opens.
type openOptions struct {
	migrate bool   // bring the schema up to date; always done on the private PostgreSQL
	name    string // database inside the private PostgreSQL; empty: the main one
	fresh   bool   // drop and make it anew (private PostgreSQL and a name only)
	share   bool   // a service that runs on the state directory's PostgreSQL may be joined
}

// openDatabase opens what is configured, or starts the private PostgreSQL of the state directory.
func openDatabase(ctx context.Context, g *Global, o openOptions) (*database, error) {
	db := &database{url: g.DatabaseURL}
	if db.url == "" && o.share {
		if url, ok := localpg.Running(ctx, g.StateDir); ok {
			db.url = url
		}
	}
	if db.url == "" {
		pg, err := localpg.Start(ctx, localpg.Options{StateDir: g.StateDir, BinDir: g.PGBin, Logger: g.log, Durable: true})
		if err != nil {
			return nil, err
		}
		db.local, db.url = pg, pg.URL()
		if o.name != "" {
			if db.url, err = sideDatabase(ctx, pg.URL(), o.name, o.fresh); err != nil {
				return nil, errors.Join(err, db.Close())
			}
		}
	}
	if db.local != nil || o.migrate {
		if err := migrations.Up(ctx, db.url); err != nil {
			return nil, errors.Join(unreachable(g, err), db.Close())
		}
	}
	st, err := store.Open(ctx, db.url, store.Options{})
	if err != nil {
		err = unreachable(g, err)
		if errors.Is(err, surgecast.ErrSchemaOld) {
			err = fmt.Errorf("%w, or start serve with --migrate", err)
		}
		return nil, errors.Join(err, db.Close())
	}
	db.Store = st
	return db, nil
}

// unreachable adds the remedy to a configured database that does not answer, or whose address is none.
func unreachable(g *Global, err error) error {
	var address *pgconn.ParseConfigError
	var connect *pgconn.ConnectError
	switch {
	case g.DatabaseURL == "":
		return err
	case errors.As(err, &address):
		return usage("%w\nThe database URL looks like postgres://USER:PASSWORD@HOST:5432/DATABASE (--database-url, SURGECAST_DATABASE_URL). Without one a private PostgreSQL is started", err)
	case errors.As(err, &connect):
		return fmt.Errorf("%w\nCheck that PostgreSQL runs there and that the database URL is right (--database-url, SURGECAST_DATABASE_URL). Without one a private PostgreSQL is started", err)
	default:
		return err
	}
}

// watch ends with an error when the private PostgreSQL does. It is not started again under a running
// service: whoever killed it (an administrator, a machine out of memory) would do so again, and a supervisor
// that restarts us starts it too, without loss.
func (db *database) watch(ctx context.Context) error {
	if db.local == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-db.local.Done():
		return db.lost()
	}
}

// lost is the error of a private PostgreSQL that has ended, nil while it runs.
func (db *database) lost() error {
	if db.local == nil {
		return nil
	}
	select {
	case <-db.local.Done():
		return fmt.Errorf("the private PostgreSQL has ended and everything with it; what was committed is kept: start again, and see what stopped it: %w", db.local.Err())
	default:
		return nil
	}
}

// blame is err, unless the private PostgreSQL has ended: then all else only follows from that.
func (db *database) blame(err error) error {
	if err == nil || db.local == nil {
		return err
	}
	// A part may notice its broken connection before the end of the server is seen: ask the server.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if db.Store == nil || db.Ping(ctx) != nil {
		select {
		case <-db.local.Done():
		case <-time.After(10 * time.Second):
		}
	}
	if lost := db.lost(); lost != nil {
		return lost
	}
	return err
}

// Close closes the store and stops the private PostgreSQL.
func (db *database) Close() error {
	if db.Store != nil {
		db.Store.Close()
	}
	if db.local == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return db.local.Stop(ctx)
}

// sideDatabase makes (or makes anew) a database of its own beside the main one: a replay must not mix
// recorded minutes with live ones.
func sideDatabase(ctx context.Context, mainURL, name string, fresh bool) (string, error) {
	conn, err := pgx.Connect(ctx, mainURL)
	if err != nil {
		return "", fmt.Errorf("connecting to the private PostgreSQL: %w", err)
	}
	defer conn.Close(ctx)
	ident := pgx.Identifier{name}.Sanitize()
	if fresh {
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+ident+" WITH (FORCE)"); err != nil {
			return "", fmt.Errorf("dropping database %s: %w", name, err)
		}
	}
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil {
		return "", fmt.Errorf("looking for database %s: %w", name, err)
	}
	if !exists {
		if _, err := conn.Exec(ctx, "CREATE DATABASE "+ident); err != nil {
			return "", fmt.Errorf("creating database %s: %w", name, err)
		}
	}
	u, err := url.Parse(mainURL)
	if err != nil {
		return "", fmt.Errorf("address of the private PostgreSQL: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}
