package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"surgecast"
	"surgecast/api/externalscaler"
)

// keda serves gRPC on a free port until the test ends, and is its client.
func (ts *testServer) keda(t *testing.T, server *tls.Config, client credentials.TransportCredentials) *externalscaler.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- ts.ServeKEDA(ctx, l, server) }()
	if client == nil {
		client = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(client))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return externalscaler.NewClient(conn)
}

func trigger(pairs ...string) *externalscaler.ScaledObjectRef {
	m := map[string]string{"site": "nordlicht", "scalerAddress": "surgecast:8081"}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return &externalscaler.ScaledObjectRef{Name: "shop", Namespace: "web", ScalerMetadata: m}
}

func wait(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func code(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("%v: %v, want %v", got, err, want)
	}
}

// Promise 4 for KEDA's external scaler: what /scale answers, gRPC answers, and ignorance is the error Unavailable,
// never a zero and never an empty list.
// Fails when: ask drops `if why != nil`, or GetMetrics answers an empty GetMetricsResponse instead of the error.
func TestKEDANeverTurnsIgnoranceIntoANumber(t *testing.T) {
	for _, c := range []struct {
		name  string
		story func(*testServer, surgecast.Site)
		units float64 // < 0: Unavailable
	}{
		{"no forecast yet", func(*testServer, surgecast.Site) {}, -1},
		{"fresh", func(ts *testServer, s surgecast.Site) { ts.told(s) }, 13},
		{"stale: unchanged", func(ts *testServer, s surgecast.Site) { ts.told(s); ts.pass(14 * time.Minute) }, 13},
		{"expired", func(ts *testServer, s surgecast.Site) { ts.told(s); ts.pass(16 * time.Minute) }, -1},
		{"blind: the last units", func(ts *testServer, s surgecast.Site) {
			ts.told(s)
			ts.pass(time.Minute)
			ts.told(s, func(f *surgecast.SiteForecast) {
				f.State, f.Recommendation.Units = surgecast.StateCannotTell, 4
			})
		}, 13},
		{"the database is away", func(ts *testServer, s surgecast.Site) { ts.told(s); ts.store.fail(errors.New("away")) }, 13},
		{"nothing is needed", func(ts *testServer, s surgecast.Site) {
			ts.told(s, func(f *surgecast.SiteForecast) { f.Recommendation.Units = 0 })
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			ts := newTest(t, keyless)
			c.story(ts, ts.site(1, "nordlicht"))
			k, ref := ts.keda(t, nil, nil), trigger()
			m, err := k.GetMetrics(wait(t), &externalscaler.GetMetricsRequest{ScaledObjectRef: *ref, MetricName: "surgecast-units-nordlicht"})
			active, activeErr := k.IsActive(wait(t), ref)
			if c.units < 0 {
				code(t, err, codes.Unavailable)
				code(t, activeErr, codes.Unavailable)
				return
			}
			if err != nil || activeErr != nil {
				t.Fatal(err, activeErr)
			}
			want := externalscaler.MetricValue{MetricName: "surgecast-units-nordlicht", MetricValue: int64(c.units), MetricValueFloat: c.units}
			if len(m.MetricValues) != 1 || m.MetricValues[0] != want {
				t.Errorf("%+v, want %+v", m.MetricValues, want)
			}
			if active.Result != (c.units > 0) {
				t.Errorf("active %t with %g units", active.Result, c.units)
			}
		})
	}
}

// GetMetricSpec follows from the metadata alone: with the database away, without a key, for a site nobody knows
// (keda#8056).
// Fails when: GetMetricSpec calls k.caller or looks the site up in the memory.
func TestKEDASpecNeedsNothing(t *testing.T) {
	ts := newTest(t)
	ts.store.fail(errors.New("away"))
	k := ts.keda(t, nil, nil)
	for _, c := range []struct {
		ref  *externalscaler.ScaledObjectRef
		want externalscaler.MetricSpec
	}{
		{trigger(), externalscaler.MetricSpec{MetricName: "surgecast-units-nordlicht", TargetSize: 1, TargetSizeFloat: 1}},
		{trigger("site", "unknown", "targetValue", "0.5"), externalscaler.MetricSpec{MetricName: "surgecast-units-unknown", TargetSize: 1, TargetSizeFloat: .5}},
		{trigger("value", "rps", "targetValue", "3.4", "apiKey", "wrong"), externalscaler.MetricSpec{MetricName: "surgecast-rps-nordlicht", TargetSize: 3, TargetSizeFloat: 3.4}},
	} {
		s, err := k.GetMetricSpec(wait(t), c.ref)
		if err != nil || len(s.MetricSpecs) != 1 || s.MetricSpecs[0] != c.want {
			t.Errorf("%+v %v, want %+v", s, err, c.want)
		}
	}
	for _, bad := range []*externalscaler.ScaledObjectRef{
		trigger("site", ""), trigger("site", "Not A Slug"), trigger("value", "pods"), trigger("value", "rps"),
		trigger("targetValue", "0"), trigger("targetValue", "-1"), trigger("targetValue", "NaN"), trigger("targetValue", "many"),
		trigger("activationTargetValue", "-1"), trigger("activationTargetValue", "NaN"),
	} {
		_, err := k.GetMetricSpec(wait(t), bad)
		code(t, err, codes.InvalidArgument)
	}
	_, err := k.GetMetrics(wait(t), &externalscaler.GetMetricsRequest{ScaledObjectRef: *trigger(), MetricName: "s0-surgecast-units-nordlicht"})
	code(t, err, codes.NotFound)
	next, err := k.StreamMetricSpec(wait(t), trigger())
	if err == nil {
		_, err = next()
	}
	code(t, err, codes.Unimplemented)
}

