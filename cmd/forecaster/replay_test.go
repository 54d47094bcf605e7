package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"surgecast"
)

// TestReplay plays one recording through the production path and then asks again in three ways: killed at
// random moments, from its own stored minutes, and with another future. All three must tell the same story.
func TestReplay(t *testing.T) {
	rec := record(1)
	f := writeRecording(t, place(t), rec)
	base := playOnce(t, f, rec)

	t.Run("tells in time", func(t *testing.T) { tellsInTime(t, base, rec) })
	t.Run("killed", func(t *testing.T) { killed(t, f, base) })
	t.Run("again from what is stored", func(t *testing.T) { again(t, base) })
	t.Run("poisoned future", func(t *testing.T) { poisoned(t, base, rec) })
}

// replayArgs are the arguments of a replay of f in dir, on address.
func replayArgs(f files, dir, address string, more ...string) []string {
	return append([]string{"replay", "--state-dir", dir, "--traffic", f.traffic, "--mentions", f.mentions, "--site", f.site, "--listen", address}, more...)
}

// playOnce plays the recording without interruption. While the first warning is being delivered, and so the
// recording's clock stands still, the API must answer about it.
func playOnce(t *testing.T, f files, rec []played) finished {
	dir, address := stateDir(t), freeAddress(t)
	hook := newReceiver(t)
	var asked atomic.Bool
	hook.decide(func(_ int, m message) bool {
		if m.Type == surgecast.TypeSurgeOpened && isAbout(m, shopSlug) && asked.CompareAndSwap(false, true) {
			answersWhilePlaying(t, "http://"+address, m)
		}
		return true
	})
	report := filepath.Join(place(t), "report")
	p := start(t, nil, replayArgs(f, dir, address, "--webhook", hook.URL, "--webhook-secret", hookSecret, "--json", report+".json", "--html", report+".html")...)
	if code := p.wait(); code != 0 {
		t.Fatalf("replay: exit code %d\n%s", code, p.err.String())
	}
	if !asked.Load() {
		t.Error("no surge.opened of the shop arrived")
	}
	for _, w := range []string{"Lamp shop", "Forecasts against what came", "reactive", "last day", "static"} {
		if !strings.Contains(strings.ToLower(p.out.String()), strings.ToLower(w)) {
			t.Errorf("the report does not say %q:\n%s", w, p.out.String())
		}
	}
	var doc struct {
		Minutes   int `json:"minutes"`
		Forecasts int `json:"forecasts"`
	}
	raw, err := os.ReadFile(report + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	minutes := int(recordingTo.Sub(recordingFrom) / time.Minute)
	if doc.Minutes != minutes || doc.Forecasts < minutes {
		t.Errorf("the report is about %d minutes and %d forecasts, want %d and one a minute", doc.Minutes, doc.Forecasts, minutes)
	}
	if page, err := os.ReadFile(report + ".html"); err != nil || !strings.Contains(string(page), "<html") {
		t.Errorf("the report's page: %v", err)
	}
	nobodyIn(t, dir)

	got := readFinished(t, dir)
	got.received = hook.messages()
	var requests float64
	mentions, authors := 0, 0
	for _, m := range rec {
		requests, mentions, authors = requests+m.requests, mentions+m.mentions, authors+m.authors
	}
	if got.requests != requests || got.raw != float64(mentions) || got.organic != float64(mentions) || got.authors != float64(authors) {
		t.Errorf("stored %v requests, %v mentions (%v organic, %v authors); the files hold %v, %d, %d authors",
			got.requests, got.raw, got.organic, got.authors, requests, mentions, authors)
	}
	if n := minutes + 1; len(got.ledger) != n { // one at the start of the window, one at the end of each minute
		t.Errorf("%d forecasts in the ledger, want %d", len(got.ledger), n)
	}
	return got
}

func isAbout(m message, site string) bool {
	var d struct{ Site string }
	return json.Unmarshal(m.Data, &d) == nil && d.Site == site
}

// answersWhilePlaying asks the API in the middle of a replay.
func answersWhilePlaying(t *testing.T, url string, m message) {
	var risk struct {
		State   string
		Origin  time.Time
		Now     time.Time
		Verdict struct{ Headline string }
		Risk    []struct{ Probability *float64 }
	}
	var capacity struct {
		Recommendation struct{ Units int }
	}
	var scale struct {
		Units *int
		Stale bool
		Mode  string
	}
	for path, v := range map[string]any{"risk": &risk, "capacity": &capacity, "scale": &scale} {
		a := ask(t, "GET", url+"/v1/sites/"+shopSlug+"/"+path, "", nil)
		if a.status != 200 {
			t.Errorf("GET %s during the replay: %d %s", path, a.status, a.body)
			return
		}
		a.into(t, v)
	}
	if risk.Verdict.Headline == "" || len(risk.Risk) != len(surgecast.HorizonMinutes) || risk.Origin.IsZero() {
		t.Errorf("risk during the replay says nothing: %+v", risk)
	}
	if late := m.Timestamp.Sub(risk.Now); late > 2*time.Minute || late < -2*time.Minute {
		t.Errorf("the API's clock says %s while a message of %s is delivered", risk.Now, m.Timestamp)
	}
	if scale.Units == nil || *scale.Units < 2 || scale.Mode != "act" || capacity.Recommendation.Units != *scale.Units {
		t.Errorf("scale and capacity during the replay: %+v, %+v", scale, capacity)
	}
}

// tellsInTime: the warning comes before the breach, and instructions rise in sequence.
// Fails when: engine's announceUnits sends one and the same Sequence in its data, or an order that has expired.
func tellsInTime(t *testing.T, base finished, rec []played) {
	var opened []time.Time
	var last int64
	var lastUnits int
	byID := map[string]string{}
	for _, m := range base.received {
		if was, twice := byID[m.ID]; twice && was != m.body {
			t.Errorf("message %s came with two bodies", m.ID)
		}
		byID[m.ID] = m.body
		var d struct {
			Site       string
			At         time.Time
			Units      int
			Sequence   int64
			ValidUntil time.Time `json:"valid_until"`
		}
		if err := json.Unmarshal(m.Data, &d); err != nil {
			t.Fatal(err)
		}
		switch {
		case m.Type == surgecast.TypeSurgeOpened && d.Site == shopSlug:
			opened = append(opened, d.At)
		case m.Type == surgecast.TypeRecommendationChanged:
			// In alert what stands is said again under its own number; it never goes back.
			if d.Sequence < last || d.Sequence == last && d.Units != lastUnits {
				t.Errorf("recommendation %d (%d units) after %d (%d units)", d.Sequence, d.Units, last, lastUnits)
			}
			lastUnits = d.Units
			if d.Units < 2 || d.Units > 24 || !d.ValidUntil.After(m.Timestamp) {
				t.Errorf("recommendation of %s: %+v", m.Timestamp, d)
			}
			last = d.Sequence
		}
	}
	bodies := map[string]string{}
	for id, b := range byID {
		if other, twice := bodies[b]; twice {
			t.Errorf("messages %s and %s say the same: %s", id, other, b)
		}
		bodies[b] = id
	}
	if last == 0 {
		t.Error("no recommendation.changed arrived")
	}
	b := breach(rec, recordingFrom)
	if len(opened) == 0 || !opened[0].Before(b) {
		t.Errorf("surge.opened at %v, want one before the breach of %s", opened, b)
	} else {
		t.Logf("surge.opened at %s, %s before the breach; the second at %v", opened[0].Format("15:04"), b.Sub(opened[0]), opened[1:])
	}
	for _, d := range base.deliveries {
		if d.Status != surgecast.DeliveryDelivered {
			t.Errorf("delivery %s (%s of %s) is %s", d.ID, d.Type, d.CreatedAt, d.Status)
		}
	}
}

// kills is how often the program is killed.
func kills(t *testing.T) int {
	n := 20
	if s := os.Getenv("SURGECAST_TEST_KILLS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1 {
			t.Fatalf("SURGECAST_TEST_KILLS=%s is no number of kills", s)
		}
	}
	return n
}

