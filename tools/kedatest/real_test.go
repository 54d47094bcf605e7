package kedatest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"io"
	"math"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/kedacore/keda/v2/pkg/scalers"
	"github.com/kedacore/keda/v2/pkg/scalers/scalersconfig"
	v2 "k8s.io/api/autoscaling/v2"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"surgecast/internal/localpg"
)

// real is the whole service as its users have it: `forecaster serve` with the role api in one process, the engine in
// another, over a PostgreSQL, with keys and mutual TLS. The program is that of cmd/forecaster's tests, in which only
// the clock differs: it stands until the test moves it (course_test.go there).
type real struct {
	t       *testing.T
	dir     string
	program string
	url     string // of the database
	web     string // address of the api
	push    string // address of KEDA's gRPC
	admin   string // keys
	scale   string
	pg      *localpg.Server
	api     *exec.Cmd
	engine  *exec.Cmd
	out     bytes.Buffer
	minute  int
	active  atomic.Int32 // how often the stream said true
}

var realFrom = time.Date(2026, 9, 15, 10, 0, 0, 0, time.UTC)

// realDemand rises from 300 requests a minute to 3,000 within twenty minutes and stays there.
func realDemand(minute int) float64 {
	return 300 * math.Pow(10, max(0, min(1, float64(minute-5)/20)))
}

func newReal(t *testing.T) *real {
	t.Helper()
	dir, err := os.MkdirTemp("", "keda-*") //nolint:usetesting // PostgreSQL's own account must pass through
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	r := &real{t: t, dir: dir, program: filepath.Join(dir, "forecaster"), web: free(t), push: free(t)}
	build := exec.Command("go", "-C", "../..", "test", "-c", "-o", r.program, "./cmd/forecaster")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	r.clock(0)
	r.postgres()
	t.Cleanup(func() { r.pg.Stop(context.Background()) })
	r.url = r.pg.URL()
	r.run("migrate", "up")
	r.site("shadow")
	r.admin = r.key("admin")
	r.scale = r.key("scale", "--site", "shop")
	r.certificates()
	r.startAPI()
	r.startEngine()
	t.Cleanup(func() {
		for _, c := range []*exec.Cmd{r.api, r.engine} {
			kill(c)
		}
		if t.Failed() {
			t.Logf("the program said:\n%s", r.out.String())
		}
	})
	return r
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// clock moves the service's time to the end of a minute of the story, and a little more.
func (r *real) clock(minute int) {
	at := realFrom.Add(time.Duration(minute)*time.Minute + 5*time.Second)
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(at.UnixNano()))
	f, err := os.OpenFile(filepath.Join(r.dir, "clock"), os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b[:], 0); err != nil {
		r.t.Fatal(err)
	}
	r.minute = minute
}

