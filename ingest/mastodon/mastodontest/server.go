// Package mastodontest is a Mastodon server that tests listen to: server-sent events and timelines on a
// real socket, as mastodon/documentation @ 2903485d describes them.
package mastodontest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Account writes posts.
type Account struct {
	Acct      string    `json:"acct"`
	Bot       bool      `json:"bot"`
	CreatedAt time.Time `json:"created_at"`
	Followers int       `json:"followers_count"`
	NoIndex   bool      `json:"noindex"`
	Indexable bool      `json:"indexable"`
	Note      string    `json:"note"`
}

// Tag is a hashtag of a post.
type Tag struct {
	Name string `json:"name"`
}

// Status is a post. Empty fields are filled by Post.
type Status struct {
	ID         string    `json:"id"`
	URI        string    `json:"uri"`
	CreatedAt  time.Time `json:"created_at"`
	ReplyTo    *string   `json:"in_reply_to_id"`
	Visibility string    `json:"visibility"`
	Spoiler    string    `json:"spoiler_text"`
	Content    string    `json:"content"`
	Reblog     *Status   `json:"reblog"`
	Tags       []Tag     `json:"tags"`
	Account    Account   `json:"account"`
}

// Server is one instance. Its clock is the test's.
type Server struct {
	*httptest.Server
	clock func() time.Time

	mu       sync.Mutex
	token    string
	statuses []Status // by id
	last     int64
	streams  map[*stream]bool
	kept     bool // posts are not streamed
	closed   bool // timelines are refused
	status   int  // of streams, when they are refused
	requests []*http.Request
	opened   int
	done     chan struct{}
}

type stream struct {
	tag    string // "" public
	local  bool
	events chan string
	cut    chan struct{}
	once   sync.Once
}

// New starts a server that lets this token in.
func New(t testing.TB, token string, clock func() time.Time) *Server {
	t.Helper()
	s := &Server{clock: clock, token: token, streams: map[*stream]bool{}, done: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/instance", s.instance)
	mux.HandleFunc("GET /api/v1/streaming/", s.stream)
	mux.HandleFunc("GET /api/v1/timelines/", s.timeline)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Clone(r.Context()))
		s.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		close(s.done)
		s.Cut()
		s.Close()
	})
	return s
}

// Post publishes a status: it joins the timelines and is streamed, and is returned as published.
func (s *Server) Post(p Status) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	s.last = max(s.last+1, now.UnixMilli()<<16)
	p.ID = cmp.Or(p.ID, strconv.FormatInt(s.last, 10))
	p.URI = cmp.Or(p.URI, s.URL+"/users/somebody/statuses/"+p.ID)
	p.Visibility = cmp.Or(p.Visibility, "public")
	p.Account.Acct = cmp.Or(p.Account.Acct, "somebody")
	if p.CreatedAt.IsZero() {
		p.CreatedAt = now
	}
	if p.Account.CreatedAt.IsZero() {
		p.Account.CreatedAt = now.AddDate(-1, 0, 0)
	}
	if p.Tags == nil {
		p.Tags = []Tag{}
	}
	s.statuses = append(s.statuses, p)
	if !s.kept {
		s.tell("update", mustJSON(p), &p)
	}
	return p
}

// Edit streams a post again, as changed.
func (s *Server) Edit(p Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell("status.update", mustJSON(p), &p)
}

// Delete streams that a post is gone.
func (s *Server) Delete(id string) { s.mu.Lock(); defer s.mu.Unlock(); s.tell("delete", id, nil) }

// Raw sends bytes as they are to every stream.
func (s *Server) Raw(b string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.streams {
		st.send(b)
	}
}

// Thump is the heartbeat.
func (s *Server) Thump() { s.Raw(":thump\n") }

// Cut ends every stream.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.streams {
		st.once.Do(func() { close(st.cut) })
	}
}

