package main

import (
	"net"
	"strings"
	"syscall"
	"testing"
)

// Nothing configured, an empty directory: the demo shows a forecast, ends on Ctrl-C without a trace of a
// process, and starts again on what it left.
// Fails when: demoCmd.Run does not close the database, or main does not listen to SIGINT.
func TestDemo(t *testing.T) {
	dir := stateDir(t)
	for _, round := range []string{"first", "second"} {
		address := freeAddress(t)
		url := "http://" + address
		p := start(t, nil, "demo", "--state-dir", dir, "--listen", address, "--speed", "600", "--days", "2")
		var sites struct {
			Items []struct {
				Slug, Kind string
				Simulated  bool
			}
		}
		p.until("the worklist", func() bool {
			a := ask(t, "GET", url+"/v1/sites?sort=risk", "", nil)
			if a.status != 200 {
				return false
			}
			a.into(t, &sites)
			return len(sites.Items) >= 2
		})
		for _, s := range sites.Items {
			if !s.Simulated {
				t.Errorf("site %s does not say that it is simulated", s.Slug)
			}
			var risk struct {
				Simulated bool
				Origin    string
				Verdict   struct{ Headline, Sentence string }
			}
			var forecast struct {
				Points []struct {
					QuantilesRPM []float64 `json:"quantiles_rpm"`
				}
			}
			p.until("the forecast of "+s.Slug, func() bool {
				ask(t, "GET", url+"/v1/sites/"+s.Slug+"/forecast?horizon=60", "", nil).into(t, &forecast)
				return len(forecast.Points) > 0
			})
			ask(t, "GET", url+"/v1/sites/"+s.Slug+"/risk", "", nil).into(t, &risk)
			if risk.Verdict.Headline == "" || risk.Verdict.Sentence == "" || !risk.Simulated || risk.Origin == "" {
				t.Errorf("%s, %s round: %+v", s.Slug, round, risk)
			}
			if len(forecast.Points) < 60 || len(forecast.Points[0].QuantilesRPM) == 0 || !(forecast.Points[0].QuantilesRPM[0] >= 0) {
				t.Errorf("%s, %s round: a forecast of %d points", s.Slug, round, len(forecast.Points))
			}
			if page := ask(t, "GET", url+"/sites/"+s.Slug, "", nil); page.status != 200 || !strings.Contains(string(page.body), "<html") {
				t.Errorf("the page of %s: %d", s.Slug, page.status)
			}
		}
		if page := ask(t, "GET", url+"/", "", nil); page.status != 200 || !strings.Contains(page.header.Get("Content-Type"), "text/html") {
			t.Errorf("the overview: %d %s", page.status, page.header.Get("Content-Type"))
		}
		p.signal(syscall.SIGINT)
		if code := p.wait(); code != 0 {
			t.Errorf("exit code %d after Ctrl-C, want 0:\n%s", code, p.err.String())
		}
		if left := processesOf(t, dir); len(left) > 0 {
			t.Errorf("after the %s round these are still running:\n%s", round, strings.Join(left, "\n"))
		}
	}
}

// Fails when: demoCmd.Run opens the database before it listens.
func TestDemoRefusesWhatItCannotHave(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := stateDir(t)
	want(t, 1, []string{taken.Addr().String(), "in use", "--listen"}, "demo", "--state-dir", dir, "--listen", taken.Addr().String())
	untouched(t, dir)

	code, _, said := forecaster(t, []string{"SURGECAST_DATABASE_URL=postgres://127.0.0.1:1/mine"}, "demo", "--state-dir", dir, "--listen", freeAddress(t))
	if code != 2 || !strings.Contains(said, "unset SURGECAST_DATABASE_URL") {
		t.Errorf("demo with a configured database: %d, %s", code, said)
	}
	untouched(t, dir)
	want(t, 2, []string{"--listen 127.0.0.1:"}, "demo", "--state-dir", dir, "--listen", "0.0.0.0:0")
	want(t, 2, []string{"--speed"}, "demo", "--state-dir", dir, "--speed", "-1")
	untouched(t, dir)
}
