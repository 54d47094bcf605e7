package ingest

import (
	"math"
	"testing"
)

// Up to 64 the count is exact, and it never falls; beyond, its error stays within three standard errors of
// HyperLogLog with 4096 registers, 3 · 1.04/√4096 = 4.9 %.
//
// Fails when: fewAuthors is 16 and sketchPrecision 8.
func TestAuthorsAreCountedOnce(t *testing.T) {
	var a authors
	last := 0.0
	for n := uint64(1); n <= 50_000; n++ {
		a.add(n * 0x9e3779b97f4a7c15)
		a.add(n * 0x9e3779b97f4a7c15)
		if n > 3000 && n%97 != 0 {
			continue
		}
		got := a.count()
		if got < last {
			t.Fatalf("%d authors: %v after %v", n, got, last)
		}
		last = got
		if n <= fewAuthors && got != float64(n) {
			t.Errorf("%d authors counted as %v", n, got)
		}
		if math.Abs(got-float64(n)) > .049*float64(n)+1 {
			t.Errorf("%d authors counted as %v", n, got)
		}
	}
}
