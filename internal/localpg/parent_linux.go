package localpg

import "syscall"

// deathSignal: the kernel signals the server when the thread that started it ends.
const deathSignal = true

func tieToParent(attr *syscall.SysProcAttr, s syscall.Signal) { attr.Pdeathsig = s }
