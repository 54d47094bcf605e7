package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"surgecast"
)

// Pushes may be signed as Standard Webhooks signs (1.0.0) instead of carrying a key: the address names the
// sender (?sender=psh_…), webhook-id and webhook-timestamp the message, and webhook-signature is an HMAC of
// both and of the rows as they are before any compression.
const (
	signatureHeader   = standardwebhooks.HeaderWebhookSignature
	timestampHeader   = standardwebhooks.HeaderWebhookTimestamp
	messageHeader     = standardwebhooks.HeaderWebhookID
	pushTolerance     = 5 * time.Minute
	codeBadSignature  = "signature_not_valid"
	maxMessageID      = 200
	signatureScheme   = "signature"
	signatureAdvice   = "Sign webhook-id.webhook-timestamp.body with the secret of the sender the address names; see docs/feeds.md."
	signatureStandard = "Standard Webhooks: HMAC-SHA256 of `webhook-id.webhook-timestamp.body` with the secret of the sender that ?sender= names, at most 5 minutes old"
)

var senderID = regexp.MustCompile(`^psh_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// PushSenders is what the API needs of the store to take signed messages.
type PushSenders interface {
	CreatePushSender(ctx context.Context, p surgecast.PushSender) (surgecast.PushSender, error)
	RotatePushSender(ctx context.Context, account int64, id string, sealed []byte, keepOld bool, at time.Time) (surgecast.PushSender, error)
	DropOldPushSecret(ctx context.Context, account int64, id string) (surgecast.PushSender, error)
	PushSenderByID(ctx context.Context, id string) (surgecast.PushSender, error)
	PushSenders(ctx context.Context, account int64, p surgecast.Page) ([]surgecast.PushSender, string, error)
	DeletePushSender(ctx context.Context, account int64, id string) error
}

// signedPush reports whether a request asks to be let in by its signature. A key beats it.
func (s *Server) signedPush(c *gin.Context) bool {
	return s.isPush(c.FullPath()) && c.GetHeader(signatureHeader) != "" && keyOf(c.Request) == ""
}

// identifySender lets a signed message in. What can be refused without reading the body is.
func (s *Server) identifySender(c *gin.Context) (identity, *Problem) {
	r := c.Request
	if s.c.Senders == nil || s.c.OpenSecret == nil {
		return identity{}, badSignature(signatureHeader, "signed messages are not taken here", "Send a key: Authorization: Bearer ….")
	}
	id := r.URL.Query().Get("sender")
	if !senderID.MatchString(id) {
		return identity{}, badSignature("sender", "the address names no sender", "Add ?sender=psh_… as POST /v1/senders gave it.")
	}
	if n := len(r.Header.Get(messageHeader)); n == 0 || n > maxMessageID {
		return identity{}, badSignature(messageHeader, "the message has no id, or one of more than 200 characters", "Send webhook-id: the same for every attempt of a message, another for every message.")
	}
	unix, err := strconv.ParseInt(r.Header.Get(timestampHeader), 10, 64)
	if err != nil {
		return identity{}, badSignature(timestampHeader, "not a Unix time in seconds", "Send webhook-timestamp: when this attempt was signed.")
	}
	if age := s.c.Wall().Sub(time.Unix(unix, 0)); age > pushTolerance || age < -pushTolerance {
		return identity{}, badSignature(timestampHeader, fmt.Sprintf("signed more than 5 minutes from now; it is %s here", s.c.Wall().UTC().Format(time.RFC3339)), "Check the sender's clock, and sign anew for every attempt.")
	}
	sender, secrets, err := s.senders.find(r.Context(), id)
	if errors.Is(err, surgecast.ErrNotFound) {
		return identity{}, badSignature(signatureHeader, "the signature is not valid", signatureAdvice) // not a word on whether the sender exists
	}
	if err != nil {
		return identity{}, problemOf(err)
	}
	raw, p := readBounded(c.Writer, r, s.c.MaxPushBytes)
	if p != nil {
		return identity{}, p
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	r.Header.Del("Content-Encoding")
	for _, secret := range secrets { // two while a sender changes its secret
		w, err := standardwebhooks.NewWebhookRaw(secret)
		// The time was compared above, with our clock. The comparison of signatures takes constant time.
		if err == nil && w.VerifyIgnoringTimestamp(raw, r.Header) == nil {
			return identity{account: sender.AccountID, scopes: []surgecast.Scope{surgecast.ScopeWrite}, sites: sender.Sites, key: sender.ID, name: sender.Name, source: sender.Source, signed: true}, nil
		}
	}
	return identity{}, badSignature(signatureHeader, "the signature is not valid", signatureAdvice)
}

func badSignature(field, detail, remedy string) *Problem {
	p := problem(http.StatusUnauthorized, codeBadSignature, detail, remedy).with("WWW-Authenticate", `Bearer realm="surgecast"`)
	p.Field = field
	return p
}

// mayCount refuses mentions of a key or sender that is bound to sites, unless the sender is bound to a
// source as well.
func (w identity) mayCount() *Problem {
	if w.source != "" {
		return nil
	}
	return w.bound()
}

// mayPushTraffic refuses traffic of a sender that was made for a source only.
func (w identity) mayPushTraffic() *Problem {
	if w.source == "" || len(w.sites) > 0 {
		return nil
	}
	return problem(http.StatusForbidden, codeKeyBound, "this sender counts mentions of one source, and this is traffic", "Make a sender for the site with POST /v1/senders.")
}

// senderCache remembers senders and their opened secrets for 30 s, and ids nobody has too, so that
// guessing costs no queries.
type senderCache struct {
	store PushSenders
	open  func([]byte) ([]byte, error)
	wall  surgecast.Clock

	mu  sync.Mutex
	all map[string]cachedSender
}

type cachedSender struct {
	sender  surgecast.PushSender
	secrets [][]byte
	err     error
	at      time.Time
}

const mostSenders = 1024

func newSenderCache(c Config) *senderCache {
	return &senderCache{store: c.Senders, open: c.OpenSecret, wall: c.Wall, all: map[string]cachedSender{}}
}

func (k *senderCache) find(ctx context.Context, id string) (surgecast.PushSender, [][]byte, error) {
	now := k.wall()
	k.mu.Lock()
	c, ok := k.all[id]
	k.mu.Unlock()
	if ok && now.Sub(c.at) < keyFor {
		return c.sender, c.secrets, c.err
	}
	sender, err := k.store.PushSenderByID(ctx, id)
	if err != nil && !errors.Is(err, surgecast.ErrNotFound) {
		return sender, nil, fmt.Errorf("reading push sender %s: %w", id, err)
	}
	c = cachedSender{sender: sender, err: err, at: now}
	if err == nil {
		for _, sealed := range sender.Secrets {
			secret, err := k.open(sealed)
			if err != nil {
				return sender, nil, fmt.Errorf("opening a secret of push sender %s: %w", id, err)
			}
			c.secrets = append(c.secrets, secret)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) >= mostSenders {
		for old := range k.all { // any one: under attack they are all alike
			delete(k.all, old)
			break
		}
	}
	k.all[id] = c
	return c.sender, c.secrets, c.err
}

// forget makes a changed sender count at once in this process; others follow within 30 s.
func (k *senderCache) forget(id string) {
	k.mu.Lock()
	delete(k.all, id)
	k.mu.Unlock()
}
