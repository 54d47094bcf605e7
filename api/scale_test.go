package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"surgecast"
)

// Promise 4 of DESIGN 10: /scale never turns ignorance into a number, and never falls because of it.
// Made to fail by answering b.MinUnits where the last units are held (case stale), and by dropping the
// check of age > holdFor (case expired).
func TestScaleNeverFallsFromIgnorance(t *testing.T) {
	type want struct {
		status int
		units  float64
		stale  bool
		reason string // of an answer, or the code of a problem
	}
	noTraffic := func(f *surgecast.SiteForecast) {
		// The engine goes on without traffic: what it would say now is less than before, from ignorance.
		f.State, f.Verdict.State = surgecast.StateCannotTell, surgecast.StateCannotTell
		f.Recommendation.Units, f.Recommendation.WouldBeUnits = 4, 4
	}
	inShadow := func(s *surgecast.Site) { s.Mode = surgecast.ModeShadow }
	least := func(f *surgecast.SiteForecast) { f.Recommendation.Units, f.Recommendation.Reason = 4, reasonShadow }
	for _, c := range []struct {
		name  string
		site  func(*surgecast.Site)
		story func(*testServer, surgecast.Site)
		want  want
	}{
		{"fresh", nil, func(ts *testServer, s surgecast.Site) { ts.told(s); ts.pass(2 * time.Minute) }, want{200, 13, false, "forecast"}},
		{"stale: unchanged", nil, func(ts *testServer, s surgecast.Site) { ts.told(s); ts.pass(121 * time.Second) }, want{200, 13, true, "stale"}},
		{"stale to the last second", nil, func(ts *testServer, s surgecast.Site) { ts.told(s); ts.pass(15 * time.Minute) }, want{200, 13, true, "stale"}},
		{"expired", nil, func(ts *testServer, s surgecast.Site) { ts.told(s); ts.pass(15*time.Minute + time.Second) }, want{503, 0, false, codeExpired}},
		{"never any forecast", nil, func(*testServer, surgecast.Site) {}, want{503, 0, false, codeNoForecast}},
		{"traffic lost: the last units are held", nil, func(ts *testServer, s surgecast.Site) {
			ts.told(s)
			for range 14 {
				ts.pass(time.Minute)
				ts.told(s, noTraffic)
			}
		}, want{200, 13, true, "stale"}},
		{"traffic lost for 16 minutes", nil, func(ts *testServer, s surgecast.Site) {
			ts.told(s)
			for range 16 {
				ts.pass(time.Minute)
				ts.told(s, noTraffic)
			}
		}, want{503, 0, false, codeNoTraffic}},
		{"traffic never came", nil, func(ts *testServer, s surgecast.Site) { ts.told(s, noTraffic) }, want{503, 0, false, codeNoTraffic}},
		{"an engine that goes on from an old origin", nil, func(ts *testServer, s surgecast.Site) {
			ts.told(s)
			origin := ts.clock()
			ts.pass(13 * time.Minute) // 13 min without a minute of traffic, and still "calm"
			ts.told(s, func(f *surgecast.SiteForecast) {
				f.Origin, f.State, f.Recommendation.Units = origin, surgecast.StateCalm, 4
			})
		}, want{200, 13, true, "stale"}},
		{"capacity unknown", func(s *surgecast.Site) { s.Capacity.RPMPerUnit, s.Capacity.MinUnits = 0, 0 }, func(ts *testServer, s surgecast.Site) {
			ts.told(s, func(f *surgecast.SiteForecast) {
				f.CapacityRPM, f.RPMPerUnit, f.Recommendation.Units = math.NaN(), 0, 0
			})
		}, want{503, 0, false, codeCapacityUnknown}},
		{"capacity NaN", func(s *surgecast.Site) { s.Capacity.MinUnits = 0 }, func(ts *testServer, s surgecast.Site) {
			ts.told(s, func(f *surgecast.SiteForecast) { f.CapacityRPM, f.Recommendation.Units = math.NaN(), 0 })
		}, want{503, 0, false, codeCapacityUnknown}},
		{"capacity unknown, but someone said how few", func(s *surgecast.Site) { s.Capacity.RPMPerUnit = 0 }, func(ts *testServer, s surgecast.Site) {
			ts.told(s, func(f *surgecast.SiteForecast) {
				f.CapacityRPM, f.RPMPerUnit, f.Recommendation.Units = math.NaN(), 0, 0
			})
		}, want{200, 4, false, codeCapacityUnknown}},
		{"capacity emptied while units are handed back", func(s *surgecast.Site) { s.Capacity.RPMPerUnit = 0 }, func(ts *testServer, s surgecast.Site) {
			ts.told(s, func(f *surgecast.SiteForecast) {
				f.CapacityRPM, f.RPMPerUnit, f.Recommendation.Units = math.NaN(), 0, 12
			})
		}, want{200, 12, false, codeCapacityUnknown}},
		{"shadow", inShadow, func(ts *testServer, s surgecast.Site) { ts.told(s, least) }, want{200, 4, false, "shadow"}},
		{"shadow since a second, act before", inShadow, func(ts *testServer, s surgecast.Site) { ts.told(s) }, want{200, 13, false, "handing_back"}},
		{"shadow, the floor of act on its way down", inShadow, func(ts *testServer, s surgecast.Site) {
			ts.told(s, func(f *surgecast.SiteForecast) {
				f.Recommendation.Units, f.Recommendation.Reason = 11, "handing_back"
			})
		}, want{200, 11, false, "handing_back"}},
		{"shadow, an override ended a moment ago", inShadow, func(ts *testServer, s surgecast.Site) {
			ts.memory.setOverride(s.ID, &surgecast.Override{SiteID: s.ID, Units: 20, Until: begin.Add(time.Second), SetAt: begin})
			ts.told(s, func(f *surgecast.SiteForecast) {
				f.Recommendation.Units, f.Recommendation.Reason = 20, "override"
			})
			ts.pass(2 * time.Second)
		}, want{200, 20, false, "handing_back"}},
		{"shadow, expired", func(s *surgecast.Site) { s.Mode = surgecast.ModeShadow }, func(ts *testServer, s surgecast.Site) { ts.told(s); ts.pass(time.Hour) }, want{503, 0, false, codeExpired}},
		{"override", func(s *surgecast.Site) { s.Mode = surgecast.ModeShadow }, func(ts *testServer, s surgecast.Site) {
			ts.told(s)
			ts.memory.setOverride(s.ID, &surgecast.Override{SiteID: s.ID, Units: 9, Until: begin.Add(time.Hour), SetAt: begin})
		}, want{200, 9, false, "override"}},
		{"override without any forecast", nil, func(ts *testServer, s surgecast.Site) {
			ts.memory.setOverride(s.ID, &surgecast.Override{SiteID: s.ID, Units: 9, Until: begin.Add(time.Hour), SetAt: begin})
		}, want{200, 9, false, "override"}},
		{"override that ended", nil, func(ts *testServer, s surgecast.Site) {
			ts.memory.setOverride(s.ID, &surgecast.Override{SiteID: s.ID, Units: 9, Until: begin.Add(time.Second), SetAt: begin})
			ts.pass(time.Second)
			ts.told(s)
		}, want{200, 13, false, "forecast"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ts := newTest(t, keyless)
			s := ts.site(1, "nordlicht")
			if c.site != nil {
				c.site(&s)
				ts.memory.put(s)
			}
			c.story(ts, s)
			a := ts.ask("GET", "/v1/sites/nordlicht/scale", "")
			body := a.json(t)
			if a.status != c.want.status {
				t.Fatalf("status %d, want %d: %s", a.status, c.want.status, a.body)
			}
			if a.status != 200 {
				if body["code"] != c.want.reason || a.header.Get("Retry-After") == "" {
					t.Errorf("code %v, Retry-After %q; want %s", body["code"], a.header.Get("Retry-After"), c.want.reason)
				}
				if _, has := body["units"]; has {
					t.Errorf("an error with a number: %s", a.body)
				}
				return
			}
			if body["units"] != c.want.units || body["stale"] != c.want.stale || body["reason"] != c.want.reason {
				t.Errorf("units %v stale %v reason %v, want %+v", body["units"], body["stale"], body["reason"], c.want)
			}
		})
	}
}

