package wikimedia_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"surgecast/ingest/ingesttest"
	"surgecast/ingest/wikimedia"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// replay serves one script per connection, as EventStreams does, over a real socket.
type replay struct {
	mu      sync.Mutex
	scripts []string
	resumed []string // the Last-Event-ID of each connection
	abort   bool     // cut the socket rather than end the answer
}

func (r *replay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.resumed)
	r.resumed = append(r.resumed, req.Header.Get("Last-Event-ID"))
	if req.Header.Get("Accept") != "text/event-stream" || n >= len(r.scripts) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	io.WriteString(w, ":ok\n\n"+r.scripts[n])
	if r.abort {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func start(t *testing.T, scripts ...string) (*replay, *wikimedia.Stream) {
	r := &replay{scripts: scripts}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	return r, wikimedia.New(wikimedia.Config{BaseURL: srv.URL, Client: srv.Client(), Hash: ingesttest.Hash, Clock: func() time.Time { return now }})
}

// change is an edit n seconds after twelve minus one minute.
func change(n int, more string) string {
	return fmt.Sprintf("event: message\nid: %s\ndata: {\"meta\":{\"id\":\"m%d\",\"domain\":\"en.wikipedia.org\",\"uri\":\"https://en.wikipedia.org/wiki/T%d\",\"dt\":%q},\"type\":\"edit\",\"namespace\":0,\"title\":\"T%d\",\"user\":\"u\"%s}\n\n",
		id(n), n, n, now.Add(time.Duration(n-60)*time.Second).Format(time.RFC3339Nano), n, more)
}

func id(n int) string {
	return fmt.Sprintf(`[{"topic":"eqiad","partition":0,"offset":%d},{"topic":"codfw","partition":0,"timestamp":7}]`, n)
}

// Trap 10: canaries are no edits; a clean end is no fault, and the next connection resumes from the whole id.
// Fails when: canary() looks for another domain, or Run returns an error at a clean end.
func TestCanariesAndCleanEnd(t *testing.T) {
	canary := strings.ReplaceAll(change(3, ""), "en.wikipedia.org\",\"uri", "canary\",\"uri")
	r, stream := start(t,
		change(1, "")+change(2, `,"bot":true`)+canary+change(2, "")+ // the last is a repetition
			change(4, `,"namespace":1`)+change(5, `,"type":"categorize"`)+change(6, ""),
		change(6, "")+change(7, ""))
	var sink ingesttest.Record
	if err := stream.Run(t.Context(), "", &sink); err != nil {
		t.Fatalf("a clean end: %v", err)
	}
	if err := stream.Run(t.Context(), sink.Place, &sink); err != nil {
		t.Fatalf("a clean end: %v", err)
	}
	// The sixth comes again on the second connection: the id is the same, and whoever counts drops it.
	if got, want := sink.Texts(), []string{"T1", "T2", "T6", "T6", "T7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if sink.Taken[2].ID != sink.Taken[3].ID {
		t.Error("the same edit has two ids")
	}
	if !slices.Equal(r.resumed, []string{"", id(6)}) {
		t.Errorf("resumed from %q", r.resumed)
	}
	if p := sink.Taken[1]; !p.Bot || sink.Taken[0].Bot || p.Time != now.Add(-58*time.Second).UnixMicro() || string(p.Links[0]) != "https://en.wikipedia.org/wiki/T2" {
		t.Errorf("%+v", p)
	}
	if want := now.Add(-53*time.Second - 15*time.Second); !sink.Completed.Equal(want) || len(sink.Gaps) != 0 {
		t.Errorf("complete %v, want %v; gaps %v", sink.Completed, want, sink.Gaps)
	}
}

// A socket that is cut is a fault, and the place holds what was read.
// Fails when: Run returns nil for any end.
func TestCutSocket(t *testing.T) {
	r, stream := start(t, change(1, "")+change(2, ""))
	r.abort = true
	var sink ingesttest.Record
	if err := stream.Run(t.Context(), "", &sink); err == nil {
		t.Error("a cut socket passes for a regular end")
	}
	if len(sink.Taken) != 2 || !strings.Contains(sink.Place, `offset\":2`) {
		t.Errorf("%d posts, place %s", len(sink.Taken), sink.Place)
	}
	if err := stream.Run(t.Context(), "", &sink); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("503: %v", err)
	}
}

