package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"surgecast"
)

type cell struct {
	topic  int64
	minute int
}

// Whatever is put, added, corrected and compacted, in whatever order, the counts are those of a map that
// knows nothing of hours and partitions.
func TestCompactionChangesNothing(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s, pool := open(t)
			ctx := t.Context()
			src := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource("bluesky", surgecast.Increments)))
			l := lease(t, s, "source/bluesky")
			chance := rand.New(rand.NewPCG(seed, 7))
			raw, first := map[cell]float64{}, map[cell]float64{}
			cursor, closed := 0, 0
			for range 60 {
				var rows []surgecast.MentionMinute
				for range 1 + chance.IntN(30) {
					// Four topics over 30 hours: across midnight, where partitions meet.
					c := cell{1 + chance.Int64N(4), chance.IntN(30 * 60)}
					rows = append(rows, mention(c.topic, src.ID, minute(c.minute), float64(chance.IntN(9))))
				}
				switch chance.IntN(5) {
				case 0, 1:
					_, err := s.PutMentions(ctx, rows, t0)
					ok(t, err)
					last := map[cell]float64{} // a minute given twice: the later row counts, also as the first
					for _, r := range rows {
						last[cell{r.TopicID, int(r.Minute.Sub(t0) / time.Minute)}] = r.Raw
					}
					for c, n := range last {
						if _, there := raw[c]; there {
							if _, known := first[c]; !known && raw[c] != n {
								first[c] = raw[c]
							}
						} else {
							first[c] = n
						}
						raw[c] = n
					}
				case 2, 3:
					ok(t, s.AddMentions(ctx, l, src.ID, place(cursor), place(cursor+1), rows, t0))
					cursor++
					for _, r := range rows {
						raw[cell{r.TopicID, int(r.Minute.Sub(t0) / time.Minute)}] += r.Raw
					}
				default:
					closed = max(closed, chance.IntN(32*60))
					ok(t, s.CompactBefore(ctx, minute(closed)))
				}
			}
			ok(t, s.CompactBefore(ctx, minute(closed)))
			got, gotFirst := map[cell]float64{}, map[cell]float64{}
			rows, _ := pool.Query(ctx, `SELECT topic_id, minute, raw, first_n FROM mention`)
			for rows.Next() {
				var c cell
				var at time.Time
				var n float64
				var f *float64
				ok(t, rows.Scan(&c.topic, &at, &n, &f))
				c.minute = int(at.Sub(t0) / time.Minute)
				got[c] = n
				if f != nil {
					gotFirst[c] = *f
				}
			}
			ok(t, rows.Err())
			if diff := cmp.Diff(raw, got); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(first, gotFirst); diff != "" {
				t.Errorf("first published (-want +got):\n%s", diff)
			}
			// What is closed is in hours, and whole days that are closed have no partition left.
			if n := ask[int64](t, pool, `SELECT count(*) FROM mention_minute WHERE minute < $1`, minute(closed).Truncate(time.Hour)); n != 0 {
				t.Errorf("%d minutes of closed hours are still rows", n)
			}
			if closed >= 12*60 { // t0 is noon
				if n := ask[int64](t, pool, `SELECT count(*) FROM pg_class WHERE relname = 'mention_minute_d19980620'`); n != 0 {
					t.Error("a day that is closed whole kept its empty partition")
				}
			}
		})
	}
}

