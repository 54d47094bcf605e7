package wikimedia

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"surgecast/ingest/ingesttest"
)

// Whatever comes: no panic, and every event counted has a time, an id and a title.
func FuzzDecode(f *testing.F) {
	f.Add(`{"meta":{"id":"a","dt":"2026-03-03T11:15:25.048Z"},"type":"edit","title":"x"}`)
	f.Add(`{"meta":{"dt":7}}`)
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := decode(s)
		if err != nil || !c.counted() {
			return
		}
		if p := c.post(ingesttest.Hash); len(p.Text) == 0 || p.ID == 0 {
			t.Fatalf("%q became %+v", s, p)
		}
	})
}

// Events within the limit pass unchanged, however the bytes arrive; no event is longer than the limit.
// Fails when: pass forgets lineOpen between two reads.
func TestBoundedPassesWhatFits(t *testing.T) {
	ok := "id: 1\ndata: a\n\n: comment\n\ndata: b\r\n\r\n"
	in := ok + "data: " + strings.Repeat("x", 100) + "\ndata: y\n\n" + ok
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(in), "one byte at a time": iotest.OneByteReader(strings.NewReader(in))} {
		cuts := 0
		out, err := io.ReadAll(&bounded{r: r, limit: 50, idle: func() error { return nil }, cut: func() { cuts++ }})
		if err != nil || cuts != 1 {
			t.Errorf("%s: %d cuts, %v", name, cuts, err)
		}
		if !bytes.HasPrefix(out, []byte(ok)) || !bytes.HasSuffix(out, []byte("\n\n"+ok)) || bytes.Contains(out, []byte("data: y")) || len(out) > 2*len(ok)+60 {
			t.Errorf("%s: %q", name, out)
		}
	}
}

// An edit read again after midnight, which EventStreams does for a week, has the hashes it had before.
//
// Fails when: post hashes under the day of anything but the event's own time.
func TestAnEditsHashesAreOfItsDay(t *testing.T) {
	evening := time.Date(2026, 11, 21, 23, 59, 59, 0, time.UTC)
	var c change
	c.Meta.ID, c.Meta.Time, c.User, c.Title = "7", evening, "somebody", "a"
	p := c.post(ingesttest.DailyHash)
	if p.ID != ingesttest.DailyHash(evening.UnixMicro(), []byte("wikimedia:7")) || p.Author != ingesttest.DailyHash(evening.UnixMicro(), []byte("wikimedia@somebody")) {
		t.Errorf("%+v", p)
	}
}
