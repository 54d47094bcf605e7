package engine

import (
	"compress/flate"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"surgecast"
	"surgecast/model"
	"surgecast/risk"
)

// Snapshots of topics are stored by groups, topicGroups to a shard, each under "topics:shard:group": a row
// of its own for each of 100,000 topics would write a page of the log for every kilobyte. A topic whose
// episode has moved is stored under "topic:id" at once, in the same form; the newer of the two counts.
//
//	magic "SCtk" · version uint16 · length uint32 · CRC-32C of what follows · topics, deflated
//	a topic: id · n voices · (source · step · origin · rang · first · usual · level · severe · alarm · model)ⁿ · episode
const (
	topicGroups  = 60
	talkMagic    = "SCtk"
	talkVersion  = 2 // 1 does not say where a series began
	talkHead     = 4 + 2 + 4 + 4
	episodeQuiet = 0 // only At and Since differ from a new machine's
	episodeJSON  = 1
)

// topicSnapshots is how many of a site's snapshot intervals a topic's lasts: topics are many, and what they
// were fed since is in the store.
const topicSnapshots = 6

var (
	errTalkDamaged = errors.New("damaged snapshot of topics")
	castagnoli     = crc32.MakeTable(crc32.Castagnoli)
)

// talkGroup names one group of topics.
type talkGroup struct{ shard, group int }

func groupOf(id int64) talkGroup {
	return talkGroup{shardOf(id), int(uint64(id) / Shards % topicGroups)}
}

func (g talkGroup) name() string { return fmt.Sprintf("topics:%d:%d", g.shard, g.group) }

// talkSnapshots are the groups whose turn has come since the last sweep, one in topicGroups every sixtieth
// of the interval, and those with a topic that has come a long way. moved says that topics were stepped.
func (e *Engine) talkSnapshots(now time.Time, moved bool) []outcome {
	turn := max(time.Second, topicSnapshots*e.cfg.SnapshotEvery/topicGroups)
	at := now.UnixNano() / int64(turn)
	if e.turn == 0 || at < e.turn {
		e.turn = at
	}
	if at == e.turn && !moved {
		return nil
	}
	var its [topicGroups]bool
	for k := range min(at-e.turn, topicGroups) {
		its[(at-k)%topicGroups] = true
	}
	e.turn = at
	groups := map[talkGroup][]*talk{}
	far := map[talkGroup]bool{}
	for _, t := range e.talks {
		if t.far {
			far[groupOf(t.id)] = true
		}
	}
	for _, t := range e.talks {
		if g := groupOf(t.id); its[g.group] || far[g] {
			groups[g] = append(groups[g], t)
		}
	}
	out := e.packed(groups)
	return slices.DeleteFunc(out, func(o outcome) bool {
		if o.err != nil {
			e.cfg.Logger.Error("snapshot of topics not made", "series", o.name, "err", o.err)
		}
		return o.err != nil
	})
}

// packed are the snapshots of groups with something new in them.
func (e *Engine) packed(groups map[talkGroup][]*talk) []outcome {
	var names []talkGroup
	for g, ts := range groups {
		if slices.ContainsFunc(ts, func(t *talk) bool { return t.dirty }) {
			names = append(names, g)
		}
	}
	slices.SortFunc(names, func(a, b talkGroup) int { return (a.shard-b.shard)*topicGroups + a.group - b.group })
	out := make([]outcome, len(names))
	e.parallel(len(names), func(i int) {
		ts := groups[names[i]]
		slices.SortFunc(ts, func(a, b *talk) int { return int(a.id - b.id) })
		out[i] = outcome{name: names[i].name(), group: ts}
		blob, err := packTalks(ts)
		if err != nil {
			out[i].err = err
			return
		}
		newest := int64(0)
		for _, t := range ts {
			newest = max(newest, t.newest())
		}
		out[i].states = []surgecast.ModelState{{Series: out[i].name, Origin: unixTime(newest), Blob: blob}}
	})
	return out
}

// snapshot is one topic's state, unless nothing happened since the last one.
func (t *talk) snapshot() (surgecast.ModelState, bool) {
	blob, err := packTalks([]*talk{t})
	if err != nil {
		return surgecast.ModelState{}, false
	}
	return surgecast.ModelState{Series: talkName(t.id), Origin: unixTime(t.newest()), Blob: blob}, true
}

