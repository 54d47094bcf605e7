package review

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"surgecast"
)

func testSite() surgecast.Site {
	return surgecast.Site{
		Slug: "shop", Name: "Shop <b>&</b> Sons", TimeZone: "Europe/Berlin", Mode: surgecast.ModeShadow,
		Capacity: surgecast.CapacityProfile{
			Units: 2, MinUnits: 1, MaxUnits: 8, RPMPerUnit: 100, LeadTimeP95Seconds: 300, SustainMinutes: 3,
			CostLostRequest: .1, CostIdleUnitHour: 1, Currency: "EUR",
		},
	}
}

// recording is days of traffic with a surge every evening, ledger rows that forecast with a fixed band, and the
// transitions they led to.
func recording(seed uint64, days int) Input {
	rng := rand.New(rand.NewPCG(seed, 7))
	in := Input{Options: Options{Site: testSite(), From: at(minutesPerDay), To: at(days * minutesPerDay), GeneratedAt: at(days * minutesPerDay), DemandKnown: true}}
	state := surgecast.StateCalm
	for i := range days * minutesPerDay {
		m := i % minutesPerDay
		x := 100 + 40*math.Sin(2*math.Pi*float64(m)/minutesPerDay) + 20*rng.Float64()
		if m > 1100 && m < 1200 {
			x += 4 * float64(50-max(m-1150, 1150-m))
		}
		if rng.IntN(100) > 0 {
			in.Minutes = append(in.Minutes, surgecast.TrafficMinute{Minute: at(i), Requests: x, Complete: true})
		}
		if i < minutesPerDay || m%60 == 59 { // an hour's last row is missing
			continue
		}
		f := surgecast.SiteForecast{
			ID: fmt.Sprintf("fct_%d", i), Segment: surgecast.TotalSegment, Origin: at(i), IssuedAt: at(i + 1).Add(5e9),
			LeadMinutes: surgecast.LeadMinutes[:], Levels: surgecast.Levels[:], HorizonMinutes: surgecast.HorizonMinutes[:],
			CapacityRPM: 200, ModelVersion: "test",
		}
		for range f.LeadMinutes {
			var q []float64
			for _, p := range f.Levels {
				q = append(q, x*(.6+.8*p))
			}
			f.QuantilesRPM = append(f.QuantilesRPM, q)
		}
		for h := range f.HorizonMinutes {
			f.Risk = append(f.Risk, min(1, x/400+float64(h)/20))
		}
		f.Recommendation.WouldBeUnits = int(math.Ceil(1.5 * x / 100))
		in.Forecasts = append(in.Forecasts, f)
		to := surgecast.StateCalm
		if x > 160 {
			to = surgecast.StateAlert
		}
		if to != state {
			in.Transitions = append(in.Transitions, surgecast.SurgeTransition{SurgeID: "srg_1", At: at(i), IssuedAt: f.IssuedAt, From: state, To: to, Probability: f.Risk[3]})
			state = to
		}
	}
	return in
}

func build(t *testing.T, in Input) Report {
	t.Helper()
	r, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func asJSON(t *testing.T, r Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The replay may hand over rows while it runs or read them back afterwards: the report is the same.
func TestOrderOfMinutesAndRowsDoesNotMatter(t *testing.T) {
	in := recording(1, 4)
	want := asJSON(t, build(t, in))
	b := NewBuilder(in.Options)
	k := 0
	for _, m := range in.Minutes {
		if err := b.Minute(m); err != nil {
			t.Fatal(err)
		}
		for k < len(in.Forecasts) && !in.Forecasts[k].Origin.After(m.Minute) {
			f := in.Forecasts[k]
			if err := b.Forecast(&f); err != nil {
				t.Fatal(err)
			}
			for i := range f.QuantilesRPM { // the engine reuses its buffers
				for j := range f.QuantilesRPM[i] {
					f.QuantilesRPM[i][j] = -1
				}
			}
			k++
		}
		if len(b.pending) > minutesPerDay+1 {
			t.Fatalf("%d rows held back: the builder must keep no more than a day", len(b.pending))
		}
	}
	for _, s := range in.Transitions {
		b.Transition(s)
	}
	in = recording(1, 4) // its buffers were overwritten
	for ; k < len(in.Forecasts); k++ {
		if err := b.Forecast(&in.Forecasts[k]); err != nil {
			t.Fatal(err)
		}
	}
	r, err := b.Report()
	if err != nil {
		t.Fatal(err)
	}
	if got := asJSON(t, r); got != want {
		t.Errorf("interleaved report differs from the one built at once:\n%s", firstDifference(got, want))
	}
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d: %s, want %s", i, x[i], y[i])
		}
	}
	return "one is longer"
}

