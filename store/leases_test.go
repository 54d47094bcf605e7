package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"surgecast"
)

func TestLeaseHasOneHolder(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	a, mine, err := s.AcquireLease(ctx, "engine/00", "a", time.Hour)
	if err != nil || !mine || a.Epoch != 1 {
		t.Fatalf("first AcquireLease = %+v, %t, %v, want epoch 1", a, mine, err)
	}
	if _, mine, err := s.AcquireLease(ctx, "engine/00", "b", time.Hour); err != nil || mine {
		t.Errorf("AcquireLease of a held lease = %t, %v, want false, nil", mine, err)
	}
	// The holder itself, started again, need not wait; what it wrote under before is over.
	again, mine, err := s.AcquireLease(ctx, "engine/00", "a", time.Hour)
	if err != nil || !mine || again.Epoch != 2 {
		t.Errorf("AcquireLease of one's own = %+v, %t, %v, want epoch 2", again, mine, err)
	}
	if lost, err := s.RenewLeases(ctx, []surgecast.Lease{a, again}, time.Hour); err != nil || len(lost) != 1 || lost[0] != a {
		t.Errorf("RenewLeases lost %v, %v, want only %v", lost, err, a)
	}
	ok(t, s.ReleaseLeases(ctx, []surgecast.Lease{again}))
	b, mine, err := s.AcquireLease(ctx, "engine/00", "b", time.Hour)
	if err != nil || !mine || b.Epoch != 3 {
		t.Errorf("AcquireLease after release = %+v, %t, %v, want epoch 3", b, mine, err)
	}
	// a gives back, late, what is no longer its own.
	ok(t, s.ReleaseLeases(ctx, []surgecast.Lease{again}))
	if !ask[bool](t, pool, `SELECT expires_at > now() FROM lease`) {
		t.Error("a former holder released the lease of the present one")
	}
	if lost, err := s.RenewLeases(ctx, []surgecast.Lease{again, b}, time.Hour); err != nil || len(lost) != 1 || lost[0] != again {
		t.Errorf("RenewLeases lost %v, %v, want only %v", lost, err, again)
	}
}

// Promise 8: a stale lease writes nothing, in every write of engine and ingest.
//
// Fails when checkLeases does not compare what it found with what was given (its last "if").
func TestPromise8StaleLeaseWritesNothing(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	src := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource("bluesky", surgecast.Increments)))
	hook := must[surgecast.Webhook](t)(s.CreateWebhook(ctx, surgecast.Webhook{AccountID: 1, URL: "https://example.com", CreatedAt: t0}))
	l := lease(t, s, "work")
	other := lease(t, s, "other work") // still held: one stale lease among good ones is enough
	sw := wholeSweep(site, 1, t0)
	sw.Leases = []surgecast.Lease{other, l}
	takeOver(t, s, pool, "work")

	writes := map[string]func() error{
		"AddMentions": func() error {
			return s.AddMentions(ctx, l, src.ID, "", "c1", []surgecast.MentionMinute{mention(1, src.ID, t0, 1)}, t0)
		},
		"CloseSourceMinutes": func() error { return s.CloseSourceMinutes(ctx, l, src.ID, t0, minute(1), true, t0) },
		"SaveSweep":          func() error { return s.SaveSweep(ctx, sw) },
		"SaveStates": func() error {
			return s.SaveStates(ctx, []surgecast.ModelState{{Series: "site:1:total", Origin: t0, Blob: []byte{1}}}, []surgecast.Lease{l})
		},
	}
	for name, write := range writes {
		if err := write(); !errors.Is(err, surgecast.ErrStaleLease) {
			t.Errorf("%s under a stale lease = %v, want ErrStaleLease", name, err)
		}
	}
	for _, table := range []string{
		"mention", "mention_series", "source_minute", "site_forecast", "ledger_head", "recommendation",
		"surge", "surge_transition", "delivery", "river.river_job", "model_state",
	} {
		if n := ask[int64](t, pool, `SELECT count(*) FROM `+table); n != 0 {
			t.Errorf("%s has %d rows, want none", table, n)
		}
	}
	if at := must[string](t)(s.Cursor(ctx, src.ID)); at != "" {
		t.Errorf("the cursor moved to %q", at)
	}
	if hook.ID == "" {
		t.Error("no webhook listened: the test would see no delivery anyway")
	}

	sw.Leases = nil
	if err := s.SaveSweep(ctx, sw); err == nil {
		t.Error("a sweep without a lease was accepted")
	}
}

// A lease cannot be taken while a transaction that checked it is under way; the transaction's own
// process can renew it meanwhile. Otherwise a long sweep would lose the lease it holds, or commit after
// the takeover.
//
// Fails when lockLeaseSQL loses FOR UPDATE: the update alone does not wait for FOR KEY SHARE.
func TestPromise8TakeoverWaitsForTheTransaction(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	l := lease(t, s, "work")
	tx, err := pool.Begin(ctx)
	ok(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	_, err = tx.Exec(ctx, `SELECT FROM lease WHERE name = 'work' AND epoch = $1 FOR KEY SHARE`, l.Epoch) // as checkLeases does
	ok(t, err)

	if lost, err := s.RenewLeases(ctx, []surgecast.Lease{l}, -time.Second); err != nil || len(lost) != 0 { // expired at once
		t.Fatalf("RenewLeases during a sweep lost %v, %v, want nothing", lost, err)
	}
	if _, mine, err := s.AcquireLease(ctx, "work", "other", time.Hour); err != nil || mine {
		t.Errorf("AcquireLease during a transaction under the lease = %t, %v, want false, nil", mine, err)
	}
	ok(t, tx.Commit(ctx))
	if _, mine, err := s.AcquireLease(ctx, "work", "other", time.Hour); err != nil || !mine {
		t.Errorf("AcquireLease afterwards = %t, %v, want true, nil", mine, err)
	}
}
