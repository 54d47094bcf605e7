package main

import (
	"syscall"
	"testing"
	"time"
)

func mountTmpfs(dir, size string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0711,size="+size)
}

// unmount waits for the last process to let go.
func unmount(t *testing.T, dir string) {
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := syscall.Unmount(dir, 0)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("unmount %s: %v", dir, err)
			return
		}
	}
}
