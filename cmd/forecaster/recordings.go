package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"surgecast"
)

// ensureTopic finds the topic a file names, or makes it.
func ensureTopic(ctx context.Context, db *database, slug, name string, since time.Time) (surgecast.Topic, error) {
	t := surgecast.Topic{AccountID: surgecast.DefaultAccount, Slug: slug, Name: name, Since: since}
	t.Default()
	if err := t.Check(); err != nil {
		return t, err
	}
	have, err := db.TopicBySlug(ctx, surgecast.DefaultAccount, t.Slug)
	if errors.Is(err, surgecast.ErrNotFound) {
		have, err = db.CreateTopic(ctx, t)
	}
	if err != nil {
		return t, fmt.Errorf("topic %s: %w", t.Slug, err)
	}
	return have, nil
}

// allSurges reads every surge of the account.
func allSurges(ctx context.Context, db *database) ([]surgecast.Surge, error) {
	var all []surgecast.Surge
	for after := ""; ; {
		part, next, err := db.Surges(ctx, surgecast.DefaultAccount, surgecast.SurgeFilter{}, surgecast.Page{Limit: 500, After: after})
		if err != nil {
			return nil, fmt.Errorf("reading surges: %w", err)
		}
		all = append(all, part...)
		if next == "" {
			return all, nil
		}
		after = next
	}
}

// allDeliveries hands every delivery of every webhook to f.
func allDeliveries(ctx context.Context, db *database, f func(surgecast.Delivery)) error {
	hooks, _, err := db.Webhooks(ctx, surgecast.DefaultAccount, surgecast.Page{Limit: 500})
	if err != nil {
		return fmt.Errorf("reading webhooks: %w", err)
	}
	for _, w := range hooks {
		for after := ""; ; {
			part, next, err := db.Deliveries(ctx, surgecast.DefaultAccount, w.ID, surgecast.Page{Limit: 500, After: after})
			if err != nil {
				return fmt.Errorf("reading deliveries of %s: %w", w.ID, err)
			}
			for _, d := range part {
				f(d)
			}
			if next == "" {
				break
			}
			after = next
		}
	}
	return nil
}

// checkTarget refuses a file that could not be written, before the work whose result it is to hold. Only a file is
// taken: what is written is put in the place of what stood there, and a device or a directory is not to go.
func checkTarget(flag, path string) error {
	if path == "" {
		return nil
	}
	wrong := func(detail, remedy string) error {
		return &surgecast.FieldError{Field: flag, Value: path, Detail: detail, Remedy: remedy}
	}
	dir := filepath.Dir(path)
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return wrong("is a directory", "Name the file in it.")
	case err == nil && !info.Mode().IsRegular():
		return wrong("is no file", "Name a file.")
	case strings.HasSuffix(path, string(filepath.Separator)):
		return wrong("names a directory", "Name the file in it.")
	}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return wrong("cannot be written: there is no directory "+dir, "Make it first, or name another.")
	case err != nil:
		return wrong("cannot be written: "+cause(err).Error(), "Name another.")
	case !info.IsDir():
		return wrong("cannot be written: "+dir+" is not a directory", "Name another.")
	}
	f, err := os.CreateTemp(dir, ".surgecast-*") // what writing it takes
	if err != nil {
		return wrong("cannot be written in "+dir+": "+cause(err).Error(), "Name a directory this user may write in.")
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// cause is what is wrong with a file, without the name of a system call or of a file nobody asked for.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// writeFile writes a result whole or not at all.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".surgecast-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, cause(err))
	}
	err = write(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		if err = os.Chmod(f.Name(), 0o644); err == nil { //nolint:gosec // a report for people to read
			err = os.Rename(f.Name(), path)
		}
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("writing %s: %w", path, cause(err))
	}
	return nil
}

func baseNames(paths ...string) string {
	var out []string
	for _, p := range paths {
		if p != "" {
			out = append(out, filepath.Base(p))
		}
	}
	return strings.Join(out, ", ")
}

// progressLine shows how far a long run has come: a bar on a terminal, a line now and then in a log.
type progressLine struct {
	g     *Global
	what  string
	total int
	n     int
	bar   *progressbar.ProgressBar
	began time.Time
	said  time.Time
}

func newProgress(g *Global, what string, total int) *progressLine {
	p := &progressLine{g: g, what: what, total: total, began: time.Now(), said: time.Now()}
	if f, ok := g.errOut.(tty); ok && isTerminal(f) {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return p
}

// tty is what may be one: a file, also one that is watched for being read.
type tty interface {
	io.Writer
	Fd() uintptr
}

// isTerminal tells a terminal from other devices: /dev/null is one that nobody sits at.
func isTerminal(f tty) bool { return term.IsTerminal(int(f.Fd())) }

func (p *progressLine) add(n int) {
	p.n += n
	if p.bar != nil {
		_ = p.bar.Add(n)
		return
	}
	if time.Since(p.said) >= 10*time.Second {
		p.said = time.Now()
		rate := float64(p.n) / time.Since(p.began).Seconds()
		left := time.Duration(float64(p.total-p.n) / rate * float64(time.Second)).Round(time.Second)
		p.g.log.Info(p.what, "done", p.n, "of", p.total, "a_second", int(rate), "left", left)
	}
}

func (p *progressLine) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
