package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

// benchURL names a migrated, empty database on a server with default durability (make bench). Without it the tests'
// own server is used, which does not wait for the disk.
const benchURL = "SURGECAST_BENCH_DATABASE_URL"

const (
	loadTopics = 100_000
	loadSites  = 1000
	loadRate   = 2000 // requests a second, half /scale, half /risk
	loadConns  = 64
)

// loadFor is how long a load lasts; SURGECAST_BENCH_SECONDS shortens it.
func loadFor(b *testing.B) time.Duration {
	if s := os.Getenv("SURGECAST_BENCH_SECONDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		return time.Duration(n) * time.Second
	}
	return time.Minute
}

// BenchmarkScaleUnderSweep: 2,000 requests a second, 1,000 of /scale and 1,000 of /risk, for a minute over 64
// kept-alive connections, at the rate whether answers come or not; a request's time counts from when it was due. The
// service is the program itself, `forecaster serve` over PostgreSQL, every site asked in turn. The sub-benchmarks say what
// else it does:
//
//	idle          the role api alone
//	sweep         all roles in one process; each minute 100,000 topics and 1,000 linked sites are written and swept
//	sweep-apart   the same with the engine in a process of its own
//
// Budget (DESIGN 11): p99 ≤ 5 ms without a sweep, ≤ 50 ms with one. Load generator, service and PostgreSQL share this
// machine's cores.
func BenchmarkScaleUnderSweep(b *testing.B) {
	url := os.Getenv(benchURL)
	if url == "" {
		url = storetest.URL(b)
		b.Logf("not durable: set %s to a server with default settings, or use make bench", benchURL)
	}
	l := newLoad(b, url)
	for _, c := range []struct {
		name   string
		sweep  bool
		budget float64
		roles  []string
	}{
		{"idle", false, 5, []string{"api"}},
		{"sweep", true, 50, []string{"api,engine,notify"}},
		{"sweep-apart", true, 50, []string{"api", "engine,notify"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				l.measure(b, c.roles, c.sweep, c.budget)
			}
		})
	}
}

// load is a database full of topics and sites, written to as time passes.
type load struct {
	s      *store.Store
	pool   *pgxpool.Pool
	url    string
	state  string
	src    surgecast.Source
	lease  surgecast.Lease
	cursor string
	first  int64
	sites  []int64
	at     time.Time // the next minute to write
}

func newLoad(b *testing.B, url string) *load {
	b.Helper()
	ctx := b.Context()
	l := &load{url: url, state: filepath.Join(place(b), "s")}
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	var err error
	l.s, err = store.Open(ctx, url, store.Options{})
	must(err)
	b.Cleanup(l.s.Close)
	l.pool = l.s.Pool()
	l.src, err = l.s.EnsureSource(ctx, surgecast.Source{Slug: "load-" + surgecast.NewSecret(4), Kind: surgecast.SourcePosts, Mode: surgecast.Increments, StepSeconds: 60})
	must(err)
	now := time.Now().UTC().Truncate(time.Minute)
	l.at = now.Add(-50 * time.Minute)
	must(l.s.EnsurePartitions(ctx, l.at, now.AddDate(0, 0, 1)))
	for _, sql := range []string{`DELETE FROM site_topic`, `DELETE FROM site`, `DELETE FROM topic`, `TRUNCATE mention_series`, `TRUNCATE model_state`, `DELETE FROM lease`} {
		_, err = l.pool.Exec(ctx, sql)
		must(err)
	}
	one, err := l.s.CreateTopic(ctx, surgecast.Topic{AccountID: surgecast.DefaultAccount, Slug: "load-first", Any: []string{"x"}, Since: l.at, CreatedAt: l.at, Revision: 1})
	must(err)
	l.first = one.ID
	for _, sql := range []string{
		`INSERT INTO topic (account_id, slug, name, revision, simulated, created_at, updated_at)
			SELECT account_id, 'load-' || i, name, revision, simulated, created_at, updated_at FROM topic, generate_series(2, $1::int) i WHERE slug = 'load-first'`,
		`INSERT INTO topic_revision (topic_id, revision, any_of, and_of, none_of, since)
			SELECT t.id, r.revision, r.any_of, r.and_of, r.none_of, r.since
			FROM topic_revision r JOIN topic o ON o.id = r.topic_id AND o.slug = 'load-first', topic t WHERE t.id > o.id AND $1::int > 0`,
	} {
		_, err = l.pool.Exec(ctx, sql, loadTopics)
		must(err)
	}
	for i := range loadSites {
		site := surgecast.Site{
			AccountID: surgecast.DefaultAccount, Slug: "load-" + strconv.Itoa(i), Mode: surgecast.ModeAct, CreatedAt: l.at,
			Capacity: surgecast.CapacityProfile{Units: 8, RPMPerUnit: 100, LeadTimeP95Seconds: 300, SustainMinutes: 3, CostLostRequest: .01, CostIdleUnitHour: .2},
		}
		site.Default()
		site, err := l.s.CreateSite(ctx, site)
		must(err)
		l.sites = append(l.sites, site.ID)
	}
	_, err = l.pool.Exec(ctx, `INSERT INTO site_topic (site_id, topic_id, since, weight) SELECT s, $2 + (i - 1) * $4, $3, 1 FROM unnest($1::bigint[]) WITH ORDINALITY u (s, i)`,
		l.sites, l.first, l.at, loadTopics/loadSites)
	must(err)
	var mine bool
	l.lease, mine, err = l.s.AcquireLease(ctx, "ingest/load", "load", time.Hour)
	if err != nil || !mine {
		b.Fatalf("lease: %t, %v", mine, err)
	}
	return l
}

