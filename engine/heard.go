package engine

import (
	"context"
	"fmt"
	"math"
	"sort"
	"time"

	"surgecast"
)

// listen reads how far the counts of this engine's topics have come, when they have come further.
func (e *Engine) listen(ctx context.Context, now time.Time) error {
	mark, err := e.cfg.Store.HeardMark(ctx)
	if err != nil {
		return fmt.Errorf("looking how far mentions have come: %w", err)
	}
	if mark == e.heardMark {
		return nil
	}
	shards := make([]int64, 0, len(e.leases))
	for i := range e.leases {
		shards = append(shards, int64(i))
	}
	heard, err := e.cfg.Store.Heard(ctx, shards, Shards)
	if err != nil {
		return fmt.Errorf("reading how far mentions have come: %w", err)
	}
	e.heard, e.heardMark = heard, mark
	for _, h := range heard {
		if c := e.closed[h.SourceID]; h.Complete > c.at {
			e.closed[h.SourceID] = closing{h.Complete, now.Sub(unixTime(h.Complete).Add(time.Minute))}
		}
	}
	return nil
}

// closing is when a source's newest complete minute was noticed.
type closing struct {
	at   int64         // that minute
	late time.Duration // noticed so long after its end
}

// talkWait is how long after its end a site's minute waits for what fast streams say of it: they close a minute
// five seconds after it ended, traffic is there sooner, and what comes after the step is missing to the
// transfer for good.
const talkWait = 10 * time.Second

// awaited is the last of a site's minutes that may be stepped now: without the newest, while a stream that has
// closed all before it, and is usually in time, has not closed it.
func (e *Engine) awaited(site int64, last, now time.Time) time.Time {
	if now.Sub(last.Add(time.Minute)) >= talkWait {
		return last
	}
	for _, l := range e.links[site] {
		for _, h := range e.heardOf(l.TopicID) {
			src := e.sources[h.SourceID]
			if src.Mode == surgecast.Increments && src.StepSeconds == 60 && classOf(src.Kind) >= 0 &&
				last.Unix()-h.Complete == minuteSeconds && e.closed[h.SourceID].late < talkWait {
				return last.Add(-time.Minute)
			}
		}
	}
	return last
}

// heardOf is how far the sources of one topic have come.
func (e *Engine) heardOf(topic int64) []surgecast.Heard {
	i := sort.Search(len(e.heard), func(i int) bool { return e.heard[i].TopicID >= topic })
	j := i
	for j < len(e.heard) && e.heard[j].TopicID == topic {
		j++
	}
	return e.heard[i:j]
}

// stretch is a part of one series of mentions: the buckets from..last, last included.
type stretch struct {
	topic, source int64
	from, last    time.Time
	step          time.Duration
}

// bucketsAtOnce bounds what one read holds in memory: a fresh install may have weeks of many topics to
// step through.
const bucketsAtOnce = 250_000

// readTalk reads stretches, as first published, in as few statements as memory allows, and hands each
// chunk's buckets over by position. A bucket after a stretch's last is not complete: it is left out.
func (e *Engine) readTalk(ctx context.Context, all []stretch, use func(i int, bs []surgecast.MentionBucket) error) error {
	var until time.Time // every series of a statement is read up to the same end
	for _, s := range all {
		until = latest(until, s.last.Add(time.Second))
	}
	for begin := 0; begin < len(all); {
		end, n := begin, 0
		var topics, sources []int64
		var from []time.Time
		for ; end < len(all) && (end == begin || n < bucketsAtOnce); end++ {
			s := all[end]
			n += int(until.Sub(s.from)/s.step) + 1
			topics, sources, from = append(topics, s.topic), append(sources, s.source), append(from, s.from)
		}
		bs, err := e.cfg.Store.MentionsSince(ctx, topics, sources, from, until, true)
		if err != nil {
			return fmt.Errorf("reading mentions: %w", err)
		}
		k := 0
		for i := begin; i < end; i++ {
			s := all[i]
			first := k
			for k < len(bs) && bs[k].TopicID == s.topic && bs[k].SourceID == s.source && (k == first || bs[k].Minute.After(bs[k-1].Minute)) {
				k++
			}
			mine := bs[first:k]
			for len(mine) > 0 && mine[len(mine)-1].Minute.After(s.last) {
				mine = mine[:len(mine)-1]
			}
			if err := use(i, mine); err != nil {
				return err
			}
		}
		begin = end
	}
	return nil
}

