package traffic_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"surgecast"
	"surgecast/traffic"
)

var now = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

func at(h, m int) time.Time { return time.Date(2026, 11, 21, h, m, 0, 0, time.UTC) }

func TestReadCSV(t *testing.T) {
	for _, c := range []struct {
		name, text string
		options    traffic.CSVOptions
		want       []surgecast.TrafficMinute
	}{
		{
			"only minutes and requests",
			"minute,requests\n2026-11-21T21:40:00Z,120\n2026-11-21T21:41:00Z,0\n",
			traffic.CSVOptions{},
			[]surgecast.TrafficMinute{{Segment: "total", Minute: at(21, 40), Requests: 120, Complete: true}, {Segment: "total", Minute: at(21, 41), Requests: 0, Complete: true}},
		},
		{
			"every column, semicolons, a byte order mark, CRLF, falling times, another zone, unix seconds",
			"\ufeffunits;segment;minute;requests;errors;rejected;p95_ms\r\n6;checkout;2026-11-21T22:42:30+01:00;10;2;1;812.5\r\n;;1795297260;7;;;\r\n",
			traffic.CSVOptions{},
			// 21:42:30 UTC is floored to 21:42; 1795297260 = 2026-11-21T21:41:00Z.
			[]surgecast.TrafficMinute{{Segment: "checkout", Minute: at(21, 42), Requests: 10, Errors: 2, Rejected: 1, P95MS: 812.5, UnitsObserved: 6, Complete: true}, {Segment: "total", Minute: at(21, 41), Requests: 7, Complete: true}},
		},
		{
			"tidy form, one series, quoted",
			"timestamp_utc,series,value\n\"2026-11-21 21:40:53\",\"all, servers\",2\n",
			traffic.CSVOptions{},
			[]surgecast.TrafficMinute{{Segment: "total", Minute: at(21, 40), Requests: 2, Complete: true}},
		},
		{
			"tidy form, one of two series",
			"timestamp_utc,series,value\n2026-11-21T21:40:00Z,a,1\n2026-11-21T21:40:00Z,b,2\n",
			traffic.CSVOptions{Series: "b"},
			[]surgecast.TrafficMinute{{Segment: "total", Minute: at(21, 40), Requests: 2, Complete: true}},
		},
		{
			"tidy form, series as segments",
			"timestamp_utc,series,value\n2026-11-21T21:40:00Z,Browse,1\n2026-11-21T21:40:00Z,checkout,2\n",
			traffic.CSVOptions{Split: true},
			[]surgecast.TrafficMinute{{Segment: "browse", Minute: at(21, 40), Requests: 1, Complete: true}, {Segment: "checkout", Minute: at(21, 40), Requests: 2, Complete: true}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Now = now
			for _, form := range []string{"plain", "gzip"} {
				text := []byte(c.text)
				if form == "gzip" {
					text = pack(t, text)
				}
				got, sum, err := traffic.ReadCSV(bytes.NewReader(text), c.options)
				if err != nil {
					t.Fatalf("%s: %v", form, err)
				}
				if d := cmp.Diff(got, c.want); d != "" {
					t.Errorf("%s: got(-) want(+)\n%s", form, d)
				}
				if sum.Rows != len(c.want) {
					t.Errorf("%s: summary counts %d rows, want %d", form, sum.Rows, len(c.want))
				}
			}
		})
	}
}