func TestProperties(t *testing.T) {
	for seed := range uint64(10) {
		in := recording(seed, 4)
		r := build(t, in)
		if len(r.Episodes) == 0 || len(r.Rules) != 5 || r.Rules[0].Rule != Ours {
			t.Fatalf("seed %d: %d episodes, %d rules: nothing to test", seed, len(r.Episodes), len(r.Rules))
		}
		for _, x := range r.Rules {
			before := 1.0 // perfect foresight
			for _, c := range x.CostRatios {
				if float64(c.Ratio) < before {
					t.Errorf("seed %d: %s at %g:1 is %v, under %v: better than perfect, or cheaper when losses cost more", seed, x.Rule, c.LostToIdle, c.Ratio, before)
				}
				before = float64(c.Ratio)
			}
			if x.UnitHours < float64(r.Minutes)/60*float64(r.Site.MinUnits) {
				t.Errorf("seed %d: %s paid %v unit-hours, less than min_units", seed, x.Rule, x.UnitHours)
			}
			if (x.LostRequests > 0) != (x.MinutesOver > 0) {
				t.Errorf("seed %d: %s lost %v requests in %d minutes", seed, x.Rule, x.LostRequests, x.MinutesOver)
			}
			near(t, "cost", x.Cost, x.UnitHours*1+x.LostRequests*.1)
		}
		for i, h := range r.Breach {
			if i > 0 && h.BaseRate < r.Breach[i-1].BaseRate-.05 {
				t.Errorf("seed %d: a longer horizon happened less often: %v after %v", seed, h.BaseRate, r.Breach[i-1].BaseRate)
			}
			n := 0
			for _, b := range h.Reliability {
				n += b.N
			}
			if n != h.N || h.Brier < 0 || h.Brier > 1 || h.Skill > 1 {
				t.Errorf("seed %d: horizon %d: %d of %d in the table, Brier %v, skill %v", seed, h.HorizonMinutes, n, h.N, h.Brier, h.Skill)
			}
		}
		for _, l := range r.Leads {
			if l.Coverage50 > l.Coverage80 || l.Coverage80 > l.Coverage90 || l.Coverage90 > l.Coverage95 {
				t.Errorf("seed %d: wider intervals hold less at lead %d: %+v", seed, l.LeadMinutes, l)
			}
		}
		a := r.Alarms
		if a.Alerts != a.Followed+a.During+a.False+a.Open || len(a.FalseAlarms) != a.False {
			t.Errorf("seed %d: alarms do not add up: %+v", seed, a)
		}
	}
}

// Minutes that came after To are used to judge rows before it, and for nothing else.
func TestJudgesOnlyBetweenFromAndTo(t *testing.T) {
	in := recording(3, 4)
	in.To = at(3 * minutesPerDay)
	r := build(t, in)
	if r.Minutes != 2*minutesPerDay {
		t.Errorf("judged %d minutes, want two days", r.Minutes)
	}
	for _, e := range r.Episodes {
		if !e.From.Before(in.To) || e.From.Before(in.From) {
			t.Errorf("episode at %v outside %v to %v", e.From, in.From, in.To)
		}
	}
	for _, x := range r.Rules {
		if len(x.wanted) != r.Minutes {
			t.Errorf("%s played %d minutes, want %d", x.Rule, len(x.wanted), r.Minutes)
		}
	}
}

func TestErrorsNameTheMinute(t *testing.T) {
	b := NewBuilder(Options{Site: testSite()})
	f := surgecast.SiteForecast{ID: "fct_1", Origin: at(5)}
	if err := b.Forecast(&f); err == nil {
		t.Error("a row before any minute was taken")
	}
	if err := b.Minute(surgecast.TrafficMinute{Minute: at(5), Requests: 1}); err != nil {
		t.Fatal(err)
	}
	for _, m := range []int{5, 4} {
		if err := b.Minute(surgecast.TrafficMinute{Minute: at(m)}); err == nil || !strings.Contains(err.Error(), at(m).Format("15:04")) {
			t.Errorf("minute %d after minute 5: %v", m, err)
		}
	}
	if err := b.Minute(surgecast.TrafficMinute{Minute: at(longestGap + 10)}); err == nil {
		t.Error("a gap of more than a year was filled")
	}
	if err := b.Forecast(&f); err != nil {
		t.Fatal(err)
	}
	if err := b.Forecast(&f); err == nil {
		t.Error("the same origin twice was taken")
	}
}

