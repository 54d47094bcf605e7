package traffic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"surgecast"
)

// shelf is a store in memory whose leases run out by the clock of the test's bubble.
type shelf struct {
	mu     sync.Mutex
	site   surgecast.Site
	rows   map[time.Time]surgecast.TrafficMinute
	leases map[string]*held
	frozen string // holder whose renewals do not arrive
	puts   map[string]int
	stale  int
	broken error
}

type held struct {
	surgecast.Lease
	until time.Time
}

func (s *shelf) lease(name string) *held {
	if s.leases[name] == nil {
		s.leases[name] = &held{}
	}
	return s.leases[name]
}

func (s *shelf) SiteBySlug(_ context.Context, _ int64, slug string) (surgecast.Site, error) {
	if slug != s.site.Slug {
		return surgecast.Site{}, fmt.Errorf("site %s: %w", slug, surgecast.ErrNotFound)
	}
	return s.site, nil
}

func (s *shelf) TrafficFrontiers(context.Context) (map[int64]surgecast.Frontier, error) {
	return map[int64]surgecast.Frontier{}, nil
}

func (s *shelf) PutTrafficUnder(_ context.Context, l surgecast.Lease, rows []surgecast.TrafficMinute, _ time.Time) (surgecast.Written, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return surgecast.Written{}, s.broken
	}
	if l.Epoch != s.lease(l.Name).Epoch {
		s.stale++
		return surgecast.Written{}, surgecast.ErrStaleLease
	}
	for _, r := range rows {
		s.rows[r.Minute] = r
		s.puts[l.Holder]++
	}
	return surgecast.Written{}, nil
}

func (s *shelf) AcquireLease(_ context.Context, name, holder string, ttl time.Duration) (surgecast.Lease, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lease(name)
	if holder == s.frozen || time.Now().Before(l.until) && l.Holder != holder {
		return surgecast.Lease{}, false, nil
	}
	l.Lease = surgecast.Lease{Name: name, Holder: holder, Epoch: l.Epoch + 1}
	l.until = time.Now().Add(ttl)
	return l.Lease, true, nil
}

func (s *shelf) RenewLeases(_ context.Context, ls []surgecast.Lease, ttl time.Duration) ([]surgecast.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ls[0].Holder == s.frozen {
		return nil, nil // it believes to hold it still
	}
	l := s.lease(ls[0].Name)
	if ls[0].Epoch != l.Epoch {
		return ls, nil
	}
	l.until = time.Now().Add(ttl)
	return nil, nil
}

func (s *shelf) ReleaseLeases(_ context.Context, ls []surgecast.Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lease(ls[0].Name); ls[0].Epoch == l.Epoch {
		l.until = time.Time{}
	}
	return nil
}

// ticker is a reader of one minute a poll.
type ticker struct {
	fail   error
	closed *atomic.Int32
}

func (r *ticker) Poll(_ context.Context, now time.Time) (Batch, error) {
	if r.fail != nil {
		return Batch{}, r.fail
	}
	m := now.UTC().Truncate(time.Minute)
	return Batch{Rows: []surgecast.TrafficMinute{{Segment: surgecast.TotalSegment, Minute: m, Requests: 960, Complete: true}}, Counts: map[string]int{"counted": 960}}, nil
}

func (r *ticker) Close() error { r.closed.Add(1); return nil }

func newShelf() *shelf {
	return &shelf{
		site: surgecast.Site{ID: 7, Slug: "shop", Capacity: surgecast.CapacityProfile{Units: 1, RPMPerUnit: 1000}},
		rows: map[time.Time]surgecast.TrafficMinute{}, puts: map[string]int{}, leases: map[string]*held{},
	}
}

func runner(s *shelf, holder, site string, reg prometheus.Registerer, open func() (Reader, error)) *Runner {
	return New(Config{
		Store: s, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Holder: holder, Registry: reg,
		Sources: []Source{{Account: 1, Site: site, Kind: "test", Every: 10 * time.Second, Open: func(context.Context, surgecast.Frontier) (Reader, error) { return open() }}},
	})
}

