package api

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"surgecast"
)

// The order of UX 2.1: over capacity, alert by act-by, unknown, watch by what is at stake, recovery,
// calm. Made to fail by ranking cannot_tell after calm.
func TestWorklistOrder(t *testing.T) {
	ts := newTest(t, keyless)
	put := func(slug string, state surgecast.State, change func(*surgecast.SiteForecast)) {
		ts.told(ts.site(1, slug), func(f *surgecast.SiteForecast) {
			f.State, f.Verdict.State = state, state
			if change != nil {
				change(f)
			}
		})
	}
	put("a-calm", surgecast.StateCalm, nil)
	put("b-recovery", surgecast.StateRecovery, nil)
	put("c-watch-little", surgecast.StateWatch, func(f *surgecast.SiteForecast) { f.Recommendation.CostWaiting = 40 })
	put("d-watch-much", surgecast.StateWatch, func(f *surgecast.SiteForecast) { f.Recommendation.CostWaiting = 700 })
	put("e-blind", surgecast.StateCannotTell, nil)
	put("f-alert-late", surgecast.StateAlert, func(f *surgecast.SiteForecast) { f.ActBy = begin.Add(time.Hour) })
	put("g-alert-soon", surgecast.StateAlert, func(f *surgecast.SiteForecast) { f.ActBy = begin.Add(time.Minute) })
	put("h-over", surgecast.StateOver, nil)
	ts.site(1, "i-never-heard-of") // no forecast: unknown, never calm
	want := "h-over g-alert-soon f-alert-late e-blind i-never-heard-of d-watch-much c-watch-little b-recovery a-calm"

	var got []string
	var list struct {
		Now   time.Time
		Next  string
		Items []struct {
			Slug   string
			Status struct {
				State            string
				AtStake          *float64  `json:"at_stake"`
				Probability6h    *float64  `json:"probability_6h"`
				UnitsRecommended *int      `json:"units_recommended"`
				SparkRPM         []float64 `json:"spark_rpm"`
			}
		}
	}
	for after := ""; ; after = list.Next { // in parts of two
		list.Next, list.Items = "", nil
		a := ts.ask("GET", "/v1/sites?sort=risk&limit=2&after="+after, "")
		if err := json.Unmarshal([]byte(a.body), &list); err != nil {
			t.Fatalf("%v: %s", err, a.body)
		}
		for _, i := range list.Items {
			got = append(got, i.Slug)
			switch {
			case i.Slug == "i-never-heard-of" && (i.Status.State != "cannot_tell" || i.Status.UnitsRecommended != nil || i.Status.Probability6h != nil):
				t.Errorf("a site never heard of: %+v", i.Status)
			case i.Slug == "g-alert-soon" && (*i.Status.Probability6h != .7 || *i.Status.UnitsRecommended != 13 || *i.Status.AtStake != 540 || len(i.Status.SparkRPM) != 24):
				t.Errorf("an alert: %+v", i.Status)
			}
		}
		if list.Next == "" {
			break
		}
	}
	if s := strings.Join(got, " "); s != want {
		t.Errorf("order\n%s, want\n%s", s, want)
	}
	if !list.Now.Equal(begin) {
		t.Errorf("now %s: not the data's clock", list.Now)
	}
}

// Past its end a forecast claims nothing: no chance, no act-by, no units.
func TestExpiredForecastClaimsNothing(t *testing.T) {
	ts := newTest(t, keyless)
	ts.told(ts.site(1, "nordlicht"))
	ts.pass(16 * time.Minute)
	r := ts.ask("GET", "/v1/sites/nordlicht/risk", "").json(t)
	if r["state"] != "cannot_tell" || r["level"] != "unknown" || len(r["risk"].([]any)) != 0 || r["act_by"] != nil || r["stale"] != true {
		t.Errorf("%v", r)
	}
	if c := ts.ask("GET", "/v1/sites/nordlicht/capacity", "").json(t); c["recommendation"] != nil {
		t.Errorf("%v", c["recommendation"])
	}
	row := ts.ask("GET", "/v1/sites?sort=risk", "").json(t)["items"].([]any)[0].(map[string]any)["status"].(map[string]any)
	if row["probability_6h"] != nil || row["units_recommended"] != nil || row["state"] != "cannot_tell" {
		t.Errorf("%v", row)
	}
}

