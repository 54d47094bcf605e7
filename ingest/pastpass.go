package ingest

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"surgecast"
	"surgecast/ingest/match"
)

// Ends of a pass.
var (
	errPassed   = errors.New("the piece has been read")
	errTooLarge = errors.New("the piece does not fit into memory")
)

// pastPass is one piece of the past being read: the Sink of the other connection. It begins ten minutes before
// the piece, so that authors and copies are known when it counts.
type pastPass struct {
	clock  surgecast.Clock
	feed   Stream
	watch  func(context.Context, context.CancelCauseFunc, func() bool, *meter, time.Duration, *trouble)
	stall  time.Duration
	ill    *trouble
	m      *meter
	limit  *rate.Limiter
	topics *match.Set
	kind   surgecast.SourceKind
	jobs   map[int64]*pastJob

	begin, end time.Time
	floor      time.Time // the feed does not go back further; zero: it does

	cancel  context.CancelCauseFunc
	scratch match.Scratch
	seen    seen
	memory  memory
	cells   map[pastCell]*cell
	bytes   int
	most    int // more of them end the pass
}

type pastCell struct{ topic, minute int64 }

// pastJob is one topic's share: what is stamped in [from, until).
type pastJob struct {
	past        surgecast.TopicPast
	from, until int64
	border      idTable // events counted from until on
	known       bool    // border is
	next        idTable // the same of from
}

// readFrom reads the piece; place lies before its beginning.
func (p *pastPass) readFrom(ctx context.Context, place string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.cancel = cancel
	p.m.life.Store(p.clock().UnixMicro())
	var wg sync.WaitGroup
	wg.Go(func() { p.watch(ctx, cancel, func() bool { return false }, p.m, p.stall, p.ill) })
	err := p.feed.Run(ctx, place, p)
	cause := context.Cause(ctx)
	cancel(nil)
	wg.Wait()
	switch {
	case errors.Is(cause, errPassed):
		return nil
	case cause != nil:
		return cause
	case err == nil:
		return errors.New("the feed ended before the piece did")
	}
	return err
}

// Posts counts.
func (p *pastPass) Posts(ctx context.Context, posts []Post, _ string) error {
	if len(posts) > 0 {
		if err := p.limit.WaitN(ctx, len(posts)); err != nil {
			return context.Cause(ctx)
		}
	}
	p.m.life.Store(p.clock().UnixMicro())
	for i := range posts {
		p.post(&posts[i])
	}
	if p.bytes > p.most {
		p.cancel(errTooLarge)
	}
	return nil
}

func (p *pastPass) post(post *Post) {
	if p.seen.add(post.ID, post.Time) || skewed(post) {
		return
	}
	ids := p.topics.Match(&p.scratch, post.Text, post.Tags, post.Links)
	if len(ids) == 0 {
		return
	}
	words := uint64(0)
	if post.Kind != Repost {
		words = fingerprint(post.Text)
	}
	what := traitsOf(post, p.kind)
	for _, topic := range ids {
		own := p.memory.organic(topic, post.Time/60e6, post.Author, words, what)
		minute, mine := p.jobs[topic].takes(post)
		if !mine {
			continue
		}
		k := pastCell{topic, minute}
		c := p.cells[k]
		if c == nil {
			c = &cell{topic: topic}
			p.cells[k] = c
			p.bytes += cellBytes
		}
		p.bytes -= c.authors.bytes()
		c.authors.add(post.Author)
		p.bytes += c.authors.bytes()
		c.raw++
		c.organic += own
		c.reach += post.Reach
	}
}

// takes says whether a post belongs to the piece, and to which minute. Near the end of the piece the same event
// may have been counted under the stamp of another host, or missed: who was counted there tells.
func (j *pastJob) takes(p *Post) (minute int64, mine bool) {
	at := p.Time
	switch {
	case at < j.from:
		return 0, false
	case at >= j.until+borderSpan:
		return 0, false
	case !j.known || p.ID == 0:
		mine = at < j.until
	case at >= j.until-borderSpan:
		mine = !j.border.has(p.ID)
	default:
		mine = true
	}
	if mine && at < j.from+2*borderSpan && p.ID != 0 {
		j.next.add(p.ID)
	}
	return min(at, j.until-1) / 60e6, mine
}

// Complete ends the piece.
func (p *pastPass) Complete(at time.Time) {
	p.m.life.Store(p.clock().UnixMicro())
	if at.UnixMicro() > p.end.UnixMicro()+borderSpan {
		p.cancel(errPassed)
	}
}

// Gap says how far the feed goes back.
func (p *pastPass) Gap(_, to time.Time, _ string) {
	if to.After(p.floor) {
		p.floor = to.UTC()
	}
}

// Dropped and Warn are the stream's own affair: it has met the same.
func (p *pastPass) Dropped(string, int) {}

// Warn is not kept.
func (p *pastPass) Warn(string) {}

// result is what was read. Below the feed's floor nothing is known, and a minute it cuts is not whole.
func (p *pastPass) result(source int64) surgecast.PastRead {
	out := surgecast.PastRead{SourceID: source}
	begin := p.begin
	floor := time.Time{}
	if !p.floor.IsZero() {
		floor = ceilMinute(p.floor.Add(slackMicros * time.Microsecond))
	}
	for id, j := range p.jobs {
		to := time.UnixMicro(j.from).UTC()
		done := !j.past.BackTo.Before(begin) || floor.After(begin)
		if floor.After(to) {
			to = floor
		}
		if to.After(j.past.Since) {
			to = j.past.Since
		}
		border := []uint64{}
		if j.next.n > maxBorder {
			border = nil
		} else {
			border = j.next.all(border)
		}
		j.from = to.UnixMicro()
		out.Topics = append(out.Topics, surgecast.PastMoved{TopicID: id, From: j.past.Since, To: to, Done: done, Border: border})
	}
	for k, c := range p.cells {
		if k.minute*60e6 < p.jobs[k.topic].from {
			continue
		}
		out.Rows = append(out.Rows, surgecast.MentionMinute{
			TopicID: k.topic, SourceID: source, Minute: time.Unix(k.minute*60, 0).UTC(), Raw: c.raw, Organic: c.organic, Authors: c.authors.count(), Reach: c.reach,
		})
	}
	return out
}
