package notify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"surgecast"
	"surgecast/notify"
)

var began = time.Date(2026, 11, 21, 21, 40, 0, 0, time.UTC)

// clock is the clock of a run; it stands still until it is set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// bench is everything one attempt needs, without a queue.
type bench struct {
	*notify.Notifier
	store  *memory
	clock  *clock
	key    []byte
	secret []byte
	log    *bytes.Buffer
}

func newBench(t *testing.T, change func(*notify.Config)) *bench {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), "postgres://nobody@127.0.0.1:1/none") // never dialled: no queue is used
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	b := &bench{store: newMemory(), clock: &clock{t: began}, key: notify.NewSecret(), secret: notify.NewSecret(), log: &bytes.Buffer{}}
	c := notify.Config{
		Store: b.store, Pool: pool, Clock: b.clock.now, Wall: time.Now, Key: b.key,
		Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Jitter: func() float64 { return 0 }, Timeout: time.Minute,
	}
	if change != nil {
		change(&c)
	}
	if b.Notifier, err = notify.New(c); err != nil {
		t.Fatal(err)
	}
	return b
}

// webhook registers an endpoint whose secret is sealed as the database holds it.
func (b *bench) webhook(t *testing.T, url string) surgecast.Webhook {
	t.Helper()
	sealed, err := notify.Seal(b.key, b.secret)
	if err != nil {
		t.Fatal(err)
	}
	w := surgecast.Webhook{ID: surgecast.NewID("whk_"), AccountID: 1, URL: url, Format: "standard", Secrets: [][]byte{sealed}}
	b.store.webhooks[w.ID] = w
	return w
}

func (b *bench) message(w surgecast.Webhook, kind string) surgecast.Delivery {
	d := surgecast.Delivery{ID: surgecast.NewID("dlv_"), AccountID: 1, WebhookID: w.ID, SiteID: 12, Type: kind, Status: surgecast.DeliveryPending, Body: []byte(`{"type":"` + kind + `"}`), CreatedAt: began}
	if kind == surgecast.TypeRecommendationChanged {
		d.ExpiresAt = began.Add(15 * time.Minute)
	}
	b.store.put(d)
	return d
}

func status(code int) func(http.ResponseWriter, int) {
	return func(w http.ResponseWriter, _ int) { w.WriteHeader(code) }
}

func TestWhatAnAnswerDoesToAMessage(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter, int)
		kind   string
		status surgecast.DeliveryStatus
		wait   time.Duration
		says   string // in the attempt's error
	}{
		{"200", status(200), surgecast.TypeSurgeOpened, surgecast.DeliveryDelivered, 0, ""},
		{"204", status(204), surgecast.TypeSurgeOpened, surgecast.DeliveryDelivered, 0, ""},
		{"500: 5 s", status(500), surgecast.TypeSurgeOpened, surgecast.DeliveryPending, 5 * time.Second, "answered 500"},
		{"500 for an instruction: 1 s", status(500), surgecast.TypeRecommendationChanged, surgecast.DeliveryPending, time.Second, "answered 500"},
		{"404 may be a deployment", status(404), surgecast.TypeSurgeOpened, surgecast.DeliveryPending, 5 * time.Second, "answered 404"},
		{"400 is for good", status(400), surgecast.TypeSurgeOpened, surgecast.DeliveryFailed, 0, "answered 400"},
		{"410 retires the endpoint", status(410), surgecast.TypeSurgeOpened, surgecast.DeliveryFailed, 0, "answered 410"},
		{"429 with Retry-After", func(w http.ResponseWriter, _ int) { w.Header().Set("Retry-After", "120"); w.WriteHeader(429) }, surgecast.TypeSurgeOpened, surgecast.DeliveryPending, 2 * time.Minute, "answered 429"},
		{"503 with Retry-After below the schedule", func(w http.ResponseWriter, _ int) { w.Header().Set("Retry-After", "1"); w.WriteHeader(503) }, surgecast.TypeSurgeOpened, surgecast.DeliveryPending, 5 * time.Second, "answered 503"},
		{"500 with Retry-After is not asked for", func(w http.ResponseWriter, _ int) { w.Header().Set("Retry-After", "120"); w.WriteHeader(500) }, surgecast.TypeSurgeOpened, surgecast.DeliveryPending, 5 * time.Second, "answered 500"},
		{"no HTTP at all", func(w http.ResponseWriter, _ int) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = c.Close()
			}
		}, surgecast.TypeSurgeOpened, surgecast.DeliveryPending, 5 * time.Second, "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r *receiver
			b := newBench(t, func(c *notify.Config) { c.Allow = loopback })
			r = newReceiver(t, b.secret, c.answer)
			w := b.webhook(t, r.URL+"/hook")
			d := b.message(w, c.kind)
			wait, err := b.Deliver(t.Context(), d.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got := b.store.get(d.ID); got.Status != c.status || wait != c.wait || got.Attempts != 1 || got.DoneAt.IsZero() != (c.status == surgecast.DeliveryPending) {
				t.Errorf("got %s after %s, want %s after %s: %+v", got.Status, wait, c.status, c.wait, got)
			}
			log := b.store.log(d.ID)
			if len(log) != 1 || (c.says == "") != (log[0].Error == "") || !strings.Contains(log[0].Error, c.says) || !log[0].At.Equal(began) {
				t.Errorf("log %+v", log)
			}
			m := r.messages()
			if len(m) != 1 || m[0].id != d.ID || !strings.Contains(m[0].body, `"specversion":"1.0","id":"`+d.ID+`"`) {
				t.Errorf("received %+v", m)
			}
			if gone := c.name == "410 retires the endpoint"; gone != !b.store.webhooks[w.ID].DisabledAt.IsZero() {
				t.Errorf("disabled at %v", b.store.webhooks[w.ID].DisabledAt)
			}
		})
	}
}

