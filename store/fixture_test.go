package store_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"surgecast"
	"surgecast/store"
	"surgecast/store/storetest"
)

// The killed process of TestPromise1SurvivesSIGKILL is this test binary, started again.
func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		countForever(url)
	}
	code := m.Run()
	if err := storetest.Shutdown(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// t0 is a Saturday of the 1998 World Cup: no partition is there before a test needs it.
var t0 = time.Date(1998, 6, 20, 12, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return t0.Add(time.Duration(n) * time.Minute) }

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB) (*store.Store, *pgxpool.Pool) {
	pool := storetest.New(t)
	return store.New(pool), pool
}

// ask reads one value.
func ask[T any](t testing.TB, pool *pgxpool.Pool, sql string, args ...any) T {
	t.Helper()
	rows, _ := pool.Query(t.Context(), sql, args...)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func change(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func aSite(account int64, slug string) surgecast.Site {
	s := surgecast.Site{
		AccountID: account, Slug: slug, Capacity: surgecast.CapacityProfile{Units: 8, RPMPerUnit: 5000},
		CreatedAt: t0,
	}
	s.Default()
	return s
}

func aTopic(account int64, slug string, since time.Time) surgecast.Topic {
	t := surgecast.Topic{AccountID: account, Slug: slug, Since: since, CreatedAt: t0}
	t.Default()
	return t
}

func aSource(slug string, mode surgecast.WriteMode) surgecast.Source {
	return surgecast.Source{Slug: slug, Kind: surgecast.SourcePosts, Mode: mode, StepSeconds: 60}
}

func lease(t testing.TB, s *store.Store, name string) surgecast.Lease {
	t.Helper()
	l, mine, err := s.AcquireLease(t.Context(), name, "test", time.Hour)
	if err != nil || !mine {
		t.Fatalf("AcquireLease(%s) = %t, %v, want true, nil", name, mine, err)
	}
	return l
}

// takeOver raises the epoch as another process would after the lease ran out.
func takeOver(t testing.TB, s *store.Store, pool *pgxpool.Pool, name string) {
	t.Helper()
	change(t, pool, `UPDATE lease SET expires_at = '-infinity' WHERE name = $1`, name)
	if _, mine, err := s.AcquireLease(context.Background(), name, "other", time.Hour); err != nil || !mine {
		t.Fatalf("taking over %s = %t, %v, want true, nil", name, mine, err)
	}
}

func mention(topic, source int64, at time.Time, raw float64) surgecast.MentionMinute {
	return surgecast.MentionMinute{TopicID: topic, SourceID: source, Minute: at, Raw: raw, Organic: raw / 2, Authors: raw / 4, Reach: raw * 10}
}

func requests(site int64, at time.Time, n float64) surgecast.TrafficMinute {
	return surgecast.TrafficMinute{SiteID: site, Segment: surgecast.TotalSegment, Minute: at, Requests: n, Complete: true}
}
