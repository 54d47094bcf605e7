package rehearse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"surgecast"
	"surgecast/internal/jsondepth"
)

// MaxBytes bounds what Read looks at.
const MaxBytes = 64 << 20

// maxDepth bounds how deep a JSON result may be nested; k6 nests groups in groups.
const maxDepth = 64

// Read makes a load test of one result file. tool may be empty: the content decides. now stands in for the time of
// the test where the file has none. Units, ID and site are the caller's to fill.
func Read(file string, body []byte, tool surgecast.LoadTool, now time.Time) (surgecast.LoadTest, error) {
	f := source{name: shortName(file), now: now}
	if len(body) > MaxBytes {
		return surgecast.LoadTest{}, f.bad("file", 0, "", fmt.Sprintf("is larger than %d MB", MaxBytes>>20), "Import a summary, or a part of the test.")
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(body)) == 0 {
		return surgecast.LoadTest{}, f.bad("file", 0, "", "is empty", "Import the result of a test that ran to its end.")
	}
	if head := body[:min(len(body), 4096)]; !utf8.Valid(trimRune(head)) || bytes.IndexByte(head, 0) >= 0 {
		return surgecast.LoadTest{}, f.bad("file", 0, "", "is not text", "Unpack it first; of vegeta's binary results make a report: vegeta report -type=json.")
	}
	found, read := f.detect(body)
	if read == nil {
		return surgecast.LoadTest{}, f.bad("file", 1, firstLine(body), "is no result we know",
			"Import k6 (summary-export or handleSummary), vegeta report -type=json, Locust _stats.csv or _stats_history.csv, a JMeter JTL (CSV with its header, or XML), or what wrk prints.")
	}
	if tool != "" && tool != found {
		if !slices.Contains(surgecast.LoadTools(), tool) {
			return surgecast.LoadTest{}, f.bad("tool", 0, string(tool), "is not a tool", fmt.Sprintf("Use one of %v, or leave it out.", surgecast.LoadTools()))
		}
		return surgecast.LoadTest{}, f.bad("tool", 0, string(tool), "the content is of "+string(found), "Leave the tool out: the content tells.")
	}
	t, err := read(body)
	if err != nil {
		return surgecast.LoadTest{}, err
	}
	t.Tool, t.File, t.ImportedAt = found, f.name, now
	if t.RanAt.IsZero() || t.RanAt.After(now) {
		t.RanAt = now
	}
	t.RanAt = t.RanAt.UTC()
	for i := range t.Points {
		t.Points[i].ServedRPM = min(t.Points[i].ServedRPM, t.Points[i].OfferedRPM) // rounding of the tool
	}
	if len(t.Points) == 0 {
		return surgecast.LoadTest{}, f.bad("file", 0, "", "holds no step with requests", "Import the result of a test that ran.")
	}
	return t, nil
}

// Merge joins results of one test that a tool wrote as several files, one a step (vegeta).
func Merge(parts []surgecast.LoadTest) (surgecast.LoadTest, error) {
	if len(parts) == 0 {
		return surgecast.LoadTest{}, &surgecast.FieldError{Field: "file", Detail: "is missing", Remedy: "Name at least one result file."}
	}
	t := parts[0]
	for _, p := range parts[1:] {
		if p.Tool != t.Tool {
			return t, &surgecast.FieldError{Field: "file", Value: p.File, Detail: fmt.Sprintf("is of %s, %s of %s", p.Tool, t.File, t.Tool), Remedy: "Join only steps of one test; import others one by one."}
		}
		if p.RanAt.Before(t.RanAt) {
			t.RanAt = p.RanAt
		}
		t.Points = append(slices.Clone(t.Points), p.Points...)
		t.Notes = append(slices.Clone(t.Notes), p.Notes...)
	}
	if len(parts) > 1 {
		t.File = shortName(fmt.Sprintf("%s and %d more", parts[0].File, len(parts)-1))
	}
	t.Notes = unique(t.Notes)
	return t, nil
}

// source is the file being read, for its errors.
type source struct {
	name string
	now  time.Time
}

func (f source) bad(field string, line int, value, detail, remedy string) error {
	if f.name != "" {
		detail += " in " + f.name
	}
	return &surgecast.FieldError{Field: field, Line: line, Value: cut(value, 60), Detail: detail, Remedy: remedy}
}

type reader func(body []byte) (surgecast.LoadTest, error)

