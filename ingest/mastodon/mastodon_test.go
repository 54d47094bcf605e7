package mastodon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"surgecast/ingest"
	"surgecast/ingest/ingesttest"
	"surgecast/ingest/mastodon/mastodontest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "mastoSECRETtoken"

// begin is when every test begins.
var begin = time.Date(2026, 9, 14, 14, 20, 0, 0, time.UTC)

var hash = ingesttest.DailyHash

// sink keeps what it is told, and may be slow once, or fail.
type sink struct {
	ingesttest.Record
	slow time.Duration
	fail error
}

func (s *sink) Posts(ctx context.Context, posts []ingest.Post, place string) error {
	s.Lock()
	d, fail := s.slow, s.fail
	if s.slow = 0; fail != nil {
		s.slow = d
	}
	s.Unlock()
	if fail != nil {
		return fail
	}
	if err := s.Record.Posts(ctx, posts, place); err != nil {
		return err
	}
	if d > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
	}
	return nil
}

func (s *sink) count() int { s.Lock(); defer s.Unlock(); return len(s.Taken) }

// heard is what a sink was told so far.
type heard struct {
	posts    []ingest.Post
	place    string
	complete time.Time
	gaps     []ingesttest.Gap
	dropped  map[string]int
	warning  string
}

func (s *sink) state() heard {
	s.Lock()
	defer s.Unlock()
	return heard{slices.Clone(s.Taken), s.Place, s.Completed, slices.Clone(s.Gaps), maps.Clone(s.Drops), s.Warning}
}

// rig is a stream, the server it listens to, what takes its posts, and a clock the test turns.
type rig struct {
	t      *testing.T
	m      *Stream
	server *mastodontest.Server
	sink   *sink
	logs   *lockedBuffer
	mu     sync.Mutex
	at     time.Time
	began  time.Time // the first connection
	stop   func()
	ended  chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}
func (b *lockedBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, at: begin, sink: &sink{}, logs: &lockedBuffer{}}
	r.server = mastodontest.New(t, token, r.clock)
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	c := Config{
		Server: r.server.URL, Token: token, Hash: hash, Clock: r.clock, Client: &http.Client{Transport: tr}, Tick: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(r.logs, nil)),
	}
	for _, f := range change {
		f(&c)
	}
	r.m = New(c)
	return r
}

func (r *rig) clock() time.Time     { r.mu.Lock(); defer r.mu.Unlock(); return r.at }
func (r *rig) pass(d time.Duration) { r.mu.Lock(); r.at = r.at.Add(d); r.mu.Unlock() }

// start runs the stream from a place and waits until its connections stand.
func (r *rig) start(from string) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	before := strings.Count(r.logs.String(), "listening")
	if from == "" {
		r.began = r.clock()
	}
	go func() { ended <- r.m.Run(ctx, from, r.sink) }()
	r.ended = ended
	r.stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	r.t.Cleanup(r.stop)
	r.wait("the connection", func() bool { return strings.Count(r.logs.String(), "listening") > before })
}

// wait waits for what the network brings; the limit only ends a test that has failed.
func (r *rig) wait(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s does not come: %+v", what, r.sink.state())
		}
	}
}

// settled waits until a complete minute is told that reaches the clock: everything before was handled.
func (r *rig) settled() {
	r.t.Helper()
	if r.clock().Before(r.began.Add(Late)) {
		r.pass(r.began.Add(Late).Sub(r.clock())) // before that nothing is known to be complete
	}
	r.wait("the watermark", func() bool { return r.sink.state().complete.Equal(r.clock().Add(-Late)) })
}