var loopback = []notify.Allowed{mustAllow("127.0.0.1")}

func mustAllow(s string) notify.Allowed {
	a, err := notify.ParseAllowed(s)
	if err != nil {
		panic(err)
	}
	return a
}

// Promise 3: an expired instruction is never sent. Fails when attempt() does not ask expired().
func TestExpiredIsNeverSent(t *testing.T) {
	b := newBench(t, func(c *notify.Config) { c.Allow = loopback })
	r := newReceiver(t, b.secret, nil)
	d := b.message(b.webhook(t, r.URL), surgecast.TypeRecommendationChanged)
	b.clock.set(d.ExpiresAt)
	if wait, err := b.Deliver(t.Context(), d.ID); err != nil || wait != 0 {
		t.Fatal(wait, err)
	}
	got := b.store.get(d.ID)
	if len(r.messages()) != 0 || got.Status != surgecast.DeliveryExpired || !got.DoneAt.Equal(d.ExpiresAt) {
		t.Errorf("%d messages, %+v", len(r.messages()), got)
	}
	if log := b.store.log(d.ID); len(log) != 1 || !strings.Contains(log[0].Error, "not sent: it was good until 2026-11-21T21:55:00Z") {
		t.Errorf("log %+v", log)
	}
}

// While all acting is frozen an instruction that was pending is held back, also one the engine made because it had not
// heard of the freeze; what a person decided goes out, and so does what is no instruction. The freeze lifted in time,
// it is sent; too late, it has expired.
// Fails when: attempt does not ask heldBack; heldBack does not look at the reason.
func TestNothingIsInstructedWhileFrozen(t *testing.T) {
	b := newBench(t, func(c *notify.Config) { c.Allow = loopback })
	r := newReceiver(t, b.secret, nil)
	w := b.webhook(t, r.URL)
	says := func(kind, reason string) surgecast.Delivery {
		d := b.message(w, kind)
		d.Body = fmt.Appendf(nil, `{"type":%q,"data":{"reason":%q}}`, kind, reason)
		b.store.put(d)
		return d
	}
	deliver := func(d surgecast.Delivery) (wait time.Duration, status surgecast.DeliveryStatus) {
		t.Helper()
		wait, err := b.Deliver(t.Context(), d.ID)
		if err != nil {
			t.Fatal(err)
		}
		return wait, b.store.get(d.ID).Status
	}
	b.store.frozen = true
	one, two := says(surgecast.TypeRecommendationChanged, "forecast"), says(surgecast.TypeRecommendationChanged, "demand")
	for _, d := range []surgecast.Delivery{one, two} {
		if wait, status := deliver(d); wait <= 0 || status != surgecast.DeliveryPending || len(b.store.log(d.ID)) != 0 {
			t.Errorf("frozen: %s, again after %s, log %+v", status, wait, b.store.log(d.ID))
		}
	}
	if m := r.messages(); len(m) != 0 {
		t.Errorf("sent while frozen: %+v", m)
	}
	for _, d := range []surgecast.Delivery{says(surgecast.TypeRecommendationChanged, "override"), says(surgecast.TypeRecommendationChanged, "frozen"), says(surgecast.TypeSurgeOpened, "")} {
		if wait, status := deliver(d); wait != 0 || status != surgecast.DeliveryDelivered {
			t.Errorf("%s while frozen: %s, again after %s", d.Body, status, wait)
		}
	}
	b.store.frozen = false
	if _, status := deliver(one); status != surgecast.DeliveryDelivered {
		t.Errorf("the freeze lifted: %s", status)
	}
	b.store.frozen = true
	b.clock.set(two.ExpiresAt)
	if wait, status := deliver(two); wait != 0 || status != surgecast.DeliveryExpired {
		t.Errorf("at its end: %s, again after %s", status, wait)
	}
}

