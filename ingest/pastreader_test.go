package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"surgecast"
)

// crowd is a feed in which a minute of the past has more than fits.
type crowd struct{ runs int }

func (c *crowd) Source() surgecast.Source              { return surgecast.Source{ID: 7} }
func (c *crowd) Rewind(string, time.Duration) string   { return "" }
func (c *crowd) Replay() Stream                        { return c }
func (c *crowd) PlaceAt(at time.Time, _ string) string { return fmt.Sprint(at.UnixMicro()) }
func (c *crowd) Keeps() time.Duration                  { return time.Hour }

func (c *crowd) Run(ctx context.Context, from string, sink Sink) error {
	c.runs++
	var at int64
	if _, err := fmt.Sscan(from, &at); err != nil {
		return err
	}
	for end := at + 3600e6; at < end && ctx.Err() == nil; at += 1e6 {
		post := Post{ID: uint64(at), Author: uint64(at), Time: at, Text: []byte("a boat in the sound")}
		if err := sink.Posts(ctx, []Post{post}, ""); err != nil {
			return err
		}
		sink.Complete(time.UnixMicro(at))
	}
	return context.Cause(ctx)
}

// pastShelf knows one topic and its past.
type pastShelf struct {
	Store
	past surgecast.TopicPast
}

func (s *pastShelf) TopicPasts(context.Context, int64) ([]surgecast.TopicPast, error) {
	return []surgecast.TopicPast{s.past}, nil
}

// A minute of the past that does not fit into memory is tried three times, then the past ends there and the source's
// health says so; it was tried for ever.
// Fails when: step does not count the tries; it does not set the floor; health says nothing of what is lost.
func TestAMinuteTooLargeIsGivenUp(t *testing.T) {
	now := t0
	clock := func() time.Time { return now }
	shelf := &pastShelf{past: surgecast.TopicPast{TopicID: 1, Since: t0.Add(-10 * time.Minute), BackTo: t0.Add(-time.Hour)}}
	ta := testTally(t, &now)
	ta.newest.at, ta.place = t0.UnixMicro(), "here"
	m, feed := newMeter(clock), &crowd{}
	s := New(Config{Store: shelf, Clock: clock, Logger: slog.New(slog.DiscardHandler), PastRate: 1e9})
	s.book.topics = []surgecast.Topic{{ID: 1, Any: []string{"boat"}}}
	r := newPastReader(s, feed, ta, m)
	r.span, r.most = time.Minute, 1

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	stored := make(chan surgecast.PastRead, 1)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-ta.kick:
				ta.mu.Lock()
				p := ta.piece
				ta.mu.Unlock()
				stored <- p.read
				close(p.stored)
			}
		}
	}()
	for try := 1; try < pastTries; try++ {
		if _, err := r.step(ctx); err == nil || !strings.Contains(err.Error(), "memory") {
			t.Fatalf("try %d: %v", try, err)
		}
	}
	if w := m.health(meterCounts{}, feed.Source(), "").Warning; w != "" {
		t.Errorf("warning too early: %s", w)
	}
	if _, err := r.step(ctx); err != nil {
		t.Fatal(err)
	}
	got := <-stored
	if len(got.Rows) != 0 || len(got.Topics) != 1 || !got.Topics[0].Done || !got.Topics[0].To.Equal(shelf.past.Since) || !got.Topics[0].From.Equal(shelf.past.Since) {
		t.Errorf("stored %+v", got)
	}
	if w := m.health(meterCounts{}, feed.Source(), "").Warning; !strings.Contains(w, "past of new topics (1) ends at 21 November 11:50") {
		t.Errorf("warning %q", w)
	}
	now = now.Add(lossFor)
	if w := m.health(meterCounts{}, feed.Source(), "").Warning; w != "" {
		t.Errorf("a day later: %s", w)
	}
}
