package localpg

import (
	"context"
	"os"
	"runtime"
	"syscall"
	"testing"
)

// The signal at our death is tied to a thread. Here the thread that called Start ends while the program lives.
// Fails when: spawn starts the command in the caller's goroutine.
func TestServerOutlivesTheThreadThatStartedIt(t *testing.T) {
	dir := place(t)
	began := make(chan *Server)
	over := make(chan struct{})
	defer close(over)
	go startAndEndThread(t.Context(), dir, began, over)
	s := <-began
	if s == nil {
		t.Fatal("did not start")
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	for range 20 { // a fast shutdown of an idle server takes some 20 ms
		ask(t, s, "SELECT pg_sleep(0.02)::text")
	}
}

// startAndEndThread starts a server and takes its thread along: that is what the end of a goroutine that is
// locked to a thread does, except to the process's first thread. Found on that one, it occupies it until the
// test is over and lets another goroutine do the work.
func startAndEndThread(ctx context.Context, dir string, began chan<- *Server, over <-chan struct{}) {
	runtime.LockOSThread()
	if syscall.Gettid() == os.Getpid() {
		go startAndEndThread(ctx, dir, began, over)
		<-over
		return
	}
	s, err := Start(ctx, Options{StateDir: dir})
	if err != nil {
		s = nil
	}
	began <- s
}
