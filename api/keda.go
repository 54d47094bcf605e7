package api

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"surgecast"
	"surgecast/api/externalscaler"
)

// What one KEDA listener carries at most. KEDA shares one connection between all its ScaledObjects and holds one
// stream for each, so streams are bounded below what a connection may carry: a question always finds room.
const (
	kedaConnections    = 256  // at once
	kedaPerConnection  = 2048 // calls and streams of one connection
	kedaStreamsPerPeer = 1024 // held open by one address
	kedaStreams        = 4096 // held open at all
	kedaLook           = time.Second
	kedaKeyWait        = 2 * time.Second // for a key that is not cached
)

// ServeKEDA answers KEDA's external and external-push scalers on l until ctx ends (SCALERS 1.2). It answers from the
// same memory as /scale. conf nil is plain text; with conf.ClientAuth tls.RequireAndVerifyClientCert a certificate
// lets a caller in with scope scale on the first account. Otherwise trigger metadata carry a key (apiKey, or
// apiKeyFromEnv). Without keys only a loopback listener is accepted.
func (s *Server) ServeKEDA(ctx context.Context, l net.Listener, conf *tls.Config) error {
	mutual := conf != nil && conf.ClientAuth == tls.RequireAndVerifyClientCert
	local := loopback(l.Addr().String())
	if s.c.Keyless && !local && !mutual {
		return errors.New("serving KEDA on " + l.Addr().String() + " without keys: give --keda-cert, --keda-key and --keda-client-ca, make a key with `forecaster key create`, or listen on a loopback address")
	}
	if conf == nil && !local {
		s.log.WarnContext(ctx, "KEDA's keys travel in clear: give --keda-cert and --keda-key", "address", l.Addr().String())
	}
	k := &keda{Server: s, mutual: mutual, peers: map[string]int{}, snaps: map[kedaAsked]kedaSnap{}}
	opts := []grpc.ServerOption{
		grpc.ForceServerCodecV2(externalscaler.Codec()),
		grpc.MaxRecvMsgSize(externalscaler.MaxMessageBytes),
		grpc.MaxSendMsgSize(externalscaler.MaxMessageBytes),
		grpc.MaxHeaderListSize(16 << 10),
		grpc.MaxConcurrentStreams(kedaPerConnection),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 15 * time.Minute, Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(k.survive),
		grpc.ChainStreamInterceptor(k.hold),
	}
	if conf != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(conf)))
	}
	g := grpc.NewServer(opts...)
	externalscaler.Register(g, k)
	served := make(chan error, 1)
	go func() { served <- g.Serve(&atMostListener{Listener: l, free: make(chan struct{}, kedaConnections)}) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving KEDA: %w", err)
	case <-ctx.Done():
	}
	s.endStreams()
	stopped := make(chan struct{})
	go func() { g.GracefulStop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		g.Stop()
		<-stopped
	}
	<-served //nolint:errcheck // it ended because it was told to
	return nil
}

// keda is the gRPC side of a Server.
type keda struct {
	*Server
	mutual bool

	mu    sync.Mutex
	open  int
	peers map[string]int // streams by address
	snaps map[kedaAsked]kedaSnap
}

type kedaAsked struct {
	site   int64
	caller string
}

// kedaSnap is what GetMetrics answered of a site: the IsActive that follows must not differ from it (SCALERS 1.2, 6).
type kedaSnap struct {
	at   time.Time
	body ScaleBody
	why  *Problem
}

// snapFor is how long IsActive repeats what GetMetrics answered. KEDA asks it at once.
const snapFor = 2 * time.Second

// kedaTrigger is what the trigger's metadata say. Only the metadata: GetMetricSpec must answer when nothing else does.
type kedaTrigger struct {
	site       string
	value      string // units or rps
	target     float64
	activation float64
	key        string
}

func readTrigger(ref *externalscaler.ScaledObjectRef) (kedaTrigger, error) {
	m := ref.ScalerMetadata
	t := kedaTrigger{site: m["site"], value: m["value"], key: strings.TrimSpace(m["apiKey"])}
	if t.key == "" {
		t.key = strings.TrimSpace(m["apiKeyFromEnv"]) // KEDA puts the variable's value under the name with FromEnv
	}
	if t.value == "" {
		t.value = "units"
	}
	wrong := func(field, detail string) (kedaTrigger, error) {
		return t, status.Errorf(codes.InvalidArgument, "trigger metadata: %s %s", field, detail)
	}
	if !surgecast.ValidSlug(t.site) {
		return wrong("site", "must be the slug of a site, for example \"shop\"")
	}
	target := m["targetValue"]
	switch t.value {
	case "units":
		if target == "" {
			target = "1" // a unit a replica
		}
	case "rps":
		if target == "" {
			return wrong("targetValue", "is needed beside value rps: how many requests a second one replica serves")
		}
	default:
		return wrong("value", "must be units or rps")
	}
	var err error
	if t.target, err = strconv.ParseFloat(target, 64); err != nil || !(t.target > 0) || math.IsInf(t.target, 0) {
		return wrong("targetValue", "must be a number above 0")
	}
	if a := m["activationTargetValue"]; a != "" {
		if t.activation, err = strconv.ParseFloat(a, 64); err != nil || !(t.activation >= 0) || math.IsInf(t.activation, 0) {
			return wrong("activationTargetValue", "must be a number, 0 or more")
		}
	}
	return t, nil
}

