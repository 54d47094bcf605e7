package rehearse

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"surgecast"
)

// jmeterTransaction begins the message of a sample that only sums others (a transaction controller): counting it
// would count its requests twice.
const jmeterTransaction = "Number of samples in transaction"

// sample is one request of a JTL.
type sample struct {
	millis  int64 // Unix
	elapsed float64
	ok      bool
	threads float64 // of all groups; NaN: not saved
}

// jmeterCSV reads a JTL in CSV. Columns vary by version and settings (URL, Connect, allThreads may be absent).
func (f source) jmeterCSV(body []byte) (surgecast.LoadTest, error) {
	var samples []sample
	err := f.rows(body, func(r row) error {
		if strings.HasPrefix(r.text("responseMessage"), jmeterTransaction) {
			return nil
		}
		at, err := strconv.ParseInt(r.text("timeStamp"), 10, 64)
		if err != nil || at <= 0 || at > 1e14 {
			return f.bad("timeStamp", r.line, r.text("timeStamp"), "is not a time in Unix milliseconds", "Set jmeter.save.saveservice.timestamp_format=ms and run again.")
		}
		elapsed, ok := r.number("elapsed")
		if !ok || !(elapsed >= 0) {
			return f.bad("elapsed", r.line, r.text("elapsed"), "is not a number of milliseconds", "Import the JTL as JMeter wrote it.")
		}
		s := sample{millis: at, elapsed: elapsed}
		switch v := strings.ToLower(r.text("success")); {
		case v == "true":
			s.ok = true
		case v == "false":
		case v == "" && r.text("responseCode") != "":
			code := r.text("responseCode")
			s.ok = len(code) == 3 && (code[0] == '2' || code[0] == '3')
		default:
			return f.bad("success", r.line, r.text("success"), "is neither true nor false", "Save the field success (jmeter.save.saveservice.successful=true) and run again.")
		}
		if s.threads, ok = r.number("allThreads"); !ok {
			return f.bad("allThreads", r.line, r.text("allThreads"), "is not a number", "Import the JTL as JMeter wrote it.")
		}
		samples = append(samples, s)
		return nil
	})
	if err != nil {
		return surgecast.LoadTest{}, err
	}
	return f.jmeter(samples)
}

// jmeterXML reads a JTL in XML: attributes ts, t, s, na. Samples inside samples are parts of them.
func (f source) jmeterXML(body []byte) (surgecast.LoadTest, error) {
	var samples []sample
	dec := xml.NewDecoder(bytes.NewReader(body))
	dec.Strict = false
	depth := 0
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := dec.InputPos()
		if err != nil {
			return surgecast.LoadTest{}, f.bad("file", line, "", "is not XML to its end", "The test may have been cut off: import a JTL that was written whole.")
		}
		switch e := token.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if depth++; depth != 2 || e.Name.Local != "httpSample" && e.Name.Local != "sample" {
				if depth > maxDepth {
					return surgecast.LoadTest{}, f.bad("file", line, "", "is nested too deep", "Import the JTL as JMeter wrote it.")
				}
				continue
			}
			s := sample{threads: unknown}
			bad, message := "", ""
			for _, a := range e.Attr {
				switch a.Name.Local {
				case "ts":
					if s.millis, err = strconv.ParseInt(a.Value, 10, 64); err != nil || s.millis <= 0 || s.millis > 1e14 {
						bad = "ts"
					}
				case "t":
					if s.elapsed, err = strconv.ParseFloat(a.Value, 64); err != nil || !(s.elapsed >= 0) {
						bad = "t"
					}
				case "na":
					if s.threads, err = strconv.ParseFloat(a.Value, 64); err != nil {
						bad = "na"
					}
				case "s":
					s.ok = a.Value == "true"
				case "rm":
					message = a.Value
				}
			}
			if s.millis == 0 {
				bad = "ts"
			}
			if bad != "" {
				return surgecast.LoadTest{}, f.bad(bad, line, "", "is missing or not a number", "Import the JTL as JMeter wrote it.")
			}
			if !strings.HasPrefix(message, jmeterTransaction) {
				samples = append(samples, s)
			}
		}
	}
	return f.jmeter(samples)
}

// jmeter groups samples into seconds, and seconds into load steps by the number of threads.
func (f source) jmeter(samples []sample) (surgecast.LoadTest, error) {
	var t surgecast.LoadTest
	if len(samples) == 0 {
		return t, f.bad("file", 0, "", "holds no sample", "Import the JTL of a test that ran.")
	}
	slices.SortFunc(samples, func(a, b sample) int { return order(float64(a.millis), float64(b.millis)) })
	t.RanAt = time.UnixMilli(samples[0].millis)
	var ticks []tick
	first := samples[0].millis / 1000
	var at int64 = math.MinInt64
	known := true
	for _, s := range samples {
		second := s.millis/1000 - first
		if second != at {
			if gap := second - at; len(ticks) > 0 && gap > 1 {
				// Seconds without an answer belong to the threads that wait for one.
				ticks[len(ticks)-1].seconds += float64(min(gap-1, 60))
			}
			at = second
			ticks = append(ticks, tick{seconds: 1, p95MS: unknown})
		}
		k := &ticks[len(ticks)-1]
		if math.IsNaN(s.threads) {
			known = false
		} else {
			k.users = max(k.users, s.threads)
		}
		k.requests++
		if !s.ok {
			k.errors++
		}
		k.millis = append(k.millis, float32(s.elapsed))
	}
	if len(ticks) > 3 { // the first and the last second are cut
		ticks = ticks[1 : len(ticks)-1]
	}
	if !known {
		for i := range ticks {
			ticks[i].users = 1
		}
		t.Notes = append(t.Notes, "allThreads was not saved: the whole test is one step (jmeter.save.saveservice.thread_counts=true)")
	}
	var ramp bool
	t.Points, ramp = steps(ticks, 1)
	if !known {
		for i := range t.Points {
			t.Points[i].Concurrency = unknown
		}
	}
	if len(t.Points) == 0 {
		return t, f.bad("timeStamp", 0, "", "shows no step of 5 seconds with requests", "Hold each number of threads for a minute or more.")
	}
	if ramp {
		t.Notes = append(t.Notes, "threads rose without steps: slices of the ramp stand in; hold each number of threads for a minute")
	}
	return t, nil
}

// jmeterWithoutHeader tells a JTL whose first line is a sample: thirteen digits of milliseconds, then the elapsed time.
func jmeterWithoutHeader(line string) bool {
	first, rest, ok := strings.Cut(line, string(delimiter(line)))
	if !ok || len(first) != 13 || strings.Trim(first, "0123456789") != "" {
		return false
	}
	second, _, ok := strings.Cut(rest, string(delimiter(line)))
	return ok && second != "" && strings.Trim(second, "0123456789") == ""
}
