package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"surgecast"
)

// troubled is a store whose commits fail now and then.
type troubled struct {
	Store
	before, after func() error
}

func (s *troubled) SaveSweep(ctx context.Context, sw surgecast.Sweep) error {
	if s.before != nil {
		if err := s.before(); err != nil {
			return err
		}
	}
	if err := s.Store.SaveSweep(ctx, sw); err != nil {
		return err
	}
	if s.after != nil {
		return s.after()
	}
	return nil
}

// everything counts the rows a sweep can write.
func everything(t testing.TB, p *place) (n int) {
	t.Helper()
	for _, table := range []string{"site_forecast", "ledger_head", "recommendation", "surge", "surge_transition", "delivery", "river.river_job", "model_state"} {
		n += count(t, p.pool, table)
	}
	return n
}

// A commit that fails leaves no trace, and the next sweep says what an undisturbed run would have said:
// memory never runs ahead of the ledger. A commit whose answer is lost is not made twice. The connection that
// dies does so in the database, after all but the snapshots are written.
//
// Fails when: Sweep does not call forget after an error.
func TestFailedCommitLeavesNoTrace(t *testing.T) {
	t.Parallel()
	const until = 295 // over capacity
	lost := errors.New("the answer is lost")
	var want found
	t.Run("undisturbed", func(t *testing.T) {
		p := newPlace(t, withCheckout)
		playCourse(t, p, until, func(_ int, e *Engine) *Engine { return e })
		want = p.found()
	})
	die := func(p *place) {
		p.exec(`CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$`)
		p.exec(`CREATE TRIGGER die BEFORE INSERT OR UPDATE ON model_state FOR EACH ROW EXECUTE FUNCTION die()`)
	}
	for _, c := range []struct {
		name           string
		trouble, peace func(p *place, s *troubled)
		kept           bool // the commit was made all the same
	}{
		{name: "refused", trouble: func(_ *place, s *troubled) { s.before = func() error { return lost } }, peace: func(_ *place, s *troubled) { s.before = nil }},
		{name: "answer lost", trouble: func(_ *place, s *troubled) { s.after = func() error { return lost } }, peace: func(_ *place, s *troubled) { s.after = nil }, kept: true},
		{name: "connection killed", trouble: func(p *place, _ *troubled) { die(p) }, peace: func(p *place, _ *troubled) { p.exec(`DROP TRIGGER die ON model_state`) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t, withCheckout)
			s := &troubled{Store: p.st}
			failures := 0
			playCourse(t, p, until, func(i int, e *Engine) *Engine {
				if i == courseKnown-1 {
					e = p.engine(func(c *Config) { c.Store = s })
				}
				if i%5 != 4 || courseVisits(i) == nil {
					return e
				}
				before := everything(t, p)
				c.trouble(p, s)
				if _, err := e.Sweep(t.Context(), minute(i+1)); err == nil {
					t.Fatalf("minute %d: no error", i)
				}
				c.peace(p, s)
				if after := everything(t, p); after != before && !c.kept {
					t.Fatalf("minute %d: %d rows of a sweep that failed", i, after-before)
				}
				failures++
				return e
			})
			if failures < 5 {
				t.Errorf("%d failures prove little", failures)
			}
			same(t, want, p.found())
		})
	}
}

// Promise 3 in the engine: transition, recommendation and deliveries are one commit. A delivery that cannot be
// written takes all of its series with it, and a later sweep has it all.
//
// Fails when: store commits sw.Messages in a second SaveSweep of their own.
func TestPromise3SweepIsOneCommit(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	refused := 0
	both := func() (told, transitions int) {
		return count(t, p.pool, `delivery WHERE type LIKE 'surge.%'`), count(t, p.pool, `surge_transition`)
	}
	playCourse(t, p, 299, func(i int, e *Engine) *Engine {
		if i < 270 || len(e.refused) > 0 { // what was refused may be written a minute later
			return e
		}
		p.exec(`ALTER TABLE delivery ADD CONSTRAINT refused CHECK (type NOT LIKE 'surge.%') NOT VALID`)
		was, before := both()
		_, err := e.Sweep(t.Context(), minute(i+1))
		p.ok(err)
		if told, transitions := both(); told != was || transitions != before {
			t.Errorf("minute %d: %d transitions and %d messages although no message can be written", i, transitions-before, told-was)
		}
		refused += len(e.refused)
		p.exec(`ALTER TABLE delivery DROP CONSTRAINT refused`)
		return e
	})
	if refused == 0 {
		t.Fatal("no transition came to be told")
	}
	if told, transitions := both(); told != transitions || told == 0 {
		t.Errorf("%d messages about %d transitions, %d of them refused at first", told, transitions, refused)
	}
}

