package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"surgecast/internal/localpg"
)

// patience is how long a test waits for something that must happen. It is a net under a test that would
// hang, not a judgement of speed: the machine may be busy.
const patience = 4 * time.Minute

var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(courseEnv); dir != "" {
		os.Exit(serveCourse(dir))
	}
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// binary is the program as a user runs it, built once and never with the race detector.
func binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "forecaster-*"); built.err != nil { //nolint:usetesting // outlives the test that builds it
			return
		}
		built.path = filepath.Join(built.dir, "forecaster")
		out, err := exec.Command("go", "build", "-race=false", "-buildvcs=false", "-o", built.path, ".").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// place makes an empty directory, in memory when there is room, that the account PostgreSQL runs under may
// pass through.
func place(t testing.TB) string {
	t.Helper()
	scratch, err := localpg.ScratchDir()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(scratch, "e2e-*") //nolint:usetesting // t.TempDir lies below a directory of mode 0700
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// stateDir is the place of a private PostgreSQL. When the test ends, no process of it may be left.
func stateDir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(place(t), "s")
	t.Cleanup(func() { nobodyIn(t, dir) })
	return dir
}

// nobodyIn waits until no process names dir in its command line any more. A killed program's PostgreSQL
// ends by itself, but not in the same instant.
func nobodyIn(t testing.TB, dir string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		left := processesOf(t, dir)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("processes left behind:\n%s", strings.Join(left, "\n"))
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func processesOf(t testing.TB, dir string) (found []string) {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(list) == 0 {
		out, err := exec.Command("ps", "-axo", "pid=,args=").Output()
		if err != nil {
			t.Fatal("cannot list processes: neither /proc nor ps: ", err)
		}
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, dir+"/") {
				found = append(found, line)
			}
		}
		return found
	}
	for _, name := range list {
		line, err := os.ReadFile(name)
		// The slash keeps the program's own --state-dir out: it ends when it is waited for.
		if err == nil && bytes.Contains(line, []byte(dir+"/")) {
			found = append(found, name+": "+string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}

// firstPort and ports are a range below what systems hand out to those who name no port (from 32768 on Linux).
const firstPort, ports = 20_000, 10_000

var lastPort = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(rand.Int64N(ports))
	return &n
}()

// freeAddress is a loopback address nobody listens on, another one with each call. No other program is given it
// before the one under test listens there, or while that is started again.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+lastPort.Add(1)%ports))
		if err != nil {
			continue // somebody's
		}
		defer l.Close()
		return l.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}

// log collects what a process prints while others read it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process is the program under test, in a process group of its own.
type process struct {
	t        testing.TB
	cmd      *exec.Cmd
	out, err output
	done     chan struct{} // closed when it has been waited for
}

// start runs the program. env holds NAME=value pairs; nothing of ours leaks in from the environment.
func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	return startProgram(t, binary(t), env, args...)
}

func startProgram(t testing.TB, path string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, done: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "SURGECAST_") && !strings.HasPrefix(e, "PG") {
			p.cmd.Env = append(p.cmd.Env, e)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	p.cmd.Dir = place(t) // a state directory nobody named must not appear in the repository
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = 30 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("forecaster %s\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), tail(p.out.String()), tail(p.err.String()))
		}
	})
	return p
}

func tail(s string) string {
	if len(s) > 4000 {
		return "…" + s[len(s)-4000:]
	}
	return s
}

// signal sends a signal to the program alone, as a person or a supervisor does.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the program without a word and waits for it.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// wait waits for the end and answers the exit code, -1 for death by a signal.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.signal(syscall.SIGQUIT) // its goroutines are worth reading
		time.Sleep(time.Second)
		p.kill()
		p.t.Fatalf("forecaster %s did not end:\n%s", strings.Join(p.cmd.Args[1:], " "), p.err.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// until waits until ok answers true, while the program runs.
func (p *process) until(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
		if !p.running() {
			p.t.Fatalf("waiting for %s: the program ended with %d: %s", what, p.cmd.ProcessState.ExitCode(), p.err.String())
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waiting for %s: in vain", what)
		}
	}
}

// forecaster runs the program to its end.
func forecaster(t testing.TB, env []string, args ...string) (code int, out, errOut string) {
	t.Helper()
	p := start(t, env, args...)
	code = p.wait()
	return code, p.out.String(), p.err.String()
}

// terminal runs `forecaster before… args…` in a process of its own, wants the exit code given, and answers all it wrote.
func terminal(t *testing.T, env []string, before ...string) func(code int, args ...string) string {
	return func(code int, args ...string) string {
		t.Helper()
		got, out, errOut := forecaster(t, env, slices.Concat(before, args)...)
		if got != code {
			t.Fatalf("%q: exit %d, want %d\n%s%s", args, got, code, out, errOut)
		}
		return out + errOut
	}
}

// want runs the program and fails unless it ends with the code and says every one of words on standard error
// (on standard output when the code is 0).
func want(t testing.TB, code int, words []string, args ...string) string {
	t.Helper()
	got, out, errOut := forecaster(t, nil, args...)
	said := errOut
	if code == 0 {
		said = out
	}
	if got != code {
		t.Errorf("forecaster %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out, errOut)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("forecaster %s does not say %q:\n%s", strings.Join(args, " "), w, said)
		}
	}
	if code != 0 && strings.Contains(errOut, "goroutine ") {
		t.Errorf("forecaster %s panicked:\n%s", strings.Join(args, " "), errOut)
	}
	return out
}

// answer is a reply of the API.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// into reads the JSON of an answer.
func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// ask makes a request; status 0: nobody answered.
func ask(t testing.TB, method, url, key string, body any) answer {
	t.Helper()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}
	}
	return answer{res.StatusCode, res.Header, b}
}

// openState opens a database of a state directory that no program uses now.
func openState(t testing.TB, dir, name string) *database {
	t.Helper()
	db, err := openDatabase(context.Background(), &Global{StateDir: dir, log: slog.New(slog.DiscardHandler)}, openOptions{name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return db
}
