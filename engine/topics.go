package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
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
	began  time.Time // … before the first one: newest bucket when it was first looked at
}

// voice is what one source says of a topic.
type voice struct {
	source surgecast.Source
	series *model.Series
	alarm  *model.Alarm
	origin time.Time
	usual  float64   // usual mentions of the next bucket, before it came
	was    float64   // … and of the last one
	level  float64   // fast mean of mentions a bucket
	severe float64   // worst alarm not judged yet, 0: none
	rang   time.Time // bucket of that alarm
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
	Model  []byte    `json:"model"` // packed
	Alarm  []byte    `json:"alarm"`
	Usual  float64   `json:"usual"`
	Was    float64   `json:"was"`
	Level  float64   `json:"level"`
	Severe float64   `json:"severe"`
	Rang   time.Time `json:"rang"`
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

// forecasts are reused by whoever steps a topic: one of its own for each of 100,000 topics would be
// hundreds of megabytes.
var forecasts = sync.Pool{New: func() any { return new(model.Forecast) }}

// step takes one bucket in.
func (v *voice) step(b surgecast.MentionBucket) {
	v.series.Step(b.Minute.Unix(), model.Obs{Value: b.Raw, Missing: b.Missing})
	v.origin = b.Minute
	if b.Missing {
		v.alarm.Step(math.NaN())
		return
	}
	if severity, emit := v.alarm.Step(b.Raw); emit && (severity > v.severe || b.Minute.Sub(v.rang) > heardWithin) {
		v.severe, v.rang = severity, b.Minute
	}
	if v.series.N() == 1 {
		v.level = b.Raw
	}
	v.level += (1 - math.Exp(-v.seconds()/60/levelMinutes)) * (b.Raw - v.level)
	v.was = v.usual
	fc := forecasts.Get().(*model.Forecast)
	v.series.Forecast(fc)
	v.usual = fc.Profile[0]
	forecasts.Put(fc)
}

func (v *voice) seconds() float64 { return float64(max(1, v.source.StepSeconds)) }

// heardWithin is how far one source may lag behind another and still be added to it.
const heardWithin = 15 * time.Minute

// evidence is what the sources of a topic's headline say together at a bucket: their levels added, the
// worst alarm of any. A source that lags counts with what it said last; one that has stopped does not.
// Levels are of a bucket of the finest source.
func (t *talk) evidence(at time.Time) risk.TalkEvidence {
	ev := risk.TalkEvidence{At: at}
	finest := math.Inf(1)
	for _, v := range t.voices {
		if headline(v.source) {
			finest = min(finest, v.seconds())
		}
	}
	for _, id := range t.order() {
		v := t.voices[id]
		if !headline(v.source) || v.series.N() == 0 || at.Sub(v.origin) > max(heardWithin, 2*time.Duration(v.seconds())*time.Second) {
			continue
		}
		ev.Level += v.level * finest / v.seconds()
		ev.Usual += v.was * finest / v.seconds()
		if v.severe > 0 && at.Sub(v.rang) <= heardWithin {
			ev.Severity, ev.Emit = max(ev.Severity, v.severe), true
		}
	}
	return ev
}

// order is the sources by id: sums of floating point depend on it.
func (t *talk) order() []int64 {
	ids := make([]int64, 0, len(t.voices))
	for id := range t.voices {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// sweepTopics steps the series of topics that have moved on.
func (e *Engine) sweepTopics(ctx context.Context, now time.Time) ([]outcome, error) {
	ids := make([]int64, 0, len(e.topics))
	for id := range e.topics {
		if len(e.heard[id]) > 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var work []stretch
	for _, id := range ids {
		part, err := e.unheard(ctx, id, now)
		if err != nil {
			return nil, err
		}
		work = append(work, part...)
	}
	// Whole topics at a time: their sources are judged together.
	var out []outcome
	said := map[int64][]surgecast.MentionBucket{}
	var topics []int64
	n := 0
	hear := func() {
		part := make([]outcome, len(topics))
		e.parallel(len(topics), func(i int) {
			id := topics[i]
			part[i] = e.guarded(outcome{name: talkName(id), talk: talkKey(id)}, func() outcome {
				return e.hear(e.talks[talkKey(id)], said[id], now)
			})
		})
		out = append(out, part...)
		said, topics, n = map[int64][]surgecast.MentionBucket{}, nil, 0
	}
	err := e.readTalk(ctx, work, func(i int, bs []surgecast.MentionBucket) error {
		w := work[i]
		if len(topics) == 0 || topics[len(topics)-1] != w.topic {
			if n >= bucketsAtOnce {
				hear()
			}
			topics = append(topics, w.topic)
		}
		t := e.talks[talkKey(w.topic)]
		bs = fill(bs, t.voices[w.source].origin, w.step)
		said[w.topic] = append(said[w.topic], bs...)
		n += len(bs)
		return nil
	})
	if err != nil {
		return nil, err
	}
	hear()
	return out, nil
}

// unheard are the buckets of a topic that have become known since it was last stepped.
func (e *Engine) unheard(ctx context.Context, id int64, now time.Time) ([]stretch, error) {
	t, err := e.talkOfTopic(ctx, id, now)
	if err != nil || t == nil {
		return nil, err
	}
	var out []stretch
	for _, f := range e.heard[id] {
		src, ok := e.sources[f.SourceID]
		if !ok {
			continue
		}
		v := t.voices[f.SourceID]
		if v == nil {
			v = newVoice(src)
			t.voices[f.SourceID] = v
		}
		s := stretch{topic: id, source: f.SourceID, last: f.Last, step: time.Duration(v.seconds()) * time.Second}
		if ended := now.Add(-s.step); s.last.After(ended) {
			s.last = ended
		}
		s.from = v.origin.Add(s.step)
		if v.origin.IsZero() {
			s.from = f.First
			if h := s.last.AddDate(0, 0, -e.cfg.HistoryDays); s.from.Before(h) { // on the source's own grid
				s.from = s.from.Add(h.Sub(s.from).Truncate(s.step))
			}
		}
		if !s.last.Before(s.from) {
			out = append(out, s)
		}
	}
	return out, nil
}

// hear steps one topic through what its sources have said since.
func (e *Engine) hear(t *talk, buckets []surgecast.MentionBucket, now time.Time) outcome {
	o := outcome{name: talkName(t.topic.ID), talk: talkKey(t.topic.ID)}
	sort.SliceStable(buckets, func(i, j int) bool {
		a, b := buckets[i], buckets[j]
		return a.Minute.Before(b.Minute) || a.Minute.Equal(b.Minute) && a.SourceID < b.SourceID
	})
	for i := 0; i < len(buckets); {
		at, spoke := buckets[i].Minute, false
		for ; i < len(buckets) && buckets[i].Minute.Equal(at); i++ {
			v := t.voices[buckets[i].SourceID]
			v.step(buckets[i])
			spoke = spoke || headline(v.source) && !buckets[i].Missing
			o.moved, t.dirty = true, true
		}
		// What a lagging source says of minutes already judged is judged with the next one.
		if spoke && at.After(t.run.Machine.At) {
			e.judgeTalk(t, t.evidence(at), now, &o)
			for _, v := range t.voices {
				v.severe = 0
			}
		}
	}
	if t.dirty && (len(o.transitions) > 0 || e.snapshotDue(t, len(buckets))) {
		if s, ok := t.snapshot(); ok {
			o.states = append(o.states, s)
			t.snapAt, t.dirty = t.newest(), false
		}
	}
	return o
}

// topicSnapshots is how many of a site's snapshot intervals a topic's lasts: topics are many, and what they
// were fed since is in the store.
const topicSnapshots = 6

// snapshotDue spreads the snapshots of many topics over their interval: each has its own minute in it.
func (e *Engine) snapshotDue(t *talk, buckets int) bool {
	if buckets > ledgerFed {
		return true // a long way to go again
	}
	every := topicSnapshots * e.cfg.SnapshotEvery
	phase := time.Duration(t.topic.ID) * 61 * time.Second % every
	slot := func(at time.Time) int64 { return int64((time.Duration(at.Unix())*time.Second - phase) / every) }
	if t.snapAt.IsZero() {
		if t.began.IsZero() {
			t.began = t.newest()
		}
		return slot(t.newest()) > slot(t.began)
	}
	return slot(t.newest()) > slot(t.snapAt)
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
		if m, err = pack(m); err != nil {
			return surgecast.ModelState{}, false
		}
		a, err := v.alarm.MarshalBinary()
		if err != nil {
			return surgecast.ModelState{}, false
		}
		b.Voices[strconv.FormatInt(id, 10)] = voiceBlob{Origin: v.origin, Model: m, Alarm: a, Usual: v.usual, Was: v.was, Level: v.level, Severe: v.severe, Rang: v.rang}
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
		if e.talks[talkKey(id)], err = e.restoredTalk(ctx, topic, s); err != nil {
			return err
		}
	}
	return nil
}

// talkOfTopic is a topic's talk: the one in memory, one that was put aside as it is stored, or a new one. Nil
// while it is put aside.
func (e *Engine) talkOfTopic(ctx context.Context, id int64, now time.Time) (*talk, error) {
	topic := e.topics[id]
	if t := e.talks[talkKey(id)]; t != nil {
		t.topic = topic
		return t, nil
	}
	until, aside := e.resting[talkName(id)]
	if aside && until.After(now) {
		return nil, nil
	}
	delete(e.resting, talkName(id))
	t := &talk{topic: topic, voices: map[int64]*voice{}}
	if aside {
		s, err := e.state(ctx, talkName(id))
		if err != nil {
			return nil, err
		}
		if s.Series != "" {
			if t, err = e.restoredTalk(ctx, topic, s); err != nil {
				return nil, err
			}
		}
	}
	e.talks[talkKey(id)] = t
	return t, nil
}

// restoredTalk is a topic as its snapshot has it. One that is not readable starts again from its stored
// counts, and its episode goes on from the stored one: what was told once is not told again.
func (e *Engine) restoredTalk(ctx context.Context, topic surgecast.Topic, s surgecast.ModelState) (*talk, error) {
	t, damaged := e.restoreTalk(topic, s)
	if damaged == nil {
		return t, nil
	}
	e.cfg.Logger.Warn("snapshot not usable; this topic starts again from its stored counts", "series", s.Series, "err", damaged)
	t = &talk{topic: topic, voices: map[int64]*voice{}}
	t.run.Machine = risk.Machine{Kind: surgecast.SurgeTalk, State: surgecast.StateCalm, At: s.Origin, Since: s.Origin}
	open, err := e.cfg.Store.OpenSurges(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the open surges: %w", err)
	}
	for _, g := range open {
		if g.TopicID == topic.ID && g.Kind == surgecast.SurgeTalk {
			t.run.Machine, t.run.Surge = resumedMachine(g, s.Origin), &g
		}
	}
	return t, nil
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
		blob, err := unpack(vb.Model)
		if err != nil {
			return nil, err
		}
		if err := v.series.UnmarshalBinary(blob); err != nil {
			return nil, fmt.Errorf("decoding the model of source %s: %w", src.Slug, err)
		}
		if err := v.alarm.UnmarshalBinary(vb.Alarm); err != nil {
			return nil, fmt.Errorf("decoding the alarm of source %s: %w", src.Slug, err)
		}
		v.origin, v.usual, v.was, v.level, v.severe, v.rang = vb.Origin, vb.Usual, vb.Was, vb.Level, vb.Severe, vb.Rang
		t.voices[id] = v
	}
	return t, nil
}
