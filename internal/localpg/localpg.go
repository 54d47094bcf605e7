// Package localpg starts a private PostgreSQL from programs that are already on the machine, for whoever
// has not configured a database.
//
// It promises four things. The server listens on a unix socket in a directory only its owner enters: no
// port, nothing to clash with. Nothing of it outlives the process that started it, not even after SIGKILL,
// and a start after any death is not blocked by what that death left behind. Two processes never share one
// cluster: the second gets ErrOwned. And a cluster's data is never deleted or rewritten to make a start succeed.
//
// It does not migrate, tune or back up: the database it hands over is empty until package migrations has
// run. It never downloads anything; the Makefile installs programs, this package only finds them.
package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Errors a caller may branch on; the wrapped text names the directory and the remedy.
var (
	ErrOwned      = errors.New("another process owns this state directory")
	ErrNoPrograms = errors.New("no PostgreSQL programs found")
	ErrVersion    = errors.New("data directory belongs to another PostgreSQL version")
	ErrDiskFull   = errors.New("no space left on device")
)

// Database is the name of the database a started server holds, and of the role that owns it.
const Database = "surgecast"

const (
	stopPatience = 20 * time.Second // a fast shutdown writes a checkpoint; on a busy disk that takes seconds
	quitPatience = 5 * time.Second
)

// Options say where the cluster lives and how much it must survive.
type Options struct {
	// StateDir holds the cluster in its subdirectory "postgres"; made when missing. Required.
	StateDir string
	// BinDir holds initdb and postgres. Empty: search, in the order of programs.go.
	BinDir string
	// SearchDirs are looked through for an npm package with the programs, after everything else.
	// Empty: the working directory, the repository around it, and the directory of the executable.
	SearchDirs []string
	Logger     *slog.Logger // nil: discard
	// Durable keeps PostgreSQL's defaults: what was committed survives a power cut. Without it fsync,
	// full_page_writes and synchronous_commit are off, which only tests want.
	Durable bool

	death death // tests: as on a system whose kernel does not signal
}

// death is what stops the server when we die without a word.
type death int

const (
	byKernel   death = iota // where there is such a thing, else byWatchdog
	byWatchdog              // a shell that outlives us
	byNobody                // the next start finds the server running
)

// Server is a running private PostgreSQL. Its process is waited for by a goroutine that ends with Stop.
type Server struct {
	dir    string
	socket string
	child  *child
	guard  *watchdog
	lock   *os.File
	tmp    string // short socket directory outside dir, removed on Stop
	logger *slog.Logger
	stop   sync.Once
	err    error
}

// Start finds the programs, makes the cluster on first use, starts it and waits until it answers.
// It takes about a second the first time and a tenth of that later. After an unclean end PostgreSQL first
// replays its log: Start waits as long as the server lives and ctx allows.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.StateDir == "" {
		return nil, errors.New("start PostgreSQL: no state directory given")
	}
	s := &Server{logger: o.Logger}
	if err := s.start(ctx, o); err != nil {
		// The death of a half-started server needs no word of its own: err is the one to tell.
		_ = s.Stop(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options) error {
	base, lock, err := claim(o.StateDir)
	if err != nil {
		return err
	}
	s.lock = lock

	h, err := settle(ctx, base, o.Logger)
	if err != nil {
		return err
	}
	s.dir = h.dir
	if err := stopOrphan(ctx, h.data, o.Logger); err != nil {
		return err
	}
	have, err := dataMajor(h.data)
	if err != nil {
		return err
	}
	p, err := findPrograms(ctx, o, h, have)
	if err != nil {
		return err
	}
	if have == 0 {
		o.Logger.Info("making a new PostgreSQL cluster", "data", h.data, "programs", p.dir, "version", p.version)
		if err := initdb(ctx, p, h, o.Durable); err != nil {
			return err
		}
	}
	if s.socket, s.tmp, err = h.socketDir(); err != nil {
		return err
	}
	if s.child, err = startPostgres(p, h, s.socket, o); err != nil {
		return err
	}
	if o.death == byWatchdog || o.death == byKernel && !deathSignal {
		if s.guard, err = watch(h.who, s.child.pid); err != nil {
			return err
		}
	}
	return s.ready(ctx)
}

// URL connects to the database "surgecast" as its owner. It is absolute and complete: PG… variables in
// the environment cannot redirect it.
func (s *Server) URL() string { return s.urlOf(Database) }

func (s *Server) urlOf(database string) string {
	q := url.Values{"host": {s.socket}, "port": {port}, "user": {Database}, "sslmode": {"disable"}}
	return "postgres:///" + database + "?" + q.Encode()
}

// Dir is the directory that holds the cluster. It lies outside StateDir when the server's account could
// not reach StateDir.
func (s *Server) Dir() string { return s.dir }

// Done is closed when the server has ended, wanted or not.
func (s *Server) Done() <-chan struct{} { return s.child.done }

// Err tells why a server ended that nobody stopped, with its last log lines. Call it after Done.
func (s *Server) Err() error { return s.child.death() }

// Stop shuts the server down: SIGINT breaks open transactions off and writes a checkpoint; after 20 s, or
// when ctx ends meanwhile, SIGQUIT ends it at once and the next start replays the log. A ctx that has ended
// before the call is why we stop, not a wish for hurry. A second call does nothing more.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() { s.err = s.shutdown(ctx, false) })
	return s.err
}

// Discard is Stop, and removes the cluster before another process may claim its place. For tests.
func (s *Server) Discard(ctx context.Context) error {
	s.stop.Do(func() { s.err = s.shutdown(ctx, true) })
	return s.err
}

func (s *Server) shutdown(ctx context.Context, discard bool) error {
	var err error
	if s.child != nil {
		err = endProcess(ctx, s.child.pid, s.child.done)
	}
	s.guard.end()
	if s.tmp != "" {
		err = errors.Join(err, os.RemoveAll(s.tmp))
	}
	if discard {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	if err != nil {
		return fmt.Errorf("stop PostgreSQL in %s: %w", s.dir, err)
	}
	return nil
}

// endProcess ends a postmaster politely, then less so, and returns once done is closed.
func endProcess(ctx context.Context, pid int, done <-chan struct{}) error {
	steps := []struct {
		signal  syscall.Signal
		patient time.Duration
	}{
		{syscall.SIGINT, stopPatience},  // fast shutdown
		{syscall.SIGQUIT, quitPatience}, // immediate shutdown; recovery at the next start
		{syscall.SIGKILL, quitPatience},
	}
	hurry := ctx.Done()
	if ctx.Err() != nil {
		hurry = nil
	}
	var ignored error
	for _, step := range steps {
		select {
		case <-done:
			return ignored
		default:
		}
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("send %s to process %d: %w", step.signal, pid, err)
		}
		timer := time.NewTimer(step.patient)
		select {
		case <-done:
			timer.Stop()
			return ignored
		case <-timer.C:
		case <-hurry:
			timer.Stop()
			hurry = nil
		}
		ignored = fmt.Errorf("process %d did not end in time after signal %q", pid, step.signal)
	}
	return fmt.Errorf("process %d survived SIGKILL", pid)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func absolute(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real, nil
	}
	return dir, nil
}
