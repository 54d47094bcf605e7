package engine

import (
	"strings"
	"testing"
	"time"

	"surgecast"
)

// Two segments stop being sent in the middle of their episodes, one over its own capacity and one that fails, while
// the site goes on: nothing can be told of them, then their surges are closed, once, and nothing of them stays in
// memory, also after a restart. The one with a capacity goes on from where it was when it comes again.
//
// Fails when: advance does not call retire, judgeErrors does not call retireErrors (the surges stay open), commit keeps the
// track, unretire does nothing, or lookForFailure takes errors of before for those of now.
func TestSegmentThatIsNotSentAnyMore(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(s *surgecast.Site) {
		s.Segments = []surgecast.Segment{{Name: "checkout", CapacityRPM: 50}, {Name: "pay"}}
	})
	p.webhook()
	const bad, gone, back = 80, 92, 140
	e := p.engine(nil)
	send := func(i int) {
		rows := []surgecast.TrafficMinute{{Minute: minute(i), Requests: quiet(1, i, 200), Complete: true}}
		if i < gone || i >= back {
			checkout := surgecast.TrafficMinute{Segment: "checkout", Minute: minute(i), Requests: quiet(2, i, 20), Complete: true}
			pay := surgecast.TrafficMinute{Segment: "pay", Minute: minute(i), Requests: 60, Complete: true}
			if i >= bad && i < gone {
				checkout.Requests, pay.Errors = 120, 30
			}
			rows = append(rows, checkout, pay)
		}
		p.visits(rows...)
	}
	at := func(i int) time.Time { return minute(i + 1).Add(2 * time.Second) }
	sweep := func(e *Engine, at time.Time) {
		t.Helper()
		_, err := e.Sweep(t.Context(), at)
		p.ok(err)
	}
	open := func() (out []surgecast.Surge) {
		t.Helper()
		all, err := p.st.OpenSurges(t.Context())
		p.ok(err)
		for _, s := range all {
			if s.Segment == "checkout" || s.Segment == "pay" {
				out = append(out, s)
			}
		}
		return out
	}
	for i := range bad {
		send(i)
	}
	sweep(e, at(bad-1))
	for i := bad; i < gone+retireMinutes-1; i++ {
		send(i)
		sweep(e, at(i))
		switch i {
		case gone - 1, gone + 15:
			if s := open(); len(s) != 2 || (i > gone) != (s[0].State == surgecast.StateCannotTell && s[1].State == surgecast.StateCannotTell) {
				t.Fatalf("minute %d: open %+v", i, s)
			}
		}
	}
	episodes := open()
	if len(episodes) != 2 {
		t.Fatalf("a minute too early: %d are open, want 2", len(episodes))
	}
	for i := gone + retireMinutes - 1; i < gone+retireMinutes+3; i++ {
		send(i)
		sweep(e, at(i))
	}
	if s := open(); len(s) != 0 {
		t.Errorf("open: %+v, want none", s)
	}
	for _, s := range episodes {
		if n := strings.Count(strings.Join(p.said(s.ID), " "), "surge.closed cannot_tell shop"); n != 1 {
			t.Errorf("%s: webhooks were told %d times that it is closed, want once", s.Segment, n)
		}
	}
	key := trackKey{p.site.ID, "checkout"}
	gonefrom := func(e *Engine, when string) {
		t.Helper()
		total := e.tracks[trackKey{p.site.ID, surgecast.TotalSegment}]
		if _, fails := total.run.Judge.Fail["pay"]; e.tracks[key] != nil || fails || !e.retired[key] {
			t.Errorf("%s: checkout in memory: %t, failures of pay: %t", when, e.tracks[key] != nil, fails)
		}
	}
	gonefrom(e, "retired")
	if at := e.tracks[trackKey{p.site.ID, surgecast.TotalSegment}].run.FailedAt; !at.Equal(minute(gone - 1)) {
		t.Errorf("the last failure is said to be of %s, not of the last minute that was sent: what is said since is taken for complaints", at)
	}
	p.exec(`UPDATE lease SET expires_at = '-infinity'`)
	e = p.engine(func(c *Config) { c.Holder = "second" })
	send(gone + retireMinutes + 3)
	sweep(e, at(gone+retireMinutes+3))
	gonefrom(e, "after a restart")

	for i := back; i < back+2; i++ {
		send(i)
		sweep(e, at(i))
	}
	if c := e.tracks[key]; c == nil || !c.run.Origin.Equal(minute(back+1)) || !c.run.First.Equal(t0) || c.run.Retired {
		t.Errorf("come again: %+v", c)
	}
	if s := open(); len(s) != 0 {
		t.Errorf("come again, %+v are open", s)
	}
}

