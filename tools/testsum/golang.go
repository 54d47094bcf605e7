package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// goReader reads go test -json. It prints a line for each package, and of a test that failed everything it said.
type goReader struct {
	out    io.Writer
	part   []byte
	said   map[string][]string // output by package and test
	failed map[string]int      // failed tests by package
	suite  Suite
}

func newGoReader(out io.Writer) *goReader {
	return &goReader{out: out, said: map[string][]string{}, failed: map[string]int{}}
}

// event is one line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output, ImportPath, FailedBuild string
	Elapsed                                                float64
}

func (r *goReader) Write(p []byte) (int, error) {
	r.part = append(r.part, p...)
	for {
		i := bytes.IndexByte(r.part, '\n')
		if i < 0 {
			return len(p), nil
		}
		r.line(r.part[:i])
		r.part = r.part[i+1:]
	}
}

func (r *goReader) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		fmt.Fprintf(r.out, "%s\n", line) // not from the tests: a message of the go command
		return
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		r.said[key] = append(r.said[key], e.Output)
	case "build-output":
		r.said[e.ImportPath] = append(r.said[e.ImportPath], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.packageEnd(e)
		} else {
			r.testEnd(e, key)
		}
		delete(r.said, key)
	}
}

func (r *goReader) testEnd(e event, key string) {
	name := short(e.Package) + "." + e.Test
	switch e.Action {
	case "pass":
		r.suite.Passed++
	case "skip":
		r.suite.Skipped = append(r.suite.Skipped, name+": "+reason(r.said[key]))
	case "fail":
		r.failed[e.Package]++
		r.suite.Failed = append(r.suite.Failed, name)
		fmt.Fprint(r.out, strings.Join(r.said[key], ""))
	}
}

func (r *goReader) packageEnd(e event) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(r.out, "ok  \t%s\t%.1fs\n", e.Package, e.Elapsed)
	case "skip": // no test files
	default:
		fmt.Fprintf(r.out, "FAIL\t%s\t%.1fs\n", e.Package, e.Elapsed)
		if r.failed[e.Package] > 0 {
			return
		}
		// It did not build, panicked, or ran into its time limit: no test of its own tells.
		what := e.Package
		if e.FailedBuild != "" {
			what += " (does not build)"
			fmt.Fprint(r.out, strings.Join(r.said[e.FailedBuild], ""))
		}
		fmt.Fprint(r.out, strings.Join(r.said[e.Package+" "], ""))
		for key, said := range r.said { // tests that were running when it died
			if strings.HasPrefix(key, e.Package+" ") && key != e.Package+" " {
				fmt.Fprint(r.out, strings.Join(said, ""))
			}
		}
		r.suite.Failed = append(r.suite.Failed, what)
	}
}

func (r *goReader) finish(s *Suite, err error) {
	if len(r.part) > 0 {
		r.line(r.part)
	}
	r.suite.Name = s.Name
	*s = r.suite
	if err != nil && len(s.Failed) == 0 {
		s.Failed = append(s.Failed, fmt.Sprintf("%s: %v", s.Name, err))
	}
}

func short(pkg string) string { return strings.TrimPrefix(pkg, "surgecast/") }

var position = regexp.MustCompile(`^\s*\S+\.go:[0-9]+: `)

// reason is what a skipped test said: t.Skip prints "file.go:12: why".
func reason(said []string) string {
	for _, l := range said {
		if position.MatchString(l) {
			return strings.TrimSpace(position.ReplaceAllString(l, ""))
		}
	}
	return "no reason given"
}
