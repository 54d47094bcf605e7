package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"

	"surgecast/internal/localpg"
	"surgecast/migrations"
)

// EnvURL names the variable that holds the address of a running test server (its role may create databases).
// The Makefile starts one server for all packages and sets it; without it each package starts its own.
const EnvURL = "SURGECAST_TEST_DATABASE_URL"

const (
	databasePrefix = "surgecast_test_"
	templatePrefix = "surgecast_template_"
	slots          = 64
)

// cluster is a running server that tests share.
type cluster struct {
	admin   string // address of its administrative database
	private *localpg.Server

	once sync.Mutex
	name string // the template, once it is known to be good
}

var shared struct {
	sync.Mutex
	c   *cluster
	err error
}

func theCluster() (*cluster, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.c != nil || shared.err != nil {
		return shared.c, shared.err
	}
	if u := os.Getenv(EnvURL); u != "" {
		shared.c = &cluster{admin: u}
	} else {
		shared.c, shared.err = startPrivate(context.Background())
	}
	return shared.c, shared.err
}

// Shutdown stops the private server, if this process started one, and waits. Tests need not call it: the
// server ends with the process. It is for a TestMain that looks for goroutines left behind.
func Shutdown() error {
	shared.Lock()
	defer shared.Unlock()
	c := shared.c
	shared.c, shared.err = nil, nil
	if c == nil || c.private == nil {
		return nil
	}
	return c.private.Stop(context.Background())
}

// startPrivate starts a server in the first slot that no other process holds. A slot's data stays there: the
// next run starts in a tenth of the time and finds its template built, and as many slots exist as test
// processes ever ran side by side.
func startPrivate(ctx context.Context) (*cluster, error) {
	scratch, err := localpg.ScratchDir()
	if err != nil {
		return nil, err
	}
	var failed []error
	for i := range slots {
		dir := filepath.Join(scratch, "slot-"+strconv.Itoa(i))
		s, err := localpg.Start(ctx, localpg.Options{StateDir: dir})
		switch {
		case errors.Is(err, localpg.ErrOwned):
			continue
		case errors.Is(err, localpg.ErrNoPrograms):
			return nil, err
		case err != nil: // damaged by a power cut, or made by another version: no reason to give up
			if failed = append(failed, err); len(failed) == 3 {
				return nil, errors.Join(failed...)
			}
			continue
		}
		c := &cluster{admin: s.URL(), private: s}
		if err := c.sweep(ctx); err != nil {
			return nil, errors.Join(err, s.Stop(ctx))
		}
		return c, nil
	}
	return nil, fmt.Errorf("all %d test clusters in %s are in use: %w", slots, scratch, errors.Join(failed...))
}

// sweep drops what killed tests and earlier migrations left in a private cluster. Nobody else uses it now.
func (c *cluster) sweep(ctx context.Context) error {
	want, err := templateName()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, c.admin)
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `SELECT datname FROM pg_database
		WHERE starts_with(datname, $1) OR starts_with(datname, $2) AND datname <> $3`, databasePrefix, templatePrefix, want)
	if err != nil {
		return fmt.Errorf("list databases left behind: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list databases left behind: %w", err)
	}
	for _, name := range names {
		if err := drop(ctx, conn, name); err != nil {
			return err
		}
	}
	return nil
}

func drop(ctx context.Context, conn *pgx.Conn, name string) error {
	quoted := pgx.Identifier{name}.Sanitize()
	for _, s := range []string{
		"ALTER DATABASE " + quoted + " IS_TEMPLATE false", // a template cannot be dropped
		"DROP DATABASE " + quoted + " WITH (FORCE)",
	} {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// template answers the name of a database with the migrated schema, building it when there is none. Packages
// test side by side on one server: an advisory lock lets one of them build.
func (c *cluster) template(ctx context.Context) (string, error) {
	c.once.Lock()
	defer c.once.Unlock()
	if c.name != "" {
		return c.name, nil
	}
	name, err := templateName()
	if err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, c.admin)
	if err != nil {
		return "", fmt.Errorf("connect to the test server: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }() // gives the lock back, too
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtext($1))", templatePrefix); err != nil {
		return "", fmt.Errorf("lock the template: %w", err)
	}
	var there, whole bool
	err = conn.QueryRow(ctx, "SELECT count(*) > 0, coalesce(bool_and(datistemplate), false) FROM pg_database WHERE datname = $1", name).
		Scan(&there, &whole)
	if err != nil {
		return "", fmt.Errorf("look for the template: %w", err)
	}
	if whole {
		if whole, err = c.current(ctx, conn, name); err != nil {
			return "", err
		}
	}
	if there && !whole { // its builder was killed, or River's tables have moved on
		if err := drop(ctx, conn, name); err != nil {
			return "", err
		}
	}
	if !whole {
		if err := c.build(ctx, conn, name); err != nil {
			return "", err
		}
	}
	c.name = name
	return name, nil
}

// current tells whether the template has the version this program wants. The name says so for our files; River's
// own steps are pinned in code, and only a copy can be asked.
func (c *cluster) current(ctx context.Context, conn *pgx.Conn, name string) (bool, error) {
	probe := databasePrefix + "probe_" + strconv.Itoa(os.Getpid())
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+probe+" TEMPLATE "+name); err != nil {
		return false, fmt.Errorf("copy the template to ask its version: %w", err)
	}
	u, err := onDatabase(c.admin, probe)
	if err != nil {
		return false, err
	}
	have, want, err := migrations.Versions(ctx, u)
	if err != nil {
		return false, err
	}
	return have == want, drop(ctx, conn, probe)
}

func (c *cluster) build(ctx context.Context, conn *pgx.Conn, name string) error {
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return fmt.Errorf("make the template: %w", err)
	}
	u, err := onDatabase(c.admin, name)
	if err != nil {
		return err
	}
	if err := migrations.Up(ctx, u); err != nil {
		return fmt.Errorf("migrate the template: %w", err)
	}
	// Copying needs a source nobody is connected to.
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+name+" WITH IS_TEMPLATE true ALLOW_CONNECTIONS false"); err != nil {
		return fmt.Errorf("close the template: %w", err)
	}
	return nil
}

// templateName names the state of the migrations: another file, another template.
func templateName() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.FS, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	return templatePrefix + hex.EncodeToString(h.Sum(nil)[:6]), nil
}
