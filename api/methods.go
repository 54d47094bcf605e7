package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// looked answers HEAD under /v1 as GET is answered (RFC 9110, 9.3.2): the routes see a GET, and net/http, which goes by
// the request it read itself, sends no body. A live stream has no end to wait for: it takes GET alone.
func looked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead && strings.HasPrefix(r.URL.Path, "/v1/") && r.URL.Path != livePath {
			r = r.WithContext(r.Context())
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

// otherMethod answers a method a route does not take: OPTIONS with those it takes, every other with a problem.
func (s *Server) otherMethod(c *gin.Context) {
	h := c.Writer.Header()
	if strings.HasPrefix(c.Request.URL.Path, "/v1/") {
		allow := strings.Split(h.Get("Allow"), ", ") // as gin found it
		if slices.Contains(allow, http.MethodGet) && c.Request.URL.Path != livePath {
			allow = append(allow, http.MethodHead)
		}
		allow = append(allow, http.MethodOptions)
		slices.Sort(allow)
		h.Set("Allow", strings.Join(allow, ", "))
		if c.Request.Method == http.MethodOptions {
			c.AbortWithStatus(http.StatusNoContent)
			c.Writer.WriteHeaderNow()
			return
		}
	}
	s.refuse(c, problem(http.StatusMethodNotAllowed, codeNoMethod, "this route takes other methods", "Use one of those in the Allow header."))
}

// withoutSlash is the path of a route that was asked for with a slash at its end, empty when there is none.
func (s *Server) withoutSlash(r *http.Request) string {
	path, found := strings.CutSuffix(r.URL.EscapedPath(), "/")
	if !found {
		return ""
	}
	parts := strings.Split(path, "/")
	for _, route := range s.engine.Routes() {
		if slices.EqualFunc(strings.Split(route.Path, "/"), parts, func(want, got string) bool {
			return want == got || strings.HasPrefix(want, ":") && got != ""
		}) {
			return path
		}
	}
	return ""
}
