package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"surgecast"
)

// Nobody has more than the bound, whoever comes at once; what is there already is told apart from what finds no room;
// another account has its own.
// Fails when: addWithin takes its transaction from inTx (two callers both count the last free place), or does not count.
func TestBounds(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	other := must[surgecast.Account](t)(s.CreateAccount(ctx, surgecast.Account{Slug: "other", Name: "Other"}))
	shop := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	theirs := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(other.ID, "shop")))
	must[surgecast.Topic](t)(s.CreateTopic(ctx, aTopic(1, "tour", t0)))
	ok(t, s.SaveSweep(ctx, surgecast.Sweep{At: minute(0), Leases: []surgecast.Lease{lease(t, s, "shard:0")}, Surges: []surgecast.Surge{
		{ID: "srg_1", AccountID: 1, SiteID: shop.ID, Subject: "shop", Kind: surgecast.SurgeOverload, State: surgecast.StateAlert, OpenedAt: minute(0)},
		{ID: "srg_2", AccountID: other.ID, SiteID: theirs.ID, Subject: "shop", Kind: surgecast.SurgeOverload, State: surgecast.StateAlert, OpenedAt: minute(0)},
	}}))
	event := func(site surgecast.Site) error {
		e := surgecast.PlannedEvent{AccountID: site.AccountID, SiteID: site.ID, StartsAt: t0.Add(time.Hour), CreatedAt: t0}
		e.Default(site.Kind, t0)
		_, err := s.CreateEvent(ctx, e)
		return err
	}
	siteOf := map[int64]surgecast.Site{1: shop, other.ID: theirs}
	for _, c := range []struct {
		what string
		most int
		fill string // up to two below the bound
		add  func(account int64, n int) error
	}{
		{
			"sites", surgecast.MaxSites, `INSERT INTO site SELECT (jsonb_populate_record(s, jsonb_build_object('id', nextval(pg_get_serial_sequence('site', 'id')), 'slug', 'fill-' || i))).*
			FROM site s, generate_series(1, $1::int - 3) i WHERE s.account_id = 1 AND s.slug = 'shop'`,
			func(a int64, n int) error { _, err := s.CreateSite(ctx, aSite(a, fmt.Sprint("new-", n))); return err },
		},
		{
			"topics", surgecast.MaxTopics, `INSERT INTO topic (account_id, slug, name, revision, simulated, created_at, updated_at)
			SELECT 1, 'fill-' || i, '', 1, false, now(), now() FROM generate_series(1, $1::int - 3) i`,
			func(a int64, n int) error {
				_, err := s.CreateTopic(ctx, aTopic(a, fmt.Sprint("new-", n), t0))
				return err
			},
		},
		{
			"webhooks", surgecast.MaxWebhooks, `INSERT INTO webhook (id, account_id, url, format, types, sites, secrets, disabled_why, created_at)
			SELECT 'whk_' || i, 1, 'https://example.com/', 'standard', '{}', '{}', '{}', '', now() FROM generate_series(1, $1::int - 2) i`,
			func(a int64, _ int) error {
				_, err := s.CreateWebhook(ctx, surgecast.Webhook{AccountID: a, URL: "https://example.com/"})
				return err
			},
		},
		{
			"keys", surgecast.MaxKeys, `INSERT INTO api_key (id, account_id, name, prefix, sha256, scopes, sites, created_at)
			SELECT 'key_' || i, 1, '', '', sha256(i::text::bytea), '{}', '{}', now() FROM generate_series(1, $1::int - 2) i`,
			func(a int64, n int) error {
				_, err := s.CreateKey(ctx, surgecast.Key{AccountID: a, Name: "k"}, [32]byte{1, byte(a), byte(n)})
				return err
			},
		},
		{
			"senders", surgecast.MaxSenders, `INSERT INTO push_sender (id, account_id, name, source, sites, secrets, created_at)
			SELECT 'psh_' || i, 1, 'x', '', '{}', ARRAY['\x00'::bytea], now() FROM generate_series(1, $1::int - 2) i`,
			func(a int64, _ int) error {
				_, err := s.CreatePushSender(ctx, surgecast.PushSender{AccountID: a, Name: "x", Secrets: [][]byte{{0}}, CreatedAt: t0})
				return err
			},
		},
		{
			"events", surgecast.MaxEvents, `INSERT INTO planned_event (id, account_id, site_id, kind, name, starts_at, announced_at, created_at, updated_at)
			SELECT 'evt_' || i, 1, (SELECT id FROM site WHERE account_id = 1 AND slug = 'shop'), 'sale', '', '1998-06-21', '1998-06-20', '1998-06-20', '1998-06-20' FROM generate_series(1, $1::int - 2) i`,
			func(a int64, _ int) error { return event(siteOf[a]) },
		},
		{
			"marks", surgecast.MaxMarks, `INSERT INTO surge_mark (surge_id, number, kind, set_by, note, at)
			SELECT 'srg_1', i, 'note', 'Ana', 'x', now() FROM generate_series(1, $1::int - 2) i`,
			func(a int64, _ int) error {
				return s.AddSurgeMark(ctx, a, surgecast.SurgeMark{SurgeID: map[int64]string{1: "srg_1", other.ID: "srg_2"}[a], Kind: surgecast.MarkNote, By: "Ana", Note: "x", At: minute(1)})
			},
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			change(t, pool, c.fill, c.most)
			var made, full atomic.Int32
			var wg sync.WaitGroup
			for n := range 8 { // for two places
				wg.Go(func() {
					var limit *surgecast.LimitError
					switch err := c.add(1, n); {
					case err == nil:
						made.Add(1)
					case errors.As(err, &limit) && limit.Most == c.most && limit.Field != "" && limit.Remedy != "":
						full.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if made.Load() != 2 || full.Load() != 6 {
				t.Errorf("%d were made and %d refused, want 2 and 6", made.Load(), full.Load())
			}
			if err := c.add(other.ID, 1); err != nil {
				t.Errorf("another account: %v", err)
			}
		})
	}
	var limit *surgecast.LimitError
	if _, err := s.SetLadder(ctx, shop, make([]surgecast.Rung, surgecast.MaxRungs+1)); !errors.As(err, &limit) {
		t.Errorf("a ladder of %d rungs: %v", surgecast.MaxRungs+1, err)
	}
	if _, err := s.CreateSite(ctx, aSite(1, "shop")); !errors.Is(err, surgecast.ErrExists) {
		t.Errorf("a site that exists, where no room is: %v", err)
	}
	past := surgecast.PlannedEvent{AccountID: 1, SiteID: shop.ID, StartsAt: t0.AddDate(0, -1, 0), CreatedAt: t0}
	past.Default(shop.Kind, t0)
	if _, err := s.CreateEvent(ctx, past); err != nil {
		t.Errorf("an event that is over takes no room: %v", err)
	}
	if err := s.DeleteTopic(ctx, 1, "tour"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateTopic(ctx, aTopic(1, "afterwards", t0)); err != nil {
		t.Errorf("after one was deleted: %v", err)
	}
}

// A person's order is never refused, and a script that orders all day fills no disk: the newest are kept.
// Fails when: keepOrders is not called in SetOverride, SetNotice or SetFrozen, or forgets the newest.
func TestOrdersAreKeptWithinBounds(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	shop := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	for table, fill := range map[string]string{
		"override":       `INSERT INTO override (site_id, number, units, until, set_by, note, set_at) SELECT $1, i, 1, now(), 'x', '', now() FROM generate_series(1, $2) i`,
		"notice":         `INSERT INTO notice (site_id, number, shown, part, words, ahead, reference, set_by, set_at) SELECT $1, i, true, '', '', false, '', 'x', now() FROM generate_series(1, $2) i`,
		"account_freeze": `INSERT INTO account_freeze (account_id, number, frozen, set_by, set_at) SELECT 1, i, false, 'x', now() FROM generate_series(1, $2) i WHERE $1::bigint > 0`,
	} {
		change(t, pool, fill, shop.ID, surgecast.KeptOrders+5)
		ok(t, map[string]func() error{
			"override": func() error {
				return s.SetOverride(ctx, surgecast.Override{SiteID: shop.ID, Units: 9, Until: minute(60), By: "Ana", SetAt: minute(0)})
			},
			"notice": func() error {
				return s.SetNotice(ctx, surgecast.Notice{SiteID: shop.ID, Words: "newest", By: "Ana", SetAt: minute(0)})
			},
			"account_freeze": func() error { return s.SetFrozen(ctx, 1, true, "Ana", minute(0)) },
		}[table]())
		if n := ask[int64](t, pool, `SELECT count(*) FROM `+table); n != surgecast.KeptOrders {
			t.Errorf("%s: %d rows, want %d", table, n, surgecast.KeptOrders)
		}
	}
	if o := must[[]surgecast.Override](t)(s.Overrides(ctx)); len(o) != 1 || o[0].Units != 9 {
		t.Errorf("overrides %v", o)
	}
	if n := must[[]surgecast.Notice](t)(s.Notices(ctx, shop.ID, 1)); len(n) != 1 || n[0].Words != "newest" {
		t.Errorf("notices %v", n)
	}
	if !must[bool](t)(s.Frozen(ctx, 1)) {
		t.Error("not frozen")
	}
}
