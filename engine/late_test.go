package engine

import (
	"math"
	"strconv"
	"testing"
	"time"

	"surgecast"
)

// A stream closes its minute five seconds after the end, when the site's traffic has been there for four: the
// site's step waits for it, and is fed with it. One that does not close it is waited for ten seconds and no longer;
// one that is always later, or has stopped, is not waited for.
//
// Fails when: awaited answers last (the talk of every minute is missing).
func TestStepWaitsForTheStream(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.talked(60)
	stream, err := p.st.EnsureSource(t.Context(), surgecast.Source{Slug: "stream", Kind: surgecast.SourcePosts, Mode: surgecast.Increments, StepSeconds: 60})
	p.ok(err)
	lease, _, err := p.st.AcquireLease(t.Context(), "ingest/stream", "test", time.Hour)
	p.ok(err)
	cursor := ""
	say := func(i int) {
		next := strconv.Itoa(i + 1)
		p.ok(p.st.AddMentions(t.Context(), lease, stream.ID, cursor, next, []surgecast.MentionMinute{{TopicID: p.topic.ID, Minute: minute(i), Raw: 7, Organic: 7, Authors: 7}}, minute(i+1)))
		cursor = next
	}
	closeMinute := func(i int, at time.Time) {
		p.ok(p.st.MarkSourceMinutes(t.Context(), stream.ID, minute(i), minute(i+1), true, at))
	}
	e := p.engine(nil)
	sweep := func(at time.Time) []surgecast.SiteForecast {
		t.Helper()
		res, err := e.Sweep(t.Context(), at)
		p.ok(err)
		return res.Forecasts
	}
	fed := func(f surgecast.SiteForecast) float64 {
		t.Helper()
		if len(f.Fed) != 1 {
			t.Fatalf("fed %d minutes", len(f.Fed))
		}
		if len(f.Fed[0].Signals) == 0 {
			return math.NaN()
		}
		return f.Fed[0].Signals[classOf(surgecast.SourcePosts)]
	}
	second := time.Second
	for i := range 30 {
		p.visits(surgecast.TrafficMinute{Minute: minute(i), Requests: quiet(31, i, 300), Complete: true})
		say(i)
		end := minute(i + 1)
		if i < 10 {
			closeMinute(i, end.Add(5*second))
			sweep(end.Add(6 * second))
			continue
		}
		early := sweep(end.Add(second))
		switch {
		case i < 15: // in time
			if len(early) != 0 {
				t.Fatalf("minute %d: stepped a second after its end", i)
			}
			closeMinute(i, end.Add(5*second))
			fs := sweep(end.Add(6 * second))
			if len(fs) != 1 || fed(fs[0]) != 7 {
				t.Fatalf("minute %d: %d forecasts, fed with %v, want 7", i, len(fs), fs)
			}
		case i == 15: // not in time
			if len(early) != 0 || len(sweep(end.Add(9*second))) != 0 {
				t.Fatal("stepped before ten seconds were over")
			}
			fs := sweep(end.Add(10 * second))
			if len(fs) != 1 || !math.IsNaN(fed(fs[0])) {
				t.Fatalf("after ten seconds: %d forecasts, want one without talk", len(fs))
			}
			closeMinute(i, end.Add(50*second))
			sweep(end.Add(51 * second))
		case i < 20: // known to be late
			if len(early) != 1 {
				t.Fatalf("minute %d: %d forecasts, a late stream is not waited for", i, len(early))
			}
			closeMinute(i, end.Add(50*second))
			sweep(end.Add(51 * second))
		default: // stopped
			if len(early) != 1 {
				t.Fatalf("minute %d: %d forecasts, a stream that has stopped is not waited for", i, len(early))
			}
		}
	}
}