// write writes every minute that has ended: counts of all topics with mentions, as a stream closes them, and traffic of
// all sites.
func (l *load) write(ctx context.Context) error {
	for ; !l.at.Add(time.Minute).After(time.Now()); l.at = l.at.Add(time.Minute) {
		r := rand.New(rand.NewPCG(uint64(l.at.Unix()), 4))
		draw := func(mean float64) float64 {
			if mean > 20 {
				return math.Max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()))
			}
			n, p, least := -1., 1., math.Exp(-mean)
			for p > least {
				n, p = n+1, p*r.Float64()
			}
			return n
		}
		var ms []surgecast.MentionMinute
		for k := range loadTopics { // Zipf: one in twenty is hot, with a mention in two minutes or more
			if x := draw(.5 * math.Pow(loadTopics*.05/float64(k+1), .9)); x > 0 {
				ms = append(ms, surgecast.MentionMinute{TopicID: l.first + int64(k), Minute: l.at, Raw: x, Organic: x, Authors: x})
			}
		}
		rows := make([]surgecast.TrafficMinute, len(l.sites))
		for k := range rows {
			rows[k] = surgecast.TrafficMinute{SiteID: l.sites[k], Segment: surgecast.TotalSegment, Minute: l.at, Requests: draw(400), Complete: true}
		}
		end := l.at.Add(time.Minute)
		if _, err := l.s.PutTraffic(ctx, rows, end); err != nil {
			return err
		}
		next := l.at.String()
		if err := l.s.AddMentions(ctx, l.lease, l.src.ID, l.cursor, next, ms, end); err != nil {
			return err
		}
		l.cursor = next
		if err := l.s.MarkSourceMinutes(ctx, l.src.ID, l.at, end, true, end); err != nil {
			return err
		}
	}
	return nil
}

