package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// nodeReader reads what node --test prints, as TAP or for people, and a plain closing line
// "N passed, N failed, N skipped" of a script of ours. Everything is passed on.
type nodeReader struct {
	out     io.Writer
	part    []byte
	counts  map[string]int
	failed  []string
	skipped []string
}

func newNodeReader(out io.Writer) *nodeReader { return &nodeReader{out: out, counts: map[string]int{}} }

var (
	colour    = regexp.MustCompile("\x1b\\[[0-9;]*m")
	nodeCount = regexp.MustCompile(`^(?:#|ℹ) (pass|fail|skipped|todo|cancelled) ([0-9]+)$`)
	plain     = regexp.MustCompile(`^(?:\w+: )?([0-9]+) passed, ([0-9]+) failed(?:, ([0-9]+) skipped)?$`)
	notOK     = regexp.MustCompile(`^\s*(?:not ok [0-9]+ - |✖ )(.+?)(?: \([0-9.]+ms\))?$`)
	skippedAs = regexp.MustCompile(`^\s*(?:ok [0-9]+ - |﹣ |skip:? |[\w ]*skipped: )(.+)$`)
)

func (r *nodeReader) Write(p []byte) (int, error) {
	if _, err := r.out.Write(p); err != nil {
		return 0, err
	}
	r.part = append(r.part, p...)
	for {
		i := bytes.IndexByte(r.part, '\n')
		if i < 0 {
			return len(p), nil
		}
		r.line(string(r.part[:i]))
		r.part = r.part[i+1:]
	}
}

func (r *nodeReader) line(line string) {
	line = strings.TrimRight(colour.ReplaceAllString(line, ""), "\r ")
	if m := nodeCount.FindStringSubmatch(line); m != nil {
		n, _ := strconv.Atoi(m[2]) // digits by the pattern
		r.counts[m[1]] = n
		return
	}
	if m := plain.FindStringSubmatch(line); m != nil {
		for i, name := range []string{"pass", "fail", "skipped"} {
			n, _ := strconv.Atoi(m[i+1]) // "" is none
			r.counts[name] = n
		}
		delete(r.counts, "cancelled") // the script's own line has the last word
		delete(r.counts, "todo")
		return
	}
	if m := notOK.FindStringSubmatch(line); m != nil && m[1] != "failing tests:" {
		r.failed = append(r.failed, m[1])
		return
	}
	if m := skippedAs.FindStringSubmatch(line); m != nil && (strings.Contains(line, "# SKIP") || !strings.HasPrefix(strings.TrimSpace(line), "ok ")) {
		r.skipped = append(r.skipped, strings.Replace(m[1], " # SKIP", ":", 1))
	}
}

func (r *nodeReader) finish(s *Suite, err error) {
	if len(r.part) > 0 {
		r.line(string(r.part))
	}
	s.Passed = r.counts["pass"]
	s.Failed = names(s.Name, "failure", r.failed, r.counts["fail"]+r.counts["cancelled"])
	s.Skipped = names(s.Name, "skip, no reason found", r.skipped, r.counts["skipped"]+r.counts["todo"])
	if err != nil && len(s.Failed) == 0 {
		s.Failed = append(s.Failed, fmt.Sprintf("%s: %v", s.Name, err))
	}
}

// names answers n lines: the count is the runner's, the names are as far as they could be read.
func names(suite, what string, read []string, n int) []string {
	var list []string
	for i := range n {
		name := what + " " + strconv.Itoa(i+1)
		if i < len(read) {
			name = read[i]
		}
		list = append(list, suite+": "+name)
	}
	return list
}
