package ingest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"surgecast"
	"surgecast/ingest/match"
)

const (
	// Whatever is stamped more than five seconds before the newest was counted; what is stamped later, by this
	// host or another whose clock is up to five seconds off, is told by its id.
	sinceMicros   = 5e6
	keepIDsMicros = 10e6

	maxDirty = 50_000   // rows of one transaction
	maxBytes = 64 << 20 // of minutes in memory
)

// Reasons a tally drops a post for.
const (
	droppedSkewed = "author's clock off"
	droppedClock  = "server's clock off"
)

// cell is one topic in one minute: what was not written yet, and who spoke.
type cell struct {
	topic               int64
	raw, organic, reach float64
	authors             authors
	published           float64 // of authors, written
	reread              bool    // authors were read again and are written already
	dirty               bool
}

// tally counts one stream. Posts come in on the feed's goroutine, a writer collects what has accumulated
// about once a second; everything between them is behind one lock. It is the Sink of its stream.
type tally struct {
	source surgecast.Source
	clock  surgecast.Clock
	meter  *meter

	kick chan struct{} // asks the writer to come at once

	mu      sync.Mutex
	space   chan struct{} // closed when the writer has collected
	topics  *match.Set
	scratch match.Scratch
	ring    *match.Ring // of all streams; nil: nothing is remembered
	recall  int64       // this life remembers from here on, Unix microseconds; 0: nothing yet

	known                  map[int64]bool            // topics that are counted
	later                  *newTerms                 // topics that wait until nothing is read again
	unplaced               []int64                   // topics that are counted from the first minute on
	begun                  []surgecast.TopicPast     // topics that have begun to be counted, to be written
	pastRows               []surgecast.MentionMinute // and what was remembered of them
	pastsMade, pastsStored int64                     // beginnings of topics whose past is to be read
	pastSpan               time.Duration             // how far back new topics are read; 0: no further than the memory
	borders                map[int64]int64           // topic → Unix microseconds: what is stamped before is read back, not counted in passing
	piece                  *pastPiece                // of topics' pasts, to be written

	minutes map[int64]map[int64]*cell // Unix minute → topic
	dirty   []dirtyCell
	bytes   int
	rowBuf  []surgecast.MentionMinute

	seen    seen
	memory  memory
	counted []timedID // and not stored yet
	kept    []keptIDs // what is stored of counted events, by commit
	since   int64     // kept and counted list all that is stamped after it, and five seconds before

	place     string
	newest    Newest
	complete  time.Time
	closing   time.Time // the minute to be closed next; zero: nothing was read yet
	gaps      []surgecast.SourceGap
	pending   []surgecast.SourceGap // of gaps, not stored yet
	placeless time.Time             // a feed without places was cut here

	reread *rereading
	waits  bool // the feed is being held back
}

type dirtyCell struct {
	minute int64
	*cell
}

type timedID struct {
	at int64
	id uint64
}

// keptIDs are the events of one commit.
type keptIDs struct {
	newest int64
	n      int
}

// rereading is going on while a restarted stream reads again what was counted before, to refill memory.
type rereading struct {
	until   int64   // newest event that was counted
	since   int64   // everything up to it was counted
	ids     idTable // and these
	passing bool    // place has not reached the stored one
}

func newTally(src surgecast.Source, clock surgecast.Clock, m *meter) *tally {
	return &tally{
		source: src, clock: clock, meter: m, kick: make(chan struct{}, 1), space: make(chan struct{}),
		minutes: map[int64]map[int64]*cell{}, known: map[int64]bool{}, borders: map[int64]int64{},
	}
}

// resume sets the tally to where its counts are stored: what was counted lately, and which topics are counted.
// rewinds: the feed will read ten minutes again.
func (t *tally) resume(p position, lately []surgecast.CountedEvents, topics []surgecast.TopicPast, gaps []surgecast.SourceGap, rewinds bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen, t.memory, t.counted = seen{}, memory{}, nil
	t.kept = nil
	for _, past := range topics {
		t.known[past.TopicID] = true
		switch {
		case !past.ReadUntil.IsZero():
			t.borders[past.TopicID] = past.ReadUntil.UnixMicro()
		case !past.BackTo.IsZero():
			t.borders[past.TopicID] = past.Since.UnixMicro()
		}
	}
	clear(t.minutes)
	t.dirty, t.bytes = nil, 0
	t.place, t.newest, t.since = p.Place, Newest{at: p.Newest}, p.Since
	t.gaps = gaps
	if p.Close > 0 {
		t.closing = time.Unix(p.Close, 0).UTC()
	}
	if p.Newest == 0 {
		return
	}
	t.reread = &rereading{until: p.Newest, since: p.Since, passing: rewinds}
	if !rewinds {
		t.reread.since = 0
		t.meter.approximate(t.clock().Add(windowMinutes * time.Minute))
	}
	for _, id := range p.old {
		t.reread.ids.add(id)
		t.counted = append(t.counted, timedID{p.Newest, id}) // stored again where they belong now
	}
	for _, c := range lately {
		for _, id := range c.IDs {
			t.reread.ids.add(id)
		}
		t.kept = append(t.kept, keptIDs{c.Newest.UnixMicro(), len(c.IDs)})
	}
	if p.Place == "" {
		t.placeless = time.UnixMicro(p.Newest).UTC()
	}
}

