package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write api/openapi.json anew")

// The committed specification is the contract others build on: a change of it is read as a diff.
// Made to fail by renaming any json tag of a body.
func TestOpenAPIIsCommitted(t *testing.T) {
	s := newTest(t)
	got := s.Spec()
	if *update {
		if err := os.WriteFile("openapi.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the routes no longer fit api/openapi.json; read the change, then run: go test ./api -run OpenAPI -update\n%s", firstDifference(got, want))
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Parameters  []struct{ Name, In string }
			Responses   map[string]struct{ Content map[string]any }
		}
	}
	if err := json.Unmarshal(got, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q, want 3.1.0", doc.OpenAPI)
	}
	ids := map[string]bool{}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s %s: operation id %q is missing or taken", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
			for _, part := range strings.Split(path, "/") {
				name := strings.Trim(part, "{}")
				if name != part && !slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.Name == name && p.In == "path" }) {
					t.Errorf("%s %s does not describe its %s", method, path, name)
				}
			}
			if op.Responses["default"].Content["application/problem+json"] == nil {
				t.Errorf("%s %s does not say that errors are problem+json", method, path)
			}
		}
	}
}

func firstDifference(got, want []byte) string {
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(g), len(w)) {
		if !bytes.Equal(g[i], w[i]) {
			return "now  " + string(g[i]) + "\nthen " + string(w[i])
		}
	}
	return "one is longer than the other"
}