// IsActive repeats what GetMetrics said: a forecast that expires between the two would have its metric discarded.
// Fails when: snapshot always looks at the memory.
func TestKEDAAsksTwiceOfOneSnapshot(t *testing.T) {
	ts := newTest(t, keyless)
	ts.told(ts.site(1, "nordlicht"))
	k := ts.keda(t, nil, nil)
	ts.pass(15 * time.Minute)
	if _, err := k.GetMetrics(wait(t), &externalscaler.GetMetricsRequest{ScaledObjectRef: *trigger(), MetricName: "surgecast-units-nordlicht"}); err != nil {
		t.Fatal(err)
	}
	ts.pass(time.Second) // expired now
	if a, err := k.IsActive(wait(t), trigger()); err != nil || !a.Result {
		t.Errorf("%v %v", a, err)
	}
	ts.pass(2 * time.Second)
	_, err := k.IsActive(wait(t), trigger())
	code(t, err, codes.Unavailable)
}

// The stream tells transitions and nothing else; the rate is read with its own target and activation.
// Fails when: StreamIsActive sends on every look, or answers false for what is not known.
func TestKEDAStreamsTransitionsOnly(t *testing.T) {
	ts := newTest(t, keyless)
	s := ts.site(1, "nordlicht", func(s *surgecast.Site) { s.Capacity.MinUnits = 0 })
	k := ts.keda(t, nil, nil)
	next, err := k.StreamIsActive(wait(t), trigger("activationTargetValue", "5"))
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan bool, 16)
	go func() {
		for {
			a, err := next()
			if err != nil {
				close(got)
				return
			}
			got <- a
		}
	}()
	expect := func(want bool) {
		t.Helper()
		select {
		case a := <-got:
			if a != want {
				t.Errorf("sent %t, want %t", a, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("nothing was sent, want %t", want)
		}
	}
	units := func(n int) {
		ts.pass(time.Minute)
		ts.told(s, func(f *surgecast.SiteForecast) { f.Recommendation.Units = n })
	}
	units(9)
	expect(true)
	units(13)                // no transition,
	time.Sleep(3 * kedaLook) // however often it looks
	ts.pass(time.Hour)       // unknown: no transition either
	time.Sleep(3 * kedaLook)
	units(5) // not above 5
	expect(false)
	units(6)
	expect(true)
	ts.endStreams()
	if a, open := <-got; open {
		t.Errorf("sent %t after the end", a)
	}
}

func TestKEDARate(t *testing.T) {
	ts := newTest(t, keyless)
	ts.told(ts.site(1, "nordlicht"))
	k, ref := ts.keda(t, nil, nil), trigger("value", "rps", "targetValue", "3.4")
	m, err := k.GetMetrics(wait(t), &externalscaler.GetMetricsRequest{ScaledObjectRef: *ref, MetricName: "surgecast-rps-nordlicht"})
	if err != nil || len(m.MetricValues) != 1 || m.MetricValues[0].MetricValueFloat != 43 || m.MetricValues[0].MetricValue != 43 {
		t.Errorf("%+v %v", m, err)
	}
}

// Keys in the metadata are judged as everywhere: valid, scope scale, bound to sites, of the account; and the decision
// log names who asked.
// Fails when: caller skips w.may, or ask skips who.sees.
func TestKEDAKeys(t *testing.T) {
	ts := newTest(t)
	s := ts.site(1, "nordlicht")
	other := ts.site(1, "museum")
	ts.loaded.Store(true)
	ts.told(s)
	k := ts.keda(t, nil, nil)
	ask := func(pairs ...string) error {
		_, err := k.GetMetrics(wait(t), &externalscaler.GetMetricsRequest{ScaledObjectRef: *trigger(pairs...), MetricName: "surgecast-units-nordlicht"})
		return err
	}
	code(t, ask(), codes.Unauthenticated)
	code(t, ask("apiKey", "sc_wrong"), codes.Unauthenticated)
	code(t, ask("apiKey", ts.key(1, surgecast.ScopeScale)), codes.OK)
	code(t, ask("apiKeyFromEnv", ts.key(1, surgecast.ScopeRead)), codes.OK)
	code(t, ask("apiKey", ts.key(1, surgecast.Scope("none"))), codes.PermissionDenied)
	code(t, ask("apiKey", ts.key(1, surgecast.ScopeScale, other.ID)), codes.NotFound)
	code(t, ask("apiKey", ts.key(2, surgecast.ScopeAdmin)), codes.NotFound)
	known := ts.key(1, surgecast.ScopeScale)
	code(t, ask("apiKey", known), codes.OK)
	ts.store.fail(errors.New("away"))
	ts.pass(time.Minute) // no longer cached
	code(t, ask("apiKey", known), codes.OK)
	code(t, ask("apiKey", "sc_never_seen"), codes.Unavailable)
	ts.store.fail(nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := ts.writeDecisions(ctx); err != nil {
		t.Fatal(err)
	}
	if d := ts.store.decisions; len(d) != 1 || d[0].Units != 13 || !strings.HasPrefix(d[0].Caller, "test via keda web/shop (key_") {
		t.Errorf("decisions %+v", d)
	}
	if logs := ts.logs.String(); strings.Contains(logs, known) {
		t.Error("a key stands in the log")
	}
}

// Without keys only this machine is served.
func TestKEDAWithoutKeysStaysHere(t *testing.T) {
	ts := newTest(t, keyless)
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if err := ts.ServeKEDA(context.Background(), l, nil); err == nil || !strings.Contains(err.Error(), "--keda-client-ca") {
		t.Errorf("%v", err)
	}
}

// authority signs certificates for a test.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return authority{key, c, pool}
}

func (a authority) sign(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// With a client authority a certificate is the key: without one, or with another's, nobody gets in.
// Fails when: caller does not ask k.mutual, or ServeKEDA leaves out grpc.Creds.
func TestKEDAMutualTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	ts := newTest(t)
	ts.told(ts.site(1, "nordlicht"))
	server := &tls.Config{Certificates: []tls.Certificate{ours.sign(t, "surgecast")}, ClientCAs: ours.pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	for _, c := range []struct {
		name string
		cert []tls.Certificate
		want codes.Code
	}{
		{"ours", []tls.Certificate{ours.sign(t, "keda-operator")}, codes.OK},
		{"none", nil, codes.Unavailable},
		{"another's", []tls.Certificate{theirs.sign(t, "keda-operator")}, codes.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := ts.keda(t, server, credentials.NewTLS(&tls.Config{RootCAs: ours.pool, Certificates: c.cert, MinVersion: tls.VersionTLS12}))
			_, err := k.GetMetrics(wait(t), &externalscaler.GetMetricsRequest{ScaledObjectRef: *trigger(), MetricName: "surgecast-units-nordlicht"})
			code(t, err, c.want)
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := ts.writeDecisions(ctx); err != nil {
		t.Fatal(err)
	}
	if d := ts.store.decisions; len(d) != 1 || d[0].Caller != "keda-operator via keda web/shop (certificate)" {
		t.Errorf("decisions %+v", d)
	}
}

// What one peer can hold open is bounded, and what it sends too.
func TestKEDABounds(t *testing.T) {
	ts := newTest(t, keyless)
	ts.told(ts.site(1, "nordlicht"))
	k := ts.keda(t, nil, nil)
	_, err := k.GetMetricSpec(wait(t), trigger("note", strings.Repeat("x", externalscaler.MaxMessageBytes)))
	code(t, err, codes.ResourceExhausted)
	many := trigger()
	for i := range 300 {
		many.ScalerMetadata["k"+big.NewInt(int64(i)).String()] = "v"
	}
	if _, err = k.GetMetricSpec(wait(t), many); err == nil {
		t.Error("300 entries of metadata are read")
	}
	ctx, cancel := context.WithCancel(wait(t))
	defer cancel()
	for range kedaStreamsPerPeer {
		next, err := k.StreamIsActive(ctx, trigger())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := next(); err != nil {
			t.Fatal(err)
		}
	}
	next, err := k.StreamIsActive(ctx, trigger())
	if err == nil {
		_, err = next()
	}
	code(t, err, codes.ResourceExhausted)
	if _, err := k.IsActive(wait(t), trigger()); err != nil {
		t.Errorf("with every stream open a question finds no room: %v", err)
	}
}