// detect tells the tool by what the file holds.
func (f source) detect(body []byte) (surgecast.LoadTool, reader) {
	switch text := bytes.TrimLeft(body, " \t\r\n"); text[0] {
	case '{', '[':
		return f.detectJSON(text)
	case '<':
		if bytes.Contains(text[:min(len(text), 4096)], []byte("<testResults")) {
			return surgecast.ToolJMeter, f.jmeterXML
		}
		return "", nil
	}
	head := firstLine(body)
	columns := header(head, delimiter(head))
	switch {
	case columns.has("User Count", "Requests/s"):
		return surgecast.ToolLocust, f.locustHistory
	case columns.has("Request Count", "Failure Count"):
		return surgecast.ToolLocust, f.locustStats
	case columns.has("Method", "Name", "Error", "Occurrences"), columns.has("Type", "Count", "Message", "Traceback"), columns.has("Count", "Message", "Traceback", "Nodes"):
		return surgecast.ToolLocust, func([]byte) (surgecast.LoadTest, error) {
			return surgecast.LoadTest{}, f.bad("file", 1, head, "are Locust's failures, not its measurements", "Import the file that ends in _stats_history.csv, or _stats.csv.")
		}
	case columns.has("timeStamp", "elapsed"):
		return surgecast.ToolJMeter, f.jmeterCSV
	case jmeterWithoutHeader(head):
		return surgecast.ToolJMeter, func([]byte) (surgecast.LoadTest, error) {
			return surgecast.LoadTest{}, f.bad("header", 1, head, "is missing", "Columns vary by version: set jmeter.save.saveservice.print_field_names=true and run again, or put the header line in front.")
		}
	case bytes.Contains(body, []byte("Requests/sec:")) && bytes.Contains(body, []byte("requests in ")):
		return surgecast.ToolWrk, f.wrk
	case bytes.Contains(body, []byte("[total, rate")):
		return surgecast.ToolVegeta, func([]byte) (surgecast.LoadTest, error) {
			return surgecast.LoadTest{}, f.bad("file", 1, head, "is vegeta's text report, whose rounding loses too much", "Make it again with: vegeta report -type=json")
		}
	}
	return "", nil
}

func (f source) detectJSON(body []byte) (surgecast.LoadTool, reader) {
	if jsondepth.Of(body) > maxDepth {
		return "", nil
	}
	var probe struct {
		Metrics    json.RawMessage `json:"metrics"`
		RootGroup  json.RawMessage `json:"root_group"`
		Results    json.RawMessage `json:"results"`
		Latencies  json.RawMessage `json:"latencies"`
		Throughput json.RawMessage `json:"throughput"`
		Version    json.RawMessage `json:"version"`
		Metric     string          `json:"metric"`
		Type       string          `json:"type"`
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&probe); err != nil {
		var kind *json.UnmarshalTypeError
		return "", func([]byte) (surgecast.LoadTest, error) {
			if errors.As(err, &kind) {
				return surgecast.LoadTest{}, f.bad("file", 1, firstLine(body), "is JSON, but no result we know", "Import k6's summary (--summary-export or handleSummary) or vegeta report -type=json.")
			}
			return surgecast.LoadTest{}, f.notJSON(body, err)
		}
	}
	switch {
	case present(probe.Latencies) && present(probe.Throughput):
		return surgecast.ToolVegeta, f.vegeta
	case present(probe.Results) && present(probe.Version):
		return surgecast.ToolK6, f.k6MachineReadable
	case present(probe.Metrics):
		return surgecast.ToolK6, f.k6Summary
	case probe.Type == "Metric" || probe.Type == "Point":
		return surgecast.ToolK6, func([]byte) (surgecast.LoadTest, error) {
			return surgecast.LoadTest{}, f.bad("file", 1, probe.Metric, "is k6's stream of points (--out json), not its summary", "Run with --summary-export FILE, or write handleSummary's data.")
		}
	}
	return "", nil
}

// notJSON names the line where a document breaks off.
func (f source) notJSON(body []byte, err error) error {
	line := 0
	var at *json.SyntaxError
	if errors.As(err, &at) {
		line = 1 + bytes.Count(body[:min(int64(len(body)), max(at.Offset, 0))], []byte("\n"))
	} else if errors.Is(err, io.ErrUnexpectedEOF) {
		line = 1 + bytes.Count(body, []byte("\n"))
	}
	return f.bad("file", line, "", "is not JSON to its end", "The test may have been cut off: import a summary that was written whole.")
}

func present(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

func firstLine(body []byte) string {
	line, _, _ := bytes.Cut(body[:min(len(body), 4096)], []byte("\n"))
	return strings.TrimRight(string(bytes.ToValidUTF8(line, nil)), "\r")
}

func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n]) + "…"
}

// shortName is a file's name without folders and control characters: it is stored and shown.
func shortName(file string) string {
	if i := strings.LastIndexAny(file, `/\`); i >= 0 {
		file = file[i+1:]
	}
	file = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, file)
	return cut(file, 100)
}

// trimRune cuts a character that the end of a prefix divides.
func trimRune(b []byte) []byte {
	for i := 0; i < utf8.UTFMax-1 && len(b) > 0; i++ {
		if r, n := utf8.DecodeLastRune(b); r != utf8.RuneError || n != 1 {
			break
		}
		b = b[:len(b)-1]
	}
	return b
}

func unique(xs []string) []string {
	var out []string
	for _, x := range xs {
		if !slices.Contains(out, x) && len(out) < 20 {
			out = append(out, cut(x, 200))
		}
	}
	return out
}

var unknown = math.NaN()
