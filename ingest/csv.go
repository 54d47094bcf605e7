// Package ingest turns what social feeds say into counts per topic, source and minute.
//
// Streams are counted here (Stream, Sink); counts somebody else made come from a Counter, by push or as CSV.
// A CSV reader returns every bucket of its input or says
// what is wrong with it, by line and field; storing all or nothing is its caller's transaction.
package ingest

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"surgecast"
	"surgecast/internal/csvfile"
)

// CSVOptions say how to read a file of counts.
type CSVOptions struct {
	Now         time.Time // buckets more than two minutes after it are refused; zero: not checked
	Granularity string    // "minute" or "hour", of rows that do not say; empty: minute
	Source      string    // slug of the source of rows that do not say; empty: csv

	Progress func(rows int) // called every 10,000 rows; may be nil
}

// Count is one bucket of a file. Its ids are zero; topic and source are slugs. Organic is what was
// counted, since nobody else's count tells originals from copies; authors and reach are 0 when the
// file does not have them.
type Count struct {
	Topic       string
	Source      string
	StepSeconds int
	Line        int
	surgecast.MentionMinute
}

// CSVSummary says what a file held.
type CSVSummary struct {
	Rows        int
	First, Last time.Time
	Topics      []string       // slugs, in order of appearance
	Names       []string       // what the file called them
	Steps       map[string]int // seconds of a bucket, by source
}

const (
	minuteSeconds = 60
	hourSeconds   = 3600
	// maxTopics is what one account may have.
	maxTopics  = 1000
	maxSources = 100
)