// Numbers that are not known are null, never NaN and never zero.
func TestUnknownIsNull(t *testing.T) {
	ts := newTest(t, keyless)
	s := ts.site(1, "nordlicht", func(s *surgecast.Site) { s.Capacity.RPMPerUnit = 0 })
	nan := math.NaN()
	ts.told(s, func(f *surgecast.SiteForecast) {
		f.CapacityRPM, f.Risk, f.RiskGrid, f.DemandRPM = nan, nil, nil, nan
		f.Recommendation.DemandRPM, f.Recommendation.CostActing, f.Recommendation.CostWaiting = nan, nan, nan
		f.QuantilesRPM[0][0] = nan
		f.Verdict.ShownValue = nan
	})
	for _, target := range []string{"/v1/sites/nordlicht/risk", "/v1/sites/nordlicht/forecast", "/v1/sites/nordlicht/capacity", "/v1/sites/nordlicht/scale", "/v1/sites?sort=risk"} {
		a := ts.ask("GET", target, "")
		if a.status != 200 || strings.Contains(a.body, "NaN") {
			t.Errorf("%s: %d %s", target, a.status, a.body)
		}
		if v, ok := a.json(t)["capacity_rpm"]; ok && v != nil {
			t.Errorf("%s: capacity_rpm %v, want null", target, v)
		}
	}
}

// The forecast speaks of minutes from its origin, history shows gaps as gaps, and the minute that runs
// is left out.
func TestForecastPoints(t *testing.T) {
	ts := newTest(t, keyless)
	s := ts.site(1, "nordlicht")
	ts.told(s)
	row := func(minute string, n int) string {
		return `{"minute":"2026-09-14T14:` + minute + `:00Z","requests":` + string(rune('0'+n)) + `,"units":6}`
	}
	// 14:15 and 14:16 came, 14:17 did not, 14:18 and 14:19 did, 14:20 runs.
	a := ts.ask("POST", "/v1/sites/nordlicht/traffic", "["+row("15", 1)+","+row("16", 2)+","+row("18", 3)+","+row("19", 4)+","+row("20", 5)+"]")
	if a.status != 202 || a.json(t)["accepted"] != 5.0 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var f struct {
		Points []struct {
			At           time.Time
			LeadMinutes  int       `json:"lead_minutes"`
			QuantilesRPM []float64 `json:"quantiles_rpm"`
		}
		History []struct {
			At          time.Time
			RequestsRPM *float64 `json:"requests_rpm"`
		}
		Gaps            []Span
		CapacityHistory []struct {
			CapacityRPM float64 `json:"capacity_rpm"`
		} `json:"capacity_history"`
	}
	get := func(query string) {
		a := ts.ask("GET", "/v1/sites/nordlicht/forecast?"+query, "")
		f.Points, f.History, f.Gaps = nil, nil, nil
		if err := json.Unmarshal([]byte(a.body), &f); err != nil {
			t.Fatalf("%v: %s", err, a.body)
		}
	}
	get("horizon=60&history=5")
	// Origin 14:19; leads 1 … 61 are 14:20 … 15:20.
	if n := len(f.Points); n != 61 || f.Points[0].LeadMinutes != 1 || !f.Points[0].At.Equal(begin) || !f.Points[60].At.Equal(begin.Add(time.Hour)) {
		t.Errorf("%d points, first %+v, last %v", n, f.Points[0], f.Points[n-1].At)
	}
	if got := f.Points[0].QuantilesRPM; len(got) != len(surgecast.Levels) || got[0] != 500 || got[17] != 2200 {
		t.Errorf("quantiles %v", got)
	}
	if len(f.History) != 5 || *f.History[0].RequestsRPM != 1 || f.History[2].RequestsRPM != nil || *f.History[4].RequestsRPM != 4 {
		t.Errorf("history %+v", f.History)
	}
	if len(f.Gaps) != 1 || !f.Gaps[0].From.Equal(begin.Add(-3*time.Minute)) || !f.Gaps[0].To.Equal(begin.Add(-2*time.Minute)) {
		t.Errorf("gaps %v", f.Gaps)
	}
	if len(f.CapacityHistory) != 1 || f.CapacityHistory[0].CapacityRPM != 1200 {
		t.Errorf("capacity history %v", f.CapacityHistory)
	}
	get("horizon=1440&history=0")
	// Every minute to 120, then every 5 to 1,440: 120 + 264.
	if n := len(f.Points); n != 120+264 || f.Points[n-1].LeadMinutes != 1440 {
		t.Errorf("%d points to lead %d", n, f.Points[n-1].LeadMinutes)
	}
}

