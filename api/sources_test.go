package api

import (
	"testing"
	"time"

	"surgecast"
)

// Feeds say in words how they are doing; one whose reader has gone silent is not called healthy.
func TestSources(t *testing.T) {
	ts := newTest(t, keyless, func(c *Config) {
		c.TrafficSources = func(time.Time) []TrafficSource { return []TrafficSource{{Site: "nordlicht", State: "reading"}} }
	})
	ts.store.sources = []surgecast.Source{
		{ID: 1, Slug: "bluesky", Kind: surgecast.SourcePosts, Mode: surgecast.Increments, StepSeconds: 60},
		{ID: 2, Slug: "wikimedia", Kind: surgecast.SourceEdits, Mode: surgecast.Increments, StepSeconds: 60},
		{ID: 3, Slug: "csv:nab", Kind: surgecast.SourcePush, Mode: surgecast.Absolute, StepSeconds: 300},
	}
	ts.store.healths = []surgecast.SourceHealth{
		{SourceID: 1, State: surgecast.SourceLive, LagSeconds: 2, UpdatedAt: begin},
		{SourceID: 2, State: surgecast.SourceWaiting, LastError: "no such host", UpdatedAt: begin},
	}
	ts.store.gaps = []surgecast.SourceGap{{SourceID: 1, From: begin.Add(-time.Hour), To: begin.Add(-50 * time.Minute), Reason: "cursor too old"}}
	sentence := func(i int) any {
		items := ts.ask("GET", "/v1/sources", "").json(t)["items"].([]any)
		h, _ := items[i].(map[string]any)["health"].(map[string]any)
		return h["sentence"]
	}
	if got := sentence(0); got != "Counting. No gaps in the last 24 hours." {
		t.Errorf("bluesky: %q", got)
	}
	if got := sentence(1); got != "Cannot be reached: no such host. It is tried again by itself." {
		t.Errorf("wikimedia: %q", got)
	}
	body := ts.ask("GET", "/v1/sources", "").json(t)
	items := body["items"].([]any)
	if items[2].(map[string]any)["health"] != nil {
		t.Error("what nobody reads here has a health")
	}
	if gaps := items[0].(map[string]any)["gaps"].([]any); len(gaps) != 1 || gaps[0].(map[string]any)["reason"] != "cursor too old" {
		t.Errorf("gaps %v", gaps)
	}
	if tr := body["traffic"].([]any); len(tr) != 1 {
		t.Errorf("traffic readers %v", tr)
	}
	ts.pass(3 * time.Minute)
	if got := sentence(0); got != "Nothing has read it since "+begin.UTC().Format("15:04 UTC")+"." {
		t.Errorf("three minutes after its last word: %q", got)
	}
}
