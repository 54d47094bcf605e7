package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"surgecast"
	"surgecast/model"
	"surgecast/risk"
)

// talk is one topic: the series of its sources and the episode they make together.
type talk struct {
	topic  surgecast.Topic
	voices map[int64]*voice // by source
	run    talkRunning
	dirty  bool      // something happened since the last snapshot
	snapAt time.Time // newest bucket in the last snapshot
}

// voice is what one source says of a topic.
type voice struct {
	source surgecast.Source
	series *model.Series
	alarm  *model.Alarm
	origin time.Time
	fc     model.Forecast
	usual  float64 // usual mentions of the next bucket, before it came
	level  float64 // fast mean of mentions a bucket
}

// talkRunning is what a topic remembers beside its models.
type talkRunning struct {
	Machine risk.Machine     `json:"machine"`
	Surge   *surgecast.Surge `json:"surge"`
}

// talkBlob is a topic's snapshot.
type talkBlob struct {
	Run    talkRunning          `json:"run"`
	Voices map[string]voiceBlob `json:"voices"`
}

type voiceBlob struct {
	Origin time.Time `json:"origin"`
	Model  []byte    `json:"model"`
	Alarm  []byte    `json:"alarm"`
	Usual  float64   `json:"usual"`
	Level  float64   `json:"level"`
}

// levelMinutes is the time constant of a topic's present level: what "now" means against the usual.
const levelMinutes = 5.0

func newVoice(src surgecast.Source) *voice {
	step := max(1, src.StepSeconds)
	// Leads and horizons are the ledger's, in the source's own steps: at least one, none twice.
	inSteps := func(minutes []int) []int {
		var out []int
		for _, m := range minutes {
			k := max(1, int(math.Round(float64(m)*60/float64(step))))
			if len(out) == 0 || k > out[len(out)-1] {
				out = append(out, k)
			}
		}
		return out
	}
	return &voice{
		source: src,
		alarm:  model.NewAlarm(step),
		series: model.New(model.Config{
			StepSeconds: step, Location: time.UTC, Leads: inSteps(surgecast.LeadMinutes[:]), Levels: surgecast.Levels[:],
			Horizons: inSteps(surgecast.HorizonMinutes[:]), Sustain: 1,
		}),
	}
}

// headline says whether a source's counts open a topic's surge: posts do; the others are signals.
func headline(s surgecast.Source) bool {
	return s.Kind == surgecast.SourcePosts || s.Kind == surgecast.SourcePush
}

// step takes one bucket in and answers how unusual it is.
func (v *voice) step(b surgecast.MentionBucket) risk.TalkEvidence {
	v.series.Step(b.Minute.Unix(), model.Obs{Value: b.Raw, Missing: b.Missing})
	v.origin = b.Minute
	e := risk.TalkEvidence{At: b.Minute, Missing: b.Missing}
	if b.Missing {
		v.alarm.Step(math.NaN())
		return e
	}
	e.Severity, e.Emit = v.alarm.Step(b.Raw)
	a := 1 - math.Exp(-float64(max(1, v.source.StepSeconds))/60/levelMinutes)
	if v.series.N() == 1 {
		v.level = b.Raw
	}
	v.level += a * (b.Raw - v.level)
	e.Level, e.Usual = v.level, v.usual
	v.series.Forecast(&v.fc)
	v.usual = v.fc.Profile[0]
	return e
}

