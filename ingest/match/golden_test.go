package match_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"surgecast"
	"surgecast/ingest/match"
)

// golden says which term is found in which text. Trap 13 of the feeds: Cyrillic capitals, CJK neighbours,
// full-width letters, combining marks, hashtags; and more languages, with the limits that are accepted.
var golden = []struct {
	name, term, text string
	want             bool
}{
	{"a word", "touchpad", "My TouchPad, broken", true},
	{"not inside a word", "pad", "touchpad", false},
	{"phrase", "hp touchpad", "an HP TouchPad for $99", true},
	{"phrase over punctuation", "hp touchpad", "hp-touchpad / HP: touchpad", true},
	{"phrase out of order", "hp touchpad", "touchpad by hp", false},
	{"phrase with a word between", "hp touchpad", "hp new touchpad", false},
	{"phrase begun twice", "hp hp touchpad", "hp hp hp touchpad", true},
	{"term in capitals", "HP TOUCHPAD", "hp touchpad", true},

	// Cyrillic and Greek.
	{"Cyrillic capitals", "москва", "МОСКВА слезам не верит", true},
	{"Cyrillic case ending", "москва", "в Москве", false}, // inflection: a term for each form
	{"Ukrainian apostrophes", "комп'ютер", "КОМП’ЮТЕР", true},
	{"Cyrillic й in two code points", "йод", "и\u0306од", true},
	{"Greek capitals and final sigma", "οδός", "ΟΔΌΣ", true},
	{"Greek final sigma", "ΟΔΟΣ", "οδος", true},

	// Letters written otherwise.
	{"full-width Latin", "iphone", "ＩＰＨＯＮＥ１７", false}, // iphone17 is one word
	{"full-width Latin alone", "iphone", "ＩＰＨＯＮＥ！", true},
	{"half-width kana", "コロナ", "ｺﾛﾅ", true},
	{"half-width kana with a voicing mark", "ガンダム", "ｶﾞﾝﾀﾞﾑ", true},
	{"ligature", "office", "oﬃce", true},
	{"mathematical bold", "free money", "𝐅𝐑𝐄𝐄 𝐌𝐎𝐍𝐄𝐘", true},
	{"Roman numeral", "henry iv", "Henry Ⅳ", true},
	{"composed accent, decomposed text", "café", "cafe\u0301 noir", true},
	{"decomposed term", "cafe\u0301", "CAFÉ", true},
	{"accents are kept", "cafe", "café", false},
	{"trade mark sign", "tesla", "Tesla™ Tesla®", true},
	{"footnote", "tesla", "tesla²", true},
	{"soft hyphen", "touchpad", "touch\u00adpad", true},
	{"zero-width joiner in a word", "apple", "ap\u200dple", true},

	// CJK, Thai.
	{"CJK neighbours", "新型", "今日は新型コロナ", true},
	{"Latin between ideographs", "iphone", "買了iPhone了", true},
	{"ideographs out of order", "新型", "型新", false},
	{"kana phrase", "コロナ", "新型コロナウイルス", true},
	{"long vowel", "スーパー", "スーパーマーケット", true},
	{"Chinese with Latin", "iphone 17", "新iPhone 17发布", true},
	{"beyond the basic plane", "𠮷野家", "今日は𠮷野家で", true},
	{"Thai inside a sentence", "กรุงเทพ", "ฉันรักกรุงเทพมาก", true},
	{"Thai, other vowel", "กรุงเทพ", "ฉันรักกรงเทพ", false},
	{"Khmer", "ភ្នំពេញ", "នៅភ្នំពេញថ្ងៃនេះ", true},
	{"Burmese", "ရန်ကုန်", "ရန်ကုန်မြို့", true},
	{"Lao", "ວຽງຈັນ", "ນະຄອນຫຼວງວຽງຈັນ", true},

	// Korean: particles stand on the noun.
	{"Korean word", "아이폰", "아이폰 출시", true},
	{"Korean particle", "아이폰", "아이폰을 샀다", false},
	{"Korean particle, prefix", "아이폰*", "아이폰을 샀다", true},
	{"Korean prefix is the word too", "아이폰*", "아이폰!", true},
	{"Korean prefix in a phrase", "새 아이폰*", "새 아이폰이 나왔다", true},
	{"Korean prefix goes on", "아이폰* 출시", "아이폰이 출시", true},
	{"a star elsewhere", "m*a*s*h", "M*A*S*H reruns", true},
	{"Korean jamo", "한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8", true},
	{"Latin in Korean", "갤럭시 s25", "갤럭시S25", true},
	{"Latin with a particle", "iphone", "iPhone을", true},

	// Arabic, Hebrew, Indic, Vietnamese, Turkish, German.
	{"Arabic", "القاهرة", "في القاهرة اليوم", true},
	{"Arabic stretched", "القاهرة", "القاهـــــرة", true},
	{"Arabic presentation forms", "لا", "ﻻ", true},
	{"Arabic particle", "القاهرة", "والقاهرة", false}, // accepted: a term of its own
	{"Persian non-joiner", "می\u200cخواهم", "میخواهم", true},
	{"Hebrew", "ירושלים", "בוקר טוב ירושלים!", true},
	{"Hindi vowel signs", "दिल्ली", "नई दिल्ली में", true},
	{"Hindi, half a word", "दिल", "दिल्ली", false},
	{"Hindi nukta in two code points", "क\u093cलम", "\u0958लम", true},
	{"Tamil", "சென்னை", "சென்னை மழை", true},
	{"Vietnamese decomposed", "hà nội", "Ha\u0300 No\u0323\u0302i", true},
	{"Vietnamese marks in another order", "nội", "no\u0302\u0323i", true},
	{"Vietnamese tone matters", "hà nội", "ha noi", false},
	{"Turkish dotted capital", "istanbul", "İSTANBUL", true},
	{"Turkish dotless is another letter", "ısparta", "ISPARTA", false}, // accepted: no language is known
	{"Turkish suffix", "istanbul", "İstanbul'da", true},
	{"German sharp s in capitals", "straße", "STRASSE", true},
	{"German Maße is Masse", "maße", "Masse", true}, // accepted

	// Apostrophes.
	{"possessive", "apple", "Apple’s new phone", true},
	{"French article", "apple", "l'Apple d'hier", true},
	{"whole", "mcdonald's", "at McDonald’s", true},
	{"whole, not its part", "mcdonald's", "Mr McDonald", false},
	{"negation", "don", "I don't know", false},
	{"negation whole", "don't", "I DON’T know", true},
	{"quoted", "apple", "'apple'", true},
	{"possessive in a phrase", "apple store", "apple's store", true},

	// Tags, names, cash, signs.
	{"hashtag", "#touchpad", "love #TouchPad", true},
	{"hashtag counts as the word", "touchpad", "love #TouchPad", true},
	{"the word is no hashtag", "#touchpad", "love touchpad", false},
	{"hashtag in a phrase", "hp touchpad", "hp #touchpad", true},
	{"phrase with a hashtag", "hp #touchpad", "hp #touchpad", true},
	{"phrase with a hashtag, word", "hp #touchpad", "hp touchpad", false},
	{"CJK hashtag whole", "#新型", "#新型コロナ", false},
	{"CJK hashtag's words", "新型", "#新型コロナ", true},
	{"full-width hash", "#新型コロナ", "＃新型コロナ です", true},
	{"CJK hashtag and more", "#新型 対策", "#新型 対策", true},
	{"Hindi hashtag", "#दिल्ली", "#दिल्ली", true},
	{"a # inside a word", "#b", "a#b", false},
	{"cashtag", "$gme", "$GME to the moon", true},
	{"cashtag is not the word", "gme", "$GME", false},
	{"the word is not the cashtag", "$gme", "GME", false},
	{"cashtag with a class", "$brk.b", "$BRK.B up", true},
	{"cashtag without the class", "$brk", "$BRK.B up", true},
	{"an amount is a number", "99", "$99", true},
	{"name", "@hp", "thanks @HP!", true},
	{"a name is not the word", "hp", "thanks @HP!", false},
	{"name with a host", "@alice", "@alice.bsky.social hi", true},
	{"name with a host, whole", "@alice.bsky.social", "@alice.bsky.social", true},
	{"name at the end of a sentence", "@alice", "ask @alice.", true},
	{"mail address is no name", "@example", "me@example.com", false},
	{"C++", "c++", "I write C++.", true},
	{"C++ is also C", "c", "I write C++.", true},
	{"C is not C++", "c++", "I write C.", false},
	{"C#", "c#", "C# and F#", true},
	{"Disney+", "disney+", "on Disney+, now", true},
	{"a sum is no name", "1+", "1+1", false},
	{"AT&T", "at&t", "AT&T is down", true},
	{"emphasis", "apple", "_apple_", true},
	{"a stray mark is no word", "hp touchpad", "hp _\u0301 touchpad", true},
	{"link in emphasis", "example.com", "_https://example.com/_", true},
	{"snake case", "apple", "apple_pie", false},

	// Emoji.
	{"emoji", "🔥", "🔥🔥🔥", true},
	{"emoji touching a word", "fire", "fire🔥", true},
	{"emoji family is one", "👩", "👨‍👩‍👧", false},
	{"emoji family", "👨‍👩‍👧", "the 👨‍👩‍👧!", true},
	{"skin tone counts as none", "👍", "👍🏽", true},
	{"skin tone asked for", "👍🏽", "👍", false},
	{"skin tone found", "👍🏽", "ok 👍🏽", true},
	{"variation selector", "❤️", "❤", true},
	{"flag", "🇺🇦", "🇵🇱🇺🇦", true},
	{"half a flag", "🇺🇦", "🇵🇺🇦🇱", false},
	{"flag of Scotland", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "go 🏴󠁧󠁢󠁳󠁣󠁴󠁿", true},
	{"flag of Scotland is not England's", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "go 🏴󠁧󠁢󠁳󠁣󠁴󠁿", false},

	// Addresses in the text.
	{"host", "example.com", "see https://www.Example.com/a?b", true},
	{"host above", "example.com", "see https://shop.example.com", true},
	{"another host", "example.com", "see https://notexample.com", false},
	{"host in words", "example.com", "go to Example.com now", true},
	{"links only", "https://example.com", "go to Example.com now", false},
	{"links only, by url:", "url:example.com", "https://example.com", true},
	{"path", "example.com/a", "(https://example.com/a/b)", true},
	{"path is whole segments", "example.com/a", "https://example.com/ab", false},
	{"tracking is not the page", "example.com/a?id=7", "https://example.com/a?utm_source=x&id=7&fbclid=z#top", true},
	{"full stop after it", "example.com/a", "https://example.com/a.", true},
	{"words in an address are no words", "touchpad", "https://example.com/touchpad", false},
	{"no phrase across an address", "hp touchpad", "hp https://example.com touchpad", false},
	{"node.js", "node.js", "I like Node.js!", true},
}

