package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"testing"
	"time"

	"surgecast"
	"surgecast/risk"
)

// pastPlace is a topic made at minute 600 that one stream counts from minute 590 on, out of its memory.
type pastPlace struct {
	*place
	stream surgecast.Source
	lease  surgecast.Lease
	cursor int
	since  int // minute it is known from
}

const madeAt = 600

func newPastPlace(t *testing.T) *pastPlace {
	t.Helper()
	p := &pastPlace{place: newPlace(t, nil), since: 590}
	var err error
	p.stream, err = p.st.EnsureSource(t.Context(), surgecast.Source{Slug: "stream", Kind: surgecast.SourcePosts, Mode: surgecast.Increments, StepSeconds: 60})
	p.ok(err)
	p.lease, _, err = p.st.AcquireLease(t.Context(), "ingest/stream", "test", time.Hour)
	p.ok(err)
	p.src = p.stream
	made := minute(madeAt).Add(20 * time.Second)
	tp := surgecast.Topic{AccountID: surgecast.DefaultAccount, Slug: "tour", Name: "Tour", Any: []string{"tour"}, Since: made, CreatedAt: made}
	tp.Default()
	p.topic, err = p.st.CreateTopic(t.Context(), tp)
	p.ok(err)
	p.ok(p.st.MarkSourceMinutes(t.Context(), p.stream.ID, minute(580), minute(madeAt), true, minute(madeAt)))
	var rows []surgecast.MentionMinute
	for i := p.since; i < madeAt; i++ {
		rows = append(rows, p.said(i))
	}
	p.commit(surgecast.StreamCounts{Rows: rows, Begun: []surgecast.TopicPast{{TopicID: p.topic.ID, Since: minute(p.since), BackTo: minute(0)}}}, minute(madeAt+1))
	return p
}

// said is about 4 a minute; from the minute the topic was made on, 12.
func (p *pastPlace) said(i int) surgecast.MentionMinute {
	n := quiet(3, i, 4)
	if i >= madeAt {
		n = quiet(3, i, 12)
	}
	return surgecast.MentionMinute{TopicID: p.topic.ID, SourceID: p.stream.ID, Minute: minute(i), Raw: n, Organic: n, Authors: n}
}

func (p *pastPlace) commit(c surgecast.StreamCounts, at time.Time) {
	p.t.Helper()
	c.SourceID = p.stream.ID
	if p.cursor > 0 {
		c.From = strconv.Itoa(p.cursor)
	}
	p.cursor++
	c.To = strconv.Itoa(p.cursor)
	p.ok(p.st.CommitStream(p.t.Context(), p.lease, c, at))
}

// live counts minute i and closes it.
func (p *pastPlace) live(i int) time.Time {
	p.t.Helper()
	p.commit(surgecast.StreamCounts{Rows: []surgecast.MentionMinute{p.said(i)}}, minute(i+1))
	end := minute(i + 1).Add(5 * time.Second)
	p.ok(p.st.MarkSourceMinutes(p.t.Context(), p.stream.ID, minute(i), minute(i+1), true, end))
	return end.Add(time.Second)
}

// readBack stores the piece of the past that begins at minute to.
func (p *pastPlace) readBack(to int, at time.Time) {
	p.t.Helper()
	var rows []surgecast.MentionMinute
	for i := to; i < p.since; i++ {
		rows = append(rows, p.said(i))
	}
	p.ok(p.st.AddPastRead(p.t.Context(), p.lease, surgecast.PastRead{
		SourceID: p.stream.ID, Rows: rows, Topics: []surgecast.PastMoved{{TopicID: p.topic.ID, From: minute(p.since), To: minute(to), Done: to == 0}},
	}, at))
	p.since = to
}

func (p *pastPlace) sweep(e *Engine, at time.Time) Result {
	p.t.Helper()
	res, err := e.Sweep(p.t.Context(), at)
	p.ok(err)
	return res
}

func (p *pastPlace) voice(e *Engine) *voice {
	p.t.Helper()
	t := e.talks[talkKey(p.topic.ID)]
	if t == nil || len(t.voices) != 1 {
		p.t.Fatalf("the topic has no voice: %+v", t)
	}
	return &t.voices[0]
}

