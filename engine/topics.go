package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"surgecast"
	"surgecast/model"
	"surgecast/risk"
)

// talk is one topic: the series of its sources and the episode they make together. There are 100,000 of
// them: what only some need is behind a pointer.
type talk struct {
	id     int64
	voices []voice // by source
	run    talkRunning
	dirty  bool // something happened since the last snapshot
	far    bool // so much that it is stored with the next sweep
}

// voice is what one source says of a topic. Times are Unix seconds.
type voice struct {
	source   int64
	step     int64 // seconds
	headline bool  // its counts open a topic's surge
	origin   int64 // start of the last bucket stepped; 0: none
	first    int64 // where the series began when its model did; 0: not known
	series   model.Topic
	alarm    model.Alarm
	usual    float64 // usual mentions of the last bucket, as known before it came
	level    float64 // fast mean of mentions a bucket
	count    float64 // mentions of the last bucket, in a process that heard it
	severe   float64 // worst alarm not judged yet, 0: none
	rang     int64   // bucket of that alarm
}

// talkRunning is what a topic remembers beside its models.
type talkRunning struct {
	Machine risk.Machine     `json:"machine"`
	Surge   *surgecast.Surge `json:"surge"`
}

// levelMinutes is the time constant of a topic's present level: what "now" means against the usual.
const levelMinutes = 5.0

func newVoice(src surgecast.Source) voice {
	step := max(1, src.StepSeconds)
	return voice{source: src.ID, step: int64(step), headline: headline(src), alarm: *model.NewAlarm(step), series: model.NewTopic(step)}
}

// headline says whether a source's counts open a topic's surge: posts do; the others are signals.
func headline(s surgecast.Source) bool {
	return s.Kind == surgecast.SourcePosts || s.Kind == surgecast.SourcePush
}

// voice is the topic's one of that source, nil when it has none.
func (t *talk) voice(source int64) *voice {
	for i := range t.voices {
		if t.voices[i].source == source {
			return &t.voices[i]
		}
	}
	return nil
}

// addVoice keeps voices by source: sums of floating point depend on the order.
func (t *talk) addVoice(v voice) *voice {
	i, _ := slices.BinarySearchFunc(t.voices, v.source, func(v voice, id int64) int { return int(v.source - id) })
	t.voices = slices.Insert(t.voices, i, v)
	return &t.voices[i]
}

// take steps the voice through one bucket. alert: the topic is in one, which must not become its usual.
func (v *voice) take(b surgecast.MentionBucket, alert bool) {
	at := b.Minute.Unix()
	v.origin = at
	if b.Missing {
		v.series.Step(at, model.Obs{Missing: true})
		v.alarm.Step(math.NaN())
		v.count = v.level
		return
	}
	v.usual, v.count = v.series.Usual(at), b.Raw
	v.series.Step(at, model.Obs{Value: b.Raw, Damp: alert})
	if severity, emit := v.alarm.Step(b.Raw); emit && (severity > v.severe || at-v.rang > heardWithin) {
		v.severe, v.rang = severity, at
	}
	if v.series.N() == 1 {
		v.level = b.Raw
	}
	v.level += (1 - math.Exp(-float64(v.step)/60/levelMinutes)) * (b.Raw - v.level)
}

// heardWithin is how far one source may lag behind another and still be added to it, in seconds.
const heardWithin = 15 * 60

// evidence is what the sources of a topic's headline say together at a bucket: their levels added, the
// worst alarm of any. A source that lags counts with what it said last; one that has stopped does not.
// Levels are of a bucket of the finest source.
func (t *talk) evidence(at time.Time) risk.TalkEvidence {
	ev := risk.TalkEvidence{At: at}
	unix, finest := at.Unix(), int64(math.MaxInt64)
	for i := range t.voices {
		if t.voices[i].headline {
			finest = min(finest, t.voices[i].step)
		}
	}
	ev.Step = time.Duration(min(finest, 7*86400)) * time.Second
	for i := range t.voices {
		v := &t.voices[i]
		if !v.headline || v.series.N() == 0 || unix-v.origin > max(heardWithin, 2*v.step) {
			continue
		}
		share := float64(finest) / float64(v.step)
		ev.Level += v.level * share
		if v.origin == unix {
			ev.Count += v.count * share
		} else {
			ev.Count += v.level * share
		}
		ev.Usual += v.usual * share
		ev.Spread = max(ev.Spread, v.series.Spread())
		if v.severe > 0 && unix-v.rang <= heardWithin {
			ev.Severity, ev.Emit = max(ev.Severity, v.severe), true
		}
	}
	return ev
}

// motion is how the source that says most of the topic's headline moves.
func (t *talk) motion() surgecast.TalkMotion {
	var loudest *voice
	for i := range t.voices {
		v := &t.voices[i]
		if v.headline && (loudest == nil || v.level*float64(loudest.step) > loudest.level*float64(v.step)) {
			loudest = v
		}
	}
	if loudest == nil {
		return surgecast.TalkMotion{}
	}
	return loudest.motion()
}

