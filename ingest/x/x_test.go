package x

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dghubble/go-twitter/twitter" //nolint:staticcheck // as in transport.go
	"go.uber.org/goleak"

	"surgecast"
	"surgecast/ingest/x/xtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const token = "AAAAsecretBEARERtoken"

// begin is when every test begins.
var begin = time.Date(2026, 9, 14, 14, 20, 10, 0, time.UTC)

// board is what a Counter writes to, in memory: absolute, as the store is.
type board struct {
	mu      sync.Mutex
	topics  []surgecast.Topic
	heat    map[int64]float64
	rows    map[int64]map[time.Time]float64
	puts    int
	money   int64 // millicents left, of each account
	spent   map[int64]int64
	dropped map[string]int
	warning string
	warned  []string
	fail    error
}

func newBoard(topics ...surgecast.Topic) *board {
	for i := range topics {
		if topics[i].AccountID == 0 {
			topics[i].AccountID = 1
		}
		topics[i].ID = int64(i + 1)
		topics[i].Revision = 1
	}
	return &board{topics: topics, heat: map[int64]float64{}, rows: map[int64]map[time.Time]float64{}, money: 1 << 40, spent: map[int64]int64{}, dropped: map[string]int{}}
}

func (b *board) Topics() []surgecast.Topic {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.topics)
}
func (b *board) Heat(id int64) float64 { b.mu.Lock(); defer b.mu.Unlock(); return b.heat[id] }
func (b *board) Put(_ context.Context, rows []surgecast.MentionMinute) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	b.puts++
	for _, r := range rows {
		if r.Organic != r.Raw || r.Authors != 0 || r.Reach != 0 {
			panic(fmt.Sprintf("X says nothing about bots or authors: %+v", r))
		}
		if b.rows[r.TopicID] == nil {
			b.rows[r.TopicID] = map[time.Time]float64{}
		}
		b.rows[r.TopicID][r.Minute] = r.Raw
	}
	return nil
}

func (b *board) Newest(id int64) (newest time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for m := range b.rows[id] {
		if m.After(newest) {
			newest = m
		}
	}
	return newest
}

func (b *board) Spend(_ context.Context, account, millicents int64) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent[account]+millicents > b.money {
		return false, nil
	}
	b.spent[account] += millicents
	return true, nil
}

func (b *board) Dropped(reason string, n int) { b.mu.Lock(); b.dropped[reason] += n; b.mu.Unlock() }
func (b *board) Warn(text string) {
	b.mu.Lock()
	b.warning, b.warned = text, append(b.warned, text)
	b.mu.Unlock()
}

func (b *board) total(id int64) (sum float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.rows[id] {
		sum += n
	}
	return sum
}

func (b *board) setHeat(id int64, h float64) { b.mu.Lock(); b.heat[id] = h; b.mu.Unlock() }

// rig is a Counts, the X it asks, the board it writes to, and a clock the test turns.
type rig struct {
	*Counts
	t     *testing.T
	x     *xtest.Server
	board *board
	logs  *bytes.Buffer
	mu    sync.Mutex
	at    time.Time
}

func newRig(t *testing.T, b *board, permits string, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, board: b, at: begin, logs: &bytes.Buffer{}}
	r.x = xtest.New(t, token, r.clock)
	ps, err := ParsePermits(strings.Split(permits, ","))
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	c := Config{BaseURL: r.x.URL, Bearer: token, Client: &http.Client{Transport: tr}, Permits: ps, Clock: r.clock, Logger: slog.New(slog.NewTextHandler(r.logs, nil))}
	for _, f := range change {
		f(&c)
	}
	r.Counts = New(c)
	return r
}

func (r *rig) clock() time.Time     { r.mu.Lock(); defer r.mu.Unlock(); return r.at }
func (r *rig) pass(d time.Duration) { r.mu.Lock(); r.at = r.at.Add(d); r.mu.Unlock() }

// goOn makes one round.
func (r *rig) goOn() time.Duration {
	r.t.Helper()
	wait, err := r.round(r.t.Context(), r.board)
	if err != nil {
		r.t.Fatal(err)
	}
	return wait
}