// Promise 3: a superseded instruction is never sent, also when the newer one came while it waited for
// its turn. Fails when deliver() does not read the delivery again under the lease.
func TestSupersededIsNeverSent(t *testing.T) {
	b := newBench(t, func(c *notify.Config) { c.Allow = loopback })
	r := newReceiver(t, b.secret, nil)
	w := b.webhook(t, r.URL)
	before, meanwhile := b.message(w, surgecast.TypeRecommendationChanged), b.message(w, surgecast.TypeRecommendationChanged)
	supersede := func(d surgecast.Delivery) {
		d.Status, d.DoneAt = surgecast.DeliverySuperseded, began
		b.store.put(d)
	}
	supersede(before)
	b.store.leased = func(string) { supersede(meanwhile) }
	for _, d := range []surgecast.Delivery{before, meanwhile} {
		if wait, err := b.Deliver(t.Context(), d.ID); err != nil || wait != 0 {
			t.Fatal(wait, err)
		}
	}
	if m := r.messages(); len(m) != 0 {
		t.Errorf("sent %+v", m)
	}
	if len(b.store.leases) != 0 {
		t.Errorf("leases left: %v", b.store.leases)
	}
}

// An instruction under way keeps the next one to the same endpoint and site waiting; one for another
// site, and another kind of message, go at once. Fails when deliver() takes no lease.
func TestOneInstructionAtATime(t *testing.T) {
	b := newBench(t, func(c *notify.Config) { c.Allow = loopback })
	inside, free := make(chan struct{}, 1), make(chan struct{})
	r := newReceiver(t, b.secret, func(w http.ResponseWriter, n int) {
		if n == 1 {
			inside <- struct{}{}
			<-free
		}
	})
	w := b.webhook(t, r.URL)
	first, second := b.message(w, surgecast.TypeRecommendationChanged), b.message(w, surgecast.TypeRecommendationChanged)
	other := b.message(w, surgecast.TypeRecommendationChanged)
	other.SiteID = 13
	b.store.put(other)
	talk := b.message(w, surgecast.TypeSurgeOpened)
	done := make(chan error, 1)
	go func() {
		_, err := b.Deliver(context.Background(), first.ID)
		done <- err
	}()
	<-inside
	if wait, err := b.Deliver(t.Context(), second.ID); err != nil || wait == 0 || len(r.messages()) != 1 {
		t.Errorf("the second instruction: wait %v, %v, %d messages there", wait, err, len(r.messages()))
	}
	for _, d := range []surgecast.Delivery{other, talk} {
		if wait, err := b.Deliver(t.Context(), d.ID); err != nil || wait != 0 || b.store.get(d.ID).Status != surgecast.DeliveryDelivered {
			t.Errorf("message %s of site %d waits %v, %v", d.Type, d.SiteID, wait, err)
		}
	}
	close(free)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if wait, err := b.Deliver(t.Context(), second.ID); err != nil || wait != 0 || b.store.get(second.ID).Status != surgecast.DeliveryDelivered {
		t.Errorf("afterwards: wait %v, %v, %+v", wait, err, b.store.get(second.ID))
	}
}

