package notify_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"surgecast"
	"surgecast/notify"
)

const (
	pagerKey  = "R0123456789abcdef0123456789ABCDE"
	slackPath = "/services/T0000000/B0000000/SLACKSECRETPATH"
	public    = "https://surge.example.com"
)

// other is a receiver of another format: it keeps what it is sent and answers as it is told.
type other struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	header http.Header
	path   string
	answer func(http.ResponseWriter)
}

func newOther(t *testing.T, answer func(http.ResponseWriter)) *other {
	t.Helper()
	o := &other{answer: answer}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		o.mu.Lock()
		o.bodies, o.header, o.path = append(o.bodies, string(b)), r.Header.Clone(), r.URL.Path
		o.mu.Unlock()
		if o.answer != nil {
			o.answer(w)
		}
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *other) last(t *testing.T) string {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.bodies) == 0 {
		t.Fatal("nothing arrived")
	}
	return o.bodies[len(o.bodies)-1]
}

func (o *other) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.bodies)
}

// endpoint registers one of a format as the api does: what is secret is sealed.
func (b *bench) endpoint(t *testing.T, f surgecast.Format, url string) surgecast.Webhook {
	t.Helper()
	seal := func(plain []byte) []byte {
		sealed, err := notify.Seal(b.key, plain)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	w := surgecast.Webhook{ID: surgecast.NewID("whk_"), AccountID: 1, URL: url, Format: f}
	switch f {
	case surgecast.FormatSlack:
		w.URL, w.SealedURL = "http://hooks.slack.example", seal([]byte(url+slackPath))
	case surgecast.FormatPagerDuty:
		w.Secrets = [][]byte{seal([]byte(pagerKey))}
	default:
		w.Secrets = [][]byte{seal(b.secret)}
	}
	b.store.webhooks[w.ID] = w
	return w
}

// episode is a message of an overload as the engine writes it.
func episode(kind string, change func(map[string]any)) []byte {
	data := map[string]any{
		"schema": 1, "surge_id": "srg_1", "kind": "overload", "site": "museum", "segment": "total", "state": "alert", "from": "watch",
		"at": "2026-11-21T21:39:00Z", "opened_at": "2026-11-21T21:30:00Z", "alert_at": "2026-11-21T21:39:00Z", "act_by": "2026-11-21T22:01:00Z",
		"probability": .63, "shown_percent": "60–70 %", "demand_rpm": 41234.5, "capacity_rpm": 52000, "units_now": 6, "would_be_units": 13,
		"headline": "Add 7 units by 23:01.", "sentence": "Demand may pass <capacity> & more.", "forecast_id": "fct_1", "simulated": false,
	}
	if change != nil {
		change(data)
	}
	body, err := json.Marshal(map[string]any{"type": kind, "timestamp": "2026-11-21T21:40:00Z", "data": data})
	if err != nil {
		panic(err)
	}
	return body
}

// say delivers a message of a format and answers what arrived.
func (b *bench) say(t *testing.T, o *other, f surgecast.Format, kind string, change func(map[string]any)) string {
	t.Helper()
	d := b.message(b.endpoint(t, f, o.URL), kind)
	d.Body = episode(kind, change)
	b.store.put(d)
	if _, err := b.Deliver(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	if got := b.store.get(d.ID); got.Status != surgecast.DeliveryDelivered {
		t.Fatalf("%s to %s: %s, %+v", kind, f, got.Status, b.store.log(d.ID))
	}
	return o.last(t)
}

func newFormats(t *testing.T) *bench {
	return newBench(t, func(c *notify.Config) { c.Allow, c.Public = loopback, public })
}

func want(t *testing.T, body string, paths map[string]string) {
	t.Helper()
	for path, w := range paths {
		if got := gjson.Get(body, path).String(); got != w {
			t.Errorf("%s is %q, want %q in\n%s", path, got, w, body)
		}
	}
}

// The body satisfies Standard Webhooks and CloudEvents 1.0.2 at once; who asked for CloudEvents gets their Content-Type.
func TestStandardIsACloudEvent(t *testing.T) {
	b, o := newFormats(t), newOther(t, nil)
	for f, ct := range map[surgecast.Format]string{surgecast.FormatStandard: "application/json", surgecast.FormatCloudEvents: "application/cloudevents+json"} {
		body := b.say(t, o, f, surgecast.TypeSurgeOpened, nil)
		if got := o.header.Get("Content-Type"); got != ct {
			t.Errorf("%s: Content-Type %s, want %s", f, got, ct)
		}
		want(t, body, map[string]string{
			"specversion": "1.0", "id": o.header.Get("webhook-id"), "source": public + "/sites/museum", "type": "surge.opened", "subject": "srg_1",
			"time": "2026-11-21T21:40:00Z", "timestamp": "2026-11-21T21:40:00Z", "data.schema": "1", "data.site": "museum",
		})
	}
}

// An episode is one alert of each severity with labels that stay, so what fires is what resolves; numbers are in annotations only.
// Fails when: a label changes with the state (severity critical carries it), or EndsAt stays zero at the end.
func TestAlertmanagerFiresAndResolves(t *testing.T) {
	b, o := newFormats(t), newOther(t, nil)
	firing := b.say(t, o, surgecast.FormatAlertmanager, surgecast.TypeSurgeLevelChanged, nil)
	want(t, firing, map[string]string{
		"version": "4", "status": "firing", "receiver": "surgecast", "alerts.#": "2", "externalURL": public + "/", "commonLabels.alertname": "SurgecastOverload",
		"alerts.0.labels.severity": "warning", "alerts.1.labels.severity": "critical", "alerts.0.startsAt": "2026-11-21T21:30:00Z", "alerts.1.startsAt": "2026-11-21T21:39:00Z",
		"alerts.0.endsAt": "0001-01-01T00:00:00Z", "alerts.1.annotations.demand_rpm": "41234.5", "alerts.0.generatorURL": public + "/sites/museum",
		"groupKey": `{}:{alertname="SurgecastOverload", segment="total", site="museum", surge="srg_1"}`,
	})
	closed := b.say(t, o, surgecast.FormatAlertmanager, surgecast.TypeSurgeClosed, func(d map[string]any) { d["state"], d["from"] = "calm", "recovery" })
	want(t, closed, map[string]string{"status": "resolved", "alerts.#": "2", "alerts.0.status": "resolved", "alerts.1.status": "resolved", "alerts.0.endsAt": "2026-11-21T21:40:00Z"})
	for _, i := range []string{"0", "1"} {
		if f := "alerts." + i + ".fingerprint"; gjson.Get(firing, f).String() != gjson.Get(closed, f).String() || len(gjson.Get(closed, f).String()) != 16 {
			t.Errorf("alert %s resolves as another one", i)
		}
	}
	gjson.Get(firing, "alerts").ForEach(func(_, a gjson.Result) bool {
		a.Get("labels").ForEach(func(k, v gjson.Result) bool {
			if strings.ContainsAny(v.String(), "0123456789") && k.String() != "surge" {
				t.Errorf("label %s=%s holds a number", k, v)
			}
			return true
		})
		return true
	})
	recovery := b.say(t, o, surgecast.FormatAlertmanager, surgecast.TypeSurgeLevelChanged, func(d map[string]any) { d["state"], d["from"] = "recovery", "over_capacity" })
	want(t, recovery, map[string]string{"status": "firing", "alerts.0.status": "firing", "alerts.1.status": "resolved"})
}

// The fingerprint is Prometheus's own of the same labels: the value was computed with common/model LabelSet.Fingerprint's
// definition by hand for one label a="b": FNV-1a 64 of 61 ff 62 ff.
func TestFingerprint(t *testing.T) {
	h := uint64(14695981039346656037)
	for _, c := range []byte{'a', 0xff, 'b', 0xff} {
		h = (h ^ uint64(c)) * 1099511628211
	}
	if got := notify.Fingerprint(map[string]string{"a": "b"}); got != hex16(h) {
		t.Errorf("%s, want %s", got, hex16(h))
	}
}

func hex16(x uint64) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 16)
	for i := range out {
		out[15-i] = digits[x&15]
		x >>= 4
	}
	return string(out)
}

