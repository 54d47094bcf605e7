package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"surgecast"
)

// identity is who asks: an account, what its key may do, and which sites the key is bound to.
type identity struct {
	account int64
	scopes  []surgecast.Scope
	sites   []int64 // empty: all of the account
	key     string  // id of the key or the sender, "keyless" without
	name    string
	source  string // a sender counts mentions for this one only; empty: any
	signed  bool   // let in by the signature of a push
}

type identityKey struct{}

func caller(ctx context.Context) identity {
	who, _ := ctx.Value(identityKey{}).(identity)
	return who
}

// may: admin does everything, write also reads, read also asks /scale; a scale key does only that.
func (w identity) may(need surgecast.Scope) bool {
	return slices.ContainsFunc(w.scopes, func(has surgecast.Scope) bool { return reach(has) >= reach(need) })
}

func reach(s surgecast.Scope) int {
	switch s {
	case surgecast.ScopeAdmin:
		return 4
	case surgecast.ScopeWrite:
		return 3
	case surgecast.ScopeRead:
		return 2
	case surgecast.ScopeScale:
		return 1
	}
	return 0
}

func (w identity) sees(siteID int64) bool {
	return len(w.sites) == 0 || slices.Contains(w.sites, siteID)
}

// bound refuses what concerns the whole account to a key that is bound to sites.
func (w identity) bound() *Problem {
	if len(w.sites) == 0 {
		return nil
	}
	return problem(http.StatusForbidden, codeKeyBound, "this key is bound to single sites, and this concerns the whole account", "Use a key that is not bound to sites.")
}

// author is who did something, for the record: the name a person gave, and beside it the key that let them in. The one
// is what colleagues know, the other what is proven. Without keys nothing is proven, and the name stands alone.
func (w identity) author(said string) string {
	proven := " (key " + w.name + ")"
	switch said = strings.TrimSpace(said); {
	case said == "" || said == w.name:
		return w.name
	case w.key == keylessIdentity.key, strings.HasSuffix(said, proven): // the latter: read, changed and sent back
		return said
	}
	return said + proven
}

var keylessIdentity = identity{account: surgecast.DefaultAccount, scopes: []surgecast.Scope{surgecast.ScopeAdmin}, key: "keyless", name: "someone at this machine"}

// admit lets in whom the configuration lets in. Routes under /v1 need a key, or this machine.
func (s *Server) admit(c *gin.Context) {
	if s.c.Keyless {
		if p := onlyHere(c.Request); p != nil {
			s.refuse(c, p)
			return
		}
	}
	need, guarded := s.scopes[c.Request.Method+" "+c.FullPath()]
	if !guarded {
		if c.FullPath() == sessionPath || c.FullPath() == loginPath {
			if p := sameOrigin(c.Request); p != nil {
				s.refuse(c, p)
				return
			}
		}
		c.Next()
		return
	}
	identify := func() (identity, *Problem) { return s.identify(c.Request) }
	if s.signedPush(c) {
		identify = func() (identity, *Problem) { return s.identifySender(c) }
	}
	who, p := identify()
	if p == nil && !who.may(need) {
		p = problem(http.StatusForbidden, codeScope, "this key has no scope "+string(need), "Use a key with scope "+string(need)+"; an admin makes one with POST /v1/keys.")
	}
	c.Request = c.Request.WithContext(withCaller(c.Request.Context(), who))
	if p != nil {
		s.refuse(c, p)
		return
	}
	c.Next()
}

// identify finds out who asks: Bearer, X-API-KEY (what KEDA sends), the dashboard's session cookie, or
// nobody in particular on this machine.
func (s *Server) identify(r *http.Request) (identity, *Problem) {
	if key := keyOf(r); key != "" {
		return s.identifySum(r.Context(), r, sha256.Sum256([]byte(key)))
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if p := sameOrigin(r); p != nil {
			return identity{}, p
		}
		sum, ok := s.seal.open(cookie.Value, s.c.Wall())
		if ok {
			return s.identifySum(r.Context(), r, sum)
		}
		if !s.c.Keyless {
			return identity{}, noKey("the session has ended", "Log in again with your key.")
		}
	}
	if s.c.Keyless {
		if p := sameOrigin(r); p != nil {
			return identity{}, p
		}
		return keylessIdentity, nil
	}
	return identity{}, noKey("no key was sent", "Send Authorization: Bearer … or X-API-KEY: …; the operator makes a key with `forecaster key create`.")
}

func noKey(detail, remedy string) *Problem {
	p := problem(http.StatusUnauthorized, codeNoKey, detail, remedy).with("WWW-Authenticate", `Bearer realm="surgecast"`)
	p.Field = "Authorization"
	return p
}

