package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"surgecast"
)

// Many spend at once; together they never pass a limit, and a day's limit ends with the day, a month's
// with the month.
// Fails when: the WHERE after DO UPDATE in spendSQL is taken out.
func TestSpendStopsAtTheLimit(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	at := time.Date(2026, 9, 29, 23, 50, 0, 0, time.UTC)
	spend := func(at time.Time) bool {
		return must[bool](t)(s.Spend(ctx, surgecast.DefaultAccount, "x", 500, at))
	}
	if spend(at) {
		t.Error("spent without a budget")
	}
	// 30 requests a day, 40 a month.
	ok(t, s.SetBudget(ctx, surgecast.Budget{AccountID: surgecast.DefaultAccount, Source: "x", MonthLimitMillicents: 20_000, DayLimitMillicents: 15_000}, at))

	var made atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 { // 160 ask for 30
				yes, err := s.Spend(ctx, surgecast.DefaultAccount, "x", 500, at)
				if err != nil {
					t.Error(err)
				}
				if yes {
					made.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if made.Load() != 30 {
		t.Errorf("%d requests of the day were allowed, want 30", made.Load())
	}
	if yes := must[bool](t)(s.Spend(ctx, surgecast.DefaultAccount, "other", 500, at)); yes {
		t.Error("the budget of one source paid for another")
	}
	if yes, err := s.Spend(ctx, surgecast.DefaultAccount, "x", -500, at); yes || err == nil {
		t.Error("money was put back")
	}

	next := at.Add(time.Hour) // 30 September: the month has 10 left
	n := 0
	for range 20 {
		if spend(next) {
			n++
		}
	}
	if n != 10 {
		t.Errorf("%d requests on the next day, want the 10 the month has left", n)
	}
	b := must[[]surgecast.Budget](t)(s.Budgets(ctx, surgecast.DefaultAccount, next))
	if len(b) != 1 || b[0].MonthSpentMillicents != 20_000 || b[0].DaySpentMillicents != 5_000 || b[0].Currency != "USD" {
		t.Errorf("budgets %+v", b)
	}

	october := next.Add(24 * time.Hour)
	b = must[[]surgecast.Budget](t)(s.Budgets(ctx, surgecast.DefaultAccount, october))
	if len(b) != 1 || b[0].MonthSpentMillicents != 0 || b[0].DaySpentMillicents != 0 || b[0].MonthLimitMillicents != 20_000 {
		t.Errorf("budgets of a new month %+v", b)
	}
	if !spend(october) {
		t.Error("a new month has no money")
	}
	// Lowered below what is spent: stopped at once, and what was spent is still known.
	ok(t, s.SetBudget(ctx, surgecast.Budget{AccountID: surgecast.DefaultAccount, Source: "x"}, october))
	if spend(october) {
		t.Error("spent with a budget of nothing")
	}
	if b = must[[]surgecast.Budget](t)(s.Budgets(ctx, surgecast.DefaultAccount, october)); b[0].MonthSpentMillicents != 500 {
		t.Errorf("a lower limit forgot what was spent: %+v", b)
	}
	if err := s.SetBudget(ctx, surgecast.Budget{AccountID: 77, Source: "x"}, at); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("budget of nobody: %v", err)
	}
}
