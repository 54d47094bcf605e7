package notify_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"surgecast"
	"surgecast/notify"
	"surgecast/store"
)

// A receiver that answers 500 for ten minutes and then 200. A message of the ordinary schedule (0 s, 5 s, 5 min, 30 min
// after one another) arrives with its fourth attempt, after 35 min 5 s. An instruction is tried after 0, 1, 2, 5, 10, 20, 30 s
// and then every 30 s: it arrives with its 25th attempt, 10 min 8 s after it was made, well before it expires.
func TestTenMinutesOfErrors(t *testing.T) {
	for kind, c := range map[string]struct {
		attempts int
		after    time.Duration
	}{
		surgecast.TypeSurgeOpened:           {4, 35*time.Minute + 5*time.Second},
		surgecast.TypeRecommendationChanged: {25, 10*time.Minute + 8*time.Second},
	} {
		b := newBench(t, func(c *notify.Config) { c.Allow = loopback })
		r := newReceiver(t, b.secret, func(w http.ResponseWriter, _ int) {
			if b.clock.now().Before(began.Add(10 * time.Minute)) {
				w.WriteHeader(500)
			}
		})
		d := b.message(b.webhook(t, r.URL), kind)
		for range 40 {
			wait, err := b.Deliver(t.Context(), d.ID)
			if err != nil {
				t.Fatal(err)
			}
			if wait == 0 {
				break
			}
			b.clock.set(b.clock.now().Add(wait))
		}
		got := b.store.get(d.ID)
		if got.Status != surgecast.DeliveryDelivered || got.Attempts != c.attempts || got.DoneAt.Sub(began) != c.after {
			t.Errorf("%s: %s with attempt %d after %s, want %d and %s", kind, got.Status, got.Attempts, got.DoneAt.Sub(began), c.attempts, c.after)
		}
		for _, m := range r.messages() {
			if m.id != d.ID {
				t.Errorf("an attempt under another id: %s", m.id)
			}
		}
	}
}

// raw answers every connection with what handle writes: what is no proper HTTP.
func raw(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer func() { _ = c.Close() }()
				stop := context.AfterFunc(t.Context(), func() { _ = c.Close() })
				defer stop()
				buf := make([]byte, 4096) // the head of the request and a short body
				if _, err := c.Read(buf); err == nil {
					handle(c)
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); open.Wait() })
	return "http://" + l.Addr().String() + "/hook"
}

