// Package prometheus reads a site's minutes from a Prometheus, or anything that answers its HTTP API
// (Thanos, Mimir, VictoriaMetrics).
//
// A minute's value is that of the query at the end of the minute: sum(increase(requests_total[1m])) at
// 12:01:00 is what happened in the minute that starts at 12:00. A minute without a point, or with NaN, is
// missing and never zero. Addresses and queries come from the configuration of whoever runs the service.
package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"surgecast"
)

const (
	// maxAnswer bounds a body: 10,000 points of one series are about 300 kB.
	maxAnswer = 8 << 20
	// maxPoints is below the 11,000 per series that Prometheus answers at most.
	maxPoints = 10_000
)

// errTooMuch marks answers that a shorter range may give: it timed out or loaded too many samples.
var errTooMuch = errors.New("the range is too long")

// client asks one server.
type client struct {
	endpoint string
	c        *Config
	http     *http.Client
}

type answer struct {
	Status    string   `json:"status"`
	ErrorType string   `json:"errorType"`
	Error     string   `json:"error"`
	Warnings  []string `json:"warnings"`
	Data      struct {
		ResultType string `json:"resultType"`
		Result     []struct {
			Metric map[string]string `json:"metric"`
			Values []point           `json:"values"`
		} `json:"result"`
	} `json:"data"`
}

// point is [seconds, "value"].
type point struct {
	at    int64
	value float64
}

func (p *point) UnmarshalJSON(b []byte) error {
	var pair [2]json.RawMessage
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	var at float64
	var text string
	if err := json.Unmarshal(pair[0], &at); err != nil {
		return err
	}
	if err := json.Unmarshal(pair[1], &text); err != nil {
		return err
	}
	v, err := strconv.ParseFloat(text, 64) // reads NaN and +Inf too
	if err != nil {
		return err
	}
	*p = point{int64(math.Round(at)), v}
	return nil
}

// queryRange gives the query's value at from, from+1min … to (inclusive, Unix seconds). Points that are
// not finite are left out. field names the query in errors.
func (cl *client) queryRange(ctx context.Context, field, query string, from, to int64) (map[int64]float64, []string, error) {
	wrong := func(remedy, format string, args ...any) error {
		return &surgecast.FieldError{Field: field, Value: shorten(query, 200), Detail: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	form := url.Values{
		"query": {query}, "step": {"60"},
		"start": {strconv.FormatInt(from, 10)}, "end": {strconv.FormatInt(to, 10)},
		"timeout": {fmt.Sprintf("%dms", cl.c.Timeout.Milliseconds())},
	}
	ctx, cancel := context.WithTimeout(ctx, cl.c.Timeout+2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, cl.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, nil, fmt.Errorf("asking Prometheus: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	switch {
	case cl.c.Token != "":
		req.Header.Set("Authorization", "Bearer "+cl.c.Token)
	case cl.c.User != "":
		req.SetBasicAuth(cl.c.User, cl.c.Password)
	}
	resp, err := cl.http.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the address, which may hold credentials
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s: %w: %w", cl.c.Timeout, errTooMuch, err)
		}
		return nil, nil, fmt.Errorf("asking Prometheus at %s for %s: %w", cl.c.host(), field, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil && errors.Is(err, context.DeadlineExceeded):
		return nil, nil, fmt.Errorf("asking Prometheus at %s for %s: the answer did not end within %s: %w", cl.c.host(), field, cl.c.Timeout, errTooMuch)
	case err != nil:
		return nil, nil, fmt.Errorf("reading Prometheus' answer for %s: %w", field, err)
	case len(body) > maxAnswer:
		return nil, nil, wrong("The query must give one series: wrap it in sum( ).", "the answer is larger than %d MiB", maxAnswer>>20)
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, nil, &surgecast.FieldError{
			Field: "url", Value: cl.c.host(), Detail: "Prometheus, or what stands before it, answered " + resp.Status,
			Remedy: "Set user and password_file, or token_file, of this site in the traffic file.",
		}
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, nil, &surgecast.FieldError{
			Field: "url", Value: cl.c.host(), Detail: "is redirected (" + resp.Status + "), which a query is not carried through",
			Remedy: "Give the address it leads to.",
		}
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil || a.Status == "" {
		return nil, nil, &surgecast.FieldError{
			Field: "url", Value: cl.c.host(), Detail: fmt.Sprintf("answers %s with something that is not Prometheus' JSON: %s", resp.Status, plain(body)),
			Remedy: "Give the address under which /api/v1/query_range lies, with its path prefix if there is one.",
		}
	}
	if a.Status != "success" {
		detail := fmt.Sprintf("Prometheus says %s: %s", a.ErrorType, shorten(a.Error, 400))
		switch {
		case a.ErrorType == "timeout" || strings.Contains(a.Error, "too many samples") || strings.Contains(a.Error, "maximum resolution"):
			return nil, nil, fmt.Errorf("%w: %w", wrong("Ask for less: a recording rule makes it cheap.", "%s", detail), errTooMuch)
		case a.ErrorType == "bad_data" || a.ErrorType == "execution":
			return nil, nil, wrong("Correct the query; Prometheus' own page shows what it gives.", "%s", detail)
		default:
			return nil, nil, fmt.Errorf("asking Prometheus at %s for %s: %s", cl.c.host(), field, detail)
		}
	}
	if a.Data.ResultType != "matrix" {
		return nil, nil, wrong("It must give numbers over time.", "gives a %s", shorten(a.Data.ResultType, 20))
	}
	if n := len(a.Data.Result); n > 1 {
		return nil, nil, wrong("Sum it: sum( … ) gives one.", "gives %d series where one is needed, for example %s and %s", n, labels(a.Data.Result[0].Metric), labels(a.Data.Result[1].Metric))
	}
	values := map[int64]float64{}
	for _, series := range a.Data.Result {
		for _, p := range series.Values {
			if !math.IsNaN(p.value) && !math.IsInf(p.value, 0) && p.at >= from && p.at <= to {
				values[p.at] = p.value
			}
		}
	}
	return values, a.Warnings, nil
}

// labels is a series' name for a person, cut short.
func labels(m map[string]string) string {
	b, err := json.Marshal(m)
	if err != nil {
		return "{}"
	}
	return shorten(string(b), 120)
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// plain is the beginning of a body that was not expected, on one line.
func plain(b []byte) string {
	b = bytes.ToValidUTF8(b[:min(len(b), 160)], []byte("?"))
	return strconv.Quote(string(bytes.Join(bytes.Fields(b), []byte(" "))))
}
