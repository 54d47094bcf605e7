package engine

import (
	"math"
	"strings"
	"testing"
	"time"

	"surgecast"
)

// states are a site's states in the order they were decided.
func (p *place) states() (out []string) {
	for _, tr := range p.found().Transitions {
		out = append(out, string(tr.From)+">"+string(tr.To))
	}
	return out
}

func (p *place) told(typ string) int { return count(p.t, p.pool, `delivery WHERE type = '`+typ+`'`) }

// Unknown is never calm: a site that falls silent is told once, not every sweep, and by its total alone; what
// is shown meanwhile is "cannot tell"; when numbers return it goes on, and the next silence is told again. In
// an open episode the change is a transition, and so is the way back.
//
// Fails when: silence does not store what it remembers (told again after a restart), or judge leaves Silent set.
func TestUnknownIsNeverCalm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		rise float64
		want string
	}{
		{"calm", 0, ""},
		{"alert", 40, "alert>cannot_tell cannot_tell>alert alert>cannot_tell"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t, withCheckout)
			p.webhook()
			e := p.engine(nil)
			for i := range 150 {
				silent := i >= 100 && i < 120 || i >= 123
				if !silent {
					y := quiet(9, i, 400)
					if i > 90 {
						y += c.rise * float64(min(i-90, 9))
					}
					p.visits(surgecast.TrafficMinute{Minute: minute(i), Requests: y, Complete: true},
						surgecast.TrafficMinute{Minute: minute(i), Segment: "checkout", Requests: 20, Complete: true})
				}
				if i == 113 {
					e = p.engine(nil) // a restart in the middle of the silence
				}
				if i < 80 {
					continue
				}
				res, err := e.Sweep(t.Context(), minute(i+1))
				p.ok(err)
				if silent && len(res.Forecasts) != 0 {
					t.Errorf("minute %d: a forecast out of silence", i)
				}
				// The last minute began at 99; at its end + 10 minutes it is silent.
				want := 0
				if i >= 109 {
					want = 1
				}
				if i >= 132 {
					want = 2
				}
				if n := p.told(surgecast.TypeForecastStale); n != want {
					t.Fatalf("minute %d: told %d times, want %d", i, n, want)
				}
				if i == 115 {
					rows, err := p.st.LatestForecasts(t.Context())
					p.ok(err)
					if v := Restate(p.site, &rows[0], nil, minute(i+1)); v.State != surgecast.StateCannotTell {
						t.Errorf("shown in a silence: %s", v.State)
					}
				}
			}
			got := strings.Join(p.states(), " ")
			if c.want == "" && got != "" || !strings.HasSuffix(got, c.want) {
				t.Errorf("transitions %q, want … %q", got, c.want)
			}
		})
	}
}

// Numbers imported from last year are no source that has just died.
//
// Fails when: silence tells however long ago it began.
func TestImportTellsNobody(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.webhook()
	for i := range 200 {
		y := quiet(10, i, 400)
		if i > 150 {
			y *= 3
		}
		p.visits(surgecast.TrafficMinute{Minute: minute(i), Requests: y, Complete: true})
	}
	e := p.engine(nil)
	for i := range 3 {
		_, err := e.Sweep(t.Context(), minute(200+400*24*60+i))
		p.ok(err)
	}
	if n := count(t, p.pool, "delivery"); n != 0 {
		t.Errorf("%d messages about last year", n)
	}
	rows, err := p.st.LatestForecasts(t.Context())
	p.ok(err)
	if len(rows) != 1 || rows[0].State != surgecast.StateCannotTell {
		t.Errorf("state %v, want cannot_tell", rows)
	}
}

