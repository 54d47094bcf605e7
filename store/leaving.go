package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// counted is a query of one number for an id, and what it counts, of many and of one.
type counted struct{ sql, what, one string }

var (
	siteGoes = []counted{
		{`SELECT count(*) FROM site_topic WHERE site_id = $1`, "links to topics", "link to a topic"},
		{`SELECT count(*) FROM planned_event WHERE site_id = $1`, "planned events", "planned event"},
		{`SELECT count(*) FROM ladder_rung WHERE site_id = $1`, "rungs of its ladder", "rung of its ladder"},
		{`SELECT count(*) FROM load_test WHERE site_id = $1`, "load tests", "load test"},
		{`SELECT count(*) FROM override WHERE site_id = $1`, "overrides, past ones too", "override, past ones too"},
		{`SELECT count(*) FROM notice WHERE site_id = $1`, "notices of its public page", "notice of its public page"},
		{`SELECT count(*) FROM delivery WHERE site_id = $1 AND status = 'pending'`, "messages not yet sent", "message not yet sent"},
	}
	siteStays = []counted{
		{`SELECT count(*) FROM traffic WHERE site_id = $1`, "minutes of traffic", "minute of traffic"},
		{`SELECT count(*) FROM site_forecast WHERE site_id = $1`, "forecasts of the ledger", "forecast of the ledger"},
		{`SELECT count(*) FROM decision WHERE site_id = $1`, "decisions", "decision"},
		{`SELECT count(*) FROM surge WHERE site_id = $1 AND closed_at IS NOT NULL`, "surges", "surge"},
		{`SELECT count(*) FROM surge WHERE site_id = $1 AND closed_at IS NULL`, "open surges, which are closed and told", "open surge, which is closed and told"},
	}
	topicGoes = []counted{
		{`SELECT count(*) FROM site_topic WHERE topic_id = $1`, "links to sites", "link to a site"},
		{`SELECT count(*) FROM topic_revision WHERE topic_id = $1`, "revisions of its terms", "revision of its terms"},
	}
	topicStays = []counted{
		{`SELECT count(*) FROM mention WHERE topic_id = $1`, "minutes of mentions", "minute of mentions"},
		{`SELECT count(*) FROM topic_ledger WHERE topic_id = $1`, "forecasts of the ledger", "forecast of the ledger"},
		{`SELECT count(*) FROM surge WHERE topic_id = $1 AND closed_at IS NOT NULL`, "surges", "surge"},
		{`SELECT count(*) FROM surge WHERE topic_id = $1 AND closed_at IS NULL`, "open surges, which are closed and told", "open surge, which is closed and told"},
	}
)

// SiteLeaving counts what DeleteSite would do.
func (s *Store) SiteLeaving(ctx context.Context, account int64, slug string) (surgecast.Leaving, error) {
	return s.leaving(ctx, `SELECT id FROM site WHERE account_id = $1 AND slug = $2`, account, "site "+slug, slug, siteGoes, siteStays)
}

// TopicLeaving counts what DeleteTopic would do.
func (s *Store) TopicLeaving(ctx context.Context, account int64, slug string) (surgecast.Leaving, error) {
	return s.leaving(ctx, `SELECT id FROM topic WHERE account_id = $1 AND slug = $2`, account, "topic "+slug, slug, topicGoes, topicStays)
}

func (s *Store) leaving(ctx context.Context, idSQL string, account int64, name, slug string, goes, stays []counted) (out surgecast.Leaving, err error) {
	var id int64
	switch err := s.pool.QueryRow(ctx, idSQL, account, slug).Scan(&id); {
	case errors.Is(err, pgx.ErrNoRows):
		return out, fmt.Errorf("%s: %w", name, surgecast.ErrNotFound)
	case err != nil:
		return out, fmt.Errorf("looking up %s: %w", name, err)
	}
	for _, part := range []struct {
		of []counted
		to *[]surgecast.Count
	}{{goes, &out.Goes}, {stays, &out.Stays}} {
		for _, c := range part.of {
			n := surgecast.Count{What: c.what, One: c.one}
			if err := s.pool.QueryRow(ctx, c.sql, id).Scan(&n.N); err != nil {
				return out, fmt.Errorf("counting the %s of %s: %w", c.what, name, err)
			}
			*part.to = append(*part.to, n)
		}
	}
	return out, nil
}
