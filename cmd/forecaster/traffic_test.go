package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every example of the page is a file that is accepted.
// Fails when: a key of the page is renamed in the program.
func TestTrafficPageIsTrue(t *testing.T) {
	page, err := os.ReadFile("../../docs/traffic.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```")
	n := 0
	for _, b := range blocks {
		text, ok := strings.CutPrefix(b, "yaml\n")
		if !ok {
			continue
		}
		n++
		path := filepath.Join(t.TempDir(), "traffic.yaml")
		putFile(t, path, text)
		if s, err := readTrafficFile(path, t.TempDir(), time.Now); err != nil || len(s) != 1 {
			t.Errorf("example %d: %d sites, %v", n, len(s), err)
		}
	}
	if n != 2 {
		t.Errorf("%d examples on the page, want 2", n)
	}
}

// A file that cannot work is refused by site and key, before anything is opened, and no secret is told.
// Fails when: KnownFields is not set; a site may stand twice; a token goes over http to another machine.
func TestTrafficFileIsChecked(t *testing.T) {
	t.Setenv("PROM_TOKEN", "very-secret")
	const prom = "prometheus: { url: \"http://127.0.0.1:9090\", requests: up }"
	for _, tt := range []struct{ text, says string }{
		{"sites: [{ site: Shop!, " + prom + " }]", "is not a site's name"},
		{"sites: [{ site: shop }]", "exactly one of the two"},
		{"sites: [{ site: shop, " + prom + " }, { site: shop, " + prom + " }]", "stands twice"},
		{"sites: [{ site: shop, prometheus: { url: \"http://127.0.0.1:9090\", query: up } }]", "query is not a key"},
		{"sites: [{ site: shop, prometheus: { url: \"http://127.0.0.1:9090\" } }]", "requests: is missing"},
		{"sites: [{ site: shop, prometheus: { url: \"http://prom.example\", requests: up, token_env: PROM_TOKEN } }]", "in the open"},
		{"sites: [{ site: shop, prometheus: { url: \"https://prom.example\", requests: up, token_env: NO_SUCH_TOKEN } }]", "NO_SUCH_TOKEN"},
		{"sites: [{ site: shop, prometheus: { url: \"https://prom.example\", requests: up, token_file: nothing.txt } }]", "token_file"},
		{"sites: [{ site: shop, access_log: { files: [access.log] } }]", "not an absolute path"},
		{"sites: [{ site: shop, access_log: { files: [/x], format: fancy } }]", "is not a format"},
		{"sites: [{ site: shop, access_log: { files: [/x], segments: [{ name: a, patterns: ['('] }] } }]", "not a regular expression"},
		{"sites: [{ site: shop, access_log: { files: [/x], time_unit: hours } }]", "is not a unit"},
		{"sites: {", "docs/traffic.md"},
	} {
		path := filepath.Join(t.TempDir(), "traffic.yaml")
		putFile(t, path, tt.text)
		_, err := readTrafficFile(path, t.TempDir(), time.Now)
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s\n%v, want it to say %q", tt.text, err, tt.says)
		}
	}
	if s, err := readTrafficFile("", t.TempDir(), time.Now); err != nil || len(s) != 0 {
		t.Errorf("no file: %v, %v", s, err)
	}
}
