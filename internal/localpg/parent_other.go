//go:build !linux

package localpg

import "syscall"

// deathSignal: this kernel has no such thing; a watchdog process does it, and stopOrphan what that misses.
const deathSignal = false

func tieToParent(*syscall.SysProcAttr, syscall.Signal) {}
