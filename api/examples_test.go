package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"surgecast"
)

// documents parses every YAML document of a text.
func documents(t *testing.T, name string, text []byte) []map[string]any {
	t.Helper()
	var out []map[string]any
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc map[string]any
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			t.Errorf("%s: %v", name, err)
			return out
		}
		out = append(out, doc)
	}
}

func get(doc any, path ...string) any {
	for _, p := range path {
		m, ok := doc.(map[string]any)
		if !ok {
			return nil
		}
		doc = m[p]
	}
	return doc
}

// snippets are the YAML of examples and of the page on autoscaling, by name.
func snippets(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, pattern := range []string{"../examples/keda/*.yaml", "../examples/prometheus/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out[f] = text
		}
	}
	page, err := os.ReadFile("../docs/autoscaling.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) < 3 {
		t.Fatalf("%d snippets in docs/autoscaling.md", len(blocks))
	}
	for i, b := range blocks {
		out["docs/autoscaling.md, snippet "+string(rune('1'+i))] = b[1]
	}
	return out
}

// What people paste does no harm: a trigger's value and target are strings, a prometheus trigger does not turn
// nothing into zero, and a silence of ours sheds no capacity.
// Fails when: a snippet loses ignoreNullValues or currentReplicasIfHigher, or no longer parses.
func TestSnippetsDoNoHarm(t *testing.T) {
	kinds := map[string]int{}
	for name, text := range snippets(t) {
		for _, doc := range documents(t, name, text) {
			if doc["kind"] == "ScaledObject" {
				kinds["ScaledObject"]++
				if get(doc, "spec", "fallback", "behavior") != "currentReplicasIfHigher" {
					t.Errorf("%s: fallback %v", name, get(doc, "spec", "fallback"))
				}
				if n, _ := get(doc, "spec", "minReplicaCount").(int); n < 1 {
					t.Errorf("%s: minReplicaCount %d", name, n)
				}
			}
			triggers, _ := get(doc, "triggers").([]any)
			if more, ok := get(doc, "spec", "triggers").([]any); ok {
				triggers = more
			}
			for _, trigger := range triggers {
				kind, _ := get(trigger, "type").(string)
				kinds[kind]++
				meta, _ := get(trigger, "metadata").(map[string]any)
				for k, v := range meta {
					if _, ok := v.(string); !ok {
						t.Errorf("%s: %s %s is %T, KEDA takes strings", name, kind, k, v)
					}
				}
				switch kind {
				case "prometheus":
					if meta["ignoreNullValues"] != "false" || meta["activationThreshold"] == nil || meta["threshold"] != "1" {
						t.Errorf("%s: %v", name, meta)
					}
				case "metrics-api":
					if meta["targetValue"] != "1" || meta["activationTargetValue"] == nil || meta["valueLocation"] != "units" {
						t.Errorf("%s: %v", name, meta)
					}
				case "external-push":
					if meta["targetValue"] != "1" || meta["site"] == nil {
						t.Errorf("%s: %v", name, meta)
					}
				}
			}
		}
	}
	for _, kind := range []string{"ScaledObject", "metrics-api", "external-push", "prometheus"} {
		if kinds[kind] < 2 {
			t.Errorf("%s: %d snippets", kind, kinds[kind])
		}
	}
}

// Every metric, and every label set to a value, of the dashboard and the rules is one that /metrics has.
// Fails when: a metric or a label is renamed in metrics.go, or misspelt in the dashboard.
func TestDashboardAndRulesUseRealMetrics(t *testing.T) {
	ts := newTest(t, keyless)
	ts.told(ts.site(1, "nordlicht"), func(f *surgecast.SiteForecast) {
		for range f.HorizonMinutes {
			f.MaxQuantilesRPM = append(f.MaxQuantilesRPM, make([]float64, len(f.Levels)))
		}
	})
	ts.ask("GET", "/v1/sites/nordlicht/scale", "")
	ts.metrics.kedaCalls.WithLabelValues("GetMetrics", "OK").Observe(time.Millisecond.Seconds())
	families, err := ts.c.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]map[string][]string{} // metric, label, values
	for _, f := range families {
		labels := map[string][]string{}
		for _, m := range f.Metric {
			for _, l := range m.Label {
				labels[l.GetName()] = append(labels[l.GetName()], l.GetValue())
			}
		}
		for _, end := range []string{"", "_bucket", "_count", "_sum"} {
			has[f.GetName()+end] = labels
		}
	}
	used := 0
	check := func(where, expr string) {
		for _, m := range regexp.MustCompile(`\b(surgecast_\w+)(?:\{([^}]*)\})?`).FindAllStringSubmatch(expr, -1) {
			used++
			labels, ok := has[m[1]]
			if !ok {
				t.Errorf("%s: /metrics has no %s", where, m[1])
				continue
			}
			for _, l := range regexp.MustCompile(`(\w+)(=~?)"([^"]*)"`).FindAllStringSubmatch(m[2], -1) {
				if labels[l[1]] == nil {
					t.Errorf("%s: %s has no label %s", where, m[1], l[1])
				}
				if l[1] == "site" {
					continue
				}
				for v := range strings.SplitSeq(l[3], "|") {
					if !slices.Contains(labels[l[1]], v) {
						t.Errorf("%s: %s has no %s=%q, only %q", where, m[1], l[1], v, labels[l[1]])
					}
				}
			}
		}
	}
	for name, text := range snippets(t) {
		for _, doc := range documents(t, name, text) {
			out, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range append(stringsUnder(doc, "expr"), append(stringsUnder(doc, "query"), stringsUnder(doc, "seriesQuery")...)...) {
				check(name, s)
			}
			if len(out) < 3 {
				t.Errorf("%s is empty", name)
			}
		}
	}
	text, err := os.ReadFile("../examples/grafana/surgecast.json")
	if err != nil {
		t.Fatal(err)
	}
	var board map[string]any
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	for _, s := range append(stringsUnder(board, "expr"), stringsUnder(board, "query")...) {
		check("dashboard", s)
	}
	if used < 20 {
		t.Errorf("only %d uses of metrics found: does this test look in the right place?", used)
	}
}

// stringsUnder are the texts under a key, however deep.
func stringsUnder(doc any, key string) []string {
	var out []string
	switch d := doc.(type) {
	case map[string]any:
		for k, v := range d {
			if s, ok := v.(string); ok && k == key {
				out = append(out, s)
				continue
			}
			out = append(out, stringsUnder(v, key)...)
		}
	case []any:
		for _, v := range d {
			out = append(out, stringsUnder(v, key)...)
		}
	}
	return out
}
