package api

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"surgecast"
)

// Limit is a token bucket: so many requests at once, refilled by so many a second. The zero Limit is none.
type Limit struct {
	PerSecond float64
	Burst     int
}

// Limits are the requests one caller may make of one process, by kind. They keep one broken client from taking the
// database from all others; they are no price list, so each is far above what a working client does.
//
// GET /scale, /livez and /readyz have none, on purpose, and KEDA's gRPC neither: they are answered from memory in
// microseconds, and an autoscaler that is refused may take the refusal for an outage and scale to its fallback.
// Whoever floods them is stopped before this process, where addresses can be told apart.
type Limits struct {
	Memory Limit // each key: /risk and /capacity, which ask no database
	Read   Limit // each key: everything else that only reads
	Write  Limit // each key: changes
	Push   Limit // each key or sender: POST …/traffic and /ingest/counts, up to 10,000 rows each
	Heavy  Limit // each key: what computes for long: check, what-if, reviews, accuracy, record

	Public   Limit // each address: status pages, share links, pages drawn by the server
	Login    Limit // each address: POST /v1/session and /login
	Stranger Limit // each address: keys that were not seen within 30 s, each of which costs a query
}

// DefaultLimits are for one process on two cores. A site that pushes every minute needs a sixtieth of a push a
// second, an open dashboard about two reads a second. Addresses get more than people need, because behind a proxy
// everybody has one.
func DefaultLimits() Limits {
	return Limits{
		Memory: Limit{5000, 10_000}, Read: Limit{200, 2000}, Write: Limit{50, 500}, Push: Limit{200, 4000}, Heavy: Limit{10, 100},
		Public: Limit{200, 4000}, Login: Limit{2, 30}, Stranger: Limit{50, 500},
	}
}

// mostBuckets bounds the memory of limits: about 200 bytes each.
const mostBuckets = 16_384

// limiter holds the buckets. A caller has one of each kind, made when it first asks.
type limiter struct {
	wall  surgecast.Clock
	kinds map[string]*limitKind // by "METHOD /path/:with"
	alone *limitKind            // keys not seen before

	mu      sync.Mutex
	buckets map[bucketOf]*rate.Limiter
}

type bucketOf struct{ kind, caller string }

// limitKind is one of Limits.
type limitKind struct {
	name   string
	policy string // RateLimit-Policy
	each   Limit
	peer   bool // counted by address, not by key
}

func newLimitKind(name string, l Limit, peer bool) *limitKind {
	if l.PerSecond <= 0 || l.Burst <= 0 {
		return nil
	}
	// q requests in the w seconds an empty bucket takes to fill.
	w := max(1, math.Ceil(float64(l.Burst)/l.PerSecond))
	return &limitKind{name: name, each: l, peer: peer, policy: fmt.Sprintf("%q;q=%d;w=%.0f", name, l.Burst, w)}
}

func newLimiter(l Limits, wall surgecast.Clock, routes gin.RoutesInfo) *limiter {
	var (
		memory, read  = newLimitKind("memory", l.Memory, false), newLimitKind("read", l.Read, false)
		write, push   = newLimitKind("write", l.Write, false), newLimitKind("push", l.Push, false)
		heavy         = newLimitKind("heavy", l.Heavy, false)
		public, login = newLimitKind("public", l.Public, true), newLimitKind("login", l.Login, true)
		none          *limitKind
		of            = &limiter{wall: wall, kinds: map[string]*limitKind{}, alone: newLimitKind("stranger", l.Stranger, true), buckets: map[bucketOf]*rate.Limiter{}}
		special       = map[string]*limitKind{
			"GET /v1/sites/:site/scale": none, "GET /livez": none, "HEAD /livez": none, "GET /readyz": none, "HEAD /readyz": none,
			"GET /openapi.json": none, "HEAD /openapi.json": none, "GET /docs": none, "HEAD /docs": none,
			"GET /v1/sites/:site/risk": memory, "GET /v1/sites/:site/capacity": memory,
			"POST /v1/sites/:site/traffic": push, "POST " + countsPath: push,
			"POST /v1/check": heavy, "POST /v1/sites/:site/what-if": heavy, "GET /v1/surges/:id/review": heavy,
			"GET /v1/sites/:site/accuracy": heavy, "GET /v1/sites/:site/record": heavy,
			"GET /v1/status/:site": public, "POST " + sessionPath: login, "POST " + loginPath: login, "DELETE " + sessionPath: none,
		}
	)
	for _, r := range routes {
		name := r.Method + " " + r.Path
		kind, known := special[name]
		switch {
		case known:
		case !strings.HasPrefix(r.Path, "/v1/"):
			kind = public
		case r.Method == http.MethodGet:
			kind = read
		default:
			kind = write
		}
		if kind != nil {
			of.kinds[name] = kind
		}
	}
	return of
}

