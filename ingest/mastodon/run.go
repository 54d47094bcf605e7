package mastodon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"surgecast/ingest"
)

// run is one life of the connections: it owns the sink.
type run struct {
	*Stream
	sink  ingest.Sink
	queue <-chan event
	place place
	began time.Time
	fresh bool // nothing was ever read: what was before began is not known, and not zero

	posts    []ingest.Post
	moved    bool      // the place, since it was handed over
	told     time.Time // when that was
	lastPost time.Time
	deletes  int       // since the last post
	lost     time.Time // up to here the fault was told as a gap
}

func (r *run) loop(ctx context.Context) error {
	r.fresh = r.place.at.IsZero()
	r.cfg.Logger.InfoContext(ctx, "listening", "server", r.host, "streams", len(r.channels))
	if !r.fault.IsZero() {
		r.lost = r.began // the fault of the connection before stands until a post comes
	}
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	now := r.cfg.Clock()
	r.lastPost, r.told = now, now
	if !r.fault.IsZero() {
		r.sink.Warn(r.complaint())
	}
	tick := time.NewTicker(r.cfg.Tick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev := <-r.queue:
			r.take(ev)
			for len(r.posts) < batchLength && len(r.queue) > 0 {
				r.take(<-r.queue)
			}
			if err := r.handOver(ctx, len(r.posts) > 0); err != nil {
				return err
			}
		case <-tick.C:
			if err := r.look(ctx); err != nil {
				return err
			}
		}
	}
}

// take notes one event.
func (r *run) take(ev event) {
	switch ev.kind {
	case undecodable:
		r.sink.Dropped("undecodable", 1)
	case deletion:
		r.deletes++
	case edit:
		r.alive(ev.arrived) // posts are shown to us
	case update:
		r.alive(ev.arrived)
		at := streamTime(ev.status.CreatedAt, ev.arrived)
		if r.fresh && at.Before(r.began) {
			at = r.began // the minute before was not listened to
		}
		r.add(&ev.status, ev.channel, at, ev.arrived)
	}
}

// streamTime decides the minute of a post of the stream. Its own time is that of the server it was written
// on: it is taken when it fits its arrival, for posts travel a while. A post that comes late (servers
// deliver again for days) or with a wrong clock counts when it arrived: that is when people here saw it.
func streamTime(created, arrived time.Time) time.Time {
	if created.After(arrived.Add(-skew)) && created.Before(arrived.Add(ahead)) {
		if created.After(arrived) {
			return arrived
		}
		return created
	}
	return arrived
}

// add takes a post unless it was taken already or is not to be counted.
func (r *run) add(s *status, channel int, at, now time.Time) {
	if compareIDs(s.ID, r.place.id[channel]) > 0 {
		r.place.id[channel] = s.ID
		r.moved = true
	}
	if !r.seen.first(r.cfg.Hash(s.CreatedAt.UnixMicro(), []byte(s.ID)), now) {
		return
	}
	if reason := s.counted(); reason != "" {
		r.sink.Dropped(reason, 1)
		return
	}
	r.posts = append(r.posts, r.post(s, at))
}

// alive notes that posts are shown to us, and ends a fault.
func (r *run) alive(now time.Time) {
	r.lastPost, r.deletes = now, 0
	if r.fault.IsZero() {
		return
	}
	r.gap(now)
	r.fault = time.Time{}
	r.sink.Warn("")
}

// handOver gives the sink what was taken, and the place after it.
func (r *run) handOver(ctx context.Context, evenEmpty bool) error {
	if !r.moved && !evenEmpty {
		return nil
	}
	r.place.at = r.cfg.Clock()
	if err := r.sink.Posts(ctx, r.posts, r.place.text(r.channels)); err != nil {
		return err
	}
	clear(r.posts)
	r.posts, r.moved, r.told = r.posts[:0], false, r.place.at
	return nil
}

// look says what is complete, and whether posts are kept from us.
func (r *run) look(ctx context.Context) error {
	now := r.cfg.Clock()
	if len(r.queue) > 0 {
		return nil // what waits there arrived before now
	}
	r.seen.forget(now)
	if r.fault.IsZero() && now.Sub(r.lastPost) >= r.cfg.NoPosts && (r.deletes >= faultDeletes || r.wide()) {
		r.fault, r.lost = now, r.lastPost
		r.sink.Warn(r.complaint())
		r.cfg.Logger.WarnContext(ctx, "a stream brings no posts", "server", r.host, "deletions", r.deletes)
	}
	switch {
	case !r.fault.IsZero():
		if now.Sub(r.lost) >= time.Minute {
			r.gap(now)
		}
		return nil // nothing is complete: what was posted was not shown
	case r.deletes >= faultDeletes:
		return nil // it may turn out to be the fault above
	}
	if done := now.Add(-Late); !r.fresh || !done.Before(r.began) {
		r.sink.Complete(done)
	}
	return r.handOver(ctx, now.Sub(r.told) >= time.Minute)
}

