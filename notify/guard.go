package notify

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"surgecast"
)

// Allowed is one exception to the guard: addresses webhooks may reach although they lie inside, for
// example an autoscaler in the same cluster.
type Allowed struct {
	Prefix netip.Prefix
	Ports  []uint16 // empty: every port
}

// ParseAllowed reads one exception: an address or prefix, then optionally ports.
//
//	10.20.0.0/16:8443      127.0.0.1:9000,9001      [fd00:12::/32]:443      192.0.2.7
func ParseAllowed(s string) (Allowed, error) {
	bad := func(detail string) error {
		return &surgecast.FieldError{Field: "allow", Value: s, Detail: detail, Remedy: `Write for example "10.20.0.0/16:8443", "127.0.0.1:9000,9001" or "[fd00::/8]:443".`}
	}
	host, ports, hasPorts := strings.TrimSpace(s), "", false
	if rest, ok := strings.CutPrefix(host, "["); ok { // IPv6 with ports
		inner, after, closed := strings.Cut(rest, "]")
		if !closed || (after != "" && after[0] != ':') {
			return Allowed{}, bad("bracket not closed")
		}
		host, ports, hasPorts = inner, strings.TrimPrefix(after, ":"), after != ""
	} else if strings.Count(host, ":") == 1 {
		host, ports, hasPorts = strings.Cut(host, ":")
	}
	var a Allowed
	if strings.Contains(host, "/") {
		p, err := netip.ParsePrefix(host)
		if err != nil {
			return Allowed{}, bad("not a prefix")
		}
		a.Prefix = p.Masked()
	} else {
		ip, err := netip.ParseAddr(host)
		if err != nil || ip.Zone() != "" {
			return Allowed{}, bad("not an address")
		}
		a.Prefix = netip.PrefixFrom(ip, ip.BitLen())
	}
	if !hasPorts {
		return a, nil
	}
	for p := range strings.SplitSeq(ports, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(p), 10, 16)
		if err != nil || n == 0 {
			return Allowed{}, bad("not a port")
		}
		a.Ports = append(a.Ports, uint16(n))
	}
	return a, nil
}

func (a Allowed) contains(ap netip.AddrPort) bool {
	if !a.Prefix.Contains(ap.Addr().Unmap()) {
		return false
	}
	if len(a.Ports) == 0 {
		return true
	}
	for _, p := range a.Ports {
		if p == ap.Port() {
			return true
		}
	}
	return false
}

// guard decides on the address a socket is about to connect to. It runs in net.Dialer.Control, after
// the name was resolved: a name that answers public when it is checked and private when it is dialled
// gains nothing.
type guard struct {
	allow []Allowed
	safe  *ssrf.Guardian // refuses everything IANA calls special, and ports other than 80 and 443
}

func newGuard(allow []Allowed) *guard { return &guard{allow: allow, safe: ssrf.New()} }

func (g *guard) control(network, address string, c syscall.RawConn) error {
	if ap, err := netip.ParseAddrPort(address); err == nil && (network == "tcp4" || network == "tcp6") {
		for _, a := range g.allow {
			if a.contains(ap) {
				return nil
			}
		}
	}
	return g.safe.Safe(network, address, c)
}

// CheckAddress refuses, as a FieldError, an address whose messages the guard of a Notifier with these exceptions would
// never let out. A name is looked up; one that is not known, or not now, is accepted: what it means is decided again by
// the guard whenever it is dialled.
func CheckAddress(ctx context.Context, allow []Allowed, resolver *net.Resolver, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return &surgecast.FieldError{Field: "url", Detail: "is not an address that takes messages", Remedy: "Send https:// and a host."}
	}
	port := u.Port()
	if port == "" {
		if port = "443"; u.Scheme == "http" {
			port = "80"
		}
	}
	var ips []netip.Addr
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		ips = []netip.Addr{ip}
	} else {
		ctx, cancel := context.WithTimeout(ctx, lookupFor)
		defer cancel()
		if ips, err = resolver.LookupNetIP(ctx, "ip", u.Hostname()); err != nil {
			return nil // it may be known tomorrow
		}
	}
	g, wrong := newGuard(allow), error(nil)
	for _, ip := range ips {
		network := "tcp6"
		if ip = ip.Unmap(); ip.Is4() {
			network = "tcp4"
		}
		if wrong = g.control(network, net.JoinHostPort(ip.String(), port), nil); wrong == nil {
			return nil // one is enough for the dial
		}
	}
	if wrong != nil {
		return &surgecast.FieldError{Field: "url", Detail: "lies inside the network, or on another port than 80 and 443: messages may not be sent there", Remedy: "Use a public address, or have the operator allow this one: forecaster serve --webhook-allow PREFIX:PORT."}
	}
	return nil
}

// lookupFor bounds how long a person waits for a name to be looked up.
const lookupFor = time.Second

// refused reports whether err is the guard's.
func refused(err error) bool {
	return errors.Is(err, ssrf.ErrProhibitedIP) || errors.Is(err, ssrf.ErrProhibitedPort) ||
		errors.Is(err, ssrf.ErrProhibitedNetwork) || errors.Is(err, ssrf.ErrInvalidHostPort)
}

var errRefused = errors.New("address refused: webhooks reach public addresses on ports 80 and 443 only; the operator can allow others by prefix and port")