// The fields of DESIGN 8, and no null where a scaler would read one.
func TestScaleFields(t *testing.T) {
	ts := newTest(t, keyless)
	s := ts.site(1, "nordlicht", func(s *surgecast.Site) { s.Mode = surgecast.ModeShadow })
	ts.told(s, func(f *surgecast.SiteForecast) {
		f.Degraded = []string{"mentions"}
		f.Recommendation.Units, f.Recommendation.Reason = 4, reasonShadow
	})
	ts.pass(42 * time.Second)
	a := ts.ask("GET", "/v1/sites/nordlicht/scale", "")
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	// min_units 4 of 200 a minute each: 800 a minute, 13.333 a second.
	want := map[string]any{
		"site": "nordlicht", "units": 4.0, "min_units": 4.0, "max_units": 40.0, "would_be_units": 13.0, "expected_rps": 800.0 / 60,
		"mode": "shadow", "stale": false, "issued_at": "2026-09-14T14:20:00Z", "valid_until": "2026-09-14T14:35:00Z", "age_seconds": 42.0, "reason": "shadow",
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s = %v, want %v", k, got[k], v)
		}
	}
	if d, _ := got["degraded"].([]any); len(d) != 1 || d[0] != "mentions" {
		t.Errorf("degraded = %v", got["degraded"])
	}
	if len(got) != len(want)+1 {
		t.Errorf("%d fields, want %d: %s", len(got), len(want)+1, a.body)
	}
	if !strings.Contains(a.body, `"units":4,`) {
		t.Errorf("units is no plain integer: %s", a.body)
	}
}