func (v *voice) motion() (m surgecast.TalkMotion) {
	m.DoublingMinutes, _ = v.series.Doubling()
	class, _ := v.series.DecayClass()
	m.Decay = decayWords[class]
	return m
}

// hotLevel is how many mentions a minute make a topic hot.
const hotLevel = .5

// hot topics are stepped every minute, also when nothing was said, and stand in the topics' ledger: those
// much talked about, linked to a site, or in an episode.
func (e *Engine) hot(t *talk) bool {
	if e.linked[t.id] || t.run.Machine.Open {
		return true
	}
	for i := range t.voices {
		if v := &t.voices[i]; v.level*60 >= hotLevel*float64(v.step) {
			return true
		}
	}
	return false
}

const (
	minuteSeconds = 60
	// restMinutes is how many minutes of silence a topic that is not hot takes in at once. Nobody waits for
	// them: with the first mention it is stepped through all of them.
	restMinutes = 15
)

// due says whether a topic's source is to be heard now: hot, or with a count nobody has seen, or its turn.
func (e *Engine) due(t *talk, v *voice, h surgecast.Heard, last int64) bool {
	if v == nil || v.origin == 0 || v.step > minuteSeconds || h.Counted > v.origin && h.Counted <= last || e.hot(t) {
		return true
	}
	return (last/minuteSeconds+t.id)%restMinutes == 0 || last-v.origin >= 2*restMinutes*minuteSeconds
}

// sweepTopics steps the series of topics that have moved on.
func (e *Engine) sweepTopics(ctx context.Context, now time.Time) ([]outcome, error) {
	var work []stretch
	e.anew = anewAtOnce
	for i := 0; i < len(e.heard); {
		id, first := e.heard[i].TopicID, i
		for ; i < len(e.heard) && e.heard[i].TopicID == id; i++ {
		}
		if _, ok := e.topics[id]; !ok {
			continue
		}
		part, err := e.unheard(ctx, id, e.heard[first:i], now)
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
				if err := e.keep(ctx); err != nil {
					return err
				}
			}
			topics = append(topics, w.topic)
		}
		v := e.talks[talkKey(w.topic)].voice(w.source)
		bs = fill(bs, timeOf(v.origin), w.step)
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

// anewAtOnce bounds how many buckets of topics that start anew one sweep steps through, a second's work: the
// past of a thousand new topics arrives in one piece. Who has to wait starts with a later sweep.
const anewAtOnce = 100_000

// unheard are the buckets of a topic that have become known since it was last stepped: those after it, and all of
// them when its past was read further back meanwhile. Its model then starts anew; its episode goes on.
func (e *Engine) unheard(ctx context.Context, id int64, heard []surgecast.Heard, now time.Time) ([]stretch, error) {
	t := e.talks[talkKey(id)]
	var out []stretch
	for _, h := range heard {
		src, ok := e.sources[h.SourceID]
		if !ok {
			continue
		}
		step := int64(max(1, src.StepSeconds))
		last := h.Complete
		if ended := now.Unix() - step; last > ended {
			last = ended
		}
		var v *voice
		if t != nil {
			v = t.voice(h.SourceID)
		}
		if v != nil && v.origin != 0 && last < v.origin+step || last < h.First {
			continue
		}
		if t == nil {
			var err error
			if t, err = e.talkOfTopic(ctx, id, now); err != nil || t == nil {
				return nil, err
			}
			v = t.voice(h.SourceID)
		}
		begin := unixTime(last).AddDate(0, 0, -e.cfg.HistoryDays).Unix()
		if v != nil && v.first == 0 {
			v.first = h.First
		}
		if v != nil && src.Mode == surgecast.Increments && h.First < v.first && v.first > begin && e.anew > 0 {
			*v = newVoice(src)
			e.anew -= (last - max(h.First, begin)) / step
		}
		if !e.due(t, v, h, last) {
			continue
		}
		if v == nil {
			v = t.addVoice(newVoice(src))
		}
		from := v.origin + step
		if v.origin == 0 {
			from, v.first = h.First, h.First
			if from < begin { // on the source's own grid
				from += (begin - from) / step * step
			}
		}
		if from <= last {
			out = append(out, stretch{topic: id, source: h.SourceID, from: unixTime(from), last: unixTime(last), step: time.Duration(step) * time.Second})
		}
	}
	return out, nil
}

func unixTime(s int64) time.Time { return time.Unix(s, 0).UTC() }

