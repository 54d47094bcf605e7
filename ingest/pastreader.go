package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"surgecast"
	"surgecast/ingest/match"
)

// How a past is read.
const (
	pastSpan    = time.Hour   // a piece; less when it takes too much memory
	pastMost    = 64 << 20    // bytes of a piece in memory
	pastRate    = 10_000      // posts a second
	borderSpan  = 5e6         // microseconds two hosts' stamps of one event are apart, at most
	maxBorder   = 4096        // events kept of a border; beyond that only the time tells
	pastLook    = time.Second // how often it is looked whether a past may be read
	pastTries   = 3           // with the smallest piece; what does not fit into memory then is not read
	pastSettled = 15e6        // microseconds after which nothing stamped before comes any more
)

// pastReader reads the pasts of new topics from the feed, over a connection of its own: an hour at a time, the
// newest first, so that what is known always reaches to the present without a hole. A piece is stored whole,
// by the stream's writer; one that was begun and not finished, for whatever reason, is read again.
type pastReader struct {
	s     *Supervisor
	feed  Replayer
	again Stream // the other connection
	t     *tally
	m     *meter // of the stream
	ill   *trouble
	span  time.Duration
	most  int   // bytes of a piece in memory
	large int   // how often the smallest piece did not fit
	none  bool  // there was nothing to be read
	made  int64 // when this many had been made
}

// pastPiece is read and waits to be stored.
type pastPiece struct {
	read   surgecast.PastRead
	stored chan struct{} // closed when it is
}

func newPastReader(s *Supervisor, feed Replayer, t *tally, m *meter) *pastReader {
	ill := &trouble{log: s.Logger.With("source", t.source.Slug), clock: s.Clock, back: "the past of new topics is read again"}
	return &pastReader{s: s, feed: feed, again: feed.Replay(), t: t, m: m, ill: ill, span: pastSpan, most: pastMost}
}

// run reads until ctx ends. What fails is tried again.
func (r *pastReader) run(ctx context.Context) {
	wait := newBackoff(time.Second, time.Minute)
	for ctx.Err() == nil {
		more, err := r.step(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errTooLarge) && r.span > time.Minute:
			r.span = max(time.Minute, r.span/2).Truncate(time.Minute)
		case err != nil:
			d := wait.next()
			r.ill.fails("the past of new topics cannot be read; trying again by itself", err, d)
			sleep(ctx, d)
		default:
			wait.reset()
			if more {
				r.ill.lives(time.Time{}) // a piece was read whole
			} else {
				sleep(ctx, pastLook)
			}
		}
	}
}

// step reads and stores one piece, if there is one; more: there may be another at once.
func (r *pastReader) step(ctx context.Context) (more bool, err error) {
	r.t.mu.Lock()
	made, stored := r.t.pastsMade, r.t.pastsStored
	settled := time.UnixMicro(r.t.newest.at - pastSettled)
	if r.t.reread != nil {
		settled = time.Time{}
	}
	near := r.t.place
	r.t.mu.Unlock()
	if r.none && r.made == made || near == "" || settled.IsZero() {
		return false, nil
	}
	pasts, err := r.s.Store.TopicPasts(ctx, r.t.source.ID)
	if err != nil {
		return false, err
	}
	pasts = slices.DeleteFunc(pasts, func(p surgecast.TopicPast) bool { return p.BackTo.IsZero() })
	r.m.past(pasts)
	if len(pasts) == 0 {
		r.none, r.made = made == stored, made
		return false, nil
	}
	pasts = slices.DeleteFunc(pasts, func(p surgecast.TopicPast) bool { return p.Since.After(settled) })
	if len(pasts) == 0 {
		return false, nil
	}
	end := slices.MaxFunc(pasts, func(a, b surgecast.TopicPast) int { return a.Since.Compare(b.Since) }).Since
	begin := end.Add(-r.span)
	if floor := slices.MinFunc(pasts, func(a, b surgecast.TopicPast) int { return a.BackTo.Compare(b.BackTo) }).BackTo; begin.Before(floor) {
		begin = floor
	}
	p, err := r.open(pasts, begin, end)
	if err != nil {
		return false, err
	}
	err = p.readFrom(ctx, r.feed.PlaceAt(begin.Add(-windowMinutes*time.Minute), near))
	if errors.Is(err, errTooLarge) && r.span <= time.Minute {
		if r.large++; r.large == pastTries {
			r.s.Logger.Warn("the past of new topics ends here: a minute of it does not fit into memory", "source", r.t.source.Slug, "topics", len(p.jobs), "minute", begin)
			r.m.lose(fmt.Sprintf("the past of new topics (%d) ends at %s UTC: a minute before it had more mentions than fit into memory", len(p.jobs), end.Format("2 January 15:04")))
			p.floor, err = end, nil
		}
	}
	if err != nil {
		return false, err
	}
	r.large = 0
	if err := r.t.store(ctx, p.result(r.t.source.ID)); err != nil {
		return false, err
	}
	r.span = min(pastSpan, 2*r.span)
	return true, nil
}

