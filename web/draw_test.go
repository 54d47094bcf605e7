package web

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDrawnForBrowser prints what the browser tests asked for (e2e/drawn.test.mjs); run alone it has
// nothing to do.
func TestDrawnForBrowser(t *testing.T) {
	asked := os.Getenv("SURGECAST_DRAW")
	if asked == "" {
		t.Skip("no browser test asked for a page")
	}
	var in struct {
		Page string          `json:"page"`
		Doc  json.RawMessage `json:"doc"`
	}
	if err := json.Unmarshal([]byte(asked), &in); err != nil {
		t.Fatal(err)
	}
	b, err := Draw(in.Page, in.Doc)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(string(b))
}

const (
	riskJSON = `{"site":"nordlicht","name":"Nordlicht <Tickets>","simulated":true,"now":"2026-09-24T12:20:00Z","state":"alert",
		"verdict":{"state":"alert","headline":"Add 7 units by 14:41.","sentence":"About even chance (60 %) that traffic passes 1,200 requests a minute by 15:20.",
			"shown_percent":"60 %","shown_value":60,"overview":"Add 7 units","was":"Was 35 % at 13:50.","caveats":["Simulated <b>traffic</b>."],"horizon_minutes":60,"simulated":true},
		"capacity_rpm":1200,"risk":[{"horizon_minutes":60,"probability":0.6},{"horizon_minutes":360,"probability":null}],"act_by":"2026-09-24T12:41:37Z",
		"peak_dots_rpm":[700,900,1200,1500,1900],"breach_dots_minutes":[20,30,40,null,null],
		"origin":"2026-09-24T12:19:00Z","issued_at":"2026-09-24T12:20:00Z","valid_until":"2026-09-24T12:35:00Z","stale":false,"forecast_id":"fct_1"}`
	forecastJSON = `{"now":"2026-09-24T12:20:00Z","origin":"2026-09-24T12:19:00Z","time_zone":"Europe/Berlin","levels":[0.025,0.1,0.25,0.5,0.75,0.9,0.975],
		"points":[{"at":"2026-09-24T12:20:00Z","quantiles_rpm":[500,550,600,650,700,750,800]},{"at":"2026-09-24T12:25:00Z","quantiles_rpm":[500,600,700,800,900,1000,1200]},{"at":"2026-09-24T13:20:00Z","quantiles_rpm":[400,600,800,1100,1500,1900,2600]}],
		"history":[{"at":"2026-09-24T11:40:00Z","requests_rpm":400},{"at":"2026-09-24T11:45:00Z","requests_rpm":null},{"at":"2026-09-24T11:50:00Z","requests_rpm":430},{"at":"2026-09-24T12:15:00Z","requests_rpm":600.4,"saturated":true}],
		"gaps":[{"from":"2026-09-24T11:45:00Z","to":"2026-09-24T11:50:00Z"}],"capacity_rpm":1200,"capacity_history":[{"at":"2026-09-24T11:00:00Z","capacity_rpm":1000}]}`
	capacityJSON = `{"mode":"shadow","units_now":6,"rpm_per_unit":200,"measured":{"low_rpm":1140,"high_rpm":1260},"recommendation":{"units":6,"would_be_units":13,"serves_rpm":2600,"detail":"13 units carry 19 in 20 peaks.",
		"plan":[{"at":"2026-09-24T12:20:00Z","units":13,"serves_rpm":2600},{"at":"2026-09-24T14:30:00Z","units":9,"serves_rpm":1800}],"valid_until":"2026-09-24T12:24:00Z"}}`
	siteJSON     = `{"risk":` + riskJSON + `,"forecast":` + forecastJSON + `,"capacity":` + capacityJSON + `}`
	overviewJSON = `{"now":"2026-09-24T12:20:00Z","items":[
		{"slug":"nordlicht","name":"Nordlicht Tickets","time_zone":"Europe/Berlin","simulated":true,"status":{"state":"alert","act_by":"2026-09-24T12:41:00Z","probability_6h":0.8,
			"verdict":{"overview":"Add 7 units","shown_percent":"60 %","horizon_minutes":60}}},
		{"slug":"hafen","name":"Hafenmuseum","time_zone":"Europe/Berlin","status":null},
		{"slug":"kleinod","name":"Kleinod","time_zone":"Europe/Berlin","status":{"state":"calm","act_by":null,"probability_6h":0.02,"verdict":{"overview":"Nothing to do"}}}]}`
)

