package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const keyColumns = `id, account_id, name, prefix, scopes, sites, created_at, last_used_at`

func scanKey(row pgx.CollectableRow) (surgecast.Key, error) {
	var k surgecast.Key
	var used *time.Time
	err := row.Scan(&k.ID, &k.AccountID, &k.Name, &k.Prefix, &k.Scopes, &k.Sites, &k.CreatedAt, &used)
	k.CreatedAt, k.LastUsedAt = k.CreatedAt.UTC(), orZero(used)
	return k, err
}

const createKeySQL = `
	INSERT INTO api_key (id, account_id, name, prefix, sha256, scopes, sites, created_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce($8, now()))
	RETURNING created_at`

// CreateKey stores a key by its hash; the key itself is not kept. One key too many is a LimitError.
func (s *Store) CreateKey(ctx context.Context, k surgecast.Key, sha256 [32]byte) (surgecast.Key, error) {
	if k.ID == "" {
		k.ID = surgecast.NewID("key_")
	}
	err := s.addWithin(ctx, boundOfKeys, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, createKeySQL, k.ID, k.AccountID, k.Name, k.Prefix, sha256[:],
			orEmpty(k.Scopes), orEmpty(k.Sites), orNull(k.CreatedAt)).Scan(&k.CreatedAt)
	}, k.AccountID)
	if sqlState(err) == uniqueViolation {
		return k, fmt.Errorf("key %s: %w", k.Name, surgecast.ErrExists)
	}
	if err != nil {
		return k, fmt.Errorf("creating key %s: %w", k.Name, err)
	}
	k.CreatedAt = k.CreatedAt.UTC()
	return k, nil
}

// KeyByHash finds the key a caller showed, of whatever account.
func (s *Store) KeyByHash(ctx context.Context, sha256 [32]byte) (surgecast.Key, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+keyColumns+` FROM api_key WHERE sha256 = $1`, sha256[:])
	k, err := pgx.CollectExactlyOneRow(rows, scanKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return k, fmt.Errorf("key: %w", surgecast.ErrNotFound)
	}
	if err != nil {
		return k, fmt.Errorf("looking up a key: %w", err)
	}
	return k, nil
}

// KeyUsed notes when a key was last used.
func (s *Store) KeyUsed(ctx context.Context, id string, at time.Time) error {
	if _, err := s.pool.Exec(ctx, `UPDATE api_key SET last_used_at = $2 WHERE id = $1`, id, at); err != nil {
		return fmt.Errorf("noting the use of key %s: %w", id, err)
	}
	return nil
}

// Keys lists an account's keys, oldest first.
func (s *Store) Keys(ctx context.Context, account int64, p surgecast.Page) ([]surgecast.Key, string, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+keyColumns+` FROM api_key WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
		account, p.After, limit(p)+1)
	ks, err := pgx.CollectRows(rows, scanKey)
	if err != nil {
		return nil, "", fmt.Errorf("listing keys: %w", err)
	}
	ks, next := part(ks, p, func(k surgecast.Key) string { return k.ID })
	return ks, next, nil
}

// DeleteKey revokes a key.
func (s *Store) DeleteKey(ctx context.Context, account int64, id string) error {
	tag, err := s.pool.Exec(ctx, `DELETE FROM api_key WHERE account_id = $1 AND id = $2`, account, id)
	if err != nil {
		return fmt.Errorf("deleting key %s: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("key %s: %w", id, surgecast.ErrNotFound)
	}
	return nil
}