var touchpad = surgecast.Topic{Slug: "touchpad", Any: []string{"touchpad", "hp touchpad"}, Not: []string{"laptop touchpad"}}

const touchpadQuery = `(touchpad OR "hp touchpad") -"laptop touchpad" -is:retweet`

func minute(n int) time.Time { return begin.Truncate(time.Minute).Add(time.Duration(n) * time.Minute) }

// The library really does the asking and the decoding: its request reaches version 2 with the query, the
// token and the span, and its answer becomes rows.
// Fails when: start_time is left out of the request, or the rows' minutes are parsed in local time.
func TestCountsTravelThroughGoTwitter(t *testing.T) {
	r := newRig(t, newBoard(touchpad), "touchpad=product")
	r.x.Set(touchpadQuery, minute(-60), 1523)
	r.x.Set(touchpadQuery, minute(-4), 892)
	r.goOn()
	got := r.x.Requests()
	if len(got) != 1 || got[0].Query != touchpadQuery || got[0].Header.Get("Authorization") != "Bearer "+token || got[0].Status != 200 {
		t.Fatalf("requests %+v", got)
	}
	if want := minute(0).Add(-7*24*time.Hour + 2*time.Minute); !got[0].Start.Equal(want) {
		t.Errorf("asked from %v on, want %v: all X has", got[0].Start, want)
	}
	rows := r.board.rows[1]
	if rows[minute(-60)] != 1523 || rows[minute(-4)] != 892 || r.board.total(1) != 1523+892 {
		t.Errorf("stored %v and %v, %v in all", rows[minute(-60)], rows[minute(-4)], r.board.total(1))
	}
	// Minutes without posts are stored as zero: X said so.
	if n, ok := rows[minute(-30)]; !ok || n != 0 {
		t.Errorf("a minute without posts is %v, %v", n, ok)
	}
	if src := r.Source(); src.Slug != "x" || src.Mode != surgecast.Absolute || src.Kind != surgecast.SourcePosts {
		t.Errorf("source %+v", src)
	}
}

// 8.8: X revises its last minutes upwards. What is younger than three minutes is held back, what is stored
// is read again and replaced: the total is X's, not a sum of what it said.
// Fails when: overlap becomes 0, or rows are added to what the board holds.
func TestTrap8RevisedMinutesAreNotCountedTwice(t *testing.T) {
	r := newRig(t, newBoard(touchpad), "touchpad=product")
	r.board.setHeat(1, 1)
	r.x.Set(touchpadQuery, minute(-4), 100)
	r.x.Set(touchpadQuery, minute(-3), 90)
	r.x.Set(touchpadQuery, minute(-2), 40)
	r.goOn()
	// At 14:20:10 the minute 14:16 is final (ended 14:17, three minutes ago); 14:17 and later are not.
	if newest := r.board.Newest(1); !newest.Equal(minute(-4)) || r.board.total(1) != 100 {
		t.Fatalf("stored to %v, %v in all", newest, r.board.total(1))
	}
	r.pass(time.Minute)
	r.x.Set(touchpadQuery, minute(-4), 107) // still growing
	r.x.Set(touchpadQuery, minute(-3), 95)
	r.goOn()
	if got := r.x.Requests()[1].Start; !got.Equal(minute(-4 - 3)) {
		t.Errorf("asked from %v on, want three minutes before what is stored, %v", got, minute(-7))
	}
	if r.board.total(1) != 107+95 {
		t.Errorf("total %v, want 202", r.board.total(1))
	}
	for range 10 {
		r.pass(time.Minute)
		r.goOn()
	}
	if r.board.total(1) != 107+95+40 {
		t.Errorf("total after ten more polls %v, want 242", r.board.total(1))
	}
}

