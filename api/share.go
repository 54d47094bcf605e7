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
	URL   string    `json:"url" doc:"The whole address, as this request reached the service"`
	Image string    `json:"image" doc:"Address of the verdict as a picture, under the same link"`
	Note  string    `json:"note" doc:"What to send to whoever hosts the site: what is coming, how much, by when, and the link"`
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
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	hours := in.Body.Hours
	if hours == 0 {
		hours = 24
	}
	until := s.c.Wall().UTC().Add(min(time.Duration(hours)*time.Hour, shareLongest)).Truncate(time.Second)
	b := ShareBody{Path: "/s/" + s.seal.share(st.site, until), Until: until}
	b.URL = baseOf(ctx) + b.Path
	b.Image = b.URL + cardName
	if s.c.SayNote != nil {
		now, f := s.now(), st.total()
		b.Note = s.c.SayNote(st.site, f, s.verdict(st, f, now), now, b.URL, until)
	}
	return &shareOut{b}, nil
}

const cardName = "/card.png"

// baseKey holds the scheme and host a request was sent to.
type baseKey struct{}

func baseOf(ctx context.Context) string {
	base, _ := ctx.Value(baseKey{}).(string)
	return base
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

func (s *sessionSeal) openShare(token string, now time.Time) (account, site int64, until time.Time, ok bool) {
	if len(token) > 256 {
		return 0, 0, until, false
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < s.aead.NonceSize() {
		return 0, 0, until, false
	}
	n := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, b[:n], b[n:], []byte(sharePurpose))
	if err != nil || len(plain) != 24 {
		return 0, 0, until, false
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(plain[8*i:])) }
	until = time.Unix(at(2), 0).UTC()
	return at(0), at(1), until, now.Before(until)
}

// sharedPage draws the page a link leads to.
func (s *Server) sharedPage(c *gin.Context) {
	who, site, until, ok := s.openedShare(c)
	if !ok {
		return
	}
	url := baseOf(c.Request.Context()) + "/s/" + c.Param("token")
	s.drawSite(c, who, site.Slug, &sharedDoc{URL: url, Image: url + cardName, Until: until})
}

// openedShare is who a link lets in and to which site; a link that does not work is refused here.
func (s *Server) openedShare(c *gin.Context) (identity, surgecast.Site, time.Time, bool) {
	account, id, until, ok := s.seal.openShare(c.Param("token"), s.c.Wall())
	st, known := s.memory.byID(id)
	if !ok || !known || st.site.AccountID != account {
		s.refuse(c, problem(http.StatusNotFound, codeNotFound, "this link does not work, or has ended", "Ask whoever sent it for a new one."))
		return identity{}, surgecast.Site{}, until, false
	}
	c.Header("Referrer-Policy", "no-referrer")
	c.Header("X-Robots-Tag", "noindex")
	return identity{account: account, scopes: []surgecast.Scope{surgecast.ScopeRead}, sites: []int64{id}, key: "share", name: "shared link"}, st.site, until, true
}