// A post is counted with what the feed names of it; the same one again, an edit, a boost, and those who
// asked to be left alone are not.
// Fails when: case "status.update" of read queues an update, or counted no longer looks at the profile.
func TestWhatIsCounted(t *testing.T) {
	r := newRig(t)
	r.start("")
	reply := "1"
	first := r.server.Post(mastodontest.Status{
		Content: `<p>HP <b>Touchpad</b> sale &amp; more<br>see <a href="https://shop.example/touchpad" rel="nofollow"><span class="invisible">https://</span>shop.example/touchpad</a> <a href="https://m.example/tags/touchpad" class="mention hashtag">#<span>touchpad</span></a></p>`,
		Tags:    []mastodontest.Tag{{Name: "touchpad"}}, Account: mastodontest.Account{Acct: "Ada", Followers: 2520, CreatedAt: begin.AddDate(-2, 0, 0)},
	})
	r.server.Edit(first)
	r.server.Raw("event: update\ndata: " + jsonOf(t, first) + "\n\n")
	r.server.Post(mastodontest.Status{Content: "a boost", Reblog: &first})
	r.server.Post(mastodontest.Status{Content: "hidden", Visibility: "unlisted"})
	r.server.Post(mastodontest.Status{Content: "left alone 1", Account: mastodontest.Account{NoIndex: true}})
	r.server.Post(mastodontest.Status{Content: "left alone 2", Account: mastodontest.Account{Note: `<p>hello <a href="x">#<span>NoBot</span></a></p>`}})
	r.server.Post(mastodontest.Status{Content: "counted", ReplyTo: &reply, Account: mastodontest.Account{Acct: "bob@other.example", Bot: true, Note: "#nobottles, no #nobothering"}})
	r.server.Raw("event: filters_changed\ndata: undefined\n\nevent: notification\ndata: {}\n\n:thump\n")
	r.wait("two posts", func() bool { return r.sink.count() >= 2 })
	r.settled()
	s := r.sink.state()
	if len(s.posts) != 2 {
		t.Fatalf("%d posts: %q", len(s.posts), r.sink.Texts())
	}
	p := s.posts[0]
	if string(p.Text) != "HP Touchpad sale & more\nsee https://shop.example/touchpad #touchpad" {
		t.Errorf("text %q", p.Text)
	}
	if len(p.Links) != 1 || string(p.Links[0]) != "https://shop.example/touchpad" || len(p.Tags) != 1 || string(p.Tags[0]) != "touchpad" {
		t.Errorf("links %s, tags %s", p.Links, p.Tags)
	}
	if p.Kind != ingest.Original || p.Reach != 2520 || p.Since != begin.AddDate(-2, 0, 0).Unix() || p.Time != begin.UnixMicro() || p.Created != begin.UnixMicro() {
		t.Errorf("%+v", p)
	}
	if p.ID != hash(begin.UnixMicro(), []byte(first.URI)) || p.Author != hash(begin.UnixMicro(), []byte("ada@"+r.m.host)) {
		t.Error("post and author are not known by their address and full name")
	}
	if q := s.posts[1]; q.Kind != ingest.Reply || !q.Bot || q.Author != hash(q.Created, []byte("bob@other.example")) {
		t.Errorf("%+v", q)
	}
	if want := map[string]int{"boost": 1, "not public": 1, "opted out": 2}; !maps.Equal(s.dropped, want) {
		t.Errorf("dropped %v, want %v", s.dropped, want)
	}
	if src := r.m.Source(); src.Slug != "mastodon:"+r.m.host || src.Kind != "posts" || src.Mode != "increments" {
		t.Errorf("source %+v", src)
	}
	for _, q := range r.server.Requests() {
		if !strings.Contains(q.UserAgent(), "counts only") {
			t.Errorf("%s says %q of itself", q.URL.Path, q.UserAgent())
		}
		if strings.Contains(q.URL.String(), token) {
			t.Error("the token stands in an address")
		}
	}
}

// Its own time decides a post's minute while it fits the arrival; what comes late or from a wrong clock counts
// when it came. No post ever falls before what was called complete.
// Fails when: skew becomes 2 minutes.
func TestTimes(t *testing.T) {
	if skew >= Late {
		t.Fatalf("a post may be %v late, and minutes are complete after %v", skew, Late)
	}
	for _, c := range []struct {
		created, want time.Duration // from arrival
	}{
		{0, 0},
		{-20 * time.Second, -20 * time.Second},
		{-49 * time.Second, -49 * time.Second},
		{-51 * time.Second, 0},
		{-48 * time.Hour, 0},
		{time.Second, 0},
		{time.Hour, 0},
	} {
		if got := streamTime(begin.Add(c.created), begin).Sub(begin); got != c.want {
			t.Errorf("written %v from its arrival: counted %v from it, want %v", c.created, got, c.want)
		}
	}
	r := newRig(t)
	r.start("")
	r.server.Post(mastodontest.Status{Content: "late", CreatedAt: begin.Add(-48 * time.Hour)})
	r.wait("the post", func() bool { return r.sink.count() == 1 })
	if p := r.sink.state().posts[0]; p.Time != begin.UnixMicro() || p.Created != begin.Add(-48*time.Hour).UnixMicro() {
		t.Errorf("%+v", p)
	}
	r.settled()
}

