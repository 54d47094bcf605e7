package rehearse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"surgecast"
)

// vegeta reads `vegeta report -type=json`; several reports after one another are several steps. Durations are
// nanoseconds, success is a share, rate is what was sent a second and throughput what was answered well.
func (f source) vegeta(body []byte) (surgecast.LoadTest, error) {
	type report struct {
		Latencies  map[string]float64 `json:"latencies"`
		Earliest   time.Time          `json:"earliest"`
		Duration   float64            `json:"duration"`
		Wait       float64            `json:"wait"`
		Requests   float64            `json:"requests"`
		Rate       float64            `json:"rate"`
		Throughput float64            `json:"throughput"`
		Success    *float64           `json:"success"`
	}
	var t surgecast.LoadTest
	dec := json.NewDecoder(bytes.NewReader(body))
	for n := 1; ; n++ {
		var r report
		line := 1 + bytes.Count(body[:min(int64(len(body)), dec.InputOffset())], []byte("\n"))
		err := dec.Decode(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var kind *json.UnmarshalTypeError
			if errors.As(err, &kind) {
				return t, f.bad(kind.Field, line, kind.Value, "is not of the kind vegeta writes", "Import what vegeta report -type=json wrote.")
			}
			return t, f.notJSON(body, err)
		}
		if n > surgecast.MaxLoadPoints {
			return t, f.bad("file", line, "", fmt.Sprintf("holds more than %d reports", surgecast.MaxLoadPoints), "Split it.")
		}
		switch {
		case r.Success == nil:
			return t, f.bad("success", line, "", "is missing", "Import what vegeta report -type=json wrote.")
		case !(*r.Success >= 0 && *r.Success <= 1):
			return t, f.bad("success", line, fmt.Sprint(*r.Success), "is not a share", "It lies between 0 and 1.")
		case r.Requests < 1 || !(r.Rate > 0):
			return t, f.bad("requests", line, fmt.Sprint(r.Requests), "shows no attack", "Import the report of an attack that ran.")
		case r.Duration < 0 || r.Wait < 0 || r.Throughput < 0:
			return t, f.bad("duration", line, fmt.Sprint(r.Duration), "is negative", "Import what vegeta report -type=json wrote.")
		}
		p := surgecast.LoadPoint{
			Concurrency: unknown, SpreadRPM: unknown, P95MS: unknown,
			OfferedRPM: r.Rate * 60, ServedRPM: r.Throughput * 60, ErrorShare: 1 - *r.Success, Seconds: r.Duration / 1e9,
		}
		if ns, ok := r.Latencies["95th"]; ok && ns >= 0 {
			p.P95MS = ns / 1e6
		}
		if t.RanAt.IsZero() || r.Earliest.Before(t.RanAt) {
			t.RanAt = r.Earliest
		}
		t.Points = append(t.Points, p)
	}
	return t, nil
}
