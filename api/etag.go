package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/gin-gonic/gin"
)

// send answers bytes that seldom change: files of the dashboard, the specification, the reference. Whoever has them
// already gets 304 (RFC 9110 §13.1.2).
//
// Documents of sites have no ETag: each says now, so no two are alike, and polls are answered without one in
// microseconds.
func send(c *gin.Context, kind string, b []byte) {
	tag := `"` + strconv.FormatUint(xxhash.Sum64(b), 36) + `"`
	c.Header("ETag", tag)
	if has(c.Request.Header.Values("If-None-Match"), tag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	c.Data(http.StatusOK, kind, b)
}

// has compares weakly, as If-None-Match asks for: proxies that compress make W/"…" of our tags.
func has(fields []string, tag string) bool {
	for _, f := range fields {
		for one := range strings.SplitSeq(f, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}
