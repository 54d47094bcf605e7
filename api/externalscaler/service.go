package externalscaler

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// The contract's names on the wire.
const (
	service          = "externalscaler.ExternalScaler"
	methodActive     = "IsActive"
	methodStream     = "StreamIsActive"
	methodSpec       = "GetMetricSpec"
	methodMetrics    = "GetMetrics"
	methodStreamSpec = "StreamMetricSpec"
)

// Codec carries the messages of this package and no others. A server is given it with grpc.ForceServerCodecV2; a
// Client brings it along.
func Codec() encoding.CodecV2 { return codec{} }

type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(message)
	if !ok {
		return nil, fmt.Errorf("%T is no message of %s", v, service)
	}
	return mem.BufferSlice{mem.SliceBuffer(m.appendTo(nil))}, nil
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(message)
	if !ok {
		return fmt.Errorf("%T is no message of %s", v, service)
	}
	return parse(data.Materialize(), m)
}

// Server answers KEDA. StreamMetricSpec is not part of it: it is answered Unimplemented, which KEDA accepts, because
// a specification that is a pure function of the metadata has no updates to send.
type Server interface {
	IsActive(context.Context, *ScaledObjectRef) (*IsActiveResponse, error)
	GetMetricSpec(context.Context, *ScaledObjectRef) (*GetMetricSpecResponse, error)
	GetMetrics(context.Context, *GetMetricsRequest) (*GetMetricsResponse, error)
	// StreamIsActive sends until the context ends; nil is a clean end, after which KEDA comes back soon.
	StreamIsActive(ctx context.Context, ref *ScaledObjectRef, send func(active bool) error) error
}

// SpecStreamer is a Server that also sends its specifications. The first must be sent at once.
type SpecStreamer interface {
	StreamMetricSpec(ctx context.Context, ref *ScaledObjectRef, send func(*GetMetricSpecResponse) error) error
}

// Register makes g answer with s. g needs Codec.
func Register(g *grpc.Server, s Server) {
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*Server)(nil),
		Metadata:    "externalscaler.proto",
		Methods: []grpc.MethodDesc{
			unary(methodActive, Server.IsActive),
			unary(methodSpec, Server.GetMetricSpec),
			unary(methodMetrics, Server.GetMetrics),
		},
		Streams: []grpc.StreamDesc{
			{StreamName: methodStream, ServerStreams: true, Handler: streamActive},
			{StreamName: methodStreamSpec, ServerStreams: true, Handler: streamSpec},
		},
	}, s)
}

func unary[In, Out any](name string, call func(Server, context.Context, *In) (*Out, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(srv any, ctx context.Context, decode func(any) error, around grpc.UnaryServerInterceptor) (any, error) {
		in := new(In)
		if err := decode(in); err != nil {
			return nil, err
		}
		s, ok := srv.(Server)
		if !ok {
			return nil, status.Errorf(codes.Internal, "%T is no server of %s", srv, service)
		}
		if around == nil {
			return call(s, ctx, in)
		}
		info := &grpc.UnaryServerInfo{Server: srv, FullMethod: "/" + service + "/" + name}
		return around(ctx, in, info, func(ctx context.Context, req any) (any, error) {
			in, ok := req.(*In)
			if !ok {
				return nil, status.Errorf(codes.Internal, "%T asked of %s", req, name)
			}
			return call(s, ctx, in)
		})
	}}
}

func streamActive(srv any, stream grpc.ServerStream) error {
	ref := new(ScaledObjectRef)
	if err := stream.RecvMsg(ref); err != nil {
		return err
	}
	s, ok := srv.(Server)
	if !ok {
		return status.Errorf(codes.Internal, "%T is no server of %s", srv, service)
	}
	return s.StreamIsActive(stream.Context(), ref, func(active bool) error {
		return stream.SendMsg(&IsActiveResponse{Result: active})
	})
}

func streamSpec(srv any, stream grpc.ServerStream) error {
	ref := new(ScaledObjectRef)
	if err := stream.RecvMsg(ref); err != nil {
		return err
	}
	s, ok := srv.(SpecStreamer)
	if !ok {
		return status.Errorf(codes.Unimplemented, "%s is not offered: specifications follow from the metadata alone", methodStreamSpec)
	}
	return s.StreamMetricSpec(stream.Context(), ref, func(r *GetMetricSpecResponse) error { return stream.SendMsg(r) })
}

// Client asks a server as KEDA does.
type Client struct{ conn *grpc.ClientConn }

// NewClient speaks over conn.
func NewClient(conn *grpc.ClientConn) *Client { return &Client{conn} }

func invoke[Out any](ctx context.Context, c *Client, method string, in any) (*Out, error) {
	out := new(Out)
	if err := c.conn.Invoke(ctx, "/"+service+"/"+method, in, out, grpc.ForceCodecV2(codec{})); err != nil {
		return nil, err
	}
	return out, nil
}

// IsActive is a gRPC status error when it fails, as of all methods here.
func (c *Client) IsActive(ctx context.Context, ref *ScaledObjectRef) (*IsActiveResponse, error) {
	return invoke[IsActiveResponse](ctx, c, methodActive, ref)
}

// GetMetricSpec asks what a trigger offers.
func (c *Client) GetMetricSpec(ctx context.Context, ref *ScaledObjectRef) (*GetMetricSpecResponse, error) {
	return invoke[GetMetricSpecResponse](ctx, c, methodSpec, ref)
}

// GetMetrics asks for the values of a metric.
func (c *Client) GetMetrics(ctx context.Context, in *GetMetricsRequest) (*GetMetricsResponse, error) {
	return invoke[GetMetricsResponse](ctx, c, methodMetrics, in)
}

// StreamIsActive opens the stream; receive blocks for the next message until ctx ends.
func (c *Client) StreamIsActive(ctx context.Context, ref *ScaledObjectRef) (receive func() (bool, error), err error) {
	next, err := open[IsActiveResponse](ctx, c, methodStream, ref)
	if err != nil {
		return nil, err
	}
	return func() (bool, error) {
		r, err := next()
		if err != nil {
			return false, err
		}
		return r.Result, nil
	}, nil
}

// StreamMetricSpec opens the stream; receive blocks for the next specifications until ctx ends.
func (c *Client) StreamMetricSpec(ctx context.Context, ref *ScaledObjectRef) (receive func() (*GetMetricSpecResponse, error), err error) {
	return open[GetMetricSpecResponse](ctx, c, methodStreamSpec, ref)
}

func open[Out any](ctx context.Context, c *Client, method string, ref *ScaledObjectRef) (func() (*Out, error), error) {
	s, err := c.conn.NewStream(ctx, &grpc.StreamDesc{StreamName: method, ServerStreams: true}, "/"+service+"/"+method, grpc.ForceCodecV2(codec{}))
	if err != nil {
		return nil, err
	}
	if err := s.SendMsg(ref); err != nil {
		return nil, err
	}
	if err := s.CloseSend(); err != nil {
		return nil, err
	}
	return func() (*Out, error) {
		out := new(Out)
		if err := s.RecvMsg(out); err != nil {
			return nil, err
		}
		return out, nil
	}, nil
}