// killed: SIGKILL at random moments, of starting, of sweeping and of delivering, changes nothing of what is
// stored at the end, and loses no message.
// Fails when: replayCmd.replay does not requeue what the killed process was delivering; the engine's
// restoreModel skips what the ledger says was fed.
func killed(t *testing.T, f files, base finished) {
	n := kills(t)
	rng := rand.New(rand.NewPCG(uint64(n), 2))
	dir, address := stateDir(t), freeAddress(t)
	hook := newReceiver(t)

	// A quarter dies while a message is being delivered, a quarter within the first second after a start, the
	// rest at minutes spread over its first four fifths (a busy test must not come after the end), a little after the API
	// first tells of them.
	var during []int
	for len(during) < min(n/4, len(base.received)/2) {
		if k := rng.IntN(len(base.received)); !slices.Contains(during, k) {
			during = append(during, k)
		}
	}
	var current atomic.Pointer[process]
	var done atomic.Int32
	hook.decide(func(k int, _ message) bool {
		if slices.Contains(during, k) {
			done.Add(1)
			current.Load().signal(9)
		}
		return true
	})
	type moment struct {
		starting time.Duration // after the start; 0: at minute
		minute   time.Time
		then     time.Duration
	}
	window := recordingTo.Sub(recordingFrom)
	var moments []moment
	for i := range n - len(during) {
		if i%3 == 0 {
			moments = append(moments, moment{starting: time.Duration(rng.Int64N(int64(time.Second)))})
			continue
		}
		moments = append(moments, moment{minute: recordingFrom.Add(time.Duration(rng.Int64N(int64(window * 4 / 5)))), then: time.Duration(rng.Int64N(int64(60 * time.Millisecond)))})
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return a.minute.Compare(b.minute) })
	for i, k := 0, 0; i < len(moments); i++ { // the starting ones stand first: spread them
		if moments[i].starting > 0 {
			j := min(len(moments)-1, 3*k)
			moments[i], moments[j] = moments[j], moments[i]
			k++
		}
	}

	args := replayArgs(f, dir, address, "--webhook", hook.URL, "--webhook-secret", hookSecret)
	starts := 0
	for {
		if starts++; starts > 3*n+3 {
			t.Fatal("the replay does not come to its end")
		}
		hook.mu.Lock() // a message of the next start must find it as the current one
		p := start(t, nil, args...)
		current.Store(p)
		hook.mu.Unlock()
		for p.running() && len(moments) > 0 {
			m := moments[0]
			if m.starting > 0 {
				select {
				case <-time.After(m.starting):
				case <-p.done:
					continue
				}
			} else {
				if !reached(t, address, m.minute) {
					time.Sleep(5 * time.Millisecond)
					continue
				}
				time.Sleep(m.then)
			}
			if !p.running() {
				continue // a delivery was quicker: this moment is for the next start
			}
			moments = moments[1:]
			done.Add(1)
			p.signal(9)
			<-p.done
		}
		switch code := p.wait(); code {
		case -1:
			continue
		case 0:
		default:
			t.Fatalf("start %d of the replay: exit code %d\n%s", starts, code, p.err.String())
		}
		break
	}
	t.Logf("killed %d times", done.Load())
	if int(done.Load()) < n {
		t.Errorf("only %d kills of %d", done.Load(), n)
	}
	nobodyIn(t, dir)
	got := readFinished(t, dir)
	got.received = hook.messages()
	got.equals(t, base)

	// Every message at least once, and the same each time.
	came := map[string]string{}
	for _, m := range got.received {
		if was, twice := came[m.ID]; twice && was != m.body {
			t.Errorf("message %s came with two bodies:\n%s\n%s", m.ID, was, m.body)
		}
		came[m.ID] = m.body
	}
	for _, d := range got.deliveries {
		if !saysTheSame(came[d.ID], d.Body) {
			t.Errorf("delivery %s (%s of %s, %s) was received as %q", d.ID, d.Type, d.CreatedAt, d.Status, came[d.ID])
		}
		delete(came, d.ID)
		if !d.ExpiresAt.IsZero() && !d.DoneAt.Before(d.ExpiresAt) {
			t.Errorf("delivery %s (%s) was sent at %s, when it had expired at %s", d.ID, d.Type, d.DoneAt, d.ExpiresAt)
		}
	}
	for id, body := range came {
		t.Errorf("message %s is not in the log: %s", id, body)
	}
}