// talkOf is what was said about sites' linked topics from from[i] on in minutes that are complete by now:
// for each site one vector of classes a minute, NaN where no source of a class was counted. Sources with
// longer buckets than a minute are left out: a bucket is never spread.
func (e *Engine) talkOf(ctx context.Context, sites []int64, from []time.Time, now time.Time) (map[int64]map[int64][]float64, error) {
	out := map[int64]map[int64][]float64{}
	type part struct {
		site   int64
		class  int
		weight float64
	}
	var parts []part
	var all []stretch
	for i, site := range sites {
		for _, l := range e.links[site] {
			for _, f := range e.heardOf(l.TopicID) {
				src, ok := e.sources[f.SourceID]
				c := classOf(src.Kind)
				if !ok || c < 0 || src.StepSeconds != 60 {
					continue
				}
				s := stretch{topic: l.TopicID, source: f.SourceID, from: latest(from[i], unixTime(f.First), ceilMinute(l.Since)), last: unixTime(f.Complete), step: time.Minute}
				if last := now.Add(-time.Minute); s.last.After(last) {
					s.last = last
				}
				if s.last.Before(s.from) {
					continue
				}
				parts, all = append(parts, part{site, c, l.Weight}), append(all, s)
			}
		}
	}
	err := e.readTalk(ctx, all, func(i int, bs []surgecast.MentionBucket) error {
		p := parts[i]
		said := out[p.site]
		if said == nil {
			said = map[int64][]float64{}
			out[p.site] = said
		}
		for _, b := range bs {
			if b.Missing || b.Late { // a site's minute was stepped without it, and a replay steps it so again
				continue
			}
			k := b.Minute.Unix()
			v := said[k]
			if v == nil {
				v = make([]float64, len(classes))
				for i := range v {
					v[i] = math.NaN()
				}
				said[k] = v
			}
			if math.IsNaN(v[p.class]) {
				v[p.class] = 0
			}
			v[p.class] += p.weight * b.Raw
		}
		return nil
	})
	return out, err
}

// ceilMinute is the first whole minute not before t: a link made in the middle of a minute counts from the
// next one.
func ceilMinute(t time.Time) time.Time {
	if c := t.Truncate(time.Minute); c.Before(t) {
		return c.Add(time.Minute)
	}
	return t
}

func latest(ts ...time.Time) time.Time {
	at := ts[0]
	for _, t := range ts[1:] {
		if t.After(at) {
			at = t
		}
	}
	return at
}

// reindex groups links by site and answers the sites that now have another model: those with their first
// link, or without their last one.
func (e *Engine) reindex(links []surgecast.SiteTopic) (changed map[int64]bool) {
	was := e.links
	e.links, e.linked = map[int64][]surgecast.SiteTopic{}, map[int64]bool{}
	for _, l := range links {
		e.linked[l.TopicID] = true
		e.links[l.SiteID] = append(e.links[l.SiteID], l)
	}
	for id := range e.links {
		sort.Slice(e.links[id], func(i, j int) bool { return e.links[id][i].TopicID < e.links[id][j].TopicID })
	}
	changed = map[int64]bool{}
	for k := range e.tracks {
		if (len(was[k.site]) > 0) != (len(e.links[k.site]) > 0) {
			changed[k.site] = true
		}
	}
	return changed
}
