package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"surgecast/internal/jsondepth"
)

const (
	maxPushBytes = 5 << 20 // after decompression
	maxBodyBytes = 256 << 10
	maxDepth     = 8
	maxRows      = 10_000
)

// refuse ends the request with a problem.
func (s *Server) refuse(c *gin.Context, p *Problem) {
	_ = s.sign(c.Request.Context(), p)
	for k, v := range p.headers {
		c.Writer.Header()[k] = v
	}
	c.Abort()
	c.Header("Cache-Control", "no-store")
	if s.refusePage(c, p) {
		return
	}
	c.Header("Content-Type", "application/problem+json")
	c.Status(p.Status)
	enc := json.NewEncoder(c.Writer)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(p) // the client is gone: nobody is left to tell
}

// refusePage shows the problem to who asked for a page with a browser, and reports whether it did. Under /v1 and for
// every other client a problem is JSON.
func (s *Server) refusePage(c *gin.Context, p *Problem) bool {
	read := c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead
	if s.c.Draw == nil || !read || strings.HasPrefix(c.Request.URL.Path, "/v1/") {
		return false
	}
	c.Writer.Header().Add("Vary", "Accept")
	if !strings.Contains(c.GetHeader("Accept"), "text/html") {
		return false
	}
	doc, err := json.Marshal(p)
	if err != nil {
		return false
	}
	page, err := s.c.Draw("problem", doc)
	if err != nil {
		return false
	}
	c.Header("Content-Security-Policy", plainCSP)
	c.Data(p.Status, "text/html; charset=utf-8", page)
	return true
}

// observe measures the request and turns a panic into a problem.
func (s *Server) observe(c *gin.Context) {
	route := c.FullPath()
	if route == "" {
		route = "none"
	}
	ctx := context.WithValue(c.Request.Context(), routeKey{}, c.Request.Method+" "+route)
	scheme := "http://"
	if c.Request.TLS != nil {
		ctx = context.WithValue(ctx, tlsKey{}, true)
	}
	if c.Request.TLS != nil || s.c.SecureCookie {
		scheme = "https://"
	}
	ctx = context.WithValue(ctx, baseKey{}, scheme+c.Request.Host)
	c.Request = c.Request.WithContext(ctx)
	began := s.c.Wall()
	defer func() {
		if r := recover(); r != nil {
			if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(r) // the server's own way to drop a connection
			}
			s.metrics.panics.Inc()
			p := problem(http.StatusInternalServerError, codeInternal, "something failed on our side", "Try again; if it stays, give the operator the reference.")
			p.cause = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			if c.Writer.Written() {
				_ = s.sign(c.Request.Context(), p) // too late for another answer
				c.Abort()
			} else {
				s.refuse(c, p)
			}
		}
		if route != livePath { // a stream's length is not a duration of ours
			s.metrics.observe(c.Request.Method, route, c.Writer.Status(), s.c.Wall().Sub(began))
		}
	}()
	c.Next()
}

// secure sets the headers every answer has.
func (s *Server) secure(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	if strings.HasPrefix(c.Request.URL.Path, "/v1/") {
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
	}
	c.Next()
}

