package localpg

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// scratchBytes is what a test cluster and the databases of tests side by side need at most.
const scratchBytes = 1 << 30

// ScratchDir is where clusters of tests live: a directory of this user's in memory when there is room (a
// database is made in 20 ms there and in up to 500 ms on a busy disk; containers often give 64 MB), else the
// temporary directory. Every account may pass through it.
func ScratchDir() (string, error) {
	root := "/dev/shm"
	var fs syscall.Statfs_t
	if err := syscall.Statfs(root, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < scratchBytes {
		root = os.TempDir()
	}
	dir := root + "/surgecast-test-" + strconv.Itoa(os.Getuid())
	if err := os.Mkdir(dir, 0o711); err != nil && !os.IsExist(err) { //nolint:gosec // the account root steps down to passes through
		return "", fmt.Errorf("make a directory for test clusters: %w", err)
	}
	// The name can be guessed and the parent is anybody's: it must be ours, and no link.
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("look at the directory for test clusters: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(st.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s belongs to somebody else: remove it, or set TMPDIR", dir)
	}
	return dir, nil
}
