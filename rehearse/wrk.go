package rehearse

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"surgecast"
)

var (
	wrkTotals  = regexp.MustCompile(`(?m)^\s*(\d+) requests in ([\d.]+)(us|ms|s|m|h), `)
	wrkRate    = regexp.MustCompile(`(?m)^Requests/sec:\s+([\d.]+)\s*$`)
	wrkUsers   = regexp.MustCompile(`(?m)^\s*\d+ threads? and (\d+) connections?\s*$`)
	wrkBadCode = regexp.MustCompile(`(?m)^\s*Non-2xx or 3xx responses: (\d+)\s*$`)
	wrkSockets = regexp.MustCompile(`(?m)^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)\s*$`)
	wrkLatency = regexp.MustCompile(`(?m)^\s*(\d+(?:\.\d+)?)%\s+([\d.]+)(us|ms|s|m|h)\s*$`)
)

// wrk reads what wrk and wrk2 print. They report no p95: the next higher percentile they print stands in, so a limit
// is judged rather too strictly than too mildly.
func (f source) wrk(body []byte) (surgecast.LoadTest, error) {
	var t surgecast.LoadTest
	if n := len(wrkRate.FindAllIndex(body, 2)); n > 1 {
		return t, f.bad("file", 0, "", "holds several runs", "Save each run of wrk in a file of its own.")
	}
	totals, rate := wrkTotals.FindSubmatch(body), wrkRate.FindSubmatch(body)
	if totals == nil || rate == nil {
		return t, f.bad("Requests/sec", 1+bytes.Count(body, []byte("\n")), "", "cannot be read", "Import what wrk printed, to its last line.")
	}
	requests, seconds, perSecond := number(totals[1]), wrkSeconds(totals[2], totals[3]), number(rate[1])
	if !(requests > 0) || !(perSecond > 0) || !(seconds > 0) {
		return t, f.bad("requests", 0, string(totals[1]), "shows no request", "Import the output of a run that reached the site.")
	}
	bad, never := 0.0, 0.0
	if m := wrkBadCode.FindSubmatch(body); m != nil {
		bad = number(m[1])
	}
	if m := wrkSockets.FindSubmatch(body); m != nil {
		for _, n := range m[1:] {
			never += number(n)
		}
		t.Notes = append(t.Notes, "socket errors and timeouts count as failed requests")
	}
	bad = min(bad, requests)
	p := surgecast.LoadPoint{
		Concurrency: unknown, P95MS: unknown, SpreadRPM: unknown, Seconds: seconds,
		OfferedRPM: perSecond * 60 * (1 + never/requests),
		ServedRPM:  perSecond * 60 * (1 - bad/requests),
		ErrorShare: (bad + never) / (requests + never),
	}
	if m := wrkUsers.FindSubmatch(body); m != nil {
		p.Concurrency = number(m[1])
	}
	best := 101.0
	for _, m := range wrkLatency.FindAllSubmatch(body, 50) {
		if level := number(m[1]); level >= 95 && level < best {
			best, p.P95MS = level, wrkSeconds(m[2], m[3])*1000
		}
	}
	switch {
	case best == 101:
		t.Notes = append(t.Notes, "no percentiles printed: answer times are not judged (run wrk with --latency)")
	case best > 95:
		t.Notes = append(t.Notes, "wrk prints no p95: its "+strconv.FormatFloat(best, 'f', -1, 64)+" % stands in, which is higher")
	}
	t.Points = []surgecast.LoadPoint{p}
	return t, nil
}

// wrkSeconds reads wrk's own units: us, ms, s, m (minutes), h.
func wrkSeconds(x, unit []byte) float64 {
	return number(x) * map[string]float64{"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}[string(unit)]
}

// number reads digits a pattern has matched; what is no number is NaN, which no check lets pass.
func number(b []byte) float64 {
	x, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	if err != nil {
		return unknown
	}
	return x
}
