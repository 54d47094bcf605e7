package engine

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// csvRows reads chosen columns of a CSV or CSV.gz file and names file and line in every error.
type csvRows struct {
	path    string
	file    *os.File
	reader  *csv.Reader
	columns []int
	names   []string
	row     []string
	line    int
	err     error
}

func openRows(path string, names ...string) (*csvRows, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	var in io.Reader = bufio.NewReaderSize(f, 1<<16)
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("reading %s: it is named .gz but is not gzip: %w", path, err)
		}
	}
	r := &csvRows{path: path, file: f, reader: csv.NewReader(in), names: names}
	r.reader.ReuseRecord = true
	head, err := r.reader.Read()
	if err != nil {
		_ = f.Close()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: empty file; it needs the header %s", path, strings.Join(names, ","))
		}
		return nil, fmt.Errorf("reading the header of %s: %w", path, err)
	}
	for i := range head {
		head[i] = strings.TrimPrefix(strings.TrimSpace(head[i]), "\ufeff")
	}
	for _, n := range names {
		i := slices.Index(head, n)
		if i < 0 {
			_ = f.Close()
			return nil, fmt.Errorf("%s line 1: no column %s; the header must have %s, it has %s", path, n, strings.Join(names, ","), strings.Join(head, ","))
		}
		r.columns = append(r.columns, i)
	}
	return r, nil
}

func (r *csvRows) Next() bool {
	row, err := r.reader.Read()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			r.err = fmt.Errorf("reading %s: %w", r.path, err)
		}
		return false
	}
	r.line, _ = r.reader.FieldPos(0)
	r.row = row
	return true
}

func (r *csvRows) Err() error         { return r.err }
func (r *csvRows) Close()             { _ = r.file.Close() }
func (r *csvRows) field(i int) string { return strings.Clone(strings.TrimSpace(r.row[r.columns[i]])) }

func (r *csvRows) errorf(field, format string, args ...any) error {
	return fmt.Errorf("%s line %d: field %s: "+format, append([]any{r.path, r.line, field}, args...)...)
}

func (r *csvRows) time(i int) (int64, error) {
	text := r.field(i)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		if t, err = time.Parse("2006-01-02 15:04:05", text); err != nil {
			return 0, r.errorf(r.names[i], "%q is not a time; write UTC like 2015-02-26T21:42:53Z", text)
		}
	}
	return t.Unix(), nil
}

func quoteCSV(s string) string {
	if !strings.ContainsAny(s, "\",\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// writeWhole writes to a neighbour and renames it, so that a reader never finds half a file.
func writeWhole(path, head string, parts []string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	b := bufio.NewWriterSize(f, 1<<16)
	var out io.Writer = b
	var z *gzip.Writer
	if strings.HasSuffix(path, ".gz") {
		z = gzip.NewWriter(b)
		out = z
	}
	if _, err = io.WriteString(out, head+"\n"); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err = io.WriteString(out, p); err != nil {
			return err
		}
	}
	if z != nil {
		if err = z.Close(); err != nil {
			return err
		}
	}
	if err = b.Flush(); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