// A topic made a minute ago is judged by what was read back of it, and the answer says since when. Nothing that is
// in the store is left out.
//
// Fails when: hearTopic begins at topic.Since (prior), or reads the past's first_n (the usual is 0).
func TestCheckUsesThePast(t *testing.T) {
	t.Parallel()
	p := newPastPlace(t)
	now := p.live(madeAt)
	a := p.check(p.topic, now)
	if a.Basis != surgecast.BasisRecent || len(a.Counted) != 1 || !a.Counted[0].Since.Equal(minute(590)) {
		t.Fatalf("from memory: basis %s, counted %+v; want recent since %s", a.Basis, a.Counted, minute(590))
	}
	p.readBack(0, now)
	a = p.check(p.topic, now)
	if a.Basis != surgecast.BasisRecent || !a.Counted[0].Since.Equal(t0) || math.Abs(a.MentionsUsual-4) > 1.5 {
		t.Errorf("read back: basis %s since %s, usual %.1f; want recent since %s, about 4", a.Basis, a.Counted[0].Since, a.MentionsUsual, t0)
	}
	talk, err := TalkNow(t.Context(), p.st, p.topic, now)
	p.ok(err)
	if talk.Source != "stream" || math.IsNaN(talk.TimesUsual) || !talk.At.Equal(minute(madeAt)) {
		t.Errorf("now: %+v, want so many times the usual at %s", talk, minute(madeAt))
	}
	p.topic.Name, p.topic.Any, p.topic.UpdatedAt = "Tour", []string{"tour 2026"}, now
	p.topic, err = p.st.UpdateTopic(t.Context(), p.topic)
	p.ok(err)
	if a = p.check(p.topic, now.Add(time.Second)); a.Basis != surgecast.BasisPrior {
		t.Errorf("with other terms: basis %s, want prior: what was counted was of others", a.Basis)
	}
}

// With each piece of its past a topic's model is what it would be had all of it been there from the start, once:
// the next sweep goes on from there. What was judged is not judged again, and a process that starts again goes on
// with the same numbers to the last bit. Only the past a stream read back counts so: older minutes that are pushed
// do not.
//
// Fails when: unheard does not look at h.First (the usual stays what ten minutes say), or first is not stored
// (the model starts anew with every start).
func TestPastTeachesTheModel(t *testing.T) {
	t.Parallel()
	p := newPastPlace(t)
	p.webhook()
	clock := t0
	config := func(c *Config) { c.Clock = func() time.Time { return clock } }
	e := p.engine(config)
	for i := madeAt; i < madeAt+5; i++ {
		clock = p.live(i)
		p.sweep(e, clock)
	}
	if n := p.voice(e).series.N(); n != 15 {
		t.Fatalf("the model was given %d minutes, want 15", n)
	}
	judged := e.talks[talkKey(p.topic.ID)].run

	for k, to := range []int{300, 0} {
		p.readBack(to, clock)
		p.sweep(e, clock) // noticed with the next minute
		clock = p.live(madeAt + 5 + k)
		if res := p.sweep(e, clock); res.Topics != 1 {
			t.Errorf("%d topics moved, want 1", res.Topics)
		}
		v := p.voice(e)
		if n, want := v.series.N(), madeAt+6+k-to; n != want || v.first != minute(to).Unix() {
			t.Fatalf("read back to %d: the model was given %d minutes from %d on, want %d", to, n, v.first, want)
		}
	}
	if e.anew != anewAtOnce-(madeAt+6) {
		t.Errorf("%d buckets were left to start anew with, want %d less %d", e.anew, anewAtOnce, madeAt+6)
	}
	if run := e.talks[talkKey(p.topic.ID)].run; !judged.Machine.Open && run.Machine.Open && run.Machine.OpenedAt.Before(minute(madeAt+5)) {
		t.Errorf("an episode was opened at %s, which had been judged", run.Machine.OpenedAt)
	}

	// One that has known all of it from the start.
	fresh := newVoice(p.stream)
	bs, err := p.st.Mentions(t.Context(), p.topic.ID, p.stream.ID, t0, minute(madeAt+7), true)
	p.ok(err)
	for _, b := range bs {
		fresh.take(b, false)
	}
	model := func(v *voice) []byte {
		b, err := v.series.AppendBinary(nil)
		p.ok(err)
		return b
	}
	if v := p.voice(e); !bytes.Equal(model(v), model(&fresh)) || v.level != fresh.level || v.usual != fresh.usual {
		t.Errorf("level %v, usual %v; from the start they are %v and %v", v.level, v.usual, fresh.level, fresh.usual)
	}

	// Killed without a word, and started again.
	p.exec(`UPDATE lease SET expires_at = '-infinity'`)
	was := *p.voice(e)
	again := p.engine(func(c *Config) { config(c); c.Holder = "second" })
	p.sweep(again, clock)
	if v := p.voice(again); !bytes.Equal(model(v), model(&was)) || v.first != was.first || again.anew != anewAtOnce {
		t.Errorf("after a restart the model differs, or %d buckets were stepped through again", anewAtOnce-again.anew)
	}
}

