package match

import "bytes"

// Bounds of the tokens one address gives.
const (
	maxHosts    = 4
	maxSegments = 8
)

// written appends the address that stands in a text from b[i] on, its host beginning at b[host], and
// returns where it ends. No phrase goes across it.
func (s *Scratch) written(b []byte, i, host int) int {
	end := host
	for end < len(b) {
		_, k, n := s.rune(b, end)
		if c := b[end]; c <= ' ' || c == '<' || c == '>' || c == '"' || c == '`' || c == '\\' || c == '{' || c == '}' || c == '|' || c == '^' || c == 0x7f {
			break
		}
		if k == solo || k == emoji || (n > 1 && k == separator) {
			break
		}
		end += n
	}
	next := end
	for end > host {
		c := b[end-1]
		if bytes.IndexByte([]byte(".,;:!?'*_"), c) < 0 && (c != ')' || bytes.IndexByte(b[host:end], '(') >= 0) && (c != ']' || bytes.IndexByte(b[host:end], '[') >= 0) {
			break
		}
		end--
	}
	s.tokens = append(s.tokens, Break)
	s.address(cut(b[i:end], MaxLink))
	s.tokens = append(s.tokens, Break)
	return next
}

// address appends the tokens of a folded address: its host and the hosts above it, each beginning of its
// path, and path and query together.
func (s *Scratch) address(b []byte) {
	var hostEnd, pathEnd int
	s.piece, hostEnd, pathEnd = appendAddress(s.piece[:0], b)
	if hostEnd == 0 {
		return
	}
	a := s.piece
	s.tokens = append(s.tokens, alternativeHash(a[:hostEnd]))
	if pathEnd > hostEnd {
		segments := 0
		for i := hostEnd + 1; i < pathEnd && segments < maxSegments; i++ {
			if a[i] == '/' {
				s.tokens = append(s.tokens, alternativeHash(a[:i]))
				segments++
			}
		}
		s.tokens = append(s.tokens, alternativeHash(a[:pathEnd]))
	}
	if len(a) > pathEnd {
		s.tokens = append(s.tokens, alternativeHash(a))
	}
	// shop.example.com is example.com too. The labels are cut off in place: "url:" moves up to the next dot.
	a = a[:hostEnd]
	for range maxHosts {
		dot := bytes.IndexByte(a[len(scheme):], '.')
		if dot < 0 {
			return
		}
		a = a[dot+1:]
		copy(a, scheme)
		if bytes.IndexByte(a[len(scheme):], '.') < 0 {
			return
		}
		s.tokens = append(s.tokens, alternativeHash(a))
	}
}

const scheme = "url:"

// appendAddress appends url:host/path?query to dst: without www., port, fragment, trailing slash and the
// parameters that only say where a click came from. hostEnd is 0 when b is no web address.
func appendAddress(dst, b []byte) (normal []byte, hostEnd, pathEnd int) {
	start := len(dst)
	if i := bytes.Index(b, []byte("://")); i >= 0 {
		if p := string(b[:i]); p != "http" && p != "https" {
			return dst, 0, 0
		}
		b = b[i+3:]
	}
	b, _, _ = bytes.Cut(b, []byte{'#'})
	b, query, _ := bytes.Cut(b, []byte{'?'})
	host, path := b, []byte(nil)
	if i := bytes.IndexByte(b, '/'); i >= 0 {
		host, path = b[:i], b[i:]
	}
	if i := bytes.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if i := bytes.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = bytes.TrimPrefix(bytes.TrimRight(host, "."), []byte("www."))
	if len(host) == 0 || host[0] == '.' || bytes.IndexByte(host, ' ') >= 0 {
		return dst, 0, 0
	}
	dst = append(dst, scheme...)
	dst = append(dst, host...)
	hostEnd = len(dst) - start
	dst = append(dst, bytes.TrimRight(path, "/")...)
	pathEnd = len(dst) - start
	sign := byte('?')
	for len(query) > 0 {
		var p []byte
		p, query, _ = bytes.Cut(query, []byte{'&'})
		if len(p) == 0 || tracking(p) {
			continue
		}
		dst = append(append(dst, sign), p...)
		sign = '&'
	}
	return dst, hostEnd, pathEnd
}

// tracking says whether a parameter names a campaign rather than a page.
func tracking(p []byte) bool {
	name, _, _ := bytes.Cut(p, []byte{'='})
	if bytes.HasPrefix(name, []byte("utm_")) {
		return true
	}
	switch string(name) {
	case "fbclid", "gclid", "msclkid", "igshid", "mc_cid", "mc_eid":
		return true
	}
	return false
}
