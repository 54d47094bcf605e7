package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"
)

// eachRow reads a pushed body, a JSON array or NDJSON, row by row and in full before anything is
// written: either every row is good, or none is stored.
func eachRow[T any](body []byte, bad *badRows, use func(row int, r T)) *Problem {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	if len(trimmed) == 0 {
		p := fieldProblem("body", codeMissingField, "no rows", "Send a JSON array of rows, or one JSON object a line.")
		p.Status, p.Title = http.StatusBadRequest, http.StatusText(http.StatusBadRequest)
		return p
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	array := trimmed[0] == '['
	if array {
		if _, err := dec.Token(); err != nil {
			return notJSON(0)
		}
	}
	row := 0
	for {
		if array && !dec.More() {
			if _, err := dec.Token(); err != nil { // the closing bracket
				return notJSON(row)
			}
			if _, err := dec.Token(); !errors.Is(err, io.EOF) {
				return notJSON(row)
			}
			return nil
		}
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if !array && errors.Is(err, io.EOF) {
			return nil
		}
		row++
		if err != nil {
			return notJSON(row)
		}
		if row > maxRows {
			p := problem(http.StatusRequestEntityTooLarge, codeTooManyRows, fmt.Sprintf("more than %d rows", maxRows), "Send them in several requests.")
			p.Field = "body"
			return p
		}
		var r T
		one := json.NewDecoder(bytes.NewReader(raw))
		one.DisallowUnknownFields()
		if err := one.Decode(&r); err != nil {
			bad.add(rowError(row, err))
			continue
		}
		use(row, r)
	}
}

func notJSON(row int) *Problem {
	p := problem(http.StatusBadRequest, codeBadJSON, "the body is not JSON to its end", "Send a JSON array of rows, or one JSON object a line.")
	p.Field = "body"
	if row > 0 {
		p.Detail = fmt.Sprintf("row %d is not JSON", row)
		p.Errors = []ProblemDetail{{Row: row, Field: "body", Code: codeBadJSON, Detail: "not JSON", Remedy: "Check quotes, commas and brackets."}}
	}
	return p
}

func rowError(row int, err error) ProblemDetail {
	var kind *json.UnmarshalTypeError
	var when *time.ParseError
	switch {
	case errors.As(err, &kind):
		field := kind.Field
		if field == "" {
			field = "row"
		}
		return ProblemDetail{Row: row, Field: field, Code: codeBadType, Detail: "a " + strings.Fields(kind.Value + " ")[0] + " where " + wanted(kind.Type) + " is expected", Remedy: "Send the type /docs gives for " + field + "."}
	case errors.As(err, &when):
		return ProblemDetail{Row: row, Field: "minute", Code: codeBadType, Detail: "not a time", Remedy: "Send RFC 3339, for example 2026-11-21T21:40:00Z."}
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		field := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		return ProblemDetail{Row: row, Field: short(field), Code: codeUnknownField, Detail: "rows have no field of this name", Remedy: "Leave it out, or check the spelling in /docs."}
	}
	return ProblemDetail{Row: row, Field: "row", Code: codeBadJSON, Detail: "not a row as /docs describes it", Remedy: "Send one JSON object a row."}
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return "a time"
		}
		return "an object"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	}
	return "a number"
}

// badRows collects what is wrong, a bounded number of times: the sender mends the first ones first.
type badRows struct {
	rows  []ProblemDetail
	total int
}

const mostBadRows = 50

func (b *badRows) add(d ProblemDetail) {
	b.total++
	if len(b.rows) < mostBadRows {
		b.rows = append(b.rows, d)
	}
}

// problem is nil when every row is good.
func (b *badRows) problem() *Problem {
	if b.total == 0 {
		return nil
	}
	first := b.rows[0]
	p := fieldProblem(first.Field, first.Code, fmt.Sprintf("row %d, %s: %s; %d bad rows, nothing was stored", first.Row, first.Field, first.Detail, b.total), first.Remedy)
	p.Errors = b.rows
	return p
}

// future is how far ahead of our clock a minute may begin: clocks differ a little, forecasts are not
// traffic.
const future = 2 * time.Minute

// checkMinute says what is wrong with the start of a bucket.
func checkMinute(row int, minute, now time.Time) (ProblemDetail, bool) {
	d := ProblemDetail{Row: row, Field: "minute", Code: codeInvalidValue}
	switch {
	case minute.IsZero():
		d.Code, d.Detail, d.Remedy = codeMissingField, "minute is missing", "Send the start of the minute in RFC 3339, for example 2026-11-21T21:40:00Z."
	case !minute.Equal(minute.Truncate(time.Minute)):
		d.Detail, d.Remedy = "not the start of a minute", "Send whole UTC minutes: seconds are zero."
	case minute.After(now.Add(future)):
		d.Detail, d.Remedy = fmt.Sprintf("lies in the future: it is %s here", now.Format(time.RFC3339)), "Send minutes that have begun, in UTC; check the sender's clock and time zone."
	case minute.Year() < 1990:
		d.Detail, d.Remedy = "lies before 1990", "Send RFC 3339 with a four-digit year."
	default:
		return d, true
	}
	return d, false
}

// negative says what is wrong with a count.
func negative(row int, field string, x *float64) (ProblemDetail, bool) {
	if x != nil && (*x < 0 || *x > 1e15) {
		return ProblemDetail{Row: row, Field: field, Code: codeInvalidValue, Detail: "out of range", Remedy: "Send a count of 0 or more."}, false
	}
	return ProblemDetail{}, true
}
