package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A program whose reader has gone (`| head`, `2>&1 | head`) ends, and stops its private PostgreSQL first.
// Fails when: whileRead leaves SIGPIPE to itself, or Write does not call gone.
func TestWhoIsNotReadEndsWhole(t *testing.T) {
	for name, args := range map[string][]string{
		"output": {"site", "list"},
		"log":    {"serve", "--metrics=", "--listen", freeAddress(t), "--no-bluesky", "--no-hackernews", "--no-wikimedia"},
	} {
		dir := stateDir(t)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		cmd := exec.Command(binary(t), append(args, "--state-dir", dir)...)
		cmd.Dir, cmd.SysProcAttr = place(t), &syscall.SysProcAttr{Setpgid: true}
		if cmd.Stdout = w; name == "log" {
			cmd.Stdout, cmd.Stderr = nil, w
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		late := time.AfterFunc(patience, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		_ = cmd.Wait()
		late.Stop()
		if code := cmd.ProcessState.ExitCode(); code != exitNobodyReads {
			t.Errorf("%s: exit code %d, want %d", name, code, exitNobodyReads)
		}
		if left := processesOf(t, dir); len(left) > 0 { // at its end, not some time later
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}
