// Package mastodon reads the public posts one Mastodon server knows of, as they come.
//
// What it counts is what that server shows: public posts of its people and of those they follow elsewhere,
// without boosts and, by Mastodon's design, without most replies. Servers federate, so the same post is
// seen by many: series of two servers are never added.
//
// It promises: an edit is not counted again, a boost never; after a lost connection it pages forward from
// the last post it handed over, up to 2,000 posts, and names what lies beyond as a gap; people who ask
// not to be indexed (the noindex setting, #nobot or #noindex in their profile) are not counted; a
// stream that stands but brings no posts is a fault and is said to be one, its minutes missing and not
// zero. The token stands in no error and no log line. It counts only, and tells the server so in its
// User-Agent.
//
// It needs a token of a user of that server with read:statuses: since version 4.2 no other is let in.
package mastodon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"surgecast"
	"surgecast/ingest"
)

// Config of a Stream. Server, Token, Hash and Clock are required.
type Config struct {
	Server string   // https://mastodon.example
	Token  string   // of a user, with read:statuses
	Tags   []string // hashtags to follow, without #; none: the whole public timeline
	Local  bool     // only posts of the server's own people

	Client    *http.Client // nil: one of its own
	Hash      ingest.Hash
	UserAgent string // "": "surgecast (counts only, stores no posts)"; a contact belongs into it
	Clock     surgecast.Clock
	Logger    *slog.Logger // nil: silent

	Silence  time.Duration // no byte for so long, not even a heartbeat, ends the connection; 0: 60 s (heartbeats come every 15)
	NoPosts  time.Duration // a stream without posts for so long is at fault; 0: 5 min
	CatchUp  int           // posts read after a lost connection at most; 0: 2,000
	Tick     time.Duration // how often it is looked whether minutes are complete; 0: 1 s
	Deadline time.Duration // of a request that is not a stream; 0: 30 s
}

const (
	// Late is how long after its time a post may still come: a minute is complete a minute later.
	Late = time.Minute
	// skew is how far a post's own time may lie from its arrival to be believed. It is below Late, so that
	// no post falls into a minute that was called complete.
	skew  = 50 * time.Second
	ahead = 2 * time.Second

	pageSize     = 40
	maxEvent     = 1 << 20 // a status with its account is a few kB, 100 kB at worst
	maxPage      = 16 << 20
	maxTags      = 20 // each is a connection
	queueLength  = 256
	batchLength  = 512
	faultDeletes = 3 // that many deletions and no post: the posts are kept from us
)

// Stream is one Mastodon server as a feed (ingest.Stream).
type Stream struct {
	cfg      Config
	base     *url.URL
	host     string
	channels []channel
	err      error // of the configuration, told by Run

	mu    sync.Mutex // one Run at a time
	seen  *recent
	fault time.Time // posts are kept from us since; outlives a connection
}

var _ ingest.Stream = (*Stream)(nil)

// channel is one timeline: its stream, its pages, and its name in the place.
type channel struct {
	name     string // "public", "public:local", "#tag"
	stream   string // path and query of the stream
	timeline string // path and query of the pages
}

// New makes a Stream. It starts nothing; what is wrong with the configuration is told by Run.
func New(c Config) *Stream {
	c.Client = cmp.Or(c.Client, &http.Client{})
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.UserAgent = cmp.Or(c.UserAgent, "surgecast (counts only, stores no posts)")
	c.Silence = cmp.Or(c.Silence, time.Minute)
	c.NoPosts = cmp.Or(c.NoPosts, 5*time.Minute)
	c.CatchUp = cmp.Or(c.CatchUp, 2000)
	c.Tick = cmp.Or(c.Tick, time.Second)
	c.Deadline = cmp.Or(c.Deadline, 30*time.Second)
	m := &Stream{cfg: c, seen: newRecent()}
	m.err = m.configure()
	return m
}

