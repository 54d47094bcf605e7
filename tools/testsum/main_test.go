package main

import (
	"errors"
	"strings"
	"testing"
)

func read(t *testing.T, r reader, text string, err error) Suite {
	t.Helper()
	// In two pieces: output comes as it likes.
	for _, part := range []string{text[:len(text)/3], text[len(text)/3:]} {
		if _, err := r.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	s := Suite{Name: "s"}
	r.finish(&s, err)
	return s
}

var errExit = errors.New("exit status 1")

const goOutput = `{"Action":"start","Package":"surgecast/a"}
{"Action":"run","Package":"surgecast/a","Test":"TestGood"}
{"Action":"output","Package":"surgecast/a","Test":"TestGood","Output":"chatter\n"}
{"Action":"pass","Package":"surgecast/a","Test":"TestGood","Elapsed":0}
{"Action":"run","Package":"surgecast/a","Test":"TestRoot"}
{"Action":"output","Package":"surgecast/a","Test":"TestRoot","Output":"=== RUN   TestRoot\n"}
{"Action":"output","Package":"surgecast/a","Test":"TestRoot","Output":"    a_test.go:7: needs root\n"}
{"Action":"skip","Package":"surgecast/a","Test":"TestRoot","Elapsed":0}
{"Action":"pass","Package":"surgecast/a","Elapsed":0.01}
{"Action":"output","Package":"surgecast/b","Test":"TestBad","Output":"    b_test.go:9: got 1, want 2\n"}
{"Action":"fail","Package":"surgecast/b","Test":"TestBad","Elapsed":0}
{"Action":"fail","Package":"surgecast/b","Elapsed":0.01}
{"ImportPath":"surgecast/c [surgecast/c.test]","Action":"build-output","Output":"c/c.go:3: undefined: x\n"}
{"Action":"fail","Package":"surgecast/c","Elapsed":0,"FailedBuild":"surgecast/c [surgecast/c.test]"}
{"Action":"output","Package":"surgecast/d","Test":"TestHangs","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"surgecast/d","Elapsed":600}
{"Action":"skip","Package":"surgecast/cmd"}
`

// 1 passed; failed: TestBad, c does not build, d died with no failed test of its own; 1 skipped.
func TestGoOutputIsCounted(t *testing.T) {
	var out strings.Builder
	s := read(t, newGoReader(&out), goOutput, errExit)
	if s.Passed != 1 || len(s.Failed) != 3 || len(s.Skipped) != 1 {
		t.Fatalf("%+v, want 1 passed, 3 failed, 1 skipped", s)
	}
	if s.Skipped[0] != "a.TestRoot: needs root" {
		t.Errorf("skipped as %q, want the reason", s.Skipped[0])
	}
	for _, want := range []string{"got 1, want 2", "undefined: x", "panic: test timed out", "ok  \tsurgecast/a"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "chatter") {
		t.Error("a test that passed is quoted")
	}
}

func TestNodeOutputIsCounted(t *testing.T) {
	for _, tt := range []struct {
		name, text              string
		err                     error
		passed, failed, skipped int
	}{
		{"tap", "TAP version 13\nok 1 - adds\nok 2 - draws # SKIP no canvas\nnot ok 3 - rounds\n# tests 3\n# pass 1\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n", errExit, 1, 1, 1},
		{"people", "✔ adds (0.5ms)\n✖ rounds (1.2ms)\n\x1b[34mℹ pass 1\x1b[39m\nℹ fail 1\nℹ skipped 0\n", errExit, 1, 1, 0},
		{"own script", "light: ok\n12 passed, 0 failed, 2 skipped\n", nil, 12, 0, 2},
		{"script without a browser", "browser tests skipped: no Chromium\ne2e: 0 passed, 0 failed, 1 skipped\n", nil, 0, 0, 1},
		{"died", "node: cannot find module\n", errExit, 0, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := read(t, newNodeReader(&strings.Builder{}), tt.text, tt.err)
			if s.Passed != tt.passed || len(s.Failed) != tt.failed || len(s.Skipped) != tt.skipped {
				t.Errorf("%+v, want %d passed, %d failed, %d skipped", s, tt.passed, tt.failed, tt.skipped)
			}
			if tt.name == "tap" && (s.Failed[0] != "s: rounds" || s.Skipped[0] != "s: draws: no canvas") {
				t.Errorf("named %q and %q", s.Failed[0], s.Skipped[0])
			}
		})
	}
}

func TestSumClosesWithOneLine(t *testing.T) {
	dir := t.TempDir()
	var out strings.Builder
	if err := run(dir, "", "", "", true, nil, &out); err == nil {
		t.Error("nothing ran, yet the sum is good")
	}
	for _, s := range []Suite{{Name: "go", Passed: 3, Skipped: []string{"a.T: why"}}, {Name: "web", Passed: 2}} {
		if err := save(dir, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(dir, "e2e", "", "no browser", false, nil, &out); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := run(dir, "", "", "", true, nil, &out); err != nil {
		t.Errorf("sum: %v", err)
	}
	if !strings.HasSuffix(out.String(), "\n5 passed, 0 failed, 2 skipped\n") {
		t.Errorf("closing line of\n%s", out.String())
	}
	if err := save(dir, Suite{Name: "go", Passed: 3, Failed: []string{"b.T"}}); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, "", "", "", true, nil, &out); !errors.Is(err, errFailed) {
		t.Errorf("sum with a failure: %v", err)
	}
}