// 8.7: after a 429 nothing is asked before the moment X named; a budget that is used up leaves the series
// as it is, stale, and says so.
// Fails when: round no longer looks at notBefore, or queues a topic without Spend.
func TestTrap7RateLimitAndBudget(t *testing.T) {
	r := newRig(t, newBoard(touchpad, surgecast.Topic{Slug: "concert", Any: []string{"nordlicht"}}), "touchpad=product,concert=music")
	r.board.setHeat(1, 1)
	r.board.setHeat(2, 1)
	reset := begin.Add(7 * time.Minute)
	r.x.Refuse(429, "Too Many Requests", map[string]string{"x-rate-limit-reset": fmt.Sprint(reset.Unix())})
	r.goOn()
	if n := len(r.x.Requests()); n != 1 {
		t.Fatalf("%d requests, want 1: the second topic must wait too", n)
	}
	if !strings.Contains(r.board.warning, "no request before 14:27:1") {
		t.Errorf("warning %q", r.board.warning)
	}
	for r.clock().Before(reset.Add(-10 * time.Second)) {
		r.goOn()
		r.pass(10 * time.Second)
	}
	r.goOn()
	if n := len(r.x.Requests()); n != 1 {
		t.Fatalf("%d requests before the reset", n)
	}
	r.pass(12 * time.Second)
	r.goOn()
	for _, q := range r.x.Requests()[1:] {
		if q.At.Before(reset) {
			t.Errorf("asked at %v, before %v", q.At, reset)
		}
	}
	if n := len(r.x.Requests()); n != 3 || r.board.warning != "" {
		t.Errorf("%d requests, warning %q", n, r.board.warning)
	}

	// Money for the three requests made and for one more.
	r.board.money = 4 * DefaultMillicents
	r.pass(2 * time.Minute)
	r.goOn()
	if n := len(r.x.Requests()); n != 4 {
		t.Errorf("%d requests, want 4", n)
	}
	stored, puts := r.board.total(1)+r.board.total(2), r.board.puts
	newest := r.board.Newest(2)
	for range 30 {
		r.pass(time.Minute)
		r.goOn()
	}
	if n := len(r.x.Requests()); n != 4 || r.board.puts != puts || r.board.total(1)+r.board.total(2) != stored || !r.board.Newest(2).Equal(newest) {
		t.Errorf("without money: %d requests, newest %v: stale, not zero", n, r.board.Newest(2))
	}
	if !strings.Contains(r.board.warning, "SURGECAST_X_BUDGET") || !strings.Contains(r.board.warning, "account 1") {
		t.Errorf("warning %q", r.board.warning)
	}
	r.board.mu.Lock()
	r.board.money = 1 << 40
	r.board.mu.Unlock()
	r.pass(tryMoney)
	r.goOn()
	if n := len(r.x.Requests()); n != 6 || r.board.warning != "" {
		t.Errorf("with money again: %d requests, warning %q", n, r.board.warning)
	}
	// The minutes without money are all there: the later request brought them.
	for m := newest; m.Before(r.board.Newest(2)); m = m.Add(time.Minute) {
		if _, ok := r.board.rows[2][m]; !ok {
			t.Errorf("%v is missing", m)
		}
	}
}

// A 429 that names no moment waits a minute, then two, and so on.
func TestRateLimitWithoutAMoment(t *testing.T) {
	r := newRig(t, newBoard(touchpad), "touchpad=product")
	for i, minutes := range []int{1, 2, 4, 8, 16, 16} {
		want := time.Duration(minutes) * time.Minute
		r.x.Refuse(429, "", map[string]string{"x-rate-limit-reset": "soon"})
		r.goOn()
		if got := r.notBefore.Sub(r.clock()); got != want {
			t.Errorf("refusal %d: %v, want %v", i+1, got, want)
		}
		r.pass(want)
	}
}

