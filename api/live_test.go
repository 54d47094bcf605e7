package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"surgecast"
)

// sse is one connected client.
type sse struct {
	t    *testing.T
	body io.ReadCloser
	in   *bufio.Reader
}

type sseEvent struct{ id, name, data, comment string }

// next reads one event; the deadline is the test's own.
func (c *sse) next() (e sseEvent, err error) {
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "":
			if e != (sseEvent{}) {
				return e, nil
			}
		case strings.HasPrefix(line, ": "):
			e.comment = line[2:]
		case strings.HasPrefix(line, "id: "):
			e.id = line[4:]
		case strings.HasPrefix(line, "event: "):
			e.name = line[7:]
		case strings.HasPrefix(line, "data: "):
			e.data = line[6:]
		}
	}
}

// until skips to the next event of a name.
func (c *sse) until(name string) sseEvent {
	c.t.Helper()
	for {
		e, err := c.next()
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", name, err)
		}
		if e.name == name {
			return e
		}
	}
}

// serve runs the whole server on a loopback listener.
func (ts *testServer) serve(t *testing.T) (base string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- ts.Serve(ctx, l) }()
	go func() { done <- ts.Run(ctx) }()
	var once sync.Once
	return "http://" + l.Addr().String(), func() {
		once.Do(func() {
			cancel()
			for range 2 {
				if err := <-done; err != nil {
					t.Errorf("stopping: %v", err)
				}
			}
		})
	}
}

func connect(ctx context.Context, t *testing.T, client *http.Client, url string, headers ...string) *sse {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	return &sse{t, res.Body, bufio.NewReader(res.Body)}
}

// A stream shows what is, then what changes, resumes where it broke, and leaves nothing behind.
// Made to fail by leaving out hub.leave (streams stay), or the ids (nothing to resume from).
func TestLive(t *testing.T) {
	defer goleak.VerifyNone(t)
	ts := newTest(t, keyless, func(c *Config) { c.Wall = time.Now }) // sockets live in real time
	shop, other := ts.site(1, "nordlicht"), ts.site(1, "other")
	ts.told(shop)
	base, stop := ts.serve(t)
	defer stop()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()

	c := connect(ctx, t, client, base+"/v1/live?site=nordlicht")
	var clock LiveClock
	if err := json.Unmarshal([]byte(c.until("clock").data), &clock); err != nil || !clock.Now.Equal(begin) || clock.Speed != 1 {
		t.Errorf("clock %+v %v", clock, err)
	}
	first := c.until("forecast")
	var body struct {
		Site    string
		Verdict struct{ Headline string }
		Last    struct {
			RequestsRPM float64 `json:"requests_rpm"`
		}
	}
	if err := json.Unmarshal([]byte(first.data), &body); err != nil {
		t.Fatal(err)
	}
	if body.Site != "nordlicht" || body.Verdict.Headline != "Add 7 units by 14:41." || body.Last.RequestsRPM != 640 {
		t.Errorf("forecast %+v", body)
	}

	ts.told(other) // not of this stream
	ts.PublishSurge(surgecast.Surge{ID: "srg_1", AccountID: 1, SiteID: shop.ID, State: surgecast.StateAlert, OpenedAt: begin},
		surgecast.SurgeTransition{SurgeID: "srg_1", At: begin, IssuedAt: begin, From: surgecast.StateWatch, To: surgecast.StateAlert, Probability: .6})
	e, err := c.next()
	for err == nil && e.name == "forecast" && strings.Contains(e.data, `"site":"nordlicht"`) {
		e, err = c.next() // what was pending when we came is said once more
	}
	if err != nil || e.name != "surge" || !strings.Contains(e.data, `"srg_1"`) || !strings.Contains(e.data, `"probability":0.6`) {
		t.Fatalf("%+v %v: another site's forecast, or no surge", e, err)
	}
	last, err := strconv.ParseInt(e.id, 10, 64)
	if err != nil || last <= 0 {
		t.Fatalf("id %q", e.id)
	}

	_ = c.body.Close() // the line breaks; meanwhile something happens
	ts.pass(time.Minute)
	missed := ts.told(shop)
	waitFor(t, func() bool { return ts.hub.last() > last })
	c = connect(ctx, t, client, base+"/v1/live?site=nordlicht", "Last-Event-ID", e.id)
	again := c.until("forecast")
	if !strings.Contains(again.data, missed.ID) {
		t.Errorf("the missed forecast does not come: %s", again.data)
	}
	if id, _ := strconv.ParseInt(again.id, 10, 64); id <= last {
		t.Errorf("id %s after %d", again.id, last)
	}
	_ = c.body.Close()

	c = connect(ctx, t, client, base+"/v1/live", "Last-Event-ID", "7") // an id of another process
	seen := map[string]bool{}
	for range 2 {
		var b struct{ Site string }
		_ = json.Unmarshal([]byte(c.until("forecast").data), &b)
		seen[b.Site] = true
	}
	if !seen["nordlicht"] || !seen["other"] {
		t.Errorf("beginning anew shows %v", seen)
	}

	stop() // ends the stream that is still open, within its grace
	if _, err := io.ReadAll(c.body); err != nil {
		t.Errorf("the stream does not end cleanly: %v", err)
	}
	waitFor(t, func() bool { return ts.hub.count() == 0 })
}

