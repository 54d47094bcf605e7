package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"surgecast"
)

// asker polls /scale without a pause, as several autoscalers would, whatever happens to who answers.
type asker struct {
	c       *course
	asked   atomic.Int64
	refused atomic.Int64 // answers without a number
	silent  atomic.Int64 // nobody answered
	mu      sync.Mutex
	said    map[time.Time][]int // units by issued_at; while the clock stands the minutes a feed brings late are forecast at one time
}

type scaleSaid struct {
	Units      int
	IssuedAt   time.Time `json:"issued_at"`
	AgeSeconds int       `json:"age_seconds"`
	Reason     string
}

// run asks until stop is called, which waits for it.
func (a *asker) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() {
			var last time.Time
			for ctx.Err() == nil {
				time.Sleep(5 * time.Millisecond)
				got := ask(a.c.t, "GET", a.c.base+"/v1/sites/shop/scale", "", nil)
				a.asked.Add(1)
				switch got.status {
				case 0:
					a.silent.Add(1)
					continue
				case 200:
				default:
					a.refused.Add(1)
					continue
				}
				var s scaleSaid
				if err := json.Unmarshal(got.body, &s); err != nil {
					a.c.t.Errorf("/scale answers %s: %v", got.body, err)
					continue
				}
				if s.IssuedAt.Before(last) {
					a.c.t.Errorf("/scale goes back from %s to %s", last, s.IssuedAt)
				}
				last = s.IssuedAt
				a.mu.Lock()
				if !slices.Contains(a.said[s.IssuedAt], s.Units) {
					a.said[s.IssuedAt] = append(a.said[s.IssuedAt], s.Units)
				}
				a.mu.Unlock()
			}
		})
	}
	return func() { cancel(); done.Wait() }
}