// saysTheSame reports whether a message received (an envelope around it) carries what the log has: its type, its
// time and its data.
func saysTheSame(received string, stored []byte) bool {
	type message struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      any       `json:"data"`
	}
	var r, s message
	return json.Unmarshal([]byte(received), &r) == nil && json.Unmarshal(stored, &s) == nil && reflect.DeepEqual(r, s)
}

// reached tells whether the replay at address has stored a forecast of the minute.
func reached(t *testing.T, address string, minute time.Time) bool {
	a := ask(t, "GET", "http://"+address+"/v1/sites/"+shopSlug+"/risk", "", nil)
	var r struct{ Origin time.Time }
	return a.status == 200 && json.Unmarshal(a.body, &r) == nil && !r.Origin.Before(minute.Truncate(time.Minute))
}

// again: the stored minutes, played into an empty database, give the stored forecasts.
// Fails when: engine.judge adds anything of the machine's clock to a number of the forecast.
func again(t *testing.T, base finished) {
	dir := stateDir(t)
	f := writeRecording(t, place(t), base.minutes)
	want(t, 0, []string{"Forecasts against what came"}, replayArgs(f, dir, freeAddress(t))...)
	got := readFinished(t, dir)
	got.sameForecasts(t, base, recordingTo)
}

// poisoned: other minutes from some time on change no forecast before that time.
// Fails when: replayCmd.play gives a minute the requests of the next one.
func poisoned(t *testing.T, base finished, rec []played) {
	from := recordingFrom.Add(90 * time.Minute)
	other := slices.Clone(rec)
	for i := range other {
		if m := &other[i]; !m.at.Before(from) {
			m.requests, m.mentions, m.authors = 50*m.requests+7, 1000+3*m.mentions, 999
		}
	}
	dir := stateDir(t)
	f := writeRecording(t, place(t), other)
	want(t, 0, nil, replayArgs(f, dir, freeAddress(t), "--to", from.Add(20*time.Minute).Format(time.RFC3339))...)
	got := readFinished(t, dir)
	got.sameForecasts(t, base, from)
	last := got.ledger[len(got.ledger)-1]
	if same := base.at(last.Origin); same != nil && words(*same) == words(last) {
		t.Error("the poison did not reach the model: nothing was proven")
	}
}