// swept is how many sites have a forecast of the last minute that was written.
func (l *load) swept(b *testing.B, at time.Time) (n int) {
	b.Helper()
	if err := l.pool.QueryRow(b.Context(), `SELECT count(*) FROM site_forecast WHERE origin = $1`, at).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

func (l *load) measure(b *testing.B, roles []string, sweep bool, budget float64) {
	ctx := b.Context()
	address := freeAddress(b)
	if err := l.write(ctx); err != nil {
		b.Fatal(err)
	}
	var ps []*process
	for _, r := range roles {
		ps = append(ps, start(b, nil, "serve", "--database-url="+l.url, "--state-dir="+l.state, "--roles="+r, "--listen="+address, "--metrics=", "--log-level=warn"))
	}
	defer func() {
		for _, p := range ps {
			p.signal(syscall.SIGINT)
			p.wait()
		}
	}()
	api := ps[0]
	api.until("the service", func() bool { return ask(b, "GET", "http://"+address+"/readyz", "", nil).status == 200 })
	if !sweep {
		l.idle(b, api, address)
	} else {
		api.until("the first sweeps", func() bool {
			if err := l.write(ctx); err != nil {
				b.Fatal(err)
			}
			return l.swept(b, l.at.Add(-time.Minute)) == loadSites
		})
	}

	// Every minute is written as it ends, so each minute of the load has a sweep in it.
	stop := make(chan struct{})
	var writing sync.WaitGroup
	if sweep {
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute))) // begin with the writing of a minute
		writing.Go(func() {
			for {
				if err := l.write(ctx); err != nil {
					b.Error(err)
					return
				}
				select {
				case <-stop:
					return
				case <-time.After(200 * time.Millisecond):
				}
			}
		})
	}
	from := l.at
	cpu := cpuOf(ps)
	began := time.Now()
	took, failed := l.drive(b, address, loadFor(b))
	lasted := time.Since(began)
	cpu = cpuOf(ps) - cpu
	close(stop)
	writing.Wait()

	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[min(len(took)-1, int(q*float64(len(took))))].Microseconds()) / 1000
	}
	b.ReportMetric(at(.5), "p50-ms")
	b.ReportMetric(at(.99), "p99-ms")
	b.ReportMetric(at(.999), "p999-ms")
	b.ReportMetric(at(1), "max-ms")
	b.ReportMetric(budget, "p99-budget-ms")
	b.ReportMetric(float64(len(took))/lasted.Seconds(), "requests/s")
	b.ReportMetric(float64(failed), "errors")
	b.ReportMetric(cpu.Seconds()/lasted.Seconds(), "cores-service")
	if sweep {
		swept := 0
		if err := l.pool.QueryRow(ctx, `SELECT count(*) FROM site_forecast WHERE origin >= $1`, from).Scan(&swept); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(swept), "forecasts-meanwhile")
		if swept == 0 {
			b.Error("nothing was swept meanwhile")
		}
	}
	b.ReportMetric(0, "ns/op")
}

// idle makes forecasts for an api that has none: the engine sweeps once and ends.
func (l *load) idle(b *testing.B, api *process, address string) {
	b.Helper()
	e := start(b, nil, "serve", "--database-url="+l.url, "--state-dir="+l.state, "--roles=engine", "--metrics=", "--log-level=warn")
	last := l.at.Add(-time.Minute)
	e.until("a sweep", func() bool { return l.swept(b, last) == loadSites })
	e.kill()
	api.until("the api to have it", func() bool {
		return ask(b, "GET", "http://"+address+"/v1/sites/load-"+strconv.Itoa(loadSites-1)+"/scale", "", nil).status == 200
	})
}

// drive asks at the rate and answers how long each request took from the moment it was due.
func (l *load) drive(b *testing.B, address string, lasts time.Duration) ([]time.Duration, int64) {
	b.Helper()
	n := int(lasts.Seconds() * loadRate)
	took := make([]time.Duration, n)
	var next, failed atomic.Int64
	var done sync.WaitGroup
	start := time.Now().Add(100 * time.Millisecond)
	for range loadConns {
		done.Go(func() {
			var c net.Conn
			var in *bufio.Reader
			defer func() {
				if c != nil {
					c.Close()
				}
			}()
			for {
				i := int(next.Add(1) - 1)
				if i >= n {
					return
				}
				due := start.Add(time.Duration(i) * time.Second / loadRate)
				time.Sleep(time.Until(due))
				what := "scale"
				if i%2 == 1 {
					what = "risk"
				}
				err := func() error {
					var err error
					if c == nil {
						if c, err = net.Dial("tcp", address); err != nil {
							return err
						}
						in = bufio.NewReaderSize(c, 32<<10)
					}
					if _, err = fmt.Fprintf(c, "GET /v1/sites/load-%d/%s HTTP/1.1\r\nHost: %s\r\n\r\n", i/2%loadSites, what, address); err != nil {
						return err
					}
					res, err := http.ReadResponse(in, nil)
					if err != nil {
						return err
					}
					if _, err = io.Copy(io.Discard, res.Body); err != nil {
						return err
					}
					if res.StatusCode != 200 {
						return fmt.Errorf("status %d", res.StatusCode)
					}
					return nil
				}()
				took[i] = time.Since(due)
				if err != nil {
					if failed.Add(1) <= 3 {
						b.Logf("request %d of %s: %v", i, what, err)
					}
					if c != nil {
						c.Close()
						c = nil
					}
				}
			}
		})
	}
	done.Wait()
	return took, failed.Load()
}

// cpuOf is the processor time processes have taken; zero where there is no /proc.
func cpuOf(ps []*process) (sum time.Duration) {
	for _, p := range ps {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			return 0
		}
		f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, k := range []int{11, 12} { // utime, stime, in hundredths of a second
			n, _ := strconv.Atoi(f[k])
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}