func (r *real) postgres() {
	r.t.Helper()
	var err error
	if r.pg, err = localpg.Start(context.Background(), localpg.Options{StateDir: filepath.Join(r.dir, "pg"), SearchDirs: []string{"../../tools/postgres"}}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *real) command(args ...string) *exec.Cmd {
	c := exec.Command(r.program, append(args, "--database-url="+r.url, "--state-dir="+filepath.Join(r.dir, "s"))...)
	c.Env = append(os.Environ(), "SURGECAST_TEST_COURSE="+r.dir)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

func (r *real) run(args ...string) string {
	r.t.Helper()
	out, err := r.command(args...).CombinedOutput()
	if err != nil {
		r.t.Fatalf("forecaster %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (r *real) key(scope string, more ...string) string {
	r.t.Helper()
	return strings.TrimSpace(strings.SplitN(r.run(append([]string{"key", "create", "--scopes", scope}, more...)...), "\n", 2)[0])
}

// site adds the site, or changes it, as a person does.
func (r *real) site(mode string, more ...string) {
	r.t.Helper()
	r.run(append([]string{"site", "add", "shop", "--units", "4", "--rpm-per-unit", "200", "--mode", mode, "--min-units", "4", "--max-units", "60", "--lead-time", "3m"}, more...)...)
}

// locked keeps two processes' lines apart.
type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

var saying sync.Mutex

func (l locked) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.w.Write(b) }

func (r *real) serve(args ...string) *exec.Cmd {
	r.t.Helper()
	c := r.command(append([]string{"serve", "--metrics="}, args...)...)
	c.Stdout = locked{&saying, &r.out}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *real) startAPI() {
	r.t.Helper()
	r.api = r.serve("--roles=api", "--listen="+r.web, "--keda-listen="+r.push, "--keda-cert="+r.file("server.pem"), "--keda-key="+r.file("server.key"), "--keda-client-ca="+r.file("ca.pem"))
}

func (r *real) startEngine() { r.t.Helper(); r.engine = r.serve("--roles=engine") }

func (r *real) file(name string) string { return filepath.Join(r.dir, name) }

func kill(c *exec.Cmd) {
	if c.ProcessState == nil {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
}

// certificates are an authority, the server's and KEDA's.
func (r *real) certificates() {
	t := r.t
	t.Helper()
	serial := int64(0)
	issue := func(name string, parent *x509.Certificate, signer *ecdsa.PrivateKey, c x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		serial++
		c.SerialNumber, c.Subject = big.NewInt(serial), pkix.Name{CommonName: name}
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		if parent == nil {
			parent, signer = &c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, &c, parent, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		pk, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for file, b := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "EC PRIVATE KEY", Bytes: pk}} {
			if err := os.WriteFile(r.file(file), pem.EncodeToMemory(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return made, key
	}
	ca, signer := issue("ca", nil, nil, x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	issue("server", ca, signer, x509.Certificate{DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	issue("client", ca, signer, x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	issue("stranger", nil, nil, x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

func (r *real) read(name string) string {
	r.t.Helper()
	b, err := os.ReadFile(r.file(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// ask asks the api; status 0: nobody answered.
func (r *real) ask(method, path, key string, body any, into any) int {
	r.t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			r.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, "http://"+r.web+path, in)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0
	}
	if into != nil && res.StatusCode == 200 {
		if err := json.Unmarshal(b, into); err != nil {
			r.t.Fatalf("%s in %s", err, b)
		}
	}
	return res.StatusCode
}

func (r *real) until(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("minute %d: waited for %s in vain", r.minute, what)
		}
	}
}

// traffic pushes minutes of the story, from to until (excluded).
func (r *real) traffic(from, until int) {
	r.t.Helper()
	var rows []map[string]any
	for m := from; m < until; m++ {
		d := realDemand(m)
		rows = append(rows, map[string]any{"minute": realFrom.Add(time.Duration(m) * time.Minute).Format(time.RFC3339), "requests": math.Round(d + math.Sqrt(d)*math.Sin(float64(m*m)))})
	}
	r.until("traffic to be taken", func() bool { return r.ask("POST", "/v1/sites/shop/traffic", r.admin, rows, nil) == 202 })
}

type scaleSays struct {
	Units    int
	Stale    bool
	Mode     string
	IssuedAt time.Time `json:"issued_at"`
}

// next plays one minute. Whoever is at work has seen it when it returns.
func (r *real) next() {
	r.t.Helper()
	m := r.minute + 1
	r.clock(m)
	r.traffic(m-1, m)
	if r.engine.ProcessState != nil {
		return
	}
	r.until("the answer to follow", func() bool {
		var s scaleSays
		return r.ask("GET", "/v1/sites/shop/scale", r.scale, nil, &s) == 200 && !s.IssuedAt.Before(realFrom.Add(time.Duration(m)*time.Minute))
	})
}

// readers are KEDA's scalers on it: metrics-api with a key, external-push with a certificate.
func (r *real) readers(client string) []*reader {
	t := r.t
	t.Helper()
	config := func(kind string, metadata, auth map[string]string) *scalersconfig.ScalerConfig {
		return &scalersconfig.ScalerConfig{
			ScalableObjectName: "shop", ScalableObjectNamespace: "web", ScalableObjectType: "ScaledObject", GlobalHTTPTimeout: 3 * time.Second,
			TriggerType: kind, TriggerMetadata: metadata, AuthParams: auth, MetricType: v2.AverageValueMetricType, TriggerIndex: 0,
		}
	}
	var out []*reader
	add := func(name string, s scalers.Scaler, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Cleanup(func() { _ = s.Close(context.Background()) })
		specs := s.GetMetricSpecForScaling(t.Context())
		if len(specs) != 1 {
			if client == "client" {
				t.Fatalf("%s: %d metrics", name, len(specs))
			}
			specs = []v2.MetricSpec{{External: &v2.ExternalMetricSource{Metric: v2.MetricIdentifier{Name: "s0-none"}}}}
		}
		out = append(out, &reader{name: name, scaler: s, spec: specs[0], hpa: hpa{replicas: 4, least: 1}})
	}
	if client == "client" {
		s, err := scalers.NewMetricsAPIScaler(config("metrics-api", map[string]string{
			"url": "http://" + r.web + "/v1/sites/shop/scale", "valueLocation": "units", "targetValue": "1", "authMode": "apiKey",
		}, map[string]string{"apiKey": r.scale}), nil)
		add("metrics-api", s, err)
	}
	push, err := scalers.NewExternalPushScaler(config("external-push", map[string]string{
		"scalerAddress": strings.Replace(r.push, "127.0.0.1", "localhost", 1), "enableTLS": "true", "site": "shop", "value": "units", "targetValue": "1",
	}, map[string]string{"caCert": r.read("ca.pem"), "tlsClientCert": r.read(client + ".pem"), "tlsClientKey": r.read(client + ".key")}))
	add("external-push with mutual TLS", push, err)
	if client == "client" {
		active := make(chan bool)
		go push.Run(t.Context(), active)
		go func() {
			for {
				select {
				case <-t.Context().Done():
					return
				case on := <-active:
					if on {
						r.active.Add(1)
					}
				}
			}
		}()
	}
	return out
}

// The real program, killed, restarted and robbed of its engine and its database through a surge, from shadow to act,
// while KEDA's own code reads it over sockets, with mutual TLS. What the HPA asks for never falls during a fault nor
// in the minute in which it is over; outside of faults it falls by the floor's pace only.
// Fails when: the api answers min_units or zero before it has read its database; scaleAnswer says 200 past 15 minutes;
// kedaFlags.open does not ask for a client's certificate.
func TestRealServeNeverAsksForFewerBecauseOfUs(t *testing.T) {
	logf.SetLogger(logr.Discard())
	r := newReal(t)
	r.traffic(-6*60, 0)
	r.until("the first forecast", func() bool {
		var s scaleSays
		return r.ask("GET", "/v1/sites/shop/scale", r.scale, nil, &s) == 200 && !s.Stale
	})
	for _, s := range r.readers("stranger") {
		if s.poll(t.Context()) {
			t.Errorf("%s: somebody with a certificate of his own is answered", s.name)
		}
	}
	readers := r.readers("client")

	good, bad := map[string]int{}, map[string]int{}
	// look polls as KEDA does. During a fault an error is an answer too; a number may not be lower.
	look := func(phase string, faulty bool) {
		t.Helper()
		for _, k := range readers {
			was := k.hpa.replicas
			if !k.poll(t.Context()) {
				bad[phase]++
				if !faulty {
					t.Errorf("minute %d, %s: %s reads an error", r.minute, phase, k.name)
				}
				continue
			}
			good[phase]++
			now := k.hpa.replicas
			if now < was && (faulty || float64(now) < .8*float64(was)-1) {
				t.Errorf("minute %d, %s: %s falls from %d to %d", r.minute, phase, k.name, was, now)
			}
		}
	}
	back := func(phase string) {
		t.Helper()
		r.until("the service to answer", func() bool { return r.ask("GET", "/v1/sites/shop/scale", r.scale, nil, nil) == 200 })
		for _, k := range readers {
			k.comeBack(t)
		}
		look(phase+", over", true)
	}
	play := func(phase string, minutes int, faulty bool) {
		t.Helper()
		for range minutes {
			r.next()
			look(phase, faulty)
		}
	}
	units := func() int { return readers[0].hpa.replicas }

	play("shadow", 12, false)
	if units() != 4 {
		t.Errorf("in shadow the HPA asks for %d units, want the 4 that are the least", units())
	}
	r.site("act", "--update")
	play("act, rising", 8, false)
	if units() <= 4 {
		t.Errorf("in act, in the middle of the rise: %d units", units())
	}

	// The api is killed while it is asked without a pause.
	asking, stop := context.WithCancel(t.Context())
	var hammer sync.WaitGroup
	for range 4 {
		hammer.Go(func() {
			for asking.Err() == nil {
				var s scaleSays
				if r.ask("GET", "/v1/sites/shop/scale", r.scale, nil, &s) == 200 && s.Units < 4 {
					t.Errorf("%d units around a restart", s.Units)
				}
			}
		})
	}
	for range 3 {
		kill(r.api)
		look("the api is killed", true)
		r.startAPI()
		look("the api starts", true)
		back("the api is killed")
		play("after the api", 1, false)
	}
	stop()
	hammer.Wait()

	kill(r.engine)
	play("the engine is dead for 10 minutes", 10, true)
	r.startEngine()
	play("the engine is back", 1, true)
	play("on top", 3, false)

	// The database goes, with all who are connected.
	r.pg.Stop(context.Background())
	for m := r.minute; r.minute < m+6; {
		r.clock(r.minute + 1)
		time.Sleep(300 * time.Millisecond)
		look("the database is down", true)
	}
	kill(r.api)
	r.startAPI()
	look("the api starts without a database", true)
	_ = r.api.Wait() // it says why and ends; whoever watches it starts it again
	look("no api", true)
	r.postgres()
	if r.pg.URL() != r.url {
		t.Fatalf("the database is now at %s", r.pg.URL())
	}
	r.startAPI()
	back("the database is down")
	r.traffic(r.minute-6, r.minute)
	play("the database is back", 2, true)
	play("on top again", 2, false)

	kill(r.engine)
	play("the engine is dead for 15 minutes", 15, true)
	play("expired", 6, true)
	r.startEngine()
	play("the engine is back again", 1, true)
	play("at the end", 3, false)
	if units() < 15 {
		t.Errorf("%d units at the end, the demand needs 15", units())
	}
	for _, phase := range []string{"the api is killed", "no api", "expired"} {
		if bad[phase] == 0 {
			t.Errorf("%s: no poll failed", phase)
		}
	}
	for _, phase := range []string{"the engine is dead for 10 minutes", "the database is down"} {
		if bad[phase] > 0 {
			t.Errorf("%s: %d polls failed, the last units ought to be held", phase, bad[phase])
		}
	}
	if good["expired"] > 2 { // at 15 minutes and 0 seconds it is still said
		t.Errorf("%d polls were answered with a number after 15 minutes", good["expired"])
	}
	if r.active.Load() == 0 {
		t.Error("the stream never said that the workload is active")
	}
	t.Logf("%d minutes, at the end %d units; polls answered %v; refused or in vain %v; the stream said active %d times", r.minute, units(), good, bad, r.active.Load())
}