// One endpoint that hangs holds its share of the workers and no more. Fails when gate.enter does not count.
func TestOneEndpointDoesNotHoldEveryWorker(t *testing.T) {
	b := newBench(t, func(c *notify.Config) { c.Allow, c.WorkersEndpoint = loopback, 1 })
	inside, free := make(chan struct{}, 1), make(chan struct{})
	slow := newReceiver(t, b.secret, func(http.ResponseWriter, int) { inside <- struct{}{}; <-free })
	quick := newReceiver(t, b.secret, nil)
	w := b.webhook(t, slow.URL)
	one, two := b.message(w, surgecast.TypeSurgeOpened), b.message(w, surgecast.TypeSurgeClosed)
	done := make(chan error, 1)
	go func() {
		_, err := b.Deliver(context.Background(), one.ID)
		done <- err
	}()
	<-inside
	if wait, err := b.Deliver(t.Context(), two.ID); err != nil || wait == 0 || len(slow.messages()) != 1 {
		t.Errorf("a second message to the slow endpoint: wait %v, %v, %d messages there", wait, err, len(slow.messages()))
	}
	d := b.message(b.webhook(t, quick.URL), surgecast.TypeSurgeOpened)
	if wait, err := b.Deliver(t.Context(), d.ID); err != nil || wait != 0 {
		t.Errorf("a message to another endpoint: wait %v, %v", wait, err)
	}
	close(free)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The ten attempts of the schedule: 0 s, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. After the
// tenth the message has failed. Every attempt carries the same id and a signature the receiver accepts.
func TestTheScheduleIsUsedUp(t *testing.T) {
	b := newBench(t, func(c *notify.Config) { c.Allow = loopback })
	r := newReceiver(t, b.secret, status(503))
	d := b.message(b.webhook(t, r.URL), surgecast.TypeSurgeOpened)
	for i := 1; i < len(notify.DefaultSchedule); i++ {
		wait, err := b.Deliver(t.Context(), d.ID)
		if err != nil || wait != notify.DefaultSchedule[i] {
			t.Fatalf("after attempt %d: wait %s, %v, want %s", i, wait, err, notify.DefaultSchedule[i])
		}
	}
	wait, err := b.Deliver(t.Context(), d.ID)
	if got := b.store.get(d.ID); err != nil || wait != 0 || got.Status != surgecast.DeliveryFailed || got.Attempts != 10 {
		t.Errorf("after the last: wait %s, %v, %+v", wait, err, got)
	}
	for _, m := range r.messages() {
		if m.id != d.ID {
			t.Errorf("attempt with id %s, want %s", m.id, d.ID)
		}
	}
}

// Killed between the answer and the log, a message goes again under the same id: at least once, and
// receivers can tell. Fails when the log is written before the message is posted.
func TestAtLeastOnceUnderTheSameID(t *testing.T) {
	b := newBench(t, func(c *notify.Config) { c.Allow = loopback })
	r := newReceiver(t, b.secret, nil)
	d := b.message(b.webhook(t, r.URL), surgecast.TypeSurgeOpened)
	b.store.broken = errors.New("the database is gone")
	if _, err := b.Deliver(t.Context(), d.ID); err == nil {
		t.Fatal("an attempt that could not be written is no error")
	}
	if _, err := b.Deliver(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Deliver(t.Context(), d.ID); err != nil { // a job that runs once more finds it done
		t.Fatal(err)
	}
	m := r.messages()
	if len(m) != 2 || m[0].id != d.ID || m[1].id != d.ID || b.store.get(d.ID).Status != surgecast.DeliveryDelivered {
		t.Errorf("received %+v, %+v", m, b.store.get(d.ID))
	}
}

// A redirect is not followed: the message would go where its owner did not send it, and loopback may
// hide behind it. Fails when CheckRedirect is left out.
func TestRedirectsAreNotFollowed(t *testing.T) {
	b := newBench(t, func(c *notify.Config) { c.Allow = loopback })
	inside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s reached", r.URL) }))
	defer inside.Close()
	for _, code := range []int{301, 302, 307, 308} {
		r := newReceiver(t, b.secret, func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", inside.URL+"/admin")
			w.WriteHeader(code)
		})
		d := b.message(b.webhook(t, r.URL), surgecast.TypeSurgeOpened)
		if wait, err := b.Deliver(t.Context(), d.ID); err != nil || wait != 0 {
			t.Fatal(wait, err)
		}
		log := b.store.log(d.ID)
		if len(log) != 1 || log[0].StatusCode != code || b.store.get(d.ID).Status != surgecast.DeliveryFailed {
			t.Errorf("%d: %+v", code, log)
		}
	}
}

// A receiver that never answers costs the timeout and is tried again; one that answers 200 and then
// never ends its body, or sends 10 MB, has accepted the message.
func TestSlowAndEndlessAnswers(t *testing.T) {
	b := newBench(t, func(c *notify.Config) { c.Allow, c.Timeout = loopback, 3*time.Second })
	var hang chan struct{}
	for _, c := range []struct {
		name    string
		answer  func(http.ResponseWriter, int)
		status  surgecast.DeliveryStatus
		code    int
		excerpt int
	}{
		{"hangs", func(http.ResponseWriter, int) { <-hang }, surgecast.DeliveryPending, 0, 0},
		{"hangs in the body", func(w http.ResponseWriter, _ int) {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			<-hang
		}, surgecast.DeliveryDelivered, 200, 0},
		{"10 MB", func(w http.ResponseWriter, _ int) {
			_, _ = w.Write(bytes.Repeat([]byte("x"), 10<<20)) // fails when the sender hangs up, as it should
		}, surgecast.DeliveryDelivered, 200, 512},
		{"no HTTP but a long line", func(w http.ResponseWriter, _ int) {
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_, _ = c.Write(append(bytes.Repeat([]byte("z\x00"), 20<<10), '\n'))
				_ = c.Close()
			}
		}, surgecast.DeliveryPending, 0, 0},
		{"headers without end", func(w http.ResponseWriter, _ int) {
			for i := range 5000 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("y", 100))
			}
		}, surgecast.DeliveryPending, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			hang = make(chan struct{})
			r := newReceiver(t, b.secret, c.answer)
			t.Cleanup(func() { close(hang) }) // before the server's own, which waits for its handlers
			d := b.message(b.webhook(t, r.URL), surgecast.TypeSurgeOpened)
			if _, err := b.Deliver(t.Context(), d.ID); err != nil {
				t.Fatal(err)
			}
			log := b.store.log(d.ID)
			if got := b.store.get(d.ID); got.Status != c.status || len(log) != 1 || log[0].StatusCode != c.code || len(log[0].Excerpt) != c.excerpt || len(log[0].Error) > 512 {
				t.Errorf("%s, log %+v", got.Status, log)
			}
			r.CloseClientConnections()
		})
	}
}

