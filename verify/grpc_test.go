package verify

import (
	"context"
	"math"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	es "surgecast/api/externalscaler"
)

// pusher is an endpoint as good as ours; a test replaces one method.
type pusher struct {
	active  func() (*es.IsActiveResponse, error)
	spec    func() (*es.GetMetricSpecResponse, error)
	metrics func(name string) (*es.GetMetricsResponse, error)
	stream  func(ctx context.Context, send func(bool) error) error
}

func newPusher() *pusher {
	return &pusher{
		active: func() (*es.IsActiveResponse, error) { return &es.IsActiveResponse{Result: true}, nil },
		spec:   func() (*es.GetMetricSpecResponse, error) { return specOf("units", 1, 1), nil },
		metrics: func(name string) (*es.GetMetricsResponse, error) {
			if name != "units" {
				return nil, status.Error(codes.NotFound, "no such metric")
			}
			return valueOf("units", 13, 13), nil
		},
		stream: func(ctx context.Context, send func(bool) error) error {
			if err := send(true); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		},
	}
}

func specOf(name string, n int64, x float64) *es.GetMetricSpecResponse {
	return &es.GetMetricSpecResponse{MetricSpecs: []es.MetricSpec{{MetricName: name, TargetSize: n, TargetSizeFloat: x}}}
}

func valueOf(name string, n int64, x float64) *es.GetMetricsResponse {
	return &es.GetMetricsResponse{MetricValues: []es.MetricValue{{MetricName: name, MetricValue: n, MetricValueFloat: x}}}
}

func (p *pusher) IsActive(context.Context, *es.ScaledObjectRef) (*es.IsActiveResponse, error) {
	return p.active()
}

func (p *pusher) GetMetricSpec(context.Context, *es.ScaledObjectRef) (*es.GetMetricSpecResponse, error) {
	return p.spec()
}

func (p *pusher) GetMetrics(_ context.Context, in *es.GetMetricsRequest) (*es.GetMetricsResponse, error) {
	return p.metrics(in.MetricName)
}

func (p *pusher) StreamIsActive(ctx context.Context, _ *es.ScaledObjectRef, send func(bool) error) error {
	return p.stream(ctx, send)
}

// withSpecs also streams specifications.
type withSpecs struct {
	*pusher
	specs *es.GetMetricSpecResponse
}

