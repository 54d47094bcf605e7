package store_test

import (
	"fmt"
	"sync"
	"testing"

	"surgecast"
)

// People press at the same moment, and a client repeats what it got no answer to: nobody's word is refused for
// that. Fails when: the row that hands out numbers is not locked in SetFrozen, SetNotice, AddSurgeMark or SetLadder.
func TestPeopleAtOnce(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(surgecast.DefaultAccount, "shop")))
	ok(t, s.SaveSweep(ctx, surgecast.Sweep{At: minute(0), Leases: []surgecast.Lease{lease(t, s, "shard:0")}, Surges: []surgecast.Surge{{
		ID: "srg_1", AccountID: surgecast.DefaultAccount, SiteID: site.ID, Subject: "shop", Segment: surgecast.TotalSegment,
		Kind: surgecast.SurgeOverload, State: surgecast.StateAlert, OpenedAt: minute(0),
	}}}))
	const people = 12
	for name, act := range map[string]func() error{
		"freeze": func() error { return s.SetFrozen(ctx, surgecast.DefaultAccount, true, "Ana", minute(1)) },
		"notice": func() error {
			return s.SetNotice(ctx, surgecast.Notice{SiteID: site.ID, Shown: true, By: "Ana", SetAt: minute(1)})
		},
		"note": func() error {
			return s.AddSurgeMark(ctx, surgecast.DefaultAccount, surgecast.SurgeMark{SurgeID: "srg_1", Kind: surgecast.MarkNote, By: "Ana", Note: "look", At: minute(1)})
		},
		"ladder": func() error {
			_, err := s.SetLadder(ctx, site, []surgecast.Rung{{Kind: "cache_rules", Name: "Cache rules"}, {Kind: "people", Name: "People"}})
			return err
		},
	} {
		errs := make([]error, people)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = act() })
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
	for query, want := range map[string]int64{
		`SELECT count(*) FROM account_freeze`: people, `SELECT count(*) FROM notice`: people,
		`SELECT count(*) FROM surge_mark`: people, `SELECT count(*) FROM ladder_rung`: 2,
	} {
		if got := ask[int64](t, pool, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}

// What is deleted leaves nothing that goes on but its open episodes: who closes them also tells of it, which is the
// engine. Fails when: the state under run: stays.
func TestDeletedSitesAndTopicsEnd(t *testing.T) {
	s, pool := open(t)
	ctx := t.Context()
	site := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(surgecast.DefaultAccount, "shop")))
	other := must[surgecast.Site](t)(s.CreateSite(ctx, aSite(surgecast.DefaultAccount, "museum")))
	topic := must[surgecast.Topic](t)(s.CreateTopic(ctx, surgecast.Topic{AccountID: surgecast.DefaultAccount, Slug: "tour", Name: "tour", Any: []string{"tour"}, CreatedAt: minute(0)}))
	episode := func(id string, site, topic int64) surgecast.Surge {
		return surgecast.Surge{ID: id, AccountID: surgecast.DefaultAccount, SiteID: site, TopicID: topic, Subject: "x", Kind: surgecast.SurgeOverload, State: surgecast.StateAlert, OpenedAt: minute(0)}
	}
	ok(t, s.SaveSweep(ctx, surgecast.Sweep{
		At: minute(0), Leases: []surgecast.Lease{lease(t, s, "shard:0")},
		Surges: []surgecast.Surge{episode("srg_1", site.ID, 0), episode("srg_2", other.ID, 0), episode("srg_3", 0, topic.ID)},
		States: []surgecast.ModelState{{Series: fmt.Sprintf("site:%d:total", site.ID), Origin: minute(0)}, {Series: fmt.Sprintf("run:%d:total", site.ID), Origin: minute(0)}, {Series: fmt.Sprintf("run:%d:total", other.ID), Origin: minute(0)}},
	}))
	ok(t, s.DeleteSite(ctx, surgecast.DefaultAccount, "shop"))
	ok(t, s.DeleteTopic(ctx, surgecast.DefaultAccount, "tour"))
	if open := must[[]surgecast.Surge](t)(s.OpenSurges(ctx)); len(open) != 3 {
		t.Errorf("open episodes %v, want all three", open)
	}
	if n := ask[int64](t, pool, `SELECT count(*) FROM model_state`); n != 1 {
		t.Errorf("%d states are left, want the museum's", n)
	}
}
