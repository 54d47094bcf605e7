package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	port       = "5432" // only a part of the socket's name
	socketName = ".s.PGSQL." + port

	lockFile  = "postgres.lock"  // in StateDir: held while a process owns it, holds its number
	movedFile = "postgres.moved" // in StateDir: says where the cluster lives instead
	tmpFile   = "socket.moved"   // in the cluster's directory: the short socket directory last used
)

// claim makes the state directory and locks it. The kernel drops the lock with the process that holds it,
// so a killed owner blocks nobody.
func claim(stateDir string) (base string, lock *os.File, err error) {
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711 // the account we step down to passes through, and sees nothing
	}
	if err := os.MkdirAll(stateDir, mode); err != nil {
		return "", nil, fmt.Errorf("make state directory: %w", err)
	}
	if base, err = absolute(stateDir); err != nil {
		return "", nil, fmt.Errorf("resolve state directory %s: %w", stateDir, err)
	}
	name := filepath.Join(base, lockFile)
	lock, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return "", nil, fmt.Errorf("open %s: it belongs to another user (was it made by root?): run as that user, or choose another state directory: %w", name, err)
	}
	if err != nil {
		return "", nil, fullDisk(fmt.Errorf("open lock file: %w", err), base)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer lock.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return "", nil, fmt.Errorf("lock %s: %w", name, err)
		}
		owner, _ := os.ReadFile(name) // best effort: only to name the owner
		return "", nil, fmt.Errorf("%w (process %s): %s: stop it, or choose another state directory",
			ErrOwned, strings.TrimSpace(string(owner)), base)
	}
	if err := writeOver(lock, strconv.Itoa(os.Getpid())+"\n"); err != nil {
		lock.Close()
		return "", nil, fullDisk(fmt.Errorf("write lock file: %w", err), base)
	}
	return base, lock, nil
}

func writeOver(f *os.File, text string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// home is where one cluster lives, and who runs it.
type home struct {
	dir  string // 0700, owned by who
	data string
	who  account
}

// settle finds or makes the cluster's directory below base. When the account cannot reach it there (a
// checkout below root's 0700 home, a file system that refuses chown), it lives under the system's variable-data
// directory instead: movedFile in base says where, and removing base's content leaves that cluster behind.
func settle(ctx context.Context, base string, logger *slog.Logger) (home, error) {
	dir, moved, err := clusterDir(base)
	if err != nil {
		return home{}, err
	}
	h := home{dir: dir, data: filepath.Join(dir, "data")}
	if h.who, err = chooseAccount(h.data); err != nil {
		return home{}, err
	}
	err = h.make(ctx)
	switch {
	case err == nil:
		return h, nil
	case !h.who.drop || moved || exists(h.data) || errors.Is(err, syscall.ENOSPC):
		return home{}, fullDisk(err, dir)
	}

	_ = os.Remove(dir) // it is empty: we just made it
	if h.dir, err = makeMovedDir(base); err != nil {
		return home{}, fmt.Errorf("account %s cannot use %s, and no other place was found: %w", h.who.name, dir, err)
	}
	h.data = filepath.Join(h.dir, "data")
	if err := h.make(ctx); err != nil {
		return home{}, err
	}
	if err := os.WriteFile(filepath.Join(base, movedFile), []byte(h.dir+"\n"), 0o600); err != nil {
		return home{}, fullDisk(fmt.Errorf("note where the cluster lives: %w", err), base)
	}
	logger.Warn("PostgreSQL runs as another account than root, which cannot enter the state directory: the database lives elsewhere",
		"account", h.who.name, "state_dir", base, "database_dir", h.dir)
	return h, nil
}

// clusterDir is base/postgres, or where an earlier start had to move it.
func clusterDir(base string) (dir string, moved bool, err error) {
	note, err := os.ReadFile(filepath.Join(base, movedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return filepath.Join(base, "postgres"), false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read where the cluster lives: %w", err)
	}
	dir = strings.TrimSpace(string(note))
	if exists(dir) {
		return dir, true, nil
	}
	return filepath.Join(base, "postgres"), false, nil // somebody removed it: begin anew
}

// make makes the directory, gives it to the account and tries whether the account gets in.
func (h home) make(ctx context.Context) error {
	if err := os.Mkdir(h.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make database directory: %w", err)
	}
	if err := h.who.own(h.dir); err != nil {
		return fmt.Errorf("give %s to account %s: %w", h.dir, h.who.name, err)
	}
	ok, err := h.who.reaches(ctx, h.dir)
	if err != nil {
		return fmt.Errorf("try whether account %s can enter %s: %w", h.who.name, h.dir, err)
	}
	if !ok {
		return fmt.Errorf("account %s cannot enter %s: let it pass through every parent (chmod o+x), or choose another state directory: %w",
			h.who.name, h.dir, fs.ErrPermission)
	}
	return nil
}

// makeMovedDir makes a directory for base's cluster where every account may pass.
func makeMovedDir(base string) (string, error) {
	if err := os.MkdirAll(variableDir, 0o755); err != nil { //nolint:gosec // like the directory it lies in; clusters below are 0700
		return "", err
	}
	return os.MkdirTemp(variableDir, filepath.Base(base)+"-*")
}

// socketDir is the cluster's own "run", or a short directory under /tmp when the path would not fit the
// kernel's socket address: then tmp names it too, to be removed at the end, and a note lets the next start
// remove it when there is no end.
func (h home) socketDir() (dir, tmp string, err error) {
	note := filepath.Join(h.dir, tmpFile)
	if old, err := os.ReadFile(note); err == nil {
		if d := strings.TrimSpace(string(old)); strings.HasPrefix(d, tmpPrefix) && filepath.Dir(d) == filepath.Dir(tmpPrefix) {
			_ = os.RemoveAll(d)
		}
		_ = os.Remove(note)
	}
	dir = filepath.Join(h.dir, "run")
	if len(dir)+len("/"+socketName) <= socketPathMax {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", "", fullDisk(fmt.Errorf("make socket directory: %w", err), h.dir)
		}
		return dir, "", h.who.own(dir)
	}
	tmp, err = os.MkdirTemp(filepath.Dir(tmpPrefix), filepath.Base(tmpPrefix)+"*")
	if err != nil {
		return "", "", fmt.Errorf("make a short socket directory, as %s is too long for one: %w", dir, err)
	}
	if err := os.WriteFile(note, []byte(tmp+"\n"), 0o600); err != nil {
		return "", tmp, fullDisk(fmt.Errorf("note the socket directory: %w", err), h.dir)
	}
	return tmp, tmp, h.who.own(tmp)
}

const tmpPrefix = "/tmp/surgecast-pg-"

// fullDisk adds the remedy to an error that means a full disk.
func fullDisk(err error, dir string) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w in %s: free some, or choose a state directory on another disk: %w", ErrDiskFull, dir, err)
	}
	return err
}