func (s *Server) identifyKey(ctx context.Context, sum [32]byte) (identity, *Problem) {
	k, err := s.keys.find(ctx, sum)
	switch {
	case errors.Is(err, surgecast.ErrNotFound):
		p := problem(http.StatusUnauthorized, codeBadKey, "this key is not valid", "Check it, or ask for a new one.").with("WWW-Authenticate", `Bearer realm="surgecast", error="invalid_token"`)
		p.Field = "Authorization"
		return identity{}, p
	case err != nil:
		return identity{}, problemOf(err)
	}
	return identity{account: k.AccountID, scopes: k.Scopes, sites: k.Sites, key: k.ID, name: k.Name}, nil
}

func keyOf(r *http.Request) string {
	if v := r.Header.Get("X-API-KEY"); v != "" {
		return strings.TrimSpace(v)
	}
	scheme, key, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(key)
	}
	return ""
}

// onlyHere holds DESIGN 12.1: without keys nobody but this machine, by its own names, and nothing that
// a proxy passed on.
func onlyHere(r *http.Request) *Problem {
	host := strings.ToLower(r.Host)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	switch host {
	case "localhost", "127.0.0.1", "::1", "[::1]":
	default:
		p := problem(http.StatusMisdirectedRequest, codeHost, "without keys only localhost is served", "Use http://localhost or http://127.0.0.1, or make a key and serve with keys.")
		p.Field = "Host"
		return p
	}
	if !loopback(r.RemoteAddr) {
		p := problem(http.StatusForbidden, codeHost, "without keys only this machine is served", "Make a key and serve with keys.")
		p.Field = "remote address"
		return p
	}
	for name := range r.Header {
		if name == "Forwarded" || name == "X-Real-Ip" || name == "Via" || strings.HasPrefix(name, "X-Forwarded-") {
			p := problem(http.StatusForbidden, codeForwarded, "a proxy passed this on, and without keys nobody behind a proxy is served", "Make a key and serve with keys.")
			p.Field = name
			return p
		}
	}
	return nil
}

func loopback(addr string) bool {
	host := addr
	if h, _, err := net.SplitHostPort(addr); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// sameOrigin refuses what another site's page sends with our user's browser: writes always, reads
// unless the user himself opens a page.
func sameOrigin(r *http.Request) *Problem {
	foreign := problem(http.StatusForbidden, codeForeignOrigin, "another site's page sent this", "Use the dashboard itself, or a key in a header.")
	foreign.Field = "Origin"
	write := r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return nil
	case "cross-site", "same-site":
		if write || r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			foreign.Field = "Sec-Fetch-Site"
			return foreign
		}
		return nil
	}
	origin := r.Header.Get("Origin")
	if origin == "" || !write {
		return nil
	}
	_, host, ok := strings.Cut(origin, "://")
	if !ok || !strings.EqualFold(host, r.Host) {
		return foreign
	}
	return nil
}

// keyCache remembers keys for 30 s, so that an autoscaler's poll asks no database. Wrong keys are
// remembered too, and the whole is bounded: guessing costs us neither queries nor memory.
type keyCache struct {
	store Store
	wall  surgecast.Clock

	mu   sync.Mutex
	keys map[[32]byte]cachedKey
}

type cachedKey struct {
	key surgecast.Key
	err error
	at  time.Time
}

const (
	keyFor    = 30 * time.Second
	mostKey   = 4096
	usedEvery = 10 * time.Minute // how exactly a key's last use is known
)

func newKeyCache(store Store, wall surgecast.Clock) *keyCache {
	return &keyCache{store: store, wall: wall, keys: map[[32]byte]cachedKey{}}
}

func (k *keyCache) find(ctx context.Context, sum [32]byte) (surgecast.Key, error) {
	now := k.wall()
	k.mu.Lock()
	c, ok := k.keys[sum]
	k.mu.Unlock()
	if ok && now.Sub(c.at) < keyFor {
		return c.key, c.err
	}
	key, err := k.store.KeyByHash(ctx, sum)
	if err != nil && !errors.Is(err, surgecast.ErrNotFound) {
		if ok && c.err == nil && now.Sub(c.at) < 15*time.Minute {
			// The database is away: a key that was good a moment ago stays good as long as /scale
			// would hold its answer. Otherwise an outage of ours would shut out autoscalers.
			return c.key, nil
		}
		return surgecast.Key{}, err
	}
	if err == nil && now.Sub(key.LastUsedAt) >= usedEvery && k.store.KeyUsed(ctx, key.ID, now) == nil { // else the next look notes it
		key.LastUsedAt = now
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) >= mostKey {
		for old := range k.keys { // any one: under attack they are all alike
			delete(k.keys, old)
			break
		}
	}
	k.keys[sum] = cachedKey{key: key, err: err, at: now}
	return key, err
}

// forget drops a deleted key at once in this process; others follow within 30 s.
func (k *keyCache) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for sum, c := range k.keys {
		if c.key.ID == id {
			delete(k.keys, sum)
		}
	}
}

func withCaller(ctx context.Context, who identity) context.Context {
	return context.WithValue(ctx, identityKey{}, who)
}
