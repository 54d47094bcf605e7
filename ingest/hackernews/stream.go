// Package hackernews counts Hacker News over its Firebase API: every story and comment has an id, the ids
// follow each other, and so nothing is missed and nothing counted twice.
//
// The place is the last id done with and when it was made. An id the server does not have yet is asked for
// again for about a minute and then skipped; what comes after it waits, so that the place never passes it.
package hackernews

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"surgecast"
	"surgecast/ingest"
)

// Config of a Stream. Only Hash and Clock have no default.
type Config struct {
	BaseURL   string // "": the real one
	Client    *http.Client
	Hash      ingest.Hash
	UserAgent string
	Clock     surgecast.Clock
	Logger    *slog.Logger

	Every   time.Duration // between looks at the newest id; 0: 5 s
	Retries int           // how often an id the server does not have is asked for again, Every apart; 0: 12, a minute
	CatchUp int64         // items read after an absence at most, the rest is a gap; 0: 20,000, more than a day
}

const (
	baseURL   = "https://hacker-news.firebaseio.com/v0"
	userAgent = "surgecast (counts only, stores no posts)"

	parallel = 8       // requests at a time
	chunk    = 64      // items in memory at a time
	maxItem  = 1 << 20 // bytes of one item
	timeout  = 20 * time.Second

	// settle is how long an item may take from being made to being counted by maxitem.
	settle = 10 * time.Second
)

// Stream is the feed.
type Stream struct{ c Config }

// New makes the feed; it starts nothing.
func New(c Config) *Stream {
	if c.BaseURL == "" {
		c.BaseURL = baseURL
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if c.Client == nil {
		c.Client = &http.Client{}
	}
	if c.UserAgent == "" {
		c.UserAgent = userAgent
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Every == 0 {
		c.Every = 5 * time.Second
	}
	if c.Retries == 0 {
		c.Retries = 12
	}
	if c.CatchUp == 0 {
		c.CatchUp = 20_000
	}
	return &Stream{c: c}
}

// Source names the feed.
func (*Stream) Source() surgecast.Source {
	return surgecast.Source{Slug: "hackernews", Kind: surgecast.SourceRanked, Mode: surgecast.Increments, StepSeconds: 60}
}

// Stall is how long silence is normal: a look at the newest id may take its whole time limit.
func (s *Stream) Stall() time.Duration { return 3*timeout + 2*s.c.Every }

// place is the last id done with, and when it was made: "41000000@1724000000".
type place struct{ id, at int64 }

func (p place) String() string { return fmt.Sprintf("%d@%d", p.id, p.at) }

func parsePlace(s string) (p place, err error) {
	id, at, _ := strings.Cut(s, "@")
	if p.id, err = strconv.ParseInt(id, 10, 64); err == nil {
		p.at, err = strconv.ParseInt(at, 10, 64)
	}
	if err != nil || p.id <= 0 {
		return p, fmt.Errorf("hackernews: the stored place %q is none of this feed", s)
	}
	return p, nil
}

// Run reads on from the stored place.
func (s *Stream) Run(ctx context.Context, from string, sink ingest.Sink) error {
	var at place
	if from != "" {
		var err error
		if at, err = parsePlace(from); err != nil {
			return err
		}
	}
	misses := 0 // of the id after the place
	for {
		asked := s.c.Clock()
		newest, err := s.newest(ctx)
		if err != nil {
			return err
		}
		if at.id == 0 {
			at = place{newest, asked.Unix()}
			if err := sink.Posts(ctx, nil, at.String()); err != nil {
				return err
			}
		}
		if newest-at.id > s.c.CatchUp {
			if at, err = s.skip(ctx, at, newest-s.c.CatchUp, sink); err != nil {
				return err
			}
		}
		waiting := false
		for at.id < newest && !waiting {
			before := at.id
			at, waiting, err = s.chunk(ctx, at, min(newest, at.id+chunk), misses >= s.c.Retries, sink)
			if err != nil {
				return err
			}
			if at.id > before {
				misses = 0
			}
		}
		if waiting {
			misses++
			// Not everything made before now is here, but what stands before the missing item is.
			sink.Complete(time.Unix(at.at, 0).UTC())
		} else {
			sink.Complete(asked.Add(-settle).UTC())
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(s.c.Every):
		}
	}
}

// skip gives up what lies between the place and id: too much to be read one by one.
func (s *Stream) skip(ctx context.Context, at place, id int64, sink ingest.Sink) (place, error) {
	for try := id; try < id+chunk; try++ { // the first that is there tells the time
		it, found, err := s.item(ctx, try)
		if err != nil && !errors.Is(err, errUnread) {
			return at, err
		}
		if err != nil || !found {
			continue
		}
		sink.Gap(time.Unix(at.at, 0).UTC(), time.Unix(it.Time, 0).UTC(), "away for too long")
		sink.Dropped("skipped", int(try-1-at.id))
		at = place{try - 1, it.Time}
		return at, sink.Posts(ctx, nil, at.String())
	}
	return at, fmt.Errorf("hackernews: none of %d items from %d on can be read", chunk, id)
}

// chunk reads the items after the place up to and with last and hands them over up to the first that is not
// there; with giveUp that one is skipped.
func (s *Stream) chunk(ctx context.Context, at place, last int64, giveUp bool, sink ingest.Sink) (now place, waiting bool, err error) {
	type answer struct {
		item  item
		found bool
		err   error
	}
	answers := make([]answer, last-at.id)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range answers {
		g.Go(func() error {
			a := &answers[i]
			if a.item, a.found, a.err = s.item(gctx, at.id+1+int64(i)); a.err != nil && !errors.Is(a.err, errUnread) {
				return a.err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return at, false, err
	}
	posts := make([]ingest.Post, 0, len(answers))
	for i := range answers {
		a := &answers[i]
		if a.err == nil && !a.found && (i > 0 || !giveUp) {
			waiting = true
			break
		}
		switch {
		case a.err != nil:
			sink.Dropped("undecodable", 1)
		case !a.found:
			sink.Dropped("never appeared", 1)
		default:
			p, reason := a.item.post(s.c.Hash)
			if reason != "" {
				sink.Dropped(reason, 1)
			} else {
				posts = append(posts, p)
			}
			at.at = max(at.at, a.item.Time)
		}
		at.id++
	}
	return at, waiting, sink.Posts(ctx, posts, at.String())
}

func (s *Stream) newest(ctx context.Context) (int64, error) {
	body, err := s.get(ctx, "/maxitem.json")
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseInt(strings.TrimSpace(string(body)), 10, 64)
	if err != nil || id <= 0 {
		return 0, errors.New("hackernews: the newest id is not a number")
	}
	return id, nil
}

func (s *Stream) item(ctx context.Context, id int64) (item, bool, error) {
	body, err := s.get(ctx, "/item/"+strconv.FormatInt(id, 10)+".json")
	if err != nil {
		return item{}, false, err
	}
	return decode(body, id)
}

// get reads one answer. An answer that does not end within maxItem bytes is not an item.
func (s *Stream) get(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.c.BaseURL+path, nil)
	if err != nil {
		return nil, fmt.Errorf("hackernews: %w", err)
	}
	req.Header.Set("User-Agent", s.c.UserAgent)
	resp, err := s.c.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("hackernews: asking for %s: %w", path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("hackernews: asking for %s: %s", path, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxItem+1))
	if err != nil {
		return nil, fmt.Errorf("hackernews: reading %s: %w", path, err)
	}
	if len(body) > maxItem {
		return nil, fmt.Errorf("%w: longer than %d bytes", errUnread, maxItem)
	}
	return body, nil
}
