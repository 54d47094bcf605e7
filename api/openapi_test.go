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

// A default in a body's schema is put where a field is zero, so it would take the place of a false or a 0 that was
// said: a freeze could not be lifted, and a leaked secret would sign for another day.
// Fails when: FreezeBody's input gets `default:"true"` again.
func TestNoDefaultTakesThePlaceOfAZeroThatWasSaid(t *testing.T) {
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Default any
					Minimum *float64
					Exclude *float64 `json:"exclusiveMinimum"`
				}
			}
		}
	}
	if err := json.Unmarshal(newTest(t).Spec(), &doc); err != nil {
		t.Fatal(err)
	}
	for name, schema := range doc.Components.Schemas {
		for field, p := range schema.Properties {
			zero := (p.Minimum == nil || *p.Minimum <= 0) && (p.Exclude == nil || *p.Exclude < 0)
			switch d := p.Default.(type) {
			case bool:
				if d {
					t.Errorf("%s.%s: false cannot be said", name, field)
				}
			case float64:
				if d != 0 && zero {
					t.Errorf("%s.%s: 0 cannot be said, it becomes %g", name, field, d)
				}
			}
		}
	}

	ts := newTest(t, keyless)
	for _, c := range []struct{ body, says string }{{`{"frozen":true}`, `"frozen":true`}, {`{"frozen":false}`, `"frozen":false`}, {`{}`, `"frozen":true`}, {`{"frozen":false}`, `"frozen":false`}} {
		if a := ts.ask("POST", "/v1/freeze", c.body); a.status != 200 || !strings.Contains(a.body, c.says) {
			t.Errorf("freeze %s: %d %s", c.body, a.status, a.body)
		}
		if a := ts.ask("GET", "/v1/freeze", ""); !strings.Contains(a.body, c.says) {
			t.Errorf("after freeze %s: %s", c.body, a.body)
		}
	}
	ts.ask("POST", "/v1/webhooks", `{"url":"https://example.com/"}`)
	id := ts.store.webhooks[0].ID
	if a := ts.ask("POST", "/v1/webhooks/"+id+"/rotate", `{"keep_old_seconds":0}`); a.status != 200 || ts.store.webhooks[0].OldSecretUntil.After(ts.clock()) {
		t.Errorf("a leaked secret signs on until %s: %d %s", ts.store.webhooks[0].OldSecretUntil, a.status, a.body)
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
