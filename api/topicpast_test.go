package api

import (
	"testing"
	"time"

	"surgecast"
)

// A topic says how far back its minutes are whole, in each feed that is read as it comes, and whether more is being
// read. Another topic's past is not its.
// Fails when: pastOf leaves out reading_to, or asks of all topics.
func TestTopicSaysHowFarBackItReaches(t *testing.T) {
	ts := newTest(t, keyless)
	ts.store.sources = []surgecast.Source{{ID: 1, Slug: "bluesky", Kind: surgecast.SourcePosts, StepSeconds: 60}, {ID: 2, Slug: "hackernews", Kind: surgecast.SourceRanked, StepSeconds: 60}}
	ts.store.topics = []surgecast.Topic{{ID: 7, AccountID: 1, Slug: "tour", Name: "Tour"}, {ID: 8, AccountID: 1, Slug: "other", Name: "Other"}}
	ts.store.pasts = map[[2]int64]surgecast.TopicPast{
		{7, 1}: {TopicID: 7, Since: begin.Add(-2 * time.Hour), BackTo: begin.Add(-36 * time.Hour)},
		{7, 2}: {TopicID: 7, Since: begin.Add(-time.Hour)},
	}
	if p, there := ts.ask("GET", "/v1/topics/other", "").json(t)["past"]; there {
		t.Errorf("a topic no stream has counted has a past: %v", p)
	}
	ps, _ := ts.ask("GET", "/v1/topics/tour", "").json(t)["past"].([]any)
	if len(ps) != 2 {
		t.Fatalf("past %v, want one of each feed", ps)
	}
	at := func(d time.Duration) string { return begin.Add(d).UTC().Format(time.RFC3339) }
	if p := ps[0].(map[string]any); p["source"] != "bluesky" || p["since"] != at(-2*time.Hour) || p["reading_to"] != at(-36*time.Hour) || p["complete"] != false || p["sentence"] == "" {
		t.Errorf("being read: %v", p)
	}
	if p := ps[1].(map[string]any); p["source"] != "hackernews" || p["since"] != at(-time.Hour) || p["reading_to"] != nil || p["complete"] != true || p["sentence"] != "" {
		t.Errorf("complete: %v", p)
	}
}
