package store

import (
	"context"
	"fmt"

	"surgecast"
)

// CreateAccount adds an account; the first one is there from the beginning.
func (s *Store) CreateAccount(ctx context.Context, a surgecast.Account) (surgecast.Account, error) {
	err := s.pool.QueryRow(ctx, `INSERT INTO account (slug, name) VALUES ($1, $2) RETURNING id`, a.Slug, a.Name).Scan(&a.ID)
	if sqlState(err) == uniqueViolation {
		return a, fmt.Errorf("account %s: %w", a.Slug, surgecast.ErrExists)
	}
	if err != nil {
		return a, fmt.Errorf("creating account %s: %w", a.Slug, err)
	}
	return a, nil
}
