package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"surgecast"
)

// LoadTests is what the API needs of the load-test room (package rehearse); nil: those routes are not answered here.
type LoadTests interface {
	// Read makes a load test of one result file, by its content; a FieldError says what is wrong with it.
	Read(file string, body []byte, tool surgecast.LoadTool, now time.Time) (surgecast.LoadTest, error)
	// Measure says what a site's tests tell of its capacity.
	Measure(p surgecast.CapacityProfile, tests []surgecast.LoadTest) surgecast.Measured
	// Courses are the p50 and p90 of a forecast from the next minute on, none when it says nothing of them.
	Courses(f surgecast.SiteForecast, now time.Time, minutes int) ([]surgecast.RehearsalCourse, time.Time)
	// Came is a stretch of traffic as it was, and how many of its minutes were saturated.
	Came(rows []surgecast.TrafficMinute, from, to time.Time) (surgecast.RehearsalCourse, int)
	// SurgeSpan is the stretch of a surge that is played.
	SurgeSpan(s surgecast.Surge, now time.Time) (from, to time.Time)
	// Size sets what a rehearsal is sized and guarded by; recent are the site's last minutes.
	Size(r *surgecast.Rehearsal, p surgecast.CapacityProfile, recent []surgecast.TrafficMinute)
	// Write makes the script of a rehearsal.
	Write(r surgecast.Rehearsal, f surgecast.RehearsalFormat) (surgecast.RehearsalScript, error)
}

// LoadTestStore keeps load tests.
type LoadTestStore interface {
	AddLoadTest(ctx context.Context, site surgecast.Site, t surgecast.LoadTest) (surgecast.LoadTest, error)
	LoadTests(ctx context.Context, siteID int64, p surgecast.Page) ([]surgecast.LoadTest, string, error)
	DeleteLoadTest(ctx context.Context, siteID int64, id string) error
	ApplyCapacity(ctx context.Context, c surgecast.CapacityChange) (surgecast.Site, error)
	CapacityChanges(ctx context.Context, siteID int64, n int) ([]surgecast.CapacityChange, error)
}

// LoadTestBody is one load test.
type LoadTestBody struct {
	ID         string          `json:"id"`
	Tool       string          `json:"tool" enum:"k6,vegeta,locust,jmeter,wrk"`
	File       string          `json:"file"`
	Units      int             `json:"units" doc:"Serving while it ran"`
	RanAt      time.Time       `json:"ran_at" doc:"When it was imported, where the result does not say"`
	ImportedAt time.Time       `json:"imported_at"`
	By         string          `json:"by"`
	Notes      []string        `json:"notes" doc:"What no number holds: crossed thresholds, percentiles taken for p95"`
	Points     []LoadPointBody `json:"points"`
}

// LoadPointBody is one step of a test.
type LoadPointBody struct {
	Concurrency Number `json:"concurrency" doc:"Users, threads or connections; null: not reported"`
	OfferedRPM  Rate   `json:"offered_rpm" doc:"Sent, or to be sent"`
	ServedRPM   Rate   `json:"served_rpm" doc:"Answered well"`
	P95MS       Number `json:"p95_ms"`
	ErrorShare  Number `json:"error_share"`
	Seconds     Number `json:"seconds"`
}

// MeasuredBody is what the tests of a site tell of its capacity. Nothing is claimed beyond tested_max_units.
type MeasuredBody struct {
	RPMPerUnit     Rate               `json:"rpm_per_unit" doc:"Proposed: what each of the units configured now serves; null: the tests do not tell"`
	LowRPM         Rate               `json:"low_rpm" doc:"Its interval, low end"`
	HighRPM        Rate               `json:"high_rpm" doc:"Its interval, high end; null: no test reached the limit, so it may be more"`
	InUseRPM       Rate               `json:"in_use_rpm_per_unit" doc:"What the site is judged by now"`
	TestedMaxUnits int                `json:"tested_max_units" doc:"Beyond it nothing is claimed"`
	PeakUnits      Number             `json:"peak_units" doc:"Where more units no longer help; null: no peak found within the tested range"`
	Levels         []MeasuredLevel    `json:"levels"`
	Curve          *CapacityCurveBody `json:"curve" doc:"null: fewer than two numbers of units reached their limit"`
	Sentences      []string           `json:"sentences"`
}

