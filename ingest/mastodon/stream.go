package mastodon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tmaxmax/go-sse"
)

// eventKind is what a stream says, as far as it matters here.
type eventKind uint8

const (
	update eventKind = iota // a post
	edit                    // one that was changed: counted when it first came
	deletion
	undecodable
)

// event is one word of a stream.
type event struct {
	channel int
	kind    eventKind
	status  status
	arrived time.Time
}

// read opens one stream, says when it stands, and queues what it says until it ends.
func (m *Stream) read(ctx context.Context, address string, channel int, stands chan<- struct{}, queue chan<- event) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := m.open(ctx, cancel, address)
	if err != nil {
		return m.why(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	send := func(ev event) bool {
		ev.channel, ev.arrived = channel, m.cfg.Clock()
		select {
		case <-ctx.Done():
			return false
		case queue <- ev:
			return true
		}
	}
	stands <- struct{}{} // one place for each
	body := &pulse{Reader: resp.Body, silence: m.cfg.Silence, timer: time.AfterFunc(m.cfg.Silence, func() { cancel(errSilent) })}
	defer body.timer.Stop()
	body.timer.Stop()
	for e, err := range sse.Read(body, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		if err != nil {
			if errors.Is(err, bufio.ErrTooLong) {
				err = fmt.Errorf("an event longer than %d bytes", maxEvent)
			}
			return m.why(ctx, err)
		}
		ev := event{}
		switch e.Type {
		case "update":
			ev.kind = update
			if ev.status, err = decode([]byte(e.Data)); err != nil {
				ev.kind = undecodable
			}
		case "status.update":
			ev.kind = edit
		case "delete":
			ev.kind = deletion
		default:
			continue // notifications and announcements are none of ours
		}
		if !send(ev) {
			return nil
		}
	}
	return m.why(ctx, errEnded)
}

// why prefers the reason a connection was given up for over what that looks like from inside.
func (m *Stream) why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err // without the address, which fills the line
	}
	return err
}

// pulse watches that bytes keep coming. Every byte is a sign of life, a heartbeat's too. Time spent
// handing over does not count: a slow database is not a silent server.
type pulse struct {
	io.Reader
	silence time.Duration
	timer   *time.Timer
}

func (p *pulse) Read(b []byte) (int, error) {
	p.timer.Reset(p.silence)
	defer p.timer.Stop()
	return p.Reader.Read(b)
}

// open asks for a stream and waits for its first line of header no longer than for any other answer.
func (m *Stream) open(ctx context.Context, cancel context.CancelCauseFunc, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	m.sign(req)
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Cache-Control", "no-cache")
	client := *m.cfg.Client
	client.Timeout = 0 // it would end the stream with it
	late := time.AfterFunc(m.cfg.Deadline, func() { cancel(errNoAnswer) })
	defer late.Stop()
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer func() { _ = resp.Body.Close() }()
		return nil, m.refusal(resp, "the stream")
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/event-stream" {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the stream is of type %q: is this a Mastodon server, and is streaming switched on there?", clip(kind))
	}
	return resp, nil
}

func (m *Stream) sign(req *http.Request) {
	req.Header.Set("Authorization", "Bearer "+m.cfg.Token)
	req.Header.Set("User-Agent", m.cfg.UserAgent)
}

// refused is an answer that is no success.
type refused struct {
	status int
	text   string
}

func (r *refused) Error() string { return r.text }

// refusal says in words what an answer means. The server's own words come without the token: it may
// repeat what it was sent.
func (m *Stream) refusal(resp *http.Response, what string) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &said) // HTML of a proxy says nothing worth repeating
	words := strings.ReplaceAll(strings.TrimSpace(said.Error+" "+said.Description), m.cfg.Token, "(token)")
	r := &refused{status: resp.StatusCode}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		r.text = fmt.Sprintf("the server refuses the token for %s (%d): make one of a user with the scope read:statuses and set SURGECAST_MASTODON_TOKEN", what, resp.StatusCode)
	case http.StatusTooManyRequests:
		r.text = fmt.Sprintf("the server answers too many requests (429) for %s", what)
	default:
		r.text = fmt.Sprintf("the server answers %d for %s", resp.StatusCode, what)
	}
	if words != "" {
		r.text += ": " + clip(words)
	}
	return r
}

func clip(s string) string {
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return s
}

// get reads one document of the server's API.
func (m *Stream) get(ctx context.Context, pathAndQuery, what string, into any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, m.cfg.Deadline, errNoAnswer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base.String()+pathAndQuery, nil)
	if err != nil {
		return err
	}
	m.sign(req)
	req.Header.Set("Accept", "application/json")
	resp, err := m.cfg.Client.Do(req)
	if err != nil {
		return m.why(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return m.refusal(resp, what)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	if err != nil {
		return m.why(ctx, err)
	}
	if len(body) > maxPage {
		return fmt.Errorf("%s: longer than %d bytes", what, maxPage)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", what, errUndecodable)
	}
	return nil
}

// streamingAddress asks the server where its streams are: large ones have a host of their own for them.
// A server too old to say, or of another kind, has them where it is itself.
func (m *Stream) streamingAddress(ctx context.Context) (string, error) {
	var instance struct {
		Configuration struct {
			URLs struct {
				Streaming string `json:"streaming"`
			} `json:"urls"`
		} `json:"configuration"`
	}
	err := m.get(ctx, "/api/v2/instance", "its description", &instance)
	var no *refused
	switch {
	case errors.As(err, &no) && no.status == http.StatusUnauthorized:
		return "", err
	case errors.As(err, &no), errors.Is(err, errUndecodable):
		return m.base.String(), nil
	case err != nil:
		return "", err
	}
	u, err := url.Parse(strings.TrimSuffix(instance.Configuration.URLs.Streaming, "/"))
	if err != nil || u.Host == "" {
		return m.base.String(), nil //nolint:nilerr // a document without an address of streams names none
	}
	switch u.Scheme {
	case "wss":
		u.Scheme = "https"
	case "ws":
		u.Scheme = "http"
	}
	if u.Scheme != "https" && (u.Scheme != "http" || m.base.Scheme != "http") {
		return m.base.String(), nil // the token is not sent in the clear because a document says so
	}
	return u.Scheme + "://" + u.Host + u.Path, nil
}
