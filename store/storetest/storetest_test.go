package storetest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

func count(t *testing.T, sql string) (n int) {
	t.Helper()
	if err := New(t).QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

const tables = `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`

// Fails when: URL hands out the same database twice, or an unmigrated one.
func TestEveryTestHasItsOwnMigratedDatabase(t *testing.T) {
	migrated := count(t, tables)
	if migrated == 0 {
		t.Fatal("no tables: the database is not migrated")
	}
	if _, err := New(t).Exec(t.Context(), "CREATE TABLE mine (n int)"); err != nil {
		t.Fatal(err)
	}
	if got := count(t, tables); got != migrated+1 {
		t.Errorf("%d tables in the same test, want %d: New must answer the same database", got, migrated+1)
	}
	for range 2 {
		t.Run("other", func(t *testing.T) {
			t.Parallel()
			if got := count(t, tables); got != migrated {
				t.Errorf("%d tables in another test, want %d", got, migrated)
			}
		})
	}
}

// Fails when: the cleanup of database does not drop.
func TestDatabaseIsDropped(t *testing.T) {
	var u string
	t.Run("user", func(t *testing.T) {
		u = URL(t)
		conn, err := pgx.Connect(context.Background(), u)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn // left open on purpose: a test that died half way must not keep its database
	})
	if conn, err := pgx.Connect(t.Context(), u); err == nil {
		conn.Close(t.Context())
		t.Error("the database of a finished test still answers")
	}
}

func TestEmptyURLHasNoSchema(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), EmptyURL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var n int
	if err := conn.QueryRow(t.Context(), tables).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d tables, %v; want none", n, err)
	}
}

// A builder killed half way leaves a database that is no template yet: the next one makes it anew.
// Fails when: template does not look at datistemplate.
func TestHalfBuiltTemplateIsBuiltAnew(t *testing.T) {
	s, err := startPrivate(t.Context()) // its own server: the shared template stays out of it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.private.Stop(context.Background()) }) // after the database of this test is dropped
	name, err := s.template(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.exec(t.Context(), "ALTER DATABASE "+name+" IS_TEMPLATE false", "DROP DATABASE "+name, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	s.name = "" // as in the next process
	if name, err = s.template(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), s.database(t, name))
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := conn.QueryRow(t.Context(), tables).Scan(&n); err != nil || n == 0 {
		t.Errorf("%d tables, %v; want the migrated schema", n, err)
	}
	conn.Close(t.Context())
}
