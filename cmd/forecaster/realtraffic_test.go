package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"surgecast/store/storetest"
)

// program starts a server of the system in the test's folder and stops it when the test ends.
func program(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var said output
	cmd.Stdout, cmd.Stderr, cmd.Dir = &said, &said, dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		ended := time.AfterFunc(10*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		_ = cmd.Wait()
		ended.Stop()
		if t.Failed() {
			t.Logf("%s:\n%s", name, tail(said.String()))
		}
	})
}

func putFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rpsAt is the load of a minute, another one each minute so that a minute out of place is seen.
func rpsAt(minute int64) int { return []int{20, 80, 50}[minute/60%3] }

// visit sends requests to nginx until ctx ends, rpsAt a second, and returns how many were answered.
func visit(ctx context.Context, base string) int64 {
	var answered atomic.Int64
	var wg sync.WaitGroup
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	slots := make(chan struct{}, 64)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			wg.Wait()
			client.CloseIdleConnections()
			return answered.Load()
		case at := <-tick.C:
			for range rpsAt(at.Unix()) / 10 {
				n++
				path := []string{"/", "/cart", "/p/17?x=y", "/fail"}[min(n%25, 3)]
				slots <- struct{}{}
				wg.Go(func() {
					defer func() { <-slots }()
					req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, base+path, nil)
					if err != nil {
						return
					}
					if res, err := client.Do(req); err == nil {
						_, _ = io.Copy(io.Discard, res.Body)
						res.Body.Close()
						answered.Add(1)
					}
				})
			}
		}
	}
}

// recount counts the lines of files by the minute written in them, without the reader under test.
func recount(t *testing.T, files ...string) map[string]float64 {
	t.Helper()
	minutes := map[string]float64{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			_, rest, _ := strings.Cut(lines.Text(), "[")
			stamp, _, _ := strings.Cut(rest, "]")
			at, err := time.Parse("02/Jan/2006:15:04:05 -0700", stamp)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			minutes[at.UTC().Format("15:04")]++
		}
		f.Close()
	}
	return minutes
}

// history is what the service shows of a site, minute by minute.
func history(t *testing.T, base, site string) (minutes map[string]float64, origin time.Time, points int) {
	t.Helper()
	var f struct {
		Origin  *time.Time
		Points  []any
		History []struct {
			At          time.Time
			RequestsRPM *float64 `json:"requests_rpm"`
		}
	}
	minutes = map[string]float64{}
	a := ask(t, "GET", base+"/v1/sites/"+site+"/forecast?history=60", "", nil)
	if a.status != http.StatusOK {
		return minutes, origin, 0
	}
	a.into(t, &f)
	for _, h := range f.History {
		if h.RequestsRPM != nil {
			minutes[h.At.UTC().Format("15:04")] = *h.RequestsRPM
		}
	}
	if f.Origin != nil {
		origin = *f.Origin
	}
	return minutes, origin, len(f.Points)
}

