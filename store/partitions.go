package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// partitioned is a table cut by time. Minutes and ledger rows live in a partition a day, closed hours in
// one a month.
type partitioned struct {
	table   string
	monthly bool
	options string // storage of a new partition
}

// Minutes are rewritten while they are hot: half-empty pages keep a corrected row on its page. Closed
// hours and the ledger are written once.
const hot = ` WITH (fillfactor = 50)`

var (
	mentionMinutes = partitioned{table: "mention_minute", options: hot}
	mentionHours   = partitioned{table: "mention_hour", monthly: true}
	trafficMinutes = partitioned{table: "traffic_minute", options: hot}
	trafficHours   = partitioned{table: "traffic_hour", monthly: true}
	siteLedger     = partitioned{table: "site_forecast"}
	ledgerThinned  = partitioned{table: "ledger_thinned", monthly: true}
	topicLedger    = partitioned{table: "topic_ledger"}

	everyPartitioned = []partitioned{mentionMinutes, mentionHours, trafficMinutes, trafficHours, siteLedger, ledgerThinned, topicLedger}
)

// span is the partition t falls into, [from, to).
func (p partitioned) span(t time.Time) (name string, from, to time.Time) {
	t = t.UTC()
	if p.monthly {
		from = time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
		return p.table + "_m" + from.Format("200601"), from, from.AddDate(0, 1, 0)
	}
	from = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return p.table + "_d" + from.Format("20060102"), from, from.AddDate(0, 0, 1)
}

// parse is span's inverse: the stretch a partition's name stands for.
func (p partitioned) parse(name string) (from, to time.Time, ok bool) {
	layout, mark := "20060102", "_d"
	if p.monthly {
		layout, mark = "200601", "_m"
	}
	day, found := strings.CutPrefix(name, p.table+mark)
	from, err := time.Parse(layout, day)
	if !found || err != nil {
		return from, to, false
	}
	_, from, to = p.span(from)
	return from, to, true
}

// partitionSet remembers which partitions are there, so that a write asks the catalogue once a day.
type partitionSet struct {
	mu   sync.Mutex
	have map[string]bool
}

func (s *partitionSet) missing(names []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return s.have[n] })
}

func (s *partitionSet) add(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.have == nil {
		s.have = map[string]bool{}
	}
	for _, n := range names {
		s.have[n] = true
	}
}

func (s *partitionSet) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.have = nil
}

// partitionLock keeps two processes from making the same partition at once.
const partitionLock int64 = 0x70617274 // "part"

// ensure makes the partitions that ts fall into. A new one is made beside its table and then attached:
// attaching does not keep readers and writers of the table waiting, creating in place would.
func (s *Store) ensure(ctx context.Context, p partitioned, ts []time.Time) error {
	var names []string
	spans := map[string][2]time.Time{}
	for _, t := range ts {
		name, from, to := p.span(t)
		if _, seen := spans[name]; !seen {
			names = append(names, name)
			spans[name] = [2]time.Time{from, to}
		}
	}
	names = s.partitions.missing(names)
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, partitionLock); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `SELECT relname FROM pg_class WHERE relname = ANY ($1) AND relnamespace = current_schema()::regnamespace`, names)
		there, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, name := range names {
			if slices.Contains(there, name) {
				continue
			}
			span := spans[name]
			// Names and bounds are made of a table's name and digits; DDL takes no parameters.
			if _, err := tx.Exec(ctx, fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)%s`, name, p.table, p.options)); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`,
				p.table, name, span[0].Format(time.RFC3339), span[1].Format(time.RFC3339))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("making partitions of %s: %w", p.table, err)
	}
	s.partitions.add(names)
	return nil
}

// withPartitions runs a write after making the partitions it needs. If one was dropped meanwhile by
// another process, which this one's memory cannot know, it is made again and the write tried once more.
func (s *Store) withPartitions(need func() error, write func() error) error {
	if err := need(); err != nil {
		return err
	}
	err := write()
	if sqlState(err) == checkViolation && strings.Contains(err.Error(), "no partition of relation") {
		s.partitions.forget()
		if err := need(); err != nil {
			return err
		}
		return write()
	}
	return err
}

// EnsurePartitions makes every table's partitions for [from, to], ahead of time. Writers make what they
// need themselves; doing it ahead spares the first write of a day the wait.
func (s *Store) EnsurePartitions(ctx context.Context, from, to time.Time) error {
	for _, p := range everyPartitioned {
		var ts []time.Time
		for t := from; !t.After(to); {
			ts = append(ts, t)
			_, _, t = p.span(t)
		}
		if err := s.ensure(ctx, p, ts); err != nil {
			return err
		}
	}
	return nil
}