// sweepTopics steps the series of topics that have moved on.
func (e *Engine) sweepTopics(ctx context.Context, now time.Time) ([]outcome, error) {
	frontiers, err := e.cfg.Store.MentionFrontiers(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading how far mentions have come: %w", err)
	}
	work := map[int64][]surgecast.Frontier{}
	e.heard = map[int64][]surgecast.Frontier{}
	for _, f := range frontiers {
		e.heard[f.TopicID] = append(e.heard[f.TopicID], f)
		topic, ok := e.topics[f.TopicID]
		if !ok {
			continue
		}
		src, ok := e.sources[f.SourceID]
		if !ok {
			continue
		}
		if e.resting[talkName(f.TopicID)].After(now) {
			continue
		}
		if t := e.talks[talkKey(f.TopicID)]; t != nil {
			t.topic = topic
			if v := t.voices[f.SourceID]; v != nil && !f.Last.After(v.origin) {
				continue
			}
		}
		if f.Last.Add(time.Duration(src.StepSeconds) * time.Second).After(now) {
			f.Last = now.Add(-time.Duration(src.StepSeconds) * time.Second)
		}
		work[f.TopicID] = append(work[f.TopicID], f)
	}
	ids := make([]int64, 0, len(work))
	for id := range work {
		ids = append(ids, id)
		if e.talks[talkKey(id)] == nil {
			e.talks[talkKey(id)] = &talk{topic: e.topics[id], voices: map[int64]*voice{}}
		}
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	out := make([]outcome, len(ids))
	e.parallel(len(ids), func(i int) {
		t := e.talks[talkKey(ids[i])]
		out[i] = e.guarded(outcome{name: talkName(ids[i]), talk: talkKey(ids[i])}, func() outcome { return e.hear(ctx, t, work[ids[i]], now) })
	})
	return out, nil
}

// hear steps one topic through what its sources have said since.
func (e *Engine) hear(ctx context.Context, t *talk, frontiers []surgecast.Frontier, now time.Time) outcome {
	o := outcome{name: talkName(t.topic.ID), talk: talkKey(t.topic.ID)}
	var buckets []surgecast.MentionBucket
	for _, f := range frontiers {
		v := t.voices[f.SourceID]
		if v == nil {
			v = newVoice(e.sources[f.SourceID])
			t.voices[f.SourceID] = v
		}
		step := time.Duration(v.source.StepSeconds) * time.Second
		from := v.origin.Add(step)
		if v.origin.IsZero() {
			from = f.First
			if h := f.Last.AddDate(0, 0, -e.cfg.HistoryDays); from.Before(h) {
				from = h
			}
		}
		bs, err := e.cfg.Store.Mentions(ctx, f.TopicID, f.SourceID, from, f.Last.Add(time.Second), true)
		if err != nil {
			o.err = fmt.Errorf("reading mentions: %w", err)
			return o
		}
		buckets = append(buckets, fill(bs, v.origin, step)...)
	}
	sort.SliceStable(buckets, func(i, j int) bool {
		a, b := buckets[i], buckets[j]
		return a.Minute.Before(b.Minute) || a.Minute.Equal(b.Minute) && a.SourceID < b.SourceID
	})
	for _, b := range buckets {
		v := t.voices[b.SourceID]
		ev := v.step(b)
		o.moved, t.dirty = true, true
		if !headline(v.source) {
			continue
		}
		e.judgeTalk(t, ev, now, &o)
	}
	if t.dirty && (len(o.transitions) > 0 || t.newest().Sub(t.snapAt) >= e.cfg.SnapshotEvery || t.snapAt.IsZero()) {
		if s, ok := t.snapshot(); ok {
			o.states = append(o.states, s)
			t.snapAt, t.dirty = t.newest(), false
		}
	}
	return o
}

// fill puts the buckets that are not in the store in as missing, from the one after origin on.
func fill(bs []surgecast.MentionBucket, origin time.Time, step time.Duration) []surgecast.MentionBucket {
	out := make([]surgecast.MentionBucket, 0, len(bs))
	next := time.Time{}
	if !origin.IsZero() {
		next = origin.Add(step)
	}
	for _, b := range bs {
		for !next.IsZero() && next.Add(step/2).Before(b.Minute) {
			out = append(out, surgecast.MentionBucket{TopicID: b.TopicID, SourceID: b.SourceID, Minute: next, Missing: true})
			next = next.Add(step)
		}
		out = append(out, b)
		next = b.Minute.Add(step)
	}
	return out
}

// judgeTalk moves a topic's episode by one bucket. A catch-up moves it too: the episode carries the time
// of its data, and what is long past is not announced.
func (e *Engine) judgeTalk(t *talk, ev risk.TalkEvidence, now time.Time, o *outcome) {
	was := t.run.Machine
	m, tr := risk.NextTalk(was, ev)
	t.run.Machine = m
	if m.Open && t.run.Surge != nil && m.Peak > t.run.Surge.Peak {
		t.run.Surge.Peak, t.run.Surge.PeakAt = m.Peak, m.PeakAt
	}
	if tr == nil {
		return
	}
	times := risk.TalkTimes(ev.Level, ev.Usual)
	s := t.run.Surge
	if m.Open && !was.Open {
		s = &surgecast.Surge{
			ID: surgecast.NewID("srg_"), AccountID: t.topic.AccountID, TopicID: t.topic.ID, Subject: t.topic.Slug,
			Kind: surgecast.SurgeTalk, OpenedAt: m.OpenedAt, Simulated: t.topic.Simulated,
		}
		t.run.Surge = s
	}
	if s == nil {
		return // unknown before anything began: nothing to tell
	}
	s.State, s.AlertAt, s.Peak, s.PeakAt = m.State, m.AlertAt, max(s.Peak, m.Peak), laterPeak(s, m)
	tr.SurgeID, tr.IssuedAt = s.ID, now
	tr.Headline, tr.Sentence = talkWords(t.topic, m.State, times)
	typ := surgecast.TypeSurgeLevelChanged
	switch {
	case m.Open && !was.Open:
		typ = surgecast.TypeSurgeOpened
	case !m.Open:
		typ = surgecast.TypeSurgeClosed
		s.ClosedAt = ev.At
		t.run.Surge = nil
	}
	o.addSurge(*s)
	o.transitions = append(o.transitions, *tr)
	if now.Sub(ev.At) <= announceWithin {
		o.messages = append(o.messages, surgecast.Message{
			AccountID: t.topic.AccountID, Type: typ, Timestamp: now,
			Data: surgeData{
				Schema: 1, SurgeID: s.ID, Kind: s.Kind, Topic: t.topic.Slug, State: m.State, From: tr.From, At: ev.At, OpenedAt: s.OpenedAt,
				TimesUsual: number(times), Headline: tr.Headline, Sentence: tr.Sentence, Simulated: t.topic.Simulated,
			},
		})
	}
}

func laterPeak(s *surgecast.Surge, m risk.Machine) time.Time {
	if m.Peak >= s.Peak {
		return m.PeakAt
	}
	return s.PeakAt
}

// announceWithin is how old a transition may be and still be sent out: a catch-up through last week does
// not page anybody.
const announceWithin = 15 * time.Minute

// talkWords says a topic's state (UX 2.9, page Topic).
func talkWords(t surgecast.Topic, state surgecast.State, times float64) (headline, sentence string) {
	return risk.SayTalk(t, state, times)
}

func (t *talk) newest() (at time.Time) {
	for _, v := range t.voices {
		if v.origin.After(at) {
			at = v.origin
		}
	}
	return at
}

type talkKey int64

func talkName(id int64) string { return fmt.Sprintf("topic:%d", id) }

func (t *talk) snapshot() (surgecast.ModelState, bool) {
	if !t.dirty {
		return surgecast.ModelState{}, false
	}
	b := talkBlob{Run: t.run, Voices: map[string]voiceBlob{}}
	for id, v := range t.voices {
		m, err := v.series.MarshalBinary()
		if err != nil {
			return surgecast.ModelState{}, false
		}
		a, err := v.alarm.MarshalBinary()
		if err != nil {
			return surgecast.ModelState{}, false
		}
		b.Voices[strconv.FormatInt(id, 10)] = voiceBlob{Origin: v.origin, Model: m, Alarm: a, Usual: v.usual, Level: v.level}
	}
	blob, err := json.Marshal(b)
	if err != nil {
		return surgecast.ModelState{}, false
	}
	return surgecast.ModelState{Series: talkName(t.topic.ID), Origin: t.newest(), Blob: blob}, true
}

// restoreTopics brings topics to their last snapshot; the buckets since are heard in the next sweep.
func (e *Engine) restoreTopics(ctx context.Context) error {
	states, err := e.cfg.Store.States(ctx, "topic:")
	if err != nil {
		return fmt.Errorf("reading snapshots of topics: %w", err)
	}
	for _, s := range states {
		id, err := strconv.ParseInt(strings.TrimPrefix(s.Series, "topic:"), 10, 64)
		if err != nil {
			continue
		}
		topic, ok := e.topics[id]
		if !ok {
			continue
		}
		t, err := e.restoreTalk(topic, s)
		if err != nil {
			e.cfg.Logger.Warn("snapshot not usable; this topic starts again from its stored counts", "series", s.Series, "err", err)
			continue
		}
		e.talks[talkKey(id)] = t
	}
	return nil
}

func (e *Engine) restoreTalk(topic surgecast.Topic, s surgecast.ModelState) (*talk, error) {
	var b talkBlob
	if err := json.Unmarshal(s.Blob, &b); err != nil {
		return nil, fmt.Errorf("decoding the snapshot: %w", err)
	}
	t := &talk{topic: topic, voices: map[int64]*voice{}, run: b.Run, snapAt: s.Origin}
	for key, vb := range b.Voices {
		id, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("source %q: %w", key, err)
		}
		src, ok := e.sources[id]
		if !ok {
			continue
		}
		v := newVoice(src)
		if err := v.series.UnmarshalBinary(vb.Model); err != nil {
			return nil, fmt.Errorf("decoding the model of source %s: %w", src.Slug, err)
		}
		if err := v.alarm.UnmarshalBinary(vb.Alarm); err != nil {
			return nil, fmt.Errorf("decoding the alarm of source %s: %w", src.Slug, err)
		}
		v.origin, v.usual, v.level = vb.Origin, vb.Usual, vb.Level
		t.voices[id] = v
	}
	return t, nil
}
