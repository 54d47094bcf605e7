package verify

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"surgecast"
	"surgecast/api/externalscaler"
)

// GRPC says how an external or external-push endpoint is read.
type GRPC struct {
	Address     string // host:port
	Credentials credentials.TransportCredentials
	Metadata    map[string]string // of the trigger, as KEDA sends it
	Current     int               // units serving now; 0: not known

	Limit  time.Duration // an answer later than this is too late: 3 s
	Listen time.Duration // how long a stream is listened to
	Clock  surgecast.Clock
}

// Verify asks the endpoint as KEDA's external-push scaler does. The error is a wrong argument; an endpoint that cannot
// be reached is a report.
func (g GRPC) Verify(ctx context.Context) (*Report, error) {
	conn, err := grpc.NewClient(g.Address, grpc.WithTransportCredentials(g.Credentials))
	if err != nil {
		return nil, &surgecast.FieldError{Field: "URL", Detail: err.Error(), Remedy: "For example grpc://127.0.0.1:8081"}
	}
	defer func() { _ = conn.Close() }()
	p := &pushed{g: g, c: externalscaler.NewClient(conn)}
	p.spec = p.rule("spec-pure", "GetMetricSpec follows from the metadata alone: were it to fail, fallback would never come (keda#8056)")
	p.empty = p.rule("no-empty-list", "what is not known is an error, never an empty list: KEDA takes that for success")
	p.value = p.rule("float-and-integer", "a value is finite, not negative, and the same in both fields; zero is both at zero")
	p.target = p.rule("target-above-zero", "targets are above zero")
	p.bare = p.rule("bare-name", "metrics go by their bare name: KEDA puts s<index>- before it and takes it away again")
	p.snapshot = p.rule("one-snapshot", "IsActive answers after each GetMetrics: an error there discards the metric")
	p.stream = p.rule("transitions-only", "StreamIsActive tells transitions, it repeats nothing")
	p.specStream = p.rule("spec-stream", "StreamMetricSpec is not there, or sends at once what GetMetricSpec answers")
	p.took = p.rule("answer-time", fmt.Sprintf("an answer comes within %s", g.Limit))

	r := &Report{Target: "grpc://" + g.Address, Kind: "external-push", Readings: []Reading{}}
	ref := &externalscaler.ScaledObjectRef{Name: "verify-scaler", Namespace: "default", ScalerMetadata: g.Metadata}
	specs := p.specs(ctx, ref)
	if specs != nil {
		for _, s := range specs.MetricSpecs {
			for range 3 { // an answer and an error may take turns
				if x := p.metric(ctx, ref, s); x != nil {
					r.Readings = []Reading{*x}
				}
			}
		}
		p.unknown(ctx, ref)
		p.listen(ctx, ref)
		p.listenSpec(ctx, ref, specs)
	}
	for _, x := range p.rules {
		x.want("no metric was offered")
	}
	r.Rules = p.all()
	return r, nil
}

// pushed is the rules of a gRPC endpoint, and what has been seen so far.
type pushed struct {
	book
	g GRPC
	c *externalscaler.Client

	spec, empty, value, target, bare, snapshot, stream, specStream, took *Rule
}

// timed makes one call with KEDA's patience and some more, to say how long it took.
func timed[Out any](ctx context.Context, p *pushed, name string, call func(context.Context) (*Out, error)) (*Out, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*p.g.Limit)
	defer cancel()
	began := p.g.Clock()
	out, err := call(ctx)
	took := p.g.Clock().Sub(began)
	p.took.judge(took <= p.g.Limit, "%s after %s", name, took.Round(100*time.Microsecond))
	return out, err
}

var indexed = regexp.MustCompile(`^s\d+-`)

func (p *pushed) specs(ctx context.Context, ref *externalscaler.ScaledObjectRef) *externalscaler.GetMetricSpecResponse {
	ask := func(ref *externalscaler.ScaledObjectRef) (*externalscaler.GetMetricSpecResponse, error) {
		return timed(ctx, p, "GetMetricSpec", func(ctx context.Context) (*externalscaler.GetMetricSpecResponse, error) {
			return p.c.GetMetricSpec(ctx, ref)
		})
	}
	first, err := ask(ref)
	if err != nil {
		p.spec.judge(false, "%v", err)
		return nil
	}
	if len(first.MetricSpecs) == 0 {
		p.spec.judge(false, "no metric is offered")
		return nil
	}
	// Asked again, and by another ScaledObject with the same metadata.
	for _, again := range []*externalscaler.ScaledObjectRef{ref, {Name: "another", Namespace: "elsewhere", ScalerMetadata: ref.ScalerMetadata}} {
		next, err := ask(again)
		p.spec.judge(err == nil && reflect.DeepEqual(first, next), "%s, asked again %s", specText(first), specTextOr(next, err))
	}
	for _, s := range first.MetricSpecs {
		target := s.TargetSizeFloat
		if !(target > 0) {
			target = float64(s.TargetSize)
		}
		p.target.judge(target > 0 && !math.IsInf(target, 0), "%s: float %g, integer %d", s.MetricName, s.TargetSizeFloat, s.TargetSize)
		p.bare.judge(s.MetricName != "" && !indexed.MatchString(s.MetricName), "offered as %q", s.MetricName)
	}
	return first
}