// A real Prometheus scrapes a real nginx under load; one site is read from Prometheus, another from the same
// nginx's log, which is rotated meanwhile. Both show the same minutes and are forecast; the log's equal a
// recount of its lines, to the request. What the exporter itself asks is taken off in the query, as
// docs/traffic.md shows: each scrape is one request that the log leaves out.
// Fails when: minutes() asks for the value at the minute's start; the reader stays on the file that was rotated away.
func TestRealPrometheusAndNginx(t *testing.T) {
	if os.Getenv("SURGECAST_LONG") == "" {
		t.Skip("takes five minutes of real time: set SURGECAST_LONG=1 to run it")
	}
	for _, name := range []string{"nginx", "prometheus", "prometheus-nginx-exporter"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed: apt-get install nginx prometheus prometheus-nginx-exporter", name)
		}
	}
	dir := place(t)
	log := filepath.Join(dir, "access.log")
	web, exporter, prom := freeAddress(t), freeAddress(t), freeAddress(t)
	putFile(t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(`
daemon off; worker_processes 1; pid nginx.pid; error_log error.log;
events { worker_connections 256; }
http {
	access_log access.log combined;
	client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
	server {
		listen %s;
		location / { return 200 "ok\n"; }
		location /fail { return 500 "no\n"; }
		location = /status { stub_status; access_log off; }
	}
}`, web))
	putFile(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(`
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs: [{ job_name: nginx, static_configs: [{ targets: ["%s"] }] }]
`, exporter))
	traffic := filepath.Join(dir, "traffic.yaml")
	putFile(t, traffic, fmt.Sprintf(`
sites:
  - site: scraped
    prometheus:
      url: http://%s
      requests: sum(increase(nginx_http_requests_total[1m])) - sum(count_over_time(up{job="nginx"}[1m]))
      settle: 5s
  - site: logged
    access_log:
      files: [%s]
      segments: [{ name: checkout, prefixes: [/cart] }]
`, prom, log))
	program(t, dir, "nginx", "-p", dir+"/", "-c", "nginx.conf")
	program(t, dir, "prometheus-nginx-exporter", "-nginx.scrape-uri", "http://"+web+"/status", "-web.listen-address", exporter, "-nginx.retries", "20", "-nginx.retry-interval", "500ms")
	program(t, dir, "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+prom)

	db, state := "--database-url="+storetest.EmptyURL(t), "--state-dir="+filepath.Join(dir, "s")
	want(t, 0, nil, "migrate", "up", db, state)
	for _, site := range []string{"scraped", "logged"} {
		want(t, 0, nil, "site", "add", site, "--units", "4", "--rpm-per-unit", "3000", db, state)
	}
	listen := freeAddress(t)
	base := "http://" + listen
	p := start(t, nil, "serve", db, state, "--listen", listen, "--metrics=", "--traffic", traffic, "--roles", "api,ingest,engine")
	p.until("the service", func() bool { return ask(t, "GET", base+"/readyz", "", nil).status == http.StatusOK })
	p.until("nginx", func() bool { return ask(t, "GET", "http://"+web+"/", "", nil).status == http.StatusOK })

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	answered := make(chan int64, 1)
	began := time.Now()
	go func() { answered <- visit(ctx, "http://"+web) }()
	first := began.UTC().Truncate(time.Minute).Add(time.Minute)

	// In the middle of the second minute the log is rotated, as logrotate does.
	time.Sleep(time.Until(first.Add(95 * time.Second)))
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	pid, err := os.ReadFile(filepath.Join(dir, "nginx.pid"))
	if err != nil {
		t.Fatal(err)
	}
	var nginx int
	if _, err := fmt.Sscan(string(pid), &nginx); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(nginx, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	last := first.Add(2 * time.Minute) // three whole minutes
	name := last.Format("15:04")
	p.until("both sites to show "+name+" and be forecast", func() bool {
		s, so, sp := history(t, base, "scraped")
		l, lo, lp := history(t, base, "logged")
		_, a := s[name]
		_, b := l[name]
		time.Sleep(500 * time.Millisecond)
		return a && b && !so.Before(last) && !lo.Before(last) && sp > 0 && lp > 0
	})
	stop()
	t.Logf("%d requests answered in %s", <-answered, time.Since(began).Round(time.Second))

	truth := recount(t, log, log+".1")
	scraped, _, _ := history(t, base, "scraped")
	logged, _, points := history(t, base, "logged")
	total, of := 0., 0.
	for m := first; !m.After(last); m = m.Add(time.Minute) {
		at := m.Format("15:04")
		t.Logf("%s  log %5.0f  recount %5.0f  Prometheus %8.1f", at, logged[at], truth[at], scraped[at])
		if logged[at] != truth[at] {
			t.Errorf("%s: the log's minute is %g, its lines are %g", at, logged[at], truth[at])
		}
		// A scrape is at most a second old at either end of the minute, where the rate may be the neighbour's.
		most := max(rpsAt(m.Add(-time.Minute).Unix()), rpsAt(m.Unix()), rpsAt(m.Add(time.Minute).Unix()))
		if d := math.Abs(scraped[at] - truth[at]); d > 2*float64(most)+.01*truth[at] {
			t.Errorf("%s: Prometheus says %g, the log %g", at, scraped[at], truth[at])
		}
		total += scraped[at]
		of += truth[at]
	}
	if of == 0 || math.Abs(total-of) > .03*of {
		t.Errorf("together Prometheus says %g, the log %g", total, of)
	}
	t.Logf("forecast has %d points", points)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