func packTalks(ts []*talk) ([]byte, error) {
	var raw []byte
	var err error
	for _, t := range ts {
		if raw, err = t.append(raw); err != nil {
			return nil, fmt.Errorf("packing topic %d: %w", t.id, err)
		}
	}
	b, err := deflate(make([]byte, talkHead, talkHead+len(raw)/2), raw, flate.DefaultCompression)
	if err != nil {
		return nil, fmt.Errorf("packing topics: %w", err)
	}
	copy(b, talkMagic)
	binary.LittleEndian.PutUint16(b[4:], talkVersion)
	binary.LittleEndian.PutUint32(b[6:], uint32(len(b)-talkHead))
	binary.LittleEndian.PutUint32(b[10:], crc32.Checksum(b[talkHead:], castagnoli))
	return b, nil
}

func (t *talk) append(b []byte) ([]byte, error) {
	b = binary.AppendVarint(b, t.id)
	b = binary.AppendVarint(b, int64(len(t.voices)))
	for i := range t.voices {
		v := &t.voices[i]
		for _, x := range []int64{v.source, v.step, v.origin, v.rang, v.first} {
			b = binary.AppendVarint(b, x)
		}
		for _, x := range []float64{v.usual, v.level, v.severe} {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		a, err := v.alarm.MarshalBinary()
		if err != nil {
			return nil, err
		}
		b = append(binary.AppendVarint(b, int64(len(a))), a...)
		if b, err = v.series.AppendBinary(b); err != nil {
			return nil, err
		}
	}
	m := t.run.Machine
	if t.run.Surge == nil && m == (risk.Machine{Kind: surgecast.SurgeTalk, State: surgecast.StateCalm, At: m.At, Since: m.Since}) {
		b = append(b, episodeQuiet)
		b = binary.AppendVarint(b, unixOf(m.At))
		return binary.AppendVarint(b, unixOf(m.Since)), nil
	}
	j, err := json.Marshal(t.run)
	if err != nil {
		return nil, err
	}
	b = append(b, episodeJSON)
	return append(binary.AppendVarint(b, int64(len(j))), j...), nil
}

// unixOf is 0 for the zero time.
func unixOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func timeOf(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return unixTime(s)
}

// unpackTalks reads a snapshot. A source that is gone is left out.
func (e *Engine) unpackTalks(blob []byte) ([]*talk, error) {
	if len(blob) < talkHead || string(blob[:4]) != talkMagic || int(binary.LittleEndian.Uint32(blob[6:])) != len(blob)-talkHead ||
		binary.LittleEndian.Uint32(blob[10:]) != crc32.Checksum(blob[talkHead:], castagnoli) {
		return nil, errTalkDamaged
	}
	version := binary.LittleEndian.Uint16(blob[4:])
	if version < 1 || version > talkVersion {
		return nil, fmt.Errorf("version %d of a snapshot of topics: %w", version, errTalkDamaged)
	}
	raw, err := inflate(blob[talkHead:])
	if err != nil {
		return nil, fmt.Errorf("unpacking topics: %w", err)
	}
	r := talkReader{b: raw, version: version}
	var out []*talk
	for len(r.b) > 0 && r.err == nil {
		out = append(out, r.talk(e.sources))
	}
	if r.err != nil {
		return nil, r.err
	}
	return out, nil
}

// talkReader walks over unpacked topics; after the first error it reads zeros.
type talkReader struct {
	b       []byte
	version uint16
	err     error
}

func (r *talkReader) whole() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.b, r.err = nil, errTalkDamaged
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *talkReader) bytes(n int64) []byte {
	if n < 0 || n > int64(len(r.b)) {
		r.b, r.err = nil, errTalkDamaged
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *talkReader) num() float64 {
	if b := r.bytes(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

func (r *talkReader) talk(sources map[int64]surgecast.Source) *talk {
	t := &talk{id: r.whole()}
	for n := r.whole(); n > 0 && r.err == nil; n-- {
		v := voice{source: r.whole(), step: r.whole(), origin: r.whole(), rang: r.whole()}
		if r.version > 1 {
			v.first = r.whole()
		}
		v.usual, v.level, v.severe = r.num(), r.num(), r.num()
		alarm := r.bytes(r.whole())
		if r.err != nil || v.step <= 0 {
			r.err = errors.Join(r.err, errTalkDamaged)
			return t
		}
		if err := v.alarm.UnmarshalBinary(alarm); err != nil {
			r.err = fmt.Errorf("alarm of topic %d: %w", t.id, err)
			return t
		}
		if v.series, r.b, r.err = model.CutTopic(r.b, int(v.step)); r.err != nil {
			return t
		}
		if src, ok := sources[v.source]; ok {
			v.headline = headline(src)
			t.addVoice(v)
		}
	}
	switch kind := r.bytes(1); {
	case r.err != nil:
	case kind[0] == episodeQuiet:
		t.run.Machine = risk.Machine{Kind: surgecast.SurgeTalk, State: surgecast.StateCalm, At: timeOf(r.whole()), Since: timeOf(r.whole())}
	default:
		if err := json.Unmarshal(r.bytes(r.whole()), &t.run); err != nil {
			r.err = fmt.Errorf("episode of topic %d: %w", t.id, err)
		}
	}
	return t
}

// restoreTopics brings the topics of a shard to their last snapshots; the buckets since are heard in the
// next sweep.
func (e *Engine) restoreTopics(ctx context.Context, shard int) error {
	groups, err := e.cfg.Store.StatesOf(ctx, "topics", shard, Shards)
	if err != nil {
		return fmt.Errorf("reading snapshots of topics: %w", err)
	}
	alone, err := e.cfg.Store.StatesOf(ctx, "topic", shard, Shards)
	if err != nil {
		return fmt.Errorf("reading snapshots of topics: %w", err)
	}
	for _, s := range slices.Concat(groups, alone) {
		if err := e.restoreTalks(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// restoreTalks takes in a snapshot, of a group or of one topic, unless newer is known.
func (e *Engine) restoreTalks(ctx context.Context, s surgecast.ModelState) error {
	ts, damaged := e.unpackTalks(s.Blob)
	if damaged != nil {
		return e.restartTalks(ctx, s, damaged)
	}
	for _, t := range ts {
		if _, ok := e.topics[t.id]; !ok {
			continue
		}
		if was := e.talks[talkKey(t.id)]; was == nil || was.newest() < t.newest() {
			e.talks[talkKey(t.id)] = t
		}
	}
	return nil
}

// restartTalks makes topics whose snapshot is not readable. Their models start again from the stored counts;
// their episodes go on from the stored ones: what was told once is not told again.
func (e *Engine) restartTalks(ctx context.Context, s surgecast.ModelState, damaged error) error {
	e.cfg.Logger.Warn("snapshot not usable; its topics start again from their stored counts", "series", s.Series, "err", damaged)
	open, err := e.cfg.Store.OpenSurges(ctx)
	if err != nil {
		return fmt.Errorf("reading the open surges: %w", err)
	}
	restart := func(id int64) {
		if was := e.talks[talkKey(id)]; was != nil && was.newest() > 0 {
			return
		}
		t := &talk{id: id}
		t.run.Machine = risk.Machine{Kind: surgecast.SurgeTalk, State: surgecast.StateCalm, At: s.Origin, Since: s.Origin}
		for _, g := range open {
			if g.TopicID == id && g.Kind == surgecast.SurgeTalk {
				t.run.Machine, t.run.Surge = resumedMachine(g, s.Origin), &g
			}
		}
		e.talks[talkKey(id)] = t
	}
	if one, ok := strings.CutPrefix(s.Series, "topic:"); ok {
		if id, err := strconv.ParseInt(one, 10, 64); err == nil {
			if _, ok := e.topics[id]; ok {
				restart(id)
			}
		}
		return nil
	}
	for id := range e.topics {
		if groupOf(id).name() == s.Series {
			restart(id)
		}
	}
	return nil
}

// talkOfTopic is a topic's talk: the one in memory, one that was put aside as it is stored, or a new one. Nil
// while it is put aside.
func (e *Engine) talkOfTopic(ctx context.Context, id int64, now time.Time) (*talk, error) {
	if t := e.talks[talkKey(id)]; t != nil {
		return t, nil
	}
	until, aside := e.resting[talkName(id)]
	if aside && until.After(now) {
		return nil, nil
	}
	delete(e.resting, talkName(id))
	if aside {
		for _, name := range []string{groupOf(id).name(), talkName(id)} {
			s, err := e.state(ctx, name)
			if err != nil {
				return nil, err
			}
			if s.Series == "" {
				continue
			}
			ts, damaged := e.unpackTalks(s.Blob)
			if damaged != nil {
				if err := e.restartTalks(ctx, s, damaged); err != nil {
					return nil, err
				}
				continue
			}
			for _, t := range ts {
				if was := e.talks[talkKey(id)]; t.id == id && (was == nil || was.newest() < t.newest()) {
					e.talks[talkKey(id)] = t
				}
			}
		}
		if t := e.talks[talkKey(id)]; t != nil {
			return t, nil
		}
	}
	t := &talk{id: id}
	e.talks[talkKey(id)] = t
	return t, nil
}
