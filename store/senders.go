package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const senderColumns = `id, account_id, name, source, sites, secrets, created_at, rotated_at`

func scanSender(row pgx.CollectableRow) (surgecast.PushSender, error) {
	var p surgecast.PushSender
	var rotated *time.Time
	err := row.Scan(&p.ID, &p.AccountID, &p.Name, &p.Source, &p.Sites, &p.Secrets, &p.CreatedAt, &rotated)
	p.CreatedAt, p.RotatedAt = p.CreatedAt.UTC(), orZero(rotated)
	return p, err
}

// CreatePushSender adds a sender. Its secrets come encrypted. One sender too many is a LimitError.
func (s *Store) CreatePushSender(ctx context.Context, p surgecast.PushSender) (surgecast.PushSender, error) {
	if p.ID == "" {
		p.ID = surgecast.NewID("psh_")
	}
	err := s.addWithin(ctx, boundOfSenders, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO push_sender (`+senderColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			p.ID, p.AccountID, p.Name, p.Source, orEmpty(p.Sites), orEmpty(p.Secrets), p.CreatedAt, orNull(p.RotatedAt))
		return err
	}, p.AccountID)
	if sqlState(err) == uniqueViolation {
		return p, fmt.Errorf("push sender %s: %w", p.ID, surgecast.ErrExists)
	}
	if err != nil {
		return p, fmt.Errorf("creating push sender %s: %w", p.Name, err)
	}
	return p, nil
}

// rotateSenderSQL puts a new secret in front and keeps the one before it: whoever still signs with that
// is heard until the next rotation.
const rotateSenderSQL = `
	UPDATE push_sender SET secrets = CASE WHEN $4 THEN ARRAY[$3::bytea, secrets[1]] ELSE ARRAY[$3::bytea] END, rotated_at = $5
	WHERE  account_id = $1 AND id = $2
	RETURNING ` + senderColumns

// RotatePushSender gives a sender a new secret. With keepOld the newest of its old ones stays valid too.
func (s *Store) RotatePushSender(ctx context.Context, account int64, id string, sealed []byte, keepOld bool, at time.Time) (surgecast.PushSender, error) {
	rows, _ := s.pool.Query(ctx, rotateSenderSQL, account, id, sealed, keepOld, at)
	return oneSender(rows, id)
}

// DropOldPushSecret ends a rotation: only the newest secret of a sender stays valid.
func (s *Store) DropOldPushSecret(ctx context.Context, account int64, id string) (surgecast.PushSender, error) {
	rows, _ := s.pool.Query(ctx, `UPDATE push_sender SET secrets = secrets[1:1] WHERE account_id = $1 AND id = $2 RETURNING `+senderColumns, account, id)
	return oneSender(rows, id)
}

// PushSenderByID finds the sender a message names, of whatever account: its signature decides.
func (s *Store) PushSenderByID(ctx context.Context, id string) (surgecast.PushSender, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+senderColumns+` FROM push_sender WHERE id = $1`, id)
	return oneSender(rows, id)
}

func oneSender(rows pgx.Rows, id string) (surgecast.PushSender, error) {
	p, err := pgx.CollectExactlyOneRow(rows, scanSender)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, fmt.Errorf("push sender %s: %w", id, surgecast.ErrNotFound)
	}
	if err != nil {
		return p, fmt.Errorf("push sender %s: %w", id, err)
	}
	return p, nil
}

// PushSenders lists an account's senders, oldest first.
func (s *Store) PushSenders(ctx context.Context, account int64, p surgecast.Page) ([]surgecast.PushSender, string, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+senderColumns+` FROM push_sender WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT $3`, account, p.After, limit(p)+1)
	ps, err := pgx.CollectRows(rows, scanSender)
	if err != nil {
		return nil, "", fmt.Errorf("listing push senders: %w", err)
	}
	ps, next := part(ps, p, func(p surgecast.PushSender) string { return p.ID })
	return ps, next, nil
}

// DeletePushSender ends a sender: what it signs is refused from now on.
func (s *Store) DeletePushSender(ctx context.Context, account int64, id string) error {
	tag, err := s.pool.Exec(ctx, `DELETE FROM push_sender WHERE account_id = $1 AND id = $2`, account, id)
	if err != nil {
		return fmt.Errorf("deleting push sender %s: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("push sender %s: %w", id, surgecast.ErrNotFound)
	}
	return nil
}
