package engine

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// Who hears of a gap starts the service again: the feed says for a moment that it is stopped, also to a watch that has
// just begun itself. That is no end. Switched off for good it is one.
//
// Fails when: news takes a feed for off as soon as it says that it is stopped, or does not look at when the watch began.
func TestARestartEndsNoGap(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.webhook()
	src, err := p.st.EnsureSource(t.Context(), surgecast.Source{Slug: "bluesky", Kind: surgecast.SourcePosts, Mode: surgecast.Increments, StepSeconds: 60})
	p.ok(err)
	lease, _, err := p.st.AcquireLease(t.Context(), "ingest/bluesky", "test", time.Hour)
	p.ok(err)
	now := t0
	watch := func(holder string) *GapWatch {
		return &GapWatch{Store: p.st, Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler), Holder: holder, After: 10 * time.Minute}
	}
	says := func(state surgecast.SourceState) {
		t.Helper()
		p.ok(p.st.SaveHealth(t.Context(), lease, surgecast.SourceHealth{SourceID: src.ID, State: state, Since: t0, Watermark: t0, UpdatedAt: now}))
	}
	look := func(w *GapWatch, want string) {
		t.Helper()
		p.exec(`UPDATE lease SET expires_at = '-infinity' WHERE name = $1`, gapLease)
		p.ok(w.Look(t.Context()))
		rows, _ := p.pool.Query(t.Context(), `SELECT body->'data'->>'state' FROM delivery WHERE type = $1 ORDER BY id`, surgecast.TypeSourceGap)
		told, err := pgx.CollectRows(rows, pgx.RowTo[string])
		p.ok(err)
		if got := strings.Join(told, " "); got != want {
			t.Fatalf("%s after %s: told %q, want %q", w.Holder, now.Sub(t0), got, want)
		}
	}
	first := watch("first")
	says(surgecast.SourceWaiting)
	look(first, "")
	now = t0.Add(11 * time.Minute)
	look(first, "open")
	now = t0.Add(12 * time.Minute)
	says(surgecast.SourceStopped)
	now = now.Add(10 * time.Second)
	look(first, "open")
	now = t0.Add(20 * time.Minute) // the machine was started again
	second := watch("second")
	look(second, "open")
	now = now.Add(30 * time.Second)
	says(surgecast.SourceWaiting)
	look(second, "open")
	now = now.Add(time.Minute)
	says(surgecast.SourceStopped)
	now = now.Add(offAfter)
	look(second, "open closed")
	look(second, "open closed")
}
