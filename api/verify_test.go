package api

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"surgecast"
	"surgecast/verify"
)

// What verify-scaler asks of any endpoint ours keeps, fresh, stale, refused and fresh again: every rule is seen, none
// is broken.
// Fails when: scaleAnswer answers min_units where the last units are held, or noNumber leaves out Retry-After.
func TestOursPassesVerifyScaler(t *testing.T) {
	ts := newTest(t)
	s := ts.site(1, "nordlicht")
	key := ts.key(1, surgecast.ScopeScale)
	ts.told(s)
	srv := httptest.NewServer(ts.Handler())
	defer srv.Close()
	minute := 0
	h := verify.HTTP{
		URL: srv.URL + "/v1/sites/nordlicht/scale", Key: key, ValueLocation: "units", Format: "json", Target: 1, Current: 6,
		Limit: 3 * time.Second, Watch: 20 * time.Minute, Every: time.Minute, Client: http.DefaultClient, Clock: ts.clock,
		Sleep: func(context.Context, time.Duration) error {
			ts.pass(time.Minute)
			if minute++; minute == 18 {
				ts.told(s)
			}
			return nil
		},
	}
	r, err := h.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Rules {
		if x.Verdict != verify.Holds {
			t.Errorf("%s: %s, %s", x.ID, x.Verdict, x.Saw)
		}
	}
	for i, x := range r.Readings {
		if x.Replicas != 13 {
			t.Errorf("reading %d: %d replicas, %s", i, x.Replicas, x.Did)
		}
	}

	h.URL, h.Format, h.ValueLocation, h.Watch = h.URL+"?format=prometheus", "prometheus", `surgecast_recommended_units{site="nordlicht"}`, 0
	if r, err = h.Verify(t.Context()); err != nil || len(r.Broken()) > 0 {
		t.Errorf("Prometheus text: %v %+v", err, r.Broken())
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- ts.ServeKEDA(ctx, l, nil) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	for _, meta := range []map[string]string{{"site": "nordlicht"}, {"site": "nordlicht", "value": "rps", "targetValue": "3.3"}} {
		meta["apiKey"] = key
		r, err = verify.GRPC{
			Address: l.Addr().String(), Credentials: insecure.NewCredentials(), Metadata: meta, Current: 6,
			Limit: time.Minute, Listen: 3 * kedaLook, Clock: ts.clock,
		}.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range r.Rules {
			if x.Verdict != verify.Holds {
				t.Errorf("%v: %s: %s, %s", meta["value"], x.ID, x.Verdict, x.Saw)
			}
		}
	}
}