// A site whose capacity nobody knows claims no risk, no act-by and no calm.
//
// Fails when: forecast asks for the risk of a capacity of 0.
func TestUnknownCapacityClaimsNothing(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(s *surgecast.Site) { s.Capacity.RPMPerUnit = 0 })
	p.webhook()
	e := p.engine(nil)
	for i := range 120 {
		y := quiet(11, i, 400)
		if i > 100 {
			y *= 4
		}
		p.visits(surgecast.TrafficMinute{Minute: minute(i), Requests: y, Complete: true})
		if i < 60 {
			continue
		}
		res, err := e.Sweep(t.Context(), minute(i+1))
		p.ok(err)
		f := res.Forecasts[0]
		if f.State != surgecast.StateCannotTell || f.Risk != nil || !f.ActBy.IsZero() || f.ActByReason == "" || f.PeakDotsRPM != nil || f.Verdict.ShownPercent != "" {
			t.Fatalf("minute %d: state %s, risk %v, act by %v (%q), verdict %q", i, f.State, f.Risk, f.ActBy, f.ActByReason, f.Verdict.Headline)
		}
		for _, x := range f.TimeToBreachMinutes {
			if !math.IsNaN(x) {
				t.Fatalf("time to breach %v of an unknown capacity", f.TimeToBreachMinutes)
			}
		}
		if f.QuantilesRPM[0][7] < 100 {
			t.Errorf("but visits are forecast: median %g", f.QuantilesRPM[0][7])
		}
	}
	if n := count(t, p.pool, "surge"); n != 0 {
		t.Errorf("%d surges against an unknown capacity", n)
	}
}

// A minute that has not ended by the engine's clock is not used and does not hide those that have: somebody's
// clock is ahead, or a row of next year came in. The same for talk; and the count of a minute that its stream
// has not closed is not that minute's count.
//
// Fails when: sweepSites leaves out sites whose newest minute has not ended, or readTalk leaves
// in what comes after a stretch's last bucket.
func TestOnlyMinutesThatHaveEnded(t *testing.T) {
	t.Parallel()
	p := newPlace(t, nil)
	p.talked(60)
	stream, err := p.st.EnsureSource(t.Context(), surgecast.Source{Slug: "stream", Kind: surgecast.SourceNews, Mode: surgecast.Increments, StepSeconds: 60})
	p.ok(err)
	lease, mine, err := p.st.AcquireLease(t.Context(), "ingest/stream", "me", time.Hour)
	p.ok(err)
	if !mine {
		t.Fatal("no lease")
	}
	e := p.engine(nil)
	p.visits(surgecast.TrafficMinute{Minute: minute(500_000), Requests: 1e6, Complete: true})
	p.mentions(surgecast.MentionMinute{Minute: minute(500_000), Raw: 1e6})
	cursor := ""
	for i := range 40 {
		p.visits(surgecast.TrafficMinute{Minute: minute(i), Requests: 300, Complete: true}, surgecast.TrafficMinute{Minute: minute(i + 1), Requests: 7, Complete: false})
		p.mentions(surgecast.MentionMinute{Minute: minute(i), Raw: 4})
		next := minute(i).String()
		p.ok(p.st.AddMentions(t.Context(), lease, stream.ID, cursor, next, []surgecast.MentionMinute{{TopicID: p.topic.ID, Minute: minute(i), Raw: 3}}, minute(i+1)))
		cursor = next
		if i%3 == 2 { // the stream closes the newest minute only after the sweep has come by
			res, err := e.Sweep(t.Context(), minute(i+1))
			p.ok(err)
			if len(res.Forecasts) != 1 || !res.Forecasts[0].Origin.Equal(minute(i)) {
				t.Fatalf("minute %d: %d forecasts", i, len(res.Forecasts))
			}
			fed := res.Forecasts[0].Fed
			for k, f := range fed {
				news := 3.
				if k == len(fed)-1 {
					news = math.NaN()
				}
				if s := f.Signals; f.Value != 300 || len(s) != len(classes) || s[0] != 4 || !(s[2] == news || math.IsNaN(news) && math.IsNaN(s[2])) {
					t.Errorf("%s: fed %g visits and talk %v, want 300, 4 posts, news %g", f.Minute, f.Value, s, news)
				}
			}
		}
		p.ok(p.st.MarkSourceMinutes(t.Context(), stream.ID, minute(i), minute(i+1), true, minute(i+1)))
	}
}
