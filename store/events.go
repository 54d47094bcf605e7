package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const eventColumns = `id, account_id, site_id, (SELECT slug FROM site s WHERE s.id = planned_event.site_id), kind, name, starts_at, ends_at, coalesce(expected_reach, 0), announced_at, created_at, updated_at`

func scanEvent(row pgx.CollectableRow) (e surgecast.PlannedEvent, err error) {
	var ends *time.Time
	err = row.Scan(&e.ID, &e.AccountID, &e.SiteID, &e.Site, &e.Kind, &e.Name, &e.StartsAt, &ends, &e.ExpectedReach, &e.AnnouncedAt, &e.CreatedAt, &e.UpdatedAt)
	e.StartsAt, e.EndsAt, e.AnnouncedAt = e.StartsAt.UTC(), orZero(ends), e.AnnouncedAt.UTC()
	e.CreatedAt, e.UpdatedAt = e.CreatedAt.UTC(), e.UpdatedAt.UTC()
	return e, err
}

// The site is looked up within the account, so nobody can plan for what is not theirs.
const createEventSQL = `
	INSERT INTO planned_event (id, account_id, site_id, kind, name, starts_at, ends_at, expected_reach, announced_at, created_at, updated_at)
	SELECT $1, account_id, id, $4, $5, $6, $7, nullif($8::float8, 0), $9, coalesce($10, now()), coalesce($10, now())
	FROM   site WHERE account_id = $2 AND id = $3
	RETURNING ` + eventColumns

const reviseEventSQL = `
	INSERT INTO planned_event_revision (event_id, revision, site_id, kind, name, starts_at, ends_at, expected_reach, known_at, made_at, withdrawn)
	SELECT $1, coalesce(max(revision), 0) + 1, $2, $3, $4, $5, $6, nullif($7::float8, 0), $8, $9, $10
	FROM   planned_event_revision WHERE event_id = $1`

// revise adds what is known of an event from a moment on: not before it was made, nor before it is announced.
func revise(ctx context.Context, tx pgx.Tx, e surgecast.PlannedEvent, madeAt, knownAt time.Time, withdrawn bool) error {
	_, err := tx.Exec(ctx, reviseEventSQL, e.ID, e.SiteID, e.Kind, e.Name, e.StartsAt, orNull(e.EndsAt), e.ExpectedReach, knownAt, madeAt, withdrawn)
	return err
}

// CreateEvent plans an event, known from its AnnouncedAt on: an import of recorded events may name a past
// one. Another account's site is ErrNotFound, an id in use ErrExists, one too many that is not over at its creation a
// LimitError.
func (s *Store) CreateEvent(ctx context.Context, e surgecast.PlannedEvent) (surgecast.PlannedEvent, error) {
	var out surgecast.PlannedEvent
	err := s.addWithin(ctx, boundOfEvents, func(tx pgx.Tx) (err error) {
		rows, _ := tx.Query(ctx, createEventSQL, e.ID, e.AccountID, e.SiteID, e.Kind, e.Name, e.StartsAt, orNull(e.EndsAt), e.ExpectedReach,
			e.AnnouncedAt, orNull(e.CreatedAt))
		if out, err = pgx.CollectExactlyOneRow(rows, scanEvent); err != nil {
			return err
		}
		return revise(ctx, tx, out, out.CreatedAt, out.AnnouncedAt, false)
	}, e.SiteID, e.CreatedAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return e, fmt.Errorf("planning %s: site %d: %w", e.ID, e.SiteID, surgecast.ErrNotFound)
	case sqlState(err) == uniqueViolation:
		return e, fmt.Errorf("planning %s: %w", e.ID, surgecast.ErrExists)
	case err != nil:
		return e, fmt.Errorf("planning %s: %w", e.ID, err)
	}
	return out, nil
}

// lockEvent reads an event of the account that is about to change.
func lockEvent(ctx context.Context, tx pgx.Tx, account int64, id string) (surgecast.PlannedEvent, error) {
	rows, _ := tx.Query(ctx, `SELECT `+eventColumns+` FROM planned_event WHERE account_id = $1 AND id = $2 FOR UPDATE`, account, id)
	return pgx.CollectExactlyOneRow(rows, scanEvent)
}

const updateEventSQL = `
	UPDATE planned_event SET kind = $3, name = $4, starts_at = $5, ends_at = $6, expected_reach = nullif($7::float8, 0), announced_at = $8, updated_at = $9
	WHERE  account_id = $1 AND id = $2
	RETURNING ` + eventColumns

// UpdateEvent replaces everything but an event's id, account and site. The change is known from e.UpdatedAt
// on, or from AnnouncedAt when that is later; what was known before stays answerable.
func (s *Store) UpdateEvent(ctx context.Context, e surgecast.PlannedEvent) (surgecast.PlannedEvent, error) {
	var out surgecast.PlannedEvent
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		was, err := lockEvent(ctx, tx, e.AccountID, e.ID)
		if err != nil {
			return err
		}
		at := e.UpdatedAt
		if at.Before(was.UpdatedAt) {
			at = was.UpdatedAt
		}
		rows, _ := tx.Query(ctx, updateEventSQL, e.AccountID, e.ID, e.Kind, e.Name, e.StartsAt, orNull(e.EndsAt), e.ExpectedReach, e.AnnouncedAt, at)
		if out, err = pgx.CollectExactlyOneRow(rows, scanEvent); err != nil {
			return err
		}
		known := out.UpdatedAt
		if out.AnnouncedAt.After(known) {
			known = out.AnnouncedAt
		}
		return revise(ctx, tx, out, out.UpdatedAt, known, false)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return e, fmt.Errorf("event %s: %w", e.ID, surgecast.ErrNotFound)
	}
	if err != nil {
		return e, fmt.Errorf("changing event %s: %w", e.ID, err)
	}
	return out, nil
}