// from is where the feed reads on.
func (t *tally) from() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.place
}

// rereads says whether the feed has to be read again from before its place, with an empty memory.
func (t *tally) rereads() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reread == nil || !t.reread.passing {
		return false
	}
	t.seen, t.memory = seen{}, memory{}
	clear(t.minutes) // nothing in them waits to be written: nothing was counted yet
	t.bytes = 0
	return true
}

// cut says that the connection has ended.
func (t *tally) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.place == "" && t.newest.at > 0 && t.placeless.IsZero() {
		t.placeless = t.complete
		if n := time.UnixMicro(t.newest.at).UTC(); n.After(t.placeless) {
			t.placeless = n
		}
	}
}

// Posts counts.
func (t *tally) Posts(ctx context.Context, posts []Post, place string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.dirty) >= maxDirty || t.bytes >= maxBytes && len(t.dirty) > 0 {
		space := t.space
		t.waits = true
		t.mu.Unlock()
		select {
		case t.kick <- struct{}{}:
		default:
		}
		select {
		case <-space:
		case <-ctx.Done():
		}
		t.mu.Lock()
		t.waits = false
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
	}
	now := t.clock().UnixMicro()
	for i := range posts {
		t.count(&posts[i], now)
	}
	if t.reread == nil || !t.reread.passing {
		t.place = place
	}
	t.meter.alive(len(posts))
	return nil
}

func (t *tally) count(p *Post, now int64) {
	if p.Time > now+maxAheadMicros || p.Time < now-maxAgeMicros {
		t.meter.dropped(droppedClock, 1)
		return
	}
	t.start(p.Time)
	t.newest.Advance(p.Time, now)
	before := t.reread != nil && t.before(p)
	if t.reread == nil && t.later != nil {
		later := t.later
		t.later = nil
		t.begin(slices.DeleteFunc(slices.Clone(later.all), func(m match.Topic) bool { return t.known[m.ID] }), later.set)
	}
	if t.seen.add(p.ID, p.Time) {
		if !before {
			t.meter.duplicates++
		}
		return
	}
	if skewed(p) {
		if !before {
			t.meter.dropped(droppedSkewed, 1)
		}
		return
	}
	ids := t.topics.Match(&t.scratch, p.Text, p.Tags, p.Links)
	if len(ids) == 0 && t.ring == nil {
		return
	}
	words := uint64(0)
	if p.Kind != Repost {
		words = fingerprint(p.Text)
	}
	what := traitsOf(p, t.source.Kind)
	t.remember(p, words, what)
	minute := p.Time / 60e6
	closed := minute*60 < t.closing.Unix()-60 // such cells are forgotten
	for _, topic := range ids {
		organic := t.memory.organic(topic, minute, p.Author, words, what)
		if before && closed || p.Time < t.borders[topic] {
			continue
		}
		c := t.cell(minute, topic)
		if before {
			c.reread = true
			t.bytes -= c.authors.bytes()
			c.authors.add(p.Author)
			t.bytes += c.authors.bytes()
			continue
		}
		if c.reread {
			c.published, c.reread = c.authors.count(), false
		}
		t.bytes -= c.authors.bytes()
		c.authors.add(p.Author)
		t.bytes += c.authors.bytes()
		c.raw++
		c.organic += organic
		c.reach += p.Reach
		if !c.dirty {
			c.dirty = true
			t.dirty = append(t.dirty, dirtyCell{minute, c})
		}
	}
	if !before && len(ids) > 0 {
		t.meter.mentions += int64(len(ids))
		if p.ID != 0 {
			t.counted = append(t.counted, timedID{p.Time, p.ID})
			t.forget()
		}
	}
}

