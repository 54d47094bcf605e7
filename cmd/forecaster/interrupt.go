package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// signalled is why a context ended: somebody asked the program to.
type signalled struct{ syscall.Signal }

func (s signalled) Error() string { return s.Signal.String() }

// untilSignal ends with the first SIGINT or SIGTERM; those that follow change nothing.
func untilSignal() context.Context {
	ctx, stop := context.WithCancelCause(context.Background())
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	go func() {
		if s, ok := (<-asked).(syscall.Signal); ok {
			stop(signalled{s})
		}
		stop(nil)
	}()
	return ctx
}

// interrupted is the exit code of a verb that was asked to end before it was done, and says what that means.
// For what runs until it is told to stop this is the clean end; for the others it is a result that is missing,
// and a script must not take an old file for it. Codes are those of a shell: 128 and the signal's number.
func interrupted(ctx context.Context, command string, err error, errOut io.Writer) int {
	verb, _, _ := strings.Cut(command, " ")
	switch verb {
	case "serve", "demo":
		return 0
	case "backtest":
		fmt.Fprintln(errOut, "forecaster: interrupted; nothing was written.")
	case "replay":
		fmt.Fprintln(errOut, "forecaster: interrupted; no report was written. The minutes played so far are kept: the same command goes on from there, with --fresh it begins again.")
	case "import":
		fmt.Fprintf(errOut, "forecaster: interrupted: %v. The same command can be run again: what is there already is left as it is.\n", err)
	default:
		fmt.Fprintf(errOut, "forecaster: interrupted: %v\n", err)
	}
	code := 128 + int(syscall.SIGINT)
	if why := (signalled{}); errors.As(context.Cause(ctx), &why) {
		code = 128 + int(why.Signal)
	}
	return code
}
