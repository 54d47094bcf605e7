package jetstream

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"surgecast/ingest"
)

func plainHash(_ int64, b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func readLines(t testing.TB, name string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Skipf("the recorded events are not there: %v", err)
	}
	return bytes.Split(bytes.TrimSpace(b), []byte("\n"))
}

func texts(bs [][]byte) string {
	var s []string
	for _, b := range bs {
		s = append(s, string(b))
	}
	return strings.Join(s, " ")
}

// Each line of ours against what stands in it.
//
// Fails when: str gives escapes back as they are, embed does not go into record.record, or an update counts.
func TestDecodeV1(t *testing.T) {
	lines := readLines(t, "testdata/own.jsonl")
	type want struct {
		what             happening
		kind             ingest.PostKind
		text, tags, link string
		bot              bool
		skew             time.Duration // server's clock less author's
	}
	quoted := "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/3moo1aaaaaaaa"
	for n, w := range []want{
		{what: created, text: "The harbour museum opens its doors at nine, and the queue is around the block already", skew: 500 * time.Millisecond},
		{what: created, text: "museum.example.org/tick... for \"today\"\nare gone 🚢 #harbourday", tags: "harbourday boats", link: "https://museum.example.org/tickets?day=1&2 https://museum.example.org/tickets", skew: 1100 * time.Millisecond},
		{what: other},
		{what: created, kind: ingest.Quote, text: "ОЧЕРЕДЬ В МУЗЕЙ, вот карта", link: "https://example.org/map " + quoted, skew: 300 * time.Millisecond},
		{what: created, kind: ingest.Repost, link: quoted, skew: 250 * time.Millisecond},
		{what: created, kind: ingest.Reply, text: "港の博物館は満員です", bot: true, skew: 140 * time.Millisecond},
		{what: other},
		{what: other},
		{what: other},
		{what: other},
	} {
		d := &decoder{hash: plainHash}
		var e event
		if err := v1(d, lines[n], &e); err != nil {
			t.Errorf("line %d: %v", n+1, err)
			continue
		}
		p := &e.post
		if e.what != w.what || e.time < 1.79e15 {
			t.Errorf("line %d: what = %v at %d, want %v", n+1, e.what, e.time, w.what)
		}
		if w.what != created {
			continue
		}
		if p.Kind != w.kind || string(p.Text) != w.text || texts(p.Tags) != w.tags || texts(p.Links) != w.link || p.Bot != w.bot {
			t.Errorf("line %d: %v %q tags %q links %q bot %t, want %+v", n+1, p.Kind, p.Text, texts(p.Tags), texts(p.Links), p.Bot, w)
		}
		if skew := time.Duration(p.Time-p.Created) * time.Microsecond; skew != w.skew {
			t.Errorf("line %d: dated %s before it was stamped, want %s", n+1, skew, w.skew)
		}
	}
}

// reference decodes with encoding/json, slowly and independently.
func reference(t testing.TB, line []byte) (text string, at int64, ok bool) {
	var e struct {
		Time   int64  `json:"time_us"`
		Kind   string `json:"kind"`
		Commit struct {
			Operation, Collection string
			Record                struct{ Text string }
		}
	}
	if err := json.Unmarshal(line, &e); err != nil {
		t.Fatal(err)
	}
	return e.Commit.Record.Text, e.Time, e.Kind == "commit" && e.Commit.Operation == "create" && e.Commit.Collection == posts
}

// The real events, and each of them as a frame of v2 and with its fields in another order, give what
// encoding/json finds.
//
// Fails when: finish reads the record only if the collection stood before it, or v2 takes time for a number.
func TestRecordedEvents(t *testing.T) {
	for _, name := range []string{"bluesky_jetstream_v1_masked_152.jsonl", "bluesky_jetstream_v1_golden.jsonl"} {
		found := 0
		for n, line := range readLines(t, "../../../shared/data/feeds/"+name) {
			text, at, ok := reference(t, line)
			var e event
			d := &decoder{hash: plainHash}
			if err := v1(d, line, &e); err != nil {
				t.Fatalf("%s, line %d: %v", name, n+1, err)
			}
			isPost := e.what == created && e.post.Kind != ingest.Repost
			if isPost != ok || e.time != at || ok && string(e.post.Text) != text {
				t.Errorf("%s, line %d: %t %d %q, want %t %d %q", name, n+1, isPost, e.time, e.post.Text, ok, at, text)
			}
			if ok {
				found++
				if skew := e.post.Time - e.post.Created; skew < -5e6 || skew > 60e6 {
					t.Errorf("%s, line %d: dated %d µs before it was stamped", name, n+1, skew)
				}
			}
			var any map[string]any
			if err := json.Unmarshal(line, &any); err != nil {
				t.Fatal(err)
			}
			sorted, err := json.Marshal(any) // commit before did, and time_us last
			if err != nil {
				t.Fatal(err)
			}
			var again event
			if err := v1(d, sorted, &again); err != nil || again.what != e.what || again.post.ID != e.post.ID || string(again.post.Text) != string(e.post.Text) {
				t.Errorf("%s, line %d in another order: %v %v", name, n+1, again.what, err)
			}
		}
		if found == 0 {
			t.Errorf("%s: no post found", name)
		}
	}
	frames := readLines(t, "../../../shared/data/feeds/bluesky_jetstream_v2_frames.jsonl")
	var e event
	d := &decoder{hash: plainHash}
	if err := v2(d, frames[0], &e); err != nil || e.what != other || e.seq != 12345 || e.time != time.Date(2024, 9, 9, 19, 46, 2, 329308000, time.UTC).UnixMicro() {
		t.Errorf("first frame: %+v, %v", e, err)
	}
	if err := v2(d, frames[1], &e); err != nil || e.what != failure || e.name != "ConsumerTooSlow" {
		t.Errorf("second frame: %+v, %v", e, err)
	}
}

