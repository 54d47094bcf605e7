package x

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dghubble/go-twitter/twitter" //nolint:staticcheck // archived, and asked for: this transport keeps it working
)

// go-twitter writes and reads times of counts without a zone: they are UTC.
const periodLayout = "200601021504"

// maxAnswer bounds an answer: seven days of minutes are 1 MB.
const maxAnswer = 4 << 20

// transport is what go-twitter sends its requests through: it turns the one request we make of it,
// premium search counts, into version 2's counts/recent and the answer back. The library knows neither
// contexts nor deadlines, so both are carried here: a transport serves one request.
type transport struct {
	ctx    context.Context //nolint:containedctx // sling passes none, and a request must end with its Run
	base   string
	bearer string
	agent  string
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
	}
	if req.Method != http.MethodGet || !strings.HasPrefix(req.URL.Path, "/1.1/tweets/search/30day/") || !strings.HasSuffix(req.URL.Path, "/counts.json") {
		return nil, fmt.Errorf("%s %s has no counterpart in version 2 of X's API", req.Method, req.URL.Path)
	}
	in, out := req.URL.Query(), url.Values{}
	bucket := in.Get("bucket")
	if bucket != "minute" {
		return nil, fmt.Errorf("counts by %q: only minutes are asked for", bucket)
	}
	out.Set("query", in.Get("query"))
	out.Set("granularity", bucket)
	for from, to := range map[string]string{"fromDate": "start_time", "toDate": "end_time"} {
		if v := in.Get(from); v != "" {
			at, err := time.ParseInLocation(periodLayout, v, time.UTC)
			if err != nil {
				return nil, fmt.Errorf("%s of counts: %w", from, err)
			}
			out.Set(to, at.Format(time.RFC3339))
		}
	}
	u, err := url.Parse(strings.TrimSuffix(t.base, "/") + "/2/tweets/counts/recent?" + out.Encode())
	if err != nil {
		return nil, fmt.Errorf("address of X's API: %w", err)
	}
	v2, err := http.NewRequestWithContext(t.ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("asking X for counts: %w", err)
	}
	v2.Header.Set("Authorization", "Bearer "+t.bearer)
	v2.Header.Set("User-Agent", t.agent)
	v2.Header.Set("Accept", "application/json")
	resp, err := t.next.RoundTrip(v2)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("reading X's answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, errTooLong
	}
	if resp.StatusCode == http.StatusOK {
		body, err = countsToV1(body)
	} else {
		body, err = t.problemToV1(resp.StatusCode, body)
	}
	if err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength, resp.Uncompressed = io.NopCloser(bytes.NewReader(body)), int64(len(body)), false
	resp.Header.Set("Content-Type", "application/json")
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	resp.Header.Del("Content-Encoding")
	resp.TransferEncoding = nil
	resp.Request = req
	return resp, nil
}

var (
	errTooLong     = errors.New("the answer is longer than 4 MB")
	errUndecodable = errors.New("the answer is not the document of counts it should be")
)

// countsV2 is the answer of counts/recent.
type countsV2 struct {
	Data *[]struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
		Count *int64    `json:"tweet_count"`
	} `json:"data"`
	Meta *struct {
		Total int64 `json:"total_tweet_count"`
	} `json:"meta"`
	Errors []problemV2 `json:"errors"`
}

// countsToV1 turns counts/recent into the premium document. A bucket that is not one whole minute is left
// out: the newest ends where X's clock stood, and a part stored as a whole would be read as a fall.
func countsToV1(body []byte) ([]byte, error) {
	var v2 countsV2
	if err := json.Unmarshal(body, &v2); err != nil {
		return nil, fmt.Errorf("%w: %w", errUndecodable, err)
	}
	if v2.Data == nil && (v2.Meta == nil || len(v2.Errors) > 0) {
		return nil, errUndecodable
	}
	v1 := twitter.PremiumSearchCount{Results: []twitter.TweetCount{}}
	if v2.Meta != nil {
		v1.TotalCount = v2.Meta.Total
	}
	if v2.Data != nil {
		for _, b := range *v2.Data {
			if b.Count == nil || *b.Count < 0 || b.Start.IsZero() {
				return nil, fmt.Errorf("%w: a bucket without a count", errUndecodable)
			}
			start := b.Start.UTC() // an offset would be lost: the old form has no zone
			if !start.Equal(start.Truncate(time.Minute)) || b.End.Sub(b.Start) != time.Minute {
				continue
			}
			v1.Results = append(v1.Results, twitter.TweetCount{TimePeriod: start.Format(periodLayout), Count: *b.Count})
		}
	}
	return json.Marshal(v1)
}

// problemV2 is how version 2 says no, in one of its several forms.
type problemV2 struct {
	Title   string `json:"title"`
	Detail  string `json:"detail"`
	Type    string `json:"type"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Errors  []struct {
		Message string `json:"message"`
		Title   string `json:"title"`
		Detail  string `json:"detail"`
	} `json:"errors"`
}

// problemToV1 turns a refusal into the library's APIError, in words and without anything secret: a
// server may repeat what it was sent.
func (t *transport) problemToV1(status int, body []byte) ([]byte, error) {
	var p problemV2
	text := ""
	if json.Unmarshal(body, &p) == nil {
		for _, e := range p.Errors {
			text = firstOf(text, e.Message, e.Detail, e.Title)
		}
		text = firstOf(text, p.Detail, p.Message, p.Title)
	}
	text = firstOf(text, http.StatusText(status), "no reason given")
	if t.bearer != "" {
		text = strings.ReplaceAll(text, t.bearer, "(token)")
	}
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "…"
	}
	return json.Marshal(twitter.APIError{Errors: []twitter.ErrorDetail{{Code: status, Message: text}}})
}

func firstOf(texts ...string) string {
	for _, s := range texts {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return ""
}

// count asks for the minutes of a query from start on. resp is nil when there was no answer.
func (x *Counts) count(ctx context.Context, query string, start time.Time) (*twitter.PremiumSearchCount, *http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	next := x.cfg.Client.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	hc := &http.Client{
		Transport: &transport{ctx: ctx, base: x.cfg.BaseURL, bearer: x.cfg.Bearer, agent: x.cfg.UserAgent, next: next},
		// The API redirects nowhere; somebody else who answers in its place shall not get the token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	params := &twitter.PremiumSearchCountTweetParams{Query: query, Bucket: "minute", FromDate: start.UTC().Format(periodLayout)}
	counts, resp, err := twitter.NewClient(hc).PremiumSearch.Count30Days(params, "v2")
	if err != nil {
		var api twitter.APIError
		if errors.As(err, &api) {
			return nil, resp, err
		}
		var ue *url.Error
		if errors.As(err, &ue) { // its address is that of an API which is gone, and holds the whole query
			err = ue.Err
		}
		return nil, nil, err
	}
	return counts, resp, nil
}
