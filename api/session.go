package api

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	sessionCookie = "surgecast_session"
	sessionPath   = "/v1/session"
	loginPath     = "/login"
	sessionFor    = 12 * time.Hour
)

// sessionSeal makes and reads session cookies. A cookie is the key's SHA-256 and an end, encrypted and
// authenticated: nothing is stored, every api process with the same seal reads it, and deleting the key
// ends its sessions.
type sessionSeal struct{ aead cipher.AEAD }

func newSessionSeal(key []byte) *sessionSeal {
	block, err := aes.NewCipher(key)
	if err != nil { // New made sure of 32 bytes
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return &sessionSeal{aead}
}

func (s *sessionSeal) make(sum [32]byte, until time.Time) string {
	nonce := make([]byte, s.aead.NonceSize(), 128)
	if _, err := rand.Read(nonce); err != nil {
		panic("no randomness for a session: " + err.Error())
	}
	plain := binary.BigEndian.AppendUint64(sum[:], uint64(until.Unix()))
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, nil))
}

func (s *sessionSeal) open(cookie string, now time.Time) (sum [32]byte, ok bool) {
	if len(cookie) > 256 {
		return sum, false
	}
	b, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil || len(b) < s.aead.NonceSize() {
		return sum, false
	}
	n := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, b[:n], b[n:], nil)
	if err != nil || len(plain) != 40 {
		return sum, false
	}
	copy(sum[:], plain)
	return sum, now.Before(time.Unix(int64(binary.BigEndian.Uint64(plain[32:])), 0))
}

func (s *Server) cookie(value string, age time.Duration, secure bool) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure follows the connection: keyless loopback speaks plain HTTP
		Name: sessionCookie, Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure || s.c.SecureCookie,
	}
}

type sessionIn struct {
	Body struct {
		Key string `json:"key" minLength:"8" maxLength:"200" doc:"An API key. It is exchanged for a cookie and not kept."`
	}
}

type sessionOut struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      sessionBody
}

type sessionBody struct {
	Until time.Time `json:"until" doc:"When the session ends"`
}

func (s *Server) openSession(ctx context.Context, in *sessionIn) (*sessionOut, error) {
	sum := sha256.Sum256([]byte(in.Body.Key))
	if _, p := s.identifyKey(ctx, sum); p != nil {
		p.Field = "key"
		return nil, p
	}
	until := s.c.Wall().Add(sessionFor).UTC().Truncate(time.Second)
	return &sessionOut{SetCookie: *s.cookie(s.seal.make(sum, until), sessionFor, overTLS(ctx)), Body: sessionBody{Until: until}}, nil
}

type closedOut struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *Server) closeSession(ctx context.Context, _ *struct{}) (*closedOut, error) {
	return &closedOut{SetCookie: *s.cookie("", -time.Second, overTLS(ctx))}, nil // a negative age ends it
}

// login is the same exchange for a browser without script: a form, a cookie, a page.
func (s *Server) login(c *gin.Context) {
	sum := sha256.Sum256([]byte(c.PostForm("key")))
	if _, p := s.identifyKey(c.Request.Context(), sum); p != nil {
		_ = s.sign(c.Request.Context(), p)
		s.loginPage(c, http.StatusUnauthorized, "This key is not valid. Reference "+p.Reference+".")
		return
	}
	until := s.c.Wall().Add(sessionFor)
	http.SetCookie(c.Writer, s.cookie(s.seal.make(sum, until), sessionFor, c.Request.TLS != nil))
	c.Redirect(http.StatusSeeOther, "/?plain=1")
}

type tlsKey struct{}

func overTLS(ctx context.Context) bool { return ctx.Value(tlsKey{}) != nil }
