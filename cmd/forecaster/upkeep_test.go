package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"surgecast/store"
	"surgecast/store/storetest"
)

// What was left by processes that are gone is tidied also where nothing is ever dropped.
// Fails when: upkeep calls ForgetLeases only where there is a retention.
func TestUpkeepTidiesLeasesWithoutRetention(t *testing.T) {
	pool := storetest.New(t)
	db := &database{Store: store.New(pool)}
	for _, name := range []string{"engine-alive/gone", "engine/00"} {
		if _, ok, err := db.AcquireLease(t.Context(), name, "gone", time.Second); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	if _, err := pool.Exec(t.Context(), `UPDATE lease SET expires_at = statement_timestamp() - interval '2 days'`); err != nil {
		t.Fatal(err)
	}
	turn, stop := context.WithCancel(t.Context())
	defer stop()
	kept := make(chan error, 1)
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	go func() {
		kept <- (&app{g: &Global{log: slog.New(slog.DiscardHandler)}, db: db, clock: func() time.Time { return now }}).upkeep(turn, 0, 0)
	}()
	for left := ""; left != "engine/00"; {
		if err := pool.QueryRow(t.Context(), `SELECT string_agg(name, ' ' ORDER BY name) FROM lease`).Scan(&left); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond) // ends with the test's time
	}
	stop()
	if err := <-kept; err != nil {
		t.Fatal(err)
	}
}