// MeasuredLevel is what was carried with one number of units.
type MeasuredLevel struct {
	Units   int      `json:"units"`
	RPM     Rate     `json:"rpm" doc:"Within the p95 limit and 1 % errors"`
	LowRPM  Rate     `json:"low_rpm"`
	HighRPM Rate     `json:"high_rpm" doc:"null: the limit was not reached"`
	Reached bool     `json:"reached" doc:"false: at least so much"`
	Limit   string   `json:"limit" enum:",p95,errors,queue,throughput" doc:"What gave way first"`
	Tests   []string `json:"tests"`
}

// CapacityCurveBody is throughput over units: λN / (1 + σ(N−1) + κN(N−1)) when fitted, else straight lines.
type CapacityCurveBody struct {
	Fitted bool                 `json:"fitted"`
	Lambda Rate                 `json:"lambda_rpm"`
	Sigma  Number               `json:"sigma"`
	Kappa  Number               `json:"kappa"`
	Points []CapacityCurvePoint `json:"points"`
}

// CapacityCurvePoint is a tested number of units.
type CapacityCurvePoint struct {
	Units   int  `json:"units"`
	RPM     Rate `json:"rpm"`
	LowRPM  Rate `json:"low_rpm"`
	HighRPM Rate `json:"high_rpm"`
}

// LoadTestsBody lists a site's tests and what they tell together.
type LoadTestsBody struct {
	Site     string               `json:"site"`
	Now      time.Time            `json:"now"`
	Items    []LoadTestBody       `json:"items"`
	Next     string               `json:"next,omitempty"`
	Measured MeasuredBody         `json:"measured"`
	Changes  []CapacityChangeBody `json:"changes" doc:"The newest changes of rpm_per_unit that load tests gave reason for"`
}

// CapacityChangeBody is one change of rpm_per_unit.
type CapacityChangeBody struct {
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	FromRPM  Rate      `json:"from_rpm_per_unit" doc:"null: was not known"`
	ToRPM    Rate      `json:"to_rpm_per_unit"`
	Tests    []string  `json:"tests"`
	Sentence string    `json:"sentence"`
}

// LoadTestMade is what an import gives.
type LoadTestMade struct {
	Test     LoadTestBody `json:"test"`
	Measured MeasuredBody `json:"measured"`
	Applied  bool         `json:"applied" doc:"rpm_per_unit was changed; asked for with apply=true"`
}

type (
	loadTestIn struct {
		SitePath
		Units       int    `query:"units" minimum:"0" maximum:"1000000" doc:"Units that served while the test ran; required: no result file knows"`
		Tool        string `query:"tool" enum:",k6,vegeta,locust,jmeter,wrk" doc:"Refuse the result if it is of another tool; default: what the content is"`
		File        string `query:"file" maxLength:"200" doc:"Name of a raw body; of a form it is the part's"`
		Apply       bool   `query:"apply" doc:"Make the measured rpm_per_unit the site's; default: only propose it"`
		ContentType string `header:"Content-Type"`
		RawBody     []byte
	}
	loadTestOut struct {
		Location string `header:"Location"`
		Body     LoadTestMade
	}
	loadTestsIn struct {
		SitePath
		PageQuery
	}
	loadTestsOut struct{ Body LoadTestsBody }
	loadTestPath struct {
		SitePath
		ID string `path:"id" maxLength:"60" doc:"ldt_…"`
	}
	applyLoadTestsIn struct {
		SitePath
		Body struct {
			RPMPerUnit float64 `json:"rpm_per_unit" minimum:"0" doc:"As proposed: with another figure than the tests tell now nothing is changed"`
		}
	}
	applyLoadTestsOut struct{ Body MeasuredBody }
	rehearsalIn       struct {
		SitePath
		Format string  `query:"format" enum:"k6,vegeta,locust" default:"k6" doc:"The tool it is for"`
		Hours  int     `query:"hours" minimum:"1" maximum:"24" default:"1" doc:"How far ahead the forecast is played"`
		Surge  string  `query:"surge" maxLength:"60" doc:"Play this surge as it came, instead of the forecast: srg_…"`
		Speed  float64 `query:"speed" minimum:"1" maximum:"60" default:"1" doc:"Pass so many times faster, at the same rates"`
	}
	rehearsalOut struct {
		ContentType        string `header:"Content-Type"`
		ContentDisposition string `header:"Content-Disposition"`
		Body               []byte
	}
)