// One site whose rows the database refuses for good stops nobody, is said once, and goes on from where it was
// when it is let in again.
//
// Fails when: commit returns the error of its first store.
func TestRefusedRowsStopOneSite(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	sites := []surgecast.Site{p.site}
	for i := range 10 {
		s := p.site
		s.ID, s.Slug = 0, fmt.Sprintf("site-%d", i)
		s, err := p.st.CreateSite(t.Context(), s)
		p.ok(err)
		sites = append(sites, s)
	}
	bad := sites[4].ID
	e := p.engine(nil)
	for i := range 60 {
		var rows []surgecast.TrafficMinute
		for _, s := range sites {
			rows = append(rows, surgecast.TrafficMinute{SiteID: s.ID, Segment: surgecast.TotalSegment, Minute: minute(i), Requests: quiet(uint64(s.ID), i, 200), Complete: true})
		}
		_, err := p.st.PutTraffic(t.Context(), rows, minute(i+1))
		p.ok(err)
		switch i {
		case 15:
			p.exec(fmt.Sprintf(`ALTER TABLE site_forecast ADD CONSTRAINT refused CHECK (site_id <> %d) NOT VALID`, bad))
		case 45:
			p.exec(`ALTER TABLE site_forecast DROP CONSTRAINT refused`)
		}
		if i < 5 {
			continue
		}
		res, err := e.Sweep(t.Context(), minute(i+1))
		p.ok(err)
		want := len(sites)
		if i >= 15 && i < 45 {
			want--
		}
		if len(res.Forecasts) != want {
			t.Fatalf("minute %d: %d forecasts, want %d", i, len(res.Forecasts), want)
		}
	}
	if n := strings.Count(p.log.b.String(), "series put aside"); n != 1 {
		t.Errorf("said %d times, want once:\n%s", n, p.log.b.String())
	}
	var n, fed int
	p.ok(p.pool.QueryRow(t.Context(), `SELECT count(*), sum(cardinality(fed_minute)) FROM site_forecast WHERE site_id = $1`, bad).Scan(&n, &fed))
	if n != 60-5-30 || fed != 60 {
		t.Errorf("%d rows fed with %d minutes, want %d and 60", n, fed, 60-5-30)
	}
	_, err := p.st.AuditLedger(t.Context(), bad, surgecast.TotalSegment, t0, minute(60))
	p.ok(err)
}

// expire ends leases by the database's clock, as a pause of more than their life would.
func (p *place) expire(where string) { p.exec(`UPDATE lease SET expires_at = '-infinity' ` + where) }

