package engine

import (
	"fmt"
	"testing"
	"time"

	"surgecast"
)

// Two engines share the sites of one database; one of them is killed, and the other takes its shards. No minute is
// stepped twice and none is left out, no chain of the ledger is broken, no sequence steps back; the forecasts are
// those of one engine that had them all the time. Then a third one comes and is given its share.
//
// Fails when: restore loads nothing for shards that are taken while others are held, or share counts no others.
func TestKilledEngineIsTakenOver(t *testing.T) {
	t.Parallel()
	const begin, killed, joined, until = 20, 40, 55, 70
	run := func(t *testing.T, several bool) map[string][]surgecast.SiteForecast {
		p := newPlace(t, nil)
		sites := []surgecast.Site{p.site}
		for i := range 7 {
			s := p.site
			s.ID, s.Slug = 0, fmt.Sprintf("site-%d", i)
			s, err := p.st.CreateSite(t.Context(), s)
			p.ok(err)
			sites = append(sites, s)
		}
		engines := []*Engine{p.engine(nil)}
		if several {
			engines = append(engines, p.engine(func(c *Config) { c.Holder = "second" }))
		}
		swept := map[string]int{}
		later := func() { // when they look again, twice: one hands back what the other then takes
			for range 2 {
				for _, e := range engines {
					e.renewed = time.Time{}
					p.ok(e.lease(t.Context()))
				}
			}
		}
		for i := range until {
			var rows []surgecast.TrafficMinute
			for _, s := range sites {
				rows = append(rows, surgecast.TrafficMinute{SiteID: s.ID, Segment: surgecast.TotalSegment, Minute: minute(i), Requests: quiet(uint64(s.ID), i, 200+10*float64(i)), Complete: true})
			}
			_, err := p.st.PutTraffic(t.Context(), rows, minute(i+1))
			p.ok(err)
			if i < begin {
				continue
			}
			if several {
				switch i {
				case killed: // its leases run out
					dead := engines[1]
					engines = engines[:1]
					if len(dead.leases) != Shards/2 {
						t.Fatalf("the second engine held %d shards", len(dead.leases))
					}
					p.exec(`UPDATE lease SET expires_at = '-infinity' WHERE holder = 'second'`)
					later()
					if n := len(engines[0].leases); n != Shards {
						t.Fatalf("the survivor holds %d shards", n)
					}
				case joined:
					engines = append(engines, p.engine(func(c *Config) { c.Holder = "third" }))
					later()
				case begin + 1:
					later()
				}
			}
			for _, e := range engines {
				res, err := e.Sweep(t.Context(), minute(i+1))
				p.ok(err)
				swept[e.cfg.Holder] += len(res.Forecasts)
			}
		}
		if several && (len(swept) != 3 || swept["second"] == 0 || swept["third"] == 0) {
			t.Errorf("rows by engine: %v", swept)
		}
		out := map[string][]surgecast.SiteForecast{}
		for _, s := range sites {
			fs, err := p.st.Forecasts(t.Context(), s.ID, surgecast.TotalSegment, t0, minute(until))
			p.ok(err)
			_, err = p.st.AuditLedger(t.Context(), s.ID, surgecast.TotalSegment, t0, minute(until))
			p.ok(err)
			if len(fs) != until-begin {
				t.Errorf("%s: %d rows, want %d", s.Slug, len(fs), until-begin)
			}
			for i := range fs {
				if !fs[i].Origin.Equal(minute(begin + i)) {
					t.Fatalf("%s: row %d has origin %s", s.Slug, i, fs[i].Origin)
				}
				if i > 0 && fs[i].Recommendation.Sequence < fs[i-1].Recommendation.Sequence {
					t.Errorf("%s: sequence %d after %d", s.Slug, fs[i].Recommendation.Sequence, fs[i-1].Recommendation.Sequence)
				}
			}
			out[s.Slug] = fs
		}
		return out
	}
	var want, got map[string][]surgecast.SiteForecast
	t.Run("one", func(t *testing.T) { want = run(t, false) })
	t.Run("several", func(t *testing.T) { got = run(t, true) })
	for slug, fs := range want {
		for i := range fs {
			a, b := fs[i], got[slug][i]
			for k := range a.QuantilesRPM {
				for l := range a.QuantilesRPM[k] {
					if a.QuantilesRPM[k][l] != b.QuantilesRPM[k][l] {
						t.Fatalf("%s at %s: lead %d is %v, want %v", slug, a.Origin, a.LeadMinutes[k], b.QuantilesRPM[k], a.QuantilesRPM[k])
					}
				}
			}
		}
	}
}
