package rehearse

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"surgecast"
)

var testNow = time.Date(2026, 9, 15, 8, 0, 0, 0, time.UTC)

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t testing.TB, name string) surgecast.LoadTest {
	t.Helper()
	test, err := Read(name, testdata(t, name), "", testNow)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	test.Units = 1
	if err := test.Check(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return test
}

func near(got, want, within float64) bool {
	return math.IsNaN(got) && math.IsNaN(want) || math.Abs(got-want) <= within*math.Max(math.Abs(want), 1e-9)
}

// One test, as six tools tell it: 6,000 requests in a minute, 24 of them bad, p95 240.5 ms.
//
//	offered 6,000 a minute, served 6,000 · (1 − 24/6000) = 5,976, error share 0.004
//
// Fails when: nanoseconds are not divided by 1e6 in vegeta.go, http_req_failed's passes are taken for good ones in
// k6.go, or a row of one request is taken for Aggregated in locust.go.
func TestOneTestAsSixToolsTellIt(t *testing.T) {
	day := time.Date(2026, 9, 14, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		file             string
		tool             surgecast.LoadTool
		users, p95       float64
		offered, served  float64
		errors, seconds  float64
		ran              time.Time
		crossed, notNote string
	}{
		{"k6-legacy.json", surgecast.ToolK6, 25, 240.5, 6000, 5976, .004, 60, testNow, "threshold crossed: http_req_duration p(95)<200", "p(95)<500"},
		// dropped_iterations: 600 beside 6,000 done, so a tenth more was offered
		{"k6-handlesummary.json", surgecast.ToolK6, 25, 240.5, 6600, 5976, .004, 60, testNow, "threshold crossed: http_req_duration p(95)<200", "p(95)<500"},
		{"k6-machine.json", surgecast.ToolK6, 25, 240.5, 6000, 5976, .004, 60, day, "", ""},
		{"vegeta.json", surgecast.ToolVegeta, math.NaN(), 240.5, 6000, 5976, .004, 60, day, "", ""},
		{"locust_stats.csv", surgecast.ToolLocust, math.NaN(), 240, 6000, 5976, .004, 60, testNow, "", ""},
		// 18 bad of 6,000, and 6 more that were never answered: (18+6)/6006
		{"wrk.txt", surgecast.ToolWrk, 25, 240.5, 6006, 5982, 24. / 6006, 60, testNow, "99 % stands in", ""},
	} {
		t.Run(c.file, func(t *testing.T) {
			got := read(t, c.file)
			if got.Tool != c.tool || len(got.Points) != 1 || !got.RanAt.Equal(c.ran) {
				t.Fatalf("%s, %d points, ran %s; want %s, 1, %s", got.Tool, len(got.Points), got.RanAt, c.tool, c.ran)
			}
			p := got.Points[0]
			for _, v := range []struct {
				name      string
				got, want float64
			}{
				{"users", p.Concurrency, c.users},
				{"offered", p.OfferedRPM, c.offered},
				{"served", p.ServedRPM, c.served},
				{"p95", p.P95MS, c.p95},
				{"errors", p.ErrorShare, c.errors},
				{"seconds", p.Seconds, c.seconds},
			} {
				if !near(v.got, v.want, 1e-9) {
					t.Errorf("%s %v, want %v", v.name, v.got, v.want)
				}
			}
			notes := strings.Join(got.Notes, "\n")
			if c.crossed != "" && !strings.Contains(notes, c.crossed) {
				t.Errorf("notes %q, want %q", notes, c.crossed)
			}
			if c.notNote != "" && strings.Contains(notes, c.notNote) {
				t.Errorf("notes %q name a threshold that held", notes)
			}
		})
	}
}

// Our own k6 script tags its steps; k6 counts a tag over the whole run, the script says how long each step was.
//
//	1,200 of 60 s = 1,200 a minute; 3,000 · (1 − .02) of 3,600 offered = 2,940
//
// Fails when: a tagged metric's own rate is taken (6.67 a second instead of 20).
func TestStepsOfOurOwnScript(t *testing.T) {
	got := read(t, "k6-steps.json")
	want := []surgecast.LoadPoint{
		{OfferedRPM: 1200, ServedRPM: 1200, P95MS: 100},
		{OfferedRPM: 2400, ServedRPM: 2400, P95MS: 200},
		{OfferedRPM: 3600, ServedRPM: 2940, P95MS: 1800, ErrorShare: .02},
	}
	if len(got.Points) != len(want) {
		t.Fatalf("%d points, want %d", len(got.Points), len(want))
	}
	for i, w := range want {
		g := got.Points[i]
		if !near(g.OfferedRPM, w.OfferedRPM, 1e-9) || !near(g.ServedRPM, w.ServedRPM, 1e-9) || !near(g.P95MS, w.P95MS, 1e-9) || !near(g.ErrorShare, w.ErrorShare, 1e-9) {
			t.Errorf("step %d: %+v, want %+v", i, g, w)
		}
	}
}

// Six steps in one history. The current rate looks ten seconds back: the start of a step still shows the step before.
//
//	X(40) = 1.7·40 / (1 + .01·39 + .0002·40·39) = 68 / 1.702 = 39.95 a second = 2,397 a minute
//
// Fails when: settleSeconds is 0 (the step of 40 users then measures 2,350), or rows of single requests are counted.
func TestLocustHistoryHoldsTheSteps(t *testing.T) {
	got := read(t, "locust_stats_history.csv")
	if len(got.Points) != 6 || !got.RanAt.Equal(time.Unix(1789387199, 0)) {
		t.Fatalf("%d points of %s", len(got.Points), got.RanAt)
	}
	for i, n := range []float64{10, 20, 40, 60, 80, 100} {
		x := 60 * 1.7 * n / (1 + .01*(n-1) + .0002*n*(n-1))
		p := got.Points[i]
		if p.Concurrency != n || !near(p.OfferedRPM, x, .005) {
			t.Errorf("step %d: %v users, %v a minute; want %v, %v", i, p.Concurrency, p.OfferedRPM, n, x)
		}
		if !(p.SpreadRPM > 0 && p.SpreadRPM < .02*x) {
			t.Errorf("step %d: standard error %v", i, p.SpreadRPM)
		}
	}
	if p := got.Points[5]; !near(p.ErrorShare, .03, .01) || !near(p.ServedRPM, p.OfferedRPM*.97, .001) {
		t.Errorf("last step: %+v, want 3 %% errors", p)
	}
}

// 5 threads 10 a second, then 10 threads 16 a second, 2 % of them bad. Rows of a transaction repeat their requests.
// Fails when: jmeterTransaction's rows are counted (11 and 17 a second), or samples inside samples are.
func TestJMeterBothForms(t *testing.T) {
	for _, name := range []string{"jmeter.csv", "jmeter.xml"} {
		got := read(t, name)
		if got.Tool != surgecast.ToolJMeter || len(got.Points) != 2 || !got.RanAt.Equal(time.UnixMilli(1789387200000)) {
			t.Fatalf("%s: %s, %d points of %s", name, got.Tool, len(got.Points), got.RanAt)
		}
		for i, w := range []surgecast.LoadPoint{{Concurrency: 5, OfferedRPM: 600, P95MS: 196}, {Concurrency: 10, OfferedRPM: 960, ErrorShare: .02, P95MS: 396}} {
			p := got.Points[i]
			if p.Concurrency != w.Concurrency || !near(p.OfferedRPM, w.OfferedRPM, .001) || math.Abs(p.ErrorShare-w.ErrorShare) > .004 || !near(p.P95MS, w.P95MS, .02) {
				t.Errorf("%s, step %d: %+v, want %+v", name, i, p, w)
			}
		}
	}
}

// Columns stand where the header says, whatever their order, their delimiter and how many there are.
func TestColumnsByHeader(t *testing.T) {
	var b strings.Builder
	b.WriteString("allThreads;success;elapsed;timeStamp;label\n")
	for i := range 300 {
		fmt.Fprintf(&b, "4;true;%d;%d;a,b\n", 100+i%2, 1789387200000+i*100)
	}
	got, err := Read("x.jtl", []byte(b.String()), "", testNow)
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Points[0]; p.Concurrency != 4 || !near(p.ServedRPM, 600, .001) || p.P95MS != 101 {
		t.Errorf("%+v, want 4 threads, 600 a minute, 101 ms", p)
	}
	// Locust writes N/A where there was nothing, and the percentiles a person chose.
	csv := "Type,Name,Request Count,Failure Count,Requests/s,Failures/s,50%,99%\n,Aggregated,600,0,10.0,0.0,N/A,N/A\n"
	got, err = Read("s.csv", []byte(csv), "", testNow)
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Points[0]; !math.IsNaN(p.P95MS) || p.ServedRPM != 600 || !strings.Contains(strings.Join(got.Notes, " "), "not judged") {
		t.Errorf("%+v %v, want 600 a minute and no p95", p, got.Notes)
	}
}

// What cannot be read names the file, the line or field, and what to do.
func TestWhatCannotBeRead(t *testing.T) {
	for _, c := range []struct {
		name, body, tool string
		field            string
		line             int
		remedy           string
	}{
		{"empty", " \n", "", "file", 0, "ran to its end"},
		{"binary", "\x1f\x8b\x00\x00", "", "file", 0, "vegeta report -type=json"},
		{"prose", "hello\nworld\n", "", "file", 1, "Import k6"},
		{"another JSON", `{"a":1}`, "", "file", 1, "Import k6"},
		{"an array", `[1,2]`, "", "file", 1, "summary"},
		{"cut JSON", "{\"metrics\":\n{\"http_reqs\":", "", "file", 2, "cut off"},
		{"deep JSON", strings.Repeat(`{"metrics":`, 100) + "1" + strings.Repeat("}", 100), "", "file", 1, "Import k6"},
		{"k6 points", `{"metric":"http_reqs","type":"Point","data":{}}`, "", "file", 1, "--summary-export"},
		{"k6 without HTTP", `{"metrics":{"iterations":{"count":1,"rate":1}}}`, "", "metrics.http_reqs", 0, "HTTP"},
		{"k6 without requests", `{"metrics":{"http_reqs":{"count":0,"rate":0}},"state":{"testRunDurationMs":5}}`, "", "metrics.http_reqs.count", 0, "that ran"},
		{"k6 bad share", `{"metrics":{"http_reqs":{"count":5,"rate":5},"http_req_failed":{"value":4}}}`, "", "metrics.http_req_failed", 0, "between 0 and 1"},
		{"vegeta text", "Requests      [total, rate, throughput]  1200, 120.00, 65.87\n", "", "file", 1, "-type=json"},
		{"vegeta without success", `{"latencies":{},"throughput":1,"rate":1,"requests":1}`, "", "success", 1, "-type=json"},
		{"vegeta bad type", `{"latencies":{"95th":"1ms"},"throughput":1}`, "", "latencies", 1, "-type=json"},
		{"locust failures", "Method,Name,Error,Occurrences\nGET,/,x,1\n", "", "file", 1, "_stats_history.csv"},
		{"locust without total", "Type,Name,Request Count,Failure Count,Requests/s\nGET,/,1,0,1\n", "", "Name", 0, "last line"},
		{"locust bad number", "Timestamp,User Count,Type,Name,Requests/s,Failures/s,95%\n1789387200,x,,Aggregated,1,0,5\n", "", "User Count", 2, "as Locust wrote it"},
		{"locust bad time", "Timestamp,User Count,Type,Name,Requests/s,Failures/s,95%\nnoon,1,,Aggregated,1,0,5\n", "", "Timestamp", 2, "as Locust wrote it"},
		{"jmeter without header", "1789387200000,120,Home,200,OK,g 1-1,text,true,,1,1,1,1,1,0,0\n", "", "header", 1, "print_field_names"},
		{"jmeter dates", "timeStamp,elapsed,success\n2026/09/14 12:00:00,5,true\n", "", "timeStamp", 2, "timestamp_format=ms"},
		{"jmeter no success", "timeStamp,elapsed\n1789387200000,5\n", "", "success", 2, "success"},
		{"jmeter cut XML", "<?xml version=\"1.0\"?>\n<testResults>\n<httpSample t=\"", "", "file", 3, "cut off"},
		{"wrk twice", string(testdata(t, "wrk.txt")) + string(testdata(t, "wrk.txt")), "", "file", 0, "file of its own"},
		{"the wrong tool", string(testdata(t, "vegeta.json")), "k6", "tool", 0, "content tells"},
		{"no tool", string(testdata(t, "vegeta.json")), "ab", "tool", 0, "Use one of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read("dir/result.txt", []byte(c.body), surgecast.LoadTool(c.tool), testNow)
			var f *surgecast.FieldError
			if !errors.As(err, &f) {
				t.Fatalf("%v, want a FieldError", err)
			}
			if f.Field != c.field || f.Line != c.line || !strings.Contains(f.Remedy, c.remedy) {
				t.Errorf("field %q, line %d, remedy %q; want %q, %d, %q", f.Field, f.Line, f.Remedy, c.field, c.line, c.remedy)
			}
			if !strings.Contains(f.Detail, "result.txt") && c.field != "tool" {
				t.Errorf("detail %q does not name the file", f.Detail)
			}
		})
	}
}

