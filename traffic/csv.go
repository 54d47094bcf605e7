// Package traffic reads the site's own requests.
//
// A reader returns every minute of its input or says what is wrong with it, by line and field; storing
// all or nothing is its caller's transaction. Nothing here knows about storage.
package traffic

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"surgecast"
	"surgecast/internal/csvfile"
)

// CSVOptions say how to read a file.
type CSVOptions struct {
	Now     time.Time // minutes more than two minutes after it are refused; zero: not checked
	Segment string    // of rows that name none; empty: total
	Series  string    // tidy form: only rows of this series; empty: the file may hold only one
	Split   bool      // tidy form: every series is a segment of the site, named by its slug

	Progress func(rows int) // called every 10,000 rows; may be nil
}

// CSVSummary says what a file held.
type CSVSummary struct {
	Rows        int
	First, Last time.Time
	Segments    []string // in order of appearance
	Series      []string // tidy form: the series that were read
	StepSeconds int      // most frequent distance of neighbouring minutes, 60 for a file of one or two
}

// ReadCSV reads the minutes of one site from a CSV file, gzipped or plain, in one of two forms:
//
//	minute,requests[,segment][,errors][,rejected][,p95_ms][,units]
//	timestamp_utc,series,value
//
// Times may come in any order and are floored to their minute. The same minute of a segment twice is a
// fault: it is not known which of the two is right, or whether they are parts of a sum. So is a file whose rows
// are further apart than a minute as a rule: sums of an hour would be read as one minute each, and the minutes between
// as missing.
func ReadCSV(r io.Reader, o CSVOptions) ([]surgecast.TrafficMinute, CSVSummary, error) {
	var sum CSVSummary
	in, err := csvfile.NewReader(r, "minute", "requests", "segment", "errors", "rejected", "p95_ms", "units", "timestamp_utc", "series", "value")
	if err != nil {
		return nil, sum, err
	}
	if o.Segment == "" {
		o.Segment = surgecast.TotalSegment
	}
	row, err := rowReader(in, &o, &sum)
	if err != nil {
		return nil, sum, err
	}
	var rows []surgecast.TrafficMinute
	seen := map[key]int{}
	for in.Next() {
		t, use, err := row()
		if err != nil {
			in.Faults.Add(err)
			continue
		}
		if !use {
			continue
		}
		k := key{t.Segment, t.Minute.Unix()}
		if before, twice := seen[k]; twice {
			in.Faults.Add(&surgecast.FieldError{Field: "minute", Line: in.Line(), Value: t.Minute.Format(time.RFC3339), Detail: fmt.Sprintf("stands on line %d already, for the same segment", before), Remedy: "Keep one of the two, or add them up if they are parts of one minute."})
			continue
		}
		seen[k] = in.Line()
		if !slices.Contains(sum.Segments, t.Segment) {
			if kinds := len(sum.Segments); t.Segment != surgecast.TotalSegment && kinds >= surgecast.MaxSegments &&
				(kinds > surgecast.MaxSegments || !slices.Contains(sum.Segments, surgecast.TotalSegment)) {
				in.Faults.Add(&surgecast.FieldError{Field: "segment", Line: in.Line(), Value: csvfile.Shorten(t.Segment), Detail: fmt.Sprintf("is one too many: a site has at most %d segments", surgecast.MaxSegments), Remedy: "Join the smallest kinds of traffic."})
				continue
			}
			sum.Segments = append(sum.Segments, t.Segment)
		}
		rows = append(rows, t)
		if o.Progress != nil && len(rows)%10_000 == 0 {
			o.Progress(len(rows))
		}
	}
	if err := in.Err(); err != nil {
		return nil, sum, err
	}
	if len(rows) == 0 {
		detail := "the file has a header and no rows"
		if o.Series != "" {
			detail = fmt.Sprintf("the file has no rows of series %q", o.Series)
		}
		return nil, sum, &surgecast.FieldError{Field: "file", Detail: detail, Remedy: "Check that it is the right file."}
	}
	summarise(rows, &sum)
	if sum.StepSeconds > 60 {
		field := "minute"
		if in.Has("timestamp_utc") {
			field = "timestamp_utc"
		}
		return nil, sum, coarse(rows, seen, field, time.Duration(sum.StepSeconds)*time.Second)
	}
	return rows, sum, nil
}

