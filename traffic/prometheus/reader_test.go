package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"surgecast"
	"surgecast/traffic"
)

var noon = time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)

// server answers query_range with what value says of a query at the end of a minute; "" is no point. It
// refuses more than 11,000 points, as Prometheus does.
func server(t *testing.T, value func(query string, at int64) string) (*httptest.Server, *int) {
	t.Helper()
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path != "/api/v1/query_range" || r.Method != http.MethodPost || r.FormValue("step") != "60" {
			t.Errorf("asked %s %s step %q", r.Method, r.URL.Path, r.FormValue("step"))
		}
		from, _ := strconv.ParseInt(r.FormValue("start"), 10, 64)
		to, _ := strconv.ParseInt(r.FormValue("end"), 10, 64)
		if from%60 != 0 || to%60 != 0 {
			t.Errorf("asked from %d to %d: not the ends of minutes", from, to)
		}
		if (to-from)/60 >= 11_000 {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries."}`)
			return
		}
		points := [][2]any{}
		for at := from; at <= to; at += 60 {
			if v := value(r.FormValue("query"), at); v != "" {
				points = append(points, [2]any{at, v})
			}
		}
		result := []any{}
		if len(points) > 0 {
			result = append(result, map[string]any{"metric": map[string]string{}, "values": points})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": result}})
	}))
	t.Cleanup(s.Close)
	return s, &asked
}

func drain(t *testing.T, r *Reader, now time.Time) (rows []surgecast.TrafficMinute, last traffic.Batch) {
	t.Helper()
	for range 100 {
		b, err := r.Poll(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, b.Rows...)
		if last = b; !b.More {
			return rows, last
		}
	}
	t.Fatal("never done")
	return nil, last
}

// The value at the end of a minute is the minute's. NaN, infinite and absent ones are missing; errors
// without a point are none. History comes in pieces the server accepts, and only the last minutes again.
// Fails when: minutes() asks at m instead of m+1; NaN becomes 0; next is not moved on.
func TestMinutes(t *testing.T) {
	missing := map[int64]string{noon.Add(-10 * time.Minute).Unix(): "NaN", noon.Add(-20 * time.Minute).Unix(): "+Inf", noon.Add(-30 * time.Minute).Unix(): ""}
	s, asked := server(t, func(q string, at int64) string {
		if v, ok := missing[at]; ok && q == "r" {
			return v
		}
		switch q {
		case "r":
			return fmt.Sprintf("%d.5", at/60%1000)
		case "e":
			if at == noon.Unix() {
				return "7"
			}
		case "p":
			return "0.25"
		case "u":
			return "3"
		}
		return ""
	})
	c := Config{URL: s.URL, Queries: Queries{Requests: "r", Errors: "e", P95: "p", Units: "u"}, Segments: map[string]Queries{"cart": {Requests: "r"}}}
	now := noon.Add(20 * time.Second)
	r, err := Open(c, surgecast.Frontier{}, now)
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := drain(t, r, now)
	got := map[string]map[int64]surgecast.TrafficMinute{"total": {}, "cart": {}}
	for _, row := range rows {
		got[row.Segment][row.Minute.Unix()] = row
	}
	all := 28*24*60 + 3 // re-read minutes before the beginning of history included
	if n := len(got["total"]); n < all-6 || n > all-3 {
		t.Errorf("%d minutes of history, want about %d", n, all-3)
	}
	newest := got["total"][noon.Add(-time.Minute).Unix()]
	if want := float64(noon.Unix()/60%1000) + .5; newest.Requests != want || newest.Errors != 7 || newest.P95MS != 250 || newest.UnitsObserved != 3 || !newest.Complete {
		t.Errorf("the minute before noon: %+v, want %g requests", newest, want)
	}
	if e := got["total"][noon.Add(-2*time.Minute).Unix()].Errors; e != 0 {
		t.Errorf("no point of errors gives %g", e)
	}
	for at := range missing {
		if row, ok := got["total"][at-60]; ok {
			t.Errorf("a minute without a number is told as %+v", row)
		}
	}
	before := *asked
	if rows, _ := drain(t, r, now.Add(30*time.Second)); len(rows) != 0 || *asked != before {
		t.Errorf("nothing is over, and %d rows come of %d questions", len(rows), *asked-before)
	}
	rows, _ = drain(t, r, now.Add(time.Minute))
	if len(rows) != 8 { // three minutes again and the new one, in two segments
		t.Errorf("a minute later: %d rows, want 8", len(rows))
	}
	known := surgecast.Frontier{First: noon.Add(-time.Hour), Last: noon.Add(-10 * time.Minute)}
	if r, err = Open(c, known, now); err != nil {
		t.Fatal(err)
	}
	rows, _ = drain(t, r, now)
	// 11:50 is known: 11:48 (three again) to 11:59 are twelve, without 11:49, whose value at 11:50 is NaN.
	n := 0
	for _, row := range rows {
		if row.Segment == "total" {
			n++
		}
	}
	if n != 12-1 {
		t.Errorf("after a pause of ten minutes: %d minutes, want 11", n)
	}
}

