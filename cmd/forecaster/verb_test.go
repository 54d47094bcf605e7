package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestWrongFlagsNameTheirOwnHelp: the help that is pointed at is of the very command, not of its group.
// Fails when: verb stops at the first word.
func TestWrongFlagsNameTheirOwnHelp(t *testing.T) {
	for line, want := range map[string]string{
		"rehearse import x.json --site shop": "See: forecaster rehearse import --help\n",
		"event add shop --nonsense":          "See: forecaster event add --help\n",
		"serve --nonsense":                   "See: forecaster serve --help\n",
		"nonsense":                           "See: forecaster --help\n",
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), strings.Fields(line), &out, &errOut); code != exitWrongUse || !strings.HasSuffix(errOut.String(), want) {
			t.Errorf("%s: exit %d, %q, want %q at the end", line, code, errOut.String(), want)
		}
	}
}

// TestMomentsSayHowToWriteThem: a moment that is none is refused with one that is.
// Fails when: timeFlag is no longer the mapper of time.Time.
func TestMomentsSayHowToWriteThem(t *testing.T) {
	var out, errOut bytes.Buffer
	code := run(t.Context(), strings.Fields("event add shop --kind newsletter --start tomorrow"), &out, &errOut)
	if code != exitWrongUse || !strings.Contains(errOut.String(), "write 2026-12-01T15:00:00Z") {
		t.Errorf("exit %d, %q", code, errOut.String())
	}
}

// TestBacktestHelpHasWhatItUses: it has no database, and its help points at the page with the files.
// Fails when: run does not hide the database's flags.
func TestBacktestHelpHasWhatItUses(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"backtest", "--help"}, &out, &errOut); code != 0 || !strings.Contains(out.String(), "docs/backtest.md") || strings.Contains(out.String(), "PostgreSQL") {
		t.Errorf("exit %d\n%s", code, out.String())
	}
	out.Reset()
	if code := run(t.Context(), []string{"import", "traffic", "--help"}, &out, &errOut); code != 0 || !strings.Contains(out.String(), "--database-url") {
		t.Errorf("exit %d: import has a database\n%s", code, out.String())
	}
}