// Of two processes one reads. When the holder freezes, the other takes over, and what the first writes when
// it wakes is refused. Rows carry the site's id and are marked by its profile: 960 of 1000 is at 95 %.
// Fails when: session does not ask whether it got the lease; read stores with PutTraffic; Mark is not called.
func TestOneOfTwoReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		var closed atomic.Int32
		open := func() (Reader, error) { return &ticker{closed: &closed}, nil }
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		a, b := runner(s, "a", "shop", nil, open), runner(s, "b", "shop", nil, open)
		wg.Go(func() { _ = a.Run(ctx) })
		synctest.Wait()
		wg.Go(func() { _ = b.Run(ctx) })
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		s.mu.Lock()
		if s.puts["a"] < 29 || s.puts["b"] != 0 {
			t.Errorf("writes of the holder and the other: %v", s.puts)
		}
		s.frozen = "a"
		s.mu.Unlock()
		if h := b.Health()[0]; h.State != Standby {
			t.Errorf("the other is %s: %s", h.State, h.Sentence(time.Now()))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		s.mu.Lock()
		if s.puts["b"] == 0 || s.stale == 0 {
			t.Errorf("after the holder froze: %v, %d stale writes refused", s.puts, s.stale)
		}
		for m, r := range s.rows {
			if r.SiteID != 7 || !r.Saturated {
				t.Errorf("%s: %+v", m, r)
			}
		}
		s.mu.Unlock()
		stop()
		wg.Wait()
		if n := closed.Load(); n < 2 {
			t.Errorf("%d readers were closed", n)
		}
	})
}

// A site of the same name of another account is another site: both are read.
// Fails when: the lease's name lacks the account.
func TestSameNameOfTwoAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		var closed atomic.Int32
		var wg sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		for account, holder := range map[int64]string{1: "a", 2: "b"} {
			r := runner(s, holder, "shop", nil, func() (Reader, error) { return &ticker{closed: &closed}, nil })
			r.cfg.Sources[0].Account = account
			wg.Go(func() { _ = r.Run(ctx) })
		}
		time.Sleep(time.Minute)
		stop()
		wg.Wait()
		if s.puts["a"] == 0 || s.puts["b"] == 0 {
			t.Errorf("writes for the two: %v", s.puts)
		}
	})
}

// A reader that fails is opened again, ever more slowly, and its health says why and what the site is called
// when it is not there. Other sites do not notice.
// Fails when: retry is not doubled; read does not return Poll's error.
func TestSupervised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		var closed, opened atomic.Int32
		reg := prometheus.NewRegistry()
		ctx, stop := context.WithCancel(t.Context())
		r := runner(s, "a", "shop", reg, func() (Reader, error) {
			if opened.Add(1) <= 8 {
				return &ticker{fail: errors.New("connection refused"), closed: &closed}, nil
			}
			return &ticker{closed: &closed}, nil
		})
		r.cfg.Sources = append(r.cfg.Sources, Source{Account: 1, Site: "nosuch", Kind: "test", Every: time.Second, Open: r.cfg.Sources[0].Open})
		r.health = append(r.health, Health{Site: "nosuch"})
		done := make(chan struct{})
		go func() { defer close(done); _ = r.Run(ctx) }()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		h := r.Health()
		if h[0].State != Failing || !strings.Contains(h[0].Sentence(time.Now()), "connection refused") || !h[0].RetryAt.After(time.Now().Add(-time.Second)) {
			t.Errorf("health %+v", h[0])
		}
		if h[1].State != Failing || !strings.Contains(h[1].Error, "forecaster site add nosuch") {
			t.Errorf("a site that is not there: %+v", h[1])
		}
		if n := opened.Load(); n > 6 {
			t.Errorf("opened %d times in ten seconds", n)
		}
		time.Sleep(8 * time.Minute)
		synctest.Wait()
		if h := r.Health()[0]; h.State != Reading || h.Error != "" || h.Lag(time.Now()) > 11*time.Second {
			t.Errorf("after it works again: %+v", h)
		}
		if n := failures(t, reg, "shop"); n != 8 {
			t.Errorf("%g failures counted, want 8", n)
		}
		s.mu.Lock()
		s.broken = errors.New("database away")
		s.mu.Unlock()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if h := r.Health()[0]; h.State != Failing || !strings.Contains(h.Error, "database away") {
			t.Errorf("without a database: %+v", h)
		}
		stop()
		<-done
		if o, c := opened.Load(), closed.Load(); o != c {
			t.Errorf("%d readers opened, %d closed", o, c)
		}
	})
}

// failures reads surgecast_traffic_failures_total of a site.
func failures(t *testing.T, reg *prometheus.Registry, site string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "surgecast_traffic_failures_total" && m.GetLabel()[0].GetValue() == site {
				return m.GetCounter().GetValue()
			}
		}
	}
	return -1
}
