package main

import (
	"bytes"
	"context"
	bits "encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"surgecast"
	"surgecast/notify"
	"surgecast/store"
	"surgecast/store/storetest"
)

// A course is a service of several processes, each `forecaster serve` with one role, that lives through hours of a
// site's traffic in seconds. The processes are this test binary started again: all in them is the product, only the
// clock is the course's, read from a file that the test moves on. The clock stands still until it is moved.
const courseEnv = "SURGECAST_TEST_COURSE" // the folder with the clock

// serveCourse is main of such a process.
func serveCourse(dir string) int {
	f, err := os.Open(filepath.Join(dir, "clock"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	pace.now = func() time.Time {
		at, err := readClock(f)
		if err != nil {
			panic(err) // a clock that cannot be read must not pass for one that stands
		}
		return at
	}
	pace.sweep, pace.logs, pace.post, pace.lease = 40*time.Millisecond, 40*time.Millisecond, time.Second, 3*time.Second
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// readClock reads eight bytes in one call: they are never torn.
func readClock(f *os.File) (time.Time, error) {
	var b [8]byte
	if _, err := f.ReadAt(b[:], 0); err != nil {
		return time.Time{}, err
	}
	return time.Unix(0, int64(bits.LittleEndian.Uint64(b[:]))).UTC(), nil
}

// courseFrom is the first minute of the course's story; the history lies before it.
var courseFrom = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

const (
	courseHistory = time.Hour          // in the access log
	courseDays    = 2 * 24 * time.Hour // imported before
	courseUnits   = 4
	courseRPM     = 100 // a unit serves them
)

type course struct {
	t      *testing.T
	dir    string
	url    string
	base   string // address of the api
	db     *store.Store
	pool   *pgxpool.Pool
	site   surgecast.Site
	clock  *os.File
	log    *os.File // the site's access log
	hook   *receiver
	public string // address of the dashboard in messages; empty: none
	rng    *rand.Rand

	mu    sync.Mutex
	roles map[string]*process // by name: engine, engine2, notify …
	kills map[string]int      // by stage

	minute   int // of the story, the next one
	began    int // minute in which the present surge's part of it began
	requests map[time.Time]int
	arrived  []arrival
}

// arrival is a message as it came in, by the course's clock.
type arrival struct {
	message
	at     time.Time
	killed bool // its sender, before it was answered
}

func newCourse(t *testing.T, seed uint64) *course {
	t.Helper()
	c := &course{
		t: t, dir: place(t), url: storetest.URL(t), base: "http://" + freeAddress(t), rng: rand.New(rand.NewPCG(seed, 7)),
		roles: map[string]*process{}, kills: map[string]int{}, requests: map[time.Time]int{},
	}
	var err error
	if c.clock, err = os.Create(filepath.Join(c.dir, "clock")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.clock.Close() })
	c.set(courseFrom)
	if c.log, err = os.Create(filepath.Join(c.dir, "access.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.log.Close() })
	traffic := fmt.Sprintf("sites:\n  - site: shop\n    access_log: { files: [%s], format: common, late: 1s }\n", c.log.Name())
	if err := os.WriteFile(filepath.Join(c.dir, "traffic.yaml"), []byte(traffic), 0o600); err != nil {
		t.Fatal(err)
	}
	if c.db, err = store.Open(t.Context(), c.url, store.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.db.Close)
	c.pool = c.db.Pool()
	site := surgecast.Site{AccountID: surgecast.DefaultAccount, Slug: "shop", Mode: surgecast.ModeAct, CreatedAt: courseFrom.Add(-courseHistory), Capacity: surgecast.CapacityProfile{
		Units: courseUnits, MinUnits: 2, MaxUnits: 30, RPMPerUnit: courseRPM, LeadTimeP50Seconds: 120, LeadTimeP95Seconds: 300,
	}}
	site.Default()
	if c.site, err = c.db.CreateSite(t.Context(), site); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(c.dir, "s"), 0o755); err != nil {
		t.Fatal(err)
	}
	key, err := notify.ReadKey(filepath.Join(c.dir, "s", "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := notify.ParseSecret(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := notify.Seal(key, secret)
	if err != nil {
		t.Fatal(err)
	}
	c.hook = newReceiver(t)
	hook := surgecast.Webhook{AccountID: surgecast.DefaultAccount, URL: c.hook.URL, Format: surgecast.FormatStandard, Secrets: [][]byte{sealed}, CreatedAt: courseFrom}
	if _, err := c.db.CreateWebhook(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	c.hook.decide(func(_ int, m message) bool { c.took(m, false); return true })
	return c
}

func (c *course) took(m message, killed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arrived = append(c.arrived, arrival{m, c.now(), killed})
}

func (c *course) now() time.Time {
	at, err := readClock(c.clock)
	if err != nil {
		c.t.Error(err)
	}
	return at
}

func (c *course) set(at time.Time) {
	var b [8]byte
	bits.LittleEndian.PutUint64(b[:], uint64(at.UnixNano()))
	if _, err := c.clock.WriteAt(b[:], 0); err != nil {
		c.t.Fatal(err)
	}
}

// start starts a process of a role; a digit behind the role tells one of several from the others.
func (c *course) start(name string) {
	c.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	args := []string{
		"serve", "--database-url=" + c.url, "--state-dir=" + filepath.Join(c.dir, "s"), "--roles=" + strings.TrimRight(name, "0123456789"), "--metrics=",
		"--listen=" + strings.TrimPrefix(c.base, "http://"), "--webhook-allow=127.0.0.1/32", "--traffic=" + filepath.Join(c.dir, "traffic.yaml"),
		"--no-bluesky", "--no-hackernews", "--no-wikimedia",
	}
	if c.public != "" {
		args = append(args, "--public-url="+c.public)
	}
	p := startProgram(c.t, exe, []string{courseEnv + "=" + c.dir}, args...)
	c.mu.Lock()
	c.roles[name] = p
	c.mu.Unlock()
}

// kill is SIGKILL of every process of a role, so that who was at work is among them.
func (c *course) kill(role, stage string) {
	for _, name := range c.names(role) {
		c.killOne(name, stage)
	}
}

// killAny is SIGKILL of one of the role's processes; another may take over.
func (c *course) killAny(role, stage string) {
	names := c.names(role)
	c.killOne(names[c.rng.IntN(len(names))], stage)
}

func (c *course) killOne(name, stage string) {
	c.mu.Lock()
	p := c.roles[name]
	c.kills[stage]++
	c.mu.Unlock()
	if !p.running() {
		c.t.Fatalf("%s had ended by itself: %s", name, p.err.String())
	}
	p.kill()
}

// pid is the number of a process.
func (c *course) pid(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strconv.Itoa(c.roles[name].cmd.Process.Pid)
}

// names are the processes of a role.
func (c *course) names(role string) (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.roles {
		if strings.TrimRight(name, "0123456789") == role {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// revive starts the processes of a role that were killed.
func (c *course) revive(role string) {
	c.t.Helper()
	for _, name := range c.names(role) {
		c.mu.Lock()
		p := c.roles[name]
		c.mu.Unlock()
		if !p.running() {
			c.start(name)
		}
	}
}

// alive fails when a process has ended that nobody killed.
func (c *course) alive() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, p := range c.roles {
		if !p.running() && p.cmd.ProcessState.ExitCode() >= 0 {
			c.t.Fatalf("%s ended with %d: %s", name, p.cmd.ProcessState.ExitCode(), p.err.String())
		}
	}
}

// demand is the story: calm, a surge to three times what the units serve, and the way back.
func (c *course) demand(minute int) float64 {
	base := 160.
	switch m := float64(minute - c.began); {
	case minute < 0 || m < 6:
		return base
	case m < 30:
		return base * math.Pow(7, (m-6)/24)
	case m < 40:
		return base * 7
	default:
		return base + 6*base*math.Exp(-(m-40)/8)
	}
}

// write lets visitors come in a part of a minute of the story.
func (c *course) write(minute int, from, to float64) {
	c.t.Helper()
	at := courseFrom.Add(time.Duration(minute) * time.Minute)
	mean := c.demand(minute)
	noise := rand.New(rand.NewPCG(uint64(minute+1e6), 3))
	n := int(mean + math.Sqrt(mean)*max(-2, min(2, noise.NormFloat64())))
	var b bytes.Buffer
	for i := int(from * float64(n)); i < int(to*float64(n)); i++ {
		s := at.Add(time.Duration(float64(i) / float64(n) * float64(time.Minute)))
		fmt.Fprintf(&b, "192.0.2.1 - - [%s] \"GET /page HTTP/1.1\" 200 512\n", s.Format("02/Jan/2006:15:04:05 -0700"))
		c.requests[at]++
	}
	if _, err := c.log.Write(b.Bytes()); err != nil {
		c.t.Fatal(err)
	}
}

// history lets the days before the story be: what is older than the log was imported.
func (c *course) history() {
	c.t.Helper()
	var rows []surgecast.TrafficMinute
	noise := rand.New(rand.NewPCG(5, 3))
	for m := -int((courseDays + courseHistory) / time.Minute); m < -int(courseHistory/time.Minute); m++ {
		rows = append(rows, surgecast.TrafficMinute{
			SiteID: c.site.ID, Segment: surgecast.TotalSegment, Minute: courseFrom.Add(time.Duration(m) * time.Minute),
			Requests: math.Round(c.demand(m) + math.Sqrt(c.demand(m))*max(-2, min(2, noise.NormFloat64()))), Complete: true,
		})
	}
	if _, err := c.db.PutTraffic(c.t.Context(), rows, courseFrom); err != nil {
		c.t.Fatal(err)
	}
	for m := -int(courseHistory / time.Minute); m < 0; m++ {
		c.write(m, 0, 1)
	}
}

// release lets the next minute of the story end.
func (c *course) release() {
	c.t.Helper()
	c.write(c.minute, 0, 1)
	c.end()
}

// end moves the clock past the end of the next minute, whose visitors have come.
func (c *course) end() {
	c.set(c.origin().Add(time.Minute + closing))
	c.minute++
}

// origin is the start of the minute of the story that is next.
func (c *course) origin() time.Time { return courseFrom.Add(time.Duration(c.minute) * time.Minute) }

// until waits for something that must happen while the clock stands.
func (c *course) until(what string, ok func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		c.alive()
		if time.Now().After(deadline) {
			c.t.Fatalf("minute %d: waiting for %s: in vain\n%s", c.minute, what, c.standing())
		}
	}
}

// standing is what the database does at the moment, for a person who looks for what hangs.
func (c *course) standing() string {
	var text string
	if err := c.pool.QueryRow(c.t.Context(), `SELECT concat_ws(E'\n',
		(SELECT 'counted to ' || max(minute) FROM traffic), (SELECT 'forecast of ' || max(origin) FROM site_forecast),
		(SELECT string_agg(concat_ws(' ', name, holder, epoch, expires_at), E'\n') FROM lease WHERE name NOT LIKE 'engine/%'),
		(SELECT string_agg(concat_ws(' ', d.type, d.status, a.number, a.at, a.status_code, a.error), E'\\n') FROM delivery_attempt a JOIN delivery d ON d.id = a.delivery_id WHERE d.status <> 'delivered'),
		(SELECT string_agg(concat_ws(' ', pid, state, wait_event_type, wait_event, pg_blocking_pids(pid)::text, left(query, 200)), E'\n') FROM pg_stat_activity
			WHERE datname = current_database()))`).Scan(&text); err != nil {
		return err.Error()
	}
	return text
}

// forecast waits until the last minute that was released is in the ledger, and what it caused was tried once.
func (c *course) forecast() {
	c.t.Helper()
	want := c.origin().Add(-time.Minute)
	c.until("the forecast of "+want.Format("15:04"), func() bool { return !c.newest().Before(want) })
	c.until("its messages", func() bool {
		return c.count(`SELECT count(*) FROM delivery WHERE status = 'pending' AND attempts = 0`) == 0
	})
}

func (c *course) newest() (at time.Time) {
	c.t.Helper()
	if err := c.pool.QueryRow(c.t.Context(), `SELECT coalesce(max(origin), 'epoch') FROM site_forecast WHERE site_id = $1`, c.site.ID).Scan(&at); err != nil {
		c.t.Fatal(err)
	}
	return at
}

func (c *course) count(sql string, args ...any) (n int) {
	c.t.Helper()
	if err := c.pool.QueryRow(c.t.Context(), sql, args...).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// held keeps a table from being written to while f runs; what waits for it then is in the middle of its transaction.
// Afterwards those who waited are gone without having written: to the database a killed client would otherwise have
// been one that waited for the answer.
func (c *course) held(table string, f func(waiting func() int)) {
	c.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.url) // the pool's connections give up a transaction that idles
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, `LOCK TABLE `+table+` IN EXCLUSIVE MODE`); err != nil {
		c.t.Fatal(err)
	}
	const waiters = ` FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid IN (SELECT pid FROM pg_locks WHERE NOT granted AND relation = '`
	f(func() int { return c.count(`SELECT count(*)` + waiters + table + `'::regclass)`) })
	if _, err := c.pool.Exec(ctx, `SELECT pg_terminate_backend(pid)`+waiters+table+`'::regclass)`); err != nil {
		c.t.Fatal(err)
	}
}

// instruction is the data of recommendation.changed.
type instruction struct {
	Site       string
	Units      int
	Sequence   int64
	ValidUntil time.Time `json:"valid_until"`
}

// verify looks at everything that was stored and everything that arrived.
func (c *course) verify() {
	t := c.t
	t.Helper()
	ctx := context.Background()
	c.mu.Lock()
	arrived := append([]arrival(nil), c.arrived...)
	c.mu.Unlock()

	var deliveries []surgecast.Delivery
	for after := ""; ; {
		ds, next, err := c.db.Deliveries(ctx, surgecast.DefaultAccount, "", surgecast.Page{Limit: 500, After: after})
		if err != nil {
			t.Fatal(err)
		}
		deliveries = append(deliveries, ds...)
		if after = next; next == "" {
			break
		}
	}
	byID := map[string]surgecast.Delivery{}
	newest := int64(0)
	for _, d := range deliveries {
		byID[d.ID] = d
		newest = max(newest, d.Sequence)
	}

	// Nothing lost: each has come to its end, and what counts as delivered has arrived.
	got := map[string]int{}
	for _, a := range arrived {
		got[a.ID]++
	}
	tally := map[string]int{}
	for _, d := range deliveries {
		tally[string(d.Status)]++
		scaling := d.Type == surgecast.TypeRecommendationChanged
		switch d.Status {
		case surgecast.DeliveryDelivered:
			if got[d.ID] == 0 {
				t.Errorf("%s %s counts as delivered and never arrived", d.Type, d.ID)
			}
		case surgecast.DeliverySuperseded:
			if !scaling || d.Sequence >= newest {
				t.Errorf("%s %s, sequence %d, is superseded; the newest is %d", d.Type, d.ID, d.Sequence, newest)
			}
		case surgecast.DeliveryExpired:
			if !scaling || d.DoneAt.Before(d.ExpiresAt) {
				t.Errorf("%s %s expired at %s, it was good until %s", d.Type, d.ID, d.DoneAt, d.ExpiresAt)
			}
		default:
			t.Errorf("%s %s of %s is %s after %d attempts", d.Type, d.ID, d.CreatedAt, d.Status, d.Attempts)
		}
	}

	// Each transition was told once, by one message.
	var transitions, untold int
	rows, err := c.pool.Query(ctx, `SELECT surge_id, at, issued_at, to_state FROM surge_transition ORDER BY issued_at`)
	if err != nil {
		t.Fatal(err)
	}
	type transition struct {
		Surge, State string
		At           time.Time
	}
	told := map[transition][]string{}
	for _, d := range deliveries {
		if !strings.HasPrefix(d.Type, "surge.") {
			continue
		}
		var m struct {
			Data struct {
				SurgeID string `json:"surge_id"`
				State   string
				At      time.Time
			}
		}
		if err := json.Unmarshal(d.Body, &m); err != nil {
			t.Fatal(err)
		}
		k := transition{m.Data.SurgeID, m.Data.State, m.Data.At.UTC()}
		told[k] = append(told[k], d.ID)
	}
	for rows.Next() {
		var k transition
		var issued time.Time
		if err := rows.Scan(&k.Surge, &k.At, &issued, &k.State); err != nil {
			t.Fatal(err)
		}
		k.At = k.At.UTC()
		transitions++
		if k.State == string(surgecast.StateCannotTell) {
			continue // told as forecast.stale, of the site
		}
		switch n := len(told[k]); {
		case n == 0 && issued.Sub(k.At) > 15*time.Minute: // engine: announceWithin
			untold++
		case n != 1:
			t.Errorf("the transition of %s to %s at %s was told by %d messages %v", k.Surge, k.State, k.At, n, told[k])
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}

	// What arrived: known, whole, one content under one id, in time, and instructions never backwards.
	content := map[string]string{}
	bodies := map[string]string{}
	last, again := int64(0), 0
	for _, a := range arrived {
		d, ok := byID[a.ID]
		if !ok || !saysTheSame(a.body, d.Body) {
			t.Errorf("%s %s arrived, and the log has %q", a.Type, a.ID, d.Body)
		}
		if was, twice := bodies[a.ID]; twice {
			again++
			if was != a.body {
				t.Errorf("%s came with two bodies:\n%s\n%s", a.ID, was, a.body)
			}
		}
		bodies[a.ID] = a.body
		said := a.Type + string(a.Data)
		if was := content[said]; was != "" && was != a.ID {
			t.Errorf("%s and %s say the same: %s", was, a.ID, said)
		}
		content[said] = a.ID
		if a.Type != surgecast.TypeRecommendationChanged {
			continue
		}
		var in instruction
		if err := json.Unmarshal(a.Data, &in); err != nil {
			t.Fatal(err)
		}
		if !a.at.Before(in.ValidUntil) {
			t.Errorf("instruction %d, good until %s, arrived at %s", in.Sequence, in.ValidUntil, a.at)
		}
		if in.Sequence < last {
			t.Errorf("instruction %d arrived after %d", in.Sequence, last)
		}
		last = max(last, in.Sequence)
	}

	// The ledger: one row a minute at most, and its sequence rises.
	ledger, err := c.db.Forecasts(ctx, c.site.ID, surgecast.TotalSegment, courseFrom, c.origin().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	sequence, peak := int64(0), 0
	for _, f := range ledger {
		if f.Recommendation.Sequence < sequence {
			t.Errorf("the ledger's sequence falls from %d to %d at %s", sequence, f.Recommendation.Sequence, f.IssuedAt)
		}
		sequence = f.Recommendation.Sequence
		peak = max(peak, f.Recommendation.Units)
	}

	// Counts: every line of the log, once.
	minutes, err := c.db.Traffic(ctx, c.site.ID, surgecast.TotalSegment, courseFrom.Add(-courseHistory), c.origin())
	if err != nil {
		t.Fatal(err)
	}
	counted := 0
	for _, m := range minutes {
		counted++
		if m.Requests != float64(c.requests[m.Minute]) {
			t.Errorf("minute %s counts %g requests, %d came", m.Minute, m.Requests, c.requests[m.Minute])
		}
	}
	if counted != len(c.requests)-1 { // a log may begin in the middle of its first minute
		t.Errorf("%d minutes are stored, %d were", counted, len(c.requests)-1)
	}
	killed := 0
	for _, n := range c.kills {
		killed += n
	}
	t.Logf("%d minutes played, %d forecasts, %d transitions (%d too old to tell), at most %d units, last sequence %d", c.minute, len(ledger), transitions, untold, peak, sequence)
	t.Logf("%d deliveries %v; %d arrivals, %d of them again under the same id", len(deliveries), tally, len(arrived), again)
	t.Logf("%d kills: %v", killed, c.kills)
	if peak < 9 || transitions == 0 || again == 0 || tally["expired"] == 0 {
		t.Error("the surge was not seen, nothing was sent again, or nothing expired: nothing is proven")
	}
}
