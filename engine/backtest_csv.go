package engine

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"surgecast"
	"surgecast/internal/csvfile"
)

// csvRows reads the columns of one file of a backtest; every one of them has to be there.
type csvRows struct {
	*csvfile.Reader

	path    string
	file    *os.File
	columns []int
	names   []string
}

func openRows(path string, names ...string) (*csvRows, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in, err := csvfile.NewReader(f, names...)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := &csvRows{Reader: in, path: path, file: f, names: names}
	for _, n := range names {
		i := in.Column(n)
		if i < 0 {
			_ = f.Close()
			return nil, fmt.Errorf("%s: %w", path, in.Missing(n, "The first line is "+strings.Join(names, ",")+"."))
		}
		r.columns = append(r.columns, i)
	}
	return r, nil
}

// Err names the file.
func (r *csvRows) Err() error {
	if err := r.Reader.Err(); err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	return nil
}

func (r *csvRows) Close()             { _ = r.file.Close() }
func (r *csvRows) field(i int) string { return r.Field(r.columns[i]) }

func (r *csvRows) bad(i int, value, detail, remedy string) error {
	return &surgecast.FieldError{Field: r.names[i], Line: r.Line(), Value: csvfile.Shorten(value), Detail: detail, Remedy: remedy}
}

func (r *csvRows) time(i int) (int64, error) {
	return csvfile.Recorded(r.field(i), r.names[i], r.Line())
}

// noValue are ways to write that there is none. Where others are read as zero, nobody learns of it.
var noValue = []string{"nan", "na", "n/a", "null", "none", "nil", "-"}

// count is a number of zero or more, NaN for an empty field.
func (r *csvRows) count(i int) (float64, error) {
	text := r.field(i)
	if text == "" {
		return math.NaN(), nil
	}
	if slices.Contains(noValue, strings.ToLower(text)) {
		return 0, r.bad(i, text, "is not a number", "Leave the field empty when the value is missing.")
	}
	return csvfile.Number(text, r.names[i], r.Line())
}

func quoteCSV(s string) string {
	if !strings.ContainsAny(s, "\",\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
