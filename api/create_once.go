package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"surgecast"
)

const (
	onceHeader = "Idempotency-Key"
	maxOnceKey = 200
	// mostMade bounds what is remembered of creations: their answers are larger than those of pushes.
	mostMade = 1000
)

// onceKey holds the Idempotency-Key in the request's context.
type onceKey struct{}

// registerMaking adds a route that makes a thing. A sender that got no answer repeats with the same Idempotency-Key,
// and gets the answer of the first time instead of a second thing; with another body the key is refused
// (draft-ietf-httpapi-idempotency-key-header).
func registerMaking[I, O any](s *Server, op huma.Operation, need surgecast.Scope, h func(context.Context, *I) (*O, error)) {
	op.DefaultStatus = http.StatusCreated
	most := maxOnceKey
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: onceHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &most},
		Description: "Repeating a request with the same key and body makes nothing again and gets the same answer, for a day, from the same process and to the same caller. With another body: 422; while the first is at work: 409",
	})
	register(s, op, need, func(ctx context.Context, in *I) (*O, error) {
		key, _ := ctx.Value(onceKey{}).(string)
		if key == "" {
			return h(ctx, in)
		}
		if len(key) > maxOnceKey || !printable(key) {
			return nil, invalid(onceHeader, "longer than 200 bytes, or not UTF-8", "Send a short random key, for example a UUID.")
		}
		said, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("remembering %s: %w", op.OperationID, err)
		}
		sum := sha256.Sum256(said)
		name := caller(ctx).onceName(op.OperationID, key)
		before, done, err := s.made.begin(name)
		if err != nil {
			return nil, err
		}
		if done == nil {
			if before.sum != sum {
				return nil, keyReused()
			}
			return before.answer.(*O), nil //nolint:forcetypeassert // the name has the operation in it
		}
		defer done()
		out, err := h(ctx, in)
		if err == nil {
			s.made.keep(name, replay{sum: sum, answer: out})
		}
		return out, err
	})
}

// onceName is under which an answer is remembered. It is the caller's own: a key bound to one site must not be handed
// what another key of the account was told, nor a secret that was shown to somebody else once.
func (w identity) onceName(operation, key string) string {
	return strconv.FormatInt(w.account, 10) + ":" + w.key + ":" + operation + ":" + key
}

func keyReused() *Problem {
	return fieldProblem(onceHeader, codeKeyReused, "this Idempotency-Key was used with another body", "Use a new key for what is new.")
}

func keyInUse() *Problem {
	p := problem(http.StatusConflict, codeKeyInUse, "the first request with this Idempotency-Key is still at work", "Repeat it in a second: it then gets the first one's answer.").with("Retry-After", "1")
	p.Field = onceHeader
	return p
}

// mostOf says in the specification how many of something an account may have.
func mostOf(n int, what string) string {
	return fmt.Sprintf("An account has at most %d %s: one more is 409 limit_reached.", n, what)
}