// A first connection knows nothing of the time before it: no minute before is complete, no post falls there.
// Fails when: look completes minutes although the stream is fresh.
func TestNothingIsKnownBeforeTheFirstConnection(t *testing.T) {
	r := newRig(t)
	r.pass(30 * time.Second)
	r.start("")
	r.pass(10 * time.Second)
	r.server.Post(mastodontest.Status{Content: "x", CreatedAt: begin})
	r.wait("the post", func() bool { return r.sink.count() == 1 })
	time.Sleep(20 * time.Millisecond) // twenty looks
	if s := r.sink.state(); !s.complete.IsZero() || s.posts[0].Time != begin.Add(30*time.Second).UnixMicro() {
		t.Errorf("complete to %v, the post at %v", s.complete, time.UnixMicro(s.posts[0].Time).UTC())
	}
	r.settled()
}

// 8.6: a stream that brings deletions only is a fault after some minutes: it is said, its minutes are
// missing, and nothing is called complete, until posts come again.
// Fails when: look completes minutes while a fault stands, or alive does not end it.
func TestTrap6DeletesOnly(t *testing.T) {
	r := newRig(t)
	r.server.KeepPosts(true)
	r.start("")
	r.settled()
	for i := range 5 * 4 {
		r.pass(15 * time.Second)
		r.server.Post(mastodontest.Status{Content: "not shown"})
		r.server.Delete(fmt.Sprint(i))
		r.server.Thump()
		if i == 3 {
			// Some deletions have come: from here on nothing may be complete.
			time.Sleep(50 * time.Millisecond)
			if done := r.sink.state().complete; done.After(r.clock().Add(-Late)) {
				t.Errorf("complete to %v", done)
			}
		}
	}
	r.wait("the warning", func() bool { return strings.Contains(r.sink.state().warning, "only deletes arrive") })
	r.wait("the gap", func() bool { return len(r.sink.state().gaps) > 0 })
	s := r.sink.state()
	if !s.gaps[0].From.Equal(begin) || s.gaps[0].To.Before(begin.Add(5*time.Minute)) {
		t.Errorf("gaps %+v, want one from the last post on", s.gaps)
	}
	if s.complete.After(begin.Add(time.Minute)) {
		t.Errorf("complete to %v, though nothing was shown", s.complete)
	}
	// A new connection does not forget it. (Were the pages open, it would read there what the stream keeps.)
	r.stop()
	r.server.CloseTimelines(true)
	r.start(s.place)
	r.wait("the warning again", func() bool { return strings.Contains(r.sink.state().warning, "no posts arrive") })
	frozen := r.sink.state().complete
	r.pass(3 * time.Minute)
	r.wait("the gap to go on", func() bool { g := r.sink.state().gaps; return g[len(g)-1].To.Equal(r.clock()) })
	if !r.sink.state().complete.Equal(frozen) {
		t.Error("minutes were called complete on the new connection")
	}

	r.server.KeepPosts(false)
	r.pass(10 * time.Second)
	r.server.Post(mastodontest.Status{Content: "shown"})
	r.wait("a post", func() bool { return r.sink.count() == 1 })
	r.settled()
	s = r.sink.state()
	if s.warning != "" || !s.gaps[len(s.gaps)-1].To.Equal(r.clock()) {
		t.Errorf("warning %q, gaps %+v", s.warning, s.gaps)
	}
	for i := 1; i < len(s.gaps); i++ {
		if s.gaps[i].From.After(s.gaps[i-1].To) && i > 1 && !s.gaps[i].From.Equal(begin.Add(5*time.Minute)) {
			t.Errorf("a hole between gaps: %+v", s.gaps)
		}
	}
}

