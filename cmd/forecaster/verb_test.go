package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
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

// TestNumbersBelowTheirRangeAreNamed: a number below 0 is refused by what it is for, not by how it is written.
// Fails when: run hands the arguments to the library without joined; parseTrouble does not know notNatural.
func TestNumbersBelowTheirRangeAreNamed(t *testing.T) {
	for line, want := range map[string]string{
		"replay --mentions verb_test.go --speed -1":  "--speed -1: use 0 (as fast as it goes) or more",
		"replay --mentions verb_test.go --speed=-.5": "--speed -0.5: use 0 (as fast as it goes) or more",
		"replay --mentions verb_test.go --speed NaN": "--speed NaN: use 0 (as fast as it goes) or more",
		"demo --speed -1":          "--speed -1: use more than 0 and at most 3600",
		"demo --speed NaN":         "--speed NaN: use more than 0 and at most 3600",
		"demo --seed -3":           "--seed -3: use a whole number, 0 or more.",
		"site add shop --units -3": "capacity.units: is out of range",
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), strings.Fields(line), &out, &errOut); code != exitWrongUse || !strings.Contains(errOut.String(), want) || strings.Contains(errOut.String(), "perhaps") {
			t.Errorf("%s: exit %d, %q, want %q", line, code, errOut.String(), want)
		}
	}
}

// TestEverythingMissingIsNamed: who is told of one thing after the other calls three times.
// Fails when: parseTrouble does not ask missing.
func TestEverythingMissingIsNamed(t *testing.T) {
	for line, want := range map[string]string{
		"check":                    "forecaster: missing: <text>, --site=SITE\n",
		"check shop":               "forecaster: missing: --site=SITE\n",
		"import traffic":           "forecaster: missing: <file>, --site=SITE\n",
		"rehearse import --site x": "forecaster: missing: <files> ..., --units=INT\n",
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), strings.Fields(line), &out, &errOut); code != exitWrongUse || !strings.Contains(errOut.String(), want) {
			t.Errorf("%s: exit %d, %q, want %q", line, code, errOut.String(), want)
		}
	}
}

// TestTargetsAreLookedAtFirst: a report that could not be written is refused before anything is played, and nothing lies
// about. The names are of flags, never of temporary files.
// Fails when: replayCmd.Run does not call check; checkTarget leaves its file, or takes a directory or a device.
func TestTargetsAreLookedAtFirst(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--html", filepath.Join(dir, "none", "x.html")}, "--html: cannot be written: there is no directory " + filepath.Join(dir, "none")},
		{[]string{"--json", dir}, "--json: is a directory"},
		{[]string{"--json", filepath.Join(dir, "new") + "/"}, "--json: names a directory"},
		{[]string{"--html", pipe}, "--html: is no file"},
		{[]string{"--html", filepath.Join(pipe, "x")}, "--html: cannot be written"},
		{[]string{"--json", filepath.Join(dir, "x"), "--html", filepath.Join(dir, ".", "x")}, "--json and --html are both"},
		{[]string{"--webhook", "http://example.com/x"}, "--webhook: is neither an https address nor one on this machine"},
		{[]string{"--webhook", "http://127.example.com/x"}, "--webhook: is neither"},
		{[]string{"--webhook", "https:///x"}, "--webhook: is neither"},
	} {
		var out, errOut bytes.Buffer
		args := append([]string{"replay", "--mentions", "verb_test.go"}, c.args...)
		if code := run(t.Context(), args, &out, &errOut); code != exitWrongUse || !strings.Contains(errOut.String(), c.want) || strings.Contains(errOut.String(), ".surgecast-") {
			t.Errorf("%v: exit %d, %q, want %q", c.args, code, errOut.String(), c.want)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%v lies in the directory, %v", left, err)
	}
	for _, ok := range []string{"https://example.com/x", "http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:9/x"} {
		if err := checkHookFlag(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
}

// TestTheWindowMustHoldARecording: another recording than the site file's own is not played in silence.
// Fails when: overlap looks only whether from is before to; lineOf is not asked; warm_up_from drops rows unsaid.
func TestTheWindowMustHoldARecording(t *testing.T) {
	f := writeRecording(t, t.TempDir(), record(1)[:60])
	site := func(section string) string {
		text, err := os.ReadFile(f.site)
		if err != nil {
			t.Fatal(err)
		}
		before, _, _ := strings.Cut(string(text), "replay:")
		return write(t, "site.yaml", before+section)
	}
	early := site("replay:\n  from: 1998-06-20T00:00:00Z\n  to: 1998-06-26T00:00:00Z\n")
	late := site("replay: {warm_up_from: 2030-01-01T00:00:00Z}\n")
	none := site("")
	end := recordingStart.Add(time.Hour).Format(time.RFC3339)
	for _, c := range []struct {
		name, site string
		more       []string
		want       string
	}{
		{"the site file's window", early, nil, "line 17, " + early + ", replay: nothing to forecast: the traffic of " + f.traffic + " runs from " + recordingStart.Format(time.RFC3339) + " to " + end + ", the window from 1998-06-20T00:00:00Z to 1998-06-26T00:00:00Z. Give --from and --to within the recording, or change or remove"},
		{"its end alone", early, []string{"--from", recordingStart.Format(time.RFC3339)}, "to 1998-06-26T00:00:00Z. Give --from and --to within the recording, or"},
		{"the flags", none, []string{"--from", "2031-01-01T00:00:00Z", "--to", "2031-01-02T00:00:00Z"}, "--from and --to: nothing to forecast: the traffic of " + f.traffic},
		{"before it", none, []string{"--from", "1999-01-01T00:00:00Z", "--to", "1999-01-02T00:00:00Z"}, "the window from 1999-01-01T00:00:00Z to 1999-01-02T00:00:00Z"},
		{"the warm-up", late, nil, "holds no minute from 2030-01-01T00:00:00Z on, where the replay of " + late + " begins"},
	} {
		var out, errOut bytes.Buffer
		args := append([]string{"replay", "--traffic", f.traffic, "--site", c.site, "--listen", "127.0.0.1:0", "--state-dir", filepath.Join(t.TempDir(), "s")}, c.more...)
		if code := run(t.Context(), args, &out, &errOut); code != exitWrongUse || !strings.Contains(errOut.String(), c.want) {
			t.Errorf("%s: exit %d, %q\nwant %q", c.name, code, errOut.String(), c.want)
		}
	}
}
