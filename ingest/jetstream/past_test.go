package jetstream_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"surgecast"
	"surgecast/ingest/jetstream"
	"surgecast/ingest/jetstream/jetstreamtest"
	"surgecast/migrations"
	"surgecast/store/storetest"
)

// fastClock runs times as fast as the real one from since on.
func fastClock(times int64, since time.Time) func() time.Time {
	return func() time.Time { return since.Add(time.Duration(times) * time.Since(since)) }
}

// pastWorld is ninety minutes of a feed that nobody counted, and a few minutes that are counted as they come, in
// fast motion: a minute takes three seconds.
type pastWorld struct {
	*world
	log   *jetstreamtest.Log
	start time.Time
	until int64
	url   string
}

func newPastWorld(t *testing.T, live time.Duration) *pastWorld {
	t.Helper()
	const times = 20
	since := time.Now()
	start := since.Add(-90 * time.Minute).Truncate(time.Minute)
	p := &pastWorld{start: start, log: newLog(t, start, 25*time.Millisecond), url: storetest.URL(t)}
	p.world = newWorld(t, p.url)
	p.clock, p.past, p.stall = fastClock(times, since), 36*time.Hour, times*patience
	p.childEnv = []string{fmt.Sprintf("%s=%d,%d", childSpeed, times, since.UnixNano())}
	p.until = p.log.After(since.Add(live).UnixMicro())
	if err := p.store.DeleteTopic(t.Context(), 1, "w3"); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pastWorld) host() *jetstreamtest.Host {
	return &jetstreamtest.Host{Log: p.log, Until: p.until, Clock: p.clock}
}

func (p *pastWorld) makeTopic() {
	p.t.Helper()
	made, err := p.store.CreateTopic(p.t.Context(), surgecast.Topic{AccountID: 1, Slug: "w3", Name: "late", Any: []string{"w3"}})
	if err != nil {
		p.t.Fatal(err)
	}
	p.topics[3] = made
}

// want is what must have been counted in the end: all but the minute the log begins in, which the host cannot
// show from its beginning.
func (p *pastWorld) want() tally {
	p.t.Helper()
	all := recount(p.t, p.log, 0, p.until)
	for n := range all {
		delete(all[n], p.start.Unix())
	}
	return all
}

// unread is how many topics' pasts are not read to the end.
func (p *pastWorld) unread() (n int) {
	p.t.Helper()
	if err := p.store.Pool().QueryRow(p.t.Context(), `SELECT (SELECT count(*) FROM topic) - count(*) FROM topic_past WHERE back_to IS NULL`).Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	return n
}

// The past of a topic made while the stream runs, and of those made before the first start, is read from the
// feed beyond what was remembered: every minute the feed still has equals the recount, and is not missing.
//
// Fails when: pastJob.takes does not ask whether an event was counted, AddPastRead adds instead of replacing (the
// minute counting began in was counted in part), or beginning leaves BackTo out.
func TestThePastOfANewTopicIsReadBack(t *testing.T) {
	t.Parallel()
	p := newPastWorld(t, 6*time.Minute)
	stop := p.count("one", jetstream.Options{Hosts: []string{startHost(t, p.host())}})
	p.reaches(20)
	p.makeTopic()
	p.eventually(func() bool { return p.unread() == 0 })
	want := p.want()
	p.reaches(want.sum())
	p.equal(want)
	for _, n := range []int{2, 3} {
		bs, err := p.store.Mentions(t.Context(), p.topics[n].ID, 1, p.start.Add(time.Minute), p.start.Add(90*time.Minute), false)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range bs {
			if b.Missing {
				t.Errorf("w%d: minute %s is missing, although it was read", n, b.Minute.Format(time.TimeOnly))
			}
		}
	}
	stop()

	// Organic and authors before counting began are those of a process that lived through.
	other := storetest.EmptyURL(t)
	if err := migrations.Up(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	through := newWorld(t, other)
	through.keys, through.clock, through.stall = p.keys, p.clock, p.stall
	h := p.host()
	h.Rush, h.Until = true, p.log.After(p.start.Add(88*time.Minute).UnixMicro())
	through.count("through", jetstream.Options{Hosts: []string{startHost(t, h)}})
	part := recount(t, p.log, 0, h.Until)
	through.reaches(part.sum())
	got, wanted := p.series(), through.series()
	compared := 0
	for k, v := range wanted {
		at, err := time.Parse("2006-01-02 15:04:05-07", k[strings.Index(k, " ")+1:])
		if err != nil {
			t.Fatal(err)
		}
		if at.After(p.start.Add(time.Minute)) && at.Before(p.start.Add(87*time.Minute)) {
			compared++
			if got[k] != v {
				t.Errorf("%s: raw, organic, authors = %v read back, %v by who lived through", k, got[k], v)
			}
		}
	}
	if compared < 500 {
		t.Errorf("only %d minutes were compared", compared)
	}
}

// eventually waits longer than until: a past takes its time.
func (p *pastWorld) eventually(ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(2 * patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("it has not happened within %s; the feed says: %s", 2*patience, p.health().Sentence(time.Now(), time.Hour))
		}
	}
}