// hear steps one topic through what its sources have said since.
func (e *Engine) hear(t *talk, buckets []surgecast.MentionBucket, now time.Time) outcome {
	o := outcome{name: talkName(t.id), talk: talkKey(t.id)}
	sort.SliceStable(buckets, func(i, j int) bool {
		a, b := buckets[i], buckets[j]
		return a.Minute.Before(b.Minute) || a.Minute.Equal(b.Minute) && a.SourceID < b.SourceID
	})
	for i := 0; i < len(buckets); {
		at, spoke := buckets[i].Minute, false
		// What was before the alert is no part of it: a model that starts anew learns from it in full.
		alert := t.run.Machine.State == surgecast.StateAlert && !at.Before(t.run.Machine.AlertAt)
		for ; i < len(buckets) && buckets[i].Minute.Equal(at); i++ {
			v := t.voice(buckets[i].SourceID)
			v.take(buckets[i], alert)
			spoke = spoke || v.headline && !buckets[i].Missing
			o.moved, t.dirty = true, true
			e.record(t, v, now, &o)
		}
		// What a lagging source says of minutes already judged is judged with the next one.
		if spoke && at.After(t.run.Machine.At) {
			e.judgeTalk(t, t.evidence(at), now, &o)
			for k := range t.voices {
				t.voices[k].severe = 0
			}
		}
	}
	t.far = t.far || len(buckets) > ledgerFed
	if len(o.transitions) > 0 { // told with the state that remembers it was told
		if s, ok := t.snapshot(); ok {
			o.states = append(o.states, s)
		}
	}
	return o
}

// topicLedgerMinutes is how often a hot topic's forecast goes into the topics' ledger.
const topicLedgerMinutes = 15

// forecasts are reused by whoever steps a topic.
var forecasts = sync.Pool{New: func() any { return new(model.Forecast) }}

// record adds a hot topic's forecast to what is committed, at its turn, while it still is one.
func (e *Engine) record(t *talk, v *voice, now time.Time, o *outcome) {
	if v.step == minuteSeconds && (v.origin/minuteSeconds+t.id)%topicLedgerMinutes != 0 || now.Unix()-v.origin >= topicLedgerMinutes*60+v.step ||
		!v.headline || v.series.N() == 0 || !e.hot(t) {
		return
	}
	fc := forecasts.Get().(*model.Forecast)
	defer forecasts.Put(fc)
	v.series.Forecast(fc)
	o.talks = append(o.talks, surgecast.TopicForecast{
		TopicID: t.id, Series: e.sources[v.source].Slug, Origin: unixTime(v.origin), IssuedAt: now.UTC().Truncate(time.Microsecond),
		LeadMinutes: leadMinutes(v.series.Leads(nil), v.step), Levels: model.TopicLevels[:], Quantiles: clone(fc.Q), ModelVersion: model.Version,
	})
}

// leadMinutes are leads of so many seconds a step in minutes.
func leadMinutes(leads []int, step int64) []int {
	for i := range leads {
		leads[i] = leads[i] * int(step) / minuteSeconds
	}
	return leads
}

// fill puts the buckets that are not in the store in as missing, from the one after origin on.
func fill(bs []surgecast.MentionBucket, origin time.Time, step time.Duration) []surgecast.MentionBucket {
	if len(bs) == 0 || origin.IsZero() || !origin.Add(step+step/2).Before(bs[0].Minute) {
		return bs // the store answers every bucket from the one asked for on
	}
	var out []surgecast.MentionBucket
	for next := origin.Add(step); next.Add(step / 2).Before(bs[0].Minute); next = next.Add(step) {
		out = append(out, surgecast.MentionBucket{TopicID: bs[0].TopicID, SourceID: bs[0].SourceID, Minute: next, Missing: true})
	}
	return append(out, bs...)
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
	topic := e.topics[t.id]
	times := risk.TalkTimes(risk.TalkLevel(was, ev), ev.Usual)
	s := t.run.Surge
	if m.Open && !was.Open {
		s = &surgecast.Surge{
			ID: surgecast.NewID("srg_"), AccountID: topic.AccountID, TopicID: topic.ID, Subject: topic.Slug,
			Kind: surgecast.SurgeTalk, OpenedAt: m.OpenedAt, Simulated: topic.Simulated,
		}
		t.run.Surge = s
	}
	if s == nil {
		return // unknown before anything began: nothing to tell
	}
	s.State, s.AlertAt, s.Peak, s.PeakAt = m.State, m.AlertAt, max(s.Peak, m.Peak), laterPeak(s, m)
	tr.SurgeID, tr.IssuedAt = s.ID, now
	tr.Headline, tr.Sentence = risk.SayTalk(topic, m.State, times, t.motion())
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
			AccountID: topic.AccountID, Type: typ, SurgeID: s.ID, Timestamp: now,
			Data: surgeData{
				Schema: 1, SurgeID: s.ID, Kind: s.Kind, Topic: topic.Slug, State: m.State, From: tr.From, At: ev.At, OpenedAt: s.OpenedAt,
				TimesUsual: number(times), Headline: tr.Headline, Sentence: tr.Sentence, Simulated: topic.Simulated,
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

// newest is the newest bucket any source was stepped through, as Unix seconds.
func (t *talk) newest() (at int64) {
	for i := range t.voices {
		at = max(at, t.voices[i].origin)
	}
	return at
}

type talkKey int64

func talkName(id int64) string { return fmt.Sprintf("topic:%d", id) }