// Hot topics are asked for each minute or two, warm ones each ten, cold ones each hour, and heat is acted
// on at once.
// Fails when: Cadence takes no notice of heat.
func TestCadenceFollowsHeat(t *testing.T) {
	hot, warm, cold := surgecast.Topic{Slug: "hot", Any: []string{"hot"}}, surgecast.Topic{Slug: "warm", Any: []string{"warm"}}, surgecast.Topic{Slug: "cold", Any: []string{"cold"}}
	r := newRig(t, newBoard(hot, warm, cold), "hot=music,warm=music,cold=music")
	r.board.setHeat(1, 1)
	r.board.setHeat(2, .3)
	count := func() map[string]int {
		n := map[string]int{}
		for _, q := range r.x.Requests() {
			n[strings.Fields(q.Query)[0]]++
		}
		return n
	}
	for range 60 {
		for range 12 {
			r.goOn()
			r.pass(5 * time.Second)
		}
	}
	// An hour: 60 requests, 6, and 1.
	if n := count(); n["hot"] != 60 || n["warm"] != 6 || n["cold"] != 1 {
		t.Errorf("requests %v, want 60, 6 and 1", n)
	}
	if want := int64(67 * DefaultMillicents); r.board.spent[1] != want {
		t.Errorf("spent %d millicents, want %d", r.board.spent[1], want)
	}
	r.pass(2 * time.Minute)
	r.goOn() // the hour is over for the cold one too
	before := count()["cold"]
	r.pass(2 * time.Minute)
	r.board.setHeat(3, 1)
	r.goOn()
	if n := count()["cold"]; n != before+1 {
		t.Errorf("a topic that became hot waits: %d requests, want %d", n, before+1)
	}
}

// Fifty hot topics want 50 requests a minute; 18 are made, and everybody gets a turn.
// Fails when: the limiter's rate is doubled, or the queue is sorted by id alone.
func TestRateStaysBelowXs(t *testing.T) {
	var topics []surgecast.Topic
	var permits []string
	for i := range 50 {
		slug := fmt.Sprintf("t%d", i)
		topics, permits = append(topics, surgecast.Topic{Slug: slug, Any: []string{slug}}), append(permits, slug+"=music")
	}
	r := newRig(t, newBoard(topics...), strings.Join(permits, ","))
	for i := range topics {
		r.board.setHeat(int64(i+1), 1)
	}
	for range 15 * 60 / 5 {
		r.goOn()
		r.pass(5 * time.Second)
	}
	n := map[string]int{}
	for _, q := range r.x.Requests() {
		n[q.Query]++
	}
	total := len(r.x.Requests())
	if total > 300 || total < 270 {
		t.Errorf("%d requests in 15 minutes, want at most X's 300 and about 18 a minute", total)
	}
	for q, k := range n {
		if k < 3 {
			t.Errorf("%s was asked for %d times", q, k)
		}
	}
	if len(n) != 50 {
		t.Errorf("%d topics were asked for, want 50", len(n))
	}
}

