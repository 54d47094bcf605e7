package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

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

// AccountIDs is every account, by id.
func (s *Store) AccountIDs(ctx context.Context) ([]int64, error) {
	rows, _ := s.pool.Query(ctx, `SELECT id FROM account ORDER BY id`)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	return ids, nil
}
