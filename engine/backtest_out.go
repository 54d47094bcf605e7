package engine

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"surgecast"
)

// output is one file a backtest writes. A regular file appears whole: it is written beside its place and
// moved there. Anything else that stands at the path (a pipe, a device) is written to as it is.
type output struct {
	flag   string // what named it
	path   string // as it was given
	target string // with links followed; empty for standard output
	stdout io.Writer
	info   fs.FileInfo // of what stands there; nil: nothing yet

	written string // whole, beside the target
	kept    string // what stood there, until both are in place
	moved   bool
}

// standardOutput is the path that means it.
const standardOutput = "-"

func (o *output) bad(detail, remedy string) error {
	return &surgecast.FieldError{Field: o.flag, Value: o.path, Detail: detail, Remedy: remedy}
}

func (o *output) through() bool {
	return o.stdout != nil || o.info != nil && !o.info.Mode().IsRegular()
}

// openOutputs looks whether the outputs can be written, and that they are neither an input nor each other.
// It leaves nothing behind.
func openOutputs(o BacktestOptions) ([]*output, error) {
	out := []*output{{flag: "--out", path: o.Out}}
	if o.BreachOut != "" {
		out = append(out, &output{flag: "--breach-out", path: o.BreachOut})
	}
	for _, f := range out {
		if err := f.look(o.Stdout); err != nil {
			return nil, err
		}
		for _, in := range []struct{ flag, path string }{{"--series", o.Series}, {"--origins", o.Origins}, {"--signals", o.Signals}, {"--events", o.Events}} {
			if f.is(in.path) {
				return nil, f.bad("is the same file as "+in.flag+", which would be lost", "Name another file.")
			}
		}
	}
	if len(out) == 2 && out[0].clashes(out[1]) {
		return nil, out[1].bad("is the same file as --out: one of the two would be lost", "Name two files.")
	}
	for _, f := range out {
		if err := f.try(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// look finds what stands at the path, through links.
func (o *output) look(stdout io.Writer) error {
	switch {
	case strings.TrimSpace(o.path) == "":
		return o.bad("is empty", "Name the file to write.")
	case o.path == standardOutput && stdout == nil:
		return o.bad("is not a file", "Name the file to write.")
	case o.path == standardOutput:
		o.stdout = stdout
		return nil
	case os.IsPathSeparator(o.path[len(o.path)-1]):
		return o.bad("names a directory", "Name a file in it.")
	}
	at := o.path
	for range 40 { // a link may point to what is not there yet; as many as Linux follows
		link, err := os.Readlink(at)
		if err != nil {
			break
		}
		if _, err := os.Stat(at); err == nil || !errors.Is(err, fs.ErrNotExist) {
			break // all of it is there, or cannot be reached: below
		}
		if !filepath.IsAbs(link) {
			dir, _ := filepath.Split(at)
			link = dir + link
		}
		at = link
	}
	info, err := os.Stat(at)
	switch {
	case err == nil && info.IsDir():
		return o.bad("is a directory", "Name a file in it.")
	case err == nil:
		o.info, o.target = info, at
		if info.Mode().IsRegular() {
			if o.target, err = filepath.EvalSymlinks(at); err != nil {
				return o.bad("cannot be followed: "+reason(err), "Name the file itself.")
			}
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return o.bad("cannot be written: "+reason(err), "Name a file in a directory you may write to.")
	}
	// Not filepath.Dir, which takes x/../y for y although there may be no x, or x is a link.
	named, base := filepath.Split(at)
	if named == "" {
		named = "."
	}
	dir, err := filepath.EvalSymlinks(named)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return o.bad("lies in a directory that does not exist", "Make it first: mkdir -p "+named)
		}
		return o.bad("cannot be written: "+reason(err), "Name a file in a directory you may write to.")
	}
	o.target = filepath.Join(dir, base)
	return nil
}

// is reports whether an input is this file, whatever names and links lead there.
func (o *output) is(path string) bool {
	if path == "" || o.info == nil {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && os.SameFile(info, o.info)
}

func (o *output) clashes(b *output) bool {
	switch {
	case o.stdout != nil || b.stdout != nil:
		return o.stdout != nil && b.stdout != nil
	case o.info != nil && b.info != nil:
		// A device takes both, one after the other: a terminal, or the one that forgets.
		return os.SameFile(o.info, b.info) && o.info.Mode()&fs.ModeCharDevice == 0
	}
	return absolute(o.target) == absolute(b.target)
}

func absolute(path string) string {
	if a, err := filepath.Abs(path); err == nil {
		return a
	}
	return filepath.Clean(path)
}

// try finds out now, not after minutes of work, whether the file can be written.
func (o *output) try() error {
	if o.through() {
		return nil // opening a pipe waits for its reader
	}
	if o.info != nil {
		f, err := os.OpenFile(o.target, os.O_WRONLY, 0)
		if err != nil {
			return o.bad("cannot be written: "+reason(err), "Name another file, or make this one writable.")
		}
		_ = f.Close()
	}
	f, err := o.beside()
	if err != nil {
		return err
	}
	_ = f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return o.bad("cannot be written: "+reason(err), "Name a file in a directory you may write to.")
	}
	return nil
}

func (o *output) beside() (*os.File, error) {
	dir, base := filepath.Split(o.target)
	f, err := os.CreateTemp(filepath.Clean(dir+"."), "."+base[:min(len(base), 200)]+".part-*")
	if err != nil {
		return nil, o.bad("cannot be written: "+reason(err), "Name a file in a directory you may write to.")
	}
	return f, nil
}

// reason is what the system said, without the names of files the caller has not heard of.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err.Error()
	}
	return err.Error()
}