func TestScalePrometheus(t *testing.T) {
	ts := newTest(t, keyless)
	ts.told(ts.site(1, "nordlicht"))
	a := ts.ask("GET", "/v1/sites/nordlicht/scale?format=prometheus", "")
	if ct := a.header.Get("Content-Type"); ct != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("content type %q", ct)
	}
	// 2,580 requests a minute are 43 a second.
	for _, line := range []string{"surgecast_recommended_units{site=\"nordlicht\"} 13\n", "surgecast_expected_rps{site=\"nordlicht\"} 43\n", "# TYPE surgecast_recommended_units gauge\n"} {
		if !strings.Contains(a.body, line) {
			t.Errorf("%q is missing in\n%s", line, a.body)
		}
	}
	ts.pass(time.Hour)
	if a := ts.ask("GET", "/v1/sites/nordlicht/scale?format=prometheus", ""); a.status != 503 || strings.Contains(a.body, "_units{") {
		t.Errorf("expired: %d %s", a.status, a.body)
	}
}

// No SQL in the request path of /scale and /risk: with the database away and a key known, both answer.
// Made to fail by reading the site from the store in standing.
func TestScaleNeedsNoDatabase(t *testing.T) {
	ts := newTest(t)
	ts.told(ts.site(1, "nordlicht"))
	key := ts.key(1, surgecast.ScopeScale)
	read := ts.key(1, surgecast.ScopeRead)
	for range 2 { // the second time with everything cached
		ts.ask("GET", "/v1/sites/nordlicht/scale", "", "X-API-KEY", key)
		ts.ask("GET", "/v1/sites/nordlicht/risk", "", "X-API-KEY", read)
	}
	before := ts.store.asked()
	ts.store.fail(errors.New("the database is away"))
	for range 3 {
		if a := ts.ask("GET", "/v1/sites/nordlicht/scale", "", "X-API-KEY", key); a.status != 200 {
			t.Errorf("/scale: %d %s", a.status, a.body)
		}
		if a := ts.ask("GET", "/v1/sites/nordlicht/risk", "", "X-API-KEY", read); a.status != 200 {
			t.Errorf("/risk: %d %s", a.status, a.body)
		}
	}
	if n := ts.store.asked() - before; n != 0 {
		t.Errorf("%d queries for six answers", n)
	}
	ts.pass(31 * time.Second) // the key is no longer cached, and the database is still away
	if a := ts.ask("GET", "/v1/sites/nordlicht/scale", "", "Authorization", "Bearer "+key); a.status != 200 {
		t.Errorf("an outage of ours shuts out an autoscaler: %d %s", a.status, a.body)
	}
}