// before tells whether a post was counted by an earlier life of this stream.
func (t *tally) before(p *Post) bool {
	r := t.reread
	if p.Time > r.until {
		r.passing = false
		if p.Time > r.until+keepIDsMicros {
			t.reread = nil // whatever another host stamps differently has come by now
			return false
		}
	}
	return p.Time <= r.since || p.ID != 0 && r.ids.has(p.ID)
}

// start begins with the first minute that is heard from its beginning.
func (t *tally) start(at int64) {
	if t.closing.IsZero() {
		first := time.UnixMicro(at).UTC()
		t.closing = first.Truncate(time.Minute)
		if t.closing.Before(first) {
			t.gap(t.closing, first, "counting began")
			t.closing = t.closing.Add(time.Minute)
		}
	}
	if len(t.unplaced) > 0 {
		t.placeTopics()
	}
	if !t.placeless.IsZero() {
		from := t.placeless
		t.placeless = time.Time{}
		if to := time.UnixMicro(at).UTC(); to.After(from) {
			t.gap(from, to, "disconnected")
		}
	}
}

// maxKeptIDs bounds what is kept of counted events, in memory and in the database: 8 MB there. It holds five
// seconds of the record of the social web; in a burst beyond it less than ten
// seconds are kept.
const maxKeptIDs = 1 << 20

// forget shortens the list of counted events to what may have to be told apart.
func (t *tally) forget() {
	n := 0
	for n < len(t.counted) && (t.counted[n].at < t.newest.at-keepIDsMicros || len(t.counted)-n > maxKeptIDs) {
		t.since = max(t.since, t.counted[n].at)
		n++
	}
	if n > 0 && n > len(t.counted)/2 {
		t.counted = append(t.counted[:0], t.counted[n:]...)
	} else if n > 0 {
		t.counted = t.counted[n:]
	}
}

// note hands over the events counted since the last commit, and forgets those of commits that are too old.
func (t *tally) note(b *batch) {
	t.forget()
	keep := t.newest.at - keepIDsMicros
	total := len(t.counted)
	for _, k := range t.kept {
		total += k.n
	}
	n := 0
	for ; n < len(t.kept) && (t.kept[n].newest < keep || total > maxKeptIDs); n++ {
		total -= t.kept[n].n
		keep = max(keep, t.kept[n].newest+1)
		t.since = max(t.since, t.kept[n].newest)
	}
	t.kept = append(t.kept[:0], t.kept[n:]...)
	t.since = max(t.since, t.newest.at-sinceMicros)
	b.keep = keep
	if len(t.counted) == 0 {
		return
	}
	newest := int64(0)
	b.counted = make([]uint64, 0, len(t.counted))
	for _, c := range t.counted {
		newest = max(newest, c.at)
		b.counted = append(b.counted, c.id)
	}
	b.countedNewest = newest
	t.kept = append(t.kept, keptIDs{newest, len(t.counted)})
	t.counted = t.counted[:0]
}

func (t *tally) cell(minute, topic int64) *cell {
	cells := t.minutes[minute]
	if cells == nil {
		cells = map[int64]*cell{}
		t.minutes[minute] = cells
	}
	c := cells[topic]
	if c == nil {
		c = &cell{topic: topic}
		cells[topic] = c
		t.bytes += cellBytes
	}
	return c
}

// cellBytes is roughly what a cell takes without its authors.
const cellBytes = 160

// Complete lets minutes before at be closed.
func (t *tally) Complete(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at.After(t.clock().Add(maxAheadMicros * time.Microsecond)) {
		return
	}
	t.start(at.UnixMicro())
	if at.After(t.complete) {
		t.complete = at
	}
	if t.reread != nil && at.UnixMicro() > t.reread.until {
		t.reread.passing = false
	}
	t.meter.alive(0)
}

// Gap makes minutes missing.
func (t *tally) Gap(from, to time.Time, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	from, to = from.UTC(), to.UTC()
	if r := t.reread; r != nil && from.UnixMicro() < r.until {
		// It was only to be read again: memory is incomplete, counts are not.
		t.meter.approximate(t.clock().Add(windowMinutes * time.Minute))
		r.passing = r.passing && to.UnixMicro() <= r.until
		from = time.UnixMicro(r.until).UTC()
	}
	if to.After(from) {
		t.gap(from, to, reason)
	}
}

func (t *tally) gap(from, to time.Time, reason string) {
	if from.After(t.complete) {
		t.complete = from // up to there all was handed over
	}
	g := surgecast.SourceGap{SourceID: t.source.ID, From: from, To: to, Reason: reason, NotedAt: t.clock().UTC()}
	if n := len(t.gaps); n > maxGaps { // a feed that does nothing but lose: one long gap
		t.gaps[n-1].To = to
		g.From = t.gaps[n-1].From
		t.pending = append(t.pending[:0], g)
		return
	}
	t.gaps = append(t.gaps, g)
	t.pending = append(t.pending, g)
}

