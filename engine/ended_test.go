package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"surgecast"
)

// said is what webhooks were told of an episode: type, state and subject.
func (p *place) said(surge string) []string {
	p.t.Helper()
	rows, _ := p.pool.Query(p.t.Context(), `SELECT type || ' ' || (body->'data'->>'state') || ' ' || coalesce(body->'data'->>'site', body->'data'->>'topic') FROM delivery
		WHERE body->'data'->>'surge_id' = $1 ORDER BY created_at`, surge)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	p.ok(err)
	return out
}

// The open episodes of a deleted site and of a deleted topic are closed, and everybody who was told of them is told
// that; once, by the engine that has their shard. An episode of what goes on is left alone.
//
// Fails when: reload does not call findEnded, or end sends no message.
func TestDeletedThingsCloseTheirSurges(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.talked(60)
	p.webhook()
	museum := surgecast.Site{AccountID: surgecast.DefaultAccount, Slug: "museum", Name: "Museum", CreatedAt: t0}
	museum.Default()
	museum, err := p.st.CreateSite(t.Context(), museum)
	p.ok(err)
	episode := func(id, subject string, site, topic int64, kind surgecast.SurgeKind, state surgecast.State) surgecast.Surge {
		return surgecast.Surge{ID: id, AccountID: surgecast.DefaultAccount, SiteID: site, TopicID: topic, Subject: subject, Segment: surgecast.TotalSegment, Kind: kind, State: state, OpenedAt: minute(0)}
	}
	lease, _, err := p.st.AcquireLease(t.Context(), "before", "test", time.Hour)
	p.ok(err)
	p.ok(p.st.SaveSweep(t.Context(), surgecast.Sweep{At: minute(0), Leases: []surgecast.Lease{lease}, Surges: []surgecast.Surge{
		episode("srg_1", "shop", p.site.ID, 0, surgecast.SurgeOverload, surgecast.StateAlert),
		episode("srg_2", "shop", p.site.ID, 0, surgecast.SurgeFailing, surgecast.StateCannotTell),
		episode("srg_3", "tour", 0, p.topic.ID, surgecast.SurgeTalk, surgecast.StateWatch),
		episode("srg_4", "museum", museum.ID, 0, surgecast.SurgeOverload, surgecast.StateAlert),
	}}))
	e := p.engine(nil)
	open := func() string {
		t.Helper()
		all, err := p.st.OpenSurges(t.Context())
		p.ok(err)
		var ids []string
		for _, s := range all {
			ids = append(ids, s.ID)
		}
		return strings.Join(ids, " ")
	}
	sweep := func(at time.Time) {
		t.Helper()
		_, err := e.Sweep(t.Context(), at)
		p.ok(err)
	}
	sweep(minute(1))
	if got := open(); got != "srg_1 srg_2 srg_3 srg_4" {
		t.Fatalf("before anything is deleted %q are open", got)
	}
	p.ok(p.st.DeleteSite(t.Context(), surgecast.DefaultAccount, "shop"))
	p.ok(p.st.DeleteTopic(t.Context(), surgecast.DefaultAccount, "tour"))
	for i := range 3 {
		sweep(minute(2 + i))
	}
	if got := open(); got != "srg_4" {
		t.Errorf("%q are open, want that of the museum alone", got)
	}
	for id, want := range map[string]string{"srg_1": "surge.closed cannot_tell shop", "srg_2": "surge.closed cannot_tell shop", "srg_3": "surge.closed cannot_tell tour", "srg_4": ""} {
		if got := strings.Join(p.said(id), ", "); got != want {
			t.Errorf("of %s webhooks were told %q, want %q", id, got, want)
		}
	}
	s, moves, err := p.st.SurgeByID(t.Context(), surgecast.DefaultAccount, "srg_1")
	p.ok(err)
	if len(moves) != 1 || moves[0].From != surgecast.StateAlert || moves[0].To != surgecast.StateCannotTell || !s.ClosedAt.Equal(minute(2)) {
		t.Errorf("closed at %s, transitions %+v", s.ClosedAt, moves)
	}
}