// Promise 8: a paused engine whose leases were taken over writes nothing when it wakes up, and the one that
// took over goes on exactly where it was.
//
// Fails when: sweep sends no Leases with what it commits (the store refuses that), or Sweep keeps e.renewed
// after an error (the stale one then goes on failing until it looks again).
func TestPromise8StaleEngineWritesNothing(t *testing.T) {
	t.Parallel()
	var want found
	t.Run("one engine", func(t *testing.T) {
		p := newPlace(t, withCheckout)
		playCourse(t, p, 310, func(_ int, e *Engine) *Engine { return e })
		want = p.found()
	})
	p := newPlace(t, withCheckout)
	stale := p.engine(nil)
	takeovers := 0
	playCourse(t, p, 310, func(i int, e *Engine) *Engine {
		if i == courseKnown-1 {
			return stale
		}
		if i%13 != 0 || courseVisits(i) == nil {
			return e
		}
		takeovers++
		e.renewed = time.Now() // it has just looked, and then pauses
		p.expire("")
		next := p.engine(func(c *Config) { c.Holder = e.cfg.Holder + "'" })
		if err := next.lease(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := everything(t, p)
		if _, err := e.Sweep(t.Context(), minute(i+1)); !errors.Is(err, surgecast.ErrStaleLease) {
			t.Fatalf("the stale engine's sweep = %v, want ErrStaleLease", err)
		}
		if after := everything(t, p); after != before {
			t.Errorf("the stale engine wrote %d rows", after-before)
		}
		// It notices, and stands by.
		if res, err := e.Sweep(t.Context(), minute(i+1)); err != nil || len(res.Forecasts) != 0 {
			t.Errorf("standing by: %d forecasts, %v", len(res.Forecasts), err)
		}
		if err := e.Stop(context.Background()); err != nil {
			t.Errorf("stopping a stand-by: %v", err)
		}
		return next
	})
	if takeovers < 4 {
		t.Fatalf("%d takeovers", takeovers)
	}
	same(t, want, p.found())
}

// Two engines share the shards: each site is swept by the one that holds its shard, once a minute, whoever
// looks first.
//
// Fails when: reload keeps sites of shards that are not mine.
func TestShardsAreShared(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	sites := []surgecast.Site{p.site}
	for _, slug := range []string{"b", "c", "d"} {
		s := p.site
		s.ID, s.Slug = 0, slug
		s, err := p.st.CreateSite(t.Context(), s)
		p.ok(err)
		sites = append(sites, s)
	}
	a := p.engine(nil)
	b := p.engine(func(c *Config) { c.Holder = "second" })
	owner := map[int64]string{}
	for i := range 30 {
		var rows []surgecast.TrafficMinute
		for _, s := range sites {
			rows = append(rows, surgecast.TrafficMinute{SiteID: s.ID, Segment: surgecast.TotalSegment, Minute: minute(i), Requests: quiet(uint64(s.ID), i, 200), Complete: true})
		}
		_, err := p.st.PutTraffic(t.Context(), rows, minute(i+1))
		p.ok(err)
		for _, e := range []*Engine{a, b, a} {
			res, err := e.Sweep(t.Context(), minute(i+1))
			p.ok(err)
			for _, f := range res.Forecasts {
				if was := owner[f.SiteID]; was != "" && was != e.cfg.Holder && i > 12 {
					t.Errorf("minute %d: site %d moved from %s to %s", i, f.SiteID, was, e.cfg.Holder)
				}
				owner[f.SiteID] = e.cfg.Holder
			}
		}
		if i == 10 { // when they look again
			a.renewed, b.renewed = time.Time{}, time.Time{}
		}
	}
	if len(a.leases)+len(b.leases) != Shards || len(b.leases) != Shards/2 {
		t.Errorf("%d and %d leases, want half of %d each", len(a.leases), len(b.leases), Shards)
	}
	holders := map[string]int{}
	for _, o := range owner {
		holders[o]++
	}
	if len(holders) != 2 {
		t.Errorf("sites swept by %v, want both", holders)
	}
	for _, s := range sites {
		var n, m int
		p.ok(p.pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT origin) FROM site_forecast WHERE site_id = $1`, s.ID).Scan(&n, &m))
		if n != 30 || m != 30 {
			t.Errorf("site %d: %d rows of %d origins, want 30", s.ID, n, m)
		}
	}
}

// Run gives its leases back at the end, with a snapshot of every series, and leaves nothing running.
//
// Fails when: Stop returns early while nothing is loaded (the last sweep was cancelled).
func TestRunStopsInGoodOrder(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	for i := range 15 {
		p.visits(surgecast.TrafficMinute{Minute: minute(i), Requests: quiet(8, i, 300), Complete: true})
	}
	ctx, cancel := context.WithCancel(t.Context())
	swept := make(chan struct{})
	e := p.engine(func(c *Config) {
		c.Clock = func() time.Time { return minute(15) }
		c.Every = time.Millisecond
		c.Published = func(Result) { close(swept) }
	})
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	<-swept
	cancel()
	p.ok(<-done)
	if n := count(t, p.pool, `lease WHERE expires_at > now()`); n != 0 {
		t.Errorf("%d leases still held", n)
	}
	next := p.engine(func(c *Config) { c.Holder = "next" })
	if _, err := next.Sweep(t.Context(), minute(15)); err != nil || len(next.leases) != Shards {
		t.Errorf("the next engine has %d leases, %v", len(next.leases), err)
	}
}