// verify: every number that was answered is the one the ledger recommends.
func (a *asker) verify() {
	t := a.c.t
	t.Helper()
	ledger, err := a.c.db.Forecasts(context.Background(), a.c.site.ID, surgecast.TotalSegment, courseFrom.Add(-courseHistory), a.c.origin().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	units := map[time.Time][]int{}
	for _, f := range ledger {
		units[f.IssuedAt] = append(units[f.IssuedAt], f.Recommendation.Units)
	}
	for at, said := range a.said {
		for _, n := range said {
			if !slices.Contains(units[at], n) {
				t.Errorf("/scale answered %d units of the forecast of %s; the ledger has %d", n, at, units[at])
			}
		}
	}
	t.Logf("/scale was asked %d times: %d answers of %d forecasts, %d without a number, %d times nobody answered",
		a.asked.Load(), a.asked.Load()-a.refused.Load()-a.silent.Load(), len(a.said), a.refused.Load(), a.silent.Load())
	if len(a.said) < 8 {
		t.Error("/scale hardly answered: nothing is proven")
	}
}

// The stages at which a role is killed. Each plays at least one minute of the story and starts again what it killed.
var stages = map[string]func(*course){
	// The engine, with its transaction half written; and while others do the same the leases of the dead have to run out.
	"engine before its forecast is committed": func(c *course) {
		c.held("site_forecast", func(waiting func() int) {
			c.release()
			c.until("the engine's transaction", func() bool { return waiting() > 0 })
			c.kill("engine", "engine, before its forecast is committed")
		})
		c.revive("engine")
	},
	"engine before its messages are committed": func(c *course) {
		c.held("delivery", func(waiting func() int) {
			for range 5 { // a minute that has one
				c.release()
				want := c.origin().Add(-time.Minute)
				c.until("a message or none", func() bool { return waiting() > 0 || !c.newest().Before(want) })
				if waiting() > 0 {
					break
				}
			}
			c.kill("engine", "engine, with messages not yet committed")
		})
		c.revive("engine")
	},
	// Nobody else asks the queue meanwhile: the notifier is away.
	"engine before its messages are queued": func(c *course) {
		c.kill("notify", "notify, while messages are queued")
		c.held("river.river_job", func(waiting func() int) {
			c.playTo(func() bool { return waiting() > 0 })
			c.kill("engine", "engine, with messages written and not yet queued")
		})
		c.revive("engine")
		c.revive("notify")
	},
	"engine after its commit": func(c *course) {
		c.release()
		want := c.origin().Add(-time.Minute)
		c.until("the forecast", func() bool { return !c.newest().Before(want) })
		c.kill("engine", "engine, right after its commit")
		c.revive("engine")
	},
	"engine at random": atRandom("engine", 150*time.Millisecond),
	// Ingest, with half a minute read, and in the middle of storing one.
	"ingest in the middle of a minute": func(c *course) {
		c.write(c.minute, 0, .5)
		c.set(c.origin().Add(30 * time.Second))
		time.Sleep(time.Duration(c.rng.Int64N(int64(100 * time.Millisecond))))
		c.kill("ingest", "ingest, in the middle of a minute")
		c.write(c.minute, .5, 1)
		c.end()
		c.revive("ingest")
	},
	"ingest before its counts are committed": func(c *course) {
		c.held("traffic_minute", func(waiting func() int) {
			c.release()
			c.until("the counts' transaction", func() bool { return waiting() > 0 })
			c.kill("ingest", "ingest, before its counts are committed")
		})
		c.revive("ingest")
	},
	// The notifier: away while messages are made; the receiver has the message and has not answered; it has answered and
	// nobody has marked it; at random.
	// While the engine works, a newer instruction takes the place of one that would expire: so both are away.
	"engine and notify until an instruction expires": func(c *course) {
		c.kill("notify", "notify, until what it had to send expires")
		const sql = `SELECT count(*) FROM delivery WHERE status = 'pending' AND type = 'recommendation.changed'`
		for c.count(sql) == 0 {
			c.release()
			want := c.origin().Add(-time.Minute)
			c.until("the forecast", func() bool { return !c.newest().Before(want) })
		}
		c.kill("engine", "engine, until what it had said expires")
		for range 16 {
			c.release()
		}
		c.revive("notify")
		c.until("the instruction to expire", func() bool { return c.count(sql) == 0 })
		c.revive("engine")
	},
	"notify before it takes messages": func(c *course) {
		c.kill("notify", "notify, between commit and delivery")
		c.release()
		want := c.origin().Add(-time.Minute)
		c.until("the forecast", func() bool { return !c.newest().Before(want) })
		c.revive("notify")
	},
	"notify in the middle of an answer": func(c *course) {
		var once sync.Once
		hit := make(chan struct{})
		c.hook.decide(func(_ int, m message) bool {
			mine := false
			once.Do(func() { mine = true })
			if mine {
				c.kill("notify", "notify, in the middle of the receiver's answer")
				c.took(m, true)
				close(hit)
				return true
			}
			c.took(m, false)
			return true
		})
		c.playUntil(hit)
		c.hook.decide(func(_ int, m message) bool { c.took(m, false); return true })
		c.revive("notify")
	},
	"notify after an answer": func(c *course) {
		c.held("delivery_attempt", func(waiting func() int) {
			c.playTo(func() bool { return waiting() > 0 })
			c.kill("notify", "notify, after the answer and before it is marked")
		})
		c.revive("notify")
	},
	"notify at random": atRandom("notify", 200*time.Millisecond),
	"api while it answers": func(c *course) {
		c.said("the last forecast")
		c.release()
		time.Sleep(time.Duration(c.rng.Int64N(int64(50 * time.Millisecond))))
		c.kill("api", "api, while it answers /scale")
		c.revive("api")
		c.said("what is stored")
	},
}

// atRandom kills whoever of a role lives, at some moment within.
func atRandom(role string, within time.Duration) func(*course) {
	return func(c *course) {
		c.release()
		time.Sleep(time.Duration(c.rng.Int64N(int64(within))))
		c.killAny(role, role+", at random")
		c.revive(role)
	}
}

// said waits until /scale answers by the newest forecast.
func (c *course) said(what string) {
	c.t.Helper()
	var issued time.Time
	if err := c.pool.QueryRow(c.t.Context(), `SELECT max(issued_at) FROM site_forecast WHERE site_id = $1`, c.site.ID).Scan(&issued); err != nil {
		c.t.Fatal(err)
	}
	c.until("/scale to answer by "+what, func() bool {
		var s scaleSaid
		got := ask(c.t, "GET", c.base+"/v1/sites/shop/scale", "", nil)
		return got.status == 200 && json.Unmarshal(got.body, &s) == nil && !s.IssuedAt.Before(issued)
	})
}

// playUntil releases minutes until something has happened.
func (c *course) playUntil(hit <-chan struct{}) {
	c.t.Helper()
	c.playTo(func() bool {
		select {
		case <-hit:
			return true
		default:
			return false
		}
	})
}

// playTo releases minutes until ok; each as soon as the one before was forecast and there is no message nobody has
// tried. Messages are rare: up to twenty minutes have none.
func (c *course) playTo(ok func() bool) {
	c.t.Helper()
	for range 40 {
		c.release()
		want := c.origin().Add(-time.Minute)
		c.until("a message or none", func() bool {
			return ok() || !c.newest().Before(want) && c.count(`SELECT count(*) FROM delivery WHERE status = 'pending' AND attempts = 0`) == 0
		})
		if ok() {
			return
		}
	}
	c.t.Fatal("no message in 40 minutes of a surge")
}

// A surge from its onset to its end, while every role is killed at every stage of its work and started again: no
// message is lost or comes under a second id, no instruction is sent after its end, the sequence never goes back,
// counts are exact, and /scale answers what the ledger recommends, never an older one.
//
// The short form kills each role at its decisive moment; SURGECAST_TEST_LONG=1 plays surges until each stage was met
// three times.
//
// Fails when: attempt() does not ask expired. The short form is no proof of the orders of commit, post and lease, whose
// windows it seldom hits: those have tests of their own in store, notify and traffic.
func TestKilledAtEveryStage(t *testing.T) {
	c := newCourse(t, 1)
	c.history()
	for _, role := range []string{"api", "ingest", "engine", "notify"} {
		c.start(role)
	}
	c.release()
	c.forecast()
	a := &asker{c: c, said: map[time.Time][]int{}}
	stop := a.run()

	if long := os.Getenv("SURGECAST_TEST_LONG") != ""; long {
		c.playLong()
	} else {
		plan := map[int][]string{ // minute of the story → what happens one after the other, until all come back
			4:  {"api while it answers"},
			15: {"notify in the middle of an answer", "notify after an answer", "engine before its forecast is committed", "ingest before its counts are committed"},
			24: {"engine before its messages are queued", "api while it answers"},
			30: {"engine and notify until an instruction expires", "ingest in the middle of a minute", "api while it answers"},
		}
		for !c.unwound() {
			for _, name := range plan[c.minute] {
				c.stage(name)
			}
			c.release()
			if c.minute < 60 || c.minute%5 == 0 { // the long way back in larger steps
				c.forecast()
			}
		}
	}
	c.until("every message to come to its end", func() bool { return c.count(`SELECT count(*) FROM delivery WHERE status = 'pending'`) == 0 })
	stop()
	c.verify()
	a.verify()
	var names []string
	for _, m := range c.arrived {
		var d struct {
			State string
			Units int
		}
		_ = json.Unmarshal(m.Data, &d)
		names = append(names, fmt.Sprintf("%s %s %s %d", m.at.Format("15:04"), strings.TrimPrefix(m.Type, "surge."), d.State, d.Units))
	}
	t.Log(strings.Join(names, ", "))
}

// unwound reports whether the story's surge is over and every episode of it closed.
func (c *course) unwound() bool {
	c.t.Helper()
	if c.minute-c.began < 60 {
		return false
	}
	if c.minute-c.began > 600 {
		c.t.Fatalf("the surge is not unwound after ten hours:\n%s", c.standing())
	}
	return c.count(`SELECT count(*) FROM surge WHERE closed_at IS NULL`) == 0
}

// stage plays one, and says how long it took.
func (c *course) stage(name string) {
	c.t.Helper()
	began, was := time.Now(), c.minute
	stages[name](c)
	c.t.Logf("minute %d to %d: %s, %.1f s", was, c.minute, name, time.Since(began).Seconds())
}

// playLong plays surges one after the other, with a second engine and a second notifier beside the first, until every
// stage was met three times. In half of the minutes after a kill the clock stands until who was killed is back; in the
// others the day goes on without him, a minute in a second.
func (c *course) playLong() {
	names := slices.Sorted(maps.Keys(stages))
	met := map[string]int{}
	var left []string
	for range 3 {
		c.rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		left = append(left, names...)
	}
	c.start("engine2")
	c.start("notify2")
	for surge := 1; len(left) > 0; surge++ {
		// After the first the model expects more of them, and its watch ends later than the story needs.
		for surge == 1 && !c.unwound() || surge > 1 && c.minute-c.began < 200 {
			at := c.minute - c.began
			if len(left) > 0 && at > 6 && at < 60 && c.rng.IntN(3) == 0 {
				c.stage(left[0])
				met[left[0]]++
				left = left[1:]
				if c.rng.IntN(2) == 0 { // the story goes on without him
					for range 1 + c.rng.IntN(12) {
						c.release()
						time.Sleep(time.Second)
						c.alive()
					}
				}
			}
			c.release()
			if at < 60 || at%5 == 0 {
				c.forecast()
			}
		}
		c.t.Logf("surge %d is over at minute %d, %d stages left", surge, c.minute, len(left))
		c.began = c.minute
	}
	c.t.Logf("stages met: %v", met)
}
