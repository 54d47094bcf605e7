package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// bound is how many rows there may be under one row, an account or a site.
type bound struct {
	turnSQL  string // locks that row
	countSQL string // of its id, and what else addWithin was given
	full     surgecast.LimitError
}

var (
	boundOfSites = bound{turnOfAccountSQL, `SELECT count(*) FROM site WHERE account_id = $1`, surgecast.LimitError{
		Most: surgecast.MaxSites, What: "sites of this account", Field: "slug", Remedy: "Delete one that is no longer needed.",
	}}
	boundOfTopics = bound{turnOfAccountSQL, `SELECT count(*) FROM topic WHERE account_id = $1`, surgecast.LimitError{
		Most: surgecast.MaxTopics, What: "topics of this account", Field: "slug", Remedy: "Delete one that is no longer needed.",
	}}
	boundOfWebhooks = bound{turnOfAccountSQL, `SELECT count(*) FROM webhook WHERE account_id = $1`, surgecast.LimitError{
		Most: surgecast.MaxWebhooks, What: "webhooks of this account", Field: "url", Remedy: "Delete one, or let one endpoint hear of several sites.",
	}}
	boundOfKeys = bound{turnOfAccountSQL, `SELECT count(*) FROM api_key WHERE account_id = $1`, surgecast.LimitError{
		Most: surgecast.MaxKeys, What: "keys of this account", Field: "name", Remedy: "Delete those that are no longer used: last_used_at says which.",
	}}
	boundOfSenders = bound{turnOfAccountSQL, `SELECT count(*) FROM push_sender WHERE account_id = $1`, surgecast.LimitError{
		Most: surgecast.MaxSenders, What: "senders of this account", Field: "name", Remedy: "Delete one that no longer pushes.",
	}}
	boundOfEvents = bound{turnOfSiteSQL, `SELECT count(*) FROM planned_event WHERE site_id = $1 AND coalesce(ends_at, starts_at) >= $2`, surgecast.LimitError{
		Most: surgecast.MaxEvents, What: "events planned for this site", Field: "site", Remedy: "Remove those that will not happen.",
	}}
	boundOfMarks = bound{turnOfSurgeSQL, `SELECT count(*) FROM surge_mark WHERE surge_id = $1`, surgecast.LimitError{
		Most: surgecast.MaxMarks, What: "marks of this surge", Field: "id", Remedy: "Write further notes where your team keeps them.",
	}}
)

// addWithin runs add, which inserts one row, in a transaction of its own, and takes it back as a LimitError when there
// is one too many then. Nobody else adds under the same row meanwhile, so two callers at once cannot both be the last.
// It counts afterwards: what exists already is ErrExists also where there is no room.
func (s *Store) addWithin(ctx context.Context, b bound, add func(pgx.Tx) error, id any, more ...any) error {
	return s.inTurn(ctx, b.turnSQL, id, func(tx pgx.Tx) error {
		if err := add(tx); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, b.countSQL, append([]any{id}, more...)...).Scan(&n); err != nil {
			return err
		}
		if n > b.full.Most {
			full := b.full
			return &full
		}
		return nil
	})
}

// keepOrders forgets all but the newest of a numbered log: a script that orders every second fills no disk, and a
// person's word is never refused for want of room. The caller holds the row of the id.
func keepOrders(ctx context.Context, tx pgx.Tx, table, column string, id int64) error {
	_, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE `+column+` = $1 AND number <= (SELECT max(number) FROM `+table+` WHERE `+column+` = $1) - $2`,
		id, surgecast.KeptOrders)
	return err
}
