package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Fails when: run prints kong's own words for a file that is not there.
func TestAFileThatIsNotThereIsNamed(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "nofile.csv")
	site := filepath.Join(dir, "site.yaml")
	if err := os.WriteFile(site, []byte("slug: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken.csv.gz")
	if err := os.WriteFile(broken, []byte("\x1f\x8b\x08broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"import", "traffic", missing, "--site", "demo"}, "forecaster: " + missing + ": there is no such file. Check the name, or the directory the command is run in.\n"},
		{[]string{"import", "mentions", dir}, "forecaster: " + dir + " is a directory: name the file in it.\n"},
		{[]string{"replay", "--traffic", missing, "--site", site}, "forecaster: --traffic " + missing + ": there is no such file."},
		{[]string{"import", "mentions", broken}, broken + ": file: cannot be unpacked: unexpected EOF. It is damaged or cut off: fetch it again, or unpack it yourself.\n"},
	} {
		var out, errOut strings.Builder
		if code := run(t.Context(), c.args, &out, &errOut); code != exitWrongUse || !strings.Contains(errOut.String(), c.want) {
			t.Errorf("%v: exit %d, %q; want 2 and %q", c.args, code, errOut.String(), c.want)
		}
	}
}
