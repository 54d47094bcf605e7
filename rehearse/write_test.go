package rehearse

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"surgecast"
)

var update = flag.Bool("update", false, "write the golden scripts anew")

// anHour rises from 600 to 3,000 requests a minute and falls again.
func anHour() surgecast.Rehearsal {
	r := surgecast.Rehearsal{
		Site: "nordlicht", ForecastID: "fct_0199", IssuedAt: testNow, Start: testNow.Add(time.Minute),
		P95MS: 400, P95From: "limit", LimitMS: 800, ErrorShare: .05, Speed: 1,
		Courses: []surgecast.RehearsalCourse{{Name: "p50"}, {Name: "p90"}},
	}
	for m := range 60 {
		x := 600 + 2400*math.Sin(math.Pi*float64(m)/59)
		r.Courses[0].RPM = append(r.Courses[0].RPM, x)
		r.Courses[1].RPM = append(r.Courses[1].RPM, 1.4*x)
	}
	return r
}

func script(t testing.TB, r surgecast.Rehearsal, f surgecast.RehearsalFormat) surgecast.RehearsalScript {
	t.Helper()
	s, err := Write(r, f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The scripts are read as a diff when they change. Run with -update to write them anew.
func TestGoldenScripts(t *testing.T) {
	for _, f := range surgecast.RehearsalFormats() {
		s := script(t, anHour(), f)
		name := filepath.Join("testdata", s.File+".golden")
		if *update {
			if err := os.WriteFile(name, s.Body, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(s.Body, want) {
			t.Errorf("%s is not %s: read the change, then run go test ./rehearse -run Golden -update", s.File, name)
		}
	}
}

// No script holds an address: not ours, not the site's, none that a name could smuggle in.
// Fails when: a default such as `|| 'http://localhost'` follows TARGET_URL in a template.
func TestScriptsNameNoTarget(t *testing.T) {
	address := regexp.MustCompile(`(?i)https?://[a-z0-9\[]|localhost|\b\d{1,3}(\.\d{1,3}){3}\b`)
	for _, f := range surgecast.RehearsalFormats() {
		s := script(t, anHour(), f)
		if at := address.Find(s.Body); at != nil {
			t.Errorf("%s holds an address: %q", f, at)
		}
		if !bytes.Contains(s.Body, []byte("TARGET_URL")) || !bytes.Contains(s.Body, []byte("fct_0199")) {
			t.Errorf("%s asks for no target, or does not name its forecast", f)
		}
	}
	for _, r := range []func(*surgecast.Rehearsal){
		func(r *surgecast.Rehearsal) { r.Site = "a\nrm -rf" },
		func(r *surgecast.Rehearsal) { r.ForecastID = "x';rm" },
		func(r *surgecast.Rehearsal) { r.ForecastID = "x\ny" },
		func(r *surgecast.Rehearsal) { r.Courses = nil },
		func(r *surgecast.Rehearsal) { r.Courses[0].RPM[3] = math.NaN() },
		func(r *surgecast.Rehearsal) { r.Courses[1].RPM[3] = -1 },
		func(r *surgecast.Rehearsal) { r.Speed = 1000 },
	} {
		bad := anHour()
		r(&bad)
		var f *surgecast.FieldError
		if _, err := Write(bad, surgecast.RehearseVegeta); !errors.As(err, &f) {
			t.Errorf("%+v was written: %v", bad.Site+bad.ForecastID, err)
		}
	}
	if _, err := Write(anHour(), "gatling"); err == nil {
		t.Error("an unknown format was written")
	}
}

// Rates are whole, and rounding moves none by more than 1 %.
//
//	peak 3,000·1.4 = 4,200 a minute = 70 a second; within 800 ms 56 at once, and twice that at most
//
// Fails when: unitFor answers 1s always (600 a minute is 10 a second, 611.4 would be 10 too: 1.9 % off).
func TestRatesAreWhole(t *testing.T) {
	r := anHour()
	p := planOf(r, surgecast.RehearseK6)
	if p.Unit != "1m" || p.Courses[1].VUs != 28 || p.Courses[1].MaxVUs != 112 {
		t.Errorf("unit %s, %d users, at most %d; want 1m, 28, 112", p.Unit, p.Courses[1].VUs, p.Courses[1].MaxVUs)
	}
	for k, c := range p.Courses {
		for i, s := range c.Steps {
			if want := r.Courses[k].RPM[i]; math.Abs(s.RPM-want) > .01*want || s.Seconds != 60 {
				t.Errorf("%s, step %d: %v for %d s, want %v for 60", c.Name, i, s.RPM, s.Seconds, want)
			}
		}
	}
	for _, c := range []struct {
		rpm  float64
		unit string
	}{{6000, "1s"}, {6030, "1s"}, {630, "1m"}, {0.3, "10m"}, {0.31, "1h"}, {0, "1s"}} {
		if u := unitFor([]surgecast.RehearsalCourse{{RPM: []float64{c.rpm, c.rpm}}}); u.name != c.unit {
			t.Errorf("%v a minute in whole numbers of %s, want %s", c.rpm, u.name, c.unit)
		}
	}
	// A day has not more steps than an hour, and none is lower than the forecast.
	long := anHour()
	long.Speed = 10
	long.Courses = long.Courses[:1]
	for range 23 {
		long.Courses[0].RPM = append(long.Courses[0].RPM, anHour().Courses[0].RPM...)
	}
	steps := planOf(long, surgecast.RehearseK6).Courses[0].Steps
	seconds := 0
	for i, s := range steps {
		seconds += s.Seconds
		if most := long.Courses[0].RPM[i*24]; s.RPM < most*.99 {
			t.Errorf("step %d: %v, below %v", i, s.RPM, most)
		}
	}
	if len(steps) > mostSteps || seconds != 24*3600/10 {
		t.Errorf("%d steps of %d s, want at most %d of %d", len(steps), seconds, mostSteps, 24*360)
	}
}

// k6 gets what k6 takes: the script runs with k6's modules replaced, its scenarios are those of the plan, and without
// a target it stops before anything is sent.
func TestK6ScriptRuns(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the k6 script is compared with its golden file only")
	}
	dir := t.TempDir()
	body := string(script(t, anHour(), surgecast.RehearseK6).Body)
	body = regexp.MustCompile(`(?m)^import .*$`).ReplaceAllString(body, "")
	harness := `
const __ENV = { TARGET_URL: process.env.TARGET_URL, PROFILE: process.env.PROFILE };
const sent = [];
const http = { get: (url, o) => sent.push([url, o.tags.step]) };
const exec = { scenario: { name: 'p90', startTime: Date.now() - 125000 } };
` + body + `
if (process.env.PROFILE === 'all') visit();
const summary = handleSummary({ state: { testRunDurationMs: 90000 }, metrics: {} });
console.log(JSON.stringify({ options, sent, summary }));
`
	file := filepath.Join(dir, "rehearsal.mjs")
	if err := os.WriteFile(file, []byte(harness), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), node, "--check", file).CombinedOutput(); err != nil {
		t.Fatalf("node --check: %v\n%s", err, out)
	}
	run := func(env ...string) (string, error) {
		c := exec.CommandContext(t.Context(), node, file)
		c.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	for _, env := range [][]string{{}, {"TARGET_URL="}, {"TARGET_URL=example.test"}, {"TARGET_URL=http://x.test", "PROFILE=p99"}} {
		if out, err := run(env...); err == nil || !strings.Contains(out, "Nothing was sent.") {
			t.Errorf("%v: %v, %s; want a refusal", env, err, out)
		}
	}
	out, err := run("TARGET_URL=https://staging.test/", "PROFILE=all")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		`"executor":"ramping-arrival-rate"`, `"startTime":"0s"`, `"startTime":"3660s"`, `"timeUnit":"1m"`, `"preAllocatedVUs":28`, `"maxVUs":112`,
		`{"duration":"1s","target":600},{"duration":"59s","target":600}`, `"abortOnFail":true`, `"rate<=0.05"`, `"p(95)<=800"`,
		`[["https://staging.test/","p90-2"]]`, // 125 s after the start of its scenario: the third step
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the script's answer lacks %s", want)
		}
	}
	// Of 90 s one step and half of another were run: no other is in the summary.
	if n := strings.Count(out, `\"offered_rpm\"`); n != 2 || !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(out, `\n`, ""), " ", ""), `\"seconds\":30`) {
		t.Errorf("%d steps in the summary, want 2, the second of 30 s", n)
	}
}