// body bounds what is read before anybody parses it: bytes after decompression, and depth.
func (s *Server) body(c *gin.Context) {
	r := c.Request
	if query, err := url.QueryUnescape(r.URL.RawQuery); err != nil || !printable(query) || !printable(r.URL.Path) {
		s.refuse(c, noNUL("address"))
		return
	}
	for name, values := range r.URL.Query() {
		if len(values) > 1 && strings.HasPrefix(r.URL.Path, "/v1/") { // one of them would count, and nobody knows which
			s.refuse(c, fieldProblem(name, codeInvalidValue, "this stands in the address more than once", "Send it once."))
			return
		}
	}
	if tag := r.Header.Get("If-Match"); tag != "" && tag != "*" && r.Method != http.MethodGet && r.Method != http.MethodHead {
		// What can be changed carries no ETag, so no tag can be the current one (RFC 9110, 13.1.1). Going on would
		// overwrite what the sender wanted to keep.
		p := problem(http.StatusPreconditionFailed, codePrecondition, "what is changed here has no ETag, so none can match", "Leave If-Match out.")
		p.Field = "If-Match"
		s.refuse(c, p)
		return
	}
	for _, name := range s.finite[r.Method+" "+c.FullPath()] {
		if x, err := strconv.ParseFloat(r.URL.Query().Get(name), 64); err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
			s.refuse(c, fieldProblem(name, codeBadType, "not a finite number", "Send a number, for example 2.5."))
			return
		}
	}
	if key := r.Header.Get(onceHeader); key != "" {
		c.Request = r.WithContext(context.WithValue(r.Context(), onceKey{}, key))
		r = c.Request
	}
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		c.Next()
		return
	}
	limit := int64(maxBodyBytes)
	check, result := checkType, isLoadTest(r.Method, c.FullPath()) // a result file is some tool's document, bounded by its own reader
	if s.isPush(c.FullPath()) || result {
		limit = s.c.MaxPushBytes
	}
	if result {
		check = checkLoadTestType
	}
	if p := check(r.Header.Get("Content-Type")); p != nil && c.FullPath() != loginPath {
		s.refuse(c, p)
		return
	}
	raw, p := readBounded(c.Writer, r, limit)
	if p != nil {
		s.refuse(c, p)
		return
	}
	if !result && jsondepth.Of(raw) > maxDepth {
		p := problem(http.StatusBadRequest, codeTooDeep, fmt.Sprintf("the document is nested deeper than %d", maxDepth), "Send flat rows as /docs describes them.")
		p.Field = "body"
		s.refuse(c, p)
		return
	}
	if !result && !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 || bytes.Contains(raw, []byte(`\u0000`)) {
		s.refuse(c, noNUL("body"))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	r.ContentLength = int64(len(raw))
	r.Header.Del("Content-Encoding")
	c.Next()
}

// printable: PostgreSQL stores neither NUL nor broken UTF-8, so nothing with them in it gets that far.
func printable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func noNUL(field string) *Problem {
	p := problem(http.StatusBadRequest, codeInvalidValue, "a NUL character, or text that is not UTF-8", "Send UTF-8 without NUL.")
	p.Field = field
	return p
}

func checkType(header string) *Problem {
	if header == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(header)
	switch {
	case err == nil && (kind == "application/json" || kind == "application/x-ndjson" || kind == "application/ndjson"):
		return nil
	}
	p := problem(http.StatusUnsupportedMediaType, codeUnsupportedType, "this Content-Type is not understood", "Send application/json, or application/x-ndjson where rows are pushed.")
	p.Field = "Content-Type"
	return p
}

// readBounded reads at most limit bytes, also of what a compressed body unfolds to: a bomb is refused
// after limit bytes, whatever it claims.
func readBounded(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *Problem) {
	tooLarge := func() *Problem {
		p := problem(http.StatusRequestEntityTooLarge, codeTooLarge, fmt.Sprintf("more than %d bytes after decompression", limit), "Send fewer rows in one request.")
		p.Field = "body"
		return p
	}
	if r.ContentLength > limit {
		return nil, tooLarge()
	}
	var in io.Reader = http.MaxBytesReader(w, r.Body, limit)
	switch strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))) {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, unreadable(err)
		}
		defer func() { _ = z.Close() }()
		in = z
	default:
		p := problem(http.StatusUnsupportedMediaType, codeUnsupportedType, "this Content-Encoding is not understood", "Send the body as it is, or with Content-Encoding: gzip.")
		p.Field = "Content-Encoding"
		return nil, p
	}
	raw, err := io.ReadAll(io.LimitReader(in, limit+1))
	var most *http.MaxBytesError
	switch {
	case errors.As(err, &most) || int64(len(raw)) > limit:
		return nil, tooLarge()
	case err != nil:
		return nil, unreadable(err)
	}
	return raw, nil
}

func unreadable(err error) *Problem {
	var slow net.Error
	p := problem(http.StatusBadRequest, codeBadJSON, "the body could not be read to its end", "Send it again.")
	if errors.As(err, &slow) && slow.Timeout() {
		p = problem(http.StatusRequestTimeout, codeTimeout, "the body took too long to arrive", "Send fewer rows in one request.")
	}
	p.Field, p.cause = "body", err
	return p
}