const loadTestsPath = "/v1/sites/{site}/load-tests"

// isLoadTest tells the route whose body is a result file, not a document of ours.
func isLoadTest(method, fullPath string) bool {
	return method == http.MethodPost && fullPath == "/v1/sites/:site/load-tests"
}

// loadTestTypes are what a result file may be sent as.
var loadTestTypes = []string{"application/json", "text/csv", "text/plain", "application/xml", "text/xml", "application/octet-stream", "multipart/form-data"}

// checkLoadTestType says what is wrong with the type of a result file.
func checkLoadTestType(header string) *Problem {
	kind, _, err := mime.ParseMediaType(header)
	if header == "" || err == nil && slices.Contains(loadTestTypes, kind) {
		return nil
	}
	p := problem(http.StatusUnsupportedMediaType, codeUnsupportedType, "this Content-Type is not understood", "Send the file as multipart/form-data, or as it is with text/csv, application/json or text/plain.")
	p.Field = "Content-Type"
	return p
}

func (s *Server) loadTestRoutes() {
	op := operation("POST", loadTestsPath, "import-load-test", "Import a load test: k6, vegeta, Locust, JMeter or wrk")
	op.Description = "The file as it is, or as the part `file` of a form; at most 5 MB. The content tells the tool. The answer proposes what one unit serves, with its interval; it is taken over only with apply=true, and written down. The same result at the same number of units is refused."
	op.DefaultStatus = http.StatusCreated
	op.SkipValidateBody = true
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject, Required: []string{"file"}, Properties: map[string]*huma.Schema{"file": {Type: huma.TypeString, Format: "binary"}}}},
		"text/csv":            {Schema: &huma.Schema{Type: huma.TypeString}},
		"text/plain":          {Schema: &huma.Schema{Type: huma.TypeString}},
		"application/json":    {Schema: &huma.Schema{}},
		"application/xml":     {Schema: &huma.Schema{Type: huma.TypeString}},
	}}
	register(s, op, surgecast.ScopeWrite, s.importLoadTest)
	register(s, operation("GET", loadTestsPath, "list-load-tests", "Load tests, and what they tell of the capacity"), surgecast.ScopeRead, s.listLoadTests)
	op = operation("DELETE", loadTestsPath+"/{id}", "delete-load-test", "Take a load test back")
	op.Description = "What was applied stays: change the site to undo it."
	register(s, op, surgecast.ScopeWrite, s.deleteLoadTest)
	op = operation("POST", "/v1/sites/{site}/load-tests/apply", "apply-load-tests", "Make the measured rpm_per_unit the site's")
	op.Description = "Written down with who asked, the figure before, the interval and the tests."
	register(s, op, surgecast.ScopeWrite, s.applyLoadTests)

	op = operation("GET", "/v1/sites/{site}/rehearsal", "site-rehearsal", "The forecast, or a surge as it came, as a load test to run")
	op.Description = "A script for k6, vegeta or Locust with the p50 and p90 of the newest forecast. It names no target: whoever runs it sets TARGET_URL, and it refuses to begin without. It stops by itself when errors or answer times pass the guard."
	op.Responses = map[string]*huma.Response{"200": {Description: "The script", Content: map[string]*huma.MediaType{
		"text/javascript": {Schema: &huma.Schema{Type: huma.TypeString}}, "text/x-shellscript": {Schema: &huma.Schema{Type: huma.TypeString}}, "text/x-python": {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
	register(s, op, surgecast.ScopeRead, s.rehearsal)
}

func (s *Server) noLoadTests() *Problem {
	if s.c.LoadTests == nil {
		return problem(http.StatusServiceUnavailable, codeNotConfigured, "this process reads no load tests", "Ask another one.")
	}
	return nil
}

func (s *Server) importLoadTest(ctx context.Context, in *loadTestIn) (*loadTestOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if p := s.noLoadTests(); p != nil {
		return nil, p
	}
	if in.Units < 1 {
		return nil, fieldProblem("units", codeMissingField, "units is missing", "Say how many units served while the test ran: ?units=6. No result file knows.")
	}
	name, body, err := resultFile(in)
	if err != nil {
		return nil, err
	}
	now := s.now()
	t, err := s.c.LoadTests.Read(name, body, surgecast.LoadTool(in.Tool), now)
	if err != nil {
		return nil, err
	}
	t.Units, t.By, t.ImportedAt = in.Units, caller(ctx).name, now
	if err := t.Check(); err != nil {
		return nil, err
	}
	t, err = s.c.Store.AddLoadTest(ctx, site, t)
	if errors.Is(err, surgecast.ErrExists) {
		return nil, problem(http.StatusConflict, codeExists, "this result was imported at this number of units before", "Nothing is missing: see GET "+loadTestsPath+". Was it run with another number of units?")
	}
	if err != nil {
		return nil, err
	}
	m, ids, err := s.measure(ctx, site)
	if err != nil {
		return nil, err
	}
	out := &loadTestOut{Location: "/v1/sites/" + site.Slug + "/load-tests/" + t.ID}
	if in.Apply && m.RPMPerUnit > 0 { // else applied is false, and the sentences say why: the test is stored all the same
		if site, err = s.applyMeasured(ctx, site, m, ids); err != nil {
			return nil, err
		}
		out.Body.Applied = true
	}
	out.Body.Test, out.Body.Measured = loadTestBody(t), measuredBody(site, m)
	return out, nil
}

// resultFile is the file of a form, or the body as it is.
func resultFile(in *loadTestIn) (name string, body []byte, err error) {
	kind, params, _ := mime.ParseMediaType(in.ContentType) // a type that is none was refused before the body was read
	if kind != "multipart/form-data" {
		return in.File, in.RawBody, nil
	}
	form := multipart.NewReader(bytes.NewReader(in.RawBody), params["boundary"])
	for range 20 {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p := problem(http.StatusBadRequest, codeInvalidValue, "the form cannot be read to its end", "Send multipart/form-data with a part named file.")
			p.Field, p.cause = "body", err
			return "", nil, p
		}
		if part.FormName() != "file" {
			continue
		}
		body, err := io.ReadAll(part) // bounded: the whole body is
		if err != nil {
			p := problem(http.StatusBadRequest, codeInvalidValue, "the part file cannot be read to its end", "Send it again.")
			p.Field, p.cause = "file", err
			return "", nil, p
		}
		return part.FileName(), body, nil
	}
	return "", nil, fieldProblem("file", codeMissingField, "the form has no part named file", "Send multipart/form-data with a part named file: curl -F file=@summary.json.")
}

// measure reads all tests of a site and says what they tell, and which they are.
func (s *Server) measure(ctx context.Context, site surgecast.Site) (surgecast.Measured, []string, error) {
	tests, _, err := s.c.Store.LoadTests(ctx, site.ID, surgecast.Page{Limit: surgecast.MaxLoadTests})
	if err != nil {
		return surgecast.Measured{}, nil, err
	}
	m := s.c.LoadTests.Measure(site.Capacity, tests)
	var ids []string
	for _, l := range m.Levels {
		ids = append(ids, l.Tests...)
	}
	return m, ids, nil
}

func (s *Server) applyMeasured(ctx context.Context, site surgecast.Site, m surgecast.Measured, ids []string) (surgecast.Site, error) {
	if !(m.RPMPerUnit > 0) {
		return site, problem(http.StatusConflict, codeCapacityUnknown, "the load tests do not tell what one unit serves", "Nothing was changed. Test with less load, so that some step keeps the limits.")
	}
	words := ""
	if n := len(m.Sentences); n > 0 {
		words = m.Sentences[n-1]
	}
	taken, err := m.Taken(site.Capacity)
	var cannot *surgecast.FieldError
	if errors.As(err, &cannot) {
		return site, problem(http.StatusConflict, codeCapacityUnknown, site.Slug+": "+cannot.Detail, cannot.Remedy)
	}
	changed, err := s.c.Store.ApplyCapacity(ctx, surgecast.CapacityChange{
		SiteID: site.ID, At: s.now(), By: caller(ctx).name, FromRPM: site.Capacity.Each(), ToRPM: m.RPMPerUnit, Interval: m.Interval,
		TestIDs: ids, TestedMax: m.TestedMax, Measured: taken, Words: words,
	})
	if err != nil {
		return site, fmt.Errorf("applying the measured capacity of %s: %w", site.Slug, err)
	}
	s.log.InfoContext(ctx, "measured capacity applied", "site", site.Slug, "by", caller(ctx).name, "from_rpm_per_unit", site.Capacity.Each(), "to_rpm_per_unit", m.RPMPerUnit)
	s.memory.put(changed)
	return changed, nil
}

func (s *Server) applyLoadTests(ctx context.Context, in *applyLoadTestsIn) (*applyLoadTestsOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if p := s.noLoadTests(); p != nil {
		return nil, p
	}
	m, ids, err := s.measure(ctx, site)
	if err != nil {
		return nil, err
	}
	// Figures are answered with three decimals.
	if m.RPMPerUnit > 0 && math.Abs(in.Body.RPMPerUnit-m.RPMPerUnit) > .001 {
		return nil, problem(http.StatusConflict, codeConflict, fmt.Sprintf("the load tests now tell %.3f requests a minute a unit", m.RPMPerUnit), "Read them again with GET, and apply what they tell.")
	}
	if site, err = s.applyMeasured(ctx, site, m, ids); err != nil {
		return nil, err
	}
	return &applyLoadTestsOut{measuredBody(site, m)}, nil
}

func (s *Server) listLoadTests(ctx context.Context, in *loadTestsIn) (*loadTestsOut, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if p := s.noLoadTests(); p != nil {
		return nil, p
	}
	p, err := in.page("load-tests")
	if err != nil {
		return nil, err
	}
	tests, next, err := s.c.Store.LoadTests(ctx, site.ID, p)
	if err != nil {
		return nil, err
	}
	m, _, err := s.measure(ctx, site)
	if err != nil {
		return nil, err
	}
	changes, err := s.c.Store.CapacityChanges(ctx, site.ID, 20)
	if err != nil {
		return nil, err
	}
	b := LoadTestsBody{
		Site: site.Slug, Now: s.now(), Items: []LoadTestBody{}, Next: cursor("load-tests", next), Measured: measuredBody(site, m), Changes: []CapacityChangeBody{},
	}
	for _, t := range tests {
		b.Items = append(b.Items, loadTestBody(t))
	}
	for _, c := range changes {
		b.Changes = append(b.Changes, CapacityChangeBody{c.At, c.By, Rate(unknownIfZero(c.FromRPM)), Rate(c.ToRPM), nonNil(c.TestIDs), c.Words})
	}
	return &loadTestsOut{b}, nil
}

func (s *Server) deleteLoadTest(ctx context.Context, in *loadTestPath) (*struct{}, error) {
	site, err := s.site(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	err = s.c.Store.DeleteLoadTest(ctx, site.ID, in.ID)
	if errors.Is(err, surgecast.ErrNotFound) {
		return nil, notFound("load test", in.ID)
	}
	return nil, err
}

func (s *Server) rehearsal(ctx context.Context, in *rehearsalIn) (*rehearsalOut, error) {
	st, err := s.standing(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	if p := s.noLoadTests(); p != nil {
		return nil, p
	}
	now := s.now()
	r := surgecast.Rehearsal{Site: st.site.Slug, Simulated: st.site.Simulated, Speed: in.Speed}
	if in.Surge != "" {
		if err := s.courseOfSurge(ctx, &r, st.site, in.Surge, now); err != nil {
			return nil, err
		}
	} else {
		f := st.total()
		switch {
		case f == nil:
			return nil, problem(http.StatusServiceUnavailable, codeNoForecast, "there is no forecast of "+in.Site+" yet", "Send its traffic; the first forecast follows within a minute.").with("Retry-After", "30")
		case expired(f, now):
			return nil, problem(http.StatusServiceUnavailable, codeExpired, "the last forecast of "+in.Site+" no longer counts", "See why its traffic or the engine has stopped, or rehearse a surge of the past: ?surge=srg_…").with("Retry-After", "30")
		}
		r.ForecastID, r.IssuedAt = f.ID, f.IssuedAt
		r.Courses, r.Start = s.c.LoadTests.Courses(*f, now, in.Hours*60)
	}
	recent, err := s.c.Store.Traffic(ctx, st.site.ID, surgecast.TotalSegment, now.Add(-time.Hour), now)
	if err != nil {
		return nil, fmt.Errorf("reading traffic of %s: %w", st.site.Slug, err)
	}
	s.c.LoadTests.Size(&r, st.site.Capacity, recent)
	script, err := s.c.LoadTests.Write(r, surgecast.RehearsalFormat(in.Format))
	if err != nil {
		return nil, err
	}
	return &rehearsalOut{ContentType: script.ContentType, ContentDisposition: `attachment; filename="` + script.File + `"`, Body: script.Body}, nil
}

// courseOfSurge plays a surge of the site as it came.
func (s *Server) courseOfSurge(ctx context.Context, r *surgecast.Rehearsal, site surgecast.Site, id string, now time.Time) error {
	surge, _, err := s.c.Store.SurgeByID(ctx, site.AccountID, id)
	if errors.Is(err, surgecast.ErrNotFound) || err == nil && surge.SiteID != site.ID {
		return notFound("surge", id)
	}
	if err != nil {
		return err
	}
	from, to := s.c.LoadTests.SurgeSpan(surge, now)
	rows, err := s.c.Store.Traffic(ctx, site.ID, surgecast.TotalSegment, from, to)
	if err != nil {
		return fmt.Errorf("reading traffic of %s: %w", site.Slug, err)
	}
	course, _ := s.c.LoadTests.Came(rows, from, to)
	r.ForecastID, r.IssuedAt, r.Start, r.Courses = surge.ID, surge.OpenedAt, from, []surgecast.RehearsalCourse{course}
	return nil
}

func loadTestBody(t surgecast.LoadTest) LoadTestBody {
	b := LoadTestBody{
		ID: t.ID, Tool: string(t.Tool), File: t.File, Units: t.Units, RanAt: t.RanAt.UTC(), ImportedAt: t.ImportedAt.UTC(), By: t.By,
		Notes: nonNil(t.Notes), Points: []LoadPointBody{},
	}
	for _, p := range t.Points {
		b.Points = append(b.Points, LoadPointBody{Number(p.Concurrency), Rate(p.OfferedRPM), Rate(p.ServedRPM), Number(p.P95MS), Number(p.ErrorShare), Number(p.Seconds)})
	}
	return b
}

func measuredBody(site surgecast.Site, m surgecast.Measured) MeasuredBody {
	b := MeasuredBody{
		RPMPerUnit: Rate(m.RPMPerUnit), LowRPM: Rate(m.Interval[0]), HighRPM: Rate(m.Interval[1]), InUseRPM: Rate(unknownIfZero(site.Capacity.Each())),
		TestedMaxUnits: m.TestedMax, PeakUnits: Number(m.PeakUnits), Levels: []MeasuredLevel{}, Sentences: nonNil(m.Sentences),
	}
	for _, l := range m.Levels {
		b.Levels = append(b.Levels, MeasuredLevel{l.Units, Rate(l.RPM), Rate(l.Interval[0]), Rate(l.Interval[1]), l.Reached, l.Limit, nonNil(l.Tests)})
	}
	if c := m.Curve; c != nil {
		k := &CapacityCurveBody{Fitted: c.Fitted, Lambda: Rate(math.NaN()), Sigma: Number(math.NaN()), Kappa: Number(math.NaN()), Points: []CapacityCurvePoint{}}
		if c.Fitted {
			k.Lambda, k.Sigma, k.Kappa = Rate(c.Lambda), Number(c.Sigma), Number(c.Kappa)
		}
		for i, p := range c.Points {
			k.Points = append(k.Points, CapacityCurvePoint{int(p[0]), Rate(p[1]), Rate(c.Intervals[i][0]), Rate(c.Intervals[i][1])})
		}
		b.Curve = k
	}
	return b
}

// nonNil is a list that is [] in JSON, not null.
func nonNil(xs []string) []string {
	if xs == nil {
		return []string{}
	}
	return xs
}
