package ingest_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"surgecast"
	"surgecast/ingest"
)

var now = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

func count(line int, topic, source string, h, m, step int, raw, authors, reach float64) ingest.Count {
	return ingest.Count{Topic: topic, Source: source, StepSeconds: step, Line: line, MentionMinute: surgecast.MentionMinute{
		Minute: time.Date(2026, 11, 21, h, m, 0, 0, time.UTC), Raw: raw, Organic: raw, Authors: authors, Reach: reach,
	}}
}

func TestReadCSV(t *testing.T) {
	for _, c := range []struct {
		name, text string
		options    ingest.CSVOptions
		want       []ingest.Count
	}{
		{
			"minutes with authors and reach, in any order",
			"minute,topic,source,count,authors,reach\n2026-11-21T21:41:00Z,tour,push:acme,12,9,4000\n2026-11-21T21:40:00Z,tour,push:acme,0,,\n",
			ingest.CSVOptions{},
			[]ingest.Count{count(2, "tour", "push:acme", 21, 41, 60, 12, 9, 4000), count(3, "tour", "push:acme", 21, 40, 60, 0, 0, 0)},
		},
		{
			"semicolons, a mark, unix seconds, no source",
			"\ufeffcount;topic;minute\r\n7;tour;1795297260\r\n",
			ingest.CSVOptions{},
			[]ingest.Count{count(2, "tour", "csv", 21, 41, 60, 7, 0, 0)}, // 1795297260 = 21:41:00Z
		},
		{
			"an hour is one bucket and is not spread",
			"minute,topic,source,count,granularity\n2026-11-21T20:00:00Z,tour,acme,600,hour\n2026-11-21T20:00:00Z,tour,fast,10,minute\n",
			ingest.CSVOptions{},
			[]ingest.Count{count(2, "tour", "acme", 20, 0, 3600, 600, 0, 0), count(3, "tour", "fast", 20, 0, 60, 10, 0, 0)},
		},
		{
			"hours by option",
			"minute,topic,source,count\n2026-11-21T20:00:00Z,tour,acme,600\n",
			ingest.CSVOptions{Granularity: "hour"},
			[]ingest.Count{count(2, "tour", "acme", 20, 0, 3600, 600, 0, 0)},
		},
		{
			// Distances of AAPL: 5, 5, 15 minutes; of SB49: 5. The most frequent is 5: the 15 are a gap.
			"tidy form: slugs, seconds floored, step from the data",
			"timestamp_utc,series,value\n2026-11-21T21:02:53Z,AAPL,104\n2026-11-21T21:07:53Z,AAPL,100\n2026-11-21T21:12:53Z,AAPL,99\n2026-11-21T21:27:53Z,AAPL,98\n2026-11-21T21:02:53Z,#SB 49,3\n2026-11-21T21:07:53Z,#SB 49,4\n",
			ingest.CSVOptions{Source: "csv:nab"},
			[]ingest.Count{
				count(2, "aapl", "csv:nab", 21, 2, 300, 104, 0, 0), count(3, "aapl", "csv:nab", 21, 7, 300, 100, 0, 0),
				count(4, "aapl", "csv:nab", 21, 12, 300, 99, 0, 0), count(5, "aapl", "csv:nab", 21, 27, 300, 98, 0, 0),
				count(6, "sb-49", "csv:nab", 21, 2, 300, 3, 0, 0), count(7, "sb-49", "csv:nab", 21, 7, 300, 4, 0, 0),
			},
		},
		{
			"tidy form with sources of their own step",
			"timestamp_utc,series,source,value\n2026-11-21T20:00:00Z,a,news,1\n2026-11-21T21:00:00Z,a,news,2\n2026-11-21T21:00:00Z,a,posts,3\n2026-11-21T21:01:00Z,a,posts,4\n",
			ingest.CSVOptions{},
			[]ingest.Count{
				count(2, "a", "news", 20, 0, 3600, 1, 0, 0), count(3, "a", "news", 21, 0, 3600, 2, 0, 0),
				count(4, "a", "posts", 21, 0, 60, 3, 0, 0), count(5, "a", "posts", 21, 1, 60, 4, 0, 0),
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Now = now
			got, sum, err := ingest.ReadCSV(strings.NewReader(c.text), c.options)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(got, c.want); d != "" {
				t.Errorf("got(-) want(+)\n%s", d)
			}
			if sum.Rows != len(c.want) || sum.Last.Before(sum.First) {
				t.Errorf("summary %+v", sum)
			}
		})
	}
}