// A restart answers the last stored recommendation before its first sweep, also when the newest row was
// made without traffic.
func TestScaleAfterRestart(t *testing.T) {
	ts := newTest(t, keyless)
	s := ts.site(1, "nordlicht")
	ts.told(s)
	ts.pass(time.Minute)
	ts.told(s, func(f *surgecast.SiteForecast) {
		f.State, f.Recommendation.Units = surgecast.StateCannotTell, 4
	})
	again := newTest(t, keyless)
	again.Server = New(Config{Store: ts.store, Clock: ts.clock, Wall: ts.clock, Logger: ts.log, Keyless: true, Interpolate: straight})
	if err := again.load(context.Background()); err != nil {
		t.Fatal(err)
	}
	a := again.ask("GET", "/v1/sites/nordlicht/scale", "")
	if b := a.json(t); a.status != 200 || b["units"] != 13.0 || b["stale"] != true {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// What another process decides is seen within a look: a forecast, an override, a site, a freeze.
func TestLookSeesOtherProcesses(t *testing.T) {
	ts := newTest(t, keyless)
	s := ts.site(1, "nordlicht")
	if err := ts.load(context.Background()); err != nil {
		t.Fatal(err)
	}
	ts.store.forecasts = append(ts.store.forecasts, ts.forecastOf(s))
	ts.store.frozen[1] = true
	if err := ts.look(context.Background(), false, overlap); err != nil {
		t.Fatal(err)
	}
	if b := ts.ask("GET", "/v1/sites/nordlicht/scale", "").json(t); b["units"] != 13.0 {
		t.Errorf("the forecast is not seen: %v", b)
	}
	if b := ts.ask("GET", "/v1/sites/nordlicht/capacity", "").json(t); b["frozen"] != true {
		t.Errorf("the freeze is not seen: %v", b["frozen"])
	}
	ts.store.overrides[s.ID] = surgecast.Override{SiteID: s.ID, Units: 20, Until: begin.Add(time.Hour), SetAt: begin}
	ts.store.sites = append(ts.store.sites, surgecast.Site{ID: 99, AccountID: 1, Slug: "new"})
	if err := ts.look(context.Background(), true, overlap); err != nil {
		t.Fatal(err)
	}
	if b := ts.ask("GET", "/v1/sites/nordlicht/scale", "").json(t); b["units"] != 20.0 {
		t.Errorf("the override is not seen: %v", b)
	}
	if _, ok := ts.memory.of(1, "new"); !ok {
		t.Error("the new site is not seen")
	}
	ts.store.sites = ts.store.sites[:1]
	if err := ts.look(context.Background(), true, overlap); err != nil {
		t.Fatal(err)
	}
	if _, ok := ts.memory.of(1, "new"); ok {
		t.Error("the deleted site is still there")
	}
}

// Changed answers are logged with reason and caller, unchanged ones are not, and the log outlives an
// outage of the database.
func TestDecisionLog(t *testing.T) {
	ts := newTest(t)
	s := ts.site(1, "nordlicht")
	key := ts.key(1, surgecast.ScopeRead)
	ask := func() { ts.ask("GET", "/v1/sites/nordlicht/scale", "", "X-API-KEY", key) }
	ask() // no forecast yet
	ts.told(s)
	ask()
	ask()
	ts.pass(3 * time.Minute)
	ask() // stale
	ts.pass(time.Hour)
	ask() // expired
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // a server that stops writes what is left
	if err := ts.writeDecisions(ctx); err != nil {
		t.Fatal(err)
	}
	list := ts.ask("GET", "/v1/sites/nordlicht/decisions", "", "X-API-KEY", key).json(t)["items"].([]any)
	var got []string
	for _, d := range list {
		m := d.(map[string]any)
		got = append(got, m["reason"].(string))
		if caller, _ := m["caller"].(string); !strings.HasPrefix(caller, "test (key_") && !strings.HasPrefix(caller, "test (") {
			t.Errorf("caller %q", caller)
		}
		if status := m["status_code"].(float64); (status == 200) != (m["units"] != nil) {
			t.Errorf("an error with units, or an answer without: %v", m)
		}
	}
	want := []string{codeNoForecast, "forecast", "stale", codeExpired}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("logged %v, want %v", got, want)
	}
}

// A process that has just started does not say that there is no forecast while it still reads them: it says so, and
// when to ask again. The code stays the one clients wait for.
// Fails when: standing does not set starting.
func TestScaleWhileStarting(t *testing.T) {
	ts := newTest(t, keyless)
	ts.site(1, "nordlicht")
	ask := func(detail, retry string) {
		t.Helper()
		a := ts.ask("GET", "/v1/sites/nordlicht/scale", "")
		if p := a.json(t); a.status != 503 || p["code"] != codeNoForecast || p["detail"] != detail || a.header.Get("Retry-After") != retry {
			t.Errorf("%d, Retry-After %q, %s: want 503, %s, %q", a.status, a.header.Get("Retry-After"), a.body, retry, detail)
		}
		k := ts.keda(t, nil, nil)
		if _, err := k.IsActive(wait(t), trigger()); !strings.Contains(status.Convert(err).Message(), detail) {
			t.Errorf("gRPC: %v, want %q", err, detail)
		}
	}
	ask("starting; forecasts are being loaded", "5")
	if err := ts.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask("there is no forecast of this site yet", "30")
}
