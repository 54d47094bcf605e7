package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"surgecast"
)

// values writes a series as one would read it aloud: -1 is missing.
func values(bs []surgecast.MentionBucket) []float64 {
	var out []float64
	for _, b := range bs {
		if b.Missing {
			out = append(out, -1)
		} else {
			out = append(out, b.Raw)
		}
	}
	return out
}

func TestZeroIsNotMissing(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	topic := must[surgecast.Topic](t)(s.CreateTopic(ctx, aTopic(1, "touchpad", minute(2))))
	src := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource("bluesky", surgecast.Increments)))
	l := lease(t, s, "source/bluesky")
	ok(t, s.AddMentions(ctx, l, src.ID, "", "a", []surgecast.MentionMinute{
		mention(topic.ID, src.ID, minute(1), 3), // found in memory, before the topic was counted
		mention(topic.ID, src.ID, minute(3), 5),
		mention(topic.ID, src.ID, minute(6), 7), // counted before the source broke off: not the whole of it
	}, minute(8)))
	ok(t, s.MarkSourceMinutes(ctx, src.ID, minute(0), minute(5), true, minute(8)))
	ok(t, s.MarkSourceMinutes(ctx, src.ID, minute(5), minute(7), false, minute(8)))

	read := func() []float64 {
		bs, err := s.Mentions(ctx, topic.ID, src.ID, minute(0), minute(9), false)
		ok(t, err)
		return values(bs)
	}
	// :00 before the topic was counted, :01 has a row, :02 and :04 zero, :05 the source was down, :06 was
	// heard in part and would pass for a fall, :07 and :08 not closed yet
	want := []float64{-1, 3, 0, 5, 0, -1, -1, -1, -1}
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
	// Other terms from :04 on: the topic goes on being counted.
	topic.Any = []string{"hp touchpad"}
	topic.UpdatedAt = minute(4)
	topic = must[surgecast.Topic](t)(s.UpdateTopic(ctx, topic))
	if topic.Revision != 2 || !topic.Since.Equal(minute(4)) {
		t.Errorf("revision %d since %s, want 2 since 12:04", topic.Revision, topic.Since)
	}
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("series after a revision (-want +got):\n%s", diff)
	}
	// The hour is closed: nothing about it changes.
	ok(t, s.CompactBefore(ctx, minute(60)))
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("series after compaction (-want +got):\n%s", diff)
	}
	// A second source that listened all the while makes no zero in the first.
	other := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource("hn", surgecast.Increments)))
	ok(t, s.MarkSourceMinutes(ctx, other.ID, minute(0), minute(9), true, minute(9)))
	both, err := s.MentionsSince(ctx, []int64{topic.ID, topic.ID}, []int64{other.ID, src.ID}, []time.Time{minute(6), minute(4)}, minute(8), false)
	ok(t, err)
	if diff := cmp.Diff([]float64{0, 0, 0, -1, -1, -1}, values(both)); diff != "" {
		t.Errorf("two series (-want +got):\n%s", diff)
	}
	if _, err := s.Mentions(ctx, topic.ID, 99, minute(0), minute(1), false); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("Mentions of no source = %v, want ErrNotFound", err)
	}
}

func TestCoarseSource(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	topic := must[surgecast.Topic](t)(s.CreateTopic(ctx, aTopic(1, "aapl", t0)))
	csv := surgecast.Source{Slug: "csv:nab", Kind: surgecast.SourcePosts, Mode: surgecast.Absolute, StepSeconds: 300}
	src := must[surgecast.Source](t)(s.EnsureSource(ctx, csv))
	_, err := s.PutMentions(ctx, []surgecast.MentionMinute{mention(topic.ID, src.ID, minute(0), 4), mention(topic.ID, src.ID, minute(10), 6)}, t0)
	ok(t, err)
	ok(t, s.MarkSourceMinutes(ctx, src.ID, minute(0), minute(15), true, t0))
	bs, err := s.Mentions(ctx, topic.ID, src.ID, minute(0), minute(20), false)
	ok(t, err)
	if diff := cmp.Diff([]float64{4, 0, 6, -1}, values(bs)); diff != "" { // 12:00, 12:05, 12:10, 12:15
		t.Errorf("buckets of 5 min (-want +got):\n%s", diff)
	}
	csv.StepSeconds = 60
	if _, err := s.EnsureSource(ctx, csv); !errors.Is(err, surgecast.ErrConflict) {
		t.Errorf("the same source with another step = %v, want ErrConflict", err)
	}
}

