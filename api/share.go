package api

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"surgecast"
)

// A share is a link to one site's page that needs no key, only reads, and ends. Nothing is stored: the link is
// sealed with the key of the session cookies, under another purpose, so one cannot be taken for the other.

const (
	sharePurpose = "surgecast share link 1"
	shareLongest = 30 * 24 * time.Hour
)

// ShareNew asks for a link.
type ShareNew struct {
	Hours int `json:"hours" minimum:"1" maximum:"720" default:"24" required:"false" doc:"How long the link works"`
}

// ShareBody is a link anybody may open until its end.
type ShareBody struct {
	Path  string    `json:"path" doc:"Add it to the address of this service"`
	Until time.Time `json:"until"`
}

type (
	shareIn struct {
		SitePath
		Body ShareNew `required:"false"`
	}
	shareOut struct{ Body ShareBody }
)

func (s *Server) shareRoutes() {
	op := operation("POST", "/v1/sites/{site}/share", "share-site", "A read-only link to a site's page that needs no key and ends")
	op.Description = "The page is drawn without script. Whoever has the link sees the site's forecast and verdict, nothing else, until its end; a link cannot be taken back earlier, so keep its time short."
	register(s, op, surgecast.ScopeWrite, s.share)
}

func (s *Server) share(ctx context.Context, in *shareIn) (*shareOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	hours := in.Body.Hours
	if hours == 0 {
		hours = 24
	}
	until := s.c.Wall().UTC().Add(min(time.Duration(hours)*time.Hour, shareLongest)).Truncate(time.Second)
	return &shareOut{ShareBody{Path: "/s/" + s.seal.share(site, until), Until: until}}, nil
}

func (s *sessionSeal) share(site surgecast.Site, until time.Time) string {
	nonce := make([]byte, s.aead.NonceSize(), 128)
	if _, err := rand.Read(nonce); err != nil {
		panic("no randomness for a link: " + err.Error())
	}
	var plain []byte
	for _, x := range []uint64{uint64(site.AccountID), uint64(site.ID), uint64(until.Unix())} {
		plain = binary.BigEndian.AppendUint64(plain, x)
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(sharePurpose)))
}

func (s *sessionSeal) openShare(token string, now time.Time) (account, site int64, ok bool) {
	if len(token) > 256 {
		return 0, 0, false
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < s.aead.NonceSize() {
		return 0, 0, false
	}
	n := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, b[:n], b[n:], []byte(sharePurpose))
	if err != nil || len(plain) != 24 {
		return 0, 0, false
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(plain[8*i:])) }
	return at(0), at(1), now.Before(time.Unix(at(2), 0))
}

// sharedPage draws the page a link leads to.
func (s *Server) sharedPage(c *gin.Context) {
	account, id, ok := s.seal.openShare(c.Param("token"), s.c.Wall())
	st, known := s.memory.byID(id)
	if !ok || !known || st.site.AccountID != account {
		s.refuse(c, problem(http.StatusNotFound, codeNotFound, "this link does not work, or has ended", "Ask whoever sent it for a new one."))
		return
	}
	who := identity{account: account, scopes: []surgecast.Scope{surgecast.ScopeRead}, sites: []int64{id}, key: "share", name: "shared link"}
	c.Header("Referrer-Policy", "no-referrer")
	c.Header("X-Robots-Tag", "noindex")
	s.drawSite(c, who, st.site.Slug)
}
