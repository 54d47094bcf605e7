package notify

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// A secret is 24 to 64 random bytes, shown to its owner once as whsec_ and base64 (Standard Webhooks 1.0.0).
const (
	secretPrefix = "whsec_"
	secretMin    = 24
	secretMax    = 64
	secretNew    = 32
)

// ErrSecret says that a text is not a webhook secret. The text itself is never repeated.
var ErrSecret = errors.New("not a webhook secret: want whsec_ and the base64 of 24 to 64 random bytes")

// NewSecret makes a secret.
func NewSecret() []byte {
	b := make([]byte, secretNew)
	if _, err := rand.Read(b); err != nil {
		panic(fmt.Sprintf("no randomness for a secret: %v", err))
	}
	return b
}

// FormatSecret writes a secret the way its owner is shown it.
func FormatSecret(secret []byte) string {
	return secretPrefix + base64.StdEncoding.EncodeToString(secret)
}

// ParseSecret reads what FormatSecret wrote; the prefix may be missing.
func ParseSecret(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(s), secretPrefix))
	if err != nil || len(b) < secretMin || len(b) > secretMax { // err would repeat bytes of the secret
		return nil, ErrSecret
	}
	return b, nil
}

// Sign makes the webhook-signature header: one signature of "id.timestamp.body" for each secret,
// separated by spaces. While a secret is rotated there are two, and a receiver that knows either is
// content. Receivers allow 5 minutes between timestamp and their clock: sign again for every attempt.
func Sign(secrets [][]byte, id string, at time.Time, body []byte) (string, error) {
	if len(secrets) == 0 {
		return "", errors.New("sign a message: the endpoint has no secret")
	}
	var signatures []string
	for _, secret := range secrets {
		w, err := standardwebhooks.NewWebhookRaw(secret)
		if err != nil {
			return "", errors.New("sign a message: the endpoint's secret is unusable")
		}
		s, err := w.Sign(id, at, body)
		if err != nil {
			return "", fmt.Errorf("sign a message: %w", err)
		}
		signatures = append(signatures, s)
	}
	return strings.Join(signatures, " "), nil
}
