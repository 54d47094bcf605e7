package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

const addMarkSQL = `
	INSERT INTO surge_mark (surge_id, number, kind, set_by, note, until, probability, at)
	SELECT $1, coalesce((SELECT max(number) FROM surge_mark WHERE surge_id = $1), 0) + 1, $3, $4, $5, $6, $7, $8
	FROM   surge WHERE id = $1 AND account_id = $2`

// AddSurgeMark keeps what a person did about an episode of the account. One mark too many is a LimitError.
func (s *Store) AddSurgeMark(ctx context.Context, account int64, m surgecast.SurgeMark) error {
	var p *float64
	if !math.IsNaN(m.Probability) && m.Kind == surgecast.MarkAck {
		p = &m.Probability
	}
	err := s.addWithin(ctx, boundOfMarks, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, addMarkSQL, m.SurgeID, account, m.Kind, m.By, m.Note, orNull(m.Until), p, m.At)
		if err == nil && tag.RowsAffected() == 0 {
			return surgecast.ErrNotFound
		}
		if err != nil || m.Kind != surgecast.MarkAck {
			return err
		}
		return s.tellAck(ctx, tx, account, m)
	}, m.SurgeID)
	if err != nil {
		return fmt.Errorf("marking surge %s: %w", m.SurgeID, err)
	}
	return nil
}

const surgeMarksSQL = `SELECT surge_id, kind, set_by, note, until, probability, at FROM surge_mark WHERE surge_id = ANY ($1) ORDER BY surge_id, number`

// SurgeMarks are the marks of episodes, oldest first.
func (s *Store) SurgeMarks(ctx context.Context, surgeIDs []string) (map[string][]surgecast.SurgeMark, error) {
	rows, _ := s.pool.Query(ctx, surgeMarksSQL, orEmpty(surgeIDs))
	out := map[string][]surgecast.SurgeMark{}
	marks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m surgecast.SurgeMark, err error) {
		var until *time.Time
		var p *float64
		err = row.Scan(&m.SurgeID, &m.Kind, &m.By, &m.Note, &until, &p, &m.At)
		m.Until, m.At, m.Probability = orZero(until), m.At.UTC(), math.NaN()
		if p != nil {
			m.Probability = *p
		}
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading marks of %d surges: %w", len(surgeIDs), err)
	}
	for _, m := range marks {
		out[m.SurgeID] = append(out[m.SurgeID], m)
	}
	return out, nil
}

const setNoticeSQL = `
	INSERT INTO notice (site_id, number, shown, part, words, ahead, reference, since, back_from, back_by, set_by, set_at)
	SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM notice WHERE site_id = $1`

// SetNotice says what the visitors of a site are told from now on; what was said before is kept, the newest KeptOrders.
func (s *Store) SetNotice(ctx context.Context, n surgecast.Notice) error {
	err := s.inTurn(ctx, turnOfSiteSQL, n.SiteID, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, setNoticeSQL, n.SiteID, n.Shown, n.Part, n.Words, n.Ahead, n.Reference,
			orNull(n.Since), orNull(n.BackFrom), orNull(n.BackBy), n.By, n.SetAt)
		if err != nil {
			return err
		}
		return keepOrders(ctx, tx, "notice", "site_id", n.SiteID)
	})
	if err != nil {
		return fmt.Errorf("storing a notice of site %d: %w", n.SiteID, err)
	}
	return nil
}

const noticesSQL = `
	SELECT site_id, shown, part, words, ahead, reference, since, back_from, back_by, set_by, set_at
	FROM   notice WHERE site_id = $1 ORDER BY number DESC LIMIT $2`

// Notices are the last n notices of a site, newest first.
func (s *Store) Notices(ctx context.Context, siteID int64, n int) ([]surgecast.Notice, error) {
	rows, _ := s.pool.Query(ctx, noticesSQL, siteID, n)
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n surgecast.Notice, err error) {
		var since, from, by *time.Time
		err = row.Scan(&n.SiteID, &n.Shown, &n.Part, &n.Words, &n.Ahead, &n.Reference, &since, &from, &by, &n.By, &n.SetAt)
		n.Since, n.BackFrom, n.BackBy, n.SetAt = orZero(since), orZero(from), orZero(by), n.SetAt.UTC()
		return n, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the notices of site %d: %w", siteID, err)
	}
	return out, nil
}
