package rehearse

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
)

// columns is where a table's columns stand. They vary by version and settings: nothing is read by position.
type columns map[string]int

func (c columns) has(names ...string) bool {
	for _, n := range names {
		if _, ok := c[n]; !ok {
			return false
		}
	}
	return true
}

func header(line string, comma rune) columns {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma, r.LazyQuotes = comma, true
	fields, err := r.Read()
	if err != nil {
		return nil
	}
	c := columns{}
	for i, name := range fields {
		if _, twice := c[strings.TrimSpace(name)]; !twice {
			c[strings.TrimSpace(name)] = i
		}
	}
	return c
}

func delimiter(line string) rune {
	for _, d := range []rune{'\t', ';'} {
		if strings.Count(line, string(d)) > strings.Count(line, ",") {
			return d
		}
	}
	return ','
}

// row is one line of a table, by column name.
type row struct {
	columns columns
	fields  []string
	line    int
}

func (r row) text(name string) string {
	if i, ok := r.columns[name]; ok && i < len(r.fields) {
		return strings.TrimSpace(r.fields[i])
	}
	return ""
}

// number is a field; NaN where the column is missing, the field is empty or says N/A. ok is false for text that is
// none of these.
func (r row) number(name string) (x float64, ok bool) {
	s := r.text(name)
	if s == "" || strings.EqualFold(s, "N/A") || strings.EqualFold(s, "nan") || strings.EqualFold(s, "null") {
		return unknown, true
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && !math.IsInf(x, 0)
}

// rows reads a table with a header, line by line.
func (f source) rows(body []byte, use func(row) error) error {
	comma := delimiter(firstLine(body))
	r := csv.NewReader(bytes.NewReader(body))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord, r.LazyQuotes = comma, -1, true, true
	var head columns
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			var at *csv.ParseError
			line := 0
			if errors.As(err, &at) {
				line = at.Line
			}
			return f.bad("line", line, "", "is not a line of a table", "Import the file as the tool wrote it.")
		}
		line, _ := r.FieldPos(0)
		if head == nil {
			head = columns{}
			for i, name := range fields {
				name = strings.TrimSpace(name)
				if _, twice := head[name]; !twice {
					head[name] = i
				}
			}
			continue
		}
		if len(fields) == 1 && strings.TrimSpace(fields[0]) == "" {
			continue
		}
		if err := use(row{head, fields, line}); err != nil {
			return err
		}
	}
}