// A topic in alert is read back: what was said before its alert is learnt in full, what came since is not.
//
// Fails when: hear takes every minute for one of the alert.
func TestPastBeforeAnAlertIsLearntInFull(t *testing.T) {
	t.Parallel()
	p := newPastPlace(t)
	clock := t0
	e := p.engine(func(c *Config) { c.Clock = func() time.Time { return clock } })
	for i := madeAt; i < madeAt+5; i++ {
		clock = p.live(i)
		p.sweep(e, clock)
	}
	alertAt := minute(madeAt + 2)
	m := &e.talks[talkKey(p.topic.ID)].run.Machine
	m.State, m.Open, m.OpenedAt, m.AlertAt = surgecast.StateAlert, true, alertAt, alertAt
	p.readBack(0, clock)
	clock = p.live(madeAt + 5)
	p.sweep(e, clock)

	want := newVoice(p.stream)
	bs, err := p.st.Mentions(t.Context(), p.topic.ID, p.stream.ID, t0, minute(madeAt+6), true)
	p.ok(err)
	for _, b := range bs {
		want.take(b, !b.Minute.Before(alertAt))
	}
	got, err := p.voice(e).series.AppendBinary(nil)
	p.ok(err)
	model, err := want.series.AppendBinary(nil)
	p.ok(err)
	if n := p.voice(e).series.N(); n != madeAt+6 || !bytes.Equal(got, model) {
		t.Errorf("the model was given %d minutes, want %d, damped from %s on", n, madeAt+6, alertAt)
	}
}

// A snapshot of the version before does not say where a series began: it is read, and what is known when it is
// first looked at is taken for the beginning.
//
// Fails when: the reader expects a beginning in version 1.
func TestSnapshotWithoutBeginning(t *testing.T) {
	v := newVoice(surgecast.Source{ID: 7, StepSeconds: 60, Kind: surgecast.SourcePosts})
	for i := range 50 {
		v.take(surgecast.MentionBucket{Minute: minute(i), Raw: quiet(5, i, 3)}, false)
	}
	v.first = 0
	tk := &talk{id: 11, voices: []voice{v}, run: talkRunning{Machine: risk.Machine{Kind: surgecast.SurgeTalk, State: surgecast.StateCalm}}}
	blob, err := packTalks([]*talk{tk})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := inflate(blob[talkHead:])
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for range 2 + 4 { // id, n, source, step, origin, rang
		_, n := binary.Varint(raw[at:])
		at += n
	}
	raw = append(raw[:at:at], raw[at+1:]...) // the beginning, a zero
	old, err := deflate(make([]byte, talkHead), raw, 6)
	if err != nil {
		t.Fatal(err)
	}
	copy(old, talkMagic)
	binary.LittleEndian.PutUint16(old[4:], 1)
	binary.LittleEndian.PutUint32(old[6:], uint32(len(old)-talkHead))
	binary.LittleEndian.PutUint32(old[10:], crc32.Checksum(old[talkHead:], castagnoli))
	e := New(Config{})
	e.sources = map[int64]surgecast.Source{7: {ID: 7, StepSeconds: 60, Kind: surgecast.SourcePosts}}
	got, err := e.unpackTalks(old)
	if err != nil || len(got) != 1 || len(got[0].voices) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	if g := got[0].voices[0]; fmt.Sprint(g.origin, g.usual, g.level) != fmt.Sprint(v.origin, v.usual, v.level) || g.first != 0 {
		t.Errorf("read %+v, want %+v", g, v)
	}
}

// A site's minutes before its topic was made were stepped without it: that what was said then was read afterwards
// changes nothing, also for who steps through them later, as a replay does.
//
// Fails when: talkOf takes late buckets.
func TestPastIsNoNewsToSites(t *testing.T) {
	t.Parallel()
	p := newPastPlace(t)
	p.ok(p.st.LinkTopic(t.Context(), surgecast.DefaultAccount, p.site.Slug, p.topic.Slug, t0, 1))
	for i := madeAt - 20; i <= madeAt+1; i++ {
		p.visits(surgecast.TrafficMinute{Minute: minute(i), Requests: quiet(31, i, 300), Complete: true})
	}
	p.live(madeAt)
	now := p.live(madeAt + 1)
	p.readBack(0, now)
	res := p.sweep(p.engine(func(c *Config) { c.Clock = func() time.Time { return now } }), now)
	if len(res.Forecasts) != 1 || len(res.Forecasts[0].Fed) != 22 {
		t.Fatalf("forecasts %+v", res.Forecasts)
	}
	for _, f := range res.Forecasts[0].Fed {
		heard := len(f.Signals) > 0
		if want := !f.Minute.Before(minute(madeAt)); heard != want {
			t.Errorf("minute %s was given talk: %t, want %t", f.Minute, heard, want)
		}
	}
}
