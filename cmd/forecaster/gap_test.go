package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"surgecast"
	"surgecast/notify"
)

// A feed that is not counted for longer than --gap-after is told once, although the engine is killed meanwhile, and
// once more when it is counted again, with what is missing. The message to Slack leads to the dashboard.
// Fails when: Look does not save what it told with the message; serve does not hand on --public-url.
func TestAFeedsGapIsToldOnceWithItsEnd(t *testing.T) {
	c := newCourse(t, 1)
	ctx := t.Context()
	var mu sync.Mutex
	var slack []string
	chat := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		slack = append(slack, string(m))
	}))
	t.Cleanup(chat.Close)
	key, err := notify.ReadKey(filepath.Join(c.dir, "s", "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := notify.Seal(key, []byte(chat.URL+"/services/T0/B0/x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.db.CreateWebhook(ctx, surgecast.Webhook{
		AccountID: surgecast.DefaultAccount, URL: "http://127.0.0.1", Format: surgecast.FormatSlack, SealedURL: sealed,
		Types: []string{surgecast.TypeSourceGap}, CreatedAt: courseFrom,
	}); err != nil {
		t.Fatal(err)
	}
	src, err := c.db.EnsureSource(ctx, surgecast.Source{Slug: "bluesky", Kind: surgecast.SourcePosts, Mode: surgecast.Increments, StepSeconds: 60})
	if err != nil {
		t.Fatal(err)
	}
	lease, mine, err := c.db.AcquireLease(ctx, "ingest/bluesky", "test", time.Hour)
	if err != nil || !mine {
		t.Fatal(mine, err)
	}
	health := func(state surgecast.SourceState, watermark time.Time) {
		t.Helper()
		h := surgecast.SourceHealth{SourceID: src.ID, State: state, Since: courseFrom, Watermark: watermark, UpdatedAt: c.now(), LastError: "connection refused"}
		if err := c.db.SaveHealth(ctx, lease, h); err != nil {
			t.Fatal(err)
		}
	}
	type told struct {
		State, Source string
		From          time.Time
		To            *time.Time
		Missing       *float64 `json:"missing_minutes"`
		Sentence      string
	}
	heard := func() (all []told) {
		for _, m := range c.hook.messages() {
			var d told
			if err := json.Unmarshal(m.Data, &d); err != nil || m.Type != surgecast.TypeSourceGap {
				t.Fatalf("%s %s: %v", m.Type, m.body, err)
			}
			all = append(all, d)
		}
		return all
	}
	c.public = "https://surge.example.com"
	c.start("engine")
	c.start("notify")

	health(surgecast.SourceLive, courseFrom)
	c.set(courseFrom.Add(9 * time.Minute))
	health(surgecast.SourceWaiting, courseFrom)
	time.Sleep(500 * time.Millisecond)
	if got := heard(); len(got) != 0 {
		t.Fatalf("after 9 minutes %+v is told", got)
	}
	c.set(courseFrom.Add(11 * time.Minute))
	c.until("the gap to be told", func() bool { return len(heard()) > 0 })
	c.kill("engine", "engine")
	c.revive("engine")
	c.set(courseFrom.Add(40 * time.Minute))
	c.until("the engine's lease", func() bool {
		return c.count(`SELECT count(*) FROM lease WHERE name = 'source-gaps' AND expires_at > now() AND epoch > 1 AND holder LIKE '%/' || $1::text`, c.pid("engine")) > 0
	})
	time.Sleep(500 * time.Millisecond)
	if got := heard(); len(got) != 1 {
		t.Fatalf("one gap is told %d times: %+v", len(got), got)
	}
	if err := c.db.RecordGap(ctx, lease, surgecast.SourceGap{SourceID: src.ID, From: courseFrom.Add(-time.Minute), To: courseFrom.Add(30 * time.Minute), Reason: "disconnected", NotedAt: c.now()}); err != nil {
		t.Fatal(err)
	}
	health(surgecast.SourceLive, c.now().Add(-time.Minute))
	c.until("its end to be told", func() bool { return len(heard()) > 1 })
	got := heard()
	if o := got[0]; o.State != "open" || o.Source != "bluesky" || !o.From.Equal(courseFrom) || o.To != nil || !strings.Contains(o.Sentence, "connection refused") {
		t.Errorf("the gap is told as %+v", o)
	}
	if e := got[1]; e.State != "closed" || !e.From.Equal(courseFrom) || e.To == nil || e.Missing == nil || *e.Missing != 30 {
		t.Errorf("its end is told as %+v", e)
	}
	c.until("Slack to hear both", func() bool { mu.Lock(); defer mu.Unlock(); return len(slack) == 2 })
	for _, m := range slack {
		if !strings.Contains(m, "https://surge.example.com/") || !strings.Contains(m, "bluesky") {
			t.Errorf("Slack hears %s", m)
		}
	}
	// Switched off is no gap.
	health(surgecast.SourceStopped, c.now().Add(-time.Minute))
	c.set(c.now().Add(time.Hour))
	time.Sleep(500 * time.Millisecond)
	if got := heard(); len(got) != 2 {
		t.Errorf("a feed that was switched off is told: %+v", got[2:])
	}
}

// Fails when: Run does not call checkPublic, or does not look at --gap-after.
func TestServeRefusesWhatMakesNoSense(t *testing.T) {
	for _, c := range []struct{ flag, says string }{
		{"--public-url=surge.example.com", "https://surge.example.com"},
		{"--public-url=https://u:p@surge.example.com", "scheme and host"},
		{"--public-url=https://surge.example.com/?a=b", "scheme and host"},
		{"--gap-after=1m", "5m or more"},
		{"--gap-after=-5m", "5m or more"},
	} {
		want(t, 2, []string{c.flag[:8], c.says}, "serve", c.flag, "--state-dir="+filepath.Join(t.TempDir(), "s"))
	}
}