// Locust gets what Locust takes: users are the rate, the guard ends it, and without a target it stops at once.
func TestLocustScriptRuns(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: the Locust script is compared with its golden file only")
	}
	dir := t.TempDir()
	s := script(t, anHour(), surgecast.RehearseLocust)
	file := filepath.Join(dir, "rehearsal_script.py")
	stub := `
class HttpUser: pass
class LoadTestShape:
    def get_run_time(self): return self.now
def constant_throughput(x): return x
def task(f): return f
`
	drive := `
import types, rehearsal_script as r
shape = r.Course()
total = types.SimpleNamespace(current_rps=70.0, current_fail_per_sec=0.0, get_current_response_time_percentile=lambda q: 400)
shape.runner = types.SimpleNamespace(stats=types.SimpleNamespace(total=total), environment=types.SimpleNamespace(process_exit_code=None))
rates = []
for m in range(60):
    shape.now = m * 60 + 1
    rates.append(shape.tick()[0] * r.PLAN["per_user"] * 60)
worst = max(abs(a - s["rpm"]) / s["rpm"] for a, s in zip(rates, r.COURSES["p50"]["steps"]))
shape.now = 3600
assert shape.tick() is None, "the end"
shape.now = 5
total.current_fail_per_sec = 4.0
assert shape.tick() is None and shape.runner.environment.process_exit_code == 3, "errors"
total.current_fail_per_sec = 0.0
total.get_current_response_time_percentile = lambda q: 801
assert shape.tick() is None, "slow"
print("worst %.4f" % worst)
`
	for name, text := range map[string]string{"rehearsal_script.py": string(s.Body), "locust.py": stub, "drive.py": drive} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), python, "-m", "py_compile", file).CombinedOutput(); err != nil {
		t.Fatalf("py_compile: %v\n%s", err, out)
	}
	run := func(env ...string) (string, error) {
		c := exec.CommandContext(t.Context(), python, "drive.py")
		c.Dir, c.Env = dir, append([]string{"PATH=" + os.Getenv("PATH")}, env...)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	for _, env := range [][]string{{}, {"TARGET_URL=staging.test"}, {"TARGET_URL=https://x.test", "PROFILE=p99"}} {
		if out, err := run(env...); err == nil || !strings.Contains(out, "Nothing was sent.") {
			t.Errorf("%v: %v, %s; want a refusal", env, err, out)
		}
	}
	out, err := run("TARGET_URL=https://staging.test/")
	var worst float64
	_, said, _ := strings.Cut(out, "worst ") // after what the guard has logged
	if _, scan := fmt.Sscanf(said, "%f", &worst); err != nil || scan != nil || worst > .02 {
		t.Errorf("%v, %s; want users within 2 %% of the rate", err, out)
	}
}