// What is wrong is told by field and in words, and never with a secret.
// Fails when: two series are added up; the token stands in an error; an endless body is read to its end.
func TestWrongAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		field  string
		says   []string
	}{
		{"several series", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"pod":"a"},"values":[[60,"1"]]},{"metric":{"pod":"b"},"values":[[60,"1"]]}]}}`)
		}, "requests", []string{"2 series", "Sum it", "pod"}},
		{"bad query", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error"}`)
		}, "requests", []string{"bad_data", "parse error", "Correct the query"}},
		{"unavailable", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"status":"error","errorType":"unavailable","error":"TSDB not ready"}`)
		}, "", []string{"unavailable", "TSDB not ready"}},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>\n<h1>Grafana</h1>") }, "url", []string{"not Prometheus", "<h1>Grafana", "path prefix"}},
		{"no access", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "url", []string{"401", "token_file"}},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, "url", []string{"redirected", "address it leads to"}},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.CopyN(w, strings.NewReader(strings.Repeat(" ", 40<<20)), 40<<20)
		}, "requests", []string{"larger than", "sum("}},
		{"not a matrix", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
		}, "requests", []string{"vector"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(tt.answer))
			defer s.Close()
			r, err := Open(Config{URL: s.URL, Token: "very-secret", Queries: Queries{Requests: "up"}}, surgecast.Frontier{Last: noon.Add(-time.Hour)}, noon)
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.Poll(t.Context(), noon)
			if err == nil {
				t.Fatal("no error")
			}
			var fe *surgecast.FieldError
			if errors.As(err, &fe) != (tt.field != "") || fe != nil && fe.Field != tt.field {
				t.Errorf("field of %v, want %q", err, tt.field)
			}
			for _, word := range tt.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
			if strings.Contains(err.Error(), "very-secret") {
				t.Errorf("tells the token: %v", err)
			}
		})
	}
}

// A range that times out is asked for in shorter pieces; a server that never answers is left after the timeout.
// Fails when: errTooMuch is not looked for.
func TestTooMuch(t *testing.T) {
	longest := int64(0)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.ParseInt(r.FormValue("start"), 10, 64)
		to, _ := strconv.ParseInt(r.FormValue("end"), 10, 64)
		if to-from > 86400 {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}`)
			return
		}
		longest = max(longest, to-from)
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[%d,"1"]]}]}}`, to)
	}))
	defer s.Close()
	r, err := Open(Config{URL: s.URL, Queries: Queries{Requests: "up"}}, surgecast.Frontier{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if rows, _ := drain(t, r, noon); len(rows) < 28 || longest == 0 {
		t.Errorf("%d pieces, the longest %d s", len(rows), longest)
	}

	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hang.Close()
	if r, err = Open(Config{URL: hang.URL, Queries: Queries{Requests: "up"}, Timeout: time.Second}, surgecast.Frontier{Last: noon.Add(-10 * time.Minute)}, noon); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r.points = 60 // no shorter pieces are left
	if _, err := r.Poll(ctx, noon); err == nil || !strings.Contains(err.Error(), "within 1s") || ctx.Err() != nil {
		t.Errorf("a server that does not answer: %v", err)
	}
}

// Credentials are sent as configured; a configuration that cannot work is refused before anything is asked.
// Fails when: Check lets a password in the address pass.
func TestConfiguration(t *testing.T) {
	var seen string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization")
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
	}))
	defer s.Close()
	for want, c := range map[string]Config{"Bearer abc": {Token: "abc"}, "Basic dTpw": {User: "u", Password: "p"}, "": {}} {
		c.URL, c.Requests = s.URL, "up"
		r, err := Open(c, surgecast.Frontier{}, noon)
		if err != nil {
			t.Fatal(err)
		}
		_, b := drain(t, r, noon)
		if seen != want {
			t.Errorf("sent %q, want %q", seen, want)
		}
		if !strings.Contains(b.Warning, "never given a value") {
			t.Errorf("a query without values: warning %q", b.Warning)
		}
	}
	ok := Queries{Requests: "up"}
	for field, c := range map[string]Config{
		"url":                 {URL: "http://u:hidden@x", Queries: ok},
		"requests":            {URL: "http://x"},
		"settle":              {URL: "http://x", Queries: ok, Settle: time.Hour},
		"segments":            {URL: "http://x", Queries: ok, Segments: map[string]Queries{"total": ok}},
		"segments.a.requests": {URL: "http://x", Queries: ok, Segments: map[string]Queries{"a": {}}},
	} {
		_, err := Open(c, surgecast.Frontier{}, noon)
		var fe *surgecast.FieldError
		if !errors.As(err, &fe) || fe.Field != field || fe.Remedy == "" || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
