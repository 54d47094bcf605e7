package surgecast_test

import (
	"strings"
	"testing"
	"time"

	"surgecast"
)

// Fails when: clockOf leaves the day out, a past that is read to its end is still spoken of, or a warning of one past hides
// how far the others are.
func TestAPastIsSpokenOfWhileItIsRead(t *testing.T) {
	now := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	p := surgecast.TopicPast{Since: now.Add(-110 * time.Minute), BackTo: now.Add(-36 * time.Hour)}
	if got, want := p.Sentence(now), "Its past is being read; back to 12:10 UTC so far."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.Since = now.Add(-20 * time.Hour)
	if got := p.Sentence(now); !strings.Contains(got, "back to Fri 18:00 UTC") {
		t.Errorf("%q does not say which day", got)
	}
	p.BackTo = time.Time{}
	if got := p.Sentence(now); got != "" {
		t.Errorf("%q of a past that has been read", got)
	}
	h := surgecast.SourceHealth{State: surgecast.SourceLive, UpdatedAt: now, PastTopics: 2, PastReached: now.Add(-time.Hour)}
	if got := h.Sentence(now, time.Minute); got != "Counting. No gaps in the last 24 hours. The past of 2 new topics is being read; back to 13:00 UTC so far." {
		t.Errorf("%q", got)
	}
	h.Warning = "the past of new topics (1) ends at 21 November 11:50 UTC: a minute before it had more mentions than fit into memory"
	if got, want := h.Sentence(now, time.Minute), h.Warning+". The past of 2 new topics is being read; back to 13:00 UTC so far."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	h.PastTopics = 0
	if got := h.Sentence(now, time.Minute); got != h.Warning {
		t.Errorf("%q, want the warning alone", got)
	}
}