// The shell script runs with a vegeta that only notes what it was asked: every step in order, no more after the guard,
// nothing without a target, and never a rate of 0, which to vegeta means as fast as it can.
//
// Fails when: the test for a rate of 0 leaves vegeta.sh.tmpl, or its awk line ends in `exit 0`.
func TestVegetaScriptRuns(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh: the vegeta script is compared with its golden file only")
	}
	r := anHour()
	r.Speed = 30 // steps of 2 s
	r.Courses[0].RPM = []float64{600, 0, 1200, 1800, 2400}
	r.Courses[1].RPM = []float64{600, 700}
	dir := t.TempDir()
	stub := `#!/bin/sh
echo "$*" >>"$LOG"
if [ "$1" = attack ]; then cat >>"$LOG"; exit; fi
p95=400000000
case "$3" in *"$SLOW"*) p95=900000000 ;; esac
echo '{"latencies":{"95th":'$p95',"99th":1},"throughput":1,"rate":1,"requests":5,"success":1,"errors":null}'
`
	if err := os.WriteFile(filepath.Join(dir, "vegeta"), []byte(stub), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "rehearsal.sh")
	if err := os.WriteFile(file, script(t, r, surgecast.RehearseVegeta).Body, 0o600); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "log")
	run := func(env ...string) (string, string, error) {
		_ = os.Remove(log)
		c := exec.CommandContext(t.Context(), sh, file)
		c.Dir, c.Env = dir, append([]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "LOG=" + log, "SLOW=never"}, env...)
		out, err := c.CombinedOutput()
		asked, _ := os.ReadFile(log)
		return string(out), string(asked), err
	}
	for _, env := range [][]string{{}, {"TARGET_URL=staging.test"}, {"TARGET_URL=https://a.test\nGET https://b.test"}, {"TARGET_URL=https://x.test", "PROFILE=p99"}} {
		if out, asked, err := run(env...); err == nil || asked != "" || !strings.Contains(out, "Nothing was sent.") {
			t.Errorf("%q: %v, asked %q, %s; want a refusal", env, err, asked, out)
		}
	}
	out, asked, err := run("TARGET_URL=https://staging.test/")
	if err != nil || strings.Count(asked, "attack ") != 4 || strings.Count(asked, "GET https://staging.test/\n") != 4 || strings.Contains(asked, "-rate=0/") || !strings.Contains(asked, "-rate=2400/1m") {
		t.Errorf("%v\n%s\n%s", err, out, asked)
	}
	if out, asked, err = run("TARGET_URL=https://staging.test/", "SLOW=p50-02"); err == nil || strings.Count(asked, "attack ") != 2 || !strings.Contains(out, "stopped after p50-02") {
		t.Errorf("too slow a step: %v\n%s\n%s", err, out, asked)
	}
	results, err := filepath.Glob(filepath.Join(dir, "rehearsal-results", "*.json"))
	if err != nil || len(results) == 0 {
		t.Fatalf("no results: %v", err)
	}
	body, err := os.ReadFile(results[0])
	if err != nil {
		t.Fatal(err)
	}
	if test, err := Read(results[0], body, "", testNow); err != nil || test.Points[0].P95MS != 400 {
		t.Errorf("its results are not read again: %+v, %v", test, err)
	}
}

