package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// spendSQL books and checks in one statement: of any number of processes that spend at once, none gets
// past a limit. The first booking of a month makes its row with the limits of the month before. What was
// spent on another day does not count against today.
const spendSQL = `
	INSERT INTO budget AS b (account_id, source_slug, month, currency, month_limit_millicents, day_limit_millicents,
		month_spent_millicents, day, day_spent_millicents)
	SELECT account_id, source_slug, $3::date, currency, month_limit_millicents, day_limit_millicents, $5, $4::date, $5
	FROM   (SELECT * FROM budget WHERE account_id = $1 AND source_slug = $2 AND month <= $3::date ORDER BY month DESC LIMIT 1) newest
	WHERE  $5 <= month_limit_millicents AND (day_limit_millicents = 0 OR $5 <= day_limit_millicents)
	ON CONFLICT (account_id, source_slug, month) DO UPDATE SET
		month_spent_millicents = b.month_spent_millicents + $5,
		day_spent_millicents = CASE WHEN b.day = $4::date THEN b.day_spent_millicents ELSE 0 END + $5,
		day = $4::date
	WHERE b.month_spent_millicents + $5 <= b.month_limit_millicents
	AND   (b.day_limit_millicents = 0 OR CASE WHEN b.day = $4::date THEN b.day_spent_millicents ELSE 0 END + $5 <= b.day_limit_millicents)
	RETURNING month_spent_millicents`

// Spend books millicents (thousandths of a cent) that an account is about to pay for a source at time at.
// false: a limit of that UTC day or month would be passed, or no budget was ever set; nothing is booked and
// the request must not be made.
func (s *Store) Spend(ctx context.Context, account int64, source string, millicents int64, at time.Time) (bool, error) {
	if millicents < 0 {
		return false, fmt.Errorf("booking %d millicents for %s: less than nothing", millicents, source)
	}
	var spent int64
	err := s.pool.QueryRow(ctx, spendSQL, account, source, monthOf(at), dayOf(at), millicents).Scan(&spent)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("booking %d millicents of account %d for %s: %w", millicents, account, source, err)
	}
	return true, nil
}

const setBudgetSQL = `
	INSERT INTO budget (account_id, source_slug, month, currency, month_limit_millicents, day_limit_millicents, month_spent_millicents)
	VALUES ($1, $2, $3::date, $4, $5, $6, 0)
	ON CONFLICT (account_id, source_slug, month) DO UPDATE SET
		currency = excluded.currency, month_limit_millicents = excluded.month_limit_millicents, day_limit_millicents = excluded.day_limit_millicents`

// SetBudget sets what a source may cost an account from the month of at on. What was spent stays spent:
// lowering a limit below it stops the source.
func (s *Store) SetBudget(ctx context.Context, b surgecast.Budget, at time.Time) error {
	switch {
	case b.MonthLimitMillicents < 0:
		return &surgecast.FieldError{Field: "budget", Value: fmt.Sprint(b.MonthLimitMillicents), Detail: "less than nothing", Remedy: "Give an amount of money, or 0 to stop the source."}
	case b.DayLimitMillicents < 0:
		return &surgecast.FieldError{Field: "day", Value: fmt.Sprint(b.DayLimitMillicents), Detail: "less than nothing", Remedy: "Give an amount of money, or 0 for no limit a day."}
	}
	if b.Currency == "" {
		b.Currency = "USD"
	}
	_, err := s.pool.Exec(ctx, setBudgetSQL, b.AccountID, b.Source, monthOf(at), b.Currency, b.MonthLimitMillicents, b.DayLimitMillicents)
	if sqlState(err) == foreignKey {
		return fmt.Errorf("budget of account %d: %w", b.AccountID, surgecast.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("setting the budget of account %d for %s: %w", b.AccountID, b.Source, err)
	}
	return nil
}

// budgetsSQL takes of each source the newest row: in a month without a booking yet its limits hold and
// nothing is spent.
const budgetsSQL = `
	SELECT DISTINCT ON (source_slug) source_slug, currency, month_limit_millicents, day_limit_millicents,
		CASE WHEN month = $2::date THEN month_spent_millicents ELSE 0 END,
		CASE WHEN day = $3::date THEN day_spent_millicents ELSE 0 END
	FROM   budget
	WHERE  account_id = $1 AND month <= $2::date
	ORDER  BY source_slug, month DESC`

// Budgets are an account's budgets as of at, by source.
func (s *Store) Budgets(ctx context.Context, account int64, at time.Time) ([]surgecast.Budget, error) {
	rows, _ := s.pool.Query(ctx, budgetsSQL, account, monthOf(at), dayOf(at))
	bs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (surgecast.Budget, error) {
		b := surgecast.Budget{AccountID: account, Month: monthOf(at)}
		err := row.Scan(&b.Source, &b.Currency, &b.MonthLimitMillicents, &b.DayLimitMillicents, &b.MonthSpentMillicents, &b.DaySpentMillicents)
		return b, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the budgets of account %d: %w", account, err)
	}
	return bs, nil
}

func dayOf(at time.Time) time.Time {
	y, m, d := at.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func monthOf(at time.Time) time.Time {
	y, m, _ := at.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}
