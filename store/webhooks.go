package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const webhookColumns = `id, account_id, url, format, types, sites, secrets, disabled_at, created_at`

func scanWebhook(row pgx.CollectableRow) (surgecast.Webhook, error) {
	var w surgecast.Webhook
	var disabled *time.Time
	err := row.Scan(&w.ID, &w.AccountID, &w.URL, &w.Format, &w.Types, &w.Sites, &w.Secrets, &disabled, &w.CreatedAt)
	w.DisabledAt, w.CreatedAt = orZero(disabled), w.CreatedAt.UTC()
	return w, err
}

const createWebhookSQL = `
	INSERT INTO webhook (` + webhookColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, now()))
	RETURNING ` + webhookColumns

// CreateWebhook adds an endpoint. Its secrets come encrypted.
func (s *Store) CreateWebhook(ctx context.Context, w surgecast.Webhook) (surgecast.Webhook, error) {
	if w.ID == "" {
		w.ID = surgecast.NewID("whk_")
	}
	if w.Format == "" {
		w.Format = "standard"
	}
	rows, _ := s.pool.Query(ctx, createWebhookSQL, w.ID, w.AccountID, w.URL, w.Format, orEmpty(w.Types), orEmpty(w.Sites), orEmpty(w.Secrets),
		orNull(w.DisabledAt), orNull(w.CreatedAt))
	out, err := pgx.CollectExactlyOneRow(rows, scanWebhook)
	if sqlState(err) == uniqueViolation {
		return w, fmt.Errorf("webhook %s: %w", w.ID, surgecast.ErrExists)
	}
	if err != nil {
		return w, fmt.Errorf("creating webhook %s: %w", w.ID, err)
	}
	return out, nil
}

const updateWebhookSQL = `
	UPDATE webhook SET url = $3, format = $4, types = $5, sites = $6, secrets = $7, disabled_at = $8
	WHERE account_id = $1 AND id = $2
	RETURNING ` + webhookColumns

// UpdateWebhook replaces everything but an endpoint's id, account and creation.
func (s *Store) UpdateWebhook(ctx context.Context, w surgecast.Webhook) (surgecast.Webhook, error) {
	rows, _ := s.pool.Query(ctx, updateWebhookSQL, w.AccountID, w.ID, w.URL, w.Format, orEmpty(w.Types), orEmpty(w.Sites), orEmpty(w.Secrets), orNull(w.DisabledAt))
	out, err := pgx.CollectExactlyOneRow(rows, scanWebhook)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, fmt.Errorf("webhook %s: %w", w.ID, surgecast.ErrNotFound)
	}
	if err != nil {
		return w, fmt.Errorf("updating webhook %s: %w", w.ID, err)
	}
	return out, nil
}

// WebhookByID finds an endpoint of the account.
func (s *Store) WebhookByID(ctx context.Context, account int64, id string) (surgecast.Webhook, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+webhookColumns+` FROM webhook WHERE account_id = $1 AND id = $2`, account, id)
	w, err := pgx.CollectExactlyOneRow(rows, scanWebhook)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, fmt.Errorf("webhook %s: %w", id, surgecast.ErrNotFound)
	}
	if err != nil {
		return w, fmt.Errorf("looking up webhook %s: %w", id, err)
	}
	return w, nil
}

// Webhooks lists an account's endpoints, oldest first.
func (s *Store) Webhooks(ctx context.Context, account int64, p surgecast.Page) ([]surgecast.Webhook, string, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+webhookColumns+` FROM webhook WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT $3`, account, p.After, limit(p)+1)
	ws, err := pgx.CollectRows(rows, scanWebhook)
	if err != nil {
		return nil, "", fmt.Errorf("listing webhooks: %w", err)
	}
	ws, next := part(ws, p, func(w surgecast.Webhook) string { return w.ID })
	return ws, next, nil
}

// DeleteWebhook forgets an endpoint and its log.
func (s *Store) DeleteWebhook(ctx context.Context, account int64, id string) error {
	tag, err := s.pool.Exec(ctx, `DELETE FROM webhook WHERE account_id = $1 AND id = $2`, account, id)
	if err != nil {
		return fmt.Errorf("deleting webhook %s: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("webhook %s: %w", id, surgecast.ErrNotFound)
	}
	return nil
}

// DisableWebhook stops an endpoint that said it is gone; what was pending for it fails.
func (s *Store) DisableWebhook(ctx context.Context, id string, at time.Time) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE webhook SET disabled_at = coalesce(disabled_at, $2) WHERE id = $1`, id, at); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE delivery SET status = 'failed', done_at = $2 WHERE webhook_id = $1 AND status = 'pending'`, id, at)
		return err
	})
	if err != nil {
		return fmt.Errorf("disabling webhook %s: %w", id, err)
	}
	return nil
}