// coarse names the first row that is a whole step after the one before it.
func coarse(rows []surgecast.TrafficMinute, seen map[key]int, field string, step time.Duration) error {
	line := 0
	last := map[string]time.Time{}
	for _, t := range rows {
		if before, ok := last[t.Segment]; ok && t.Minute.Sub(before).Abs() == step {
			line = seen[key{t.Segment, t.Minute.Unix()}]
			break
		}
		last[t.Segment] = t.Minute
	}
	return &surgecast.FieldError{
		Field: field, Line: line, Value: stepWords(step), Detail: "is how far the rows are apart as a rule, but a row is read as the requests of one minute",
		Remedy: fmt.Sprintf("Give counts a minute, with a row of 0 where nothing came. If there are only sums, write each as %.0f rows of a minute with an equal part each.", step.Minutes()),
	}
}

// stepWords is a step as people say it: "1 day", "1 hour", "5 minutes".
func stepWords(step time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		noun string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := step / u.of; step%u.of == 0 && n == 1 {
			return "1 " + u.noun
		} else if step%u.of == 0 {
			return fmt.Sprintf("%d %ss", n, u.noun)
		}
	}
	return step.String()
}

type key struct {
	segment string
	minute  int64
}

// rowReader returns what reads one row of the file's form.
func rowReader(in *csvfile.Reader, o *CSVOptions, sum *CSVSummary) (func() (surgecast.TrafficMinute, bool, error), error) {
	if in.Has("timestamp_utc") || in.Has("series") || in.Has("value") {
		for _, c := range []string{"timestamp_utc", "series", "value"} {
			if !in.Has(c) {
				return nil, in.Missing(c, "The tidy form is timestamp_utc,series,value.")
			}
		}
		for _, c := range []string{"minute", "requests", "segment", "errors", "rejected", "p95_ms", "units"} {
			if in.Has(c) {
				return nil, &surgecast.FieldError{Field: "header", Line: 1, Value: c, Detail: "does not belong to the form timestamp_utc,series,value", Remedy: "Use one form: that one, or minute,requests with optional columns."}
			}
		}
		return tidyRow(in, o, sum), nil
	}
	for _, c := range []string{"minute", "requests"} {
		if !in.Has(c) {
			return nil, in.Missing(c, "Needed are minute,requests; optional segment,errors,rejected,p95_ms,units.")
		}
	}
	return fullRow(in, o), nil
}

func tidyRow(in *csvfile.Reader, o *CSVOptions, sum *CSVSummary) func() (surgecast.TrafficMinute, bool, error) {
	at, series, value := in.Column("timestamp_utc"), in.Column("series"), in.Column("value")
	slugs := map[string]string{}
	return func() (t surgecast.TrafficMinute, use bool, err error) {
		name := in.Field(series)
		switch {
		case o.Series != "" && name != o.Series:
			return t, false, nil
		case !slices.Contains(sum.Series, name):
			if o.Series == "" && !o.Split && len(sum.Series) > 0 {
				return t, false, &surgecast.FieldError{Field: "series", Line: in.Line(), Value: csvfile.Shorten(name), Detail: fmt.Sprintf("is a second series after %q, and a site's total is one", sum.Series[0]), Remedy: "Name the series to read, or read every series as a segment."}
			}
			if len(sum.Series) <= surgecast.MaxSegments+1 {
				sum.Series = append(sum.Series, strings.Clone(name))
			}
		}
		t.Segment = o.Segment
		if o.Split {
			slug, known := slugs[name]
			if !known {
				slug = strings.ToLower(name)
				if !surgecast.ValidSlug(slug) {
					return t, false, &surgecast.FieldError{Field: "series", Line: in.Line(), Value: csvfile.Shorten(name), Detail: "is not a slug, and names a segment here", Remedy: "Use 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit."}
				}
				if len(slugs) <= surgecast.MaxSegments+1 {
					slugs[strings.Clone(name)] = slug
				}
			}
			t.Segment = slug
		}
		if t.Minute, err = csvfile.Time(in.Field(at), "timestamp_utc", in.Line(), o.Now); err != nil {
			return t, false, err
		}
		t.Minute = t.Minute.Truncate(time.Minute)
		if t.Requests, err = csvfile.Number(in.Field(value), "value", in.Line()); err != nil {
			return t, false, err
		}
		t.Complete = true
		return t, true, nil
	}
}

