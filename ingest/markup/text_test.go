package markup_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"surgecast/ingest/markup"
)

// Fails when: entities are not decoded, or the words of a cut address are kept.
func TestText(t *testing.T) {
	for _, c := range []struct{ in, words, links string }{
		{"plain", "plain", ""},
		{"a<p>b", "a b", ""},
		{"AT&amp;T &lt;3", "AT&T <3", ""},
		{"<i>App</i>le", "Apple", ""},
		{`see <a href="https:&#x2F;&#x2F;example.com&#x2F;long" rel="nofollow">https://example.com/lo...</a> ok`, "see   ok", "https://example.com/long"},
		{`<a href="https://example.com">the shop</a>`, " the shop", "https://example.com"},
		{"a<script>var touchpad</script>b", "a b", ""},
		{"<b", "", ""},
	} {
		words, links := markup.Text(nil, nil, c.in)
		var l []string
		for _, x := range links {
			l = append(l, string(x))
		}
		if string(words) != c.words || strings.Join(l, " ") != c.links {
			t.Errorf("%q: %q %q, want %q %q", c.in, words, l, c.words, c.links)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("<a href=\"https://x\">\xff<script><p>&amp")
	f.Fuzz(func(t *testing.T, s string) {
		words, links := markup.Text(nil, nil, s)
		if len(words) > 4*markup.MaxInput || len(links) > len(s) || (utf8.ValidString(s) && !utf8.Valid(words)) {
			t.Fatalf("%d bytes gave %d bytes of words and %d links", len(s), len(words), len(links))
		}
	})
}
