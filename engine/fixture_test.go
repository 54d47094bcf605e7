package engine

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

// Nothing an engine starts outlives it.
func TestMain(m *testing.M) {
	code := m.Run()
	if err := storetest.Shutdown(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// t0 is a Monday.
var t0 = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return t0.Add(time.Duration(n) * time.Minute) }

// place is one site of a test with its topic, in a database of its own.
type place struct {
	t     testing.TB
	st    *store.Store
	pool  *pgxpool.Pool
	site  surgecast.Site
	topic surgecast.Topic
	src   surgecast.Source
	log   *lines
}

func newPlace(t testing.TB, change func(*surgecast.Site)) *place {
	t.Helper()
	pool := storetest.New(t)
	p := &place{t: t, st: store.New(pool), pool: pool, log: &lines{}}
	s := surgecast.Site{
		AccountID: surgecast.DefaultAccount, Slug: "shop", Name: "Shop", Mode: surgecast.ModeAct, CreatedAt: t0,
		Capacity: surgecast.CapacityProfile{
			Units: 8, MinUnits: 2, MaxUnits: 40, RPMPerUnit: 100, LeadTimeP50Seconds: 120, LeadTimeP95Seconds: 300, SustainMinutes: 3,
			CostLostRequest: .01, CostIdleUnitHour: .2, AlertProbability: .2,
		},
	}
	s.Default()
	if change != nil {
		change(&s)
	}
	var err error
	p.site, err = p.st.CreateSite(t.Context(), s)
	p.ok(err)
	return p
}

func (p *place) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// talked links a topic that one fast feed counts.
func (p *place) talked(stepSeconds int) {
	p.t.Helper()
	var err error
	tp := surgecast.Topic{AccountID: surgecast.DefaultAccount, Slug: "tour", Name: "Tour", Any: []string{"tour"}, Since: t0.AddDate(0, 0, -60), CreatedAt: t0, Simulated: p.site.Simulated}
	tp.Default()
	p.topic, err = p.st.CreateTopic(p.t.Context(), tp)
	p.ok(err)
	p.src, err = p.st.EnsureSource(p.t.Context(), surgecast.Source{Slug: "feed", Kind: surgecast.SourcePosts, Mode: surgecast.Absolute, StepSeconds: stepSeconds})
	p.ok(err)
	p.ok(p.st.LinkTopic(p.t.Context(), surgecast.DefaultAccount, p.site.Slug, p.topic.Slug, t0.AddDate(0, 0, -60), 1))
}

// engine is a fresh one over the place's store, as after a start. Its leases end when a test ends them, not when the
// machine is busy.
func (p *place) engine(change func(*Config)) *Engine {
	c := Config{Store: p.st, Clock: func() time.Time { return t0 }, Logger: slog.New(slog.NewTextHandler(p.log, nil)), Holder: "first", Workers: 2, LeaseTTL: time.Hour}
	if change != nil {
		change(&c)
	}
	return New(c)
}

func (p *place) visits(rows ...surgecast.TrafficMinute) {
	p.t.Helper()
	at := time.Time{}
	for i := range rows {
		rows[i].SiteID = p.site.ID
		if rows[i].Segment == "" {
			rows[i].Segment = surgecast.TotalSegment
		}
		at = rows[i].Minute.Add(time.Minute)
	}
	_, err := p.st.PutTraffic(p.t.Context(), rows, at)
	p.ok(err)
}

func (p *place) mentions(rows ...surgecast.MentionMinute) {
	p.t.Helper()
	for i := range rows {
		rows[i].TopicID, rows[i].SourceID = p.topic.ID, p.src.ID
		rows[i].Organic, rows[i].Authors = rows[i].Raw, rows[i].Raw
	}
	if len(rows) == 0 {
		return
	}
	_, err := p.st.PutMentions(p.t.Context(), rows, rows[len(rows)-1].Minute.Add(time.Minute))
	p.ok(err)
}

func (p *place) exec(sql string, args ...any) {
	p.t.Helper()
	if _, err := p.pool.Exec(p.t.Context(), sql, args...); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
}

// found is everything sweeps have committed, without random ids and what is derived from them.
type found struct {
	Forecasts   []surgecast.SiteForecast
	Surges      []surgecast.Surge
	Transitions []surgecast.SurgeTransition
	Messages    []string // type and minute, in order
}

func (p *place) found() found {
	p.t.Helper()
	ctx := p.t.Context()
	var f found
	for _, seg := range judgedSegments(p.site) {
		rows, err := p.st.Forecasts(ctx, p.site.ID, seg, t0.AddDate(-1, 0, 0), t0.AddDate(1, 0, 0))
		p.ok(err)
		f.Forecasts = append(f.Forecasts, rows...)
	}
	for i := range f.Forecasts {
		x := &f.Forecasts[i]
		if !x.Intact() {
			p.t.Errorf("row of %s: its hash does not fit", x.Origin)
		}
		x.ID, x.BodyHash, x.Hash, x.PrevHash, x.Recommendation.ID, x.Fed = "", nil, nil, nil, "", nil
	}
	ss, _, err := p.st.Surges(ctx, surgecast.DefaultAccount, surgecast.SurgeFilter{}, surgecast.Page{Limit: 100})
	p.ok(err)
	for i := len(ss) - 1; i >= 0; i-- {
		s, ts, err := p.st.SurgeByID(ctx, surgecast.DefaultAccount, ss[i].ID)
		p.ok(err)
		s.ID = ""
		f.Surges = append(f.Surges, s)
		for _, tr := range ts {
			tr.SurgeID, tr.ForecastID = "", ""
			f.Transitions = append(f.Transitions, tr)
		}
	}
	// Surges that open in one sweep have ids in any order.
	by := func(a, b surgecast.Surge) bool {
		return a.OpenedAt.Before(b.OpenedAt) || a.OpenedAt.Equal(b.OpenedAt) && a.Kind+surgecast.SurgeKind(a.Segment) < b.Kind+surgecast.SurgeKind(b.Segment)
	}
	sortBy(f.Surges, by)
	sortBy(f.Transitions, func(a, b surgecast.SurgeTransition) bool {
		return a.At.Before(b.At) || a.At.Equal(b.At) && string(a.To)+a.Headline < string(b.To)+b.Headline
	})
	rows, _ := p.pool.Query(ctx, `SELECT type || ' ' || created_at::text FROM delivery ORDER BY created_at, type`)
	f.Messages, err = pgx.CollectRows(rows, pgx.RowTo[string])
	p.ok(err)
	return f
}

func sortBy[T any](x []T, less func(a, b T) bool) {
	for i := 1; i < len(x); i++ {
		for j := i; j > 0 && less(x[j], x[j-1]); j-- {
			x[j], x[j-1] = x[j-1], x[j]
		}
	}
}

// same demands equal rows to the last bit.
func same(t testing.TB, want, got found) {
	t.Helper()
	if len(want.Forecasts) != len(got.Forecasts) {
		t.Errorf("%d rows in the ledger, want %d", len(got.Forecasts), len(want.Forecasts))
	}
	for i := range min(len(want.Forecasts), len(got.Forecasts)) {
		w, g := want.Forecasts[i], got.Forecasts[i]
		if d := cmp.Diff(w, g, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("row of %s, origin %s (-want +got):\n%s", w.Segment, w.Origin, cut(d))
		}
	}
	want.Forecasts, got.Forecasts = nil, nil
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("episodes and messages (-want +got):\n%s", cut(d))
	}
}

func cut(s string) string {
	if len(s) > 3000 {
		return s[:3000] + " …"
	}
	return s
}

// webhook makes every message a row of delivery.
func (p *place) webhook() {
	p.t.Helper()
	_, err := p.st.CreateWebhook(p.t.Context(), surgecast.Webhook{AccountID: surgecast.DefaultAccount, URL: "https://example.com", CreatedAt: t0})
	p.ok(err)
}

func count(t testing.TB, pool *pgxpool.Pool, from string) int {
	t.Helper()
	var n int
	if err := pool.QueryRow(context.Background(), `SELECT count(*) FROM `+from).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// lines is a log that tests read.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), s)
}

// noise is the same for the same seed and minute, whatever was asked before.
func noise(seed uint64, n int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(n)+1<<32)) }

// quiet is n visits a minute and what chance does to them.
func quiet(seed uint64, i int, n float64) float64 {
	return math.Max(0, math.Round(n+math.Sqrt(n)*noise(seed, i).NormFloat64()))
}