// Steps that a tool wrote as several files are one test.
func TestMerge(t *testing.T) {
	a, b := read(t, "vegeta.json"), read(t, "vegeta.json")
	b.RanAt, b.Points[0].OfferedRPM = a.RanAt.Add(-time.Minute), 12000
	got, err := Merge([]surgecast.LoadTest{a, b})
	if err != nil || len(got.Points) != 2 || !got.RanAt.Equal(b.RanAt) || got.File != "vegeta.json and 1 more" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Merge([]surgecast.LoadTest{a, read(t, "wrk.txt")}); err == nil {
		t.Error("two tools were joined")
	}
	// vegeta's reports after one another in one file are steps as well.
	twice := append(testdata(t, "vegeta.json"), testdata(t, "vegeta.json")...)
	if got, err := Read("all.json", twice, "", testNow); err != nil || len(got.Points) != 2 {
		t.Errorf("%d points, %v; want 2", len(got.Points), err)
	}
}

// Whatever comes, no panic, and what is accepted can be stored.
func FuzzRead(f *testing.F) {
	names, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && !info.IsDir() && info.Size() < 64<<10 {
			f.Add(testdata(f, filepath.Base(name)))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		test, err := Read("f", body, "", testNow)
		if err != nil {
			var bad *surgecast.FieldError
			if !errors.As(err, &bad) || bad.Remedy == "" {
				t.Fatalf("%v without a remedy", err)
			}
			return
		}
		test.Units = 3
		_ = test.Check() // numbers of a hostile file may be refused, never crash
		Measure(surgecast.CapacityProfile{Units: 3, P95LimitMS: 500}, []surgecast.LoadTest{test}, 1)
	})
}
