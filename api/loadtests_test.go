package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"surgecast"
)

func (f *fakeStore) AddLoadTest(_ context.Context, site surgecast.Site, t surgecast.LoadTest) (surgecast.LoadTest, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return t, err
	}
	for _, o := range f.loadTests {
		if o.SiteID == site.ID && o.Units == t.Units && o.Points[0].ServedRPM == t.Points[0].ServedRPM {
			return t, surgecast.ErrExists
		}
	}
	t.ID, t.AccountID, t.SiteID = fmt.Sprintf("ldt_%d", f.id()), site.AccountID, site.ID
	f.loadTests = append([]surgecast.LoadTest{t}, f.loadTests...)
	return t, nil
}

func (f *fakeStore) LoadTests(_ context.Context, site int64, p surgecast.Page) ([]surgecast.LoadTest, string, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return nil, "", err
	}
	var mine []surgecast.LoadTest
	for _, t := range f.loadTests {
		if t.SiteID == site && (p.After == "" || t.ID < p.After) {
			mine = append(mine, t)
		}
	}
	if p.Limit > 0 && len(mine) > p.Limit {
		return mine[:p.Limit], mine[p.Limit-1].ID, nil
	}
	return mine, "", nil
}

func (f *fakeStore) DeleteLoadTest(_ context.Context, site int64, id string) error {
	done, err := f.in()
	defer done()
	n := len(f.loadTests)
	f.loadTests = slices.DeleteFunc(f.loadTests, func(t surgecast.LoadTest) bool { return t.SiteID == site && t.ID == id })
	if err == nil && len(f.loadTests) == n {
		err = surgecast.ErrNotFound
	}
	return err
}

func (f *fakeStore) ApplyCapacity(_ context.Context, c surgecast.CapacityChange) (surgecast.Site, error) {
	done, err := f.in()
	defer done()
	if err != nil {
		return surgecast.Site{}, err
	}
	for i := range f.sites {
		if s := &f.sites[i]; s.ID == c.SiteID && s.Capacity.Each() == c.FromRPM {
			s.Capacity.RPMPerUnit, s.Capacity.WorkersPerUnit, s.Capacity.ServiceSeconds = c.ToRPM, 0, 0
			f.measured = append(f.measured, c)
			return *s, nil
		}
	}
	return surgecast.Site{}, surgecast.ErrConflict
}

func (f *fakeStore) CapacityChanges(_ context.Context, site int64, _ int) ([]surgecast.CapacityChange, error) {
	done, err := f.in()
	defer done()
	return slices.DeleteFunc(slices.Clone(f.measured), func(c surgecast.CapacityChange) bool { return c.SiteID != site }), err
}

// fakeLoadTests stands in for the room that reads and writes: a result is a number, the sum of all is the capacity.
type fakeLoadTests struct{ written *surgecast.Rehearsal }

func (fakeLoadTests) Read(file string, body []byte, tool surgecast.LoadTool, now time.Time) (surgecast.LoadTest, error) {
	var x float64
	if err := json.Unmarshal(body, &x); err != nil {
		return surgecast.LoadTest{}, &surgecast.FieldError{Field: "file", Line: 3, Value: "secret", Detail: "is no result in " + file, Remedy: "Import k6."}
	}
	if tool == "" {
		tool = surgecast.ToolK6
	}
	return surgecast.LoadTest{Tool: tool, File: file, RanAt: now, Points: []surgecast.LoadPoint{{OfferedRPM: x, ServedRPM: x, P95MS: math.NaN(), Concurrency: math.NaN()}}}, nil
}

func (fakeLoadTests) Measure(_ surgecast.CapacityProfile, tests []surgecast.LoadTest) surgecast.Measured {
	m := surgecast.Measured{RPMPerUnit: math.NaN(), Interval: [2]float64{math.NaN(), math.NaN()}, PeakUnits: math.NaN()}
	for _, t := range tests {
		m.RPMPerUnit, m.TestedMax = t.Points[0].ServedRPM/float64(t.Units), t.Units
		m.Interval = [2]float64{m.RPMPerUnit * .9, math.Inf(1)}
		m.Levels = append(m.Levels, surgecast.MeasuredLevel{Units: t.Units, RPM: t.Points[0].ServedRPM, Interval: [2]float64{1, math.Inf(1)}, Tests: []string{t.ID}})
	}
	m.Sentences = []string{"One unit serves so much."}
	return m
}