// What the server cannot give back is missing: after more than a week, or when it resumes later than asked.
// Fails when: take does not compare the first event with the place.
func TestGaps(t *testing.T) {
	r, stream := start(t, change(1, ""), change(30, ""))
	old := now.Add(-8 * 24 * time.Hour)
	var week ingesttest.Record
	if err := stream.Run(t.Context(), fmt.Sprintf(`{"id":"x","t":%d}`, old.UnixMicro()), &week); err != nil {
		t.Fatal(err)
	}
	if len(week.Gaps) != 1 || !week.Gaps[0].From.Equal(old) || !week.Gaps[0].To.Equal(now) || r.resumed[0] != "" || len(week.Taken) != 1 {
		t.Errorf("after eight days: gaps %v, resumed from %q", week.Gaps, r.resumed[0])
	}
	hour := now.Add(-time.Hour)
	var late ingesttest.Record
	if err := stream.Run(t.Context(), fmt.Sprintf(`{"id":"y","t":%d}`, hour.UnixMicro()), &late); err != nil {
		t.Fatal(err)
	}
	if len(late.Gaps) != 1 || !late.Gaps[0].From.Equal(hour) || !late.Gaps[0].To.Equal(now.Add(-30*time.Second)) || r.resumed[1] != "y" {
		t.Errorf("resumed too late: gaps %v", late.Gaps)
	}
}

// Bad input is counted, and what follows it is read: long lines, endless events, bad UTF-8, no JSON, a clock
// that runs ahead.
// Fails when: bounded passes everything on.
func TestBadInput(t *testing.T) {
	long := "data: " + strings.Repeat("x", 100<<10) + "\n\n"
	endless := "id: 9\n" + strings.Repeat("data: "+strings.Repeat("y", 1000)+"\n", 3000) + "\n" // 3 MB in one event
	endlessLine := "data: " + strings.Repeat("z", 3<<20) + "\n\n"
	future := strings.Replace(change(8, ""), now.Add(-52*time.Second).Format(time.RFC3339Nano), now.Add(time.Hour).Format(time.RFC3339Nano), 1)
	_, stream := start(t, change(1, "")+long+endless+endlessLine+"data: \xff\xfe{\n\n"+"data\n\n"+future+"id: "+strings.Repeat("i", 20<<10)+"\ndata: {}\n\n"+change(2, ""))
	var sink ingesttest.Record
	if err := stream.Run(t.Context(), "", &sink); err != nil {
		t.Fatal(err)
	}
	if got := sink.Texts(); !slices.Equal(got, []string{"T1", "T2"}) {
		t.Errorf("got %q", got)
	}
	// Undecodable: the line of 100 kB, what is left of the two endless events, and the bad bytes.
	if d := sink.Drops; d["too long"] != 3 || d["undecodable"] != 4 || d["clock"] != 1 {
		t.Errorf("dropped %v", d)
	}
}

// The events others have shown: two are bookkeeping, the third is an edit.
func TestRealEvents(t *testing.T) {
	f, err := os.Open("../../../shared/data/feeds/wikimedia_recentchange.jsonl")
	if err != nil {
		t.Skip("the sample events are not here:", err)
	}
	defer f.Close()
	var script strings.Builder
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Event, ID string
			Data      json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&script, "event: %s\nid: %s\ndata: %s\n\n", e.Event, e.ID, e.Data)
	}
	_, stream := start(t, script.String())
	var sink ingesttest.Record
	if err := stream.Run(t.Context(), "", &sink); err != nil {
		t.Fatal(err)
	}
	if got := sink.Texts(); !slices.Equal(got, []string{"Foo"}) || len(sink.Drops) != 0 {
		t.Errorf("got %q, dropped %v", got, sink.Drops)
	}
}
