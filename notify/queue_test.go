package notify_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/tidwall/gjson"
	"go.uber.org/goleak"

	"surgecast"
	"surgecast/notify"
	"surgecast/store"
	"surgecast/store/storetest"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(childEnv); settings != "" {
		if err := child(settings); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if err := storetest.Shutdown(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// service is the real store on a real database, and what is needed to run notifiers on it.
type service struct {
	*store.Store
	t      *testing.T
	pool   *pgxpool.Pool
	key    []byte
	secret []byte
	clock  *clock
	lease  surgecast.Lease
}

func newService(t *testing.T) *service {
	t.Helper()
	pool := storetest.New(t)
	s := &service{Store: store.New(pool), t: t, pool: pool, key: notify.NewSecret(), secret: notify.NewSecret(), clock: &clock{t: began}}
	var mine bool
	var err error
	if s.lease, mine, err = s.AcquireLease(t.Context(), "engine/00", "test", time.Hour); err != nil || !mine {
		t.Fatal(mine, err)
	}
	return s
}

func (s *service) notifier(change func(*notify.Config)) *notify.Notifier {
	s.t.Helper()
	c := notify.Config{
		Store: s.Store, Pool: s.pool, Clock: s.clock.now, Wall: time.Now, Key: s.key, Allow: loopback,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Jitter: func() float64 { return 0 },
		Schedule: []time.Duration{0, 10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond},
		Urgent:   []time.Duration{0, 10 * time.Millisecond},
	}
	if change != nil {
		change(&c)
	}
	n, err := notify.New(c)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// start runs a notifier until stop is called, which waits for it.
func (s *service) start(n *notify.Notifier) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run: %v", err)
		}
	})
	s.t.Cleanup(stop)
	return stop
}

func (s *service) webhook(url string) surgecast.Webhook {
	s.t.Helper()
	sealed, err := notify.Seal(s.key, s.secret)
	if err != nil {
		s.t.Fatal(err)
	}
	w, err := s.CreateWebhook(s.t.Context(), surgecast.Webhook{AccountID: 1, URL: url, Secrets: [][]byte{sealed}, CreatedAt: began})
	if err != nil {
		s.t.Fatal(err)
	}
	return w
}

func (s *service) tell(ms ...surgecast.Message) {
	s.t.Helper()
	if err := s.SaveSweep(context.Background(), surgecast.Sweep{At: s.clock.now(), Leases: []surgecast.Lease{s.lease}, Messages: ms}); err != nil {
		s.t.Fatal(err)
	}
}

func instruction(sequence int64) surgecast.Message {
	return surgecast.Message{
		AccountID: 1, SiteID: 7, Type: surgecast.TypeRecommendationChanged, Sequence: sequence,
		Data: map[string]any{"units": 6 + sequence, "sequence": sequence}, Timestamp: began, ExpiresAt: began.Add(15 * time.Minute),
	}
}

func opened(i int) surgecast.Message {
	return surgecast.Message{AccountID: 1, SiteID: 7, Type: surgecast.TypeSurgeOpened, Data: map[string]any{"surge": i}, Timestamp: began}
}