// A checkout nobody uses at night is broken in the morning: what is usual is still known, so that is told within
// minutes. A segment that has not come for a week is forgotten.
//
// Fails when: retireErrors forgets the errors with the episode (a broken checkout is then what is usual), or never does.
func TestBrokenAfterAQuietNight(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	e := p.engine(nil)
	const dusk, dawn = 100, 180
	sweep := func(i int) {
		t.Helper()
		_, err := e.Sweep(t.Context(), minute(i+1).Add(2*time.Second))
		p.ok(err)
	}
	send := func(i int, segments ...surgecast.TrafficMinute) {
		t.Helper()
		p.visits(append(segments, surgecast.TrafficMinute{Minute: minute(i), Requests: quiet(1, i, 200), Complete: true})...)
	}
	pay := func(i int, errors float64) surgecast.TrafficMinute {
		return surgecast.TrafficMinute{Segment: "pay", Minute: minute(i), Requests: 60, Errors: errors, Complete: true}
	}
	for i := range dusk {
		send(i, pay(i, 1))
	}
	sweep(dusk - 1)
	for i := dusk; i < dawn; i++ {
		send(i)
	}
	sweep(dawn - 1)
	total := e.tracks[trackKey{p.site.ID, surgecast.TotalSegment}]
	if _, fails := total.run.Judge.Fail["pay"]; fails {
		t.Error("its failures are still judged at night")
	}
	failing := func() int {
		t.Helper()
		all, err := p.st.OpenSurges(t.Context())
		p.ok(err)
		n := 0
		for _, s := range all {
			if s.Segment == "pay" && s.Kind == surgecast.SurgeFailing {
				n++
			}
		}
		return n
	}
	for i := dawn; i < dawn+6; i++ {
		send(i, pay(i, 30))
		sweep(i)
	}
	if failing() != 1 {
		t.Errorf("broken for six minutes: %d surges, errors %+v", failing(), total.run.Errors["pay"])
	}

	week := int(errorsKept / time.Minute)
	for i := dawn + week; i < dawn+week+10; i++ {
		send(i)
		sweep(i)
	}
	if e, kept := total.run.Errors["pay"]; kept || failing() != 0 {
		t.Errorf("after a week: %+v is kept, %d surges", e, failing())
	}
}

const retireMinutes = int(retireAfter / time.Minute)

// A segment whose limit is taken away is no longer judged: its surge is closed, and its track is gone.
//
// Fails when: findEnded looks at sites alone, or reload keeps the track.
func TestSegmentWithoutItsLimit(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(s *surgecast.Site) { s.Segments = []surgecast.Segment{{Name: "checkout", CapacityRPM: 50}} })
	p.webhook()
	e := p.engine(nil)
	for i := range 6 {
		p.visits(surgecast.TrafficMinute{Minute: minute(i), Requests: 200, Complete: true}, surgecast.TrafficMinute{Segment: "checkout", Minute: minute(i), Requests: 120, Complete: true})
		_, err := e.Sweep(t.Context(), minute(i+1))
		p.ok(err)
	}
	before, err := p.st.OpenSurges(t.Context())
	p.ok(err)
	if len(before) != 1 || before[0].Segment != "checkout" {
		t.Fatalf("open: %+v, want one of checkout", before)
	}
	p.site.Segments[0].CapacityRPM = 0
	_, err = p.st.UpdateSite(t.Context(), p.site)
	p.ok(err)
	_, err = e.Sweep(t.Context(), minute(7))
	p.ok(err)
	after, err := p.st.OpenSurges(t.Context())
	p.ok(err)
	if told := strings.Join(p.said(before[0].ID), ", "); len(after) != 0 || len(e.tracks) != 1 || !strings.HasSuffix(told, "surge.closed cannot_tell shop") {
		t.Errorf("open: %+v, %d tracks, told %s", after, len(e.tracks), told)
	}
}

