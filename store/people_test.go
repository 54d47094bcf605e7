package store_test

import (
	"errors"
	"math"
	"testing"

	"surgecast"
)

// What people did about an episode is kept in order, of their own account only, and never changed.
func TestSurgeMarks(t *testing.T) {
	s, pool := open(t)
	site := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(surgecast.DefaultAccount, "shop")))
	ok(t, s.SaveSweep(t.Context(), surgecast.Sweep{At: minute(0), Leases: []surgecast.Lease{lease(t, s, "shard:0")}, Surges: []surgecast.Surge{{
		ID: "srg_1", AccountID: surgecast.DefaultAccount, SiteID: site.ID, Subject: "shop", Segment: surgecast.TotalSegment,
		Kind: surgecast.SurgeOverload, State: surgecast.StateAlert, OpenedAt: minute(0),
	}}}))
	ack := surgecast.SurgeMark{SurgeID: "srg_1", Kind: surgecast.MarkAck, By: "Ana", Note: "mine", Probability: .4, At: minute(1)}
	ok(t, s.AddSurgeMark(t.Context(), surgecast.DefaultAccount, ack))
	ok(t, s.AddSurgeMark(t.Context(), surgecast.DefaultAccount, surgecast.SurgeMark{SurgeID: "srg_1", Kind: surgecast.MarkMute, By: "Bo", Until: minute(30), Probability: math.NaN(), At: minute(2)}))
	if err := s.AddSurgeMark(t.Context(), surgecast.DefaultAccount+1, ack); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("another account's mark: %v, want not found", err)
	}
	marks := must[map[string][]surgecast.SurgeMark](t)(s.SurgeMarks(t.Context(), []string{"srg_1", "srg_2"}))["srg_1"]
	if len(marks) != 2 || marks[0] != ack || marks[1].By != "Bo" || !marks[1].Until.Equal(minute(30)) {
		t.Fatalf("marks %+v", marks)
	}
	if _, err := pool.Exec(t.Context(), `UPDATE surge_mark SET set_by = 'nobody'`); err == nil {
		t.Error("the log of marks can be rewritten")
	}
	if m := surgecast.StandingOf(marks, surgecast.StateAlert, .5, minute(10)); m.Ack == nil || m.Mute == nil {
		t.Errorf("at 10: %+v, want both", m)
	}
	if m := surgecast.StandingOf(marks, surgecast.StateAlert, .61, minute(31)); m.Ack != nil || m.Mute != nil {
		t.Errorf("at 31 with the chance up by half: %+v, want neither", m)
	}
}

func TestNotices(t *testing.T) {
	s, _ := open(t)
	site := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(surgecast.DefaultAccount, "shop")))
	first := surgecast.Notice{SiteID: site.ID, Shown: true, By: "Ana", SetAt: minute(0)}
	second := surgecast.Notice{
		SiteID: site.ID, Shown: true, Part: "Checkout", Words: "We are on it.", Reference: "N-1", Since: minute(1),
		BackFrom: minute(20), BackBy: minute(40), By: "Bo", SetAt: minute(2),
	}
	ok(t, s.SetNotice(t.Context(), first))
	ok(t, s.SetNotice(t.Context(), second))
	got := must[[]surgecast.Notice](t)(s.Notices(t.Context(), site.ID, 5))
	if len(got) != 2 || got[0] != second || got[1] != first {
		t.Errorf("notices %+v", got)
	}
	if got := must[[]surgecast.Notice](t)(s.Notices(t.Context(), site.ID+1, 5)); len(got) != 0 {
		t.Errorf("another site's: %+v", got)
	}
}

// Fails when: $4 <> ” becomes $4 = ” in listenersSQL.
func TestAMutedEpisodeIsNotSent(t *testing.T) {
	s, pool := open(t)
	site := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(surgecast.DefaultAccount, "shop")))
	must[surgecast.Webhook](t)(s.CreateWebhook(t.Context(), surgecast.Webhook{AccountID: surgecast.DefaultAccount, URL: "https://example.com", CreatedAt: minute(0)}))
	l := lease(t, s, "shard:0")
	n := 0
	send := func(at int, typ string) bool {
		t.Helper()
		ok(t, s.SaveSweep(t.Context(), surgecast.Sweep{At: minute(at), Leases: []surgecast.Lease{l}, Surges: []surgecast.Surge{{
			ID: "srg_1", AccountID: surgecast.DefaultAccount, SiteID: site.ID, Subject: "shop", Segment: surgecast.TotalSegment,
			Kind: surgecast.SurgeOverload, State: surgecast.StateAlert, OpenedAt: minute(0),
		}}, Messages: []surgecast.Message{{AccountID: surgecast.DefaultAccount, SiteID: site.ID, Type: typ, SurgeID: "srg_1", Timestamp: minute(at), Data: map[string]int{}}}}))
		was := n
		n = ask[int](t, pool, `SELECT count(*) FROM delivery`)
		return n > was
	}
	mark := func(at int, k surgecast.MarkKind, until int) {
		t.Helper()
		m := surgecast.SurgeMark{SurgeID: "srg_1", Kind: k, By: "Ana", Probability: math.NaN(), At: minute(at)}
		if until > 0 {
			m.Until = minute(until)
		}
		ok(t, s.AddSurgeMark(t.Context(), surgecast.DefaultAccount, m))
	}
	if !send(1, surgecast.TypeSurgeOpened) {
		t.Fatal("an episode nobody muted is not sent")
	}
	mark(2, surgecast.MarkMute, 30)
	if send(3, surgecast.TypeSurgeLevelChanged) {
		t.Error("a muted episode is sent")
	}
	if !send(4, surgecast.TypeSurgeClosed) {
		t.Error("the end of a muted episode is not told")
	}
	mark(5, surgecast.MarkUnmute, 0)
	if !send(6, surgecast.TypeSurgeLevelChanged) {
		t.Error("silent although the mute was taken back")
	}
	mark(7, surgecast.MarkMute, 10)
	if !send(10, surgecast.TypeSurgeLevelChanged) {
		t.Error("silent after the mute's end")
	}
}

func TestLadder(t *testing.T) {
	s, _ := open(t)
	site := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(surgecast.DefaultAccount, "shop")))
	made := must[[]surgecast.Rung](t)(s.SetLadder(t.Context(), site, surgecast.ReadyRungs(site)[:3]))
	got := must[[]surgecast.Rung](t)(s.Ladder(t.Context(), site.ID))
	if len(got) != 3 || got[1] != made[1] || got[2].Position != 3 {
		t.Fatalf("ladder %+v", got)
	}
	must[[]surgecast.Rung](t)(s.SetLadder(t.Context(), site, got[2:]))
	if got := must[[]surgecast.Rung](t)(s.Ladder(t.Context(), site.ID)); len(got) != 1 || got[0].Kind != surgecast.RungUnits || got[0].Position != 1 {
		t.Errorf("after it was replaced: %+v", got)
	}
}