// What is not sent says why in the log: the endpoint is gone, disabled, of an unknown format, without a
// usable secret, or points where it may not.
func TestWhatIsNotSentSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*surgecast.Webhook)
		says   string
	}{
		{"disabled", func(w *surgecast.Webhook) { w.DisabledAt = began }, "disabled"},
		{"another account's", func(w *surgecast.Webhook) { w.AccountID = 2 }, "deleted"},
		{"unknown format", func(w *surgecast.Webhook) { w.Format = "fax" }, `format "fax" is unknown`},
		{"no secret", func(w *surgecast.Webhook) { w.Secrets = nil }, "has no secret"},
		{"secret sealed with another key", func(w *surgecast.Webhook) { w.Secrets[0][20] ^= 1 }, "another key, or damaged"},
		{"no URL", func(w *surgecast.Webhook) { w.URL = "gopher://127.0.0.1/" }, "URL is not usable"},
		{"metadata service", func(w *surgecast.Webhook) { w.URL = "http://169.254.169.254/latest" }, "address refused"},
		{"localhost by name, port not allowed", func(w *surgecast.Webhook) { w.URL = "http://localhost:1/" }, "address refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r *receiver
			b := newBench(t, nil)
			r = newReceiver(t, b.secret, nil)
			b = rebench(t, b, allow(t, r.Server))
			w := b.webhook(t, r.URL)
			c.change(&w)
			b.store.webhooks[w.ID] = w
			d := b.message(w, surgecast.TypeSurgeOpened)
			if wait, err := b.Deliver(t.Context(), d.ID); err != nil || wait != 0 {
				t.Fatal(wait, err)
			}
			log := b.store.log(d.ID)
			if len(r.messages()) != 0 || b.store.get(d.ID).Status != surgecast.DeliveryFailed || len(log) != 1 || !strings.Contains(log[0].Error, c.says) {
				t.Errorf("%d messages, %+v, log %+v", len(r.messages()), b.store.get(d.ID), log)
			}
		})
	}
}