// Counts are absolute: sent again they change nothing; a key of repetition gives the first answer.
func TestPushCounts(t *testing.T) {
	ts := newTest(t, keyless)
	ts.ask("POST", "/v1/topics", `{"slug":"concert","any":["nordlicht"]}`)
	const rows = `{"topic":"concert","source":"acme","minute":"2026-09-14T14:10:00Z","count":5,"authors":3}
{"topic":"concert","source":"acme","minute":"2026-09-14T14:11:00Z","count":7}
{"topic":"concert","source":"acme","minute":"2026-09-14T14:20:00Z","count":1}`
	push := func(key, body string) answer {
		return ts.ask("POST", "/v1/ingest/counts", body, "Content-Type", "application/x-ndjson", "Idempotency-Key", key)
	}
	a := push("k1", rows)
	if m := a.json(t); a.status != 202 || m["accepted"] != 2.0 || m["not_final"] != 1.0 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if b := push("k1", rows); b.body != a.body {
		t.Errorf("the same request is answered %s, then %s", a.body, b.body)
	}
	if m := push("k2", rows).json(t); m["accepted"] != 0.0 || m["unchanged"] != 2.0 {
		t.Errorf("sent again: %v", m)
	}
	if b := push("k1", rows+"\n"); b.status != 422 || b.json(t)["code"] != codeKeyReused {
		t.Errorf("another body with the same key: %d %s", b.status, b.body)
	}
	m := ts.ask("GET", "/v1/topics/concert/mentions?minutes=10", "").json(t)
	src := m["sources"].([]any)[0].(map[string]any)
	points := src["points"].([]any)
	// 14:10 … 14:19: two counted, eight missing.
	if src["source"] != "push:acme" || len(points) != 10 || points[0].(map[string]any)["raw"] != 5.0 || points[2].(map[string]any)["raw"] != nil {
		t.Errorf("%v", src)
	}
	// Of the two counted minutes: (5+7)/2 raw. Too few mentions to speak of copies.
	if r := src["recent"].(map[string]any); r["raw"] != 6.0 || m["copies_share"] != nil {
		t.Errorf("recent %v, copies %v", r, m["copies_share"])
	}
}