// Heartbeats are life but not data: the connection stays, and the public timeline without a post is a
// fault; a silent hashtag is not.
func TestHeartbeatsAreNotData(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Silence = 3 * time.Second })
	r.start("")
	for range 20 { // longer than the silence it would end for
		r.pass(20 * time.Second)
		r.server.Thump()
		time.Sleep(200 * time.Millisecond)
	}
	r.wait("the warning", func() bool {
		r.server.Thump()
		return strings.Contains(r.sink.state().warning, "no posts arrive")
	})
	if now, ever := r.server.Streams(); now != 1 || ever != 1 {
		t.Errorf("%d streams, %d ever: heartbeats keep one", now, ever)
	}
	r.wait("the end of a connection without heartbeats", func() bool { now, _ := r.server.Streams(); return now == 0 })
	if err := <-r.ended; !errors.Is(err, errSilent) {
		t.Errorf("ended with %v", err)
	}
	r.ended <- nil

	tag := newRig(t, func(c *Config) { c.Tags = []string{"touchpad"} })
	tag.start("")
	tag.pass(20 * time.Minute)
	tag.settled()
	if s := tag.sink.state(); s.warning != "" || len(s.gaps) != 0 {
		t.Errorf("a silent hashtag is a fault: %q", s.warning)
	}
}

// After a lost connection the posts between are read page by page and none twice; more than the cap is a gap.
// Fails when: the queue is read before catchUp, or seen is emptied with the connection.
func TestCatchUp(t *testing.T) {
	r := newRig(t, func(c *Config) { c.CatchUp = 100 })
	r.start("")
	post := func(n int) {
		for range n {
			r.pass(time.Second)
			r.server.Post(mastodontest.Status{Content: "touchpad"})
		}
	}
	post(5)
	r.wait("five posts", func() bool { return r.sink.count() == 5 })
	r.server.Cut()
	if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "ended the stream") {
		t.Errorf("a cut stream: %v", err)
	}
	r.ended <- nil
	post(90) // two pages and a part
	r.start(r.sink.state().place)
	r.wait("the missed ones", func() bool { return r.sink.count() == 95 })
	post(3)
	r.wait("the new ones", func() bool { return r.sink.count() == 98 })
	r.settled()
	s := r.sink.state()
	if len(s.posts) != 98 || len(s.gaps) != 0 {
		t.Errorf("%d posts, gaps %+v", len(s.posts), s.gaps)
	}
	for i, p := range s.posts { // each in the second it was written
		if want := begin.Add(time.Duration(i+1) * time.Second).UnixMicro(); p.Time != want {
			t.Fatalf("post %d counts at %v, want %v", i, time.UnixMicro(p.Time).UTC(), time.UnixMicro(want).UTC())
		}
	}
	r.stop()
	place := s.place

	// More than the cap: 120 of 300 are read (whole pages), the rest is named.
	post(300)
	r.start(place)
	r.wait("the gap", func() bool { return len(r.sink.state().gaps) == 1 })
	r.settled()
	s = r.sink.state()
	if n := len(s.posts) - 98; n != 120 {
		t.Errorf("%d posts were read, want 120", n)
	}
	if last := time.UnixMicro(s.posts[len(s.posts)-1].Time).UTC(); !s.gaps[0].From.Equal(last) || !s.gaps[0].To.Equal(r.clock()) {
		t.Errorf("gap %+v, want from the last post read, %v, to now", s.gaps[0], last)
	}
	r.stop()

	// The pages are closed: what lies between is missing, the stream goes on.
	r.server.CloseTimelines(true)
	from := r.clock()
	r.pass(time.Minute)
	r.start(r.sink.state().place)
	r.wait("the gap", func() bool { return len(r.sink.state().gaps) == 2 })
	post(1)
	r.wait("a post", func() bool { return r.sink.count() == 98+120+1 })
	if g := r.sink.state().gaps[1]; g.Reason != "what was missed cannot be read" || g.From.After(from) {
		t.Errorf("gap %+v", g)
	}
}