// rebench is b with another allow-list.
func rebench(t *testing.T, b *bench, a []notify.Allowed) *bench {
	n := newBench(t, func(c *notify.Config) { c.Allow, c.Key, c.Store = a, b.key, b.store })
	n.store, n.key, n.secret = b.store, b.key, b.secret
	return n
}

// While a secret is rotated both are good: a receiver with either verifies.
func TestTwoSecretsWhileRotating(t *testing.T) {
	b := newBench(t, func(c *notify.Config) { c.Allow = loopback })
	next := notify.NewSecret()
	old, renewed := newReceiver(t, b.secret, nil), newReceiver(t, next, nil)
	sealed, err := notify.Seal(b.key, next)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*receiver{old, renewed} {
		w := b.webhook(t, r.URL)
		w.Secrets = [][]byte{sealed, w.Secrets[0]} // newest first
		b.store.webhooks[w.ID] = w
		d := b.message(w, surgecast.TypeSurgeOpened)
		if _, err := b.Deliver(t.Context(), d.ID); err != nil || b.store.get(d.ID).Status != surgecast.DeliveryDelivered {
			t.Errorf("%v, %+v", err, b.store.log(d.ID))
		}
	}
}

// Neither a secret nor a URL, whose path may be one, stands in a log line, an attempt or an error.
func TestNothingSecretIsWritten(t *testing.T) {
	const path = "/services/T000/B000/PATHSECRET"
	b := newBench(t, func(c *notify.Config) { c.Allow, c.Timeout = loopback, 200*time.Millisecond })
	hang := make(chan struct{})
	defer close(hang)
	written := &strings.Builder{}
	for _, answer := range []func(http.ResponseWriter, int){nil, status(500), status(410), func(http.ResponseWriter, int) { <-hang }} {
		r := newReceiver(t, b.secret, answer)
		d := b.message(b.webhook(t, strings.Replace(r.URL, "http://", "http://user:USERSECRET@", 1)+path+"?token=QUERYSECRET"), surgecast.TypeSurgeOpened)
		_, err := b.Deliver(t.Context(), d.ID)
		fmt.Fprintln(written, err, b.store.log(d.ID))
		r.CloseClientConnections()
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, url := range []string{closed.URL + path, "http://no-such-host.invalid" + path, "http://bad host" + path, "http://10.0.0.1" + path} {
		d := b.message(b.webhook(t, url), surgecast.TypeSurgeOpened)
		_, err := b.Deliver(t.Context(), d.ID)
		fmt.Fprintln(written, err, b.store.log(d.ID))
	}
	all := written.String() + b.log.String()
	for _, secret := range []string{"PATHSECRET", "USERSECRET", "QUERYSECRET", notify.FormatSecret(b.secret), string(b.secret), string(b.key)} {
		if strings.Contains(all, secret) {
			t.Errorf("written: %q in\n%s", secret, all)
		}
	}
	if !strings.Contains(all, "delivery attempted") {
		t.Errorf("the log is empty:\n%s", all)
	}
}