func (w withSpecs) StreamMetricSpec(ctx context.Context, _ *es.ScaledObjectRef, send func(*es.GetMetricSpecResponse) error) error {
	if w.specs != nil {
		if err := send(w.specs); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// Each rule of the gRPC contract broken once fails exactly that rule.
// Fails when: a judge( in specs, metric, unknown, listen or listenSpec is taken out.
func TestSeededFaultsOfAPusherBreakTheirRule(t *testing.T) {
	answers := func(r *es.GetMetricsResponse, err error) func(*pusher) {
		return func(p *pusher) {
			good := p.metrics
			p.metrics = func(name string) (*es.GetMetricsResponse, error) {
				if name != "units" {
					return good(name)
				}
				return r, err
			}
		}
	}
	unknown := status.Error(codes.Unavailable, "no forecast")
	var late atomic.Bool // the slow one has taken its time
	for _, c := range []struct {
		name, broken string
		with         func(*pusher)
		specs        *es.GetMetricSpecResponse // streamed; nil: not offered
		mute         bool                      // the specification stream is open and silent
	}{
		{name: "good"},
		{name: "good, streams its specification", specs: specOf("units", 1, 1)},
		{name: "zero", with: answers(valueOf("units", 0, 0), nil)},
		{name: "an old one with integers alone", with: answers(valueOf("units", 13, 0), nil)},
		{name: "ignorant", with: func(p *pusher) {
			answers(nil, unknown)(p)
			p.active = func() (*es.IsActiveResponse, error) { return nil, unknown }
			p.stream = func(ctx context.Context, _ func(bool) error) error { <-ctx.Done(); return nil }
		}},
		{name: "no specification while ignorant", broken: "spec-pure", with: func(p *pusher) {
			p.spec = func() (*es.GetMetricSpecResponse, error) { return nil, unknown }
		}},
		{name: "a specification that moves", broken: "spec-pure", specs: specOf("units", 1, 1), with: func(p *pusher) {
			var n atomic.Int64
			p.spec = func() (*es.GetMetricSpecResponse, error) { return specOf("units", 1, max(1, float64(n.Add(1)-1))), nil }
		}},
		{name: "an empty list", broken: "no-empty-list", with: answers(&es.GetMetricsResponse{}, nil)},
		{name: "an empty list for an unknown metric", broken: "no-empty-list", with: func(p *pusher) {
			good := p.metrics
			p.metrics = func(name string) (*es.GetMetricsResponse, error) {
				if name != "units" {
					return &es.GetMetricsResponse{}, nil
				}
				return good(name)
			}
		}},
		{name: "two numbers", broken: "float-and-integer", with: answers(valueOf("units", 13, 5.2), nil)},
		{name: "negative", broken: "float-and-integer", with: answers(valueOf("units", 0, -3), nil)},
		{name: "NaN", broken: "float-and-integer", with: answers(valueOf("units", 0, math.NaN()), nil)},
		{name: "negative integer", broken: "float-and-integer", with: answers(valueOf("units", -3, 0), nil)},
		{name: "no target", broken: "target-above-zero", with: func(p *pusher) {
			p.spec = func() (*es.GetMetricSpecResponse, error) { return specOf("units", 0, 0), nil }
		}},
		{name: "an index in its name", broken: "bare-name", with: func(p *pusher) {
			p.spec = func() (*es.GetMetricSpecResponse, error) { return specOf("s0-units", 1, 1), nil }
			good := p.metrics
			p.metrics = func(name string) (*es.GetMetricsResponse, error) {
				if name == "s0-units" {
					return valueOf("s0-units", 13, 13), nil
				}
				return good(name)
			}
		}},
		{name: "answers under another name", broken: "bare-name", with: answers(valueOf("other", 13, 13), nil)},
		{name: "IsActive fails after GetMetrics", broken: "one-snapshot", with: func(p *pusher) {
			p.active = func() (*es.IsActiveResponse, error) { return nil, unknown }
		}},
		{name: "repeats itself", broken: "transitions-only", with: func(p *pusher) {
			p.stream = func(ctx context.Context, send func(bool) error) error {
				for ctx.Err() == nil {
					if err := send(true); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{name: "no stream", broken: "transitions-only", with: func(p *pusher) {
			p.stream = func(context.Context, func(bool) error) error { return status.Error(codes.Unimplemented, "no") }
		}},
		{name: "streams another specification", broken: "spec-stream", specs: specOf("units", 2, 2)},
		{name: "streams no specification", broken: "spec-stream", mute: true},
		{name: "slow", broken: "answer-time", with: func(p *pusher) {
			p.active = func() (*es.IsActiveResponse, error) {
				late.Store(true)
				return &es.IsActiveResponse{Result: true}, nil
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPusher()
			if c.with != nil {
				c.with(p)
			}
			var impl es.Server = p
			if c.specs != nil || c.mute {
				impl = withSpecs{p, c.specs}
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := grpc.NewServer(grpc.ForceServerCodecV2(es.Codec()))
			es.Register(s, impl)
			go func() { _ = s.Serve(l) }()
			defer s.Stop()
			g := GRPC{
				Address: l.Addr().String(), Credentials: insecure.NewCredentials(), Metadata: map[string]string{"site": "shop"},
				Limit: 20 * time.Second, Listen: 300 * time.Millisecond, Clock: func() time.Time { return begin },
			}
			switch {
			case c.mute: // is waited for to the end
				g.Limit = 5 * time.Second
			case c.broken == "transitions-only": // ends the listening
				g.Listen = time.Minute
			case c.broken == "answer-time":
				g.Clock = func() time.Time {
					if late.Load() {
						return begin.Add(g.Limit + time.Second)
					}
					return begin
				}
			}
			r, err := g.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			onlyBroken(t, r, c.broken)
		})
	}
}