func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	for range 12_000 { // a minute: the machine may be busy
		if is() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("it does not happen")
}

// A client that does not read is dropped; the others and the hub do not wait for it.
// Made to fail by sending without the default case: this test then never ends.
func TestSlowClientIsDropped(t *testing.T) {
	h := newHub(1)
	slow := &stream{account: 1, sees: func(int64) bool { return true }, events: make(chan event, streamSize)}
	fast := &stream{account: 1, sees: func(int64) bool { return true }, events: make(chan event, streamSize)}
	foreign := &stream{account: 2, sees: func(int64) bool { return true }, events: make(chan event, streamSize)}
	for _, s := range []*stream{slow, fast, foreign} {
		h.join(s, 0)
	}
	for range streamSize + 1 {
		h.send(event{account: 1, site: 5, name: "forecast"})
		<-fast.events
	}
	if h.count() != 2 {
		t.Errorf("%d streams, want the fast and the foreign one", h.count())
	}
	n := 0
	for range slow.events { // closed: ends
		n++
	}
	if n != streamSize {
		t.Errorf("the slow one got %d, want %d", n, streamSize)
	}
	if len(foreign.events) != 0 {
		t.Error("another account hears of it")
	}
	h.leave(slow) // dropped already: nothing happens
}

// Between two flushes a replay makes many forecasts; only the newest of a site is sent.
func TestForecastsAreMerged(t *testing.T) {
	ts := newTest(t, keyless)
	s := ts.site(1, "nordlicht")
	listener := &stream{account: 1, sees: func(int64) bool { return true }, events: make(chan event, streamSize)}
	ts.hub.join(listener, 0)
	var newest surgecast.SiteForecast
	for range 100 {
		ts.pass(time.Minute)
		newest = ts.told(s)
	}
	ts.flushOnce()
	if len(listener.events) != 1 {
		t.Fatalf("%d events for 100 forecasts", len(listener.events))
	}
	if e := <-listener.events; !strings.Contains(string(e.data), newest.ID) {
		t.Error("not the newest")
	}
}

// Deleting a key ends what was opened with it. Fails when: stream does not look again who it writes to.
func TestLiveEndsWithItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := newTest(t)
		ts.told(ts.site(1, "nordlicht"))
		key := ts.key(1, surgecast.ScopeRead)
		ended := make(chan answer, 1)
		go func() { ended <- ts.ask("GET", "/v1/live", "", "X-API-KEY", key) }()
		time.Sleep(5 * commentEvery) // of the bubble
		select {
		case a := <-ended:
			t.Fatalf("the stream ended with a key that is good: %d %s", a.status, a.body)
		default:
		}
		synctest.Wait() // it may be looking
		ts.store.mu.Lock()
		delete(ts.store.keys, sumOf(key))
		ts.store.mu.Unlock()
		ts.pass(keyFor)
		time.Sleep(2 * commentEvery)
		synctest.Wait()
		select {
		case a := <-ended:
			if a.status != http.StatusOK || !strings.Contains(a.body, "event: forecast") {
				t.Errorf("stream %d %s", a.status, a.body)
			}
		default:
			t.Error("the stream goes on although its key was deleted")
			ts.endStreams()
			<-ended
		}
	})
}
