package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// child is a started process together with the goroutine that waits for it.
type child struct {
	pid  int
	done chan struct{} // closed when the process has ended and err is set
	err  error
	tail *tail
}

// spawn starts cmd so that it gets the signal if we die.
//
// The kernel ties that signal to the thread that forked, not to the process (Go issue 27505): the goroutine
// below keeps its thread, and does not return before the child has ended. Were it to let go, the runtime could
// retire the thread at any time and shut the server down under a living program.
func spawn(cmd *exec.Cmd, ifWeDie syscall.Signal, t *tail) (*child, error) {
	tieToParent(cmd.SysProcAttr, ifWeDie)
	if t != nil {
		cmd.Stderr, cmd.Stdout = t, t
	}
	cmd.WaitDelay = 2 * time.Second // backends may hold the log pipe a moment longer than their postmaster
	c := &child{done: make(chan struct{}), tail: t}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	c.pid = cmd.Process.Pid
	return c, nil
}

// run runs cmd to its end; it is killed when ctx ends or when we die.
func run(ctx context.Context, cmd *exec.Cmd, out io.Writer) error {
	t := &tail{copy: out}
	c, err := spawn(cmd, syscall.SIGKILL, t)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		_ = syscall.Kill(-c.pid, syscall.SIGKILL) // its group: initdb has a backend of its own
		<-c.done
		return ctx.Err()
	}
	if c.err != nil {
		return c.death()
	}
	return nil
}

// death describes the end of the process: how it ended, its last words, and ErrDiskFull when those say so.
func (c *child) death() error {
	select {
	case <-c.done:
	default:
		return nil
	}
	how := "it exited by itself"
	if c.err != nil {
		how = c.err.Error()
	}
	words := c.tail.String()
	if diskIsFull(words) {
		return fmt.Errorf("%s: %w: free some, or choose a state directory on another disk; it said:\n%s", how, ErrDiskFull, words)
	}
	if words == "" {
		return errors.New(how)
	}
	return fmt.Errorf("%s; it said:\n%s", how, words)
}

// diskIsFull knows the words of the C library, and the hint PostgreSQL gives when a write came out short.
func diskIsFull(words string) bool {
	for _, w := range []string{"No space left on device", "Disk quota exceeded", "Check free disk space"} {
		if strings.Contains(words, w) {
			return true
		}
	}
	return false
}

const tailLines = 30

// tail keeps the last lines of a log and passes them on. The server's log stays in memory on purpose: a file
// would need rotating, and what an operator must hear is repeated as a warning.
type tail struct {
	mu     sync.Mutex
	part   []byte
	lines  []string
	logger *slog.Logger
	copy   io.Writer
	warned bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.copy != nil {
		_, _ = t.copy.Write(p)
	}
	t.part = append(t.part, p...)
	for {
		i := bytes.IndexByte(t.part, '\n')
		if i < 0 {
			break
		}
		t.line(strings.TrimRight(string(t.part[:i]), "\r"))
		t.part = t.part[i+1:]
	}
	if len(t.part) > 64<<10 { // a line without end must not grow without end
		t.line(string(t.part[:1<<10]))
		t.part = nil
	}
	return len(p), nil
}

func (t *tail) line(s string) {
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, s)
	if t.logger == nil {
		return
	}
	full := diskIsFull(s)
	switch {
	case strings.HasPrefix(s, "PANIC:"):
		t.logger.Error("PostgreSQL gave up", "line", s)
	case full && !t.warned:
		t.warned = true // once: a full disk repeats itself with every statement
		t.logger.Error("PostgreSQL has no space left", "line", s)
	default:
		t.logger.Debug("PostgreSQL", "line", s)
	}
}

func (t *tail) String() string {
	if t == nil {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := t.lines
	if len(t.part) > 0 {
		lines = append(lines[:len(lines):len(lines)], string(t.part))
	}
	if len(lines) == 0 {
		return ""
	}
	return "\t" + strings.Join(lines, "\n\t")
}
