package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// putCounts runs a write of counts in one transaction, telling it which minutes lie in closed hours. The
// partitions of minutes, and of the hours closed ones go back into, are made first.
func (s *Store) putCounts(ctx context.Context, c counts, minutes []time.Time, write func(tx pgx.Tx, closed func(time.Time) bool) error) error {
	need := func() error {
		if err := s.ensure(ctx, c.minutes, minutes); err != nil {
			return err
		}
		return s.ensure(ctx, c.hours, minutes)
	}
	return s.withPartitions(need, func() error {
		return s.inTx(ctx, func(tx pgx.Tx) error {
			before, err := c.closedBefore(ctx, tx)
			if err != nil {
				return err
			}
			return write(tx, func(minute time.Time) bool { return minute.Before(before) })
		})
	})
}

// correct opens the hours late rows fall into, writes, and closes them again: a correction means exactly
// what it means to an open hour, because it is the same statement.
func correct[R any, K int64 | string](ctx context.Context, tx pgx.Tx, c counts, late []R, key func(R) (int64, K, time.Time), write func() error) error {
	if len(late) == 0 {
		return nil
	}
	var ids []int64
	var seconds []K
	var hours []time.Time
	var from, to time.Time
	for _, r := range late { // sorted, so that the rows of one hour stand together
		id, second, minute := key(r)
		hour := minute.UTC().Truncate(time.Hour)
		if n := len(ids) - 1; n >= 0 && ids[n] == id && seconds[n] == second && hours[n].Equal(hour) {
			continue
		}
		ids, seconds, hours = append(ids, id), append(seconds, second), append(hours, hour)
		if from.IsZero() || hour.Before(from) {
			from = hour
		}
		if end := hour.Add(time.Hour); end.After(to) {
			to = end
		}
	}
	if err := c.lockHours(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, c.unfold, ids, seconds, hours, from, to); err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	slices.Sort(ids)
	_, err := tx.Exec(ctx, c.fold, slices.Compact(ids), from, to, hours)
	return err
}

// split parts rows in two, each in its old order.
func split[R any](rows []R, first func(R) bool) (yes, no []R) {
	for _, r := range rows {
		if first(r) {
			yes = append(yes, r)
		} else {
			no = append(no, r)
		}
	}
	return yes, no
}

// lastOfRun keeps the last of each run of equal rows.
func lastOfRun[R any](rows []R, same func(a, b R) bool) []R {
	out := rows[:0]
	for i := range rows {
		if i+1 == len(rows) || !same(rows[i], rows[i+1]) {
			out = append(out, rows[i])
		}
	}
	return out
}

// minutesOf is one minute of each UTC day among the rows, enough to know the partitions they need.
func minutesOf[R any](rows []R, minute func(R) time.Time) []time.Time {
	seen := map[int64]bool{}
	var out []time.Time
	for _, r := range rows {
		m := minute(r)
		if day := m.Unix() / 86400; !seen[day] {
			seen[day] = true
			out = append(out, m)
		}
	}
	return out
}
