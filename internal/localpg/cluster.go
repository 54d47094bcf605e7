package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// dataMajor is the major version of the cluster in data, 0 when there is none yet.
func dataMajor(data string) (int, error) {
	if !exists(data) {
		return 0, nil
	}
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s is not a PostgreSQL data directory: move it away, or choose another state directory", data)
	}
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version in %s: %w", data, err)
	}
	return major, nil
}

// initdb makes the cluster beside its place and renames it there when it is whole: a first run that is
// killed leaves nothing half-made behind.
func initdb(ctx context.Context, p programs, h home, durable bool) error {
	half := h.data + ".init"
	if err := os.RemoveAll(half); err != nil {
		return fmt.Errorf("remove a cluster left half-made: %w", err)
	}
	args := []string{
		"-D", half, "-U", Database, "-E", "UTF8", "--locale=" + locale,
		"--auth-local=trust", // who may enter the socket's directory may enter; it is 0700
		"--auth-host=reject", // no port is opened; should somebody open one, it lets nobody in
		"--no-instructions",
	}
	if !durable {
		args = append(args, "--no-sync")
	}
	if err := run(ctx, h.who.command(h.dir, filepath.Join(p.dir, "initdb"), args...), nil); err != nil {
		_ = os.RemoveAll(half) // the next try removes it too; on a full disk its space is wanted now
		if strings.Contains(err.Error(), "could not look up effective user ID") {
			return fmt.Errorf("make the cluster: user id %d has no entry in the passwd database, and PostgreSQL wants one: "+
				"run as a user that has, or set the database URL: %w", h.who.uid, err)
		}
		return fmt.Errorf("make the cluster in %s with %s: %w", h.data, filepath.Join(p.dir, "initdb"), err)
	}
	if err := os.Rename(half, h.data); err != nil {
		return fmt.Errorf("put the new cluster in its place: %w", err)
	}
	return nil
}

// startPostgres starts the postmaster itself, not pg_ctl: it must be our child.
func startPostgres(p programs, h home, socket string, o Options) (*child, error) {
	args := []string{"-D", h.data}
	for _, setting := range settings(socket, o.Durable) {
		args = append(args, "-c", setting)
	}
	cmd := h.who.command(h.data, filepath.Join(p.dir, "postgres"), args...)
	ifWeDie := syscall.SIGINT // fast shutdown
	if o.death != byKernel {
		ifWeDie = 0
	}
	c, err := spawn(cmd, ifWeDie, &tail{logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("run %s as %s: %w", cmd.Path, h.who.name, err)
	}
	return c, nil
}

// settings come on the command line, where they win over whatever the data directory's files say.
func settings(socket string, durable bool) []string {
	list := []string{
		"listen_addresses=",
		"port=" + port,
		`unix_socket_directories="` + strings.ReplaceAll(socket, `"`, `""`) + `"`,
		"unix_socket_permissions=0700",
		"timezone=UTC",
		"log_timezone=UTC",
		"log_line_prefix=",                  // the logger has a time of its own
		"log_min_messages=warning",          //
		"log_min_error_statement=panic",     // statements carry values; a log is no place for them
		"wal_level=minimal",                 // no replicas
		"max_wal_senders=0",                 //
		"jit=off",                           // statements here are short
		"max_parallel_workers_per_gather=0", // likewise; and workers want more /dev/shm than containers give
	}
	if durable {
		return list
	}
	return append(list, "fsync=off", "full_page_writes=off", "synchronous_commit=off",
		"max_connections=300", // packages test side by side on one server
		"max_wal_size=128MB", "min_wal_size=32MB")
}

// ready waits until the server answers and holds the database.
func (s *Server) ready(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var found bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", Database).Scan(&found); err != nil {
		return fmt.Errorf("look for database %s: %w", Database, err)
	}
	if found {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+Database); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "53100" {
			return fmt.Errorf("%w in %s: free some, or choose a state directory on another disk: %w", ErrDiskFull, s.dir, err)
		}
		return fmt.Errorf("create database %s: %w", Database, err)
	}
	return nil
}

// connect tries every few milliseconds for as long as the server lives: recovery after a crash may take
// minutes, and a limit of ours would only turn a slow start into an endless one.
func (s *Server) connect(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(s.urlOf("postgres"))
	if err != nil {
		return nil, fmt.Errorf("build the connection's address: %w", err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	tell := time.NewTicker(10 * time.Second)
	defer tell.Stop()
	for {
		conn, err := pgx.ConnectConfig(ctx, cfg)
		if err == nil {
			return conn, nil
		}
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code != "57P03" && pg.Code != "53300" { // starting up; too many clients
			return nil, fmt.Errorf("connect to the new server: %w", err)
		}
		select {
		case <-s.child.done:
			return nil, fmt.Errorf("the server in %s ended before it answered: %w", s.dir, s.child.death())
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tell.C:
			s.logger.Info("waiting for PostgreSQL, which may be replaying its log", "dir", s.dir, "last", err.Error())
		case <-tick.C:
		}
	}
}
