//go:build unix

package engine

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

// A pipe is written to and stays one, and waiting for its reader can be called off.
//
// Fails when: through answers false for what is not a regular file, or pour is called without unlessStopped.
func TestBacktestWritesIntoAPipe(t *testing.T) {
	o := outFiles(t)
	if err := syscall.Mkfifo("p", 0o600); err != nil {
		t.Skip("no pipes here: ", err)
	}
	o.Out = "p"
	got := make(chan string, 1)
	go func() {
		b, _ := os.ReadFile("p")
		got <- string(b)
	}()
	if err := Backtest(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat("p"); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Fatalf("p is no pipe any more: %v, %v", info, err)
	}
	text := <-got
	o.Out = "f.csv"
	if err := Backtest(context.Background(), o); err != nil || readText(t, "f.csv") != text {
		t.Errorf("the pipe got %d bytes, a file another text: %v", len(text), err)
	}
	o.Out = "p"
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(500*time.Millisecond, cancel) // by then it waits for a reader, and nobody comes
	done := make(chan error, 1)
	go func() { done <- Backtest(ctx, o) }()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that it was called off", err)
		}
	case <-time.After(time.Minute):
		t.Error("it waits for a reader although it was called off")
	}
	_ = readText(t, "p") // the open that could not be called off ends
}
