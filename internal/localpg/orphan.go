package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopOrphan deals with what an earlier owner's death left in data. We hold the lock, so nobody else owns a
// server that still runs there: it is told to stop and waited for. A process number in postmaster.pid that now
// belongs to another program (after a reboot, in a container) would make PostgreSQL refuse to start: then the
// file goes. When no process has the number, PostgreSQL judges the file itself.
func stopOrphan(ctx context.Context, data string, logger *slog.Logger) error {
	file := filepath.Join(data, "postmaster.pid")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what the last server left: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 || !alive(pid) {
		return nil
	}
	if !serves(pid, data) {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a stale postmaster.pid: %w", err)
		}
		return nil
	}
	logger.Info("a PostgreSQL of this state directory still runs although its owner is gone: stopping it", "pid", pid)
	gone := make(chan struct{})
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	go func() { // ends when the process does, or with this function
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for alive(pid) && serves(pid, data) {
			select {
			case <-tick.C:
			case <-watching.Done():
				return
			}
		}
		close(gone)
	}()
	if err := endProcess(ctx, pid, gone); err != nil {
		select {
		case <-gone: // it took a stronger signal; recovery mends that
			logger.Warn("the old server had to be forced", "err", err)
		default:
			return fmt.Errorf("stop the server that still runs on %s: %w", data, err)
		}
	}
	return nil
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// serves tells whether process pid is a postmaster on data: we always start it with -D and the full path,
// and it keeps its command line. A zombie has none.
func serves(pid int, data string) bool {
	if runtime.GOOS == "linux" {
		line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if err != nil {
			return false
		}
		args := bytes.Split(bytes.TrimRight(line, "\x00"), []byte{0})
		for i := 1; i+1 < len(args); i++ {
			if string(args[i]) == "-D" {
				return filepath.Base(string(args[0])) == "postgres" && string(args[i+1]) == data
			}
		}
		return false
	}
	line, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec,noctx // fixed words and a number; answers at once
	return err == nil && strings.Contains(string(line), "postgres -D "+data+" ")
}
