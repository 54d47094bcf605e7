package store_test

import (
	"errors"
	"testing"
	"time"

	"surgecast"
)

// What was known of an event at a moment does not change when the event does: a change or removal is known
// from then on, and one that nobody could have known yet never becomes known.
//
// Fails when: UpdateEvent overwrites the last revision instead of adding one; or KnownEvents leaves out its
// second condition (then the old hour of the embargoed event is known at minute 60); or DeleteEvent deletes
// the revisions.
func TestEventsAreKnownFromTheirAnnouncementOn(t *testing.T) {
	s, _ := open(t)
	site := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(surgecast.DefaultAccount, "shop")))
	plan := func(kind surgecast.EventKind, start, announced, at int) surgecast.PlannedEvent {
		e := surgecast.PlannedEvent{AccountID: site.AccountID, SiteID: site.ID, Kind: kind, StartsAt: minute(start), AnnouncedAt: minute(announced), CreatedAt: minute(at), UpdatedAt: minute(at)}
		e.Default(site.Kind, minute(at))
		return must[surgecast.PlannedEvent](t)(s.CreateEvent(t.Context(), e))
	}
	mail := plan(surgecast.EventNewsletter, 300, 10, 10)
	secret := plan(surgecast.EventSale, 400, 60, 10)

	mail.ExpectedReach, mail.UpdatedAt = 5000, minute(20)
	mail = must[surgecast.PlannedEvent](t)(s.UpdateEvent(t.Context(), mail))
	secret.StartsAt, secret.AnnouncedAt, secret.UpdatedAt = minute(500), minute(70), minute(30)
	secret = must[surgecast.PlannedEvent](t)(s.UpdateEvent(t.Context(), secret))
	before := must[string](t)(s.EventsMark(t.Context()))
	ok(t, s.DeleteEvent(t.Context(), site.AccountID, mail.ID, minute(100)))
	if after := must[string](t)(s.EventsMark(t.Context())); after == before {
		t.Errorf("the mark %q did not move with a removal", after)
	}

	all := must[[]surgecast.EventRevision](t)(s.EventRevisions(t.Context(), 0, minute(0)))
	for _, c := range []struct {
		at   int
		want map[string]float64 // reach by event
	}{
		{9, nil},
		{10, map[string]float64{mail.ID: 0}},
		{19, map[string]float64{mail.ID: 0}},
		{20, map[string]float64{mail.ID: 5000}},
		{60, map[string]float64{mail.ID: 5000}},
		{70, map[string]float64{mail.ID: 5000, secret.ID: 0}},
		{100, map[string]float64{secret.ID: 0}},
	} {
		got := surgecast.KnownEvents(all, minute(c.at))
		if len(got) != len(c.want) {
			t.Errorf("minute %d: %d events known, want %d", c.at, len(got), len(c.want))
		}
		for _, r := range got {
			if reach, ok := c.want[r.EventID]; !ok || r.Reach != reach {
				t.Errorf("minute %d: knows of %s with reach %g", c.at, r.EventID, r.Reach)
			}
			if r.EventID == secret.ID && !r.StartsAt.Equal(minute(500)) {
				t.Errorf("minute %d: knows the hour %s, which was changed before it was announced", c.at, r.StartsAt)
			}
		}
	}
	if _, err := s.EventByID(t.Context(), site.AccountID, mail.ID); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("a removed event: %v, want ErrNotFound", err)
	}
}

// Fails when: listEventsSQL compares starts_at alone with the cursor (events of one start are lost between
// two parts), or leaves out account_id.
func TestEventsListsByStart(t *testing.T) {
	s, pool := open(t)
	site := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(surgecast.DefaultAccount, "shop")))
	change(t, pool, `INSERT INTO account (id, slug, name) VALUES (7, 'other', 'Other')`)
	theirs := must[surgecast.Site](t)(s.CreateSite(t.Context(), aSite(7, "shop")))
	var ids []string
	for i, of := range []surgecast.Site{site, site, site, theirs} {
		e := surgecast.PlannedEvent{AccountID: of.AccountID, SiteID: of.ID, Kind: surgecast.EventPush, StartsAt: minute(100), AnnouncedAt: minute(0), CreatedAt: minute(0)}
		if i == 2 {
			e.StartsAt, e.EndsAt = minute(50), minute(90)
		}
		e.Default(of.Kind, minute(0))
		e = must[surgecast.PlannedEvent](t)(s.CreateEvent(t.Context(), e))
		ids = append(ids, e.ID)
	}
	var got []string
	for after := ""; ; {
		es, next, err := s.Events(t.Context(), site.AccountID, surgecast.EventFilter{}, surgecast.Page{Limit: 1, After: after})
		ok(t, err)
		for _, e := range es {
			got = append(got, e.ID)
		}
		if after = next; next == "" {
			break
		}
	}
	if len(got) != 3 || got[0] != ids[2] || got[1] != ids[0] || got[2] != ids[1] {
		t.Errorf("listed %v of %v, want the third, first and second", got, ids)
	}
	for _, c := range []struct {
		from, to time.Time
		want     int
	}{{minute(95), time.Time{}, 2}, {minute(90), time.Time{}, 3}, {time.Time{}, minute(100), 1}, {minute(10), minute(60), 1}, {minute(101), minute(200), 0}} {
		es, _, err := s.Events(t.Context(), site.AccountID, surgecast.EventFilter{SiteIDs: []int64{site.ID}, From: c.from, To: c.to}, surgecast.Page{})
		ok(t, err)
		if len(es) != c.want {
			t.Errorf("[%s, %s): %d events, want %d", c.from, c.to, len(es), c.want)
		}
	}
	foreign := surgecast.PlannedEvent{AccountID: 7, SiteID: site.ID, Kind: surgecast.EventPush, StartsAt: minute(100)}
	foreign.Default(site.Kind, minute(0))
	if _, err := s.CreateEvent(t.Context(), foreign); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("planning for another account's site: %v, want ErrNotFound", err)
	}
	if err := s.DeleteEvent(t.Context(), 7, ids[0], minute(1)); !errors.Is(err, surgecast.ErrNotFound) {
		t.Errorf("removing another account's event: %v, want ErrNotFound", err)
	}
}
