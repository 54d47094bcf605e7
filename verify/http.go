package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/tidwall/gjson"

	"surgecast"
)

// HTTP says how a metrics-api endpoint is read.
type HTTP struct {
	URL           string
	Key           string // sent as X-API-KEY; empty: none
	ValueLocation string // a path in JSON, or a selector of Prometheus text
	Format        string // json or prometheus
	Target        float64
	Current       int // units serving now; 0: not known

	Limit time.Duration // KEDA's client gives up after it: 3 s
	Watch time.Duration // how long to go on polling; 0: one reading
	Every time.Duration // between polls; the HPA asks every 15 s

	Client *http.Client
	Clock  surgecast.Clock
	Sleep  func(context.Context, time.Duration) error
}

// mostBody is what is read of an answer.
const mostBody = 1 << 20

// answer is one GET.
type answer struct {
	err    error // no answer at all
	status int
	header http.Header
	body   []byte
	took   time.Duration
}

// found is what stands at the value's location.
type found struct {
	kind  string // number, string, null, bool, object, missing, unreadable
	raw   string
	value float64
}

// Verify polls the endpoint as KEDA's metrics-api scaler does. The error is a wrong argument; an endpoint that cannot be
// reached is a report.
func (h HTTP) Verify(ctx context.Context) (*Report, error) {
	u, err := url.Parse(h.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &surgecast.FieldError{Field: "URL", Detail: "is not an http or https address", Remedy: "For example http://127.0.0.1:8080/v1/sites/shop/scale"}
	}
	if !(h.Target > 0) {
		return nil, &surgecast.FieldError{Field: "target", Detail: "must be above 0", Remedy: "KEDA refuses a targetValue of 0."}
	}
	if h.Format == "prometheus" {
		if _, _, err := selector(h.ValueLocation); err != nil {
			return nil, &surgecast.FieldError{Field: "value-location", Detail: err.Error(), Remedy: `For example surgecast_recommended_units{site="shop"}`}
		}
	}
	r := &Report{Target: h.URL, Kind: "metrics-api"}
	p := h.newPlay()
	first := h.get(ctx, h.URL, h.Key)
	second := h.get(ctx, h.URL, h.Key) // KEDA itself asks again at once after an error
	now := h.Clock()
	p.look(first, now)
	p.look(second, now)
	p.again(first, second)
	p.probes(ctx, u)
	hpa := &HPA{Target: h.Target, Replicas: h.Current}
	r.Readings = append(r.Readings, p.play(hpa, second, now))
	for end := now.Add(h.Watch); h.Clock().Add(h.Every).Before(end) || h.Clock().Add(h.Every).Equal(end); {
		if h.Sleep(ctx, h.Every) != nil {
			break // Ctrl-C: what was seen is still worth saying
		}
		a := h.get(ctx, h.URL, h.Key)
		if a.err != nil || a.status != http.StatusOK {
			a = h.get(ctx, h.URL, h.Key)
		}
		now := h.Clock()
		p.look(a, now)
		r.Readings = append(r.Readings, p.play(hpa, a, now))
	}
	p.missing()
	r.Rules = p.all()
	return r, nil //nolint:nilerr // an endpoint that fails is a finding, not a failure of this program
}

func (h HTTP) get(ctx context.Context, target, key string) answer {
	// Waits longer than KEDA would, to say how long it took.
	ctx, cancel := context.WithTimeout(ctx, 4*h.Limit)
	defer cancel()
	began := h.Clock()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return answer{err: err}
	}
	if key != "" {
		req.Header.Set("X-API-KEY", key)
	}
	res, err := h.Client.Do(req)
	if err != nil {
		return answer{err: err, took: h.Clock().Sub(began)}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, mostBody))
	return answer{err: err, status: res.StatusCode, header: res.Header, body: body, took: h.Clock().Sub(began)}
}

// play is the rules, and what has been seen so far.
type play struct {
	book
	h HTTP

	status, took, contentType, location, plain, finite, precision, repeat, whole, validUntil, noNumber, retryAfter, staleSame, staleAge, tolerance *Rule

	lastFresh *float64
}

func (h HTTP) newPlay() *play {
	p := &play{h: h}
	p.status = p.rule("status-200", "a usable value comes with status 200: KEDA takes 201 and 204 for errors")
	p.took = p.rule("answer-time", fmt.Sprintf("an answer comes within %s, where KEDA's client gives up", h.Limit))
	p.contentType = p.rule("content-type", "the content type says what the body is")
	p.location = p.rule("value-location", "valueLocation leads to a value")
	p.plain = p.rule("plain-number", "the value is a plain number: no string, null, bool or object")
	p.finite = p.rule("finite-not-negative", "the value is finite and not negative: KEDA makes zero of NaN, Inf and what is below zero")
	p.precision = p.rule("precision", "a value above zero is at least 0.0005: KEDA keeps three decimals")
	p.repeat = p.rule("asked-again", "asked again at once it answers the same")
	p.whole = p.rule("whole-units", "with a target of 1 the value is a whole number of units")
	p.validUntil = p.rule("valid-until", "a value is not older than the answer itself allows")
	p.noNumber = p.rule("error-no-number", "an error carries no number: ignorance is not a value")
	p.retryAfter = p.rule("retry-after", "a 503 says when to ask again")
	p.staleSame = p.rule("stale-unchanged", "a stale answer repeats the last fresh value")
	p.staleAge = p.rule("stale-says-age", "a stale answer says its age")
	p.tolerance = p.rule("tolerance", "a rise is large enough for the HPA to act on (10 %)")
	return p
}

func (h HTTP) find(body []byte) found {
	if h.Format == "prometheus" {
		return findSample(body, h.ValueLocation)
	}
	if !gjson.ValidBytes(body) {
		return found{kind: "unreadable", raw: "the body is not JSON"}
	}
	r := gjson.GetBytes(body, h.ValueLocation)
	f := found{raw: cut(r.Raw)}
	switch {
	case !r.Exists():
		f.kind = "missing"
	case r.Type == gjson.Number:
		f.kind, f.value = "number", r.Num
	case r.Type == gjson.String:
		f.kind = "string"
	case r.Type == gjson.Null:
		f.kind = "null"
	case r.Type == gjson.True || r.Type == gjson.False:
		f.kind = "bool"
	default:
		f.kind = "object"
	}
	return f
}

// look judges one answer.
func (p *play) look(a answer, now time.Time) {
	if a.err != nil {
		p.status.judge(false, "no answer: %v", a.err)
		if errors.Is(a.err, context.DeadlineExceeded) {
			p.took.judge(false, "no answer within %s", a.took.Round(time.Millisecond))
		}
		return
	}
	p.took.judge(a.took <= p.h.Limit, "%s", a.took.Round(100*time.Microsecond))
	f := p.h.find(a.body)
	if a.status >= 400 {
		p.refusal("the endpoint", a)
		if a.status < 500 {
			p.status.judge(false, "%d: KEDA gets an error for as long as this lasts", a.status)
		} else {
			p.status.want("%d, so no value was offered", a.status)
		}
		return
	}
	p.status.judge(a.status == http.StatusOK, "%d", a.status)
	p.mediaType(a)
	p.location.judge(f.kind != "missing" && f.kind != "unreadable", "%s: %s", p.h.ValueLocation, saw(f))
	if f.kind == "missing" || f.kind == "unreadable" {
		return
	}
	p.plain.judge(f.kind == "number", "%s", saw(f))
	if f.kind != "number" {
		return
	}
	usable := !math.IsNaN(f.value) && !math.IsInf(f.value, 0) && f.value >= 0
	p.finite.judge(usable, "%s", f.raw)
	if !usable {
		return
	}
	p.precision.judge(f.value == 0 || f.value >= .0005, "%s", f.raw)
	if p.h.Target == 1 {
		p.whole.judge(f.value == math.Trunc(f.value), "%s", f.raw)
	}
	p.extras(a.body, f.value, now)
}

// extras judges what an answer says of itself beside its value, where it does.
func (p *play) extras(body []byte, value float64, now time.Time) {
	if p.h.Format == "prometheus" {
		return
	}
	if until, err := time.Parse(time.RFC3339, gjson.GetBytes(body, "valid_until").String()); err == nil {
		p.validUntil.judge(!now.After(until), "valid until %s, asked at %s", until.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if !isStale(body) {
		p.lastFresh = &value
		return
	}
	age := gjson.GetBytes(body, "age_seconds")
	p.staleAge.judge(age.Type == gjson.Number && age.Num > 0, "age_seconds %s", orNothing(age.Raw))
	if p.lastFresh != nil {
		p.staleSame.judge(*p.lastFresh == value, "%s after a fresh %s", number(value), number(*p.lastFresh))
	}
}

func (p *play) mediaType(a answer) {
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	ok := err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
	if p.h.Format == "prometheus" {
		ok = err == nil && (kind == "text/plain" || kind == "application/openmetrics-text")
	}
	p.contentType.judge(ok, "%s", orNothing(a.header.Get("Content-Type")))
}

func (p *play) again(a, b answer) {
	if a.err != nil || b.err != nil || a.status != b.status {
		if a.err == nil && b.err == nil {
			p.repeat.judge(false, "%d, then %d", a.status, b.status)
		}
		return
	}
	x, y := p.h.find(a.body), p.h.find(b.body)
	same := x.kind == y.kind && (x.value == y.value || x.raw == y.raw)
	p.repeat.judge(same, "%s, then %s", saw(x), saw(y))
}

// probes asks what must be refused: a path that leads nowhere, and a key nobody has.
func (p *play) probes(ctx context.Context, u *url.URL) {
	nowhere := *u
	nowhere.Path = strings.TrimSuffix(u.Path, "/") + "-verify-scaler-unknown"
	p.refusal("a path that leads nowhere", p.h.get(ctx, nowhere.String(), p.h.Key))
	if p.h.Key != "" {
		p.refusal("a key nobody has", p.h.get(ctx, u.String(), "verify-scaler-unknown"))
	}
}

func (p *play) refusal(what string, a answer) {
	if a.err != nil {
		return
	}
	f := p.h.find(a.body)
	if a.status < 400 {
		p.noNumber.judge(f.kind != "number", "%s: %d with %s", what, a.status, saw(f))
		return
	}
	p.noNumber.judge(f.kind != "number" && f.kind != "string", "%s: %d with %s", what, a.status, saw(f))
	if a.status == http.StatusServiceUnavailable {
		p.retryAfter.judge(a.header.Get("Retry-After") != "", "Retry-After %s", orNothing(a.header.Get("Retry-After")))
	}
}

// play is what the HPA makes of an answer.
func (p *play) play(hpa *HPA, a answer, now time.Time) Reading {
	r := Reading{At: now.UTC(), Status: "no answer"}
	if a.err == nil {
		r.Status = fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
	}
	f := p.h.find(a.body)
	if a.err != nil || a.status != http.StatusOK || f.kind != "number" || a.took > p.h.Limit {
		r.Did, r.Replicas = hpa.Fail(), hpa.Replicas
		return r
	}
	r.Stale = p.h.Format != "prometheus" && isStale(a.body)
	if !math.IsNaN(f.value) && !math.IsInf(f.value, 0) {
		r.Value = &f.value
		// Only a rise: a fall that is held back leaves more than was asked for.
		if serve := float64(hpa.Replicas) * hpa.Target; p.h.Current > 0 && f.value > serve {
			p.tolerance.judge(f.value/serve-1 > Tolerance+1e-9, "%s while %d replicas serve %s: %+.1f %%", number(f.value), hpa.Replicas, number(serve), 100*(f.value/serve-1))
		}
	}
	r.Did = hpa.Observe(f.value)
	r.Replicas = hpa.Replicas
	return r
}

// missing says of what was not seen what would show it.
func (p *play) missing() {
	p.contentType.want("no value was offered")
	p.location.want("no value was offered")
	p.plain.want("no value was offered")
	p.finite.want("no number was offered")
	p.precision.want("no number was offered")
	p.repeat.want("two answers in a row did not come")
	p.whole.want("only with a target of 1 and a number")
	p.validUntil.want("the answer has no valid_until in RFC 3339")
	p.noNumber.want("no error came")
	p.retryAfter.want("no 503 came; stop what feeds the endpoint and use --watch")
	p.staleSame.want("no stale answer after a fresh one; stop what feeds the endpoint and use --watch")
	p.staleAge.want("no answer said stale: true")
	p.tolerance.want("say with --current how many units serve now; no more than them is nothing to act on")
	p.took.want("no answer came")
	p.status.want("no answer came")
}

func isStale(body []byte) bool { return gjson.GetBytes(body, "stale").Type == gjson.True }

func saw(f found) string {
	switch f.kind {
	case "missing", "unreadable":
		if f.raw != "" {
			return f.raw
		}
		return "nothing is there"
	}
	return f.kind + " " + f.raw
}

func orNothing(s string) string {
	if s == "" {
		return "is missing"
	}
	return cut(s)
}

func cut(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// findSample reads Prometheus text as KEDA does: a gauge, counter or untyped sample whose labels are those of the
// selector, compared by exact text.
func findSample(body []byte, location string) found {
	name, labels, err := selector(location)
	if err != nil {
		return found{kind: "unreadable", raw: err.Error()}
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(strings.TrimRight(string(body), "\n") + "\n"))
	if err != nil {
		return found{kind: "unreadable", raw: cut("not Prometheus text: " + err.Error())}
	}
	for _, m := range families[name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		match := true
		for k, v := range labels {
			match = match && has[k] == v
		}
		if !match {
			continue
		}
		sample := func(x float64) found { return found{kind: "number", raw: fmt.Sprint(x), value: x} }
		switch {
		case m.Gauge != nil:
			return sample(m.GetGauge().GetValue())
		case m.Counter != nil:
			return sample(m.GetCounter().GetValue())
		case m.Untyped != nil:
			return sample(m.GetUntyped().GetValue())
		}
		return found{kind: "object", raw: "neither gauge, counter nor untyped"}
	}
	return found{kind: "missing"}
}

// selector reads name{label="value",…}.
func selector(s string) (name string, labels map[string]string, err error) {
	name, rest, has := strings.Cut(strings.TrimSpace(s), "{")
	if name == "" {
		return "", nil, errors.New("a Prometheus selector begins with a metric's name")
	}
	labels = map[string]string{}
	if !has {
		return name, labels, nil
	}
	rest, ok := strings.CutSuffix(rest, "}")
	if !ok {
		return "", nil, errors.New("the selector's } is missing")
	}
	for part := range strings.SplitSeq(rest, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		k, v, ok := strings.Cut(part, "=")
		v = strings.TrimSpace(v)
		if !ok || len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
			return "", nil, fmt.Errorf("%q is not label=\"value\"", part)
		}
		labels[strings.TrimSpace(k)] = v[1 : len(v)-1]
	}
	return name, labels, nil
}
