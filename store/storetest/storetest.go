// Package storetest gives every test a database of its own: real PostgreSQL, migrated, empty.
//
// A database is a copy of a template that is built once for each state of the migrations (about 20 ms in
// memory), and is dropped when the test ends, whatever it left open. Tests may run side by side, in one
// package and in many. Production code never imports this package.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// databases are what New, URL and EmptyURL have handed out, by test.
var databases = struct {
	sync.Mutex
	url  map[testing.TB]string
	pool map[testing.TB]*pgxpool.Pool
}{url: map[testing.TB]string{}, pool: map[testing.TB]*pgxpool.Pool{}}

// New answers a pool on the test's own database, which holds the migrated schema and no rows. Every call of
// one test gets the same pool; a subtest gets a database of its own.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	u := URL(t)
	databases.Lock()
	defer databases.Unlock()
	if pool := databases.pool[t]; pool != nil {
		return pool
	}
	cfg, err := pgxpool.ParseConfig(u)
	if err != nil {
		t.Fatalf("read the test database's address: %v", err)
	}
	cfg.MaxConns = 10
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	databases.pool[t] = pool
	t.Cleanup(func() {
		databases.Lock()
		delete(databases.pool, t)
		databases.Unlock()
		closePool(t, pool)
	})
	return pool
}

// closePool closes the pool, and fails the test instead of hanging when it kept a connection.
func closePool(t testing.TB, pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() { pool.Close(); close(closed) }() // ends at the latest when the database is dropped
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Errorf("the test ended with %d database connections still in use: close rows, end transactions, stop what runs",
			pool.Stat().AcquiredConns())
	}
}

// URL is the address of the test's own database, the same that New opens: for what opens its own pool.
func URL(t testing.TB) string {
	t.Helper()
	databases.Lock()
	defer databases.Unlock()
	if u := databases.url[t]; u != "" {
		return u
	}
	c, err := theCluster()
	if err != nil {
		t.Fatalf("PostgreSQL for tests: %v", err)
	}
	tmpl, err := c.template(t.Context())
	if err != nil {
		t.Fatalf("PostgreSQL for tests: %v", err)
	}
	u := c.database(t, tmpl)
	databases.url[t] = u
	t.Cleanup(func() {
		databases.Lock()
		delete(databases.url, t)
		databases.Unlock()
	})
	return u
}

// EmptyURL is the address of another database, without any schema: for tests of the migrations.
// Every call makes a new one.
func EmptyURL(t testing.TB) string {
	t.Helper()
	c, err := theCluster()
	if err != nil {
		t.Fatalf("PostgreSQL for tests: %v", err)
	}
	return c.database(t, "template0")
}

// database makes a database from a template and drops it when the test ends.
func (c *cluster) database(t testing.TB, template string) string {
	t.Helper()
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	name := databasePrefix + hex.EncodeToString(random[:])
	if err := c.exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatalf("make a database for the test: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if err := c.exec(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	u, err := onDatabase(c.admin, name)
	if err != nil {
		t.Fatalf("address of the test's database: %v", err)
	}
	return u
}

// exec runs statements one by one on a connection of its own.
func (c *cluster) exec(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, c.admin)
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// onDatabase is the address with another database's name.
func onDatabase(address, name string) (string, error) {
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return "", fmt.Errorf("%s must be a postgres:// address", EnvURL)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("%s: %w", EnvURL, err)
	}
	u.Path = "/" + name
	return u.String(), nil
}