// sourcePattern is what names a source: a slug, or one with a vendor such as push:acme.
var sourcePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9:._-]{0,126}$`)

// ReadCSV reads counts, gzipped or plain, in one of two forms:
//
//	minute,topic,source,count[,authors][,reach][,granularity]
//	timestamp_utc,series[,source],value
//
// In the first form a row of granularity hour is one bucket of an hour and is never spread into minutes.
// In the second the series becomes the topic's slug, times are floored to their minute, and the length
// of a bucket is the most frequent distance between neighbouring times of a series.
//
// Rows may come in any order. The same bucket of a topic and source twice is a fault.
func ReadCSV(r io.Reader, o CSVOptions) ([]Count, CSVSummary, error) {
	sum := CSVSummary{Steps: map[string]int{}}
	if o.Source == "" {
		o.Source = "csv"
	}
	if !sourcePattern.MatchString(o.Source) {
		return nil, sum, &surgecast.FieldError{Field: "source", Value: csvfile.Shorten(o.Source), Detail: "is not the name of a source", Remedy: "Use a-z, 0-9, : . _ and -, beginning with a letter or digit."}
	}
	defaultStep, ok := granularities[o.Granularity]
	if !ok {
		return nil, sum, &surgecast.FieldError{Field: "granularity", Value: csvfile.Shorten(o.Granularity), Detail: "is not known", Remedy: "Use minute or hour."}
	}
	in, err := csvfile.NewReader(r, "minute", "topic", "source", "count", "authors", "reach", "granularity", "timestamp_utc", "series", "value")
	if err != nil {
		return nil, sum, err
	}
	f := &file{in: in, o: o, sum: &sum, defaultStep: defaultStep, topics: map[string]string{}, named: map[string]string{}, seen: map[bucket]int{}}
	tidy := in.Has("timestamp_utc") || in.Has("series") || in.Has("value")
	if err := f.form(tidy); err != nil {
		return nil, sum, err
	}
	for in.Next() {
		c, err := f.row(tidy)
		if err == nil {
			err = f.take(c)
		}
		if err != nil {
			in.Faults.Add(err)
		} else if o.Progress != nil && len(f.rows)%10_000 == 0 {
			o.Progress(len(f.rows))
		}
	}
	if tidy && len(f.rows) > 0 {
		f.inferSteps()
	}
	if err := in.Err(); err != nil {
		return nil, sum, err
	}
	if len(f.rows) == 0 {
		return nil, sum, &surgecast.FieldError{Field: "file", Detail: "the file has a header and no rows", Remedy: "Check that it is the right file."}
	}
	return f.rows, sum, nil
}

var granularities = map[string]int{"": minuteSeconds, "minute": minuteSeconds, "hour": hourSeconds}

type bucket struct {
	topic, source string
	at            int64
}

// file is one reading.
type file struct {
	in          *csvfile.Reader
	o           CSVOptions
	sum         *CSVSummary
	defaultStep int
	rows        []Count
	topics      map[string]string // name in the file → slug
	named       map[string]string // slug → the name it came from
	seen        map[bucket]int

	at, topic, source, count, authors, reach, granularity int
}

// form checks that the columns of one form, and only of one, are there.
func (f *file) form(tidy bool) error {
	in := f.in
	needed, alien, remedy := []string{"minute", "topic", "count"}, []string(nil), "Needed are minute,topic,count; optional source,authors,reach,granularity."
	if tidy {
		needed, alien, remedy = []string{"timestamp_utc", "series", "value"}, []string{"minute", "topic", "count", "authors", "reach", "granularity"}, "The tidy form is timestamp_utc,series,value; source is optional."
	}
	for _, c := range needed {
		if !in.Has(c) {
			return in.Missing(c, remedy)
		}
	}
	for _, c := range alien {
		if in.Has(c) {
			return &surgecast.FieldError{Field: "header", Line: 1, Value: c, Detail: "does not belong to the form timestamp_utc,series,value", Remedy: "Use one form: that one, or minute,topic,source,count."}
		}
	}
	f.at, f.topic, f.count = in.Column(needed[0]), in.Column(needed[1]), in.Column(needed[2])
	f.source, f.authors, f.reach, f.granularity = in.Column("source"), in.Column("authors"), in.Column("reach"), in.Column("granularity")
	return nil
}

// row reads one row of either form.
func (f *file) row(tidy bool) (c Count, err error) {
	in, line := f.in, f.in.Line()
	c.Line = line
	atName, topicName, countName := "minute", "topic", "count"
	if tidy {
		atName, topicName, countName = "timestamp_utc", "series", "value"
	}
	if c.Minute, err = csvfile.Time(in.Field(f.at), atName, line, f.o.Now); err != nil {
		return c, err
	}
	c.StepSeconds = f.defaultStep
	if text := in.Field(f.granularity); text != "" {
		step, known := granularities[text]
		if !known {
			return c, &surgecast.FieldError{Field: "granularity", Line: line, Value: csvfile.Shorten(text), Detail: "is not known", Remedy: "Use minute or hour."}
		}
		c.StepSeconds = step
	}
	if tidy {
		c.StepSeconds = minuteSeconds // until the whole file tells
	}
	c.Minute = c.Minute.Truncate(time.Minute)
	if c.StepSeconds == hourSeconds && c.Minute.Truncate(time.Hour) != c.Minute {
		return c, &surgecast.FieldError{Field: atName, Line: line, Value: csvfile.Shorten(in.Field(f.at)), Detail: "does not begin an hour, and the row counts one", Remedy: "Give the first minute of the hour in UTC, or granularity minute."}
	}
	if c.Topic, err = f.slug(in.Field(f.topic), topicName, tidy); err != nil {
		return c, err
	}
	c.Source = f.o.Source
	if text := in.Field(f.source); text != "" && text != c.Source {
		if c.Source, err = f.sourceSlug(text); err != nil {
			return c, err
		}
	}
	if c.Raw, err = csvfile.Number(in.Field(f.count), countName, line); err != nil {
		return c, err
	}
	c.Organic = c.Raw
	if c.Authors, err = csvfile.Optional(in.Field(f.authors), "authors", line); err != nil {
		return c, err
	}
	if c.Authors > c.Raw {
		return c, &surgecast.FieldError{Field: "authors", Line: line, Value: csvfile.Shorten(in.Field(f.authors)), Detail: "are more than the mentions they wrote", Remedy: "Check the order of the columns."}
	}
	c.Reach, err = csvfile.Optional(in.Field(f.reach), "reach", line)
	return c, err
}

// slug is the topic of a row. In the tidy form a series has any name (AAPL, #SB49); two names that
// come to the same slug are not the same thing.
func (f *file) slug(name, field string, tidy bool) (string, error) {
	if s, known := f.topics[name]; known {
		return s, nil
	}
	s := name
	if tidy {
		s = Slugify(name)
	}
	if !surgecast.ValidSlug(s) {
		return "", &surgecast.FieldError{Field: field, Line: f.in.Line(), Value: csvfile.Shorten(name), Detail: "does not name a topic", Remedy: "Use the topic's slug: 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit."}
	}
	if other, taken := f.named[s]; taken {
		return "", &surgecast.FieldError{Field: field, Line: f.in.Line(), Value: csvfile.Shorten(name), Detail: fmt.Sprintf("would be topic %s, as would %q", s, csvfile.Shorten(other)), Remedy: "Rename one of the two series."}
	}
	if len(f.topics) == maxTopics {
		return "", &surgecast.FieldError{Field: field, Line: f.in.Line(), Value: csvfile.Shorten(name), Detail: fmt.Sprintf("is one too many: a file has at most %d topics", maxTopics), Remedy: "Split the file by topic."}
	}
	name = strings.Clone(name)
	f.topics[name], f.named[s] = s, name
	f.sum.Topics = append(f.sum.Topics, s)
	f.sum.Names = append(f.sum.Names, name)
	return s, nil
}

func (f *file) sourceSlug(text string) (string, error) {
	for s := range f.sum.Steps { // one string each, not one a row
		if s == text {
			return s, nil
		}
	}
	switch {
	case !sourcePattern.MatchString(text):
		return "", &surgecast.FieldError{Field: "source", Line: f.in.Line(), Value: csvfile.Shorten(text), Detail: "is not the name of a source", Remedy: "Use a-z, 0-9, : . _ and -, beginning with a letter or digit."}
	case len(f.sum.Steps) >= maxSources:
		return "", &surgecast.FieldError{Field: "source", Line: f.in.Line(), Value: csvfile.Shorten(text), Detail: fmt.Sprintf("is one too many: a file has at most %d sources", maxSources), Remedy: "Split the file by source."}
	}
	return strings.Clone(text), nil
}

// take adds a row that was read to the file.
func (f *file) take(c Count) error {
	b := bucket{c.Topic, c.Source, c.Minute.Unix()}
	if before, twice := f.seen[b]; twice {
		return &surgecast.FieldError{Field: "row", Line: c.Line, Value: c.Minute.Format(time.RFC3339), Detail: fmt.Sprintf("counts the bucket of line %d again", before), Remedy: "Keep one of the two, or add them up if they are parts of one count."}
	}
	if step, known := f.sum.Steps[c.Source]; known && step != c.StepSeconds {
		return &surgecast.FieldError{Field: "granularity", Line: c.Line, Detail: fmt.Sprintf("is %d seconds, and source %s had %d before", c.StepSeconds, c.Source, step), Remedy: "A source counts in buckets of one length; give the other rows a source of their own."}
	}
	f.seen[b] = c.Line
	f.sum.Steps[c.Source] = c.StepSeconds
	if f.sum.Rows == 0 || c.Minute.Before(f.sum.First) {
		f.sum.First = c.Minute
	}
	if f.sum.Rows == 0 || c.Minute.After(f.sum.Last) {
		f.sum.Last = c.Minute
	}
	f.sum.Rows++
	f.rows = append(f.rows, c)
	return nil
}

// inferSteps gives every source of a tidy file the length of its buckets: the most frequent distance
// between neighbouring times of its series, the shorter of two that are equally frequent. A gap then
// is a gap, not a longer bucket.
func (f *file) inferSteps() {
	type series struct{ topic, source string }
	times := map[series][]int64{}
	for _, c := range f.rows {
		k := series{c.Topic, c.Source}
		times[k] = append(times[k], c.Minute.Unix())
	}
	distances := map[string]map[int64]int{}
	for k, at := range times {
		slices.Sort(at)
		for i := 1; i < len(at); i++ {
			if distances[k.source] == nil {
				distances[k.source] = map[int64]int{}
			}
			distances[k.source][at[i]-at[i-1]]++
		}
	}
	for source, d := range distances {
		var step int64
		most := 0
		for s, n := range d {
			if n > most || (n == most && s < step) {
				step, most = s, n
			}
		}
		f.sum.Steps[source] = int(step)
	}
	for i := range f.rows {
		f.rows[i].StepSeconds = f.sum.Steps[f.rows[i].Source]
	}
}

// Slugify makes a topic's slug of a name: lower case, everything else than a-z and 0-9 becomes one
// hyphen. It returns "" when nothing is left.
func Slugify(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(name) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(r)
		if b.Len() >= 63 {
			break
		}
	}
	return strings.TrimRight(b.String()[:min(63, b.Len())], "-")
}