func (m *Stream) configure() error {
	raw := strings.TrimSuffix(strings.TrimSpace(m.cfg.Server), "/")
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Path != "" || u.RawQuery != "" {
		m.host = "unknown"
		return &surgecast.FieldError{Field: "mastodon server", Detail: "not the address of a server", Remedy: "Set SURGECAST_MASTODON_SERVER to https:// and the host, for example https://mastodon.example."}
	}
	m.base, m.host = u, strings.ToLower(u.Host)
	if m.cfg.Token == "" {
		return &surgecast.FieldError{Field: "mastodon token", Detail: "missing: since version 4.2 streams are open to users only", Remedy: "On " + m.host + ", make an application with the scope read:statuses under Preferences, Development, and set SURGECAST_MASTODON_TOKEN to its access token."}
	}
	if len(m.cfg.Tags) > maxTags {
		return &surgecast.FieldError{Field: "mastodon tags", Value: fmt.Sprint(len(m.cfg.Tags)), Detail: "too many hashtags: each is a connection", Remedy: fmt.Sprintf("Follow at most %d.", maxTags)}
	}
	if len(m.cfg.Tags) == 0 {
		c := channel{name: "public", stream: "/api/v1/streaming/public", timeline: "/api/v1/timelines/public?"}
		if m.cfg.Local {
			c = channel{name: "public:local", stream: "/api/v1/streaming/public/local", timeline: "/api/v1/timelines/public?local=true&"}
		}
		m.channels = []channel{c}
	}
	for _, tag := range m.cfg.Tags {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "#")
		if tag == "" || strings.ContainsAny(tag, "/?# \t\n=") {
			return &surgecast.FieldError{Field: "mastodon tags", Value: tag, Detail: "not a hashtag", Remedy: "Give letters and digits, without spaces."}
		}
		c := channel{name: "#" + strings.ToLower(tag), stream: "/api/v1/streaming/hashtag?tag=" + url.QueryEscape(tag), timeline: "/api/v1/timelines/tag/" + url.PathEscape(tag) + "?"}
		if m.cfg.Local {
			c.stream, c.timeline = "/api/v1/streaming/hashtag/local?tag="+url.QueryEscape(tag), c.timeline+"local=true&"
		}
		m.channels = append(m.channels, c)
	}
	return nil
}

// Source is mastodon: and the host: every server is a source of its own.
func (m *Stream) Source() surgecast.Source {
	return surgecast.Source{Slug: "mastodon:" + m.host, Kind: surgecast.SourcePosts, Mode: surgecast.Increments, StepSeconds: 60}
}

// Stall is how long this stream may hand over nothing before the supervisor connects anew. It watches its
// bytes itself, and while posts are kept from it it stays connected and says so; a new connection now and
// then reads the pages of the timeline, which may show what the stream does not.
func (m *Stream) Stall() time.Duration { return m.cfg.NoPosts + 5*time.Minute }

var (
	// errSilent ends a connection that has gone quiet.
	errSilent   = errors.New("nothing came, not even a heartbeat")
	errNoAnswer = errors.New("no answer")
	errEnded    = errors.New("the server ended the stream")
)

// Run connects, reads what was missed since from, and hands over what comes, until something ends. Streams
// are opened before the past is read and what both bring is handed over once: nothing falls between them.
func (m *Stream) Run(ctx context.Context, from string, sink ingest.Sink) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	err := m.run(ctx, from, sink)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil {
		err = errEnded
	}
	return fmt.Errorf("mastodon %s: %w", m.host, err)
}

func (m *Stream) run(ctx context.Context, from string, sink ingest.Sink) error {
	g, ctx := errgroup.WithContext(ctx)
	streaming, err := m.streamingAddress(ctx)
	if err != nil {
		return err
	}
	queue, stands := make(chan event, queueLength), make(chan struct{}, len(m.channels))
	for i, c := range m.channels {
		g.Go(func() error { return m.read(ctx, streaming+c.stream, i, stands, queue) })
	}
	// Only when every stream stands is the past read: what comes meanwhile waits in the queue.
	g.Go(func() error {
		for range m.channels {
			select {
			case <-ctx.Done():
				return nil
			case <-stands:
			}
		}
		r := &run{Stream: m, sink: sink, queue: queue, place: parsePlace(from, m.channels), began: m.cfg.Clock()}
		return r.loop(ctx)
	})
	return g.Wait()
}
