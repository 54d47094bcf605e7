// Package csvfile reads tables of minutes as people write them: comma or semicolon, with or without a
// byte order mark, gzipped or plain, in any order of columns.
//
// It streams: memory does not grow with the file, a line has a length limit, and unpacking goes only as
// far as it is read. Faults are named by line and field with a remedy. The first ones are kept and the
// rest counted, so a file of a million bad lines is one readable error. What the columns mean is left
// to the caller.
package csvfile

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"surgecast"
)

// maxLine bounds one line; a row of counts has a tenth of a per cent of it.
const maxLine = 64 << 10

// Reader reads one file.
type Reader struct {
	lines     *bufio.Scanner
	line      int
	delimiter byte
	header    []string
	fields    []string
	Faults    *Faults
}

// NewReader reads the header. columns are those the caller knows; another one is a fault, because a
// misspelt column that is silently left out is worse than an error.
func NewReader(r io.Reader, columns ...string) (*Reader, error) {
	plain, err := unpack(r)
	if err != nil {
		return nil, err
	}
	in := &Reader{lines: bufio.NewScanner(plain), Faults: &Faults{}}
	in.lines.Buffer(make([]byte, 16<<10), maxLine)
	first, ok := in.scan()
	if !ok {
		if err := in.err(); err != nil {
			return nil, err
		}
		return nil, &surgecast.FieldError{Field: "header", Line: 1, Detail: "the file is empty", Remedy: "The first line names the columns: " + strings.Join(columns, ",") + "."}
	}
	first = strings.TrimPrefix(first, "\ufeff")
	if strings.ContainsRune(first, 0) || strings.HasPrefix(first, "\xff\xfe") || strings.HasPrefix(first, "\xfe\xff") {
		return nil, &surgecast.FieldError{Field: "header", Line: 1, Detail: "is not UTF-8 text", Remedy: "Save the file as CSV in UTF-8."}
	}
	in.delimiter = ','
	if strings.Count(first, ";") > strings.Count(first, ",") {
		in.delimiter = ';'
	}
	names, err := in.split(first)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, c := range columns {
		known[c] = true
	}
	seen := map[string]bool{}
	matched := 0
	for _, n := range names {
		n = strings.ToLower(strings.TrimSpace(n))
		in.header = append(in.header, n)
		if known[n] {
			matched++
		}
	}
	if matched == 0 {
		return nil, &surgecast.FieldError{Field: "header", Line: 1, Value: Shorten(first), Detail: "names no known column", Remedy: "The first line names the columns, from " + strings.Join(columns, ",") + "."}
	}
	for _, n := range in.header {
		switch {
		case !known[n]:
			return nil, &surgecast.FieldError{Field: "header", Line: 1, Value: Shorten(n), Detail: "is not a known column", Remedy: "Rename it or leave it out; known are " + strings.Join(columns, ",") + "."}
		case seen[n]:
			return nil, &surgecast.FieldError{Field: "header", Line: 1, Value: n, Detail: "stands twice", Remedy: "Keep one of the two columns."}
		}
		seen[n] = true
	}
	return in, nil
}

// unpack sees through gzip by its first bytes, whatever the file is called.
func unpack(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	magic, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, &surgecast.FieldError{Field: "file", Detail: "cannot be unpacked: " + err.Error(), Remedy: "It is damaged or cut off: fetch it again, or unpack it yourself."}
	}
	return z, nil
}

// Has reports whether the file has a column.
func (r *Reader) Has(column string) bool { return r.Column(column) >= 0 }

// Column is the place of a column, -1 when the file does not have it.
func (r *Reader) Column(column string) int {
	for i, h := range r.header {
		if h == column {
			return i
		}
	}
	return -1
}

// Missing returns the error for a form of which a column is not there.
func (r *Reader) Missing(column, remedy string) error {
	return &surgecast.FieldError{Field: "header", Line: 1, Value: Shorten(strings.Join(r.header, string(r.delimiter))), Detail: "has no column " + column, Remedy: remedy}
}

// Line is the line the last row stood on, 1-based.
func (r *Reader) Line() int { return r.line }

// Next reads the next row; false at the end or when the file cannot be read on. Empty lines are
// skipped, and rows with another number of fields than the header are faults and skipped.
func (r *Reader) Next() bool {
	for {
		text, ok := r.scan()
		if !ok {
			return false
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		fields, err := r.split(text)
		if err != nil {
			r.Faults.Add(err)
			continue
		}
		if len(fields) != len(r.header) {
			r.Faults.Add(&surgecast.FieldError{Field: "row", Line: r.line, Detail: fmt.Sprintf("has %d fields, the header has %d", len(fields), len(r.header)), Remedy: "Give every column a value, or leave optional ones empty."})
			continue
		}
		r.fields = fields
		return true
	}
}

// Field is the trimmed text of column i, empty when i < 0.
func (r *Reader) Field(i int) string {
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(r.fields[i])
}

// Err returns why reading ended early, or else the faults that were found; nil when all was well.
func (r *Reader) Err() error {
	if err := r.err(); err != nil {
		return err
	}
	return r.Faults.Err()
}

func (r *Reader) err() error {
	err := r.lines.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return &surgecast.FieldError{Field: "row", Line: r.line + 1, Detail: fmt.Sprintf("is longer than %d bytes", maxLine), Remedy: "Is this a CSV file with one row a line?"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, new(flate.CorruptInputError)):
		return &surgecast.FieldError{Field: "file", Line: r.line + 1, Detail: "the packed file is damaged or was not written to its end: " + err.Error(), Remedy: "Fetch or pack it again."}
	case err != nil:
		return fmt.Errorf("line %d: read the file: %w", r.line+1, err)
	}
	return nil
}

func (r *Reader) scan() (string, bool) {
	if !r.lines.Scan() {
		return "", false
	}
	r.line++
	return r.lines.Text(), true
}

// split divides one line. Rows of plain numbers, which is nearly all, need no quoting rules.
func (r *Reader) split(text string) ([]string, error) {
	if !strings.Contains(text, `"`) {
		return splitPlain(r.fields[:0], text, r.delimiter), nil
	}
	c := csv.NewReader(strings.NewReader(text))
	c.Comma = rune(r.delimiter)
	c.FieldsPerRecord = -1
	fields, err := c.Read()
	if err != nil {
		return nil, &surgecast.FieldError{Field: "row", Line: r.line, Value: Shorten(text), Detail: "has a quote that does not end in this line", Remedy: `Close the quote; a quote inside a quoted field is written twice.`}
	}
	return fields, nil
}

func splitPlain(fields []string, text string, delimiter byte) []string {
	for {
		i := strings.IndexByte(text, delimiter)
		if i < 0 {
			return append(fields, text)
		}
		fields = append(fields, text[:i])
		text = text[i+1:]
	}
}

// Shorten keeps an error readable whatever the file holds.
func Shorten(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:57], "") + "…"
	}
	return strings.ToValidUTF8(s, "")
}
