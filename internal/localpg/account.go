package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is who runs the server. PostgreSQL refuses to run as root, so root steps down to another account.
type account struct {
	name     string
	uid, gid uint32
	drop     bool // root steps down to it
}

// chooseAccount answers the account for a cluster in data: our own unless we are root; as root the owner
// of an existing cluster (it may have been made by an ordinary user), else "postgres", else "nobody".
func chooseAccount(data string) (account, error) {
	if os.Geteuid() != 0 {
		return account{name: strconv.Itoa(os.Geteuid()), uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}, nil
	}
	if info, err := os.Stat(data); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			who := account{name: strconv.Itoa(int(st.Uid)), uid: st.Uid, gid: st.Gid, drop: true}
			if u, err := user.LookupId(who.name); err == nil {
				who.name = u.Username
			}
			return who, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		// macOS knows nobody as -2: parse signed, keep the 32 bits.
		uid, err1 := strconv.ParseInt(u.Uid, 10, 64)
		gid, err2 := strconv.ParseInt(u.Gid, 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return account{}, fmt.Errorf("read ids of account %s: %w", name, err)
		}
		if uint32(uid) == 0 {
			continue
		}
		return account{name: name, uid: uint32(uid), gid: uint32(gid), drop: true}, nil
	}
	return account{}, errors.New("PostgreSQL does not run as root, and there is no account postgres or nobody to step down to: add one, or run as an ordinary user")
}

// command prepares a program to run as the account in dir, with a clean environment: locale or PG… variables
// of the caller must not reach the server, and initdb complains about a working directory it cannot read.
func (a account) command(dir, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...) //nolint:gosec,noctx // programs found by programs.go; run and Stop end what they start
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=" + locale, "TZ=UTC", "HOME=" + dir}
	// Its own group: a Ctrl-C on the terminal is for us, and we tell the server in our own time.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: []uint32{}}
	}
	return cmd
}

// reaches tells whether the account can enter dir through every parent. It tries, rather than reading
// permission bits, so that access lists and odd mounts are judged by who knows them.
func (a account) reaches(ctx context.Context, dir string) (bool, error) {
	err := run(ctx, a.command(dir, "/bin/sh", "-c", ":"), nil)
	if errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	return err == nil, err
}

// own gives path to the account.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}
