package migrations_test

import (
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"surgecast"
	"surgecast/migrations"
	"surgecast/store/storetest"
)

func exec(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestUpFromNothing(t *testing.T) {
	url := storetest.EmptyURL(t)
	have, want, err := migrations.Versions(t.Context(), url)
	if err != nil || have != 0 || want == 0 {
		t.Fatalf("Versions of an empty database = %d, %d, %v, want 0, more than 0, nil", have, want, err)
	}
	if err := migrations.Check(have, want); !errors.Is(err, surgecast.ErrSchemaOld) || !strings.Contains(err.Error(), "forecaster migrate up") {
		t.Errorf("Check(%d, %d) = %v, want ErrSchemaOld with its remedy", have, want, err)
	}
	for range 2 { // the second time there is nothing to do
		if err := migrations.Up(t.Context(), url); err != nil {
			t.Fatal(err)
		}
	}
	if have, want, err = migrations.Versions(t.Context(), url); err != nil || have != want {
		t.Errorf("Versions after Up = %d, %d, %v, want equal", have, want, err)
	}
	rows, err := migrations.Status(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	rivers := 0
	for _, r := range rows {
		if r.Pending {
			t.Errorf("%s is pending after Up", r.Name)
		}
		if strings.HasPrefix(r.Name, "river/") {
			rivers++
		}
	}
	if rivers != 8 { // the pinned version
		t.Errorf("%d steps of River's, want 8", rivers)
	}
}

// Processes that start together apply every step once. Without the advisory lock several of them run the
// first CREATE TABLE at once and all but one fail.
func TestUpFromManyProcessesAtOnce(t *testing.T) {
	url := storetest.EmptyURL(t)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = migrations.Up(t.Context(), url) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	for name, change := range map[string]string{
		"our schema": `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`,
		"job tables": `INSERT INTO river.river_migration (line, version) VALUES ('main', 9)`,
	} {
		t.Run(name, func(t *testing.T) {
			url := storetest.URL(t)
			exec(t, url, change)
			err := migrations.Up(t.Context(), url)
			if !errors.Is(err, surgecast.ErrSchemaNew) || !strings.Contains(err.Error(), "run the newer release") {
				t.Errorf("Up = %v, want ErrSchemaNew with its remedy", err)
			}
		})
	}
}

// A process that died between our steps and River's leaves a database that says it is old, and Up
// finishes the work.
func TestMissingJobTablesAreMade(t *testing.T) {
	url := storetest.URL(t)
	exec(t, url, `DROP SCHEMA river CASCADE; CREATE SCHEMA river`)
	have, want, err := migrations.Versions(t.Context(), url)
	if err != nil || have >= want {
		t.Fatalf("Versions without job tables = %d, %d, %v, want the first lower", have, want, err)
	}
	if err := migrations.Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if have, want, err = migrations.Versions(t.Context(), url); err != nil || have != want {
		t.Errorf("Versions after Up = %d, %d, %v, want equal", have, want, err)
	}
}

// forbidden is what Citus or YugabyteDB does not accept (documented differences): outgrowing one
// PostgreSQL is to mean moving there, not rewriting.
var forbidden = []struct{ what, pattern string }{
	{"deferrable constraint", `\bdeferrable\b`},
	{"exclusion constraint", `\bexclude\b`},
	{"rule", `\bcreate\s+(or\s+replace\s+)?rule\b`},
	{"table inheritance", `\binherits\b`},
	{"LOCK TABLE", `\block\s+table\b`},
	{"GiST index", `\bgist\b`},
	{"stored generated column", `generated\s+always\s+as\s*\(|\bstored\b`},
	{"32-bit sequence", `\b(small)?serial\b|\binteger\s+generated\b`},
	{"extension", `\bcreate\s+extension\b`},
	{"volatile default", `default\s+(now|clock_timestamp|random|gen_random_uuid)\b`},
}

func TestSQLStaysPortable(t *testing.T) {
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("no migrations found: %v", err)
	}
	comment := regexp.MustCompile(`--[^\n]*`)
	for _, name := range names {
		b, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		sql := strings.ToLower(comment.ReplaceAllString(string(b), ""))
		for _, f := range forbidden {
			if m := regexp.MustCompile(f.pattern).FindString(sql); m != "" {
				t.Errorf("%s has a %s: %q", name, f.what, m)
			}
		}
	}
}

// Every table has a primary key, every partitioned one has the partition's column and the distributing
// column in it, and no partition is partitioned again.
func TestKeysAreLedByTheDistributingColumn(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), storetest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	rows, _ := conn.Query(t.Context(), `
		SELECT c.relname, c.relkind = 'p', coalesce((
			SELECT array_agg(a.attname::text ORDER BY k.i) FROM pg_index x, unnest(x.indkey::int[]) WITH ORDINALITY k (n, i)
			JOIN pg_attribute a ON a.attnum = k.n WHERE x.indrelid = c.oid AND x.indisprimary AND a.attrelid = c.oid), '{}')
		FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`)
	var table string
	var cut bool
	var key []string
	led := map[string]bool{"topic_id": true, "site_id": true}
	partitioned := 0
	_, err = pgx.ForEachRow(rows, []any{&table, &cut, &key}, func() error {
		switch {
		case len(key) == 0:
			t.Errorf("table %s has no primary key", table)
		case cut && !led[key[0]]:
			t.Errorf("table %s is led by %s, want topic_id or site_id", table, key[0])
		}
		if cut {
			partitioned++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if partitioned != 7 { // minutes and hours of mentions and of traffic, two ledgers, links of thinned rows
		t.Errorf("%d partitioned tables, want 7", partitioned)
	}
}