// maxGaps bounds the gaps remembered between two commits.
const maxGaps = 1000

// Dropped counts.
func (t *tally) Dropped(reason string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.meter.dropped(reason, n)
}

// Warn keeps the words.
func (t *tally) Warn(text string) { t.meter.warn(text) }

// holding says whether the feed waits for the writer, and its silence is ours.
func (t *tally) holding() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waits
}

// batch is what one transaction writes, and what may be closed after it.
type batch struct {
	rows  []surgecast.MentionMinute
	moved bool
	next  position
	gaps  []surgecast.SourceGap
	begun []surgecast.TopicPast
	piece *pastPiece
	from  time.Time // minutes to close
	to    time.Time
	deaf  map[time.Time]bool // of them, those with a gap

	counted       []uint64 // events the rows are of
	countedNewest int64
	keep          int64 // those stamped before it are forgotten; 0: none
}

// grace is how long after its end a minute stays open for what comes late.
const grace = 5 * time.Second

// collect takes what has accumulated. What it returns must be written, however often it takes.
func (t *tally) collect(last position) batch {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b batch
	rows := t.rowBuf[:0]
	for _, d := range t.dirty {
		c := d.cell
		n := c.authors.count()
		rows = append(rows, surgecast.MentionMinute{
			TopicID: c.topic, SourceID: t.source.ID, Minute: time.Unix(d.minute*60, 0).UTC(),
			Raw: c.raw, Organic: c.organic, Authors: max(0, n-c.published), Reach: c.reach,
		})
		c.published = max(c.published, n)
		c.raw, c.organic, c.reach, c.dirty = 0, 0, 0, false
	}
	clear(t.dirty)
	t.dirty = t.dirty[:0]
	rows = append(rows, t.pastRows...)
	t.pastRows = nil
	b.rows, t.rowBuf = rows, rows
	close(t.space)
	t.space = make(chan struct{})

	b.gaps, t.pending = t.pending, nil
	b.begun, t.begun = t.begun, nil
	b.piece, t.piece = t.piece, nil
	end := t.clock().Add(-grace)
	if t.complete.Before(end) {
		end = t.complete
	}
	if end = end.UTC().Truncate(time.Minute); !t.closing.IsZero() && end.After(t.closing) {
		b.from, b.to = t.closing, end
		t.closing = end
		b.deaf = t.deaf(b.from, b.to)
	}
	t.evict()

	b.next = position{N: last.N + 1, Place: t.place, Newest: t.newest.at}
	if !t.closing.IsZero() {
		b.next.Close = t.closing.Unix()
	}
	if t.reread != nil && t.reread.passing { // nothing was counted yet: what is stored stays right
		b.next.Newest, b.next.Since = t.reread.until, t.reread.since
	} else {
		t.note(&b)
		b.next.Since = t.since
	}
	b.moved = len(rows) > 0 || len(b.begun) > 0 || b.next.Place != last.Place || b.next.Newest != last.Newest || b.next.Close != last.Close
	return b
}

// deaf finds the minutes in [from, to) that a gap touches, and forgets gaps that lie before to.
func (t *tally) deaf(from, to time.Time) map[time.Time]bool {
	var out map[time.Time]bool
	kept := t.gaps[:0]
	for _, g := range t.gaps {
		m := g.From.Truncate(time.Minute)
		if m.Before(from) {
			m = from
		}
		for ; m.Before(g.To) && m.Before(to); m = m.Add(time.Minute) {
			if out == nil {
				out = map[time.Time]bool{}
			}
			out[m] = true
		}
		if g.To.After(to) {
			kept = append(kept, g)
		}
	}
	t.gaps = kept
	return out
}

// evict forgets minutes that are over. A post that comes later still starts its cell anew: its author may
// be counted twice.
func (t *tally) evict() {
	newest := t.newest.at / 60e6
	keep := t.closing.Unix()/60 - 1
	for m, cells := range t.minutes {
		if m < keep && m < newest-1 || m < newest-windowMinutes {
			for _, c := range cells {
				t.bytes -= cellBytes + c.authors.bytes()
			}
			delete(t.minutes, m)
		}
	}
}

// snapshot copies the counts.
func (t *tally) snapshot() (s meterCounts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s = t.meter.meterCounts
	s.drops = maps.Clone(s.drops)
	s.newest, s.complete, s.reread = t.newest.at, t.complete, t.reread != nil && t.reread.passing
	return s
}