// Only topics that are named with a permitted category are asked for, and none whose terms speak of what
// X forbids to monitor.
// Fails when: queue leaves out the call of gate, or asks for topics without a permit.
func TestGate(t *testing.T) {
	b := newBoard(
		surgecast.Topic{Slug: "free", Any: []string{"free"}},
		surgecast.Topic{Slug: "march", Any: []string{"climate", "Protest march berlin"}},
		surgecast.Topic{Slug: "wrc", Any: []string{"wrc rally"}},
		surgecast.Topic{Slug: "protestant", Any: []string{"protestant hymns"}},
		surgecast.Topic{Slug: "jp", Any: []string{"渋谷の抗議集会"}},
		surgecast.Topic{Slug: "concert", Any: []string{"nordlicht"}, AccountID: 2},
	)
	r := newRig(t, b, "march=music,wrc=sports,protestant=music,jp=media,concert=music,nobody=music")
	r.goOn()
	var asked []string
	for _, q := range r.x.Requests() {
		asked = append(asked, q.Query)
	}
	slices.Sort(asked)
	if want := []string{`"protestant hymns" -is:retweet`, `"wrc rally" -is:retweet`}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	for _, want := range []string{"topic march", `"protest"`, "topic jp", "no topic nobody", "no topic concert"} {
		if !strings.Contains(r.board.warning, want) {
			t.Errorf("warning %q does not say %q", r.board.warning, want)
		}
	}
	for s, want := range map[string]string{
		"touchpad":          "has no category",
		"touchpad=politics": "forbids",
		"touchpad=things":   "not a category",
		"Touch Pad=music":   "not the slug",
		"x/touchpad=music":  "number of an account",
	} {
		if _, err := ParsePermits([]string{s}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
	}
	if _, err := ParsePermits([]string{"a=music", " a=film"}); err == nil {
		t.Error("a topic named twice is taken")
	}
	ps, err := ParsePermits([]string{"7/a=music", "", "a=film"})
	if err != nil || len(ps) != 2 || ps[0] != (Permit{7, "a", "music"}) || ps[1] != (Permit{1, "a", "film"}) {
		t.Errorf("%v, %v", ps, err)
	}
}

// A query X has no room for names its topic and the remedy; others go on.
func TestQueryTooLong(t *testing.T) {
	var many []string
	for i := range 60 {
		many = append(many, fmt.Sprintf("a long term number %d", i))
	}
	r := newRig(t, newBoard(surgecast.Topic{Slug: "long", Any: many}, touchpad), "long=music,touchpad=product")
	r.goOn()
	if len(r.x.Requests()) != 1 || !strings.Contains(r.board.warning, "topic long") || !strings.Contains(r.board.warning, "Use fewer or shorter terms") {
		t.Errorf("%d requests, warning %q", len(r.x.Requests()), r.board.warning)
	}
}

func TestQuery(t *testing.T) {
	for _, c := range []struct {
		topic surgecast.Topic
		want  string
	}{
		{surgecast.Topic{Any: []string{"touchpad"}}, "touchpad -is:retweet"},
		{surgecast.Topic{Any: []string{"#touchpad", "$HPQ", "@hp"}}, "(#touchpad OR $HPQ OR @hp) -is:retweet"},
		{surgecast.Topic{Any: []string{"a", "b"}, And: []string{"c", "d e"}, Not: []string{"f", "g h"}}, `(a OR b) (c OR "d e") -f -"g h" -is:retweet`},
		{surgecast.Topic{Any: []string{"from:someone", "is:retweet", "OR"}}, `("from:someone" OR "is:retweet" OR "OR") -is:retweet`},
		{surgecast.Topic{Any: []string{`say "hi" (now)`}}, `"say hi (now)" -is:retweet`},
		{surgecast.Topic{Any: []string{"-minus", "shop.example/sale"}}, `("-minus" OR "shop.example/sale" OR url:"shop.example/sale") -is:retweet`},
		{surgecast.Topic{Any: []string{"url:shop.example"}, Not: []string{"a.example"}}, `url:"shop.example" -"a.example" -url:"a.example" -is:retweet`},
		{surgecast.Topic{Any: []string{"https://shop.example/sale"}}, `url:"shop.example/sale" -is:retweet`},
		{surgecast.Topic{Any: []string{"新型", "москва", "café"}}, "(新型 OR москва OR café) -is:retweet"},
		{surgecast.Topic{Any: []string{"🎫", "...", "!"}}, `"🎫" -is:retweet`},
	} {
		got, err := Query(c.topic, 512)
		if err != nil || got != c.want {
			t.Errorf("%+v: %s, %v, want %s", c.topic, got, err, c.want)
		}
	}
	if _, err := Query(surgecast.Topic{Slug: "dots", Any: []string{"..."}}, 512); err == nil {
		t.Error("a topic without a word has a query")
	}
	if _, err := Query(surgecast.Topic{Any: []string{strings.Repeat("é", 512-len(" -is:retweet"))}}, 512); err != nil {
		t.Errorf("512 characters: %v", err)
	}
	if _, err := Query(surgecast.Topic{Any: []string{strings.Repeat("é", 513-len(" -is:retweet"))}}, 512); err == nil {
		t.Error("513 characters are taken")
	}
}

// Times of the old form have no zone and are UTC, whatever zone X writes or this machine stands in.
// Fails when: countsToV1 formats b.Start without UTC(), or rows parses with time.Local.
func TestTimesAreUTC(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local }) // after the server has gone
	time.Local = time.FixedZone("UTC-7", -7*3600)
	r := newRig(t, newBoard(touchpad), "touchpad=product")
	r.x.Zone(time.FixedZone("UTC+5:30", 5*3600+1800))
	r.x.Set(touchpadQuery, minute(-10), 5)
	r.goOn()
	if n := r.board.rows[1][minute(-10)]; n != 5 {
		t.Errorf("14:10 UTC has %v, want 5; stored to %v", n, r.board.Newest(1))
	}
}