// open prepares the reading of a piece: of the topics whose past it touches.
func (r *pastReader) open(pasts []surgecast.TopicPast, begin, end time.Time) (*pastPass, error) {
	terms := map[int64]surgecast.Topic{}
	for _, t := range r.s.book.all() {
		terms[t.ID] = t
	}
	p := &pastPass{
		clock: r.s.Clock, feed: r.again, watch: r.s.watch, stall: r.s.stallOf(r.again), ill: r.ill, m: newMeter(r.s.Clock), limit: rate.NewLimiter(rate.Limit(r.s.PastRate), 4096),
		most: r.most, kind: r.t.source.Kind, begin: begin, end: end, jobs: map[int64]*pastJob{}, cells: map[pastCell]*cell{},
	}
	if r.s.PastRate == 0 {
		p.limit.SetLimit(pastRate)
	}
	var topics []match.Topic
	for _, past := range pasts {
		t, known := terms[past.TopicID]
		if !known || !past.Since.After(begin) {
			continue
		}
		topics = append(topics, match.Topic{ID: t.ID, Any: t.Any, And: t.And, Not: t.Not})
		from := past.BackTo
		if from.Before(begin) {
			from = begin
		}
		p.jobs[t.ID] = &pastJob{past: past, from: from.UnixMicro(), until: past.Since.UnixMicro()}
	}
	if len(topics) == 0 { // deleted a moment ago
		return nil, fmt.Errorf("none of %d topics is known any more", len(pasts))
	}
	set, err := match.Build(topics)
	if set == nil {
		return nil, err
	}
	p.topics = set
	r.t.giveUp(p.jobs)
	r.t.recallBorders(set, p.jobs)
	return p, nil
}

// stored says that these topics' beginnings are in the database.
func (t *tally) stored(begun []surgecast.TopicPast) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range begun {
		if !p.BackTo.IsZero() {
			t.pastsStored++
		}
	}
}

// giveUp makes the pasts of these topics the reader's: what comes late from before them is not counted in passing
// any more.
func (t *tally) giveUp(jobs map[int64]*pastJob) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, j := range jobs {
		if t.borders[id] == 0 {
			t.borders[id] = j.until
		}
	}
}

// recallBorders looks up in memory which events the stream counted right after the topics began, where that is not
// stored and still remembered.
func (t *tally) recallBorders(set *match.Set, jobs map[int64]*pastJob) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, j := range jobs {
		j.known = j.past.Border != nil
		for _, h := range j.past.Border {
			j.border.add(h)
		}
	}
	oldest, ok := t.ring.Oldest()
	if !ok || t.recall == 0 {
		return
	}
	remembered := max(t.recall, oldest.UnixMicro())
	first := int64(0)
	for _, j := range jobs {
		if j.past.Border == nil && j.until >= remembered {
			j.known = true
			if first == 0 || j.until < first {
				first = j.until
			}
		}
	}
	if first == 0 {
		return
	}
	var scratch match.Scratch
	t.ring.Each(time.UnixMicro(first), func(p *match.Remembered) bool {
		if p.Source != t.source.ID || p.ID == 0 {
			return true
		}
		for _, id := range set.MatchHashes(&scratch, p.Tokens) {
			if j := jobs[id]; j.known && j.past.Border == nil && p.Time >= j.until && p.Time < j.until+2*borderSpan {
				j.border.add(p.ID)
			}
		}
		return true
	})
}

// store hands a piece to the writer and waits for it.
func (t *tally) store(ctx context.Context, read surgecast.PastRead) error {
	p := &pastPiece{read: read, stored: make(chan struct{})}
	t.mu.Lock()
	t.piece = p
	t.mu.Unlock()
	select {
	case t.kick <- struct{}{}:
	default:
	}
	select {
	case <-p.stored:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
