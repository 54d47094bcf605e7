package mastodon

import (
	"encoding/json"
	"errors"
	"html"
	"strings"
	"time"

	htmltext "golang.org/x/net/html"

	"surgecast/ingest"
)

// status is a post as Mastodon sends it, as far as it is counted.
type status struct {
	ID         string          `json:"id"`
	URI        string          `json:"uri"`
	CreatedAt  time.Time       `json:"created_at"`
	ReplyTo    *string         `json:"in_reply_to_id"`
	Visibility string          `json:"visibility"`
	Spoiler    string          `json:"spoiler_text"`
	Content    string          `json:"content"`
	Reblog     json.RawMessage `json:"reblog"`
	Quote      json.RawMessage `json:"quote"`
	Tags       []struct {
		Name string `json:"name"`
	} `json:"tags"`
	Card *struct {
		URL string `json:"url"`
	} `json:"card"`
	Account struct {
		Acct      string    `json:"acct"`
		Bot       bool      `json:"bot"`
		CreatedAt time.Time `json:"created_at"`
		Followers float64   `json:"followers_count"`
		NoIndex   *bool     `json:"noindex"`
		Note      string    `json:"note"`
	} `json:"account"`
}

var errUndecodable = errors.New("not a status")

func decode(data []byte) (status, error) {
	var s status
	if err := json.Unmarshal(data, &s); err != nil {
		return s, errUndecodable
	}
	if !validID(s.ID) || s.Account.Acct == "" || s.CreatedAt.IsZero() {
		return s, errUndecodable
	}
	return s, nil
}

// counted says why a post is not counted; "" when it is.
func (s *status) counted() (reason string) {
	switch {
	case present(s.Reblog):
		return "boost"
	case s.Visibility != "" && s.Visibility != "public":
		return "not public"
	case s.Account.NoIndex != nil && *s.Account.NoIndex, optedOut(s.Account.Note):
		return "opted out"
	}
	return ""
}

func present(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// optedOut finds the words people put into their profile to be left alone. account.indexable is not
// asked for: it is off unless somebody looks for the switch, so it tells those who want to be searched, not
// those who want to be left alone, and what is kept of a post here is one more in a count.
func optedOut(note string) bool {
	if !strings.Contains(note, "no") && !strings.Contains(note, "NO") && !strings.Contains(note, "No") {
		return false // most profiles: no need to take their markup off
	}
	text := strings.ToLower(plain(note, nil))
	for _, tag := range []string{"#nobot", "#nobots", "#noindex"} {
		for rest := text; ; {
			i := strings.Index(rest, tag)
			if i < 0 {
				break
			}
			rest = rest[i+len(tag):]
			if rest == "" || !isTagByte(rest[0]) {
				return true
			}
		}
	}
	return false
}

func isTagByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 0x80
}

// post makes of a status what is counted. at is the time that decides its minute.
func (m *Stream) post(s *status, at time.Time) ingest.Post {
	made := s.CreatedAt.UnixMicro() // the same whenever it is read; at may be when it came
	p := ingest.Post{
		Time: at.UnixMicro(), Created: made, Author: m.cfg.Hash(made, []byte(m.author(s.Account.Acct))),
		ID: m.cfg.Hash(made, []byte(s.URI)), Bot: s.Account.Bot, Reach: max(s.Account.Followers, 0),
	}
	if s.URI == "" {
		p.ID = m.cfg.Hash(made, []byte(m.host+"/"+s.ID))
	}
	if !s.Account.CreatedAt.IsZero() {
		p.Since = s.Account.CreatedAt.Unix()
	}
	switch {
	case present(s.Quote):
		p.Kind = ingest.Quote
	case s.ReplyTo != nil && *s.ReplyTo != "":
		p.Kind = ingest.Reply
	}
	text := plain(s.Content, &p.Links)
	if s.Spoiler != "" {
		text = s.Spoiler + "\n" + text
	}
	p.Text = []byte(text)
	for _, t := range s.Tags {
		if t.Name != "" {
			p.Tags = append(p.Tags, []byte(t.Name))
		}
	}
	if s.Card != nil && s.Card.URL != "" && len(p.Links) == 0 {
		p.Links = append(p.Links, []byte(s.Card.URL))
	}
	return p
}

// author makes one name of an account: people of the server itself come without its host.
func (m *Stream) author(acct string) string {
	acct = strings.ToLower(acct)
	if !strings.Contains(acct, "@") {
		acct += "@" + m.host
	}
	return acct
}

// plain takes the markup off a text: paragraphs and breaks become line ends, entities what they stand for.
// With links, the addresses of its anchors are added there; those of mentions and hashtags lead to the
// server itself and are left out.
func plain(markup string, links *[][]byte) string {
	if !strings.ContainsAny(markup, "<&") {
		return markup
	}
	var b strings.Builder
	b.Grow(len(markup))
	z := htmltext.NewTokenizer(strings.NewReader(markup))
	skip := "" // inside an element whose text is not for reading
	for {
		switch z.Next() {
		case htmltext.ErrorToken: // the end, or what nobody can read on from
			return strings.TrimSpace(b.String())
		case htmltext.TextToken:
			if skip == "" {
				b.WriteString(html.UnescapeString(string(z.Raw())))
			}
		case htmltext.StartTagToken, htmltext.SelfClosingTagToken:
			name, more := z.TagName()
			switch string(name) {
			case "script", "style":
				skip = string(name)
			case "p", "br", "div", "li", "blockquote", "pre", "h1", "h2", "h3":
				if b.Len() > 0 {
					b.WriteByte('\n')
				}
			case "a":
				if links != nil && more {
					if href := linkOf(z); href != "" {
						*links = append(*links, []byte(href))
					}
				}
			}
		case htmltext.EndTagToken:
			if name, _ := z.TagName(); string(name) == skip {
				skip = ""
			}
		case htmltext.CommentToken, htmltext.DoctypeToken:
		}
	}
}

func linkOf(z *htmltext.Tokenizer) (href string) {
	for {
		key, val, more := z.TagAttr()
		switch string(key) {
		case "href":
			href = string(val)
		case "class":
			for _, c := range strings.Fields(string(val)) {
				if c == "mention" || c == "hashtag" {
					return ""
				}
			}
		}
		if !more {
			break
		}
	}
	if !strings.HasPrefix(href, "https://") && !strings.HasPrefix(href, "http://") {
		return ""
	}
	return href
}