// The part of a minute X's newest bucket is does not count as the minute.
func TestPartsAreLeftOut(t *testing.T) {
	v1, err := countsToV1([]byte(`{"data":[
		{"start":"2024-01-15T00:00:00.000Z","end":"2024-01-15T00:01:00.000Z","tweet_count":3},
		{"start":"2024-01-15T00:01:00.000Z","end":"2024-01-15T00:01:23.000Z","tweet_count":1}],"meta":{"total_tweet_count":4}}`))
	if err != nil || !bytes.Contains(v1, []byte(`"results":[{"timePeriod":"202401150000","count":3}],"totalCount":4`)) {
		t.Errorf("%s, %v", v1, err)
	}
}

// The documents X publishes as examples go through.
func TestSampleOfX(t *testing.T) {
	// X's own example of counts/recent (counts/introduction, 22 August 2026) by the hour: whole hours are
	// not whole minutes, so nothing of it may be taken for minutes.
	hours := []byte(`{"data":[{"start":"2024-01-15T00:00:00.000Z","end":"2024-01-15T01:00:00.000Z","tweet_count":1523},{"start":"2024-01-15T01:00:00.000Z","end":"2024-01-15T02:00:00.000Z","tweet_count":1247},{"start":"2024-01-15T02:00:00.000Z","end":"2024-01-15T03:00:00.000Z","tweet_count":892}],"meta":{"total_tweet_count":3662}}`)
	v1, err := countsToV1(hours)
	if err != nil || !bytes.Contains(v1, []byte(`"results":[],"totalCount":3662`)) {
		t.Errorf("%s, %v", v1, err)
	}
	for _, bad := range []string{``, `null`, `[]`, `{}`, `"x"`, `{"data":{}}`, `{"data":[{"start":"2024-01-15T00:00:00Z"}]}`, `{"data":[{"start":"2024-01-15T00:00:00Z","end":"2024-01-15T00:01:00Z","tweet_count":-1}]}`, `{"errors":[{"detail":"x"}]}`} {
		if v1, err := countsToV1([]byte(bad)); !errors.Is(err, errUndecodable) {
			t.Errorf("%s became %s, %v", bad, v1, err)
		}
	}
	if _, err := countsToV1([]byte(`{"meta":{"total_tweet_count":0}}`)); err != nil {
		t.Errorf("no data and a total of 0: %v", err)
	}
}

func FuzzCounts(f *testing.F) {
	f.Add([]byte(`{"data":[{"start":"2024-01-15T00:00:00.000Z","end":"2024-01-15T00:01:00.000Z","tweet_count":3}],"meta":{"total_tweet_count":3}}`))
	f.Add([]byte(`{"title":"x","detail":"y"}`))
	tr := &transport{bearer: token}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = countsToV1(b)
		if out, err := tr.problemToV1(400, b); err != nil || bytes.Contains(out, []byte(token)) {
			t.Errorf("%s, %v", out, err)
		}
	})
}

// Whatever else the library would ask for has no counterpart and is refused before anything is sent.
func TestUnsupportedPathsAreErrors(t *testing.T) {
	sent := 0
	c := twitter.NewClient(&http.Client{Transport: &transport{ctx: t.Context(), base: "http://127.0.0.1:1", next: roundTripper(func(*http.Request) (*http.Response, error) {
		sent++
		return nil, io.ErrUnexpectedEOF
	})}})
	for name, do := range map[string]func() error{
		"users":  func() error { _, _, err := c.Users.Show(&twitter.UserShowParams{ScreenName: "a"}); return err },
		"search": func() error { _, _, err := c.Search.Tweets(&twitter.SearchTweetParams{Query: "a"}); return err },
		"full archive": func() error {
			_, _, err := c.PremiumSearch.CountFullArchive(&twitter.PremiumSearchCountTweetParams{Query: "a", Bucket: "minute"}, "v2")
			return err
		},
		"by the day": func() error {
			_, _, err := c.PremiumSearch.Count30Days(&twitter.PremiumSearchCountTweetParams{Query: "a", Bucket: "day"}, "v2")
			return err
		},
		"update": func() error { _, _, err := c.Statuses.Update("a", nil); return err },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "no counterpart") && !strings.Contains(err.Error(), "only minutes") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if sent != 0 {
		t.Errorf("%d requests were sent", sent)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A request ends with its Run, at once, and with its own time limit.
// Fails when: the transport asks with the request's own context instead of ctx.
func TestCancellation(t *testing.T) {
	r := newRig(t, newBoard(touchpad), "touchpad=product")
	r.x.Hang()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, r.board) }()
	for len(r.x.Requests()) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("a stop is no error: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run goes on without its context")
	}

	slow := newRig(t, newBoard(touchpad), "touchpad=product", func(c *Config) { c.Timeout = 50 * time.Millisecond })
	slow.x.Hang()
	if _, err := slow.round(t.Context(), slow.board); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an answer that never comes: %v", err)
	}
}

