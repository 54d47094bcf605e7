package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const topicColumns = `t.id, t.account_id, t.slug, t.name, r.any_of, r.and_of, r.none_of, t.revision, r.since, t.simulated, t.created_at, t.updated_at`

const topicFrom = ` FROM topic t JOIN topic_revision r ON r.topic_id = t.id AND r.revision = t.revision`

func scanTopic(row pgx.CollectableRow) (surgecast.Topic, error) {
	var t surgecast.Topic
	err := row.Scan(&t.ID, &t.AccountID, &t.Slug, &t.Name, &t.Any, &t.And, &t.Not, &t.Revision, &t.Since, &t.Simulated, &t.CreatedAt, &t.UpdatedAt)
	t.Since, t.CreatedAt, t.UpdatedAt = t.Since.UTC(), t.CreatedAt.UTC(), t.UpdatedAt.UTC()
	return t, err
}

const createTopicSQL = `
	INSERT INTO topic (account_id, slug, name, revision, simulated, created_at, updated_at)
	VALUES ($1, $2, $3, 1, $4, coalesce($5, now()), coalesce($5, now()))
	RETURNING id, created_at`

const startRevisionSQL = `
	INSERT INTO topic_revision (topic_id, revision, any_of, and_of, none_of, since)
	VALUES ($1, $2, $3, $4, $5, $6)`

// CreateTopic adds a topic with its first revision, counted from t.Since on (zero: from its creation). A slug in use is
// ErrExists, one topic too many a LimitError.
func (s *Store) CreateTopic(ctx context.Context, t surgecast.Topic) (surgecast.Topic, error) {
	err := s.addWithin(ctx, boundOfTopics, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, createTopicSQL, t.AccountID, t.Slug, t.Name, t.Simulated, orNull(t.CreatedAt)).Scan(&t.ID, &t.CreatedAt); err != nil {
			return err
		}
		t.Revision, t.CreatedAt = 1, t.CreatedAt.UTC()
		t.UpdatedAt = t.CreatedAt
		if t.Since.IsZero() {
			t.Since = t.CreatedAt
		}
		_, err := tx.Exec(ctx, startRevisionSQL, t.ID, t.Revision, orEmpty(t.Any), orEmpty(t.And), orEmpty(t.Not), t.Since)
		return err
	}, t.AccountID)
	switch {
	case sqlState(err) == uniqueViolation:
		return t, fmt.Errorf("topic %s: %w", t.Slug, surgecast.ErrExists)
	case err != nil:
		return t, fmt.Errorf("creating topic %s: %w", t.Slug, err)
	}
	return t, nil
}

// endPastSQL ends the reading of a topic's past where it is. Read on with other terms, its older hours would be of
// another thing than its newer ones.
const endPastSQL = `UPDATE topic_past SET back_to = NULL, border = NULL WHERE topic_id = $1 AND back_to IS NOT NULL`

// UpdateTopic replaces a topic's name and terms. Changed terms start a revision at t.UpdatedAt: counts
// before and after it are not of the same thing, so what was read of its past stays with the terms before, like
// the minutes that were counted with them, and no more of it is read.
func (s *Store) UpdateTopic(ctx context.Context, t surgecast.Topic) (surgecast.Topic, error) {
	var out surgecast.Topic
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `SELECT `+topicColumns+topicFrom+` WHERE t.account_id = $1 AND t.slug = $2 FOR UPDATE OF t`, t.AccountID, t.Slug)
		var err error
		if out, err = pgx.CollectExactlyOneRow(rows, scanTopic); err != nil {
			return err
		}
		changed := !slices.Equal(out.Any, t.Any) || !slices.Equal(out.And, t.And) || !slices.Equal(out.Not, t.Not)
		if changed {
			out.Revision++
		}
		if err := tx.QueryRow(ctx, `UPDATE topic SET name = $2, revision = $3, updated_at = coalesce($4, now()) WHERE id = $1 RETURNING updated_at`,
			out.ID, t.Name, out.Revision, orNull(t.UpdatedAt)).Scan(&out.UpdatedAt); err != nil {
			return err
		}
		out.Name, out.UpdatedAt = t.Name, out.UpdatedAt.UTC()
		if !changed {
			return nil
		}
		out.Any, out.And, out.Not, out.Since = t.Any, t.And, t.Not, out.UpdatedAt
		if _, err := tx.Exec(ctx, endPastSQL, out.ID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, startRevisionSQL, out.ID, out.Revision, orEmpty(t.Any), orEmpty(t.And), orEmpty(t.Not), out.Since)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return t, fmt.Errorf("topic %s: %w", t.Slug, surgecast.ErrNotFound)
	}
	if err != nil {
		return t, fmt.Errorf("updating topic %s: %w", t.Slug, err)
	}
	return out, nil
}