// table is what one output holds.
type table struct {
	head  string
	parts []string
}

// writeOutputs writes all of them or none, as far as files go: what went into a pipe is gone.
func writeOutputs(ctx context.Context, out []*output, tables []table) (err error) {
	defer func() {
		for _, o := range out {
			o.clean()
		}
	}()
	for i, o := range out {
		if !o.through() {
			if err := o.prepare(tables[i]); err != nil {
				return fmt.Errorf("%w; nothing was written", err)
			}
		}
	}
	for i, o := range out {
		if o.through() {
			if err := unlessStopped(ctx, func() error { return o.pour(tables[i]) }); err != nil {
				return fmt.Errorf("writing %s %s: %w", o.flag, o.path, err)
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, o := range out {
		if o.through() {
			continue
		}
		if err := o.move(len(out) > 1); err != nil {
			err = fmt.Errorf("writing %s %s: %s", o.flag, o.path, reason(err))
			for _, done := range out[:i] {
				err = errors.Join(err, done.undo())
			}
			return err
		}
	}
	return nil
}

// prepare writes the whole file beside its place.
func (o *output) prepare(t table) (err error) {
	f, err := o.beside()
	if err != nil {
		return err
	}
	o.written = f.Name()
	defer func() {
		if err != nil {
			_ = f.Close()
			err = fmt.Errorf("writing %s %s: %s", o.flag, o.path, reason(err))
		}
	}()
	if err = t.write(f, o.path); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if o.info != nil {
		mode = o.info.Mode().Perm()
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// pour writes straight into what stands there.
func (o *output) pour(t table) error {
	if o.stdout != nil {
		return t.write(o.stdout, "")
	}
	f, err := os.OpenFile(o.target, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(t.write(f, o.path), f.Close())
}

func (t table) write(w io.Writer, path string) error {
	b := bufio.NewWriterSize(w, 1<<16)
	var out io.Writer = b
	var z *gzip.Writer
	if strings.HasSuffix(strings.ToLower(path), ".gz") {
		z = gzip.NewWriter(b)
		out = z
	}
	if _, err := io.WriteString(out, t.head+"\n"); err != nil {
		return err
	}
	for _, p := range t.parts {
		if _, err := io.WriteString(out, p); err != nil {
			return err
		}
	}
	if z != nil {
		if err := z.Close(); err != nil {
			return err
		}
	}
	return b.Flush()
}

// move puts the file in its place. What stood there is kept until all are, where the file system can.
func (o *output) move(keep bool) error {
	if keep && o.info != nil {
		if name := o.written + ".old"; os.Link(o.target, name) == nil {
			o.kept = name
		}
	}
	if err := os.Rename(o.written, o.target); err != nil {
		return err
	}
	o.written, o.moved = "", true
	return nil
}

// undo takes back what was moved into place.
func (o *output) undo() error {
	switch {
	case !o.moved:
		return nil
	case o.kept != "":
		if err := os.Rename(o.kept, o.target); err != nil {
			return fmt.Errorf("%s %s is already the new one and could not be put back: %s", o.flag, o.path, reason(err))
		}
		o.kept = ""
		return nil
	case o.info != nil:
		return fmt.Errorf("%s %s is already the new one", o.flag, o.path)
	}
	if err := os.Remove(o.target); err != nil {
		return fmt.Errorf("%s %s is written and could not be removed: %s", o.flag, o.path, reason(err))
	}
	return nil
}

func (o *output) clean() {
	for _, name := range []string{o.written, o.kept} {
		if name != "" {
			_ = os.Remove(name)
		}
	}
}

// unlessStopped runs f and waits for it, but not when ctx ends first: reading and writing a pipe whose other
// end sleeps cannot be called off, and the program is about to end.
func unlessStopped(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
