// Package wikimedia counts edits of Wikipedia's articles and of its sisters', from EventStreams.
//
// An edit of an article about something is a sign that people talk about it; the article's title is the
// text that is matched, and its address a link. The server ends connections regularly, which is no fault,
// and remembers a week: the place is the whole id of the last event, sent back as Last-Event-ID.
package wikimedia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/tmaxmax/go-sse"

	"surgecast"
	"surgecast/ingest"
)

// Config of a Stream. Only Hash and Clock have no default. The operators ask for a User-Agent with a contact.
type Config struct {
	BaseURL   string // the stream's whole address; "": recentchange of all wikis
	Client    *http.Client
	Hash      ingest.Hash
	UserAgent string
	Clock     surgecast.Clock
	Logger    *slog.Logger
}

const (
	baseURL   = "https://stream.wikimedia.org/v2/stream/recentchange"
	userAgent = "surgecast (counts only, stores no posts)"

	maxEvent = 256 << 10 // bytes; real events have two thousand
	maxID    = 16 << 10  // bytes of an event's id; real ones have two hundred
	batch    = 256       // events handed over at once when they come fast
	remember = 8192      // ids of events, which come twice around a reconnection

	// retention is how far the server can go back; lag what may still come after an event that is later, since
	// the stream is woven of several logs.
	retention = 7 * 24 * time.Hour
	lag       = 15 * time.Second
	// hole is a silence no healthy connection has: thirty events come each second.
	hole = time.Minute
	// ahead is how wrong the server's clock may be.
	ahead = 10 * time.Minute
)

// Stream is the feed.
type Stream struct{ c Config }

// New makes the feed; it starts nothing.
func New(c Config) *Stream {
	if c.BaseURL == "" {
		c.BaseURL = baseURL
	}
	if c.Client == nil {
		c.Client = &http.Client{}
	}
	if c.UserAgent == "" {
		c.UserAgent = userAgent
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Stream{c: c}
}

// Source names the feed.
func (*Stream) Source() surgecast.Source {
	return surgecast.Source{Slug: "wikimedia", Kind: surgecast.SourceEdits, Mode: surgecast.Increments, StepSeconds: 60}
}

// place is where the feed was: the id to send back, whole, and the time of the newest event.
type place struct {
	ID   string `json:"id"`
	Time int64  `json:"t"` // Unix microseconds
}

func (p place) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // a string and a number
	}
	return string(b)
}

// reading is one connection.
type reading struct {
	s       *Stream
	ctx     context.Context //nolint:containedctx // a Reader's method has no room for it; the reading ends with the context
	sink    ingest.Sink
	at      place
	first   bool // no event has come yet
	pending []ingest.Post
	moved   bool // the place has moved since the last hand-over
	events  int
	seen    map[uint64]struct{}
	order   []uint64 // a ring of what is in seen
	next    int
}

// Run reads one connection to its end. A clean end is regular and gives nil.
func (s *Stream) Run(ctx context.Context, from string, sink ingest.Sink) error {
	r := &reading{s: s, ctx: ctx, sink: sink, first: true, seen: map[uint64]struct{}{}, order: make([]uint64, remember)}
	if from != "" {
		if err := json.Unmarshal([]byte(from), &r.at); err != nil {
			return fmt.Errorf("wikimedia: the stored place is none of this feed: %w", err)
		}
	}
	if now := s.c.Clock(); r.at.Time != 0 && now.UnixMicro()-r.at.Time > retention.Microseconds() {
		sink.Gap(time.UnixMicro(r.at.Time).UTC(), now.UTC(), "away for longer than the server remembers")
		r.at = place{}
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.c.BaseURL, nil)
	if err != nil {
		return fmt.Errorf("wikimedia: %w", err)
	}
	req.Header.Set("User-Agent", s.c.UserAgent)
	req.Header.Set("Accept", "text/event-stream")
	if r.at.ID != "" {
		req.Header.Set("Last-Event-ID", r.at.ID)
	}
	resp, err := s.c.Client.Do(req)
	if err != nil {
		return fmt.Errorf("wikimedia: connecting: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("wikimedia: connecting: %s", resp.Status)
	}
	body := &bounded{r: resp.Body, limit: maxEvent, idle: r.flush, cut: func() { sink.Dropped("too long", 1) }}
	for e, err := range sse.Read(body, &sse.ReadConfig{MaxEventSize: 2 * maxEvent}) {
		if err != nil {
			return fmt.Errorf("wikimedia: reading: %w", errors.Join(err, r.flush()))
		}
		r.take(e)
		if len(r.pending) >= batch {
			if err := r.flush(); err != nil {
				return err
			}
		}
	}
	if err := r.flush(); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if r.events == 0 {
		return errors.New("wikimedia: the connection ended before its first event")
	}
	return nil
}

// take reads one event.
func (r *reading) take(e sse.Event) {
	if e.Data == "" {
		return
	}
	r.events++
	if len(e.LastEventID) > maxID {
		r.sink.Dropped("too long", 1)
		return
	}
	if e.LastEventID != "" && e.LastEventID != r.at.ID {
		r.at.ID, r.moved = e.LastEventID, true
	}
	c, err := decode(e.Data)
	if err != nil {
		r.sink.Dropped("undecodable", 1)
		return
	}
	if c.canary() {
		return
	}
	t := c.Meta.Time.UnixMicro()
	if t > r.s.c.Clock().Add(ahead).UnixMicro() {
		r.sink.Dropped("clock", 1)
		return
	}
	if r.first && r.at.Time != 0 && t > r.at.Time+hole.Microseconds() {
		r.sink.Gap(time.UnixMicro(r.at.Time).UTC(), c.Meta.Time.UTC(), "the server could not go back far enough")
	}
	r.first = false
	if t > r.at.Time {
		r.at.Time, r.moved = t, true
	}
	if !c.counted() {
		return
	}
	p := c.post(r.s.c.Hash)
	if !r.again(p.ID) {
		r.pending = append(r.pending, p)
	}
}

// again says whether an event came before on this connection, and remembers it.
func (r *reading) again(id uint64) bool {
	if _, twice := r.seen[id]; twice {
		return true
	}
	delete(r.seen, r.order[r.next])
	r.order[r.next], r.seen[id] = id, struct{}{}
	r.next = (r.next + 1) % remember
	return false
}

// flush hands over what has been read; it is called before every read that may wait.
func (r *reading) flush() error {
	if !r.moved && len(r.pending) == 0 {
		return nil
	}
	if err := r.sink.Posts(r.ctx, r.pending, r.at.String()); err != nil {
		return err
	}
	if r.at.Time != 0 {
		r.sink.Complete(time.UnixMicro(r.at.Time).Add(-lag).UTC())
	}
	clear(r.pending)
	r.pending, r.moved = r.pending[:0], false
	return nil
}