// metric is the bare name: KEDA puts s<index>- before it for the HPA and takes it away again.
func (t kedaTrigger) metric() string { return "surgecast-" + t.value + "-" + t.site }

// GetMetricSpec is a pure function of the metadata: were it to fail with the database, KEDA's fallback would never
// come (keda#8056). It reveals nothing, so it asks for no key.
func (k *keda) GetMetricSpec(_ context.Context, ref *externalscaler.ScaledObjectRef) (*externalscaler.GetMetricSpecResponse, error) {
	t, err := readTrigger(ref)
	if err != nil {
		return nil, err
	}
	return &externalscaler.GetMetricSpecResponse{MetricSpecs: []externalscaler.MetricSpec{{
		MetricName: t.metric(), TargetSizeFloat: t.target,
		TargetSize: int64(max(1, math.Floor(min(t.target, math.MaxInt32)))), // for what reads no floats: rather more replicas than fewer
	}}}, nil
}

// GetMetrics answers the number of /scale, or an error: an empty list would be read as success (SCALERS 1.2, 2).
func (k *keda) GetMetrics(ctx context.Context, in *externalscaler.GetMetricsRequest) (*externalscaler.GetMetricsResponse, error) {
	t, err := readTrigger(&in.ScaledObjectRef)
	if err != nil {
		return nil, err
	}
	if in.MetricName != t.metric() {
		return nil, status.Errorf(codes.NotFound, "no metric %q: this trigger offers %s", short(in.MetricName), t.metric())
	}
	x, err := k.ask(ctx, t, &in.ScaledObjectRef, false)
	if err != nil {
		return nil, err
	}
	v := externalscaler.MetricValue{MetricName: t.metric()}
	if x > 0 { // zero is both fields left at zero: a float is only read above it
		v.MetricValueFloat, v.MetricValue = x, int64(math.Ceil(min(x, math.MaxInt32)))
	}
	return &externalscaler.GetMetricsResponse{MetricValues: []externalscaler.MetricValue{v}}, nil
}

// IsActive is what KEDA asks after each GetMetrics: an error here discards the metric, so it is answered from the
// same look at the memory.
func (k *keda) IsActive(ctx context.Context, ref *externalscaler.ScaledObjectRef) (*externalscaler.IsActiveResponse, error) {
	t, err := readTrigger(ref)
	if err != nil {
		return nil, err
	}
	x, err := k.ask(ctx, t, ref, true)
	if err != nil {
		return nil, err
	}
	return &externalscaler.IsActiveResponse{Result: x > t.activation}, nil
}

// StreamIsActive sends where it stands when it is opened, then transitions only: repeating "active" would delay a
// scale to zero (http-add-on#1793). What is not known is no transition.
func (k *keda) StreamIsActive(ctx context.Context, ref *externalscaler.ScaledObjectRef, send func(bool) error) error {
	t, err := readTrigger(ref)
	if err != nil {
		return err
	}
	tick := time.NewTicker(kedaLook)
	defer tick.Stop()
	var sent, last bool
	for {
		switch x, err := k.ask(ctx, t, ref, true); {
		case err == nil:
			if active := x > t.activation; !sent || active != last {
				if err := send(active); err != nil {
					return err
				}
				sent, last = true, active
			}
		case status.Code(err) != codes.Unavailable: // a key that was taken back, a site that was deleted
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-k.stop:
			return nil // a clean end: KEDA comes back in two seconds
		case <-tick.C:
		}
	}
}

// ask is the number a trigger reads at this moment. again repeats what GetMetrics answered a moment ago.
func (k *keda) ask(ctx context.Context, t kedaTrigger, ref *externalscaler.ScaledObjectRef, again bool) (float64, error) {
	who, err := k.caller(ctx, t, ref)
	if err != nil {
		return 0, err
	}
	ctx = withCaller(ctx, who)
	starting := !k.loaded.Load() // before the copy is made
	st, ok := k.memory.of(who.account, t.site)
	st.starting = starting
	switch {
	case !ok && starting:
		return 0, status.Error(codes.Unavailable, "the memory is not filled from the database yet")
	case !ok || !who.sees(st.site.ID):
		return 0, status.Errorf(codes.NotFound, "no site %q", t.site)
	}
	b, why := k.snapshot(ctx, st, who.key, again)
	if why != nil {
		return 0, status.Error(codes.Unavailable, why.Code+": "+why.Detail)
	}
	x := float64(b.Units)
	if t.value == "rps" {
		x = float64(b.ExpectedRPS)
	}
	if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
		return 0, status.Errorf(codes.Unavailable, "%s of %s is not known", t.value, t.site)
	}
	return x, nil
}

