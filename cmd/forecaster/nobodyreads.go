package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errNobodyReads is why a program ends whose output goes into a pipe that was closed.
var errNobodyReads = errors.New("nobody reads what is written")

// exitNobodyReads is what a shell tells of a program that SIGPIPE ended.
const exitNobodyReads = 128 + 13

// stream is standard output or error; when nobody reads it any more, gone is called.
type stream struct {
	*os.File
	gone func()
}

func (s stream) Write(b []byte) (int, error) {
	n, err := s.File.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		s.gone()
	}
	return n, err
}

// whileRead answers a context that ends when nobody reads the output any more (`forecaster replay … | head`), and the
// output. Left to itself SIGPIPE would end the program on the spot, and the private PostgreSQL under it would go on until the
// next start finds it.
func whileRead(ctx context.Context) (_ context.Context, out, errOut stream) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // taken, not ignored: what is ignored is inherited
	ctx, end := context.WithCancelCause(ctx)
	gone := func() { end(errNobodyReads) }
	return ctx, stream{os.Stdout, gone}, stream{os.Stderr, gone}
}
