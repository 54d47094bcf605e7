package ingest

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// A feed that is away for three hours and is tried every minute is mentioned four times, and once when it is back.
//
// Fails when: fails says it at every attempt, or lives forgets to forget.
func TestTroubleIsSaidOnceAnHour(t *testing.T) {
	now := t0
	var out bytes.Buffer
	ill := &trouble{log: slog.New(slog.NewTextHandler(&out, nil)), clock: func() time.Time { return now }, back: "it is back"}
	for range 200 {
		ill.fails("it is away", errors.New("refused"), time.Minute)
		ill.lives(now) // for a moment
		now = now.Add(time.Minute)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.Contains(lines[3], "attempts=181") || strings.Contains(out.String(), "it is back") {
		t.Errorf("said %d times:\n%s", len(lines), &out)
	}
	out.Reset()
	for range 3 {
		ill.lives(now.Add(-wellAfter))
	}
	if got := strings.Count(out.String(), "it is back"); got != 1 || !strings.Contains(out.String(), "attempts=200 after=3h20m0s") {
		t.Errorf("recovery said %d times: %s", got, &out)
	}
	ill.fails("it is away", errors.New("refused"), time.Minute)
	if !strings.Contains(out.String(), "level=WARN") {
		t.Error("the next trouble is not said")
	}
}
