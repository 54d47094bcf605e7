package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const surgeColumns = `id, account_id, site_id, topic_id, subject, segment, kind, state, opened_at, alert_at, peak_at, peak, closed_at, simulated`

func scanSurge(row pgx.CollectableRow) (surgecast.Surge, error) {
	var s surgecast.Surge
	var alert, peak, closed *time.Time
	err := row.Scan(&s.ID, &s.AccountID, &s.SiteID, &s.TopicID, &s.Subject, &s.Segment, &s.Kind, &s.State, &s.OpenedAt, &alert, &peak, &s.Peak, &closed, &s.Simulated)
	s.OpenedAt, s.AlertAt, s.PeakAt, s.ClosedAt = s.OpenedAt.UTC(), orZero(alert), orZero(peak), orZero(closed)
	return s, err
}

// What an episode is of does not change; how it goes does. One that has ended stays so.
const saveSurgeSQL = `
	INSERT INTO surge AS s (` + surgeColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
	ON CONFLICT (id) DO UPDATE SET state = excluded.state, alert_at = excluded.alert_at, peak_at = excluded.peak_at,
		peak = excluded.peak, closed_at = coalesce(s.closed_at, excluded.closed_at)`

func saveSurges(ctx context.Context, tx pgx.Tx, surges []surgecast.Surge) error {
	batch := &pgx.Batch{}
	for _, s := range surges {
		batch.Queue(saveSurgeSQL, s.ID, s.AccountID, s.SiteID, s.TopicID, s.Subject, s.Segment, s.Kind, s.State,
			s.OpenedAt, orNull(s.AlertAt), orNull(s.PeakAt), s.Peak, orNull(s.ClosedAt), s.Simulated)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("storing %d surges: %w", len(surges), err)
	}
	return nil
}

const insertTransitionSQL = `
	INSERT INTO surge_transition (surge_id, number, at, issued_at, from_state, to_state, probability, forecast_id, headline, sentence)
	SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9 FROM surge_transition WHERE surge_id = $1`

func saveTransitions(ctx context.Context, tx pgx.Tx, ts []surgecast.SurgeTransition) error {
	for _, t := range ts {
		if _, err := tx.Exec(ctx, insertTransitionSQL, t.SurgeID, t.At, t.IssuedAt, t.From, t.To, t.Probability, t.ForecastID, t.Headline, t.Sentence); err != nil {
			return fmt.Errorf("storing a transition of surge %s: %w", t.SurgeID, err)
		}
	}
	return nil
}

const surgesSQL = `
	SELECT ` + surgeColumns + ` FROM surge
	WHERE  account_id = $1 AND ($2 = '' OR id < $2)
	AND    (cardinality($3::bigint[]) = 0 OR site_id = ANY ($3)) AND ($4::bigint = 0 OR topic_id = $4) AND (NOT $5 OR closed_at IS NULL)
	ORDER  BY id DESC LIMIT $6`

// Surges lists an account's episodes, newest first.
func (s *Store) Surges(ctx context.Context, account int64, f surgecast.SurgeFilter, p surgecast.Page) ([]surgecast.Surge, string, error) {
	rows, _ := s.pool.Query(ctx, surgesSQL, account, p.After, orEmpty(f.SiteIDs), f.TopicID, f.Open, limit(p)+1)
	ss, err := pgx.CollectRows(rows, scanSurge)
	if err != nil {
		return nil, "", fmt.Errorf("listing surges: %w", err)
	}
	ss, next := part(ss, p, func(s surgecast.Surge) string { return s.ID })
	return ss, next, nil
}

// SurgeByID finds an episode of the account, with its transitions in the order they were decided.
func (s *Store) SurgeByID(ctx context.Context, account int64, id string) (surgecast.Surge, []surgecast.SurgeTransition, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+surgeColumns+` FROM surge WHERE account_id = $1 AND id = $2`, account, id)
	sg, err := pgx.CollectExactlyOneRow(rows, scanSurge)
	if errors.Is(err, pgx.ErrNoRows) {
		return sg, nil, fmt.Errorf("surge %s: %w", id, surgecast.ErrNotFound)
	}
	if err != nil {
		return sg, nil, fmt.Errorf("looking up surge %s: %w", id, err)
	}
	rows, _ = s.pool.Query(ctx, `SELECT surge_id, at, issued_at, from_state, to_state, probability, forecast_id, headline, sentence
		FROM surge_transition WHERE surge_id = $1 ORDER BY number`, id)
	ts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t surgecast.SurgeTransition, err error) {
		err = row.Scan(&t.SurgeID, &t.At, &t.IssuedAt, &t.From, &t.To, &t.Probability, &t.ForecastID, &t.Headline, &t.Sentence)
		t.At, t.IssuedAt = t.At.UTC(), t.IssuedAt.UTC()
		return t, err
	})
	if err != nil {
		return sg, nil, fmt.Errorf("reading the transitions of surge %s: %w", id, err)
	}
	return sg, ts, nil
}

// OpenSurges is every episode of every account that has not ended, oldest first.
func (s *Store) OpenSurges(ctx context.Context) ([]surgecast.Surge, error) {
	rows, _ := s.pool.Query(ctx, `SELECT `+surgeColumns+` FROM surge WHERE closed_at IS NULL ORDER BY id`)
	ss, err := pgx.CollectRows(rows, scanSurge)
	if err != nil {
		return nil, fmt.Errorf("reading open surges: %w", err)
	}
	return ss, nil
}