// metric asks as KEDA does: GetMetrics, then IsActive.
func (p *pushed) metric(ctx context.Context, ref *externalscaler.ScaledObjectRef, spec externalscaler.MetricSpec) *Reading {
	in := &externalscaler.GetMetricsRequest{ScaledObjectRef: *ref, MetricName: spec.MetricName}
	out, err := timed(ctx, p, "GetMetrics", func(ctx context.Context) (*externalscaler.GetMetricsResponse, error) { return p.c.GetMetrics(ctx, in) })
	hpa := &HPA{Target: spec.TargetSizeFloat, Replicas: p.g.Current}
	if !(hpa.Target > 0) {
		hpa.Target = float64(spec.TargetSize)
	}
	r := &Reading{At: p.g.Clock().UTC(), Status: status.Code(err).String()}
	if err != nil {
		code := status.Code(err)
		p.empty.judge(true, "GetMetrics answers %s", code)
		if code == codes.NotFound || code == codes.InvalidArgument {
			p.bare.judge(false, "%s is offered, and asked for it is %v", spec.MetricName, err)
		}
		r.Did, r.Replicas = hpa.Fail(), hpa.Replicas
		return r
	}
	p.empty.judge(len(out.MetricValues) > 0, "GetMetrics answers %d values", len(out.MetricValues))
	active, err := timed(ctx, p, "IsActive", func(ctx context.Context) (*externalscaler.IsActiveResponse, error) { return p.c.IsActive(ctx, ref) })
	if err != nil {
		p.snapshot.judge(false, "GetMetrics answers, IsActive says %v", err)
		r.Did, r.Replicas = hpa.Fail(), hpa.Replicas
		return r
	}
	p.snapshot.judge(true, "IsActive says %t", active.Result)
	if len(out.MetricValues) == 0 || !(hpa.Target > 0) {
		return nil
	}
	sum := 0.0 // the HPA adds up what it gets
	for _, v := range out.MetricValues {
		x := v.MetricValueFloat
		ok := !math.IsNaN(x) && !math.IsInf(x, 0) && x >= 0 && !math.Signbit(x) && v.MetricValue >= 0
		if x > 0 && v.MetricValue != 0 && math.Abs(x-float64(v.MetricValue)) >= 1 {
			ok = false // older and newer KEDA would read two numbers
		}
		p.value.judge(ok, "float %g, integer %d", x, v.MetricValue)
		p.bare.judge(v.MetricName == spec.MetricName, "asked for %q, answered as %q", spec.MetricName, v.MetricName)
		if !(x > 0) {
			x = float64(v.MetricValue)
		}
		sum += x
	}
	r.Value = &sum
	r.Did = hpa.Observe(sum)
	r.Replicas = hpa.Replicas
	return r
}

// unknown asks for a metric nobody offered.
func (p *pushed) unknown(ctx context.Context, ref *externalscaler.ScaledObjectRef) {
	in := &externalscaler.GetMetricsRequest{ScaledObjectRef: *ref, MetricName: "verify-scaler-unknown"}
	out, err := timed(ctx, p, "GetMetrics", func(ctx context.Context) (*externalscaler.GetMetricsResponse, error) { return p.c.GetMetrics(ctx, in) })
	if err != nil {
		p.empty.judge(true, "an unknown metric is %s", status.Code(err))
		return
	}
	p.empty.judge(len(out.MetricValues) > 0, "an unknown metric is answered with an empty list")
}

func (p *pushed) listen(ctx context.Context, ref *externalscaler.ScaledObjectRef) {
	// Not a deadline: gRPC would tell the server of it, and a stream the server ends in time looks like one that broke.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(p.g.Listen, cancel).Stop()
	next, err := p.c.StreamIsActive(ctx, ref)
	if err != nil {
		p.stream.judge(false, "%v", err)
		return
	}
	var told []string
	last := ""
	for {
		active, err := next()
		if err != nil {
			if code := status.Code(err); ctx.Err() == nil && code != codes.DeadlineExceeded { // the end we set ourselves
				p.stream.judge(false, "the stream ended: %v", err)
			}
			break
		}
		now := fmt.Sprint(active)
		told = append(told, now)
		if now == last {
			p.stream.judge(false, "%s twice in a row", now)
			break
		}
		last = now
	}
	p.stream.judge(true, "in %s: %s", p.g.Listen, orNothingTold(told))
}

func (p *pushed) listenSpec(ctx context.Context, ref *externalscaler.ScaledObjectRef, specs *externalscaler.GetMetricSpecResponse) {
	ctx, cancel := context.WithTimeout(ctx, p.g.Limit)
	defer cancel()
	next, err := p.c.StreamMetricSpec(ctx, ref)
	var got *externalscaler.GetMetricSpecResponse
	if err == nil {
		got, err = next()
	}
	switch {
	case status.Code(err) == codes.Unimplemented:
		p.specStream.judge(true, "not offered")
	case err != nil:
		p.specStream.judge(false, "nothing at once: %v", err)
	default:
		p.specStream.judge(reflect.DeepEqual(got, specs), "GetMetricSpec %s, stream %s", specText(specs), specText(got))
	}
}

func specText(r *externalscaler.GetMetricSpecResponse) string {
	var out []string
	for _, s := range r.MetricSpecs {
		out = append(out, fmt.Sprintf("%s at %g/%d", s.MetricName, s.TargetSizeFloat, s.TargetSize))
	}
	return strings.Join(out, ", ")
}

func specTextOr(r *externalscaler.GetMetricSpecResponse, err error) string {
	if err != nil {
		return err.Error()
	}
	return specText(r)
}

func orNothingTold(told []string) string {
	if len(told) == 0 {
		return "nothing"
	}
	return strings.Join(told, ", ")
}