// list is the table's partitions in order of time.
func (s *Store) list(ctx context.Context, p partitioned) ([]string, error) {
	rows, _ := s.pool.Query(ctx, `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass ORDER BY 1`, p.table)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("listing partitions of %s: %w", p.table, err)
	}
	return names, nil
}

// DropPartitionsBefore forgets what lies before t: whole partitions that end by then, and with them the
// beginning of every series; logs of deliveries, with the rights to send them, of answers of /scale and of what feeds
// lost. Surges stay: they are few, and people wrote on them. Not to be called while replaying.
func (s *Store) DropPartitionsBefore(ctx context.Context, t time.Time) error {
	for _, p := range everyPartitioned {
		names, err := s.list(ctx, p)
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, to, ok := p.parse(name); !ok || to.After(t) {
				continue
			}
			if _, err := s.pool.Exec(ctx, `DROP TABLE `+name); err != nil {
				return fmt.Errorf("dropping %s: %w", name, err)
			}
		}
	}
	s.partitions.forget()
	day := t.UTC().Truncate(24 * time.Hour)
	for _, forget := range []string{
		`DELETE FROM source_minute WHERE minute < $1`,
		`DELETE FROM ingest_gap WHERE to_at <= $1`,
		`DELETE FROM decision WHERE at < $1`,
		`DELETE FROM ledger_thinned_day WHERE day < $1`,
		`DELETE FROM mention_series WHERE last_minute < $1`,
		`DELETE FROM traffic_series WHERE last_minute < $1`,
		`UPDATE mention_series SET first_minute = $1 WHERE first_minute < $1`,
		`UPDATE topic_past SET since = $1, back_to = NULL, border = NULL WHERE since < $1`,
		`UPDATE traffic_series SET first_minute = $1, last_complete = CASE WHEN last_complete >= $1 THEN last_complete END WHERE first_minute < $1`,
	} {
		if _, err := s.pool.Exec(ctx, forget, day); err != nil {
			return fmt.Errorf("forgetting what lies before %s: %w", day.Format(time.DateOnly), err)
		}
	}
	if err := s.forgetDeliveries(ctx, day); err != nil {
		return err
	}
	if _, err := s.pool.Exec(ctx, forgetRightsSQL); err != nil {
		return fmt.Errorf("forgetting rights to send: %w", err)
	}
	return nil
}

// forgetAtOnce is how many deliveries go in one transaction: sending and sweeps write to the same table meanwhile.
const forgetAtOnce = 5000

// forgetDeliveriesSQL takes a part of what is due, oldest first, each with its attempts. The array is read once; a
// subquery would let the planner hash the whole table for it.
const forgetDeliveriesSQL = `
	DELETE FROM delivery WHERE id = ANY (ARRAY(SELECT id FROM delivery WHERE done_at < $1 ORDER BY done_at LIMIT $2))`

// forgetDeliveries forgets what was done with before t, a part at a time. What was forgotten stays so when a later part
// fails.
func (s *Store) forgetDeliveries(ctx context.Context, t time.Time) error {
	for {
		tag, err := s.pool.Exec(ctx, forgetDeliveriesSQL, t, forgetAtOnce)
		if err != nil {
			return fmt.Errorf("forgetting deliveries of before %s: %w", t.Format(time.DateOnly), err)
		}
		if tag.RowsAffected() < forgetAtOnce {
			return nil
		}
	}
}

// ForgetLeases tidies away leases of what is gone. Whatever retention is, every start of a process adds one.
func (s *Store) ForgetLeases(ctx context.Context) error {
	for _, forget := range forgetLeasesSQL {
		if _, err := s.pool.Exec(ctx, forget); err != nil {
			return fmt.Errorf("forgetting leases: %w", err)
		}
	}
	return nil
}

// forgetRightsSQL takes the rights to send what is no longer in the log of deliveries. Until then a sender that was
// paused must find its epoch gone.
const forgetRightsSQL = `
	DELETE FROM lease WHERE starts_with(name, 'deliver:') AND expires_at < statement_timestamp() - interval '1 day' AND name NOT IN (
		SELECT 'deliver:' || webhook_id || ':' || site_id FROM delivery WHERE type = 'recommendation.changed'
		UNION SELECT 'deliver:' || webhook_id || ':' || about FROM delivery WHERE about <> '')`

// Leases with the name of a process or an endpoint that is gone; the log of an endpoint went with it.
var forgetLeasesSQL = []string{
	`DELETE FROM lease WHERE starts_with(name, 'engine-alive/') AND expires_at < statement_timestamp() - interval '1 day'`,
	`DELETE FROM lease WHERE starts_with(name, 'pace:') AND expires_at < statement_timestamp() - interval '1 day'`,
	`DELETE FROM lease WHERE starts_with(name, 'deliver:') AND expires_at < statement_timestamp() - interval '1 day'
		AND NOT EXISTS (SELECT FROM webhook WHERE id = split_part(name, ':', 2))`,
}
