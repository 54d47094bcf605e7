// Package markup takes the words and the addresses out of the HTML that some feeds write posts in.
package markup

import (
	"strings"

	"golang.org/x/net/html"
)

// MaxInput is how much of one text is read, in bytes; what comes after is left out.
const MaxInput = 256 << 10

// Text appends to text the words of HTML, entities decoded, with a space wherever a tag parts them for the
// eye, and to links the addresses it leads to. The words of a link that only repeat its address are left out:
// they are often cut short, and then name another page. Broken markup gives what can be read of it.
func Text(text []byte, links [][]byte, markup string) (words []byte, addresses [][]byte) {
	if len(markup) > MaxInput {
		markup = markup[:MaxInput]
	}
	if !strings.ContainsAny(markup, "<&") {
		return append(text, markup...), links
	}
	z := html.NewTokenizer(strings.NewReader(markup))
	z.SetMaxBuf(MaxInput)
	silent := "" // the element whose content nobody sees
	inLink := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			return text, links
		case html.TextToken:
			t := z.Text()
			if silent != "" || (inLink && isAddress(t)) {
				continue
			}
			text = append(text, t...)
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			switch string(name) {
			case "script", "style", "template", "noscript":
				silent = string(name)
			case "a":
				inLink = true
				for more {
					var k, v []byte
					k, v, more = z.TagAttr()
					if string(k) == "href" && isAddress(v) {
						links = append(links, append([]byte(nil), v...))
					}
				}
			case "b", "i", "em", "strong", "span", "u", "s", "sup", "sub", "font", "wbr", "mark", "small":
				continue // inside a word
			}
			text = append(text, ' ')
		case html.EndTagToken:
			name, _ := z.TagName()
			switch string(name) {
			case silent:
				silent = ""
			case "a":
				inLink = false
			}
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

func isAddress(b []byte) bool {
	s := strings.TrimSpace(string(b[:min(len(b), 16)]))
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}
