package hackernews

import (
	"testing"

	"surgecast/ingest/ingesttest"
)

// Whatever the server answers: no panic, and no post without a time.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"null", "1", "[]", `{"id":7,"time":1,"type":"story","title":"a"}`, `{"id":7,"time":-1}`, `{"id":7,"time":1e9,"type":"comment","text":"<a href=\xff>"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		it, found, err := decode(b, 7)
		if err != nil || !found {
			return
		}
		if p, reason := it.post(ingesttest.Hash); reason == "" && (p.Time <= 0 || p.ID == 0) {
			t.Fatalf("%q became %+v", b, p)
		}
	})
}

// An item read again after midnight has the hashes it had before.
//
// Fails when: post hashes under the day of anything but the item's own time.
func TestAnItemsHashesAreOfItsDay(t *testing.T) {
	const evening = 1795391999 // 23:59:59 UTC
	it := item{ID: 7, Type: "story", By: "somebody", Time: evening, Title: "a"}
	p, _ := it.post(ingesttest.DailyHash)
	if p.ID != ingesttest.DailyHash(evening*1e6, []byte("hackernews:7")) || p.Author != ingesttest.DailyHash(evening*1e6, []byte("hackernews@somebody")) {
		t.Errorf("%+v", p)
	}
}