// limit refuses what comes too fast. It stands after admit, which knows the caller, and before anything is read.
func (s *Server) limit(c *gin.Context) {
	kind := s.limits.kinds[c.Request.Method+" "+c.FullPath()]
	if kind == nil {
		c.Next()
		return
	}
	caller := caller(c.Request.Context()).key
	if kind.peer {
		caller = peerOf(c.Request)
	}
	left, wait := s.limits.take(kind, caller)
	h := c.Writer.Header()
	h["Ratelimit-Policy"] = []string{kind.policy}
	if wait > 0 {
		s.refuse(c, tooFast(kind, wait))
		return
	}
	h["Ratelimit"] = []string{kind.state(left, 0)}
	c.Next()
}

// state is the field RateLimit of draft-ietf-httpapi-ratelimit-headers: requests left now, and seconds until there
// are more.
func (k *limitKind) state(left int, seconds int64) string {
	return `"` + k.name + `";r=` + strconv.Itoa(left) + `;t=` + strconv.FormatInt(seconds, 10)
}

// tooFast is 429. Retry-After is whole seconds, rounded up: who comes back then is let in, if alone.
func tooFast(k *limitKind, wait time.Duration) *Problem {
	seconds := max(1, int64(math.Ceil(wait.Seconds())))
	detail := fmt.Sprintf("more than %d %s requests at once, or %g a second for long, from one key", k.each.Burst, k.name, k.each.PerSecond)
	if k.peer {
		detail = fmt.Sprintf("more than %d %s requests at once, or %g a second for long, from one address", k.each.Burst, k.name, k.each.PerSecond)
	}
	p := problem(http.StatusTooManyRequests, codeTooFast, detail, fmt.Sprintf("Come back in %d s, and then less often. /scale is never limited.", seconds))
	return p.with("Retry-After", strconv.FormatInt(seconds, 10)).with("RateLimit", k.state(0, seconds))
}

// take takes a token: how many are left, or how long until there is one.
func (l *limiter) take(kind *limitKind, caller string) (left int, wait time.Duration) {
	now := l.wall()
	b := l.bucket(bucketOf{kind.name, caller}, kind.each, now)
	if b.AllowN(now, 1) {
		return max(0, int(b.TokensAt(now))), 0
	}
	return 0, max(time.Millisecond, time.Duration((1-b.TokensAt(now))/kind.each.PerSecond*float64(time.Second)))
}

func (l *limiter) bucket(of bucketOf, each Limit, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.buckets[of]; ok {
		return b
	}
	if len(l.buckets) >= mostBuckets {
		l.makeRoom(now)
	}
	b := rate.NewLimiter(rate.Limit(each.PerSecond), each.Burst)
	l.buckets[of] = b
	return b
}

// makeRoom forgets buckets that are full again, which remember nothing; when there are none, some that are not:
// who sends from 16,384 addresses at once is not stopped by counting them.
func (l *limiter) makeRoom(now time.Time) {
	const looked = 256
	n := 0
	for of, b := range l.buckets { // the order of a map is random: a sample
		if b.TokensAt(now) >= float64(b.Burst()) {
			delete(l.buckets, of)
		}
		if n++; n == looked {
			break
		}
	}
	for of := range l.buckets {
		if len(l.buckets) < mostBuckets {
			return
		}
		delete(l.buckets, of)
	}
}

// peerOf is the address a request came from; of IPv6 the /64 that one customer has. Forwarded headers are not
// believed: anybody can write them.
func peerOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// stranger slows down whoever tries keys: one that was not seen within 30 s costs a query, so an address gets some of
// them a second. The autoscaler's route is left alone, or its first poll could be refused for what a neighbour
// behind the same proxy does.
func (s *Server) stranger(r *http.Request, sum [32]byte) *Problem {
	if s.limits.alone == nil || s.keys.knows(sum) {
		return nil
	}
	if route, _ := r.Context().Value(routeKey{}).(string); route == "GET /v1/sites/:site/scale" {
		return nil
	}
	if _, wait := s.limits.take(s.limits.alone, peerOf(r)); wait > 0 {
		return tooFast(s.limits.alone, wait)
	}
	return nil
}

// knows reports whether a key would be answered without a query.
func (k *keyCache) knows(sum [32]byte) bool {
	now := k.wall()
	k.mu.Lock()
	defer k.mu.Unlock()
	c, ok := k.keys[sum]
	return ok && now.Sub(c.at) < keyFor
}

// identifySum finds out whose key this is, after a look at how often its address brings new ones.
func (s *Server) identifySum(ctx context.Context, r *http.Request, sum [32]byte) (identity, *Problem) {
	if p := s.stranger(r, sum); p != nil {
		return identity{}, p
	}
	return s.identifyKey(ctx, sum)
}
