package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"surgecast"
)

// A topic made at :30 is counted from the memory of the feed, from :20 on, and its past is read back to :05. Who
// reads what was published first gets the past as it was read, marked late, and not the zeros that stand for it in
// closed minutes; the series begins where the past does, with the silence before the first mention.
//
// Fails when: mentions takes first_n of a late minute, Late is not said, firstSQL is first_minute, or
// DropPartitionsBefore leaves topic_past as it was.
func TestPastAsFirstPublished(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	stream := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource("bluesky", surgecast.Increments)))
	topic := must[surgecast.Topic](t)(s.CreateTopic(ctx, aTopic(surgecast.DefaultAccount, "tour", minute(30).Add(20*time.Second))))
	l := lease(t, s, "source/bluesky")
	ok(t, s.MarkSourceMinutes(ctx, stream.ID, minute(10), minute(30), true, minute(30))) // not listening before
	ok(t, s.CommitStream(ctx, l, surgecast.StreamCounts{
		SourceID: stream.ID, To: "a", Begun: []surgecast.TopicPast{{TopicID: topic.ID, Since: minute(20), BackTo: minute(5)}},
		Rows: []surgecast.MentionMinute{mention(topic.ID, stream.ID, minute(25), 4), mention(topic.ID, stream.ID, minute(30), 6)},
	}, minute(31)))
	ok(t, s.MarkSourceMinutes(ctx, stream.ID, minute(30), minute(32), true, minute(32)))
	// One more for :30, after it was closed: that one was not known first.
	ok(t, s.AddMentions(ctx, l, stream.ID, "a", "b", []surgecast.MentionMinute{mention(topic.ID, stream.ID, minute(30), 1)}, minute(32)))

	type bucket struct {
		Raw     float64
		Missing bool
		Late    bool
	}
	want := func(raw float64, late bool) bucket { return bucket{raw, false, late} }
	check := func(what string, expected map[int]bucket) {
		t.Helper()
		got := map[int]bucket{}
		bs := must[[]surgecast.MentionBucket](t)(s.Mentions(ctx, topic.ID, stream.ID, minute(0), minute(32), true))
		for i := range expected {
			got[i] = bucket{bs[i].Raw, bs[i].Missing, bs[i].Late}
			if got[i].Raw > 0 && bs[i].Organic != got[i].Raw/2 {
				t.Errorf("%s: organic of minute %d is %v, want half of %v", what, i, bs[i].Organic, got[i].Raw)
			}
		}
		if d := cmp.Diff(expected, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	first := func() int64 {
		hs := must[[]surgecast.Heard](t)(s.Heard(ctx, []int64{0}, 1))
		fs := must[[]surgecast.Frontier](t)(s.TopicFrontiers(ctx, topic.ID))
		if len(hs) != 1 || len(fs) != 1 || fs[0].First.Unix() != hs[0].First {
			t.Fatalf("heard %+v, frontiers %+v", hs, fs)
		}
		return hs[0].First
	}
	reach := func(since, back time.Time) {
		t.Helper()
		p := must[map[int64]surgecast.TopicPast](t)(s.PastsOf(ctx, topic.ID))
		if got := p[stream.ID]; len(p) != 1 || !got.Since.Equal(since) || !got.BackTo.Equal(back) {
			t.Errorf("it reaches back to %+v, want %s, being read to %s", p, since, back)
		}
	}
	reach(minute(20), minute(5))
	check("from memory", map[int]bucket{19: {Missing: true}, 20: want(0, true), 25: want(4, true), 30: want(6, false), 31: want(0, false)})
	if got := first(); got != minute(25).Unix() {
		t.Errorf("before anything was read back the series begins at %d, want its first count at %d", got, minute(25).Unix())
	}

	ok(t, s.AddPastRead(ctx, l, surgecast.PastRead{
		SourceID: stream.ID, Topics: []surgecast.PastMoved{{TopicID: topic.ID, From: minute(20), To: minute(5), Done: true}},
		Rows: []surgecast.MentionMinute{mention(topic.ID, stream.ID, minute(7), 3), mention(topic.ID, stream.ID, minute(15), 2)},
	}, minute(33)))
	reach(minute(5), time.Time{})
	check("read back", map[int]bucket{
		4: {Missing: true}, 5: want(0, true), 7: want(3, true), 15: want(2, true), 20: want(0, true), 25: want(4, true), 30: want(6, false), 31: want(0, false),
	})
	if got := first(); got != minute(5).Unix() {
		t.Errorf("the series begins at %d, want where its past does, at %d", got, minute(5).Unix())
	}

	// Retention drops the day: what was known of it is neither zero nor the beginning any more.
	ok(t, s.AddMentions(ctx, l, stream.ID, "b", "c", []surgecast.MentionMinute{mention(topic.ID, stream.ID, minute(780), 1)}, minute(781)))
	ok(t, s.MarkSourceMinutes(ctx, stream.ID, minute(720), minute(781), true, minute(781)))
	ok(t, s.DropPartitionsBefore(ctx, minute(780)))
	if got := first(); got != minute(720).Unix() {
		t.Errorf("the series begins at %d, want midnight, %d", got, minute(720).Unix())
	}
	check("dropped", map[int]bucket{7: {Missing: true}, 25: {Missing: true}})
}

// A topic gets other terms while its past is being read: what was read stays what it is, a piece that is on its way
// with either terms is not stored, and nothing before is read any more. Another name alone ends nothing.
//
// Fails when: UpdateTopic does not run endPastSQL, runs it for a name, or movePastsSQL does not ask for back_to.
func TestAPastEndsAtARevision(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	stream := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource("bluesky", surgecast.Increments)))
	topic := must[surgecast.Topic](t)(s.CreateTopic(ctx, aTopic(surgecast.DefaultAccount, "tour", minute(30))))
	other := must[surgecast.Topic](t)(s.CreateTopic(ctx, aTopic(surgecast.DefaultAccount, "album", minute(30))))
	l := lease(t, s, "source/bluesky")
	ok(t, s.CommitStream(ctx, l, surgecast.StreamCounts{SourceID: stream.ID, To: "a", Begun: []surgecast.TopicPast{
		{TopicID: topic.ID, Since: minute(30), BackTo: minute(0)}, {TopicID: other.ID, Since: minute(30), BackTo: minute(0)},
	}}, minute(31)))
	ok(t, s.MarkSourceMinutes(ctx, stream.ID, minute(0), minute(31), true, minute(31)))
	piece := func(from, to int, raw float64) surgecast.PastRead {
		p := surgecast.PastRead{SourceID: stream.ID}
		for _, id := range []int64{topic.ID, other.ID} {
			p.Topics = append(p.Topics, surgecast.PastMoved{TopicID: id, From: minute(from), To: minute(to)})
			p.Rows = append(p.Rows, mention(id, stream.ID, minute(to+5), raw))
		}
		return p
	}
	topic.Name, topic.UpdatedAt = "The tour", minute(31)
	topic = must[surgecast.Topic](t)(s.UpdateTopic(ctx, topic))
	ok(t, s.AddPastRead(ctx, l, piece(30, 20, 3), minute(32)))
	topic.Any, topic.UpdatedAt = append(topic.Any, "encore"), minute(33)
	must[surgecast.Topic](t)(s.UpdateTopic(ctx, topic))
	ok(t, s.AddPastRead(ctx, l, piece(20, 10, 7), minute(34)))

	for id, want := range map[int64]surgecast.TopicPast{
		topic.ID: {TopicID: topic.ID, Since: minute(20), ReadUntil: minute(30)},
		other.ID: {TopicID: other.ID, Since: minute(10), ReadUntil: minute(30), BackTo: minute(0)},
	} {
		if d := cmp.Diff(want, must[map[int64]surgecast.TopicPast](t)(s.PastsOf(ctx, id))[stream.ID]); d != "" {
			t.Errorf("topic %d (-want +got):\n%s", id, d)
		}
	}
	bs := must[[]surgecast.MentionBucket](t)(s.Mentions(ctx, topic.ID, stream.ID, minute(0), minute(31), false))
	for i, want := range map[int]surgecast.MentionBucket{19: {Missing: true}, 15: {Missing: true}, 20: {}, 25: {Raw: 3}} {
		if bs[i].Raw != want.Raw || bs[i].Missing != want.Missing {
			t.Errorf("minute %d: %+v, want raw %v, missing %t", i, bs[i], want.Raw, want.Missing)
		}
	}
}
