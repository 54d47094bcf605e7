package ingest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"surgecast"
	"surgecast/ingest/match"
)

// A post with k hashtags, six or more, is a k-th of one, whoever remembers it; five are nothing unusual, the same tag
// twice is one tag, and the categories of a newspaper are none.
//
// Fails when: organic does not look at the number of tags, traitsOf counts repeats, or remember leaves the traits out.
func TestHashtagStuffing(t *testing.T) {
	tags := func(n int) (out [][]byte) {
		for i := range n {
			out = append(out, fmt.Appendf(nil, "tag%d", i))
		}
		return out
	}
	for _, c := range []struct {
		name string
		tags [][]byte
		kind surgecast.SourceKind
		want float64
	}{
		{"five", tags(5), surgecast.SourcePosts, 1},
		{"six", tags(6), surgecast.SourcePosts, 1. / 6},
		{"twenty", tags(20), surgecast.SourcePosts, 1. / 20},
		{"more than are counted", tags(500), surgecast.SourcePosts, 1. / maxTags},
		{"three, each twice", append(tags(3), [][]byte{[]byte("TAG0"), []byte("Tag1"), []byte("tag2")}...), surgecast.SourcePosts, 1},
		{"categories", tags(20), surgecast.SourceNews, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := t0.Add(10 * 60e9)
			ta := testTally(t, &now)
			ta.source.Kind = c.kind
			p := Post{Time: t0.UnixMicro(), Author: 1, ID: 2, Text: []byte("a boat in the sound"), Tags: c.tags}
			ta.Posts(t.Context(), []Post{p}, "1")
			if rows := ta.collect(position{}).rows; len(rows) != 1 || rows[0].Raw != 1 || math.Abs(rows[0].Organic-c.want) > 1e-4 || rows[0].Authors != 1 {
				t.Errorf("%+v, want organic %v", rows, c.want)
			}
			// What is remembered of it says the same.
			if got := (&memory{}).organic(1, 0, 1, 0, trait(remembered(ta).Flags&wordFree)); math.Abs(got-c.want) > 1e-4 {
				t.Errorf("remembered as %v, want %v", got, c.want)
			}
		})
	}
}

func remembered(ta *tally) (last match.Remembered) {
	ta.ring.Each(time.Time{}, func(p *match.Remembered) bool {
		last = *p
		return true
	})
	return last
}
