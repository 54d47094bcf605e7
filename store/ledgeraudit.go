package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// ErrBroken says that the ledger was changed after the fact.
var ErrBroken = errors.New("the ledger's chain is broken")

// Audit is what AuditLedger found of one chain.
type Audit struct {
	Rows    int         // rows that are there, each fitting its seal
	Thinned int         // rows that were thinned out, of which the chain has the links
	First   time.Time   // origin of the first row that is there; zero: none
	Last    time.Time   // … and of the last
	Hash    []byte      // of the last
	Seals   map[int]int // rows that are there by SealVersion
}

// AuditLedger checks the chain of one site and segment over [from, to): every row fits its own seal, every row is
// tied to the one before it, and the newest is where the chain is known to end. Through rows that were thinned out it
// goes by their links, and finds whether they were rows that may go. The error names the first row that does not fit.
func (s *Store) AuditLedger(ctx context.Context, siteID int64, segment string, from, to time.Time) (Audit, error) {
	w := walk{what: fmt.Sprintf("ledger of site %d, %s", siteID, segment), Audit: Audit{Seals: map[int]int{}}}
	days, err := s.list(ctx, siteLedger)
	if err != nil {
		return w.Audit, err
	}
	for _, name := range days { // one at a time: a row takes 8 kB
		day, next, ok := siteLedger.parse(name)
		if !ok || !next.After(from) || !day.Before(to) {
			continue
		}
		links, err := s.thinned(ctx, siteID, segment, day)
		if err != nil {
			return w.Audit, err
		}
		rows, err := s.Forecasts(ctx, siteID, segment, latest(day, from), earliest(next, to))
		if err != nil {
			return w.Audit, err
		}
		for i := range rows {
			for len(links) > 0 && links[0].Origin.Before(rows[i].Origin) {
				if err := w.past(links[0], from); err != nil {
					return w.Audit, err
				}
				links = links[1:]
			}
			if err := w.row(&rows[i]); err != nil {
				return w.Audit, err
			}
		}
		for _, l := range links {
			if !l.Origin.Before(to) {
				break
			}
			if err := w.past(l, from); err != nil {
				return w.Audit, err
			}
		}
	}
	return w.Audit, w.end(ctx, s, siteID, segment, from, to)
}

// LedgerSegments are the segments of a site that have a ledger, in order of their names.
func (s *Store) LedgerSegments(ctx context.Context, siteID int64) ([]string, error) {
	rows, _ := s.pool.Query(ctx, `SELECT segment FROM ledger_head WHERE site_id = $1 ORDER BY segment`, siteID)
	segments, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("asking which ledgers site %d has: %w", siteID, err)
	}
	return segments, nil
}

// walk is an audit on its way.
type walk struct {
	Audit
	what string

	reached []byte    // hash of the row the walk is at, itself there or not; nil: none yet
	at      time.Time // its origin
	since   int       // rows thinned out since the last that is there
}

// past goes by one that was thinned out. Before the first row that is there nothing says from where.
func (w *walk) past(l surgecast.Link, from time.Time) error {
	if l.Origin.Before(from) || w.reached == nil {
		return nil
	}
	if !l.Spare() {
		return fmt.Errorf("%s: the row at %s (%s) is gone, and thinning does not take such a row: %w", w.what, stamp(l.Origin), l.State, ErrBroken)
	}
	w.reached, w.at = l.Hash(w.reached), l.Origin
	w.Thinned++
	w.since++
	return nil
}

func (w *walk) row(f *surgecast.SiteForecast) error {
	switch {
	case !f.Intact():
		return fmt.Errorf("%s: the row at %s was changed: %w", w.what, stamp(f.Origin), ErrBroken)
	case w.reached == nil, bytes.Equal(f.PrevHash, w.reached):
	case w.since > 0:
		return fmt.Errorf("%s: the %d rows thinned out between %s and %s do not lead from one to the other: %w", w.what, w.since, stamp(w.Last), stamp(f.Origin), ErrBroken)
	default:
		return fmt.Errorf("%s: a row between %s and %s is gone: %w", w.what, stamp(w.at), stamp(f.Origin), ErrBroken)
	}
	if w.Rows++; w.First.IsZero() {
		w.First = f.Origin
	}
	w.Seals[f.SealVersion]++
	w.reached, w.at, w.since = f.Hash, f.Origin, 0
	w.Last, w.Audit.Hash = f.Origin, f.Hash
	return nil
}

// end asks whether the last row is the one the chain is known to end with.
func (w *walk) end(ctx context.Context, s *Store, siteID int64, segment string, from, to time.Time) error {
	var h head
	err := s.pool.QueryRow(ctx, `SELECT origin, hash FROM ledger_head WHERE site_id = $1 AND segment = $2`, siteID, segment).Scan(&h.origin, &h.hash)
	if errors.Is(err, pgx.ErrNoRows) && w.Rows == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: reading its end: %w", w.what, err)
	}
	if h.origin.Before(from) || !h.origin.Before(to) {
		return nil
	}
	if !bytes.Equal(w.Audit.Hash, h.hash) || w.since > 0 {
		return fmt.Errorf("%s: its newest row, at %s, is gone: %w", w.what, stamp(h.origin), ErrBroken)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