func TestText(t *testing.T) {
	r := build(t, recording(1, 4))
	var b bytes.Buffer
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(b.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > textWidth {
			t.Errorf("line %d has %d columns: %s", i+1, n, line)
		}
		if strings.Contains(line, "NaN") || strings.Contains(line, "Inf") {
			t.Errorf("line %d: %s", i+1, line)
		}
	}
	for _, want := range append([]string{r.Headline, "Europe/Berlin", Ours, "reactive", "last day", "static 99.9 %", "as configured"}, "How to read this") {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text does not hold %q", want)
		}
	}
}

func TestHTMLNeedsNothingElse(t *testing.T) {
	r := build(t, recording(1, 4))
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	s := b.String()
	for _, bad := range []string{"<script", "http://", "https://", "src=", "NaN", "<b>&</b>", "ZgotmplZ"} {
		if strings.Contains(s, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, want := range []string{"prefers-color-scheme:dark", "@media print", "<svg", "<h1>How it went: Shop &lt;b&gt;", r.Headline, "r-ours"} {
		if !strings.Contains(s, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
}

func TestJSONWritesUnknownAsNull(t *testing.T) {
	r := build(t, recording(1, 2))
	s := asJSON(t, r)
	var back Report
	if err := json.Unmarshal([]byte(s), &back); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s, `"watch_minutes": null`) && !strings.Contains(s, `"told_minutes": null`) {
		t.Errorf("nobody was told, but no null stands in the JSON")
	}
	if back.Episodes[0].ToldMinutes.Known() {
		t.Errorf("null came back as %v", back.Episodes[0].ToldMinutes)
	}
	back.zone, back.chart = r.zone, r.chart
	if again := asJSON(t, back); again != s {
		t.Errorf("reading and writing changed the report: %s", firstDifference(again, s))
	}
}

// TestSimulatedSaysSo is promise 7 for the report. It fails when Report.say leaves out its last sentence, and
// when title leaves out the mark.
func TestSimulatedSaysSo(t *testing.T) {
	in := recording(1, 2)
	in.Site.Simulated = true
	r := build(t, in)
	for name, write := range map[string]func(io.Writer) error{"text": r.Text, "html": r.HTML, "json": r.JSON} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "This site and its traffic are simulated.") {
			t.Errorf("%s does not say that it is simulated", name)
		}
		if name != "json" && !strings.Contains(b.String(), "[simulated]") {
			t.Errorf("the title of the %s does not say that it is simulated", name)
		}
	}
	if r.Site.Simulated = false; strings.Contains(build(t, recording(1, 2)).Headline, "simulated") {
		t.Error("a real site is called simulated")
	}
}

func TestReportsOfAlmostNothing(t *testing.T) {
	minute := []surgecast.TrafficMinute{{Minute: at(0), Requests: 10}}
	unknownCapacity := testSite()
	unknownCapacity.Capacity = surgecast.CapacityProfile{}
	for name, in := range map[string]Input{
		"nothing":          {Options: Options{Site: testSite()}},
		"one minute":       {Options: Options{Site: testSite()}, Minutes: minute},
		"capacity unknown": {Options: Options{Site: unknownCapacity}, Minutes: minute},
		"all missing":      {Options: Options{Site: testSite()}, Minutes: []surgecast.TrafficMinute{{Minute: at(0), Requests: math.NaN()}, {Minute: at(100), Requests: math.NaN()}}},
		"outside":          {Options: Options{Site: testSite(), From: at(1000), To: at(2000)}, Minutes: minute},
		"only a topic":     {Talk: []Talk{{Topic: "x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := build(t, in)
			for _, write := range []func(io.Writer) error{r.Text, r.HTML, r.JSON} {
				var b bytes.Buffer
				if err := write(&b); err != nil {
					t.Error(err)
				}
				if strings.Contains(b.String(), "NaN") {
					t.Errorf("NaN in %s", b.String())
				}
			}
			if r.Headline == "" {
				t.Error("no headline")
			}
		})
	}
	in := Input{Options: Options{Site: testSite()}}
	in.Site.TimeZone = "Mars/Olympus"
	if _, err := Build(in); err == nil || !strings.Contains(err.Error(), "Mars/Olympus") {
		t.Errorf("unknown zone: %v", err)
	}
}

func BenchmarkBuilder(b *testing.B) {
	in := recording(1, 8) // 7 × 1,416 rows
	b.ReportAllocs()
	for b.Loop() {
		r, err := Build(in)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.HTML(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(in.Forecasts)), "rows/op")
}

// The chance is judged against the capacity its own row was judged against, over the minutes after its origin.
func TestChancesAreJudgedAgainstTheirOwnCapacity(t *testing.T) {
	site := testSite()
	site.Capacity.SustainMinutes = 1
	b := NewBuilder(Options{Site: site})
	for i := range 40 {
		x := 100.
		if i == 12 {
			x = 250
		}
		if err := b.Minute(surgecast.TrafficMinute{Minute: at(i), Requests: x}); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []struct {
		origin   int
		capacity float64
	}{
		{2, 200},  // minute 12 is the tenth after it: not within 5, within 15
		{7, 200},  // the fifth after it: within both
		{8, 300},  // never over 300
		{12, 200}, // it is the origin's own minute: not after it
		{30, 200}, // of 15 minutes only 9 came: 60 %, not known
	} {
		f := surgecast.SiteForecast{Origin: at(r.origin), IssuedAt: at(r.origin + 1), HorizonMinutes: []int{5, 15}, Risk: []float64{.5, .5}, CapacityRPM: r.capacity}
		if err := b.Forecast(&f); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := b.Report()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		n    int
		base float64
	}{{5, 1. / 5}, {4, 2. / 4}} {
		if h := rep.Breach[i]; h.N != want.n || float64(h.BaseRate) != want.base {
			t.Errorf("within %d minutes: %d judged, base rate %v; want %d and %v", h.HorizonMinutes, h.N, h.BaseRate, want.n, want.base)
		}
	}
}

// A recording of requests holds the whole demand, whatever the site's own flag says; a live site's minutes do not.
func TestDemandKnown(t *testing.T) {
	for _, known := range []bool{false, true} {
		b := NewBuilder(Options{Site: testSite(), DemandKnown: known})
		for i := range 3 {
			if err := b.Minute(surgecast.TrafficMinute{Minute: at(i), Requests: 100, Saturated: i == 1}); err != nil {
				t.Fatal(err)
			}
		}
		f := surgecast.SiteForecast{Origin: at(0), IssuedAt: at(1), LeadMinutes: []int{1, 2}, Levels: []float64{.5}, QuantilesRPM: [][]float64{{120}, {120}}}
		if err := b.Forecast(&f); err != nil {
			t.Fatal(err)
		}
		r, err := b.Report()
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{false: 1, true: 2}[known]; r.All.N != want {
			t.Errorf("demand known %v: %d forecasts judged, want %d: the saturated minute lies below its forecast", known, r.All.N, want)
		}
		said := strings.Contains(strings.Join(r.Notes, " "), "lower bound")
		if said == known {
			t.Errorf("demand known %v: the notes speak of a lower bound: %v", known, said)
		}
	}
}

func TestRowsBeforeTheFirstMinute(t *testing.T) {
	b := NewBuilder(Options{Site: testSite()})
	if err := b.Minute(surgecast.TrafficMinute{Minute: at(10), Requests: 7}); err != nil {
		t.Fatal(err)
	}
	if got := b.s.at(at(10).Add(-30e9)); got != -1 {
		t.Errorf("half a minute before the first minute lies at %d, want −1", got)
	}
	f := surgecast.SiteForecast{Origin: at(8), IssuedAt: at(9), LeadMinutes: []int{1, 2}, Levels: []float64{.5}, QuantilesRPM: [][]float64{{5}, {5}}}
	if err := b.Forecast(&f); err != nil {
		t.Fatal(err)
	}
	r, err := b.Report()
	if err != nil {
		t.Fatal(err)
	}
	if r.All.N != 1 || r.All.MAE != 2 {
		t.Errorf("%+v, want minute 10 judged alone, off by 2", r.All)
	}
}