// What was published first stays what was published first, through corrections, compaction and
// corrections of closed hours.
func TestFirstPublishedNeverChanges(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	topic := must[surgecast.Topic](t)(s.CreateTopic(ctx, aTopic(1, "touchpad", t0)))
	stream := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource("bluesky", surgecast.Increments)))
	push := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource("push:acme", surgecast.Absolute)))
	l := lease(t, s, "source/bluesky")
	add := func(from, to string, at, n int) {
		t.Helper()
		ok(t, s.AddMentions(ctx, l, stream.ID, from, to, []surgecast.MentionMinute{mention(topic.ID, stream.ID, minute(at), float64(n))}, minute(9)))
	}
	put := func(at, n, said int) {
		t.Helper()
		_, err := s.PutMentions(ctx, []surgecast.MentionMinute{mention(topic.ID, push.ID, minute(at), float64(n))}, minute(said))
		ok(t, err)
	}
	check := func(when string) {
		t.Helper()
		for _, c := range []struct {
			source  int64
			asFirst bool
			want    []float64
		}{
			{stream.ID, false, []float64{8, 2, 0}},
			{stream.ID, true, []float64{5, 0, 0}},
			{push.ID, false, []float64{20, 7, -1}},
			{push.ID, true, []float64{10, 7, -1}},
		} {
			bs, err := s.Mentions(ctx, topic.ID, c.source, minute(0), minute(3), c.asFirst)
			ok(t, err)
			if diff := cmp.Diff(c.want, values(bs)); diff != "" {
				t.Errorf("%s: source %d, as first %t (-want +got):\n%s", when, c.source, c.asFirst, diff)
			}
		}
	}
	// The stream: two batches while the minute was open, closed with 5, then 1 late, later 2 more. Minute
	// :01 was closed with nothing and got 2 afterwards.
	add("", "a", 0, 3)
	add("a", "b", 0, 2)
	ok(t, s.MarkSourceMinutes(ctx, stream.ID, minute(0), minute(3), true, minute(3)))
	add("b", "c", 0, 1)
	add("c", "d", 1, 2)
	// The vendor: 10, said again, then corrected to 15.
	put(0, 10, 1)
	put(0, 10, 2)
	put(0, 15, 5)
	put(1, 7, 2)
	ok(t, s.CompactBefore(ctx, minute(60)))
	if n := ask[int64](t, pool, `SELECT count(*) FROM mention_minute`); n != 0 {
		t.Fatalf("%d minutes not compacted", n)
	}
	add("d", "e", 0, 2) // 3 + 2 + 1 + 2 = 8
	put(0, 20, 90)
	check("after corrections of a closed hour")
	at := ask[time.Time](t, pool, `SELECT first_at FROM mention WHERE source_id = $1 AND minute = $2`, push.ID, minute(0))
	if !at.Equal(minute(1)) {
		t.Errorf("first published at %s, want 12:01", at)
	}
	at = ask[time.Time](t, pool, `SELECT first_at FROM mention WHERE source_id = $1 AND minute = $2`, stream.ID, minute(0))
	if !at.Equal(minute(3)) {
		t.Errorf("first published at %s, want when it was closed, 12:03", at)
	}
	// Organic goes with raw: it was half of it and still is.
	bs, err := s.Mentions(ctx, topic.ID, push.ID, minute(0), minute(1), true)
	ok(t, err)
	if bs[0].Organic != 5 { // 10 · 10/20
		t.Errorf("organic as first published %v, want 5", bs[0].Organic)
	}
}

func TestPutMentionsIsIdempotent(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	rows := []surgecast.MentionMinute{mention(2, 1, minute(0), 1), mention(1, 1, minute(1), 2), mention(1, 1, minute(0), 3), mention(1, 1, minute(0), 4)}
	w, err := s.PutMentions(ctx, rows, t0)
	ok(t, err)
	// Four rows of three minutes; the one given twice counts as said by its last.
	if want := (surgecast.Written{Inserted: 3, Unchanged: 1}); w != want {
		t.Errorf("first PutMentions = %+v, want %+v", w, want)
	}
	rows = rows[:3]
	rows[2].Raw = 4
	rows[2].Organic, rows[2].Authors, rows[2].Reach = 2, 1, 40
	rows[0].Reach = 11
	w, err = s.PutMentions(ctx, rows, minute(9))
	ok(t, err)
	if want := (surgecast.Written{Changed: 1, Unchanged: 2}); w != want {
		t.Errorf("second PutMentions = %+v, want %+v", w, want)
	}
	if n := ask[float64](t, pool, `SELECT sum(raw) FROM mention`); n != 7 { // 1 + 2 + 4
		t.Errorf("%v mentions, want 7", n)
	}
	if _, err := s.PutMentions(ctx, []surgecast.MentionMinute{mention(1, 1, minute(0).Add(time.Second), 1)}, t0); err == nil {
		t.Error("a bucket that starts in the middle of a minute was accepted")
	}
}

func TestMentionFrontiers(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	stream := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource("bluesky", surgecast.Increments)))
	push := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource("push:acme", surgecast.Absolute)))
	l := lease(t, s, "source/bluesky")
	ok(t, s.AddMentions(ctx, l, stream.ID, "", "a", []surgecast.MentionMinute{mention(1, stream.ID, minute(2), 1), mention(1, stream.ID, minute(5), 1)}, t0))
	_, err := s.PutMentions(ctx, []surgecast.MentionMinute{mention(1, push.ID, minute(4), 1), mention(1, push.ID, minute(3), 1)}, t0)
	ok(t, err)
	frontiers := func() []surgecast.Frontier { return must[[]surgecast.Frontier](t)(s.MentionFrontiers(ctx)) }
	want := []surgecast.Frontier{{TopicID: 1, SourceID: push.ID, First: minute(3), Last: minute(4)}}
	if diff := cmp.Diff(want, frontiers()); diff != "" { // no minute of the stream is closed yet
		t.Errorf("frontiers (-want +got):\n%s", diff)
	}
	ok(t, s.MarkSourceMinutes(ctx, stream.ID, minute(0), minute(5), true, minute(5)))
	want = append([]surgecast.Frontier{{TopicID: 1, SourceID: stream.ID, First: minute(2), Last: minute(4)}}, want...)
	if diff := cmp.Diff(want, frontiers()); diff != "" { // :05 has counts and is not closed
		t.Errorf("frontiers (-want +got):\n%s", diff)
	}
}