func draw(t *testing.T, page, doc string) string {
	t.Helper()
	b, err := Draw(page, []byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mustContain(t *testing.T, page string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(page, w) {
			t.Errorf("the page lacks %q", w)
		}
	}
}

func TestSiteShowsTheDocuments(t *testing.T) {
	page := draw(t, "site", siteJSON)
	mustContain(t, page,
		`Add 7 units by <time>14:41</time>.`,
		`About even chance (60 %) that traffic passes 1,200 requests a minute by <time>15:20</time>.`,
		`<p class="note">Was 35 % at <time>13:50</time>.</p>`,
		"Nordlicht &lt;Tickets&gt;", "Simulated &lt;b&gt;traffic&lt;/b&gt;.", // whatever the API says is text
		"3 of 20 equally likely peaks over capacity until", // three of the breaches came, one level lies on the capacity itself
		"capacity 1,200 (6 units)", "act by 14:41", "no data 13:45–13:50", "peak until 15:20", "CEST",
		`6 <span aria-hidden="true">→</span><span class="sr">to</span> 13 units`, "600 or more",
		`<noscript><meta http-equiv="refresh" content="30"></noscript>`,
	)
	if n := strings.Count(page, `class="dot over"`); n != 3 {
		t.Errorf("%d dots over capacity, want 3", n)
	}
	if strings.Contains(page, "<script") || strings.Contains(page, " style=") {
		t.Error("the page has a script or an inline style attribute: it must work under a strict policy")
	}
}

// Promise 7: whatever is simulated says so. Fails when siteOf or overviewOf leaves the title alone, or the
// template drops the stripe.
func TestSimulatedSaysSo(t *testing.T) {
	for page, doc := range map[string]string{"site": siteJSON, "overview": overviewJSON} {
		mustContain(t, draw(t, page, doc), "<title>[simulated] ", `<p class="stripe"><span>Simulated</span></p>`, `<span class="chip">Simulated</span>`)
	}
	honest := draw(t, "site", strings.ReplaceAll(strings.ReplaceAll(siteJSON, `"simulated":true`, `"simulated":false`), "Simulated", "Real"))
	if strings.Contains(honest, "imulated]") || strings.Contains(honest, "Simulated") {
		t.Error("a real site is called simulated")
	}
}

func TestOverviewCountsUnknownAmongThoseInNeed(t *testing.T) {
	page := draw(t, "overview", overviewJSON)
	mustContain(t, page, "2 sites need someone, 1 calm.", `<span class="badge unknown">`, `<span class="badge alert">`, ">80 %<", ">2 %<", `href="/sites/nordlicht"`)
	empty := draw(t, "overview", `{"items":[],"now":"2026-09-24T12:20:00Z"}`)
	mustContain(t, empty, "Nothing is watched yet.")
}

// A forecast past its end says nothing: no band, no dots. Fails when siteOf keeps the points.
func TestExpiredForecastIsNotDrawn(t *testing.T) {
	page := draw(t, "site", strings.ReplaceAll(siteJSON, "2026-09-24T12:35:00Z", "2026-09-24T12:19:00Z"))
	for _, gone := range []string{`class="band95"`, `class="median"`, `class="dot`} {
		if strings.Contains(page, gone) {
			t.Errorf("an expired forecast still draws %s", gone)
		}
	}
	mustContain(t, page, `class="observed"`)
}

// A gap breaks the line: 11:40 alone, then 11:50 to 12:15, so two moves of the pen.
func TestGapIsNotDrawnAcross(t *testing.T) {
	page := draw(t, "site", siteJSON)
	_, rest, found := strings.Cut(page, `<path class="observed" d="`)
	path, _, _ := strings.Cut(rest, `"`)
	if !found || strings.Count(path, "M") != 2 {
		t.Errorf("observed path %q, want two separate strokes", path)
	}
}

func TestSparseDocuments(t *testing.T) {
	for _, doc := range []string{
		`{"risk":{"name":"new","state":"cannot_tell","verdict":{"headline":"No forecast yet."},"capacity_rpm":null,"act_by":null,"origin":null,"issued_at":null,"valid_until":null}}`,
		`{"risk":{"state":"?"},"forecast":{"levels":null,"history":[],"points":[]},"capacity":{"recommendation":null,"rpm_per_unit":null}}`,
		`{"risk":` + riskJSON + `,"forecast":{"now":"2026-09-24T12:20:00Z","time_zone":"No/Where","points":[{"at":"2026-09-24T12:20:00Z","quantiles_rpm":[]},{"at":"2026-09-24T12:21:00Z","quantiles_rpm":[null]}]}}`,
	} {
		page := draw(t, "site", doc)
		if !strings.Contains(page, "</html>") || strings.Contains(page, "NaN") {
			t.Errorf("page of %.60s is cut or says NaN", doc)
		}
	}
}

func TestWhatCannotBeDrawnIsAnError(t *testing.T) {
	for page, doc := range map[string]string{"site": `{}`, "overview": `[`, "nothing": `{}`} {
		if _, err := Draw(page, []byte(doc)); err == nil {
			t.Errorf("Draw(%q, %s) drew something", page, doc)
		}
	}
}

// A problem's page says what the problem says, escaped, and where to go.
func TestProblemPage(t *testing.T) {
	b, err := Draw("problem", []byte(`{"title":"Not Found","detail":"there is nothing at <this> address","remedy":"Ask somebody","reference":"abc123"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h1>Not Found</h1>", "There is nothing at &lt;this&gt; address.", "Ask somebody.", "reference abc123.", `href="/"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in %s", want, b)
		}
	}
}

// FuzzDraw: documents come from our own API, but a page must never take the process down with it.
func FuzzDraw(f *testing.F) {
	f.Add("site", siteJSON)
	f.Add("overview", overviewJSON)
	f.Add("problem", `{"title":"x","detail":"y"}`)
	f.Fuzz(func(t *testing.T, page, doc string) {
		b, err := Draw(page, []byte(doc))
		if err == nil && !strings.HasSuffix(strings.TrimSpace(string(b)), "</html>") {
			t.Errorf("a page without an end and without an error")
		}
	})
}

// Fails when: statusOf keeps a sentence that repeats the word above it.
func TestAStatusSaysItOnce(t *testing.T) {
	for sentence, want := range map[string]int{"Working normally.": 1, "Back to normal since 15:58.": 2} {
		p, err := statusOf([]byte(`{"name":"Shop","word":"Working normally","sentence":"` + sentence + `","time_zone":"UTC","updated_at":"2026-11-22T12:00:00Z"}`))
		if err != nil {
			t.Fatal(err)
		}
		said := 0
		for _, s := range []string{p.Word, p.Sentence} {
			if s != "" {
				said++
			}
		}
		if said != want {
			t.Errorf("%q: %d lines, want %d", sentence, said, want)
		}
	}
}
