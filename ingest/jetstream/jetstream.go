// Package jetstream reads Bluesky's posts from Jetstream, in both forms of its protocol: /subscribe (v1) and
// network.bsky.jetstream.subscribeEvents (v2). See https://github.com/bluesky-social/jetstream, docs/README.md.
//
// It needs no account. It hands over posts, and reposts if asked, as they are created; likes, deletions and
// everything else only move its place on. Delivery is at least once: on the host it was on it goes back two
// seconds, because hosts stamp events slightly out of order, on another one five, because hosts stamp the same
// event differently; whoever counts tells repeats by their ids, which are the same on every host.
//
// What it cannot get back it says (Sink.Gap): a v1 host silently begins at the floor of its 36 hours when asked
// for more.
package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"surgecast"
	"surgecast/ingest"
)

// PublicHosts are the hosts Bluesky runs (docs/README.md, August 2026). Each speaks both forms.
var PublicHosts = []string{
	"wss://jetstream2.us-east.bsky.network", "wss://jetstream1.us-east.bsky.network",
	"wss://jetstream2.us-west.bsky.network", "wss://jetstream1.us-west.bsky.network",
}

// Options of a Stream. Zero values take the stated defaults.
type Options struct {
	Slug    string   // of the source; "bluesky"
	Hosts   []string // ws:// or wss://, or a bare name; PublicHosts. A failing one gives way to the next.
	V2      bool     // speak subscribeEvents
	Reposts bool     // read reposts too: they have no words and match by the address of what they repeat only

	// Hash under the key that holds at a time in Unix microseconds (ingest.Keys.HashAt).
	Hash func(at int64, b []byte) uint64

	Compress   bool   // zstd with a dictionary: half the bytes
	Dictionary []byte // of v1 (id 1612007021 on the public hosts); v2 asks its host for one

	Clock     surgecast.Clock
	Logger    *slog.Logger
	UserAgent string
}

// Stream is Jetstream as one source, an ingest.Stream and ingest.Rewinder.
type Stream struct {
	Options
	client *http.Client

	mu      sync.Mutex
	host    string // the one in use; "": none yet
	patient bool   // it has failed once although it had delivered
	dict    map[string][]byte
}

const (
	overlapSame  = 2 * time.Second
	overlapOther = 5 * time.Second
	gapAfter     = time.Minute
	slack        = time.Second // how far out of order events are stamped, at most

	maxLine    = 1 << 20  // a real post has at most a few ten thousand bytes
	maxDiscard = 64 << 20 // of a longer message, before the connection is given up
	batchLines = 512
	batchBytes = 512 << 10
)

// New makes a stream; it connects when it is run.
func New(o Options) (*Stream, error) {
	if o.Slug == "" {
		o.Slug = "bluesky"
	}
	if len(o.Hosts) == 0 {
		o.Hosts = PublicHosts
	}
	hosts := make([]string, 0, len(o.Hosts))
	for _, h := range o.Hosts {
		if !strings.Contains(h, "://") {
			h = "wss://" + h
		}
		u, err := url.Parse(h)
		if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
			return nil, &surgecast.FieldError{Field: "bluesky-hosts", Value: h, Detail: "is not the address of a Jetstream host", Remedy: "Give a name, or wss://NAME."}
		}
		hosts = append(hosts, u.Scheme+"://"+u.Host)
	}
	o.Hosts = hosts
	if o.Compress && !o.V2 && len(o.Dictionary) == 0 {
		return nil, &surgecast.FieldError{Field: "bluesky-dictionary", Detail: "v1 compresses with a dictionary, and there is none", Remedy: "Give its file, or speak v2, which hands it out."}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.UserAgent == "" {
		o.UserAgent = "surgecast"
	}
	return &Stream{Options: o, client: &http.Client{Transport: transport()}, dict: map[string][]byte{}}, nil
}

// Source is what it counts as.
func (s *Stream) Source() surgecast.Source {
	return surgecast.Source{Slug: s.Slug, Kind: surgecast.SourcePosts, Mode: surgecast.Increments, StepSeconds: 60}
}

// Run reads from one host until it fails.
func (s *Stream) Run(ctx context.Context, from string, sink ingest.Sink) error {
	p := parsePlace(from)
	host := s.choose(p.Host)
	r := &run{s: s, host: host, from: p, sink: sink}
	err := r.run(ctx)
	s.judge(ctx, r.events > 0)
	if err != nil {
		err = fmt.Errorf("%s: %w", strings.TrimPrefix(strings.TrimPrefix(host, "wss://"), "ws://"), err)
	}
	return err
}

// choose is the host to read from: the one in use, else the one the place is of, else the first.
func (s *Stream) choose(placed string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host == "" {
		s.host = s.Hosts[0]
		if slices.Contains(s.Hosts, placed) {
			s.host = placed
		}
	}
	return s.host
}

// judge moves on to the next host, unless this one was merely cut off after it had delivered, once.
func (s *Stream) judge(ctx context.Context, delivered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stalled := errors.Is(context.Cause(ctx), ingest.ErrStalled)
	if ctx.Err() != nil && !stalled {
		return // we are told to stop
	}
	if delivered && !stalled && !s.patient {
		s.patient = true
		return
	}
	s.patient = false
	s.host = s.Hosts[(slices.Index(s.Hosts, s.host)+1)%len(s.Hosts)]
}

// run is one connection.
type run struct {
	s      *Stream
	host   string
	from   place
	sink   ingest.Sink
	newest ingest.Newest
	seq    int64
	events int64
	clamp  bool // the server says that it does not go back far enough
}

