package match_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"surgecast/ingest/match"
)

// world makes posts and terms as the note on feeds measured them: posts of about 119 bytes, 15 % in Chinese or
// Japanese, a vocabulary of 60,000 words with Zipf frequencies; terms 60 % words, 25 % phrases of two or
// three words, 10 % hashtags, 5 % ideographs. Beyond the vocabulary nearly every word is a term: a worst case.
type world struct {
	rnd   *rand.Rand
	words []string
	zipf  *rand.Zipf
}

func newWorld() *world {
	w := &world{rnd: rand.New(rand.NewPCG(1, 2))}
	seen := map[string]bool{}
	for len(w.words) < 60_000 {
		var b strings.Builder
		for range 2 + w.rnd.IntN(3) {
			b.WriteByte("bcdfghklmnprstvz"[w.rnd.IntN(16)])
			b.WriteByte("aeiou"[w.rnd.IntN(5)])
		}
		if s := b.String(); !seen[s] {
			seen[s] = true
			w.words = append(w.words, s)
		}
	}
	w.zipf = rand.NewZipf(w.rnd, 1.1, 8, 59_999)
	return w
}

func (w *world) word() string { return w.words[w.zipf.Uint64()] }

func (w *world) ideographs(n int) string {
	r := make([]rune, n)
	for i := range r {
		r[i] = rune(0x4e00 + int(w.rnd.ExpFloat64()*300)%8000)
	}
	return string(r)
}

func (w *world) post() string {
	var b strings.Builder
	if w.rnd.IntN(100) < 15 {
		for b.Len() < 100 {
			b.WriteString(w.ideographs(3+w.rnd.IntN(10)) + "、")
		}
		return b.String()
	}
	for b.Len() < 100+w.rnd.IntN(30) {
		s := w.word()
		if w.rnd.IntN(8) == 0 {
			s = strings.ToUpper(s[:1]) + s[1:]
		}
		if w.rnd.IntN(25) == 0 {
			s = "#" + s
		}
		b.WriteString(s + " ")
	}
	return b.String()
}

func (w *world) term() string {
	switch p := w.rnd.IntN(100); {
	case p < 60:
		return w.words[w.rnd.IntN(len(w.words))]
	case p < 85:
		s := w.word() + " " + w.word()
		if w.rnd.IntN(2) == 0 {
			s += " " + w.word()
		}
		return s
	case p < 95:
		return "#" + w.word()
	default:
		return w.ideographs(2 + w.rnd.IntN(2))
	}
}

func (w *world) topics(n int) []match.Topic {
	topics := make([]match.Topic, 0, n)
	seen := map[string]bool{}
	for len(topics) < n {
		if term := w.term(); !seen[term] {
			seen[term] = true
			topics = append(topics, match.Topic{ID: int64(len(topics) + 1), Any: []string{term}})
		}
	}
	return topics
}

func (w *world) posts(n int) (posts [][]byte, mean int64) {
	for range n {
		p := []byte(w.post())
		posts = append(posts, p)
		mean += int64(len(p))
	}
	return posts, mean / int64(n)
}