// Fails when: lowerRunes no longer folds ς, or the tokeniser reads ideographs as words.
func TestGolden(t *testing.T) {
	var s match.Scratch
	for _, c := range golden {
		set, err := match.Build([]match.Topic{{ID: 7, Any: []string{c.term}}})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := len(set.Match(&s, []byte(c.text), nil, nil)) == 1; got != c.want {
			t.Errorf("%s: %q in %q: %v, want %v", c.name, c.term, c.text, got, c.want)
		}
		if !slices.Equal(set.Match(&s, []byte(c.text), nil, nil), set.MatchHashes(&s, s.Tokens())) {
			t.Errorf("%s: the remembered post matches otherwise than the post", c.name)
		}
	}
}

// Structure: tags and links that the feed names apart from the text.
func TestTagsAndLinks(t *testing.T) {
	set, err := match.Build([]match.Topic{
		{ID: 1, Any: []string{"#touchpad"}},
		{ID: 2, Any: []string{"touchpad"}},
		{ID: 3, Any: []string{"hp touchpad"}},
		{ID: 4, Any: []string{"example.com/a"}},
		{ID: 5, Any: []string{"example.com"}},
		{ID: 6, Any: []string{"sale"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var s match.Scratch
	for _, c := range []struct {
		text        string
		tags, links []string
		want        []int64
	}{
		{"hp", []string{"TouchPad"}, nil, []int64{1, 2}}, // no phrase from the text into the tags
		{"", []string{"#TouchPad"}, nil, []int64{1, 2}},
		{"", []string{"hp", "touchpad"}, nil, []int64{1, 2}},
		{"", nil, []string{"https://example.com/a/b/sale"}, []int64{4, 5}},
		{"", nil, []string{"http://user:pw@WWW.example.com:8080/A/"}, []int64{4, 5}},
		{"", nil, []string{"example.com"}, []int64{5}},
		{"", nil, []string{"at://did:plc:x/app", "mailto:sale@example.org", "://", "https://", "\xff"}, nil},
	} {
		got := slices.Clone(set.Match(&s, []byte(c.text), bytesOf(c.tags), bytesOf(c.links)))
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q %q %q: %v, want %v", c.text, c.tags, c.links, got, c.want)
		}
	}
}

func bytesOf(s []string) (b [][]byte) {
	for _, x := range s {
		b = append(b, []byte(x))
	}
	return b
}

// Any AND And AND NOT Not; a post counts once for a topic, however often its terms are found.
// Fails when: the masks of And and Not are swapped in MatchHashes.
func TestConditions(t *testing.T) {
	set, err := match.Build([]match.Topic{{ID: 1, Any: []string{"touchpad", "hp touchpad"}, And: []string{"sale", "deal"}, Not: []string{"laptop touchpad"}}})
	if err != nil {
		t.Fatal(err)
	}
	var s match.Scratch
	for text, want := range map[string]int{
		"touchpad":                              0,
		"touchpad sale touchpad deal":           1,
		"sale":                                  0,
		"HP touchpad deal":                      1,
		"touchpad deal, laptop touchpad broken": 0,
		"laptop and touchpad deal":              1,
	} {
		if got := set.Match(&s, []byte(text), nil, nil); len(got) != want {
			t.Errorf("%q: %v, want %d", text, got, want)
		}
	}
}

// A term nobody could ever find is refused with its name; the other topics are matched all the same.
// Fails when: term returns no error for a row without tokens.
func TestTermsThatCannotBeFound(t *testing.T) {
	for _, c := range []struct {
		topic       match.Topic
		field, says string
	}{
		{match.Topic{Any: nil}, "any", "no term"},
		{match.Topic{Any: []string{"ok", " "}}, "any", "empty"},
		{match.Topic{Any: []string{"ok"}, Not: []string{"?!…"}}, "not", "nothing in it"},
		{match.Topic{Any: []string{"ok"}, And: []string{"\u200b\u200e"}}, "and", "nothing in it"},
		{match.Topic{Any: []string{"touch*"}}, "any", "Korean"},
		{match.Topic{Any: []string{"가*"}}, "any", "Korean"},
		{match.Topic{Any: []string{"see https://example.com"}}, "any", "address"},
		{match.Topic{Any: []string{"https://"}}, "any", "web address"},
		{match.Topic{Any: slices.Repeat([]string{"x"}, 65)}, "any", "too many"},
		{match.Topic{Any: []string{strings.Repeat("x", 1000)}}, "any", "too long"},
	} {
		c.topic.ID = 1
		err := match.Check(c.topic)
		fe, ok := errors.AsType[*surgecast.FieldError](err)
		if !ok || fe.Field != c.field || !strings.Contains(fe.Detail, c.says) {
			t.Errorf("%q: %v, want a field error of %s about %q", c.topic.Any, err, c.field, c.says)
		}
		set, err := match.Build([]match.Topic{c.topic, {ID: 2, Any: []string{"fine"}}})
		if err == nil || set.Len() != 1 || len(set.Match(new(match.Scratch), []byte("fine"), nil, nil)) != 1 {
			t.Errorf("%q: the good topic beside it is lost, or nothing is said: %v", c.topic.Any, err)
		}
	}
	if _, err := match.Build([]match.Topic{{ID: 1, Any: []string{"a"}}, {ID: 1, Any: []string{"b"}}}); err == nil {
		t.Error("one id twice goes unnoticed: a post would count twice")
	}
}