// Every fault names its line and field and says what to do, and no row comes back with one.
func TestFaultsAreNamedByLine(t *testing.T) {
	for _, c := range []struct{ name, text, line, field, says string }{
		{"no header", "2026-11-21T21:40:00Z,120\n", "1", "header", "names no known column"},
		{"empty file", "", "1", "header", "the file is empty"},
		{"no rows", "minute,requests\n", "0", "file", "no rows"},
		{"misspelt column", "minute,requests,error\n", "1", "header", "is not a known column"},
		{"column twice", "minute,requests,requests\n", "1", "header", "stands twice"},
		{"column missing", "minute,errors\n", "1", "header", "has no column requests"},
		{"two forms", "timestamp_utc,series,value,requests\n", "1", "header", "does not belong"},
		{"UTF-16", "\xff\xfem\x00i\x00", "1", "header", "is not UTF-8"},
		{"bad row in the middle", "minute,requests\n2026-11-21T21:40:00Z,1\n2026-11-21T21:41:00Z,many\n2026-11-21T21:42:00Z,3\n", "3", "requests", "is not a number"},
		{"negative", "minute,requests\n2026-11-21T21:40:00Z,-1\n", "2", "requests", "is negative"},
		{"infinite", "minute,requests\n2026-11-21T21:40:00Z,1e999\n", "2", "requests", "is not a number"},
		{"thousands", "minute;requests\n2026-11-21T21:40:00Z;1,200\n", "2", "requests", "is not a number"},
		{"empty count", "minute,requests\n2026-11-21T21:40:00Z,\n", "2", "requests", "a missing minute is not a zero"},
		{"no time", "minute,requests\nyesterday,1\n", "2", "minute", "is not a time"},
		{"no zone", "minute,requests\n2026-11-21 21:40,1\n", "2", "minute", "has no time zone"},
		{"milliseconds", "minute,requests\n1795297260000,1\n", "2", "minute", "milliseconds"},
		{"long ago", "minute,requests\n0001-01-01T00:00:00Z,1\n", "2", "minute", "before 1990"},
		{"future", "minute,requests\n2026-11-21T22:03:00Z,1\n", "2", "minute", "in the future"},
		{"same minute", "minute,requests\n2026-11-21T21:40:10Z,1\n2026-11-21T21:40:50Z,1\n", "3", "minute", "stands on line 2 already"},
		{"too few fields", "minute,requests\n2026-11-21T21:40:00Z\n", "2", "row", "has 1 fields"},
		{"open quote", "minute,requests\n\"2026-11-21T21:40:00Z,1\n", "2", "row", "quote"},
		{"segment", "minute,requests,segment\n2026-11-21T21:40:00Z,1,Check out\n", "2", "segment", "is not a slug"},
		{"half a unit", "minute,requests,units\n2026-11-21T21:40:00Z,1,2.5\n", "2", "units", "is not a number of units"},
		{"second series", "timestamp_utc,series,value\n2026-11-21T21:40:00Z,a,1\n2026-11-21T21:41:00Z,b,1\n", "3", "series", "second series"},
		{"endless line", "minute,requests\n" + strings.Repeat("9", 70_000), "2", "row", "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, _, err := traffic.ReadCSV(strings.NewReader(c.text), traffic.CSVOptions{Now: now})
			var f *surgecast.FieldError
			if !errors.As(err, &f) {
				t.Fatalf("got %d rows and %v, want a FieldError", len(rows), err)
			}
			if rows != nil {
				t.Errorf("%d rows came with the fault", len(rows))
			}
			if fmt.Sprint(f.Line) != c.line || f.Field != c.field || !strings.Contains(f.Error(), c.says) || f.Remedy == "" {
				t.Errorf("got line %d, field %s, remedy %q: %v\nwant line %s, field %s: %s", f.Line, f.Field, f.Remedy, err, c.line, c.field, c.says)
			}
		})
	}
}

// Sums of an hour are no minutes: the step the file has as a rule is named, with the row that shows it first. A gap, one
// distance alone and rows of other segments between are no such rule.
// Fails when: ReadCSV takes no notice of StepSeconds; summarise calls one distance a rule.
func TestRowsFurtherApartThanAMinuteAreRefused(t *testing.T) {
	table := func(header, row string, steps ...int) string {
		var b strings.Builder
		b.WriteString(header + "\n")
		m := at(0, 0)
		for _, s := range append([]int{0}, steps...) {
			m = m.Add(time.Duration(s) * time.Minute)
			fmt.Fprintf(&b, row+"\n", m.Format(time.RFC3339))
		}
		return b.String()
	}
	for _, c := range []struct{ name, text, says string }{
		{"hours, one missing", table("minute,requests", "%s,600", 120, 60, 60, 60), `line 4, minute: is how far the rows are apart as a rule, but a row is read as the requests of one minute (got "1 hour"). Give counts a minute, with a row of 0 where nothing came. If there are only sums, write each as 60 rows`},
		{"five minutes, tidy", table("timestamp_utc,series,value", "%s,shop,600", 5, 5), `line 3, timestamp_utc: is how far the rows are apart as a rule, but a row is read as the requests of one minute (got "5 minutes")`},
		{"days", table("minute,requests", "%s,600", -4320, 1440, 1440), `(got "1 day")`},
		{"minutes with a night missing", table("minute,requests", "%s,6", 1, 1, 600, 1), ""},
		{"two rows", table("minute,requests", "%s,6", 60), ""},
	} {
		rows, _, err := traffic.ReadCSV(strings.NewReader(c.text), traffic.CSVOptions{Now: now})
		var f *surgecast.FieldError
		switch {
		case c.says == "" && (err != nil || len(rows) == 0):
			t.Errorf("%s: %d rows, %v", c.name, len(rows), err)
		case c.says != "" && (!errors.As(err, &f) || rows != nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %d rows, %v\nwant %s", c.name, len(rows), err, c.says)
		}
	}
}

// Two minutes ahead is a sender's clock, three is the future.
func TestTwoMinutesAheadAreAllowed(t *testing.T) {
	if _, _, err := traffic.ReadCSV(strings.NewReader("minute,requests\n2026-11-21T22:02:00Z,1\n"), traffic.CSVOptions{Now: now}); err != nil {
		t.Error(err)
	}
}

// 25 bad lines: twenty are told, five are counted.
func TestManyFaultsAreShort(t *testing.T) {
	_, _, err := traffic.ReadCSV(strings.NewReader("minute,requests\n"+strings.Repeat("x,1\n", 25)), traffic.CSVOptions{})
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 21 || !strings.HasPrefix(lines[19], "line 21, minute") || lines[20] != "and 5 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestDamagedArchive(t *testing.T) {
	whole := pack(t, []byte("minute,requests\n"+strings.Repeat("2026-11-21T21:40:00Z,1\n", 1000)))
	for _, n := range []int{12, len(whole) / 2, len(whole) - 4} {
		rows, _, err := traffic.ReadCSV(bytes.NewReader(whole[:n]), traffic.CSVOptions{})
		if err == nil || rows != nil {
			t.Errorf("cut after %d of %d bytes: %d rows, %v", n, len(whole), len(rows), err)
		}
	}
}

// Sixteen segments and a total are allowed, a seventeenth segment is not.
func TestSegmentsAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("minute,requests,segment\n2026-11-21T21:40:00Z,1,\n")
	for i := range 16 {
		fmt.Fprintf(&b, "2026-11-21T21:40:00Z,1,s%d\n", i)
	}
	if _, sum, err := traffic.ReadCSV(strings.NewReader(b.String()), traffic.CSVOptions{}); err != nil || len(sum.Segments) != 17 {
		t.Fatalf("%d segments, %v", len(sum.Segments), err)
	}
	b.WriteString("2026-11-21T21:40:00Z,1,s16\n")
	_, _, err := traffic.ReadCSV(strings.NewReader(b.String()), traffic.CSVOptions{})
	if err == nil || !strings.Contains(err.Error(), "line 19, segment") {
		t.Errorf("seventeen segments: %v", err)
	}
}

