package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A backtest that is interrupted says so, by its exit code too, and leaves what stood at its output: a script
// must not take yesterday's file for today's.
//
// Fails when: interrupted returns 0, or untilSignal does not say which signal it was.
func TestInterruptedBacktest(t *testing.T) {
	series, origins, out := longBacktest(t)
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		p := start(t, nil, "backtest", "--series", series, "--origins", origins, "--out", out)
		time.Sleep(300 * time.Millisecond)
		p.signal(sig)
		if code := p.wait(); code != want || !strings.Contains(p.err.String(), "interrupted; nothing was written") {
			t.Errorf("%v: exit code %d, want %d\n%s", sig, code, want, p.err.String())
		}
		left, err := os.ReadDir(filepath.Dir(out))
		if err != nil || len(left) != 3 {
			t.Errorf("%v: left %v, %v", sig, left, err)
		}
		if text, err := os.ReadFile(out); err != nil || string(text) != "yesterday's" {
			t.Errorf("%v: the output holds %.40q: %v", sig, text, err)
		}
	}
}

// longBacktest is one that takes many seconds.
func longBacktest(t *testing.T) (series, origins, out string) {
	t.Helper()
	dir := t.TempDir()
	var s, o strings.Builder
	s.WriteString("timestamp_utc,series,value\n")
	o.WriteString("series,origin,horizon_steps,thresholds\n")
	at := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range 30_000 {
		fmt.Fprintf(&s, "%s,a,%d\n", at.Format(time.RFC3339), 50+i%97)
		if i > 1000 {
			fmt.Fprintf(&o, "a,%s,1440,60;90\n", at.Format(time.RFC3339))
		}
		at = at.Add(time.Minute)
	}
	series, origins, out = filepath.Join(dir, "s.csv"), filepath.Join(dir, "o.csv"), filepath.Join(dir, "f.csv")
	for path, text := range map[string]string{series: s.String(), origins: o.String(), out: "yesterday's"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return series, origins, out
}

// An interrupted replay ends with the signal's code and says how to go on; doing so goes on.
//
// Fails when: interrupted returns 0 for a replay.
func TestInterruptedReplay(t *testing.T) {
	f := writeRecording(t, t.TempDir(), record(1))
	dir, address := stateDir(t), freeAddress(t)
	args := replayArgs(f, dir, address)
	p := start(t, nil, args...)
	for p.running() && !reached(t, address, recordingFrom.Add(2*time.Minute)) {
		time.Sleep(5 * time.Millisecond)
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 130 || !strings.Contains(p.err.String(), "no report was written") || !strings.Contains(p.err.String(), "the same command goes on") {
		t.Fatalf("exit code %d, want 130\n%s", code, p.err.String())
	}
	p = start(t, nil, args...)
	if code := p.wait(); code != 0 || !strings.Contains(p.err.String(), "going on with the interrupted replay") {
		t.Errorf("the same command again: exit code %d\n%s", code, p.err.String())
	}
}

// What runs until it is told to stop ends well when it is.
//
// Fails when: interrupted forgets serve or demo.
func TestInterruptedServiceEndsWell(t *testing.T) {
	for command, want := range map[string]int{"serve": 0, "demo": 0, "import traffic <file>": 130, "check": 130} {
		var said strings.Builder
		code := interrupted(t.Context(), command, errors.New("context canceled"), &said)
		if code != want || (said.Len() == 0) != (want == 0) {
			t.Errorf("%s: %d and %q, want %d", command, code, said.String(), want)
		}
	}
}

// A replay that has reported and only holds its dashboard ends well: nothing is missing.
//
// Fails when: replayCmd.replay returns what ends the dashboard as an error.
func TestInterruptedHoldEndsWell(t *testing.T) {
	f := writeRecording(t, t.TempDir(), record(1))
	p := start(t, nil, replayArgs(f, stateDir(t), freeAddress(t), "--hold", "--to", recordingFrom.Add(5*time.Minute).Format(time.RFC3339))...)
	for deadline := time.Now().Add(patience); p.running() && !strings.Contains(p.err.String(), "The dashboard stays"); {
		if time.Now().After(deadline) {
			t.Fatal("no report\n", p.err.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 || strings.Contains(p.err.String(), "interrupted") {
		t.Errorf("exit code %d, want 0\n%s", code, p.err.String())
	}
}
