package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// SaveSweep commits everything one pass of the engine found, or nothing: leases are checked, forecasts
// sealed and inserted, recommendations logged, surges and their transitions written, messages fanned out
// to the webhooks that want them together with the jobs that send them, snapshots stored. A webhook can
// therefore neither tell of a surge that is not there nor miss one that is.
//
// The forecasts of sw come back sealed, with the times PostgreSQL keeps. Rows that break a rule of the
// database are ErrRefused: trying again is of no use, leaving them out is.
func (s *Store) SaveSweep(ctx context.Context, sw surgecast.Sweep) error {
	origins := minutesOf(sw.Forecasts, func(f surgecast.SiteForecast) time.Time { return f.Origin })
	talk := minutesOf(sw.Talk, func(f surgecast.TopicForecast) time.Time { return f.Origin })
	err := s.withPartitions(func() error {
		if err := s.ensure(ctx, topicLedger, talk); err != nil {
			return err
		}
		return s.ensure(ctx, siteLedger, origins)
	}, func() error {
		return s.inTx(ctx, func(tx pgx.Tx) error {
			if err := checkLeases(ctx, tx, sw.Leases); err != nil {
				return err
			}
			if err := saveForecasts(ctx, tx, sw.Forecasts); err != nil {
				return err
			}
			if err := saveRecommendations(ctx, tx, sw.Forecasts); err != nil {
				return err
			}
			if err := saveSurges(ctx, tx, sw.Surges); err != nil {
				return err
			}
			if err := saveTransitions(ctx, tx, sw.Transitions); err != nil {
				return err
			}
			if err := s.saveMessages(ctx, tx, sw.Messages, sw.At); err != nil {
				return err
			}
			if err := saveTalk(ctx, tx, sw.Talk); err != nil {
				return err
			}
			return saveStates(ctx, tx, sw.States, sw.At)
		})
	})
	if refuses(err) {
		return fmt.Errorf("committing a sweep: %w: %w", surgecast.ErrRefused, err)
	}
	if err != nil {
		return fmt.Errorf("committing a sweep: %w", err)
	}
	return nil
}

// refuses reports whether rows broke a rule of the database (SQLSTATE classes 22, data exception, and 23,
// integrity constraint violation): the same rows would break it again.
func refuses(err error) bool {
	s := sqlState(err)
	return strings.HasPrefix(s, "22") || strings.HasPrefix(s, "23")
}