func (r *run) run(ctx context.Context) error {
	unzip, dict, err := r.s.unzip(ctx, r.host)
	if err != nil {
		return err
	}
	if unzip != nil {
		defer unzip.Close()
	}
	conn, err := r.dial(ctx, dict)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.CloseNow() })
	defer stop()

	in := newInbox()
	var wg sync.WaitGroup
	wg.Go(func() { in.fill(conn, unzip) })
	err = r.read(ctx, in)
	_ = conn.CloseNow()
	in.close()
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// cursor is where the host is asked to begin; 0: with what comes now.
func (r *run) cursor() int64 {
	switch {
	case r.from.Micros == 0:
		return 0
	case r.from.Host != r.host:
		return r.from.Micros - overlapOther.Microseconds()
	case r.from.Seq > 0:
		return r.from.Seq
	default:
		return r.from.Micros - overlapSame.Microseconds()
	}
}

func (r *run) dial(ctx context.Context, dict string) (*websocket.Conn, error) {
	conn, err := r.connect(ctx, dict)
	var refused *refusal
	if errors.As(err, &refused) {
		switch refused.Code {
		case "CursorTooOld": // numbers cannot be clamped, times can
			r.clamp, r.from.Seq = true, 0
			return r.connect(ctx, dict)
		case "UnknownZstdDictionary":
			r.s.forgetDictionary(r.host)
		}
	}
	return conn, err
}

// refusal is what a host answers instead of a stream.
type refusal struct {
	Status int
	Code   string `json:"error"`
	Text   string `json:"message"`
}

func (e *refusal) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("refused: %d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("refused: %d %s (%s)", e.Status, e.Code, e.Text)
}

func (r *run) connect(ctx context.Context, dict string) (*websocket.Conn, error) {
	q := url.Values{}
	collections := []string{posts}
	if r.s.Reposts {
		collections = append(collections, reposts)
	}
	path := "/subscribe"
	if r.s.V2 {
		path = "/xrpc/network.bsky.jetstream.subscribeEvents"
		q["kinds"] = []string{"commit"}
		q["collections"] = collections
		if dict != "" {
			q.Set("zstdDictionary", dict)
		}
	} else {
		q["wantedCollections"] = collections
		if dict != "" {
			q.Set("compress", "true")
		}
	}
	if c := r.cursor(); c > 0 {
		q.Set("cursor", strconv.FormatInt(c, 10))
	}
	dialing, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	conn, resp, err := websocket.Dial(dialing, r.host+path+"?"+q.Encode(), &websocket.DialOptions{
		HTTPClient: r.s.client, HTTPHeader: http.Header{"User-Agent": {r.s.UserAgent}}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			no := &refusal{Status: resp.StatusCode}
			if resp.Body != nil {
				b, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
				_ = json.Unmarshal(b, no) // or it says nothing
				no.Status = resp.StatusCode
				resp.Body.Close()
			}
			return nil, no
		}
		return nil, err
	}
	conn.SetReadLimit(-1) // the inbox has its own: a longer message is passed over, not fatal
	return conn, nil
}

// read decodes and hands over until the connection ends.
func (r *run) read(ctx context.Context, in *inbox) error {
	d := &decoder{hash: r.s.Hash}
	decode := line(v1)
	if r.s.V2 {
		decode = v2
	}
	batch := make([]ingest.Post, 0, batchLines)
	for {
		b, err := in.take()
		if err != nil {
			return err
		}
		d.reset()
		batch = batch[:0]
		bad := 0
		now := r.s.Clock().UnixMicro()
		var ended error
		at := 0
		for _, end := range b.ends {
			raw := b.buf[at:end]
			at = end
			var e event
			if err := decode(d, raw, &e); err != nil {
				bad++
				continue
			}
			switch e.what {
			case info:
				r.clamp = r.clamp || e.name == "OutdatedCursor"
				continue
			case failure:
				ended = fmt.Errorf("the host ends the stream: %s %s", e.name, e.text)
			case other, created:
			}
			if ended != nil {
				break
			}
			if r.events == 0 {
				r.begin(e.time)
			}
			r.events++
			r.newest.Advance(e.time, now)
			if e.seq > 0 {
				r.seq = e.seq
			}
			if e.what == created {
				batch = append(batch, e.post)
			}
		}
		if bad > 0 {
			r.sink.Dropped("undecodable", bad)
		}
		if b.long > 0 {
			r.sink.Dropped("too long", b.long)
		}
		if r.events > 0 {
			if err := r.sink.Posts(ctx, batch, place{Host: r.host, Micros: max(r.newest.At(), r.reached()), Seq: r.seq}.String()); err != nil {
				return err
			}
			r.sink.Complete(time.UnixMicro(r.newest.At()).Add(-slack))
		}
		in.recycle(b)
		if ended != nil {
			return ended
		}
	}
}

// reached is the time of the place the run began with, while what it reads lies before it: a place never
// goes back because the overlap is being read.
func (r *run) reached() int64 {
	if r.clamp {
		return 0
	}
	return min(r.from.Micros, r.newest.At()+overlapOther.Microseconds())
}

// begin looks at the first event: a stream that begins later than it was asked to has a gap.
func (r *run) begin(first int64) {
	if r.from.Micros == 0 {
		return
	}
	if first > r.from.Micros && (r.clamp || first-r.from.Micros > gapAfter.Microseconds()) {
		r.sink.Gap(time.UnixMicro(r.from.Micros), time.UnixMicro(first), "the feed does not go back that far")
	}
}

// transport reads sockets in large pieces: the frames of a busy stream are small.
func transport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 10 * time.Second,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return newBufferedConn(c), nil
		},
	}
}