// What a page and the stream both bring is counted once.
func TestPageAndStreamOverlap(t *testing.T) {
	r := newRig(t)
	r.start("")
	p := r.server.Post(mastodontest.Status{Content: "one"})
	r.wait("a post", func() bool { return r.sink.count() == 1 })
	place := r.sink.state().place
	r.stop()
	r.pass(time.Second)
	q := r.server.Post(mastodontest.Status{Content: "two"})
	r.start(place)
	r.wait("the second", func() bool { return r.sink.count() == 2 })
	for _, s := range []mastodontest.Status{q, p, q} {
		r.server.Raw("event: update\ndata: " + jsonOf(t, s) + "\n\n")
	}
	r.server.Post(mastodontest.Status{Content: "three"})
	r.wait("the third", func() bool { return r.sink.count() >= 3 })
	if got := r.sink.Texts(); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("%q", got)
	}
}

// Hashtags are a connection each, with a place each; a post with two of them is counted once.
func TestHashtags(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Tags = []string{"#Touchpad", "hp"} })
	r.start("")
	tags := func(names ...string) (out []mastodontest.Tag) {
		for _, n := range names {
			out = append(out, mastodontest.Tag{Name: n})
		}
		return out
	}
	r.server.Post(mastodontest.Status{Content: "a", Tags: tags("touchpad")})
	r.server.Post(mastodontest.Status{Content: "b", Tags: tags("HP", "touchpad")})
	r.server.Post(mastodontest.Status{Content: "c", Tags: tags("other")})
	r.wait("two posts", func() bool { return r.sink.count() == 2 })
	r.settled()
	place := r.sink.state().place
	if strings.Count(place, "=") != 2 {
		t.Errorf("place %q has no id for each", place)
	}
	r.stop()
	r.pass(time.Second)
	r.server.Post(mastodontest.Status{Content: "d", Tags: tags("hp")})
	r.server.Post(mastodontest.Status{Content: "e", Tags: tags("touchpad")})
	r.start(place)
	r.wait("two more", func() bool { return r.sink.count() == 4 })
	r.settled()
	got := r.sink.Texts()
	slices.Sort(got)
	if !slices.Equal(got, []string{"a", "b", "d", "e"}) {
		t.Errorf("%q", got)
	}
}

// 100 kB, bad UTF-8 and nonsense are posts or a counter; a line without an end ends the connection at
// 1 MB, not the memory.
func TestBadInput(t *testing.T) {
	r := newRig(t)
	r.start("")
	r.server.Post(mastodontest.Status{Content: "<p>" + strings.Repeat("touchpad ", 100<<10/9) + "</p>"})
	r.wait("100 kB", func() bool { return r.sink.count() == 1 })
	if n := len(r.sink.Texts()[0]); n < 100<<10-20 {
		t.Errorf("%d bytes of 100 kB", n)
	}
	r.server.Raw("event: update\ndata: {\"id\":\"9\",\"created_at\":\"2026-09-14T14:20:00Z\",\"content\":\"bad \xff\xfe\x80 text\",\"account\":{\"acct\":\"a\"}}\n\n")
	r.wait("bad UTF-8", func() bool { return r.sink.count() == 2 })
	for _, bad := range []string{"", "{", "null", "[]", `{"id":1}`, `{"id":"x y"}`, `{"id":"7"}`, `{"id":"7","created_at":"yesterday"}`, strings.Repeat("[", 20000)} {
		r.server.Raw("event: update\ndata: " + bad + "\n\n")
	}
	r.server.Post(mastodontest.Status{Content: "after"})
	r.wait("what comes after", func() bool { return r.sink.count() == 3 })
	if s := r.sink.state(); s.dropped["undecodable"] < 8 {
		t.Errorf("dropped %v", s.dropped)
	}
	r.server.Raw("data: ")
	for range 40 {
		r.server.Raw(strings.Repeat("x", 64<<10))
	}
	if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "longer than 1048576 bytes") {
		t.Errorf("an endless line: %v", err)
	}
	r.ended <- nil
}