// Assets are cached for ever, pages never without asking; no page may run what is not ours.
func TestDashboard(t *testing.T) {
	ts := newTest(t, keyless, func(c *Config) {
		c.Dashboard = fstest.MapFS{
			"index.html":         {Data: []byte("<title>app</title>")},
			"assets/app-1a2b.js": {Data: []byte("1")},
			"docs/index.html":    {Data: []byte("<title>swagger</title>")},
			".gitkeep":           {},
		}
		c.Draw = func(page string, doc []byte) ([]byte, error) { return append([]byte(page+" "), doc...), nil }
	})
	ts.told(ts.site(1, "nordlicht"))
	for _, c := range []struct{ target, has, csp, cache string }{
		{"/", "app", pageCSP, "no-cache"},
		{"/sites/nordlicht", "app", pageCSP, "no-cache"},
		{"/assets/app-1a2b.js", "1", pageCSP, "public, max-age=31536000, immutable"},
		{"/docs", "swagger", docsCSP, "no-cache"},
		{"/?plain=1", "overview {", plainCSP, "no-store"},
		{"/sites/nordlicht?plain=1", `site {"forecast":{"site":"nordlicht"`, plainCSP, "no-store"},
	} {
		a := ts.ask("GET", c.target, "")
		if a.status != 200 || !strings.Contains(a.body, c.has) || a.header.Get("Content-Security-Policy") != c.csp || a.header.Get("Cache-Control") != c.cache {
			t.Errorf("%s: %d %q %v", c.target, a.status, a.body, a.header)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("X-Frame-Options") != "DENY" || a.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", c.target, a.header)
		}
	}
	if strings.Contains(pageCSP, "unsafe") {
		t.Error("the dashboard's policy allows inline parts")
	}
	for _, target := range []string{"/.gitkeep", "/assets/../index.html", "/assets/%2e%2e/%2e%2e/etc/passwd", "/missing.js", "/v1/../index.html", "/index.html"} {
		if a := ts.ask("GET", target, ""); a.status != 404 {
			t.Errorf("%s: %d %s", target, a.status, a.body)
		}
	}
}

// Without a build the pages are drawn here, and without a session they ask for the key.
func TestPagesWithoutABuild(t *testing.T) {
	ts := newTest(t, func(c *Config) {
		c.Draw = func(page string, doc []byte) ([]byte, error) { return append([]byte(page+" "), doc...), nil }
	})
	ts.told(ts.site(1, "nordlicht"))
	key := ts.key(1, surgecast.ScopeRead)
	if a := ts.ask("GET", "/", ""); a.status != 401 || !strings.Contains(a.body, "<form") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := ts.ask("POST", "/login", "key=sgc_wrong", "Content-Type", "application/x-www-form-urlencoded"); a.status != 401 || !strings.Contains(a.body, "not valid") {
		t.Errorf("%d %s", a.status, a.body)
	}
	a := ts.ask("POST", "/login", "key="+key, "Content-Type", "application/x-www-form-urlencoded", "Origin", "http://localhost:8080")
	if a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	if a := ts.ask("GET", "/sites/nordlicht", "", "Cookie", cookie); a.status != 200 || !strings.HasPrefix(a.body, "site {") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := ts.ask("GET", "/sites/nobody", "", "Cookie", cookie); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := ts.ask("GET", "/docs", ""); a.status != 200 || !strings.Contains(a.body, "/v1/sites/{site}/scale") || strings.Contains(a.body, "<script") || strings.Contains(a.body, `="http`) {
		t.Errorf("the drawn reference: %d", a.status)
	}
	if a := ts.ask("GET", "/openapi.json", ""); a.status != 200 || a.json(t)["openapi"] != "3.1.0" {
		t.Errorf("%d", a.status)
	}
}

// Who asks with a browser for a page that is not there reads a page; the reference on it is the one in the log. Other
// clients, and everything under /v1, get the problem as JSON.
//
// Fails when: refusePage's look at the Accept header is taken out.
func TestAProblemForABrowserIsAPage(t *testing.T) {
	ts := newTest(t, keyless, func(c *Config) {
		c.Draw = func(page string, doc []byte) ([]byte, error) { return append([]byte(page+" "), doc...), nil }
	})
	ts.site(surgecast.DefaultAccount, "nordlicht")
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, path := range []string{"/status/nordlicht", "/status/nobody", "/nowhere", "/s/no-such-link"} {
		page := ts.ask("GET", path, "", "Accept", browser)
		if page.status != 404 || !strings.HasPrefix(page.body, `problem {`) || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") ||
			page.header.Get("Content-Security-Policy") != plainCSP || page.header.Get("Vary") != "Accept" {
			t.Errorf("%s with a browser: %d %s %v", path, page.status, page.body, page.header)
		}
		if ref := problemIn(t, strings.TrimPrefix(page.body, "problem ")).Reference; ref == "" || !strings.Contains(ts.logs.String(), ref) {
			t.Errorf("%s: the reference %q is not in the log", path, ref)
		}
		other := ts.ask("GET", path, "", "Accept", "*/*")
		if other.status != 404 || other.header.Get("Content-Type") != "application/problem+json" || other.json(t)["reference"] == "" {
			t.Errorf("%s without: %d %s", path, other.status, other.body)
		}
	}
	if a := ts.ask("GET", "/v1/sites/nobody", "", "Accept", browser); a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("under /v1: %v", a.header)
	}
	known, unknown := ts.ask("GET", "/v1/status/nordlicht", "").json(t), ts.ask("GET", "/v1/status/nobody", "").json(t)
	if known["detail"] != unknown["detail"] {
		t.Errorf("a site that is not public is told from one that is not there: %v, %v", known, unknown)
	}
}