func (fakeLoadTests) Courses(_ surgecast.SiteForecast, now time.Time, minutes int) ([]surgecast.RehearsalCourse, time.Time) {
	return []surgecast.RehearsalCourse{{Name: "p50", RPM: make([]float64, minutes)}}, now
}

func (fakeLoadTests) Came(rows []surgecast.TrafficMinute, from, to time.Time) (surgecast.RehearsalCourse, int) {
	return surgecast.RehearsalCourse{Name: "came", RPM: make([]float64, int(to.Sub(from).Minutes()))}, len(rows)
}

func (fakeLoadTests) SurgeSpan(s surgecast.Surge, _ time.Time) (from, to time.Time) {
	return s.OpenedAt, s.ClosedAt
}

func (fakeLoadTests) Size(r *surgecast.Rehearsal, _ surgecast.CapacityProfile, recent []surgecast.TrafficMinute) {
	r.P95MS = float64(len(recent))
}

func (f fakeLoadTests) Write(r surgecast.Rehearsal, format surgecast.RehearsalFormat) (surgecast.RehearsalScript, error) {
	*f.written = r
	return surgecast.RehearsalScript{File: "r-" + string(format), ContentType: "text/x", Body: []byte("script")}, r.Check()
}

func withLoadTests(c *Config) { c.LoadTests = fakeLoadTests{&surgecast.Rehearsal{}} }