// DeleteEvent takes an event back at a moment: forecasts issued before go on having known of it.
func (s *Store) DeleteEvent(ctx context.Context, account int64, id string, at time.Time) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		e, err := lockEvent(ctx, tx, account, id)
		if err != nil {
			return err
		}
		if at.Before(e.UpdatedAt) {
			at = e.UpdatedAt
		}
		if err := revise(ctx, tx, e, at, at, true); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM planned_event WHERE account_id = $1 AND id = $2`, account, id)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("event %s: %w", id, surgecast.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("removing event %s: %w", id, err)
	}
	return nil
}

// EventByID finds an event of the account.
func (s *Store) EventByID(ctx context.Context, account int64, id string) (surgecast.PlannedEvent, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+eventColumns+` FROM planned_event WHERE account_id = $1 AND id = $2`, account, id)
	e, err := pgx.CollectExactlyOneRow(rows, scanEvent)
	if errors.Is(err, pgx.ErrNoRows) {
		return e, fmt.Errorf("event %s: %w", id, surgecast.ErrNotFound)
	}
	if err != nil {
		return e, fmt.Errorf("looking up event %s: %w", id, err)
	}
	return e, nil
}

const listEventsSQL = `SELECT ` + eventColumns + ` FROM planned_event
	WHERE account_id = $1 AND ($2::bigint[] IS NULL OR site_id = ANY ($2))
	AND   ($3::timestamptz IS NULL OR coalesce(ends_at, starts_at) >= $3) AND ($4::timestamptz IS NULL OR starts_at < $4)
	AND   (starts_at, id) > ($5, $6)
	ORDER BY starts_at, id LIMIT $7`

// Events lists an account's events by start.
func (s *Store) Events(ctx context.Context, account int64, f surgecast.EventFilter, p surgecast.Page) ([]surgecast.PlannedEvent, string, error) {
	after, afterID := time.Unix(0, 0).AddDate(-1000, 0, 0), ""
	if us, id, ok := strings.Cut(p.After, "|"); ok {
		if n, err := strconv.ParseInt(us, 10, 64); err == nil {
			after, afterID = time.UnixMicro(n), id
		}
	}
	rows, _ := s.pool.Query(ctx, listEventsSQL, account, f.SiteIDs, orNull(f.From), orNull(f.To), after.UTC(), afterID, limit(p)+1)
	es, err := pgx.CollectRows(rows, scanEvent)
	if err != nil {
		return nil, "", fmt.Errorf("listing events: %w", err)
	}
	es, next := part(es, p, func(e surgecast.PlannedEvent) string { return fmt.Sprintf("%d|%s", e.StartsAt.UnixMicro(), e.ID) })
	return es, next, nil
}

// EventsMark changes whenever an event of any account was planned, changed or taken back.
func (s *Store) EventsMark(ctx context.Context) (string, error) {
	var mark string
	err := s.pool.QueryRow(ctx, `SELECT count(*) || ' ' || coalesce(max(made_at)::text, '') FROM planned_event_revision`).Scan(&mark)
	if err != nil {
		return "", fmt.Errorf("looking for changed events: %w", err)
	}
	return mark, nil
}

const eventRevisionsSQL = `
	SELECT event_id, revision, site_id, kind, name, starts_at, ends_at, coalesce(expected_reach, 0), known_at, made_at, withdrawn
	FROM   planned_event_revision
	WHERE  event_id IN (SELECT event_id FROM planned_event_revision WHERE coalesce(ends_at, starts_at) >= $1 AND ($2::bigint = 0 OR site_id = $2))
	ORDER  BY site_id, starts_at, event_id, revision`

// EventRevisions is everything that was ever known of the events that begin or last after a moment: of one
// site, or of every site (0).
func (s *Store) EventRevisions(ctx context.Context, siteID int64, since time.Time) ([]surgecast.EventRevision, error) {
	rows, _ := s.pool.Query(ctx, eventRevisionsSQL, since, siteID)
	rs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r surgecast.EventRevision, err error) {
		var ends *time.Time
		err = row.Scan(&r.EventID, &r.Revision, &r.SiteID, &r.Kind, &r.Name, &r.StartsAt, &ends, &r.Reach, &r.KnownAt, &r.MadeAt, &r.Withdrawn)
		r.StartsAt, r.EndsAt, r.KnownAt, r.MadeAt = r.StartsAt.UTC(), orZero(ends), r.KnownAt.UTC(), r.MadeAt.UTC()
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading planned events: %w", err)
	}
	return rs, nil
}