// DeleteTopic takes a topic out of everything that goes on. Its minutes stay until retention drops them; an open
// episode of it is closed by the engine.
func (s *Store) DeleteTopic(ctx context.Context, account int64, slug string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var id int64
		if err := tx.QueryRow(ctx, `DELETE FROM topic WHERE account_id = $1 AND slug = $2 RETURNING id`, account, slug).Scan(&id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM model_state WHERE series = $1`, fmt.Sprintf("topic:%d", id)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM mention_series WHERE topic_id = $1`, id)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("topic %s: %w", slug, surgecast.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("deleting topic %s: %w", slug, err)
	}
	return nil
}

// TopicBySlug finds a topic of the account, in its newest revision.
func (s *Store) TopicBySlug(ctx context.Context, account int64, slug string) (surgecast.Topic, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+topicColumns+topicFrom+` WHERE t.account_id = $1 AND t.slug = $2`, account, slug)
	t, err := pgx.CollectExactlyOneRow(rows, scanTopic)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, fmt.Errorf("topic %s: %w", slug, surgecast.ErrNotFound)
	}
	if err != nil {
		return t, fmt.Errorf("looking up topic %s: %w", slug, err)
	}
	return t, nil
}

// Topics lists an account's topics by slug.
func (s *Store) Topics(ctx context.Context, account int64, p surgecast.Page) ([]surgecast.Topic, string, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+topicColumns+topicFrom+` WHERE t.account_id = $1 AND t.slug > $2 ORDER BY t.slug LIMIT $3`,
		account, p.After, limit(p)+1)
	ts, err := pgx.CollectRows(rows, scanTopic)
	if err != nil {
		return nil, "", fmt.Errorf("listing topics: %w", err)
	}
	ts, next := part(ts, p, func(t surgecast.Topic) string { return t.Slug })
	return ts, next, nil
}

// AllTopics is every topic of every account, for ingest and engine.
func (s *Store) AllTopics(ctx context.Context) ([]surgecast.Topic, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+topicColumns+topicFrom+` ORDER BY t.id`)
	ts, err := pgx.CollectRows(rows, scanTopic)
	if err != nil {
		return nil, fmt.Errorf("reading all topics: %w", err)
	}
	return ts, nil
}

// Both slugs are looked up within the account, so nobody can link what is not theirs.
const linkTopicSQL = `
	INSERT INTO site_topic (site_id, topic_id, since, weight)
	SELECT s.id, t.id, $4, $5
	FROM   site s, topic t
	WHERE  s.account_id = $1 AND s.slug = $2 AND t.account_id = $1 AND t.slug = $3
	ON CONFLICT (site_id, topic_id) DO UPDATE SET weight = excluded.weight`

// LinkTopic says that a topic feeds a site; linking again changes the weight and keeps the beginning.
func (s *Store) LinkTopic(ctx context.Context, account int64, site, topic string, since time.Time, weight float64) error {
	tag, err := s.pool.Exec(ctx, linkTopicSQL, account, site, topic, since, weight)
	if err != nil {
		return fmt.Errorf("linking topic %s to site %s: %w", topic, site, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("linking topic %s to site %s: %w", topic, site, surgecast.ErrNotFound)
	}
	return nil
}

const unlinkTopicSQL = `
	DELETE FROM site_topic l USING site s, topic t
	WHERE l.site_id = s.id AND l.topic_id = t.id
	AND   s.account_id = $1 AND s.slug = $2 AND t.account_id = $1 AND t.slug = $3`

// UnlinkTopic ends a link.
func (s *Store) UnlinkTopic(ctx context.Context, account int64, site, topic string) error {
	tag, err := s.pool.Exec(ctx, unlinkTopicSQL, account, site, topic)
	if err != nil {
		return fmt.Errorf("unlinking topic %s from site %s: %w", topic, site, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("topic %s of site %s: %w", topic, site, surgecast.ErrNotFound)
	}
	return nil
}

// SiteTopics is every link of every account, for the engine.
func (s *Store) SiteTopics(ctx context.Context) ([]surgecast.SiteTopic, error) {
	rows, _ := s.pool.Query(ctx, `SELECT site_id, topic_id, since, weight FROM site_topic ORDER BY site_id, topic_id`)
	ls, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l surgecast.SiteTopic, err error) {
		err = row.Scan(&l.SiteID, &l.TopicID, &l.Since, &l.Weight)
		l.Since = l.Since.UTC()
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading topic links: %w", err)
	}
	return ls, nil
}
