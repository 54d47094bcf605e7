package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const webhookColumns = `id, account_id, url, sealed_url, format, types, sites, secrets, old_secret_until, disabled_at, disabled_why, enabled_at, created_at`

func scanWebhook(row pgx.CollectableRow) (surgecast.Webhook, error) {
	var w surgecast.Webhook
	var disabled, old, enabled *time.Time
	err := row.Scan(&w.ID, &w.AccountID, &w.URL, &w.SealedURL, &w.Format, &w.Types, &w.Sites, &w.Secrets, &old, &disabled, &w.DisabledWhy, &enabled, &w.CreatedAt)
	w.OldSecretUntil, w.DisabledAt, w.EnabledAt, w.CreatedAt = orZero(old), orZero(disabled), orZero(enabled), w.CreatedAt.UTC()
	return w, err
}

const createWebhookSQL = `
	INSERT INTO webhook (` + webhookColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, coalesce($13, now()))
	RETURNING ` + webhookColumns

// CreateWebhook adds an endpoint. Its secrets come encrypted. One endpoint too many is a LimitError.
func (s *Store) CreateWebhook(ctx context.Context, w surgecast.Webhook) (surgecast.Webhook, error) {
	if w.ID == "" {
		w.ID = surgecast.NewID("whk_")
	}
	w = withDefaults(w)
	var out surgecast.Webhook
	err := s.addWithin(ctx, boundOfWebhooks, func(tx pgx.Tx) (err error) {
		rows, _ := tx.Query(ctx, createWebhookSQL, w.ID, w.AccountID, w.URL, w.SealedURL, w.Format, orEmpty(w.Types), orEmpty(w.Sites), orEmpty(w.Secrets),
			orNull(w.OldSecretUntil), orNull(w.DisabledAt), text(w.DisabledWhy), orNull(w.EnabledAt), orNull(w.CreatedAt))
		out, err = pgx.CollectExactlyOneRow(rows, scanWebhook)
		return err
	}, w.AccountID)
	if sqlState(err) == uniqueViolation {
		return w, fmt.Errorf("webhook %s: %w", w.ID, surgecast.ErrExists)
	}
	if err != nil {
		return w, fmt.Errorf("creating webhook %s: %w", w.ID, err)
	}
	return out, nil
}

// withDefaults names the types of an endpoint that named none, where its format does not carry all.
func withDefaults(w surgecast.Webhook) surgecast.Webhook {
	if w.Format == "" {
		w.Format = surgecast.FormatStandard
	}
	if len(w.Types) == 0 {
		w.Types = w.Format.Types()
	}
	return w
}

const updateWebhookSQL = `
	UPDATE webhook SET url = $3, sealed_url = $4, format = $5, types = $6, sites = $7, disabled_at = $8, disabled_why = $9, enabled_at = $10
	WHERE account_id = $1 AND id = $2
	RETURNING ` + webhookColumns

// UpdateWebhook replaces everything but an endpoint's id, account, secrets (RotateWebhook) and creation.
func (s *Store) UpdateWebhook(ctx context.Context, w surgecast.Webhook) (surgecast.Webhook, error) {
	w = withDefaults(w)
	rows, _ := s.pool.Query(ctx, updateWebhookSQL, w.AccountID, w.ID, w.URL, w.SealedURL, w.Format, orEmpty(w.Types), orEmpty(w.Sites),
		orNull(w.DisabledAt), text(w.DisabledWhy), orNull(w.EnabledAt))
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

// rotateWebhookSQL puts a new secret in front. The one before it signs too until $5; NULL: no more.
const rotateWebhookSQL = `
	UPDATE webhook SET secrets = CASE WHEN $5::timestamptz IS NULL THEN ARRAY[$3::bytea] ELSE ARRAY[$3::bytea] || secrets[1:1] END, old_secret_until = $5
	WHERE  account_id = $1 AND id = $2 AND format <> $4 AND cardinality(secrets) > 0
	RETURNING ` + webhookColumns

// RotateWebhook gives a signed endpoint a new secret, which comes encrypted. The one before signs beside it
// until oldUntil; zero: no more from now on.
func (s *Store) RotateWebhook(ctx context.Context, account int64, id string, sealed []byte, oldUntil time.Time) (surgecast.Webhook, error) {
	rows, _ := s.pool.Query(ctx, rotateWebhookSQL, account, id, sealed, surgecast.FormatPagerDuty, orNull(oldUntil))
	w, err := pgx.CollectExactlyOneRow(rows, scanWebhook)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, fmt.Errorf("webhook %s: %w", id, surgecast.ErrNotFound)
	}
	if err != nil {
		return w, fmt.Errorf("rotating the secret of webhook %s: %w", id, err)
	}
	return w, nil
}

// DropOldSecrets forgets the second secrets whose time is over, and answers how many they were.
func (s *Store) DropOldSecrets(ctx context.Context, now time.Time) (int, error) {
	tag, err := s.pool.Exec(ctx, `UPDATE webhook SET secrets = secrets[1:1], old_secret_until = NULL WHERE old_secret_until <= $1`, now)
	if err != nil {
		return 0, fmt.Errorf("dropping old webhook secrets: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

const disableWebhookSQL = `
	UPDATE webhook SET disabled_at = $2, disabled_why = $3 WHERE id = $1 AND disabled_at IS NULL RETURNING ` + webhookColumns

// disableFailingSQL disables an endpoint whose oldest unheard message since it last heard one, or since a
// person enabled it, was made before $4.
const disableFailingSQL = `
	UPDATE webhook w SET disabled_at = $2, disabled_why = $3
	WHERE  id = $1 AND disabled_at IS NULL AND coalesce((
		SELECT min(d.created_at) FROM delivery d
		WHERE  d.webhook_id = w.id AND d.attempts > 0 AND d.status <> 'delivered'
		AND    d.created_at > GREATEST(w.enabled_at, (SELECT max(x.done_at) FROM delivery x WHERE x.webhook_id = w.id AND x.status = 'delivered'), '-infinity')
	) <= $4, false)
	RETURNING ` + webhookColumns

// DisableWebhook stops an endpoint that said it is gone; what was pending for it fails, and the account's
// other endpoints are told.
func (s *Store) DisableWebhook(ctx context.Context, id, why string, at time.Time) error {
	_, err := s.disable(ctx, disableWebhookSQL, id, why, at)
	return err
}

// DisableFailingWebhook does so when the endpoint has heard nothing since before the time given, although
// messages were tried all the while. It answers whether it did.
func (s *Store) DisableFailingWebhook(ctx context.Context, id, why string, at, since time.Time) (bool, error) {
	return s.disable(ctx, disableFailingSQL, id, why, at, since)
}

func (s *Store) disable(ctx context.Context, sql, id, why string, at time.Time, more ...any) (disabled bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, sql, append([]any{id, at, why}, more...)...)
		w, err := pgx.CollectExactlyOneRow(rows, scanWebhook)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // already, or not to be
		}
		if err != nil {
			return err
		}
		disabled = true
		if _, err := tx.Exec(ctx, `UPDATE delivery SET status = 'failed', done_at = $2 WHERE webhook_id = $1 AND status = 'pending'`, id, at); err != nil {
			return err
		}
		return s.saveMessages(ctx, tx, []surgecast.Message{{
			AccountID: w.AccountID, Type: surgecast.TypeWebhookDisabled, Timestamp: at,
			Data: map[string]any{"webhook_id": w.ID, "host": hostOf(w.URL), "format": w.Format, "reason": why, "disabled_at": at.UTC()},
		}}, at)
	})
	if err != nil {
		return false, fmt.Errorf("disabling webhook %s: %w", id, err)
	}
	return disabled, nil
}

// hostOf is what may be said of an address: a path may be a secret.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

const ackedSurgeSQL = `
	SELECT coalesce(site_id, 0), subject, segment, kind, state, opened_at, simulated FROM surge WHERE account_id = $1 AND id = $2`

// tellAck says that a person has taken an episode on: whoever is paged may stop waking others.
func (s *Store) tellAck(ctx context.Context, tx pgx.Tx, account int64, m surgecast.SurgeMark) error {
	var site int64
	var subject, segment, kind, state string
	var opened time.Time
	var simulated bool
	if err := tx.QueryRow(ctx, ackedSurgeSQL, account, m.SurgeID).Scan(&site, &subject, &segment, &kind, &state, &opened, &simulated); err != nil {
		return err
	}
	data := map[string]any{
		"surge_id": m.SurgeID, "kind": kind, "segment": segment, "state": state, "at": m.At.UTC(), "opened_at": opened.UTC(),
		"by": m.By, "headline": "Taken on by " + m.By + ".", "simulated": simulated,
	}
	where := "site"
	if site == 0 {
		where = "topic"
	}
	data[where] = subject
	return s.saveMessages(ctx, tx, []surgecast.Message{{
		AccountID: account, SiteID: site, SurgeID: m.SurgeID, Type: surgecast.TypeSurgeAcknowledged, Timestamp: m.At, Data: data,
	}}, m.At)
}
