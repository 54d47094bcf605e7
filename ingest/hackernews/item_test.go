package hackernews

import (
	"testing"

	"github.com/cespare/xxhash/v2"
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
		if p, reason := it.post(xxhash.Sum64); reason == "" && (p.Time <= 0 || p.ID == 0) {
			t.Fatalf("%q became %+v", b, p)
		}
	})
}