// A refused token is a clear error that says what to make, and never the token.
// Fails when: refusal repeats the server's words as they are.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		status int
		want   string
	}{
		{"another token", func(c *Config) { c.Token = "othertoken" }, 0, "refuses the token for the stream (401): make one of a user with the scope read:statuses"},
		{"an app's token", nil, 401, "SURGECAST_MASTODON_TOKEN"},
		{"without the scope", nil, 403, "(403)"},
		{"too often", nil, 429, "too many requests"},
		{"broken", nil, 502, "answers 502"},
		{"no token", func(c *Config) { c.Token = "" }, 0, "Preferences, Development"},
		{"no server", func(c *Config) { c.Server = "ftp://x" }, 0, "not the address of a server"},
		{"no hashtag", func(c *Config) { c.Tags = []string{"a b"} }, 0, "not a hashtag"},
		{"nobody there", func(c *Config) { c.Server = "http://127.0.0.1:1" }, 0, "mastodon 127.0.0.1:1: "},
	} {
		r := newRig(t, func(cfg *Config) {
			if c.change != nil {
				c.change(cfg)
			}
		})
		r.server.RefuseStreams(c.status)
		err := r.m.Run(t.Context(), "", r.sink)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		for _, secret := range []string{token, "othertoken"} {
			if err != nil && strings.Contains(err.Error(), secret) || strings.Contains(r.logs.String(), secret) {
				t.Errorf("%s: the token stands in %v", c.name, err)
			}
		}
	}
}

// A stop ends everything at once, and is told as such; so does a sink that cannot write.
func TestStop(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.m.Run(ctx, "", r.sink) }()
	r.wait("the connection", func() bool { now, _ := r.server.Streams(); return now == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("stopped with %v", err)
	}
	full := newRig(t)
	full.sink.fail = errors.New("the database is away")
	full.start("")
	full.server.Post(mastodontest.Status{Content: "x"})
	if err := <-full.ended; err == nil || !strings.Contains(err.Error(), "the database is away") {
		t.Errorf("a sink that fails: %v", err)
	}
	full.ended <- nil
}

// A slow database is not a silent server: while posts wait to be written the connection stands.
// Fails when: pulse.Read leaves its timer running.
func TestBackpressureIsNotSilence(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Silence = time.Second })
	r.sink.slow = 2 * time.Second
	r.start("")
	for range 3000 {
		r.server.Post(mastodontest.Status{Content: "x"})
	}
	r.wait("all posts", func() bool {
		r.server.Thump()
		return r.sink.count() == 3000
	})
	if _, ever := r.server.Streams(); ever != 1 {
		t.Errorf("%d connections", ever)
	}
}

func TestPlaces(t *testing.T) {
	cs := []channel{{name: "#touchpad"}, {name: "#größe"}}
	p := place{at: begin, id: []string{"113500000000000000", "01J8ZC"}}
	if got := parsePlace(p.text(cs), cs); !got.at.Equal(p.at) || !slices.Equal(got.id, p.id) {
		t.Errorf("%q became %+v", p.text(cs), got)
	}
	for _, s := range []string{"", "x", "2 1 a=1", "1 soon", "1 5 #touchpad=../../x", "1 5 %zz=1 =", "1 5 other=7"} {
		if got := parsePlace(s, cs); got.id[0] != "" || got.id[1] != "" {
			t.Errorf("%q became %+v", s, got)
		}
	}
	if compareIDs("9", "10") >= 0 || compareIDs("11", "10") <= 0 || compareIDs("7", "7") != 0 {
		t.Error("ids are not in order")
	}
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte(`{"id":"1","created_at":"2026-09-14T14:20:00Z","content":"<p>a &amp; <a href='https://x'>b","account":{"acct":"a","note":"#nobot"}}`))
	f.Add([]byte(`{"id":"1","created_at":"2026-09-14T14:20:00Z","content":"<script>x</script><!-- <![CDATA[","account":{"acct":"a"}}`))
	m := New(Config{Server: "https://m.example", Token: token, Hash: hash, Clock: func() time.Time { return begin }})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			return
		}
		_ = s.counted()
		if p := m.post(&s, begin); len(p.Text) > 4*len(b)+1 {
			t.Errorf("%d bytes of text from %d", len(p.Text), len(b))
		}
	})
}
