package notify

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"surgecast"
)

// request is one attempt, ready to be posted.
type request struct {
	url    string
	header http.Header
	body   []byte
	shape  shape
	hide   []string // secrets the receiver is told: its answer may repeat them, the log may not
}

// request writes the message in the endpoint's format and signs it for this attempt.
func (n *Notifier) request(d surgecast.Delivery, w surgecast.Webhook) (request, error) {
	s, err := shapeOf(w.Format)
	if err != nil {
		return request{}, err
	}
	e, err := readEvent(d)
	if err != nil {
		return request{}, err
	}
	if !w.Format.Carries(d.Type) {
		return request{}, fmt.Errorf("%s has no shape for %s", w.Format, d.Type)
	}
	secrets, err := n.secrets(w)
	if err != nil {
		return request{}, err
	}
	r := request{url: w.URL, header: http.Header{}, shape: s}
	if len(w.SealedURL) > 0 {
		plain, err := Open(n.key, w.SealedURL)
		if err != nil {
			return request{}, err
		}
		r.url = string(plain)
	}
	r.hide = secretParts(r.url)
	routing := ""
	if w.Format == surgecast.FormatPagerDuty && len(secrets) > 0 {
		routing = string(secrets[0])
		r.hide = append(r.hide, routing)
	}
	if r.body, err = s.body(n, e, routing); err != nil {
		return request{}, err
	}
	r.header.Set("Content-Type", s.contentType)
	r.header.Set("User-Agent", "Surgecast-Webhooks/1")
	r.header.Set(standardwebhooks.HeaderWebhookID, d.ID)
	if !w.Format.Signed() && w.Format != "" {
		return r, nil
	}
	at := n.wall()
	signature, err := Sign(secrets, d.ID, at, r.body)
	if err != nil {
		return request{}, err
	}
	r.header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	r.header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return r, nil
}

// secrets opens what signs: the newest secret, and the one before it while its time lasts.
func (n *Notifier) secrets(w surgecast.Webhook) ([][]byte, error) {
	var all [][]byte
	for i, sealed := range w.Secrets {
		if i > 0 && !w.OldSecretUntil.IsZero() && !n.clock().Before(w.OldSecretUntil) {
			break
		}
		s, err := Open(n.key, sealed)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// secretParts are the pieces of an address an answer must not bring into the log: what it is asked with,
// and every long piece of its path, which is where such services keep their tokens.
func secretParts(address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	var parts []string
	if u.RawQuery != "" {
		parts = append(parts, u.RawQuery)
		for _, values := range u.Query() {
			for _, v := range values {
				if len(v) >= shortestToken {
					parts = append(parts, v)
				}
			}
		}
	}
	if u.User != nil {
		parts = append(parts, u.User.String())
		if p, ok := u.User.Password(); ok && len(p) >= shortestToken {
			parts = append(parts, p)
		}
	}
	for p := range strings.SplitSeq(u.Path, "/") {
		if len(p) >= shortestToken {
			parts = append(parts, p)
		}
	}
	return parts
}

// shortestToken is the length from which a piece of an address may be a secret; shorter ones are words.
const shortestToken = 8

// redact takes secrets out of an answer.
func redact(s string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[redacted]")
		}
	}
	return s
}