// What X says no to is told in words, ends the run where nothing works without a person, and never holds
// the token.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		status int
		detail string
		want   string // of the error; "" none
	}{
		{401, "Unauthorized: Bearer " + token, "check SURGECAST_X_BEARER"},
		{402, "CreditsDepleted " + token, "add credit"},
		{403, "client-not-enrolled " + token, "belongs to a project"},
		{500, "oops " + token, ""},
		{503, "", ""},
		{302, "", "answers 302"},
		{400, "There were errors processing your request: " + token, ""},
	} {
		r := newRig(t, newBoard(touchpad), "touchpad=product")
		r.x.Refuse(c.status, c.detail, map[string]string{"Location": "http://127.0.0.1:1/elsewhere"})
		var err error
		if c.want != "" {
			err = r.Run(withDeadline(t), r.board) // ends by itself
		} else {
			_, err = r.round(t.Context(), r.board)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%d: %v, want %q", c.status, err, c.want)
		}
		for _, text := range append(r.board.warned, fmt.Sprint(err), r.logs.String()) {
			if strings.Contains(text, token) {
				t.Errorf("%d: the token stands in %q", c.status, text)
			}
		}
		if c.status == 400 {
			r.goOn()
			if !strings.Contains(r.board.warning, "query of topic touchpad") {
				t.Errorf("warning %q", r.board.warning)
			}
			n := len(r.x.Requests())
			r.board.setHeat(1, 1)
			r.pass(30 * time.Minute)
			r.goOn()
			if len(r.x.Requests()) != n {
				t.Error("a refused query is asked again and paid for")
			}
			r.board.topics[0].Revision++
			r.goOn()
			if len(r.x.Requests()) != n+1 || r.board.warning != "" && !strings.Contains(r.board.warning, "query") {
				t.Errorf("changed terms are not asked for: %q", r.board.warning)
			}
		}
	}
	// Nobody there: the error tells the host, not the token.
	r := newRig(t, newBoard(touchpad), "touchpad=product", func(c *Config) { c.BaseURL = "http://127.0.0.1:1" })
	if err := r.Run(t.Context(), r.board); err == nil || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "api.twitter.com") {
		t.Errorf("%v", err)
	}
}

func withDeadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// Answers without an end, of nonsense, or of other times cost a counter, not memory, and store nothing.
func TestBadAnswers(t *testing.T) {
	r := newRig(t, newBoard(touchpad), "touchpad=product")
	r.x.Next(func(w http.ResponseWriter, req *http.Request) {
		for chunk := bytes.Repeat([]byte(" "), 64<<10); req.Context().Err() == nil; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if _, err := r.round(t.Context(), r.board); !errors.Is(err, errTooLong) || r.board.dropped["too long"] != 1 {
		t.Errorf("an endless answer: %v, %v", err, r.board.dropped)
	}
	r.pass(tryTopic)
	r.x.Next(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
	if _, err := r.round(t.Context(), r.board); !errors.Is(err, errUndecodable) || r.board.dropped["undecodable"] != 1 {
		t.Errorf("HTML: %v, %v", err, r.board.dropped)
	}
	r.pass(tryTopic)
	r.x.Next(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":[{"start":"2012-01-15T00:00:00.000Z","end":"2012-01-15T00:01:00.000Z","tweet_count":9}],"meta":{"total_tweet_count":9}}`)
	})
	r.goOn()
	if r.board.puts != 0 || r.board.dropped["outside the time asked for"] != 1 {
		t.Errorf("other times: %d puts, %v", r.board.puts, r.board.dropped)
	}
	// Not stored: due again at once.
	r.pass(time.Hour)
	r.board.fail = errors.New("the database is away")
	if _, err := r.round(t.Context(), r.board); err == nil {
		t.Error("what could not be stored is no error")
	}
	r.board.fail = nil
	n := len(r.x.Requests())
	r.goOn()
	if len(r.x.Requests()) != n+1 || r.board.puts != 1 {
		t.Errorf("%d requests and %d puts after the database came back", len(r.x.Requests())-n, r.board.puts)
	}
}

// A topic at which X fails waits a minute and the others are asked; when X fails at everything, the run ends.
// Fails when: ask does not note a topic that failed; ask ends the run at the first answer of 5xx; faults is not set
// back by an answer.
func TestOneFailingTopicDoesNotStarveTheOthers(t *testing.T) {
	r := newRig(t, newBoard(touchpad, surgecast.Topic{Slug: "concert", Any: []string{"nordlicht"}}), "touchpad=product,concert=music")
	r.board.setHeat(1, 1)
	r.board.setHeat(2, .5)
	asked := func(word string) (n int) {
		for _, q := range r.x.Requests() {
			if strings.Contains(q.Query, word) {
				n++
			}
		}
		return n
	}
	for range 2 * maxFaults { // the hottest fails each time, the other is answered
		r.x.Refuse(503, "over capacity", nil)
		r.goOn()
		r.goOn() // not again at once
		r.pass(2 * time.Minute)
	}
	if asked("touchpad") != 2*maxFaults || asked("nordlicht") != 2*maxFaults {
		t.Errorf("asked %d times for the topic that fails, %d times for the other", asked("touchpad"), asked("nordlicht"))
	}
	if r.board.total(1) != 0 || len(r.board.rows[2]) == 0 {
		t.Errorf("rows %v", r.board.rows)
	}
	var err error
	for range maxFaults {
		r.x.Refuse(500, "oops "+token, nil)
	}
	for n := len(r.x.Requests()); err == nil && len(r.x.Requests()) < n+maxFaults; r.pass(2 * time.Minute) {
		_, err = r.round(t.Context(), r.board)
	}
	if err == nil || !strings.Contains(err.Error(), "answers 500") || strings.Contains(err.Error(), token) {
		t.Errorf("after %d failures in a row: %v", maxFaults, err)
	}
}

// A process that begins knows from what is stored when a topic was asked for: a cold one waits out its hour. Terms
// that were changed while it was away are asked for at once.
// Fails when: queue does not ask stored; stored does not look at Since.
func TestRestartDoesNotAskEverythingAgain(t *testing.T) {
	b := newBoard(touchpad, surgecast.Topic{Slug: "concert", Any: []string{"nordlicht"}})
	r := newRig(t, b, "touchpad=product,concert=music")
	r.goOn()
	if n := len(r.x.Requests()); n != 2 {
		t.Fatalf("%d requests at first", n)
	}
	again := New(r.cfg)
	r.pass(10 * time.Minute)
	b.topics[1].Revision, b.topics[1].Since = 2, r.clock().Add(-time.Minute)
	if _, err := again.round(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if q := r.x.Requests(); len(q) != 3 || !strings.Contains(q[2].Query, "nordlicht") {
		t.Errorf("%d requests after a restart, want one more: of the topic whose terms were changed", len(q)-2)
	}
	r.pass(50 * time.Minute)
	if _, err := again.round(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if n := len(r.x.Requests()); n != 4 {
		t.Errorf("%d requests an hour after the first, want 4", n)
	}
}

// An account whose last topic is gone is not warned about any more.
// Fails when: queue leaves broke as it is.
func TestNoWarningOfAnAccountWithoutTopics(t *testing.T) {
	b := newBoard(touchpad)
	r := newRig(t, b, "touchpad=product")
	b.money = 0
	r.goOn()
	if !strings.Contains(b.warning, "account 1") {
		t.Fatalf("warning %q", b.warning)
	}
	b.topics = nil
	r.pass(look)
	r.goOn()
	if strings.Contains(b.warning, "money") {
		t.Errorf("warning %q", b.warning)
	}
}