// BenchmarkMatch folds, tokenises and matches; posts/s is per core.
func BenchmarkMatch(b *testing.B) {
	w := newWorld()
	posts, mean := w.posts(20_000)
	for _, n := range []int{1_000, 10_000, 100_000} {
		set, err := match.Build(w.topics(n))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("terms=%d", n), func(b *testing.B) {
			var s match.Scratch
			b.SetBytes(mean)
			b.ReportAllocs()
			hits, i := 0, 0
			for b.Loop() {
				hits += len(set.Match(&s, posts[i%len(posts)], nil, nil))
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
			b.ReportMetric(float64(hits)/float64(b.N), "hits/post")
			b.ReportMetric(float64(set.Bytes())/1e6, "MB")
		})
		b.Run(fmt.Sprintf("remembered/terms=%d", n), func(b *testing.B) {
			var s match.Scratch
			var tokens [][]uint64
			for _, p := range posts {
				s.Tokenise(p, nil, nil)
				tokens = append(tokens, append([]uint64(nil), s.Tokens()...))
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				set.MatchHashes(&s, tokens[i%len(tokens)])
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
		})
	}
}

// BenchmarkDecodeAndMatch adds the reading of four fields by gjson out of a line shaped like a feed's: the budget is 60,000 posts/s
// per core at 10,000 topics.
func BenchmarkDecodeAndMatch(b *testing.B) {
	w := newWorld()
	posts, _ := w.posts(20_000)
	lines := make([][]byte, len(posts))
	type record struct {
		Did    string `json:"did"`
		Time   int64  `json:"time_us"`
		Kind   string `json:"kind"`
		Commit struct {
			Operation  string `json:"operation"`
			Collection string `json:"collection"`
			Rkey       string `json:"rkey"`
			Record     struct {
				Text      string   `json:"text"`
				CreatedAt string   `json:"createdAt"`
				Langs     []string `json:"langs"`
			} `json:"record"`
		} `json:"commit"`
	}
	var bytes int64
	for i, p := range posts {
		var r record
		r.Did, r.Time, r.Kind = "did:plc:q235v55g5unth4zjjdpacfdr", 1779719009157119, "commit"
		r.Commit.Operation, r.Commit.Collection, r.Commit.Rkey = "create", "app.bsky.feed.post", "3mmoojp4cd223"
		r.Commit.Record.Text, r.Commit.Record.CreatedAt, r.Commit.Record.Langs = string(p), "2026-05-25T14:23:28.757Z", []string{"en"}
		line, err := json.Marshal(r)
		if err != nil {
			b.Fatal(err)
		}
		lines[i] = line
		bytes += int64(len(line))
	}
	set, err := match.Build(w.topics(10_000))
	if err != nil {
		b.Fatal(err)
	}
	var s match.Scratch
	var text []byte
	b.SetBytes(bytes / int64(len(lines)))
	i := 0
	for b.Loop() {
		line := lines[i%len(lines)]
		if !gjson.ValidBytes(line) || gjson.GetBytes(line, "commit.collection").Str != "app.bsky.feed.post" || gjson.GetBytes(line, "time_us").Int() == 0 || gjson.GetBytes(line, "did").Str == "" {
			b.Fatal("not a post")
		}
		text = append(text[:0], gjson.GetBytes(line, "commit.record.text").Str...)
		set.Match(&s, text, nil, nil)
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
}

func BenchmarkBuild(b *testing.B) {
	w := newWorld()
	for _, n := range []int{10_000, 100_000} {
		topics := w.topics(n)
		b.Run(fmt.Sprintf("terms=%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := match.Build(topics); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Fails when: Tokenise folds into a new slice rather than the scratch's.
func TestMatchingAllocatesNothing(t *testing.T) {
	w := newWorld()
	posts, _ := w.posts(500)
	posts = append(posts, []byte("Ha\u0300 No\u0323\u0302i ＩＰＨＯＮＥ 👍🏽 hp's https://a.example.com/b/c?d=e 아이폰을 #x"))
	tags, links := bytesOf([]string{"Tag", "新型"}), bytesOf([]string{"https://example.com/a"})
	set, err := match.Build(w.topics(1000))
	if err != nil {
		t.Fatal(err)
	}
	var s match.Scratch
	run := func() {
		for _, p := range posts {
			set.Match(&s, p, tags, links)
		}
	}
	run()
	if n := testing.AllocsPerRun(5, run); n != 0 {
		t.Errorf("%v allocations in %d posts, want none", n, len(posts))
	}
}

// A ring holds what fits: bounded bytes, the newest kept, two hours at most, tokens as they were.
// Fails when: forget compares with >= r.limit+1, or each ignores from.
func TestRing(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	const limit = 4 << 20
	r := match.NewRing(limit)
	if _, ok := r.Oldest(); ok {
		t.Error("an empty ring has an oldest post")
	}
	add := func(i int, at time.Time) {
		tokens := make([]uint64, i%40)
		for k := range tokens {
			tokens[k] = uint64(i * k)
		}
		r.Add(match.Remembered{Time: at.UnixMicro(), Source: 3, Author: uint64(i), ID: uint64(i) << 20, Flags: uint64(i % 4), Tokens: tokens})
	}
	const n = 100_000 // of (6 + 19.5) · 8 = 204 bytes: 20 MB, five times what fits
	for i := range n {
		add(i, start.Add(time.Duration(i)*time.Millisecond))
		if r.Bytes() > limit {
			t.Fatalf("after %d posts %d bytes, the limit is %d", i, r.Bytes(), limit)
		}
	}
	last, seen := uint64(0), 0
	r.Each(time.Time{}, func(p *match.Remembered) bool {
		i := p.Author
		if (last != 0 && i != last+1) || p.ID != i<<20 || p.Source != 3 || p.Flags != i%4 || len(p.Tokens) != int(i%40) {
			t.Fatalf("post %d after %d is %+v", i, last, *p)
		}
		for k, token := range p.Tokens {
			if token != i*uint64(k) {
				t.Fatalf("post %d has token %d at %d", i, token, k)
			}
		}
		last = i
		seen++
		return true
	})
	if last != n-1 || seen != r.Len() || seen < 3*n/5/5 {
		t.Errorf("last %d, seen %d of %d remembered", last, seen, r.Len())
	}
	if oldest, _ := r.Oldest(); !oldest.Equal(start.Add(time.Duration(n-seen) * time.Millisecond)) {
		t.Errorf("oldest %v, %d posts before the end", oldest, seen)
	}
	// Three hours later nothing of it is shown any more, and the first chunk after gives the memory back.
	add(7, start.Add(3*time.Hour))
	count := 0
	r.Each(time.Time{}, func(*match.Remembered) bool { count++; return true })
	if count != 1 {
		t.Errorf("%d posts shown, one is within two hours", count)
	}
	for i := range 20_000 {
		add(i, start.Add(3*time.Hour))
	}
	if r.Len() > 20_001+5_200 { // the chunk that was being filled holds old posts until it goes
		t.Errorf("%d posts remembered, 20001 are within two hours", r.Len())
	}
}