// One incident from trigger over acknowledgement to resolution, under one key. Fails when: dedupKey holds the delivery or the state.
func TestPagerDutyIsOneIncident(t *testing.T) {
	b, o := newFormats(t), newOther(t, func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) })
	trigger := b.say(t, o, surgecast.FormatPagerDuty, surgecast.TypeSurgeOpened, nil)
	want(t, trigger, map[string]string{
		"routing_key": pagerKey, "event_action": "trigger", "dedup_key": "surge:museum:srg_1", "payload.severity": "critical", "payload.source": "museum",
		"payload.summary": "museum: Add 7 units by 23:01.", "links.0.href": public + "/sites/museum", "payload.custom_details.would_be_units": "13",
	})
	for state, severity := range map[string]string{"watch": "warning", "over_capacity": "critical", "failing": "critical", "recovery": "info", "cannot_tell": "warning"} {
		body := b.say(t, o, surgecast.FormatPagerDuty, surgecast.TypeSurgeLevelChanged, func(d map[string]any) { d["state"] = state })
		want(t, body, map[string]string{"event_action": "trigger", "payload.severity": severity, "dedup_key": "surge:museum:srg_1"})
	}
	want(t, b.say(t, o, surgecast.FormatPagerDuty, surgecast.TypeSurgeAcknowledged, nil), map[string]string{"event_action": "acknowledge", "dedup_key": "surge:museum:srg_1", "payload": ""})
	want(t, b.say(t, o, surgecast.FormatPagerDuty, surgecast.TypeSurgeClosed, nil), map[string]string{"event_action": "resolve", "dedup_key": "surge:museum:srg_1", "routing_key": pagerKey})
	silent := func(d map[string]any) { delete(d, "surge_id") }
	want(t, b.say(t, o, surgecast.FormatPagerDuty, surgecast.TypeForecastStale, silent), map[string]string{"event_action": "trigger", "dedup_key": "stale:museum"})
	want(t, b.say(t, o, surgecast.FormatPagerDuty, surgecast.TypeForecastResumed, silent), map[string]string{"event_action": "resolve", "dedup_key": "stale:museum"})
	if o.header.Get("webhook-signature") != "" {
		t.Error("a signature with the routing key as its secret")
	}
}