// snapshot looks at the memory, and writes the decision log as /scale does.
func (k *keda) snapshot(ctx context.Context, st standing, caller string, again bool) (ScaleBody, *Problem) {
	wall, asked := k.c.Wall(), kedaAsked{st.site.ID, caller}
	if again {
		k.mu.Lock()
		s, ok := k.snaps[asked]
		k.mu.Unlock()
		if age := wall.Sub(s.at); ok && age >= 0 && age <= snapFor {
			return s.body, s.why
		}
	}
	now := k.now()
	b, why := scaleAnswer(st, now)
	k.choose(ctx, st, b, why, now)
	if !again {
		k.mu.Lock()
		if len(k.snaps) > 4096 { // sites that were deleted
			clear(k.snaps)
		}
		k.snaps[asked] = kedaSnap{at: wall, body: b, why: why}
		k.mu.Unlock()
	}
	return b, why
}

// caller finds out who asks: a key in the metadata, else a verified certificate, else nobody in particular on this
// machine. The ScaledObject's name stands beside it in the decision log.
func (k *keda) caller(ctx context.Context, t kedaTrigger, ref *externalscaler.ScaledObjectRef) (identity, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return identity{}, status.Error(codes.Unauthenticated, "who asks is not known")
	}
	var who identity
	switch {
	case t.key != "":
		ctx, cancel := context.WithTimeout(ctx, kedaKeyWait)
		defer cancel()
		w, why := k.identifyKey(ctx, sha256.Sum256([]byte(t.key)))
		if why != nil {
			if why.Status == http.StatusUnauthorized {
				return identity{}, status.Error(codes.Unauthenticated, "the key in trigger metadata apiKey is not valid")
			}
			return identity{}, status.Error(codes.Unavailable, "the key cannot be checked now")
		}
		if !w.may(surgecast.ScopeScale) {
			return identity{}, status.Error(codes.PermissionDenied, "this key has no scope scale")
		}
		who = w
	case k.mutual:
		who = identity{account: surgecast.DefaultAccount, scopes: []surgecast.Scope{surgecast.ScopeScale}, key: "certificate", name: commonName(p)}
	case k.c.Keyless && loopback(p.Addr.String()):
		who = keylessIdentity
	default:
		return identity{}, status.Error(codes.Unauthenticated, "no key: put one with scope scale into trigger metadata apiKey")
	}
	if object := scaledObject(ref); object != "" {
		who.name = strings.TrimSpace(who.name + " via keda " + object)
	}
	return who, nil
}

func commonName(p *peer.Peer) string {
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return "certificate"
	}
	return short(plain(info.State.PeerCertificates[0].Subject.CommonName))
}

// scaledObject is namespace/name as it may stand in a log.
func scaledObject(ref *externalscaler.ScaledObjectRef) string {
	if ref.Name == "" {
		return ""
	}
	return short(plain(ref.Namespace + "/" + ref.Name))
}

// plain keeps what a label or a log line may carry.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return '?'
	}, s)
}

// survive turns a failure on our side into an error that KEDA counts, not into a dead process.
func (k *keda) survive(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (out any, err error) {
	began := k.c.Wall()
	defer func() {
		if r := recover(); r != nil {
			k.failed(ctx, info.FullMethod, r)
			out, err = nil, status.Error(codes.Internal, "failed on our side")
		}
		k.metrics.kedaCalls.WithLabelValues(lastPart(info.FullMethod), status.Code(err).String()).Observe(k.c.Wall().Sub(began).Seconds())
	}()
	return next(ctx, in)
}

// hold counts streams and refuses more than their bounds.
func (k *keda) hold(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	address := ""
	if p, ok := peer.FromContext(stream.Context()); ok {
		address, _, _ = net.SplitHostPort(p.Addr.String()) // one without a port is counted as ""
	}
	k.mu.Lock()
	full := k.open >= kedaStreams || k.peers[address] >= kedaStreamsPerPeer
	if !full {
		k.open++
		k.peers[address]++
	}
	k.mu.Unlock()
	if full {
		return status.Error(codes.ResourceExhausted, "too many streams are open from here")
	}
	defer func() {
		if r := recover(); r != nil {
			k.failed(stream.Context(), info.FullMethod, r)
			err = status.Error(codes.Internal, "failed on our side")
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.open--
		if k.peers[address]--; k.peers[address] == 0 {
			delete(k.peers, address)
		}
	}()
	return next(srv, stream)
}

func (k *keda) failed(ctx context.Context, method string, r any) {
	k.metrics.panics.Inc()
	k.log.ErrorContext(ctx, "a KEDA call failed on our side", "method", method, "panic", fmt.Sprint(r))
}

func lastPart(method string) string { return method[strings.LastIndexByte(method, '/')+1:] }

// atMostListener accepts no more connections at once than free has room for; the rest wait in the kernel's queue.
type atMostListener struct {
	net.Listener
	free chan struct{}
}

func (l *atMostListener) Accept() (net.Conn, error) {
	l.free <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &countedConn{Conn: c, done: sync.OnceFunc(func() { <-l.free })}, nil
}

type countedConn struct {
	net.Conn
	done func()
}

func (c *countedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}
