package api

import (
	"context"
	"crypto/sha256"
)

// once answers a repeated request as the first time, without writing again. The upserts are safe to repeat anyway, in another process or after a restart; what the memory adds
// is the same answer, and that a key with another body is found out: it would be a sender that numbers two
// messages alike.
func (s *Server) once(ctx context.Context, route, key string, body []byte, do func() (PushBody, error)) (*pushOut, error) {
	who := caller(ctx)
	if key == "" {
		b, err := do()
		if err != nil {
			return nil, err
		}
		return &pushOut{b}, nil
	}
	name := who.onceName(route, key)
	sum := sha256.Sum256(body)
	before, done, err := s.replays.begin(name)
	if err != nil {
		return nil, err
	}
	if done == nil {
		if before.sum != sum {
			return nil, keyReused()
		}
		return &pushOut{before.answer.(PushBody)}, nil //nolint:forcetypeassert // pushes keep nothing else here
	}
	defer done() // also when it failed: a repetition then tries again
	b, err := do()
	if err != nil {
		return nil, err
	}
	s.replays.keep(name, replay{sum: sum, answer: b})
	return &pushOut{b}, nil
}

// pushKey is the key of repetition of a message: its own, or the webhook-id of one that is signed, which by
// its standard is the same for every attempt.
func pushKey(ctx context.Context, idempotency, webhookID string) string {
	if idempotency == "" && caller(ctx).signed {
		return webhookID
	}
	return idempotency
}