// The process that reads a past is killed again and again in the middle of it.
//
// Fails when: movePastsSQL does not ask for since = n.since and readBackSQL adds; or a piece's topics move before
// its rows are stored.
func TestSIGKILLWhileAPastIsRead(t *testing.T) {
	t.Parallel()
	p := newPastWorld(t, 25*time.Minute)
	host := startHost(t, p.host())
	p.childEnv = append(p.childEnv, childPast+"=2500")
	c := p.child(p.url, "child", host)
	p.reaches(20)
	p.makeTopic()
	chance := rand.New(rand.NewPCG(7, 8))
	said := ""
	listen := func() {
		if s := p.health().Sentence(p.clock(), 24*time.Hour); strings.Contains(s, "is being read; back to") {
			said = s
		}
	}
	kills := 0
	for ; kills < 5; kills++ {
		p.eventually(func() bool { return p.reading() || p.unread() == 0 })
		if p.unread() == 0 {
			break
		}
		life := 1500 + chance.IntN(4000)
		if kills == 2 {
			life = 14_000 // long enough for a piece on most machines
		}
		for end := time.Now().Add(time.Duration(life) * time.Millisecond); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			listen()
		}
		c.Process.Kill()
		c.Wait()
		t.Logf("kill %d: the pasts of %d topics were not read to the end", kills+1, p.unread())
		c = p.child(p.url, "child", host)
	}
	p.eventually(func() bool { listen(); return p.unread() == 0 })
	if kills < 2 || said == "" {
		t.Errorf("%d kills, and %q was said: the past was read too fast to be disturbed", kills, said)
	}
	want := p.want()
	p.reaches(want.sum())
	p.equal(want)
	t.Log(said)
}

// reading says that some past is to be read, and a process does.
func (p *pastWorld) reading() (yes bool) {
	p.t.Helper()
	if err := p.store.Pool().QueryRow(p.t.Context(), `SELECT EXISTS (SELECT FROM topic_past WHERE back_to IS NOT NULL)`).Scan(&yes); err != nil {
		p.t.Fatal(err)
	}
	return yes
}

// The past is read from another host than the one that is counted, which stamps the same events 700 ms later:
// where both meet nothing is counted twice or left out.
//
// Fails when: pastJob.takes goes by the time alone.
func TestAPastFromAnotherHost(t *testing.T) {
	t.Parallel()
	p := newPastWorld(t, 6*time.Minute)
	const skew = 700 * time.Millisecond
	a, b := p.host(), p.host()
	b.Skew = skew
	ua, ub := startHost(t, a), startHost(t, b)
	p.count("one", jetstream.Options{Hosts: []string{ua, ub}})
	p.reaches(20)
	a.SetFaults(jetstreamtest.Faults{Refuse: 503}) // whoever comes new; the stream stays
	p.makeTopic()
	p.eventually(func() bool { return p.unread() == 0 })
	want := tally{}
	floor := p.start.Add(time.Minute).UnixMicro() - skew.Microseconds()
	first := p.log.After(floor) // a few events early
	for i := first; i < first+20; i++ {
		if p.log.Stamp(i) >= floor {
			want.add(recount(t, p.log, i, i+1))
		}
	}
	want.add(recount(t, p.log, first+20, p.until))
	p.reaches(want.sum())
	time.Sleep(1500 * time.Millisecond) // a doubled event would be committed by now
	p.equalTotals(want)
	if b.Connections.Load() == 0 {
		t.Error("the second host was never asked")
	}
}

func (a tally) add(b tally) {
	for n, minutes := range b {
		if a[n] == nil {
			a[n] = map[int64]float64{}
		}
		for m, x := range minutes {
			a[n][m] += x
		}
	}
}