// wide reports whether so much passes here that no post in minutes is a fault by itself. A hashtag, or the
// people of one small server, may well be silent.
func (r *run) wide() bool { return len(r.cfg.Tags) == 0 && !r.cfg.Local }

func (r *run) complaint() string {
	advice := " Follow hashtags instead (SURGECAST_MASTODON_TAGS), or choose another server."
	if r.deletes > 0 {
		return fmt.Sprintf("connected to %s, but only deletes arrive: the server no longer streams posts to others. Its minutes are missing, not zero.", r.host) + advice
	}
	return fmt.Sprintf("connected to %s, but no posts arrive. Its minutes are missing, not zero.", r.host) + advice
}

func (r *run) gap(now time.Time) {
	if now.After(r.lost) {
		r.sink.Gap(r.lost, now, "connected, but no posts were shown")
		r.lost = now
	}
}

// oldest is how far before the place a post may say it was written to be one that was missed.
const oldest = 10 * time.Minute

// catchUp reads what was posted since the place, oldest first, page by page. What cannot be read, or is
// more than the cap, is a gap.
func (r *run) catchUp(ctx context.Context) error {
	if r.place.at.IsZero() {
		return nil
	}
	left := r.cfg.CatchUp
	began := r.place.at
	for i, c := range r.channels {
		last := r.place.id[i]
		if last == "" {
			// No post was ever seen here. An id holds its time in milliseconds, 16 bits further up.
			last = strconv.FormatInt(began.UnixMilli()<<16, 10)
		}
		read := began // everything before was handed over
		for {
			if left <= 0 {
				r.sink.Gap(read, r.began, fmt.Sprintf("more than %d posts were missed", r.cfg.CatchUp))
				break
			}
			page, err := r.page(ctx, c, last)
			var no *refused
			if errors.As(err, &no) || errors.Is(err, errUndecodable) {
				if read.Before(r.began) {
					r.sink.Gap(read, r.began, "what was missed cannot be read")
				}
				r.cfg.Logger.WarnContext(ctx, "what was missed cannot be read", "server", r.host, "error", err)
				break
			}
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			now := r.cfg.Clock()
			for k := range page {
				s := &page[k]
				at := s.CreatedAt
				if at.Before(began.Add(-oldest)) {
					r.sink.Dropped("old", 1) // a server whose ids tell no time began with its first post
					last = s.ID
					continue
				}
				if at.Before(read) {
					at = read // ids rise, so it cannot have been shown before
				}
				if at.After(now) {
					at = now
				}
				r.add(s, i, at, now)
				read, last = at, s.ID
			}
			left -= len(page)
			r.moved = true
			if err := r.caughtUp(ctx, read); err != nil {
				return err
			}
		}
	}
	return nil
}

// caughtUp hands over a page. The place's time is that of the page, not now: beyond it nothing is known.
func (r *run) caughtUp(ctx context.Context, read time.Time) error {
	if err := r.sink.Posts(ctx, r.posts, place{at: read, id: r.place.id}.text(r.channels)); err != nil {
		return err
	}
	clear(r.posts)
	r.posts, r.moved = r.posts[:0], false
	return nil
}

// page reads the posts that follow an id, oldest first.
func (r *run) page(ctx context.Context, c channel, after string) ([]status, error) {
	var raw []json.RawMessage
	err := r.get(ctx, c.timeline+"limit="+strconv.Itoa(pageSize)+"&min_id="+after, "the timeline", &raw)
	if err != nil {
		return nil, err
	}
	var page []status
	for _, b := range raw {
		s, err := decode(b)
		if err != nil {
			r.sink.Dropped("undecodable", 1)
			continue
		}
		if compareIDs(s.ID, after) > 0 { // a server that takes no notice of min_id must not turn us in circles
			page = append(page, s)
		}
	}
	slices.SortFunc(page, func(a, b status) int { return compareIDs(a.ID, b.ID) })
	return page, nil
}