// The same event has the same id in both forms, and another record has another.
//
// Fails when: finish leaves the collection or the rkey out of the id.
func TestIDs(t *testing.T) {
	seen := map[uint64]int{}
	for n, line := range readLines(t, "testdata/own.jsonl") {
		var e event
		if err := v1(&decoder{hash: plainHash}, line, &e); err != nil {
			t.Fatal(err)
		}
		if e.what != created {
			continue
		}
		if m, again := seen[e.post.ID]; again {
			t.Errorf("lines %d and %d have one id", m, n)
		}
		seen[e.post.ID] = n
		var other event
		shifted := bytes.Replace(line, []byte(`"time_us":1790`), []byte(`"time_us":1791`), 1)
		if err := v1(&decoder{hash: plainHash}, shifted, &other); err != nil || other.post.ID != e.post.ID {
			t.Errorf("line %d: another host's time gives another id, %v", n, err)
		}
	}
}

func TestInstant(t *testing.T) {
	for s, want := range map[string]string{
		"2026-07-04T14:38:08.999Z": "2026-07-04T14:38:08.999Z", "2026-07-04T14:38:02+00:00": "2026-07-04T14:38:02Z",
		"2024-02-29T23:59:59.123456789Z": "2024-02-29T23:59:59.123456Z", "2026-07-04T16:38:08.5+02:00": "2026-07-04T14:38:08.5Z",
		"1969-12-31T23:59:59Z": "1969-12-31T23:59:59Z", "2023-02-29T00:00:00Z": "", "2026-13-04T14:38:08Z": "", "yesterday": "", "": "",
	} {
		got := instant([]byte(s))
		if want == "" {
			if got != 0 {
				t.Errorf("instant(%q) = %d, want 0", s, got)
			}
			continue
		}
		at, _ := time.Parse(time.RFC3339Nano, want)
		if got != at.UnixMicro() {
			t.Errorf("instant(%q) = %s, want %s", s, time.UnixMicro(got).UTC(), want)
		}
	}
}

// Whatever the bytes: no panic, no slice from outside the line or its room, and what json finds in valid
// lines the decoder finds too.
func fuzz(f *testing.F, decode line) {
	for _, name := range []string{"testdata/own.jsonl", "../../../shared/data/feeds/bluesky_jetstream_v2_frames.jsonl", "../../../shared/data/feeds/bluesky_jetstream_v1_golden.jsonl"} {
		if b, err := os.ReadFile(name); err == nil {
			for l := range bytes.SplitSeq(b, []byte("\n")) {
				f.Add(l)
			}
		}
	}
	f.Add([]byte(`{"did":"a","time_us":9,"commit":{"record":{"text":"\ud83d\u12","facets":[{"features":[[]]}],"embed":{"record":{"record":{"record":{}}}}},"operation":"create","collection":"app.bsky.feed.post","rkey":"r"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &decoder{hash: plainHash}
		var e event
		if err := decode(d, slices.Clone(b), &e); err != nil || e.what != created {
			return
		}
		if len(e.post.Text) > len(b)*3+8 || len(e.post.Tags) > maxParts || len(e.post.Links) > maxParts {
			t.Errorf("a line of %d bytes gave %d bytes of text, %d tags, %d links", len(b), len(e.post.Text), len(e.post.Tags), len(e.post.Links))
		}
	})
}

func FuzzV1(f *testing.F) { fuzz(f, v1) }
func FuzzV2(f *testing.F) { fuzz(f, v2) }