func TestSlackMessage(t *testing.T) {
	b, o := newFormats(t), newOther(t, func(w http.ResponseWriter) { _, _ = io.WriteString(w, "ok") })
	body := b.say(t, o, surgecast.FormatSlack, surgecast.TypeSurgeOpened, nil)
	want(t, body, map[string]string{
		"text": "museum: Add 7 units by 23:01.", "blocks.0.type": "header", "blocks.1.text.text": "Demand may pass &lt;capacity&gt; &amp; more.", "blocks.2.type": "context",
	})
	if o.path != slackPath {
		t.Errorf("posted to %s", o.path)
	}
}

// Promise 7: what is simulated says so in every format, in the line people read. Fails when: title() leaves the mark out.
func TestPromise7SimulatedSaysSoInEveryFormat(t *testing.T) {
	b, o := newFormats(t), newOther(t, nil)
	for f, path := range map[surgecast.Format]string{
		surgecast.FormatStandard: "data.simulated", surgecast.FormatCloudEvents: "data.simulated", surgecast.FormatAlertmanager: "alerts.0.annotations.summary",
		surgecast.FormatPagerDuty: "payload.summary", surgecast.FormatSlack: "text",
	} {
		for _, kind := range []string{surgecast.TypeSurgeOpened, surgecast.TypeForecastStale} {
			body := b.say(t, o, f, kind, func(d map[string]any) { d["simulated"] = true })
			if got := gjson.Get(body, path).String(); got != "true" && !strings.HasPrefix(got, "[simulated] ") {
				t.Errorf("%s of %s: %s is %q", f, kind, path, got)
			}
		}
	}
}

// Whatever the words, the bounds of each service hold; a test message has a shape in every format, and what a format does
// not carry is not sent. Fails when: cut is left out of a format.
func TestBoundsOfFormats(t *testing.T) {
	b, o := newFormats(t), newOther(t, nil)
	long := func(d map[string]any) {
		d["headline"], d["sentence"] = strings.Repeat("ü<&>", 2000), strings.Repeat("<&>é", 4000)
	}
	pager := b.say(t, o, surgecast.FormatPagerDuty, surgecast.TypeSurgeOpened, long)
	chat := b.say(t, o, surgecast.FormatSlack, surgecast.TypeSurgeOpened, long)
	for _, c := range []struct {
		body, path string
		most       int
	}{{pager, "payload.summary", 1024}, {chat, "blocks.0.text.text", 150}, {chat, "blocks.1.text.text", 3000}, {chat, "text", 3000}} {
		if n := utf8.RuneCountInString(gjson.Get(c.body, c.path).String()); n == 0 || n > c.most {
			t.Errorf("%s has %d characters, want 1 to %d", c.path, n, c.most)
		}
	}
	for _, f := range surgecast.Formats() {
		if body := b.say(t, o, f, surgecast.TypeTest, nil); body == "" {
			t.Errorf("no test in %s", f)
		}
		for _, kind := range f.Types() {
			if kind == surgecast.TypeRecommendationChanged {
				t.Errorf("%s hears every step of a scaler by itself", f)
			}
		}
	}
	before := o.count()
	d := b.message(b.endpoint(t, surgecast.FormatPagerDuty, o.URL), surgecast.TypeRecommendationChanged)
	if _, err := b.Deliver(t.Context(), d.ID); err != nil || o.count() != before || b.store.get(d.ID).Status != surgecast.DeliveryFailed {
		t.Errorf("an instruction paged somebody: %v, %+v", err, b.store.log(d.ID))
	}
}

// What each service's answers mean (SCALERS 1.7 to 1.9).
func TestAnswersOfFormats(t *testing.T) {
	for _, c := range []struct {
		format surgecast.Format
		code   int
		want   surgecast.DeliveryStatus
		off    bool
	}{
		{surgecast.FormatPagerDuty, 202, surgecast.DeliveryDelivered, false},
		{surgecast.FormatPagerDuty, 400, surgecast.DeliveryFailed, false},
		{surgecast.FormatPagerDuty, 404, surgecast.DeliveryFailed, false},
		{surgecast.FormatPagerDuty, 410, surgecast.DeliveryFailed, false},
		{surgecast.FormatPagerDuty, 429, surgecast.DeliveryPending, false},
		{surgecast.FormatPagerDuty, 503, surgecast.DeliveryPending, false},
		{surgecast.FormatSlack, 200, surgecast.DeliveryDelivered, false},
		{surgecast.FormatSlack, 403, surgecast.DeliveryFailed, false},
		{surgecast.FormatSlack, 404, surgecast.DeliveryFailed, true},
		{surgecast.FormatSlack, 410, surgecast.DeliveryFailed, true},
		{surgecast.FormatSlack, 429, surgecast.DeliveryPending, false},
		{surgecast.FormatSlack, 500, surgecast.DeliveryPending, false},
		{surgecast.FormatAlertmanager, 404, surgecast.DeliveryFailed, false},
		{surgecast.FormatAlertmanager, 410, surgecast.DeliveryFailed, true},
		{surgecast.FormatAlertmanager, 500, surgecast.DeliveryPending, false},
	} {
		b, o := newFormats(t), newOther(t, func(w http.ResponseWriter) { w.WriteHeader(c.code) })
		w := b.endpoint(t, c.format, o.URL)
		d := b.message(w, surgecast.TypeSurgeOpened)
		if _, err := b.Deliver(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
		if got := b.store.get(d.ID).Status; got != c.want || b.store.webhooks[w.ID].DisabledAt.IsZero() == c.off {
			t.Errorf("%s answered %d: %s, disabled %v; want %s, %v", c.format, c.code, got, !b.store.webhooks[w.ID].DisabledAt.IsZero(), c.want, c.off)
		}
	}
}

// A second message to a chat waits its turn and costs no attempt; another endpoint's goes. Fails when: pace takes no lease.
func TestSlackIsPaced(t *testing.T) {
	b, o := newFormats(t), newOther(t, nil)
	w := b.endpoint(t, surgecast.FormatSlack, o.URL)
	one, two := b.message(w, surgecast.TypeSurgeOpened), b.message(w, surgecast.TypeSurgeClosed)
	for _, d := range []surgecast.Delivery{one, two} {
		if _, err := b.Deliver(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.store.get(two.ID); o.count() != 1 || got.Status != surgecast.DeliveryPending || got.Attempts != 0 {
		t.Errorf("%d messages in one second, %+v", o.count(), got)
	}
	b.store.lapse("pace:" + w.ID)
	if _, err := b.Deliver(t.Context(), two.ID); err != nil || o.count() != 2 {
		t.Errorf("a second later: %v, %d messages", err, o.count())
	}
}

// A chat's address and a routing key stand in no log line and no attempt, also when the receiver repeats them to us.
// Fails when: post keeps the answer without redact.
func TestSecretsARepeatedAnswerHolds(t *testing.T) {
	b := newFormats(t)
	said := "no such hook " + slackPath + " or key " + pagerKey
	o := newOther(t, func(w http.ResponseWriter) { w.WriteHeader(400); _, _ = io.WriteString(w, said) })
	for _, f := range []surgecast.Format{surgecast.FormatSlack, surgecast.FormatPagerDuty} {
		d := b.message(b.endpoint(t, f, o.URL), surgecast.TypeSurgeOpened)
		if _, err := b.Deliver(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
		log := b.store.log(d.ID)
		secret := map[surgecast.Format]string{surgecast.FormatSlack: "SLACKSECRETPATH", surgecast.FormatPagerDuty: pagerKey}[f]
		if len(log) != 1 || strings.Contains(log[0].Excerpt+log[0].Error+b.log.String(), secret) || !strings.Contains(log[0].Excerpt, "no such hook") {
			t.Errorf("%s: %+v", f, log)
		}
	}
}