// KeepPosts makes streams carry deletions only, as mastodon.social's do since April 2026.
func (s *Server) KeepPosts(kept bool) { s.mu.Lock(); s.kept = kept; s.mu.Unlock() }

// CloseTimelines refuses pages, as an administrator may since version 4.5.
func (s *Server) CloseTimelines(closed bool) { s.mu.Lock(); s.closed = closed; s.mu.Unlock() }

// RefuseStreams answers streams with a status; 0 lets them in again.
func (s *Server) RefuseStreams(status int) { s.mu.Lock(); s.status = status; s.mu.Unlock() }

// Streams is how many stand now, and how many were ever opened.
func (s *Server) Streams() (now, ever int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams), s.opened
}

// Requests are those the server got so far.
func (s *Server) Requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (s *Server) tell(kind, data string, p *Status) {
	for st := range s.streams {
		if p != nil && (!p.hasTag(st.tag) || st.local && strings.Contains(p.Account.Acct, "@")) {
			continue
		}
		st.send("event: " + kind + "\ndata: " + data + "\n\n")
	}
}

func (p *Status) hasTag(tag string) bool {
	return tag == "" || slices.ContainsFunc(p.Tags, func(t Tag) bool { return strings.EqualFold(t.Name, tag) })
}

func (st *stream) send(b string) {
	select {
	case st.events <- b:
	case <-st.cut:
	}
}

func (s *Server) instance(w http.ResponseWriter, _ *http.Request) {
	u, _ := url.Parse(s.URL)
	_, _ = fmt.Fprintf(w, `{"domain":%q,"configuration":{"urls":{"streaming":"ws://%s"}}}`, u.Host, u.Host)
}

func (s *Server) admitted(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") == "Bearer "+s.token {
		return true
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	// It repeats what it was sent, as proxies do: the client must not pass that on.
	_, _ = w.Write([]byte(mustJSON(map[string]string{"error": "The access token is invalid: " + strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")})))
	return false
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	if !s.admitted(w, r) {
		return
	}
	st := &stream{events: make(chan string, 4096), cut: make(chan struct{})}
	switch strings.TrimPrefix(r.URL.Path, "/api/v1/streaming/") {
	case "public":
	case "public/local":
		st.local = true
	case "hashtag":
		st.tag = r.URL.Query().Get("tag")
	case "hashtag/local":
		st.tag, st.local = r.URL.Query().Get("tag"), true
	default:
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	refuse := s.status
	if refuse == 0 {
		s.streams[st] = true
		s.opened++
	}
	s.mu.Unlock()
	if refuse != 0 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(refuse)
		_, _ = w.Write([]byte(`{"error":"This method requires an authenticated user"}`))
		return
	}
	defer func() {
		s.mu.Lock()
		delete(s.streams, st)
		s.mu.Unlock()
		st.once.Do(func() { close(st.cut) })
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	if _, err := w.Write([]byte(":)\n")); err != nil {
		return
	}
	_ = out.Flush()
	for {
		select {
		case b := <-st.events:
			if _, err := w.Write([]byte(b)); err != nil {
				return
			}
			if len(st.events) == 0 {
				if out.Flush() != nil {
					return
				}
			}
		case <-st.cut:
			return
		case <-s.done:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (s *Server) timeline(w http.ResponseWriter, r *http.Request) {
	if !s.admitted(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if s.closed {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"error":"This method is not available"}`))
		return
	}
	tag, _ := strings.CutPrefix(r.URL.Path, "/api/v1/timelines/tag/")
	if tag == r.URL.Path {
		tag = ""
	}
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	least := r.URL.Query().Get("min_id")
	page := []Status{}
	for _, p := range s.statuses {
		above := len(p.ID) > len(least) || len(p.ID) == len(least) && p.ID > least
		if above && p.Reblog == nil && p.hasTag(tag) && len(page) < min(limit, 40) {
			page = append(page, p)
		}
	}
	slices.Reverse(page) // newest first, also with min_id
	_, _ = w.Write([]byte(mustJSON(page)))
}
