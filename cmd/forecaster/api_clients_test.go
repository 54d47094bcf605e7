package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"surgecast"
)

// Clients generated from the specification the program serves compile, and take a site from nothing to a
// recommendation on the real program: what the generators make of our types is what comes over the wire.
// Fails when: SiteStatus or Recommendation is written as a bare reference although it may be null (sayNull); Number loses
// its format (float32 in Go); a path parameter is renamed in one place only.
func TestGeneratedClients(t *testing.T) {
	s := newService(t, 1)
	key := s.key(t, surgecast.DefaultAccount, surgecast.ScopeWrite)
	spec := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(spec, s.must(t, "", "GET", "/openapi.json", "", 200).body, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, site string
		fetch      []string // fails without a registry: a reason to skip
		make       [][]string
		run        []string
	}{
		{
			"client-go", "go-shop",
			[]string{"go", "mod", "download"},
			[][]string{{"go", "tool", "oapi-codegen", "-config", "oapi-codegen.yaml", spec}, {"go", "vet", "./..."}, {"go", "build", "-buildvcs=false", "-o", "client", "."}},
			[]string{"./client"},
		},
		{
			"client-ts", "ts-shop",
			[]string{"npm", "ci", "--silent", "--no-audit", "--no-fund"},
			[][]string{{"npm", "run", "--silent", "generate"}, {"npm", "run", "--silent", "build"}},
			[]string{"node", "main.js"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", c.name))); err != nil {
				t.Fatal(err)
			}
			do := func(line []string) (string, error) {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				cmd := exec.CommandContext(ctx, line[0], line[1:]...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "SURGECAST_URL="+s.base, "SURGECAST_KEY="+key, "OPENAPI="+spec, "GOFLAGS=-mod=mod", "GOWORK=off")
				var out, err bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &err
				e := cmd.Run()
				if e != nil {
					out.WriteString(err.String())
				}
				return out.String(), e
			}
			if _, err := exec.LookPath(c.fetch[0]); err != nil {
				t.Skipf("%s is not here: %v", c.fetch[0], err)
			}
			if out, err := do(c.fetch); err != nil {
				t.Skipf("the generator cannot be fetched: %v: %s", err, tail(out))
			}
			for _, line := range c.make {
				if out, err := do(line); err != nil {
					t.Fatalf("%s: %v\n%s", strings.Join(line, " "), err, tail(out))
				}
			}
			out, err := do(c.run)
			if err != nil {
				t.Fatalf("%v: %s", err, tail(out))
			}
			var got struct {
				Site, Event, Headline, Missing string
				Accepted, Points, Units        int
				Stale                          bool
				CapacityRPM                    float64 `json:"capacity_rpm"`
				Surge                          any
				Events                         []string
			}
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got.Site != c.site || got.Accepted != 180 || got.CapacityRPM != 1800 || got.Units < 2 || got.Stale || got.Points == 0 || got.Headline == "" ||
				got.Surge != nil || got.Missing != "not_found" || !slices.Equal(got.Events, []string{got.Event}) {
				t.Errorf("the client saw %s", out)
			}
			t.Logf("%s: %s", time.Now().UTC().Format(time.TimeOnly), strings.TrimSpace(out))
		})
	}
}