func TestFaultsAreNamedByLine(t *testing.T) {
	const full = "minute,topic,source,count,authors,reach,granularity\n"
	for _, c := range []struct {
		name, text  string
		line        int
		field, says string
	}{
		{"no header", "2026-11-21T21:40:00Z,tour,acme,1\n", 1, "header", "names no known column"},
		{"column missing", "minute,source,count\n", 1, "header", "has no column topic"},
		{"two forms", "timestamp_utc,series,value,count\n", 1, "header", "does not belong"},
		{"topic is no slug", full + "2026-11-21T21:40:00Z,Tour 26,acme,1,,,\n", 2, "topic", "does not name a topic"},
		{"source", full + "2026-11-21T21:40:00Z,tour,Acme Inc,1,,,\n", 2, "source", "is not the name of a source"},
		{"count", full + "2026-11-21T21:40:00Z,tour,acme,lots,,,\n", 2, "count", "is not a number"},
		{"more authors than mentions", full + "2026-11-21T21:40:00Z,tour,acme,3,4,,\n", 2, "authors", "more than the mentions"},
		{"granularity", full + "2026-11-21T21:40:00Z,tour,acme,3,,,day\n", 2, "granularity", "is not known"},
		{"an hour that begins at 21:40", full + "2026-11-21T21:40:00Z,tour,acme,3,,,hour\n", 2, "minute", "does not begin an hour"},
		{"mixed granularity", full + "2026-11-21T21:40:00Z,tour,acme,3,,,\n2026-11-21T20:00:00Z,tour,acme,3,,,hour\n", 3, "granularity", "is 3600 seconds"},
		{"same bucket", full + "2026-11-21T21:40:00Z,tour,acme,3,,,\n2026-11-21T21:40:59Z,tour,acme,3,,,\n", 3, "row", "counts the bucket of line 2 again"},
		{"future", full + "2026-11-21T22:02:01Z,tour,acme,3,,,\n", 2, "minute", "in the future"},
		{"two names, one slug", "timestamp_utc,series,value\n2026-11-21T21:40:00Z,#SB49,1\n2026-11-21T21:41:00Z,sb49,1\n", 3, "series", "would be topic sb49"},
		{"a series without a letter", "timestamp_utc,series,value\n2026-11-21T21:40:00Z,日本,1\n", 2, "series", "does not name a topic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, _, err := ingest.ReadCSV(strings.NewReader(c.text), ingest.CSVOptions{Now: now})
			var f *surgecast.FieldError
			if !errors.As(err, &f) {
				t.Fatalf("got %d rows and %v, want a FieldError", len(rows), err)
			}
			if rows != nil || f.Line != c.line || f.Field != c.field || !strings.Contains(f.Error(), c.says) || f.Remedy == "" {
				t.Errorf("got %d rows, line %d, field %s, remedy %q: %v\nwant line %d, field %s: %s", len(rows), f.Line, f.Field, f.Remedy, err, c.line, c.field, c.says)
			}
		})
	}
	for _, o := range []ingest.CSVOptions{{Source: "My Feed"}, {Granularity: "day"}} {
		if _, _, err := ingest.ReadCSV(strings.NewReader(full), o); err == nil {
			t.Errorf("options %+v are accepted", o)
		}
	}
}

func TestSlugify(t *testing.T) {
	for name, want := range map[string]string{
		"AAPL": "aapl", "#SB49": "sb49", "  New York -- taxis ": "new-york-taxis", "日本": "", "Käse": "k-se",
		strings.Repeat("a", 80): strings.Repeat("a", 63), strings.Repeat("a", 62) + " b": strings.Repeat("a", 62),
	} {
		if got := ingest.Slugify(name); got != want {
			t.Errorf("Slugify(%q) = %q, want %q", name, got, want)
		}
	}
}

// Whatever the bytes: no panic, and rows that come back are fit to be stored.
func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("minute,topic,source,count,authors,reach,granularity\n2026-11-21T21:00:00Z,tour,push:acme,12,9,4000,hour\n"))
	f.Add([]byte("timestamp_utc;series;source;value\n2026-11-21T21:02:53Z;AAPL;x;104\n2026-11-21T21:07:53Z;#sb 49;x;1e2\n"))
	f.Add([]byte("count,topic,minute\n1,a,1795297260\n,,\n\"\"\"\",a,1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, o := range []ingest.CSVOptions{{Now: now}, {Granularity: "hour", Source: "csv:x"}} {
			rows, sum, err := ingest.ReadCSV(bytes.NewReader(b), o)
			if (err == nil) != (len(rows) > 0) || (err == nil && sum.Rows != len(rows)) {
				t.Fatalf("%d rows, summary %+v, error %v", len(rows), sum, err)
			}
			seen := map[string]bool{}
			for _, r := range rows {
				k := fmt.Sprint(r.Topic, "/", r.Source, r.Minute)
				if seen[k] || !surgecast.ValidSlug(r.Topic) || r.Source == "" || r.Minute.Unix()%60 != 0 ||
					r.StepSeconds < 60 || r.StepSeconds%60 != 0 || r.StepSeconds != sum.Steps[r.Source] {
					t.Fatalf("row %+v, summary %+v", r, sum)
				}
				seen[k] = true
				for _, x := range []float64{r.Raw, r.Organic, r.Authors, r.Reach} {
					if !(x >= 0) || math.IsInf(x, 0) {
						t.Fatalf("row %+v", r)
					}
				}
			}
		}
	})
}