// finished is what a replay leaves in its database.
type finished struct {
	requests              float64
	raw, organic, authors float64
	minutes               []played // as stored
	ledger                []surgecast.SiteForecast
	surges                []string // with their transitions, ids aside
	deliveries            []surgecast.Delivery
	received              []message
}

func readFinished(t *testing.T, dir string) (r finished) {
	t.Helper()
	ctx := context.Background()
	db := openState(t, dir, "surgecast_replay")
	site, err := db.SiteBySlug(ctx, surgecast.DefaultAccount, shopSlug)
	if err != nil {
		t.Fatal(err)
	}
	end := recordingTo.Add(time.Hour)
	minutes, err := db.Traffic(ctx, site.ID, surgecast.TotalSegment, recordingStart, end)
	if err != nil {
		t.Fatal(err)
	}
	at := map[time.Time]*played{}
	for _, m := range minutes {
		r.requests += m.Requests
		r.minutes = append(r.minutes, played{at: m.Minute, requests: m.Requests})
	}
	for i := range r.minutes {
		at[r.minutes[i].at] = &r.minutes[i]
	}
	frontiers, err := db.MentionFrontiers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frontiers {
		buckets, err := db.Mentions(ctx, f.TopicID, f.SourceID, recordingStart, end, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range buckets {
			if b.Missing {
				continue
			}
			r.raw, r.organic, r.authors = r.raw+b.Raw, r.organic+b.Organic, r.authors+b.Authors
			if m := at[b.Minute]; m != nil {
				m.mentions, m.authors = int(b.Raw), int(b.Authors)
			}
		}
	}
	if r.ledger, err = db.Forecasts(ctx, site.ID, surgecast.TotalSegment, recordingStart, end); err != nil {
		t.Fatal(err)
	}
	if _, err := db.AuditLedger(ctx, site.ID, surgecast.TotalSegment, recordingStart, end); err != nil {
		t.Error(err)
	}
	surges, err := allSurges(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range surges {
		_, ts, err := db.SurgeByID(ctx, surgecast.DefaultAccount, s.ID)
		if err != nil {
			t.Fatal(err)
		}
		s.ID = ""
		text := fmt.Sprintf("%+v", s)
		for _, tr := range ts {
			tr.SurgeID, tr.ForecastID = "", ""
			text += fmt.Sprintf("\n  %+v", tr)
		}
		r.surges = append(r.surges, text)
	}
	slices.Sort(r.surges)
	if err := allDeliveries(ctx, db, func(d surgecast.Delivery) { r.deliveries = append(r.deliveries, d) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	return r
}

func (r finished) at(origin time.Time) *surgecast.SiteForecast {
	for i := range r.ledger {
		if r.ledger[i].Origin.Equal(origin) {
			return &r.ledger[i]
		}
	}
	return nil
}

var ids = regexp.MustCompile(`"(surge_id|forecast_id)":"[^"]*"`)

// equals compares everything but ids.
func (r finished) equals(t *testing.T, base finished) {
	t.Helper()
	if r.requests != base.requests || r.raw != base.raw || r.organic != base.organic || r.authors != base.authors || len(r.minutes) != len(base.minutes) {
		t.Errorf("totals %v %v %v %v of %d minutes, want %v %v %v %v of %d", r.requests, r.raw, r.organic, r.authors, len(r.minutes),
			base.requests, base.raw, base.organic, base.authors, len(base.minutes))
	}
	r.sameForecasts(t, base, recordingTo)
	if a, b := strings.Join(r.surges, "\n"), strings.Join(base.surges, "\n"); a != b {
		t.Errorf("surges and transitions differ:\n%s\nwant:\n%s", a, b)
	}
	told := func(ds []surgecast.Delivery) string {
		var out []string
		for _, d := range ds {
			out = append(out, fmt.Sprintf("%s %s %s %s", d.CreatedAt.Format(time.RFC3339), d.Type, d.Status, ids.ReplaceAllString(string(d.Body), "")))
		}
		slices.Sort(out)
		return strings.Join(out, "\n")
	}
	if a, b := told(r.deliveries), told(base.deliveries); a != b {
		t.Errorf("deliveries differ:\n%s\nwant:\n%s", a, b)
	}
}

// words is a ledger row without what chance makes (ids) and what follows from it (hashes). Go prints a
// number so that reading it back gives the same bits: equal words are equal forecasts, to the last bit.
func words(f surgecast.SiteForecast) string {
	f.ID, f.Recommendation.ID, f.BodyHash, f.Hash, f.PrevHash = "", "", nil, nil, nil
	return fmt.Sprintf("%+v", f)
}

// sameForecasts compares the ledgers up to the origins that know nothing of end and later.
func (r finished) sameForecasts(t *testing.T, base finished, end time.Time) {
	t.Helper()
	compared := 0
	for i := range base.ledger {
		b := &base.ledger[i]
		if !b.Origin.Before(end) {
			break
		}
		got := r.at(b.Origin)
		if got == nil {
			t.Errorf("no forecast of %s", b.Origin)
			return
		}
		compared++
		if words(*got) != words(*b) {
			t.Errorf("the forecast of %s differs, quantiles by up to %g:\n%s\nwant:\n%s", b.Origin, farthest(got.QuantilesRPM, b.QuantilesRPM), words(*got), words(*b))
			return
		}
	}
	if n := int(end.Sub(recordingFrom)/time.Minute) + 1; compared != n {
		t.Errorf("%d forecasts compared, want %d", compared, n)
	}
	if end.Equal(recordingTo) && len(r.ledger) != len(base.ledger) {
		t.Errorf("%d forecasts, want %d", len(r.ledger), len(base.ledger))
	}
}

func farthest(a, b [][]float64) (d float64) {
	for i := range min(len(a), len(b)) {
		for j := range min(len(a[i]), len(b[i])) {
			d = max(d, math.Abs(a[i][j]-b[i][j]))
		}
	}
	return d
}
