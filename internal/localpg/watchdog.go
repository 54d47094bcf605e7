package localpg

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
)

// watchdog stops the server of a program that was killed, on systems whose kernel does not. It is a shell
// that waits for the end of a pipe whose other end only we hold: when we die, however, the pipe ends.
type watchdog struct {
	child *child
	pipe  io.Closer
}

func watch(who account, pid int) (*watchdog, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make the watchdog's pipe: %w", err)
	}
	defer r.Close()
	cmd := who.command("/", "/bin/sh", "-c", `read -r end; kill -INT "$0"`, strconv.Itoa(pid))
	cmd.Stdin = r
	c, err := spawn(cmd, 0, nil)
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	return &watchdog{child: c, pipe: w}, nil
}

// end takes the watchdog away before it can signal a process number that may belong to somebody else by now.
func (w *watchdog) end() {
	if w == nil {
		return
	}
	_ = syscall.Kill(w.child.pid, syscall.SIGKILL)
	<-w.child.done
	w.pipe.Close()
}
