package localpg

import (
	"strings"
	"syscall"
)

func mountTmpfs(dir, options string) error {
	var flags uintptr
	if rest, ok := strings.CutPrefix(options, "remount,"); ok {
		flags, options = syscall.MS_REMOUNT, rest
	}
	return syscall.Mount("tmpfs", dir, "tmpfs", flags, options)
}

func unmount(dir string) { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }
