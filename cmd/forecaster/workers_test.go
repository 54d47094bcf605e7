package main

import (
	"path/filepath"
	"testing"

	"surgecast/store/storetest"
)

// A site without a load test states its workers, by flags or in its file, and is told what they come to.
//
// Fails when: siteAddCmd or toSite leaves out ServiceSeconds.
func TestASiteStatesItsWorkers(t *testing.T) {
	db := "--database-url=" + storetest.URL(t)
	state := "--state-dir=" + filepath.Join(place(t), "s")
	told := "6 units × 16 workers at 0.2 s = 28582 requests a minute while 95 in 100 wait no longer than 0.8 s"
	workers := []string{"--units", "6", "--workers-per-unit", "16", "--service-seconds", "0.2", "--p95-limit-ms", "1000", db, state}
	want(t, 0, []string{"added site flags", told}, append([]string{"site", "add", "flags"}, workers...)...)
	want(t, 2, []string{"capacity.rpm_per_unit", "stands beside workers_per_unit", "Leave it out"}, append([]string{"site", "add", "both", "--rpm-per-unit", "200"}, workers...)...)
	want(t, 2, []string{"capacity.p95_limit_ms", "leaves nothing for waiting"}, "site", "add", "nolimit", "--workers-per-unit", "16", "--service-seconds", "0.2", db, state)
	file := write(t, "site.yaml", "site: file\ncapacity: {units: 6, workers_per_unit: 16, service_seconds: 0.2, p95_limit_ms: 1000}\n")
	want(t, 0, []string{"added site file", told}, "site", "add", "--file", file, db, state)
	want(t, 0, []string{told}, "site", "show", "file", db, state)
}