func TestSaturated(t *testing.T) {
	c := surgecast.CapacityProfile{Units: 6, RPMPerUnit: 200, P95LimitMS: 1500}
	for _, x := range []struct {
		name string
		row  surgecast.TrafficMinute
		want bool
	}{
		{"ordinary", surgecast.TrafficMinute{Segment: "total", Requests: 1000, Errors: 50, P95MS: 1500}, false},
		{"one was turned away", surgecast.TrafficMinute{Segment: "total", Requests: 100, Rejected: 1}, true},
		{"more than 5 % failed", surgecast.TrafficMinute{Segment: "total", Requests: 1000, Errors: 51}, true},
		{"slow", surgecast.TrafficMinute{Segment: "total", Requests: 100, P95MS: 1501}, true},
		{"95 % of 1200 = 1140", surgecast.TrafficMinute{Segment: "total", Requests: 1140}, true},
		{"just below", surgecast.TrafficMinute{Segment: "total", Requests: 1139}, false},
		{"seven units were seen: 95 % of 1400 = 1330", surgecast.TrafficMinute{Segment: "total", Requests: 1200, UnitsObserved: 7}, false},
		{"a segment is not the site", surgecast.TrafficMinute{Segment: "browse", Requests: 1200}, false},
	} {
		if got := traffic.Saturated(c, x.row); got != x.want {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
}

// Whatever the bytes: no panic, and rows that come back are fit to be stored.
func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("minute,requests,segment,errors,rejected,p95_ms,units\n2026-11-21T21:40:00Z,120,browse,1,2,3.5,6\n"))
	f.Add([]byte("\ufefftimestamp_utc;series;value\n1795297260;a;1e3\n\n\"1795297320\";\"b\";-0\n"))
	f.Add([]byte("minute,requests\n2026-11-21T21:40:00+14:00,0x1p4\n,,\n\"\n"))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, o := range []traffic.CSVOptions{{Now: now}, {Split: true}, {Series: "a"}} {
			rows, sum, err := traffic.ReadCSV(bytes.NewReader(b), o)
			if (err == nil) != (len(rows) > 0) || (err == nil && sum.Rows != len(rows)) {
				t.Fatalf("%d rows, summary %+v, error %v", len(rows), sum, err)
			}
			seen := map[string]bool{}
			for _, r := range rows {
				k := r.Segment + r.Minute.String()
				if seen[k] || !surgecast.ValidSlug(r.Segment) || r.Minute.Second() != 0 || r.Minute.Nanosecond() != 0 || r.Minute.Location() != time.UTC {
					t.Fatalf("row %+v", r)
				}
				seen[k] = true
				for _, x := range []float64{r.Requests, r.Errors, r.Rejected, r.P95MS, float64(r.UnitsObserved)} {
					if !(x >= 0) || math.IsInf(x, 0) {
						t.Fatalf("row %+v", r)
					}
				}
			}
		}
	})
}

func BenchmarkReadCSV(b *testing.B) {
	var text bytes.Buffer
	text.WriteString("timestamp_utc,series,value\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "%s,wc98_all_servers,%d\n", now.Add(time.Duration(i-20_000)*time.Minute).Format(time.RFC3339), i)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, _, err := traffic.ReadCSV(bytes.NewReader(text.Bytes()), traffic.CSVOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func pack(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
