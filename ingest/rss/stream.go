// Package rss counts news: the items of RSS, Atom and JSON feeds, each once, in the minute it was found.
//
// A feed is asked again the sooner the more it brings, with its ETag and Last-Modified, so that most answers
// are empty. The first document of a feed is its baseline and counts nothing. One feed that fails concerns no
// other; when all do, Run says so.
package rss

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/http"
	"time"

	"github.com/mmcdole/gofeed"
	"golang.org/x/sync/errgroup"

	"surgecast"
	"surgecast/ingest"
)

// Config of a Stream. Feeds, Hash and Clock have no default.
type Config struct {
	Feeds     []string // addresses
	Client    *http.Client
	Hash      ingest.Hash
	UserAgent string
	Clock     surgecast.Clock
	Logger    *slog.Logger

	// Fastest and Slowest bound how often a feed is asked; 0: 1 and 30 minutes. The look for what is due
	// happens every twelfth of Fastest.
	Fastest, Slowest time.Duration
}

const (
	userAgent = "surgecast (counts only, stores no posts)"
	parallel  = 4
)

// Stream is all feeds together: one series.
type Stream struct{ c Config }

// New makes the feed; it starts nothing.
func New(c Config) *Stream {
	if c.Client == nil {
		c.Client = &http.Client{}
	}
	if c.UserAgent == "" {
		c.UserAgent = userAgent
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Fastest == 0 {
		c.Fastest = time.Minute
	}
	if c.Slowest == 0 {
		c.Slowest = 30 * time.Minute
	}
	return &Stream{c: c}
}

// Source names the feed.
func (*Stream) Source() surgecast.Source {
	return surgecast.Source{Slug: "rss", Kind: surgecast.SourceNews, Mode: surgecast.Increments, StepSeconds: 60}
}

// Stall is how long silence is normal: a round of slow servers.
func (s *Stream) Stall() time.Duration {
	return time.Duration(len(s.c.Feeds)/parallel+2)*timeout + time.Minute
}

// Run polls on from the stored place.
func (s *Stream) Run(ctx context.Context, from string, sink ingest.Sink) error {
	at, err := parsePlace(from)
	if err != nil {
		return err
	}
	if len(s.c.Feeds) == 0 {
		return errors.New("rss: there is no feed to read")
	}
	now := s.c.Clock()
	feeds := make([]*feed, len(s.c.Feeds))
	for i, u := range s.c.Feeds {
		feeds[i] = &feed{url: u, state: at.Feeds[nameOf(u)], seed: maphash.MakeSeed(), next: now, every: s.c.Fastest}
	}
	for {
		if err := s.round(ctx, feeds, sink); err != nil {
			return err
		}
		sink.Complete(s.c.Clock().UTC())
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(s.c.Fastest / 12):
		}
	}
}

// round asks the feeds that are due.
func (s *Stream) round(ctx context.Context, feeds []*feed, sink ingest.Sink) error {
	type answer struct {
		feed    *feed
		items   []*gofeed.Item
		changed bool
	}
	var answers []*answer
	now := s.c.Clock()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, f := range feeds {
		if now.Before(f.next) {
			continue
		}
		a := &answer{feed: f}
		answers = append(answers, a)
		g.Go(func() error {
			a.items, a.changed, f.failed = f.document(gctx, s.c)
			return nil // one feed's fault concerns no other
		})
	}
	if len(answers) == 0 {
		return nil
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	now = s.c.Clock()
	var posts []ingest.Post
	for _, a := range answers {
		f := a.feed
		var fresh []ingest.Post
		if a.changed {
			var stale int
			if fresh, stale = f.news(a.items, now, s.c.Hash); stale > 0 {
				sink.Dropped("old", stale)
			}
			posts = append(posts, fresh...)
		}
		if f.failed != nil {
			sink.Dropped("feed failed", 1)
		}
		s.pace(f, len(fresh) > 0)
		f.next = now.Add(f.every)
	}
	if err := sink.Posts(ctx, posts, s.place(feeds)); err != nil {
		return err
	}
	failed := 0
	var last error
	for _, f := range feeds {
		if f.failed != nil {
			failed++
			last = f.failed
		}
	}
	switch {
	case failed == len(feeds):
		return fmt.Errorf("rss: none of %d feeds can be read, the last: %w", failed, last)
	case failed > 0:
		sink.Warn(fmt.Sprintf("%d of %d feeds cannot be read: %v", failed, len(feeds), last))
	default:
		sink.Warn("")
	}
	return nil
}

// pace sets how soon a feed is asked again: sooner when it had news, later when not, much later when it failed.
func (s *Stream) pace(f *feed, news bool) {
	switch {
	case f.failed != nil:
		f.every *= 2
	case news:
		f.every /= 2
	default:
		f.every = f.every * 3 / 2
	}
	f.every = min(max(f.every, s.c.Fastest), s.c.Slowest)
}
