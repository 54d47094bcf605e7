// Command testsum runs test suites of different tools and sums them up in one closing line:
//
//	testsum -into DIR -suite go   -format go   -- go test -json ./...
//	testsum -into DIR -suite web  -format node -- npm test
//	testsum -into DIR -suite e2e  -skip "no browser: apt-get install chromium"
//	testsum -into DIR -sum
//
// Each run passes on what a person wants to see, keeps its counts in DIR and exits 0, so that one broken suite
// does not hide the others. -sum lists what failed and what was skipped, with reasons, ends with
// "N passed, N failed, N skipped", and exits 1 if anything failed or nothing passed.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Suite is what one run came to.
type Suite struct {
	Name    string
	Passed  int
	Failed  []string // names
	Skipped []string // "name: reason"
}

// reader takes a suite's output as it comes.
type reader interface {
	io.Writer
	// finish ends the suite; err is how its command ended.
	finish(s *Suite, err error)
}

func main() {
	into := flag.String("into", "", "directory that keeps the counts")
	suite := flag.String("suite", "", "name of the suite")
	format := flag.String("format", "go", "go (test -json) or node (node --test, or plain lines)")
	skip := flag.String("skip", "", "the suite was not run, for this reason")
	sum := flag.Bool("sum", false, "sum up all suites in the directory")
	flag.Parse()
	if err := run(*into, *suite, *format, *skip, *sum, flag.Args(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
}

var errFailed = errors.New("tests failed")

func run(into, name, format, skip string, sum bool, args []string, out io.Writer) error {
	if into == "" {
		return errors.New("-into DIR is missing")
	}
	if sum {
		return sumUp(into, out)
	}
	if name == "" {
		return errors.New("-suite NAME is missing")
	}
	s := Suite{Name: name}
	switch {
	case skip != "":
		s.Skipped = []string{name + ": " + skip}
		fmt.Fprintf(out, "skip\t%s: %s\n", name, skip)
	case len(args) == 0:
		return errors.New("no command after --")
	default:
		var r reader
		switch format {
		case "go":
			r = newGoReader(out)
		case "node":
			r = newNodeReader(out)
		default:
			return fmt.Errorf("format %q is neither go nor node", format)
		}
		cmd := exec.Command(args[0], args[1:]...) //nolint:gosec,noctx // running what the caller says is the purpose; Ctrl-C reaches it too
		cmd.Stdout, cmd.Stderr = r, os.Stderr
		err := cmd.Run()
		r.finish(&s, err)
	}
	return save(into, s)
}

func save(into string, s Suite) error {
	if err := os.MkdirAll(into, 0o750); err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(into, s.Name+".json"), text, 0o600)
}

func sumUp(into string, out io.Writer) error {
	names, err := filepath.Glob(filepath.Join(into, "*.json"))
	if err != nil {
		return err
	}
	slices.Sort(names)
	var passed int
	var failed, skipped []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var s Suite
		if err := json.Unmarshal(text, &s); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(out, "%-8s %5d passed %4d failed %4d skipped\n", s.Name, s.Passed, len(s.Failed), len(s.Skipped))
		passed += s.Passed
		failed = append(failed, s.Failed...)
		skipped = append(skipped, s.Skipped...)
	}
	for _, l := range skipped {
		fmt.Fprintln(out, "skipped:", l)
	}
	for _, l := range failed {
		fmt.Fprintln(out, "FAILED: ", l)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", passed, len(failed), len(skipped))
	if len(failed) > 0 || passed == 0 {
		return errFailed
	}
	return nil
}