// A segment over its limit loses the limit, and its surge is closed; it has the limit again when the next engine starts.
// What that engine finds stored of the segment still holds the episode: it is not gone on with, and the overload that is
// still there is a new one. The total's own episode goes on over the same restart.
//
// Fails when: restoreTrack does not call endClosed; endClosed ends what is open.
func TestALimitThatComesBackOpensAnew(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(s *surgecast.Site) {
		s.Segments = []surgecast.Segment{{Name: "checkout", CapacityRPM: 50}}
	})
	p.webhook()
	const bad, taken, back, end = 80, 92, 96, 110
	sweep := func(e *Engine, i int) {
		t.Helper()
		total, checkout := quiet(1, i, 200), quiet(2, i, 20)
		if i >= bad {
			total, checkout = 1200, 120
		}
		if i >= back+5 {
			checkout += float64(40 * (i - back)) // a closed episode would move on
		}
		p.visits(surgecast.TrafficMinute{Minute: minute(i), Requests: total, Complete: true}, surgecast.TrafficMinute{Segment: "checkout", Minute: minute(i), Requests: checkout, Complete: true})
		if i < bad-1 {
			return
		}
		_, err := e.Sweep(t.Context(), minute(i+1).Add(2*time.Second))
		p.ok(err)
	}
	open := func() map[string]string {
		t.Helper()
		all, err := p.st.OpenSurges(t.Context())
		p.ok(err)
		out := map[string]string{}
		for _, s := range all {
			if s.Kind == surgecast.SurgeOverload {
				out[s.Segment] = s.ID
			}
		}
		return out
	}
	limit := func(rpm float64) {
		t.Helper()
		p.site.Segments[0].CapacityRPM = rpm
		var err error
		p.site, err = p.st.UpdateSite(t.Context(), p.site)
		p.ok(err)
	}
	e := p.engine(nil)
	for i := range taken {
		sweep(e, i)
	}
	first := open()
	if first["checkout"] == "" || first[surgecast.TotalSegment] == "" {
		t.Fatalf("open: %v, want one of the checkout and one of the total", first)
	}
	limit(0)
	for i := taken; i < back; i++ {
		sweep(e, i)
	}
	closed := len(p.said(first["checkout"]))
	if got := open(); got["checkout"] != "" || got[surgecast.TotalSegment] != first[surgecast.TotalSegment] {
		t.Fatalf("without its limit: %v are open", got)
	}
	p.exec(`UPDATE lease SET expires_at = '-infinity'`)
	limit(50)
	e = p.engine(func(c *Config) { c.Holder = "second" })
	for i := back; i < end; i++ {
		sweep(e, i)
	}
	if told := p.said(first["checkout"]); len(told) != closed || !strings.HasPrefix(told[closed-1], "surge.closed") {
		t.Errorf("after its end webhooks were told %q", told)
	}
	got := open()
	if got["checkout"] == "" || got["checkout"] == first["checkout"] {
		t.Errorf("the overload of the checkout is in %q, want an episode of its own", got["checkout"])
	}
	if got[surgecast.TotalSegment] != first[surgecast.TotalSegment] {
		t.Errorf("the total's episode is %s, want %s to go on", got[surgecast.TotalSegment], first[surgecast.TotalSegment])
	}
}
