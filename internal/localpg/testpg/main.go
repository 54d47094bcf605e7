// Command testpg runs a command with a PostgreSQL for tests: one server for all packages of a test run, in
// memory where there is room, gone when the command ends.
//
//	go run ./internal/localpg/testpg go test ./...
//
// With -durable first the server waits for the disk as a default one does, for figures that mean something.
//
// The command finds the server's address in SURGECAST_TEST_DATABASE_URL. If that is set already, testpg starts
// nothing. Its exit code is the command's.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"surgecast/internal/localpg"
)

const variable = "SURGECAST_TEST_DATABASE_URL"

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "use: testpg COMMAND [ARGUMENT…]")
		os.Exit(2)
	}
	args, durable := os.Args[1:], false
	if args[0] == "-durable" && len(args) > 1 {
		args, durable = args[1:], true
	}
	code, err := run(args, durable)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testpg:", err)
		if code == 0 {
			code = 1
		}
	}
	os.Exit(code)
}

func run(args []string, durable bool) (code int, err error) {
	// The terminal sends Ctrl-C to the command as well: let it end, then clean up.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()

	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec,noctx // running what the caller says is the purpose; it ends by signal, below
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, os.Environ()
	if os.Getenv(variable) == "" {
		begin := start
		if durable {
			dir, err := os.MkdirTemp("", "surgecast-bench-")
			if err != nil {
				return 1, err
			}
			defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
			begin = func(ctx context.Context) (*localpg.Server, error) { return startDurable(ctx, dir) }
		}
		server, startErr := begin(ctx)
		if startErr != nil {
			return 1, startErr
		}
		defer func() { err = errors.Join(err, server.Discard(context.WithoutCancel(ctx))) }()
		cmd.Env = append(cmd.Env, variable+"="+server.URL())
	}
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("run %s: %w", args[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have had a Ctrl-C of its own; SIGTERM reaches only us
		err = <-ended
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// startDurable starts a server on disk with default durability.
func startDurable(ctx context.Context, dir string) (*localpg.Server, error) {
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the server's own account must pass through
		return nil, err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return localpg.Start(ctx, localpg.Options{StateDir: dir, Logger: logger, Durable: true})
}

// start starts a server in the first place no other run holds; a place whose run was killed is used again.
func start(ctx context.Context) (*localpg.Server, error) {
	scratch, err := localpg.ScratchDir()
	if err != nil {
		return nil, err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for i := range 64 {
		dir := filepath.Join(scratch, "run-"+strconv.Itoa(i))
		s, err := localpg.Start(ctx, localpg.Options{StateDir: dir, Logger: logger})
		if !errors.Is(err, localpg.ErrOwned) {
			return s, err
		}
	}
	return nil, fmt.Errorf("too many test runs at once in %s", scratch)
}