func fullRow(in *csvfile.Reader, o *CSVOptions) func() (surgecast.TrafficMinute, bool, error) {
	at, segment := in.Column("minute"), in.Column("segment")
	requests, units := in.Column("requests"), in.Column("units")
	failed, rejected, p95 := in.Column("errors"), in.Column("rejected"), in.Column("p95_ms")
	segments := map[string]string{} // one string each, not one a row
	return func() (t surgecast.TrafficMinute, use bool, err error) {
		line := in.Line()
		t.Segment = o.Segment
		if name := in.Field(segment); name != "" {
			known, ok := segments[name]
			if !ok {
				if !surgecast.ValidSlug(name) {
					return t, false, &surgecast.FieldError{Field: "segment", Line: line, Value: csvfile.Shorten(name), Detail: "is not a slug", Remedy: "Use 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit; leave it empty for the total."}
				}
				known = strings.Clone(name)
				if len(segments) <= surgecast.MaxSegments+1 {
					segments[known] = known
				}
			}
			t.Segment = known
		}
		if t.Minute, err = csvfile.Time(in.Field(at), "minute", line, o.Now); err != nil {
			return t, false, err
		}
		t.Minute = t.Minute.Truncate(time.Minute)
		if t.Requests, err = csvfile.Number(in.Field(requests), "requests", line); err != nil {
			return t, false, err
		}
		for _, f := range []struct {
			to   *float64
			at   int
			name string
		}{{&t.Errors, failed, "errors"}, {&t.Rejected, rejected, "rejected"}, {&t.P95MS, p95, "p95_ms"}} {
			if *f.to, err = csvfile.Optional(in.Field(f.at), f.name, line); err != nil {
				return t, false, err
			}
		}
		n, err := csvfile.Optional(in.Field(units), "units", line)
		if err != nil {
			return t, false, err
		}
		if n != float64(int(n)) || n > 1e6 {
			return t, false, &surgecast.FieldError{Field: "units", Line: line, Value: csvfile.Shorten(in.Field(units)), Detail: "is not a number of units", Remedy: "Give the whole number that served in this minute, or leave it empty."}
		}
		t.UnitsObserved = int(n)
		t.Complete = true
		return t, true, nil
	}
}

// summarise finds the file's ends and step.
func summarise(rows []surgecast.TrafficMinute, sum *CSVSummary) {
	sum.Rows = len(rows)
	sum.First, sum.Last = rows[0].Minute, rows[0].Minute
	steps, pairs := map[int64]int{}, 0
	last := map[string]int64{}
	for _, t := range rows {
		if t.Minute.Before(sum.First) {
			sum.First = t.Minute
		}
		if t.Minute.After(sum.Last) {
			sum.Last = t.Minute
		}
		now := t.Minute.Unix()
		if before, ok := last[t.Segment]; ok && len(steps) < 1000 {
			steps[max(now-before, before-now)]++
			pairs++
		}
		last[t.Segment] = now
	}
	sum.StepSeconds = 60
	if pairs < 2 { // one distance is no rule
		return
	}
	most := 0
	for s, n := range steps {
		if n > most || (n == most && int(s) < sum.StepSeconds) {
			sum.StepSeconds, most = int(s), n
		}
	}
}
