package main

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// BenchmarkDemoReady: from the start of the built binary with an empty state directory until the forecast of every site
// on the overview is there to be drawn. The private PostgreSQL is made, started and filled in that time.
//
// Budget (DESIGN 11): 10 s.
func BenchmarkDemoReady(b *testing.B) {
	binary(b)
	for b.Loop() {
		address := freeAddress(b)
		began := time.Now()
		p := start(b, nil, "demo", "--state-dir", filepath.Join(place(b), "s"), "--listen", address)
		var page time.Duration
		p.until("the forecasts", func() bool {
			got := ask(b, "GET", "http://"+address+"/v1/sites?sort=risk", "", nil)
			if got.status != 200 {
				return false
			}
			if page == 0 {
				page = time.Since(began)
			}
			var sites struct{ Items []struct{ Slug string } }
			got.into(b, &sites)
			for _, s := range sites.Items {
				var f struct{ Points []struct{} }
				if got = ask(b, "GET", "http://"+address+"/v1/sites/"+s.Slug+"/forecast?horizon=60", "", nil); got.status != 200 {
					return false
				}
				if got.into(b, &f); len(f.Points) == 0 {
					return false
				}
			}
			return len(sites.Items) > 0
		})
		b.ReportMetric(time.Since(began).Seconds(), "s")
		b.ReportMetric(page.Seconds(), "s-to-first-answer")
		b.ReportMetric(10, "s-budget")
		b.ReportMetric(0, "ns/op")
		p.signal(syscall.SIGINT)
		p.wait()
	}
}