// form is a file as a browser sends it.
func form(t *testing.T, field, file, content string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile(field, file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

// A result is stored and proposes; it changes the site only when asked, and then it is written down by whom.
// Fails when: importLoadTest applies without in.Apply.
func TestImportLoadTest(t *testing.T) {
	ts := newTest(t, keyless, withLoadTests)
	site := ts.site(1, "nordlicht")
	a := ts.ask("POST", "/v1/sites/nordlicht/load-tests?units=6&file=summary.json", "1500", "Content-Type", "application/json")
	if a.status != http.StatusCreated || !strings.HasPrefix(a.header.Get("Location"), "/v1/sites/nordlicht/load-tests/ldt_") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	made := a.json(t)
	measured := made["measured"].(map[string]any)
	if made["applied"] != false || measured["rpm_per_unit"] != 250. || measured["in_use_rpm_per_unit"] != 200. || measured["high_rpm"] != nil || measured["peak_units"] != nil {
		t.Errorf("proposed %v", made)
	}
	if got := made["test"].(map[string]any); got["file"] != "summary.json" || got["units"] != 6. || got["points"].([]any)[0].(map[string]any)["p95_ms"] != nil {
		t.Errorf("test %v", got)
	}
	if got := ts.store.sites[0].Capacity.RPMPerUnit; got != site.Capacity.RPMPerUnit || len(ts.store.measured) != 0 {
		t.Errorf("an import that was not to be applied made it %v a unit", got)
	}
	body, kind := form(t, "file", "stats.csv", "1800")
	a = ts.ask("POST", "/v1/sites/nordlicht/load-tests?units=6&apply=true&tool=locust", body, "Content-Type", kind)
	if a.status != http.StatusCreated || a.json(t)["applied"] != true || a.json(t)["test"].(map[string]any)["file"] != "stats.csv" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	// The newest test is first, so the fake's measure is of the oldest: 1,500 of 6 units.
	if c := ts.store.measured; len(c) != 1 || c[0].FromRPM != 200 || c[0].ToRPM != 250 || c[0].By == "" || len(c[0].TestIDs) != 2 || !c[0].At.Equal(begin) {
		t.Errorf("log %+v", c)
	}
	if got := ts.ask("GET", "/v1/sites/nordlicht/capacity", "").json(t)["rpm_per_unit"]; got != 250. {
		t.Errorf("the page says %v a unit after it was applied", got)
	}
	list := ts.ask("GET", "/v1/sites/nordlicht/load-tests?limit=1", "").json(t)
	if len(list["items"].([]any)) != 1 || list["next"] == nil || len(list["changes"].([]any)) != 1 {
		t.Errorf("list %v", list)
	}
	if a := ts.ask("GET", "/v1/sites/nordlicht/load-tests?after="+list["next"].(string), ""); len(a.json(t)["items"].([]any)) != 1 {
		t.Errorf("second part %s", a.body)
	}
	id := ts.store.loadTests[0].ID
	if a := ts.ask("DELETE", "/v1/sites/nordlicht/load-tests/"+id, ""); a.status != http.StatusNoContent || len(ts.store.loadTests) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := ts.ask("DELETE", "/v1/sites/nordlicht/load-tests/"+id, ""); a.status != http.StatusNotFound || a.json(t)["remedy"] == "" {
		t.Errorf("a second time: %d %s", a.status, a.body)
	}
}

// What was proposed is applied, not what the tests tell by the time the click arrives.
// Fails when: applyLoadTests does not compare in.Body.RPMPerUnit.
func TestApplyWhatWasProposed(t *testing.T) {
	ts := newTest(t, keyless, withLoadTests)
	ts.site(1, "nordlicht")
	const apply = "/v1/sites/nordlicht/load-tests/apply"
	if a := ts.ask("POST", apply, `{"rpm_per_unit":250}`); a.status != http.StatusConflict || a.json(t)["code"] != codeCapacityUnknown {
		t.Errorf("without a test: %d %s", a.status, a.body)
	}
	ts.ask("POST", "/v1/sites/nordlicht/load-tests?units=6", "1500", "Content-Type", "text/plain")
	if a := ts.ask("POST", apply, `{"rpm_per_unit":260}`); a.status != http.StatusConflict || len(ts.store.measured) != 0 {
		t.Errorf("another figure: %d %s", a.status, a.body)
	}
	if a := ts.ask("POST", apply, `{"rpm_per_unit":250}`); a.status != http.StatusOK || a.json(t)["in_use_rpm_per_unit"] != 250. || len(ts.store.measured) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Wrong imports say the field and the remedy, and store nothing.
func TestWrongLoadTests(t *testing.T) {
	ts := newTest(t, keyless, withLoadTests)
	ts.site(1, "nordlicht")
	other, otherKind := form(t, "upload", "x", "1")
	_, kind := form(t, "file", "x", "1")
	big := "1" + strings.Repeat(" ", maxPushBytes)
	for _, c := range []struct {
		name, query, body, kind string
		status                  int
		field                   string
	}{
		{"without units", "", "1", "text/csv", 422, "units"},
		{"no units", "?units=0", "1", "text/csv", 422, "units"},
		{"units in words", "?units=six", "1", "text/csv", 422, "units"},
		{"no result", "?units=1", "hello", "text/csv", 422, "file"},
		{"no body", "?units=1", "", "text/csv", 400, "body"},
		{"unknown tool", "?units=1&tool=ab", "1", "text/csv", 422, "tool"},
		{"unknown type", "?units=1", "1", "image/png", 415, "Content-Type"},
		{"too large", "?units=1", big, "text/csv", 413, "body"},
		{"a form without file", "?units=1", other, otherKind, 422, "file"},
		{"a form of nothing", "?units=1", "--x\r\n", kind, 422, "file"},
		{"a form without boundary", "?units=1", "x", "multipart/form-data", 400, "body"},
		{"unknown query", "?units=1&aply=true", "1", "text/csv", 422, "aply"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := ts.ask("POST", "/v1/sites/nordlicht/load-tests"+c.query, c.body, "Content-Type", c.kind)
			p := a.json(t)
			if a.status != c.status || !strings.Contains(fmt.Sprint(p["field"]), c.field) || p["remedy"] == nil || p["reference"] == nil {
				t.Errorf("%d %s, want %d at %s", a.status, a.body, c.status, c.field)
			}
			if strings.Contains(a.body, "secret") {
				t.Error("the answer repeats what was sent")
			}
		})
	}
	if len(ts.store.loadTests) != 0 {
		t.Errorf("%d tests stored", len(ts.store.loadTests))
	}
	if a := ts.ask("POST", "/v1/sites/nordlicht/load-tests?units=1", "5", "Content-Type", "text/csv"); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := ts.ask("POST", "/v1/sites/nordlicht/load-tests?units=1", "5", "Content-Type", "text/csv"); a.status != 409 || a.json(t)["code"] != codeExists {
		t.Errorf("the same again: %d %s", a.status, a.body)
	}
	// A summary of k6 nests groups deeper than documents of ours may be.
	deep := strings.Repeat("[", 12) + strings.Repeat("]", 12)
	if a := ts.ask("POST", "/v1/sites/nordlicht/load-tests?units=1", deep, "Content-Type", "application/json"); a.status != 422 {
		t.Errorf("a deep result is refused before it is read: %d %s", a.status, a.body)
	}
	none := newTest(t, keyless)
	none.site(1, "nordlicht")
	if a := none.ask("GET", "/v1/sites/nordlicht/load-tests", ""); a.status != 503 {
		t.Errorf("where nothing reads load tests: %d", a.status)
	}
}

// Reading needs read, everything else write.
func TestLoadTestScopes(t *testing.T) {
	ts := newTest(t, withLoadTests)
	ts.told(ts.site(1, "nordlicht"))
	for _, c := range []struct {
		method, target, body string
		read, write          int
	}{
		{"GET", "/v1/sites/nordlicht/load-tests", "", 200, 200},
		{"GET", "/v1/sites/nordlicht/rehearsal", "", 200, 200},
		{"POST", "/v1/sites/nordlicht/load-tests?units=1", "500", 403, 201},
		{"POST", "/v1/sites/nordlicht/load-tests/apply", `{"rpm_per_unit":500}`, 403, 200},
		{"DELETE", "/v1/sites/nordlicht/load-tests/ldt_x", "", 403, 404},
	} {
		for scope, want := range map[surgecast.Scope]int{surgecast.ScopeRead: c.read, surgecast.ScopeScale: 403, surgecast.ScopeWrite: c.write} {
			if a := ts.ask(c.method, c.target, c.body, "X-API-KEY", ts.key(1, scope)); a.status != want {
				t.Errorf("%s %s with scope %s: %d %s, want %d", c.method, c.target, scope, a.status, a.body, want)
			}
		}
	}
}

// A rehearsal is of the newest forecast that still counts, or of a surge of that site; it is sized by the site's last
// minutes.
// Fails when: courseOfSurge does not compare the surge's site.
func TestRehearsal(t *testing.T) {
	ts := newTest(t, keyless, withLoadTests)
	written := ts.c.LoadTests.(fakeLoadTests).written
	site := ts.site(1, "nordlicht")
	other := ts.site(1, "other")
	if a := ts.ask("GET", "/v1/sites/nordlicht/rehearsal", ""); a.status != 503 || a.json(t)["code"] != codeNoForecast {
		t.Errorf("without a forecast: %d %s", a.status, a.body)
	}
	f := ts.told(site)
	a := ts.ask("GET", "/v1/sites/nordlicht/rehearsal?format=locust&hours=2&speed=4", "")
	if a.status != 200 || a.body != "script" || a.header.Get("Content-Type") != "text/x" || !strings.Contains(a.header.Get("Content-Disposition"), "r-locust") {
		t.Fatalf("%d %s %v", a.status, a.body, a.header)
	}
	if r := *written; r.ForecastID != f.ID || len(r.Courses[0].RPM) != 120 || r.Speed != 4 || r.P95MS != 0 {
		t.Errorf("rehearsal %+v", r)
	}
	ts.store.mu.Lock()
	for i := range 10 {
		at := begin.Add(-time.Duration(i+1) * time.Minute)
		ts.store.traffic[fmt.Sprint(i)] = surgecast.TrafficMinute{SiteID: site.ID, Segment: surgecast.TotalSegment, Minute: at, Requests: 5, P95MS: float64(300 + i), Complete: true}
	}
	ts.store.surges = []surgecast.Surge{
		{ID: "srg_1", AccountID: 1, SiteID: site.ID, OpenedAt: begin.Add(-time.Hour), ClosedAt: begin.Add(-20 * time.Minute)},
		{ID: "srg_2", AccountID: 1, SiteID: other.ID, OpenedAt: begin.Add(-time.Hour)},
	}
	ts.store.mu.Unlock()
	if a := ts.ask("GET", "/v1/sites/nordlicht/rehearsal?surge=srg_1", ""); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	// It lasted 40 minutes; 10 of the last hour were measured.
	if r := *written; r.ForecastID != "srg_1" || len(r.Courses) != 1 || len(r.Courses[0].RPM) != 40 || r.P95MS != 10 {
		t.Errorf("rehearsal %+v", r)
	}
	for _, id := range []string{"srg_2", "srg_3"} {
		if a := ts.ask("GET", "/v1/sites/nordlicht/rehearsal?surge="+id, ""); a.status != 404 {
			t.Errorf("surge %s: %d %s", id, a.status, a.body)
		}
	}
	ts.pass(time.Hour)
	if a := ts.ask("GET", "/v1/sites/nordlicht/rehearsal", ""); a.status != 503 || a.json(t)["code"] != codeExpired {
		t.Errorf("of an expired forecast: %d %s", a.status, a.body)
	}
}

// A site that states its workers is judged by what they come to, on every path alike, can be written back as it was
// read, and gives way to a load test.
//
// Fails when: SiteFields.into or siteBody leaves out ServiceSeconds, or perUnit answers RPMPerUnit.
func TestASiteOfWorkers(t *testing.T) {
	ts := newTest(t, keyless)
	body := `{"name":"Nordlicht","mode":"act","capacity":{"units":6,"min_units":1,"workers_per_unit":16,"service_seconds":0.2,"p95_limit_ms":1000}}`
	site := ts.site(1, "nordlicht")
	a := ts.ask("PUT", "/v1/sites/nordlicht", body)
	c, _ := a.json(t)["capacity"].(map[string]any)
	all, _ := c["capacity_rpm"].(float64)
	if a.status != http.StatusOK || c["workers_per_unit"] != 16. || c["service_seconds"] != .2 || c["rpm_per_unit"] != 0. || !(all > 26000 && all < 28800) {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	for _, field := range []string{"name", "capacity"} { // the whole answer goes back as it came
		if a.json(t)[field] == nil {
			t.Fatalf("no %s in %s", field, a.body)
		}
	}
	again, _ := json.Marshal(map[string]any{"name": "Nordlicht", "mode": "act", "capacity": c})
	if b := ts.ask("PUT", "/v1/sites/nordlicht", string(again)); b.status != http.StatusOK {
		t.Errorf("written back as it was read: %d: %s", b.status, b.body)
	}
	for _, s := range ts.store.sites {
		if s.Slug == "nordlicht" {
			site = s
		}
	}
	ts.told(site, func(f *surgecast.SiteForecast) {
		f.CapacityRPM, f.RPMPerUnit = site.Capacity.RPM(), site.Capacity.Each()
		f.Recommendation.Units, f.Recommendation.DemandRPM = 7, 30000
	})
	if got := ts.ask("GET", "/v1/sites/nordlicht/capacity", "").json(t); math.Abs(got["rpm_per_unit"].(float64)*6-all) > .01 || math.Abs(got["capacity_rpm"].(float64)-all) > .01 {
		t.Errorf("six of %v are %v, the site says %v", got["rpm_per_unit"], got["capacity_rpm"], all)
	}
	if got := ts.ask("GET", "/v1/sites/nordlicht/scale", "").json(t); got["units"] != 7. || math.Ceil(got["expected_rps"].(float64)*60/site.Capacity.Each()-1e-9) != 7 {
		t.Errorf("/scale %v", got)
	}
	for field, wrong := range map[string]string{
		"capacity.rpm_per_unit":     `{"units":6,"workers_per_unit":16,"service_seconds":0.2,"p95_limit_ms":1000,"rpm_per_unit":200}`,
		"capacity.p95_limit_ms":     `{"units":6,"workers_per_unit":16,"service_seconds":0.2}`,
		"capacity.service_seconds":  `{"units":6,"workers_per_unit":16}`,
		"capacity.workers_per_unit": `{"units":6,"service_seconds":0.2}`,
	} {
		if b := ts.ask("PUT", "/v1/sites/nordlicht", `{"capacity":`+wrong+`}`); b.status != http.StatusUnprocessableEntity || b.json(t)["field"] != field || b.json(t)["remedy"] == "" {
			t.Errorf("%s: %d: %s", wrong, b.status, b.body)
		}
	}
}