func problemIn(t *testing.T, body string) (p Problem) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return p
}

// What is scraped: a number that is no longer known has no sample, and no label carries a topic.
func TestMetrics(t *testing.T) {
	ts := newTest(t, keyless)
	ts.told(ts.site(1, "nordlicht"))
	ts.ask("POST", "/v1/topics", `{"slug":"secret-topic"}`)
	ts.ask("GET", "/v1/topics/secret-topic", "")
	scrape := func() string {
		srv := httptest.NewServer(ts.MetricsHandler())
		defer srv.Close()
		res, err := http.Get(srv.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before := scrape()
	for _, line := range []string{
		`surgecast_recommended_units{account="1",site="nordlicht"} 13`,
		`surgecast_planned_rps{account="1",site="nordlicht"} 43`,
		`surgecast_exceed_probability{account="1",horizon="6h",site="nordlicht"} 0.7`,
		`surgecast_forecast_age_seconds{account="1",site="nordlicht"} 0`,
		`surgecast_sse_clients 0`,
		`surgecast_http_request_duration_seconds_count{method="GET",route="/v1/topics/:topic",status="200"} 1`,
	} {
		if !strings.Contains(before, line) {
			t.Errorf("%s is missing", line)
		}
	}
	if strings.Contains(before, "secret-topic") {
		t.Error("a label carries a topic")
	}
	ts.pass(16 * time.Minute)
	after := scrape()
	for _, name := range []string{"surgecast_recommended_units{", "surgecast_expected_rps{", "surgecast_exceed_probability{"} {
		if strings.Contains(after, name) {
			t.Errorf("%s is still there, though nothing is known", name)
		}
	}
}

// Sites, topics, webhooks and keys can be made, read, changed and deleted; secrets are shown once.
func TestLifeOfThings(t *testing.T) {
	ts := newTest(t, keyless)
	ok := func(a answer, status int) map[string]any {
		t.Helper()
		if a.status != status {
			t.Fatalf("%d, want %d: %s", a.status, status, a.body)
		}
		if a.body == "" {
			return nil
		}
		return a.json(t)
	}
	site := ok(ts.ask("POST", "/v1/sites", `{"slug":"shop","capacity":{"units":6,"rpm_per_unit":200}}`), 201)
	c := site["capacity"].(map[string]any)
	if site["mode"] != "shadow" || c["min_units"] != 1.0 || c["capacity_rpm"] != 1200.0 || c["sustain_minutes"] != 3.0 {
		t.Errorf("defaults: %v", site)
	}
	// What was read can be written back as it is, but for what names it.
	ok(ts.ask("PUT", "/v1/sites/shop", `{"name":"Shop","mode":"act","kind":"venue","time_zone":"Europe/Berlin","segments":[{"name":"checkout","weight":8}],"capacity":{"units":6,"rpm_per_unit":200,"capacity_rpm":1200}}`), 200)
	if s := ok(ts.ask("GET", "/v1/sites/shop", ""), 200); s["mode"] != "act" || s["name"] != "Shop" {
		t.Errorf("%v", s)
	}
	ok(ts.ask("POST", "/v1/topics", `{"slug":"concert","any":["nordlicht"],"not":["aurora"]}`), 201)
	ok(ts.ask("PUT", "/v1/sites/shop/topics/concert", `{"weight":0.5}`), 204)
	if l := ok(ts.ask("GET", "/v1/sites/shop/topics", ""), 200)["items"].([]any); len(l) != 1 || l[0].(map[string]any)["weight"] != .5 {
		t.Errorf("links %v", l)
	}
	ok(ts.ask("DELETE", "/v1/sites/shop/topics/concert", ""), 204)
	ok(ts.ask("DELETE", "/v1/topics/concert", ""), 204)
	ok(ts.ask("GET", "/v1/topics/concert", ""), 404)

	hook := ok(ts.ask("POST", "/v1/webhooks", `{"url":"https://example.com/hook","sites":["shop"],"types":["surge.opened"]}`), 201)
	secret, _ := hook["secret"].(string)
	if !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("secret %q", secret)
	}
	if stored := ts.store.webhooks[0].Secrets[0]; !strings.HasPrefix(string(stored), "sealed:") || len(stored) != len("sealed:")+32 {
		t.Error("the secret is stored in clear")
	}
	id := hook["id"].(string)
	if a := ts.ask("GET", "/v1/webhooks/"+id, ""); strings.Contains(a.body, `"secret"`) || !strings.Contains(a.body, `"shop"`) {
		t.Errorf("%s", a.body)
	}
	ok(ts.ask("POST", "/v1/webhooks/"+id+"/test", ""), 202)
	if l := ok(ts.ask("GET", "/v1/webhooks/"+id+"/deliveries", ""), 200)["items"].([]any); len(l) != 1 {
		t.Errorf("deliveries %v", l)
	} else {
		ok(ts.ask("POST", "/v1/deliveries/"+l[0].(map[string]any)["id"].(string)+"/retry", ""), 202)
	}
	if w := ok(ts.ask("PUT", "/v1/webhooks/"+id, `{"url":"https://example.com/other","disabled":true}`), 200); w["disabled_at"] == nil {
		t.Errorf("%v", w)
	}
	ok(ts.ask("DELETE", "/v1/webhooks/"+id, ""), 204)

	key := ok(ts.ask("POST", "/v1/keys", `{"name":"keda","scopes":["scale"],"sites":["shop"]}`), 201)
	if a := ts.ask("GET", "/v1/keys", ""); strings.Contains(a.body, key["key"].(string)) || !strings.Contains(a.body, key["prefix"].(string)) {
		t.Errorf("%s", a.body)
	}
	ok(ts.ask("PUT", "/v1/sites/shop/override", `{"units":9,"until":"2026-09-14T16:00:00Z","note":"concert"}`), 200)
	if o := ok(ts.ask("GET", "/v1/sites/shop/override", ""), 200); o["by"] != keylessIdentity.name {
		t.Errorf("%v", o)
	}
	ok(ts.ask("DELETE", "/v1/sites/shop/override", ""), 204)
	ok(ts.ask("POST", "/v1/freeze", `{"frozen":true}`), 200)
	if f := ok(ts.ask("GET", "/v1/freeze", ""), 200); f["frozen"] != true {
		t.Errorf("%v", f)
	}
	ok(ts.ask("DELETE", "/v1/sites/shop", ""), 204)
	ok(ts.ask("GET", "/v1/sites/shop/risk", ""), 404)

	ts.store.surges = []surgecast.Surge{{ID: "srg_1", AccountID: 1, TopicID: 4, Subject: "concert", OpenedAt: begin}}
	ts.store.moves["srg_1"] = []surgecast.SurgeTransition{{SurgeID: "srg_1", From: surgecast.StateCalm, To: surgecast.StateWatch, Probability: math.NaN()}}
	s := ok(ts.ask("GET", "/v1/surges/srg_1", ""), 200)
	if tr := s["transitions"].([]any)[0].(map[string]any); tr["probability"] != nil || tr["to"] != "watch" {
		t.Errorf("%v", tr)
	}
}