// A status decides, whatever becomes of the body after it: reset in the middle, or a byte now and then for ever, it was
// accepted. A head that never ends is no answer and is tried again. Fails when: post fails on a body it cannot read whole.
func TestAnswersThatBreakOff(t *testing.T) {
	b := newBench(t, func(c *notify.Config) { c.Allow, c.Timeout = loopback, 3*time.Second })
	drip := func(c net.Conn, head string) {
		_, _ = io.WriteString(c, head)
		for {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	for _, c := range []struct {
		name   string
		handle func(net.Conn)
		status surgecast.DeliveryStatus
		code   int
	}{
		{"reset in the body", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart of it")
			_ = c.(*net.TCPConn).SetLinger(0) // closing sends a reset
		}, surgecast.DeliveryDelivered, 200},
		{"reset before a word", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, surgecast.DeliveryPending, 0},
		{"a slow body without end", func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\n\r\n") }, surgecast.DeliveryDelivered, 200},
		{"a slow head without end", func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\nX-Slow: ") }, surgecast.DeliveryPending, 0},
	} {
		d := b.message(b.webhook(t, raw(t, c.handle)), surgecast.TypeSurgeOpened)
		if _, err := b.Deliver(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
		log := b.store.log(d.ID)
		if got := b.store.get(d.ID).Status; got != c.status || len(log) != 1 || log[0].StatusCode != c.code || len(log[0].Excerpt) > 512 {
			t.Errorf("%s: %s, %+v", c.name, got, log)
		}
	}
}

// nameserver answers each question for an address with the next of its addresses, and the last one for ever.
func nameserver(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		asked := 0
		q := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(q)
			if err != nil {
				return
			}
			end := 12
			for end < n && q[end] != 0 {
				end += int(q[end]) + 1
			}
			end += 5 // root label, type, class
			if end > n {
				continue
			}
			a := append([]byte{}, q[:end]...)
			a[2], a[3] = 0x81, 0x80                                    // an answer, recursion done
			copy(a[4:12], []byte{0, 1, 0, 0, 0, 0, 0, 0})              // one question, nothing else yet
			if kind := binary.BigEndian.Uint16(q[end-4:]); kind == 1 { // A; of AAAA there is none
				ip := netip.MustParseAddr(addresses[min(asked, len(addresses)-1)]).As4()
				asked++
				a[7] = 1
				a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				a = append(a, ip[:]...)
			}
			_, _ = c.WriteTo(a, from)
		}
	})
	t.Cleanup(func() { _ = c.Close(); served.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// A name that is public when it is checked and loopback when it is dialled gains nothing: the guard sees the address of the
// socket. Fails when: newClient's dialer has no Control.
func TestRebindingIsRefused(t *testing.T) {
	reached := atomic.Bool{}
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer inside.Close()
	_, port, err := net.SplitHostPort(inside.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	names := nameserver(t, "93.184.216.34", "127.0.0.1")
	found, err := names.LookupHost(t.Context(), "rebind.example.com")
	if err != nil || len(found) != 1 || found[0] != "93.184.216.34" {
		t.Fatalf("the check sees %v, %v", found, err)
	}
	b := newBench(t, func(c *notify.Config) { c.Resolver = names })
	d := b.message(b.webhook(t, "http://rebind.example.com:"+port+"/"), surgecast.TypeSurgeOpened)
	if _, err := b.Deliver(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	log := b.store.log(d.ID)
	if got := b.store.get(d.ID).Status; reached.Load() || got != surgecast.DeliveryFailed || len(log) != 1 || !strings.Contains(log[0].Error, "address refused") {
		t.Errorf("reached %v, %s, %+v", reached.Load(), got, log)
	}
}

// After the schedule an endpoint to which nothing got through is disabled; one that heard something meanwhile, and one that a
// person asked once more by hand, is not. Fails when: attempt() does not call disableFailing.
func TestAnEndpointThatHearsNothingIsDisabled(t *testing.T) {
	for _, c := range []struct {
		name  string
		heard bool
		want  bool
	}{{"nothing got through", false, true}, {"others arrived", true, false}} {
		b := newBench(t, func(c *notify.Config) { c.Allow = loopback })
		r := newReceiver(t, b.secret, status(503))
		w := b.webhook(t, r.URL)
		d := b.message(w, surgecast.TypeSurgeOpened)
		if c.heard {
			o := b.message(w, surgecast.TypeSurgeClosed)
			o.Status = surgecast.DeliveryDelivered
			b.store.put(o)
		}
		for range notify.DefaultSchedule {
			wait, err := b.Deliver(t.Context(), d.ID)
			if err != nil {
				t.Fatal(err)
			}
			b.clock.set(b.clock.now().Add(wait))
		}
		got := b.store.webhooks[w.ID]
		if got.DisabledAt.IsZero() == c.want || c.want && !strings.Contains(got.DisabledWhy, "nothing got through for 75h35m") {
			t.Errorf("%s: disabled at %v because %q", c.name, got.DisabledAt, got.DisabledWhy)
		}
	}
}

// The same on the database: the account's other endpoint is told, a test message finds its way all the same, and after a
// person has enabled it again the old failures do not count.
func TestOthersHearThatAnEndpointIsDisabled(t *testing.T) {
	s := newService(t)
	r := newReceiver(t, s.secret, nil)
	dead, alive := s.webhook("http://127.0.0.1:1/"), s.webhook(r.URL)
	s.tell(opened(1))
	ds, _, err := s.Deliveries(t.Context(), 1, dead.ID, surgecast.Page{})
	if err != nil || len(ds) != 1 {
		t.Fatal(ds, err)
	}
	try := func(at time.Time) {
		t.Helper()
		if err := s.RecordAttempt(t.Context(), surgecast.DeliveryAttempt{DeliveryID: ds[0].ID, Number: 1, At: at, Error: "no answer"}, surgecast.DeliveryFailed, at); err != nil {
			t.Fatal(err)
		}
	}
	try(began)
	later := began.Add(76 * time.Hour)
	off, err := s.DisableFailingWebhook(t.Context(), alive.ID, "x", later, began)
	if err != nil || off {
		t.Fatalf("an endpoint without a failed attempt: %v, %v", off, err)
	}
	if off, err = s.DisableFailingWebhook(t.Context(), dead.ID, "nothing got through", later, began); err != nil || !off {
		t.Fatalf("the dead endpoint: %v, %v", off, err)
	}
	told, _, err := s.Deliveries(t.Context(), 1, alive.ID, surgecast.Page{})
	if err != nil || len(told) != 2 || told[0].Type != surgecast.TypeWebhookDisabled || !strings.Contains(string(told[0].Body), dead.ID) || strings.Contains(string(told[0].Body), "http://") {
		t.Errorf("the other endpoint is told %+v, %v", told, err)
	}
	w, err := s.WebhookByID(t.Context(), 1, dead.ID)
	if err != nil || w.DisabledWhy != "nothing got through" {
		t.Fatal(w, err)
	}
	w.DisabledAt, w.DisabledWhy, w.EnabledAt = time.Time{}, "", later
	if _, err := s.UpdateWebhook(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if off, err = s.DisableFailingWebhook(t.Context(), dead.ID, "again", later.Add(time.Minute), later); err != nil || off {
		t.Errorf("disabled again for failures from before it was enabled: %v, %v", off, err)
	}
}

// Both secrets sign until the old one's time is over, then one; the old one is forgotten. Fails when: secrets() does not ask
// OldSecretUntil, or RotateWebhook keeps no old secret.
func TestRotation(t *testing.T) {
	b, o := newFormats(t), newOther(t, nil)
	w := b.endpoint(t, surgecast.FormatStandard, o.URL)
	sealed, err := notify.Seal(b.key, notify.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	w.Secrets, w.OldSecretUntil = append([][]byte{sealed}, w.Secrets...), began.Add(time.Hour)
	b.store.webhooks[w.ID] = w
	for at, n := range map[time.Duration]int{0: 2, time.Hour - 1: 2, time.Hour: 1} {
		b.clock.set(began.Add(at))
		d := b.message(w, surgecast.TypeSurgeOpened)
		if _, err := b.Deliver(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
		if got := len(strings.Fields(o.header.Get("webhook-signature"))); got != n {
			t.Errorf("%s after the rotation: %d signatures, want %d", at, got, n)
		}
	}

	s := newService(t)
	hook := s.webhook("https://example.com/")
	got, err := s.RotateWebhook(t.Context(), 1, hook.ID, sealed, began.Add(time.Hour))
	if err != nil || len(got.Secrets) != 2 || string(got.Secrets[0]) != string(sealed) || string(got.Secrets[1]) != string(hook.Secrets[0]) {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := s.RotateWebhook(t.Context(), 2, hook.ID, sealed, time.Time{}); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("another account's: %v", err)
	}
	for at, n := range []int{0, 1} {
		if dropped, err := s.DropOldSecrets(t.Context(), began.Add(time.Duration(at)*time.Hour)); err != nil || dropped != n {
			t.Errorf("hour %d: %d dropped, %v", at, dropped, err)
		}
	}
	if got, err = s.WebhookByID(t.Context(), 1, hook.ID); err != nil || len(got.Secrets) != 1 || !got.OldSecretUntil.IsZero() {
		t.Errorf("afterwards %+v, %v", got, err)
	}
}

// Promise 3, by hand: an instruction that failed for good is not sent again once a newer one was made, whatever became of
// that; a page that a resolution took the place of is not either. Fails when: RetryDelivery does not ask overtakenSQL.
func TestPromise3OvertakenIsNotSentByHand(t *testing.T) {
	s := newService(t)
	s.webhook("http://127.0.0.1:1/")
	s.tell(instruction(1))
	ds, _, err := s.Deliveries(t.Context(), 1, "", surgecast.Page{})
	if err != nil || len(ds) != 1 {
		t.Fatal(ds, err)
	}
	if err := s.RecordAttempt(t.Context(), surgecast.DeliveryAttempt{DeliveryID: ds[0].ID, Number: 1, At: began, StatusCode: 400}, surgecast.DeliveryFailed, began); err != nil {
		t.Fatal(err)
	}
	s.tell(instruction(2))
	if err := s.RetryDelivery(t.Context(), 1, ds[0].ID); !errors.Is(err, surgecast.ErrConflict) {
		t.Errorf("an overtaken instruction goes again: %v", err)
	}
	sealed, err := notify.Seal(s.key, []byte(pagerKey))
	if err != nil {
		t.Fatal(err)
	}
	pager, err := s.CreateWebhook(t.Context(), surgecast.Webhook{AccountID: 1, URL: "http://127.0.0.1:1/", Format: surgecast.FormatPagerDuty, Secrets: [][]byte{sealed}, CreatedAt: began})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{surgecast.TypeSurgeOpened, surgecast.TypeSurgeClosed} {
		s.tell(surgecast.Message{AccountID: 1, SiteID: 7, SurgeID: "srg_1", Type: kind, Data: map[string]any{"surge_id": "srg_1"}, Timestamp: began})
	}
	s.tell(instruction(3)) // which does not page
	ds, _, err = s.Deliveries(t.Context(), 1, pager.ID, surgecast.Page{})
	if err != nil || len(ds) != 2 || ds[0].Status != surgecast.DeliveryPending || ds[1].Status != surgecast.DeliverySuperseded {
		t.Fatalf("the pager's messages %+v, %v", ds, err)
	}
	if err := s.RetryDelivery(t.Context(), 1, ds[1].ID); !errors.Is(err, surgecast.ErrConflict) {
		t.Errorf("a page goes again after its end: %v", err)
	}
}

const childEnv = "SURGECAST_NOTIFY_TEST_CHILD" // database URL and key, separated by a blank

// child is a process of its own that delivers until it is killed.
func child(settings string) error {
	url, digits, _ := strings.Cut(settings, " ")
	key, err := hex.DecodeString(digits)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		return err
	}
	n, err := notify.New(notify.Config{
		Store: store.New(pool), Pool: pool, Clock: func() time.Time { return began }, Wall: time.Now, Key: key, Allow: loopback,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	return n.Run(context.Background())
}

// SIGKILL of a real process in the middle of a delivery, after the receiver has it and before we know: the message goes again
// under the same webhook-id, and so does an instruction; nothing is lost and nothing has two ids. Fails when: Run
// does not call watch, or the id is made for each attempt.
func TestKilledInTheMiddleOfADelivery(t *testing.T) {
	s := newService(t)
	inside, free := make(chan struct{}, 2), make(chan struct{})
	r := newReceiver(t, s.secret, func(_ http.ResponseWriter, n int) {
		if n <= 2 {
			inside <- struct{}{}
			<-free
		}
	})
	s.webhook(r.URL)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %x", childEnv, s.pool.Config().ConnString(), s.key))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.tell(opened(1), instruction(1))
	wait, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	for range 2 {
		select {
		case <-inside:
		case <-wait.Done():
			t.Error("the child delivers nothing")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	close(free)
	if t.Failed() {
		return
	}
	// A sign of life of the dead one keeps its messages; then they are anybody's, without a word from a person.
	if n, err := s.RequeueAbandoned(t.Context(), "notify/"); err != nil || n != 0 {
		t.Fatalf("%d deliveries were taken from a process that may still be there, %v", n, err)
	}
	if tag, err := s.pool.Exec(t.Context(), `UPDATE lease SET expires_at = '-infinity' WHERE name LIKE 'notify/%'`); err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("signs of life: %v, %v", tag, err)
	}
	n := s.notifier(nil)
	s.start(n)
	ds := s.settle(n)
	posts := map[string]int{}
	for _, m := range r.messages() {
		posts[m.id]++
	}
	for _, d := range ds {
		if d.Status != surgecast.DeliveryDelivered || posts[d.ID] != 2 {
			t.Errorf("%s is %s after %d posts", d.Type, d.Status, posts[d.ID])
		}
	}
	if len(ds) != 2 || len(posts) != 2 {
		t.Errorf("%d deliveries under %d ids", len(ds), len(posts))
	}
}

// Where one process alone delivers, it need not wait at its start for the sign of life of the one before to end.
// Fails when: requeueSQL asks for a lease.
func TestInterruptedDeliveriesAreRequeuedAtOnce(t *testing.T) {
	s := newService(t)
	s.webhook("http://127.0.0.1:1/")
	s.tell(opened(1), opened(2))
	if _, err := s.pool.Exec(t.Context(), `UPDATE river.river_job SET state = 'running', attempted_by = '{ntf_dead}', attempted_at = now()`); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.AcquireLease(t.Context(), "notify/ntf_dead", "ntf_dead", time.Hour); err != nil {
		t.Fatal(err)
	}
	if n, err := s.RequeueDeliveries(t.Context()); err != nil || n != 2 {
		t.Errorf("%d deliveries were under way, %v", n, err)
	}
}
