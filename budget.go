package surgecast

import "time"

// Budget is what a paid source may cost an account, and what it has cost. Money is in thousandths of the
// smallest unit of the currency (500 is half a cent): a single request costs less than a cent.
type Budget struct {
	AccountID int64
	Source    string // slug
	Currency  string // ISO 4217, "USD"

	MonthLimitMillicents int64
	DayLimitMillicents   int64 // 0: only the month's limit holds

	Month                time.Time // first day, UTC; what was spent is of this month
	MonthSpentMillicents int64
	DaySpentMillicents   int64 // of the day that was asked about
}
