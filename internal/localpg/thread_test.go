package localpg

import (
	"context"
	"runtime"
)

// lockedStart starts a server from a thread of its own and ends that thread: a goroutine that returns while
// locked takes its thread along.
func lockedStart(ctx context.Context, dir string, began chan<- *Server) {
	runtime.LockOSThread()
	s, err := Start(ctx, Options{StateDir: dir})
	if err != nil {
		s = nil
	}
	began <- s
}
