package prometheus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"surgecast"
	"surgecast/traffic"
)

// Queries are PromQL; each must give one series of values per minute.
type Queries struct {
	Requests string // of the minute before, e.g. sum(increase(http_requests_total[1m])); required
	Errors   string // of the minute before
	Rejected string // of the minute before: turned away to protect the site
	P95      string // time a request takes, in P95Unit
	Units    string // serving at the end of the minute
}

// Config says where one site's figures are.
type Config struct {
	URL      string // under which /api/v1/query_range lies
	User     string
	Password string
	Token    string // Bearer; wins over User

	Queries
	P95Unit  time.Duration      // of P95's values: time.Second or time.Millisecond
	Segments map[string]Queries // by the segment's slug

	Settle  time.Duration // a minute counts as complete so long after its end: at least the scrape interval
	History time.Duration // how far back the first contact reads
	Reread  int           // minutes read again at every poll, since late scrapes change them
	Timeout time.Duration // of one query

	Transport http.RoundTripper // nil: http.DefaultTransport
}

// Default fills in what was left open.
func (c *Config) Default() {
	if c.P95Unit == 0 {
		c.P95Unit = time.Second
	}
	if c.Settle == 0 {
		c.Settle = 15 * time.Second
	}
	if c.History == 0 {
		c.History = 28 * 24 * time.Hour
	}
	if c.Reread == 0 {
		c.Reread = 3
	}
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second
	}
}

// Check returns the first thing wrong as a FieldError.
func (c *Config) Check() error {
	bad := func(field, value, detail, remedy string) error {
		return &surgecast.FieldError{Field: field, Value: shorten(value, 80), Detail: detail, Remedy: remedy}
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return bad("url", "", "is not an address of HTTP", "For example http://127.0.0.1:9090.") // not shown: it may hold a password
	case u.User != nil:
		return bad("url", c.host(), "holds a user or a password", "Give them as user and password_file or password_env.")
	case u.RawQuery != "" || u.Fragment != "":
		return bad("url", c.host(), "has a query or a fragment", "Give the base address only.")
	case strings.TrimSpace(c.Requests) == "":
		return bad("requests", "", "is missing", "For example sum(increase(http_requests_total[1m])).")
	case c.Settle < 0 || c.Settle > 10*time.Minute:
		return bad("settle", c.Settle.String(), "is out of range", "Use 0s to 10m; a little more than the scrape interval is usual.")
	case c.History < 0 || c.History > 400*24*time.Hour:
		return bad("history", c.History.String(), "is out of range", "Use at most 9600h.")
	case c.Reread < 0 || c.Reread > 60:
		return bad("reread", fmt.Sprint(c.Reread), "is out of range", "Use 1 to 60 minutes.")
	case c.Timeout < time.Second || c.Timeout > 5*time.Minute:
		return bad("timeout", c.Timeout.String(), "is out of range", "Use 1s to 5m.")
	case len(c.Segments) > surgecast.MaxSegments:
		return bad("segments", fmt.Sprint(len(c.Segments)), "are too many", fmt.Sprintf("A site has at most %d.", surgecast.MaxSegments))
	}
	for name, q := range c.Segments {
		switch {
		case !surgecast.ValidSlug(name) || name == surgecast.TotalSegment:
			return bad("segments", name, "is not a segment's name", "Use 1 to 63 of a-z, 0-9 and -; total is the whole site.")
		case strings.TrimSpace(q.Requests) == "":
			return bad("segments."+name+".requests", "", "is missing", "Each segment needs a query of its requests.")
		}
	}
	return nil
}

// host is the address without anything that could be a secret.
func (c *Config) host() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "the configured address"
	}
	return u.Scheme + "://" + u.Host
}

// Reader asks minute by minute.
type Reader struct {
	c      Config
	cl     *client
	next   time.Time // first minute not yet asked for
	last   time.Time // newest minute that had requests
	from   time.Time // first minute this reader asked for
	points int       // of the longest range now asked for

	warning string // of the last answer
}