// Writers of open and of closed hours beside compaction: nothing is lost, nothing counts twice.
//
// Fails when correct loses its call of lockHours.
func TestCompactionBesideWriters(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	const writers, batches, hours = 4, 25, 6
	var wg sync.WaitGroup
	for w := range writers {
		src := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource(fmt.Sprintf("s%d", w), surgecast.Increments)))
		l := lease(t, s, src.Slug)
		chance := rand.New(rand.NewPCG(uint64(w), 3))
		wg.Go(func() {
			for n := range batches {
				var rows []surgecast.MentionMinute
				for range 20 {
					rows = append(rows, mention(1+chance.Int64N(3), src.ID, minute(chance.IntN(hours*60)), 1))
				}
				if err := s.AddMentions(ctx, l, src.ID, place(n), place(n+1), rows, t0); err != nil {
					t.Error(err)
				}
				// And corrections of minutes another writer corrects as well.
				if _, err := s.PutMentions(ctx, []surgecast.MentionMinute{mention(9, 99, minute(n), float64(w))}, t0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for h := range hours {
			if err := s.CompactBefore(ctx, minute(60*(h+1))); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	ok(t, s.CompactBefore(ctx, minute(60*hours)))
	if n := ask[float64](t, pool, `SELECT sum(raw) FROM mention WHERE topic_id < 9`); n != writers*batches*20 {
		t.Errorf("%v mentions, want %d", n, writers*batches*20)
	}
	if n := ask[int64](t, pool, `SELECT count(*) - count(DISTINCT (topic_id, source_id, minute)) FROM mention`); n != 0 {
		t.Errorf("%d minutes are in two places", n)
	}
	if n := ask[int64](t, pool, `SELECT count(*) FROM mention WHERE topic_id = 9`); n != batches {
		t.Errorf("%d corrected minutes, want %d", n, batches)
	}
}

// An hour is not closed over the head of a writer that found it open. The writer is held up by a lock on
// its second row, its first one written and not committed; closing the hour must wait for it.
//
// Fails when closedBefore loses FOR KEY SHARE: the first row is left behind in the closed hour.
func TestClosingAnHourWaitsForItsWriters(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	_, err := s.PutMentions(ctx, []surgecast.MentionMinute{mention(1, 1, minute(5), 1), mention(2, 1, minute(0), 1)}, t0)
	ok(t, err)
	block, err := pool.Begin(ctx)
	ok(t, err)
	defer func() { _ = block.Rollback(context.Background()) }()
	_, err = block.Exec(ctx, `SELECT FROM mention_minute WHERE topic_id = 2 FOR UPDATE`)
	ok(t, err)

	waiting := func(n int64) { // until n sessions of this database wait for a lock
		for ask[int64](t, pool, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) < n {
			time.Sleep(time.Millisecond)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.PutMentions(ctx, []surgecast.MentionMinute{mention(1, 1, minute(0), 7), mention(2, 1, minute(0), 8)}, t0); err != nil {
			t.Error(err)
		}
	})
	waiting(1)
	wg.Go(func() {
		if err := s.CompactBefore(ctx, minute(60)); err != nil {
			t.Error(err)
		}
	})
	waiting(2)
	ok(t, block.Commit(ctx))
	wg.Wait()
	if n := ask[int64](t, pool, `SELECT count(*) FROM mention_minute`); n != 0 {
		t.Errorf("%d minutes of a closed hour are still rows", n)
	}
	if n := ask[float64](t, pool, `SELECT sum(raw) FROM mention`); n != 16 { // 1 + 7 + 8
		t.Errorf("%v mentions, want 16", n)
	}
}

// An hour in which one topic of many is corrected: the others, and the hours beside it, are untouched.
func TestCorrectionTouchesOnlyItsHour(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	var rows []surgecast.TrafficMinute
	for site := range int64(3) {
		for i := range 180 {
			rows = append(rows, requests(site, minute(i), float64(i)))
		}
	}
	_, err := s.PutTraffic(ctx, rows, t0)
	ok(t, err)
	ok(t, s.CompactBefore(ctx, minute(180)))
	if n := ask[int64](t, pool, `SELECT count(*) FROM traffic_hour`); n != 9 {
		t.Fatalf("%d hours, want 9", n)
	}
	place := func() map[string]string {
		rows, _ := pool.Query(ctx, `SELECT site_id || ' ' || hour, ctid::text FROM traffic_hour`)
		out := map[string]string{}
		for rows.Next() {
			var k, v string
			ok(t, rows.Scan(&k, &v))
			out[k] = v
		}
		ok(t, rows.Err())
		return out
	}
	before := place()
	_, err = s.PutTraffic(ctx, []surgecast.TrafficMinute{requests(1, minute(70), 9999)}, t0)
	ok(t, err)
	moved := 0
	for k, v := range place() {
		if before[k] != v {
			moved++
		}
	}
	if moved != 1 {
		t.Errorf("%d hours were rewritten, want 1", moved)
	}
	got, err := s.Traffic(ctx, 1, "total", minute(69), minute(72))
	ok(t, err)
	if len(got) != 3 || got[0].Requests != 69 || got[1].Requests != 9999 || got[1].FirstN != 70 || got[2].Requests != 71 {
		t.Errorf("minutes 69 to 71 = %+v, want 69, 9999 (first 70), 71", got)
	}
}

// Imports of long ago need no partition made ahead, before compaction has ever run and after.
func TestPartitionsOnDemand(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	years := []int{1998, 2011, 2026}
	for _, compacted := range []bool{false, true} {
		for _, y := range years {
			at := time.Date(y, 2, 28, 23, 58, 0, 0, time.UTC)
			if compacted {
				at = at.AddDate(0, 1, 0)
			}
			var rows []surgecast.TrafficMinute
			for i := range 4 { // across midnight, and across the end of a month
				rows = append(rows, requests(1, at.Add(time.Duration(i)*time.Minute), 1))
			}
			_, err := s.PutTraffic(ctx, rows, t0)
			ok(t, err)
		}
		ok(t, s.CompactBefore(ctx, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)))
	}
	if n := ask[float64](t, pool, `SELECT sum(requests) FROM traffic`); n != 24 { // 2 · 3 · 4
		t.Errorf("%v requests, want 24", n)
	}
	ok(t, s.EnsurePartitions(ctx, time.Date(2031, 12, 30, 0, 0, 0, 0, time.UTC), time.Date(2032, 1, 2, 0, 0, 0, 0, time.UTC)))
	// Four days for each of four tables, two months for three.
	if n := ask[int64](t, pool, `SELECT count(*) FROM pg_class WHERE relname ~ '_[dm]203[12]' AND relkind = 'r'`); n != 4*4+3*2 {
		t.Errorf("%d partitions made ahead, want 22", n)
	}
	if n := ask[int64](t, pool, `SELECT count(*) FROM pg_class WHERE relname = 'traffic_minute_d20311230' AND reloptions @> ARRAY['fillfactor=50']`); n != 1 {
		t.Error("a partition for minutes to come leaves no room for corrections")
	}
}

func TestRetention(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	for day := range 4 {
		_, err := s.PutTraffic(ctx, []surgecast.TrafficMinute{requests(1, t0.AddDate(0, 0, day), 1)}, t0)
		ok(t, err)
	}
	_, err := s.PutTraffic(ctx, []surgecast.TrafficMinute{requests(2, t0, 1)}, t0)
	ok(t, err)
	ok(t, s.DropPartitionsBefore(ctx, time.Date(1998, 6, 22, 0, 0, 0, 0, time.UTC)))
	if n := ask[float64](t, pool, `SELECT sum(requests) FROM traffic`); n != 2 { // 22nd and 23rd
		t.Errorf("%v requests left, want 2", n)
	}
	got := must[map[int64]surgecast.Frontier](t)(s.TrafficFrontiers(ctx))
	want := map[int64]surgecast.Frontier{1: {SiteID: 1, First: time.Date(1998, 6, 22, 0, 0, 0, 0, time.UTC), Last: t0.AddDate(0, 0, 3)}}
	if diff := cmp.Diff(want, got); diff != "" { // nothing of site 2 is left
		t.Errorf("frontiers (-want +got):\n%s", diff)
	}
}

// What grows with time is forgotten with the minutes it speaks of; what is still to be sent is not.
// Fails when: DropPartitionsBefore leaves out one of the logs.
func TestRetentionForgetsLogs(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	hook := must[surgecast.Webhook](t)(s.CreateWebhook(ctx, surgecast.Webhook{AccountID: 1, URL: "https://example.com", CreatedAt: t0}))
	src := must[surgecast.Source](t)(s.EnsureSource(ctx, aSource("bluesky", surgecast.Increments)))
	l := lease(t, s, "ingest/bluesky")
	for day := range 3 {
		at := t0.AddDate(0, 0, day)
		ok(t, s.AddDecision(ctx, surgecast.Decision{SiteID: site.ID, At: at, Units: day}))
		ok(t, s.RecordGap(ctx, l, surgecast.SourceGap{SourceID: src.ID, From: at, To: at.Add(time.Hour), Reason: "cut", NotedAt: at}))
		d := must[surgecast.Delivery](t)(s.EnqueueTest(ctx, 1, hook.ID, at))
		if day != 1 { // that of the second day is still pending
			ok(t, s.RecordAttempt(ctx, surgecast.DeliveryAttempt{DeliveryID: d.ID, Number: 1, At: at, StatusCode: 200}, surgecast.DeliveryDelivered, at))
		}
	}
	ok(t, s.DropPartitionsBefore(ctx, t0.AddDate(0, 0, 2).Truncate(24*time.Hour)))
	for table, want := range map[string]int64{"decision": 1, "ingest_gap": 1, "delivery": 2, "delivery_attempt": 1} {
		if n := ask[int64](t, pool, `SELECT count(*) FROM `+table); n != want {
			t.Errorf("%d rows of %s left, want %d", n, table, want)
		}
	}
}

// A log of a year is forgotten in parts: no transaction holds more rows than forgetAtOnce, and nothing due stays.
// Fails when: forgetDeliveriesSQL has no LIMIT; forgetDeliveries stops after its first part.
func TestRetentionForgetsDeliveriesInParts(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	hook := must[surgecast.Webhook](t)(s.CreateWebhook(ctx, surgecast.Webhook{AccountID: 1, URL: "https://example.com", CreatedAt: t0}))
	change(t, pool, `INSERT INTO delivery (id, account_id, webhook_id, site_id, type, sequence, about, body, status, attempts, created_at, done_at)
		SELECT 'dlv_' || i, 1, $1, 0, 'test', 0, '', '{}', 'delivered', 1, $2::timestamptz, $2::timestamptz + i * interval '1 s' FROM generate_series(1, 12004) i`, hook.ID, t0)
	change(t, pool, `INSERT INTO delivery_attempt SELECT id, 1, done_at, 200, '', '', 1 FROM delivery`)
	change(t, pool, `CREATE TABLE part (n bigint)`)
	change(t, pool, `CREATE FUNCTION part() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO part SELECT count(*) FROM gone; RETURN NULL; END'`)
	change(t, pool, `CREATE TRIGGER part AFTER DELETE ON delivery REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION part()`)
	ok(t, s.DropPartitionsBefore(ctx, t0.AddDate(0, 0, 1))) // midnight comes 43,200 s after noon
	if n := ask[int64](t, pool, `SELECT count(*) FROM delivery`) + ask[int64](t, pool, `SELECT count(*) FROM delivery_attempt`); n != 0 {
		t.Errorf("%d rows of the log and its attempts left, want none", n)
	}
	if got := ask[string](t, pool, `SELECT string_agg(n::text, ' ') FROM part`); got != "5000 5000 2004" {
		t.Errorf("went in parts of %s, want 5000 5000 2004", got)
	}
}

// A right to send is forgotten with the last message it was for, never before: a sender that was paused must find its
// epoch gone. So are the leases of processes and endpoints that are gone; those that guard counts and sweeps stay.
// Fails when: one statement of forgetLeasesSQL, or forgetRightsSQL, is left out; it does not look at the log, or at when a lease ended.
func TestRetentionForgetsLeases(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(1, "shop")))
	hook := must[surgecast.Webhook](t)(s.CreateWebhook(ctx, surgecast.Webhook{AccountID: 1, URL: "https://example.com", CreatedAt: t0}))
	engine := lease(t, s, "engine/00")
	ok(t, s.SaveSweep(ctx, surgecast.Sweep{At: t0, Leases: []surgecast.Lease{engine}, Messages: []surgecast.Message{
		{AccountID: 1, SiteID: site.ID, Type: surgecast.TypeRecommendationChanged, Sequence: 1, Timestamp: t0, ExpiresAt: t0.Add(time.Hour), Data: struct{}{}},
	}}))
	right := fmt.Sprintf("deliver:%s:%d", hook.ID, site.ID)
	ended := []string{right, "deliver:" + hook.ID + ":srg_gone", "deliver:whk_gone:1", "engine-alive/dead", "pace:whk_gone", "traffic:1:shop", "source:bluesky", "engine/00"}
	for _, name := range ended {
		lease(t, s, name)
	}
	change(t, pool, `UPDATE lease SET expires_at = statement_timestamp() - interval '2 days'`)
	change(t, pool, `UPDATE lease SET expires_at = '-infinity' WHERE name = 'deliver:whk_gone:1'`) // given back
	for _, name := range []string{"engine-alive/here", "deliver:whk_gone:2", "pace:" + hook.ID} {
		lease(t, s, name)
	}
	left := func() string {
		return ask[string](t, pool, `SELECT string_agg(name, ' ' ORDER BY name COLLATE "C") FROM lease`)
	}
	ok(t, s.ForgetLeases(ctx))
	gone := "deliver:" + hook.ID + ":srg_gone "
	rest := "deliver:whk_gone:2 engine-alive/here engine/00 pace:" + hook.ID + " source:bluesky traffic:1:shop"
	if got, want := left(), right+" "+gone+rest; got != want {
		t.Errorf("without retention %s are left, want %s", got, want)
	}
	ok(t, s.DropPartitionsBefore(ctx, t0))
	if got, want := left(), right+" "+rest; got != want {
		t.Errorf("left %s, want %s", got, want)
	}
	change(t, pool, `UPDATE delivery SET status = 'delivered', done_at = $1`, t0)
	ok(t, s.DropPartitionsBefore(ctx, t0.AddDate(0, 0, 2)))
	if strings.Contains(left(), right) {
		t.Errorf("the log is forgotten and the right to send stays: %s", left())
	}
}
