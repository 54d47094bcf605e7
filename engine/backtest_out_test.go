package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"surgecast"
)

// outFiles is a small backtest in a directory of its own, which the test stands in.
func outFiles(t *testing.T) BacktestOptions {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	return BacktestOptions{Series: wave(t, dir, 300, nil), Origins: originsFile(t, dir, 200)}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func link(t *testing.T, old, new string, make func(string, string) error) string {
	t.Helper()
	if err := make(old, new); err != nil {
		t.Fatal(err)
	}
	return new
}

// An output that is an input, by whatever name, or the other output, is refused before any work, and so is what
// cannot be written; nothing is lost and nothing is left.
//
// Fails when: openOutputs does not ask f.is, or clashes, or try.
func TestBacktestRefusesOutputs(t *testing.T) {
	o := outFiles(t)
	series := readText(t, o.Series)
	soft, hard := link(t, "series.csv", "soft.csv", os.Symlink), link(t, "series.csv", "hard.csv", os.Link)
	later := link(t, "new.csv", "later.csv", os.Symlink)
	if err := os.Mkdir("d", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ out, breach, says, remedy string }{
		{"series.csv", "", "--series", "Name another file"},
		{"d/../series.csv", "", "--series", "Name another file"},
		{o.Origins, "", "--origins", "Name another file"},
		{soft, "", "--series", "Name another file"},
		{hard, "", "--series", "Name another file"},
		{"f.csv", soft, "--series", "Name another file"},
		{"f.csv", "d/.././f.csv", "same file as --out", "Name two files"},
		{"new.csv", later, "same file as --out", "Name two files"},
		{"-", "-", "same file as --out", "Name two files"},
		{"", "", "is empty", "Name the file"},
		{"d", "", "is a directory", "Name a file in it"},
		{"new/", "", "names a directory", "Name a file in it"},
		{"none/f.csv", "", "directory that does not exist", "mkdir -p none"},
		{"none/../series.csv", "", "directory that does not exist", "mkdir -p"},
		{"f.csv", "none/b.csv", "directory that does not exist", "mkdir -p none"},
		{"series.csv/f.csv", "", "cannot be written", "Name a file in a directory"},
		{strings.Repeat("n", 300), "", "cannot be written", "Name a file in a directory"},
	} {
		o.Out, o.BreachOut, o.Stdout = c.out, c.breach, io.Discard
		o.Log = func(string, ...any) { t.Errorf("%s, %s: work was begun", c.out, c.breach) }
		err := Backtest(context.Background(), o)
		var field *surgecast.FieldError
		if !errors.As(err, &field) || !strings.HasSuffix(field.Field, "out") || !strings.Contains(err.Error(), c.says) || !strings.Contains(field.Remedy, c.remedy) || strings.Contains(err.Error(), ".part-") {
			t.Errorf("--out %s --breach-out %s: %v, want %q and %q", c.out, c.breach, err, c.says, c.remedy)
		}
	}
	if readText(t, "series.csv") != series {
		t.Error("the series are lost")
	}
	o.Stdout, o.Out, o.BreachOut = nil, "-", ""
	if err := Backtest(context.Background(), o); err == nil {
		t.Error("- was taken although there is no standard output")
	}
	for _, name := range names(t, ".") {
		if strings.Contains(name, "f.csv") || strings.Contains(name, "part") || name == "new.csv" {
			t.Errorf("left behind: %s", name)
		}
	}
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// A link stays one and its target is written, also one that is not there yet; a file keeps its mode; - is standard
// output; .GZ is packed as .gz is.
//
// Fails when: look does not follow links, prepare sets 0644 whatever was there, or table.write asks for ".gz" as written.
func TestBacktestWritesWhatStandsThere(t *testing.T) {
	o := outFiles(t)
	o.Out = "plain.csv"
	if err := Backtest(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	want := readText(t, "plain.csv")
	if err := os.Mkdir("d", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("old.csv", []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{link(t, "../new.csv", "d/new", os.Symlink): "new.csv", link(t, "old.csv", "old", os.Symlink): "old.csv"} {
		o.Out = name
		if err := Backtest(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(name); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is no link any more: %v", name, err)
		}
		if readText(t, target) != want {
			t.Errorf("%s is not what %s leads to", target, name)
		}
	}
	if info, _ := os.Stat("old.csv"); info.Mode().Perm() != 0o600 {
		t.Errorf("old.csv has mode %v, want its own 0600", info.Mode())
	}
	var out strings.Builder
	o.Out, o.Stdout = "-", &out
	if err := Backtest(context.Background(), o); err != nil || out.String() != want {
		t.Errorf("standard output got %d bytes, want %d: %v", out.Len(), len(want), err)
	}
	o.Out = "packed.csv.GZ"
	if err := Backtest(context.Background(), o); err != nil || !strings.HasPrefix(readText(t, o.Out), "\x1f\x8b") {
		t.Errorf("%s is not packed: %v", o.Out, err)
	}
}

// When the second output cannot be put in its place the first is taken back: what stood there before stands
// there again, or nothing.
//
// Fails when: writeOutputs does not undo, or move does not keep.
func TestBacktestWritesBothOrNone(t *testing.T) {
	for _, before := range []string{"", "the forecasts of yesterday"} {
		o := outFiles(t)
		o.Out, o.BreachOut = "f.csv", "b.csv"
		if before != "" {
			if err := os.WriteFile(o.Out, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o.Log = func(string, ...any) { // somebody takes the place while the work goes on
			if err := os.MkdirAll("b.csv/d", 0o755); err != nil {
				t.Error(err)
			}
		}
		err := Backtest(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), "--breach-out b.csv") || strings.Contains(err.Error(), "part-") {
			t.Errorf("error %v, want one that names --breach-out b.csv", err)
		}
		want := []string{"b.csv", "origins.csv", "series.csv"}
		if before != "" {
			want = []string{"b.csv", "f.csv", "origins.csv", "series.csv"}
			if got := readText(t, o.Out); got != before {
				t.Errorf("f.csv holds %.40q, want what stood there", got)
			}
		}
		if got := names(t, "."); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("there are %v, want %v", got, want)
		}
	}
}

// A backtest that is called off leaves what stood there, and nothing else.
//
// Fails when: writeOutputs is not told of ctx and Backtest does not ask ctx.Err.
func TestBacktestCalledOffWritesNothing(t *testing.T) {
	o := outFiles(t)
	o.Out = "f.csv"
	ctx, cancel := context.WithCancel(context.Background())
	o.Log = func(string, ...any) { cancel() }
	if err := Backtest(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was called off", err)
	}
	if got := names(t, "."); strings.Join(got, " ") != "origins.csv series.csv" {
		t.Errorf("there are %v", got)
	}
}