// Open makes a reader that goes on after what is known. It asks nothing yet.
func Open(c Config, known surgecast.Frontier, now time.Time) (*Reader, error) {
	c.Default()
	if err := c.Check(); err != nil {
		return nil, err
	}
	r := &Reader{c: c, points: maxPoints, next: now.Add(-c.History).Truncate(time.Minute), last: known.Last}
	if resume := known.Last.Add(time.Minute); !known.Last.IsZero() && resume.After(r.next) {
		r.next = resume
	}
	r.from = r.next
	r.cl = &client{
		endpoint: strings.TrimRight(c.URL, "/") + "/api/v1/query_range", c: &r.c,
		http: &http.Client{Transport: c.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	return r, nil
}

// Close has nothing to give back.
func (r *Reader) Close() error { return nil }

// Poll asks for the minutes that are over, and for the last few again.
func (r *Reader) Poll(ctx context.Context, now time.Time) (traffic.Batch, error) {
	end := now.Add(-r.c.Settle).Truncate(time.Minute) // the end of the newest minute that has settled
	if !r.next.Before(end) {                          // nothing is over since the last poll
		return traffic.Batch{Warning: r.warning}, nil
	}
	start := r.next.Add(-time.Duration(r.c.Reread) * time.Minute)
	stop := end
	if most := start.Add(time.Duration(r.points) * time.Minute); stop.After(most) {
		stop = most
	}
	b, err := r.minutes(ctx, start, stop)
	if errors.Is(err, errTooMuch) && r.points > 60 {
		r.points /= 4
		b.More = true
		return b, nil // the same again, in shorter pieces
	}
	if err != nil {
		return b, err
	}
	r.next = stop
	b.More = stop.Before(end)
	if b.Warning == "" && !b.More {
		b.Warning = r.silence(end)
	}
	r.warning = b.Warning
	return b, nil
}

// silence warns when the query of requests has given nothing for a while.
func (r *Reader) silence(end time.Time) string {
	since := r.last.Add(time.Minute)
	if since.Before(r.from) {
		since = r.from
	}
	if end.Sub(since) < 5*time.Minute {
		return ""
	}
	if r.last.IsZero() {
		return "Prometheus answers, but the query of requests has never given a value: does the metric exist, and does the range in brackets hold at least two scrapes?"
	}
	return fmt.Sprintf("Prometheus answers, but the query of requests has given no value since %s: is the site being scraped?", since.UTC().Format("2 January 15:04 UTC"))
}

// minutes asks for the minutes that start in [start, stop).
func (r *Reader) minutes(ctx context.Context, start, stop time.Time) (traffic.Batch, error) {
	b := traffic.Batch{Counts: map[string]int{}}
	type series struct {
		segment, prefix string
		q               Queries
	}
	all := []series{{surgecast.TotalSegment, "", r.c.Queries}}
	for name, q := range r.c.Segments {
		all = append(all, series{name, "segments." + name + ".", q})
	}
	for _, s := range all {
		get := func(field, query string) (map[int64]float64, error) {
			if strings.TrimSpace(query) == "" {
				return nil, nil
			}
			values, warnings, err := r.cl.queryRange(ctx, s.prefix+field, query, start.Add(time.Minute).Unix(), stop.Unix())
			if len(warnings) > 0 && b.Warning == "" {
				b.Warning = fmt.Sprintf("Prometheus warns about %s: %s", s.prefix+field, shorten(warnings[0], 300))
			}
			return values, err
		}
		requests, err := get("requests", s.q.Requests)
		if err != nil {
			return traffic.Batch{}, err
		}
		var rest [4]map[int64]float64
		for i, f := range []struct{ field, query string }{{"errors", s.q.Errors}, {"rejected", s.q.Rejected}, {"p95", s.q.P95}, {"units", s.q.Units}} {
			if len(requests) == 0 {
				break // no minute to put them in
			}
			if rest[i], err = get(f.field, f.query); err != nil {
				return traffic.Batch{}, err
			}
		}
		for m := start; m.Before(stop); m = m.Add(time.Minute) {
			at := m.Add(time.Minute).Unix()
			n, ok := requests[at]
			switch {
			case !ok:
				b.Counts["missing"]++
				continue
			case n < 0:
				b.Counts["negative"]++
				b.Warning = fmt.Sprintf("the query of %srequests gives a negative number, which is left out: it must count upwards", s.prefix)
				continue
			}
			b.Counts["counted"]++
			b.Rows = append(b.Rows, surgecast.TrafficMinute{
				Segment: s.segment, Minute: m, Requests: n,
				Errors: max(0, rest[0][at]), Rejected: max(0, rest[1][at]),
				P95MS:         max(0, rest[2][at]) * float64(r.c.P95Unit) / float64(time.Millisecond),
				UnitsObserved: int(math.Round(min(1e6, max(0, rest[3][at])))),
				Complete:      true,
			})
			if s.segment == surgecast.TotalSegment && m.After(r.last) {
				r.last = m
			}
		}
	}
	return b, nil
}
