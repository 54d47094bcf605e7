// Package kedatest lets KEDA's own scalers read the service: the constructors of github.com/kedacore/keda/v2, over
// sockets, through a surge and through everything that can fail meanwhile. It is a module of its own, because KEDA
// brings hundreds of others. Run it with make test-keda.
package kedatest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/kedacore/keda/v2/pkg/scalers"
	"github.com/kedacore/keda/v2/pkg/scalers/scalersconfig"
	v2 "k8s.io/api/autoscaling/v2"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"surgecast"
	"surgecast/api"
)

const key = "sc_only_for_this_test"

var keySum = sha256.Sum256([]byte(key))

// process is one life of the api: it can be killed and started again over the same ledger, on the same ports.
type process struct {
	t     *testing.T
	l     *ledger
	clock *clock
	wall  *clock

	web, push string // addresses, kept over restarts
	stop      context.CancelFunc
	done      chan struct{}
	server    *api.Server
}

func (p *process) start() {
	p.t.Helper()
	listen := func(address *string) net.Listener {
		if *address == "" {
			*address = "127.0.0.1:0"
		}
		l, err := net.Listen("tcp", *address)
		if err != nil {
			p.t.Fatal(err)
		}
		*address = l.Addr().String()
		return l
	}
	web, push := listen(&p.web), listen(&p.push)
	p.server = api.New(api.Config{
		Store: p.l, Clock: p.clock.now, Wall: p.wall.now, Version: "kedatest", Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	ctx, cancel := context.WithCancel(context.Background())
	p.stop, p.done = cancel, make(chan struct{})
	results := make(chan error, 3)
	go func() { results <- p.server.Run(ctx) }()
	go func() { results <- p.server.ServeKEDA(ctx, push, nil) }()
	s := &http.Server{Handler: p.server.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = s.Serve(web) }()
	go func() {
		<-ctx.Done()
		_ = s.Close() // at once: a crash says goodbye to nobody
		for range 2 {
			if err := <-results; err != nil {
				p.t.Error(err)
			}
		}
		close(p.done)
	}()
}

func (p *process) kill() { p.stop(); <-p.done }

// reader is one trigger as KEDA reads it, and the workload its HPA drives.
type reader struct {
	name   string
	scaler scalers.Scaler
	spec   v2.MetricSpec
	hpa    hpa
	before int // replicas when the fault began
}

func (p *process) readers() []*reader {
	p.t.Helper()
	config := func(kind string, metadata, auth map[string]string) *scalersconfig.ScalerConfig {
		return &scalersconfig.ScalerConfig{
			ScalableObjectName: "shop", ScalableObjectNamespace: "web", ScalableObjectType: "ScaledObject", GlobalHTTPTimeout: 3 * time.Second,
			TriggerType: kind, TriggerMetadata: metadata, AuthParams: auth, MetricType: v2.AverageValueMetricType, TriggerIndex: 2,
		}
	}
	scale := "http://" + p.web + "/v1/sites/shop/scale"
	var out []*reader
	add := func(name string, s scalers.Scaler, err error) {
		p.t.Helper()
		if err != nil {
			p.t.Fatalf("%s: %v", name, err)
		}
		specs := s.GetMetricSpecForScaling(p.t.Context())
		if len(specs) != 1 {
			p.t.Fatalf("%s: %d metrics", name, len(specs))
		}
		out = append(out, &reader{name: name, scaler: s, spec: specs[0], hpa: hpa{replicas: 4, least: 1}})
		p.t.Cleanup(func() { _ = s.Close(context.Background()) })
	}
	auth := map[string]string{"apiKey": key}
	s, err := scalers.NewMetricsAPIScaler(config("metrics-api", map[string]string{
		"url": scale, "valueLocation": "units", "targetValue": "1", "authMode": "apiKey",
	}, auth), nil)
	add("metrics-api json", s, err)
	s, err = scalers.NewMetricsAPIScaler(config("metrics-api", map[string]string{
		"url": scale + "?format=prometheus", "format": "prometheus", "valueLocation": `surgecast_recommended_units{site="shop"}`, "targetValue": "1", "authMode": "bearer",
	}, map[string]string{"token": key}), nil)
	add("metrics-api prometheus", s, err)
	s, err = scalers.NewMetricsAPIScaler(config("metrics-api", map[string]string{
		"url": scale, "valueLocation": "expected_rps", "targetValue": "3.3333", "authMode": "apiKey",
	}, auth), nil)
	add("metrics-api rps", s, err)
	push, err := scalers.NewExternalPushScaler(config("external-push", map[string]string{"scalerAddress": p.push, "site": "shop", "apiKey": key}, nil))
	add("external-push", push, err)
	pull, err := scalers.NewExternalScaler(config("external", map[string]string{
		"scalerAddress": p.push, "site": "shop", "value": "rps", "targetValue": "3.3333", "apiKey": key,
	}, nil))
	add("external rps", pull, err)
	return out
}

// poll is what KEDA does every 15 s: ask, and once more at once after an error.
func (r *reader) poll(ctx context.Context) (ok bool) {
	for range 2 {
		values, active, err := r.scaler.GetMetricsAndActivity(ctx, r.spec.External.Metric.Name)
		if err != nil {
			continue
		}
		if active != (len(values) > 0 && values[0].Value.Sign() > 0) {
			return false // with activation at zero the two say the same
		}
		r.hpa.observe(values, r.spec)
		return true
	}
	return false
}

// fault is something that goes wrong for some minutes.
type fault struct {
	name       string
	from, to   int // minutes; the fault is over at to
	begin, end func(*course)
	silent     bool // KEDA gets errors before it is over
	restarts   bool // the api is back at once
}

// course is one play.
type course struct {
	p       *process
	stopped bool // the engine
	blind   bool // its traffic is missing
}

func newSite() surgecast.Site {
	s := surgecast.Site{
		ID: 1, AccountID: 1, Slug: "shop", Name: "Shop", Mode: surgecast.ModeAct, CreatedAt: begin, UpdatedAt: begin,
		Capacity: surgecast.CapacityProfile{Units: 4, MinUnits: 4, MaxUnits: 60, RPMPerUnit: 200, LeadTimeP50Seconds: 180, LeadTimeP95Seconds: 300, Currency: "EUR"},
	}
	s.Default()
	return s
}

// KEDA's own scalers read the service through a surge and through whatever fails meanwhile. At no moment do they and
// the HPA ask for fewer units than before because of our fault; afterwards the floor falls by its own pace only.
// Fails when: scaleAnswer answers min_units where the last units are held, or 200 with 0 where it says 503; when
// GetMetrics answers an empty list or zero for an error; or when api.load forgets lastGood.
func TestKEDANeverAsksForFewerBecauseOfUs(t *testing.T) {
	logf.SetLogger(logr.Discard())
	stop := func(c *course) { c.stopped = true }
	resume := func(c *course) { c.stopped = false }
	for _, f := range []fault{
		{name: "nothing fails", from: 0, to: 0, begin: func(*course) {}, end: func(*course) {}},
		{name: "the engine stops for 10 minutes on top", from: 110, to: 120, begin: stop, end: resume},
		{name: "the engine stops for 30 minutes on top", from: 110, to: 140, begin: stop, end: resume, silent: true},
		{name: "the engine stops while the surge rises", from: 70, to: 95, begin: stop, end: resume, silent: true},
		{name: "the engine stops while it falls", from: 160, to: 185, begin: stop, end: resume, silent: true},
		{name: "the database is down for 10 minutes", from: 110, to: 120, begin: func(c *course) { c.p.l.setAway(true) }, end: func(c *course) { c.p.l.setAway(false) }},
		{name: "the database is down for 20 minutes", from: 75, to: 95, begin: func(c *course) { c.p.l.setAway(true) }, end: func(c *course) { c.p.l.setAway(false) }, silent: true},
		{name: "the site's traffic is lost for 12 minutes", from: 110, to: 122, begin: func(c *course) { c.blind = true }, end: func(c *course) { c.blind = false }},
		{name: "the site's traffic is lost for 30 minutes", from: 110, to: 140, begin: func(c *course) { c.blind = true }, end: func(c *course) { c.blind = false }, silent: true},
		{name: "the api is killed for 5 minutes mid-surge", from: 85, to: 90, begin: func(c *course) { c.p.kill() }, end: func(c *course) { c.p.start() }, silent: true},
		{name: "everything restarts into lost traffic", from: 110, to: 118, begin: func(c *course) {
			c.blind = true
			c.p.kill()
			if err := c.p.l.sweep(110, true); err != nil { // the newest row knows nothing: the last good one is older
				c.p.t.Fatal(err)
			}
			c.p.start()
		}, end: func(c *course) { c.blind = false }, restarts: true},
		{name: "the api restarts while the database is down", from: 110, to: 118, begin: func(c *course) { c.p.l.setAway(true); c.p.kill(); c.p.start() }, end: func(c *course) { c.p.l.setAway(false) }, silent: true},
	} {
		t.Run(f.name, func(t *testing.T) { play(t, f, surgecast.ModeAct) })
	}
}

func play(t *testing.T, f fault, mode surgecast.Mode) {
	p := &process{t: t, l: &ledger{site: newSite()}, clock: &clock{at: begin}, wall: &clock{at: begin}}
	p.l.site.Mode = mode
	p.start()
	defer func() { p.kill() }()
	if err := p.l.sweep(0, false); err != nil {
		t.Fatal(err)
	}
	c := &course{p: p}
	waitLoaded(t, p)
	readers := p.readers()
	failed := map[string]int{}
	peak := map[string]int{}
	var faulty bool
	for minute := 1; minute < 230; minute++ {
		p.clock.set(begin.Add(time.Duration(minute) * time.Minute))
		p.wall.set(begin.Add(time.Duration(minute) * time.Minute))
		if minute == f.from && f.to > f.from {
			for _, r := range readers {
				r.before = r.hpa.replicas
			}
			faulty = true
			f.begin(c)
		}
		recovering := minute == f.to && faulty
		if recovering {
			faulty = false
			f.end(c)
		}
		if !c.stopped {
			if err := p.l.sweep(minute, c.blind); err == nil {
				p.tell()
			}
		}
		if recovering || minute == f.from && f.restarts {
			for _, r := range readers {
				r.comeBack(t)
			}
		}
		for _, r := range readers {
			was := r.hpa.replicas
			ok := r.poll(t.Context())
			if !ok {
				failed[r.name]++
				if !faulty {
					t.Fatalf("minute %d: %s reads an error and nothing fails", minute, r.name)
				}
			}
			now := r.hpa.replicas
			peak[r.name] = max(peak[r.name], now)
			if faulty && now < r.before {
				t.Fatalf("minute %d: %s asks for %d units, it was %d when %s", minute, r.name, now, r.before, f.name)
			}
			// A step of the floor is a tenth; the HPA's tolerance may join two of them.
			if now < was && float64(now) < .8*float64(was)-1 {
				t.Fatalf("minute %d: %s falls from %d to %d in a minute", minute, r.name, was, now)
			}
			// Rehearsing the promise itself: what serves is never below what was measured, where the engine could see it.
			if need := int((demand(minute) + 199) / 200); mode == surgecast.ModeAct && !faulty && f.to != minute && now < need && minute > f.to+1 {
				t.Fatalf("minute %d: %s has %d units for a demand that needs %d", minute, r.name, now, need)
			}
		}
	}
	for _, r := range readers {
		if (failed[r.name] > 0) != f.silent {
			t.Errorf("%s read %d errors; errors were expected: %t", r.name, failed[r.name], f.silent)
		}
		if mode == surgecast.ModeAct && peak[r.name] < 33 {
			t.Errorf("%s: at most %d units, the surge needs 33", r.name, peak[r.name])
		}
		t.Logf("%-24s peak %d units, %d failed polls, %d at the end", r.name, peak[r.name], failed[r.name], r.hpa.replicas)
	}
}

// tell hands the newest row to the api, as the engine of the same process does; another process finds it within a
// second of its own.
func (p *process) tell() {
	p.l.mu.Lock()
	row := p.l.rows[len(p.l.rows)-1]
	p.l.mu.Unlock()
	p.server.Publish(row)
}

// comeBack lets real time pass until a restarted api has read its database and KEDA's connection is there again: both
// take a second or two, in which the course's clock stands.
func (r *reader) comeBack(t *testing.T) {
	t.Helper()
	var err error
	for range 400 {
		if _, _, err = r.scaler.GetMetricsAndActivity(t.Context(), r.spec.External.Metric.Name); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not come back: %v", r.name, err)
}

// Shadow answers min_units through the whole surge; a click on act lets the units rise, a click back lets them fall
// by the floor's pace, not at once.
// Fails when: the hand-back in scaleAnswer's shadow case is taken out.
func TestShadowToActAndBack(t *testing.T) {
	logf.SetLogger(logr.Discard())
	p := &process{t: t, l: &ledger{site: newSite()}, clock: &clock{at: begin}, wall: &clock{at: begin}}
	p.l.setMode(surgecast.ModeShadow)
	p.start()
	defer func() { p.kill() }()
	if err := p.l.sweep(0, false); err != nil {
		t.Fatal(err)
	}
	waitLoaded(t, p)
	readers := p.readers()
	mode := func(m surgecast.Mode) {
		p.l.setMode(m)
		waitMode(t, p, m)
	}
	last := map[string]int{}
	for minute := 1; minute < 200; minute++ {
		p.clock.set(begin.Add(time.Duration(minute) * time.Minute))
		p.wall.set(begin.Add(time.Duration(minute) * time.Minute))
		switch minute {
		case 95:
			mode(surgecast.ModeAct)
		case 120:
			mode(surgecast.ModeShadow)
			for _, r := range readers { // the second after the click, before any sweep
				if !r.poll(t.Context()) || r.hpa.replicas < last[r.name] {
					t.Fatalf("%s: %d units a second after the click, %d before", r.name, r.hpa.replicas, last[r.name])
				}
			}
		}
		if err := p.l.sweep(minute, false); err != nil {
			t.Fatal(err)
		}
		p.tell()
		for _, r := range readers {
			was := r.hpa.replicas
			if !r.poll(t.Context()) {
				t.Fatalf("minute %d: %s reads an error", minute, r.name)
			}
			now := r.hpa.replicas
			switch {
			case minute < 95 && now != 4:
				t.Fatalf("minute %d: %s has %d units in shadow", minute, r.name, now)
			case minute == 119 && now < 33:
				t.Fatalf("%s: %d units in act, the surge needs 33", r.name, now)
			case now < was && float64(now) < .8*float64(was)-1:
				t.Fatalf("minute %d: %s falls from %d to %d in a minute", minute, r.name, was, now)
			}
			last[r.name] = now
		}
	}
	for _, r := range readers {
		t.Logf("%-24s %d units at the end", r.name, r.hpa.replicas)
	}
}

func waitLoaded(t *testing.T, p *process) {
	t.Helper()
	until(t, "the memory to be filled", p, `"units"`)
}

func waitMode(t *testing.T, p *process, m surgecast.Mode) {
	t.Helper()
	until(t, "mode "+string(m), p, `"mode":"`+string(m)+`"`)
}

// until asks /scale until its answer has a text in it; the api looks at its database once a second, at sites every
// fifth time.
func until(t *testing.T, what string, p *process, text string) {
	t.Helper()
	for range 600 {
		body := ""
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.web+"/v1/sites/shop/scale", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-API-KEY", key)
		if res, err := http.DefaultClient.Do(req); err == nil {
			b, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			body = fmt.Sprint(res.StatusCode) + string(b)
		}
		if len(body) > 3 && body[:3] == "200" && strings.Contains(body, text) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("waited for %s in vain", what)
}