// settle waits until nothing is pending any more; it fails the test instead of hanging.
func (s *service) settle(n *notify.Notifier) []surgecast.Delivery {
	s.t.Helper()
	if err := n.Settle(s.t.Context(), 2*time.Minute); err != nil {
		s.t.Fatal(err)
	}
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	for {
		ds, _, err := s.Deliveries(s.t.Context(), 1, "", surgecast.Page{Limit: 500})
		if err != nil {
			s.t.Fatal(err)
		}
		pending := 0
		for _, d := range ds {
			if d.Status == surgecast.DeliveryPending {
				pending++
			}
		}
		if pending == 0 {
			return ds
		}
		select {
		case <-deadline.C:
			s.t.Fatalf("%d of %d deliveries are still pending", pending, len(ds))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Two processes deliver one queue. Each message is answered 500 once and then accepted: forty messages,
// eighty posts, two attempts each, none lost and none twice accepted.
func TestMessagesOfASweepArrive(t *testing.T) {
	s := newService(t)
	var mu sync.Mutex
	seen := map[string]int{}
	r := newReceiver(t, s.secret, nil)
	r.answer = func(w http.ResponseWriter, n int) {
		mu.Lock()
		defer mu.Unlock()
		id := r.messages()[n-1].id
		if seen[id]++; seen[id] == 1 {
			w.WriteHeader(500)
		}
	}
	s.webhook(r.URL)
	registries := []*prometheus.Registry{prometheus.NewRegistry(), prometheus.NewRegistry()}
	one := s.notifier(func(c *notify.Config) { c.Registry = registries[0] })
	two := s.notifier(func(c *notify.Config) { c.Registry = registries[1] })
	s.start(one)
	s.start(two)
	for i := range 8 {
		var ms []surgecast.Message
		for j := range 5 {
			ms = append(ms, opened(5*i+j))
		}
		s.tell(ms...)
	}
	ds := s.settle(one)
	if len(ds) != 40 || len(seen) != 40 {
		t.Errorf("%d deliveries, %d received, want 40", len(ds), len(seen))
	}
	for _, d := range ds {
		if d.Status != surgecast.DeliveryDelivered || d.Attempts != 2 || seen[d.ID] != 2 {
			t.Errorf("%s after %d attempts, %d posts: %+v", d.Status, d.Attempts, seen[d.ID], d)
		}
		as, err := s.Attempts(t.Context(), 1, d.ID)
		if err != nil || len(as) != 2 || as[0].StatusCode != 500 || as[1].StatusCode != 200 || !as[0].At.Equal(began) {
			t.Errorf("attempts %+v, %v", as, err)
		}
	}
	m := r.messages()[0]
	if gjson.Get(m.body, "type").String() != surgecast.TypeSurgeOpened || gjson.Get(m.body, "data.schema").Int() != 1 || gjson.Get(m.body, "timestamp").String() != "2026-11-21T21:40:00Z" {
		t.Errorf("body %s", m.body)
	}
	// Whichever of the two did the work.
	names := map[string]bool{}
	for _, registry := range registries {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			names[f.GetName()] = true
		}
	}
	if len(names) != 4 {
		t.Errorf("metrics %v, want four", names)
	}
}

// Promise 3: thirty instructions for one site while the receiver fails every third time, worked by two
// processes. The receiver never holds two at a time, never hears an older one after a newer, and ends
// with the last. Fails when deliver() takes no lease.
func TestPromise3InstructionsNeverGoBack(t *testing.T) {
	s := newService(t)
	var mu sync.Mutex
	inside, last := 0, int64(0)
	r := newReceiver(t, s.secret, nil)
	r.answer = func(w http.ResponseWriter, n int) {
		body := r.messages()[n-1].body
		sequence := gjson.Get(body, "data.sequence").Int()
		mu.Lock()
		inside++
		if inside > 1 {
			t.Errorf("instruction %d arrives while another is under way", sequence)
		}
		if sequence < last {
			t.Errorf("instruction %d arrives after %d", sequence, last)
		}
		last = sequence
		mu.Unlock()
		time.Sleep(100 * time.Millisecond) // long enough for the next to come meanwhile
		mu.Lock()
		inside--
		mu.Unlock()
		if n%3 == 0 {
			w.WriteHeader(503)
		}
	}
	s.webhook(r.URL)
	quick := func(c *notify.Config) { c.FetchCooldown = 10 * time.Millisecond }
	one, two := s.notifier(quick), s.notifier(quick)
	s.start(one)
	s.start(two)
	for i := range 30 {
		s.tell(instruction(int64(i + 1)))
		if i%4 != 0 {
			time.Sleep(40 * time.Millisecond) // some arrive together, some after each other
		}
	}
	ds := s.settle(one)
	for _, d := range ds {
		switch {
		case d.Sequence == 30 && d.Status != surgecast.DeliveryDelivered:
			t.Errorf("the last instruction is %s", d.Status)
		case d.Status != surgecast.DeliveryDelivered && d.Status != surgecast.DeliverySuperseded:
			t.Errorf("instruction %d is %s", d.Sequence, d.Status)
		}
	}
	if last != 30 || len(ds) != 30 {
		t.Errorf("%d instructions, the last heard is %d, want 30", len(ds), last)
	}
}

// An instruction the receiver refuses until it expires is tried again and again and then ends expired;
// it is not posted once more after that.
func TestInstructionsAreRetriedUntilTheyExpire(t *testing.T) {
	s := newService(t)
	r := newReceiver(t, s.secret, nil)
	r.answer = func(w http.ResponseWriter, n int) {
		if n == 5 {
			s.clock.set(began.Add(15 * time.Minute)) // its valid_until
		}
		w.WriteHeader(500)
	}
	s.webhook(r.URL)
	n := s.notifier(nil)
	s.start(n)
	s.tell(instruction(1))
	ds := s.settle(n)
	if len(ds) != 1 || ds[0].Status != surgecast.DeliveryExpired || len(r.messages()) != 5 {
		t.Errorf("%d posts, %+v", len(r.messages()), ds)
	}
}

// A clean stop aborts an attempt that takes too long, leaves the message pending under its id, and the
// next process sends it. Nothing is left running.
func TestStopInTheMiddleOfADelivery(t *testing.T) {
	s := newService(t)
	before := goleak.IgnoreCurrent()
	hang, inside := make(chan struct{}), make(chan struct{}, 1)
	r := newReceiver(t, s.secret, func(w http.ResponseWriter, n int) {
		if n == 1 {
			inside <- struct{}{}
			<-hang
		}
	})
	s.webhook(r.URL)
	stop := s.start(s.notifier(func(c *notify.Config) { c.StopTimeout = 100 * time.Millisecond }))
	s.tell(opened(1))
	<-inside
	stop()
	close(hang)
	ds, _, err := s.Deliveries(t.Context(), 1, "", surgecast.Page{})
	if err != nil || len(ds) != 1 || ds[0].Status != surgecast.DeliveryPending || ds[0].Attempts != 0 {
		t.Fatalf("after the stop: %+v, %v", ds, err)
	}
	n := s.notifier(nil)
	stop = s.start(n)
	after := s.settle(n)
	stop()
	m := r.messages()
	if after[0].Status != surgecast.DeliveryDelivered || len(m) != 2 || m[0].id != m[1].id {
		t.Errorf("%+v, messages %+v", after, m)
	}
	r.Close()
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgxpool.(*Pool).backgroundHealthCheck"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// Settle waits for messages nobody works, and says how many there are.
func TestSettleSaysWhatIsLeft(t *testing.T) {
	s := newService(t)
	r := newReceiver(t, s.secret, nil)
	s.webhook(r.URL)
	n := s.notifier(nil)
	if err := n.Settle(t.Context(), time.Minute); err != nil {
		t.Errorf("with nothing to deliver: %v", err)
	}
	s.tell(opened(1), opened(2))
	if err := n.Settle(t.Context(), 3*time.Second); err == nil || !strings.Contains(err.Error(), "2 without a first attempt") {
		t.Errorf("with two messages and nobody who works: %v", err)
	}
}

// A 410 retires the endpoint: what was waiting for it fails, and it hears nothing more until it is
// enabled again; a test message by hand is sent all the same.
func TestGoneEndpointHearsNoMore(t *testing.T) {
	s := newService(t)
	r := newReceiver(t, s.secret, func(w http.ResponseWriter, n int) {
		if n == 1 {
			w.WriteHeader(410)
		}
	})
	hook := s.webhook(r.URL)
	n := s.notifier(nil)
	s.start(n)
	s.tell(opened(1))
	s.settle(n)
	s.tell(opened(2))
	s.settle(n)
	if w, err := s.WebhookByID(t.Context(), 1, hook.ID); err != nil || w.DisabledAt.IsZero() || len(r.messages()) != 1 {
		t.Errorf("%d messages, %+v, %v", len(r.messages()), w, err)
	}
	if _, err := s.EnqueueTest(t.Context(), 1, hook.ID, began); err != nil {
		t.Fatal(err)
	}
	ds := s.settle(n)
	if len(r.messages()) != 2 || ds[0].Type != surgecast.TypeTest || ds[0].Status != surgecast.DeliveryDelivered {
		t.Errorf("%d messages, %+v", len(r.messages()), ds)
	}
}