// From a forecast to its courses: minute by minute from the next whole minute, within what was forecast.
func TestCourses(t *testing.T) {
	f := surgecast.SiteForecast{
		Origin: testNow.Add(-time.Minute), StepSeconds: 60, LeadMinutes: []int{1, 10, 100}, Levels: []float64{.1, .5, .9},
		QuantilesRPM: [][]float64{{1, 2, 3}, {10, 20, 30}, {100, 200, 300}},
	}
	var leads []float64
	note := func(dst []float64, _ []int, _ [][]float64, _ []float64, _, lead float64) {
		leads = append(leads, lead)
		copy(dst, []float64{lead, lead * 10, lead * 100})
	}
	cs, start := Courses(f, testNow.Add(10*time.Second), 30, note)
	if !start.Equal(testNow.Add(time.Minute)) || len(cs) != 2 || len(cs[0].RPM) != 30 || leads[0] != 2 || cs[0].RPM[0] != 20 || cs[1].RPM[29] != 3100 {
		t.Errorf("start %s, leads %v, %+v", start, leads, cs)
	}
	if cs, _ := Courses(f, testNow, 500, note); len(cs[0].RPM) != 99 {
		t.Errorf("%d minutes of a forecast of 100", len(cs[0].RPM))
	}
	if cs, _ := Courses(surgecast.SiteForecast{}, testNow, 60, note); cs != nil {
		t.Errorf("a course from nothing: %v", cs)
	}
}

// A surge is played as it came; minutes nobody counted are drawn straight, saturated ones are counted.
func TestCame(t *testing.T) {
	at := func(m int) time.Time { return testNow.Add(time.Duration(m) * time.Minute) }
	c, saturated := Came([]surgecast.TrafficMinute{
		{Minute: at(1), Requests: 100, Complete: true},
		{Minute: at(3), Requests: 300, Complete: true, Saturated: true},
		{Minute: at(4), Requests: 1, Complete: false},
	}, at(0), at(6))
	if got, want := fmt.Sprint(c.RPM), "[100 100 200 300 300 300]"; got != want || saturated != 1 {
		t.Errorf("%s, %d saturated; want %s, 1", got, saturated, want)
	}
}
